//! The analysis of a run, from the files of its folder alone.

use super::{
    alive,
    error::{RunError, RunErrorKind},
};
use crate::{
    analysis::{Analysis, VerdictState, analyse},
    record::{RunFolder, RunReader},
    spans::{SpanFileError, SpanReader, Trace},
};

/// The analysis of a run folder.
///
/// # Errors
/// There is no run in it, or its files can't be read.
pub fn analyse_folder(folder: &RunFolder) -> Result<Analysis, RunError> {
    analyse_run(&RunReader::open(folder.path()).map_err(failed)?)
}

pub(super) fn analyse_run(reader: &RunReader) -> Result<Analysis, RunError> {
    // The folder alone can't tell a run that goes on from one that was killed.
    let with_status = |analysis: Analysis| Analysis {
        status: alive::status(reader.info()),
        ..analysis
    };
    let spans = reader.folder().file("spans.jsonl");
    if !spans.exists() {
        return analyse(reader, std::iter::empty())
            .map(with_status)
            .map_err(failed);
    }
    let mut traces = SpanReader::open(&spans).map_err(failed)?;
    let mut unread = UnreadLines::default();
    let mut analysis = analyse(
        reader,
        traces.by_ref().filter_map(|trace| unread.note(trace)),
    )
    .map_err(failed)?;
    analysis
        .warnings
        .extend(unread.in_words(traces.truncated()));
    Ok(with_status(analysis))
}

fn failed(why: impl ToString) -> RunError {
    RunError::new(RunErrorKind::Report, why)
}

/// The verdict as run.json has it.
pub(crate) fn verdict_name(state: VerdictState) -> &'static str {
    match state {
        VerdictState::Valid => "valid",
        VerdictState::Reservations => "reservations",
        VerdictState::Invalid => "invalid",
    }
}

/// Lines of spans.jsonl that can't be read: each costs itself, and all are counted.
#[derive(Default)]
pub(crate) struct UnreadLines {
    number: u64,
    first: Option<String>,
}

impl UnreadLines {
    /// The trace, if there is one.
    pub(crate) fn note(&mut self, trace: Result<Trace, SpanFileError>) -> Option<Trace> {
        trace
            .map_err(|error| {
                self.number += 1;
                self.first.get_or_insert(error.0);
            })
            .ok()
    }

    /// What was left out; None where nothing was. `cut`: the file ends in the middle of a line.
    pub(crate) fn in_words(self, cut: bool) -> Option<String> {
        let lines = match self.number {
            1 => "1 line".to_owned(),
            number => format!("{number} lines"),
        };
        let broken = self.first.map(|first| {
            format!(
                "{lines} of spans.jsonl can't be read, and its traces are excluded from all \
                 figures; {first}"
            )
        });
        let cut = cut.then(|| {
            "the last line of spans.jsonl is truncated, and its trace is excluded from all figures"
                .to_owned()
        });
        let told: Vec<String> = broken.into_iter().chain(cut).collect();
        (!told.is_empty()).then(|| told.join("; "))
    }
}
