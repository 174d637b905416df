//! The command line: arguments, one file per subcommand, progress on stderr. stdout carries what
//! was asked for alone.

#[cfg(test)]
mod advice;
mod calibrate;
mod check;
mod compare;
mod data;
mod doctor;
mod ended;
mod examples;
mod fetch;
mod flags;
mod hints;
mod init;
mod list;
mod man;
mod null_milvus;
mod output;
mod progress;
mod report;
mod reports;
mod run;
mod runs;
mod runtime;
mod scenario;
mod schema;
mod spans;
mod stack;
mod supervise;
mod terminal;
mod trace;
mod values;
mod waits;

use std::{ffi::OsString, process::ExitCode};

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use self::{
    ended::{CliError, Done},
    examples::with_examples,
    hints::hinted,
    output::{print, print_of_clap, say_error},
    runtime::runtime,
    supervise::supervised,
};
use crate::{analysis::NOTHING_MEASURED, runner::Signals};

/// A traced load generator and benchmark for Milvus: sends a scenario's load, and shows where the
/// time went.
#[derive(Debug, Parser)]
#[command(
    name = "milvus-bench",
    version,
    long_version = BUILT_FROM,
    about,
    max_term_width = 100,
    after_help = "Every command has examples: milvus-bench COMMAND --help"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// Version, commit and its day.
const BUILT_FROM: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    " (",
    env!("MILVUS_BENCH_BUILT_FROM"),
    ")"
);

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a scenario and explain its latency
    Run(Box<run::RunArguments>),
    /// Read and check a scenario; send nothing
    Check(check::CheckArguments),
    /// Is every link of the chain client -> Milvus -> Jaeger -> client working?
    Doctor(doctor::DoctorArguments),
    /// A local Milvus and Jaeger as processes of this machine
    Stack(stack::StackArguments),
    /// Render the reports of a run again, from its folder alone
    Report(report::ReportArguments),
    /// One request as a waterfall, critical path marked
    Trace(trace::TraceArguments),
    /// Fetch the server spans of a run again, into its folder
    Spans(spans::SpansArguments),
    /// Runs against runs: what differs, what got slower or faster, and where
    Compare(compare::CompareArguments),
    /// A commented scenario for a collection that is there, as Milvus describes it
    Init(init::InitArguments),
    /// Files of vectors: fetch them, look into them, convert them
    Data(data::DataArguments),
    /// Runs below the results folder, newest first
    List(list::ListArguments),
    /// The JSON Schema of scenarios, on stdout: for editors, which then know every key
    Schema,
    /// Completions for a shell, on stdout
    Completions {
        /// bash, zsh, fish, elvish or powershell
        shell: clap_complete::Shell,
    },
    /// Man pages, made of the same texts as --help
    Man(man::ManArguments),
    /// What can this machine generate? Limits of the tool itself
    ///
    /// Measured against a Milvus that does nothing and runs as a second process: requests per
    /// second and CPU per request by vector size, requests in flight and traced share; what tracing
    /// costs, exporter included; how late requests leave at four rates, compared with a bare timer
    /// of the kernel on the same core. It takes about a minute. The result of all cells is kept in
    /// the cache folder, and the report of a run says how much of it the run used.
    Calibrate(calibrate::CalibrateArguments),
    /// The Milvus that does nothing, of `calibrate`
    ///
    /// It prints its address and serves until its stdin closes.
    #[command(hide = true)]
    NullMilvus(null_milvus::NullMilvusArguments),
}

/// The whole program.
#[must_use]
pub fn main() -> ExitCode {
    heed_file_sizes();
    let ended = match parse() {
        Ok(arguments) => execute(arguments.command),
        Err(message) => print_of_clap(&message).map(|()| Done::Ok),
    };
    match ended {
        Ok(done) => ExitCode::from(done.code()),
        Err(error) => {
            say_error(&error);
            ExitCode::from(error.code)
        }
    }
}

/// All commands and flags, with their examples.
fn command() -> clap::Command {
    with_examples(Arguments::command())
}

/// The command line of this process. What is unknown is answered with what is known here.
fn parse() -> Result<Arguments, clap::Error> {
    let mut command = command();
    let typed: Vec<OsString> = std::env::args_os().collect();
    let matches = command.try_get_matches_from_mut(&typed);
    let matches = matches.map_err(|error| {
        let words: Vec<String> = typed
            .iter()
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        hinted(error, &command, &words)
    })?;
    Arguments::from_arg_matches(&matches)
}

/// Runs a command where a signal can end it at any moment.
fn execute(command: Command) -> Result<Done, CliError> {
    match command {
        // Its parent ends it, and what it costs is measured.
        Command::NullMilvus(arguments) => null_milvus::null_milvus(&arguments),
        command => {
            let when_free = if matches!(command, Command::Run(_)) {
                Some(NOTHING_MEASURED)
            } else {
                None
            };
            supervised(move |signals| carry_out(command, signals), when_free)
        }
    }
}

fn carry_out(command: Command, signals: &Signals) -> Result<Done, CliError> {
    match command {
        Command::Run(arguments) => run::run(&arguments, signals),
        Command::Check(arguments) => check::check(&arguments),
        Command::Doctor(arguments) => doctor::doctor(&arguments),
        Command::Stack(arguments) => stack::stack(&arguments, signals),
        Command::Report(arguments) => report::report(&arguments),
        Command::Trace(arguments) => trace::trace(&arguments),
        Command::Spans(arguments) => spans::spans(&arguments),
        Command::Compare(arguments) => compare::compare(&arguments),
        Command::Init(arguments) => init::init(&arguments),
        Command::Data(arguments) => data::data(&arguments),
        Command::List(arguments) => list::list(&arguments),
        Command::Schema => schema::schema(),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut self::command(), "milvus-bench", &mut script);
            print(&script).map(|()| Done::Ok)
        }
        Command::Man(arguments) => man::man(&arguments),
        Command::Calibrate(arguments) => calibrate::calibrate(&arguments, signals),
        Command::NullMilvus(arguments) => null_milvus::null_milvus(&arguments),
    }
}

/// A limit on the size of files (`ulimit -f`) ends a process that does not listen to its signal.
/// One that does has an error of the write, as of a full disk, and loses no more than that.
fn heed_file_sizes() {
    const SIGXFSZ: i32 = 25;
    if let Ok(runtime) = runtime() {
        // It goes on being listened to when this runtime is gone. Where that can't be had, the
        // limit is as it was.
        let _ = runtime.block_on(async {
            tokio::signal::unix::signal(tokio::signal::unix::SignalKind::from_raw(SIGXFSZ))
                .map(drop)
        });
    }
}
