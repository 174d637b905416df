//! `data`: files of vectors, without a Milvus.

mod convert;
mod info;
mod read;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use self::{convert::ConvertArguments, info::InfoArguments};
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
    /// What is in a file: rows, type, norms, equal rows, NaN, first values
    ///
    /// Every row is read once. A file in which NaN or infinity is found can't be used as the data
    /// of a scenario.
    Info(InfoArguments),
    /// Write the vectors of a file in another format or type
    ///
    /// Formats are fbin, u8bin, i8bin, f16bin, fvecs, bvecs, npy and jsonl, of sparse vectors csr
    /// and jsonl. Values are cast as NumPy's astype does, but one that is out of range is an error.
    Convert(ConvertArguments),
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
        DataCommand::Info(arguments) => info::info(arguments),
        DataCommand::Convert(arguments) => convert::convert(arguments),
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
    let paths: Vec<PathBuf> = fetch_all(&files, arguments.quiet)?;
    let lines = files.iter().zip(paths).map(|(file, path)| {
        let line = format!("{} is in {}", file.url, path.display());
        clean(&line) + "\n"
    });
    let text: String = lines.collect();
    // What is in the files is looked at only now.
    read.plan(&progress)?;
    print(text.as_bytes())?;
    Ok(Done::Ok)
}
