//! `${NAME}` and `${NAME:-default}` in `[milvus]`, `[tracing]` and paths. Secrets are left alone:
//! they are looked up by name when they are needed.

use super::{
    Environment, ScenarioError,
    tree::{Node, Place, Value},
};
use crate::keys::{Kind, Table};

/// Where a reader opens a trace.
const LINK: &str = "tracing.spans.link";

/// Expands what may be expanded in a scenario with the keys of `root`; what can't be is added to
/// `mistakes`.
pub(super) fn expand(
    tree: &mut Node,
    root: &'static Table,
    env: Environment<'_>,
    mistakes: &mut ScenarioError,
) {
    Expansion { env, mistakes }.table(tree, root, false);
}

struct Expansion<'a> {
    env: Environment<'a>,
    mistakes: &'a mut ScenarioError,
}

impl Expansion<'_> {
    fn table(&mut self, node: &mut Node, rows: &'static Table, everywhere: bool) {
        let Value::Table(entries) = &mut node.value else {
            if everywhere {
                self.all(node);
            }
            return;
        };
        for (key, node) in entries {
            let row = rows.key(key);
            let everywhere = everywhere || row.is_some_and(|row| row.expanded);
            match row {
                Some(row) => self.value(node, &row.kind, everywhere),
                None if everywhere => self.all(node),
                None => {}
            }
        }
    }

    fn value(&mut self, node: &mut Node, kind: &'static Kind, everywhere: bool) {
        match (kind, &mut node.value) {
            (Kind::Secret, _) => self.secret(node),
            (Kind::Headers, Value::Table(entries)) => {
                entries.iter_mut().for_each(|(_, node)| self.secret(node));
            }
            (Kind::Path | Kind::KeyFile, _) => self.all(node),
            (Kind::Table(rows), _) => self.table(node, rows, everywhere),
            (Kind::Named { table: rows, .. }, Value::Table(entries)) => entries
                .iter_mut()
                .for_each(|(_, node)| self.table(node, rows, everywhere)),
            (Kind::Tables { table: rows, .. }, Value::List(nodes)) => nodes
                .iter_mut()
                .for_each(|node| self.table(node, rows, everywhere)),
            (Kind::OneOf(kinds), _) => {
                let is_table = matches!(node.value, Value::Table(_));
                let kind = kinds.iter().find(|kind| kind.table().is_some() == is_table);
                self.value(node, kind.unwrap_or(&kinds[0]), everywhere);
            }
            _ if everywhere => self.all(node),
            _ => {}
        }
    }

    /// A secret is left alone but for the path of its file.
    fn secret(&mut self, node: &mut Node) {
        let Value::Table(entries) = &mut node.value else {
            return;
        };
        let files = entries.iter_mut().filter(|(key, _)| key == "file");
        files.for_each(|(_, node)| self.all(node));
    }

    /// Every text below `node`.
    fn all(&mut self, node: &mut Node) {
        match &mut node.value {
            Value::Text(text) => {
                let expanded = expand_at(&node.place, text, self.env).map(Value::Text);
                node.value = self.mistakes.or(expanded, Value::Refused);
            }
            Value::List(nodes) => nodes.iter_mut().for_each(|node| self.all(node)),
            Value::Table(entries) => entries.iter_mut().for_each(|(_, node)| self.all(node)),
            _ => {}
        }
    }
}

fn expand_at(place: &Place, text: &str, env: Environment<'_>) -> Result<String, ScenarioError> {
    // It stands in run.json and in every report.
    if place.path() == LINK && text.contains("${") {
        return Err(place.error(
            "contains a variable, whose value would be visible in every report; write the address \
             itself",
        ));
    }
    expand_text(place, text, env)
}

fn expand_text(place: &Place, text: &str, env: Environment<'_>) -> Result<String, ScenarioError> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        out.push_str(before);
        let (inside, after) = after
            .split_once('}')
            .ok_or_else(|| place.error("has a `${` without its `}`"))?;
        let (name, default) = inside
            .split_once(":-")
            .map_or((inside, None), |(name, default)| (name, Some(default)));
        if !is_variable(name) {
            return Err(place.error(
                "has a `${...}` that is not the name of an environment variable; write ${NAME} or \
                 ${NAME:-default}",
            ));
        }
        if default.is_some_and(|default| default.contains("://") && default.contains('@')) {
            return Err(place
                .error("has a default with a user or password, which must not be in a scenario"));
        }
        // As in a shell, `:-` also replaces an empty value.
        let value = env(name).filter(|value| default.is_none() || !value.is_empty());
        let missing = || {
            place.error(format!(
                "needs the environment variable {name}, which is not set; set it or write \
                 ${{{name}:-default}}"
            ))
        };
        out.push_str(&value.or(default.map(str::to_owned)).ok_or_else(missing)?);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// Whether `name` can be the name of an environment variable.
pub(super) fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
