//! `data`: files of vectors, without a Milvus.

mod convert;
mod info;

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
use crate::{
    dataset::{DATASETS, DatasetOptions, Inspected, RemoteFile, inspect},
    plan::Checked,
    report::clean,
};

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

/// End of a message about a path of a scenario.
const RELATIVE: &str = "; paths are relative to the scenario file";

/// How a file is read.
#[derive(Debug, Args)]
struct ReadArguments {
    /// Format of the file; default: found by its content
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
    /// Column or array of the vectors, in a file that names such
    #[arg(long, value_name = "NAME")]
    vector: Option<String>,
    /// The same of the query vectors
    #[arg(long, value_name = "NAME")]
    query_vector: Option<String>,
    /// Column of the ids by which the truth names rows
    #[arg(long, value_name = "NAME")]
    id: Option<String>,
    /// Column or array of the true neighbours
    #[arg(long, value_name = "NAME")]
    neighbors: Option<String>,
    /// Files of a folder that have the rows: the beginning of their names, or names with commas
    #[arg(long = "files", value_name = "NAMES")]
    parts: Option<String>,
}

impl ReadArguments {
    /// Options of a data set for the file at `path`.
    fn options(&self, path: &std::path::Path) -> Result<DatasetOptions, CliError> {
        let known = || DATASETS.iter().map(|entry| entry.name);
        let format = self.format.as_ref().map(|name| name.to_ascii_lowercase());
        if let Some(name) = &format
            && !known().any(|known| known == name)
        {
            return Err(CliError::new(format!(
                "--format is {name}, which is not a format of data sets; formats are {}",
                known().collect::<Vec<_>>().join(", ")
            )));
        }
        Ok(DatasetOptions {
            name: path.display().to_string(),
            format,
            vector: self.vector.clone(),
            query_vector: self.query_vector.clone(),
            id: self.id.clone(),
            neighbors: self.neighbors.clone(),
            files: self.parts.clone(),
            ..DatasetOptions::default()
        })
    }

    /// Opens the file or folder at `path`.
    fn inspect(&self, path: &std::path::Path) -> Result<Inspected, CliError> {
        inspect(path, &self.options(path)?).map_err(|error| match error.key {
            // The message goes on after a key, which is a flag here.
            "vector" | "query_vector" | "id" | "neighbors" | "files" => {
                let flag = error.key.replace('_', "-");
                CliError::new(format!("--{flag} {}", error.message))
            }
            _ => {
                // What holds for a key of a scenario alone.
                let message = error.message.replace(RELATIVE, "");
                CliError::new(message.strip_prefix("can't be used: ").unwrap_or(&message))
            }
        })
    }
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
