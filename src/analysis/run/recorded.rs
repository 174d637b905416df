//! Until when a run is recorded. Counts come from `latency.hlog`, so rates are over the time that
//! it has: a killed process and a full disk leave files that end at different moments.

use crate::record::{FigureHistograms, RunReader, StreamInfo};

const SECOND_NS: u64 = 1_000_000_000;

/// Where the record of a run ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Recorded {
    /// End of the last second of `latency.hlog`; None where it has none.
    until_ns: Option<u64>,
    /// Whether the load went on after that.
    pub(crate) cut: bool,
}

impl Recorded {
    /// Looks at what the files hold.
    pub(crate) fn of(reader: &RunReader, histograms: &FigureHistograms) -> Self {
        let info = reader.info();
        let last = histograms
            .seconds
            .values()
            .flatten()
            .map(|second| second.second)
            .max();
        let whole = info.cut.as_ref().map(|cut| cut.second);
        let until = whole.or(last.map(|last| last.saturating_add(1)));
        let cut = whole.is_some()
            || histograms.damage.is_some()
            || reader.changed_file("latency.hlog").is_some();
        Self {
            until_ns: until.map(|second| second.saturating_mul(SECOND_NS)),
            cut,
        }
    }

    /// When the part of `stream` ended, as far as it is recorded. `last_done_ns`: the last end of a
    /// request that has a line.
    pub(crate) fn end_ns(self, stream: &StreamInfo, last_done_ns: u64) -> u64 {
        let until = self.until_ns.unwrap_or(last_done_ns);
        let end = match stream.end_ns {
            Some(end) if self.cut => end.min(until),
            Some(end) => end,
            // It was not noted any more, so it lies between what is recorded and what was planned.
            None => stream
                .planned_end_ns
                .map_or(until, |planned| planned.min(until)),
        };
        end.max(stream.start_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = SECOND_NS;

    #[track_caller]
    fn check(
        recorded: (Option<u64>, bool),
        (start, end, planned): (u64, Option<u64>, Option<u64>),
        expected: u64,
    ) {
        let stream = StreamInfo {
            start_ns: start,
            end_ns: end,
            planned_end_ns: planned,
            ..StreamInfo::default()
        };
        let (until_ns, cut) = recorded;
        assert_eq!(Recorded { until_ns, cut }.end_ns(&stream, 7 * S), expected);
    }

    #[test]
    fn a_part_that_ended_is_as_long_as_it_was() {
        check(
            (Some(9 * S), false),
            (S, Some(8 * S + 5), Some(9 * S)),
            8 * S + 5,
        );
        // Nothing ended in its last seconds.
        check((Some(4 * S), false), (S, Some(8 * S), None), 8 * S);
    }

    #[test]
    fn a_part_that_was_cut_is_as_long_as_its_record() {
        check((Some(5 * S), true), (S, Some(8 * S), Some(8 * S)), 5 * S);
        check((Some(9 * S), true), (S, Some(8 * S), Some(8 * S)), 8 * S);
        check((Some(S), true), (2 * S, Some(8 * S), None), 2 * S);
    }

    #[test]
    fn a_part_without_an_end_reaches_to_the_last_second_and_not_beyond_the_plan() {
        check(
            (Some(9 * S), false),
            (S + 5, None, Some(8 * S + 5)),
            8 * S + 5,
        );
        check((Some(5 * S), false), (S, None, Some(8 * S)), 5 * S);
        check((Some(5 * S), false), (S, None, None), 5 * S);
        check((None, false), (S, None, Some(8 * S)), 7 * S);
    }
}
