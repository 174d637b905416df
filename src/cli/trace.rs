//! `trace`: one request as a waterfall.

use std::path::PathBuf;

use clap::Args;

use super::{CliError, Done, finish::analyse_folder, print, report::terminal_style, runs};
use crate::{
    analysis,
    record::{RunFolder, RunReader},
    report::render_waterfall,
    spans::{SpanReader, Trace},
};

/// Arguments of `trace`.
#[derive(Debug, Args)]
pub(crate) struct TraceArguments {
    /// Run folder (default: the newest below results/), then which request: a trace id or its beginning, `slowest`, or p99
    #[arg(value_name = "RUN] [ID|slowest|p99", num_args = 0..=2)]
    words: Vec<String>,
}

/// Draws it.
pub(crate) fn trace(arguments: &TraceArguments) -> Result<Done, CliError> {
    let (run, which) = match arguments.words.as_slice() {
        [] => (None, "slowest"),
        [word] if PathBuf::from(word).is_dir() => (Some(PathBuf::from(word)), "slowest"),
        [word] => (None, word.as_str()),
        [run, which, ..] => (Some(PathBuf::from(run)), which.as_str()),
    };
    let folder = runs::find(run.as_deref())?;
    let reader = RunReader::open(folder.path()).map_err(CliError::new)?;
    let line = analysis::pick(&reader, &analyse_folder(&folder)?, which).map_err(CliError::new)?;
    let trace = find_trace(&folder, u128::from_str_radix(&line.trace_id, 16).unwrap_or_default())?;
    let waterfall = analysis::waterfall(&reader, &trace, &line);
    print(render_waterfall(&waterfall, terminal_style()).as_bytes());
    Ok(Done::Ok)
}

/// The spans of one trace; none where the run has no spans.
fn find_trace(folder: &RunFolder, trace_id: u128) -> Result<Trace, CliError> {
    let path = folder.file("spans.jsonl");
    let mut found = Trace { trace_id, spans: Vec::new() };
    if path.exists() {
        for trace in SpanReader::open(&path).map_err(CliError::new)?.flatten().filter(|trace| trace.trace_id == trace_id) {
            found.spans.extend(trace.spans);
        }
    }
    Ok(found)
}
