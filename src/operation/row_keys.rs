//! Which primary keys of a collection stay, and which may be deleted.
//!
//! The keys of the rows that preparation inserts, 0..n, are put in an order that depends on the
//! seed and the collection alone. Deletes take the first of them, each once; the others stay, and
//! what needs a row that is there draws among those. So every request knows its keys from its
//! number: no two of them delete the same row, and none that is deleted is written again.

use super::{draw, order::permute};

/// The keys of the rows that preparation inserts into a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowKeys {
    rows: u64,
    /// Of the order in which deletes take them.
    key: u64,
    /// How many of the order's first may be deleted.
    leaving: u64,
    unknown: Option<String>,
}

impl RowKeys {
    /// The keys 0..`rows`, all of which stay.
    #[must_use]
    pub fn all_stay(rows: u64, seed: u64, collection: &str) -> Self {
        Self {
            rows,
            key: draw::mix(seed ^ draw::mix(draw::text_hash(collection))),
            leaving: 0,
            unknown: None,
        }
    }

    /// The same of which `leaving` (at most all of them) may be deleted.
    #[must_use]
    pub fn with_leaving(self, leaving: u64) -> Self {
        Self {
            leaving: leaving.min(self.rows),
            ..self
        }
    }

    /// The same of which it is not known which are deleted; `why` is a sentence without its end.
    #[must_use]
    pub fn with_unknown(self, why: String) -> Self {
        Self {
            unknown: Some(why),
            ..self
        }
    }

    /// Why it is not known which keys stay; None where it is.
    pub(super) fn unknown(&self) -> Option<&str> {
        self.unknown.as_deref()
    }

    /// Keys that preparation inserts.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// Keys that stay.
    pub(crate) fn staying(&self) -> u64 {
        self.rows - self.leaving
    }

    /// The `number`-th key that stays, from 0 and below [`Self::staying`].
    pub(super) fn that_stays(&self, number: u64) -> u64 {
        // Where nothing is deleted, no order is needed.
        if self.leaving == 0 {
            number
        } else {
            permute(self.key, self.rows, self.leaving + number)
        }
    }

    /// The key of a row that is there: the `number`-th of those that stay, and beyond the rows of
    /// the preparation the number itself, of a row that was inserted later.
    pub(super) fn there(&self, number: u64) -> u64 {
        if number < self.rows {
            self.that_stays(number % self.staying().max(1))
        } else {
            number
        }
    }

    /// The `number`-th key, from 0, of those that stay in an order drawn by the seed, which begins
    /// again after the last one. There must be some.
    #[must_use]
    pub fn in_turn(&self, number: u64) -> u64 {
        let staying = self.staying();
        self.that_stays(permute(!self.key, staying, number % staying))
    }

    /// The `number`-th key that is deleted, from 0 and below the keys that may be.
    #[must_use]
    pub fn that_leaves(&self, number: u64) -> u64 {
        permute(self.key, self.rows, number)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_key_either_stays_or_may_be_deleted(
            seed: u64,
            rows in 1_u64..2_000,
            leaving in 0_u64..2_000,
        ) {
            let keys = RowKeys::all_stay(rows, seed, "words").with_leaving(leaving);
            let leaving = leaving.min(rows);
            let deleted: BTreeSet<u64> = (0..leaving)
                .map(|number| keys.that_leaves(number))
                .collect();
            let staying: BTreeSet<u64> = (0..keys.staying())
                .map(|number| keys.that_stays(number))
                .collect();
            prop_assert_eq!(
                (deleted.len() as u64, staying.len() as u64),
                (leaving, rows - leaving)
            );
            let all: BTreeSet<u64> = deleted.union(&staying).copied().collect();
            prop_assert_eq!(all, (0..rows).collect::<BTreeSet<u64>>());
        }
    }

    #[test]
    fn keys_that_stay_have_their_turn_one_after_the_other() {
        let keys = RowKeys::all_stay(100, 42, "words").with_leaving(40);
        let first: Vec<u64> = (0..60).map(|number| keys.in_turn(number)).collect();
        let staying: BTreeSet<u64> = (0..60).map(|number| keys.that_stays(number)).collect();
        assert_eq!(first.iter().copied().collect::<BTreeSet<u64>>(), staying);
        let second: Vec<u64> = (60..120).map(|number| keys.in_turn(number)).collect();
        assert_eq!(first, second);
        assert_eq!(first[..6], IN_TURN);
    }
    const IN_TURN: [u64; 6] = [59, 43, 45, 90, 95, 62];

    #[test]
    fn where_nothing_is_deleted_keys_keep_their_order() {
        let keys = RowKeys::all_stay(5, 42, "words");
        let order: Vec<u64> = (0..5).map(|number| keys.that_stays(number)).collect();
        assert_eq!(order, [0, 1, 2, 3, 4]);
    }

    /// A scenario's seed keeps its meaning between versions: these values may never change.
    #[test]
    fn deleted_keys_stay_the_same_between_versions() {
        let keys = RowKeys::all_stay(1_000, 42, "words").with_leaving(500);
        let order: Vec<u64> = (0..6).map(|number| keys.that_leaves(number)).collect();
        assert_eq!(order, FIRST);
    }
    const FIRST: [u64; 6] = [3, 655, 792, 725, 362, 989];
}
