//! Poisson arrivals of rate 1: the running sum of exponential gaps with mean 1.
//!
//! `E = -ln(1 - U)` by inversion, from a generator of fixed kind (ChaCha8), so that a seed keeps
//! its meaning.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The sum so far, with the generator of what is to come.
#[derive(Clone, Debug)]
pub(super) struct Sum {
    random: ChaCha8Rng,
    sum: f64,
}

impl Sum {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            random: ChaCha8Rng::seed_from_u64(seed),
            sum: 0.0,
        }
    }

    /// The sum after `draws` more gaps.
    pub(super) fn after(&mut self, draws: u64) -> f64 {
        for _ in 0..draws {
            self.sum -= (1.0 - self.random.random::<f64>()).ln();
        }
        self.sum
    }
}
