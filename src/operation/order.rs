//! The order in which queries are taken: each once, pass after pass, as a pure function of (seed,
//! round, workload, pass).
//!
//! Place `i` of a pass over n queries is `permute(key of the pass, n, i)`, a keyed bijection of
//! 0..n: a balanced Feistel network (Luby and Rackoff 1988) over the smallest power of four that
//! holds n, walked along its cycle until it falls below n (Black and Rogaway, "Ciphers with
//! arbitrary finite domains", 2002). It needs no table and no state, so threads and shards agree
//! without a word, and a run that is killed has taken the same queries as one that was not.

use super::draw;

/// Rounds of the network. Four make a permutation that can't be told from chance; more are for
/// domains of a few queries.
const ROUNDS: u64 = 8;

/// How the requests of one part of a workload are numbered among its queries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueryOrder {
    key: u64,
    /// Callers by which a closed loop numbers its requests, and those of them that are at work.
    callers: Option<(u64, u64)>,
}

impl QueryOrder {
    /// The order of `workload` in one round; `seed` is that of the round. Parts that are not
    /// measured go through passes of their own: they would take just the queries that are measured
    /// next, and warm what those need.
    #[must_use]
    pub fn new(seed: u64, workload: &str, measured: bool) -> Self {
        let key = draw::mix(seed ^ draw::mix(draw::text_hash(workload)));
        Self {
            key: if measured { key } else { !key },
            callers: None,
        }
    }

    /// The same in a closed loop in which `working` of `callers` are at work: request k of caller c
    /// is c + k x `callers`, which leaves out the numbers of those that are not.
    #[must_use]
    pub fn of_callers(self, callers: u32, working: u32) -> Self {
        let known = (1..callers).contains(&working);
        Self {
            callers: known.then_some((u64::from(callers), u64::from(working))),
            ..self
        }
    }

    /// The queries of request `seq` with `nq` of them, out of `count` (at least 1).
    pub(super) fn queries(
        self,
        seq: u64,
        nq: u64,
        count: u64,
    ) -> impl Iterator<Item = u64> + Clone {
        let number = match self.callers {
            Some((callers, working)) => (seq / callers)
                .wrapping_mul(working)
                .wrapping_add(seq % callers),
            None => seq,
        };
        let first = number.wrapping_mul(nq);
        (0..nq).map(move |offset| {
            let place = first.wrapping_add(offset);
            permute(
                draw::mix(self.key ^ draw::mix(place / count)),
                count,
                place % count,
            )
        })
    }
}

/// Where `index` (below `count`) goes in the permutation of 0..`count` with this key.
pub(super) fn permute(key: u64, count: u64, index: u64) -> u64 {
    let bits = u64::BITS - count.saturating_sub(1).leading_zeros();
    let half = bits.div_ceil(2).max(1);
    let mask = (1_u64 << half) - 1;
    let mut value = index;
    // The domain is less than four times as large as `count`, so some steps suffice; a cycle that
    // begins below `count` comes back there.
    loop {
        let (mut left, mut right) = (value >> half, value & mask);
        for round in 0..ROUNDS {
            (left, right) = (
                right,
                left ^ (draw::mix(key ^ (round << 32) ^ right.wrapping_mul(0x9e37_79b9_7f4a_7c15))
                    & mask),
            );
        }
        value = (left << half) | right;
        if value < count {
            return value;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn pass(order: QueryOrder, number: u64, count: u64) -> Vec<u64> {
        (number * count..(number + 1) * count)
            .flat_map(|seq| order.queries(seq, 1, count))
            .collect()
    }

    proptest! {
        #[test]
        fn a_pass_takes_each_query_once(
            seed: u64,
            count in 1_u64..3_000,
            number in 0_u64..1_000_000,
        ) {
            let taken: BTreeSet<u64> = pass(QueryOrder::new(seed, "w", true), number, count)
                .into_iter()
                .collect();
            prop_assert_eq!(taken.len() as u64, count);
            prop_assert_eq!(taken.last().copied(), Some(count - 1));
        }

        #[test]
        fn several_queries_are_consecutive_places(
            seed: u64,
            count in 1_u64..200,
            nq in 1_u64..500,
            seq in 0_u64..1_000_000,
        ) {
            let order = QueryOrder::new(seed, "w", true);
            let single: Vec<u64> = (seq * nq..(seq + 1) * nq)
                .flat_map(|seq| order.queries(seq, 1, count))
                .collect();
            prop_assert_eq!(order.queries(seq, nq, count).collect::<Vec<_>>(), single);
        }

        #[test]
        fn large_domains_stay_in_their_range(key: u64, count in 1_u64..=u64::MAX / 2, index: u64) {
            prop_assert!(permute(key, count, index % count) < count);
        }

        #[test]
        fn callers_that_are_at_work_take_each_query_once(
            seed: u64,
            callers in 1_u32..50,
            working in 1_u32..50,
            count in 1_u64..300,
        ) {
            let working = working.min(callers);
            let order = QueryOrder::new(seed, "w", true).of_callers(callers, working);
            // What the working callers send, in the order of their numbers.
            let numbers = (0..)
                .flat_map(|k| (0..u64::from(working)).map(move |c| c + k * u64::from(callers)));
            let taken: BTreeSet<u64> = numbers
                .take(count as usize)
                .flat_map(|seq| order.queries(seq, 1, count))
                .collect();
            prop_assert_eq!(taken.len() as u64, count);
        }
    }

    #[test]
    fn seeds_workloads_passes_and_warm_up_have_orders_of_their_own() {
        let order = QueryOrder::new(42, "w", true);
        let first = pass(order, 0, 100);
        let others = [
            pass(QueryOrder::new(43, "w", true), 0, 100),
            pass(QueryOrder::new(42, "v", true), 0, 100),
            pass(QueryOrder::new(42, "w", false), 0, 100),
            pass(order, 1, 100),
        ];
        assert!(others.iter().all(|other| *other != first));
        assert_eq!(pass(QueryOrder::new(42, "w", true), 0, 100), first);
    }

    /// Each query is first, and follows each other one, as often as by chance: counts within five
    /// standard deviations.
    #[test]
    fn every_order_is_as_likely_as_the_others() {
        for count in [2_u64, 3, 5, 10, 17] {
            let (passes, mut first, mut neighbours) = (
                20_000_u64,
                vec![0_u64; count as usize],
                vec![0_u64; (count * count) as usize],
            );
            for seed in 0..passes {
                let taken = pass(QueryOrder::new(seed, "w", true), 0, count);
                first[taken[0] as usize] += 1;
                taken
                    .windows(2)
                    .for_each(|pair| neighbours[(pair[0] * count + pair[1]) as usize] += 1);
            }
            let near = |found: u64, share: f64| {
                let (n, found) = (passes as f64, found as f64);
                (found - n * share).abs() <= 5.0 * (n * share * (1.0 - share)).sqrt() + 1.0
            };
            assert!(
                first.iter().all(|found| near(*found, 1.0 / count as f64)),
                "{count}: {first:?}"
            );
            let pairs = neighbours
                .iter()
                .enumerate()
                .filter(|(at, _)| *at as u64 / count != *at as u64 % count);
            assert!(
                pairs
                    .into_iter()
                    .all(|(_, found)| near(*found, 1.0 / count as f64)),
                "{count}: {neighbours:?}"
            );
        }
    }

    /// A scenario's seed keeps its meaning between versions: these values may never change.
    #[test]
    fn orders_stay_the_same_between_versions() {
        assert_eq!(pass(QueryOrder::new(42, "search", true), 0, 10), FIRST);
        assert_eq!(pass(QueryOrder::new(42, "search", true), 1, 10), SECOND);
    }
    const FIRST: [u64; 10] = [1, 5, 6, 4, 3, 8, 7, 0, 2, 9];
    const SECOND: [u64; 10] = [5, 2, 3, 0, 6, 9, 1, 8, 7, 4];
}
