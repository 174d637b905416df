//! A table with its defaults filled in, as `check --resolved` shows it.

use serde_json::{Map, Value, json};

use super::{InitialRows, Section, section::Written, words::plain_number};
use crate::keys::{DefaultValue, Key, Kind};

impl Section {
    /// Every key: what is written, else the default of its row; null where there is none. Secrets
    /// are not in it, nor are keys without a row.
    #[must_use]
    pub fn resolved(&self) -> Map<String, Value> {
        let is_open = |row: &&Key| !matches!(row.kind, Kind::Secret | Kind::KeyFile);
        let rows = self.rows_of().keys.iter().filter(is_open);
        rows.map(|row| {
            let mut values = self.values.iter();
            let written = values.find(|(name, _)| *name == row.name);
            let value = written.map_or_else(|| default(row), |(_, at)| value(row, &at.value));
            (row.name.to_owned(), value)
        })
        .collect()
    }

    /// The same without the keys that have no value.
    #[must_use]
    pub fn resolved_values(&self) -> Map<String, Value> {
        let mut keys = self.resolved();
        keys.retain(|_, value| !value.is_null());
        keys
    }
}

fn default(row: &'static Key) -> Value {
    match row.default {
        DefaultValue::None(_) | DefaultValue::Needed(_) => Value::Null,
        DefaultValue::Text(text) if row.kind.duration_range().is_some() => {
            // As a written one is shown.
            humantime::parse_duration(text).map_or(Value::Null, |time| {
                json!(humantime::format_duration(time).to_string())
            })
        }
        _ => row.default_json(),
    }
}

fn value(row: &'static Key, written: &Written) -> Value {
    match written {
        Written::Text(text) => json!(in_usual_case(row, text)),
        Written::Integer(number) | Written::Callers(number) => json!(number),
        Written::Ratio(None) => json!("auto"),
        Written::Ratio(Some(ratio)) => json!(ratio),
        Written::Flag(flag) => json!(flag),
        Written::Duration(time) => json!(humantime::format_duration(*time).to_string()),
        Written::Level(level) if level.rows => {
            json!(format!("{} rows/s", plain_number(level.number)))
        }
        Written::Level(level) => json!(level.number),
        Written::Rows(InitialRows::Count(rows)) => json!(rows),
        Written::Rows(InitialRows::Share(share)) => {
            json!(format!("{}%", plain_number(share * 100.0)))
        }
        Written::Path(path) => json!(path.display().to_string()),
        Written::Secret(_) => Value::Null,
        Written::Secrets(secrets) => {
            json!(secrets.iter().map(|(name, _)| name).collect::<Vec<_>>())
        }
        Written::Toml(value) => serde_json::to_value(value).unwrap_or_default(),
        Written::Texts(texts) => {
            json!(texts.iter().map(|at| &at.value).collect::<Vec<_>>())
        }
        Written::Section(section) => Value::Object(section.resolved()),
        Written::Sections(sections) => {
            let tables = sections
                .iter()
                .map(|section| Value::Object(section.resolved()));
            if matches!(row.kind, Kind::Named { .. }) {
                let names = sections.iter().map(|section| section.name.clone());
                Value::Object(names.zip(tables).collect())
            } else {
                Value::Array(tables.collect())
            }
        }
    }
}

/// A name as its table has it, whatever its case.
fn in_usual_case(row: &'static Key, text: &str) -> String {
    let mut kinds = row.kind.alternatives().iter();
    let names = kinds.find_map(|kind| match kind {
        Kind::Choice(names) => Some(names()),
        _ => None,
    });
    let known = names.and_then(|names| {
        let mut names = names.into_iter();
        names.find(|name| name.eq_ignore_ascii_case(text))
    });
    known.unwrap_or(text).to_owned()
}
