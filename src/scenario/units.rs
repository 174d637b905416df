//! Values with units: durations, rates, rows.

use std::time::Duration;

use super::{
    InitialRows, Level, ScenarioError, spelling,
    tree::{Node, Value},
    values::instead_of_number,
    words::{plain_number, quoted},
};
use crate::keys::{Key, LONGEST, percentage};

/// A duration as text with a unit.
pub(super) fn duration(node: &Node, row: &Key) -> Result<Duration, ScenarioError> {
    let Value::Text(text) = &node.value else {
        let shown = shown(&node.value);
        // Seconds, as most tools have them.
        let meant = match node.value {
            Value::Integer(seconds) => spelling::duration(&format!("{seconds}s")),
            Value::Float(seconds) => spelling::duration(&format!("{seconds}s")),
            _ => None,
        };
        let meant = meant.map_or_else(
            || "\"500ms\", \"30s\" or \"5m\"".to_owned(),
            |meant| format!("{} = \"{meant}\"", row.name),
        );
        return Err(node.place.error(format!(
            "is {shown}; a duration is text with a unit, e.g. {meant}"
        )));
    };
    let read = humantime::parse_duration(text.trim());
    let is_long = read.as_ref().map_or(true, |time| *time > LONGEST);
    if let Some(meant) = spelling::duration(text).filter(|_| is_long) {
        return Err(node.place.error(format!(
            "is {}; write {} = \"{meant}\"{}",
            quoted(text),
            row.name,
            spelling::why_not(text)
        )));
    }
    let duration = read.map_err(|_| {
        node.place.error(format!(
            "is {}, which is not a duration; write a non-negative number with a unit, e.g. \
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
pub(super) fn level(node: &Node, row: &Key) -> Result<Level, ScenarioError> {
    level_or(node, row, "")
}

/// The same where a table was looked for before.
pub(super) fn rate(node: &Node, row: &Key) -> Result<Level, ScenarioError> {
    level_or(
        node,
        row,
        ", or a table: { mean = 200, amplitude = 50, period = \"60s\" }",
    )
}

fn level_or(node: &Node, row: &Key, or: &str) -> Result<Level, ScenarioError> {
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
                    let meant = spelling::rate(text).map(|meant| format!("{} = {meant}", row.name));
                    let example = || "e.g. rate = 200, or \"5000 rows/s\"".to_owned();
                    node.place.error(format!(
                        "is {}, which is not a rate; write requests per second as a number, {}",
                        quoted(text),
                        meant.unwrap_or_else(example)
                    ))
                })
        }
        other => Err(node.place.error(format!(
            "is {}, expected requests per second as a number, e.g. 200, or a text such as \"5000 \
             rows/s\"{or}",
            shown(other)
        ))),
    }
}

/// A number of callers.
pub(super) fn callers(node: &Node, row: &Key) -> Result<i64, ScenarioError> {
    match &node.value {
        Value::Integer(number) => Ok(*number),
        other => Err(node.place.error(format!(
            "is {}, expected a whole number of callers{}",
            shown(other),
            instead_of_number(node, row)
        ))),
    }
}

/// A number of rows, or a share of all such as `"80%"`.
pub(super) fn initial_rows(node: &Node, row: &Key) -> Result<InitialRows, ScenarioError> {
    match &node.value {
        Value::Integer(number) => Ok(InitialRows::Count(*number)),
        Value::Text(text) => percentage(text)
            .map(|percent| InitialRows::Share(percent / 100.0))
            .ok_or_else(|| {
                node.place.error(format!(
                    "is {}, expected a number of rows or a share from \"0%\" to \"100%\"{}",
                    quoted(text),
                    instead_of_number(node, row)
                ))
            }),
        other => Err(node.place.error(format!(
            "is {}, expected a number of rows or a share such as \"80%\"",
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
