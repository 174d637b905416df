//! `report`: the reports of a run again, from its folder alone.

use std::path::PathBuf;

use clap::Args;

use super::{
    ended::{CliError, Done},
    output::print,
    progress::Progress,
    reports::{Printed, check_reports, reports_help, to_print, write_reports},
    runs,
};
use crate::runner::analyse_folder;

/// Arguments of `report`.
#[derive(Debug, Args)]
pub(crate) struct ReportArguments {
    /// Run folder; default: the newest below results/
    #[arg(value_name = "RUN")]
    run: Option<PathBuf>,
    #[arg(long = "report", value_name = "FORMAT", help = reports_help())]
    reports: Vec<String>,
    /// Explain terms and areas at the end of the text report
    #[arg(long)]
    explain: bool,
}

/// Renders again.
pub(crate) fn report(arguments: &ReportArguments) -> Result<Done, CliError> {
    check_reports(&arguments.reports)?;
    let folder = runs::find(arguments.run.as_deref())?;
    let progress = Progress::plain();
    let _analysing = progress.waiting(
        "analysing the run",
        "until its files are read and its reports made",
    );
    let analysis = analyse_folder(&folder)?;
    // What can't be written does not keep the report from being printed.
    let written = write_reports(&folder, &analysis, &arguments.reports);
    let printed = Printed {
        asked: &arguments.reports,
        explain: arguments.explain,
    };
    print(&to_print(&analysis, printed)?)?;
    written?;
    Ok(Done::Ok)
}
