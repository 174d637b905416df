//! One finished request, in memory and as a line of `requests.jsonl`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{Part, ReplyIds};

/// Index of a (phase, part, workload) in [`super::RunInfo::streams`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId(pub u16);

/// How a request ended; the codes are stable. Texts are in run.json.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// Success: gRPC OK and the reply's status 0.
    #[default]
    Ok,
    /// The request's timeout passed.
    Timeout,
    /// No connection or a broken one, or gRPC `UNAVAILABLE`.
    Unavailable,
    /// Another gRPC status, 1..=16.
    Grpc(u8),
    /// Milvus' own code, not 0.
    Milvus(i32),
    /// The reply can't be read.
    BadReply,
    /// `[milvus] access` forbids the call.
    Forbidden,
    /// Due, but the part ended before there was a place to send it.
    NotSent,
    /// Sent, and not answered within its timeout after the part's end, or the run was interrupted.
    Abandoned,
    /// One of more ways than have histograms of their own; only in histograms.
    Other,
}

/// The codes of the outcomes that have no number.
const CODES: [(Outcome, &str); 8] = [
    (Outcome::Ok, "ok"),
    (Outcome::Timeout, "timeout"),
    (Outcome::Unavailable, "unavailable"),
    (Outcome::BadReply, "bad_reply"),
    (Outcome::Forbidden, "forbidden"),
    (Outcome::NotSent, "not_sent"),
    (Outcome::Abandoned, "abandoned"),
    (Outcome::Other, "other"),
];

impl Outcome {
    /// Whether it tells what became of the request: an answer, or how the call failed.
    #[must_use]
    pub fn is_answer(self) -> bool {
        !matches!(self, Outcome::NotSent | Outcome::Abandoned)
    }
}

impl fmt::Display for Outcome {
    /// The stable code.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Grpc(code) => write!(f, "grpc_{code}"),
            Outcome::Milvus(code) => write!(f, "milvus_{code}"),
            other => {
                let known = CODES.iter().find(|(outcome, _)| outcome == other);
                f.write_str(known.map_or("other", |(_, code)| code))
            }
        }
    }
}

impl FromStr for Outcome {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = CODES.iter().find(|(_, code)| *code == text);
        let numbered = || match text.split_once('_')? {
            ("grpc", code) => code.parse().ok().map(Outcome::Grpc),
            ("milvus", code) => code.parse().ok().map(Outcome::Milvus),
            _ => None,
        };
        known
            .map(|(outcome, _)| *outcome)
            .or_else(numbered)
            .ok_or_else(|| format!("unknown outcome {text:?}"))
    }
}

impl Serialize for Outcome {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Outcome {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// One request, finished or given up. Times are nanoseconds since the run's start on the monotonic
/// clock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Which (phase, part, workload).
    pub stream: StreamId,
    /// Number within the stream, from 0.
    pub seq: u64,
    /// W3C trace id.
    pub trace_id: u128,
    /// Span id of the client span.
    pub span_id: u64,
    /// Whether the request was traced.
    pub sampled: bool,
    /// When the schedule wanted it; None in a closed loop.
    pub intended_ns: Option<u64>,
    /// When the caller was ready to send; closed loop only.
    pub ready_ns: Option<u64>,
    /// When it was handed to the transport; None if it was never sent.
    pub sent_ns: Option<u64>,
    /// When its end was seen; for a request that was not sent or abandoned the moment it was given
    /// up.
    pub done_ns: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// Bytes of the request's message.
    pub request_bytes: u32,
    /// Bytes of the reply's message.
    pub response_bytes: u32,
    /// Rows written or returned.
    pub rows: u32,
    /// Share of the true neighbours that were returned, in [0, 1]; NaN where it is not known,
    /// [`TRUTH_WRONG`] where the reply proves that the truth is wrong.
    pub recall: f32,
    /// Number of its class in [`super::SplitInfo::classes`]; None where its stream has none.
    pub class: Option<u8>,
}

/// A success of the first stream at the run's start that was not traced and has no recall: what
/// tests and benches build theirs on.
impl Default for Sample {
    fn default() -> Self {
        Self {
            stream: StreamId(0),
            seq: 0,
            trace_id: 0,
            span_id: 0,
            sampled: false,
            intended_ns: None,
            ready_ns: None,
            sent_ns: None,
            done_ns: 0,
            outcome: Outcome::Ok,
            request_bytes: 0,
            response_bytes: 0,
            rows: 0,
            recall: f32::NAN,
            class: None,
        }
    }
}

/// In the place of a recall: the reply holds a row nearer than the first of the true neighbours.
pub const TRUTH_WRONG: f32 = f32::NEG_INFINITY;

/// The figures that have histograms of every request, in nanoseconds but for the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Figure {
    /// done - intended, open loop.
    ResponseTime,
    /// done - sent.
    ServiceTime,
    /// sent - intended, open loop; for requests that were not sent their age when they were given
    /// up.
    SendLag,
    /// sent - ready, closed loop; for requests that were not sent their age when they were given
    /// up.
    QueueTime,
    /// Rows of the reply to a search or a query that succeeded: a count, no time.
    Rows,
}

impl Figure {
    /// Every figure, in the order of the reports.
    pub const ALL: [Figure; 5] = [
        Figure::ResponseTime,
        Figure::ServiceTime,
        Figure::SendLag,
        Figure::QueueTime,
        Figure::Rows,
    ];

    /// Name in tags and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Figure::ResponseTime => "response_time",
            Figure::ServiceTime => "service_time",
            Figure::SendLag => "send_lag",
            Figure::QueueTime => "queue_time",
            Figure::Rows => "rows",
        }
    }
}

/// The figures of a connection: client time that lies between `sent` and `done`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SocketFigure {
    /// From handing a request over to HTTP/2 until the socket had taken all of it; requests that no
    /// window held up.
    WriteDelay,
    /// How long the newest bytes of a read had waited in the kernel.
    ReadDelay,
    /// The same of requests that the server's flow-control window held up.
    FlowControlWait,
}

impl SocketFigure {
    /// Every figure, in the order of the reports.
    pub const ALL: [SocketFigure; 3] = [
        SocketFigure::WriteDelay,
        SocketFigure::ReadDelay,
        SocketFigure::FlowControlWait,
    ];

    /// Name in tags and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            SocketFigure::WriteDelay => "hand_over",
            SocketFigure::ReadDelay => "read_wake_up",
            SocketFigure::FlowControlWait => "no_window",
        }
    }
}

impl Sample {
    /// The value of `figure` in nanoseconds, None where the request has none, or it is no time.
    #[must_use]
    pub fn figure_ns(&self, figure: Figure) -> Option<u64> {
        let sent = self.sent_ns;
        match figure {
            Figure::ResponseTime => sent
                .and(self.intended_ns)
                .map(|from| self.done_ns.saturating_sub(from)),
            Figure::ServiceTime => sent.map(|from| self.done_ns.saturating_sub(from)),
            Figure::SendLag => self
                .intended_ns
                .map(|from| sent.unwrap_or(self.done_ns).saturating_sub(from)),
            Figure::QueueTime => self
                .ready_ns
                .map(|from| sent.unwrap_or(self.done_ns).saturating_sub(from)),
            Figure::Rows => None,
        }
    }
}

/// A line of `requests.jsonl`; `docs/reference/run-folder.md` documents it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RequestLine {
    /// Name of the phase.
    pub phase: String,
    /// Part of the phase.
    pub part: Part,
    /// Name of the workload.
    pub workload: String,
    /// Name of the operation.
    pub operation: String,
    /// Number within (phase, part, workload).
    pub seq: u64,
    /// 32 hex digits.
    pub trace_id: String,
    /// 16 hex digits.
    pub span_id: String,
    /// Whether the request was traced.
    pub sampled: bool,
    /// Nanoseconds since the run's start; null in a closed loop.
    pub intended_ns: Option<u64>,
    /// Nanoseconds since the run's start; null if it was not sent.
    pub sent_ns: Option<u64>,
    /// Nanoseconds since the run's start; null if it was not sent.
    pub done_ns: Option<u64>,
    /// Stable code.
    pub outcome: Outcome,
    /// Bytes of the request's message.
    pub request_bytes: u32,
    /// Bytes of the reply's message.
    pub response_bytes: u32,
    /// Rows written or returned; left out where there are none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rows: u32,
    /// Recall in [0, 1]; left out where it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recall: Option<f32>,
    /// Whether the reply holds a row nearer than the first of the true neighbours; left out where
    /// it does not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub truth_wrong: bool,
    /// Its class, one of those of its stream; left out where there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// Number of its query vector in the data set, the first where it has several; left out where
    /// it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<u64>,
    /// Numbers of its query vectors where it has several, at most the first 1,000.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub queries: Vec<u64>,
    /// Primary keys of the rows that were returned, with `[tracing] keep_ids` only, at most the
    /// first 1,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ids: Option<ReplyIds>,
    /// Scores of these rows, where the reply has some.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scores: Vec<Option<f32>>,
    /// Rows of each of `queries`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub per_query: Vec<u32>,
    /// Rows that were returned and are not in `ids`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub ids_left_out: u32,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // the signature is serde's
fn is_zero(value: &u32) -> bool {
    *value == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_one_code_and_every_code_one_outcome() {
        let numbered = [
            Outcome::Grpc(8),
            Outcome::Milvus(1100),
            Outcome::Milvus(-27),
        ];
        for outcome in CODES
            .into_iter()
            .map(|(outcome, _)| outcome)
            .chain(numbered)
        {
            assert_eq!(outcome.to_string().parse(), Ok(outcome));
        }
        for wrong in ["", "late", "grpc_", "grpc_300", "milvus_x", "ok_1"] {
            assert!(wrong.parse::<Outcome>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_was_given_up_is_no_answer() {
        let given_up = CODES.map(|(outcome, _)| outcome).into_iter();
        let given_up: Vec<Outcome> = given_up.filter(|outcome| !outcome.is_answer()).collect();
        assert_eq!(given_up, [Outcome::NotSent, Outcome::Abandoned]);
    }
}
