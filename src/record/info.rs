//! `run.json`: everything about a run that is not a request, a histogram or a span.

use std::{collections::BTreeMap, ops::Range};

use serde::{Deserialize, Serialize};

use super::{ClockAnchor, CollectionState, Figure, MachineUse, Part, TracingSwitch, Warning};

/// Version of the run folder's format.
pub const FORMAT: u32 = 1;

/// Name of the phase that is the preparation; no scenario can have one of that name.
pub const PREPARATION: &str = "prepare";

/// Whether the phase of this name is the preparation.
#[must_use]
pub fn is_preparation(phase: &str) -> bool {
    phase == PREPARATION
}

/// How far a run came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Status {
    #[default]
    Running,
    Complete,
    Interrupted,
    /// A threshold with `abort` ended it.
    Aborted,
    Failed,
}

/// The whole of `run.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunInfo {
    /// [`FORMAT`].
    pub format: u32,
    /// Name of the scenario.
    pub name: String,
    /// Name of the run folder when it was made: a report must not change with the folder's place.
    pub run: String,
    /// Its description, may be empty.
    pub description: String,
    /// How far the run came.
    pub status: Status,
    /// Why it failed, one sentence.
    pub failure: Option<String>,
    /// The process that measures it: while it lives, a run that is not complete is still going on.
    /// None in runs of older versions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process: Option<ProcessInfo>,
    /// Upper half of every trace id, 16 hex digits.
    pub nonce: String,
    /// Seed of the scenario.
    pub seed: u64,
    /// Which of `--repeat` it is, from 1; runs with the same seed and round have the same draw.
    /// None in runs of older versions.
    pub round: Option<u32>,
    /// Arguments as typed.
    pub command_line: Vec<String>,
    /// Version of this program and its build profile (`debug`, `release`).
    pub tool: BTreeMap<String, String>,
    /// What Milvus and the span source said of themselves.
    pub servers: BTreeMap<String, String>,
    /// Kernel, processor, cores, memory: of the machine that ran the client.
    pub environment: BTreeMap<String, String>,
    /// The plan with every default filled in, without secrets.
    pub plan: serde_json::Value,
    /// Both clocks at the run's start.
    pub start: ClockAnchor,
    /// Load threads.
    pub threads: u32,
    /// Whether `--threads` chose them, not the default; None in runs of older versions.
    pub threads_given: Option<bool>,
    /// The core of each load thread, in their order; empty: where the kernel put them.
    pub pinned: Vec<u32>,
    /// Whether load threads spun the last stretch before a due time.
    pub precise: bool,
    /// Every (phase, part, workload) that was measured, `prepare` among them; [`super::StreamId`]
    /// is the index.
    pub streams: Vec<StreamInfo>,
    /// What the scenario requires of the figures.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub thresholds: Vec<ThresholdInfo>,
    /// The threshold that ended the run before its time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aborted: Option<AbortedInfo>,
    /// Phases in their order, `prepare` first.
    pub phases: Vec<PhaseInfo>,
    /// Collections before the first and after the last phase, and around each phase.
    pub collections: Vec<CollectionState>,
    /// The exporter of client spans; None when export is off.
    pub export: Option<ExportInfo>,
    /// The fetch of server spans; None before it happened or when the source is `none`.
    pub fetch: Option<FetchInfo>,
    /// Where a reader opens a trace, with `{trace_id}` for its id; None where the scenario names
    /// nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_link: Option<String>,
    /// The files that reports are made of, when they were complete; of a run that was killed there
    /// are none.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, FileInfo>,
    /// Where `latency.hlog` ends although the load went on; None where it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut: Option<CutInfo>,
    /// Figures above one hour, which no histogram holds.
    pub overflows: u64,
    /// First texts of each failure.
    pub errors: Vec<KeptError>,
    /// How much the load used of what this client can generate; None where there is no calibration
    /// to compare it with.
    pub client_capacity: Option<ClientCapacity>,
    /// What makes the measurement doubtful, with a suggestion.
    pub warnings: Vec<Warning>,
    /// Verdict of the analysis that ended the run: `valid`, `reservations`, `invalid`; None before.
    pub verdict: Option<String>,
}

/// A process: all three together name one for ever.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProcessInfo {
    /// Its number, which is given again.
    pub pid: u32,
    /// When it began, in clock ticks since the boot.
    pub start_ticks: u64,
    /// Id of the boot.
    pub boot: String,
}

/// One (phase, part, workload).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamInfo {
    /// Name of the phase.
    pub phase: String,
    /// Part of the phase; None only in a damaged file.
    pub part: Option<Part>,
    /// Name of the workload, or the step of preparation.
    pub workload: String,
    /// Name of the operation.
    pub operation: String,
    /// Name of the gRPC method.
    pub method: String,
    /// The collection that it works on.
    pub collection: String,
    /// Open loop (a schedule) or closed loop (callers).
    pub open_loop: bool,
    /// Requests per second that the schedule asks for, on average where it changes; None in a
    /// closed loop.
    pub target_rate: Option<f64>,
    /// Callers of a closed loop, the most of the part.
    pub callers: Option<u32>,
    /// Places in flight of an open loop.
    pub max_in_flight: Option<u64>,
    /// What its requests ask for and its replies hold; None of everything but searches and queries,
    /// and in runs of older versions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replies: Option<ReplyShape>,
    /// Whether its requests write rows; None in the steps of preparation and in runs of older
    /// versions, see [`Self::writes_rows`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub writes: Option<bool>,
    /// The classes that its requests are told apart by; None where the workload has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split: Option<SplitInfo>,
    /// Share of requests that are traced, in [0, 1].
    pub sample_ratio: f64,
    /// When they are traced at all; None: always.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub switch: Option<TracingSwitch>,
    /// Start of the part on the monotonic clock.
    pub start_ns: u64,
    /// End of the part: the last moment at which something was due or could have been sent; None
    /// while it runs.
    pub end_ns: Option<u64>,
    /// Its planned end; None where only a number of requests or the end of its rows ends it, and in
    /// runs of older versions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub planned_end_ns: Option<u64>,
    /// Scheduled requests within the part (open loop) or requests that callers began
    /// (closed loop).
    pub due: u64,
    /// Requests that were handed to the transport.
    pub sent: u64,
    /// Most requests that were in flight at one time.
    pub in_flight_max: u64,
    /// Scheduled requests that had to wait for a place in flight.
    pub in_flight_waits: u64,
    /// Traced requests that have no line in requests.jsonl.
    pub not_recorded: u64,
    /// Why it stopped before the part's end, e.g. `its rows are used up`.
    pub stopped: Option<String>,
    /// What else is to be said of it; `recall`: why its replies have none.
    pub notes: BTreeMap<String, String>,
}

/// Between the name of a workload and that of a class: no workload has it in its name.
const OF_CLASS: char = '@';

/// What the requests of one class of a workload are called in files and thresholds: `search@2-10`.
#[must_use]
pub fn class_name(workload: &str, class: &str) -> String {
    format!("{workload}{OF_CLASS}{class}")
}

/// Whether a name is one of a class.
#[must_use]
pub fn is_class_name(name: &str) -> bool {
    name.contains(OF_CLASS)
}

/// Classes of requests by a value that is drawn for each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SplitInfo {
    /// Name of the value.
    pub by: String,
    /// Whether classes are ranges of its ranks, of which 1 is the most frequent one.
    pub by_rank: bool,
    /// Their names, at most 100: letters, digits and `_.+-`.
    pub classes: Vec<String>,
    /// What reports call each of them, which may be any text; as many as names, else these stand
    /// for themselves.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
}

/// What a read asks for and its reply holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReplyShape {
    /// Query vectors of a request; 1 of a query, which has none.
    pub vectors: u64,
    /// Rows of a reply that lacks none: query vectors times `limit`, or the number of ids; None
    /// where the scenario does not say.
    pub full_rows: Option<u64>,
}

impl RunInfo {
    /// Resolution of the server spans' times; nanoseconds where nothing was fetched.
    #[must_use]
    pub fn span_resolution_ns(&self) -> u32 {
        self.fetch
            .as_ref()
            .map_or(1, |fetch| fetch.resolution_ns.max(1))
    }
}

impl StreamInfo {
    /// Whether its requests write rows.
    #[must_use]
    pub fn writes_rows(&self) -> bool {
        // What does not say so inserts, or is of a version that could do nothing else to rows.
        self.writes.unwrap_or(self.method == "Insert")
    }

    /// The stream of the requests of one of its classes, whose histograms have tags of their own.
    #[must_use]
    pub fn of_class(&self, class: &str) -> Self {
        Self {
            workload: class_name(&self.workload, class),
            split: None,
            ..self.clone()
        }
    }

    /// Whether it is the one of this phase, part and workload.
    #[must_use]
    pub fn is_of(&self, phase: &str, part: &Part, workload: &str) -> bool {
        self.part.as_ref() == Some(part) && self.phase == phase && self.workload == workload
    }

    /// Whether it is a measured stream of the same workload, and stage, in any phase.
    #[must_use]
    pub fn is_alike(&self, measured: &StreamInfo) -> bool {
        self.is_measured() && self.workload == measured.workload && self.stage() == measured.stage()
    }

    /// Whether it is a step of preparation.
    #[must_use]
    pub fn is_preparation(&self) -> bool {
        is_preparation(&self.phase)
    }

    /// What a caller waits: response time in an open loop, service time in a closed one.
    #[must_use]
    pub fn latency(&self) -> Figure {
        if self.open_loop {
            Figure::ResponseTime
        } else {
            Figure::ServiceTime
        }
    }

    /// Whether its requests are in the figures: no warm-up and no ramp.
    #[must_use]
    pub fn is_measured(&self) -> bool {
        self.part.as_ref().is_some_and(Part::is_measured)
    }

    /// The time in which its load really ran, nanoseconds since the run's start: from the first to
    /// the last moment at which something was due or could have been sent. Every rate divides by
    /// its length, never by what was planned. A run that was killed has no end mark; `seen_ns` is
    /// then how far its files reach.
    #[must_use]
    pub fn ran_ns(&self, seen_ns: u64) -> Range<u64> {
        let end_ns = self.end_ns.unwrap_or_else(|| {
            self.planned_end_ns
                .map_or(seen_ns, |planned_ns| planned_ns.min(seen_ns))
        });
        self.start_ns..end_ns.max(self.start_ns)
    }

    /// `phase/workload` or `phase/stage/workload`, as reports name it.
    #[must_use]
    pub fn place(&self) -> String {
        let stage = self
            .stage()
            .map(|stage| format!("{stage}/"))
            .unwrap_or_default();
        format!("{}/{stage}{}", self.phase, self.workload)
    }

    /// Name of its stage; None where the workload has none.
    #[must_use]
    pub fn stage(&self) -> Option<&str> {
        self.part.as_ref().and_then(Part::stage)
    }
}

/// A threshold of the scenario.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ThresholdInfo {
    /// What is required, as written.
    pub require: String,
    /// The workload that it is for; None: every one that has the figure.
    pub workload: Option<String>,
    /// The phase that it is for; None: every one.
    pub phase: Option<String>,
    /// Whether what can't be decided counts as failed.
    pub strict: bool,
    /// When it ends the run before its time; None: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub abort: Option<AbortInfo>,
}

/// When a threshold ends the run before its time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AbortInfo {
    /// Seconds over which the figure is taken, at least 1: the last ones.
    pub over_s: u32,
    /// Nanoseconds from the start of the measured part, or of a stage, that are not looked at.
    pub after_ns: u64,
}

/// Where `latency.hlog` ends because it could not be written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CutInfo {
    /// The first second of the run that is not whole; what the file has of it and of later ones is
    /// in no figure.
    pub second: u64,
    /// The disk's words.
    pub error: String,
}

/// What a file was when it was complete.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FileInfo {
    /// Its length.
    pub bytes: u64,
    /// CRC-32 (IEEE) of its bytes, 8 hex digits.
    pub crc32: String,
}

/// The threshold that ended the run before its time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AbortedInfo {
    /// Its number among [`RunInfo::thresholds`], from 0.
    pub threshold: usize,
    /// `phase/workload` or `phase/stage/workload`.
    pub at: String,
    /// What was found and when, in words.
    pub sentence: String,
}

/// One phase.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PhaseInfo {
    /// Its name; `prepare` is the preparation.
    pub name: String,
    /// Both clocks at its start.
    pub start: ClockAnchor,
    /// Both clocks at its end; None while it runs or after a crash.
    pub end: Option<ClockAnchor>,
    /// CPU seconds of this process during the phase.
    pub cpu_s: Option<f64>,
    /// Largest share of one core that a load thread used, in [0, 1].
    pub thread_cpu_max: Option<f64>,
    /// What ran on this machine meanwhile; None in preparation and where the kernel does not say
    /// it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub machine: Option<MachineUse>,
}

impl PhaseInfo {
    /// Whether it is the preparation.
    #[must_use]
    pub fn is_preparation(&self) -> bool {
        is_preparation(&self.name)
    }
}

/// The busiest phase against the calibration of this client (`milvus-bench calibrate`), per load
/// thread.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClientCapacity {
    /// Name of the phase.
    pub phase: String,
    /// Requests per second that one load thread sent in it.
    pub sent_per_second: f64,
    /// Requests per second that one load thread can send of the kind, against a Milvus that does
    /// nothing.
    pub capacity_per_second: f64,
    /// `sent_per_second` / `capacity_per_second`; may exceed 1.
    pub share: f64,
    /// Name of the calibrated cell that the load is nearest to, e.g. `d128-c64-t1`.
    pub cell: String,
    /// When that was measured, UTC.
    pub date: String,
}

/// Counters of the client-span exporter.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExportInfo {
    /// Where the spans went.
    pub endpoint: String,
    /// Spans that were accepted.
    pub exported: u64,
    /// Spans that were lost: queue full, or refused after the retries.
    pub dropped: u64,
    /// Batches of spans that were sent again.
    pub retries: u64,
    /// The last error, one sentence.
    pub error: Option<String>,
}

/// What fetching the server's spans gave.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FetchInfo {
    /// Row of the source table that was used.
    pub source: String,
    /// Which API of which server, in words.
    pub server: String,
    /// What the source had to say, e.g. that times are whole microseconds.
    pub remark: String,
    /// Resolution of the span times in nanoseconds, 1 or 1,000.
    pub resolution_ns: u32,
    /// Address of a real UI, if one answers.
    pub ui: Option<String>,
    /// Trace ids that were asked for.
    pub asked: u64,
    /// Of those, ids that were not asked for any more: deadline or budget.
    pub not_fetched: u64,
    /// Which those are, 32 hex digits each.
    pub not_fetched_ids: Vec<String>,
    /// Spans that were found.
    pub spans: u64,
    /// Traces that grew in the second reading.
    pub grew: u64,
    /// Traces that still changed at the deadline.
    pub unsettled: u64,
    /// Seconds from the end of the load to the end of the fetch.
    pub took_s: f64,
    /// Spans that the back end received and dropped during the run, if its counters could be read.
    pub back_end_received: Option<u64>,
    /// See `back_end_received`.
    pub back_end_dropped: Option<u64>,
    /// Services that the source has spans of, asked for where no server span was found.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<String>,
    /// What the embedded receiver did not take and why, one sentence with the next step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// Why the fetch failed or ended early, one sentence with the next step.
    pub error: Option<String>,
}

/// One kept text of a failure.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct KeptError {
    /// `phase/part/workload`.
    pub stream: String,
    /// Stable outcome code.
    pub outcome: String,
    /// Milvus' or the transport's words, cleaned and cut.
    pub text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(phase: &str, part: Part, workload: &str) -> StreamInfo {
        StreamInfo {
            phase: phase.to_owned(),
            part: Some(part),
            workload: workload.to_owned(),
            ..StreamInfo::default()
        }
    }

    #[test]
    fn a_stream_is_of_one_phase_part_and_workload() {
        let one = stream("alone", Part::Measured, "search");
        assert!(one.is_of("alone", &Part::Measured, "search"));
        for (phase, part, workload) in [
            ("both", Part::Measured, "search"),
            ("alone", Part::Warmup, "search"),
            ("alone", Part::Measured, "insert"),
        ] {
            assert!(
                !one.is_of(phase, &part, workload),
                "{phase} {part} {workload}"
            );
        }
        let damaged = StreamInfo { part: None, ..one };
        assert!(!damaged.is_of("alone", &Part::Measured, "search"));
    }

    #[test]
    fn streams_are_alike_in_workload_and_stage_whatever_the_phase() {
        let stage = |name: &str| Part::Stage(name.to_owned());
        let peak = stream("alone", stage("peak"), "search");
        let check = |other: StreamInfo, expected: bool| {
            assert_eq!(other.is_alike(&peak), expected, "{other:?}");
        };
        check(stream("both", stage("peak"), "search"), true);
        check(stream("both", stage("low"), "search"), false);
        check(stream("both", stage("peak"), "insert"), false);
        check(stream("both", Part::Warmup, "search"), false);
    }

    #[test]
    fn the_latency_of_a_loop_is_what_its_caller_waits() {
        let latency = |open_loop| {
            StreamInfo {
                open_loop,
                ..StreamInfo::default()
            }
            .latency()
        };
        assert_eq!(
            (latency(true), latency(false)),
            (Figure::ResponseTime, Figure::ServiceTime)
        );
    }

    #[test]
    fn preparation_is_a_phase_of_one_name() {
        let is = |phase: &str| stream(phase, Part::Measured, "insert").is_preparation();
        assert_eq!(
            ["prepare", "prepared", "alone", ""].map(is),
            [true, false, false, false]
        );
        let phase = PhaseInfo {
            name: PREPARATION.to_owned(),
            ..PhaseInfo::default()
        };
        assert!(phase.is_preparation());
    }

    #[test]
    fn spans_that_were_not_fetched_have_nanoseconds() {
        let resolution = |fetched: Option<u32>| {
            RunInfo {
                fetch: fetched.map(|resolution_ns| FetchInfo {
                    resolution_ns,
                    ..FetchInfo::default()
                }),
                ..RunInfo::default()
            }
            .span_resolution_ns()
        };
        assert_eq!([None, Some(1_000), Some(0)].map(resolution), [1, 1_000, 1]);
    }

    /// The time that a part ran which began at 100, with the files reaching to 350.
    fn check(end_ns: Option<u64>, planned_end_ns: Option<u64>, expected: Range<u64>) {
        let stream = StreamInfo {
            start_ns: 100,
            end_ns,
            planned_end_ns,
            ..StreamInfo::default()
        };
        assert_eq!(
            stream.ran_ns(350),
            expected,
            "{end_ns:?} {planned_end_ns:?}"
        );
    }

    #[test]
    fn a_part_ran_until_its_end_mark_or_as_far_as_the_files_reach() {
        check(Some(174), Some(6_100), 100..174);
        check(Some(50), Some(6_100), 100..100);
        check(None, Some(6_100), 100..350);
        check(None, Some(300), 100..300);
        check(None, None, 100..350);
    }
}
