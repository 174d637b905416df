//! The recorder of one load thread: no lock, no formatting; once a second its interval is handed to the writer.
//!
//! The writer resets the interval's histograms and gives them back, so that after the first seconds nothing is allocated.
//! A histogram (three digits, up to one hour) has 132 KiB, one of rows 60 KiB. A thread holds at most one for each figure of each (workload,
//! stage, outcome) and of each connection that one second had, in as many intervals as are on their way: two while the
//! writer keeps up, and no more than its queue holds when it does not. Neither rate nor length of a run change that.

use std::{
    sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    time::Duration,
};

use super::{
    Figure, Interval, Outcome, Sample, SocketFigure, StreamId, StreamInfo,
    hlog::MAX_NS,
    interval::{ConnectionHistograms, OutcomeHistograms, Spare},
    reply_rows::RowRules,
};

/// Ways of failing that have histograms of their own, per stream and thread. All further ones share one, so that no server
/// decides about the memory; their lines keep their codes.
const FAILURE_KINDS: usize = 16;

/// Failed requests that are not sampled and are kept as lines, per stream, thread and interval.
const FAILURES_KEPT: u32 = 100;

/// Samples that wait for the writer, per thread; beyond it sampled requests are counted as not recorded.
const SAMPLES_WAITING: usize = 200_000;

/// Intervals that may wait to be used again.
const RETURNED: usize = 4;

/// What a thread writes its requests to.
#[derive(Debug)]
pub struct Recorder {
    active: Interval,
    /// By number of the stream: where its histograms are in `active`.
    streams: Vec<StreamPlaces>,
    /// By number of the connection: place of its histograms in `active`.
    connections: Vec<Option<usize>>,
    /// Places of the samples in `active` that a sampled request may take when there is no other: failures, not sampled.
    displaceable: Vec<usize>,
    /// None when it is finished.
    queue: Option<SyncSender<Interval>>,
    home: SyncSender<Interval>,
    returned: Receiver<Interval>,
    /// An interval without histograms, for the next second.
    idle: Option<Interval>,
    spare: Spare,
    rules: RowRules,
}

/// What `active` holds of one stream.
#[derive(Debug, Default)]
struct StreamPlaces {
    /// Places of its histograms, one for each outcome.
    outcomes: Vec<usize>,
    /// Failures that were not sampled and are kept.
    failures: u32,
    /// Ways of failing since the start.
    kinds: Vec<Outcome>,
}

impl Recorder {
    /// The recorder of thread `thread`, which hands its intervals to `queue`.
    #[must_use]
    pub fn new(thread: u32, queue: SyncSender<Interval>) -> Self {
        let (home, returned) = sync_channel(RETURNED);
        Self {
            active: Interval { thread, ..Interval::default() },
            streams: Vec::new(),
            connections: Vec::new(),
            displaceable: Vec::new(),
            queue: Some(queue),
            home,
            returned,
            idle: None,
            spare: Spare::default(),
            rules: RowRules::default(),
        }
    }

    /// Counts the rows of replies as well, of those of `streams` whose replies hold some.
    #[must_use]
    pub fn counting_rows(self, streams: &[StreamInfo]) -> Self {
        Self { rules: RowRules::new(streams), ..self }
    }

    /// Records one finished request.
    pub fn record(&mut self, sample: &Sample) {
        self.roll(sample.done_ns);
        let place = self.place(sample.stream, sample.outcome);
        for (index, figure) in Figure::ALL.into_iter().enumerate() {
            if let Some(value) = sample.figure_ns(figure) {
                self.count(place, index, value);
            }
        }
        if sample.outcome == Outcome::Ok
            && let Some(rows) = self.rules.counted(sample.stream, sample.rows)
        {
            let histogram = self.active.histograms[place].figures[Figure::Rows as usize].get_or_insert_with(|| self.spare.rows());
            // The value was cut to the bound of the histogram.
            let _ = histogram.record(rows);
        }
        if sample.sampled || self.keeps_failure(sample) {
            self.keep(sample);
        }
    }

    /// Records what happened at the socket of `connection`, within the interval of the last request.
    pub fn record_socket(&mut self, connection: u16, figure: SocketFigure, waited: Duration) {
        let value = u64::try_from(waited.as_nanos()).unwrap_or(u64::MAX).min(MAX_NS);
        let place = self.connection_place(connection);
        let histogram = self.active.sockets[place].figures[figure as usize].get_or_insert_with(|| self.spare.time());
        // The value was cut to the bound of the histogram.
        let _ = histogram.record(value);
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
        let mut next = self.next_interval();
        let Some(queue) = &self.queue else { return };
        (next.thread, next.second) = (self.active.thread, second);
        let mut full = std::mem::replace(&mut self.active, next);
        full.home = Some(self.home.clone());
        if let Err(TrySendError::Full(back)) = queue.try_send(full) {
            // The writer is behind: the interval goes on and will span more than its second; no request is lost by that.
            self.idle = Some(std::mem::replace(&mut self.active, back));
            self.active.second = second;
        } else {
            self.forget_places();
        }
    }

    /// An empty interval; what came back from the writer is taken in.
    fn next_interval(&mut self) -> Interval {
        for mut interval in self.returned.try_iter() {
            interval.strip(&mut self.spare);
            self.idle.get_or_insert(interval);
        }
        self.idle.take().unwrap_or_default()
    }

    fn forget_places(&mut self) {
        for stream in &mut self.streams {
            stream.outcomes.clear();
            stream.failures = 0;
        }
        self.connections.fill(None);
        self.displaceable.clear();
    }

    /// Where the histograms of `outcome` of `stream` are.
    fn place(&mut self, stream: StreamId, outcome: Outcome) -> usize {
        let known = &mut self.active.histograms;
        let of_stream = entry(&mut self.streams, stream.0);
        let outcome = of_stream.kind(outcome);
        if let Some(place) = of_stream.outcomes.iter().find(|place| known[**place].outcome == outcome) {
            return *place;
        }
        known.push(OutcomeHistograms { stream, outcome, figures: Default::default() });
        of_stream.outcomes.push(known.len() - 1);
        known.len() - 1
    }

    fn connection_place(&mut self, connection: u16) -> usize {
        let sockets = &mut self.active.sockets;
        *entry(&mut self.connections, connection).get_or_insert_with(|| {
            sockets.push(ConnectionHistograms { connection, figures: Default::default() });
            sockets.len() - 1
        })
    }

    fn count(&mut self, place: usize, figure: usize, value: u64) {
        if value > MAX_NS {
            self.active.overflows += 1;
            return;
        }
        let histogram = self.active.histograms[place].figures[figure].get_or_insert_with(|| self.spare.time());
        // Values up to the bound always fit; the bound was checked above.
        if histogram.record(value).is_err() {
            self.active.overflows += 1;
        }
    }

    /// Whether a request that was not sampled is kept because it failed.
    fn keeps_failure(&mut self, sample: &Sample) -> bool {
        if sample.outcome == Outcome::Ok {
            return false;
        }
        let kept = &mut entry(&mut self.streams, sample.stream.0).failures;
        if *kept >= FAILURES_KEPT {
            self.drop_failure(sample.outcome);
            return false;
        }
        *kept += 1;
        true
    }

    fn drop_failure(&mut self, outcome: Outcome) {
        // A slot that was not sent is no failed request, and is counted as such already.
        self.active.failures_not_kept += u64::from(outcome != Outcome::NotSent);
    }

    /// Keeps a sample for the writer. Where there is no room, a sampled request takes that of a failure.
    fn keep(&mut self, sample: &Sample) {
        let samples = &mut self.active.samples;
        if samples.len() < SAMPLES_WAITING {
            if !sample.sampled {
                self.displaceable.push(samples.len());
            }
            samples.push(*sample);
        } else if !sample.sampled {
            self.drop_failure(sample.outcome);
        } else if let Some(place) = self.displaceable.pop() {
            let displaced = std::mem::replace(&mut samples[place], *sample);
            self.drop_failure(displaced.outcome);
        } else {
            match self.active.not_recorded.iter_mut().find(|(stream, _)| *stream == sample.stream) {
                Some((_, count)) => *count += 1,
                None => self.active.not_recorded.push((sample.stream, 1)),
            }
        }
    }
}

impl StreamPlaces {
    /// The outcome in whose histograms a request with `outcome` is counted.
    fn kind(&mut self, outcome: Outcome) -> Outcome {
        if matches!(outcome, Outcome::Ok | Outcome::NotSent) || self.kinds.contains(&outcome) {
            return outcome;
        }
        if self.kinds.len() >= FAILURE_KINDS {
            return Outcome::Other;
        }
        self.kinds.push(outcome);
        outcome
    }
}

/// Element `index` of a table that grows as far as it is used.
fn entry<T: Default>(table: &mut Vec<T>, index: u16) -> &mut T {
    let index = usize::from(index);
    if index >= table.len() {
        table.resize_with(index + 1, T::default);
    }
    &mut table[index]
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
        let counted: u64 = interval.histograms().filter(|(_, _, figure, _)| *figure == Figure::ServiceTime).map(|h| h.3.len()).sum();
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
        let figures: Vec<Figure> = interval.histograms().map(|h| h.2).collect();
        assert_eq!(figures, [Figure::SendLag]);
    }

    /// The address of each histogram's counts can't be seen; that none was made anew can: all of them come from `spare`.
    #[test]
    fn what_the_writer_gives_back_is_used_again_and_is_empty() {
        let (queue, intervals) = sync_channel(8);
        let replies = Some(crate::record::ReplyShape { vectors: 1, full_rows: Some(10) });
        let mut recorder = Recorder::new(3, queue).counting_rows(&[StreamInfo { replies, ..StreamInfo::default() }]);
        let histograms =
            |recorder: &Recorder| recorder.active.histograms().count() + recorder.active.sockets().count() + recorder.spare.len();
        for second in 0..10 {
            let outcome = if second % 2 == 0 { Outcome::Ok } else { Outcome::Timeout };
            recorder.record(&sample(second, second * 1000 + 5, outcome, true));
            recorder.record_socket(1, SocketFigure::HandOver, Duration::from_micros(3));
            if let Ok(interval) = intervals.try_recv() {
                assert_eq!((interval.thread, interval.second, interval.samples.len()), (3, second - 1, 1));
                assert!(interval.histograms().all(|(_, _, _, histogram)| histogram.len() == 1));
                assert_eq!(interval.sockets().map(|(_, _, histogram)| histogram.len()).sum::<u64>(), 1);
                interval.recycle();
            }
        }
        // Three figures of the request and one of the socket, in two intervals.
        assert!(histograms(&recorder) <= 8, "{}", histograms(&recorder));
        assert!(recorder.active.samples.capacity() > 0);
    }

    #[test]
    fn a_writer_that_gives_nothing_back_costs_no_request() {
        let (queue, intervals) = sync_channel(1);
        let mut recorder = Recorder::new(0, queue);
        for second in 0..100 {
            recorder.record(&sample(second, second * 1000 + 5, Outcome::Ok, false));
        }
        let first = intervals.recv().expect("the first interval");
        recorder.finish();
        let count = |interval: &Interval| interval.histograms().filter(|h| h.2 == Figure::ServiceTime).map(|h| h.3.len()).sum::<u64>();
        assert_eq!(count(&first) + intervals.iter().map(|interval| count(&interval)).sum::<u64>(), 100);
    }

    #[test]
    fn streams_outcomes_and_connections_are_kept_apart() {
        let (queue, intervals) = sync_channel(8);
        let mut recorder = Recorder::new(0, queue);
        for round in 0..3 {
            for stream in [4, 0, 2] {
                for outcome in [Outcome::Milvus(100), Outcome::Ok, Outcome::Milvus(1)] {
                    recorder.record(&Sample { stream: StreamId(stream), ..sample(round, 10, outcome, false) });
                }
            }
            recorder.record_socket(700, SocketFigure::ReadWakeUp, Duration::from_secs(7200));
            recorder.record_socket(0, SocketFigure::NoWindow, Duration::ZERO);
        }
        recorder.finish();
        let interval = intervals.recv().expect("an interval");
        // Three streams, three outcomes, three figures.
        let mut kinds: Vec<_> = interval.histograms().map(|(stream, outcome, figure, h)| (stream, outcome, figure, h.len())).collect();
        kinds.sort_unstable();
        kinds.dedup();
        assert_eq!((kinds.len(), kinds.iter().all(|kind| kind.3 == 3)), (27, true), "{kinds:?}");
        let sockets: Vec<_> = interval.sockets().map(|(connection, figure, h)| (connection, figure, h.len())).collect();
        assert_eq!(sockets, [(700, SocketFigure::ReadWakeUp, 3), (0, SocketFigure::NoWindow, 3)]);
    }

    #[test]
    fn a_server_that_fails_in_a_thousand_ways_does_not_decide_about_memory() {
        let (queue, intervals) = sync_channel(8);
        let mut recorder = Recorder::new(0, queue);
        for code in 1..=1000 {
            recorder.record(&sample(code as u64, 10, Outcome::Milvus(code), true));
            recorder.record(&sample(code as u64, 10, Outcome::Ok, false));
        }
        recorder.finish();
        let of_outcome = |interval: Interval| {
            assert!(interval.samples.iter().enumerate().all(|(index, sample)| sample.outcome == Outcome::Milvus(index as i32 + 1)));
            let lags: Vec<_> = interval.histograms().filter(|h| h.2 == Figure::SendLag).map(|h| (h.1, h.3.len())).collect();
            lags
        };
        let counts = of_outcome(intervals.recv().expect("an interval"));
        let other = counts.iter().find(|(outcome, _)| *outcome == Outcome::Other);
        assert_eq!((counts.len(), other), (FAILURE_KINDS + 2, Some(&(Outcome::Other, 1000 - FAILURE_KINDS as u64))));
        assert_eq!(counts.iter().map(|(_, count)| count).sum::<u64>(), 2000);
    }

    #[test]
    fn sampled_requests_take_the_room_of_failures_and_are_counted_when_there_is_none() {
        let (queue, intervals) = sync_channel(8);
        let mut recorder = Recorder::new(0, queue);
        let mut seq = 0..;
        let mut record = |recorder: &mut Recorder, count: usize, outcome, sampled| {
            seq.by_ref().take(count).for_each(|seq| recorder.record(&sample(seq, 10, outcome, sampled)));
        };
        record(&mut recorder, 60, Outcome::Timeout, false);
        record(&mut recorder, SAMPLES_WAITING - 60, Outcome::Ok, true);
        record(&mut recorder, 10, Outcome::Timeout, false);
        record(&mut recorder, 65, Outcome::Ok, true);
        recorder.finish();
        let interval = intervals.recv().expect("an interval");
        assert_eq!(interval.samples.len(), SAMPLES_WAITING);
        assert!(interval.samples.iter().all(|sample| sample.sampled), "every failure gave way");
        assert_eq!((interval.failures_not_kept, interval.not_recorded.clone()), (70, vec![(StreamId(0), 5)]));
    }
}
