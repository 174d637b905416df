//! Where it got slower: the areas of the matched requests on both sides.

use super::{AreaComparison, ComparisonResult, FigureComparison};
use crate::analysis::{
    explanation::contrasts::in_words,
    model::{Band, WorkloadAnalysis},
    traces::areas::Area,
};

/// Areas that a sentence names.
const NAMED: usize = 2;
/// Share of the difference below which an area is not named.
const WORTH_NAMING: f64 = 0.1;

/// Requests by their latency, as the bands of a latency breakdown tell them apart.
#[derive(Clone, Copy)]
enum Bands {
    All,
    UpToP90,
    AboveP90,
}

impl Bands {
    /// Those that tell most of the figures that were shown to differ. A mean is of all; where it
    /// may be chance and p50 is not, slow requests are chance too, and would hide what the others
    /// have.
    fn of(shown: &[&FigureComparison]) -> Self {
        let has = |key: &str| shown.iter().any(|figure| figure.key == key);
        match ["mean", "p99", "p50"].into_iter().find(|key| has(key)) {
            Some("p99") => Self::AboveP90,
            Some("p50") => Self::UpToP90,
            _ => Self::All,
        }
    }

    fn holds(self, band: &Band) -> bool {
        let ends = band
            .band
            .split_once('-')
            .and_then(|(from, to)| Some((from.parse::<f64>().ok()?, to.parse::<f64>().ok()?)));
        match (self, ends) {
            (Self::All, ends) => ends.is_none(),
            (Self::UpToP90, ends) => ends.is_some_and(|(_, to)| to <= 90.0),
            (Self::AboveP90, ends) => ends.is_some_and(|(from, _)| from >= 90.0),
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::All => "",
            Self::UpToP90 => " up to p90",
            Self::AboveP90 => " above p90",
        }
    }
}

/// Mean time of each area per matched request, averaged over the runs; the largest difference
/// first. Empty where a run has no latency breakdown.
pub(super) fn areas(
    baseline: &[&WorkloadAnalysis],
    run: &[&WorkloadAnalysis],
) -> Vec<AreaComparison> {
    of_bands(Bands::All, baseline, run)
}

fn of_bands(
    wanted: Bands,
    baseline: &[&WorkloadAnalysis],
    run: &[&WorkloadAnalysis],
) -> Vec<AreaComparison> {
    let mean = |side: &[&WorkloadAnalysis], area: Area| -> Option<f64> {
        let of = |workload: &&WorkloadAnalysis| {
            let bands: Vec<&Band> = workload
                .account
                .iter()
                .filter(|band| wanted.holds(band))
                .collect();
            let matched: u64 = bands.iter().map(|band| band.matched).sum();
            let of_band = |band: &&Band| {
                let parts = band.parts.iter().filter(|part| part.area == area.name());
                band.matched as f64 * parts.map(|part| part.mean_us).sum::<f64>()
            };
            (matched > 0).then(|| bands.iter().map(of_band).sum::<f64>() / matched as f64)
        };
        let means: Option<Vec<f64>> = side.iter().map(of).collect();
        means.map(|means| means.iter().sum::<f64>() / means.len().max(1) as f64)
    };
    let compared = Area::ALL.into_iter().filter_map(|area| {
        let (baseline_us, run_us) = (mean(baseline, area)?, mean(run, area)?);
        (baseline_us != 0.0 || run_us != 0.0).then(|| AreaComparison {
            area: area.name().to_owned(),
            baseline_us,
            run_us,
        })
    });
    let mut areas: Vec<AreaComparison> = compared.collect();
    // The sort is stable: equal differences stay in the order of a request's way.
    areas.sort_by(|a, b| grown(b).abs().total_cmp(&grown(a).abs()));
    areas
}

fn grown(area: &AreaComparison) -> f64 {
    area.run_us - area.baseline_us
}

/// `mean of the traced requests +4.10 ms, of which engine +3.80 ms`; None where no figure was shown
/// to differ.
pub(super) fn sentence(
    figures: &[FigureComparison],
    baseline: &[&WorkloadAnalysis],
    run: &[&WorkloadAnalysis],
) -> Option<String> {
    let is_shown = |figure: &&FigureComparison| {
        matches!(
            figure.result,
            ComparisonResult::Slower | ComparisonResult::Faster
        )
    };
    let shown: Vec<&FigureComparison> = figures.iter().filter(is_shown).collect();
    if shown.is_empty() {
        return None;
    }
    let found = |bands: Bands| {
        Some((bands, of_bands(bands, baseline, run))).filter(|(_, areas)| !areas.is_empty())
    };
    let (bands, areas) = found(Bands::of(&shown)).or_else(|| found(Bands::All))?;
    let whole: f64 = areas.iter().map(grown).sum();
    let signed = |us: f64| format!("{}{}", if us < 0.0 { "-" } else { "+" }, in_words(us.abs()));
    let largest = areas
        .iter()
        .filter(|area| grown(area) / whole > WORTH_NAMING)
        .take(NAMED);
    let named: Vec<String> = largest
        .map(|area| format!("{} {}", area.area, signed(grown(area))))
        .collect();
    if named.is_empty() {
        return None;
    }
    Some(format!(
        "mean of the traced requests{} {}, of which {}",
        bands.words(),
        signed(whole),
        named.join(", ")
    ))
}
