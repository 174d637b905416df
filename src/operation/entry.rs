//! A row of the table of operations: what is known of an operation before a workload gives it its
//! keys, with the words that messages have for it.

use std::sync::Arc;

use super::{OPERATIONS, Operation, OperationContext, OperationError};
use crate::keys::Key;

/// One operation that a workload may name.
#[derive(Debug)]
pub struct OperationEntry {
    /// Name in `operation = "..."`.
    pub name: &'static str,
    /// The name with its article, for messages: `an insert`.
    pub called: &'static str,
    /// One sentence for `list` and the README.
    pub summary: &'static str,
    /// The keys that it reads itself.
    pub keys: &'static [Key],
    /// What its requests do to the rows of their collection.
    pub rows: RowUse,
    /// Whether a request may have a number of rows, so that a rate may be given in rows a second.
    pub counts_rows: bool,
    /// Whether its rows may be used up, which ends a phase `until = "exhausted"`.
    pub ends_phases: bool,
    /// Whether its replies are compared with the true neighbours of a data set.
    pub has_recall: bool,
    /// Whether Milvus refuses it in a collection that is not loaded.
    pub needs_loaded: bool,
    /// Areas of the report, by their names, in which no request of it spends any time.
    pub never_in: &'static [&'static str],
    /// Builds it; refuses keys that it does not know.
    pub build: fn(OperationContext) -> Result<Arc<dyn Operation>, OperationError>,
}

/// What requests do to the rows of their collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowUse {
    /// They read some.
    Reads,
    /// They change some.
    Writes(Writes),
}

/// How messages put what an operation writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Writes {
    /// What it does, before the collection: `inserts into`.
    pub does: &'static str,
    /// Why a collection has one such workload at most: `each row is inserted once`.
    pub alone: &'static str,
}

impl OperationEntry {
    /// Whether its requests change rows.
    #[must_use]
    pub fn writes(&self) -> bool {
        matches!(self.rows, RowUse::Writes(_))
    }
}

/// The names of all operations of which `is` holds: `insert`, `search or query`.
#[must_use]
pub fn names_where(is: fn(&OperationEntry) -> bool) -> String {
    joined(OPERATIONS.iter().filter(|entry| is(entry)), |entry| {
        entry.name
    })
}

/// The same with their articles: `an insert`, `a search or a query`.
#[must_use]
pub fn called_where(is: fn(&OperationEntry) -> bool) -> String {
    joined(OPERATIONS.iter().filter(|entry| is(entry)), |entry| {
        entry.called
    })
}

fn joined<'a>(
    entries: impl Iterator<Item = &'a OperationEntry>,
    word: fn(&OperationEntry) -> &'static str,
) -> String {
    let words: Vec<&str> = entries.map(word).collect();
    match words.split_last() {
        Some((last, before)) if !before.is_empty() => format!("{} or {last}", before.join(", ")),
        _ => words.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_listed_as_a_sentence_has_them() {
        let entry = |name: &str| OPERATIONS.iter().find(|entry| entry.name == name).unwrap();
        let (search, insert, query) = (entry("search"), entry("insert"), entry("query"));
        let named = |entries: &[&'static OperationEntry]| {
            joined(entries.iter().copied(), |entry| entry.called)
        };
        assert_eq!(named(&[]), "");
        assert_eq!(named(&[insert]), "an insert");
        assert_eq!(named(&[search, query]), "a search or a query");
        assert_eq!(
            named(&[insert, search, query]),
            "an insert, a search or a query"
        );
    }

    #[test]
    fn only_what_writes_has_rows_that_are_used_up() {
        for entry in OPERATIONS {
            assert!(entry.writes() || !entry.ends_phases, "{}", entry.name);
            assert!(entry.writes() || !entry.counts_rows, "{}", entry.name);
            assert!(entry.called.ends_with(entry.name), "{}", entry.called);
        }
    }
}
