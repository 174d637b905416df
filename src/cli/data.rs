//! `data fetch`: files of vectors, without a Milvus.

use clap::{Args, Subcommand};

use super::{
    ended::{CliError, Done},
    fetch::fetch_all,
    output::print,
    progress::Progress,
    scenario::{Read, ScenarioArguments},
};
use crate::{dataset::RemoteFile, plan::Checked, report::clean};

/// Arguments of `data`.
#[derive(Debug, Args)]
pub(crate) struct DataArguments {
    #[command(subcommand)]
    command: DataCommand,
}

#[derive(Debug, Subcommand)]
enum DataCommand {
    /// Fetch the files of a scenario's data sets that are at an address
    ///
    /// They go into the folder data of ~/.cache/milvus-bench, or of the folder in
    /// MILVUS_BENCH_CACHE, once their SHA-256 was found right. What was received before an
    /// interruption is kept, and the next try goes on from there. `run` does the same by itself.
    /// Proxies of the environment are used (HTTPS_PROXY), and the CA certificates of SSL_CERT_FILE.
    Fetch(FetchArguments),
}

/// Arguments of `data fetch`.
#[derive(Debug, Args)]
struct FetchArguments {
    #[command(flatten)]
    scenario: ScenarioArguments,
    /// No progress on stderr
    #[arg(long, short)]
    quiet: bool,
}

/// Runs the subcommand.
pub(crate) fn data(arguments: &DataArguments) -> Result<Done, CliError> {
    match &arguments.command {
        DataCommand::Fetch(arguments) => fetch(arguments),
    }
}

fn fetch(arguments: &FetchArguments) -> Result<Done, CliError> {
    let progress = Progress::plain();
    let read = Read::new(&arguments.scenario, None, &progress)?;
    let Checked::Unfetched(files) = read.check(&progress)? else {
        print(b"every file of the scenario is here\n")?;
        return Ok(Done::Ok);
    };
    let files: Vec<RemoteFile> = files.into_iter().map(|of| of.file).collect();
    let paths = fetch_all(&files, arguments.quiet)?;
    let lines = files.iter().zip(paths);
    let lines = lines.map(|(file, path)| format!("{} is in {}\n", file.url, path.display()));
    let text: String = lines.map(|line| clean(line.trim_end()) + "\n").collect();
    // What is in the files is looked at only now.
    read.plan(&progress)?;
    print(text.as_bytes())?;
    Ok(Done::Ok)
}
