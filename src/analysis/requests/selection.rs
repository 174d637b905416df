//! Which request to look at: the slowest, one near a quantile, or one by its trace id.

use std::collections::BTreeMap;

use crate::{
    analysis::{
        model::{AnalysisError, JoinState},
        requests::lines::{self, Lines},
        traces::{
            index::TraceIndex,
            join::{self, Call},
            times::Possible,
        },
    },
    record::{Outcome, RequestLine, RunReader},
    spans::Trace,
};

/// Names of quantiles, and the latency to be near.
const QUANTILES: [(&str, f64); 5] = [
    ("p50", 0.5),
    ("p90", 0.9),
    ("p95", 0.95),
    ("p99", 0.99),
    ("p99.9", 0.999),
];

/// The request that `which` names, with its trace: `slowest`, `p50`, `p90`, `p95`, `p99`, `p99.9`,
/// or the beginning of a trace id. By latency only matched successes of the measured parts are
/// looked at; of several workloads `slowest` takes the slowest of all, a quantile the first
/// workload. A request by id may have no spans. The set-up shares one trace: its first request is
/// taken.
///
/// # Errors
/// requests.jsonl or latency.hlog can't be read, no request fits, or several traces do.
pub fn select(
    reader: &RunReader,
    traces: impl Iterator<Item = Trace>,
    which: &str,
) -> Result<(RequestLine, Trace), AnalysisError> {
    let quantile = QUANTILES
        .iter()
        .find(|(name, _)| *name == which)
        .map(|(_, q)| *q);
    if which != "slowest" && quantile.is_none() {
        return by_id(reader, traces, which);
    }
    let found = lines::read(reader)?;
    let order = order(reader, &found, quantile)?;
    let possible = Possible::of(reader.info());
    let mut best: Option<(usize, Trace)> = None;
    for trace in traces {
        let first = order.partition_point(|known| known.trace_id < trace.trace_id);
        let index = TraceIndex::new(&trace, possible);
        let of_trace = order[first..]
            .iter()
            .take_while(|known| known.trace_id == trace.trace_id);
        let matched =
            of_trace.filter(|known| join::join(&index, known.call()).state == JoinState::Matched);
        let place = matched.map(|known| known.place).min();
        if let Some(place) =
            place.filter(|place| best.as_ref().is_none_or(|(best, _)| place < best))
        {
            best = Some((place, trace));
        }
    }
    let (place, trace) = best.ok_or_else(|| {
        AnalysisError(format!(
            "this run has no traced request for {which}, since none was matched; give a trace id"
        ))
    })?;
    let span_id = order
        .iter()
        .find(|known| known.place == place)
        .map(|known| format!("{:016x}", known.span_id));
    let line = reader
        .requests()?
        .filter_map(Result::ok)
        .find(|line| Some(&line.span_id) == span_id.as_ref());
    Ok((
        line.ok_or_else(|| AnalysisError("requests.jsonl changed while it was read".to_owned()))?,
        trace,
    ))
}

/// A request that may be picked.
struct Candidate {
    trace_id: u128,
    span_id: u64,
    service_ns: u64,
    /// Its place among the candidates: 0 is what was asked for.
    place: usize,
}

impl Candidate {
    /// It succeeded.
    fn call(&self) -> Call {
        Call {
            client_span_id: self.span_id,
            answered_within_ns: Some(self.service_ns),
        }
    }
}

/// The candidates in the order of their trace ids, each with its place.
fn order(
    reader: &RunReader,
    found: &Lines,
    quantile: Option<f64>,
) -> Result<Vec<Candidate>, AnalysisError> {
    let mut ranked = Vec::new();
    let near = latencies(reader, quantile)?;
    for (at, lines) in found
        .streams
        .iter()
        .enumerate()
        .filter(|(at, _)| !reader.info().streams[*at].is_preparation())
    {
        for request in lines.requests.iter().filter(|request| request.ok) {
            let rank = match quantile {
                None => (0, u64::MAX - request.latency_ns()),
                Some(_) => (
                    at,
                    near.get(&at)
                        .map_or(u64::MAX, |value| request.latency_ns().abs_diff(*value)),
                ),
            };
            ranked.push((
                rank,
                request.seq,
                request.trace_id,
                request.span_id,
                request.service_ns(),
            ));
        }
    }
    ranked.sort_unstable();
    let candidates = ranked.into_iter().enumerate();
    let candidate = |(place, (_, _, trace_id, span_id, service_ns))| Candidate {
        trace_id,
        span_id,
        service_ns,
        place,
    };
    let mut order: Vec<Candidate> = candidates.map(candidate).collect();
    order.sort_unstable_by_key(|known| known.trace_id);
    Ok(order)
}

/// The latency at the quantile, by number of the stream.
fn latencies(
    reader: &RunReader,
    quantile: Option<f64>,
) -> Result<BTreeMap<usize, u64>, AnalysisError> {
    let Some(quantile) = quantile else {
        return Ok(BTreeMap::new());
    };
    let histograms = reader.histograms()?;
    let mut found = BTreeMap::new();
    for (key, histogram) in histograms
        .merged
        .iter()
        .filter(|(key, _)| key.outcome == Outcome::Ok && key.part.is_measured())
    {
        let stream = reader.info().streams.iter().position(|stream| {
            stream.is_of(&key.phase, &key.part, &key.workload) && stream.latency() == key.figure
        });
        found.extend(stream.map(|stream| (stream, histogram.value_at_quantile(quantile))));
    }
    Ok(found)
}

fn by_id(
    reader: &RunReader,
    mut traces: impl Iterator<Item = Trace>,
    which: &str,
) -> Result<(RequestLine, Trace), AnalysisError> {
    if which.is_empty() || !which.chars().all(|c| c.is_ascii_hexdigit()) {
        return Err(AnalysisError(format!(
            "{which:?} is not a request: give slowest, p50, p90, p95, p99, p99.9 or the beginning \
             of a trace id"
        )));
    }
    let wanted = which.to_ascii_lowercase();
    let mut found: Option<RequestLine> = None;
    for line in reader
        .requests()?
        .filter_map(Result::ok)
        .filter(|line| line.trace_id.starts_with(&wanted))
    {
        if let Some(other) = found
            .as_ref()
            .filter(|known| known.trace_id != line.trace_id)
        {
            let (one, two) = (&other.trace_id, &line.trace_id);
            return Err(AnalysisError(format!(
                "{which} is the beginning of several trace ids, such as {one} and {two}: give \
                 more digits"
            )));
        }
        found.get_or_insert(line);
    }
    let line = found.ok_or_else(|| {
        AnalysisError(format!(
            "no request of this run has a trace id that begins with {which}; requests.jsonl lists \
             the traced requests"
        ))
    })?;
    let trace_id = u128::from_str_radix(&line.trace_id, 16).unwrap_or(0);
    let trace = traces
        .find(|trace| trace.trace_id == trace_id)
        .unwrap_or(Trace {
            trace_id,
            spans: Vec::new(),
        });
    Ok((line, trace))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::testing::{
        TraceMaker,
        run::{Made, RunMaker},
    };

    /// Hundred requests, each slower than the one before, but 42 is the slowest; 99 was not
    /// matched.
    fn hundred() -> RunMaker {
        let mut run = RunMaker::new(true);
        for seq in 0..100u64 {
            let service = if seq == 42 {
                900_000
            } else {
                100_000 + seq * 1_000
            };
            let mut trace = TraceMaker::search(service as i64, (1_000, 90_000));
            if seq == 99 {
                trace.internal((3, 77), "SearchTask", (2_000, 3_000));
            }
            run.traced(Made::ok(seq, 0, service), &trace);
        }
        run
    }

    fn picked(run: &RunMaker, which: &str) -> Result<(u64, usize), String> {
        let (_folder, reader) = run.write();
        let picked = select(&reader, run.traces.clone().into_iter(), which);
        picked
            .map(|(line, trace)| (line.seq, trace.spans.len()))
            .map_err(|error| error.0)
    }

    #[test]
    fn a_request_is_picked_by_latency() {
        let run = hundred();
        assert_eq!(picked(&run, "slowest"), Ok((42, 2)));
        assert_eq!(picked(&run, "p50"), Ok((50, 2)));
        assert_eq!(
            picked(&run, "p99"),
            Ok((98, 2)),
            "99 is nearer, but was not matched"
        );
    }

    #[test]
    fn a_request_is_picked_by_the_beginning_of_its_id() {
        let mut run = hundred();
        assert_eq!(picked(&run, &run.lines[7].trace_id), Ok((7, 2)));
        assert_eq!(
            picked(&run, &run.lines[7].trace_id.to_uppercase()),
            Ok((7, 2))
        );
        run.traces.clear();
        assert_eq!(picked(&run, &run.lines[7].trace_id), Ok((7, 0)));
    }

    #[test]
    fn what_names_no_request_is_an_error_that_says_so() {
        let mut run = hundred();
        let check = |run: &RunMaker, which: &str, words: &str| {
            let error = picked(run, which).unwrap_err();
            assert!(error.contains(words), "{which}: {error}");
        };
        check(&run, "0000", "several trace ids");
        check(&run, "ffff", "no request of this run");
        check(&run, "fastest", "give slowest");
        check(&run, "", "give slowest");
        run.traces.clear();
        check(&run, "p99", "none was matched");
    }
}
