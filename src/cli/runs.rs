//! Which run a command means: a folder, or the newest one below the results folder; and the runs
//! below any folder.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
};

use super::ended::CliError;
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
        "{} is not a run folder, it holds no run.json: give the folder of a run, as `run` printed \
         it",
        path.display()
    )))
}

/// The run that began last: names end in their UTC time, but scenarios differ, so run.json's time
/// decides.
fn newest(results: &Path) -> Result<PathBuf, CliError> {
    let latest = results.join("latest");
    if latest.join("run.json").is_file() {
        return Ok(latest.canonicalize().unwrap_or(latest));
    }
    // Where `--results` named other folders, the one below this folder.
    let runs = if results.is_dir() {
        below(results)
    } else {
        below(Path::new("."))
    };
    let newest = runs.into_iter().max_by_key(|path| {
        std::fs::metadata(path.join("run.json"))
            .and_then(|meta| meta.modified())
            .ok()
    });
    newest.ok_or_else(|| {
        CliError::new(format!(
            "there is no run in {}: run a scenario first, or name a run folder",
            results.display()
        ))
    })
}

/// How far below a folder runs are looked for: `results/before/<run>` from where the program is
/// called, and one more.
const DEPTH: usize = 4;
/// Folders that are looked into: a tree may be as large as a disk.
const MOST_FOLDERS: usize = 20_000;

/// The run folders below `root`, in the order of their paths; links are not followed, and hidden
/// folders left alone.
pub(crate) fn below(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = VecDeque::from([(root.to_path_buf(), 0)]);
    let mut seen = 0;
    while let Some((folder, depth)) = open.pop_front() {
        seen += 1;
        let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        let is_folder =
            |entry: &std::fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
        let is_hidden =
            |entry: &std::fs::DirEntry| entry.file_name().as_encoded_bytes().first() == Some(&b'.');
        for path in entries
            .filter(|entry| is_folder(entry) && !is_hidden(entry))
            .map(|entry| entry.path())
        {
            if path.join("run.json").is_file() {
                found.push(path);
            } else if depth + 1 < DEPTH && seen + open.len() < MOST_FOLDERS {
                open.push_back((path, depth + 1));
            }
        }
    }
    found.sort();
    found
}
