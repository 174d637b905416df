//! Values with units: durations, rates, rows.

use std::time::Duration;

use super::{
    InitialRows, Level, ScenarioError,
    tree::{Node, Value},
    words::{plain_number, quoted},
};
use crate::keys::{LONGEST, percentage};

/// A duration as text with a unit.
pub(super) fn duration(node: &Node) -> Result<Duration, ScenarioError> {
    let Value::Text(text) = &node.value else {
        let shown = shown(&node.value);
        return Err(node.place.error(format!(
            "is {shown}; a duration is text with a unit, e.g. \"500ms\", \"30s\" or \"5m\""
        )));
    };
    let duration = humantime::parse_duration(text.trim()).map_err(|_| {
        node.place.error(format!(
            "is {}, which is no duration; write a number that is not negative with a unit, e.g. \
             \"500ms\", \"30s\" or \"5m\"",
            quoted(text)
        ))
    })?;
    if duration > LONGEST {
        return Err(node.place.error(format!(
            "is {}, the longest duration is 30 days",
            quoted(text)
        )));
    }
    Ok(duration)
}

/// Requests per second: a number, or text such as `"200/s"` or `"5000 rows/s"`.
pub(super) fn level(node: &Node) -> Result<Level, ScenarioError> {
    level_or(node, "")
}

/// The same where a table was looked for before.
pub(super) fn rate(node: &Node) -> Result<Level, ScenarioError> {
    level_or(
        node,
        ", or a table: { mean = 200, amplitude = 50, period = \"60s\" }",
    )
}

fn level_or(node: &Node, or: &str) -> Result<Level, ScenarioError> {
    match &node.value {
        Value::Integer(number) => Ok(Level {
            number: *number as f64,
            rows: false,
        }),
        Value::Float(number) => Ok(Level {
            number: *number,
            rows: false,
        }),
        Value::Text(text) => {
            let per_second = text.trim().strip_suffix("/s").map(str::trim_end);
            let rows = per_second.and_then(|text| text.strip_suffix("rows"));
            let number = rows
                .or(per_second)
                .and_then(|number| number.trim().replace('_', "").parse().ok());
            number
                .map(|number| Level {
                    number,
                    rows: rows.is_some(),
                })
                .ok_or_else(|| {
                    let example = "e.g. rate = 200, or \"5000 rows/s\"";
                    node.place.error(format!(
                        "is {}, which is no rate; write requests per second as a number, {example}",
                        quoted(text)
                    ))
                })
        }
        other => Err(node.place.error(format!(
            "is {}, allowed are requests per second as a number, e.g. 200, or a text such as \
             \"5000 rows/s\"{or}",
            shown(other)
        ))),
    }
}

/// A number of callers.
pub(super) fn callers(node: &Node) -> Result<i64, ScenarioError> {
    match &node.value {
        Value::Integer(number) => Ok(*number),
        other => Err(node.place.error(format!(
            "is {}, allowed is a whole number of callers",
            shown(other)
        ))),
    }
}

/// A number of rows, or a share of all such as `"80%"`.
pub(super) fn initial_rows(node: &Node) -> Result<InitialRows, ScenarioError> {
    match &node.value {
        Value::Integer(number) => Ok(InitialRows::Count(*number)),
        Value::Text(text) => percentage(text)
            .map(|percent| InitialRows::Share(percent / 100.0))
            .ok_or_else(|| {
                node.place.error(format!(
                    "is {}, allowed is a number of rows or a share from \"0%\" to \"100%\"",
                    quoted(text)
                ))
            }),
        other => Err(node.place.error(format!(
            "is {}, allowed is a number of rows or a share such as \"80%\"",
            shown(other)
        ))),
    }
}

/// A value as messages show it.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Text(text) => quoted(text),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => plain_number(*number),
        Value::Flag(flag) => flag.to_string(),
        other => other.kind().to_owned(),
    }
}
