//! `run`: a scenario from reading it to its report.

use std::path::PathBuf;

use clap::Args;
use tokio::runtime::Handle;

use super::{
    CliError, Done, ScenarioArguments, calibrate,
    check::read_plan,
    finish,
    progress::Progress,
    runtime, session,
    signals::{Asked, Signals},
    stack,
};
use crate::{
    plan::Plan,
    record::RunFolder,
    report::{NOT_BUILT, REPORTS},
};

/// Arguments of `run`.
#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    #[command(flatten)]
    pub(crate) scenario: ScenarioArguments,
    /// Start a local Milvus and Jaeger if nothing answers; a running one is left alone
    #[arg(long)]
    pub(crate) stack: bool,
    /// The run folder itself, absent or empty
    #[arg(long, value_name = "FOLDER", conflicts_with = "results")]
    pub(crate) out: Option<PathBuf>,
    /// Parent of the run folders
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub(crate) results: PathBuf,
    /// Run the scenario this often, each into a folder of its own
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) repeat: u32,
    #[arg(long = "report", value_name = "FORMAT", help = format!("{}. {REPEATED}", reports_help()))]
    pub(crate) reports: Vec<String>,
    /// Exit with 0 although the verdict is invalid
    #[arg(long)]
    pub(crate) accept_invalid: bool,
    /// Drop and create again this collection although milvus-bench did not create it
    #[arg(long, value_name = "COLLECTION")]
    pub(crate) replace: Vec<String>,
    /// Threads of the load; default: half of the cores, 1 to 8
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(crate) threads: Option<u32>,
    /// Cores of the load threads, one for each in their order, e.g. 0,2 or 0-3
    #[arg(long, value_name = "CORES")]
    pub(crate) pin: Option<String>,
    /// Send within microseconds of the planned moment: load threads spin the last 0.2 ms; needs 3 cores
    #[arg(long)]
    pub(crate) precise: bool,
    /// No progress on stderr
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

/// Runs a scenario, once or `--repeat` times, on a thread of its own: the second Ctrl-C leaves at once, whatever is under way
/// there, by returning through `main`.
pub(crate) fn run(arguments: RunArguments) -> Result<Done, CliError> {
    check_reports(&arguments.reports)?;
    if arguments.repeat > 1 && arguments.out.is_some() {
        return Err(CliError::new("--out names one folder and --repeat makes several: name their parent with --results"));
    }
    let plan = read_plan(&arguments.scenario)?;
    let runtime = runtime()?;
    // One for all rounds: a signal counts whenever it comes, be it while a round is analysed.
    let signals = runtime.block_on(async { Signals::listen() })?;
    let mut leaving = signals.clone();
    let handle = runtime.handle().clone();
    let (sender, ended) = tokio::sync::oneshot::channel();
    let work = move || {
        let ended = rounds(&arguments, plan, &signals, &handle);
        // Nobody waits for it any more when it was left.
        let _ = sender.send(ended);
    };
    let thread =
        std::thread::Builder::new().name("run".to_owned()).spawn(work).map_err(|error| CliError::new(format!("no thread: {error}")))?;
    let ended = runtime.block_on(async {
        tokio::select! {
            ended = ended => Some(ended),
            () = leaving.leave() => None,
        }
    });
    match ended {
        Some(Ok(ended)) => ended,
        // It panicked, and the message has been printed.
        Some(Err(_)) => {
            std::panic::resume_unwind(thread.join().err().unwrap_or_else(|| Box::new("the run's thread ended without a result")))
        }
        None => {
            // Dropping it would wait for what is under way, or take the clock away from it.
            std::mem::forget(runtime);
            Ok(Done::Interrupted)
        }
    }
}

/// Every round, one after the other, and the document that holds the reports of all.
fn rounds(arguments: &RunArguments, plan: Plan, signals: &Signals, runtime: &Handle) -> Result<Done, CliError> {
    let mut folders = Vec::new();
    let ended = each_round(arguments, plan, signals, runtime, &mut folders);
    let printed = finish::print_joined(arguments, &folders);
    ended.and_then(|done| printed.map(|()| done))
}

/// Runs them; `folders` holds those that were begun, also where one failed.
fn each_round(
    arguments: &RunArguments,
    mut plan: Plan,
    signals: &Signals,
    runtime: &Handle,
    folders: &mut Vec<RunFolder>,
) -> Result<Done, CliError> {
    let progress = Progress::new(arguments.quiet);
    let mut worst = Done::Ok;
    runtime.block_on(calibrate::on_first_run(&progress, signals));
    for round in 1..=arguments.repeat {
        if let Some(done) = stopped(signals.asked()) {
            return Ok(worse(worst, done));
        }
        if arguments.repeat > 1 {
            progress.step(&format!("run {round} of {}", arguments.repeat));
        }
        let done = runtime.block_on(async {
            let mut session = session::Session::create(arguments, &plan, &progress, signals.clone())?;
            folders.push(session.folder.clone());
            if arguments.stack {
                match stack::ensure_for_run(&mut plan, &progress).await {
                    Ok(warning) => session.info.warnings.extend(warning),
                    Err(error) => {
                        session.fail(&error.message);
                        let ended = session::Ended { failure: Some(error), asked: signals.asked() };
                        return finish::finish(arguments, session, ended);
                    }
                }
            }
            let ended = session.run(&plan).await;
            finish::finish(arguments, session, ended)
        })?;
        worst = worse(worst, done);
    }
    Ok(worst)
}

/// How it ends where no further round may begin.
fn stopped(asked: Asked) -> Option<Done> {
    match asked {
        Asked::Nothing => None,
        Asked::Interrupt => Some(Done::Interrupted),
        Asked::Terminate => Some(Done::Terminated),
    }
}

fn worse(one: Done, other: Done) -> Done {
    if other.code() > one.code() { other } else { one }
}

/// What stdout carries of several runs.
const REPEATED: &str = "With --repeat it is one document: text and markdown one after the other, hgrm with the curve of the first run and the others as comments, \
                        json a list, csv a table with a column `run`, junit the suites of all, html a page of pages, flamegraph one picture below the other";

/// Help of `--report`, with the formats of this build.
pub(crate) fn reports_help() -> String {
    let names: Vec<&str> = REPORTS.iter().map(|entry| entry.name).collect();
    format!("Report on stdout: {} (default: text); its file is written as well", names.join(", "))
}

/// Unknown formats are found before anything is measured.
pub(crate) fn check_reports(names: &[String]) -> Result<(), CliError> {
    if let Some((name, feature)) = NOT_BUILT.iter().find(|(name, _)| names.iter().any(|asked| asked == name)) {
        return Err(CliError::new(format!("this build has no report format {name}: install milvus-bench with `--features {feature}`")));
    }
    let known: Vec<&str> = REPORTS.iter().map(|entry| entry.name).collect();
    match names.iter().find(|name| !known.contains(&name.as_str())) {
        Some(name) => {
            Err(CliError::new(format!("unknown report format {name:?}: the formats are {}; give --report once for each", known.join(", "))))
        }
        None => Ok(()),
    }
}
