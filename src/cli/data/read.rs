//! How the subcommands of `data` read a file.

use std::path::Path;

use clap::Args;

use super::super::ended::CliError;
use crate::dataset::{DATASETS, DatasetOptions, Inspected, inspect};

/// End of a message about a path of a scenario.
const RELATIVE: &str = "; paths are relative to the scenario file";

/// How a file is read.
#[derive(Debug, Args)]
pub(super) struct ReadArguments {
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
    fn options(&self, path: &Path) -> Result<DatasetOptions, CliError> {
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
    pub(super) fn inspect(&self, path: &Path) -> Result<Inspected, CliError> {
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
