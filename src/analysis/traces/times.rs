//! Times that can't be: what a span with such times is called, and how it is told from one that is
//! merely odd.
//!
//! A clock that is wrong is no such case: the latency breakdown compares durations, and shifts
//! hosts against each other. But a span that ends before it starts, that lies decades away from the
//! run or days away from the rest of its trace, or that answers a call long after it was answered,
//! has no duration that means anything. It is counted and named, and its request is in no latency
//! breakdown.

use crate::{
    analysis::{model::ImpossibleTimes, traces::areas::names::normalise},
    record::RunInfo,
    spans::ServerSpan,
};

/// How far from the rest of its trace a span may lie, beyond what the run took: more than a time
/// zone.
const DAY_NS: u64 = 24 * 3_600 * 1_000_000_000;
/// How far from the run a trace may lie: the clock of a machine may be years off, and its durations
/// right.
const DECADE_NS: u64 = 3_652 * DAY_NS;
/// How much longer than the call that it answered a server root may be. Its span ends when the
/// reply has been handed to the transport, which may be a little after the client has it.
const LONGER_THAN_CALL_NS: u64 = 1_000_000_000;

/// What is wrong with the times of a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// End before start.
    EndsBeforeStart,
    /// More than ten years before or after the run.
    OutsideTheRun,
    /// More than a day before or after the rest of its trace.
    AwayFromItsTrace,
    /// An event of it is that.
    EventAway,
    /// A server root that outlasts the call that it answered.
    OutlastsItsCall,
}

impl Fault {
    fn words(self) -> &'static str {
        match self {
            Fault::EndsBeforeStart => "ends before it starts",
            Fault::OutsideTheRun => "lies more than ten years outside the run",
            Fault::AwayFromItsTrace => "lies more than a day away from the rest of its trace",
            Fault::EventAway => "has an event more than a day away from its trace",
            Fault::OutlastsItsCall => "is longer than the call that it answered",
        }
    }

    /// Whether the span itself means nothing; an event alone is left out.
    pub(crate) fn is_of_span(self) -> bool {
        self != Fault::EventAway
    }
}

/// The times that a span can have, nanoseconds since the unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Possible {
    from_ns: u64,
    to_ns: u64,
    /// How long one trace may be.
    trace_ns: u64,
}

impl Possible {
    /// Any time: nothing is known of the run.
    pub(crate) const ANY: Self = Self {
        from_ns: 0,
        to_ns: u64::MAX,
        trace_ns: DAY_NS,
    };

    /// Ten years around the run.
    pub(crate) fn of(info: &RunInfo) -> Self {
        let start = info.start.unix_ns;
        // Only a damaged run.json has none.
        if start == 0 {
            return Self::ANY;
        }
        let ends = info
            .phases
            .iter()
            .filter_map(|phase| Some(phase.end?.monotonic_ns));
        let parts = info
            .streams
            .iter()
            .map(|stream| stream.end_ns.unwrap_or(stream.start_ns));
        let took = ends
            .chain(parts)
            .max()
            .unwrap_or(0)
            .saturating_sub(info.start.monotonic_ns)
            .min(DECADE_NS);
        let (from_ns, to_ns) = (
            start.saturating_sub(DECADE_NS),
            start.saturating_add(took + DECADE_NS),
        );
        Self {
            from_ns,
            to_ns,
            trace_ns: took + DAY_NS,
        }
    }

    /// Whether it lies within.
    pub(crate) fn contains(self, unix_ns: u64) -> bool {
        (self.from_ns..=self.to_ns).contains(&unix_ns)
    }

    fn contains_span(self, span: &ServerSpan) -> bool {
        self.contains(span.start_ns) && self.contains(span.end_ns)
    }

    /// The times that spans of one trace can have, around the middle one of those that lie around
    /// the run; one that is far from most others is wrong, and not they.
    fn around(self, spans: &[ServerSpan]) -> Self {
        let mut starts: Vec<u64> = spans
            .iter()
            .filter(|span| self.contains_span(span))
            .map(|span| span.start_ns)
            .collect();
        if starts.is_empty() {
            return self;
        }
        let middle = starts.len() / 2;
        let (_, middle, _) = starts.select_nth_unstable(middle);
        let (from, to) = (
            middle.saturating_sub(self.trace_ns),
            middle.saturating_add(self.trace_ns),
        );
        Self {
            from_ns: from.max(self.from_ns),
            to_ns: to.min(self.to_ns),
            ..self
        }
    }

    /// What is wrong with each of `spans`, which are one trace, and the times that its events can
    /// have. No faults where there are none.
    pub(crate) fn faults(self, spans: &[ServerSpan]) -> (Vec<Option<Fault>>, Self) {
        let times = || {
            spans.iter().flat_map(|span| {
                span.events
                    .iter()
                    .map(|event| event.time_ns)
                    .chain([span.start_ns, span.end_ns])
            })
        };
        let (first, last) = times().fold((u64::MAX, 0), |(first, last), time| {
            (time.min(first), time.max(last))
        });
        let together = last.saturating_sub(first) <= self.trace_ns
            && self.contains(first)
            && self.contains(last);
        let within = if together { self } else { self.around(spans) };
        let fault = |span: &ServerSpan| {
            if !self.contains_span(span) {
                Some(Fault::OutsideTheRun)
            } else if !within.contains_span(span) {
                Some(Fault::AwayFromItsTrace)
            } else if span.end_ns < span.start_ns {
                Some(Fault::EndsBeforeStart)
            } else {
                (!together
                    && span
                        .events
                        .iter()
                        .any(|event| !within.contains(event.time_ns)))
                .then_some(Fault::EventAway)
            }
        };
        let faulty = !together || spans.iter().any(|span| span.end_ns < span.start_ns);
        let faults: Vec<Option<Fault>> = if faulty {
            spans.iter().map(fault).collect()
        } else {
            Vec::new()
        };
        (
            if faults.iter().any(Option::is_some) {
                faults
            } else {
                Vec::new()
            },
            within,
        )
    }
}

/// Whether a server root of `root_ns` can't be that of a call which was answered within `call_ns`.
pub(crate) fn outlasts(root_ns: u64, call_ns: u64) -> bool {
    root_ns > call_ns.saturating_add(LONGER_THAN_CALL_NS)
}

impl ImpossibleTimes {
    /// Counts `span`.
    pub(crate) fn add(&mut self, span: &ServerSpan, fault: Fault) {
        let of = if span.service().is_empty() {
            String::new()
        } else {
            format!(" of {}", span.service())
        };
        self.count(
            format!("{}{of} {}", normalise(&span.name), fault.words()),
            1,
        );
    }
}

#[cfg(test)]
mod of_runs;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        analysis::testing::span,
        record::{ClockAnchor, PhaseInfo},
        spans::{SpanEvent, SpanKind},
    };

    /// A run of ten seconds in November 2026.
    const START: u64 = 1_795_000_000_000_000_000;

    fn run() -> RunInfo {
        let anchor = |ns: u64| ClockAnchor {
            monotonic_ns: 5 + ns,
            unix_ns: START + ns,
        };
        let phase = PhaseInfo {
            start: anchor(0),
            end: Some(anchor(10_000_000_000)),
            ..PhaseInfo::default()
        };
        RunInfo {
            start: anchor(0),
            phases: vec![phase],
            ..RunInfo::default()
        }
    }

    fn at(start_ns: u64, end_ns: u64) -> ServerSpan {
        ServerSpan {
            start_ns,
            end_ns,
            ..span("x", SpanKind::Internal)
        }
    }

    /// The fault of a span from `start_ns` to `end_ns` in a trace of three more, that lie in the
    /// run.
    #[track_caller]
    fn check(start_ns: u64, end_ns: u64, expected: Option<Fault>) {
        let trace = [
            at(START, START + 9),
            at(start_ns, end_ns),
            at(START + 1, START + 5),
            at(START + 2, START + 4),
        ];
        let (faults, _) = Possible::of(&run()).faults(&trace);
        let expected = if expected.is_some() {
            vec![None, expected, None, None]
        } else {
            Vec::new()
        };
        assert_eq!(faults, expected, "{start_ns} {end_ns}");
    }

    #[test]
    fn wrong_years_lie_outside_the_run() {
        check(START, START + 1, None);
        check(0, 1, Some(Fault::OutsideTheRun));
        // Microseconds, milliseconds and seconds that were taken for nanoseconds lie in 1970.
        check(START / 1_000, START / 1_000 + 5, Some(Fault::OutsideTheRun));
        check(START / 1_000_000_000, START + 5, Some(Fault::OutsideTheRun));
        check(u64::MAX, u64::MAX, Some(Fault::OutsideTheRun));
        check(START, u64::MAX, Some(Fault::OutsideTheRun));
        check(
            i64::MAX as u64,
            i64::MAX as u64 + 1,
            Some(Fault::OutsideTheRun),
        );
        check(START + 5, 0, Some(Fault::OutsideTheRun));
    }

    #[test]
    fn a_span_that_is_days_away_from_the_others_is_one() {
        check(START, START + 400 * DAY_NS, Some(Fault::AwayFromItsTrace));
        check(
            START - 3 * DAY_NS,
            START - 3 * DAY_NS + 1,
            Some(Fault::AwayFromItsTrace),
        );
        check(START - 14 * DAY_NS / 24, START - 14 * DAY_NS / 24 + 5, None);
        check(START + 5, START + 5, None);
    }

    #[test]
    fn a_clock_that_is_years_off_as_a_whole_is_none() {
        let years = 4 * 365 * DAY_NS;
        assert_eq!(
            Possible::of(&run())
                .faults(&[
                    at(START - years, START - years + 9),
                    at(START - years, START - years + 5)
                ])
                .0,
            []
        );
        assert_eq!(
            Possible::of(&run()).faults(&[at(1, 9), at(2, 5)]).0,
            [Some(Fault::OutsideTheRun); 2]
        );
        assert_eq!(Possible::of(&run()).faults(&[]).0, []);
    }

    #[test]
    fn an_end_before_the_start_is_one() {
        check(START + 5, START + 4, Some(Fault::EndsBeforeStart));
        assert_eq!(
            Possible::ANY.faults(&[at(9, 8)]).0,
            [Some(Fault::EndsBeforeStart)]
        );
    }

    #[test]
    fn an_event_of_another_year_is_one() {
        let events = vec![SpanEvent {
            name: "e".to_owned(),
            time_ns: 7,
        }];
        let (faults, within) = Possible::of(&run()).faults(&[ServerSpan {
            events,
            ..at(START, START + 1)
        }]);
        assert_eq!(
            (
                faults.as_slice(),
                within.contains(7),
                within.contains(START)
            ),
            (&[Some(Fault::EventAway)][..], false, true)
        );
    }

    #[test]
    fn kinds_are_counted_and_named_the_most_frequent_first() {
        let mut found = ImpossibleTimes::default();
        assert_eq!(found.in_words(), None);
        found.add(
            &span("LoadIndex-1-2", SpanKind::Internal),
            Fault::OutsideTheRun,
        );
        let one = "1 span has times that can't be (1 x LoadIndex-# of standalone lies more than \
                   ten years outside the run)";
        assert_eq!(found.in_words().as_deref(), Some(one));
        (0..3).for_each(|_| {
            found.add(
                &span("SegCoreSearch", SpanKind::Internal),
                Fault::EndsBeforeStart,
            )
        });
        assert!(found.in_words().is_some_and(|words| {
            words.starts_with("4 spans have times that can't be (3 x SegCoreSearch of")
        }));
    }
}
