//! How the join of a request ended, and spans whose times can't be.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Most kinds of faults that are named for a workload; the rest is counted with [`OTHERS`].
const MOST_NAMES: usize = 100;
/// What further ones are called.
const OTHERS: &str = "others";

/// How the join of one sampled request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JoinState {
    /// Root found and every span's parent present.
    Matched,
    /// Root found, something missing below it, or times that can't be.
    Incomplete,
    /// Spans, but no server root.
    NoRoot,
    /// Nothing but the client's own span.
    Missing,
    /// No line in requests.jsonl.
    NotRecorded,
    /// Not asked for: budget or deadline.
    NotFetched,
}

impl JoinState {
    /// Name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            JoinState::Matched => "matched",
            JoinState::Incomplete => "incomplete",
            JoinState::NoRoot => "no_root",
            JoinState::Missing => "missing",
            JoinState::NotRecorded => "not_recorded",
            JoinState::NotFetched => "not_fetched",
        }
    }
}

/// Spans whose times can't be, by what is said of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ImpossibleTimes(BTreeMap<String, u64>);

impl ImpossibleTimes {
    /// Adds what another one counted.
    pub(crate) fn extend(&mut self, other: &Self) {
        other
            .0
            .iter()
            .for_each(|(name, count)| self.count(name.clone(), *count));
    }

    /// Counts `count` more that are called `name`.
    pub(crate) fn count(&mut self, name: String, count: u64) {
        let full = self.0.len() >= MOST_NAMES && !self.0.contains_key(&name);
        *self
            .0
            .entry(if full { OTHERS.to_owned() } else { name })
            .or_default() += count;
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Number of the spans.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// `3 spans have times that can't be: 2 x SegCoreSearch of segcore ends before it starts, ...`;
    /// None where there is none.
    #[must_use]
    pub fn in_words(&self) -> Option<String> {
        const NAMED: usize = 3;
        let mut kinds: Vec<(&String, &u64)> = self.0.iter().collect();
        kinds.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), *name));
        let mut named: Vec<String> = kinds
            .iter()
            .take(NAMED)
            .map(|(name, count)| format!("{count} x {name}"))
            .collect();
        named.extend((kinds.len() > NAMED).then(|| format!("{} more kinds", kinds.len() - NAMED)));
        let (spans, have) = if self.total() == 1 {
            ("span", "has")
        } else {
            ("spans", "have")
        };
        (!kinds.is_empty()).then(|| {
            format!(
                "{} {spans} {have} times that can't be ({})",
                self.total(),
                named.join(", ")
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_beyond_a_number_are_counted_together() {
        // Names come from outside: there may be any number of them.
        let mut found = ImpossibleTimes::default();
        (0..256).for_each(|name| found.count(format!("span {name}"), 1));
        assert_eq!((found.total(), found.0.len()), (256, MOST_NAMES + 1));
        assert_eq!(found.0[OTHERS], 256 - MOST_NAMES as u64);
    }
}
