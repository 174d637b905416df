//! The stationary bootstrap: Politis and Romano, "The Stationary Bootstrap" (Journal of the
//! American Statistical Association 89, 1994). Blocks of consecutive seconds, of geometric length,
//! are drawn until there are as many seconds as in the run; the second after the last is the first.

use super::{
    rng::Rng,
    series::{Series, rank},
};

/// Number of resamples.
pub const RESAMPLES: usize = 1_000;

/// Draws how often each second is in a resample.
#[derive(Debug)]
pub struct Resampler {
    rng: Rng,
    /// A block ends where a random number is below it.
    end: u64,
    weights: Vec<u32>,
}

impl Resampler {
    /// Resamples of `seconds` seconds in blocks of a mean length of `block_length_s`, at least 1.
    #[must_use]
    pub fn new(seconds: usize, block_length_s: f64, seed: u64) -> Self {
        let end = (u64::MAX as f64 / block_length_s.max(1.0)) as u64;
        Self {
            rng: Rng::new(seed),
            end,
            weights: vec![0; seconds],
        }
    }

    /// The next resample: one weight per second, which add up to the number of seconds.
    pub fn draw(&mut self) -> &[u32] {
        let seconds = self.weights.len();
        self.weights.fill(0);
        let mut at = 0;
        for drawn in 0..seconds {
            at = if drawn == 0 || self.rng.next_u64() <= self.end {
                self.rng.below(seconds)
            } else {
                (at + 1) % seconds
            };
            self.weights[at] += 1;
        }
        &self.weights
    }
}

/// The means of all resamples, rising.
#[must_use]
pub fn means(series: &Series, resampler: &mut Resampler) -> Vec<f64> {
    let mut means: Vec<f64> = (0..RESAMPLES)
        .filter_map(|_| {
            let weighted = resampler.draw().iter().zip(series.seconds());
            let (sum, count) = weighted.fold((0.0, 0), |(sum, count), (weight, second)| {
                (
                    sum + f64::from(*weight) * second.sum(),
                    count + u64::from(*weight) * second.count(),
                )
            });
            (count > 0).then(|| sum / count as f64)
        })
        .collect();
    means.sort_unstable_by(f64::total_cmp);
    means
}

/// Quantile `q` of all resamples, rising.
#[must_use]
pub fn quantiles(series: &Series, q: f64, resampler: &mut Resampler) -> Vec<i64> {
    let mut rows = Rows {
        series,
        rows: vec![None; series.values().len()],
    };
    let mut found: Vec<i64> = (0..RESAMPLES)
        .filter_map(|_| rows.quantile(resampler.draw(), q))
        .collect();
    found.sort_unstable();
    found
}

/// Counts at or below a value, second by second. A quantile of a resample is looked for by
/// bisection, which meets few values often, so that their rows are kept: a step is a sum of
/// products over the seconds.
struct Rows<'a> {
    series: &'a Series,
    rows: Vec<Option<Vec<u32>>>,
}

impl Rows<'_> {
    fn quantile(&mut self, weights: &[u32], q: f64) -> Option<i64> {
        let values = self.series.values();
        let last = values.len().checked_sub(1)?;
        let count = self.at_most(last, weights);
        if count == 0 {
            return None;
        }
        let rank = rank(q, count);
        let (mut low, mut high) = (0, last);
        while low < high {
            let middle = usize::midpoint(low, high);
            if self.at_most(middle, weights) < rank {
                low = middle + 1
            } else {
                high = middle
            }
        }
        Some(values[low])
    }

    fn at_most(&mut self, at: usize, weights: &[u32]) -> u64 {
        let series = self.series;
        let row = self.rows[at].get_or_insert_with(|| {
            let value = series.values()[at];
            // More than 2^32 requests in one second are beyond any client.
            series
                .seconds()
                .iter()
                .map(|second| u32::try_from(second.at_most(value)).unwrap_or(u32::MAX))
                .collect()
        });
        row.iter()
            .zip(weights)
            .map(|(count, weight)| u64::from(*count) * u64::from(*weight))
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::statistics::{block_length::Memory, series::Second};

    /// Seconds of a few values each, the third of them empty, whose level wanders.
    fn series(seconds: usize) -> Series {
        let mut rng = Rng::new(11);
        let mut level = 0.0;
        let second = |at: usize| {
            level = 0.6 * level + rng.unit();
            let values: Vec<i64> = (0..if at == 2 { 0 } else { 5 + at % 7 })
                .map(|_| (1e3 * (level + rng.unit())) as i64)
                .collect();
            Second::of_values(&values)
        };
        Series::new((0..seconds).map(second).collect())
    }

    /// The values of a resample one by one, sorted: slow, and right by its looks.
    fn written_out(values: &[Vec<i64>], weights: &[u32]) -> Vec<i64> {
        let mut all = Vec::new();
        for (second, weight) in values.iter().zip(weights) {
            (0..*weight).for_each(|_| all.extend(second));
        }
        all.sort_unstable();
        all
    }

    #[test]
    fn quantiles_of_resamples_are_those_of_the_values_written_out() {
        let mut rng = Rng::new(3);
        let values: Vec<Vec<i64>> = (0..40)
            .map(|at| (0..at % 6).map(|_| rng.below(50) as i64).collect())
            .collect();
        let series = Series::new(
            values
                .iter()
                .map(|second| Second::of_values(second))
                .collect(),
        );
        for q in [0.0, 0.5, 0.9, 0.99, 1.0] {
            let mut slow = Resampler::new(40, 3.0, 9);
            let mut expected: Vec<i64> = (0..RESAMPLES)
                .map(|_| {
                    let all = written_out(&values, slow.draw());
                    all[(q * all.len() as f64 - 1e-9).ceil().max(1.0) as usize - 1]
                })
                .collect();
            expected.sort_unstable();
            assert_eq!(
                quantiles(&series, q, &mut Resampler::new(40, 3.0, 9)),
                expected,
                "{q}"
            );
        }
    }

    #[test]
    fn a_resample_has_as_many_seconds_as_the_run() {
        let mut resampler = Resampler::new(200, 5.0, 1);
        assert!((0..100).all(|_| resampler.draw().iter().sum::<u32>() == 200));
    }

    fn check_variance(length_s: f64) {
        let series = series(300);
        // Means of equally many requests, so that the closed form is that of a mean and of no
        // ratio.
        let level: Vec<f64> = series
            .seconds()
            .iter()
            .map(|second| second.sum() / second.count().max(1) as f64)
            .collect();
        let mut resampler = Resampler::new(300, length_s, 5);
        let sums: Vec<f64> = (0..4_000)
            .map(|_| {
                resampler
                    .draw()
                    .iter()
                    .zip(&level)
                    .map(|(weight, level)| f64::from(*weight) * level)
                    .sum()
            })
            .collect();
        let mean = sums.iter().sum::<f64>() / sums.len() as f64;
        let variance =
            sums.iter().map(|sum| (sum - mean).powi(2)).sum::<f64>() / sums.len() as f64 / 300.0;
        let expected = Memory::of(&level).bootstrap_variance(length_s);
        assert!(
            (variance / expected - 1.0).abs() < 0.1,
            "{length_s} s: {variance}, not {expected}"
        );
    }

    #[test]
    fn the_variance_of_resamples_is_that_of_the_closed_form() {
        [1.0, 2.0, 7.5, 20.0].into_iter().for_each(check_variance);
    }

    #[test]
    fn means_are_those_of_the_weights() {
        let series = series(50);
        let means = means(&series, &mut Resampler::new(50, 2.0, 4));
        assert_eq!(means.len(), RESAMPLES);
        assert!(means.is_sorted());
        assert!((means[RESAMPLES / 2] / series.mean().unwrap() - 1.0).abs() < 0.05);
    }

    #[test]
    fn nothing_has_no_resamples() {
        assert!(quantiles(&Series::default(), 0.5, &mut Resampler::new(0, 1.0, 0)).is_empty());
        assert!(
            means(
                &Series::new(vec![Second::default(); 9]),
                &mut Resampler::new(9, 1.0, 0)
            )
            .is_empty()
        );
    }
}
