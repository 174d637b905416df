//! `trace`: one request as a waterfall.

use std::path::{Path, PathBuf};

use clap::Args;

use super::{
    ended::{CliError, Done},
    output::{print, say},
    progress::Progress,
    runs,
    terminal::report_style,
};
use crate::{
    analysis,
    record::RunReader,
    report::{clean, render_waterfall},
    runner::UnreadLines,
    spans::SpanReader,
};

/// Arguments of `trace`.
#[derive(Debug, Args)]
pub(crate) struct TraceArguments {
    /// Run folder (default: the newest below results/), then which request: the beginning of a
    /// trace id, `slowest` (default), p50, p90, p95, p99 or p99.9
    #[arg(value_names = ["RUN", "ID|slowest|p99"], num_args = 0..=2)]
    words: Vec<String>,
}

/// Draws it.
pub(crate) fn trace(arguments: &TraceArguments) -> Result<Done, CliError> {
    let (run, which) = match arguments.words.as_slice() {
        [] => (None, "slowest"),
        // No request has a slash in its name.
        [word] if word.contains('/') || Path::new(word).is_dir() => {
            (Some(PathBuf::from(word)), "slowest")
        }
        [word] => (None, word.as_str()),
        [run, which, ..] => (Some(PathBuf::from(run)), which.as_str()),
    };
    let folder = runs::find(run.as_deref())?;
    let reader = RunReader::open(folder.path()).map_err(CliError::new)?;
    let progress = Progress::plain();
    let _searching = progress.waiting(
        "looking for the request in the run",
        "until its files are read",
    );
    // The drawing goes to stdout; what may be wrong with it does not.
    reader
        .changed_files()
        .iter()
        .for_each(|sentence| say(&format!("warning: {}", clean(sentence))));
    let spans = folder.file("spans.jsonl");
    let traces = spans
        .exists()
        .then(|| SpanReader::open(&spans))
        .transpose()
        .map_err(CliError::new)?;
    let mut unread = UnreadLines::default();
    let readable = traces
        .into_iter()
        .flatten()
        .filter_map(|trace| unread.note(trace));
    let (line, trace) = analysis::select(&reader, readable, which).map_err(CliError::new)?;
    unread
        .in_words(false)
        .iter()
        .for_each(|sentence| say(&format!("warning: {}", clean(sentence))));
    let waterfall = analysis::waterfall(&reader, &trace, &line);
    print(render_waterfall(&waterfall, report_style()).as_bytes())?;
    Ok(Done::Ok)
}
