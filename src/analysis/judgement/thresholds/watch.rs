//! Thresholds that end a run before its time: their figures over the last seconds, while it is
//! measured.
//!
//! Seconds are those of the run's clock, as the recorder counts them, and each counts a request
//! where it ended.

use std::collections::BTreeMap;

use super::{
    Measured,
    expression::{Base, Expression, Limit, Quantity, Relation},
    in_words, of_series,
};
use crate::{
    analysis::statistics::series::{Second, Series},
    record::{AbortInfo, AbortedInfo, Interval, Outcome, StreamInfo, ThresholdInfo},
};

const SECOND_NS: u64 = 1_000_000_000;

/// Everything that may end the run.
#[derive(Debug, Default)]
pub struct Watch {
    watched: Vec<Watched>,
    /// The second that each load thread handed over last.
    handed_over: Vec<u64>,
}

/// One threshold at one part.
#[derive(Debug)]
struct Watched {
    threshold: usize,
    stream: u16,
    at: String,
    figure: Quantity,
    relation: Relation,
    limit: f64,
    abort: AbortInfo,
    seconds: BTreeMap<u64, Seen>,
    /// The last second of the window that was looked at last.
    looked_at: u64,
}

/// What ended in one second, all threads together.
#[derive(Debug, Default)]
struct Seen {
    /// Figure of each success, nanoseconds or rows, with its count.
    values: Vec<(i64, u64)>,
    sum: f64,
    ok: u64,
    failed: u64,
}

/// When a part of the phase that runs is measured, nanoseconds since the run's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measuring {
    /// Number of its stream.
    pub stream: u16,
    /// Its start.
    pub from_ns: u64,
    /// Its planned end; None where there is none.
    pub to_ns: Option<u64>,
}

impl Watch {
    /// Watches those of `thresholds` that have an `abort`, at every measured one of `streams` that
    /// they are for. The first `threads` recorders are those of the load threads.
    #[must_use]
    pub fn new(thresholds: &[ThresholdInfo], streams: &[StreamInfo], threads: u32) -> Self {
        let of = |(number, info)| {
            streams
                .iter()
                .zip(0..)
                .filter_map(move |(stream, index)| Watched::new(number, info, stream, index))
        };
        Self {
            watched: thresholds.iter().enumerate().flat_map(of).collect(),
            handed_over: vec![0; threads as usize],
        }
    }

    /// Takes in what one thread recorded in one second.
    pub fn add(&mut self, interval: &Interval) {
        if let Some(last) = self.handed_over.get_mut(interval.thread as usize) {
            *last = interval.second.max(*last);
        }
        for watched in &mut self.watched {
            watched.add(interval);
        }
    }

    /// The first threshold that is violated over the last seconds of which every load thread has
    /// handed over all that it has, where the part that it is for is measured.
    pub fn violated(&mut self, measuring: &[Measuring]) -> Option<AbortedInfo> {
        // A second may be handed over in pieces; the next one says that it is whole. Threads do so
        // when they are idle, too.
        let last = self.handed_over.iter().min()?.checked_sub(1)?;
        let part = |watched: &Watched| {
            measuring
                .iter()
                .find(|part| part.stream == watched.stream)
                .copied()
        };
        self.watched
            .iter_mut()
            .filter_map(|watched| watched.look(last, part(watched)?))
            .next()
    }
}

impl Watched {
    fn new(
        threshold: usize,
        info: &ThresholdInfo,
        stream: &StreamInfo,
        index: u16,
    ) -> Option<Self> {
        let abort = info.abort?;
        let named = |wanted: &Option<String>, name: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == name)
        };
        if !stream.is_measured()
            || !named(&info.phase, &stream.phase)
            || !named(&info.workload, &stream.workload)
        {
            return None;
        }
        // Both were checked before the run.
        let Expression {
            figure,
            relation,
            limit: Limit::Value(limit),
        } = Expression::parse(&info.require).ok()?
        else {
            return None;
        };
        if stream.is_preparation() || figure.lacking(stream.open_loop).is_some() {
            return None;
        }
        let (at, seconds) = (stream.place(), BTreeMap::new());
        Some(Self {
            threshold,
            stream: index,
            at,
            figure,
            relation,
            limit,
            abort,
            seconds,
            looked_at: 0,
        })
    }

    fn add(&mut self, interval: &Interval) {
        let seen = self.seconds.entry(interval.second).or_default();
        let wanted = self.figure.recorded();
        let successes = interval
            .histograms()
            .filter(|(stream, outcome, figure, _)| {
                (stream.0, *outcome, Some(*figure)) == (self.stream, Outcome::Ok, wanted)
            });
        for (.., histogram) in successes {
            let values = histogram.iter_recorded().map(|step| {
                (
                    step.value_iterated_to() as i64,
                    step.count_since_last_iteration(),
                )
            });
            seen.values.extend(values);
            seen.sum += histogram.mean() * histogram.len() as f64;
        }
        for (_, outcome, count) in interval
            .ended()
            .filter(|(stream, ..)| stream.0 == self.stream)
        {
            match outcome {
                Outcome::Ok => seen.ok += count,
                // Given up by this program, at an end.
                Outcome::NotSent | Outcome::Abandoned => {}
                _ => seen.failed += count,
            }
        }
    }

    /// Looks at the window that ends with second `last`, where it lies within the part and was not
    /// looked at yet.
    fn look(&mut self, last: u64, part: Measuring) -> Option<AbortedInfo> {
        let over = u64::from(self.abort.over_s);
        let first = (last + 1).checked_sub(over)?;
        self.seconds = self.seconds.split_off(&first);
        let within = first * SECOND_NS >= part.from_ns.saturating_add(self.abort.after_ns)
            && part.to_ns.is_none_or(|to| (last + 1) * SECOND_NS <= to);
        if !within || last <= self.looked_at {
            return None;
        }
        self.looked_at = last;
        let window: Vec<&Seen> = self.seconds.range(..=last).map(|(_, seen)| seen).collect();
        let value = self.value(&window)?;
        if self.relation.holds(value, self.limit) {
            return None;
        }
        let show = |value| in_words(Measured::exact(value), self.figure.unit());
        let since = ((last + 1) * SECOND_NS - part.from_ns) / SECOND_NS;
        let from = since.saturating_sub(over);
        let sentence = format!(
            "{} in seconds {from} to {since}, limit {}: the run was ended",
            show(value),
            show(self.limit)
        );
        Some(AbortedInfo {
            threshold: self.threshold,
            at: self.at.clone(),
            sentence,
        })
    }

    /// The figure over the window, in its unit; None where nothing ended that has it.
    fn value(&self, window: &[&Seen]) -> Option<f64> {
        let sum =
            |count: fn(&Seen) -> u64| window.iter().map(|seen| count(seen)).sum::<u64>() as f64;
        let (ok, failed) = (sum(|seen| seen.ok), sum(|seen| seen.failed));
        match self.figure.base {
            Base::Throughput => Some(ok / f64::from(self.abort.over_s)),
            Base::Failed => (ok + failed > 0.0).then(|| failed / (ok + failed)),
            Base::RowsMean | Base::Empty => {
                let values = || window.iter().flat_map(|seen| &seen.values);
                let replies = values().map(|(_, count)| *count).sum::<u64>() as f64;
                let wanted = match self.figure.base {
                    Base::Empty => values()
                        .filter(|(rows, _)| *rows == 0)
                        .map(|(_, count)| *count)
                        .sum::<u64>() as f64,
                    _ => window.iter().map(|seen| seen.sum).sum(),
                };
                (replies > 0.0).then(|| wanted / replies)
            }
            _ => self.time(window),
        }
    }

    fn time(&self, window: &[&Seen]) -> Option<f64> {
        let values = window
            .iter()
            .flat_map(|seen| seen.values.iter().copied())
            .collect();
        let series = Series::new(vec![Second::new(
            values,
            window.iter().map(|seen| seen.sum).sum(),
        )]);
        of_series(self.figure.quantile?, &series)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Part, Recorder, ReplyShape, Sample};

    /// What every case is about: seconds 10 to 30 of the run are measured, 100 requests end in
    /// each.
    struct Case {
        require: &'static str,
        abort: AbortInfo,
        /// Milliseconds that a request of each second takes; 0: it times out.
        takes_ms: fn(u64) -> u64,
    }

    const OVER_5_AFTER_3: AbortInfo = AbortInfo {
        over_s: 5,
        after_ns: 3 * SECOND_NS,
    };

    /// The second in which the run is ended, and why.
    fn ended(case: &Case) -> Option<(u64, String)> {
        let stream = StreamInfo {
            phase: "alone".to_owned(),
            part: Some(Part::Measured),
            workload: "search".to_owned(),
            open_loop: true,
            ..StreamInfo::default()
        };
        let threshold = ThresholdInfo {
            require: case.require.to_owned(),
            abort: Some(case.abort),
            ..ThresholdInfo::default()
        };
        let mut watch = Watch::new(&[threshold], &[stream], 1);
        let (queue, intervals) = std::sync::mpsc::sync_channel(100);
        let replies = Some(ReplyShape {
            vectors: 1,
            full_rows: Some(10),
        });
        let mut recorder = Recorder::new(0, queue).counting_rows(&[StreamInfo {
            replies,
            ..StreamInfo::default()
        }]);
        let measuring = [Measuring {
            stream: 0,
            from_ns: 10 * SECOND_NS,
            to_ns: Some(30 * SECOND_NS),
        }];
        for second in 0..40 {
            recorder.roll(second * SECOND_NS);
            intervals
                .try_iter()
                .for_each(|interval| watch.add(&interval));
            // The look comes before what this second adds.
            if let Some(violation) = watch.violated(&measuring) {
                assert_eq!(
                    (violation.threshold, violation.at.as_str()),
                    (0, "alone/search")
                );
                return Some((second, violation.sentence));
            }
            for number in 0..100 {
                let ms = (case.takes_ms)(second);
                let done_ns = second * SECOND_NS + number * 1_000_000;
                let intended_ns = done_ns.saturating_sub(ms.max(1) * 1_000_000);
                let outcome = if ms == 0 {
                    Outcome::Timeout
                } else {
                    Outcome::Ok
                };
                let rows = if number < 75 { 10 } else { 0 };
                recorder.record(&Sample {
                    rows,
                    ..sample(intended_ns, done_ns.max(intended_ns), outcome)
                });
            }
        }
        None
    }

    fn sample(intended_ns: u64, done_ns: u64, outcome: Outcome) -> Sample {
        Sample {
            trace_id: 1,
            span_id: 1,
            intended_ns: Some(intended_ns),
            sent_ns: Some(intended_ns),
            done_ns,
            outcome,
            ..Sample::default()
        }
    }

    fn check(case: Case, expected: Option<(u64, &str)>) {
        let found = ended(&case);
        assert_eq!(
            found
                .as_ref()
                .map(|(second, sentence)| (*second, sentence.as_str())),
            expected,
            "{}",
            case.require
        );
    }

    #[test]
    fn a_figure_that_keeps_its_limit_ends_nothing() {
        check(
            Case {
                require: "response_time.p99 < 20ms",
                abort: OVER_5_AFTER_3,
                takes_ms: |_| 5,
            },
            None,
        );
    }

    #[test]
    fn what_is_violated_from_the_start_ends_the_run_after_the_first_window() {
        // Seconds 13 to 17, looked at when 18 has ended.
        let case = Case {
            require: "response_time.p99 < 20ms",
            abort: OVER_5_AFTER_3,
            takes_ms: |_| 50,
        };
        check(
            case,
            Some((
                19,
                "50.00 ms in seconds 3 to 8, limit 20.00 ms: the run was ended",
            )),
        );
    }

    #[test]
    fn the_window_moves() {
        // p50 of seconds 18 to 22 holds three slow ones.
        let case = Case {
            require: "response_time.p50 < 20ms",
            abort: OVER_5_AFTER_3,
            takes_ms: |second| if second < 20 { 5 } else { 50 },
        };
        check(
            case,
            Some((
                24,
                "50.00 ms in seconds 8 to 13, limit 20.00 ms: the run was ended",
            )),
        );
    }

    #[test]
    fn the_first_seconds_and_those_after_the_end_are_not_looked_at() {
        let slow_at_first = |second| if second < 13 { 500 } else { 5 };
        check(
            Case {
                require: "response_time.max < 20ms",
                abort: OVER_5_AFTER_3,
                takes_ms: slow_at_first,
            },
            None,
        );
        let slow_at_last = |second| if second >= 30 { 500 } else { 5 };
        check(
            Case {
                require: "response_time.max < 20ms",
                abort: OVER_5_AFTER_3,
                takes_ms: slow_at_last,
            },
            None,
        );
    }

    #[test]
    fn failures_and_throughput_are_of_what_ended() {
        let fails = |second| if second >= 20 { 0 } else { 5 };
        let case = Case {
            require: "failed < 10%",
            abort: OVER_5_AFTER_3,
            takes_ms: fails,
        };
        check(
            case,
            Some((
                22,
                "20.00 % in seconds 6 to 11, limit 10.00 %: the run was ended",
            )),
        );
        let case = Case {
            require: "throughput > 50",
            abort: OVER_5_AFTER_3,
            takes_ms: fails,
        };
        check(
            case,
            Some((
                24,
                "40.0/s in seconds 8 to 13, limit 50.0/s: the run was ended",
            )),
        );
        // A quarter of the replies hold nothing, the others ten rows.
        let case = Case {
            require: "empty < 20%",
            abort: OVER_5_AFTER_3,
            takes_ms: |_| 5,
        };
        check(
            case,
            Some((
                19,
                "25.00 % in seconds 3 to 8, limit 20.00 %: the run was ended",
            )),
        );
        let case = Case {
            require: "rows.mean > 8",
            abort: OVER_5_AFTER_3,
            takes_ms: |_| 5,
        };
        check(
            case,
            Some((
                19,
                "7.50 rows in seconds 3 to 8, limit 8.00 rows: the run was ended",
            )),
        );
        check(
            Case {
                require: "rows.mean > 7",
                abort: OVER_5_AFTER_3,
                takes_ms: |_| 5,
            },
            None,
        );
        // Nothing that succeeded has a time.
        check(
            Case {
                require: "response_time.p50 < 1ms",
                abort: OVER_5_AFTER_3,
                takes_ms: |_| 0,
            },
            None,
        );
    }

    #[test]
    fn a_thread_that_is_late_is_waited_for() {
        let stream = StreamInfo {
            part: Some(Part::Measured),
            open_loop: true,
            ..StreamInfo::default()
        };
        let threshold = ThresholdInfo {
            require: "throughput > 1".to_owned(),
            abort: Some(OVER_5_AFTER_3),
            ..ThresholdInfo::default()
        };
        let mut watch = Watch::new(&[threshold], &[stream], 2);
        let measuring = [Measuring {
            stream: 0,
            from_ns: 0,
            to_ns: None,
        }];
        let (queue, intervals) = std::sync::mpsc::sync_channel(10);
        let mut threads = [Recorder::new(0, queue.clone()), Recorder::new(1, queue)];
        let mut hand_over = |watch: &mut Watch, thread: usize, second| {
            threads[thread].roll(second * SECOND_NS);
            threads[thread].roll((second + 1) * SECOND_NS);
            intervals
                .try_iter()
                .for_each(|interval| watch.add(&interval));
        };
        hand_over(&mut watch, 0, 20);
        hand_over(&mut watch, 1, 5);
        assert_eq!(
            watch.violated(&measuring),
            None,
            "what the late thread sent is not known yet"
        );
        hand_over(&mut watch, 1, 20);
        assert!(
            watch.violated(&measuring).is_some(),
            "nothing ended on either"
        );
    }

    #[test]
    fn a_threshold_without_abort_ends_nothing() {
        let threshold = ThresholdInfo {
            require: "failed < 1%".to_owned(),
            ..ThresholdInfo::default()
        };
        assert!(
            Watch::new(&[threshold], &[StreamInfo::default()], 1)
                .watched
                .is_empty()
        );
    }
}
