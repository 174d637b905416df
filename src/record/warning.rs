//! What makes a measurement doubtful: one variant for each thing seen, with its likely cause and
//! what to try.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A doubt about a run, found while it ran. The analysis adds its own (see `analysis::Reason`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
#[allow(missing_docs)] // the texts below are the documentation
pub enum Warning {
    DebugBuild,
    ClockStep {
        phase: String,
        step_us: f64,
    },
    NotRecorded {
        samples: u64,
    },
    FailuresNotKept {
        failures: u64,
    },
    EnvironmentOverrides {
        variable: String,
        key: String,
    },
    IndexUnfinished {
        phase: String,
        collection: String,
        state: String,
    },
    ServedByBruteForce {
        phase: String,
        collection: String,
        rows: u64,
    },
    CollectionReplaced {
        phase: String,
        collection: String,
        found: String,
    },
    ForeignRows {
        phase: String,
        when: String,
        collection: String,
        rows: u64,
        expected: String,
    },
    NotMarked {
        collection: String,
        reason: String,
    },
    NoJaeger {
        reason: String,
    },
    SamplerIgnored {
        variable: String,
    },
    Variable {
        variable: String,
        story: String,
    },
    UnusedWorkload {
        workload: String,
    },
    RowsUsedUp {
        phase: String,
        workload: String,
        ran_s: Option<f64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        more: Option<String>,
    },
    StoppedEarly {
        phase: String,
        workload: String,
        reason: String,
        ran_s: Option<f64>,
    },
}

impl fmt::Display for Warning {
    #[expect(
        clippy::too_many_lines,
        reason = "a table: one sentence for each warning"
    )]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warning::DebugBuild => {
                write!(
                    f,
                    "this is a debug build, whose client costs several times more CPU: measure \
                     with `cargo run --release`"
                )
            }
            Warning::ClockStep { phase, step_us } => write!(
                f,
                "wall time moved by {step_us:.0} us against monotonic time in phase {phase}: \
                 durations are not affected, but timestamps of client and server spans may not \
                 line up; check the time service of this machine"
            ),
            Warning::NotRecorded { samples } => write!(
                f,
                "{samples} traced requests have no line in requests.jsonl: the disk could not \
                 keep up; use another results folder or a smaller sample_ratio"
            ),
            Warning::FailuresNotKept { failures } => {
                write!(
                    f,
                    "{failures} failed requests were counted but not written as lines: there were \
                     too many in one second"
                )
            }
            Warning::EnvironmentOverrides { variable, key } => write!(
                f,
                "{variable} in the environment overrides {key} of the scenario"
            ),
            Warning::IndexUnfinished {
                phase,
                collection,
                state,
            } => {
                write!(
                    f,
                    "phase {phase} began while the index of {collection} was {state}: its latency \
                     does not reflect a finished index"
                )
            }
            Warning::ServedByBruteForce {
                phase,
                collection,
                rows,
            } => write!(
                f,
                "phase {phase} began with {rows} rows of {collection} in segments without an \
                 index, which are searched by brute force: flush and wait, or let prepare do it; \
                 if its index is finished, Milvus is configured to build no index on segments of \
                 this size"
            ),
            Warning::CollectionReplaced {
                phase,
                collection,
                found,
            } => write!(
                f,
                "collection {collection} was replaced during the run ({found}, seen at phase \
                 {phase}): later requests went to another collection; run again, with a `name` \
                 that no other run uses"
            ),
            Warning::ForeignRows {
                phase,
                when,
                collection,
                rows,
                expected,
            } => write!(
                f,
                "collection {collection} held {rows} rows {when} phase {phase}, but this run \
                 inserted {expected}: another client writes to it or deletes from it, or Milvus \
                 lost rows; run again, with a unique `name`"
            ),
            Warning::NotMarked { collection, reason } => write!(
                f,
                "Milvus does not store this run's claim on collection {collection} ({reason}): \
                 another run could replace it, which would be detected but not prevented"
            ),
            Warning::NoJaeger { reason } => {
                write!(
                    f,
                    "no Jaeger: {reason}; milvus-bench received the spans itself (source \
                     `embedded`)"
                )
            }
            Warning::SamplerIgnored { variable } => write!(
                f,
                "{variable} is ignored: [tracing] sample_ratio decides which requests are traced"
            ),
            Warning::Variable { variable, story } => write!(f, "{variable} {story}"),
            Warning::UnusedWorkload { workload } => {
                write!(
                    f,
                    "workload {workload} is not part of any phase and does not run"
                )
            }
            Warning::RowsUsedUp {
                phase,
                workload,
                ran_s,
                more,
            } => write!(
                f,
                "the rows of workload {workload} were used up before phase {phase} ended{}, and \
                 its figures and rates cover that time: give it {}, a lower rate, or a shorter \
                 phase",
                after(*ran_s),
                more.as_deref().unwrap_or("more rows (initial_rows)")
            ),
            Warning::StoppedEarly {
                phase,
                workload,
                reason,
                ran_s,
            } => {
                let after = after(*ran_s);
                write!(
                    f,
                    "workload {workload} stopped before phase {phase} ended{after}: {reason}; its \
                     figures and rates cover that time"
                )
            }
        }
    }
}

/// `, after 0.074 s`; nothing in runs of older versions.
fn after(ran_s: Option<f64>) -> String {
    match ran_s {
        None => String::new(),
        Some(ran_s) if ran_s < 1.0 => format!(", after {ran_s:.3} s"),
        Some(ran_s) => format!(", after {ran_s:.1} s"),
    }
}
