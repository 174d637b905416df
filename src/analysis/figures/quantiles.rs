//! Quantiles and curves, from histograms of all requests or from the values of the matched ones.

use hdrhistogram::Histogram;

use crate::analysis::model::{Estimate, Quantiles};

/// The quantiles of every report: key and place in [0, 1].
pub(crate) const QUANTILES: [(&str, f64); 6] = [
    ("p50", 0.5),
    ("p90", 0.9),
    ("p95", 0.95),
    ("p99", 0.99),
    ("p99.9", 0.999),
    ("max", 1.0),
];
/// Points of a curve: from p0 to p99.99, evenly on the logarithmic percentile axis.
const CURVE_POINTS: u32 = 200;
const CURVE_DECADES: f64 = 4.0;

/// Nanoseconds as microseconds.
pub(crate) fn us(ns: impl Into<i128>) -> f64 {
    ns.into() as f64 / 1_000.0
}

/// Quantiles of a histogram in nanoseconds; None where it is empty. `lost` is the share of due
/// requests that have no value in it, in [0, 1]: a quantile that they could have moved is a lower
/// bound.
pub(crate) fn of_histogram(histogram: &Histogram<u64>, lost: f64) -> Option<Quantiles> {
    if histogram.is_empty() {
        return None;
    }
    let mut quantiles: Quantiles = QUANTILES
        .iter()
        .map(|(key, q)| {
            let value = us(histogram.value_at_quantile(*q));
            (
                (*key).to_owned(),
                Estimate {
                    value,
                    at_least: is_lower_bound(lost, *q),
                    ..Estimate::default()
                },
            )
        })
        .collect();
    quantiles.insert(
        "mean".to_owned(),
        Estimate {
            value: histogram.mean() / 1_000.0,
            ..Estimate::default()
        },
    );
    Some(quantiles)
}

/// Whether the requests without a value, all slower than the rest, reach down to quantile `q`.
fn is_lower_bound(lost: f64, q: f64) -> bool {
    // 1 - q is not exact in binary: a share of exactly 1 % must not make p99 a lower bound.
    lost > 1.0 - q + 1e-12
}

/// Quantiles of values in nanoseconds, which may be negative; None where there are none.
pub(crate) fn of_values(values: &mut [i64]) -> Option<Quantiles> {
    values.sort_unstable();
    let sum: i128 = values.iter().map(|value| i128::from(*value)).sum();
    let mut quantiles = Quantiles::new();
    for (key, q) in QUANTILES {
        quantiles.insert(
            key.to_owned(),
            Estimate {
                value: us(at(values, q)?),
                ..Estimate::default()
            },
        );
    }
    let mean = us(sum) / values.len() as f64;
    quantiles.insert(
        "mean".to_owned(),
        Estimate {
            value: mean,
            ..Estimate::default()
        },
    );
    Some(quantiles)
}

/// The value below or at which the share `q` of the sorted values lies: nearest rank.
pub(crate) fn at(sorted: &[i64], q: f64) -> Option<i64> {
    // The slack keeps 0.9 x 10 = 9.000000000000002 from becoming rank 10.
    let rank = (q * sorted.len() as f64 - 1e-9).ceil().max(1.0) as usize;
    sorted.get(rank.min(sorted.len()).checked_sub(1)?).copied()
}

/// The curve of a histogram: (percentile, microseconds).
pub(crate) fn curve_of_histogram(histogram: &Histogram<u64>) -> Vec<(f64, f64)> {
    curve(histogram.len(), |q| {
        Some(us(histogram.value_at_quantile(q)))
    })
}

/// The curve of sorted values.
pub(crate) fn curve_of_values(sorted: &[i64]) -> Vec<(f64, f64)> {
    curve(sorted.len() as u64, |q| at(sorted, q).map(us))
}

fn curve(count: u64, value: impl Fn(f64) -> Option<f64>) -> Vec<(f64, f64)> {
    let places = (0..CURVE_POINTS).map(|point| {
        1.0 - 10f64.powf(-CURVE_DECADES * f64::from(point) / f64::from(CURVE_POINTS - 1))
    });
    // Beyond one value in `count` there is nothing but the maximum again.
    let end = 1.0 - 1.0 / count.max(1) as f64;
    let mut points: Vec<(f64, f64)> = places
        .take_while(|q| *q <= end + 1e-12)
        .filter_map(|q| value(q).map(|value| (q * 100.0, value)))
        .collect();
    if count == 0 {
        points.clear();
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(values: impl IntoIterator<Item = u64>) -> Histogram<u64> {
        let mut histogram = Histogram::new_with_bounds(1, 3_600_000_000_000, 3).unwrap();
        values
            .into_iter()
            .for_each(|value| histogram.record(value).unwrap());
        histogram
    }

    fn check_lower_bounds(lost: f64, expected: &[&str]) {
        let quantiles = of_histogram(&histogram(1..=1000), lost).unwrap();
        let found: Vec<_> = quantiles
            .iter()
            .filter(|(_, estimate)| estimate.at_least)
            .map(|(key, _)| key.as_str())
            .collect();
        assert_eq!(found, expected, "{lost}");
    }

    #[test]
    fn failures_make_the_quantiles_above_them_lower_bounds() {
        check_lower_bounds(0.0, &[]);
        check_lower_bounds(0.0005, &["max"]);
        check_lower_bounds(0.01, &["max", "p99.9"]);
        check_lower_bounds(0.02, &["max", "p99", "p99.9"]);
        check_lower_bounds(0.6, &["max", "p50", "p90", "p95", "p99", "p99.9"]);
    }

    #[test]
    fn nothing_recorded_has_no_quantiles() {
        assert_eq!(of_histogram(&histogram([]), 0.0), None);
        assert_eq!(of_values(&mut []), None);
        assert!(curve_of_histogram(&histogram([])).is_empty());
    }

    fn check_rank(q: f64, expected: i64) {
        let values: Vec<i64> = (1..=10).collect();
        assert_eq!(at(&values, q), Some(expected), "{q}");
    }

    #[test]
    fn quantiles_of_values_are_nearest_ranks() {
        check_rank(0.0, 1);
        check_rank(0.5, 5);
        check_rank(0.9, 9);
        check_rank(0.95, 10);
        check_rank(1.0, 10);
    }

    #[test]
    fn gaps_may_be_negative() {
        let quantiles = of_values(&mut [3_000, -1_000]).unwrap();
        assert_eq!(
            (
                quantiles["p50"].value,
                quantiles["max"].value,
                quantiles["mean"].value
            ),
            (-1.0, 3.0, 1.0)
        );
    }

    #[test]
    fn curves_rise_and_end_where_the_values_do() {
        let points = curve_of_histogram(&histogram((1..=1000).map(|value| value * 1000)));
        assert!(points.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1));
        assert_eq!(points[0].0, 0.0);
        assert!(
            points.last().unwrap().0 <= 99.9 + 1e-9,
            "{:?}",
            points.last()
        );
        assert_eq!(curve_of_histogram(&histogram(1..=100_000)).len(), 200);
    }
}
