//! Which runs are pairs: rounds of one seed that both sides have.

use std::collections::BTreeSet;

use super::{LEAST_RUNS, workloads_at};
use crate::analysis::model::{Analysis, WorkloadAnalysis};

/// The workloads of one place on both sides.
type Sides<'a> = (Vec<&'a WorkloadAnalysis>, Vec<&'a WorkloadAnalysis>);

/// Where enough rounds are on both sides, keeps these, in the order of their numbers, and gives the
/// names of the others by side.
pub(super) fn keep_common(
    before: &mut Vec<Analysis>,
    after: &mut Vec<Analysis>,
) -> (Vec<String>, Vec<String>) {
    let Some(common) = common(before, after, |_| true) else {
        return (Vec::new(), Vec::new());
    };
    let keep = |side: &mut Vec<Analysis>| {
        let (kept, alone): (Vec<Analysis>, Vec<Analysis>) =
            side.drain(..).partition(|run| is_of(run, &common));
        *side = kept;
        side.sort_by_key(|run| run.round);
        alone.into_iter().map(|run| run.run).collect()
    };
    (keep(before), keep(after))
}

/// The workload `at` in every run of both sides, and whether entry i of one is the round of entry i
/// of the other: then a round that lacks the workload on one side is left out, since it would shift
/// the others.
pub(super) fn sides_at<'a>(
    before: &'a [Analysis],
    after: &'a [Analysis],
    at: &str,
) -> (Sides<'a>, bool) {
    let Some(common) = common(before, after, |run| has(run, at)) else {
        return ((workloads_at(before, at), workloads_at(after, at)), false);
    };
    let of = |side: &'a [Analysis]| -> Vec<&'a WorkloadAnalysis> {
        let mut runs: Vec<&Analysis> = side.iter().filter(|run| is_of(run, &common)).collect();
        runs.sort_by_key(|run| run.round);
        runs.into_iter()
            .filter_map(|run| run.workloads.iter().find(|workload| workload.place() == at))
            .collect()
    };
    ((of(before), of(after)), true)
}

/// The rounds that lack the workload `at` on one side only, as a sentence; None where rounds are
/// not paired, or none does.
pub(super) fn lacking(before: &[Analysis], after: &[Analysis], at: &str) -> Option<String> {
    let common = common(before, after, |run| has(run, at))?;
    let alone: BTreeSet<u32> = before
        .iter()
        .chain(after)
        .filter(|run| has(run, at) && !is_of(run, &common))
        .filter_map(|run| run.round)
        .collect();
    let named: Vec<String> = alone.iter().map(ToString::to_string).collect();
    let rounds = if named.len() == 1 { "round" } else { "rounds" };
    (!named.is_empty()).then(|| {
        format!(
            "{at}: {rounds} {} of one side only, excluded from its figures",
            named.join(", ")
        )
    })
}

/// Rounds that both sides have, at least [`LEAST_RUNS`], counting runs that are `counted` only.
/// None where a run has no round, where one is there twice, or where seeds differ.
fn common(
    before: &[Analysis],
    after: &[Analysis],
    counted: impl Fn(&Analysis) -> bool,
) -> Option<BTreeSet<u32>> {
    let rounds = |side: &[Analysis]| -> Option<BTreeSet<u32>> {
        let mut all = BTreeSet::new();
        let once = side
            .iter()
            .all(|run| run.round.is_some_and(|round| all.insert(round)));
        once.then(|| {
            side.iter()
                .filter(|run| counted(run))
                .filter_map(|run| run.round)
                .collect()
        })
    };
    let seeds: BTreeSet<&str> = before.iter().chain(after).map(seed).collect();
    let (ours, theirs) = (rounds(before)?, rounds(after)?);
    let common: BTreeSet<u32> = ours.intersection(&theirs).copied().collect();
    (seeds.len() == 1 && common.len() >= LEAST_RUNS).then_some(common)
}

fn is_of(run: &Analysis, rounds: &BTreeSet<u32>) -> bool {
    run.round.is_some_and(|round| rounds.contains(&round))
}

fn has(run: &Analysis, at: &str) -> bool {
    run.workloads.iter().any(|workload| workload.place() == at)
}

/// Seed of its scenario, as the plan has it.
fn seed(run: &Analysis) -> &str {
    run.plan
        .iter()
        .find(|(key, _)| key == "seed")
        .map_or("", |(_, seed)| seed.as_str())
}
