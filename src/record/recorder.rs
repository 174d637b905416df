//! The recorder of one load thread: no lock, no formatting; once a second its interval is handed to the writer.

use std::{
    sync::mpsc::{SyncSender, TrySendError},
    time::Duration,
};

use hdrhistogram::Histogram;

use super::{
    Figure, Outcome, Sample, SocketFigure, StreamId,
    hlog::{MAX_NS, new_histogram},
};

/// Failed requests that are not sampled and are kept as lines, per stream, thread and interval.
const FAILURES_KEPT: u32 = 100;

/// Samples that wait for the writer, per thread; beyond it sampled requests are counted as not recorded.
const SAMPLES_WAITING: usize = 200_000;

/// One second of one thread: histograms of every request, samples of the traced and failed ones.
#[derive(Debug, Default)]
pub struct Interval {
    /// Number of the thread.
    pub thread: u32,
    /// Second since the run's start; all requests were done in it or, when the writer was slow, up to the next interval.
    pub second: u64,
    /// Histograms that hold at least one request.
    pub histograms: Vec<(StreamId, Outcome, Figure, Histogram<u64>)>,
    /// What happened at the sockets, per connection.
    pub sockets: Vec<(u16, SocketFigure, Histogram<u64>)>,
    /// Samples in the order of their end.
    pub samples: Vec<Sample>,
    /// Sampled requests without a line, per stream that has any.
    pub not_recorded: Vec<(StreamId, u64)>,
    /// Failed requests that were not sampled and not kept.
    pub failures_not_kept: u64,
    /// Figures above one hour, which fit no histogram.
    pub overflows: u64,
}

/// What a thread writes its requests to.
#[derive(Debug)]
pub struct Recorder {
    active: Interval,
    failures: Vec<(StreamId, u32)>,
    /// None when it is finished.
    queue: Option<SyncSender<Interval>>,
}

impl Recorder {
    /// The recorder of thread `thread`, which hands its intervals to `queue`.
    #[must_use]
    pub fn new(thread: u32, queue: SyncSender<Interval>) -> Self {
        Self { active: Interval { thread, ..Interval::default() }, failures: Vec::new(), queue: Some(queue) }
    }

    /// Records one finished request.
    pub fn record(&mut self, sample: &Sample) {
        self.roll(sample.done_ns);
        for figure in Figure::ALL {
            if let Some(value) = sample.figure_ns(figure) {
                self.count(sample.stream, sample.outcome, figure, value);
            }
        }
        if sample.sampled || self.keeps_failure(sample) {
            self.keep(sample);
        }
    }

    /// Records what happened at the socket of `connection`, within the interval of the last request.
    pub fn record_socket(&mut self, connection: u16, figure: SocketFigure, waited: Duration) {
        let value = u64::try_from(waited.as_nanos()).unwrap_or(u64::MAX).min(MAX_NS);
        let sockets = &mut self.active.sockets;
        let known = sockets.iter().position(|(of, what, _)| (*of, *what) == (connection, figure));
        let index = known.unwrap_or_else(|| {
            sockets.push((connection, figure, new_histogram()));
            sockets.len() - 1
        });
        // The value was cut to the bound of the histogram.
        let _ = sockets[index].2.record(value);
    }

    /// Begins a new interval if the second of `now_ns` is a later one. Called by `record`, and once a second when idle.
    pub fn roll(&mut self, now_ns: u64) {
        let second = now_ns / 1_000_000_000;
        if second > self.active.second {
            self.hand_over(second);
        }
    }

    /// Hands over what is there within its second: nothing may come for a while.
    pub fn flush(&mut self) {
        self.hand_over(self.active.second);
    }

    /// Hands over what is there, waiting for a place in the queue: the end of the load.
    pub fn finish(&mut self) {
        // A writer that is gone has told its error already; there is nobody left to tell.
        if let Some(queue) = self.queue.take() {
            let _ = queue.send(std::mem::take(&mut self.active));
        }
    }

    fn hand_over(&mut self, second: u64) {
        let Some(queue) = &self.queue else { return };
        let next = Interval { thread: self.active.thread, second, ..Interval::default() };
        let full = std::mem::replace(&mut self.active, next);
        if let Err(TrySendError::Full(back)) = queue.try_send(full) {
            // The writer is behind: the interval goes on and will span more than its second; no request is lost by that.
            self.active = Interval { second, ..back };
        } else {
            self.failures.clear();
        }
    }

    fn count(&mut self, stream: StreamId, outcome: Outcome, figure: Figure, value: u64) {
        if value > MAX_NS {
            self.active.overflows += 1;
            return;
        }
        let known = self.active.histograms.iter().position(|(s, o, f, _)| (*s, *o, *f) == (stream, outcome, figure));
        let index = known.unwrap_or_else(|| {
            self.active.histograms.push((stream, outcome, figure, new_histogram()));
            self.active.histograms.len() - 1
        });
        // Values up to the bound always fit; the bound was checked above.
        if self.active.histograms[index].3.record(value).is_err() {
            self.active.overflows += 1;
        }
    }

    /// Whether a request that was not sampled is kept because it failed.
    fn keeps_failure(&mut self, sample: &Sample) -> bool {
        if sample.outcome == Outcome::Ok {
            return false;
        }
        let index = self.failures.iter().position(|(stream, _)| *stream == sample.stream).unwrap_or_else(|| {
            self.failures.push((sample.stream, 0));
            self.failures.len() - 1
        });
        let kept = &mut self.failures[index].1;
        if *kept >= FAILURES_KEPT {
            // A slot that was not sent is no failed request, and is counted as such already.
            self.active.failures_not_kept += u64::from(sample.outcome != Outcome::NotSent);
            return false;
        }
        *kept += 1;
        true
    }

    fn keep(&mut self, sample: &Sample) {
        if self.active.samples.len() < SAMPLES_WAITING {
            self.active.samples.push(*sample);
        } else if sample.sampled {
            match self.active.not_recorded.iter_mut().find(|(stream, _)| *stream == sample.stream) {
                Some((_, count)) => *count += 1,
                None => self.active.not_recorded.push((sample.stream, 1)),
            }
        } else {
            self.active.failures_not_kept += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;

    fn sample(seq: u64, done_ms: u64, outcome: Outcome, sampled: bool) -> Sample {
        Sample {
            stream: StreamId(0),
            seq,
            trace_id: u128::from(seq) + 1,
            span_id: seq + 1,
            sampled,
            intended_ns: Some(done_ms * 1_000_000 - 3_000_000),
            ready_ns: None,
            sent_ns: (outcome != Outcome::NotSent).then_some(done_ms * 1_000_000 - 2_000_000),
            done_ns: done_ms * 1_000_000,
            outcome,
            request_bytes: 1,
            response_bytes: 1,
            rows: 0,
            recall: f32::NAN,
        }
    }

    #[test]
    fn an_interval_ends_with_its_second() {
        let (queue, intervals) = sync_channel(8);
        let mut recorder = Recorder::new(3, queue);
        for (seq, done_ms) in [10, 999, 1000, 2500].into_iter().enumerate() {
            recorder.record(&sample(seq as u64, done_ms, Outcome::Ok, true));
        }
        recorder.finish();
        let found: Vec<(u64, usize)> = intervals.iter().map(|interval| (interval.second, interval.samples.len())).collect();
        assert_eq!(found, [(0, 2), (1, 1), (2, 1)]);
    }

    #[test]
    fn a_slow_writer_costs_no_request() {
        let (queue, intervals) = sync_channel(1);
        let mut recorder = Recorder::new(0, queue);
        for second in 1..=5 {
            recorder.record(&sample(second, second * 1000, Outcome::Ok, true));
        }
        let first = intervals.recv().expect("the first interval");
        recorder.finish();
        let kept: usize = first.samples.len() + intervals.iter().map(|interval| interval.samples.len()).sum::<usize>();
        assert_eq!(kept, 5);
    }

    #[test]
    fn failures_beyond_the_bound_are_counted_and_sampled_ones_kept() {
        let (queue, intervals) = sync_channel(8);
        let mut recorder = Recorder::new(0, queue);
        for seq in 0..150 {
            recorder.record(&sample(seq, 10, Outcome::Timeout, false));
        }
        recorder.record(&sample(150, 10, Outcome::Timeout, true));
        recorder.finish();
        let interval = intervals.recv().expect("an interval");
        assert_eq!((interval.samples.len(), interval.failures_not_kept), (101, 50));
        let counted: u64 = interval.histograms.iter().filter(|(_, _, figure, _)| *figure == Figure::ServiceTime).map(|h| h.3.len()).sum();
        assert_eq!(counted, 151);
    }

    #[test]
    fn slots_that_were_not_sent_are_no_failures_that_were_not_kept() {
        let (queue, intervals) = sync_channel(8);
        let mut recorder = Recorder::new(0, queue);
        for seq in 0..150 {
            recorder.record(&sample(seq, 10, Outcome::NotSent, false));
        }
        recorder.finish();
        assert_eq!(intervals.recv().expect("an interval").failures_not_kept, 0);
    }

    #[test]
    fn a_request_that_was_not_sent_has_an_age_and_no_service_time() {
        let (queue, intervals) = sync_channel(8);
        let mut recorder = Recorder::new(0, queue);
        recorder.record(&sample(0, 10, Outcome::NotSent, false));
        recorder.finish();
        let interval = intervals.recv().expect("an interval");
        let figures: Vec<Figure> = interval.histograms.iter().map(|h| h.2).collect();
        assert_eq!(figures, [Figure::SendLag]);
    }
}
