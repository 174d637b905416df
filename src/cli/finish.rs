//! The end of a run: analysis, reports, exit code.

use super::{
    CliError, Done, alive, print,
    run::RunArguments,
    session::{Ended, Session},
    signals::Asked,
};
use crate::{
    analysis::{Analysis, ThresholdState, VerdictState, analyse},
    record::{RunFolder, RunReader},
    report::{REPORTS, ReportEntry},
    spans::SpanReader,
};

/// Analyses what there is, writes the reports, prints one, and says how the run ended.
pub(crate) fn finish(arguments: &RunArguments, mut session: Session<'_>, ended: Ended) -> Result<Done, CliError> {
    session.progress.end();
    let measured = session.info.phases.iter().any(|phase| phase.name != "prepare");
    if !measured {
        return match (ended.asked, ended.failure) {
            (Asked::Interrupt, _) => Ok(Done::Interrupted),
            (Asked::Terminate, _) => Ok(Done::Terminated),
            (Asked::Nothing, failure) => Err(failure.unwrap_or_else(|| CliError::new("nothing was measured"))),
        };
    }
    // Said first: whatever fails from here on, the run is there.
    eprintln!("run folder: {}", session.folder.path().display());
    let analysis = analyse_folder(&session.folder)?;
    session.info.verdict = Some(verdict_name(analysis.verdict.state).to_owned());
    session.save()?;
    // A format that can't be made takes neither the others with it nor what is printed.
    let written = write_reports(&session.folder, &analysis, &arguments.reports);
    let printed = print_report(&analysis, &arguments.reports);
    if printed.is_err() {
        print_report(&analysis, &[])?;
    }
    written.and(printed)?;
    if let Some(failure) = ended.failure {
        return Err(failure);
    }
    Ok(match ended.asked {
        Asked::Interrupt => Done::Interrupted,
        Asked::Terminate => Done::Terminated,
        Asked::Nothing => done_of(&analysis, arguments.accept_invalid),
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
    // The folder alone can't tell a run that goes on from one that was killed.
    let with_status = |analysis: Analysis| Analysis { status: alive::status(reader.info()), ..analysis };
    let spans = folder.file("spans.jsonl");
    if !spans.exists() {
        return analyse(&reader, std::iter::empty()).map(with_status).map_err(CliError::new);
    }
    let mut damage = None;
    let traces = SpanReader::open(&spans)
        .map_err(CliError::new)?
        .filter_map(|trace| trace.map_err(|error| damage.get_or_insert(error.0).len()).ok());
    let mut analysis = analyse(&reader, traces).map_err(CliError::new)?;
    analysis.warnings.extend(damage);
    Ok(with_status(analysis))
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
            eprintln!("report: {}", folder.file(entry.file).display());
        }
    }
    failure.map_or(Ok(()), |error| Err(CliError::new(error)))
}

/// Prints the first report that was asked for and can be printed, text by default.
pub(crate) fn print_report(analysis: &Analysis, asked: &[String]) -> Result<(), CliError> {
    let is_text = |name: &&String| REPORTS.iter().all(|entry| entry.name != name.as_str() || entry.text);
    let name = asked.iter().find(is_text).map_or("text", String::as_str);
    if name == "text" {
        print(crate::report::render_text(analysis, super::report::terminal_style()).as_bytes());
        return Ok(());
    }
    let entry = REPORTS.iter().find(|entry| entry.name == name);
    let entry = entry.ok_or_else(|| CliError::new(format!("unknown report format {name:?}")))?;
    print(&(entry.render)(analysis).map_err(CliError::new)?);
    Ok(())
}
