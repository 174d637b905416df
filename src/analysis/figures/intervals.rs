//! The seconds of a stream as series, and the ends of the intervals of its figures.

use crate::{
    analysis::{
        figures::quantiles::QUANTILES,
        model::Quantiles,
        statistics::{
            interval::{self, Interval},
            rng::seed_of,
            series::{Second, Series},
        },
    },
    record::SecondCounts,
};

/// Longest part whose seconds are looked at, a week: the times of a damaged run.json may be
/// anything.
const MOST_SECONDS: u64 = 604_800;

/// The seconds that a part touches, counted from the run's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    first: u64,
    count: u64,
}

impl Window {
    /// The seconds from `start_ns` to `end_ns`; None where there are none, or too many to be true.
    pub(crate) fn new(start_ns: u64, end_ns: u64) -> Option<Self> {
        let first = start_ns / 1_000_000_000;
        let count = end_ns.div_ceil(1_000_000_000).checked_sub(first)?;
        (1..=MOST_SECONDS)
            .contains(&count)
            .then_some(Self { first, count })
    }

    /// The series of recorded seconds.
    pub(crate) fn of_counts<'a>(self, seconds: impl Iterator<Item = &'a SecondCounts>) -> Series {
        let mut found = vec![(Vec::new(), 0.0); self.count as usize];
        for second in seconds {
            let (counts, sum) = &mut found[self.place(second.second)];
            counts.extend(
                second
                    .counts
                    .iter()
                    .map(|(value, count)| (i64::try_from(*value).unwrap_or(i64::MAX), *count)),
            );
            *sum += second.sum_ns;
        }
        Series::new(
            found
                .into_iter()
                .map(|(counts, sum)| Second::new(counts, sum))
                .collect(),
        )
    }

    /// The series of single values, each with the time at which it ended.
    pub(crate) fn of_values(self, values: impl Iterator<Item = (u64, i64)>) -> Series {
        let mut found = vec![Vec::new(); self.count as usize];
        for (done_ns, value) in values {
            found[self.at(done_ns)].push(value);
        }
        Series::new(
            found
                .iter()
                .map(|values| Second::of_values(values))
                .collect(),
        )
    }

    /// Number of seconds.
    pub(crate) fn seconds(self) -> usize {
        self.count as usize
    }

    /// The run's time of second `at` of these, nanoseconds: its begin and its end.
    pub(crate) fn ends_ns(self, at: usize) -> (u64, u64) {
        let begin = (self.first + at as u64) * 1_000_000_000;
        (begin, begin + 1_000_000_000)
    }

    /// Place, below [`Self::seconds`], of a time of the run.
    pub(crate) fn at(self, ns: u64) -> usize {
        self.place(ns / 1_000_000_000)
    }

    /// Requests of the part that ended after it belong to its last second.
    fn place(self, second: u64) -> usize {
        second.saturating_sub(self.first).min(self.count - 1) as usize
    }
}

/// Adds the ends of the intervals to `quantiles` of `series`, which is in nanoseconds. The `names`
/// of run, workload and figure are the seed.
pub(crate) fn add(quantiles: &mut Quantiles, series: &Series, names: &[&str]) {
    for (key, estimate) in quantiles.iter_mut() {
        let seed = seed_of(names) ^ seed_of(&[key]);
        let q = QUANTILES
            .iter()
            .find(|(known, _)| known == key)
            .map(|(_, q)| *q);
        let Interval { low, high, why_not } = match q {
            // A larger one may always come.
            Some(1.0) => continue,
            Some(q) => interval::of_quantile(series, q, seed),
            None => interval::of_mean(series, seed),
        };
        let in_us = |end_ns: f64| end_ns / 1_000.0;
        estimate.low = low.map(in_us);
        // Where failures would make it larger, by how much is not known.
        (estimate.high, estimate.why_not) = if estimate.at_least {
            (None, None)
        } else {
            (high.map(in_us), why_not)
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::{figures::quantiles, statistics::rng::Rng};

    fn check_window(start_ns: u64, end_ns: u64, expected: Option<(u64, u64)>) {
        assert_eq!(
            Window::new(start_ns, end_ns).map(|window| (window.first, window.count)),
            expected,
            "{start_ns} {end_ns}"
        );
    }

    #[test]
    fn a_window_has_every_second_that_is_touched() {
        check_window(0, 10_000_000_000, Some((0, 10)));
        check_window(1_500_000_000, 3_100_000_000, Some((1, 3)));
        check_window(5, 5, Some((0, 1)));
        check_window(0, 0, None);
        check_window(9_000_000_000, 1, None);
        check_window(0, u64::MAX, None);
    }

    #[test]
    fn lines_of_one_second_are_added_and_late_ones_are_of_the_last() {
        let line = |second, value, count| SecondCounts {
            second,
            counts: vec![(value, count)],
            sum_ns: (value * count) as f64,
        };
        let lines = [line(3, 10, 2), line(3, 5, 1), line(5, 7, 1), line(9, 8, 4)];
        let series = Window::new(3_000_000_000, 6_000_000_000)
            .unwrap()
            .of_counts(lines.iter());
        let counts: Vec<u64> = series.seconds().iter().map(Second::count).collect();
        assert_eq!(
            (counts, series.mean(), series.quantile(1.0)),
            (vec![3, 0, 5], Some(64.0 / 8.0), Some(10))
        );
    }

    /// Four minutes of 50 requests a second, each with a time of its own between 1 and 2 ms.
    fn four_minutes() -> Vec<(u64, i64)> {
        let mut rng = Rng::new(2);
        (0..12_000)
            .map(|at| (at * 20_000_000, 1_000_000 + rng.below(1_000_000) as i64))
            .collect()
    }

    fn added(at_least: bool) -> Quantiles {
        let values = four_minutes();
        let mut found =
            quantiles::of_values(&mut values.iter().map(|(_, value)| *value).collect::<Vec<_>>())
                .unwrap();
        found
            .values_mut()
            .for_each(|estimate| estimate.at_least = at_least);
        add(
            &mut found,
            &Window::new(0, 240_000_000_000)
                .unwrap()
                .of_values(values.into_iter()),
            &["run"],
        );
        found
    }

    #[test]
    fn ends_are_in_microseconds_and_the_maximum_has_none() {
        let found = added(false);
        for key in ["p50", "p90", "p99", "mean"] {
            let estimate = &found[key];
            let (low, high) = (estimate.low.expect(key), estimate.high.expect(key));
            assert!(
                low < estimate.value && estimate.value < high && high - low < 60.0,
                "{key}: {estimate:?}"
            );
        }
        assert_eq!(
            (found["max"].low, found["max"].high, found["max"].why_not),
            (None, None, None)
        );
        assert!(
            found["p99.9"].low.is_some()
                && found["p99.9"].high.is_none()
                && found["p99.9"].why_not.is_some()
        );
    }

    #[test]
    fn a_lower_bound_has_no_upper_end() {
        let p50 = &added(true)["p50"];
        assert!(
            p50.low.is_some() && p50.high.is_none() && p50.why_not.is_none(),
            "{p50:?}"
        );
    }
}
