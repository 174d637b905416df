//! What the analysis gives: the figures of `report.json`, in its shapes and names.
//!
//! Every duration is in microseconds with the unit as the last word. Keys keep their names, units and meaning between
//! versions; new ones may be added.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::{
    Advice, Band, Contrast, Exemplar, ImpossibleTimes, InstanceShare, NodeCalls, PhaseMachine, ReplyRows, RequestTable, Series, Stacks,
    Tail, TracingCost,
    statistics::{interval::NoInterval, trend::Trend},
};
use crate::record::{ClientCapacity, CollectionState};

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
    /// `complete`, `interrupted`, `aborted`, `failed`; `killed` for a folder whose process is gone, `running` while it is there.
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
    /// The plan with every default filled in, as paths and values: `workloads.search.rate`, `200`. At most 400.
    #[serde(default)]
    pub plan: Vec<(String, String)>,
    /// How the server's spans were read; None where there are none.
    pub spans: Option<SpanSummary>,
    /// One entry per (phase, stage, workload) in the order of the plan; the steps of preparation are the phase `prepare`.
    pub workloads: Vec<WorkloadAnalysis>,
    /// What of the gap was the client's own: one entry per phase, in their order; empty where it is not known.
    #[serde(default)]
    pub connections: Vec<ConnectionFigures>,
    /// What ran on the client's machine: one entry per phase, in their order; empty where it is not known.
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
    /// Single requests, for reports that list them. Not in report.json; empty in a build that has no such report.
    #[serde(skip)]
    pub requests: RequestTable,
}

/// How long a phase really ran.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PhaseTime {
    /// Name of the phase.
    pub phase: String,
    /// Seconds from the first to the last moment at which something was due or could have been sent; stages and ramps together, without
    /// warm-up.
    pub duration_s: f64,
}

impl WorkloadAnalysis {
    /// `phase/workload`, `phase/stage/workload` where there are stages.
    #[must_use]
    pub fn place(&self) -> String {
        let Self { phase, stage, workload, .. } = self;
        stage.as_ref().map_or_else(|| format!("{phase}/{workload}"), |stage| format!("{phase}/{stage}/{workload}"))
    }
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
    /// Unit of both: `us`, `share`, `requests`, ...; empty for a yes or no, whose figure and limit mean nothing.
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
    /// `open` or `closed`.
    #[serde(rename = "loop")]
    pub loop_kind: String,
    /// Seconds that the measured part really ran, which may be less than planned: what every rate divides by.
    pub duration_s: f64,
    /// Counts; `due = ok + failed + not_sent`.
    pub requests: RequestCounts,
    /// Requests per second.
    pub rate: Rates,
    /// Rows written per second; None where there are none.
    pub rows_per_s: Option<f64>,
    /// Query vectors of a request; left out where that is 1 or there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vectors: Option<u64>,
    /// Query vectors that were answered per second: throughput times `vectors`; left out like these.
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
    /// Of the requests that were sent more than 1 ms late, the share of those in seconds in which other programs had filled the client's
    /// machine; left out where none was late or nothing is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late_in_full_seconds: Option<f64>,
    /// sent - ready of everything that was sent; null in an open loop.
    pub queue_time_us: Option<Quantiles>,
    /// Duration of the server root over the matched requests.
    pub server_time_us: Option<Quantiles>,
    /// service time - server root over the matched requests; a histogram of its own.
    pub gap_us: Option<Quantiles>,
    /// Service time over the matched requests: what `server_time_us` and `gap_us` are to be compared with.
    pub matched_service_time_us: Option<Quantiles>,
    /// Response time over the matched requests.
    pub matched_response_time_us: Option<Quantiles>,
    /// done - sent of the failures, per outcome.
    pub failed_time_us: BTreeMap<String, Quantiles>,
    /// Rise or fall of the response time (closed loop: service time) across the part; left out where there is none to be seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trend: Option<Trend>,
    /// Recall of the requests where it is known.
    pub recall: Option<Recall>,
    /// Why a search has none, in words that go on after `no recall: `; None where it has, and in runs of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_recall: Option<String>,
    /// Replies with a row nearer than the first of the true neighbours: they prove that the truth of the data set is wrong.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub truth_wrong: u64,
    /// The six states of the join; None where nothing was sampled.
    pub join: Option<Join>,
    /// What the traces themselves showed.
    pub traces: Option<TraceFacts>,
    /// The latency account: band `all`, then bands in rising order.
    pub account: Vec<Band>,
    /// The same by instance, band `all` only: one row per (area, service, instance) that occurs.
    pub instances: Vec<InstanceShare>,
    /// Every call to a query node by called instance, on the critical path or not.
    #[serde(default)]
    pub node_calls: Vec<NodeCalls>,
    /// What sets the tail apart.
    pub tail: Option<Tail>,
    /// What sets this phase apart from the first with the same workload, its slow seconds from the others, its first requests
    /// from the later ones.
    #[serde(default)]
    pub contrasts: Vec<Contrast>,
    /// What those who run Milvus can do about it, the largest share first.
    #[serde(default)]
    pub advice: Vec<Advice>,
    /// What being traced adds to a request; None with fewer than 200 traced or not traced successes and without `switch_every`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracing_cost: Option<TracingCost>,
    /// Slowest matched requests and one near each of p50, p90, p99, p99.9.
    pub exemplars: Vec<Exemplar>,
    /// Quantile curves of response time, service time, server time and gap, for reports that draw.
    pub curves: BTreeMap<String, Vec<(f64, f64)>>,
    /// Response time (open loop) and service time of the successes, whole and in nanoseconds, by the names of the curves. Not in
    /// report.json, which they would outweigh; empty in an analysis that was read from there.
    #[serde(skip)]
    pub histograms: BTreeMap<String, Histogram<u64>>,
    /// Latency and outcomes over time, of every request; None in preparation.
    #[serde(default)]
    pub series: Option<Series>,
    /// Critical paths of the tail and the faster half; None where either is too small.
    #[serde(default)]
    pub stacks: Option<Stacks>,
    /// Why it stopped before its part's end.
    pub stopped: Option<String>,
}

/// Counts of one (phase, workload).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RequestCounts {
    /// Slots of the schedule (open loop) or requests that callers began.
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
    /// Slots that the schedule held / the time that the part ran: by chance more or fewer than the target where arrivals are; left out in
    /// a closed loop.
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
    /// Why an end is missing and how long a run would give it; left out where both are there or none is ever given.
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
    /// Kolmogorov-Smirnov distance of the service time of matched against not matched requests; None without both.
    pub unmatched_ks: Option<f64>,
    /// p50 and p99 of the service time of not matched requests, microseconds; None without any.
    pub unmatched_p50_p99_us: Option<(f64, f64)>,
}

/// Client time that lies between sending and the end of the reply, and so in the gap, of all requests of a phase.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ConnectionFigures {
    /// Name of the phase.
    pub phase: String,
    /// Connections that carried anything.
    pub connections: u64,
    /// Requests that a socket took and no window held up.
    pub hand_overs: u64,
    /// From handing one over to HTTP/2 until the socket had taken all of it; null where there was none.
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

#[allow(clippy::trivially_copy_pass_by_ref)] // the signature is serde's
fn is_zero(value: &u64) -> bool {
    *value == 0
}
