//! `check`: a scenario read and checked, nothing sent.

use clap::Args;

use super::{
    ended::{CliError, Done},
    output::print,
    progress::Progress,
    scenario::{Read, ScenarioArguments},
    terminal::broken,
};
use crate::{
    load,
    plan::{Checked, Unfetched},
    report::clean,
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

/// A label, as wide as all are.
const LABEL: &str = "requests   ";

/// Reads, checks, and prints what a run would do.
pub(crate) fn check(arguments: &CheckArguments) -> Result<Done, CliError> {
    let progress = Progress::plain();
    let read = Read::new(&arguments.scenario, None, &progress)?;
    let plan = match read.check(&progress)? {
        Checked::Complete(plan) => plan,
        Checked::Unfetched(files) if arguments.resolved => {
            return Err(CliError::new(format!(
                "the plan can't be filled in before {} of its data sets {} fetched: use \
                 `milvus-bench data fetch {}`",
                counted(files.len(), "file"),
                if files.len() == 1 { "is" } else { "are" },
                read.source
            )));
        }
        Checked::Unfetched(files) => {
            print(broken(&unfetched(&files), |_| Some(LABEL.len())).as_bytes())?;
            return Ok(Done::Ok);
        }
    };
    let doubts = plan.remarks.iter().filter(|remark| !remark.is_note());
    doubts.for_each(|remark| progress.warn(&remark.to_string()));
    if arguments.resolved {
        let mut text = serde_json::to_vec_pretty(&plan.resolved).map_err(CliError::new)?;
        text.push(b'\n');
        print(&text)?;
    } else {
        let expectation = plan.expectation().to_string();
        let examples = load::first_requests(&plan);
        let examples = examples
            .iter()
            .map(|(workload, drawn)| example(workload, drawn));
        let lines = expectation.lines().map(str::to_owned).chain(examples);
        let text: String = lines.map(|line| clean(&line) + "\n").collect();
        // `requests   search: ...`: all labels are as wide.
        print(broken(&text, |_| Some(LABEL.len())).as_bytes())?;
    }
    Ok(Done::Ok)
}

/// What is drawn for the first request of a workload.
fn example(workload: &str, drawn: &[(String, String)]) -> String {
    let drawn = drawn.iter().map(|(key, text)| format!("{key} = {text}"));
    let drawn: Vec<String> = drawn.collect();
    format!(
        "values     {workload}: the first request has {}",
        drawn.join("; ")
    )
}

/// What is said of a scenario whose files are not all here.
fn unfetched(files: &[Unfetched]) -> String {
    let line = |of: &Unfetched| {
        let place = of.place.path();
        clean(&format!("not here   {place}: {}", of.file.url)) + "\n"
    };
    let lines: String = files.iter().map(line).collect();
    format!(
        "{lines}checked    no mistake was found, but neither in these files nor in what depends \
         on them was one looked for: `milvus-bench data fetch` fetches them, `run` does it too\n"
    )
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
