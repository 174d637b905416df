//! Traces that are worth drawing, kept while the spans go by: they are read once, and far too many
//! to keep all.

use std::sync::Arc;

use hdrhistogram::Histogram;

use crate::{
    analysis::{
        explanation::exemplars::{NEAR, SLOWEST},
        model::WorkloadAnalysis,
        requests::request::Request,
        traces::waterfall::waterfall,
    },
    record::{Outcome, RequestLine, RunReader, StreamInfo},
    spans::Trace,
};

/// Most rows of a kept waterfall.
const MOST_ROWS: usize = 120;

/// What a trace was ranked by in nanoseconds, its request's number, and the trace.
type Ranked = (u64, u64, Arc<Trace>);

/// Best traces of one stream so far, for each place of [`crate::analysis::explanation::exemplars`].
#[derive(Debug, Default)]
pub(crate) struct ExemplarTraces {
    /// By latency, the slowest first.
    slowest: Vec<Ranked>,
    /// Wanted latency, and the nearest, by its distance.
    near: Vec<(u64, Option<Ranked>)>,
}

impl ExemplarTraces {
    /// Wants one trace near each quantile of `histogram`, and the slowest.
    pub(crate) fn new(histogram: &Histogram<u64>) -> Self {
        Self {
            slowest: Vec::new(),
            near: NEAR
                .iter()
                .map(|(_, q)| (histogram.value_at_quantile(*q), None))
                .collect(),
        }
    }

    /// Keeps the trace of a matched request if it is better than what was kept. The order of offers
    /// does not matter.
    pub(crate) fn offer(&mut self, request: &Request, trace: &Trace) {
        let (latency, seq) = (request.latency_ns(), request.seq);
        let mut copy: Option<Arc<Trace>> = None;
        let mut take = || Arc::clone(copy.get_or_insert_with(|| Arc::new(trace.clone())));
        let rank = self.slowest.partition_point(|(other, number, _)| {
            (*other, u64::MAX - *number) > (latency, u64::MAX - seq)
        });
        if rank < SLOWEST {
            self.slowest.insert(rank, (latency, seq, take()));
            self.slowest.truncate(SLOWEST);
        }
        for (wanted, best) in &mut self.near {
            let distance = latency.abs_diff(*wanted);
            if best
                .as_ref()
                .is_none_or(|(other, number, _)| (distance, seq) < (*other, *number))
            {
                *best = Some((distance, seq, take()));
            }
        }
    }

    fn find(&self, trace_id: &str) -> Option<&Trace> {
        let id = u128::from_str_radix(trace_id, 16).ok()?;
        let near = self.near.iter().filter_map(|(_, best)| best.as_ref());
        self.slowest
            .iter()
            .chain(near)
            .map(|(_, _, trace)| trace.as_ref())
            .find(|trace| trace.trace_id == id)
    }

    /// Draws the exemplars of `workload`.
    pub(crate) fn draw(
        &self,
        reader: &RunReader,
        stream: &StreamInfo,
        requests: &[Request],
        workload: &mut WorkloadAnalysis,
    ) {
        for exemplar in &mut workload.exemplars {
            let request = requests
                .iter()
                .find(|request| request.seq == exemplar.seq && request.matched().is_some());
            let (Some(trace), Some(request)) = (self.find(&exemplar.trace_id), request) else {
                continue;
            };
            let mut drawn = waterfall(reader, trace, &line(stream, request));
            shorten(&mut drawn);
            exemplar.waterfall = Some(drawn);
        }
    }
}

/// The request's line as far as it is kept.
fn line(stream: &StreamInfo, request: &Request) -> RequestLine {
    RequestLine {
        phase: stream.phase.clone(),
        part: stream.part.clone().unwrap_or_default(),
        workload: stream.workload.clone(),
        operation: stream.operation.clone(),
        seq: request.seq,
        trace_id: format!("{:032x}", request.trace_id),
        span_id: format!("{:016x}", request.span_id),
        sampled: true,
        intended_ns: request.intended_ns,
        sent_ns: Some(request.sent_ns),
        done_ns: Some(request.done_ns),
        outcome: Outcome::Ok,
        ..RequestLine::default()
    }
}

/// Leaves the client's row and those with the most time on the critical path, then the longest, in
/// the order of drawing.
fn shorten(drawn: &mut crate::analysis::model::Waterfall) {
    let mut order: Vec<usize> = (0..drawn.rows.len()).collect();
    let size = |at: &usize| (drawn.rows[*at].self_us, drawn.rows[*at].duration_us);
    order.sort_by(|a, b| {
        let ((a_self, a_all), (b_self, b_all)) = (size(a), size(b));
        (*a != 0)
            .cmp(&(*b != 0))
            .then(b_self.total_cmp(&a_self))
            .then(b_all.total_cmp(&a_all))
            .then(a.cmp(b))
    });
    let mut left_out: Vec<usize> = order.split_off(order.len().min(MOST_ROWS));
    drawn.rows_left_out = left_out.len() as u64;
    left_out.sort_unstable();
    let mut at = 0;
    drawn.rows.retain(|_| {
        at += 1;
        left_out.binary_search(&(at - 1)).is_err()
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::model::{Waterfall, WaterfallRow};

    fn request(seq: u64, latency: u64) -> (Request, Trace) {
        let trace_id = u128::from(seq + 1);
        let request = Request {
            seq,
            trace_id,
            span_id: 1,
            intended_ns: None,
            sent_ns: 0,
            done_ns: latency,
            ok: true,
            class: None,
            state: None,
            account: None,
        };
        (
            request,
            Trace {
                trace_id,
                spans: Vec::new(),
            },
        )
    }

    /// Numbers of the slowest and of the nearest to each quantile after the latencies were offered,
    /// in any order.
    fn check(latencies: &[u64], slowest: &[u64], near: [u64; 4]) {
        let mut histogram = Histogram::new_with_bounds(1, 3_600_000_000_000, 3).unwrap();
        latencies
            .iter()
            .for_each(|latency| histogram.record(*latency).unwrap());
        let (mut forward, mut backward) = (
            ExemplarTraces::new(&histogram),
            ExemplarTraces::new(&histogram),
        );
        let requests: Vec<_> = latencies
            .iter()
            .zip(0..)
            .map(|(latency, seq)| request(seq, *latency))
            .collect();
        requests
            .iter()
            .for_each(|(request, trace)| forward.offer(request, trace));
        requests
            .iter()
            .rev()
            .for_each(|(request, trace)| backward.offer(request, trace));
        for kept in [forward, backward] {
            assert_eq!(
                kept.slowest
                    .iter()
                    .map(|(_, seq, _)| *seq)
                    .collect::<Vec<_>>(),
                slowest,
                "{latencies:?}"
            );
            assert_eq!(
                kept.near
                    .iter()
                    .map(|(_, best)| best.as_ref().unwrap().1)
                    .collect::<Vec<_>>(),
                near,
                "{latencies:?}"
            );
            assert!(
                slowest
                    .iter()
                    .chain(&near)
                    .all(|seq| kept.find(&format!("{:032x}", seq + 1)).is_some())
            );
        }
    }

    #[test]
    fn the_slowest_and_the_nearest_are_kept_in_any_order() {
        check(&[5], &[0], [0; 4]);
        check(&[10, 30, 20, 40, 50], &[4, 3, 1], [1, 4, 4, 4]);
        check(&[7, 7, 7, 7], &[0, 1, 2], [0; 4]);
    }

    #[test]
    fn long_waterfalls_keep_their_critical_rows() {
        let row = |self_us: f64| WaterfallRow {
            self_us,
            ..WaterfallRow::default()
        };
        let mut rows: Vec<WaterfallRow> = vec![row(0.0); 200];
        rows[150] = row(5.0);
        rows[199] = row(3.0);
        let mut drawn = Waterfall {
            rows,
            ..Waterfall::default()
        };
        shorten(&mut drawn);
        assert_eq!((drawn.rows.len(), drawn.rows_left_out), (MOST_ROWS, 80));
        assert_eq!(
            [
                drawn.rows[MOST_ROWS - 2].self_us,
                drawn.rows[MOST_ROWS - 1].self_us
            ],
            [5.0, 3.0]
        );
    }
}
