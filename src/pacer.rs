//! Pure arithmetic: when is request `seq` due. No clock, no sleep.
//!
//! Even arrivals at rate λ: `due(k) = k / λ`. Poisson arrivals: `due(k) = Σ_{i ≤ k} E_i / λ` with `E_i` independent,
//! exponential with mean 1, drawn by inversion `E = -ln(1 - U)` from a generator of fixed kind (ChaCha8), so that a seed
//! keeps its meaning. Every shard walks the whole schedule and keeps its own slots: shard i of n owns seq = i, i + n, ...,
//! so n shards interleave to the unsharded schedule, request by request.

use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// How arrivals are spread.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Spread {
    /// At equal distances.
    Even,
    /// Independent of each other, from this seed.
    Poisson {
        /// Seed of the whole schedule, the same for all shards.
        seed: u64,
    },
}

/// One slot of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Number within the schedule, from 0.
    pub seq: u64,
    /// When it is due, from the start of the part.
    pub due: Duration,
}

/// The schedule of one shard: an iterator without end.
#[derive(Clone, Debug)]
pub struct Pacer {
    rate: f64,
    next: u64,
    shard: u64,
    shards: u64,
    poisson: Option<(ChaCha8Rng, f64)>,
}

impl Pacer {
    /// Shard `shard` of `shards` of the schedule with `rate` requests per second.
    ///
    /// # Panics
    /// When the rate is not positive and finite, or the shard not below `shards`: the plan refuses both.
    #[must_use]
    pub fn new(rate: f64, spread: Spread, shard: u64, shards: u64) -> Self {
        assert!(rate > 0.0 && rate.is_finite(), "rate {rate} is not positive");
        assert!(shard < shards, "shard {shard} of {shards}");
        let poisson = match spread {
            Spread::Even => None,
            Spread::Poisson { seed } => Some((ChaCha8Rng::seed_from_u64(seed), 0.0)),
        };
        Self { rate, next: 0, shard, shards, poisson }
    }

    /// Slots of the whole schedule that are due before `end`: what `check` announces and the account must meet.
    #[must_use]
    pub fn count_before(rate: f64, spread: Spread, end: Duration) -> u64 {
        Self::new(rate, spread, 0, 1).take_while(|slot| slot.due < end).count() as u64
    }

    /// Seconds from the start to slot `next`; for Poisson arrivals called once for each slot, in order.
    fn due_s(&mut self, seq: u64) -> f64 {
        match &mut self.poisson {
            None => seq as f64 / self.rate,
            Some((random, sum)) => {
                *sum -= (1.0 - random.random::<f64>()).ln();
                *sum / self.rate
            }
        }
    }
}

impl Iterator for Pacer {
    type Item = Slot;

    fn next(&mut self) -> Option<Slot> {
        loop {
            let seq = self.next;
            self.next += 1;
            if self.poisson.is_none() && seq % self.shards != self.shard {
                continue;
            }
            let due = self.due_s(seq);
            if seq % self.shards == self.shard {
                return Some(Slot { seq, due: Duration::from_secs_f64(due) });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(rate: f64, count: usize, expected_us: &[u64]) {
        let dues: Vec<u64> = Pacer::new(rate, Spread::Even, 0, 1).take(count).map(|slot| slot.due.as_micros() as u64).collect();
        assert_eq!(dues, expected_us);
    }

    #[test]
    fn even_arrivals_stand_at_equal_distances_from_zero() {
        check(1000.0, 4, &[0, 1000, 2000, 3000]);
        check(0.5, 3, &[0, 2_000_000, 4_000_000]);
    }

    #[test]
    fn even_arrivals_do_not_drift() {
        let last = Pacer::new(3.0, Spread::Even, 0, 1).nth(3_000_000).map(|slot| slot.due);
        assert_eq!(last, Some(Duration::from_secs(1_000_000)));
    }

    #[test]
    fn slots_before_an_end_do_not_include_the_end() {
        assert_eq!(Pacer::count_before(500.0, Spread::Even, Duration::from_secs(10)), 5000);
    }

    #[test]
    fn poisson_arrivals_pass_a_kolmogorov_smirnov_test_against_the_exponential() {
        let dues: Vec<f64> = Pacer::new(100.0, Spread::Poisson { seed: 7 }, 0, 1).take(20_000).map(|slot| slot.due.as_secs_f64()).collect();
        let mut gaps: Vec<f64> = dues.windows(2).map(|pair| pair[1] - pair[0]).collect();
        gaps.sort_by(f64::total_cmp);
        let n = gaps.len() as f64;
        let distance = gaps
            .iter()
            .enumerate()
            .map(|(index, gap)| {
                let expected = 1.0 - (-gap * 100.0).exp();
                (expected - index as f64 / n).abs().max((expected - (index + 1) as f64 / n).abs())
            })
            .fold(0.0, f64::max);
        // Critical value of the Kolmogorov distribution at the level 0.001.
        assert!(distance < 1.95 / n.sqrt(), "distance {distance}");
    }

    proptest! {
        #[test]
        fn shards_interleave_to_the_whole(rate in 0.1_f64..1e6, shards in 1_u64..9, poisson: bool, seed: u64) {
            let spread = if poisson { Spread::Poisson { seed } } else { Spread::Even };
            let whole: Vec<Slot> = Pacer::new(rate, spread, 0, 1).take(64).collect();
            let mut merged: Vec<Slot> = (0..shards).flat_map(|shard| Pacer::new(rate, spread, shard, shards).take(64)).collect();
            merged.sort_by_key(|slot| slot.seq);
            merged.truncate(64);
            prop_assert_eq!(whole, merged);
        }

        #[test]
        fn a_schedule_never_goes_back(rate in 0.1_f64..1e6, poisson: bool, seed: u64) {
            let spread = if poisson { Spread::Poisson { seed } } else { Spread::Even };
            let dues: Vec<Duration> = Pacer::new(rate, spread, 0, 1).take(500).map(|slot| slot.due).collect();
            prop_assert!(dues.windows(2).all(|pair| pair[0] <= pair[1]));
        }
    }
}
