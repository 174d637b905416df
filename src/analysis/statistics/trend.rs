//! Whether a figure rose or fell all along: what an interval takes for one process was then none.

use serde::{Deserialize, Serialize};

use super::{block_length::Memory, series::Series};

/// Standard deviations of the rank test beyond which a trend is shown: one run in a hundred without
/// one has it.
const DEVIATIONS: f64 = 2.576;
/// Least change that is worth a word, as a share.
pub const CHANGE: f64 = 0.1;
/// Blocks that the rank test needs before its normal approximation holds.
const BLOCKS: usize = 8;

/// A change across a phase that is more than chance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Trend {
    /// Mean of the last third by mean of the first, less 1: 0.2 is 20 % slower.
    pub change: f64,
    /// By how many standard deviations the ranks rise; negative where they fall.
    pub deviations: f64,
}

/// The trend of the mean across `series`; None where there is none, where it is below a tenth, or
/// where the run is too short to tell it from wandering.
///
/// The test of Mann ("Nonparametric Tests Against Trend", Econometrica 13, 1945) and Kendall over
/// means of blocks, which are long enough to be independent: neighbouring seconds are not, and
/// would make a trend of any wandering.
#[must_use]
pub fn trend(series: &Series) -> Option<Trend> {
    let length = Memory::of(&without_slope(&series.shares_of_mean()))
        .block_length_s()
        .ceil() as usize;
    let means: Vec<f64> = series
        .seconds()
        .chunks_exact(length)
        .filter_map(mean)
        .collect();
    if means.len() < BLOCKS {
        return None;
    }
    let deviations = mann_kendall(&means);
    let third = series.seconds().len() / 3;
    let (first, last) = (
        mean(&series.seconds()[..third])?,
        mean(&series.seconds()[series.seconds().len() - third..])?,
    );
    let change = last / first - 1.0;
    let agree = (change > 0.0) == (deviations > 0.0);
    (deviations.abs() > DEVIATIONS && change.abs() >= CHANGE && agree)
        .then_some(Trend { change, deviations })
}

fn mean(seconds: &[super::series::Second]) -> Option<f64> {
    let (sum, count) = seconds.iter().fold((0.0, 0), |(sum, count), second| {
        (sum + second.sum(), count + second.count())
    });
    (count > 0).then(|| sum / count as f64)
}

/// `series` less its straight line: a slope looks like a long memory, and no block would be long
/// enough.
fn without_slope(series: &[f64]) -> Vec<f64> {
    let middle = (series.len() as f64 - 1.0) / 2.0;
    let place = |at: usize| at as f64 - middle;
    let (products, squares) =
        series
            .iter()
            .enumerate()
            .fold((0.0, 0.0), |(products, squares), (at, value)| {
                (
                    products + place(at) * value,
                    squares + place(at) * place(at),
                )
            });
    let slope = if squares > 0.0 {
        products / squares
    } else {
        0.0
    };
    series
        .iter()
        .enumerate()
        .map(|(at, value)| value - slope * place(at))
        .collect()
}

/// Pairs that rise less pairs that fall, by its standard deviation without a trend, with the
/// correction for continuity.
fn mann_kendall(values: &[f64]) -> f64 {
    let pairs = values.iter().enumerate().flat_map(|(at, later)| {
        values[..at]
            .iter()
            .map(move |earlier| later.total_cmp(earlier) as i64)
    });
    let score = pairs.sum::<i64>() as f64;
    let count = values.len() as f64;
    let deviation = (count * (count - 1.0) * (2.0 * count + 5.0) / 18.0).sqrt();
    (score - score.signum().min(score.abs())) / deviation
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::statistics::{rng::Rng, series::Second};

    /// Seconds of 100 values around 1,000 that end `rise` higher, whose level wanders with
    /// `memory`.
    fn series(seconds: usize, rise: f64, memory: f64, seed: u64) -> Series {
        let mut rng = Rng::new(seed);
        let mut level = 0.0;
        let mut second = |at: usize| {
            level = memory * level + 60.0 * (rng.unit() - 0.5);
            let middle = 1_000.0 * (1.0 + rise * at as f64 / seconds as f64) + level;
            Second::of_values(
                &(0..100)
                    .map(|_| (middle + 200.0 * (rng.unit() - 0.5)) as i64)
                    .collect::<Vec<_>>(),
            )
        };
        Series::new((0..seconds).map(&mut second).collect())
    }

    #[test]
    fn a_rise_and_a_fall_are_found_with_their_size() {
        let rise = trend(&series(120, 0.6, 0.0, 1)).expect("a rise by 60 %");
        // Means of the thirds lie at a sixth and five sixths.
        assert!(
            (0.33..0.40).contains(&rise.change) && rise.deviations > 5.0,
            "{rise:?}"
        );
        let fall = trend(&series(120, -0.3, 0.3, 1)).expect("a fall by 30 %");
        assert!(
            (-0.25..-0.15).contains(&fall.change) && fall.deviations < -5.0,
            "{fall:?}"
        );
    }

    #[test]
    fn a_small_rise_is_not_worth_a_word() {
        assert_eq!(trend(&series(300, 0.05, 0.0, 1)), None);
    }

    #[test]
    fn a_short_run_has_no_trend() {
        assert_eq!(trend(&series(7, 2.0, 0.0, 1)), None);
        assert_eq!(trend(&Series::default()), None);
    }

    #[test]
    fn wandering_is_seldom_taken_for_a_trend() {
        let found = (0..200)
            .filter(|seed| trend(&series(120, 0.0, 0.8, *seed)).is_some())
            .count();
        assert!(found <= 4, "{found} of 200 runs without a trend");
    }

    #[test]
    fn ranks_that_rise_throughout_have_the_largest_score() {
        let rising: Vec<f64> = (0..10).map(f64::from).collect();
        // 45 pairs less 1, by the root of 10 x 9 x 25 / 18 = 125.
        assert!((mann_kendall(&rising) - 44.0 / 125.0_f64.sqrt()).abs() < 1e-9);
        assert_eq!(mann_kendall(&[1.0; 10]), 0.0);
    }
}
