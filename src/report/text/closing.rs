//! The end of the report: how the collections came to be, what was not counted, and where the words
//! are explained.

use super::{measured, quantile};
use crate::{
    analysis::{Analysis, Quantiles, WorkloadAnalysis},
    record::CollectionState,
    report::{
        layout::{Line, Page, Paint},
        units::{count, counted, duration, number},
    },
};

/// Operation of the step that sends many requests one after the other.
const INSERT: &str = "insert";

/// Preparation, warm-up, collections.
pub(super) fn write(page: &mut Page, analysis: &Analysis) {
    page.gap();
    let facts: Vec<String> = preparation(analysis)
        .into_iter()
        .chain(warmup(analysis))
        .collect();
    if !facts.is_empty() {
        page.paragraph(
            Line::new("preparation  ", Paint::Plain),
            &facts.join(" · "),
            Paint::Dim,
        );
    }
    for text in collections(&analysis.collections) {
        page.paragraph(Line::new("collection   ", Paint::Plain), &text, Paint::Dim);
    }
    if measured(analysis).next().is_some() && !page.explains() {
        page.paragraph(
            Line::new("words        ", Paint::Plain),
            "`milvus-bench report RUN --explain` says what they and the areas mean",
            Paint::Dim,
        );
    }
}

/// Requests that are in no figure; ramps are named where there are some.
pub(in crate::report) fn warmup(analysis: &Analysis) -> Option<String> {
    let (requests, failed) =
        analysis
            .warmup
            .iter()
            .fold((0_u64, 0_u64), |(requests, failed), part| {
                (
                    requests.saturating_add(part.requests),
                    failed.saturating_add(part.failed),
                )
            });
    let failures = if failed > 0 {
        format!(", {} failed", count(failed))
    } else {
        String::new()
    };
    let has = |ramp: bool| {
        analysis
            .warmup
            .iter()
            .any(|part| part.requests > 0 && part.part.starts_with("ramp") == ramp)
    };
    let words = match (has(false), has(true)) {
        (true, true) => "warm-up and ramps",
        (false, true) => "ramps",
        _ => "warm-up",
    };
    (requests > 0).then(|| {
        format!(
            "{words} {} (not in the figures{failures})",
            counted(requests, "request")
        )
    })
}

/// What each collection held before the load and after it: `words: 16,000 -> 16,816 rows, 0 -> 816
/// growing, 2 -> 3 segments, index finished`. What did not change is said once, what is not known
/// not at all.
pub(in crate::report) fn collections(states: &[CollectionState]) -> Vec<String> {
    let mut names: Vec<&str> = states.iter().map(|state| state.name.as_str()).collect();
    names.dedup();
    let seen = names
        .iter()
        .enumerate()
        .filter(|(at, name)| !names[..*at].contains(name));
    seen.filter_map(|(_, name)| {
        let mut of = states.iter().filter(|state| state.name == *name);
        let first = of.next()?;
        Some(collection(first, of.next_back().unwrap_or(first)))
    })
    .collect()
}

fn collection(first: &CollectionState, last: &CollectionState) -> String {
    let change_about = |of: fn(&CollectionState) -> Option<u64>, noun: &str, about: &str| {
        let (before, after) = (of(first)?, of(last)?);
        let noun = if after == 1 {
            noun.trim_end_matches('s')
        } else {
            noun
        };
        let after_text = format!("{about}{}", count(after));
        Some(if before == after {
            format!("{after_text} {noun}")
        } else {
            format!("{} -> {after_text} {noun}", count(before))
        })
    };
    let change = |of: fn(&CollectionState) -> Option<u64>, noun: &str| change_about(of, noun, "");
    // Rows that were written a moment before, or were not flushed, may be missing.
    let about = if last.rows_estimated { "about " } else { "" };
    let some = |of: fn(&CollectionState) -> Option<u64>| {
        [first, last]
            .iter()
            .any(|state| of(state).is_some_and(|rows| rows > 0))
    };
    let lost = || {
        Some(format!(
            "{} rows before, unknown after",
            count(first.rows.filter(|_| last.rows.is_none())?)
        ))
    };
    let facts = [
        change_about(|state| state.rows, "rows", about).or_else(lost),
        change_about(|state| state.growing_rows, "growing", about)
            .filter(|_| some(|state| state.growing_rows)),
        change(|state| state.unindexed_rows, "without an index")
            .filter(|_| some(|state| state.unindexed_rows)),
        change(|state| state.segments, "segments"),
        last.index_state
            .as_ref()
            .map(|state| format!("index {state}")),
    ];
    format!(
        "{}: {}",
        last.name,
        facts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    )
}

/// All steps together, the longest, rows per second, and what failed: `12.9 s, longest insert 8.20
/// s`, `insert 12,195 rows/s`, `flush 1 failed`. The rest is in report.json.
fn preparation(analysis: &Analysis) -> Vec<String> {
    let steps: Vec<&WorkloadAnalysis> = analysis
        .workloads
        .iter()
        .filter(|workload| workload.is_preparation() && workload.requests.due > 0)
        .collect();
    let Some(longest) = steps
        .iter()
        .max_by(|a, b| step_us(a).total_cmp(&step_us(b)))
    else {
        return Vec::new();
    };
    let whole = steps.iter().map(|step| step_us(step)).sum();
    let longest = if steps.len() > 1 {
        format!(
            ", longest {} {}",
            longest.workload,
            duration(step_us(longest))
        )
    } else {
        String::new()
    };
    let mut facts = vec![format!("{}{longest}", duration(whole))];
    facts.extend(steps.iter().filter_map(|step| {
        Some(format!(
            "{} {} rows/s",
            step.workload,
            number(step.rows_per_s?)
        ))
    }));
    let failed = steps.iter().filter(|step| step.requests.failed > 0);
    facts.extend(
        failed.map(|step| format!("{} {} failed", step.workload, count(step.requests.failed))),
    );
    facts
}

/// How long a step took. Only inserts follow one another: other steps can lie far apart, such as
/// dropping before the load and after it, so that what lies between them is no part of their time.
pub(in crate::report) fn step_us(workload: &WorkloadAnalysis) -> f64 {
    let whole = workload.duration_s * 1e6;
    if workload.operation == INSERT {
        return whole;
    }
    let sum = |quantiles: Option<&Quantiles>, count: u64| {
        quantile(quantiles, "mean").map_or(0.0, |mean| mean.value * count as f64)
    };
    let failed = workload
        .requests
        .outcomes
        .iter()
        .map(|(code, count)| sum(workload.failed_time_us.get(code), *count));
    let spent = sum(workload.service_time_us.as_ref(), workload.requests.ok) + failed.sum::<f64>();
    if spent > 0.0 { spent } else { whole }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(name: &str, rows: u64, growing: u64, segments: u64) -> CollectionState {
        let (rows, growing_rows, segments) = (Some(rows), Some(growing), Some(segments));
        let index_state = Some("finished".to_owned());
        CollectionState {
            name: name.to_owned(),
            rows,
            growing_rows,
            segments,
            index_state,
            ..CollectionState::default()
        }
    }

    fn check(states: &[CollectionState], expected: &[&str]) {
        assert_eq!(collections(states), expected);
    }

    #[test]
    fn what_changed_has_both_values() {
        let states = [
            state("words", 16_000, 0, 2),
            state("other", 5, 0, 1),
            state("words", 16_400, 400, 3),
            state("words", 16_816, 816, 3),
        ];
        check(
            &states,
            &[
                "words: 16,000 -> 16,816 rows, 0 -> 816 growing, 2 -> 3 segments, index finished",
                "other: 5 rows, 1 segment, index finished",
            ],
        );
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        check(
            &[CollectionState {
                name: "words".to_owned(),
                rows: Some(3),
                ..CollectionState::default()
            }],
            &["words: 3 rows"],
        );
        let (before, after) = (
            state("words", 4_000, 0, 1),
            CollectionState {
                name: "words".to_owned(),
                ..CollectionState::default()
            },
        );
        check(
            &[before, after],
            &["words: 4,000 rows before, unknown after"],
        );
        let estimate = CollectionState {
            rows_estimated: true,
            ..state("words", 4_400, 400, 1)
        };
        check(
            &[state("words", 4_000, 0, 1), estimate],
            &[
                "words: 4,000 -> about 4,400 rows, 0 -> about 400 growing, 1 segment, index \
                 finished",
            ],
        );
        check(&[], &[]);
    }
}
