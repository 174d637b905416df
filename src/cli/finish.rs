//! The end of a run: analysis, reports, exit code.

use super::{
    CliError, Done,
    output::{print, say},
    run::RunArguments,
    session::{Ended, Session},
    signals::Asked,
};
use crate::{
    analysis::{Analysis, NOTHING_MEASURED, ThresholdState, VerdictState, analyse},
    record::{RunFolder, RunReader},
    report::{REPORTS, ReportEntry},
    spans::SpanReader,
};

/// Analyses what there is, writes the reports, prints one, and says how the run ended.
pub(crate) fn finish(arguments: &RunArguments, mut session: Session<'_>, ended: Ended) -> Result<Done, CliError> {
    session.progress.end();
    let measured = session.info.phases.iter().any(|phase| phase.name != "prepare");
    if !measured && ended.asked == Asked::Nothing {
        return Err(ended.failure.unwrap_or_else(|| CliError::new("nothing was measured")));
    }
    // Said first: whatever fails from here on, the run is there.
    say(&format!("run folder: {}", session.folder.path().display()));
    let folder = session.folder.path().display().to_string();
    let _reporting =
        session.progress.waiting("making the reports of the run", format!("until they are made; what was measured is in {folder}"));
    let analysis = analyse_folder(&session.folder)?;
    session.info.verdict = Some(verdict_name(analysis.verdict.state).to_owned());
    session.save()?;
    if analysis.nothing_measured() {
        // Whenever it was ended: a report without figures is no use, and the folder has one for those who look there.
        say(NOTHING_MEASURED);
        return write_reports(&session.folder, &analysis, &arguments.reports).map(|()| Done::Nothing);
    }
    // A format that can't be made takes neither the others with it nor what is printed.
    let written = write_reports(&session.folder, &analysis, &arguments.reports);
    let (bytes, made) = match to_print(&analysis, &arguments.reports) {
        Ok(bytes) => (bytes, Ok(())),
        Err(error) => (to_print(&analysis, &[])?, Err(error)),
    };
    let printed = print(&bytes);
    if let Err(error) = &printed {
        error.say();
        say(&format!("the report was not printed: it is in {}", session.folder.path().display()));
    }
    written.and(made)?;
    if let Some(failure) = ended.failure {
        return Err(failure);
    }
    Ok(match done_of(&analysis, arguments.accept_invalid) {
        Done::Ok | Done::Failed if printed.is_err() => Done::Unprinted,
        done => done,
    })
}

fn done_of(analysis: &Analysis, accept_invalid: bool) -> Done {
    let measured = || analysis.workloads.iter().filter(|workload| workload.phase != "prepare");
    if measured().all(|workload| workload.requests.ok == 0) {
        Done::Nothing
    } else if analysis.verdict.state == VerdictState::Invalid && !accept_invalid {
        // Figures that are not to be believed fail no threshold either.
        Done::Invalid
    } else if analysis.thresholds.iter().any(|result| result.state == ThresholdState::Failed) {
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
    let reader = RunReader::open(folder.path()).map_err(CliError::new)?;
    let spans = folder.file("spans.jsonl");
    if !spans.exists() {
        return analyse(&reader, std::iter::empty()).map_err(CliError::new);
    }
    let mut damage = None;
    let traces = SpanReader::open(&spans)
        .map_err(CliError::new)?
        .filter_map(|trace| trace.map_err(|error| damage.get_or_insert(error.0).len()).ok());
    let mut analysis = analyse(&reader, traces).map_err(CliError::new)?;
    analysis.warnings.extend(damage);
    Ok(analysis)
}

/// Formats whose files are always written.
const ALWAYS: [&str; 3] = ["text", "json", "html"];

/// Writes report.txt, report.json, report.html and what else was asked for, and says where the page is.
pub(crate) fn write_reports(folder: &RunFolder, analysis: &Analysis, asked: &[String]) -> Result<(), CliError> {
    let always = |entry: &ReportEntry| ALWAYS.contains(&entry.name);
    let mut failure = None;
    for entry in REPORTS.iter().filter(|entry| always(entry) || asked.iter().any(|name| name == entry.name)) {
        // One that can't be made, such as a flame graph without traces, takes no other with it.
        let bytes = match (entry.render)(analysis) {
            Ok(bytes) => bytes,
            Err(error) => {
                failure.get_or_insert(error);
                continue;
            }
        };
        folder.write(entry.file, &bytes).map_err(CliError::new)?;
        // The others say on stdout what they hold; this one has to be opened.
        if entry.name == "html" {
            say(&format!("report: {}", folder.file(entry.file).display()));
        }
    }
    failure.map_or(Ok(()), |error| Err(CliError::new(error)))
}

/// The first report that was asked for and can be printed, text by default.
pub(crate) fn to_print(analysis: &Analysis, asked: &[String]) -> Result<Vec<u8>, CliError> {
    let is_text = |name: &&String| REPORTS.iter().all(|entry| entry.name != name.as_str() || entry.text);
    let name = asked.iter().find(is_text).map_or("text", String::as_str);
    if name == "text" {
        return Ok(crate::report::render_text(analysis, super::report::terminal_style()).into_bytes());
    }
    let entry = REPORTS.iter().find(|entry| entry.name == name);
    let entry = entry.ok_or_else(|| CliError::new(format!("unknown report format {name:?}")))?;
    (entry.render)(analysis).map_err(CliError::new)
}
