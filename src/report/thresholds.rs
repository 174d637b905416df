//! Thresholds as lines: what failed, what could not be decided, and how many of each there are.

use super::units::count;
use crate::analysis::{Analysis, ThresholdResult, ThresholdState};

/// `response_time.p99 < 50ms at under-ingest/search: 87.20 ms, limit 50.00 ms`.
pub(super) fn line(result: &ThresholdResult) -> String {
    let undecided = match result.state {
        ThresholdState::Undecided => " (undecided)",
        ThresholdState::Failed if result.strict => " (strict)",
        _ => "",
    };
    format!(
        "{} at {}{undecided}: {}",
        result.require, result.at, result.sentence
    )
}

/// `thresholds 3 passed, 1 failed, 1 undecided`; None where there are none.
pub(super) fn counts(analysis: &Analysis) -> Option<String> {
    let number = |state: ThresholdState| {
        analysis
            .thresholds
            .iter()
            .filter(|result| result.state == state)
            .count() as u64
    };
    let words = [
        (ThresholdState::Passed, "passed"),
        (ThresholdState::Failed, "failed"),
        (ThresholdState::Undecided, "undecided"),
    ];
    let counts: Vec<String> = words
        .into_iter()
        .filter(|(state, _)| number(*state) > 0)
        .map(|(state, word)| format!("{} {word}", count(number(state))))
        .collect();
    (!counts.is_empty()).then(|| format!("thresholds {}", counts.join(", ")))
}
