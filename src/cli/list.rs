//! `list`: the runs below a results folder, newest first, with verdict and headline.

use std::path::{Path, PathBuf};

use clap::Args;

use super::{CliError, Done, output::print, progress::Progress, report::terminal_style};
use crate::{
    analysis::{Analysis, ThresholdState, VerdictState},
    record::{RunInfo, RunReader},
    report::{ListedRun, render_list},
};

/// Arguments of `list`.
#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// Parent of the run folders
    #[arg(long, value_name = "DIR", default_value = "results")]
    results: PathBuf,
}

/// Reads run.json and report.json of every run, nothing else: a list is quick however long the runs were.
pub(crate) fn list(arguments: &ListArguments) -> Result<Done, CliError> {
    let entries = std::fs::read_dir(&arguments.results).map_err(|error| {
        CliError::new(format!(
            "there is no run in {}: {error}; run a scenario first, or name the folder with --results",
            arguments.results.display()
        ))
    })?;
    // `latest` is a link to one of the others.
    let folders = entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path());
    let progress = Progress::plain();
    let _reading = progress.waiting("reading the runs", "until each was looked at");
    let mut runs: Vec<(u64, ListedRun)> = folders.filter(|path| path.join("run.json").is_file()).map(|path| listed(&path)).collect();
    if runs.is_empty() {
        return Err(CliError::new(format!(
            "there is no run in {}: run a scenario first, or name the folder with --results",
            arguments.results.display()
        )));
    }
    runs.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.name.cmp(&b.1.name)));
    let runs: Vec<ListedRun> = runs.into_iter().map(|(_, run)| run).collect();
    print(render_list(&runs, terminal_style()).as_bytes())?;
    Ok(Done::Ok)
}

/// When it began, and its line.
fn listed(path: &Path) -> (u64, ListedRun) {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let reader = match RunReader::open(path) {
        Ok(reader) => reader,
        Err(error) => return (0, ListedRun { name, headline: error.to_string(), ..ListedRun::default() }),
    };
    let info: &RunInfo = reader.info();
    if reader.changed_info().is_some() {
        let headline = "run.json was changed since it was written".to_owned();
        return (info.start.unix_ns, ListedRun { name, verdict: "invalid".to_owned(), headline, ..ListedRun::default() });
    }
    let report: Option<Analysis> = std::fs::read(path.join("report.json")).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let verdict = match report.as_ref().map(|report| report.verdict.state) {
        Some(VerdictState::Valid) => "valid",
        Some(VerdictState::Reservations) => "reservations",
        Some(VerdictState::Invalid) => "invalid",
        None => "-",
    };
    let failed = report.iter().flat_map(|report| &report.thresholds).filter(|result| result.state == ThresholdState::Failed).count();
    let headline = report.as_ref().map_or("no report yet, `milvus-bench report` makes one".to_owned(), headline);
    let status = format!("{:?}", info.status).to_lowercase();
    (info.start.unix_ns, ListedRun { name, status, verdict: verdict.to_owned(), failed_thresholds: failed as u64, headline })
}

/// p50 and p99 of the first workload that was measured.
fn headline(report: &Analysis) -> String {
    let mut measured = report.workloads.iter().filter(|workload| workload.phase != "prepare" && !report.nothing_measured());
    let Some(workload) = measured.next() else {
        return "nothing was measured".to_owned();
    };
    let latency = workload.response_time_us.as_ref().or(workload.service_time_us.as_ref());
    let of = |key: &str| {
        latency.and_then(|quantiles| quantiles.get(key)).map_or("-".to_owned(), |found| {
            // A lower bound, where too many failed.
            format!("{}{}", if found.at_least { ">=" } else { "" }, crate::report::units::duration(found.value))
        })
    };
    format!("{}: p50 {}, p99 {}", workload.place(), of("p50"), of("p99"))
}
