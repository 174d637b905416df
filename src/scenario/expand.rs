//! `${NAME}` and `${NAME:-default}` in `[milvus]`, `[tracing]` and paths. Secrets are left alone:
//! they are looked up by name when they are needed.

use super::{
    Environment, ScenarioError,
    keys::is_secret,
    tree::{Node, Place, Value},
};

/// Keys of `[data.<name>]` that are paths.
const PATHS: &[&str] = &["base", "queries", "truth"];

/// Where a reader opens a trace.
const LINK: &str = "tracing.spans.link";

/// Expands what may be expanded.
pub(super) fn expand(root: &mut Node, env: Environment<'_>) -> Result<(), ScenarioError> {
    let Value::Table(entries) = &mut root.value else {
        return Ok(());
    };
    for (key, node) in entries {
        match key.as_str() {
            "milvus" | "tracing" => everywhere(node, env)?,
            "data" => paths(node, env)?,
            _ => {}
        }
    }
    Ok(())
}

fn everywhere(node: &mut Node, env: Environment<'_>) -> Result<(), ScenarioError> {
    match &mut node.value {
        Value::Text(_) if is_secret(node.place.path()) => {}
        // It stands in run.json and in every report.
        Value::Text(text) if node.place.path() == LINK && text.contains("${") => {
            return Err(node.place.error(
                "holds a variable, whose value every reader of a report would see; write the \
                 address itself",
            ));
        }
        Value::Text(text) => *text = expand_text(&node.place, text, env)?,
        Value::List(nodes) => nodes
            .iter_mut()
            .try_for_each(|node| everywhere(node, env))?,
        Value::Table(entries) => entries
            .iter_mut()
            .try_for_each(|(_, node)| everywhere(node, env))?,
        _ => {}
    }
    Ok(())
}

fn paths(data: &mut Node, env: Environment<'_>) -> Result<(), ScenarioError> {
    let Value::Table(sources) = &mut data.value else {
        return Ok(());
    };
    for (_, source) in sources {
        let Value::Table(entries) = &mut source.value else {
            continue;
        };
        for (_, node) in entries
            .iter_mut()
            .filter(|(key, _)| PATHS.contains(&key.as_str()))
        {
            everywhere(node, env)?;
        }
    }
    Ok(())
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
                "has a `${...}` that is no name of an environment variable; write ${NAME} or \
                 ${NAME:-default}",
            ));
        }
        if default.is_some_and(|default| default.contains("://") && default.contains('@')) {
            return Err(place.error(
                "has a default with a user or password, which must not stand in a scenario",
            ));
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
