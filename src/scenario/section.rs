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
    pub(super) refused: Refused,
}

/// What of a table could not be read, and has been told.
#[derive(Clone, Debug, Default)]
pub(super) struct Refused {
    /// All of it.
    pub(super) whole: bool,
    /// Keys whose values are wrong, each with its place.
    pub(super) keys: Vec<(&'static str, Place)>,
    /// Keys whose values are wrong, and that have no row.
    pub(super) others: Vec<String>,
    /// What was said of unknown keys.
    pub(super) unknown: Vec<String>,
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
        ///
        /// # Errors
        /// Its value was refused.
        pub fn $name(&self, key: &str) -> Result<Option<At<$found>>, ScenarioError> {
            let Some(at) = self.written(key)? else {
                return Ok(None);
            };
            Ok(match &at.value {
                Written::$form(value) => Some(At {
                    value: value.clone(),
                    place: at.place.clone(),
                }),
                _ => None,
            })
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

    /// True or false; None also where it was refused.
    #[must_use]
    pub fn written_flag(&self, key: &str) -> Option<At<bool>> {
        let at = self.read(key)?;
        match at.value {
            Written::Flag(value) => Some(At {
                value,
                place: at.place.clone(),
            }),
            _ => None,
        }
    }

    /// A level of load, or a number of callers.
    ///
    /// # Errors
    /// Its value was refused.
    pub fn level(&self, key: &str) -> Result<Option<At<Level>>, ScenarioError> {
        let Some(at) = self.written(key)? else {
            return Ok(None);
        };
        let value = match at.value {
            Written::Level(level) => level,
            Written::Callers(callers) => Level {
                number: callers as f64,
                rows: false,
            },
            _ => return Ok(None),
        };
        let place = at.place.clone();
        Ok(Some(At { value, place }))
    }

    /// A table below `table` that is left out.
    pub(super) fn left_out(table: &'static Table, place: Place) -> Self {
        Self {
            name: String::new(),
            place,
            others: Vec::new(),
            table,
            values: Vec::new(),
            refused: Refused::default(),
        }
    }

    /// An error about the table as a whole; `message` goes on after its path. It holds nothing
    /// where the table is none, which has been told.
    #[must_use]
    pub fn error(&self, message: impl std::fmt::Display) -> ScenarioError {
        if self.refused.whole {
            return ScenarioError::told();
        }
        self.place.error(message)
    }

    /// The same of a table that lacks one of `keys`. It holds nothing either where one of them is
    /// there under another name, or with a value that was refused.
    #[must_use]
    pub fn lacks(&self, keys: &[&str], message: impl std::fmt::Display) -> ScenarioError {
        let unless_meant = keys.iter().try_for_each(|key| self.unless_meant(key));
        unless_meant.map_or_else(|told| told, |()| self.error(message))
    }

    /// An error that holds nothing, where `key` is there under another name, or with a value that
    /// was refused.
    ///
    /// # Errors
    /// It is.
    pub fn unless_meant(&self, key: &str) -> Result<(), ScenarioError> {
        let mut unknown = self.refused.unknown.iter();
        if self.is_refused_key(key) || unknown.any(|message| names_key(message, key)) {
            return Err(ScenarioError::told());
        }
        Ok(())
    }

    /// Notes what was said of an unknown key: another one that is lacking may be meant by it.
    pub(crate) fn note_unknown(&mut self, message: String) {
        self.refused.unknown.push(message);
    }

    /// Whether something of the table, or of those below it, could not be read.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        let Refused {
            whole,
            keys,
            others,
            unknown,
        } = &self.refused;
        let is_below = |(_, at): &(_, At<Written>)| match &at.value {
            Written::Section(section) => section.is_refused(),
            Written::Sections(sections) => sections.iter().any(Section::is_refused),
            _ => false,
        };
        *whole
            || !(keys.is_empty() && others.is_empty() && unknown.is_empty())
            || self.values.iter().any(is_below)
    }

    /// Whether a key without a row has a value that was refused.
    #[must_use]
    pub fn is_refused_other(&self, key: &str) -> bool {
        self.refused.others.iter().any(|other| other == key)
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
        let mut refused = self.refused.keys.iter();
        let refused = || refused.find(|(name, _)| *name == key).map(|(_, at)| at);
        self.read(key).map(|at| &at.place).or_else(refused)
    }

    /// The place of `key`, or the one that it would have where it is left out.
    #[must_use]
    pub fn place_or_child(&self, key: &str) -> Place {
        let place = self.place_of(key).cloned();
        place.unwrap_or_else(|| self.place.child(key))
    }

    /// The whole number within its range; the default of its row where it is left out.
    ///
    /// # Errors
    /// It is out of range.
    pub fn integer(&self, key: &str) -> Result<i64, ScenarioError> {
        match (self.written_integer(key)?, self.row(key).default) {
            (Some(number), _) | (None, DefaultValue::Integer(number)) => Ok(number),
            (None, default) => panic!("the default of `{key}` is not a number but {default:?}"),
        }
    }

    /// The whole number within its range; None where it is left out.
    ///
    /// # Errors
    /// It is out of range.
    pub fn written_integer(&self, key: &str) -> Result<Option<i64>, ScenarioError> {
        let Some((number, place)) = self.written(key)?.and_then(|at| match at.value {
            Written::Integer(number) => Some((number, &at.place)),
            Written::Callers(number) => Some((number, &at.place)),
            _ => None,
        }) else {
            return Ok(None);
        };
        let range = self.row(key).kind.integer_range();
        let (min, max) = range.unwrap_or_else(|| panic!("`{key}` is not a whole number"));
        if (min..=max).contains(&number) {
            return Ok(Some(number));
        }
        let end = if max == i64::MAX {
            String::new()
        } else {
            format!(" to {}", grouped(max))
        };
        Err(place.error(format!(
            "is {number}, expected a whole number from {}{end}",
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
                .unwrap_or_else(|_| panic!("the default of `{key}` is not a duration but {text:?}"))
        };
        Ok(self.written_duration(key)?.unwrap_or_else(default))
    }

    /// The duration within its range; None where it is left out.
    ///
    /// # Errors
    /// It is out of range.
    pub fn written_duration(&self, key: &str) -> Result<Option<Duration>, ScenarioError> {
        let Some((found, place)) = self.written(key)?.and_then(|at| match at.value {
            Written::Duration(found) => Some((found, &at.place)),
            _ => None,
        }) else {
            return Ok(None);
        };
        let range = self.row(key).kind.duration_range();
        let (min, max) = range.unwrap_or_else(|| panic!("`{key}` is not a duration"));
        if (min..=max).contains(&found) {
            return Ok(Some(found));
        }
        let [found, min, max] = [found, min, max].map(duration_words);
        Err(place.error(format!("is {found}, expected {min} to {max}")))
    }

    /// True or false; the default of its row where it is left out or refused.
    #[must_use]
    pub fn flag(&self, key: &str) -> bool {
        match (self.written_flag(key), self.row(key).default) {
            (Some(at), _) => at.value,
            (None, DefaultValue::Flag(flag)) => flag,
            (None, default) => {
                panic!("the default of `{key}` is neither true nor false: {default:?}")
            }
        }
    }

    /// The text; the default of its row where it is left out.
    ///
    /// # Errors
    /// Its value was refused.
    pub fn text_or_default(&self, key: &str) -> Result<String, ScenarioError> {
        let text = self.text(key)?;
        Ok(text.map_or_else(|| self.default_text(key).to_owned(), |at| at.value))
    }

    /// The default of the row, a text.
    #[must_use]
    pub fn default_text(&self, key: &str) -> &'static str {
        match self.row(key).default {
            DefaultValue::Text(text) => text,
            default => panic!("the default of `{key}` is not text but {default:?}"),
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
        let Some(text) = self.text(key)? else {
            let name = self.default_text(key);
            let found = choices.iter().find(|(known, _)| *known == name);
            return Ok(found
                .unwrap_or_else(|| panic!("the default of `{key}` is not a {what} but {name:?}"))
                .1);
        };
        Ok(choose(&text, what, choices, |row| row.0)?.1)
    }

    /// Secrets under the names that the user gave; none where they were refused.
    #[must_use]
    pub fn secrets(&self, key: &str) -> &[(String, At<SecretSource>)] {
        match self.read(key).map(|at| &at.value) {
            Some(Written::Secrets(secrets)) => secrets,
            _ => &[],
        }
    }

    /// The table below `key`; None where the key is left out, or was refused.
    #[must_use]
    pub fn section(&self, key: &str) -> Option<&Section> {
        match self.read(key).map(|at| &at.value) {
            Some(Written::Section(section)) => Some(section),
            _ => None,
        }
    }

    /// The same; a table without values where it is left out or refused.
    #[must_use]
    pub fn section_or_empty(&self, key: &str) -> Section {
        let empty = || {
            let mut tables = self.row(key).kind.alternatives().iter();
            let table = tables.find_map(|kind| kind.table());
            let table = table.unwrap_or_else(|| panic!("`{key}` is not a table"));
            let mut section = Section::left_out(table, self.place_or_child(key));
            section.refused.whole = self.is_refused_key(key);
            section
        };
        self.section(key).cloned().unwrap_or_else(empty)
    }

    /// The tables below `key`: of a list, or under names; none where they were refused.
    #[must_use]
    pub fn sections(&self, key: &str) -> &[Section] {
        match self.read(key).map(|at| &at.value) {
            Some(Written::Sections(sections)) => sections,
            _ => &[],
        }
    }

    /// The same, not more than its row allows; `whole` is what messages call that which has them.
    ///
    /// # Errors
    /// There are more, or they were refused.
    pub fn sections_within(&self, key: &str, whole: &str) -> Result<&[Section], ScenarioError> {
        if self.is_refused_key(key) {
            return Err(ScenarioError::told());
        }
        let sections = self.sections(key);
        let most = self.row(key).kind.most();
        match most.and_then(|most| sections.get(most).map(|one| (most, one))) {
            None => Ok(sections),
            Some((most, one)) => Err(one.error(format!(
                "is one too many, {whole} may have at most {most} {key}"
            ))),
        }
    }

    /// The value as read; an error where it was refused.
    fn written(&self, key: &str) -> Result<Option<&At<Written>>, ScenarioError> {
        if self.is_refused_key(key) {
            return Err(ScenarioError::told());
        }
        Ok(self.read(key))
    }

    /// The same; None where it was refused.
    fn read(&self, key: &str) -> Option<&At<Written>> {
        let row = self.row(key);
        let mut values = self.values.iter();
        values.find(|(name, _)| *name == row.name).map(|(_, at)| at)
    }

    fn is_refused_key(&self, key: &str) -> bool {
        self.refused.whole || self.refused.keys.iter().any(|(name, _)| *name == key)
    }
}

/// Whether what was said of an unknown key tells to write `key`: between backticks, as a word.
fn names_key(message: &str, key: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut code = message.split('`').skip(1).step_by(2);
    code.any(|code| code.split(|c| !is_part(c)).any(|word| word == key))
}
