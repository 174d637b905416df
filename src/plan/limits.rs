//! Ranges of numbers and durations.

use std::{ops::RangeInclusive, time::Duration};

use super::PlanError;
use crate::scenario::At;

/// The number within `range`, or `default` where it is left out.
pub(super) fn number(
    found: &Option<At<i64>>,
    range: RangeInclusive<i64>,
    default: i64,
) -> Result<i64, PlanError> {
    match found {
        None => Ok(default),
        Some(at) if range.contains(&at.value) => Ok(at.value),
        Some(at) => Err(at
            .error(format!(
                "is {}, allowed are whole numbers from {} to {}",
                at.value,
                grouped(*range.start()),
                grouped(*range.end())
            ))
            .into()),
    }
}

/// As [`number`], for durations.
pub(super) fn duration(
    found: &Option<At<Duration>>,
    range: RangeInclusive<Duration>,
    default: Duration,
) -> Result<Duration, PlanError> {
    match found {
        None => Ok(default),
        Some(at) if range.contains(&at.value) => Ok(at.value),
        Some(at) => {
            // Days as they are written in a scenario.
            let show = |duration: &Duration| {
                humantime::format_duration(*duration)
                    .to_string()
                    .replace("days", "d")
                    .replace("day", "d")
            };
            Err(at
                .error(format!(
                    "is {}, allowed are {} to {}",
                    show(&at.value),
                    show(range.start()),
                    show(range.end())
                ))
                .into())
        }
    }
}

/// Digits in groups of three.
pub(super) fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if number < 0 { format!("-{out}") } else { out }
}
