//! Renderings of a comparison: one file per format, one row in the table. No network, no clock.

mod html;
mod json;
mod markdown;
#[cfg(test)]
mod tests;
mod text;

#[cfg(test)]
pub(in crate::report) use tests::sample;
pub(crate) use text::render_text;

use super::{
    ReportError,
    units::{count, counted, duration, number, recall},
};
use crate::analysis::compare::{Comparison, ComparisonResult, FigureComparison, IncompleteRun};

/// One format of a comparison.
pub struct ComparisonEntry {
    /// Name in `--report`.
    pub name: &'static str,
    /// File in the folder of `--out`.
    pub file: &'static str,
    /// Renders it.
    pub render: fn(&Comparison) -> Result<Vec<u8>, ReportError>,
}

/// Every format, one row and one file each.
pub static COMPARISONS: &[ComparisonEntry] =
    &[text::ENTRY, markdown::ENTRY, html::ENTRY, json::ENTRY];

/// What was found, in one sentence.
fn headline(comparison: &Comparison) -> String {
    let figures = || {
        comparison
            .workloads
            .iter()
            .flat_map(|workload| &workload.figures)
    };
    let equal = figures().filter(|figure| figure.equal_within.is_some());
    let number = |wanted: ComparisonResult| {
        figures()
            .filter(|figure| figure.result == wanted && figure.equal_within.is_none())
            .count()
    };
    let words = [
        (number(ComparisonResult::Slower), "figure", "slower"),
        (number(ComparisonResult::Faster), "figure", "faster"),
        (number(ComparisonResult::Lower), "recall", "lower"),
        (number(ComparisonResult::Higher), "recall", "higher"),
        (
            number(ComparisonResult::DiffersWithinTheseRuns),
            "figure",
            "different within these runs",
        ),
        (equal.count(), "figure", "shown to be equal"),
        (
            number(ComparisonResult::NoDifferenceShown),
            "figure",
            "with no difference shown",
        ),
    ];
    let found: Vec<String> = words
        .into_iter()
        .filter(|(number, _, _)| *number > 0)
        .map(|(number, noun, words)| format!("{} {words}", counted(number as u64, noun)))
        .collect();
    let beside = figures().filter(|figure| figure.why_not.is_none()).count();
    match (found.is_empty(), beside) {
        (false, _) => found.join(", "),
        (true, 0) => "nothing could be compared".to_owned(),
        (true, 1) => "1 figure shown side by side, not tested".to_owned(),
        (true, beside) => format!("{beside} figures shown side by side, none of them tested"),
    }
}

/// What a reader has to know: how few runs there are, which were left out.
fn remarks(comparison: &Comparison) -> Vec<String> {
    let fewest = comparison
        .baseline
        .compared()
        .min(comparison.run.compared());
    let few = (fewest < crate::analysis::compare::LEAST_RUNS).then(|| {
        let (why, make) = comparison.few_runs();
        format!(
            "fewer than three runs on a side{why}: the variation between runs is unknown, so \
             nothing is called slower or faster; {make}"
        )
    });
    let invalid = comparison
        .baseline
        .invalid
        .iter()
        .chain(&comparison.run.invalid);
    let incomplete = comparison
        .baseline
        .incomplete
        .iter()
        .chain(&comparison.run.incomplete);
    let incomplete = incomplete.map(|left_out| {
        let IncompleteRun { run, status } = left_out;
        format!(
            "{run} is not complete ({status}), so it is not a repetition of the others and was \
             not compared"
        )
    });
    let unpaired = comparison
        .baseline
        .unpaired
        .iter()
        .chain(&comparison.run.unpaired);
    let unpaired = unpaired
        .map(|run| format!("{run} is a round that the other side lacks, so it was not compared"));
    few.into_iter()
        .chain(incomplete)
        .chain(unpaired)
        .chain(
            invalid.map(|run| {
                format!("{run} is invalid and was not compared: its own report says why")
            }),
        )
        .chain(comparison.left_out.iter().cloned())
        .chain(comparison.notes.iter().cloned())
        .collect()
}

/// How the runs were tested.
fn test_name(comparison: &Comparison) -> &'static str {
    if comparison.workloads.iter().any(|workload| workload.paired) {
        "round i of one side with round i of the other, the t test of pairs of the logarithms"
    } else {
        "Welch's t test of the logarithms"
    }
}

/// What can be said of a figure: `equal within 5 %` where that was shown.
fn result(figure: &FigureComparison) -> String {
    if let Some(margin) = figure.equal_within {
        return format!("equal within {}", margin_of(margin));
    }
    let words = match figure.result {
        _ if figure.why_not.is_some() => "not compared",
        ComparisonResult::Slower => "slower",
        ComparisonResult::Faster => "faster",
        ComparisonResult::Lower => "lower",
        ComparisonResult::Higher => "higher",
        ComparisonResult::NoDifferenceShown => "no difference shown",
        ComparisonResult::DiffersWithinTheseRuns => "differs within these runs",
        ComparisonResult::NotTested => "not tested",
    };
    words.to_owned()
}

/// `5 %`, `0.5 %`.
fn margin_of(margin: f64) -> String {
    format!("{} %", margin * 100.0)
}

fn value(figure: &FigureComparison, value: f64) -> String {
    match figure.figure.as_str() {
        "recall" => recall(value),
        _ if figure.is_rate() => format!("{}/s", number(value)),
        _ => duration(value),
    }
}

/// `1.52 [1.31, 1.76]`.
fn ratio(figure: &FigureComparison) -> String {
    let words = [ratio_alone(figure), interval(figure)];
    words.join(" ").trim_end().to_owned()
}

/// `1.52`; of a recall, whose small changes matter, with four decimals.
fn ratio_alone(figure: &FigureComparison) -> String {
    plain(figure.ratio, digits(figure))
}

/// `[1.31, 1.76]`; empty where there is none.
fn interval(figure: &FigureComparison) -> String {
    let (digits, ends) = (digits(figure), figure.low.zip(figure.high));
    ends.map_or(String::new(), |(low, high)| {
        format!("[{}, {}]", plain(low, digits), plain(high, digits))
    })
}

/// A ratio with so many decimals; without any, and grouped, where it says no more than that it is
/// large.
fn plain(ratio: f64, digits: usize) -> String {
    if ratio >= MANY_TIMES {
        count(ratio as u64)
    } else {
        format!("{ratio:.digits$}")
    }
}

/// Ratio above which its digits say nothing.
const MANY_TIMES: f64 = 1_000.0;

fn digits(figure: &FigureComparison) -> usize {
    if figure.figure == "recall" { 4 } else { 2 }
}

/// Smallest change that could have been shown: `12 %`, or `40 times` where the runs differ by far
/// more than twice.
fn smallest(figure: &FigureComparison) -> String {
    match figure.smallest {
        None => String::new(),
        Some(ratio) if ratio > MANY_TIMES => "over 1,000 times".to_owned(),
        Some(ratio) if ratio >= 10.0 => format!("{ratio:.0} times"),
        Some(ratio) => format!("{:.0} %", (ratio - 1.0) * 100.0),
    }
}

/// `response time p99`.
fn name(figure: &FigureComparison) -> String {
    format!("{} {}", figure.figure.replace('_', " "), figure.key)
        .trim_end()
        .to_owned()
}

/// Values of a side in one cell.
fn values(values: &[String]) -> String {
    values.join(" | ")
}
