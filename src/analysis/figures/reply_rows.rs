//! Rows per reply, of every search and query that succeeded.

use hdrhistogram::Histogram;

use crate::{analysis::model::ReplyRows, record::ReplyShape};

/// What `histogram` says of replies of this shape; None where nothing succeeded.
pub(crate) fn of_histogram(histogram: &Histogram<u64>, shape: ReplyShape) -> Option<ReplyRows> {
    let replies = histogram.len();
    let full = shape.full_rows.filter(|full| *full <= histogram.high());
    // The recorder keeps replies that lack a row out of this bucket.
    let full_from = full.map(|full| histogram.lowest_equivalent(full));
    let (mut sum, mut short) = (0.0, 0);
    for step in histogram.iter_recorded() {
        let (value, count) = (step.value_iterated_to(), step.count_at_value());
        let rows = full
            .filter(|full| histogram.equivalent(*full, value))
            .unwrap_or_else(|| histogram.median_equivalent(value));
        sum += rows as f64 * count as f64;
        short += if full_from.is_some_and(|from| value < from) {
            count
        } else {
            0
        };
    }
    let share = |count: u64| count as f64 / replies as f64;
    (replies > 0).then(|| ReplyRows {
        replies,
        mean: sum / replies as f64,
        empty: share(histogram.count_at(0)),
        short: shape
            .full_rows
            .map(|_| if full.is_some() { share(short) } else { 1.0 }),
        full: shape.full_rows,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rows: &[u64], full_rows: Option<u64>, expected: Option<(f64, f64, Option<f64>)>) {
        let mut histogram = Histogram::new_with_bounds(1, 1 << 24, 3).unwrap();
        rows.iter()
            .for_each(|rows| histogram.record(*rows).unwrap());
        let found = of_histogram(
            &histogram,
            ReplyShape {
                vectors: 1,
                full_rows,
            },
        );
        assert_eq!(
            found.map(|found| (found.mean, found.empty, found.short)),
            expected,
            "{rows:?} of {full_rows:?}"
        );
    }

    #[test]
    fn replies_without_rows_and_with_too_few_are_shares_of_all() {
        check(&[], Some(5), None);
        check(&[5, 5, 5, 5], Some(5), Some((5.0, 0.0, Some(0.0))));
        check(&[0, 5, 4, 3], Some(5), Some((3.0, 0.25, Some(0.75))));
        check(&[0, 0], Some(5), Some((0.0, 1.0, Some(1.0))));
        check(&[7, 0], None, Some((3.5, 0.5, None)));
        check(&[6], Some(5), Some((6.0, 0.0, Some(0.0))));
    }

    #[test]
    fn a_full_reply_is_exact_beyond_three_digits() {
        check(&[16_384; 3], Some(16_384), Some((16_384.0, 0.0, Some(0.0))));
        check(
            &[5_001, 5_001],
            Some(5_001),
            Some((5_001.0, 0.0, Some(0.0))),
        );
    }
}
