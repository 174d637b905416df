//! What the analysis gives: the figures of `report.json`, in its shapes and names.
//!
//! Every duration is in microseconds with the unit as the last word. Keys keep their names, units
//! and meaning between versions; new ones may be added.

mod class;
mod explanation;
mod figures;
mod requests;
mod traces;
mod workload;

pub use class::*;
pub use explanation::*;
pub use figures::*;
pub use requests::*;
use serde::{Deserialize, Serialize};
pub use traces::*;
pub use workload::*;

use crate::{
    record::{ClientCapacity, CollectionState, FolderError},
    spans::{SourceKind, kind_of},
};

/// Name of the fact of the environment that was measured during the run: no setting of it.
pub(crate) const MEASURED_LOAD: &str = "cpu";

/// Why a run can't be analysed: one sentence with the file and the next step.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AnalysisError(pub String);

impl From<FolderError> for AnalysisError {
    fn from(error: FolderError) -> Self {
        Self(error.0)
    }
}

/// Everything that a report shows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Analysis {
    /// Version of this format, 1.
    pub format: u32,
    /// Name of the scenario.
    pub name: String,
    /// Its description, may be empty.
    pub description: String,
    /// Name of the run folder.
    pub run: String,
    /// Which of `--repeat` it is, from 1; left out where it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round: Option<u32>,
    /// `complete`, `interrupted`, `aborted`, `failed`; `killed` for a folder whose process is gone,
    /// `running` while it is there.
    pub status: String,
    /// Why it failed, one sentence; None where it did not.
    pub failure: Option<String>,
    /// Whether to believe it.
    pub verdict: Verdict,
    /// What the scenario requires, and whether it was so; one entry per threshold and workload.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub thresholds: Vec<ThresholdResult>,
    /// What was measured where: versions, machine, span source, in the order of printing.
    pub environment: Vec<(String, String)>,
    /// How long each phase of the load really ran, in their order.
    #[serde(default)]
    pub phases: Vec<PhaseTime>,
    /// How much the load used of what this client can generate; None without a calibration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_capacity: Option<ClientCapacity>,
    /// The plan with every default filled in, as paths and values: `workloads.search.rate`, `200`.
    /// At most 400.
    #[serde(default)]
    pub plan: Vec<(String, String)>,
    /// How the server's spans were read; None where there are none.
    pub spans: Option<SpanSummary>,
    /// One entry per (phase, stage, workload) in the order of the plan; the steps of preparation
    /// are the phase `prepare`.
    pub workloads: Vec<WorkloadAnalysis>,
    /// What of the gap was the client's own: one entry per phase, in their order; empty where it is
    /// not known.
    #[serde(default)]
    pub connections: Vec<ConnectionFigures>,
    /// What ran on the client's machine: one entry per phase, in their order; empty where it is not
    /// known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub machine: Vec<PhaseMachine>,
    /// What each collection held before and after each phase, in their order.
    #[serde(default)]
    pub collections: Vec<CollectionState>,
    /// Requests of warm-up and ramps, counted only.
    pub warmup: Vec<WarmupCount>,
    /// First texts of each failure.
    pub errors: Vec<ErrorText>,
    /// Sentences that the run itself left (see `record::Warning`) and damage found while reading.
    pub warnings: Vec<String>,
    /// Single requests, for reports that list them. Not in report.json; empty in a build that has
    /// no such report.
    #[serde(skip)]
    pub requests: RequestTable,
}

/// How long a phase really ran.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PhaseTime {
    /// Name of the phase.
    pub phase: String,
    /// Seconds from the first to the last moment at which something was due or could have been
    /// sent; stages and ramps together, without warm-up.
    pub duration_s: f64,
}

/// Whether the figures can be believed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// `valid`, `reservations`, `invalid`.
    pub state: VerdictState,
    /// Whether the client, not Milvus, was the limit: one of the reasons says so.
    #[serde(default)]
    pub client_bound: bool,
    /// Why it is not `valid`.
    pub reasons: Vec<Reason>,
}

/// State of a verdict, rising.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum VerdictState {
    #[default]
    Valid,
    Reservations,
    Invalid,
}

/// One reason against a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// Stable code: `send_lag`, `overloaded`, `unmatched`, ...
    pub code: String,
    /// `phase/workload` or `phase/stage/workload`; empty for the run as a whole.
    pub at: String,
    /// How bad it is.
    pub state: VerdictState,
    /// Whether it shows that the client, not Milvus, was the limit.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub client_bound: bool,
    /// Whether other programs of the client's machine explain it, and not the client.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub busy_machine: bool,
    /// What was found.
    pub figure: f64,
    /// The limit that it passed.
    pub limit: f64,
    /// Unit of both: `us`, `share`, `requests`, ...; empty for a yes or no, whose figure and limit
    /// mean nothing.
    pub unit: String,
    /// What was seen, its likely cause, and what to try: one or two sentences.
    pub advice: String,
}

/// One threshold at one workload of a phase.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ThresholdResult {
    /// As written in the scenario.
    pub require: String,
    /// `phase/workload` or `phase/stage/workload`.
    pub at: String,
    /// Whether it was so.
    pub state: ThresholdState,
    /// Whether what could not be decided counts as failed.
    pub strict: bool,
    /// What was found; null where there is nothing.
    pub figure: Option<f64>,
    /// Whether that is a lower bound, since requests failed or were not sent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub at_least: bool,
    /// Lower end of its 95 % interval.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// What it was compared with.
    pub limit: Option<f64>,
    /// Unit of all four: `us`, `share`, `/s`.
    pub unit: String,
    /// Figure and limit in words, or why it could not be decided.
    pub sentence: String,
}

/// What became of a threshold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum ThresholdState {
    #[default]
    Passed,
    /// The interval holds the limit, or the figure did not occur. Counts as passed.
    Undecided,
    Failed,
}

/// How the server's spans were read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SpanSummary {
    /// Row of the source table.
    pub source: String,
    /// Which API of which server.
    pub server: String,
    /// What the source had to say.
    pub remark: String,
    /// 1 or 1,000.
    pub resolution_ns: u32,
    /// Spans in spans.jsonl.
    pub spans: u64,
    /// Spans of this program among them.
    pub client_spans: u64,
    /// Address of a real UI; links are made only where there is one.
    pub ui: Option<String>,
}

impl SpanSummary {
    /// Whether the source is one that has spans, whatever it had of this run.
    #[must_use]
    pub fn has_source(&self) -> bool {
        kind_of(&self.source) != Some(SourceKind::Nothing)
    }

    /// Why there are no spans, in short, where the source had none to give: the first clause of the
    /// remark. The remark in full is the caveat's.
    #[must_use]
    pub fn why_none(&self) -> Option<&str> {
        if self.has_source() || self.spans > 0 {
            return None;
        }
        let clause = self.remark.split(": ").next();
        clause.filter(|clause| !clause.is_empty())
    }
}

/// Client time that lies between sending and the end of the reply, and so in the gap, of all
/// requests of a phase.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ConnectionFigures {
    /// Name of the phase.
    pub phase: String,
    /// Connections that carried anything.
    pub connections: u64,
    /// Requests that a socket took and the flow-control window did not hold up.
    pub hand_overs: u64,
    /// From handing one over to HTTP/2 until the socket had taken all of it; null where there was
    /// none.
    pub hand_over_us: Option<Quantiles>,
    /// Reads of a socket whose time of arrival the kernel told.
    pub reads: u64,
    /// How long the newest bytes of a read had waited in the kernel.
    pub read_wake_up_us: Option<Quantiles>,
    /// Requests that the server's flow-control window held up.
    pub no_windows: u64,
    /// The same time of those; null where there was none.
    pub no_window_us: Option<Quantiles>,
    /// For each figure that occurred the connection with the largest mean.
    pub worst: Vec<WorstConnection>,
    /// How often the load thread that was late most often was; null without reads.
    pub event_loop: Option<EventLoopLag>,
}

/// The connection with the largest mean of a figure.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WorstConnection {
    /// `hand_over`, `read_wake_up` or `no_window`.
    pub figure: String,
    /// Its number, from 0; that of its load thread is this modulo their number.
    pub connection: u16,
    /// Mean.
    pub mean_us: f64,
    /// Largest.
    pub max_us: f64,
}

/// Seconds in which an event loop came late to its sockets: above 1 ms at p99 of the reads.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EventLoopLag {
    /// Number of the load thread, from 0.
    pub thread: u32,
    /// Seconds in which it read anything.
    pub seconds: u64,
    /// Late ones among them.
    pub late_seconds: u64,
}

/// Requests of a warm-up or a ramp.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WarmupCount {
    /// Name of the phase.
    pub phase: String,
    /// `warmup`, `ramp`, `ramp-2`, ...
    #[serde(default)]
    pub part: String,
    /// Name of the workload.
    pub workload: String,
    /// Requests that were sent, and failures among them.
    pub requests: u64,
    /// See `requests`.
    pub failed: u64,
}

/// One kept text of a failure.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ErrorText {
    /// `phase/part/workload`.
    pub at: String,
    /// Stable outcome code.
    pub outcome: String,
    /// Milvus' or the transport's words.
    pub text: String,
}
