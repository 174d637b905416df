//! The course of each workload: how many requests of which latency ended in which second. From the
//! histograms of `latency.hlog`, so of every request, traced or not.

use std::collections::BTreeMap;

use crate::{
    analysis::{figures::quantiles::us, model::Course},
    record::{Figure, HistogramKey, Outcome, RunInfo, SecondCounts, StreamInfo},
};

/// Latency buckets per decade: 15 % wide.
const PER_DECADE: u32 = 16;
/// Columns of all workloads together, and of one: what a report has room for.
const ALL_COLUMNS: u64 = 720;
const MOST_COLUMNS: u64 = 240;
const LEAST_COLUMNS: u64 = 30;
/// Successes of a column below which a quantile of it would be one request's chance.
const LEAST_FOR_P50: u64 = 10;
const LEAST_FOR_P99: u64 = 100;

/// Latencies and outcomes of one second.
#[derive(Debug, Default)]
struct SecondOutcomes {
    /// Recorded values in nanoseconds with their number.
    values: BTreeMap<u64, u64>,
    /// By outcome and figure: one request has a value in several figures.
    others: BTreeMap<(Outcome, Figure), u64>,
}

/// Collects the seconds of every measured stream.
#[derive(Debug)]
pub(crate) struct CourseMaker<'a> {
    streams: &'a [StreamInfo],
    seconds: Vec<BTreeMap<u64, SecondOutcomes>>,
}

impl<'a> CourseMaker<'a> {
    /// Knows the streams of a run; preparation has no course worth drawing.
    pub(crate) fn new(info: &'a RunInfo) -> Self {
        Self {
            streams: &info.streams,
            seconds: info.streams.iter().map(|_| BTreeMap::new()).collect(),
        }
    }

    /// Adds what one line of `latency.hlog` holds.
    pub(crate) fn add(&mut self, key: &HistogramKey, second: &SecondCounts) {
        let found = self.streams.iter().position(|stream| {
            stream.is_measured()
                && !stream.is_preparation()
                && stream.is_of(&key.phase, &key.part, &key.workload)
        });
        let Some(at) = found else { return };
        let latency = self.streams[at].latency();
        // Other figures of a success count the same request again.
        if key.outcome == Outcome::Ok && key.figure != latency {
            return;
        }
        let into = self.seconds[at].entry(second.second).or_default();
        for (value, count) in &second.counts {
            *match key.outcome {
                Outcome::Ok => into.values.entry(*value).or_default(),
                outcome => into.others.entry((outcome, key.figure)).or_default(),
            } += count;
        }
    }

    /// The course of every stream that had one, by its number.
    pub(crate) fn finish(self) -> BTreeMap<usize, Course> {
        let drawn = self
            .seconds
            .iter()
            .filter(|seconds| !seconds.is_empty())
            .count() as u64;
        let columns = (ALL_COLUMNS / drawn.max(1)).clamp(LEAST_COLUMNS, MOST_COLUMNS);
        let made =
            self.seconds.iter().enumerate().filter_map(|(at, seconds)| {
                Some((at, course(seconds, &self.streams[at], columns)?))
            });
        made.collect()
    }
}

fn course(
    seconds: &BTreeMap<u64, SecondOutcomes>,
    stream: &StreamInfo,
    most_columns: u64,
) -> Option<Course> {
    let (first, last) = (*seconds.keys().next()?, *seconds.keys().next_back()?);
    let step_s = step(last - first + 1, most_columns);
    let mut course = Course {
        start_s: first as f64 - stream.start_ns as f64 / 1e9,
        step_s,
        per_decade: PER_DECADE,
        ..Course::default()
    };
    for from in (first..=last).step_by(step_s as usize) {
        course
            .covered_s
            .push(covered_s((from, from + step_s), stream));
        add_column(
            &mut course,
            seconds.range(from..from + step_s).map(|(_, second)| second),
        );
    }
    Some(course)
}

/// How much of the seconds in `column` lies between the start and the end of `stream`; a killed run
/// has no end.
fn covered_s((from, to): (u64, u64), stream: &StreamInfo) -> f64 {
    const SECOND_NS: u64 = 1_000_000_000;
    let (from, to) = (from.saturating_mul(SECOND_NS), to.saturating_mul(SECOND_NS));
    let end_ns = stream.end_ns.unwrap_or(u64::MAX);
    to.min(end_ns).saturating_sub(from.max(stream.start_ns)) as f64 / 1e9
}

/// Smallest readable width at which `seconds` fit the columns.
fn step(seconds: u64, most_columns: u64) -> u64 {
    let steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600];
    let fits = |step: &u64| seconds.div_ceil(*step) <= most_columns;
    steps
        .into_iter()
        .find(fits)
        .unwrap_or_else(|| seconds.div_ceil(most_columns))
}

fn add_column<'s>(course: &mut Course, seconds: impl Iterator<Item = &'s SecondOutcomes>) {
    let mut values: BTreeMap<u64, u64> = BTreeMap::new();
    let mut failed = 0;
    for second in seconds {
        second
            .values
            .iter()
            .for_each(|(value, count)| *values.entry(*value).or_default() += count);
        failed += second.other_requests();
    }
    let ok: u64 = values.values().sum();
    let mut cells: BTreeMap<i32, u64> = BTreeMap::new();
    values
        .iter()
        .for_each(|(value, count)| *cells.entry(bucket(*value)).or_default() += count);
    course.cells.push(cells.into_iter().collect());
    course.ok.push(ok);
    course.failed.push(failed);
    course
        .p50_us
        .push((ok >= LEAST_FOR_P50).then(|| us(quantile(&values, ok, 0.5))));
    course
        .p99_us
        .push((ok >= LEAST_FOR_P99).then(|| us(quantile(&values, ok, 0.99))));
    course
        .max_us
        .push(values.keys().next_back().map(|value| us(*value)));
}

impl SecondOutcomes {
    /// A request that was not sent has no service time, and one of a closed loop no lag: the
    /// largest count is that of all.
    fn other_requests(&self) -> u64 {
        let mut most: BTreeMap<Outcome, u64> = BTreeMap::new();
        for ((outcome, _), count) in &self.others {
            let known = most.entry(*outcome).or_default();
            *known = (*known).max(*count);
        }
        most.values().sum()
    }
}

fn bucket(value_ns: u64) -> i32 {
    (us(value_ns.max(1)).log10() * f64::from(PER_DECADE)).floor() as i32
}

/// Nearest rank, as everywhere.
fn quantile(values: &BTreeMap<u64, u64>, count: u64, q: f64) -> u64 {
    let rank = (q * count as f64 - 1e-9).ceil().max(1.0) as u64;
    let mut below = 0;
    for (value, count) in values {
        below += count;
        if below >= rank {
            return *value;
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use hdrhistogram::Histogram;

    use super::*;
    use crate::record::Part;

    fn info() -> RunInfo {
        let stream = |phase: &str| StreamInfo {
            phase: phase.to_owned(),
            part: Some(Part::Measured),
            workload: "w".to_owned(),
            open_loop: true,
            start_ns: 2_500_000_000,
            ..StreamInfo::default()
        };
        RunInfo {
            streams: vec![stream("p"), stream("prepare")],
            ..RunInfo::default()
        }
    }

    fn counts(second: u64, values_us: &[u64]) -> SecondCounts {
        let mut histogram = Histogram::new_with_bounds(1, 3_600_000_000_000, 3).unwrap();
        values_us
            .iter()
            .for_each(|value| histogram.record(value * 1_000).unwrap());
        SecondCounts::new(second, &histogram)
    }

    /// The course after (second, figure, outcome, latencies in us) were added.
    fn made(rows: &[(u64, Figure, Outcome, &[u64])]) -> Option<Course> {
        let info = info();
        let mut maker = CourseMaker::new(&info);
        for (second, figure, outcome, values) in rows {
            for phase in ["p", "prepare"] {
                let (phase, workload) = (phase.to_owned(), "w".to_owned());
                let key = HistogramKey {
                    phase,
                    part: Part::Measured,
                    workload,
                    figure: *figure,
                    outcome: *outcome,
                };
                maker.add(&key, &counts(*second, values));
            }
        }
        let mut all = maker.finish();
        assert!(!all.contains_key(&1), "preparation is not drawn");
        all.remove(&0)
    }

    #[test]
    fn columns_are_seconds_after_the_parts_start_without_gaps() {
        let rows = [
            (
                3,
                Figure::ResponseTime,
                Outcome::Ok,
                &[1_000, 1_010, 20_000][..],
            ),
            (5, Figure::ResponseTime, Outcome::Ok, &[1_000]),
        ];
        let course = made(&rows).unwrap();
        assert_eq!((course.start_s, course.step_s), (0.5, 1));
        assert_eq!(
            (course.ok.as_slice(), course.failed.as_slice()),
            (&[3, 0, 1][..], &[0, 0, 0][..])
        );
        assert_eq!(
            course.cells,
            [vec![(48, 2), (68, 1)], vec![], vec![(48, 1)]]
        );
        assert_eq!(course.max_us[1], None);
    }

    #[test]
    fn columns_say_how_much_of_them_lies_within_the_part() {
        // From 2.5 s on, as in load tests that begin when preparation happens to end.
        let of = |end_ns, column| {
            covered_s(
                column,
                &StreamInfo {
                    start_ns: 2_500_000_000,
                    end_ns,
                    ..StreamInfo::default()
                },
            )
        };
        for (column, expected) in [
            ((2, 3), 0.5),
            ((3, 4), 1.0),
            ((4, 5), 0.9),
            ((5, 6), 0.0),
            ((2, 7), 2.4),
            ((0, 2), 0.0),
        ] {
            assert_eq!(of(Some(4_900_000_000), column), expected, "{column:?}");
        }
        assert_eq!(
            [(2, 3), (90, 100)].map(|column| of(None, column)),
            [0.5, 10.0]
        );
        let rows = [
            (2, Figure::ResponseTime, Outcome::Ok, &[1_000][..]),
            (4, Figure::ResponseTime, Outcome::Ok, &[1_000]),
        ];
        assert_eq!(made(&rows).unwrap().covered_s, [0.5, 1.0, 1.0]);
    }

    #[test]
    fn other_figures_are_not_drawn_and_failures_are_counted_once() {
        let timeout = Outcome::Timeout;
        let rows = [
            (3, Figure::ServiceTime, Outcome::Ok, &[1_000][..]),
            (3, Figure::ResponseTime, timeout, &[9_000, 9_000]),
            (3, Figure::ServiceTime, timeout, &[9_000, 9_000]),
            (3, Figure::SendLag, Outcome::NotSent, &[9_000]),
        ];
        let course = made(&rows).unwrap();
        assert_eq!((course.ok[0], course.failed[0]), (0, 3));
        assert_eq!(made(&[]), None);
    }

    #[test]
    fn quantiles_need_enough_requests() {
        let latencies: Vec<u64> = (1..=100).collect();
        let rows = [
            (3, Figure::ResponseTime, Outcome::Ok, latencies.as_slice()),
            (4, Figure::ResponseTime, Outcome::Ok, &latencies[..99]),
        ];
        let course = made(&rows).unwrap();
        let near = |found: Option<f64>, expected: f64| {
            found.is_some_and(|found| (found / expected - 1.0).abs() < 0.002)
        };
        assert!(
            near(course.p50_us[0], 50.0) && near(course.p99_us[0], 99.0),
            "{:?} {:?}",
            course.p50_us,
            course.p99_us
        );
        assert!(course.p50_us[1].is_some() && course.p99_us[1].is_none());
    }

    #[test]
    fn long_parts_have_wider_columns() {
        for (seconds, columns, expected) in [
            (10, 240, 1),
            (240, 240, 1),
            (241, 240, 2),
            (600, 240, 5),
            (86_400, 240, 600),
            (9_999_999, 240, 41_667),
        ] {
            assert_eq!(step(seconds, columns), expected, "{seconds} {columns}");
        }
    }
}
