//! Values of one node by their form; errors say what is allowed.

use std::path::{Path, PathBuf};

use super::{
    Place, ScenarioError, SecretSource,
    expand::is_variable,
    spelling,
    tree::{Node, Value},
    units::shown,
    words::{plain_number, quoted},
};
use crate::keys::{Key, percentage};

pub(super) fn text(node: &Node) -> Result<String, ScenarioError> {
    match &node.value {
        Value::Text(text) => Ok(text.clone()),
        _ => Err(wrong(node, "text")),
    }
}

pub(super) fn number(node: &Node, row: &Key) -> Result<i64, ScenarioError> {
    match &node.value {
        Value::Integer(number) => Ok(*number),
        _ => Err(wrong(
            node,
            &format!("a whole number{}", instead_of_number(node, row)),
        )),
    }
}

pub(super) fn flag(node: &Node, row: &Key) -> Result<bool, ScenarioError> {
    match &node.value {
        Value::Flag(flag) => Ok(*flag),
        Value::Text(text) => {
            let instead = spelling::flag(text).map_or_else(String::new, |flag| {
                format!("; write {} = {flag} without quotes", row.name)
            });
            Err(wrong(node, &format!("true or false{instead}")))
        }
        _ => Err(wrong(node, "true or false")),
    }
}

/// What to write instead of a text that is a number, or a number with a fraction of zero.
pub(super) fn instead_of_number(node: &Node, row: &Key) -> String {
    let meant = match &node.value {
        Value::Text(text) => spelling::number(text),
        Value::Float(number) if number.fract() == 0.0 && number.abs() < 1e15 => {
            Some(*number as i64)
        }
        _ => None,
    };
    meant.map_or_else(String::new, |meant| {
        let quotes = if matches!(node.value, Value::Text(_)) {
            " without quotes"
        } else {
            ""
        };
        format!(
            "; write {} = {}{quotes}",
            row.name,
            spelling::underscored(meant)
        )
    })
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

/// An error about a value of another form; it holds nothing where there is no value, which has been
/// told.
pub(super) fn wrong(node: &Node, allowed: &str) -> ScenarioError {
    if matches!(node.value, Value::Refused) {
        return ScenarioError::told();
    }
    node.place
        .error(format!("is {}, expected {allowed}", shown(&node.value)))
}

/// Where a secret is to be found. No error repeats the value: it may be one.
pub(super) fn secret(node: &Node, folder: &Path) -> Result<SecretSource, ScenarioError> {
    let place: &Place = &node.place;
    if place.is_set() {
        return Err(place.error(
            "is a secret and can't be set on the command line; write \"${NAME}\" or { file = \
             \"...\" } into the scenario",
        ));
    }
    let refuse = || {
        place.error(
            "is a secret and can't be in the scenario; write \"${NAME}\" for an environment \
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
pub(super) fn key_path(node: &Node, folder: &Path) -> Result<PathBuf, ScenarioError> {
    let refuse = || {
        node.place
            .error("is a secret and can't be in the scenario; write the path of a PEM file")
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
        let share = match &node.value {
            Value::Text(text) => percentage(text),
            _ => None,
        };
        let instead = share.map_or_else(String::new, |percent| {
            format!("; write {}", plain_number(percent / 100.0))
        });
        node.place.error(format!(
            "is {found}, expected a number from 0 to 1, or \"auto\"{instead}"
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
