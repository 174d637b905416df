//! `run`: a scenario from reading it to its report.

use std::{path::PathBuf, time::Duration};

use clap::Args;

use super::{
    CliError, Done, ScenarioArguments, check::read_plan, finish, output::say, progress::Progress,
    runtime, stack,
};
use crate::{
    analysis::NOTHING_MEASURED,
    calibrate,
    milvus::Transport,
    plan::Plan,
    record::RunFolder,
    report::{NOT_BUILT, REPORTS},
    runner::{
        reach::reach,
        session::{Ended, Session},
        signals::{Asked, Signals, Stage},
    },
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
    /// Send within microseconds of the planned moment: load threads spin the last 0.2 ms; needs 3
    /// cores
    #[arg(long)]
    pub(crate) precise: bool,
    /// How long Milvus is waited for, be it that it is not ready yet or takes no connections, e.g.
    /// 5m; before `wait` of `[milvus]`
    #[arg(long, value_name = "DURATION", value_parser = wait)]
    pub(crate) wait: Option<Duration>,
    /// No progress on stderr
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

/// Runs a scenario, once or `--repeat` times.
pub(crate) fn run(arguments: &RunArguments, signals: &Signals) -> Result<Done, CliError> {
    check_reports(&arguments.reports)?;
    if arguments.repeat > 1 && arguments.out.is_some() {
        return Err(CliError::new(
            "--out names one folder and --repeat makes several: name their parent with --results",
        ));
    }
    let reading = if arguments.quiet {
        Progress::new(true)
    } else {
        Progress::plain()
    };
    let mut plan = read_plan(&arguments.scenario, arguments.wait, &reading)?;
    signals.enter(Stage::Measuring);
    let ended = rounds(arguments, &mut plan, signals);
    match signals.asked().done() {
        // Whatever else went wrong by then.
        Some(done) => {
            ended.err().iter().for_each(CliError::say);
            Ok(done)
        }
        None => ended,
    }
}

/// Every round, one after the other, and the document that holds the reports of all.
fn rounds(arguments: &RunArguments, plan: &mut Plan, signals: &Signals) -> Result<Done, CliError> {
    let mut folders = Vec::new();
    let ended = each_round(arguments, plan, signals, &mut folders);
    let printed = finish::print_joined(arguments, &folders);
    let done = ended?;
    Ok(finish::unless_printed(done, printed?))
}

/// Runs them; `folders` holds those that were begun, also where one failed.
fn each_round(
    arguments: &RunArguments,
    plan: &mut Plan,
    signals: &Signals,
    folders: &mut Vec<RunFolder>,
) -> Result<Done, CliError> {
    let runtime = runtime()?;
    let progress = Progress::new(arguments.quiet);
    let mut worst = Done::Ok;
    if arguments.stack {
        // Before anything is started that would disturb it.
        runtime.block_on(calibrate::on_first_run(&progress, signals));
    }
    for number in 1..=arguments.repeat {
        if signals.asked() != Asked::Nothing {
            if number == 1 {
                say(NOTHING_MEASURED);
            }
            break;
        }
        signals.enter(Stage::Measuring);
        if arguments.repeat > 1 {
            progress.step(&format!("run {number} of {}", arguments.repeat));
        }
        plan.round = number;
        let round = Round {
            arguments,
            progress: &progress,
            signals,
            is_first: number == 1,
        };
        worst = worse(worst, runtime.block_on(round.run(plan, folders))?);
    }
    Ok(worst)
}

/// One run of the scenario.
struct Round<'a> {
    arguments: &'a RunArguments,
    progress: &'a Progress,
    signals: &'a Signals,
    is_first: bool,
}

impl Round<'_> {
    async fn run(&self, plan: &mut Plan, folders: &mut Vec<RunFolder>) -> Result<Done, CliError> {
        let mut session =
            Session::create(self.arguments, plan, self.progress, self.signals.clone())?;
        folders.push(session.folder.clone());
        let ended = match self
            .signals
            .unless_asked(Asked::Nothing, self.reach(&mut session, plan))
            .await
        {
            Some(Ok(transport)) => {
                // Milvus comes first: what is said until here is about it.
                session.say_warnings();
                if self.is_first && !self.arguments.stack {
                    calibrate::on_first_run(self.progress, self.signals).await;
                }
                session.run(plan, transport).await
            }
            Some(Err(error)) => {
                session.fail(&error.message);
                Ended {
                    failure: Some(error),
                    asked: self.signals.asked(),
                }
            }
            None => session.interrupted_early(),
        };
        self.signals.enter(Stage::Finishing);
        finish::finish(self.arguments, session, ended)
    }

    /// Milvus, which `--stack` may have to start.
    async fn reach(
        &self,
        session: &mut Session<'_>,
        plan: &mut Plan,
    ) -> Result<Transport, CliError> {
        if self.arguments.stack {
            session
                .info
                .warnings
                .extend(stack::ensure_for_run(plan, self.progress).await?);
        }
        let reached = reach(plan, self.progress).await?;
        let version = reached
            .version
            .unwrap_or_else(|| "unknown (GetVersion is not available)".to_owned());
        session.info.servers.insert("milvus".to_owned(), version);
        Ok(reached.transport)
    }
}

/// A duration of `--wait`, as a scenario has them.
fn wait(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(duration) if duration <= Duration::from_secs(3600) => Ok(duration),
        _ => Err("durations from 0s to 1h are allowed, e.g. 30s or 5m".to_owned()),
    }
}

fn worse(one: Done, other: Done) -> Done {
    if other.code() > one.code() {
        other
    } else {
        one
    }
}

/// What stdout carries of several runs.
const REPEATED: &str = "With --repeat it is one document: text and markdown one after the other, \
                        hgrm with the curve of the first run and the others as comments, json a \
                        list, csv a table with a column `run`, junit the suites of all, html a \
                        page of pages, flamegraph one picture below the other";

/// Help of `--report`, with the formats of this build.
pub(crate) fn reports_help() -> String {
    let names: Vec<&str> = REPORTS.iter().map(|entry| entry.name).collect();
    format!(
        "Report on stdout: {} (default: text); its file is written as well",
        names.join(", ")
    )
}

/// Unknown formats are found before anything is measured.
pub(crate) fn check_reports(names: &[String]) -> Result<(), CliError> {
    if let Some((name, feature)) = NOT_BUILT
        .iter()
        .find(|(name, _)| names.iter().any(|asked| asked == name))
    {
        return Err(CliError::new(format!(
            "this build has no report format {name}: install milvus-bench with `--features \
             {feature}`"
        )));
    }
    let known: Vec<&str> = REPORTS.iter().map(|entry| entry.name).collect();
    match names.iter().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(CliError::new(format!(
            "unknown report format {name:?}: the formats are {}; give --report once for each",
            known.join(", ")
        ))),
        None => Ok(()),
    }
}
