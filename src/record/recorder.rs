//! The recorder of one load thread: no lock, no formatting; once a second its interval is handed to
//! the writer.
//!
//! The writer resets the interval's histograms and gives them back, so that after the first seconds
//! nothing is allocated. A histogram (three digits, up to one hour) has 132 KiB, one of rows 60
//! KiB. A thread holds at most one for each figure of each (workload, stage, outcome) and of each
//! connection that one second had, in as many intervals as are on their way: two while the writer
//! keeps up, and no more than its queue holds when it does not. Neither rate nor length of a run
//! change that.

use std::{
    sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    time::Duration,
};

use super::{
    Figure, Interval, Outcome, Reply, Sample, SocketFigure, StreamId, StreamInfo,
    histogram::MAX_NS,
    interval::{ConnectionHistograms, OutcomeHistograms, Spare},
    reply_rows::RowRules,
};

/// Ways of failing that have histograms of their own, per stream and thread. All further ones share
/// one, so that no server decides about the memory; their lines keep their codes.
const FAILURE_KINDS: usize = 16;

/// Failed requests that are not sampled and are kept as lines, per stream, thread and interval.
const FAILURES_KEPT: u32 = 100;

/// Samples that wait for the writer, per thread; beyond it sampled requests are counted as not
/// recorded.
const SAMPLES_WAITING: usize = 200_000;

/// Bytes of ids and scores that wait for the writer, per thread; beyond it lines say only how many
/// there were.
const REPLIES_WAITING: usize = 64 << 20;

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
    /// Places of the samples in `active` that a sampled request may take when there is no other:
    /// failures, not sampled.
    displaceable: Vec<usize>,
    /// None when it is finished.
    queue: Option<SyncSender<Interval>>,
    home: SyncSender<Interval>,
    returned: Receiver<Interval>,
    /// An interval without histograms, for the next second.
    idle: Option<Interval>,
    /// Bytes of the replies in `active`.
    reply_bytes: usize,
    spare: Spare,
    rules: RowRules,
}

/// What `active` holds of one stream.
#[derive(Debug, Default)]
struct StreamPlaces {
    /// Places of its histograms, one for each outcome.
    outcomes: Vec<usize>,
    /// The same of each of its classes, as far as they occurred.
    classes: Vec<Vec<usize>>,
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
            active: Interval {
                thread,
                ..Interval::default()
            },
            streams: Vec::new(),
            connections: Vec::new(),
            displaceable: Vec::new(),
            queue: Some(queue),
            home,
            returned,
            idle: None,
            reply_bytes: 0,
            spare: Spare::default(),
            rules: RowRules::default(),
        }
    }

    /// Counts the rows of replies as well, of those of `streams` whose replies hold some.
    #[must_use]
    pub fn counting_rows(self, streams: &[StreamInfo]) -> Self {
        Self {
            rules: RowRules::new(streams),
            ..self
        }
    }

    /// Records one finished request.
    pub fn record(&mut self, sample: &Sample) {
        self.record_with(sample, None);
    }

    /// The same with what its reply held, which goes into its line if it has one.
    pub fn record_with(&mut self, sample: &Sample, reply: Option<Reply>) {
        self.roll(sample.done_ns);
        let place = self.place(sample.stream, None, sample.outcome);
        self.active.overflows += self.count_figures(place, sample);
        if sample.outcome == Outcome::Ok
            && let Some(rows) = self.rules.counted(sample.stream, sample.rows)
        {
            let histogram = self.active.histograms[place].figures[Figure::Rows as usize]
                .get_or_insert_with(|| self.spare.rows());
            // The value was cut to the bound of the histogram.
            let _ = histogram.record(rows);
        }
        if sample.class.is_some() {
            let place = self.place(sample.stream, sample.class, sample.outcome);
            // What fits no histogram was counted above.
            self.count_figures(place, sample);
        }
        if sample.sampled || self.keeps_failure(sample) {
            let place = self.keep(sample);
            if let (Some(place), Some(reply)) = (place, reply) {
                self.keep_reply(place, reply);
            }
        }
    }

    fn keep_reply(&mut self, place: usize, reply: Reply) {
        self.reply_bytes += reply.bytes();
        let reply = if self.reply_bytes <= REPLIES_WAITING {
            reply
        } else {
            reply.emptied()
        };
        let replies = &mut self.active.replies;
        // In the order of the samples, but for one that took the place of a failure, which had
        // none.
        let at = replies.partition_point(|(known, _)| *known < place);
        replies.insert(at, (place, reply));
    }

    /// Records what happened at the socket of `connection`, within the interval of the last
    /// request.
    pub fn record_socket(&mut self, connection: u16, figure: SocketFigure, waited: Duration) {
        let value = u64::try_from(waited.as_nanos())
            .unwrap_or(u64::MAX)
            .min(MAX_NS);
        let place = self.connection_place(connection);
        let histogram = self.active.sockets[place].figures[figure as usize]
            .get_or_insert_with(|| self.spare.time());
        // The value was cut to the bound of the histogram.
        let _ = histogram.record(value);
    }

    /// Begins a new interval if the second of `now_ns` is a later one. Called by `record`, and once
    /// a second when idle.
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
        // A writer that is gone has told its error already; there is no reader left.
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
            // The writer is behind: the interval goes on and will span more than its second; no
            // request is lost by that.
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
            stream.classes.iter_mut().for_each(Vec::clear);
            stream.failures = 0;
        }
        self.connections.fill(None);
        self.displaceable.clear();
        self.reply_bytes = 0;
    }

    /// Where the histograms of `outcome` of `stream`, or of one of its classes, are.
    fn place(&mut self, stream: StreamId, class: Option<u8>, outcome: Outcome) -> usize {
        let known = &mut self.active.histograms;
        let of_stream = entry(&mut self.streams, stream.0);
        let outcome = of_stream.kind(outcome);
        let places = match class {
            None => &mut of_stream.outcomes,
            Some(class) => entry(&mut of_stream.classes, u16::from(class)),
        };
        let found = places
            .iter()
            .find(|place| known[**place].outcome == outcome);
        if let Some(place) = found {
            return *place;
        }
        known.push(OutcomeHistograms {
            stream,
            class,
            outcome,
            figures: Default::default(),
        });
        places.push(known.len() - 1);
        known.len() - 1
    }

    fn connection_place(&mut self, connection: u16) -> usize {
        let sockets = &mut self.active.sockets;
        *entry(&mut self.connections, connection).get_or_insert_with(|| {
            sockets.push(ConnectionHistograms {
                connection,
                figures: Default::default(),
            });
            sockets.len() - 1
        })
    }

    /// Adds the times of a request to the histograms at `place`. Gives the number of those that fit
    /// none.
    fn count_figures(&mut self, place: usize, sample: &Sample) -> u64 {
        let mut overflows = 0;
        for (index, figure) in Figure::ALL.into_iter().enumerate() {
            let Some(value) = sample.figure_ns(figure) else {
                continue;
            };
            let figures = &mut self.active.histograms[place].figures;
            let fits = value <= MAX_NS
                // Values up to the bound always fit.
                && figures[index]
                    .get_or_insert_with(|| self.spare.time())
                    .record(value)
                    .is_ok();
            overflows += u64::from(!fits);
        }
        overflows
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
        // A scheduled request that was not sent is no failed request, and is counted as such
        // already.
        self.active.failures_not_kept += u64::from(outcome != Outcome::NotSent);
    }

    /// Keeps a sample for the writer, and says where. Where there is no room, a sampled request
    /// takes that of a failure.
    fn keep(&mut self, sample: &Sample) -> Option<usize> {
        let samples = &mut self.active.samples;
        if samples.len() < SAMPLES_WAITING {
            if !sample.sampled {
                self.displaceable.push(samples.len());
            }
            samples.push(*sample);
            return Some(samples.len() - 1);
        }
        if !sample.sampled {
            self.drop_failure(sample.outcome);
        } else if let Some(place) = self.displaceable.pop() {
            let displaced = std::mem::replace(&mut samples[place], *sample);
            self.drop_failure(displaced.outcome);
            return Some(place);
        } else {
            match self
                .active
                .not_recorded
                .iter_mut()
                .find(|(stream, _)| *stream == sample.stream)
            {
                Some((_, count)) => *count += 1,
                None => self.active.not_recorded.push((sample.stream, 1)),
            }
        }
        None
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
mod tests;
