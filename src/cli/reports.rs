//! Reports as a command names, writes and prints them.

use super::{
    ended::CliError,
    output::{print, say, say_error},
    progress::Progress,
    terminal::report_style,
};
use crate::{
    analysis::Analysis,
    keys::nearest,
    record::RunFolder,
    report::{REPORTS, ReportEntry, RunReport, TextStyle, render_text},
    runner,
};

/// What stdout carries of several runs.
pub(crate) const REPEATED: &str = "With --repeat it is one document: text and markdown one after \
                                   the other, hgrm with the curve of the first run and the others \
                                   as comments, json a list, csv a table with a column `run`, \
                                   junit the suites of all, html a page of pages, flamegraph one \
                                   picture below the other";

/// Help of `--report`, with its formats.
pub(crate) fn reports_help() -> String {
    let names: Vec<&str> = REPORTS.iter().map(|entry| entry.name).collect();
    format!(
        "Report on stdout: {} (default: text); its file is written as well",
        names.join(", ")
    )
}

/// Unknown formats are found before anything is measured.
pub(crate) fn check_reports(names: &[String]) -> Result<(), CliError> {
    let known: Vec<&str> = REPORTS.iter().map(|entry| entry.name).collect();
    match names.iter().find(|name| !known.contains(&name.as_str())) {
        Some(name) => {
            let several: Vec<&str> = name
                .split([',', ' '])
                .filter(|name| !name.is_empty())
                .collect();
            let tip = if several.len() > 1 && several.iter().all(|name| known.contains(name)) {
                format!(" (write --report {})", several.join(" --report "))
            } else {
                let near = nearest(name, known.iter().copied());
                near.map_or_else(String::new, |near| format!(" (did you mean {near}?)"))
            };
            Err(CliError::new(format!(
                "unknown report format {name:?}{tip}, expected one of {}",
                known.join(", ")
            )))
        }
        None => Ok(()),
    }
}

/// What is printed of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Printed<'a> {
    /// Formats that were asked for; the first that can be printed is, text by default.
    pub(crate) asked: &'a [String],
    /// Whether the text says what its words mean.
    pub(crate) explain: bool,
}

/// Writes report.txt, report.json, report.html and what else was asked for, and says where the page
/// is.
pub(crate) fn write_reports(
    folder: &RunFolder,
    analysis: &Analysis,
    asked: &[String],
) -> Result<(), CliError> {
    let progress = Progress::plain();
    runner::reports::write(folder, analysis, asked, &progress).map_err(CliError::from)
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
pub(crate) fn to_print(analysis: &Analysis, printed: Printed<'_>) -> Result<Vec<u8>, CliError> {
    let entry = printed_format(printed.asked);
    if entry.name == "text" {
        let style = TextStyle {
            explain: printed.explain,
            ..report_style()
        };
        return Ok(render_text(analysis, style).into_bytes());
    }
    (entry.render)(analysis).map_err(CliError::new)
}

/// The format of which the reports of all rounds are printed as one document; None where each is
/// printed as it is made.
pub(crate) fn joined_format(repeat: u32, asked: &[String]) -> Option<&'static ReportEntry> {
    (repeat > 1)
        .then(|| printed_format(asked))
        .filter(|entry| entry.joined.is_some())
}

/// Prints the report that was asked for, or the text where it can't be made, which is an error all
/// the same; says whether stdout took it.
pub(crate) fn print_report(
    folder: &RunFolder,
    analysis: &Analysis,
    printed: Printed<'_>,
) -> Result<bool, CliError> {
    let text = Printed {
        asked: &[],
        ..printed
    };
    let (bytes, made) = match to_print(analysis, printed) {
        Ok(bytes) => (bytes, Ok(())),
        Err(error) => (to_print(analysis, text)?, Err(error)),
    };
    let printed = print(&bytes);
    if let Err(error) = &printed {
        say_error(error);
        say(&format!(
            "the report was not printed: it is in {}",
            folder.path().display()
        ));
    }
    made.map(|()| printed.is_ok())
}

/// Prints the reports in `folders` as one document, and says whether stdout took it. A run whose
/// report could not be made has said so.
pub(crate) fn print_joined(entry: &ReportEntry, folders: &[RunFolder]) -> Result<bool, CliError> {
    let Some(join) = entry.joined else {
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
        say_error(error);
    }
    Ok(printed.is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_that_there_is_not_is_answered_with_those_that_there_are() {
        let said = |name: &str| check_reports(&[name.to_owned()]).unwrap_err().message;
        assert!(
            said("xml").contains("expected one of text"),
            "{}",
            said("xml")
        );
        assert!(!said("xml").contains("once for each"), "{}", said("xml"));
        let several = said("text,json");
        assert!(several.contains("--report text --report json"), "{several}");
        assert!(said("jsn").contains("did you mean json"), "{}", said("jsn"));
    }
}
