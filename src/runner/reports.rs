//! The reports of a run as files of its folder.

use std::sync::Arc;

use super::{
    error::{RunError, RunErrorKind},
    explain::analyse_folder,
    state::Run,
    watcher::{Silent, Watcher},
};
use crate::{
    analysis::Analysis,
    record::{RunFolder, RunWriter},
    report::{REPORTS, ReportEntry},
};

/// Formats whose files are always written.
const ALWAYS: [&str; 3] = ["text", "json", "html"];

/// Writes report.txt, report.json, report.html and what else was asked for.
///
/// # Errors
/// The first that can't be made or written; it takes no other with it.
pub(crate) fn write(
    folder: &RunFolder,
    analysis: &Analysis,
    asked: &[String],
    watcher: &dyn Watcher,
) -> Result<(), RunError> {
    let is_wanted = |entry: &&ReportEntry| {
        ALWAYS.contains(&entry.name) || asked.iter().any(|name| name == entry.name)
    };
    let mut failure = None;
    for entry in REPORTS.iter().filter(is_wanted) {
        match write_one(folder, analysis, entry) {
            Ok(()) => watcher.written(entry.name, &folder.file(entry.file)),
            Err(error) => {
                failure.get_or_insert(error);
            }
        }
    }
    failure.map_or(Ok(()), Err)
}

fn write_one(folder: &RunFolder, analysis: &Analysis, entry: &ReportEntry) -> Result<(), RunError> {
    let bytes = (entry.render)(analysis).map_err(RunError::of(RunErrorKind::Report))?;
    folder
        .write(entry.file, &bytes)
        .map_err(RunError::of(RunErrorKind::Folder))
}

/// Writes reports of a run that came to no load: what waits for such a file, a CI system, finds
/// there what failed, which is all that there is to tell. A report that can't be made is no further
/// failure.
pub(super) fn of_unmeasured(run: &Run, asked: &[String]) -> Option<Analysis> {
    let folder = &run.folder;
    if !folder.file("latency.hlog").exists() {
        // It failed before its files were begun. Empty ones are what `report` needs, too.
        let streams = Arc::new(run.info.streams.clone());
        let writer = RunWriter::start(folder, streams, Box::new(|_| {}));
        let _ = writer.map(RunWriter::finish);
    }
    let analysis = analyse_folder(folder).ok()?;
    let _ = write(folder, &analysis, asked, &Silent);
    Some(analysis)
}
