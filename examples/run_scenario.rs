//! Runs a scenario through the library and reads its analysis:
//!
//! `cargo run --release --example run_scenario -- scenarios/search-only.toml http://HOST:19530`
//!
//! It does what `milvus-bench run` does but for the terminal: no progress, no signals, no exit
//! codes. The run folder in `results/` is the same, and `milvus-bench report` reads it.
#![allow(clippy::print_stdout)]

use std::{
    error::Error,
    path::{Path, PathBuf},
    sync::Arc,
};

use milvus_bench::{
    analysis::{Analysis, WorkloadAnalysis},
    plan::{Plan, PlanFlags},
    record::PREPARATION,
    runner::{self, RunOptions, RunPlace, Signals, Watcher},
    scenario::{Scenario, ScenarioSource},
};

/// Prints what the run begins and doubts; a program with a display of its own would draw it.
struct Printed;

impl Watcher for Printed {
    fn step(&self, text: &str) {
        println!("- {text}");
    }

    fn warn(&self, text: &str) {
        println!("! {text}");
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().ok_or("name a scenario file")?;
    let analysis = measure(file.as_ref(), arguments.next(), "results".into()).await?;
    for line in figures(&analysis) {
        println!("{line}");
    }
    Ok(())
}

/// Runs the scenario in `file`, against `uri` where it is given, and gives what the run was found
/// to be. Its folder is made in `results`.
///
/// # Errors
/// The scenario has a mistake, or the run came to no figures.
pub(crate) async fn measure(
    file: &Path,
    uri: Option<String>,
    results: PathBuf,
) -> Result<Analysis, Box<dyn Error>> {
    let variable = |name: &str| std::env::var(name).ok();
    // First what the file says, then what it means: a mistake is found before anything is opened.
    let scenario = Scenario::read(&ScenarioSource::File(file.to_owned()), &[], &variable)?;
    let flags = PlanFlags {
        uri,
        ..PlanFlags::default()
    };
    let mut plan = Plan::from_scenario(&scenario, &flags, &variable)?;
    let options = RunOptions::new(RunPlace::In(results));
    let watcher: Arc<dyn Watcher> = Arc::new(Printed);
    let ended = runner::run(&mut plan, &options, &Signals::none(), &watcher).await?;
    if let Some(failure) = ended.failure {
        return Err(failure.into());
    }
    Ok(ended.analysis.ok_or("nothing was measured")?)
}

/// The figures that most programs want: a line per workload, its account below it, the verdict.
pub(crate) fn figures(analysis: &Analysis) -> Vec<String> {
    // Steps of preparation are workloads as well, of the phase `prepare`.
    let measured = analysis
        .workloads
        .iter()
        .filter(|workload| workload.phase != PREPARATION);
    let mut lines: Vec<String> = measured.flat_map(of_workload).collect();
    lines.push(format!("verdict: {:?}", analysis.verdict.state));
    let reasons = analysis.verdict.reasons.iter();
    lines.extend(reasons.map(|reason| format!("  {} at {}", reason.code, reason.at)));
    lines
}

fn of_workload(workload: &WorkloadAnalysis) -> Vec<String> {
    // A closed loop has no planned moments to count from, and no response time.
    let latency = workload
        .response_time_us
        .as_ref()
        .or(workload.service_time_us.as_ref());
    let p99 = latency.and_then(|quantiles| quantiles.get("p99"));
    let p99 = p99.map_or("unknown".to_owned(), |p99| format!("{:.0} us", p99.value));
    let mut lines = vec![format!(
        "{}: {} ok, {} failed, p99 {p99}",
        workload.place(),
        workload.requests.ok,
        workload.requests.failed
    )];
    // The first band holds all requests; its parts add up to the mean of the traced ones.
    let parts = workload.account.first().map(|band| band.parts.iter());
    lines.extend(
        parts
            .into_iter()
            .flatten()
            .map(|part| format!("  {}, {}: {:.0} us", part.area, part.part, part.mean_us)),
    );
    lines
}
