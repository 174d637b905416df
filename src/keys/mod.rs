//! Keys of a scenario as data: one row for each, from which the reader, the plan's defaults and
//! range checks, the table of keys and the JSON Schema are made.
//!
//! It knows the form of rows and no row: those of common keys stand in [`crate::plan`], those of an
//! operation in its entry.

mod document;
mod mistakes;
mod schema;
mod share;
mod words;

use std::time::Duration;

pub use document::markdown;
pub use mistakes::{Mistakes, Results, all, each, needs};
pub use schema::json_schema;
pub use share::percentage;
pub use words::{duration_words, grouped, nearest};

/// One table of the scenario.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// Its path, `<name>` where the user gives the name and `[]` after a list; empty for the top of
    /// the file.
    pub path: &'static str,
    /// Its keys.
    pub keys: &'static [Key],
    /// Further keys, which depend on the value of one of them.
    pub variants: Option<Variants>,
    /// What the keys mean for each other beyond their rows: JSON Schemas, of the table.
    pub rules: &'static [&'static str],
}

/// Keys that a table has for some values of one of its keys only.
#[derive(Clone, Copy, Debug)]
pub struct Variants {
    /// The key whose value decides, e.g. `operation`.
    pub by: &'static str,
    /// One for each value.
    pub all: fn() -> Vec<Variant>,
}

/// Further keys for one value of the key that decides.
#[derive(Clone, Copy, Debug)]
pub struct Variant {
    /// That value.
    pub name: &'static str,
    /// One sentence for the table of keys.
    pub summary: &'static str,
    /// The keys.
    pub keys: &'static [Key],
}

/// One key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What its value is, with its range.
    pub kind: Kind,
    /// What holds where it is left out.
    pub default: DefaultValue,
    /// What it does.
    pub meaning: &'static str,
    /// What is allowed beside what the kind says, in words; may be empty.
    pub allowed: &'static str,
    /// Values that it may have, as a scenario has them; may be empty.
    pub example: &'static str,
    /// Keys that must be beside it.
    pub needs: &'static [&'static str],
    /// Keys that must not be beside it.
    pub excludes: &'static [&'static str],
    /// Words of other tools that it answers by its own name.
    pub answers: &'static [&'static str],
    /// Words of other tools, each with the answer.
    pub foreign: &'static [(&'static str, &'static str)],
    /// Whether all texts in its table may have `${NAME}` in them; of a key at the top of the file.
    pub expanded: bool,
}

/// The largest share of a mix: any sum of shares is a number, of which each is some part.
pub const LARGEST_SHARE: f64 = 1e6;

/// What the value of a key is.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A text that matches this regular expression; any where it is empty.
    Text(&'static str),
    /// One of these names, in any case.
    Choice(fn() -> Vec<&'static str>),
    /// A whole number; without upper end where `max` is [`i64::MAX`].
    #[allow(missing_docs)]
    Integer { min: i64, max: i64 },
    /// A number from 0 to 1, or `"auto"`.
    Ratio,
    /// True or false.
    Flag,
    /// A text with a unit.
    #[allow(missing_docs)]
    Duration { min: Duration, max: Duration },
    /// Requests per second, or rows as text: `"5000 rows/s"`.
    #[allow(missing_docs)]
    Rate { min: f64, max: f64 },
    /// A whole number of callers.
    #[allow(missing_docs)]
    Callers { min: i64, max: i64 },
    /// A number of rows, or a share of all: `"80%"`.
    Rows,
    /// A path, relative to the scenario's folder.
    Path,
    /// The path of a file that is a secret itself.
    KeyFile,
    /// Where a secret is to be found: `"${NAME}"` or `{ file = "..." }`.
    Secret,
    /// A table of secrets under names that the user gives.
    Headers,
    /// A table of values that Milvus reads.
    Params,
    /// A table of numbers above 0 and at most [`LARGEST_SHARE`], each under one of these names.
    Shares(fn() -> Vec<&'static str>),
    /// What rows hold: a text or a table.
    Values,
    /// A value of any form.
    Any,
    /// A list of texts.
    Texts,
    /// A value of a form that no other key has.
    Form(&'static Form),
    /// A table.
    Table(&'static Table),
    /// Tables under names that the user gives, at most so many.
    #[allow(missing_docs)]
    Named { table: &'static Table, most: usize },
    /// A list of tables, at most so many.
    #[allow(missing_docs)]
    Tables { table: &'static Table, most: usize },
    /// One of several, told apart by their form.
    OneOf(&'static [Kind]),
}

/// A value that its own reader checks.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    /// What it is, in words, for the table of keys.
    pub words: &'static str,
    /// Its JSON Schema.
    pub schema: &'static str,
    /// A value that is one, as TOML.
    pub example: &'static str,
}

/// What holds where a key is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefaultValue {
    /// This text, as a scenario would have it; also a duration, a name or `"auto"`.
    Text(&'static str),
    /// This number.
    Integer(i64),
    /// True or false.
    Flag(bool),
    /// A table or list without entries.
    Empty,
    /// No value that could be written; the words say what holds then.
    None(&'static str),
    /// It must be written; the words are put after that, may be empty.
    Needed(&'static str),
}

/// No upper end of a number of tables.
pub const ANY_NUMBER: usize = usize::MAX;

/// So many seconds.
#[must_use]
pub const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// So many milliseconds.
#[must_use]
pub const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The longest duration of a scenario, 30 days.
pub const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);

impl Key {
    /// A row without words of other tools.
    #[must_use]
    pub const fn new(
        name: &'static str,
        kind: Kind,
        default: DefaultValue,
        meaning: &'static str,
    ) -> Self {
        Self {
            name,
            kind,
            default,
            meaning,
            allowed: "",
            example: "",
            needs: &[],
            excludes: &[],
            answers: &[],
            foreign: &[],
            expanded: false,
        }
    }

    /// With more words on what is allowed.
    #[must_use]
    pub const fn allowed(self, allowed: &'static str) -> Self {
        Self { allowed, ..self }
    }

    /// With values that it may have.
    #[must_use]
    pub const fn example(self, example: &'static str) -> Self {
        Self { example, ..self }
    }

    /// With keys that must be beside it.
    #[must_use]
    pub const fn needs(self, needs: &'static [&'static str]) -> Self {
        Self { needs, ..self }
    }

    /// With keys that must not be beside it.
    #[must_use]
    pub const fn excludes(self, excludes: &'static [&'static str]) -> Self {
        Self { excludes, ..self }
    }

    /// With words of other tools that it answers by its own name.
    #[must_use]
    pub const fn answers(self, answers: &'static [&'static str]) -> Self {
        Self { answers, ..self }
    }

    /// With words of other tools, each with its answer.
    #[must_use]
    pub const fn foreign(self, foreign: &'static [(&'static str, &'static str)]) -> Self {
        Self { foreign, ..self }
    }

    /// A table all of whose texts may have `${NAME}` in them.
    #[must_use]
    pub const fn expanded(self) -> Self {
        Self {
            expanded: true,
            ..self
        }
    }
}

impl Table {
    /// A table all of whose keys are `keys`.
    #[must_use]
    pub const fn new(path: &'static str, keys: &'static [Key]) -> Self {
        Self {
            path,
            keys,
            variants: None,
            rules: &[],
        }
    }

    /// With further keys, which depend on the value of one.
    #[must_use]
    pub const fn variants_by(self, variants: Variants) -> Self {
        Self {
            variants: Some(variants),
            ..self
        }
    }

    /// With rules of its keys.
    #[must_use]
    pub const fn rules(self, rules: &'static [&'static str]) -> Self {
        Self { rules, ..self }
    }

    /// The row of `name`.
    #[must_use]
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// This table and all below it, in the order of the rows, each before those below it.
    #[must_use]
    pub fn all(&'static self) -> Vec<&'static Table> {
        let mut tables = vec![self];
        for key in self.keys {
            for kind in key.kind.alternatives() {
                if let Some(table) = kind.table() {
                    tables.extend(table.all());
                }
            }
        }
        tables
    }

    /// The keys of each value of the key that decides; none where nothing depends on one.
    #[must_use]
    pub fn variants(&self) -> Vec<Variant> {
        self.variants
            .map_or_else(Vec::new, |variants| (variants.all)())
    }
}

impl Kind {
    /// Any text.
    pub const TEXT: Self = Self::Text("");

    /// A whole number from `min` to `max`; without upper end where that is [`i64::MAX`].
    #[must_use]
    pub const fn integer(min: i64, max: i64) -> Self {
        Self::Integer { min, max }
    }

    /// A duration from `min` to `max`.
    #[must_use]
    pub const fn duration(min: Duration, max: Duration) -> Self {
        Self::Duration { min, max }
    }

    /// Requests per second from `min` to `max`.
    #[must_use]
    pub const fn rate(min: f64, max: f64) -> Self {
        Self::Rate { min, max }
    }

    /// Callers from `min` to `max`.
    #[must_use]
    pub const fn callers(min: i64, max: i64) -> Self {
        Self::Callers { min, max }
    }

    /// Itself, or those that it is one of.
    #[must_use]
    pub fn alternatives(&'static self) -> &'static [Kind] {
        match self {
            Self::OneOf(kinds) => kinds,
            one => std::slice::from_ref(one),
        }
    }

    /// The range of whole numbers, where it can be one.
    #[must_use]
    pub fn integer_range(&'static self) -> Option<(i64, i64)> {
        self.alternatives().iter().find_map(|kind| match kind {
            Self::Integer { min, max } | Self::Callers { min, max } => Some((*min, *max)),
            _ => None,
        })
    }

    /// The range of durations, where it can be one.
    #[must_use]
    pub fn duration_range(&'static self) -> Option<(Duration, Duration)> {
        self.alternatives().iter().find_map(|kind| match kind {
            Self::Duration { min, max } => Some((*min, *max)),
            _ => None,
        })
    }

    /// The range of requests per second, where it can be that.
    #[must_use]
    pub fn rate_range(&'static self) -> Option<(f64, f64)> {
        self.alternatives().iter().find_map(|kind| match kind {
            Self::Rate { min, max } => Some((*min, *max)),
            _ => None,
        })
    }

    /// Most tables that it holds; None where it holds none, or any number.
    #[must_use]
    pub fn most(&self) -> Option<usize> {
        match self {
            Self::Named { most, .. } | Self::Tables { most, .. } if *most < ANY_NUMBER => {
                Some(*most)
            }
            _ => None,
        }
    }

    /// The table of its keys, where it is a table or holds tables.
    #[must_use]
    pub fn table(&self) -> Option<&'static Table> {
        match self {
            Self::Table(table) | Self::Named { table, .. } | Self::Tables { table, .. } => {
                Some(table)
            }
            _ => None,
        }
    }
}
