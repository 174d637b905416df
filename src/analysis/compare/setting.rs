//! What differs between the sides besides the result: versions, machine, scenario, data.

use super::Difference;
use crate::{
    analysis::model::{Analysis, MEASURED_LOAD},
    spans::{SourceEntry, SourceKind},
};

/// Most differences that are listed.
const MOST: usize = 40;
/// Values of a side that are listed.
const MOST_VALUES: usize = 4;

/// Everything that has another value, or other values, on the two sides, in the order of the
/// reports; and what differs within a side.
pub(super) fn differences(baseline: &[Analysis], run: &[Analysis]) -> Vec<Difference> {
    let mut keys: Vec<String> = Vec::new();
    for (key, _) in baseline.iter().chain(run).flat_map(setting) {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    let found = keys.into_iter().filter_map(|what| {
        let (baseline, run) = (values(baseline, &what), values(run, &what));
        (baseline != run || baseline.len() > 1).then_some(Difference {
            what,
            baseline,
            run,
        })
    });
    found.take(MOST).collect()
}

/// What was run, with what, on which machine.
fn setting(analysis: &Analysis) -> Vec<(String, String)> {
    let spans = analysis.spans.as_ref().map_or_else(
        || SourceEntry::first_of(SourceKind::Nothing).name.to_owned(),
        |spans| spans.source.clone(),
    );
    let fixed = [
        ("scenario".to_owned(), analysis.name.clone()),
        ("span source".to_owned(), spans),
    ];
    let environment = analysis
        .environment
        .iter()
        .filter(|(key, _)| key != MEASURED_LOAD);
    fixed
        .into_iter()
        .chain(environment.cloned())
        .chain(analysis.plan.iter().cloned())
        .collect()
}

/// The values of a side, each once, sorted; a dash for a run that has none.
fn values(runs: &[Analysis], what: &str) -> Vec<String> {
    let of = |analysis: &Analysis| {
        setting(analysis)
            .into_iter()
            .find(|(key, _)| key == what)
            .map_or("-".to_owned(), |(_, value)| value)
    };
    let mut values: Vec<String> = runs.iter().map(of).collect();
    values.sort();
    values.dedup();
    values.truncate(MOST_VALUES);
    values
}
