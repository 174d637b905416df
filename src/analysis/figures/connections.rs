//! What of the gap was the client's own: `connections.hlog`, phase by phase.
//!
//! The file knows seconds and no phases. A second counts to the phase whose measured time has the
//! largest part of it, also where that shares it with a warm-up or a pause: so no second of a
//! measurement is left out, and none counts twice.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use crate::{
    analysis::{
        figures::quantiles,
        model::{ConnectionFigures, EventLoopLag, WorstConnection},
    },
    record::{RunInfo, RunReader, SocketFigure, SocketInterval},
};

/// Delay of a read beyond which the event loop was late, nanoseconds.
const LATE_READ_NS: u64 = 1_000_000;
/// Share of the reads of a second beyond which the second was late: its p99 was above
/// [`LATE_READ_NS`].
const LATE_SHARE: f64 = 0.01;
const SECOND_NS: u64 = 1_000_000_000;

/// The figures of every phase that has some, and a sentence where they are missing or not whole.
pub(crate) fn connections(reader: &RunReader) -> (Vec<ConnectionFigures>, Option<String>) {
    let info = reader.info();
    let times = measured_times(info);
    if times.is_empty() {
        return (Vec::new(), None);
    }
    let mut phases: Vec<PhaseSockets> = times.iter().map(|_| PhaseSockets::default()).collect();
    let read = reader.sockets(|interval| {
        if let Some(phase) = phase_of(interval.second, &times) {
            phases[phase].add(&interval, info.threads);
        }
    });
    // Without the path: the report of a folder does not change with its place.
    let remark = match read {
        Ok(None) => None,
        Ok(Some(damage)) => Some(format!(
            "{damage}: the client's part of the gap covers only the readable part of the file"
        )),
        Err(_) => Some(
            "connections.hlog is missing or can't be read (runs of older versions have none): the \
             client's part of the gap is unknown"
                .to_owned(),
        ),
    };
    let known = times
        .iter()
        .zip(phases)
        .filter_map(|(time, phase)| phase.finish(&time.phase));
    (known.collect(), remark)
}

/// When a phase was measured: stretches on the monotonic clock that do not overlap.
struct MeasuredTime {
    phase: String,
    stretches: Vec<(u64, u64)>,
}

/// The phases of the load that were begun, in their order.
fn measured_times(info: &RunInfo) -> Vec<MeasuredTime> {
    let phases = info.phases.iter().filter(|phase| !phase.is_preparation());
    let of_phase = phases.map(|phase| {
        let streams = || {
            info.streams
                .iter()
                .filter(|stream| stream.phase == phase.name)
        };
        let phase_end = phase.end.map_or(u64::MAX, |end| end.monotonic_ns);
        let measured = streams()
            .filter(|stream| stream.is_measured())
            .map(|stream| {
                // A run that was killed may not have noted when the part began.
                let start = stream.start_ns.max(phase.start.monotonic_ns);
                let end = stream.end_ns.unwrap_or(phase_end);
                // The last answers come after the end of the last part.
                let is_last = streams().all(|other| other.start_ns < end);
                (start, if is_last { end.max(phase_end) } else { end })
            });
        MeasuredTime {
            phase: phase.name.clone(),
            stretches: merged(measured.collect()),
        }
    });
    of_phase.collect()
}

/// The same time without overlaps.
fn merged(mut stretches: Vec<(u64, u64)>) -> Vec<(u64, u64)> {
    stretches.sort_unstable();
    let mut merged: Vec<(u64, u64)> = Vec::new();
    for (from, to) in stretches {
        match merged.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => merged.push((from, to)),
        }
    }
    merged
}

/// The phase that has the largest part of `second`, the first of several; None where none has any
/// of it.
fn phase_of(second: u64, times: &[MeasuredTime]) -> Option<usize> {
    let from = second.saturating_mul(SECOND_NS);
    let to = from.saturating_add(SECOND_NS);
    let part = |time: &MeasuredTime| {
        time.stretches
            .iter()
            .map(|(start, end)| to.min(*end).saturating_sub(from.max(*start)))
            .sum::<u64>()
    };
    let parts = times
        .iter()
        .map(part)
        .enumerate()
        .map(|(phase, part)| (part, std::cmp::Reverse(phase)));
    parts
        .max()
        .filter(|(part, _)| *part > 0)
        .map(|(_, phase)| phase.0)
}

/// What the sockets of one phase showed. Memory grows with the connections by a few numbers each,
/// not by histograms.
#[derive(Default)]
struct PhaseSockets {
    merged: BTreeMap<SocketFigure, Histogram<u64>>,
    connections: BTreeMap<(SocketFigure, u16), OneConnection>,
    threads: BTreeMap<u32, ThreadReads>,
}

/// One figure of one connection.
#[derive(Default)]
struct OneConnection {
    count: u64,
    sum_ns: f64,
    max_ns: u64,
}

/// Seconds of one thread, counted as they end. Its lines come in the order of their seconds.
#[derive(Clone, Copy, Default)]
struct ThreadReads {
    second: u64,
    reads: u64,
    late: u64,
    seconds: u64,
    late_seconds: u64,
}

impl ThreadReads {
    fn add(&mut self, second: u64, histogram: &Histogram<u64>) {
        if second != self.second {
            *self = Self {
                second,
                ..self.closed()
            };
        }
        self.reads += histogram.len();
        self.late += histogram.len()
            - histogram
                .count_between(0, LATE_READ_NS)
                .min(histogram.len());
    }

    /// The same with the second that is counted now at its end.
    fn closed(mut self) -> Self {
        self.seconds += u64::from(self.reads > 0);
        self.late_seconds += u64::from(self.late as f64 > LATE_SHARE * self.reads as f64);
        (self.reads, self.late) = (0, 0);
        self
    }
}

impl PhaseSockets {
    fn add(&mut self, interval: &SocketInterval, threads: u32) {
        let SocketInterval {
            second,
            connection,
            figure,
            histogram,
        } = interval;
        if histogram.is_empty() {
            return;
        }
        match self.merged.get_mut(figure) {
            // The reader gives histograms of one kind, so adding can't fail.
            Some(merged) => {
                let _ = merged.add(histogram);
            }
            None => {
                self.merged.insert(*figure, histogram.clone());
            }
        }
        let one = self.connections.entry((*figure, *connection)).or_default();
        one.count += histogram.len();
        one.sum_ns += histogram.mean() * histogram.len() as f64;
        one.max_ns = one.max_ns.max(histogram.max());
        if *figure == SocketFigure::ReadDelay {
            self.threads
                .entry(u32::from(*connection) % threads.max(1))
                .or_default()
                .add(*second, histogram);
        }
    }

    /// None where nothing was recorded.
    fn finish(self, phase: &str) -> Option<ConnectionFigures> {
        let figure = |figure| self.merged.get(&figure);
        let count = |of| figure(of).map_or(0, Histogram::len);
        let quantiles =
            |of| figure(of).and_then(|histogram| quantiles::of_histogram(histogram, 0.0));
        let mut numbers: Vec<u16> = self
            .connections
            .keys()
            .map(|(_, connection)| *connection)
            .collect();
        numbers.sort_unstable();
        numbers.dedup();
        (!numbers.is_empty()).then(|| ConnectionFigures {
            phase: phase.to_owned(),
            connections: numbers.len() as u64,
            hand_overs: count(SocketFigure::WriteDelay),
            hand_over_us: quantiles(SocketFigure::WriteDelay),
            reads: count(SocketFigure::ReadDelay),
            read_wake_up_us: quantiles(SocketFigure::ReadDelay),
            no_windows: count(SocketFigure::FlowControlWait),
            no_window_us: quantiles(SocketFigure::FlowControlWait),
            worst: SocketFigure::ALL
                .into_iter()
                .filter_map(|figure| self.worst(figure))
                .collect(),
            event_loop: self.event_loop(),
        })
    }

    /// The connection with the largest mean; the mean and not a quantile, so that one that is slow
    /// all the time is found.
    fn worst(&self, figure: SocketFigure) -> Option<WorstConnection> {
        let of_figure = self.connections.range((figure, 0)..=(figure, u16::MAX));
        let worst = of_figure.map(|((_, connection), one)| {
            (
                *connection,
                one.sum_ns / one.count.max(1) as f64,
                one.max_ns,
            )
        });
        let (connection, mean_ns, max_ns) =
            worst.max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))?;
        let (mean_us, max_us) = (mean_ns / 1_000.0, quantiles::us(max_ns));
        Some(WorstConnection {
            figure: figure.name().to_owned(),
            connection,
            mean_us,
            max_us,
        })
    }

    /// The thread with the largest share of late seconds.
    fn event_loop(&self) -> Option<EventLoopLag> {
        let threads = self
            .threads
            .iter()
            .map(|(thread, reads)| (*thread, reads.closed()));
        let share = |reads: &ThreadReads| reads.late_seconds as f64 / reads.seconds.max(1) as f64;
        let (thread, reads) =
            threads.max_by(|a, b| share(&a.1).total_cmp(&share(&b.1)).then(b.0.cmp(&a.0)))?;
        Some(EventLoopLag {
            thread,
            seconds: reads.seconds,
            late_seconds: reads.late_seconds,
        })
    }
}

#[cfg(test)]
mod tests;
