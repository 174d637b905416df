//! How long blocks of consecutive seconds must be, so that resampling them keeps what ties one
//! second to the next.
//!
//! The automatic choice of Politis and White, "Automatic Block-Length Selection for the Dependent
//! Bootstrap" (Econometric Reviews 23, 2004), for the stationary bootstrap, with the correction of
//! Patton, Politis and White (Econometric Reviews 28, 2009).

/// Largest stretch: one beyond it would not make up for blocks that are far too short, but hide
/// them.
const LONGEST_STRETCH: f64 = 1.5;

/// Lags that are looked at: those of an hour, beyond which no block reaches.
const MOST_LAGS: usize = 3_600;

/// How a series of seconds is tied together.
#[derive(Clone, Debug, PartialEq)]
pub struct Memory {
    /// Number of seconds.
    seconds: usize,
    /// Autocovariances from lag 0 on: for the bootstrap's variance of all lags where there are not
    /// too many, for a length those of the window.
    autocovariances: Vec<f64>,
    /// Bandwidth of the flat-top window, a lag.
    bandwidth: usize,
}

impl Memory {
    /// The memory of `series`, one value per second.
    #[must_use]
    pub fn of(series: &[f64]) -> Self {
        let centred = centred(series);
        let autocovariances = autocovariances(&centred, MOST_LAGS);
        Self {
            seconds: series.len(),
            autocovariances,
            bandwidth: bandwidth(&centred),
        }
    }

    /// The best mean length of the stationary bootstrap's blocks, seconds: at least 1.
    ///
    /// The larger of the automatic choice and of what a first-order autoregression with the same
    /// neighbours wants: for a minute of values the automatic choice is often too short, and such
    /// runs would be given intervals that are too narrow.
    #[must_use]
    pub fn block_length_s(&self) -> f64 {
        self.automatic_s().max(self.autoregressive_s())
    }

    /// By how much an interval from blocks of `length_s` must be stretched because blocks that end
    /// cut what ties their seconds: root of the long-run variance by that of the bootstrap, in [1,
    /// 1.5].
    #[must_use]
    pub fn stretch(&self, length_s: f64) -> f64 {
        let stretch =
            (self.flat_top().max(self.autoregressive()) / self.bootstrap_variance(length_s)).sqrt();
        // A variance of nothing, or a negative one, has no root.
        if stretch.is_finite() {
            stretch.clamp(1.0, LONGEST_STRETCH)
        } else {
            1.0
        }
    }

    /// Variance of the sum by the number of seconds that a stationary bootstrap with blocks of
    /// `length_s` gives, in closed form: Politis and Romano 1994, lemma 1.
    #[must_use]
    pub fn bootstrap_variance(&self, length_s: f64) -> f64 {
        let count = self.seconds as f64;
        let stay = 1.0 - 1.0 / length_s.max(1.0);
        // Products and not powers: a power of a library differs between machines.
        let mut stays = vec![1.0; self.seconds + 1];
        (1..stays.len()).for_each(|lag| stays[lag] = stays[lag - 1] * stay);
        let lags = self
            .autocovariances
            .iter()
            .enumerate()
            .skip(1)
            .map(|(lag, covariance)| {
                let share = lag as f64 / count;
                2.0 * covariance * ((1.0 - share) * stays[lag] + share * stays[self.seconds - lag])
            });
        self.variance() + lags.sum::<f64>()
    }

    /// The automatic choice, at most the smaller of three roots of the number of seconds and a
    /// third of it.
    fn automatic_s(&self) -> f64 {
        let count = self.seconds as f64;
        let slope: f64 = self
            .window()
            .map(|(lag, weight, covariance)| 2.0 * weight * lag as f64 * covariance)
            .sum();
        let best = (slope / self.flat_top()).powi(2).cbrt() * count.cbrt();
        let longest = (3.0 * count.sqrt()).min(count / 3.0).ceil();
        // A constant series has no memory and no number.
        if best.is_nan() {
            1.0
        } else {
            best.min(longest).max(1.0)
        }
    }

    fn autoregressive_s(&self) -> f64 {
        let coefficient = self.coefficient();
        let count = self.seconds as f64;
        ((2.0 * coefficient / (1.0 - coefficient * coefficient))
            .powi(2)
            .cbrt()
            * count.cbrt())
        .max(1.0)
    }

    /// Long-run variance by the flat-top window: Politis and Romano, "Bias-corrected nonparametric
    /// spectral estimation" (Journal of Time Series Analysis 16, 1995). May be negative where it is
    /// small.
    fn flat_top(&self) -> f64 {
        self.variance()
            + self
                .window()
                .map(|(_, weight, covariance)| 2.0 * weight * covariance)
                .sum::<f64>()
    }

    /// Long-run variance of a first-order autoregression.
    fn autoregressive(&self) -> f64 {
        let coefficient = self.coefficient();
        self.variance() * (1.0 + coefficient) / (1.0 - coefficient)
    }

    /// Coefficient of a first-order autoregression in [0, 0.99], freed of its bias towards 0
    /// (Kendall, "Note on bias in the estimation of autocorrelation", Biometrika 41, 1954).
    fn coefficient(&self) -> f64 {
        let raw = self.autocovariances.get(1).copied().unwrap_or(0.0) / self.variance();
        let coefficient = raw + (1.0 + 3.0 * raw) / self.seconds as f64;
        if coefficient.is_nan() {
            0.0
        } else {
            coefficient.clamp(0.0, 0.99)
        }
    }

    fn variance(&self) -> f64 {
        self.autocovariances.first().copied().unwrap_or(0.0)
    }

    /// Lag, weight and autocovariance within the flat-top window.
    fn window(&self) -> impl Iterator<Item = (usize, f64, f64)> {
        let bandwidth = self.bandwidth as f64;
        self.autocovariances
            .iter()
            .enumerate()
            .skip(1)
            .take(self.bandwidth)
            .map(move |(lag, covariance)| {
                let place = lag as f64 / bandwidth;
                (
                    lag,
                    if place <= 0.5 {
                        1.0
                    } else {
                        2.0 * (1.0 - place)
                    },
                    *covariance,
                )
            })
    }
}

/// The block length that the ranks of `series` ask for, in values. Where values differ, one that
/// stands out stands out no further than the highest of the others; where most are equal, ranks
/// change nothing.
#[must_use]
pub fn of_ranks(series: &[f64]) -> f64 {
    let mut sorted = series.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    // The middle one of equal values' ranks, twice.
    let rank = |value: f64| {
        sorted.partition_point(|known| *known < value)
            + sorted.partition_point(|known| *known <= value)
    };
    let ranks = centred(
        &series
            .iter()
            .map(|value| rank(*value) as f64)
            .collect::<Vec<_>>(),
    );
    let bandwidth = bandwidth(&ranks);
    // A length needs no lag beyond the window and the first.
    let autocovariances = autocovariances(&ranks, bandwidth.max(1) + 1);
    Memory {
        seconds: series.len(),
        autocovariances,
        bandwidth,
    }
    .block_length_s()
}

fn centred(series: &[f64]) -> Vec<f64> {
    let mean = series.iter().sum::<f64>() / series.len().max(1) as f64;
    series.iter().map(|value| value - mean).collect()
}

/// Autocovariances of the first `most` lags, from 0 on.
fn autocovariances(centred: &[f64], most: usize) -> Vec<f64> {
    let count = centred.len();
    (0..count.min(most))
        .map(|lag| products(centred, lag) / count as f64)
        .collect()
}

fn products(centred: &[f64], lag: usize) -> f64 {
    centred[lag..]
        .iter()
        .zip(centred)
        .map(|(later, earlier)| later * earlier)
        .sum()
}

/// Twice the lag from which on a run of autocorrelations is too small to be told from none.
fn bandwidth(centred: &[f64]) -> usize {
    let count = centred.len();
    if count < 3 {
        return 0;
    }
    let run = ((count as f64).log10() as usize).max(5);
    let longest = ((count as f64).sqrt().ceil() as usize + run).min(count - 2);
    let limit = 2.0 * ((count as f64).log10() / count as f64).sqrt();
    let squares = |values: &[f64]| values.iter().map(|value| value * value).sum::<f64>();
    let is_small = |lag: usize| {
        // Normalised by the two stretches themselves, as in the Python package arch, which the
        // tests compare with.
        let scale = (squares(&centred[lag + 1..]) * squares(&centred[..count - lag - 1])).sqrt();
        products(centred, lag).abs() / scale < limit
    };
    let small: Vec<bool> = (0..=longest).map(is_small).collect();
    let first = small
        .windows(run)
        .take(longest + 1 - run.min(longest))
        .position(|lags| lags.iter().all(|small| *small));
    first.map_or(longest, |lag| (2 * lag.max(1)).min(longest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::statistics::rng::Rng;

    /// A first-order autoregression with even shocks in [-0.5, 0.5).
    fn series(count: usize, coefficient: f64, seed: u64) -> Vec<f64> {
        let mut rng = Rng::new(seed);
        let mut level = 0.0;
        let mut next = || {
            level = coefficient * level + rng.unit() - 0.5;
            level
        };
        (0..count).map(|_| next()).collect()
    }

    fn check(count: usize, coefficient: f64, seed: u64, expected: f64) {
        let found = Memory::of(&series(count, coefficient, seed)).automatic_s();
        assert!(
            (found - expected).abs() < 1e-6,
            "{count} values, {coefficient}: {found}, not {expected}"
        );
    }

    #[test]
    fn lengths_are_those_of_the_python_package_arch() {
        // arch 8.0.0, `arch.bootstrap.optimal_block_length(series)["stationary"]` of the same
        // series.
        check(60, 0.0, 1, 1.097_257_084_522_816_7);
        check(60, 0.5, 2, 3.042_822_061_278_348_3);
        check(60, 0.9, 3, 5.066_203_041_076_382);
        check(300, 0.0, 4, 1.406_594_981_898_127_2);
        check(300, 0.3, 5, 3.874_606_680_176_615_5);
        check(300, 0.6, 6, 8.277_325_470_492_325);
        check(300, 0.9, 7, 23.290_050_064_701_376);
        check(600, 0.8, 8, 22.245_541_318_874_25);
        check(3_600, 0.95, 9, 90.267_283_878_832_66);
        check(300, -0.5, 10, 20.738_365_320_463_434);
    }

    #[test]
    fn what_holds_for_long_needs_long_blocks() {
        let length = |coefficient| Memory::of(&series(300, coefficient, 12)).block_length_s();
        assert!(
            length(0.0) < 5.0 && length(0.9) > 20.0,
            "{} {}",
            length(0.0),
            length(0.9)
        );
    }

    #[test]
    fn ranks_ask_for_the_same_whatever_is_done_to_high_values() {
        let values = series(300, 0.5, 14);
        let higher: Vec<f64> = values.iter().map(|value| value.exp().exp()).collect();
        assert_eq!(of_ranks(&values), of_ranks(&higher));
        assert_ne!(
            Memory::of(&values).block_length_s(),
            Memory::of(&higher).block_length_s()
        );
        // Of the ranks themselves, and with ties between them.
        for ranks in [
            series(300, 0.8, 15),
            series(60, 0.2, 16)
                .iter()
                .map(|value| (3.0 * value).round())
                .collect(),
        ] {
            let place = |value: &f64| {
                ranks
                    .iter()
                    .map(|other| {
                        if other == value {
                            0.5
                        } else {
                            f64::from(other < value)
                        }
                    })
                    .sum::<f64>()
            };
            let expected =
                Memory::of(&ranks.iter().map(place).collect::<Vec<_>>()).block_length_s();
            assert!((of_ranks(&ranks) - expected).abs() < 1e-9, "{expected}");
        }
    }

    #[test]
    fn too_short_blocks_are_made_up_for_by_a_stretch() {
        let memory = Memory::of(&series(3_000, 0.8, 13));
        assert!(
            (1.1..1.4).contains(&memory.stretch(20.0)),
            "{}",
            memory.stretch(20.0)
        );
        assert!(
            (1.0..1.15).contains(&memory.stretch(60.0)),
            "{}",
            memory.stretch(60.0)
        );
        assert_eq!(memory.stretch(1.0), LONGEST_STRETCH);
    }

    #[test]
    fn short_and_constant_series_have_the_least_length() {
        for series in [vec![], vec![1.0], vec![1.0, 2.0], vec![5.0; 100]] {
            let memory = Memory::of(&series);
            let (length, stretch) = (memory.block_length_s(), memory.stretch(1.0));
            assert!(
                (1.0..=2.0).contains(&length) && stretch >= 1.0,
                "{series:?}: {length} {stretch}"
            );
        }
    }
}
