//! Tables, lists of tables and tables under names, each of which is easily written as another one:
//! what to write is said, and what was meant is read.

use std::borrow::Cow;

use super::{
    ScenarioError,
    tree::{Node, Value},
    values::wrong,
};
use crate::keys::Table;

type Result<T> = std::result::Result<T, ScenarioError>;

/// What was meant, and what is wrong with how it is written.
pub(super) struct Forms<T> {
    pub(super) value: T,
    pub(super) mistakes: ScenarioError,
}

fn right<T>(value: T) -> Result<Forms<T>> {
    let mistakes = ScenarioError::told();
    Ok(Forms { value, mistakes })
}

/// One table; also where it is the only one of a list.
pub(super) fn as_table(node: &Node) -> Result<Forms<&Node>> {
    match &node.value {
        Value::List(items) if items.iter().all(is_table) && !items.is_empty() => {
            let heading = node.place.heading(false);
            let mistakes = node.place.error(format!(
                "is a list of tables, expected one table: write {heading} in single brackets"
            ));
            if items.len() > 1 {
                return Err(mistakes);
            }
            let value = &items[0];
            Ok(Forms { value, mistakes })
        }
        _ => right(node),
    }
}

/// The tables of a list that is called `key`; also where there is one table, or tables under names.
pub(super) fn as_list<'n>(
    node: &'n Node,
    key: &str,
    rows: &'static Table,
) -> Result<Forms<Cow<'n, [Node]>>> {
    let entries = match &node.value {
        Value::List(items) => return right(Cow::Borrowed(&items[..])),
        Value::Table(entries) => entries,
        _ => return Err(wrong(node, "a list of tables")),
    };
    // Below the top of the file, such a list usually stands on one line.
    let write = if node.place.path() == key {
        format!("{} in double brackets", node.place.heading(true))
    } else {
        format!("{key} = [{{ ... }}]")
    };
    let is_named = |(name, node): &(String, Node)| is_table(node) && rows.key(name).is_none();
    if entries.is_empty() || !entries.iter().all(is_named) {
        return Ok(Forms {
            value: Cow::Borrowed(std::slice::from_ref(node)),
            mistakes: node.place.error(format!(
                "is one table, expected a list of tables: write {write}"
            )),
        });
    }
    let has_name = rows.key("name").is_some();
    let name = if has_name {
        format!(", with name = {:?} below it", entries[0].0)
    } else {
        String::new()
    };
    let value = entries.iter().map(|(name, node)| {
        let mut node = node.clone();
        let place = node.place.child("name");
        let is_nameless = has_name && node.get("name").is_none();
        if let (true, Value::Table(entries)) = (is_nameless, &mut node.value) {
            let value = Value::Text(name.clone());
            entries.push(("name".to_owned(), Node { place, value }));
        }
        node
    });
    Ok(Forms {
        value: Cow::Owned(value.collect()),
        mistakes: node.place.error(format!(
            "has named tables, expected a list of tables: write {write}{name}"
        )),
    })
}

/// Tables, each with its name.
type Named<'n> = Cow<'n, [(String, Node)]>;

/// Tables under names; also those of a list that have one.
pub(super) fn as_named<'n>(node: &'n Node, rows: &'static Table) -> Result<Forms<Named<'n>>> {
    let path = node.place.path();
    match &node.value {
        Value::Table(entries) => {
            let is_key = |name: &str| {
                let variants = rows.variants();
                let mut keys = variants.iter().flat_map(|variant| variant.keys);
                rows.key(name).is_some() || keys.any(|key| key.name == name)
            };
            let mut keys = entries.iter();
            let key = keys.find(|(name, node)| !is_table(node) && is_key(name));
            match key {
                None => right(Cow::Borrowed(&entries[..])),
                Some((key, node)) => Err(node.place.error(format!(
                    "is in place of a name: write [{path}.<name>] above `{key}`, with a name of \
                     your choice"
                ))),
            }
        }
        Value::List(items) => {
            let name = |item: &Node| match item.get("name").map(|name| &name.value) {
                Some(Value::Text(name)) => Some(name.clone()),
                _ => None,
            };
            let names: Option<Vec<String>> = items.iter().map(name).collect();
            let first = items.iter().find_map(name);
            let first = first.unwrap_or_else(|| "<name>".to_owned());
            let mistakes = node.place.error(format!(
                "is a list, expected named tables: write [{path}.{first}] in single brackets"
            ));
            let Some(names) = names.filter(|names| !names.is_empty()) else {
                return Err(mistakes);
            };
            let keeps_name = rows.key("name").is_some();
            let value = names.into_iter().zip(items).map(|(name, item)| {
                let mut item = item.clone();
                if let (false, Value::Table(entries)) = (keeps_name, &mut item.value) {
                    entries.retain(|(key, _)| key != "name");
                }
                (name, item)
            });
            Ok(Forms {
                value: Cow::Owned(value.collect()),
                mistakes,
            })
        }
        _ => Err(wrong(node, "a table")),
    }
}

fn is_table(node: &Node) -> bool {
    matches!(node.value, Value::Table(_))
}
