//! Tracing that is switched off and on while a phase runs, so that what it costs altogether can be
//! seen.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Blocks of time, all of the same length, counted from a phase's start. Of two neighbours one is
/// traced, and chance says which.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TracingSwitch {
    /// Length of a block, nanoseconds, above 0.
    pub every_ns: u64,
    /// Which of two is traced follows from it.
    pub seed: u64,
}

impl TracingSwitch {
    /// Number of the block of a time from the phase's start, nanoseconds.
    #[must_use]
    pub fn block(self, since_start_ns: u64) -> u64 {
        since_start_ns / self.every_ns.max(1)
    }

    /// Whether requests of `block` are traced.
    #[must_use]
    pub fn is_on(self, block: u64) -> bool {
        let pair = block / 2;
        // The finaliser of SplitMix64: neighbouring numbers give bits that have nothing to do with
        // each other.
        let mut bits = (self.seed ^ pair).wrapping_add(0x9e37_79b9_7f4a_7c15);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) & 1 == block & 1
    }

    /// Whether a request is traced that is due so long after the phase's start.
    #[must_use]
    pub fn traces(self, since_start: Duration) -> bool {
        self.is_on(self.block(u64::try_from(since_start.as_nanos()).unwrap_or(u64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_neighbours_one_is_traced() {
        for seed in 0..50 {
            let switch = TracingSwitch {
                every_ns: 5_000_000_000,
                seed,
            };
            assert!(
                (0..100)
                    .step_by(2)
                    .all(|block| switch.is_on(block) != switch.is_on(block + 1)),
                "{seed}"
            );
        }
    }

    #[test]
    fn which_of_them_is_chance() {
        let first = |seed| {
            (0..1_000)
                .filter(|pair| TracingSwitch { every_ns: 1, seed }.is_on(2 * pair))
                .count()
        };
        assert!(
            (0..20).all(|seed| (400..600).contains(&first(seed))),
            "{:?}",
            (0..20).map(first).collect::<Vec<_>>()
        );
    }

    #[test]
    fn blocks_begin_with_the_phase() {
        let switch = TracingSwitch {
            every_ns: 5_000_000_000,
            seed: 3,
        };
        assert_eq!(
            [0, 4_999_999_999, 5_000_000_000, 14_000_000_000].map(|ns| switch.block(ns)),
            [0, 0, 1, 2]
        );
        assert_eq!(switch.traces(Duration::from_secs(6)), switch.is_on(1));
    }
}
