//! Which run a command means: a folder, or the newest one below the results folder.

use std::path::{Path, PathBuf};

use super::CliError;
use crate::record::RunFolder;

/// Parent of the run folders when none is named.
const RESULTS: &str = "results";

/// The folder named, else the newest run.
pub(crate) fn find(named: Option<&Path>) -> Result<RunFolder, CliError> {
    let path = match named {
        Some(path) => path.to_path_buf(),
        None => newest(Path::new(RESULTS))?,
    };
    if path.join("run.json").is_file() {
        return Ok(RunFolder::at(&path));
    }
    Err(CliError::new(format!(
        "{} is not a run folder, it holds no run.json: give the folder of a run, as `run` printed it",
        path.display()
    )))
}

/// The run that began last: names end in their UTC time, but scenarios differ, so run.json's time decides.
fn newest(results: &Path) -> Result<PathBuf, CliError> {
    let latest = results.join("latest");
    if latest.join("run.json").is_file() {
        return Ok(latest.canonicalize().unwrap_or(latest));
    }
    let entries = std::fs::read_dir(results).map_err(|error| {
        CliError::new(format!("there is no run in {}: {error}; run a scenario first, or name a run folder", results.display()))
    })?;
    let runs = entries.flatten().map(|entry| entry.path()).filter(|path| path.join("run.json").is_file());
    let newest = runs.max_by_key(|path| std::fs::metadata(path.join("run.json")).and_then(|meta| meta.modified()).ok());
    newest.ok_or_else(|| CliError::new(format!("there is no run in {}: run a scenario first, or name a run folder", results.display())))
}
