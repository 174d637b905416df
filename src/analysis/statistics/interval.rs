//! The 95 % interval of a quantile or a mean, or why there is none and how long a run would give
//! one.
//!
//! The percentile interval of the stationary bootstrap, with corrections that its measured coverage
//! asked for (see the bench `coverage`):
//!
//! - The levels are expanded as a t interval with one value per block would be: Hesterberg, "What
//!   Teachers Should Know About the Bootstrap" (The American Statistician 69, 2015), "expanded
//!   percentile interval".
//! - They are stretched by what blocks of finite length lose of the variance ([`Memory::stretch`]).
//! - The upper end of a quantile is at least that of Woodruff, "Confidence Intervals for Medians
//!   and Other Position Measures" (Journal of the American Statistical Association 47, 1952).
//! - The upper end is also at least what stalls that come at random allow: a run that met few of
//!   them resamples few of them, and how many there are of a kind is uncertain as a Poisson number
//!   is: module `stalls`.
//!
//! What a run met must not decide whether its interval is printed: of the runs of one process,
//! those that met few stalls would have one, and they are the ones that are wrong. So the length of
//! the blocks is chosen from the ranks of the seconds, in which the two seconds of a stall are two
//! high ones among many; that they belong together is in the stretch. (Of a quantile beyond which
//! most seconds have nothing, all that have something are equally high: there it still decides, in
//! runs of a minute.) And an upper end is withheld by the length of the run alone (`upper_end_s`),
//! not by how many blocks hold what lies beyond it.

use serde::{Deserialize, Serialize};

use super::{
    block_length::{self, Memory},
    bootstrap::{self, Resampler},
    series::Series,
    stalls,
};

/// Blocks of the chosen length below which there is no interval.
const BLOCKS: f64 = 20.0;
/// Requests beyond the quantile below which there is no upper end.
const BEYOND: f64 = 20.0;
/// What of the run's length lies beyond the quantile, seconds, below which there is no upper end: a
/// few stalls last as long, and a run that met none says nothing of them. The quantile 0.99 has one
/// from 200 s, that of 0.999 from 2,000 s.
const BEYOND_S: f64 = 2.0;
/// Length of a run below which there is no upper end of its mean, or of a quantile above the
/// median, seconds: a minute meets too few stalls that come every 15 s.
const LEAST_RUN_OF_UPPER_ENDS_S: f64 = 100.0;
/// Shortest run that mostly has an interval where its seconds are independent (see the bench): what
/// shorter ones show of their memory says little.
const LEAST_RUN_S: f64 = 60.0;
/// The normal distribution's quantile of 0.975.
pub(super) const Z: f64 = 1.959_963_984_540_054;

/// The 95 % interval of one figure, in its unit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Interval {
    /// Lower end; None where there is no interval.
    pub low: Option<f64>,
    /// Upper end; None where there is no interval, or only its lower end.
    pub high: Option<f64>,
    /// Why an end is missing; None where both are there, or where there is nothing to measure.
    pub why_not: Option<NoInterval>,
}

/// Why an interval lacks an end.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct NoInterval {
    /// What there is too little of.
    pub lacks: Lack,
    /// How long a run like this one would have to be to have both ends, seconds; an estimate.
    pub needed_s: f64,
}

/// What an interval needs and a run had too little of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lack {
    /// Blocks of seconds that are independent of each other: there is no interval.
    Blocks,
    /// Requests beyond the quantile: there is no upper end.
    RequestsBeyond,
    /// Seconds of the run, for a quantile so far up, or a mean: there is no upper end.
    Seconds,
}

impl NoInterval {
    /// With at least `needed_s`, which the upper end needs.
    fn and(self, needed_s: f64) -> Self {
        Self {
            needed_s: self.needed_s.max((needed_s - 1e-6).ceil()),
            ..self
        }
    }
}

/// Interval of quantile `q`, in (0, 1), of `series`. The same seed gives the same interval.
#[must_use]
pub fn of_quantile(series: &Series, q: f64, seed: u64) -> Interval {
    let Some(value) = series.quantile(q) else {
        return Interval::default();
    };
    let length_s =
        mean_block_length_s(series).max(ranked_length_s(series, &series.rates_above(value)));
    of_quantile_in_blocks(series, q, length_s, seed)
}

/// The same with blocks of a mean length of `length_s`, for whoever wants to see what the length
/// does.
#[must_use]
pub fn of_quantile_in_blocks(series: &Series, q: f64, length_s: f64, seed: u64) -> Interval {
    let Some(value) = series.quantile(q) else {
        return Interval::default();
    };
    let blocks = Blocks::new(series.seconds().len(), length_s);
    let Blocks {
        seconds,
        length_s,
        count,
    } = blocks;
    let needed_s = upper_end_s(q);
    if let Some(why_not) = too_few(seconds, length_s) {
        return Interval {
            why_not: Some(why_not.and(needed_s)),
            ..Interval::default()
        };
    }
    let memory = Memory::of(&series.shares_above(value));
    let stretch = memory.stretch(length_s);
    let z = stretch * expanded(count);
    let resampled = bootstrap::quantiles(
        series,
        q,
        &mut Resampler::new(series.seconds().len(), length_s, seed),
    );
    let at = level(z, resampled.len());
    let low = Some(resampled[at] as f64);
    let beyond = series.above(value).iter().sum::<u64>() as f64;
    // The slack keeps 2 / 0.01 = 200.00000000000003 from being more than 200.
    let lacks = if seconds < needed_s - 1e-6 {
        Some(Lack::Seconds)
    } else {
        (beyond < BEYOND).then_some(Lack::RequestsBeyond)
    };
    if let Some(lacks) = lacks {
        let for_requests_s = (seconds * BEYOND / beyond.max(BEYOND / 1e3)).ceil();
        return Interval {
            low,
            high: None,
            why_not: Some(
                NoInterval {
                    lacks,
                    needed_s: for_requests_s,
                }
                .and(needed_s),
            ),
        };
    }
    let percentile = resampled[resampled.len() - 1 - at];
    // How many requests would be beyond the true quantile if it were as far up as can be.
    let deviation = (memory.bootstrap_variance(length_s).max(0.0) * seconds).sqrt();
    let left = (1.0 - q - z * deviation / series.count() as f64).max(0.0);
    let woodruff = series.quantile(1.0 - left).unwrap_or(percentile);
    let stalls = stalls::highest_quantile(&blocks, series, q, stretch * Z).unwrap_or(percentile);
    Interval {
        low,
        high: Some(percentile.max(woodruff).max(stalls) as f64),
        why_not: None,
    }
}

/// Interval of the mean of `series`.
#[must_use]
pub fn of_mean(series: &Series, seed: u64) -> Interval {
    let memory = Memory::of(&series.shares_of_mean());
    let blocks = Blocks::new(series.seconds().len(), mean_block_length_s(series));
    let Blocks {
        seconds,
        length_s,
        count,
    } = blocks;
    if series.count() == 0 {
        return Interval::default();
    }
    if let Some(why_not) = too_few(seconds, length_s) {
        return Interval {
            why_not: Some(why_not.and(LEAST_RUN_OF_UPPER_ENDS_S)),
            ..Interval::default()
        };
    }
    let resampled = bootstrap::means(
        series,
        &mut Resampler::new(series.seconds().len(), length_s, seed),
    );
    let stretch = memory.stretch(length_s);
    let at = level(stretch * expanded(count), resampled.len());
    let low = resampled.get(at).copied();
    if seconds < LEAST_RUN_OF_UPPER_ENDS_S {
        let why_not = Some(NoInterval {
            lacks: Lack::Seconds,
            needed_s: LEAST_RUN_OF_UPPER_ENDS_S,
        });
        return Interval {
            low,
            high: None,
            why_not,
        };
    }
    let highest = stalls::highest_mean(&blocks, series, stretch * Z);
    Interval {
        low,
        high: resampled.iter().rev().nth(at).map(|end| end.max(highest)),
        why_not: None,
    }
}

/// The same error from too short blocks counts for every figure, so the blocks of all quantiles are
/// at least as long as the mean's.
fn mean_block_length_s(series: &Series) -> f64 {
    ranked_length_s(series, &series.means())
}

/// The block length that the ranks of `values` ask for, which are one for each second of `series`
/// with anything in it.
fn ranked_length_s(series: &Series, values: &[f64]) -> f64 {
    block_length::of_ranks(values) * series.seconds().len() as f64 / values.len().max(1) as f64
}

/// How long a run must be for an upper end of its quantile `q`, seconds.
fn upper_end_s(q: f64) -> f64 {
    (BEYOND_S / (1.0 - q)).max(if q > 0.5 {
        LEAST_RUN_OF_UPPER_ENDS_S
    } else {
        0.0
    })
}

/// A run cut into blocks.
pub(super) struct Blocks {
    pub(super) seconds: f64,
    pub(super) length_s: f64,
    /// Number of blocks, with a fraction.
    pub(super) count: f64,
}

impl Blocks {
    pub(super) fn new(seconds: usize, length_s: f64) -> Self {
        let seconds = seconds as f64;
        // Hundredths of a second, so that the last bits of a library's roots change nothing.
        let length_s = (length_s.max(1.0) * 100.0).round() / 100.0;
        Self {
            seconds,
            length_s,
            count: seconds / length_s,
        }
    }

    /// Sums over the blocks.
    pub(super) fn sums(&self, seconds: impl Iterator<Item = f64>) -> Vec<f64> {
        let mut sums = vec![0.0; (self.count as usize).max(1)];
        let last = sums.len() - 1;
        for (second, value) in seconds.enumerate() {
            sums[((second as f64 / self.length_s) as usize).min(last)] += value;
        }
        sums
    }

    /// How many blocks the variance of `shares` effectively comes from: where they are normally
    /// distributed, all; where a few stalls make the most of it, about as many as those.
    pub(super) fn effective(&self, shares: &[f64]) -> f64 {
        let sums = self.sums(shares.iter().copied());
        let (squares, fourths) = sums.iter().fold((0.0, 0.0), |(squares, fourths), sum| {
            (squares + sum * sum, fourths + sum.powi(4))
        });
        // The fourth moment of the normal distribution is three times the square of the second.
        if fourths > 0.0 {
            3.0 * squares * squares / fourths
        } else {
            f64::INFINITY
        }
    }
}

/// Whether a run of `seconds` has too few blocks of `length_s`. The best length grows with the
/// third root of the run's, so a run of `t` seconds has enough where `t / (length (t /
/// seconds)^(1/3)) = 20`.
pub(super) fn too_few(seconds: f64, length_s: f64) -> Option<NoInterval> {
    let needed_s = ((BLOCKS * length_s).powi(3) / seconds.max(1.0)).sqrt();
    let why_not = NoInterval {
        lacks: Lack::Blocks,
        needed_s: needed_s.max(LEAST_RUN_S).ceil(),
    };
    (seconds < BLOCKS * length_s).then_some(why_not)
}

/// The normal quantile whose percentile interval is as wide as a t interval of `blocks` values.
pub(super) fn expanded(blocks: f64) -> f64 {
    let freedom = blocks - 1.0;
    t(freedom) * (blocks / freedom).sqrt()
}

/// The quantile of 0.975 of the t distribution, within 2 % from three degrees of freedom on.
fn t(freedom: f64) -> f64 {
    // Expansion of the t quantile by Cornish and Fisher: Abramowitz and Stegun 26.7.5.
    let terms = [
        (Z.powi(3) + Z) / 4.0,
        (5.0 * Z.powi(5) + 16.0 * Z.powi(3) + 3.0 * Z) / 96.0,
        (3.0 * Z.powi(7) + 19.0 * Z.powi(5) + 17.0 * Z.powi(3) - 15.0 * Z) / 384.0,
    ];
    Z + terms[0] / freedom + terms[1] / freedom.powi(2) + terms[2] / freedom.powi(3)
}

/// Mean of `values` that have nothing to do with each other, and the ends of its 95 % interval by
/// the t distribution; None with fewer than four.
#[must_use]
pub fn of_independent(values: &[f64]) -> Option<(f64, f64, f64)> {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values
        .iter()
        .map(|value| (value - mean).powi(2))
        .sum::<f64>()
        / (count - 1.0);
    let half = t(count - 1.0) * (variance / count).sqrt();
    (values.len() >= 4).then_some((mean, mean - half, mean + half))
}

/// Place, among `count` sorted values, of the one that a share as large as the normal distribution
/// has below `-z` lies below.
pub(super) fn level(z: f64, count: usize) -> usize {
    let place = (normal_tail(z) * (count as f64 + 1.0)).floor() as usize;
    place.saturating_sub(1).min(count.saturating_sub(1) / 2)
}

/// Share of the normal distribution beyond `z`, at least 0: Abramowitz and Stegun 26.2.17, an error
/// below 1e-7.
fn normal_tail(z: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * z);
    let series = [
        0.319_381_530,
        -0.356_563_782,
        1.781_477_937,
        -1.821_255_978,
        1.330_274_429,
    ];
    let polynomial = series
        .iter()
        .rev()
        .fold(0.0, |sum, coefficient| (sum + coefficient) * t);
    (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt() * polynomial
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::statistics::{rng::Rng, series::Second};

    /// `seconds` seconds of `per_second` even values below 1,000,000.
    fn even(seconds: usize, per_second: usize) -> Series {
        let mut rng = Rng::new(1);
        let mut second = || {
            Second::of_values(
                &(0..per_second)
                    .map(|_| rng.below(1_000_000) as i64)
                    .collect::<Vec<_>>(),
            )
        };
        Series::new((0..seconds).map(|_| second()).collect())
    }

    #[test]
    fn a_long_run_has_both_ends_around_the_value() {
        let series = even(240, 50);
        for q in [0.5, 0.9, 0.99] {
            let Interval {
                low: Some(low),
                high: Some(high),
                why_not: None,
            } = of_quantile(&series, q, 1)
            else {
                panic!("{q}")
            };
            let value = series.quantile(q).unwrap() as f64;
            assert!(
                low < value && value < high && high - low < 40_000.0,
                "{q}: {low} {value} {high}"
            );
        }
        let mean = of_mean(&series, 1);
        assert!(
            mean.low.unwrap() < series.mean().unwrap()
                && series.mean().unwrap() < mean.high.unwrap(),
            "{mean:?}"
        );
    }

    #[test]
    fn one_seed_gives_one_interval() {
        let series = even(60, 50);
        assert_eq!(of_quantile(&series, 0.9, 5), of_quantile(&series, 0.9, 5));
        assert_ne!(of_quantile(&series, 0.9, 5), of_quantile(&series, 0.9, 6));
    }

    fn check_needed(seconds: usize, length_s: f64, expected_s: f64) {
        let found = of_quantile_in_blocks(&even(seconds, 20), 0.5, length_s, 0);
        let why_not = Some(NoInterval {
            lacks: Lack::Blocks,
            needed_s: expected_s,
        });
        assert_eq!(
            found,
            Interval {
                low: None,
                high: None,
                why_not
            },
            "{seconds} s"
        );
    }

    #[test]
    fn fewer_than_twenty_blocks_have_no_interval_and_say_what_would_do() {
        check_needed(10, 1.0, 60.0);
        check_needed(19, 1.0, 60.0);
        check_needed(60, 3.01, 61.0);
        // Blocks of a run of 231 s would be (231 / 60)^(1/3) = 1.57 times as long: twenty of 11.6
        // s.
        check_needed(60, 7.4, 233.0);
    }

    #[test]
    fn what_would_do_is_for_both_ends() {
        let needed_s = |interval: Interval| interval.why_not.unwrap().needed_s;
        assert_eq!(
            needed_s(of_quantile_in_blocks(&even(10, 20), 0.9, 1.0, 0)),
            100.0
        );
        assert_eq!(
            needed_s(of_quantile_in_blocks(&even(10, 20), 0.99, 1.0, 0)),
            200.0
        );
        assert_eq!(
            needed_s(of_quantile_in_blocks(&even(10, 20), 0.999, 1.0, 0)),
            2_000.0
        );
        assert!(needed_s(of_mean(&even(10, 20), 0)) >= 100.0);
    }

    #[test]
    fn few_requests_beyond_a_quantile_give_the_lower_end_only() {
        let found = of_quantile_in_blocks(&even(60, 200), 0.999, 1.0, 0);
        assert!(found.low.is_some() && found.high.is_none());
        // Of the two seconds that are needed 0.06 are there; of the 20 requests 12.
        assert_eq!(
            found.why_not,
            Some(NoInterval {
                lacks: Lack::Seconds,
                needed_s: 2_000.0
            })
        );
        let found = of_quantile_in_blocks(&even(240, 5), 0.99, 1.0, 0);
        assert_eq!(
            found.why_not,
            Some(NoInterval {
                lacks: Lack::RequestsBeyond,
                needed_s: 400.0
            })
        );
        assert_eq!(
            of_mean(&even(60, 200), 0).why_not,
            Some(NoInterval {
                lacks: Lack::Seconds,
                needed_s: 100.0
            })
        );
        let upper_end = |seconds: usize, q: f64| {
            of_quantile_in_blocks(&even(seconds, 200), q, 1.0, 0)
                .high
                .is_some()
        };
        assert!(
            upper_end(200, 0.99)
                && !upper_end(199, 0.99)
                && upper_end(100, 0.9)
                && !upper_end(99, 0.9)
                && upper_end(60, 0.5)
        );
        assert!(of_mean(&even(100, 200), 0).high.is_some());
    }

    /// How many of 20 runs of `seconds` have both ends of their quantile `q`, with `count` requests
    /// in each second and `delay` on top.
    fn printed(
        seconds: usize,
        q: f64,
        count: impl Fn(usize) -> usize,
        delay: impl Fn(usize) -> i64,
    ) -> usize {
        let run = |seed| {
            let mut rng = Rng::new(seed);
            let mut second = |at: usize| {
                let values: Vec<i64> = (0..count(at))
                    .map(|_| delay(at) + rng.below(1_000) as i64)
                    .collect();
                Second::of_values(&values)
            };
            Series::new((0..seconds).map(&mut second).collect())
        };
        (0..20)
            .filter(|seed| of_quantile(&run(*seed), q, 0).high.is_some())
            .count()
    }

    #[test]
    fn how_many_requests_a_second_has_does_not_decide() {
        let found = [
            // 10 and 11 in turns: most seconds have none of the slowest hundredth.
            printed(300, 0.99, |at| 10 + at % 2, |_| 0),
            // One every two seconds, and bursts: as few seconds as a shorter run has.
            printed(300, 0.5, |at| at % 2, |_| 0),
            printed(300, 0.9, |at| if at % 5 == 0 { 10 } else { 0 }, |_| 0),
        ];
        assert!(
            found[0] >= 18 && found[1] >= 12 && found[2] >= 12,
            "{found:?} of 20"
        );
    }

    #[test]
    fn runs_with_a_stall_have_an_interval_as_those_without() {
        // A stall of two seconds: neighbours, so that their values alone ask for blocks of more
        // than 3 s, in every run.
        let found = [0, 10_000].map(|stall| {
            printed(
                60,
                0.5,
                |_| 50,
                |at| if [23, 24].contains(&at) { stall } else { 0 },
            )
        });
        assert!(found.iter().all(|runs| *runs >= 12), "{found:?} of 20");
    }

    #[test]
    fn nothing_measured_and_nothing_that_varies_are_no_trouble() {
        assert_eq!(of_quantile(&Series::default(), 0.5, 0), Interval::default());
        assert_eq!(
            of_mean(&Series::new(vec![Second::default(); 30]), 0),
            Interval::default()
        );
        let constant = Series::new(vec![Second::of_values(&[7; 50]); 120]);
        assert_eq!(
            of_mean(&constant, 0),
            Interval {
                low: Some(7.0),
                high: Some(7.0),
                why_not: None
            }
        );
        assert_eq!(of_quantile(&constant, 0.5, 0).low, Some(7.0));
    }

    fn check_expanded(blocks: f64, expected: f64) {
        // From a table of the t distribution, times the root of n / (n - 1).
        assert!(
            (expanded(blocks) - expected).abs() < 0.03,
            "{blocks}: {}",
            expanded(blocks)
        );
    }

    #[test]
    fn the_mean_of_independent_values_has_a_t_interval() {
        assert_eq!(of_independent(&[1.0, 2.0, 3.0]), None);
        let (mean, low, high) = of_independent(&[1.0, 2.0, 3.0, 4.0]).unwrap();
        // 3.182 x root of (5/3) / root of 4.
        assert!(
            (mean - 2.5).abs() < 1e-12
                && (high - mean - 2.054).abs() < 0.03
                && (mean - low - 2.054).abs() < 0.03,
            "{low} {high}"
        );
    }

    #[test]
    fn levels_are_those_of_a_t_interval() {
        check_expanded(4.0, 3.182 * (4.0_f64 / 3.0).sqrt());
        check_expanded(10.0, 2.262 * (10.0_f64 / 9.0).sqrt());
        check_expanded(20.0, 2.093 * (20.0_f64 / 19.0).sqrt());
        check_expanded(1e9, Z);
    }

    #[test]
    fn levels_count_from_the_end() {
        assert!((normal_tail(Z) - 0.025).abs() < 1e-6 && (normal_tail(0.0) - 0.5).abs() < 1e-6);
        assert_eq!(
            [
                level(Z, 1_000),
                level(9.0, 1_000),
                level(0.0, 1_000),
                level(Z, 1)
            ],
            [24, 0, 499, 0]
        );
    }
}
