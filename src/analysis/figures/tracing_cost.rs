//! What being traced adds to a request: traced against not traced ones of one run, which are a
//! randomised experiment, since a hash of the request's id decides.

use std::collections::BTreeMap;

use crate::{
    analysis::{
        figures::{intervals::Window, quantiles},
        model::{TotalTracingCost, TracingCost},
        requests::request::Request,
        statistics::{
            contrast::{self, Group, Seconds},
            interval,
            rng::seed_of,
            series::{Second, Series},
        },
    },
    record::{SecondCounts, TracingSwitch},
};

/// Successes below which neither group says anything.
const LEAST: u64 = 200;

/// When tracing was on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Switched {
    pub(crate) switch: TracingSwitch,
    /// Start of the phase, nanoseconds of the run.
    pub(crate) start_ns: u64,
}

impl Switched {
    /// The block that second `at` of `window` lies in, if it does so whole. The first one of a
    /// block is left to requests of the block before.
    fn block(&self, window: Window, at: usize) -> Option<u64> {
        let (begin, end) = window.ends_ns(at);
        let block_of = |ns: u64| {
            ns.checked_sub(self.start_ns)
                .map(|ns| self.switch.block(ns))
        };
        let block = block_of(begin.saturating_sub(1_000_000_000))?;
        (block_of(end - 1) == Some(block)).then_some(block)
    }
}

/// The direct cost. `seconds` are the histograms of the latency of all successes, `requests` the
/// traced requests; the `names` of run and workload are the seed. `bucket` gives the value that a
/// histogram keeps of another.
pub(crate) fn cost<'a>(
    window: Window,
    seconds: impl Iterator<Item = &'a SecondCounts>,
    requests: &[Request],
    (bucket, switched): (impl Fn(u64) -> u64, Option<Switched>),
    names: &[&str],
) -> Option<TracingCost> {
    let traced = || {
        requests
            .iter()
            .filter(|request| request.ok)
            .map(|request| (request.done_ns, bucket(request.latency_ns()) as i64))
    };
    let (of_all, of_traced) = (window.of_counts(seconds), window.of_values(traced()));
    let total = switched.and_then(|switched| total(window, &of_all, &switched));
    // Where nothing was traced there is no experiment.
    let on = |at: usize| {
        switched.is_none_or(|on| {
            on.block(window, at)
                .is_some_and(|block| on.switch.is_on(block))
        })
    };
    let only = |series: Series| {
        let seconds = series.seconds().iter().enumerate().map(|(at, second)| {
            if on(at) {
                second.clone()
            } else {
                Second::default()
            }
        });
        Series::new(seconds.collect())
    };
    let direct = direct(window, &only(of_all), &only(of_traced), names);
    let found = direct.or_else(|| total.is_some().then(TracingCost::default))?;
    Some(TracingCost { total, ..found })
}

/// Blocks against their neighbours.
fn total(window: Window, of_all: &Series, switched: &Switched) -> Option<TotalTracingCost> {
    // Sum and number of the latencies of each block.
    let mut blocks: BTreeMap<u64, (f64, u64)> = BTreeMap::new();
    for (at, second) in of_all.seconds().iter().enumerate() {
        if let Some(block) = switched.block(window, at) {
            let (sum, count) = blocks.entry(block).or_default();
            (*sum, *count) = (*sum + second.sum(), *count + second.count());
        }
    }
    let mean = |block: u64| {
        blocks
            .get(&block)
            .filter(|(_, count)| *count > 0)
            .map(|(sum, count)| sum / *count as f64 / 1_000.0)
    };
    let last = blocks.keys().next_back().copied().unwrap_or(0);
    let pairs = (0..=last / 2).filter_map(|pair| {
        let (first, second) = (mean(2 * pair)?, mean(2 * pair + 1)?);
        Some(if switched.switch.is_on(2 * pair) {
            first - second
        } else {
            second - first
        })
    });
    let pairs: Vec<f64> = pairs.collect();
    let ends = interval::of_independent(&pairs).map(|(_, low, high)| (low, high));
    (!pairs.is_empty()).then(|| TotalTracingCost {
        pairs: pairs.len() as u64,
        mean_difference_us: pairs.iter().sum::<f64>() / pairs.len() as f64,
        low_us: ends.map(|(low, _)| low),
        high_us: ends.map(|(_, high)| high),
    })
}

/// Traced against not traced requests of the same seconds.
fn direct(
    window: Window,
    of_all: &Series,
    of_traced: &Series,
    names: &[&str],
) -> Option<TracingCost> {
    let not_traced = of_all.count().checked_sub(of_traced.count())?;
    if of_traced.count().min(not_traced) < LEAST {
        return None;
    }
    let (mut one, mut other) = (
        Group::new(window.seconds(), 1),
        Group::new(window.seconds(), 1),
    );
    for (at, (all, traced)) in of_all.seconds().iter().zip(of_traced.seconds()).enumerate() {
        one.add_sum(at, traced.count() as f64, traced.sum());
        // A damaged file may have lost a second of the histograms.
        other.add_sum(
            at,
            all.count().saturating_sub(traced.count()) as f64,
            (all.sum() - traced.sum()).max(0.0),
        );
    }
    let mean = |series: (f64, u64)| series.0 / series.1.max(1) as f64;
    let sum = |series: &Series| series.seconds().iter().map(Second::sum).sum::<f64>();
    let mean_difference = mean((sum(of_traced), of_traced.count()))
        - mean((sum(of_all) - sum(of_traced), not_traced));
    let ends = contrast::contrast(
        &one,
        &other,
        Seconds::Same,
        seed_of(names) ^ seed_of(&["tracing"]),
    )
    .difference;
    let median = |value: Option<i64>| quantiles::us(value.unwrap_or(0));
    Some(TracingCost {
        traced: of_traced.count(),
        not_traced,
        mean_difference_us: mean_difference / 1_000.0,
        low_us: ends.map(|(low, _)| low / 1_000.0),
        high_us: ends.map(|(_, high)| high / 1_000.0),
        median_difference_us: median(of_traced.quantile(0.5))
            - median(median_without(of_all, of_traced)),
        total: None,
    })
}

/// Median of what is in `all` and not in `some`: the smallest value that half of it is at or below.
fn median_without(all: &Series, some: &Series) -> Option<i64> {
    let at_most = |series: &Series, value: i64| {
        series
            .seconds()
            .iter()
            .map(|second| second.at_most(value))
            .sum::<u64>()
    };
    let half = all.count().saturating_sub(some.count()).div_ceil(2);
    let below = all
        .values()
        .partition_point(|value| at_most(all, *value).saturating_sub(at_most(some, *value)) < half);
    all.values().get(below).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::statistics::rng::Rng;

    fn request(done_ns: u64, latency_ns: u64) -> Request {
        Request {
            seq: 0,
            trace_id: 1,
            span_id: 1,
            intended_ns: None,
            sent_ns: done_ns - latency_ns,
            done_ns,
            ok: true,
            class: None,
            state: None,
            account: None,
        }
    }

    /// Two minutes of a hundred requests a second of 1 to 2 ms, every `every`-th of them traced and
    /// slower by `by_ns`.
    fn made(every: usize, by_ns: u64, seed: u64) -> Option<TracingCost> {
        let mut rng = Rng::new(seed);
        let (mut seconds, mut requests) = (Vec::new(), Vec::new());
        for second in 0..120_u64 {
            let mut counts = Vec::new();
            for at in 0..100_usize {
                let traced = (second as usize * 100 + at).is_multiple_of(every);
                let latency =
                    1_000_000 + rng.below(1_000_000) as u64 + if traced { by_ns } else { 0 };
                counts.push((latency, 1));
                if traced {
                    requests.push(request(second * 1_000_000_000 + 500_000_000, latency));
                }
            }
            let sum_ns = counts.iter().map(|(value, _)| *value as f64).sum();
            seconds.push(SecondCounts {
                second,
                counts,
                sum_ns,
            });
        }
        let window = Window::new(0, 120_000_000_000).expect("two minutes");
        cost(
            window,
            seconds.iter(),
            &requests,
            (|value| value, None),
            &["run"],
        )
    }

    /// Forty blocks of five seconds of ten requests each; a traced block's are slower by `by_ns`.
    fn switched(blocks: u64, by_ns: f64) -> Option<TotalTracingCost> {
        let switch = TracingSwitch {
            every_ns: 5_000_000_000,
            seed: 11,
        };
        // The phase begins within a second of the run.
        let start_ns = 2_300_000_000;
        let mut rng = Rng::new(5);
        let second = |second: u64| {
            let block =
                switch.block((second * 1_000_000_000 + 500_000_000_u64).saturating_sub(start_ns));
            // The level wanders slowly: neighbours share it.
            let level = 1e6 + 1e5 * (second as f64 / 40.0).sin();
            let latency = level + rng.unit() * 1e4 + if switch.is_on(block) { by_ns } else { 0.0 };
            SecondCounts {
                second,
                counts: vec![(latency as u64, 10)],
                sum_ns: 10.0 * latency,
            }
        };
        let seconds: Vec<SecondCounts> = (2..2 + 5 * blocks).map(second).collect();
        let window = Window::new(start_ns, start_ns + 5 * blocks * 1_000_000_000).expect("seconds");
        cost(
            window,
            seconds.iter(),
            &[],
            (|value| value, Some(Switched { switch, start_ns })),
            &["run"],
        )?
        .total
    }

    #[test]
    fn blocks_with_tracing_are_held_against_their_neighbours() {
        let found = switched(40, 50_000.0).expect("twenty pairs");
        let (low, high) = (found.low_us.unwrap(), found.high_us.unwrap());
        assert!(
            found.pairs == 20 && low < 50.0 && 50.0 < high && high - low < 20.0,
            "{found:?}"
        );
        let none = switched(40, 0.0).expect("twenty pairs");
        assert!(
            none.low_us.unwrap() < 0.0 && none.high_us.unwrap() > 0.0,
            "{none:?}"
        );
        let few = switched(4, 50_000.0).expect("two pairs");
        assert_eq!((few.pairs, few.low_us, few.high_us), (2, None, None));
    }

    /// How many of forty runs have intervals that hold what was added.
    fn covered(by_ns: u64) -> usize {
        let held = |seed| {
            let found = made(4, by_ns, seed).expect("enough of both");
            assert_eq!((found.traced, found.not_traced), (3_000, 9_000));
            let (low, high, by_us) = (
                found.low_us.unwrap(),
                found.high_us.unwrap(),
                by_ns as f64 / 1_000.0,
            );
            assert!(
                low < found.mean_difference_us
                    && found.mean_difference_us < high
                    && high - low < 60.0,
                "{found:?}"
            );
            assert!(
                (found.median_difference_us - by_us).abs() < 60.0,
                "{found:?}"
            );
            low <= by_us && by_us <= high
        };
        (0..40).filter(|seed| held(*seed)).count()
    }

    #[test]
    fn what_was_added_is_within_the_interval() {
        assert!(covered(200_000) >= 35, "{}", covered(200_000));
    }

    #[test]
    fn nothing_added_is_not_told_from_zero() {
        assert!(covered(0) >= 35, "{}", covered(0));
    }

    #[test]
    fn too_few_of_either_say_nothing() {
        assert_eq!(made(1, 0, 7), None);
        assert_eq!(made(100, 0, 7), None);
    }
}
