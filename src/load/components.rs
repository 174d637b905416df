//! The components of a mix: which of them a request is of, and its number among the requests of
//! that component.
//!
//! A mix has one arrival process. The component of request `seq` is drawn from the hash of (seed,
//! round, phase, workload, part, seq), so the same in every run and on every thread. Within its
//! component a request has a number of its own, from 0 and without gaps: what it holds depends on
//! that alone, as if the component were a workload by itself. A workload that is no mix has one
//! component.

use crate::telemetry::IdStream;

/// Draws the component of each request of a part.
#[derive(Clone, Debug)]
pub struct Draws {
    ids: IdStream,
    /// Where the share of each component ends among all hashes.
    ends: Vec<u64>,
}

/// Numbers the requests of an open loop within their components: scheduled requests that other
/// threads serve are counted as well, so that all threads agree without communicating.
#[derive(Debug)]
pub(super) struct Numbering {
    draws: Draws,
    /// The first scheduled request that was not counted yet.
    next: u64,
    /// Requests of each component among those before `next`.
    drawn: Vec<u64>,
    /// Requests that the data of each component suffices for; None: without end.
    left: Vec<Option<u64>>,
    /// A component whose data is used up, which ends the part.
    over: Option<usize>,
}

impl Draws {
    /// Of components with these shares, positive numbers; `ids` is that of the part as a whole.
    #[must_use]
    pub fn new(ids: IdStream, shares: &[f64]) -> Self {
        let total: f64 = shares.iter().sum();
        let ends = shares.iter().scan(0.0, |sum, share| {
            *sum += share / total;
            // The cast saturates, so the last end is that of all hashes.
            Some((*sum * u64::MAX as f64) as u64)
        });
        Self {
            ids,
            ends: ends.collect(),
        }
    }

    /// The component of request `seq`.
    pub(super) fn component(&self, seq: u64) -> usize {
        if self.ends.len() < 2 {
            return 0;
        }
        let hash = self.ids.key_hash(seq);
        // Rounding may leave a few hashes beyond the last end.
        self.ends
            .partition_point(|end| *end <= hash)
            .min(self.ends.len() - 1)
    }

    /// Requests of each component among the first `count`.
    #[must_use]
    pub fn count(&self, count: u64) -> Vec<u64> {
        let mut drawn = vec![0; self.ends.len().max(1)];
        if drawn.len() == 1 {
            drawn[0] = count;
        } else {
            (0..count).for_each(|seq| drawn[self.component(seq)] += 1);
        }
        drawn
    }
}

impl Numbering {
    pub(super) fn new(draws: &Draws, left: Vec<Option<u64>>) -> Self {
        Self {
            draws: draws.clone(),
            next: 0,
            drawn: vec![0; left.len()],
            over: left.iter().position(|left| *left == Some(0)),
            left,
        }
    }

    /// Component and number of scheduled request `seq`, which is asked for in rising order. None
    /// once a component has nothing left for a scheduled request up to this one: a mix without one
    /// of its components would be another one.
    pub(super) fn take(&mut self, seq: u64) -> Option<(usize, u64)> {
        if self.over.is_some() {
            return None;
        }
        if self.left.len() == 1 {
            self.drawn[0] = self.left[0].map_or(seq + 1, |left| left.min(seq + 1));
            if self.left[0].is_some_and(|left| seq >= left) {
                self.over = Some(0);
                return None;
            }
            return Some((0, seq));
        }
        while self.next < seq {
            self.draw()?;
        }
        self.draw()
    }

    fn draw(&mut self) -> Option<(usize, u64)> {
        let component = self.draws.component(self.next);
        let number = self.drawn[component];
        if self.left[component].is_some_and(|left| number >= left) {
            self.over = Some(component);
            return None;
        }
        self.next += 1;
        self.drawn[component] += 1;
        Some((component, number))
    }

    /// The component whose data is used up; None before [`Self::take`] gave None.
    pub(super) fn over(&self) -> Option<usize> {
        self.over
    }

    /// Requests of each component that were numbered, those of other threads among them.
    pub(super) fn drawn(&self) -> &[u64] {
        &self.drawn
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::telemetry::Nonce;

    fn draws(seed: u64, shares: &[f64]) -> Draws {
        let ids = IdStream::new(Nonce(1), seed, "alone", "churn", "measured");
        Draws::new(ids, shares)
    }

    /// What shard `shard` of `shards` serves among `count` scheduled requests: (scheduled request,
    /// component, number).
    fn served(
        draws: &Draws,
        left: &[Option<u64>],
        (shard, shards): (u64, u64),
        count: u64,
    ) -> Vec<(u64, usize, u64)> {
        let mut numbering = Numbering::new(draws, left.to_vec());
        (shard..count)
            .step_by(shards as usize)
            .map_while(|seq| {
                numbering
                    .take(seq)
                    .map(|(component, number)| (seq, component, number))
            })
            .collect()
    }

    proptest! {
        #[test]
        fn threads_number_the_requests_of_a_mix_as_one_would(
            seed: u64,
            shares in proptest::collection::vec(0.1_f64..10.0, 1..5),
            shards in 1_u64..5,
            first in 0_u64..40,
        ) {
            let draws = draws(seed, &shares);
            let mut left = vec![None; shares.len()];
            left[0] = Some(first);
            let one = served(&draws, &left, (0, 1), 300);
            let mut all: Vec<_> = (0..shards)
                .flat_map(|shard| served(&draws, &left, (shard, shards), 300))
                .collect();
            all.sort_unstable();
            prop_assert_eq!(&all, &one);
            for component in 0..shares.len() {
                let numbers: Vec<u64> = one
                    .iter()
                    .filter(|of| of.1 == component)
                    .map(|of| of.2)
                    .collect();
                let without_gaps: Vec<u64> = (0..numbers.len() as u64).collect();
                prop_assert_eq!(numbers, without_gaps);
            }
            // All of the first component's requests are sent before the mix ends.
            let ended = one.len() < 300;
            prop_assert!(first > 0 || one.is_empty());
            prop_assert!(!ended || one.iter().filter(|of| of.1 == 0).count() as u64 == first);
        }

        #[test]
        fn counts_of_components_add_up(
            seed: u64,
            shares in proptest::collection::vec(0.1_f64..10.0, 1..5),
            count in 0_u64..500,
        ) {
            let draws = draws(seed, &shares);
            let counts = draws.count(count);
            prop_assert_eq!(counts.iter().sum::<u64>(), count);
            let mut numbering = Numbering::new(&draws, vec![None; shares.len()]);
            (0..count).for_each(|seq| {
                numbering.take(seq);
            });
            prop_assert_eq!(numbering.drawn(), counts);
        }
    }

    /// Shares within five standard deviations, and components that do not follow one another by
    /// rule.
    #[test]
    fn components_are_drawn_by_their_shares() {
        let draws = draws(42, &[70.0, 20.0, 10.0]);
        let n = 100_000;
        for (share, found) in [0.7, 0.2, 0.1].into_iter().zip(draws.count(n)) {
            let expected = share * n as f64;
            let deviation = (expected * (1.0 - share)).sqrt();
            assert!(
                (found as f64 - expected).abs() < 5.0 * deviation,
                "{found} of {n} for {share}"
            );
        }
        let after_a_delete = (1..n)
            .filter(|seq| draws.component(seq - 1) == 2)
            .filter(|seq| draws.component(*seq) == 2)
            .count() as f64;
        assert!((after_a_delete - 1000.0).abs() < 160.0, "{after_a_delete}");
    }

    /// A scenario's seed keeps its meaning between versions: these values may never change.
    #[test]
    fn draws_stay_the_same_between_versions() {
        let draws = draws(42, &[70.0, 20.0, 10.0]);
        let first: Vec<usize> = (0..20).map(|seq| draws.component(seq)).collect();
        assert_eq!(first, FIRST);
    }
    const FIRST: [usize; 20] = [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 0, 0, 0];
}
