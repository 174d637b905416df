//! A row of the table of operations: what is known of an operation before a workload gives it its
//! keys, with the words that messages have for it.

use std::sync::{Arc, LazyLock};

use toml::Table;

use super::{OPERATIONS, Operation, OperationContext, OperationErrors, keys::refuse};
use crate::keys::{DefaultValue, Key, Kind};

/// One operation that a workload may name.
#[derive(Debug)]
pub struct OperationEntry {
    /// Name in `operation = "..."`.
    pub name: &'static str,
    /// The name with its article, for messages: `an insert`.
    pub called: &'static str,
    /// One sentence for `list` and the documents.
    pub summary: &'static str,
    /// The keys that it reads itself.
    pub keys: &'static [Key],
    /// What its requests do to the rows of their collection.
    pub rows: RowUse,
    /// Whether a request may have a number of rows, so that a rate may be given in rows a second.
    pub counts_rows: bool,
    /// What gives it more rows, which may be used up and end a phase `until = "exhausted"`; None
    /// where they can't be.
    pub more_rows: Option<&'static str>,
    /// Whether its replies are compared with the true neighbours of a data set.
    pub has_recall: bool,
    /// Whether Milvus refuses it in a collection that is not loaded; a delete by keys is taken
    /// anywhere.
    pub needs_loaded: bool,
    /// Areas of the report, by their names, in which no request of it spends any time.
    pub never_in: &'static [&'static str],
    /// What a workload of it sends.
    pub build: Build,
}

/// What a workload sends.
#[derive(Clone, Copy, Debug)]
pub enum Build {
    /// Requests of one kind. Refuses keys that it does not know.
    Requests(fn(OperationContext) -> Result<Arc<dyn Operation>, OperationErrors>),
    /// Requests of several kinds, of which each is drawn for itself. The keys of each stand in a
    /// table of its operation's name.
    Components(fn(Table) -> Result<Vec<Component>, OperationErrors>),
}

/// One kind of request among several of a workload.
#[derive(Clone, Debug)]
pub struct Component {
    /// Its operation, which sends requests of one kind.
    pub entry: &'static OperationEntry,
    /// How often it is drawn, relative to the others; above 0.
    pub share: f64,
    /// Keys of its operation.
    pub keys: Table,
}

/// What requests do to the rows of their collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowUse {
    /// They read some.
    Reads,
    /// They change some.
    Writes(Writes),
    /// What its components do.
    AsComponents,
}

/// How messages put what an operation writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Writes {
    /// What it does, before the collection: `inserts into`.
    pub does: &'static str,
    /// How a collection changes by that.
    pub change: RowChange,
    /// Why a collection has one such workload at most: `each row is inserted once`.
    pub alone: &'static str,
}

/// How rows of a collection change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowChange {
    /// There are more of them.
    Adds,
    /// There are others under the same keys.
    Replaces,
    /// There are fewer.
    Removes,
}

impl OperationEntry {
    /// Builds the requests of one kind.
    ///
    /// # Errors
    /// Keys are not allowed, or the operation has no requests of its own.
    pub fn operation(
        &self,
        context: OperationContext,
    ) -> Result<Arc<dyn Operation>, OperationErrors> {
        match self.build {
            Build::Requests(build) => build(context),
            Build::Components(_) => {
                refuse("", format!("{} sends no requests of its own", self.called))?
            }
        }
    }

    /// The keys that a workload of it may have: its own, and the tables of its components.
    #[must_use]
    pub fn all_keys(&self) -> &'static [Key] {
        match self.build {
            Build::Requests(_) => self.keys,
            Build::Components(_) => &WITH_COMPONENTS,
        }
    }

    /// Whether its requests change rows.
    #[must_use]
    pub fn writes(&self) -> bool {
        matches!(self.rows, RowUse::Writes(_))
    }
}

/// The keys of each operation that sends requests of one kind, as a component has them.
static OF_COMPONENTS: LazyLock<Vec<(&str, crate::keys::Table)>> = LazyLock::new(|| {
    let of = |entry: &OperationEntry| {
        let table = crate::keys::Table {
            path: "workloads.<name>.<operation>",
            keys: entry.keys,
            rules: &[],
            variants: None,
        };
        matches!(entry.build, Build::Requests(_)).then_some((entry.name, table))
    };
    OPERATIONS.iter().filter_map(of).collect()
});

/// The keys of the operation that has components.
static WITH_COMPONENTS: LazyLock<Vec<Key>> = LazyLock::new(|| {
    let mixed = OPERATIONS
        .iter()
        .filter(|entry| matches!(entry.build, Build::Components(_)));
    let own = mixed.flat_map(|entry| entry.keys).copied();
    let tables = OF_COMPONENTS.iter().map(|(name, table)| {
        let none = DefaultValue::None("its defaults");
        Key::new(name, Kind::Table(table), none, "keys of these requests")
    });
    own.chain(tables).collect()
});

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
            assert!(
                entry.writes() || entry.more_rows.is_none(),
                "{}",
                entry.name
            );
            assert!(entry.writes() || !entry.counts_rows, "{}", entry.name);
            assert!(entry.called.ends_with(entry.name), "{}", entry.called);
        }
    }
}
