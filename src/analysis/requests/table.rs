//! Single requests, for a report that lists them: a compact row each, names by number.

use crate::{
    analysis::{
        requests::collect::Collected,
        traces::{areas::Area, join::JoinState},
    },
    record::{Outcome, RequestLine, StreamInfo},
};

/// Whether rows are kept. Only `report.parquet` lists requests; a build without it need not hold
/// those that failed untraced.
pub(crate) const KEPT: bool = cfg!(feature = "parquet");

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
}

/// One request with its account. Times are nanoseconds since the run's start.
#[derive(Clone, Debug, PartialEq)]
pub struct RequestRow {
    /// Number in [`RequestTable::streams`].
    pub stream: u32,
    /// Number within the workload's part.
    pub seq: u64,
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
    /// Duration of the server root, nanoseconds; None without an account.
    pub server_ns: Option<u64>,
    /// Nanoseconds of the latency per area that occurs, in the order of [`Area::ALL`]; empty
    /// without an account, else they add up to the latency.
    pub areas: Box<[(Area, i64)]>,
}

/// A row that waits for its account.
#[derive(Debug)]
pub(crate) struct Listed {
    row: RequestRow,
    /// Number of the request in its stream; None where it takes no part in the join.
    request: Option<u32>,
}

impl Listed {
    /// Of a line of the stream with number `stream`.
    pub(crate) fn new(line: &RequestLine, stream: usize, request: Option<usize>) -> Self {
        let row = RequestRow {
            stream: stream as u32,
            seq: line.seq,
            trace_id: u128::from_str_radix(&line.trace_id, 16).unwrap_or_default(),
            outcome: line.outcome,
            rows: (line.outcome == Outcome::Ok).then_some(u64::from(line.rows)),
            sampled: line.sampled,
            state: None,
            intended_ns: line.intended_ns,
            sent_ns: line.sent_ns,
            done_ns: line.done_ns,
            server_ns: None,
            areas: Box::default(),
        };
        Self {
            row,
            request: request.map(|at| at as u32),
        }
    }
}

/// Takes the rows out of what was found, each with its state and account.
pub(crate) fn table(streams: &[StreamInfo], found: &mut Collected) -> RequestTable {
    let names = |stream: &StreamInfo| StreamNames {
        phase: stream.phase.clone(),
        stage: stream.stage().map(str::to_owned),
        workload: stream.workload.clone(),
        operation: stream.operation.clone(),
    };
    let mut table = RequestTable {
        streams: streams.iter().map(names).collect(),
        rows: Vec::new(),
    };
    for (stream, data) in streams.iter().zip(&mut found.streams) {
        let mut listed = std::mem::take(&mut data.listed);
        listed.sort_by_key(|listed| listed.row.seq);
        for Listed { mut row, request } in listed {
            if let Some(request) = request.and_then(|at| data.requests.get(at as usize)) {
                row.state = request.state;
                if let Some(account) = request.matched() {
                    row.server_ns = Some(account.server_ns);
                    row.areas = areas(
                        account
                            .parts
                            .iter()
                            .map(|(part, ns)| (found.parts.key(*part).area, *ns)),
                    );
                }
            }
            row.rows = row
                .rows
                .filter(|rows| *rows > 0 || stream.replies.is_some());
            table.rows.push(row);
        }
    }
    table
}

/// Sums of the parts by area.
fn areas(parts: impl Iterator<Item = (Area, i64)>) -> Box<[(Area, i64)]> {
    let mut sums = [None; Area::ALL.len()];
    for (area, ns) in parts {
        *sums[area as usize].get_or_insert(0) += ns;
    }
    Area::ALL
        .into_iter()
        .filter_map(|area| Some((area, sums[area as usize]?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_an_area_are_one_sum() {
        let found = areas([(Area::Engine, 3), (Area::Gap, -1), (Area::Engine, 4)].into_iter());
        assert_eq!(*found, [(Area::Gap, -1), (Area::Engine, 7)]);
    }
}
