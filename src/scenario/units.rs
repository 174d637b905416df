//! Values with units: durations, rates, rows.

use std::time::Duration;

use super::{
    InitialRows, ScenarioError,
    tree::{Node, Value},
    words::quoted,
};

/// Longest duration that a scenario may have.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);

/// A duration as text with a unit.
pub(super) fn duration(node: &Node) -> Result<Duration, ScenarioError> {
    let Value::Text(text) = &node.value else {
        let shown = shown(&node.value);
        return Err(node.place.error(format!("is {shown}; a duration is text with a unit, e.g. \"500ms\", \"30s\" or \"5m\"")));
    };
    let duration = humantime::parse_duration(text.trim()).map_err(|_| {
        node.place.error(format!(
            "is {}, which is no duration; write a number that is not negative with a unit, e.g. \"500ms\", \"30s\" or \"5m\"",
            quoted(text)
        ))
    })?;
    if duration > LONGEST {
        return Err(node.place.error(format!("is {}, the longest duration is 30 days", quoted(text))));
    }
    Ok(duration)
}

/// Requests per second: a number, or text such as `"200/s"`.
pub(super) fn rate(node: &Node) -> Result<f64, ScenarioError> {
    match &node.value {
        Value::Integer(number) => Ok(*number as f64),
        Value::Float(number) => Ok(*number),
        Value::Text(text) if text.trim().ends_with("rows/s") => Err(node
            .place
            .error(format!("is {}; rates in rows are not built yet, write requests per second, e.g. rate = 50", quoted(text)))),
        Value::Text(text) => text.trim().strip_suffix("/s").and_then(|number| number.trim().parse().ok()).ok_or_else(|| {
            node.place.error(format!("is {}, which is no rate; write requests per second as a number, e.g. rate = 200", quoted(text)))
        }),
        other => Err(node.place.error(format!("is {}, allowed is a number of requests per second, e.g. rate = 200", shown(other)))),
    }
}

/// A number of rows, or a share of all such as `"80%"`.
pub(super) fn initial_rows(node: &Node) -> Result<InitialRows, ScenarioError> {
    match &node.value {
        Value::Integer(number) => Ok(InitialRows::Count(*number)),
        Value::Text(text) => text
            .trim()
            .strip_suffix('%')
            .and_then(|number| number.trim().parse::<f64>().ok())
            .filter(|percent| (0.0..=100.0).contains(percent))
            .map(|percent| InitialRows::Share(percent / 100.0))
            .ok_or_else(|| {
                node.place.error(format!("is {}, allowed is a number of rows or a share from \"0%\" to \"100%\"", quoted(text)))
            }),
        other => Err(node.place.error(format!("is {}, allowed is a number of rows or a share such as \"80%\"", shown(other)))),
    }
}

/// A value as messages show it.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Text(text) => quoted(text),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Flag(flag) => flag.to_string(),
        other => other.kind().to_owned(),
    }
}
