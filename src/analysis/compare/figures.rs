//! The figures of a workload on both sides, and what can be said of them.

use super::{
    ComparisonResult, FigureComparison, LEAST_RUNS, MARGIN, MARGIN_OF_RECALL, RECALL, replies,
    welch::{Sample, Test, holm},
};
use crate::analysis::model::{Estimate, Quantiles, WorkloadAnalysis};

/// Figures of the latency that are shown.
const SHOWN: [&str; 6] = ["p50", "p90", "p95", "p99", "p99.9", "mean"];
/// Those that are tested: each test more makes all others weaker.
const TESTED: [&str; 3] = ["p50", "p99", "mean"];
/// Probability of calling anything slower or faster that is not.
const ALPHA: f64 = 0.05;
/// The normal distribution's quantile of 0.975.
const Z: f64 = 1.96;

/// The latency of open loops.
const OPEN: &str = "response_time";
/// That of all loops.
const CLOSED: &str = "service_time";

/// A figure with its test, if it has one.
pub(super) type Compared = (FigureComparison, Option<Test>);

/// The latency that both sides have: a closed loop has no planned moment, so against one only
/// service times can be held.
pub(super) fn latency(baseline: &[&WorkloadAnalysis], run: &[&WorkloadAnalysis]) -> &'static str {
    if baseline
        .iter()
        .chain(run)
        .all(|workload| workload.loop_kind == "open")
    {
        OPEN
    } else {
        CLOSED
    }
}

/// Latency by quantile, the throughput of a closed loop, and the recall. What can be said is left
/// to [`judge`]. Where `paired`, run i of one side has the same draw as run i of the other.
pub(super) fn figures(
    baseline: &[&WorkloadAnalysis],
    run: &[&WorkloadAnalysis],
    paired: bool,
) -> Vec<Compared> {
    let figure = latency(baseline, run);
    let open = figure == OPEN;
    let quantiles = |workload: &WorkloadAnalysis| -> Option<Quantiles> {
        if open {
            workload.response_time_us.clone()
        } else {
            workload.service_time_us.clone()
        }
    };
    let mut found: Vec<Compared> = SHOWN
        .into_iter()
        .map(|key| {
            let estimates = |side: &[&WorkloadAnalysis]| -> Vec<Option<Estimate>> {
                side.iter()
                    .map(|workload| quantiles(workload)?.get(key).cloned())
                    .collect()
            };
            compared((figure, key), &estimates(baseline), &estimates(run), paired)
        })
        .collect();
    if replies::unlike("", baseline, run).is_some() {
        found = found.into_iter().map(replies::untested).collect();
    }
    if !open {
        found.push(replies::throughput(baseline, run, paired));
    }
    found.extend(replies::recall(baseline, run, paired));
    found
}

pub(super) fn compared(
    (figure, key): (&str, &str),
    baseline: &[Option<Estimate>],
    run: &[Option<Estimate>],
    paired: bool,
) -> Compared {
    let found = FigureComparison {
        figure: figure.to_owned(),
        key: key.to_owned(),
        ..FigureComparison::default()
    };
    let (before, after) = match (sample(baseline), sample(run)) {
        (Ok(before), Ok(after)) => (before, after),
        (Err(why), _) | (_, Err(why)) => {
            return (
                FigureComparison {
                    why_not: Some(why),
                    ..found
                },
                None,
            );
        }
    };
    let (baseline_mean, run_mean) = (before.mean().exp(), after.mean().exp());
    let found = FigureComparison {
        baseline: baseline_mean,
        run: run_mean,
        ratio: run_mean / baseline_mean,
        ..found
    };
    if baseline.len().min(run.len()) < LEAST_RUNS {
        let result = match apart(baseline, run) {
            Some(true) => ComparisonResult::DiffersWithinTheseRuns,
            Some(false) => ComparisonResult::NoDifferenceShown,
            None => ComparisonResult::NotTested,
        };
        return (FigureComparison { result, ..found }, None);
    }
    let test = if paired {
        Test::of_pairs(&before, &after)
    } else {
        Test::new(&before, &after)
    };
    let half = test.map(|test| test.half_width(ALPHA));
    let ratio = found.ratio;
    let found = FigureComparison {
        low: half.map(|half| ratio * (-half).exp()),
        high: half.map(|half| ratio * half.exp()),
        ..found
    };
    (found, test)
}

/// The logarithms of a side, or why it has none.
fn sample(estimates: &[Option<Estimate>]) -> Result<Sample, String> {
    let found: Vec<&Estimate> = estimates.iter().flatten().collect();
    if found.len() < estimates.len() || found.iter().any(|estimate| estimate.value <= 0.0) {
        return Err("a run has no such figure".to_owned());
    }
    if found.iter().any(|estimate| estimate.at_least) {
        return Err("it is a lower bound, since requests failed".to_owned());
    }
    // Where the upper end is not known, what lies below the value is taken for half of it: of a
    // tail too little, if anything.
    let within = found.iter().filter_map(|estimate| {
        let low = estimate.low?.max(f64::MIN_POSITIVE).ln();
        Some(estimate.high.map_or_else(
            || (estimate.value.ln() - low) / Z,
            |high| (high.ln() - low) / (2.0 * Z),
        ))
    });
    let within: Vec<f64> = within.filter(|deviation| deviation.is_finite()).collect();
    let mean = if within.is_empty() {
        0.0
    } else {
        within.iter().sum::<f64>() / within.len() as f64
    };
    Ok(Sample {
        logs: found.iter().map(|estimate| estimate.value.ln()).collect(),
        within: mean,
    })
}

/// Whether every interval of one side lies beyond every one of the other; None where an end that
/// would tell is not known.
fn apart(baseline: &[Option<Estimate>], run: &[Option<Estimate>]) -> Option<bool> {
    let beyond = |lower: &[Option<Estimate>], upper: &[Option<Estimate>]| {
        let lows = upper
            .iter()
            .map(|estimate| estimate.as_ref()?.low)
            .collect::<Option<Vec<f64>>>()?;
        let low = lows.into_iter().fold(f64::INFINITY, f64::min);
        let highs = lower
            .iter()
            .map(|estimate| estimate.as_ref()?.high)
            .collect::<Option<Vec<f64>>>();
        match highs {
            Some(highs) => Some(highs.into_iter().all(|high| high < low)),
            // An upper end that is not known is at least the value.
            None => lower
                .iter()
                .flatten()
                .any(|estimate| estimate.value >= low)
                .then_some(false),
        }
    };
    match (beyond(baseline, run), beyond(run, baseline)) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), Some(false)) => Some(false),
        _ => None,
    }
}

/// Says of each tested figure of all workloads whether a difference was shown.
pub(super) fn judge(figures: &mut [&mut Compared]) {
    let is_tested = |(figure, test): &Compared| {
        test.is_some() && (figure.key.is_empty() || TESTED.contains(&figure.key.as_str()))
    };
    let mut tested: Vec<&mut &mut Compared> = figures
        .iter_mut()
        .filter(|compared| is_tested(compared))
        .collect();
    let p_values: Vec<f64> = tested
        .iter()
        .map(|(_, test)| test.map_or(1.0, |test| test.p_value()))
        .collect();
    let count = p_values.len() as f64;
    for ((compared, shown), p_value) in tested.iter_mut().zip(holm(&p_values, ALPHA)).zip(&p_values)
    {
        let (figure, test) = &mut ***compared;
        let slower = (figure.ratio > 1.0) != figure.is_rate();
        figure.p_value = Some(*p_value);
        // Alone among all of them, it would have had to be this large.
        figure.smallest = test.map(|test| test.half_width(ALPHA / count).exp());
        figure.result = match (shown, slower) {
            (false, _) => ComparisonResult::NoDifferenceShown,
            (true, _) if figure.figure == RECALL => {
                if figure.ratio < 1.0 {
                    ComparisonResult::Lower
                } else {
                    ComparisonResult::Higher
                }
            }
            (true, true) => ComparisonResult::Slower,
            (true, false) => ComparisonResult::Faster,
        };
        figure.equal_within = equal_within(figure);
    }
}

/// The margin, where no difference was shown and the interval lies within it: not to find a
/// difference is no ground to say that there is none.
fn equal_within(figure: &FigureComparison) -> Option<f64> {
    let margin = if figure.figure == RECALL {
        MARGIN_OF_RECALL
    } else {
        MARGIN
    };
    let is_within = figure.low? >= 1.0 / (1.0 + margin) && figure.high? <= 1.0 + margin;
    (is_within && figure.result == ComparisonResult::NoDifferenceShown).then_some(margin)
}
