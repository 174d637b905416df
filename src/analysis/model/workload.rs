//! What one workload of a phase gave: counts, rates, quantiles, the join and what the traces
//! showed.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::{
    analysis::{
        model::{
            Advice, Band, ClassAnalysis, Contrast, Course, Exemplar, ImpossibleTimes,
            InstanceShare, NodeCalls, ReplyRows, Stacks, Tail, TracingCost,
        },
        statistics::{interval::NoInterval, trend::Trend},
    },
    record::{StreamInfo, is_preparation},
};

/// One (phase, stage, workload).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WorkloadAnalysis {
    /// Name of the phase.
    pub phase: String,
    /// Name of the stage; left out where the workload has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// Name of the workload.
    pub workload: String,
    /// Name of the operation.
    pub operation: String,
    /// Milvus' name of its collection; empty where it has none, and in reports of older versions.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub collection: String,
    /// `open` or `closed`.
    #[serde(rename = "loop")]
    pub loop_kind: String,
    /// Seconds that the measured part really ran, which may be less than planned: what every rate
    /// divides by.
    pub duration_s: f64,
    /// Counts; `due = ok + failed + not_sent`.
    pub requests: RequestCounts,
    /// Whether requests were due and none of their figures is in `latency.hlog`, since it is
    /// damaged; left out where not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub figures_lost: bool,
    /// Requests per second.
    pub rate: Rates,
    /// Rows written per second; None where there are none.
    pub rows_per_s: Option<f64>,
    /// Query vectors of a request; left out where that is 1 or there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vectors: Option<u64>,
    /// Query vectors that were answered per second: throughput times `vectors`; left out like
    /// these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vectors_per_s: Option<f64>,
    /// Rows per reply of a search or a query, of every success; left out where nothing succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<ReplyRows>,
    /// done - intended of the successes; null in a closed loop.
    pub response_time_us: Option<Quantiles>,
    /// done - sent of the successes.
    pub service_time_us: Option<Quantiles>,
    /// sent - intended of everything that was sent, whatever became of it; null in a closed loop.
    pub send_lag_us: Option<Quantiles>,
    /// Of the requests that were sent more than 1 ms late, the share of those in seconds in which
    /// other programs had filled the client's machine; left out where none was late or nothing is
    /// known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late_in_full_seconds: Option<f64>,
    /// sent - ready of everything that was sent; null in an open loop.
    pub queue_time_us: Option<Quantiles>,
    /// Duration of the server root over the matched requests.
    pub server_time_us: Option<Quantiles>,
    /// service time - server root over the matched requests; a histogram of its own.
    pub gap_us: Option<Quantiles>,
    /// Service time over the matched requests: what `server_time_us` and `gap_us` are to be
    /// compared with.
    pub matched_service_time_us: Option<Quantiles>,
    /// Response time over the matched requests.
    pub matched_response_time_us: Option<Quantiles>,
    /// done - sent of the failures, per outcome.
    pub failed_time_us: BTreeMap<String, Quantiles>,
    /// Rise or fall of the response time (closed loop: service time) across the part; left out
    /// where there is none to be seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trend: Option<Trend>,
    /// Recall of the requests where it is known.
    pub recall: Option<Recall>,
    /// Why a search has none, in words that go on after `no recall: `; None where it has, and in
    /// runs of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_recall: Option<String>,
    /// Replies with a row nearer than the first of the true neighbours: they prove that the truth
    /// of the data set is wrong.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub truth_wrong: u64,
    /// The six states of the join; None where nothing was sampled.
    pub join: Option<Join>,
    /// What the traces themselves showed.
    pub traces: Option<TraceFacts>,
    /// The latency breakdown: band `all`, then bands in rising order.
    pub account: Vec<Band>,
    /// The same by instance, band `all` only: one row per (area, service, instance) that occurs.
    pub instances: Vec<InstanceShare>,
    /// Every call to a query node by called instance, on the critical path or not.
    #[serde(default)]
    pub node_calls: Vec<NodeCalls>,
    /// What sets the tail apart.
    pub tail: Option<Tail>,
    /// What sets it apart from the same workload in the first phase, from the stage before, or from
    /// the first workload with its operation; its slow seconds from the others, its first requests
    /// from the later ones.
    #[serde(default)]
    pub contrasts: Vec<Contrast>,
    /// What those who run Milvus can do about it, the largest share first.
    #[serde(default)]
    pub advice: Vec<Advice>,
    /// What being traced adds to a request; None with fewer than 200 traced or not traced successes
    /// and without `switch_every`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracing_cost: Option<TracingCost>,
    /// Slowest matched requests and one near each of p50, p90, p99, p99.9.
    pub exemplars: Vec<Exemplar>,
    /// Quantile curves of response time, service time, server time and gap, for reports that draw.
    pub curves: BTreeMap<String, Vec<(f64, f64)>>,
    /// Response time (open loop) and service time of the successes, whole and in nanoseconds, by
    /// the names of the curves. Not in report.json, which they would outweigh; empty in an analysis
    /// that was read from there.
    #[serde(skip)]
    pub histograms: BTreeMap<String, Histogram<u64>>,
    /// Latency and outcomes over time, of every request; None in preparation.
    #[serde(default, rename = "series")]
    pub course: Option<Course>,
    /// Critical paths of the tail and the faster half; None where either is too small.
    #[serde(default)]
    pub stacks: Option<Stacks>,
    /// Figures of the classes that its requests are told apart by; left out where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<ClassAnalysis>,
    /// Why it stopped before its part's end.
    pub stopped: Option<String>,
}

impl WorkloadAnalysis {
    /// Whether these are the figures of `stream`.
    #[must_use]
    pub fn is_of(&self, stream: &StreamInfo) -> bool {
        stream.is_measured()
            && stream.phase == self.phase
            && stream.workload == self.workload
            && stream.stage() == self.stage.as_deref()
    }

    /// Whether it is of the same workload, and stage, in any phase.
    #[must_use]
    pub fn is_alike(&self, other: &WorkloadAnalysis) -> bool {
        self.workload == other.workload && self.stage == other.stage
    }

    /// Whether it is a step of preparation.
    #[must_use]
    pub fn is_preparation(&self) -> bool {
        is_preparation(&self.phase)
    }

    /// `phase/workload`, `phase/stage/workload` where there are stages.
    #[must_use]
    pub fn place(&self) -> String {
        let Self {
            phase,
            stage,
            workload,
            ..
        } = self;
        stage.as_ref().map_or_else(
            || format!("{phase}/{workload}"),
            |stage| format!("{phase}/{stage}/{workload}"),
        )
    }

    /// The breakdown's bands without `all`.
    pub(crate) fn cut_bands(&self) -> impl Iterator<Item = &Band> {
        self.account.iter().filter(|band| band.band != "all")
    }

    /// Why it has no figure at all; None where it may have some.
    #[must_use]
    pub fn without_figures(&self) -> Option<&'static str> {
        match self.requests.due {
            0 if self.figures_lost => {
                Some("its figures can't be read: latency.hlog is damaged and holds none of them")
            }
            0 => Some("nothing was due"),
            _ => None,
        }
    }
}

/// Counts of one (phase, workload).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RequestCounts {
    /// Scheduled requests (open loop) or requests that callers began.
    pub due: u64,
    /// Successes.
    pub ok: u64,
    /// Sent and not successful.
    pub failed: u64,
    /// Due and never sent.
    pub not_sent: u64,
    /// Failures by outcome code.
    pub outcomes: BTreeMap<String, u64>,
}

/// Requests per second of one (phase, workload).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rates {
    /// What the schedule asked for; null in a closed loop.
    pub target: Option<f64>,
    /// Scheduled requests / the time that the part ran: by chance more or fewer than the
    /// target where arrivals are; left out in a closed loop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled: Option<f64>,
    /// Sent / the time that the part ran.
    pub achieved: f64,
    /// Successes done within the part / the time that it ran.
    pub throughput: f64,
}

/// One quantile with its interval.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The estimate.
    pub value: f64,
    /// Lower end of the 95 % interval; null where there is none.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// Why an end is missing and how long a run would give it; left out where both are there or
    /// none is ever given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why_not: Option<NoInterval>,
    /// True where failures make it a lower bound.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub at_least: bool,
}

/// Quantiles of one figure in microseconds. Keys: p50, p90, p95, p99, p99.9, max, mean.
pub type Quantiles = BTreeMap<String, Estimate>;

/// Recall of a workload.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Recall {
    /// Mean over the requests where it is known, in [0, 1].
    pub mean: f64,
    /// Smallest.
    pub min: f64,
    /// Number of requests.
    pub requests: u64,
}

/// The six join states; they add up to `sampled`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Join {
    /// Every sampled request that was sent.
    pub sampled: u64,
    /// Root found and every span's parent present.
    pub matched: u64,
    /// Root found, something missing below it.
    pub incomplete: u64,
    /// Spans, but no server root.
    pub no_root: u64,
    /// Nothing but the client's own span.
    pub missing: u64,
    /// Those of `missing` that failed: what was refused on the way to Milvus has no span there.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub missing_failed: u64,
    /// No line in requests.jsonl.
    pub not_recorded: u64,
    /// Not asked for: budget or deadline.
    pub not_fetched: u64,
}

/// What the traces of a workload showed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TraceFacts {
    /// Most frequent number of server spans per trace.
    pub spans_mode: u64,
    /// Traces below it.
    pub below_mode: u64,
    /// Requests with several server roots: retried by the transport.
    pub retried_by_transport: u64,
    /// Searches whose node calls were all merged into another request's.
    pub merged: u64,
    /// Searches of which some node calls were merged.
    pub merged_in_part: u64,
    /// Node calls, and merged ones among them.
    pub node_calls: u64,
    /// See `node_calls`.
    pub merged_node_calls: u64,
    /// Searches of one segment each, on the critical path or not.
    #[serde(default)]
    pub engine_searches: u64,
    /// Sum of their durations, which may overlap.
    #[serde(default)]
    pub engine_us: f64,
    /// Of that, the searches of segments without an index.
    #[serde(default)]
    pub brute_force_us: f64,
    /// Calls between roles whose SERVER span never arrived.
    pub callee_spans_lost: u64,
    /// Spans whose times can't be: they are in no figure.
    #[serde(default, skip_serializing_if = "ImpossibleTimes::is_empty")]
    pub impossible: ImpossibleTimes,
    /// Requests that are not matched for such spans alone.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub spoilt_by_times: u64,
    /// Of the missing requests those whose client span came back alone: the store works, and
    /// nothing made server spans for them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub client_span_alone: u64,
    /// Requests without a server root whose spans lack that of the handler altogether: it was lost,
    /// and does not hang below another parent.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub handler_lost: u64,
    /// Spans hung on another parent because theirs was over (by name).
    pub adopted: BTreeMap<String, u64>,
    /// Siblings moved below a longer sibling that contains them (by name).
    pub nested: BTreeMap<String, u64>,
    /// Asynchronous and detached spans, and spans that are not counted (by name).
    pub aside: BTreeMap<String, u64>,
    /// Span names that the table of areas lacks.
    pub unknown_names: BTreeMap<String, u64>,
    /// Traces shifted against clock skew, and the largest shift.
    pub shifted: u64,
    /// See `shifted`.
    pub largest_shift_us: f64,
    /// Requests with a negative gap, and the most negative one.
    pub negative_gaps: u64,
    /// See `negative_gaps`; 0 where none.
    pub lowest_gap_us: f64,
    /// Kolmogorov-Smirnov distance of the service time of matched against not matched requests;
    /// None without both.
    pub unmatched_ks: Option<f64>,
    /// p50 and p99 of the service time of not matched requests, microseconds; None without any.
    pub unmatched_p50_p99_us: Option<(f64, f64)>,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // the signature is serde's
fn is_zero(value: &u64) -> bool {
    *value == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Part;

    fn figures(phase: &str, stage: Option<&str>) -> WorkloadAnalysis {
        WorkloadAnalysis {
            phase: phase.to_owned(),
            stage: stage.map(str::to_owned),
            workload: "search".to_owned(),
            ..WorkloadAnalysis::default()
        }
    }

    #[test]
    fn figures_are_of_the_measured_stream_with_their_phase_stage_and_workload() {
        let stream = |part: Part| StreamInfo {
            phase: "alone".to_owned(),
            part: Some(part),
            workload: "search".to_owned(),
            ..StreamInfo::default()
        };
        let peak = || Part::Stage("peak".to_owned());
        let check = |figures: WorkloadAnalysis, part: Part, expected: bool| {
            assert_eq!(figures.is_of(&stream(part.clone())), expected, "{part}");
        };
        check(figures("alone", None), Part::Measured, true);
        check(figures("alone", Some("peak")), peak(), true);
        check(figures("alone", None), peak(), false);
        check(figures("alone", Some("low")), peak(), false);
        check(figures("both", None), Part::Measured, false);
        check(figures("alone", None), Part::Warmup, false);
    }

    #[test]
    fn figures_are_alike_in_workload_and_stage_whatever_the_phase() {
        let alone = figures("alone", Some("peak"));
        assert!(alone.is_alike(&figures("both", Some("peak"))));
        assert!(!alone.is_alike(&figures("alone", None)));
    }

    #[test]
    fn the_preparation_is_told_by_its_phase() {
        let is = |phase: &str| figures(phase, None).is_preparation();
        assert_eq!([is("prepare"), is("alone")], [true, false]);
    }
}
