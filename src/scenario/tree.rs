//! TOML as a tree whose every value knows its place and its full path.

use std::{fmt, ops::Range, sync::Arc};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{Mistake, ScenarioError};
use crate::keys::{Kind, Table};

/// Where something of a scenario was written: the file, the line, and the key's full path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    file: Arc<str>,
    path: String,
    position: Position,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Position {
    /// Line and column, from 1.
    Written(usize, usize),
    /// Given on the command line.
    Set,
}

impl Place {
    /// An error about what stands here; `message` goes on after the key, e.g. `is 5, allowed is
    /// ...`.
    #[must_use]
    pub fn error(&self, message: impl fmt::Display) -> ScenarioError {
        match (&self.position, self.path.as_str()) {
            (Position::Written(..), "") => ScenarioError::new(format!("{}: {message}", self.file)),
            (Position::Written(line, column), path) => Mistake {
                position: Some((*line, *column)),
                message: format!("{}:{line}:{column}: `{path}` {message}", self.file),
            }
            .into(),
            (Position::Set, path) => {
                ScenarioError::new(format!("--set {path}: `{path}` {message}"))
            }
        }
    }

    /// The place of a table as its heading has it: `[milvus]`, of a list `[[phases]]`.
    pub(super) fn heading(&self, is_list: bool) -> String {
        let (open, close) = if is_list { ("[[", "]]") } else { ("[", "]") };
        format!("{open}{}{close}", self.path)
    }

    /// The key's full path, e.g. `workloads.search.rate`; empty for the file as a whole.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The place of `key` below this one, for what has no place of its own.
    #[must_use]
    pub fn child(&self, key: &str) -> Self {
        let path = if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        };
        Self {
            path,
            ..self.clone()
        }
    }

    /// Whether it was given by `--set`.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.position == Position::Set
    }

    /// The place of `key` below this one, when it is set on the command line.
    pub(super) fn set_child(&self, key: &str) -> Self {
        Self {
            file: self.file.clone(),
            path: join(&self.path, key),
            position: Position::Set,
        }
    }
}

/// One value with its place.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) value: Value,
}

#[derive(Clone, Debug)]
pub(super) enum Value {
    Text(String),
    Integer(i64),
    Float(f64),
    Flag(bool),
    Date(toml::value::Datetime),
    List(Vec<Node>),
    /// In the order of the file.
    Table(Vec<(String, Node)>),
    /// One that can't be had, which has been told.
    Refused,
}

impl Value {
    /// What it is, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Value::Text(_) => "text",
            Value::Integer(_) | Value::Float(_) => "a number",
            Value::Flag(_) => "true or false",
            Value::Date(_) => "a date",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
            Value::Refused => "refused",
        }
    }
}

impl Node {
    /// The value below `key`, if this is a table that has it.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        let Value::Table(entries) = &self.value else {
            return None;
        };
        entries
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, node)| node)
    }

    /// Whether it, or a value below it, can't be had.
    pub(super) fn is_refused(&self) -> bool {
        match &self.value {
            Value::Refused => true,
            Value::List(nodes) => nodes.iter().any(Node::is_refused),
            Value::Table(entries) => entries.iter().any(|(_, node)| node.is_refused()),
            _ => false,
        }
    }

    /// Without places, for those who read the value themselves.
    pub(super) fn to_toml(&self) -> toml::Value {
        match &self.value {
            Value::Text(text) => toml::Value::String(text.clone()),
            Value::Integer(number) => toml::Value::Integer(*number),
            Value::Float(number) => toml::Value::Float(*number),
            Value::Flag(flag) => toml::Value::Boolean(*flag),
            Value::Date(date) => toml::Value::Datetime(*date),
            Value::List(nodes) => toml::Value::Array(nodes.iter().map(Node::to_toml).collect()),
            Value::Table(entries) => toml::Value::Table(
                entries
                    .iter()
                    .map(|(key, node)| (key.clone(), node.to_toml()))
                    .collect(),
            ),
            // Nobody reads it: see `Section::is_refused_other`.
            Value::Refused => toml::Value::Boolean(false),
        }
    }

    /// A value of `--set` below `place`.
    pub(super) fn from_toml(place: &Place, value: &toml::Value) -> Self {
        let child = |key: &str, value| Self::from_toml(&place.set_child(key), value);
        let value = match value {
            toml::Value::String(text) => Value::Text(text.clone()),
            toml::Value::Integer(number) => Value::Integer(*number),
            toml::Value::Float(number) => Value::Float(*number),
            toml::Value::Boolean(flag) => Value::Flag(*flag),
            toml::Value::Datetime(date) => Value::Date(*date),
            toml::Value::Array(values) => Value::List(
                values
                    .iter()
                    .enumerate()
                    .map(|(index, value)| child(&index.to_string(), value))
                    .collect(),
            ),
            toml::Value::Table(table) => Value::Table(
                table
                    .iter()
                    .map(|(key, value)| (key.clone(), child(key, value)))
                    .collect(),
            ),
        };
        Self {
            place: place.clone(),
            value,
        }
    }
}

/// `path.key`, with quotes where the key needs them.
fn join(path: &str, key: &str) -> String {
    let bare = !key.is_empty()
        && key
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    let key = if bare {
        key.to_owned()
    } else {
        format!("\"{}\"", key.escape_debug())
    };
    if path.is_empty() {
        key
    } else {
        format!("{path}.{key}")
    }
}

/// Parses `text` with the keys of `root`; `file` is how messages call it. What can't be a value is
/// added to `mistakes`.
///
/// # Errors
/// It is no TOML.
pub(super) fn parse(
    file: &str,
    text: &str,
    root: &'static Table,
    mistakes: &mut ScenarioError,
) -> Result<Node, ScenarioError> {
    let line_starts = std::iter::once(0)
        .chain(text.match_indices('\n').map(|(index, _)| index + 1))
        .collect();
    let mut builder = Builder {
        file: file.into(),
        text,
        line_starts,
        mistakes,
    };
    match DeTable::parse(text) {
        Ok(table) => {
            let place = Place {
                file: builder.file.clone(),
                path: String::new(),
                position: Position::Written(1, 1),
            };
            Ok(Node {
                value: builder.table("", table.get_ref()),
                place,
            })
        }
        Err(error) => {
            let span = error.span().unwrap_or_default();
            let (line, column) = builder.position(span.clone());
            if error.message() == "duplicate key"
                && let Some(message) = twice(text, span, root)
            {
                return Err(ScenarioError::new(format!(
                    "{file}:{line}:{column}: this is not TOML: {message}"
                )));
            }
            // Only the message: the parser's own rendering quotes the line, which may hold a
            // secret.
            let message = error.message().lines().next().unwrap_or_default();
            Err(ScenarioError::new(format!(
                "{file}:{line}:{column}: this is not TOML ({message}); see https://toml.io for \
                 its syntax"
            )))
        }
    }
}

/// What is said of a key or heading that stands twice; `span` is that of its second place.
fn twice(text: &str, span: Range<usize>, root: &'static Table) -> Option<String> {
    let key = text.get(span.clone()).filter(|key| !key.is_empty())?;
    let start = text[..span.start].rfind('\n').map_or(0, |at| at + 1);
    let before = text[start..span.start].trim_start();
    if !before.starts_with('[') {
        return Some(format!(
            "`{key}` stands twice in one table; remove one of them"
        ));
    }
    let path = format!("{}{key}", before.trim_start_matches('['));
    let names: Vec<&str> = path.split('.').map(str::trim).collect();
    let remedy = if is_list(root, &names) {
        format!("write [[{path}]] in double brackets over each")
    } else {
        format!("put its keys below one [{path}], or give one of them another name")
    };
    Some(format!("the heading `{path}` stands twice: {remedy}"))
}

/// Whether the key at this path is a list of tables.
fn is_list(table: &'static Table, path: &[&str]) -> bool {
    let [name, rest @ ..] = path else {
        return false;
    };
    let variants = table.variants();
    let keys = table
        .keys
        .iter()
        .chain(variants.iter().flat_map(|of| of.keys));
    let kinds = keys.filter(|key| key.name == *name).map(|key| &key.kind);
    kinds.into_iter().any(|kind| kind_is_list(kind, rest))
}

fn kind_is_list(kind: &'static Kind, rest: &[&str]) -> bool {
    match kind {
        Kind::Tables { .. } if rest.is_empty() => true,
        Kind::Table(table) | Kind::Tables { table, .. } => is_list(table, rest),
        Kind::Named { table, .. } => rest
            .split_first()
            .is_some_and(|(_, rest)| is_list(table, rest)),
        Kind::OneOf(kinds) => kinds.iter().any(|kind| kind_is_list(kind, rest)),
        _ => false,
    }
}

/// Columns are counted in characters up to this many bytes of a line, in bytes after that.
const LONG_LINE: usize = 4096;

struct Builder<'a> {
    file: Arc<str>,
    text: &'a str,
    line_starts: Vec<usize>,
    mistakes: &'a mut ScenarioError,
}

impl Builder<'_> {
    /// Line and column (in characters) of a span's start, from 1.
    fn position(&self, span: Range<usize>) -> (usize, usize) {
        let line = self
            .line_starts
            .partition_point(|start| *start <= span.start)
            .max(1);
        let before = self
            .text
            .get(self.line_starts[line - 1]..span.start)
            .unwrap_or_default();
        // A line without end is not walked again for each of its values.
        let columns = if before.len() > LONG_LINE {
            before.len()
        } else {
            before.chars().count()
        };
        (line, columns + 1)
    }

    fn place(&self, path: String, span: Range<usize>) -> Place {
        let (line, column) = self.position(span);
        Place {
            file: self.file.clone(),
            path,
            position: Position::Written(line, column),
        }
    }

    fn table(&mut self, path: &str, table: &DeTable<'_>) -> Value {
        let mut entries: Vec<_> = table.iter().collect();
        // The parser sorts by name; the order of the file has a meaning for collections and
        // workloads.
        entries.sort_by_key(|(key, _)| key.span().start);
        let nodes = entries.into_iter().map(|(key, value)| {
            let place = self.place(join(path, key.get_ref()), key.span());
            (key.get_ref().to_string(), self.node(place, value))
        });
        Value::Table(nodes.collect())
    }

    fn node(&mut self, place: Place, value: &Spanned<DeValue<'_>>) -> Node {
        let value = match value.get_ref() {
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Boolean(flag) => Value::Flag(*flag),
            DeValue::Datetime(date) => Value::Date(*date),
            DeValue::Integer(number) => {
                let read = i64::from_str_radix(number.as_str(), number.radix());
                let read = read.map_err(|_| place.error("is a number of more than 64 bits"));
                self.mistakes.or(read.map(Value::Integer), Value::Refused)
            }
            DeValue::Float(number) => {
                let read = number.as_str().parse();
                let read = read.map_err(|_| place.error("is not a number"));
                self.mistakes.or(read.map(Value::Float), Value::Refused)
            }
            DeValue::Array(values) => {
                let items = values.iter().enumerate();
                let items = items.map(|(index, value)| self.item(&place, index, value));
                Value::List(items.collect())
            }
            DeValue::Table(table) => self.table(&place.path, table),
        };
        Node { place, value }
    }

    /// An item of a list is called by its name where it has one, else by its number.
    fn item(&mut self, list: &Place, index: usize, value: &Spanned<DeValue<'_>>) -> Node {
        let name = value
            .get_ref()
            .as_table()
            .and_then(|table| table.get("name"))
            .and_then(|name| name.get_ref().as_str());
        let key = name.map_or_else(|| index.to_string(), str::to_owned);
        let place = self.place(join(&list.path, &key), value.span());
        self.node(place, value)
    }
}
