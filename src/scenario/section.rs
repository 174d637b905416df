//! One table of a scenario as written: the values of its keys by name, each with its place; ranges
//! and defaults are those of the keys' rows.

use std::{path::PathBuf, time::Duration};

use super::{At, Place, ScenarioError, words::choose};
use crate::keys::{DefaultValue, Key, Table, duration_words, grouped};

/// Where a secret is to be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// In this environment variable; `prefix` (a scheme such as `Bearer `, may be empty) goes
    /// before it.
    #[allow(missing_docs)]
    Variable { prefix: String, name: String },
    /// In this file, without the line break at its end.
    File(PathBuf),
}

/// A number of rows, as written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum InitialRows {
    /// A number of rows.
    Count(i64),
    /// A share of all rows, `"80%"` is 0.8.
    Share(f64),
}

/// A level of load: a number, in rows instead of requests where it was written as `"5000 rows/s"`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct Level {
    pub number: f64,
    pub rows: bool,
}

/// One table as written.
#[derive(Clone, Debug)]
pub struct Section {
    /// The name that the user gave it; empty where it has none.
    pub name: String,
    /// Its place; that of the table around it where it is left out.
    pub place: Place,
    /// Keys without a row of the table, in the order of the file: those that depend on the value
    /// of another one.
    pub others: Vec<(String, At<toml::Value>)>,
    pub(super) table: &'static Table,
    pub(super) values: Vec<(&'static str, At<Written>)>,
}

/// The value of a key, by its kind.
#[derive(Clone, Debug)]
pub(super) enum Written {
    Text(String),
    Integer(i64),
    /// None is `auto`.
    Ratio(Option<f64>),
    Flag(bool),
    Duration(Duration),
    Level(Level),
    Callers(i64),
    Rows(InitialRows),
    Path(PathBuf),
    Secret(SecretSource),
    Secrets(Vec<(String, At<SecretSource>)>),
    Toml(toml::Value),
    Texts(Vec<At<String>>),
    Section(Section),
    Sections(Vec<Section>),
}

/// A function from name to value as written, for one form of values.
macro_rules! reads {
    ($($(#[$doc:meta])* $name:ident: $form:ident -> $found:ty;)*) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $name(&self, key: &str) -> Option<At<$found>> {
            let at = self.written(key)?;
            match &at.value {
                Written::$form(value) => Some(At {
                    value: value.clone(),
                    place: at.place.clone(),
                }),
                _ => None,
            }
        }
    )*};
}

/// Values are None where the key is left out, or has a value of another of its forms. All of them
/// panic where the table has no row for the key: that is a mistake of the program.
impl Section {
    reads! {
        /// A text.
        text: Text -> String;
        /// A path, made relative to the scenario's folder.
        path: Path -> PathBuf;
        /// A share, None inside where it is `auto`.
        ratio: Ratio -> Option<f64>;
        /// True or false.
        written_flag: Flag -> bool;
        /// A whole number, as written: its range is for somebody else.
        number: Integer -> i64;
        /// A number or a share of rows.
        rows: Rows -> InitialRows;
        /// Where a secret is to be found.
        secret: Secret -> SecretSource;
        /// Texts.
        texts: Texts -> Vec<At<String>>;
        /// A value that somebody else reads.
        toml: Toml -> toml::Value;
    }

    /// A level of load, or a number of callers.
    #[must_use]
    pub fn level(&self, key: &str) -> Option<At<Level>> {
        let at = self.written(key)?;
        let value = match at.value {
            Written::Level(level) => level,
            Written::Callers(callers) => Level {
                number: callers as f64,
                rows: false,
            },
            _ => return None,
        };
        let place = at.place.clone();
        Some(At { value, place })
    }

    /// A table below `table` that is left out.
    pub(super) fn left_out(table: &'static Table, place: Place) -> Self {
        Self {
            name: String::new(),
            place,
            others: Vec::new(),
            table,
            values: Vec::new(),
        }
    }

    /// An error about the table as a whole; `message` goes on after its path.
    #[must_use]
    pub fn error(&self, message: impl std::fmt::Display) -> ScenarioError {
        self.place.error(message)
    }

    /// The table of its rows.
    #[must_use]
    pub fn rows_of(&self) -> &'static Table {
        self.table
    }

    /// The row of `key`.
    #[must_use]
    pub fn row(&self, key: &str) -> &'static Key {
        let row = self.table.key(key);
        row.unwrap_or_else(|| panic!("`{key}` has no row in the table `{}`", self.table.path))
    }

    /// The place of `key`, None where it is left out.
    #[must_use]
    pub fn place_of(&self, key: &str) -> Option<&Place> {
        self.written(key).map(|at| &at.place)
    }

    /// The place of `key`, or the one that it would have where it is left out.
    #[must_use]
    pub fn place_or_child(&self, key: &str) -> Place {
        let mut values = self.values.iter();
        values
            .find(|(name, _)| *name == key)
            .map_or_else(|| self.place.child(key), |(_, at)| at.place.clone())
    }

    /// The whole number within its range; the default of its row where it is left out.
    ///
    /// # Errors
    /// It is out of range.
    pub fn integer(&self, key: &str) -> Result<i64, ScenarioError> {
        match (self.written_integer(key)?, self.row(key).default) {
            (Some(number), _) | (None, DefaultValue::Integer(number)) => Ok(number),
            (None, default) => panic!("the default of `{key}` is no number but {default:?}"),
        }
    }

    /// The whole number within its range; None where it is left out.
    ///
    /// # Errors
    /// It is out of range.
    pub fn written_integer(&self, key: &str) -> Result<Option<i64>, ScenarioError> {
        let Some((number, place)) = self.written(key).and_then(|at| match at.value {
            Written::Integer(number) => Some((number, &at.place)),
            Written::Callers(number) => Some((number, &at.place)),
            _ => None,
        }) else {
            return Ok(None);
        };
        let range = self.row(key).kind.integer_range();
        let (min, max) = range.unwrap_or_else(|| panic!("`{key}` is no whole number"));
        if (min..=max).contains(&number) {
            return Ok(Some(number));
        }
        let end = if max == i64::MAX {
            String::new()
        } else {
            format!(" to {}", grouped(max))
        };
        Err(place.error(format!(
            "is {number}, allowed are whole numbers from {}{end}",
            grouped(min)
        )))
    }

    /// The duration within its range; the default of its row where it is left out.
    ///
    /// # Errors
    /// It is out of range.
    pub fn duration(&self, key: &str) -> Result<Duration, ScenarioError> {
        let default = || {
            let text = self.default_text(key);
            humantime::parse_duration(text)
                .unwrap_or_else(|_| panic!("the default of `{key}` is no duration but {text:?}"))
        };
        Ok(self.written_duration(key)?.unwrap_or_else(default))
    }

    /// The duration within its range; None where it is left out.
    ///
    /// # Errors
    /// It is out of range.
    pub fn written_duration(&self, key: &str) -> Result<Option<Duration>, ScenarioError> {
        let Some((found, place)) = self.written(key).and_then(|at| match at.value {
            Written::Duration(found) => Some((found, &at.place)),
            _ => None,
        }) else {
            return Ok(None);
        };
        let range = self.row(key).kind.duration_range();
        let (min, max) = range.unwrap_or_else(|| panic!("`{key}` is no duration"));
        if (min..=max).contains(&found) {
            return Ok(Some(found));
        }
        let [found, min, max] = [found, min, max].map(duration_words);
        Err(place.error(format!("is {found}, allowed are {min} to {max}")))
    }

    /// True or false; the default of its row where it is left out.
    #[must_use]
    pub fn flag(&self, key: &str) -> bool {
        match (self.written_flag(key), self.row(key).default) {
            (Some(at), _) => at.value,
            (None, DefaultValue::Flag(flag)) => flag,
            (None, default) => panic!(
                "the default of `{key}` is neither true nor false: \
                                       {default:?}"
            ),
        }
    }

    /// The text; the default of its row where it is left out.
    #[must_use]
    pub fn text_or_default(&self, key: &str) -> String {
        self.text(key)
            .map_or_else(|| self.default_text(key).to_owned(), |at| at.value)
    }

    /// The default of the row, a text.
    #[must_use]
    pub fn default_text(&self, key: &str) -> &'static str {
        match self.row(key).default {
            DefaultValue::Text(text) => text,
            default => panic!("the default of `{key}` is no text but {default:?}"),
        }
    }

    /// What the name stands for, in any case; that of the row's default where it is left out.
    /// `what` is what messages call the choice.
    ///
    /// # Errors
    /// It is none of the names.
    pub fn choice<T: Copy>(
        &self,
        key: &str,
        what: &str,
        choices: &[(&'static str, T)],
    ) -> Result<T, ScenarioError> {
        let Some(text) = self.text(key) else {
            let name = self.default_text(key);
            let found = choices.iter().find(|(known, _)| *known == name);
            return Ok(found
                .unwrap_or_else(|| panic!("the default of `{key}` is no {what} but {name:?}"))
                .1);
        };
        Ok(choose(&text, what, choices, |row| row.0)?.1)
    }

    /// Secrets under the names that the user gave.
    #[must_use]
    pub fn secrets(&self, key: &str) -> &[(String, At<SecretSource>)] {
        match self.written(key).map(|at| &at.value) {
            Some(Written::Secrets(secrets)) => secrets,
            _ => &[],
        }
    }

    /// The table below `key`; None where the key is left out.
    #[must_use]
    pub fn section(&self, key: &str) -> Option<&Section> {
        match self.written(key).map(|at| &at.value) {
            Some(Written::Section(section)) => Some(section),
            _ => None,
        }
    }

    /// The same; a table without values where it is left out.
    #[must_use]
    pub fn section_or_empty(&self, key: &str) -> Section {
        let empty = || {
            let mut tables = self.row(key).kind.alternatives().iter();
            let table = tables.find_map(|kind| kind.table());
            let table = table.unwrap_or_else(|| panic!("`{key}` is no table"));
            Section::left_out(table, self.place.child(key))
        };
        self.section(key).cloned().unwrap_or_else(empty)
    }

    /// The tables below `key`: of a list, or under names.
    #[must_use]
    pub fn sections(&self, key: &str) -> &[Section] {
        match self.written(key).map(|at| &at.value) {
            Some(Written::Sections(sections)) => sections,
            _ => &[],
        }
    }

    /// The same, not more than its row allows; `whole` is what messages call that which has them.
    ///
    /// # Errors
    /// There are more.
    pub fn sections_within(&self, key: &str, whole: &str) -> Result<&[Section], ScenarioError> {
        let sections = self.sections(key);
        let most = self.row(key).kind.most();
        match most.and_then(|most| sections.get(most).map(|one| (most, one))) {
            None => Ok(sections),
            Some((most, one)) => {
                Err(one.error(format!("is one too many, {whole} may have {most} {key}")))
            }
        }
    }

    fn written(&self, key: &str) -> Option<&At<Written>> {
        let row = self.row(key);
        let mut values = self.values.iter();
        values.find(|(name, _)| *name == row.name).map(|(_, at)| at)
    }
}
