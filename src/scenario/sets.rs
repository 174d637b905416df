//! `--set KEY=VALUE`: a path by name; the value is TOML, else text.

use super::{
    ScenarioError,
    tree::{Node, Value},
    words::quoted,
};
use crate::keys::{Kind, Table, nearest};

/// Applies one `--set`.
pub(super) fn apply(tree: &mut Node, root: &Table, set: &str) -> Result<(), ScenarioError> {
    let refuse = |found: &str| {
        ScenarioError::new(format!(
            "--set {} is not a key path with a value; write for example --set \
             workloads.search.rate=100",
            quoted(found)
        ))
    };
    let (path, value) = set.split_once('=').ok_or_else(|| refuse(set))?;
    let path = path.trim();
    // The value is not shown: it may be a secret.
    let keys = split_path(path).ok_or_else(|| refuse(path))?;
    // Names that the user gave: `--set` changes their tables but does not invent new ones.
    let named = |path: &str| {
        let row = root.key(path);
        row.is_some_and(|row| matches!(row.kind, Kind::Named { .. }))
    };
    put(tree, &keys, &parse_value(value.trim()), &named)
}

/// The value as TOML, else as text.
fn parse_value(text: &str) -> toml::Value {
    // A value on one line can't bring further keys with it.
    let table = if text.contains('\n') {
        None
    } else {
        format!("v = {text}").parse::<toml::Table>().ok()
    };
    table
        .and_then(|mut table| table.remove("v"))
        .unwrap_or_else(|| toml::Value::String(text.to_owned()))
}

/// Splits at dots outside of double quotes; None if a part is empty or a quote stays open.
fn split_path(path: &str) -> Option<Vec<String>> {
    let mut keys = vec![String::new()];
    let mut quoted = false;
    for c in path.chars() {
        match c {
            '"' => quoted = !quoted,
            '.' if !quoted => keys.push(String::new()),
            c => keys.last_mut()?.push(c),
        }
    }
    (!quoted && keys.iter().all(|key| !key.is_empty())).then_some(keys)
}

fn put(
    node: &mut Node,
    keys: &[String],
    value: &toml::Value,
    named: &dyn Fn(&str) -> bool,
) -> Result<(), ScenarioError> {
    let Some((key, rest)) = keys.split_first() else {
        *node = Node::from_toml(&node.place.clone(), value);
        return Ok(());
    };
    let place = node.place.set_child(key);
    let kind = node.value.kind();
    let path = node.place.path().to_owned();
    match &mut node.value {
        Value::Table(entries) => {
            let index = entries.iter().position(|(name, _)| name == key);
            if index.is_none() && named(&path) {
                return Err(
                    place.error(no_such(key, entries.iter().map(|(name, _)| name.as_str())))
                );
            }
            let index = index.unwrap_or_else(|| {
                entries.push((
                    key.clone(),
                    Node {
                        place: place.clone(),
                        value: Value::Table(Vec::new()),
                    },
                ));
                entries.len() - 1
            });
            if rest.is_empty() {
                entries[index].1.place = place;
            }
            put(&mut entries[index].1, rest, value, named)
        }
        Value::List(items) => {
            let called = items.iter().position(|item| {
                let name = item.get("name").map(|name| &name.value);
                matches!(name, Some(Value::Text(name)) if name == key)
            });
            let numbered = key.parse().ok().filter(|index| *index < items.len());
            let Some(index) = called.or(numbered) else {
                let names = items.iter().filter_map(|item| {
                    match item.get("name").map(|name| &name.value) {
                        Some(Value::Text(name)) => Some(name.as_str()),
                        _ => None,
                    }
                });
                return Err(place.error(no_such(key, names)));
            };
            put(&mut items[index], rest, value, named)
        }
        _ => Err(place.error(format!(
            "can't be set, since `{path}` is {kind} and not a table"
        ))),
    }
}

fn no_such<'a>(key: &str, names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    let hint = nearest(key, names.iter().copied())
        .map(|name| format!(", did you mean `{name}`"))
        .unwrap_or_default();
    format!(
        "is not in the scenario{hint}; it has: {}",
        if names.is_empty() {
            "none".to_owned()
        } else {
            names.join(", ").escape_debug().to_string()
        }
    )
}
