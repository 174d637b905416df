//! `list`: the runs below a folder, newest first, each with its verdict, every workload and the
//! reasons.

use std::path::{Path, PathBuf};

use clap::Args;

use super::{
    ended::{CliError, Done},
    output::print,
    progress::Progress,
    runs,
    terminal::report_style,
};
use crate::{
    analysis::{Analysis, ThresholdState, WorkloadAnalysis},
    record::{RunInfo, RunReader, read_regular},
    report::{ListedRun, reasons_in_short, render_list, units},
    runner::{alive, verdict_name},
};

/// Arguments of `list`.
#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// Folder whose runs are listed, those in folders within it too [default: the current folder]
    #[arg(long, value_name = "DIR")]
    results: Option<PathBuf>,
}

/// Reads run.json and report.json of every run, and short files whose length says nothing: a list
/// is quick however long the runs were.
pub(crate) fn list(arguments: &ListArguments) -> Result<Done, CliError> {
    let root = arguments.results.as_deref().unwrap_or(Path::new("."));
    let shown = arguments
        .results
        .as_deref()
        .map_or("the folders below this one".to_owned(), |results| {
            results.display().to_string()
        });
    let none = |why: &str| {
        CliError::new(format!(
            "there is no run in {shown}{why}: run a scenario first, or name the folder with \
             --results"
        ))
    };
    if let Err(error) = std::fs::read_dir(root) {
        return Err(none(&format!(" ({error})")));
    }
    let progress = Progress::plain();
    let _reading = progress.waiting("reading the runs", "until each was looked at");
    let mut runs: Vec<(u64, ListedRun)> = runs::below(root)
        .iter()
        .map(|path| listed(root, path))
        .collect();
    if runs.is_empty() {
        return Err(none(""));
    }
    runs.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.name.cmp(&b.1.name)));
    let runs: Vec<ListedRun> = runs.into_iter().map(|(_, run)| run).collect();
    print(render_list(&runs, report_style()).as_bytes())?;
    Ok(Done::Ok)
}

/// When it began, and its lines.
fn listed(root: &Path, path: &Path) -> (u64, ListedRun) {
    let name = name(root, path);
    match RunReader::open(path) {
        Ok(reader) => {
            let run = ListedRun {
                name,
                ..of_folder(path, &reader)
            };
            (reader.info().start.unix_ns, run)
        }
        Err(error) => {
            let run = ListedRun {
                name,
                lines: vec![error.to_string()],
                ..ListedRun::default()
            };
            (0, run)
        }
    }
}

/// A run's folder as it can be given to another command from here; the usual place is left out.
fn name(root: &Path, path: &Path) -> String {
    let name = path.strip_prefix(root).unwrap_or(path);
    name.strip_prefix("results")
        .ok()
        .filter(|rest| rest.components().count() == 1)
        .unwrap_or(name)
        .display()
        .to_string()
}

/// All but its name.
fn of_folder(path: &Path, reader: &RunReader) -> ListedRun {
    let info: &RunInfo = reader.info();
    if reader.changed_info().is_some() {
        return ListedRun {
            verdict: "invalid".to_owned(),
            lines: vec!["run.json was changed since it was written".to_owned()],
            ..ListedRun::default()
        };
    }
    let status = alive::status(info);
    let failure = info.failure.iter().map(|why| format!("failed: {why}"));
    // Its report may be older than the damage, or of what is left. While it runs its files are on
    // their way.
    let damage = if status == "running" {
        Vec::new()
    } else {
        reader.damage()
    };
    if !damage.is_empty() {
        return ListedRun {
            status,
            verdict: "invalid".to_owned(),
            lines: vec![format!("damaged: {}", damage.join(", "))],
            reasons: failure.collect(),
            ..ListedRun::default()
        };
    }
    let report: Option<Analysis> = read_regular(&path.join("report.json"))
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let Some(report) = report else {
        return ListedRun {
            status,
            verdict: "-".to_owned(),
            lines: vec![format!(
                "no report yet; `milvus-bench report {}` makes one",
                path.strip_prefix(".").unwrap_or(path).display()
            )],
            reasons: failure.collect(),
            ..ListedRun::default()
        };
    };
    let results = report.thresholds.iter();
    let failed = results.filter(|result| result.state == ThresholdState::Failed);
    ListedRun {
        status,
        verdict: verdict_name(report.verdict.state).to_owned(),
        failed_thresholds: failed.count() as u64,
        lines: workloads(&report),
        reasons: failure
            .chain(reasons_in_short(&report.verdict.reasons))
            .collect(),
        ..ListedRun::default()
    }
}

/// A line for each workload that was measured.
fn workloads(report: &Analysis) -> Vec<String> {
    if report.nothing_measured() {
        return vec!["nothing was measured".to_owned()];
    }
    let lines: Vec<String> = report
        .workloads
        .iter()
        .filter(|workload| !workload.is_preparation())
        .map(line)
        .collect();
    if lines.is_empty() {
        vec!["nothing was measured".to_owned()]
    } else {
        lines
    }
}

/// `alone/search: p50 2.10 ms, p99 9.80 ms, recall 0.987, 3 failed`.
fn line(workload: &WorkloadAnalysis) -> String {
    let requests = &workload.requests;
    if let Some(why) = workload.without_figures() {
        return format!("{}: {why}", workload.place());
    }
    let latency = workload
        .response_time_us
        .as_ref()
        .or(workload.service_time_us.as_ref());
    let of = |key: &str| {
        latency
            .and_then(|quantiles| quantiles.get(key))
            .map_or("-".to_owned(), |found| {
                // A lower bound, where too many failed.
                format!(
                    "{}{}",
                    if found.at_least { ">=" } else { "" },
                    units::duration(found.value)
                )
            })
    };
    let mut facts = vec![format!("p50 {}, p99 {}", of("p50"), of("p99"))];
    facts.extend(
        workload
            .recall
            .as_ref()
            .map(|recall| format!("recall {}", units::recall(recall.mean))),
    );
    let lost = [(requests.failed, "failed"), (requests.not_sent, "not sent")];
    facts.extend(
        lost.iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{} {what}", units::count(*count))),
    );
    format!("{}: {}", workload.place(), facts.join(", "))
}
