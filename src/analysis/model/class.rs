//! What one class of a workload's requests gave.

use serde::{Deserialize, Serialize};

use super::{Band, Quantiles, Rates, RequestCounts, WorkloadAnalysis};
use crate::record::class_name;

/// The requests of one class: those for which the value that a workload is split by is of the
/// class. The classes of a workload together are all of its requests.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClassAnalysis {
    /// Name of the value.
    pub by: String,
    /// Its name: a rank, a range of ranks such as `2-10`, ranks from one on such as `101+`; or a
    /// value, or `other`.
    pub class: String,
    /// What reports call it, where that is not its name: the value, which may be any text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Whether it is of ranks, of which 1 is the most frequent one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_rank: bool,
    /// Counts; `due = ok + failed + not_sent`.
    pub requests: RequestCounts,
    /// Its share of the workload's due requests, in [0, 1].
    pub share: f64,
    /// done - intended of the successes; null in a closed loop.
    pub response_time_us: Option<Quantiles>,
    /// done - sent of the successes.
    pub service_time_us: Option<Quantiles>,
    /// p99 of the response time (closed loop: service time) of the successes of all other classes,
    /// microseconds; null where it or the class has fewer than 100 of them.
    pub rest_p99_us: Option<f64>,
    /// The latency breakdown of the class; empty where nothing was matched.
    pub account: Vec<Band>,
}

impl ClassAnalysis {
    /// What reports call it.
    #[must_use]
    pub fn label(&self) -> &str {
        self.label.as_deref().unwrap_or(&self.class)
    }

    /// The class in words: `tenant rank 1`, `tenant ranks 2-10`, `lang de`.
    #[must_use]
    pub fn title(&self) -> String {
        let (by, class) = (&self.by, self.label());
        if !self.by_rank {
            return format!("{by} {class}");
        }
        let one = class.bytes().all(|byte| byte.is_ascii_digit());
        format!("{by} {} {class}", if one { "rank" } else { "ranks" })
    }

    /// Response time, or service time in a closed loop.
    #[must_use]
    pub fn latency_us(&self) -> Option<&Quantiles> {
        self.response_time_us
            .as_ref()
            .or(self.service_time_us.as_ref())
    }

    /// The class as a workload by itself, named like `search@2-10`; `whole` is that of all classes.
    #[must_use]
    pub fn as_workload(&self, whole: &WorkloadAnalysis) -> WorkloadAnalysis {
        let part = |own: u64, all: u64| own as f64 / all.max(1) as f64;
        let sent = |counts: &RequestCounts| counts.ok + counts.failed;
        let achieved = part(sent(&self.requests), sent(&whole.requests));
        let throughput = part(self.requests.ok, whole.requests.ok);
        WorkloadAnalysis {
            phase: whole.phase.clone(),
            stage: whole.stage.clone(),
            workload: class_name(&whole.workload, &self.class),
            operation: whole.operation.clone(),
            collection: whole.collection.clone(),
            loop_kind: whole.loop_kind.clone(),
            duration_s: whole.duration_s,
            requests: self.requests.clone(),
            rate: Rates {
                target: None,
                scheduled: None,
                achieved: whole.rate.achieved * achieved,
                throughput: whole.rate.throughput * throughput,
            },
            response_time_us: self.response_time_us.clone(),
            service_time_us: self.service_time_us.clone(),
            account: self.account.clone(),
            ..WorkloadAnalysis::default()
        }
    }

    /// How many times the p99 of all other classes its own is; None where one of them is not known.
    #[must_use]
    pub fn p99_against_rest(&self) -> Option<f64> {
        let own = self.latency_us()?.get("p99")?.value;
        let rest = self.rest_p99_us.filter(|rest| *rest > 0.0)?;
        Some(own / rest)
    }
    /// 95 % interval of its p99, microseconds; None where it is not known.
    #[must_use]
    pub fn p99_interval(&self) -> Option<(f64, f64)> {
        let p99 = self.latency_us()?.get("p99")?;
        p99.low.zip(p99.high)
    }

    /// Whether the p99 of all other classes is outside of the interval of its own.
    #[must_use]
    pub fn is_apart(&self) -> bool {
        let outside = |(low, high)| {
            self.rest_p99_us
                .is_some_and(|rest| rest < low || rest > high)
        };
        self.p99_interval().is_some_and(outside)
    }
}
