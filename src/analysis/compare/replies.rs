//! What a request is for, on both sides: how many query vectors it holds, and how well they were
//! answered.

use super::{FigureComparison, figures, figures::Compared};
use crate::analysis::model::{Estimate, WorkloadAnalysis};

/// Query vectors of a request.
fn vectors(workload: &WorkloadAnalysis) -> u64 {
    workload.vectors.unwrap_or(1)
}

/// The throughput that both sides can be held against: vectors per second where requests hold
/// several, else requests per second.
pub(super) fn throughput(
    baseline: &[&WorkloadAnalysis],
    run: &[&WorkloadAnalysis],
    paired: bool,
) -> Compared {
    let several = baseline
        .iter()
        .chain(run)
        .any(|workload| vectors(workload) > 1);
    let of = |workload: &&WorkloadAnalysis| {
        let value = workload.rate.throughput
            * if several {
                vectors(workload) as f64
            } else {
                1.0
            };
        Some(Estimate {
            value,
            ..Estimate::default()
        })
    };
    let rates = |side: &[&WorkloadAnalysis]| side.iter().map(of).collect::<Vec<_>>();
    figures::compared(
        (if several { "vectors" } else { "throughput" }, ""),
        &rates(baseline),
        &rates(run),
        paired,
    )
}

/// Why the times of a request are no figures of the same thing; None where they are.
pub(super) fn unlike(
    at: &str,
    baseline: &[&WorkloadAnalysis],
    run: &[&WorkloadAnalysis],
) -> Option<String> {
    let held = |side: &[&WorkloadAnalysis]| {
        let mut held: Vec<u64> = side.iter().map(|workload| vectors(workload)).collect();
        held.sort_unstable();
        held.dedup();
        held
    };
    let (before, after) = (held(baseline), held(run));
    let words = |held: &[u64]| {
        held.iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(" and ")
    };
    (before.len() > 1 || before != after).then(|| {
        let (before, after) = (words(&before), words(&after));
        format!(
            "{at}: a request holds {before} query vectors in the baseline and {after} in the run, \
             so times are shown but not tested; vectors per second are tested"
        )
    })
}

/// The recall of both sides; None where neither has one.
pub(super) fn recall(
    baseline: &[&WorkloadAnalysis],
    run: &[&WorkloadAnalysis],
    paired: bool,
) -> Option<Compared> {
    let of = |workload: &&WorkloadAnalysis| {
        Some(Estimate {
            value: workload.recall.as_ref()?.mean,
            ..Estimate::default()
        })
    };
    let means = |side: &[&WorkloadAnalysis]| side.iter().map(of).collect::<Vec<_>>();
    let (before, after) = (means(baseline), means(run));
    before
        .iter()
        .chain(&after)
        .any(Option::is_some)
        .then(|| figures::compared(("recall", ""), &before, &after, paired))
}

/// The same figure, shown only.
pub(super) fn untested((figure, _): Compared) -> Compared {
    (
        FigureComparison {
            result: super::ComparisonResult::NotTested,
            low: None,
            high: None,
            ..figure
        },
        None,
    )
}
