//! Whether the client, not Milvus, was the limit: the reasons behind *client-bound*.
//!
//! That the client was late or busy proves nothing alone: on a machine that everybody waits for,
//! Milvus is late as well. So each figure is held against what Milvus did, or against the whole
//! latency, at the same time. Where other programs had filled the machine, it was they, and their
//! share is said before anything is advised.

mod remedy;

use remedy::remedy;

use super::{at, reason};
use crate::{
    analysis::{
        VerdictState::{Invalid, Reservations},
        figures::machine::{self, Crowd},
        model::{Analysis, ConnectionFigures, Quantiles, Reason, WorkloadAnalysis},
    },
    record::{Outcome, PhaseInfo, RunInfo, StreamInfo},
};

/// Send lag at p99 beyond which the client is part of what is measured, microseconds: searches take
/// single milliseconds.
const SEND_LAG_US: f64 = 1_000.0;
/// Send lag at p99 beyond which the figures are of no use where it is most of them, microseconds.
const SEND_LAG_INVALID_US: f64 = 10_000.0;
/// Share of the p99 latency beyond which the client's own p99 is most of it.
const LATENCY_SHARE: f64 = 0.5;
/// Share of due requests that were not sent beyond which a phase is overloaded, or its client
/// behind.
const NOT_SENT: f64 = 0.01;
/// Share of due requests that found no connection beyond which that explains what was late or not
/// sent.
const UNREACHABLE: f64 = 0.01;
/// Least share of the scheduled requests that counts as reaching the rate.
const ACHIEVED: f64 = 0.99;
/// Share of scheduled requests that waited for a place in flight.
const IN_FLIGHT_WAITS: f64 = 0.01;
/// Share of the time in flight below which Milvus was idle.
const MILVUS_SHARE: f64 = 0.5;
/// Matched requests that this share needs.
const MILVUS_MATCHED: u64 = 30;
/// Share of one core that a load thread may use: above it, it can't be on time.
const THREAD_CPU: f64 = 0.85;
/// Time of a load below which that share says nothing, seconds.
const THREAD_CPU_LEAST_S: f64 = 0.5;
/// Share of the seconds in which an event loop may be late, and the least number that is no single
/// incident.
const LATE_SECONDS: f64 = 0.1;
/// See [`LATE_SECONDS`].
const LATE_SECONDS_LEAST: u64 = 3;

/// Share of the late requests, of the late seconds, or of a phase, beyond which a full machine
/// explains them.
const EXPLAINED: f64 = 0.5;

/// What the threads and their event loops did, phase by phase.
pub(super) fn of_phases(info: &RunInfo, analysis: &Analysis) -> Vec<Reason> {
    let phases = info.phases.iter().filter(|phase| !phase.is_preparation());
    // Threads that spin use their core whatever they do.
    let cpu = phases
        .filter(|_| !info.precise)
        .filter_map(|phase| thread_cpu(phase, &workloads_of(analysis, &phase.name)));
    // A thread that used its core had it; that no other one was free is said all the same.
    let cpu = cpu.map(|reason| {
        match crowd_of(analysis, &reason.at).filter(|crowd| crowd.share >= EXPLAINED) {
            Some(crowd) => Reason {
                client_bound: reason.client_bound,
                busy_machine: false,
                ..busy(&crowd, "", reason)
            },
            None => reason,
        }
    });
    let lag = analysis.connections.iter().filter_map(|figures| {
        let remedy = remedy(
            info,
            &figures.phase,
            "use more threads (--threads) or another machine",
        );
        let reason = event_loop_lag(figures, &workloads_of(analysis, &figures.phase), &remedy)?;
        let crowd = crowd_of(analysis, &figures.phase)
            .filter(|crowd| crowd.share >= EXPLAINED * reason.figure);
        Some(match crowd {
            Some(crowd) => busy(&crowd, "", reason),
            None => reason,
        })
    });
    cpu.chain(lag).collect()
}

/// The intervals of `phase` in which others left nothing of the machine; None where there was none.
fn crowd_of(analysis: &Analysis, phase: &str) -> Option<Crowd> {
    analysis
        .machine
        .iter()
        .find(|machine| machine.phase == phase)
        .and_then(|machine| machine::crowd(&machine.use_of))
}

/// The same finding, of which not the client but whoever filled the machine is the cause; `when`
/// ends the sentence about them.
fn busy(crowd: &Crowd, when: &str, found: Reason) -> Reason {
    let sentence = crowd.sentence();
    // More threads have no core to run on: what was found stays, the remedy behind its colon does
    // not.
    let what = found
        .advice
        .split_once(": ")
        .map_or(found.advice.as_str(), |(what, _)| what);
    let advice = format!(
        "{what}; {sentence}{when}: repeat the run on a machine that runs nothing else before you \
         change anything"
    );
    Reason {
        client_bound: false,
        busy_machine: true,
        advice,
        ..found
    }
}

fn workloads_of<'a>(analysis: &'a Analysis, phase: &str) -> Vec<&'a WorkloadAnalysis> {
    analysis
        .workloads
        .iter()
        .filter(|workload| workload.phase == phase)
        .collect()
}

/// A thread near a whole core. Where Milvus had most of the time of every workload, a faster client
/// would change little.
fn thread_cpu(phase: &PhaseInfo, workloads: &[&WorkloadAnalysis]) -> Option<Reason> {
    let cpu = phase.thread_cpu_max.filter(|cpu| *cpu > THREAD_CPU)?;
    // A share of a few milliseconds is that of one turn of the event loop, and where nothing was
    // due it delayed nothing.
    let had_load = |workload: &&WorkloadAnalysis| {
        workload.requests.due > 0 && workload.duration_s >= THREAD_CPU_LEAST_S
    };
    if !workloads.iter().any(had_load) {
        return None;
    }
    let milvus_had_it = !workloads.is_empty()
        && workloads
            .iter()
            .all(|workload| milvus_share(workload).is_some_and(|share| share >= MILVUS_SHARE));
    let advice = "a load thread used nearly a whole core, so the client itself can delay requests \
                  and callers: use more threads (--threads), a lower rate, or another machine for \
                  the client";
    let found = reason(
        "thread_cpu",
        Reservations,
        (cpu, THREAD_CPU, "share"),
        advice,
    );
    Some(Reason {
        at: phase.name.clone(),
        client_bound: !milvus_had_it,
        ..found
    })
}

/// An event loop that was late in many seconds. It is the limit where that is most of a workload's
/// latency.
fn event_loop_lag(
    figures: &ConnectionFigures,
    workloads: &[&WorkloadAnalysis],
    remedy: &str,
) -> Option<Reason> {
    let lag = figures.event_loop.as_ref()?;
    let share = lag.late_seconds as f64 / lag.seconds.max(1) as f64;
    if share <= LATE_SECONDS || lag.late_seconds < LATE_SECONDS_LEAST {
        return None;
    }
    let wake_up = quantile(&figures.read_wake_up_us, "p99").unwrap_or(0.0);
    let is_most = |workload: &&WorkloadAnalysis| {
        quantile(&workload.service_time_us, "p99").is_some_and(|p99| wake_up > LATENCY_SHARE * p99)
    };
    let advice = format!(
        "in this share of the seconds, 1 % of the replies waited 1 ms or longer before the client \
         read them, which counts as gap: {remedy}"
    );
    let found = reason(
        "event_loop_lag",
        Reservations,
        (share, LATE_SECONDS, "share"),
        advice,
    );
    Some(Reason {
        at: figures.phase.clone(),
        client_bound: workloads.iter().any(is_most),
        ..found
    })
}

/// The share of the requests in flight that were within Milvus, on average: by Little's law both
/// are a rate times a mean time, and the rate is the same, so it is mean server span / mean service
/// time of the matched. None with too few of them.
fn milvus_share(workload: &WorkloadAnalysis) -> Option<f64> {
    let matched = workload.join.map_or(0, |join| join.matched);
    let (server, service) = (
        quantile(&workload.server_time_us, "mean")?,
        quantile(&workload.matched_service_time_us, "mean")?,
    );
    (matched >= MILVUS_MATCHED && service > 0.0).then(|| server / service)
}

fn quantile(quantiles: &Option<Quantiles>, key: &str) -> Option<f64> {
    quantiles.as_ref()?.get(key).map(|estimate| estimate.value)
}

/// One workload with what is known of its phase.
struct Load<'a> {
    workload: &'a WorkloadAnalysis,
    stream: Option<&'a StreamInfo>,
    /// Reasons about its phase's threads.
    threads: Vec<Reason>,
    /// When others filled the machine.
    crowd: Option<Crowd>,
    /// What can be done about a client that is late.
    remedy: String,
}

/// How the schedule of `workload` was kept, and who was in the way.
pub(super) fn of_load(
    info: &RunInfo,
    analysis: &Analysis,
    workload: &WorkloadAnalysis,
    stream: Option<&StreamInfo>,
) -> Vec<Reason> {
    let threads = of_phases(info, analysis)
        .into_iter()
        .filter(|reason| reason.at == workload.phase);
    let load = Load {
        workload,
        stream,
        threads: threads.collect(),
        crowd: crowd_of(analysis, &workload.phase),
        remedy: remedy(
            info,
            &workload.phase,
            "use more threads (--threads), a lower rate, or another machine",
        ),
    };
    at(workload, load.reasons())
}

impl Load<'_> {
    fn reasons(&self) -> Vec<Reason> {
        if let Some(unreachable) = self.unreachable() {
            return vec![unreachable];
        }
        let not_sent = self.share(self.workload.requests.not_sent);
        let waits = self
            .stream
            .map_or(0.0, |stream| self.share(stream.in_flight_waits));
        let limited = self.was_limited();
        let idle = milvus_share(self.workload).filter(|share| *share < MILVUS_SHARE);
        // Callers that wait have no scheduled requests.
        let behind = not_sent > NOT_SENT && self.stream.is_none_or(|stream| stream.open_loop);
        let overloaded = behind && !self.client_was_behind(limited, idle);
        let mut reasons = Vec::new();
        if overloaded {
            let advice = "Milvus did not keep up with the rate, and scheduled requests were never \
                          sent: quantiles are lower bounds; use a lower rate to measure latency, \
                          this one only shows that Milvus' limit is lower";
            reasons.push(self.by_others(reason(
                "overloaded",
                Reservations,
                (not_sent, NOT_SENT, "share"),
                advice,
            )));
        }
        if waits > IN_FLIGHT_WAITS {
            let advice = "scheduled requests had to wait because max_in_flight requests were \
                          under way: the wait is part of the response time and shows as send lag; \
                          raise max_in_flight, unless you study that limit";
            reasons.push(reason(
                "in_flight_limit",
                Reservations,
                (waits, IN_FLIGHT_WAITS, "share"),
                advice,
            ));
        }
        if limited {
            reasons.extend(idle.map(in_flight_idle));
        }
        if !overloaded {
            reasons.extend(self.send_lag(limited).map(|reason| {
                if limited {
                    reason
                } else {
                    self.by_others(reason)
                }
            }));
            reasons.extend(self.below_target(behind).map(|reason| {
                if behind {
                    self.by_others(reason)
                } else {
                    reason
                }
            }));
        }
        reasons
    }

    /// The client's lateness, where others had filled the machine just then.
    fn by_others(&self, reason: Reason) -> Reason {
        let share = self
            .workload
            .late_in_full_seconds
            .filter(|share| *share >= EXPLAINED);
        match (&self.crowd, share) {
            (Some(crowd), Some(share)) => {
                let when = format!(
                    " in the seconds in which {:.0} % of the late requests were sent",
                    share * 100.0
                );
                busy(crowd, &when, reason)
            }
            _ => reason,
        }
    }

    /// A Milvus that was gone, or had no stream free, for a while: whoever had to wait for a
    /// connection was late, and what waited to the end was never sent.
    fn unreachable(&self) -> Option<Reason> {
        let share = self.share(
            self.workload
                .requests
                .outcomes
                .get(&Outcome::Unavailable.to_string())
                .copied()
                .unwrap_or(0),
        );
        let advice = "requests found no connection to Milvus with a free stream before their \
                      timeout: they failed, or were never sent, and the figures of the others \
                      cover the rest of the time; check the failures and Milvus' log, and use \
                      more connections if Milvus was available throughout";
        (share > UNREACHABLE).then(|| {
            reason(
                "unreachable",
                Reservations,
                (share, UNREACHABLE, "share"),
                advice,
            )
        })
    }

    /// Whether the places in flight decided when requests left. Of those that were sent: under a
    /// rate far too high most scheduled requests never come to their turn, and do not wait for a
    /// place either.
    fn was_limited(&self) -> bool {
        self.stream.is_some_and(|stream| {
            stream.in_flight_waits as f64 > IN_FLIGHT_WAITS * stream.sent.max(1) as f64
        })
    }

    fn share(&self, count: u64) -> f64 {
        count as f64 / self.workload.requests.due.max(1) as f64
    }

    /// Whether scheduled requests that were not sent are the client's doing: places were taken and
    /// Milvus was idle, or places were free and the client was at its limit, or Milvus was idle.
    /// Where nothing is known, they are Milvus'.
    fn client_was_behind(&self, limited: bool, idle: Option<f64>) -> bool {
        let at_its_limit = !limited && self.threads.iter().any(|reason| reason.client_bound);
        self.is_scheduled() && (idle.is_some() || at_its_limit)
    }

    /// An open loop that did not run out of rows.
    fn is_scheduled(&self) -> bool {
        self.stream
            .is_some_and(|stream| stream.open_loop && stream.due > 0)
            && self.workload.stopped.is_none()
    }

    /// The client's lateness. Where the limit in flight explains it, or Milvus took as long, it is
    /// no proof.
    fn send_lag(&self, limited: bool) -> Option<Reason> {
        let p99 = quantile(&self.workload.send_lag_us, "p99").filter(|p99| *p99 > SEND_LAG_US)?;
        let response = quantile(&self.workload.response_time_us, "p99").unwrap_or(0.0);
        let server = quantile(&self.workload.server_time_us, "p99").unwrap_or(0.0);
        let client_bound = !limited && p99 > LATENCY_SHARE * response && p99 > server;
        let advice = if limited {
            "requests were sent late because they had to wait for a free place under \
             max_in_flight: the wait is part of response time, not of service time"
                .to_owned()
        } else {
            format!("the client was late: {}", self.remedy)
        };
        let (state, limit) = if client_bound && p99 > SEND_LAG_INVALID_US {
            (Invalid, SEND_LAG_INVALID_US)
        } else {
            (Reservations, SEND_LAG_US)
        };
        Some(Reason {
            client_bound,
            ..reason("send_lag", state, (p99, limit, "us"), advice)
        })
    }

    /// Against the scheduled requests, not against the rate: how many those are is chance where
    /// arrivals are. `behind`: the scheduled requests were not sent, and that was the client's
    /// doing.
    fn below_target(&self, behind: bool) -> Option<Reason> {
        let stream = self.stream.filter(|_| self.is_scheduled())?;
        let share = (stream.sent as f64 / stream.due as f64).min(if behind {
            1.0 - self.share(self.workload.requests.not_sent)
        } else {
            1.0
        });
        let (state, advice) = if behind {
            (
                Invalid,
                "the client did not keep to its schedule although Milvus had capacity, so this is \
                 not a run at that rate: use more threads (--threads) or connections, a higher \
                 max_in_flight, another machine for the client, or a lower rate",
            )
        } else {
            (
                Reservations,
                "fewer requests were sent than scheduled, so the load was lighter than planned: \
                 check the failures, such as refused connections, or lower the rate",
            )
        };
        let found = || reason("below_target", state, (share, ACHIEVED, "share"), advice);
        (share < ACHIEVED).then(|| Reason {
            client_bound: behind,
            ..found()
        })
    }
}

/// Places were taken by requests that were not with Milvus.
fn in_flight_idle(share: f64) -> Reason {
    let advice = "max_in_flight was reached while Milvus was idle: it had this share of the time \
                  of the requests in flight, the rest was spent on the network and in the client; \
                  raise max_in_flight, use more connections or threads (--threads), or another \
                  machine for the client, closer to Milvus";
    Reason {
        client_bound: true,
        ..reason(
            "in_flight_idle",
            Reservations,
            (share, MILVUS_SHARE, "share"),
            advice,
        )
    }
}

#[cfg(test)]
mod tests;
