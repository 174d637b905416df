//! Single requests, as `report.parquet` lists them.

use crate::{
    analysis::{
        model::JoinState,
        traces::{areas::Area, gap::gap_ns},
    },
    record::Outcome,
};

/// Every request of the measured parts that was traced or failed: those of `requests.jsonl`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RequestTable {
    /// Where a request belongs, by number.
    pub streams: Vec<StreamNames>,
    /// In the order of the streams, then of `seq`.
    pub rows: Vec<RequestRow>,
}

/// What the requests of a stream have in common.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StreamNames {
    /// Name of the phase.
    pub phase: String,
    /// Name of the stage; None where the workload has none.
    pub stage: Option<String>,
    /// Name of the workload.
    pub workload: String,
    /// Name of the operation.
    pub operation: String,
    /// Names of its classes; none where it is not split.
    pub classes: Vec<String>,
}

/// One request with its latency breakdown. Times are nanoseconds since the run's start.
#[derive(Clone, Debug, PartialEq)]
pub struct RequestRow {
    /// Number in [`RequestTable::streams`].
    pub stream: u32,
    /// Number within the workload's part.
    pub seq: u64,
    /// Number of its class in [`StreamNames::classes`]; None where there are none.
    pub class: Option<u8>,
    /// Trace id.
    pub trace_id: u128,
    /// How it ended.
    pub outcome: Outcome,
    /// Rows written, or of the reply; None of a failure, and of what handles none.
    pub rows: Option<u64>,
    /// Whether it was traced.
    pub sampled: bool,
    /// How its join ended; None where it was not traced or not sent.
    pub state: Option<JoinState>,
    /// Planned moment; None in a closed loop.
    pub intended_ns: Option<u64>,
    /// None where it was never sent.
    pub sent_ns: Option<u64>,
    /// None where it was never sent.
    pub done_ns: Option<u64>,
    /// Duration of the server root, nanoseconds; None without a latency breakdown.
    pub server_ns: Option<u64>,
    /// Nanoseconds of the latency per area that occurs, in the order of [`Area::ALL`]; empty
    /// without a latency breakdown, else they add up to the latency.
    pub areas: Box<[(Area, i64)]>,
}

impl RequestRow {
    /// The gap, nanoseconds; None where it was never sent, and without a latency breakdown.
    #[must_use]
    pub fn gap_ns(&self) -> Option<i64> {
        let service_ns = self.done_ns?.checked_sub(self.sent_ns?)?;
        Some(gap_ns(service_ns, self.server_ns?))
    }
}
