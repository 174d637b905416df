//! Reading a workload's own keys by their rows: every one is checked, and an unknown one is
//! refused.

use toml::{Table, Value};

use super::{OperationError, OperationErrors};
use crate::keys::{DefaultValue, Key, Kind, each};

/// The keys of one workload that its operation reads.
#[derive(Debug)]
pub(super) struct Keys {
    table: Table,
    rows: &'static [Key],
}

pub(super) fn refuse<T>(key: &str, message: impl Into<String>) -> Result<T, OperationError> {
    Err(OperationError {
        key: key.to_owned(),
        message: message.into(),
    })
}

/// Checks each key by itself: that it has a row, and that its value is of the row's form and within
/// its range.
///
/// # Errors
/// All that are not.
pub fn check_keys(table: &Table, rows: &'static [Key]) -> Result<(), OperationErrors> {
    let check = |(key, value): (&String, &Value)| -> Result<(), OperationErrors> {
        let alone = Table::from_iter([(key.clone(), value.clone())]);
        let mut keys = Keys::new(alone, rows)?;
        match keys.row(key).kind {
            Kind::Integer { .. } => keys.written_number(key).map(drop)?,
            Kind::Flag => keys.flag(key).map(drop)?,
            Kind::Texts => keys.texts(key).map(drop)?,
            Kind::Text(_) | Kind::Choice(_) => keys.text(key).map(drop)?,
            Kind::Params | Kind::Shares(_) => keys.table(key).map(drop)?,
            Kind::Table(below) => {
                let below = check_keys(&keys.table(key)?, below.keys);
                let inside = |error: OperationError| OperationError {
                    key: format!("{key}.{}", error.key),
                    message: error.message,
                };
                below.map_err(|errors| errors.map(inside))?;
            }
            _ => {}
        }
        Ok(())
    };
    each(table.iter().map(check)).map(drop)
}

impl Keys {
    /// Refuses keys that have no row in `rows`.
    pub(super) fn new(table: Table, rows: &'static [Key]) -> Result<Self, OperationError> {
        match table
            .keys()
            .find(|key| !rows.iter().any(|row| row.name == *key))
        {
            Some(key) => refuse(key, unknown(key, rows)),
            None => Ok(Self { table, rows }),
        }
    }

    fn row(&self, key: &str) -> &'static Key {
        let row = self.rows.iter().find(|row| row.name == key);
        row.unwrap_or_else(|| panic!("`{key}` has no row among the operation's keys"))
    }

    pub(super) fn take(&mut self, key: &str) -> Option<Value> {
        let row = self.row(key);
        self.table.remove(row.name)
    }

    /// Whatever it is; the row's default, a text, where it is left out.
    pub(super) fn value(&mut self, key: &str) -> Value {
        match (self.take(key), self.row(key).default) {
            (Some(written), _) => written,
            (None, DefaultValue::Text(text)) => Value::from(text),
            (None, default) => panic!("the default of `{key}` is not text but {default:?}"),
        }
    }

    /// The number within the row's range; its default where it is left out.
    pub(super) fn number(&mut self, key: &str) -> Result<i64, OperationError> {
        match (self.written_number(key)?, self.row(key).default) {
            (Some(number), _) | (None, DefaultValue::Integer(number)) => Ok(number),
            (None, default) => panic!("the default of `{key}` is not a number but {default:?}"),
        }
    }

    /// The same; None where it is left out.
    pub(super) fn written_number(&mut self, key: &str) -> Result<Option<i64>, OperationError> {
        let Kind::Integer { min, max } = self.row(key).kind else {
            panic!("the row of `{key}` is of no whole number");
        };
        match self.take(key) {
            None => Ok(None),
            Some(Value::Integer(number)) if (min..=max).contains(&number) => Ok(Some(number)),
            Some(found) => {
                let end = if max == i64::MAX {
                    " on".to_owned()
                } else {
                    format!(" to {max}")
                };
                refuse(
                    key,
                    format!("is {found}, expected a whole number from {min}{end}"),
                )
            }
        }
    }

    pub(super) fn text(&mut self, key: &str) -> Result<Option<String>, OperationError> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(found) => refuse(key, format!("is {found}, expected a text")),
        }
    }

    /// What the name, in any case, stands for; that of the row's default where it is left out.
    pub(super) fn choice<T: Copy>(
        &mut self,
        key: &str,
        choices: &[(&str, T)],
    ) -> Result<T, OperationError> {
        let text = match (self.text(key)?, self.row(key).default) {
            (Some(text), _) => text,
            (None, DefaultValue::Text(text)) => text.to_owned(),
            (None, default) => panic!("the default of `{key}` is not a name but {default:?}"),
        };
        let found = choices
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(&text));
        match found {
            Some((_, choice)) => Ok(*choice),
            None => {
                let names: Vec<_> = choices
                    .iter()
                    .map(|(name, _)| format!("{name:?}"))
                    .collect();
                refuse(key, format!("is {text:?}, expected {}", names.join(" or ")))
            }
        }
    }

    /// True or false; the row's default where it is left out.
    pub(super) fn flag(&mut self, key: &str) -> Result<bool, OperationError> {
        match (self.take(key), self.row(key).default) {
            (Some(Value::Boolean(flag)), _) | (None, DefaultValue::Flag(flag)) => Ok(flag),
            (Some(found), _) => refuse(key, format!("is {found}, expected true or false")),
            (None, default) => {
                panic!("the default of `{key}` is neither true nor false: {default:?}")
            }
        }
    }

    /// A list of texts; empty where the key is left out.
    pub(super) fn texts(&mut self, key: &str) -> Result<Vec<String>, OperationError> {
        let wrong = |found: &Value| OperationError {
            key: key.to_owned(),
            message: format!("is {found}, expected a list of texts"),
        };
        match self.take(key) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => items
                .iter()
                .map(|item| item.as_str().map(str::to_owned).ok_or_else(|| wrong(item)))
                .collect(),
            Some(found) => Err(wrong(&found)),
        }
    }

    pub(super) fn table(&mut self, key: &str) -> Result<Table, OperationError> {
        match self.take(key) {
            None => Ok(Table::new()),
            Some(Value::Table(table)) => Ok(table),
            Some(found) => {
                let example = self.row(key).example_words();
                refuse(key, format!("is {found}, expected a table{example}"))
            }
        }
    }
}

fn unknown(key: &str, rows: &[Key]) -> String {
    let is_ours = |row: &&Key| {
        // A foreign word may also stand for a part of the value.
        let whole = format!("`{}`", row.name);
        let mut foreign = row.foreign.iter();
        row.answers.contains(&key)
            || foreign.any(|(word, ours)| *word == key && ours.starts_with(&whole))
    };
    if let Some(row) = rows.iter().find(is_ours) {
        let name = row.name;
        return format!("is not a key of this operation: use {name}");
    }
    let names: Vec<_> = rows.iter().map(|row| row.name).collect();
    format!(
        "is not a key of this operation, which has {}",
        names.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    static ROWS: &[Key] = &[
        Key::new(
            "limit",
            Kind::Integer { min: 1, max: 9 },
            DefaultValue::Integer(4),
            "",
        ),
        Key::new("filter", Kind::TEXT, DefaultValue::None("none"), "")
            .answers(&["expr"])
            .foreign(&[("ef", "`filter = ...`")]),
        Key::new("params", Kind::Params, DefaultValue::Empty, ""),
        Key::new("fields", Kind::Texts, DefaultValue::Empty, ""),
        Key::new("growing", Kind::Flag, DefaultValue::Flag(true), ""),
        Key::new("end", Kind::TEXT, DefaultValue::Text("stop"), ""),
    ];

    fn keys(text: &str) -> Result<Keys, OperationError> {
        Keys::new(text.parse().unwrap(), ROWS)
    }

    #[test]
    fn unknown_keys_are_answered_with_ours() {
        let check = |text: &str, key: &str, words: &str| {
            let error = keys(text).expect_err("refused");
            assert_eq!(error.key, key);
            assert!(error.message.contains(words), "{}", error.message);
        };
        check("zzz = 3", "zzz", "which has limit, filter");
        check("expr = 3", "expr", "use filter");
        check("ef = 3", "ef", "which has limit, filter");
    }

    #[test]
    fn values_are_read_by_kind_and_range() {
        let number = |text: &str| keys(text).unwrap().written_number("limit");
        assert_eq!(number("limit = 3"), Ok(Some(3)));
        assert_eq!(number(""), Ok(None));
        assert_eq!(
            number("limit = 10").unwrap_err().message,
            "is 10, expected a whole number from 1 to 9"
        );
        assert!(number("limit = '3'").is_err());
        assert!(keys("filter = 3").unwrap().text("filter").is_err());
        assert!(keys("params = 3").unwrap().table("params").is_err());
        assert!(keys("fields = ['a', 1]").unwrap().texts("fields").is_err());
        assert_eq!(
            keys("fields = ['a', 'b']").unwrap().texts("fields"),
            Ok(vec!["a".into(), "b".into()])
        );
        assert!(keys("growing = 'true'").unwrap().flag("growing").is_err());
    }

    #[test]
    fn what_is_left_out_has_the_default_of_its_row() {
        let mut left_out = keys("").unwrap();
        assert_eq!(left_out.number("limit"), Ok(4));
        assert_eq!(left_out.flag("growing"), Ok(true));
        assert_eq!(left_out.choice("end", &[("go", 1), ("stop", 2)]), Ok(2));
        let written = |text: &str| keys(text).unwrap().choice("end", &[("go", 1), ("stop", 2)]);
        assert_eq!(written("end = 'Go'"), Ok(1));
        assert_eq!(
            written("end = 'halt'").unwrap_err().message,
            "is \"halt\", expected \"go\" or \"stop\""
        );
    }
}
