//! `run`: a scenario, once or several times, and its reports on stdout.

use std::{ffi::OsString, path::PathBuf, sync::Arc, time::Duration};

use clap::Args;

use super::{
    ended::{CliError, Done},
    fetch::fetched_plan,
    output::{say, say_error},
    progress::Progress,
    reports::{
        Printed, REPEATED, check_reports, joined_format, print_joined, print_report, reports_help,
    },
    runtime::runtime,
    scenario::{Read, ScenarioArguments},
    values::{duration, whole},
};
use crate::{
    analysis::{Analysis, NOTHING_MEASURED, ThresholdState, VerdictState},
    plan::Plan,
    record::RunFolder,
    report::clean,
    runner::{
        self, Asked, RunEnded, RunOptions, RunPlace, Signals, Stage, Watcher,
        capacity::calibrate_first,
    },
};

/// Groups of the flags in the help.
const SERVERS: &str = "Servers";
const OUTPUT: &str = "Runs and reports";
const LOAD: &str = "Load threads";

/// Arguments of `run`.
#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    #[command(flatten)]
    pub(crate) scenario: ScenarioArguments,
    /// Start a local Milvus and Jaeger if nothing answers
    ///
    /// A server that already runs is used as it is. Started servers keep running: `stack down`
    /// stops them.
    #[arg(long, help_heading = SERVERS)]
    pub(crate) stack: bool,
    /// The run folder itself, new or empty
    #[arg(long, value_name = "FOLDER", conflicts_with = "results", help_heading = OUTPUT)]
    pub(crate) out: Option<PathBuf>,
    /// Parent of the run folders
    #[arg(long, value_name = "DIR", default_value = "results", help_heading = OUTPUT)]
    pub(crate) results: PathBuf,
    /// Run the scenario this many times, each into its own folder
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1,
        help_heading = OUTPUT,
        value_parser = whole(1..=1000_u32)
    )]
    pub(crate) repeat: u32,
    #[arg(
        long = "report",
        value_name = "FORMAT",
        help_heading = OUTPUT,
        help = "Report on stdout; default: text",
        long_help = format!("{}.\n\n{REPEATED}", reports_help())
    )]
    pub(crate) reports: Vec<String>,
    /// Explain terms and areas at the end of the text report
    #[arg(long)]
    pub(crate) explain: bool,
    /// Exit with 0 even if the verdict is invalid
    #[arg(long, help_heading = OUTPUT)]
    pub(crate) accept_invalid: bool,
    /// Drop and recreate this collection, which milvus-bench did not create
    ///
    /// All its rows are lost. With `prepare = "reuse"` it is not dropped: the run may then write to
    /// it, as an insert workload does.
    #[arg(long, value_name = "COLLECTION", help_heading = SERVERS)]
    pub(crate) replace: Vec<String>,
    /// Load threads; default: half of the cores, 1 to 8
    #[arg(
        long,
        value_name = "N",
        help_heading = LOAD,
        value_parser = whole(1..=256_u32)
    )]
    pub(crate) threads: Option<u32>,
    /// Cores of the load threads, e.g. 0,2 or 0-3
    ///
    /// One core for each thread, in the order of the threads.
    #[arg(long, value_name = "CORES", help_heading = LOAD)]
    pub(crate) pin: Option<String>,
    /// Send within microseconds of the planned moment; needs 3 cores
    ///
    /// Load threads spin during the last 0.2 ms before a request is due.
    #[arg(long, help_heading = LOAD)]
    pub(crate) precise: bool,
    /// How long to wait for Milvus, e.g. 5m
    ///
    /// Also while it accepts no connections. Takes precedence over `wait` of `[milvus]`.
    #[arg(long, value_name = "DURATION", value_parser = wait(), help_heading = SERVERS)]
    pub(crate) wait: Option<Duration>,
    /// No progress on stderr
    #[arg(long, short, help_heading = OUTPUT)]
    pub(crate) quiet: bool,
}

/// Runs a scenario, once or `--repeat` times.
pub(crate) fn run(arguments: &RunArguments, signals: &Signals) -> Result<Done, CliError> {
    check_reports(&arguments.reports)?;
    if arguments.repeat > 1 && arguments.out.is_some() {
        return Err(CliError::new(
            "--out names one folder, but --repeat creates several: name their parent with \
             --results",
        ));
    }
    let reading = if arguments.quiet {
        Progress::new(true)
    } else {
        Progress::plain()
    };
    let read = Read::new(&arguments.scenario, arguments.wait, &reading)?;
    let mut plan = fetched_plan(&read, &reading, arguments.quiet)?;
    check_replaced(&arguments.replace, &plan)?;
    signals.enter(Stage::Measuring);
    let ended = rounds(arguments, &mut plan, signals);
    match Done::asked(signals.asked()) {
        // Whatever else went wrong by then.
        Some(done) => {
            ended.err().iter().for_each(say_error);
            Ok(done)
        }
        None => ended,
    }
}

/// A name that allows nothing is a typing error, found before anything is sent.
fn check_replaced(names: &[String], plan: &Plan) -> Result<(), CliError> {
    let mut known = plan.collections.iter().map(|of| of.shape.name.as_str());
    let unknown = names
        .iter()
        .find(|name| !known.clone().any(|of| of == *name));
    match unknown {
        None => Ok(()),
        Some(name) => Err(CliError::new(format!(
            "--replace {name} names no collection of the scenario; expected one of: {}",
            known.by_ref().collect::<Vec<_>>().join(", ")
        ))),
    }
}

/// Every round, one after the other, and the document that holds the reports of all.
fn rounds(arguments: &RunArguments, plan: &mut Plan, signals: &Signals) -> Result<Done, CliError> {
    let mut folders = Vec::new();
    let ended = each_round(arguments, plan, signals, &mut folders);
    let joined = joined_format(arguments.repeat, &arguments.reports);
    let printed = joined.map_or(Ok(true), |entry| print_joined(entry, &folders));
    let done = ended?;
    Ok(unless_printed(done, printed?))
}

/// Runs them; `folders` holds those that were begun, also where one failed.
fn each_round(
    arguments: &RunArguments,
    plan: &mut Plan,
    signals: &Signals,
    folders: &mut Vec<RunFolder>,
) -> Result<Done, CliError> {
    let runtime = runtime()?;
    let progress = Arc::new(Progress::new(arguments.quiet));
    let watcher: Arc<dyn Watcher> = Arc::clone(&progress) as _;
    let mut options = options(arguments);
    let mut worst = Done::Ok;
    if arguments.stack {
        // Before anything is started that would disturb it.
        runtime.block_on(calibrate_first(signals, watcher.as_ref()));
    }
    for number in 1..=arguments.repeat {
        if signals.asked() != Asked::Nothing {
            if number == 1 {
                say(NOTHING_MEASURED);
            }
            break;
        }
        if arguments.repeat > 1 {
            progress.step(&format!("run {number} of {}", arguments.repeat));
        }
        plan.round = number;
        options.calibrate = number == 1 && !arguments.stack;
        let ended = runtime.block_on(runner::run(plan, &options, signals, &watcher))?;
        progress.end();
        folders.push(ended.folder.clone());
        worst = worse(worst, conclude(arguments, ended, &progress)?);
    }
    Ok(worst)
}

fn options(arguments: &RunArguments) -> RunOptions {
    let place = match &arguments.out {
        Some(folder) => RunPlace::At(folder.clone()),
        None => RunPlace::In(arguments.results.clone()),
    };
    RunOptions {
        reports: arguments.reports.clone(),
        replace: arguments.replace.clone(),
        threads: arguments.threads,
        pin: arguments.pin.clone(),
        precise: arguments.precise,
        stack: arguments.stack,
        command_line: command_line(),
        ..RunOptions::new(place)
    }
}

/// Prints the report of a run, and says how it ended.
fn conclude(
    arguments: &RunArguments,
    ended: RunEnded,
    progress: &Progress,
) -> Result<Done, CliError> {
    let failure = ended.failure.map(CliError::from);
    let Some(analysis) = &ended.analysis else {
        return Err(failure.unwrap_or_else(|| CliError::new(NOTHING_MEASURED)));
    };
    if !ended.loaded && ended.asked == Asked::Nothing {
        // Why it failed is all that there is to say.
        if !arguments.reports.is_empty() {
            let _ = print_round(arguments, &ended.folder, analysis);
        }
        return failure.map_or(Ok(Done::Nothing), Err);
    }
    let unwritten = ended.unwritten.map(CliError::from).map_or(Ok(()), Err);
    if analysis.nothing_measured() {
        return unwritten.map(|()| Done::Nothing);
    }
    let _reporting = progress.waiting(
        "making the reports of the run",
        format!(
            "until they are written; the measurement is in {}",
            ended.folder.path().display()
        ),
    );
    let printed = print_round(arguments, &ended.folder, analysis);
    unwritten?;
    let printed = printed?;
    if let Some(failure) = failure {
        return Err(failure);
    }
    Ok(unless_printed(
        done_of(analysis, arguments.accept_invalid),
        printed,
    ))
}

/// Prints the report of one run; what is to be one document is printed at the end.
fn print_round(
    arguments: &RunArguments,
    folder: &RunFolder,
    analysis: &Analysis,
) -> Result<bool, CliError> {
    if joined_format(arguments.repeat, &arguments.reports).is_some() {
        return Ok(true);
    }
    let printed = Printed {
        asked: &arguments.reports,
        explain: arguments.explain,
    };
    print_report(folder, analysis, printed)
}

/// What was asked for and could not be printed is no success.
fn unless_printed(done: Done, printed: bool) -> Done {
    match done {
        Done::Ok | Done::Failed if !printed => Done::Unprinted,
        done => done,
    }
}

fn done_of(analysis: &Analysis, accept_invalid: bool) -> Done {
    let measured = || {
        analysis
            .workloads
            .iter()
            .filter(|workload| !workload.is_preparation())
    };
    if measured().all(|workload| workload.requests.ok == 0) {
        Done::Nothing
    } else if analysis.verdict.state == VerdictState::Invalid && !accept_invalid {
        // Figures that are not to be believed fail no threshold either.
        Done::Invalid
    } else if analysis
        .thresholds
        .iter()
        .any(|result| result.state == ThresholdState::Failed)
    {
        Done::Failed
    } else {
        Done::Ok
    }
}

fn worse(one: Done, other: Done) -> Done {
    if other.code() > one.code() {
        other
    } else {
        one
    }
}

/// The arguments as typed, for run.json, fit to be shown on a terminal. Nothing is left out here:
/// the scenario refuses a secret that is typed with `--set`, and the plan a user and password in
/// `--uri`, before there is a run.
fn command_line() -> Vec<String> {
    let shown = |argument: OsString| clean(&argument.to_string_lossy());
    let mut arguments: Vec<String> = std::env::args_os().map(shown).collect();
    if let Some(program) = arguments.first_mut() {
        *program = "milvus-bench".to_owned();
    }
    arguments
}

/// The parser of `--wait`.
fn wait() -> impl Fn(&str) -> Result<Duration, String> + Clone + Send + Sync + 'static {
    duration(Duration::ZERO..=Duration::from_hours(1))
}
