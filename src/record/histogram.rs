//! Histograms as every part of a run makes them: their bounds and their precision.

use hdrhistogram::Histogram;

use super::Figure;

/// Significant digits of every histogram.
pub(super) const DIGITS: u8 = 3;

/// Longest time that fits a histogram, nanoseconds: one hour.
pub(super) const MAX_NS: u64 = 3_600_000_000_000;

/// Most rows that are told apart: one more would be 64 MiB of ids alone. A reply with more counts
/// as this.
pub(super) const MAX_ROWS: u64 = 1 << 24;

/// A histogram of one second. Counts of 32 bits: half of the memory, and no second has four billion
/// requests.
pub(super) type IntervalHistogram = Histogram<u32>;

/// The largest value of a figure.
pub(super) fn highest(figure: Figure) -> u64 {
    if figure == Figure::Rows {
        MAX_ROWS
    } else {
        MAX_NS
    }
}

/// A histogram with the bounds of `figure`: 1 ns to one hour, or 1 row to 16 million; three
/// significant digits.
pub(super) fn new_histogram(figure: Figure) -> Histogram<u64> {
    #[allow(clippy::unwrap_used)] // the bounds are constants that the crate accepts
    Histogram::new_with_bounds(1, highest(figure), DIGITS).unwrap()
}

/// The same of a time, for one second.
pub(super) fn new_interval_histogram() -> IntervalHistogram {
    #[allow(clippy::unwrap_used)] // the bounds are constants that the crate accepts
    IntervalHistogram::new_with_bounds(1, MAX_NS, DIGITS).unwrap()
}

/// The same of rows, for one second: less than half as large.
pub(super) fn new_row_histogram() -> IntervalHistogram {
    #[allow(clippy::unwrap_used)] // the bounds are constants that the crate accepts
    IntervalHistogram::new_with_bounds(1, MAX_ROWS, DIGITS).unwrap()
}
