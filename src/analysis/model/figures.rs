//! The course of a workload, its replies, and the client's machine.

use serde::{Deserialize, Serialize};

use crate::record::MachineUse;

/// Latency and outcomes over time. Columns follow one another without a gap.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Course {
    /// Start of the first column in seconds after the part's start; may lie up to a second before
    /// it.
    pub start_s: f64,
    /// Width of a column in whole seconds; at most 240 columns cover the part.
    pub step_s: u64,
    /// Seconds of each column that lie within the part: less than `step_s` in the first and the
    /// last one, whose counts are of a part of a second; 0 after its end, when the last answers
    /// came. Empty in reports of older versions.
    #[serde(default)]
    pub covered_s: Vec<f64>,
    /// Buckets per decade: bucket `b` holds latencies from 10^(b / per_decade) us, included, to
    /// 10^((b + 1) / per_decade).
    pub per_decade: u32,
    /// Per column the buckets that hold successes, rising, with their number, by the second in
    /// which they ended.
    pub cells: Vec<Vec<(i32, u64)>>,
    /// Per column the successes that ended in it.
    pub ok: Vec<u64>,
    /// Per column everything else that was due: failed, or never sent.
    pub failed: Vec<u64>,
    /// Per column the median latency; None below 10 successes.
    pub p50_us: Vec<Option<f64>>,
    /// Per column the 99th percentile; None below 100 successes.
    pub p99_us: Vec<Option<f64>>,
    /// Per column the longest latency; None without successes.
    pub max_us: Vec<Option<f64>>,
}

/// What the replies of a workload held.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReplyRows {
    /// Replies that were counted: every success.
    pub replies: u64,
    /// Rows of a reply on average.
    pub mean: f64,
    /// Share of the replies without any row, in [0, 1].
    pub empty: f64,
    /// Share of the replies with fewer rows than `full`, those without any among them; null where
    /// `full` is.
    pub short: Option<f64>,
    /// Rows of a reply that lacks none: `nq` times `limit`, or the number of ids; null where the
    /// scenario does not say.
    pub full: Option<u64>,
}

/// What ran on the client's machine during a phase, for report.json.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PhaseMachine {
    /// Name of the phase.
    pub phase: String,
    /// See [`MachineUse`].
    #[serde(flatten)]
    pub use_of: MachineUse,
}
