//! Runs against runs: what differs besides the result, then figure by figure, and where the time
//! went.
//!
//! A run is the unit: the spread between runs is larger than that within one. With three runs or
//! more on each side the logarithms of a figure are compared by the t test for unequal variances
//! (Welch, "The generalization of Student's problem when several different population variances are
//! involved", Biometrika 34, 1947), corrected for the number of comparisons (Holm, "A simple
//! sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6, 1979).
//! With fewer nothing is called slower or faster.
//!
//! Rounds of `--repeat` have a draw of their own, the same for the same seed. Where both sides have
//! [`LEAST_RUNS`] rounds in common, round i is compared with round i, by the t test of pairs
//! (Student 1908): what the draw does is no part of a difference then. A round that one side lacks,
//! because its run was left out, is in no figure then.

mod areas;
mod figures;
mod pairs;
mod replies;
mod setting;
mod welch;

use serde::{Deserialize, Serialize};

use crate::analysis::model::{Analysis, VerdictState, WorkloadAnalysis};

/// Runs of a side from which on it can be said that it is slower or faster.
pub const LEAST_RUNS: usize = 3;

/// Margin of equality: ratios from `1 / (1 + MARGIN)` to `1 + MARGIN`.
pub const MARGIN: f64 = 0.05;

/// That of the recall, whose small changes matter.
pub const MARGIN_OF_RECALL: f64 = 0.005;

/// The figure's name of the recall.
const RECALL: &str = "recall";

/// Everything that a comparison shows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Version of this format, 1.
    pub format: u32,
    /// The older side.
    pub baseline: Side,
    /// The newer side.
    pub run: Side,
    /// What differs besides the result.
    pub differences: Vec<Difference>,
    /// Every workload that both sides measured, in the order of the baseline.
    pub workloads: Vec<WorkloadComparison>,
    /// Workloads that one side lacks, as sentences.
    pub left_out: Vec<String>,
    /// What makes a workload's figures unlike, as sentences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// The runs of one side.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Side {
    /// Names of their folders.
    pub runs: Vec<String>,
    /// Complete runs whose verdict is invalid: they are compared with nothing.
    pub invalid: Vec<String>,
    /// Runs that did not come to their end, or have not yet: no repetitions of the others, and
    /// compared with nothing.
    #[serde(default)]
    pub incomplete: Vec<IncompleteRun>,
    /// Runs whose round the other side lacks, where rounds are compared with rounds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unpaired: Vec<String>,
}

/// A run that is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncompleteRun {
    /// Name of its folder.
    pub run: String,
    /// `interrupted`, `aborted`, `failed`, `killed` or `running`.
    pub status: String,
}

impl Side {
    fn new(runs: &[Analysis]) -> Self {
        let invalid = runs
            .iter()
            .filter(|run| is_complete(run) && run.verdict.state == VerdictState::Invalid);
        let incomplete = runs.iter().filter(|run| !is_complete(run));
        Self {
            runs: runs.iter().map(|run| run.run.clone()).collect(),
            invalid: invalid.map(|run| run.run.clone()).collect(),
            incomplete: incomplete
                .map(|run| IncompleteRun {
                    run: run.run.clone(),
                    status: run.status.clone(),
                })
                .collect(),
            unpaired: Vec::new(),
        }
    }

    /// Number of runs that are compared.
    #[must_use]
    pub fn compared(&self) -> usize {
        self.runs
            .len()
            .saturating_sub(self.invalid.len() + self.incomplete.len() + self.unpaired.len())
    }
}

impl Side {
    /// ` (2 of 3 runs of the baseline are invalid)`; None where each counts.
    fn left_out(&self, name: &str) -> Option<String> {
        let why = [
            (self.invalid.len(), "invalid"),
            (self.incomplete.len(), "not complete"),
            (self.unpaired.len(), "of a round that the other side lacks"),
        ];
        let why: Vec<String> = why
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| {
                format!(
                    "{count} of {} {} {what}",
                    self.runs.len(),
                    if count == 1 { "is" } else { "are" }
                )
            })
            .collect();
        (!why.is_empty()).then(|| format!("of {name} {}", why.join(" and ")))
    }
}

impl Comparison {
    /// Why a side has fewer runs than it takes, in words that go on after `on a side`, and what to
    /// do about it.
    #[must_use]
    pub fn few_runs(&self) -> (String, String) {
        let sides = [
            (&self.baseline, "the baseline"),
            (&self.run, "the compared runs"),
        ];
        let short = sides
            .into_iter()
            .filter(|(side, _)| side.compared() < LEAST_RUNS);
        let left_out: Vec<String> = short
            .filter_map(|(side, name)| side.left_out(name))
            .collect();
        // More of the same would be as invalid.
        let enough = self.baseline.runs.len().min(self.run.runs.len()) >= LEAST_RUNS;
        let make = format!("make them with `run --repeat {LEAST_RUNS}`");
        match left_out.is_empty() {
            true => (String::new(), make),
            false if enough => (
                format!(" ({})", left_out.join(", ")),
                "fix the causes given in their own reports, then run again".to_owned(),
            ),
            false => (
                format!(" ({})", left_out.join(", ")),
                format!("fix the causes given in their own reports, and {make}"),
            ),
        }
    }
}

impl FigureComparison {
    /// Whether it is per second, so that more is better.
    #[must_use]
    pub fn is_rate(&self) -> bool {
        self.figure == "throughput" || self.figure == "vectors"
    }

    /// Whether the newer side is the worse one, by however little: slower, or with less recall.
    #[must_use]
    pub fn is_worse(&self) -> bool {
        let more_is_better = self.is_rate() || self.figure == RECALL;
        (self.ratio > 1.0) != more_is_better
    }
}

/// Whether a run came to the end of its plan.
fn is_complete(run: &Analysis) -> bool {
    run.status == "complete"
}

/// Something of the setting that differs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// `milvus`, `machine`, `workloads.search.params.ef`, ...
    pub what: String,
    /// Its values in the baseline; several where its own runs differ.
    pub baseline: Vec<String>,
    /// Its values on the other side.
    pub run: Vec<String>,
}

/// One workload of a phase on both sides.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WorkloadComparison {
    /// `phase/workload` or `phase/stage/workload`.
    pub at: String,
    /// Latency by quantile and mean, the throughput of a closed loop, the recall where it is known.
    pub figures: Vec<FigureComparison>,
    /// Mean time of each area per matched request, the largest difference first; empty where a side
    /// has no latency breakdown.
    pub areas: Vec<AreaComparison>,
    /// Where it got slower or faster, in words; None where no difference was shown.
    pub sentence: Option<String>,
    /// Whether round i was compared with round i; left out where not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub paired: bool,
    /// Curves of the runs, the baseline's first. Not in comparison.json: each run's report.json has
    /// its own.
    #[serde(skip)]
    pub curves: Vec<RunCurve>,
}

/// The latency of one run by percentile: response time, or service time where a run of either side
/// has a closed loop.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunCurve {
    /// Whether the run is of the baseline.
    pub is_baseline: bool,
    /// Name of its folder.
    pub run: String,
    /// (percentile, microseconds), rising.
    pub points: Vec<(f64, f64)>,
}

/// One figure on both sides.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FigureComparison {
    /// `response_time`, `service_time` (us), `throughput`, `vectors` (per second; where requests
    /// hold several), or `recall` (in [0, 1]).
    pub figure: String,
    /// `p50`, `p90`, `p95`, `p99`, `p99.9` or `mean`; empty for a throughput and the recall.
    pub key: String,
    /// Geometric mean over the runs.
    pub baseline: f64,
    /// Geometric mean over the runs.
    pub run: f64,
    /// `run / baseline`.
    pub ratio: f64,
    /// Lower end of its 95 % interval; null with fewer than three runs on a side.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// What can be said.
    pub result: ComparisonResult,
    /// Probability of a difference as large by chance; null where nothing was tested.
    pub p_value: Option<f64>,
    /// The smallest ratio above 1 that these runs could have shown; null where nothing was tested.
    pub smallest: Option<f64>,
    /// The margin, e.g. 0.05, that the whole interval is within, up and down: equality was shown.
    /// Left out where it was not, which is no sign of a difference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equal_within: Option<f64>,
    /// Why it was not compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why_not: Option<String>,
}

/// What can be said of a figure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ComparisonResult {
    /// Three runs or more on each side, and the difference is more than chance.
    Slower,
    /// The same, the other way.
    Faster,
    /// The same of a recall, which the newer side has less of.
    Lower,
    /// The same of a recall, which the newer side has more of.
    Higher,
    /// It may be chance. Only where `equal_within` stands, equality was shown.
    NoDifferenceShown,
    /// Fewer than three runs on a side, and the intervals within the runs are apart.
    DiffersWithinTheseRuns,
    /// Shown, and not tested: each test makes the others weaker. Of fewer than three runs: an end
    /// that would tell is not known.
    #[default]
    NotTested,
}

/// An area on both sides.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AreaComparison {
    /// Name of the area.
    pub area: String,
    /// Mean over the runs, microseconds.
    pub baseline_us: f64,
    /// Mean over the runs, microseconds.
    pub run_us: f64,
}

/// Compares the runs of two sides.
#[must_use]
pub fn compare(baseline: &[Analysis], run: &[Analysis]) -> Comparison {
    let valid = |side: &[Analysis]| -> Vec<Analysis> {
        side.iter()
            .filter(|run| is_complete(run) && run.verdict.state != VerdictState::Invalid)
            .cloned()
            .collect()
    };
    let (mut before, mut after) = (valid(baseline), valid(run));
    let unpaired = pairs::keep_common(&mut before, &mut after);
    let (workloads, notes) = workloads(&before, &after);
    let only = |runs: &[Analysis], others: &[Analysis], whose: &str| -> Vec<String> {
        let only = places(runs).into_iter();
        only.filter(|at| workloads_at(others, at).is_empty())
            .map(|at| format!("{at} is in the {whose} only"))
            .collect()
    };
    let mut left_out = only(&before, &after, "baseline");
    left_out.extend(only(&after, &before, "compared runs"));
    // Of the runs that are compared; where a side has none, of all: they may say why.
    let (before, after) = if before.is_empty() || after.is_empty() {
        (baseline, run)
    } else {
        (&before[..], &after[..])
    };
    Comparison {
        format: 1,
        baseline: Side {
            unpaired: unpaired.0,
            ..Side::new(baseline)
        },
        run: Side {
            unpaired: unpaired.1,
            ..Side::new(run)
        },
        differences: setting::differences(before, after),
        workloads,
        left_out,
        notes,
    }
}

/// Every workload that both sides have, and what else is to be said.
fn workloads(before: &[Analysis], after: &[Analysis]) -> (Vec<WorkloadComparison>, Vec<String>) {
    let mut notes = Vec::new();
    let mut workloads: Vec<(WorkloadComparison, Vec<figures::Compared>)> = Vec::new();
    for at in places(before) {
        if workloads_at(after, &at).is_empty() {
            continue;
        }
        let (sides, paired) = pairs::sides_at(before, after, &at);
        notes.extend(pairs::lacking(before, after, &at));
        notes.extend(replies::unlike(&at, &sides.0, &sides.1));
        let figure = figures::latency(&sides.0, &sides.1);
        let curves = curves(before, true, &at, figure).chain(curves(after, false, &at, figure));
        let workload = WorkloadComparison {
            areas: areas::areas(&sides.0, &sides.1),
            curves: curves.collect(),
            paired,
            at: at.clone(),
            ..WorkloadComparison::default()
        };
        workloads.push((workload, figures::figures(&sides.0, &sides.1, paired)));
    }
    let all = workloads.iter_mut().flat_map(|(_, figures)| figures);
    figures::judge(&mut all.collect::<Vec<_>>());
    let judged = workloads.into_iter().map(|(workload, figures)| {
        let figures: Vec<_> = figures.into_iter().map(|(figure, _)| figure).collect();
        let (sides, _) = pairs::sides_at(before, after, &workload.at);
        WorkloadComparison {
            sentence: areas::sentence(&figures, &sides.0, &sides.1),
            figures,
            ..workload
        }
    });
    (judged.collect(), notes)
}

/// Places of everything that was measured, in the order of the first run that has it.
fn places(runs: &[Analysis]) -> Vec<String> {
    let mut places: Vec<String> = Vec::new();
    for workload in runs
        .iter()
        .flat_map(|run| &run.workloads)
        .filter(|workload| !workload.is_preparation())
    {
        if !places.contains(&workload.place()) {
            places.push(workload.place());
        }
    }
    places
}

fn curves(
    runs: &[Analysis],
    is_baseline: bool,
    at: &str,
    figure: &str,
) -> impl Iterator<Item = RunCurve> {
    runs.iter().filter_map(move |run| {
        let workload = run
            .workloads
            .iter()
            .find(|workload| workload.place() == at)?;
        let points = workload.curves.get(figure)?.clone();
        Some(RunCurve {
            is_baseline,
            run: run.run.clone(),
            points,
        })
    })
}

fn workloads_at<'a>(runs: &'a [Analysis], at: &str) -> Vec<&'a WorkloadAnalysis> {
    runs.iter()
        .filter_map(|run| run.workloads.iter().find(|workload| workload.place() == at))
        .collect()
}

#[cfg(test)]
mod tests;
