//! Where it got slower: the areas of all matched requests on both sides.

use super::{AreaComparison, ComparisonResult, FigureComparison, WorkloadComparison};
use crate::analysis::{Area, WorkloadAnalysis, contrasts::in_words};

/// Areas that a sentence names.
const NAMED: usize = 2;
/// Share of the difference below which an area is not named.
const WORTH_NAMING: f64 = 0.1;

/// Mean time of each area per matched request, averaged over the runs; the largest difference first. Empty where a run has no account.
pub(super) fn areas(baseline: &[&WorkloadAnalysis], run: &[&WorkloadAnalysis]) -> Vec<AreaComparison> {
    let mean = |side: &[&WorkloadAnalysis], area: Area| -> Option<f64> {
        let of = |workload: &&WorkloadAnalysis| {
            let all = workload.account.first()?;
            Some(all.parts.iter().filter(|part| part.area == area.name()).map(|part| part.mean_us).sum::<f64>())
        };
        let means: Option<Vec<f64>> = side.iter().map(of).collect();
        means.map(|means| means.iter().sum::<f64>() / means.len().max(1) as f64)
    };
    let compared = Area::ALL.into_iter().filter_map(|area| {
        let (baseline_us, run_us) = (mean(baseline, area)?, mean(run, area)?);
        (baseline_us != 0.0 || run_us != 0.0).then(|| AreaComparison { area: area.name().to_owned(), baseline_us, run_us })
    });
    let mut areas: Vec<AreaComparison> = compared.collect();
    // The sort is stable: equal differences stay in the order of a request's way.
    areas.sort_by(|a, b| grown(b).abs().total_cmp(&grown(a).abs()));
    areas
}

fn grown(area: &AreaComparison) -> f64 {
    area.run_us - area.baseline_us
}

/// `mean +4.10 ms, of which engine +3.80 ms`; None where no figure of the latency was shown to differ.
pub(super) fn sentence(workload: &WorkloadComparison) -> Option<String> {
    let is_shown = |figure: &&FigureComparison| matches!(figure.result, ComparisonResult::Slower | ComparisonResult::Faster);
    let shown: Vec<&FigureComparison> = workload.figures.iter().filter(is_shown).collect();
    if shown.is_empty() || workload.areas.is_empty() {
        return None;
    }
    let whole: f64 = workload.areas.iter().map(grown).sum();
    let signed = |us: f64| format!("{}{}", if us < 0.0 { "-" } else { "+" }, in_words(us.abs()));
    let largest = workload.areas.iter().filter(|area| grown(area) / whole > WORTH_NAMING).take(NAMED);
    let named: Vec<String> = largest.map(|area| format!("{} {}", area.area, signed(grown(area)))).collect();
    if named.is_empty() {
        return None;
    }
    Some(format!("mean of the traced requests {}, of which {}", signed(whole), named.join(", ")))
}
