//! A figure second by second, and what a quantile or the mean owes to each second.

/// What ended (or began) in one second: values with their cumulative counts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Second {
    /// Distinct values, rising.
    values: Vec<i64>,
    /// Number of requests at or below each value.
    cumulative: Vec<u64>,
    /// Sum over the requests.
    sum: f64,
}

impl Second {
    /// A second of `counts`, (value, number of requests) in any order, whose values add up to
    /// `sum`.
    #[must_use]
    pub fn new(mut counts: Vec<(i64, u64)>, sum: f64) -> Self {
        counts.sort_unstable_by_key(|(value, _)| *value);
        let mut second = Self {
            sum,
            ..Self::default()
        };
        let mut total = 0;
        for (value, count) in counts {
            total += count;
            if second.values.last() == Some(&value) {
                second.values.pop();
                second.cumulative.pop();
            }
            second.values.push(value);
            second.cumulative.push(total);
        }
        second
    }

    /// A second of single values.
    #[must_use]
    pub fn of_values(values: &[i64]) -> Self {
        let sum = values.iter().map(|value| *value as f64).sum();
        Self::new(values.iter().map(|value| (*value, 1)).collect(), sum)
    }

    /// Number of requests.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.cumulative.last().copied().unwrap_or(0)
    }

    /// Sum of the values.
    #[must_use]
    pub fn sum(&self) -> f64 {
        self.sum
    }

    /// Number of requests at or below `value`.
    #[must_use]
    pub fn at_most(&self, value: i64) -> u64 {
        self.values
            .partition_point(|known| *known <= value)
            .checked_sub(1)
            .map_or(0, |at| self.cumulative[at])
    }
}

/// A figure over consecutive seconds; a second in which nothing ended is there and empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    seconds: Vec<Second>,
    /// Distinct values of all seconds, rising.
    values: Vec<i64>,
    count: u64,
    sum: f64,
}

impl Series {
    /// The series of `seconds`.
    #[must_use]
    pub fn new(seconds: Vec<Second>) -> Self {
        let mut values: Vec<i64> = seconds
            .iter()
            .flat_map(|second| &second.values)
            .copied()
            .collect();
        values.sort_unstable();
        values.dedup();
        let (count, sum) = seconds.iter().fold((0, 0.0), |(count, sum), second| {
            (count + second.count(), sum + second.sum)
        });
        Self {
            seconds,
            values,
            count,
            sum,
        }
    }

    /// The seconds in their order.
    #[must_use]
    pub fn seconds(&self) -> &[Second] {
        &self.seconds
    }

    /// Distinct values, rising.
    #[must_use]
    pub fn values(&self) -> &[i64] {
        &self.values
    }

    /// Number of requests.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Sum of all values.
    #[must_use]
    pub fn sum(&self) -> f64 {
        self.sum
    }

    /// Mean of all requests; None without any.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }

    /// Quantile `q` in [0, 1] of all requests, nearest rank; None without any.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<i64> {
        let rank = rank(q, self.count);
        let below = self.values.partition_point(|value| {
            self.seconds
                .iter()
                .map(|second| second.at_most(*value))
                .sum::<u64>()
                < rank
        });
        self.values.get(below).copied()
    }

    /// Number of requests above `value`, second by second.
    #[must_use]
    pub fn above(&self, value: i64) -> Vec<u64> {
        self.seconds
            .iter()
            .map(|second| second.count() - second.at_most(value))
            .collect()
    }

    /// The mean of each second in which anything ended.
    #[must_use]
    pub fn means(&self) -> Vec<f64> {
        self.filled()
            .map(|second| second.sum / second.count() as f64)
            .collect()
    }

    /// The share of the requests above `value` of each second in which anything ended.
    #[must_use]
    pub fn rates_above(&self, value: i64) -> Vec<f64> {
        self.filled()
            .map(|second| 1.0 - second.at_most(value) as f64 / second.count() as f64)
            .collect()
    }

    fn filled(&self) -> impl Iterator<Item = &Second> {
        self.seconds.iter().filter(|second| second.count() > 0)
    }

    /// What each second adds to the error of the mean: sum less what its requests would have at the
    /// mean. Where every second holds as many requests it is the series of the means; a second that
    /// is cut or empty adds little or nothing.
    #[must_use]
    pub fn shares_of_mean(&self) -> Vec<f64> {
        let mean = self.mean().unwrap_or(0.0);
        self.seconds
            .iter()
            .map(|second| second.sum - mean * second.count() as f64)
            .collect()
    }

    /// The same for the share of the requests above `value`.
    #[must_use]
    pub fn shares_above(&self, value: i64) -> Vec<f64> {
        let above = self.above(value);
        let share = above.iter().sum::<u64>() as f64 / self.count.max(1) as f64;
        self.seconds
            .iter()
            .zip(above)
            .map(|(second, above)| above as f64 - share * second.count() as f64)
            .collect()
    }
}

/// Rank of quantile `q` among `count` values, from 1.
#[must_use]
pub fn rank(q: f64, count: u64) -> u64 {
    // The slack keeps 0.9 x 10 = 9.000000000000002 from becoming rank 10.
    ((q * count as f64 - 1e-9).ceil().max(1.0) as u64).min(count.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series() -> Series {
        let seconds: [&[i64]; 4] = [&[3, 1, 2], &[], &[2, 2, 9, 10], &[-4]];
        Series::new(seconds.map(Second::of_values).into())
    }

    fn check_quantile(q: f64, expected: i64) {
        assert_eq!(series().quantile(q), Some(expected), "{q}");
    }

    #[test]
    fn quantiles_are_nearest_ranks_of_all_seconds() {
        check_quantile(0.0, -4);
        check_quantile(0.5, 2);
        check_quantile(0.75, 3);
        check_quantile(0.875, 9);
        check_quantile(1.0, 10);
        assert_eq!(Series::default().quantile(0.5), None);
    }

    #[test]
    fn means_are_those_of_all_requests() {
        assert_eq!(series().mean(), Some(25.0 / 8.0));
        assert_eq!(Series::new(vec![Second::default(); 3]).mean(), None);
    }

    #[test]
    fn counts_of_one_value_are_added() {
        let second = Second::new(vec![(5, 2), (1, 1), (5, 3)], 26.0);
        assert_eq!(
            (
                second.count(),
                second.at_most(0),
                second.at_most(4),
                second.at_most(5)
            ),
            (6, 0, 1, 6)
        );
    }

    #[test]
    fn each_second_has_its_own_mean_and_rate() {
        assert_eq!(series().means(), [2.0, 23.0 / 4.0, -4.0]);
        assert_eq!(series().rates_above(2), [1.0 - 2.0 / 3.0, 0.5, 0.0]);
    }

    #[test]
    fn what_the_seconds_add_to_an_error_adds_up_to_none() {
        let series = series();
        assert_eq!(series.above(2), [1, 0, 2, 0]);
        for shares in [series.shares_of_mean(), series.shares_above(2)] {
            assert!(shares.iter().sum::<f64>().abs() < 1e-9, "{shares:?}");
            assert_eq!(shares[1], 0.0, "an empty second adds nothing");
        }
    }
}
