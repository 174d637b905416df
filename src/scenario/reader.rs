//! Reads the values of one table by key, each with its place; refuses keys that the table does not
//! have.

use std::{path::PathBuf, time::Duration};

use super::{
    At, Place, ScenarioError, SecretSource,
    expand::is_variable,
    keys::{self, unknown_key},
    tree::{Node, Value},
    units::{self, shown},
    words::quoted,
};

/// One table of the scenario.
pub(super) struct Reader<'a> {
    node: Option<&'a Node>,
    table: &'static str,
}

impl<'a> Reader<'a> {
    /// A table with the keys of [`super::KEYS`] for `table`.
    pub(super) fn new(node: &'a Node, table: &'static str) -> Result<Self, ScenarioError> {
        let reader = Self::open(node, table)?;
        match reader.others().next() {
            Some((key, node)) => Err(node.place.error(unknown_key(table, key, &[]))),
            None => Ok(reader),
        }
    }

    /// A table that may have further keys: see [`Reader::others`].
    pub(super) fn open(node: &'a Node, table: &'static str) -> Result<Self, ScenarioError> {
        match node.value {
            Value::Table(_) => Ok(Self {
                node: Some(node),
                table,
            }),
            _ => Err(node
                .place
                .error(format!("is {}, allowed is a table", shown(&node.value)))),
        }
    }

    /// A table that may be left out.
    pub(super) fn optional(
        node: Option<&'a Node>,
        table: &'static str,
    ) -> Result<Self, ScenarioError> {
        node.map_or(Ok(Self { node: None, table }), |node| {
            Self::new(node, table)
        })
    }

    /// Entries that [`super::KEYS`] does not have for this table.
    pub(super) fn others(&self) -> impl Iterator<Item = (&'a str, &'a Node)> + use<'a> {
        let known: Vec<&str> = keys::of_table(self.table).collect();
        self.entries()
            .iter()
            .filter(move |(key, _)| !known.contains(&key.as_str()))
            .map(|(key, node)| (key.as_str(), node))
    }

    fn entries(&self) -> &'a [(String, Node)] {
        match self.node.map(|node| &node.value) {
            Some(Value::Table(entries)) => entries,
            _ => &[],
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&'a Node> {
        assert!(
            keys::of_table(self.table).any(|known| known == key),
            "`{key}` of `{}` has no row in KEYS",
            self.table
        );
        self.node?.get(key)
    }

    /// The value of `key`, read by `read`.
    pub(super) fn with<T>(
        &self,
        key: &str,
        read: impl Fn(&Node) -> Result<T, ScenarioError>,
    ) -> Result<Option<At<T>>, ScenarioError> {
        self.get(key)
            .map(|node| {
                Ok(At {
                    value: read(node)?,
                    place: node.place.clone(),
                })
            })
            .transpose()
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<At<String>>, ScenarioError> {
        self.with(key, text)
    }

    pub(super) fn number(&self, key: &str) -> Result<Option<At<i64>>, ScenarioError> {
        self.with(key, number)
    }

    pub(super) fn flag(&self, key: &str) -> Result<Option<At<bool>>, ScenarioError> {
        self.with(key, |node| match node.value {
            Value::Flag(flag) => Ok(flag),
            _ => Err(wrong(node, "true or false")),
        })
    }

    pub(super) fn duration(&self, key: &str) -> Result<Option<At<Duration>>, ScenarioError> {
        self.with(key, units::duration)
    }

    pub(super) fn texts(&self, key: &str) -> Result<Option<At<Vec<At<String>>>>, ScenarioError> {
        self.with(key, |node| {
            let item = |node: &Node| {
                Ok(At {
                    value: text(node)?,
                    place: node.place.clone(),
                })
            };
            list(node)?.iter().map(item).collect()
        })
    }

    /// A path, relative to `folder`.
    pub(super) fn path(
        &self,
        key: &str,
        folder: &std::path::Path,
    ) -> Result<Option<At<PathBuf>>, ScenarioError> {
        self.with(key, |node| Ok(folder.join(text(node)?)))
    }

    pub(super) fn secret(
        &self,
        key: &str,
        folder: &std::path::Path,
    ) -> Result<Option<At<SecretSource>>, ScenarioError> {
        self.with(key, |node| secret(node, folder))
    }
}

pub(super) fn text(node: &Node) -> Result<String, ScenarioError> {
    match &node.value {
        Value::Text(text) => Ok(text.clone()),
        _ => Err(wrong(node, "text")),
    }
}

pub(super) fn number(node: &Node) -> Result<i64, ScenarioError> {
    match &node.value {
        Value::Integer(number) => Ok(*number),
        _ => Err(wrong(node, "a whole number")),
    }
}

pub(super) fn list(node: &Node) -> Result<&[Node], ScenarioError> {
    match &node.value {
        Value::List(nodes) => Ok(nodes),
        _ => Err(wrong(node, "a list")),
    }
}

pub(super) fn table(node: &Node) -> Result<&[(String, Node)], ScenarioError> {
    match &node.value {
        Value::Table(entries) => Ok(entries),
        _ => Err(wrong(node, "a table")),
    }
}

fn wrong(node: &Node, allowed: &str) -> ScenarioError {
    node.place
        .error(format!("is {}, allowed is {allowed}", shown(&node.value)))
}

/// Where a secret is to be found. No error repeats the value: it may be one.
pub(super) fn secret(node: &Node, folder: &std::path::Path) -> Result<SecretSource, ScenarioError> {
    let place: &Place = &node.place;
    if place.is_set() {
        return Err(place.error(
            "is a secret and can't be set on the command line; write \"${NAME}\" or { file = \
             \"...\" } into the scenario",
        ));
    }
    let refuse = || {
        place.error(
            "is a secret and can't stand in the scenario; write \"${NAME}\" for an environment \
             variable, or { file = \"...\" }",
        )
    };
    match &node.value {
        Value::Text(text) => {
            let (prefix, variable) = text.split_once("${").ok_or_else(refuse)?;
            let name = variable
                .strip_suffix('}')
                .filter(|name| is_variable(name))
                .ok_or_else(refuse)?;
            let scheme = prefix.is_empty()
                || prefix
                    .strip_suffix(' ')
                    .is_some_and(|word| ["Bearer", "Basic"].contains(&word));
            if !scheme {
                return Err(refuse());
            }
            Ok(SecretSource::Variable {
                prefix: prefix.to_owned(),
                name: name.to_owned(),
            })
        }
        Value::Table(entries) => match entries.as_slice() {
            [
                (
                    key,
                    Node {
                        value: Value::Text(_),
                        place,
                    },
                ),
            ] if key == "file" && place.is_set() => Err(refuse()),
            [
                (
                    key,
                    Node {
                        value: Value::Text(file),
                        ..
                    },
                ),
            ] if key == "file" => Ok(SecretSource::File(folder.join(file))),
            _ => Err(refuse()),
        },
        _ => Err(refuse()),
    }
}

/// The path of a key file: a path, or `{ file = "..." }`, never the key itself.
pub(super) fn key_path(node: &Node, folder: &std::path::Path) -> Result<PathBuf, ScenarioError> {
    let refuse = || {
        node.place
            .error("is a secret and can't stand in the scenario; write the path of a PEM file")
    };
    let path = match &node.value {
        Value::Text(path) => path,
        Value::Table(entries) => match entries.as_slice() {
            [
                (
                    key,
                    Node {
                        value: Value::Text(path),
                        ..
                    },
                ),
            ] if key == "file" => path,
            _ => return Err(refuse()),
        },
        _ => return Err(refuse()),
    };
    if path.contains("-----BEGIN") || path.contains('\n') {
        return Err(refuse());
    }
    Ok(folder.join(path))
}

/// `sample_ratio`: a number, or None for `"auto"`.
pub(super) fn ratio(node: &Node) -> Result<Option<f64>, ScenarioError> {
    let refuse = |found: String| {
        node.place.error(format!(
            "is {found}, allowed is a number from 0 to 1, or \"auto\""
        ))
    };
    match &node.value {
        Value::Integer(number) => Ok(Some(*number as f64)),
        Value::Float(number) => Ok(Some(*number)),
        Value::Text(text) if text.eq_ignore_ascii_case("auto") => Ok(None),
        // `"${RATIO}"` is text after its expansion.
        Value::Text(text) => text
            .trim()
            .parse()
            .map(Some)
            .map_err(|_| refuse(quoted(text))),
        other => Err(refuse(other.kind().to_owned())),
    }
}
