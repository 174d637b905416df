//! The end of a run: analysis, reports, exit code.

use std::{path::Path, sync::Arc};

use super::{
    CliError, Done,
    output::{print, say},
    run::RunArguments,
};
use crate::{
    analysis::{Analysis, NOTHING_MEASURED, ThresholdState, VerdictState, analyse},
    record::{RunFolder, RunReader, RunWriter},
    report::{REPORTS, ReportEntry, RunReport},
    runner::{
        alive,
        session::{Ended, Session},
        signals::Asked,
    },
    spans::{SpanFileError, SpanReader, Trace},
};

/// Analyses what there is, writes the reports, prints one, and says how the run ended.
pub(crate) fn finish(
    arguments: &RunArguments,
    mut session: Session<'_>,
    ended: Ended,
) -> Result<Done, CliError> {
    session.progress.end();
    let measured = session
        .info
        .phases
        .iter()
        .any(|phase| !phase.is_preparation());
    if !measured && ended.asked == Asked::Nothing {
        report_unmeasured(arguments, &session);
        return Err(ended
            .failure
            .unwrap_or_else(|| CliError::new("nothing was measured")));
    }
    // Said first: whatever fails from here on, the run is there.
    let folder = session.folder.path().display().to_string();
    say(&format!("run folder: {folder}"));
    let _reporting = session.progress.waiting(
        "making the reports of the run",
        format!("until they are made; what was measured is in {folder}"),
    );
    let analysis = analyse_run(&session.reader()?)?;
    session.info.verdict = Some(verdict_name(analysis.verdict.state).to_owned());
    // What can't be written or made takes neither the rest with it nor what is printed.
    let saved = session.save();
    if analysis.nothing_measured() {
        // Whenever it was ended: a report without figures is no use, and the folder has one for
        // those who look there.
        say(NOTHING_MEASURED);
        return saved
            .and(write_reports(
                &session.folder,
                &analysis,
                &arguments.reports,
            ))
            .map(|()| Done::Nothing);
    }
    let written = write_reports(&session.folder, &analysis, &arguments.reports);
    let printed = print_round(arguments, &analysis, &session.folder);
    saved.and(written)?;
    let printed = printed?;
    if let Some(failure) = ended.failure {
        return Err(failure);
    }
    Ok(unless_printed(
        done_of(&analysis, arguments.accept_invalid),
        printed,
    ))
}

/// What was asked for and could not be printed is no success.
pub(crate) fn unless_printed(done: Done, printed: bool) -> Done {
    match done {
        Done::Ok | Done::Failed if !printed => Done::Unprinted,
        done => done,
    }
}

/// Prints the report that was asked for, or the text where it can't be made, which is an error all
/// the same; says whether stdout took it. What is to be one document is printed at the end.
fn print_round(
    arguments: &RunArguments,
    analysis: &Analysis,
    folder: &RunFolder,
) -> Result<bool, CliError> {
    if joined_format(arguments).is_some() {
        return Ok(true);
    }
    let (bytes, made) = match to_print(analysis, &arguments.reports) {
        Ok(bytes) => (bytes, Ok(())),
        Err(error) => (to_print(analysis, &[])?, Err(error)),
    };
    let printed = print(&bytes);
    if let Err(error) = &printed {
        error.say();
        say(&format!(
            "the report was not printed: it is in {}",
            folder.path().display()
        ));
    }
    made.map(|()| printed.is_ok())
}

/// Reports of a run that came to no load: what waits for such a file, a CI system, finds there what
/// failed. A report that can't be made is no further failure.
fn report_unmeasured(arguments: &RunArguments, session: &Session<'_>) {
    let folder = &session.folder;
    if !folder.file("latency.hlog").exists() {
        // It failed before its files were begun. Empty ones are what `report` needs, too.
        let writer = RunWriter::start(
            folder,
            Arc::new(session.info.streams.clone()),
            Box::new(|_| {}),
        );
        let _ = writer.map(RunWriter::finish);
    }
    let Ok(analysis) = analyse_folder(folder) else {
        return;
    };
    // Why it failed comes first, and is all that there is to say.
    let _ = write_each(folder, &analysis, &arguments.reports, |_| ());
    if !arguments.reports.is_empty() {
        let _ = print_round(arguments, &analysis, folder);
    }
}

fn done_of(analysis: &Analysis, accept_invalid: bool) -> Done {
    let measured = || {
        analysis
            .workloads
            .iter()
            .filter(|workload| !workload.is_preparation())
    };
    if measured().all(|workload| workload.requests.ok == 0) {
        Done::Nothing
    } else if analysis.verdict.state == VerdictState::Invalid && !accept_invalid {
        // Figures that are not to be believed fail no threshold either.
        Done::Invalid
    } else if analysis
        .thresholds
        .iter()
        .any(|result| result.state == ThresholdState::Failed)
    {
        Done::Failed
    } else {
        Done::Ok
    }
}

fn verdict_name(state: VerdictState) -> &'static str {
    match state {
        VerdictState::Valid => "valid",
        VerdictState::Reservations => "reservations",
        VerdictState::Invalid => "invalid",
    }
}

/// The analysis of a run folder, from its files alone.
pub(crate) fn analyse_folder(folder: &RunFolder) -> Result<Analysis, CliError> {
    analyse_run(&RunReader::open(folder.path()).map_err(CliError::new)?)
}

fn analyse_run(reader: &RunReader) -> Result<Analysis, CliError> {
    // The folder alone can't tell a run that goes on from one that was killed.
    let with_status = |analysis: Analysis| Analysis {
        status: alive::status(reader.info()),
        ..analysis
    };
    let spans = reader.folder().file("spans.jsonl");
    if !spans.exists() {
        return analyse(reader, std::iter::empty())
            .map(with_status)
            .map_err(CliError::new);
    }
    let mut traces = SpanReader::open(&spans).map_err(CliError::new)?;
    let mut unread = UnreadLines::default();
    let mut analysis = analyse(
        reader,
        traces.by_ref().filter_map(|trace| unread.note(trace)),
    )
    .map_err(CliError::new)?;
    analysis
        .warnings
        .extend(unread.in_words(traces.truncated()));
    Ok(with_status(analysis))
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
                "{lines} of spans.jsonl can't be read, and the traces in it are in no figure; \
                 {first}"
            )
        });
        let cut = cut.then(|| {
            "the last line of spans.jsonl is cut, and the trace in it is in no figure".to_owned()
        });
        let told: Vec<String> = broken.into_iter().chain(cut).collect();
        (!told.is_empty()).then(|| told.join("; "))
    }
}

/// Formats whose files are always written.
const ALWAYS: [&str; 3] = ["text", "json", "html"];

/// Writes report.txt, report.json, report.html and what else was asked for, and says where the page
/// is.
pub(crate) fn write_reports(
    folder: &RunFolder,
    analysis: &Analysis,
    asked: &[String],
) -> Result<(), CliError> {
    write_each(folder, analysis, asked, |page| {
        say(&format!("report: {}", page.display()))
    })
}

/// Writes them; `page` is given the one that has to be opened.
fn write_each(
    folder: &RunFolder,
    analysis: &Analysis,
    asked: &[String],
    page: impl Fn(&Path),
) -> Result<(), CliError> {
    let always = |entry: &ReportEntry| ALWAYS.contains(&entry.name);
    let mut failure = None;
    for entry in REPORTS
        .iter()
        .filter(|entry| always(entry) || asked.iter().any(|name| name == entry.name))
    {
        // One that can't be made, such as a flame graph without traces, takes no other with it.
        let bytes = match (entry.render)(analysis) {
            Ok(bytes) => bytes,
            Err(error) => {
                failure.get_or_insert(CliError::new(error));
                continue;
            }
        };
        if let Err(error) = folder.write(entry.file, &bytes) {
            failure.get_or_insert(CliError::new(error));
            continue;
        }
        // The others say on stdout what they hold; this one has to be opened.
        if entry.name == "html" {
            page(&folder.file(entry.file));
        }
    }
    failure.map_or(Ok(()), Err)
}

/// The first format that was asked for and can be printed; text by default.
fn printed_format(asked: &[String]) -> &'static ReportEntry {
    let entry = |name: &String| {
        REPORTS
            .iter()
            .find(|entry| entry.name == name.as_str() && entry.text)
    };
    asked.iter().find_map(entry).unwrap_or(&REPORTS[0])
}

/// It, as bytes.
pub(crate) fn to_print(analysis: &Analysis, asked: &[String]) -> Result<Vec<u8>, CliError> {
    let entry = printed_format(asked);
    if entry.name == "text" {
        return Ok(
            crate::report::render_text(analysis, super::report::terminal_style()).into_bytes(),
        );
    }
    (entry.render)(analysis).map_err(CliError::new)
}

/// The format of which the reports of all rounds are printed as one document; None where each is
/// printed as it is made.
pub(crate) fn joined_format(arguments: &RunArguments) -> Option<&'static ReportEntry> {
    (arguments.repeat > 1)
        .then(|| printed_format(&arguments.reports))
        .filter(|entry| entry.joined.is_some())
}

/// Prints the reports in `folders` as one document, where the format needs that, and says whether
/// stdout took it. A run whose report could not be made has said so.
pub(crate) fn print_joined(
    arguments: &RunArguments,
    folders: &[RunFolder],
) -> Result<bool, CliError> {
    let Some((entry, join)) =
        joined_format(arguments).and_then(|entry| Some((entry, entry.joined?)))
    else {
        return Ok(true);
    };
    let report = |folder: &RunFolder| {
        let run = folder
            .path()
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        std::fs::read(folder.file(entry.file))
            .ok()
            .map(|bytes| RunReport { run, bytes })
    };
    let reports: Vec<RunReport> = folders.iter().filter_map(report).collect();
    if reports.is_empty() {
        return Ok(true);
    }
    let printed = print(&join(&reports).map_err(CliError::new)?);
    if let Err(error) = &printed {
        error.say();
    }
    Ok(printed.is_ok())
}
