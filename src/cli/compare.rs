//! `compare`: runs against runs, from their folders alone.

use std::{collections::BTreeSet, path::PathBuf};

use clap::Args;

use super::{
    ended::{CliError, Done},
    output::print,
    progress::Progress,
    terminal::report_style,
};
use crate::{
    analysis::{
        Analysis,
        compare::{self, Comparison, ComparisonResult, LEAST_RUNS},
    },
    record::RunFolder,
    report::comparison::{COMPARISONS, render_text},
    runner::analyse_folder,
};

/// Arguments of `compare`.
#[derive(Debug, Args)]
pub(crate) struct CompareArguments {
    /// Baseline runs: run folders, or a folder that contains them
    #[arg(long, value_name = "RUN", num_args = 1.., required = true)]
    baseline: Vec<PathBuf>,
    /// Runs to compare
    #[arg(long = "run", value_name = "RUN", num_args = 1.., required = true)]
    runs: Vec<PathBuf>,
    /// Exit with 1 if a figure is shown to be slower by more than this, e.g. 5%; needs three runs
    /// on each side
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    fail_if_slower: Option<f64>,
    /// Format on stdout: text (default), markdown, html or json
    #[arg(long = "report", value_name = "FORMAT")]
    report: Option<String>,
    /// Write comparison.txt, comparison.md, comparison.html and comparison.json into this folder
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

/// `5%` or `5`, as a share.
fn percent(text: &str) -> Result<f64, String> {
    let number = text
        .trim()
        .trim_end_matches('%')
        .trim_end()
        .parse::<f64>()
        .ok();
    let share = number
        .filter(|number| (0.0..=1_000.0).contains(number))
        .map(|number| number / 100.0);
    share.ok_or_else(|| "expected a percentage from 0 to 1000, e.g. 5%".to_owned())
}

/// Analyses both sides, prints the comparison, and says whether the newer one is slower.
pub(crate) fn compare(arguments: &CompareArguments) -> Result<Done, CliError> {
    let format = arguments.report.as_deref().unwrap_or("text");
    let entry = COMPARISONS
        .iter()
        .find(|entry| entry.name == format)
        .ok_or_else(|| {
            let names: Vec<&str> = COMPARISONS.iter().map(|entry| entry.name).collect();
            CliError::new(format!(
                "--report is {format:?}, expected one of {}",
                names.join(", ")
            ))
        })?;
    let (baseline, runs) = (folders(&arguments.baseline)?, folders(&arguments.runs)?);
    if let Some(both) = baseline.intersection(&runs).next() {
        return Err(CliError::new(format!(
            "{} is on both sides: name it on one side only",
            both.display()
        )));
    }
    let progress = Progress::plain();
    let _analysing = progress.waiting(
        format!("analysing {} runs", baseline.len() + runs.len()),
        "until their files are read",
    );
    let (baseline, runs) = (analyses(&baseline)?, analyses(&runs)?);
    // A copy is the same run: its name was given when it was made.
    if let Some(both) = baseline
        .iter()
        .find(|one| runs.iter().any(|other| other.run == one.run))
    {
        return Err(CliError::new(format!(
            "run {} is on both sides, in two folders: name it on one side only",
            both.run
        )));
    }
    let comparison = compare::compare(&baseline, &runs);
    let fewest = fewest_runs(&comparison);
    if arguments.fail_if_slower.is_some() && fewest < LEAST_RUNS {
        let (why, make) = comparison.few_runs();
        return Err(CliError::new(format!(
            "--fail-if-slower needs {LEAST_RUNS} complete and valid runs on each side, and a side \
             has {fewest}{why}: the variation between runs is unknown; {make}"
        )));
    }
    if arguments.fail_if_slower.is_some() && !was_compared(&comparison) {
        return Err(nothing_compared(
            "--fail-if-slower has nothing to judge, for no figure of the two sides could be \
             compared",
            &comparison,
        ));
    }
    if let Some(out) = &arguments.out {
        write(out, &comparison)?;
    }
    if format == "text" {
        print(render_text(&comparison, report_style()).as_bytes())?;
    } else {
        print(&(entry.render)(&comparison).map_err(CliError::new)?)?;
    }
    // What was printed says which runs and workloads were left out.
    if !was_compared(&comparison) {
        return Err(nothing_compared("nothing could be compared", &comparison));
    }
    Ok(
        if arguments
            .fail_if_slower
            .is_some_and(|share| is_slower(&comparison, share))
        {
            Done::Failed
        } else {
            Done::Ok
        },
    )
}

/// Run folders, and those within folders that are none; each once.
fn folders(named: &[PathBuf]) -> Result<BTreeSet<PathBuf>, CliError> {
    let mut found = BTreeSet::new();
    for path in named {
        let is_run = |path: &PathBuf| path.join("run.json").is_file();
        let inner = || {
            std::fs::read_dir(path)
                .into_iter()
                .flatten()
                .flatten()
                .map(|entry| entry.path())
                .filter(is_run)
        };
        let runs: Vec<PathBuf> = if is_run(path) {
            vec![path.clone()]
        } else {
            inner().collect()
        };
        if runs.is_empty() {
            return Err(CliError::new(format!(
                "{} is not a run folder and contains none: give folders of runs, as `run` printed \
                 them",
                path.display()
            )));
        }
        // `latest` is a link to one of the others.
        found.extend(
            runs.into_iter()
                .map(|run| run.canonicalize().unwrap_or(run)),
        );
    }
    Ok(found)
}

fn analyses(folders: &BTreeSet<PathBuf>) -> Result<Vec<Analysis>, CliError> {
    folders
        .iter()
        .map(|path| analyse_folder(&RunFolder::at(path)).map_err(CliError::from))
        .collect()
}

fn fewest_runs(comparison: &Comparison) -> usize {
    comparison
        .baseline
        .compared()
        .min(comparison.run.compared())
}

fn was_compared(comparison: &Comparison) -> bool {
    comparison
        .workloads
        .iter()
        .flat_map(|workload| &workload.figures)
        .any(|figure| figure.why_not.is_none())
}

fn nothing_compared(what: &str, comparison: &Comparison) -> CliError {
    if fewest_runs(comparison) == 0 {
        let (why, make) = comparison.few_runs();
        return CliError::new(format!("{what}: no run is left on a side{why}; {make}"));
    }
    let why = comparison
        .left_out
        .first()
        .map(|why| format!(": {why}"))
        .unwrap_or_default();
    CliError::new(format!(
        "{what}{why}; give runs with the same phases and workloads"
    ))
}

fn write(out: &std::path::Path, comparison: &Comparison) -> Result<(), CliError> {
    let failed = |error: std::io::Error| {
        CliError::new(format!(
            "--out {} can't be written: {error}; name a folder that is new or may be written",
            out.display()
        ))
    };
    std::fs::create_dir_all(out).map_err(failed)?;
    COMPARISONS.iter().try_for_each(|entry| {
        let bytes = (entry.render)(comparison).map_err(CliError::new)?;
        RunFolder::at(out)
            .write(entry.file, &bytes)
            .map_err(CliError::new)
    })
}

/// Whether a figure is slower by more than `share` even at the better end of its interval.
fn is_slower(comparison: &Comparison, share: f64) -> bool {
    let figures = comparison
        .workloads
        .iter()
        .flat_map(|workload| &workload.figures);
    figures
        .filter(|figure| figure.result == ComparisonResult::Slower)
        .any(|figure| {
            if figure.is_rate() {
                figure.high.is_some_and(|high| high < 1.0 / (1.0 + share))
            } else {
                figure.low.is_some_and(|low| low > 1.0 + share)
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_no_comparison() {
        assert!(!was_compared(&compare::compare(&[], &[])));
    }

    #[test]
    fn per_cent_may_have_a_sign() {
        assert_eq!(
            (percent("5%"), percent("2.5"), percent(" 0 % ")),
            (Ok(0.05), Ok(0.025), Ok(0.0))
        );
        for text in ["", "%", "fast", "-5%", "NaN", "5%%x"] {
            assert!(percent(text).is_err(), "{text:?}");
        }
    }
}
