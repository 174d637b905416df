//! The t test for unequal variances, and that for pairs, on logarithms, so that differences are
//! ratios.

use statrs::distribution::{ContinuousCDF, StudentsT};

/// Deviation of a logarithm below which runs are not believed to be alike: histograms keep three
/// digits.
const LEAST_DEVIATION: f64 = 0.001;

/// One figure of the runs of a side.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Sample {
    /// Logarithms, one per run.
    pub(super) logs: Vec<f64>,
    /// Mean deviation of these within a run, as their intervals say; 0 where there are none.
    pub(super) within: f64,
}

/// What the test says of two samples of three values or more each.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Test {
    /// Mean of the second minus mean of the first.
    pub(super) difference: f64,
    /// Deviation of the difference.
    pub(super) deviation: f64,
    /// Degrees of freedom.
    freedom: f64,
}

impl Sample {
    pub(super) fn mean(&self) -> f64 {
        self.logs.iter().sum::<f64>() / self.logs.len().max(1) as f64
    }

    /// Variance of the mean. Runs that are alike by chance vary at least as much as one of them
    /// does within.
    fn variance_of_mean(&self) -> f64 {
        let (mean, count) = (self.mean(), self.logs.len() as f64);
        let between = self
            .logs
            .iter()
            .map(|log| (log - mean).powi(2))
            .sum::<f64>()
            / (count - 1.0);
        between
            .max(self.within.powi(2))
            .max(LEAST_DEVIATION.powi(2))
            / count
    }
}

impl Test {
    /// None with fewer than two values on a side.
    pub(super) fn new(one: &Sample, other: &Sample) -> Option<Self> {
        if one.logs.len().min(other.logs.len()) < 2 {
            return None;
        }
        let (first, second) = (one.variance_of_mean(), other.variance_of_mean());
        let of =
            |variance: f64, sample: &Sample| variance.powi(2) / (sample.logs.len() as f64 - 1.0);
        // Welch 1947, after Satterthwaite.
        let freedom = (first + second).powi(2) / (of(first, one) + of(second, other));
        Some(Self {
            difference: other.mean() - one.mean(),
            deviation: (first + second).sqrt(),
            freedom,
        })
    }

    /// The test of pairs: value i of one with value i of the other. None with fewer than two, or
    /// where they are not as many.
    ///
    /// What both of a pair have in common, the draw of their queries and arrivals, is no part of
    /// the difference; so the spread within runs, most of which is that, does not bound it from
    /// below as it does between runs that have nothing in common.
    pub(super) fn of_pairs(one: &Sample, other: &Sample) -> Option<Self> {
        let count = one.logs.len();
        if count < 2 || count != other.logs.len() {
            return None;
        }
        let differences: Vec<f64> = one
            .logs
            .iter()
            .zip(&other.logs)
            .map(|(one, other)| other - one)
            .collect();
        let (difference, freedom) = (
            differences.iter().sum::<f64>() / count as f64,
            count as f64 - 1.0,
        );
        let between = differences
            .iter()
            .map(|found| (found - difference).powi(2))
            .sum::<f64>()
            / freedom;
        let variance = between.max(2.0 * LEAST_DEVIATION.powi(2)) / count as f64;
        Some(Self {
            difference,
            deviation: variance.sqrt(),
            freedom,
        })
    }

    /// Probability of a difference as large as this one by chance.
    pub(super) fn p_value(&self) -> f64 {
        let t = (self.difference / self.deviation).abs();
        self.distribution()
            .map_or(1.0, |distribution| 2.0 * distribution.sf(t))
    }

    /// Half of the interval that holds the true difference with probability `1 - alpha`.
    pub(super) fn half_width(&self, alpha: f64) -> f64 {
        self.distribution().map_or(f64::INFINITY, |distribution| {
            distribution.inverse_cdf(1.0 - alpha / 2.0) * self.deviation
        })
    }

    fn distribution(&self) -> Option<StudentsT> {
        StudentsT::new(0.0, 1.0, self.freedom).ok()
    }
}

/// Which of the tests with these probabilities show a difference, all together wrong in `alpha` of
/// the cases: Holm 1979.
pub(super) fn holm(p_values: &[f64], alpha: f64) -> Vec<bool> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]).then(a.cmp(b)));
    let mut shown = vec![false; p_values.len()];
    for (rank, at) in order.into_iter().enumerate() {
        if p_values[at] > alpha / (p_values.len() - rank) as f64 {
            break;
        }
        shown[at] = true;
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(values: &[f64]) -> Sample {
        Sample {
            logs: values.to_vec(),
            within: 0.0,
        }
    }

    #[test]
    fn the_test_is_that_of_the_books() {
        // scipy.stats.ttest_ind([1, 2, 3, 4], [3, 5, 6, 9, 8], equal_var=False) of SciPy 1.16.
        let test = Test::new(
            &sample(&[1.0, 2.0, 3.0, 4.0]),
            &sample(&[3.0, 5.0, 6.0, 9.0, 8.0]),
        )
        .unwrap();
        assert!((test.difference - 3.7).abs() < 1e-12);
        assert!(
            (test.difference / test.deviation - 2.965_540_852_556_22).abs() < 1e-9,
            "{test:?}"
        );
        assert!(
            (test.p_value() - 0.023_550_923_772_285).abs() < 1e-9,
            "{}",
            test.p_value()
        );
        assert!(
            (test.freedom - 6.330_717_575_569_919).abs() < 1e-9,
            "{test:?}"
        );
        let half = test.half_width(test.p_value());
        assert!(
            (half - test.difference).abs() < 1e-6,
            "an interval at the p value just reaches zero: {half}"
        );
    }

    #[test]
    fn the_test_of_pairs_is_that_of_the_books() {
        // d = 2, 3, 3, 5, 4: t = 6.6679 with four degrees of freedom, whose distribution has a
        // closed form.
        let test = Test::of_pairs(
            &sample(&[1.0, 2.0, 3.0, 4.0, 4.0]),
            &sample(&[3.0, 5.0, 6.0, 9.0, 8.0]),
        )
        .unwrap();
        assert!(
            (test.difference - 3.4).abs() < 1e-12 && (test.freedom - 4.0).abs() < 1e-12,
            "{test:?}"
        );
        // The variance of 2, 3, 3, 5, 4 is 1.3.
        assert!(
            (test.deviation - (1.3_f64 / 5.0).sqrt()).abs() < 1e-12,
            "{test:?}"
        );
        assert!(
            (test.p_value() - 0.002_628_545_107).abs() < 1e-9,
            "{}",
            test.p_value()
        );
        assert_eq!(
            Test::of_pairs(&sample(&[1.0, 2.0]), &sample(&[1.0, 2.0, 3.0])),
            None
        );
        assert_eq!(Test::of_pairs(&sample(&[1.0]), &sample(&[1.0])), None);
    }

    #[test]
    fn what_pairs_have_in_common_is_no_spread() {
        let (one, other) = (sample(&[1.0, 2.0, 3.0]), sample(&[1.09, 2.11, 3.1]));
        assert!(Test::of_pairs(&one, &other).unwrap().p_value() < 0.01);
        assert!(Test::new(&one, &other).unwrap().p_value() > 0.8);
        // Equal differences are not believed to have no spread.
        assert!(
            Test::of_pairs(&sample(&[1.0; 3]), &sample(&[1.0001; 3]))
                .unwrap()
                .p_value()
                > 0.5
        );
    }

    #[test]
    fn equal_values_are_not_believed_to_have_no_spread() {
        let test = Test::new(&sample(&[1.0; 3]), &sample(&[1.0001; 3])).unwrap();
        assert!(test.p_value() > 0.5, "{}", test.p_value());
        assert_eq!(Test::new(&sample(&[1.0]), &sample(&[1.0, 2.0])), None);
    }

    #[test]
    fn the_spread_within_runs_counts_where_runs_are_alike() {
        let alike = Sample {
            logs: vec![1.0, 1.001, 1.002],
            within: 0.1,
        };
        let test = Test::new(
            &alike,
            &Sample {
                logs: vec![1.05, 1.051, 1.049],
                within: 0.1,
            },
        )
        .unwrap();
        assert!(test.p_value() > 0.3, "{}", test.p_value());
    }

    fn check_holm(p_values: &[f64], expected: &[bool]) {
        assert_eq!(holm(p_values, 0.05), expected, "{p_values:?}");
    }

    #[test]
    fn each_difference_that_was_shown_leaves_more_to_the_next() {
        check_holm(&[], &[]);
        check_holm(&[0.04], &[true]);
        check_holm(&[0.04, 0.04], &[false, false]);
        check_holm(&[0.04, 0.02], &[true, true]);
        check_holm(&[0.03, 0.01, 0.04], &[false, true, false]);
    }
}
