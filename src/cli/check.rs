//! `check`: a scenario read and checked, nothing sent.

use clap::Args;

use super::{
    ended::{CliError, Done},
    output::print,
    progress::Progress,
    scenario::{ScenarioArguments, read_plan},
    terminal::broken,
};

/// Arguments of `check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    #[command(flatten)]
    scenario: ScenarioArguments,
    /// Print the plan with every default filled in, as JSON
    #[arg(long)]
    resolved: bool,
}

/// Reads, checks, and prints what a run would do.
pub(crate) fn check(arguments: &CheckArguments) -> Result<Done, CliError> {
    let progress = Progress::plain();
    let plan = read_plan(&arguments.scenario, None, &progress)?;
    let doubts = plan.remarks.iter().filter(|remark| !remark.is_note());
    doubts.for_each(|remark| progress.warn(&remark.to_string()));
    if arguments.resolved {
        let mut text = serde_json::to_vec_pretty(&plan.resolved).map_err(CliError::new)?;
        text.push(b'\n');
        print(&text)?;
    } else {
        let text: String = plan
            .expectation()
            .to_string()
            .lines()
            .map(|line| format!("{}\n", crate::report::clean(line)))
            .collect();
        // `requests   search: ...`: all labels are as wide.
        print(broken(&text, |_| Some("requests   ".len())).as_bytes())?;
    }
    Ok(Done::Ok)
}
