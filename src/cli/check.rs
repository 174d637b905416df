//! `check`: a scenario read and checked, nothing sent.

use std::time::Duration;

use clap::Args;

use super::{CliError, Done, ScenarioArguments, output::print, progress::Progress};
use crate::{
    plan::{Plan, PlanFlags},
    scenario::{Scenario, ScenarioSource},
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
    plan.remarks
        .iter()
        .for_each(|remark| progress.warn(&remark.to_string()));
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
        print(text.as_bytes())?;
    }
    Ok(Done::Ok)
}

/// The scenario as resolved, with the flags and the environment of this process.
pub(crate) fn read_plan(
    arguments: &ScenarioArguments,
    wait: Option<Duration>,
    progress: &Progress,
) -> Result<Plan, CliError> {
    let source = if arguments.scenario.as_os_str() == "-" {
        let _waiting = progress.waiting(
            "waiting for the scenario on stdin",
            "until its end (Ctrl-D)",
        );
        let text = std::io::read_to_string(std::io::stdin()).map_err(|error| {
            CliError::new(format!("the scenario on stdin can't be read: {error}"))
        })?;
        ScenarioSource::Stdin(text)
    } else {
        ScenarioSource::File(arguments.scenario.clone())
    };
    let flags = PlanFlags {
        seed: arguments.seed,
        uri: arguments.uri.clone(),
        wait,
        ..PlanFlags::default()
    };
    let _reading = progress.waiting(
        "reading the scenario and its data sets",
        "until their files are read",
    );
    plan_of(&source, &arguments.sets, &flags)
}

/// The same for a scenario from anywhere.
pub(crate) fn plan_of(
    source: &ScenarioSource,
    sets: &[String],
    flags: &PlanFlags,
) -> Result<Plan, CliError> {
    let environment = |name: &str| std::env::var(name).ok();
    let scenario = Scenario::read(source, sets, &environment).map_err(CliError::new)?;
    let plan = Plan::from_scenario(&scenario, flags, &environment).map_err(CliError::new)?;
    let progress = Progress::new(false);
    plan.remarks
        .iter()
        .filter(|remark| remark.is_note())
        .for_each(|note| progress.step(&note.to_string()));
    Ok(plan)
}
