//! How high a quantile or a mean may be where what is slow comes in stalls, at random moments: a
//! run met some of them, and how many there are on average is as uncertain as a Poisson number is.
//! What lies in one block counts as one stall.

use super::{interval::Blocks, series::Series};

/// A run that met `n` stalls of one size may meet one that is longer than its longest by this
/// through `n`. Not derived: with it the means of the bench `coverage` are covered.
const LONGER: f64 = 7.0;

/// Highest quantile `q` of `series` that its stalls allow, at the level of the normal quantile `z`:
/// the lowest value, from the run's own quantile up, beyond which there is at [`most`] a share of
/// `1 - q`. None without values.
pub(super) fn highest_quantile(blocks: &Blocks, series: &Series, q: f64, z: f64) -> Option<i64> {
    let from = series.quantile(q)?;
    let values = &series.values()[series.values().partition_point(|value| *value < from)..];
    let allowed = (1.0 - q) * series.count() as f64;
    let most_beyond = |value: i64| {
        let beyond = series.above(value).iter().sum::<u64>() as f64;
        // Less what its requests would have at the run's own share, so that it is what the blocks
        // differ by.
        let sums = blocks.sums(series.shares_above(value).into_iter());
        let (squares, largest) = sums.iter().fold((0.0, 1.0_f64), |(squares, largest), sum| {
            (squares + sum * sum, largest.max(*sum))
        });
        most(beyond, squares, largest, z)
    };
    let at = values.partition_point(|value| most_beyond(*value) > allowed);
    values.get(at).or(values.last()).copied()
}

/// Highest mean of `series` that the run allows, at the level of the normal quantile `z`: what the
/// blocks have beyond the typical one came at random. Below every number where nothing varies.
pub(super) fn highest_mean(blocks: &Blocks, series: &Series, z: f64) -> f64 {
    let mut sums = blocks.sums(series.shares_of_mean().into_iter());
    sums.sort_unstable_by(f64::total_cmp);
    let typical = sums[sums.len() / 2];
    let beyond: Vec<f64> = sums.iter().map(|sum| (sum - typical).max(0.0)).collect();
    let (total, squares) = beyond.iter().fold((0.0, 0.0), |(total, squares), event| {
        (total + event, squares + event * event)
    });
    if squares <= 0.0 {
        return f64::NEG_INFINITY;
    }
    let largest = (sums[sums.len() - 1] - typical) * (1.0 + LONGER * squares / (total * total));
    (series.sum() + most(total, squares, largest, z) - total) / series.count() as f64
}

/// Upper end, at the level of the normal quantile `z`, of what events that come at random add up to
/// on average, where those that were met add up to `total`, their squares to `squares`, and one
/// more may be as large as `largest`: the gamma interval of Fay and Feuer, "Confidence intervals
/// for directly standardized rates" (Statistics in Medicine 16, 1997). With events of one size it
/// is the exact interval of a Poisson number.
fn most(total: f64, squares: f64, largest: f64, z: f64) -> f64 {
    let (sum, variance) = (total + largest, squares + largest * largest);
    variance / (2.0 * sum) * chi_squared(2.0 * sum * sum / variance, z)
}

/// The quantile of the chi-squared distribution where the normal distribution has `z`, within 1 %
/// from four degrees of freedom on: Wilson and Hilferty, "The Distribution of Chi-square" (PNAS 17,
/// 1931).
fn chi_squared(freedom: f64, z: f64) -> f64 {
    let variance = 2.0 / (9.0 * freedom);
    freedom * (1.0 - variance + z * variance.sqrt()).powi(3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::statistics::{
        interval::{Z, of_mean, of_quantile_in_blocks},
        series::Second,
    };

    /// Minutes with three stalls each, in each of which 40 of 200 requests take 900 to 939.
    fn stalled(minutes: usize) -> Series {
        let second = |at: usize| {
            Second::of_values(
                &(0..200)
                    .map(|n| if at % 20 == 7 && n < 40 { 900 + n } else { n })
                    .collect::<Vec<_>>(),
            )
        };
        Series::new((0..60 * minutes).map(second).collect())
    }

    #[test]
    fn a_quantile_just_below_a_few_stalls_may_be_in_them() {
        // Three stalls were met, so that there may be 8.77 on average: less than a third of their
        // requests may be beyond, 13 of 40.
        let highest = highest_quantile(&Blocks::new(60, 1.0), &stalled(1), 0.99, Z).unwrap();
        assert!((922..=928).contains(&highest), "{highest}");
        let found = of_quantile_in_blocks(&stalled(4), 0.99, 1.0, 0);
        assert!(
            found.low.unwrap() <= 199.0 && found.high.unwrap() >= 912.0,
            "{found:?}"
        );
    }

    #[test]
    fn a_mean_of_a_few_stalls_may_be_much_higher_and_little_lower() {
        let series = stalled(2);
        let (found, mean) = (of_mean(&series, 0), series.mean().unwrap());
        let (below, above) = (mean - found.low.unwrap(), found.high.unwrap() - mean);
        assert!(below > 0.0 && above > 2.0 * below, "{below} {above}");
    }

    #[test]
    fn a_mean_that_never_varies_is_itself_also_below_0() {
        let constant = Series::new(vec![Second::of_values(&[-7; 50]); 120]);
        let found = of_mean(&constant, 0);
        assert_eq!((found.low, found.high), (Some(-7.0), Some(-7.0)));
    }

    fn check_most(met: f64, size: f64, expected: f64) {
        // Of a Poisson number, from a table of its exact interval.
        let found = most(met * size, met * size * size, size, Z) / size;
        assert!((found / expected - 1.0).abs() < 0.01, "{met}: {found}");
    }

    #[test]
    fn events_of_one_size_have_the_interval_of_a_poisson_number() {
        check_most(0.0, 1.0, 3.689);
        check_most(1.0, 20.0, 5.572);
        check_most(3.0, 40.0, 8.767);
        check_most(10.0, 1.0, 18.391);
        check_most(100.0, 1.0, 121.627);
    }
}
