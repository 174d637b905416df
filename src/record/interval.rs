//! What one load thread recorded in one second, and the way back of its memory.

use std::sync::mpsc::SyncSender;

use hdrhistogram::Histogram;

use super::{
    Figure, Outcome, Reply, Sample, SocketFigure, StreamId,
    histogram::{IntervalHistogram, new_interval_histogram, new_row_histogram},
};

/// One second of one thread: histograms of every request, samples of the traced and failed ones.
#[derive(Debug, Default)]
pub struct Interval {
    /// Number of the thread.
    pub thread: u32,
    /// Second since the run's start; all requests were done in it or, when the writer was slow, up
    /// to the next interval.
    pub second: u64,
    /// One for each way in which a stream's requests ended.
    pub(super) histograms: Vec<OutcomeHistograms>,
    /// What happened at the sockets.
    pub(super) sockets: Vec<ConnectionHistograms>,
    /// Samples in the order of their end, but for those that took the place of a failure.
    pub samples: Vec<Sample>,
    /// What replies held, by the place of their sample, rising; only where it is wanted.
    pub(super) replies: Vec<(usize, Reply)>,
    /// Sampled requests without a line, per stream that has any.
    pub not_recorded: Vec<(StreamId, u64)>,
    /// Failed requests that were not sampled and not kept.
    pub failures_not_kept: u64,
    /// Figures above one hour, which fit no histogram.
    pub overflows: u64,
    /// The way back to the recorder.
    pub(super) home: Option<SyncSender<Interval>>,
}

/// Histograms of the requests of one stream, or of one of its classes, that ended in one way, by
/// the place in [`Figure::ALL`].
#[derive(Debug)]
pub(super) struct OutcomeHistograms {
    pub(super) stream: StreamId,
    /// None: of all its requests.
    pub(super) class: Option<u8>,
    pub(super) outcome: Outcome,
    pub(super) figures: [Option<IntervalHistogram>; Figure::ALL.len()],
}

/// Histograms of one connection, by the place in [`SocketFigure::ALL`].
#[derive(Debug)]
pub(super) struct ConnectionHistograms {
    pub(super) connection: u16,
    pub(super) figures: [Option<IntervalHistogram>; SocketFigure::ALL.len()],
}

/// Histograms that hold nothing and are used again.
#[derive(Debug, Default)]
pub(super) struct Spare {
    times: Vec<IntervalHistogram>,
    rows: Vec<IntervalHistogram>,
}

impl Spare {
    fn of(&mut self, figure: Figure) -> &mut Vec<IntervalHistogram> {
        if figure == Figure::Rows {
            &mut self.rows
        } else {
            &mut self.times
        }
    }

    /// How many there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.times.len() + self.rows.len()
    }

    /// One for a time.
    pub(super) fn time(&mut self) -> IntervalHistogram {
        self.times.pop().unwrap_or_else(new_interval_histogram)
    }

    /// One for rows.
    pub(super) fn rows(&mut self) -> IntervalHistogram {
        self.rows.pop().unwrap_or_else(new_row_histogram)
    }
}

impl Interval {
    /// Every histogram of all requests of a stream.
    pub fn histograms(&self) -> impl Iterator<Item = (StreamId, Outcome, Figure, &Histogram<u32>)> {
        let all = self.all_figures().filter(|(of, _, _)| of.class.is_none());
        all.map(|(of, figure, histogram)| (of.stream, of.outcome, figure, histogram))
    }

    /// Every histogram of a class, with the number of the class within its stream.
    pub fn class_histograms(
        &self,
    ) -> impl Iterator<Item = (StreamId, u8, Outcome, Figure, &Histogram<u32>)> {
        self.all_figures().filter_map(|(of, figure, histogram)| {
            Some((of.stream, of.class?, of.outcome, figure, histogram))
        })
    }

    fn all_figures(
        &self,
    ) -> impl Iterator<Item = (&OutcomeHistograms, Figure, &IntervalHistogram)> {
        self.histograms.iter().flat_map(|of| {
            let figures = Figure::ALL.into_iter().zip(&of.figures);
            figures.filter_map(move |(figure, histogram)| Some((of, figure, histogram.as_ref()?)))
        })
    }

    /// How many requests of each stream ended in each way. A figure may lack some of them, as one
    /// that was not sent has no service time: the largest count is that of all.
    pub fn ended(&self) -> impl Iterator<Item = (StreamId, Outcome, u64)> {
        let all = self.histograms.iter().filter(|of| of.class.is_none());
        all.map(|of| {
            let counts = of.figures.iter().flatten().map(Histogram::len);
            (of.stream, of.outcome, counts.max().unwrap_or(0))
        })
    }

    /// Every histogram of a socket, with the number of the connection.
    pub fn sockets(&self) -> impl Iterator<Item = (u16, SocketFigure, &Histogram<u32>)> {
        self.sockets.iter().flat_map(|of| {
            let figures = SocketFigure::ALL.into_iter().zip(&of.figures);
            figures.filter_map(|(figure, histogram)| {
                Some((of.connection, figure, histogram.as_ref()?))
            })
        })
    }

    /// Gives the memory back to the recorder that it came from. Never waits; done by the writer, so
    /// that resetting costs the load thread nothing.
    pub fn recycle(mut self) {
        let Some(home) = self.home.take() else { return };
        self.all_histograms().for_each(Histogram::reset);
        self.samples.clear();
        self.replies.clear();
        self.not_recorded.clear();
        (self.failures_not_kept, self.overflows) = (0, 0);
        // A recorder that is gone, or has enough of them, needs no more.
        let _ = home.try_send(self);
    }

    fn all_histograms(&mut self) -> impl Iterator<Item = &mut IntervalHistogram> {
        let requests = self.histograms.iter_mut().flat_map(|of| &mut of.figures);
        requests
            .chain(self.sockets.iter_mut().flat_map(|of| &mut of.figures))
            .flatten()
    }

    /// Moves the histograms, which were reset, into `spare`.
    pub(super) fn strip(&mut self, spare: &mut Spare) {
        for of in self.histograms.drain(..) {
            let figures = Figure::ALL.into_iter().zip(of.figures);
            figures.for_each(|(figure, histogram)| spare.of(figure).extend(histogram));
        }
        spare
            .times
            .extend(self.sockets.drain(..).flat_map(|of| of.figures).flatten());
    }
}
