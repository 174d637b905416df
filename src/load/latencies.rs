//! Latencies for the progress display: counts in buckets whose width grows with the value.
//!
//! The bucket of a value follows from its leading bits: 16 buckets to each doubling, so a value is
//! known to 1 part in 32 (3.2 %), from 1 us to 73 minutes. The histograms of the run, which reports
//! are made from, are the recorder's.

use std::sync::atomic::{AtomicU32, Ordering};

/// Buckets to each doubling: 2 to this power.
const STEP_BITS: u32 = 4;
/// Below 2 to this power, nanoseconds are not told apart: buckets begin to grow at 1 us.
const UNIT_BITS: u32 = 6;
/// Longest latency, nanoseconds; a longer one counts as this.
const MAX_NS: u64 = (1 << 42) - 1;
const BUCKETS: usize = 528;

/// Counts of one thread, which alone writes them.
#[derive(Debug)]
pub(super) struct LatencyCounters([AtomicU32; BUCKETS]);

impl Default for LatencyCounters {
    fn default() -> Self {
        Self([const { AtomicU32::new(0) }; BUCKETS])
    }
}

impl LatencyCounters {
    /// Counts one latency.
    pub(super) fn count(&self, ns: u64) {
        let counter = &self.0[bucket(ns)];
        // Only this thread writes, so that no locked instruction is needed; the count may wrap,
        // differences do not mind.
        counter.store(
            counter.load(Ordering::Relaxed).wrapping_add(1),
            Ordering::Relaxed,
        );
    }

    pub(super) fn add_to(&self, sum: &mut Latencies) {
        for (sum, counter) in sum.counts.iter_mut().zip(&self.0) {
            *sum = sum.wrapping_add(counter.load(Ordering::Relaxed));
        }
    }
}

/// Latencies of a span of time, coarsely.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Latencies {
    counts: Vec<u32>,
}

impl Default for Latencies {
    fn default() -> Self {
        Self {
            counts: vec![0; BUCKETS],
        }
    }
}

impl FromIterator<u64> for Latencies {
    /// Counts latencies in nanoseconds.
    fn from_iter<I: IntoIterator<Item = u64>>(latencies: I) -> Self {
        let mut counted = Self::default();
        latencies
            .into_iter()
            .for_each(|ns| counted.counts[bucket(ns)] += 1);
        counted
    }
}

impl Latencies {
    /// Those that were counted after `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            counts: self
                .counts
                .iter()
                .zip(&earlier.counts)
                .map(|(now, before)| now.wrapping_sub(*before))
                .collect(),
        }
    }

    /// The quantile `q`, in [0, 1], nanoseconds, to 3.2 % from 1 us on; None where there is none.
    #[must_use]
    pub fn quantile_ns(&self, q: f64) -> Option<u64> {
        let total: u64 = self.counts.iter().map(|count| u64::from(*count)).sum();
        let rank = ((q * total as f64).ceil() as u64).max(1);
        let mut below = 0;
        let found = self.counts.iter().position(|count| {
            below += u64::from(*count);
            below >= rank
        });
        found.map(middle_ns)
    }
}

/// The bucket of a latency.
fn bucket(ns: u64) -> usize {
    let units = ns.min(MAX_NS) >> UNIT_BITS;
    let bits = u64::BITS - units.leading_zeros();
    let shift = bits.saturating_sub(STEP_BITS + 1);
    // The leading bit is kept, so buckets go on where those of the doubling before ended.
    ((shift as usize) << STEP_BITS) + (units >> shift) as usize
}

/// The middle of a bucket, nanoseconds.
fn middle_ns(bucket: usize) -> u64 {
    let shift = (bucket >> STEP_BITS).saturating_sub(1);
    let lowest = (bucket - (shift << STEP_BITS)) as u64;
    (2 * lowest + 1) << (shift as u32 + UNIT_BITS - 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn counted(values: &[u64]) -> Latencies {
        let counters = LatencyCounters::default();
        values.iter().for_each(|value| counters.count(*value));
        let mut sum = Latencies::default();
        counters.add_to(&mut sum);
        sum
    }

    #[test]
    fn buckets_follow_each_other_and_end_at_the_longest_latency() {
        let borders = (0..42).flat_map(|bits| (0..64).map(move |step| (64 + step) << bits >> 6));
        let mut before = 0;
        for ns in borders {
            let found = bucket(ns);
            assert!(
                found == before || found == before + 1,
                "{ns} ns is in bucket {found}, after {before}"
            );
            before = found;
        }
        assert_eq!(
            (bucket(MAX_NS), bucket(u64::MAX)),
            (BUCKETS - 1, BUCKETS - 1)
        );
    }

    #[test]
    fn nothing_has_no_quantile() {
        assert_eq!(Latencies::default().quantile_ns(0.5), None);
    }

    #[test]
    fn only_what_came_after_is_in_a_difference() {
        let before = counted(&[1_000_000; 50]);
        let now = counted(&[vec![1_000_000; 50], vec![8_000_000]].concat());
        let middle = now.since(&before).quantile_ns(0.5).unwrap();
        assert!(middle.abs_diff(8_000_000) < 260_000, "{middle} ns");
        let (mut wrapped, mut later) = (Latencies::default(), Latencies::default());
        (wrapped.counts[7], later.counts[7]) = (u32::MAX, 1);
        assert_eq!(later.since(&wrapped).counts[7], 2);
    }

    /// A value of any number of bits, so that small and large ones are equally likely.
    fn value() -> impl Strategy<Value = u64> {
        (10_u32..42, any::<u64>()).prop_map(|(bits, low)| (1 << bits) | (low & ((1 << bits) - 1)))
    }

    proptest! {
        #[test]
        fn a_quantile_is_right_to_one_part_in_32(
            mut values in prop::collection::vec(value(), 1..200),
            q in 0.0_f64..=1.0,
        ) {
            let found = counted(&values).quantile_ns(q).unwrap();
            values.sort_unstable();
            let exact = values[((q * values.len() as f64).ceil() as usize).max(1) - 1].min(MAX_NS);
            prop_assert!(
                found.abs_diff(exact) as f64 <= exact as f64 / 32.0,
                "{found} ns for {exact} ns"
            );
        }
    }
}
