//! The scenario of a command, as its arguments name and change it.

use std::{path::PathBuf, time::Duration};

use clap::Args;

use super::{ended::CliError, progress::Progress};
use crate::{
    plan::{Plan, PlanFlags},
    scenario::{Scenario, ScenarioSource},
};

/// Group of the flags that change a scenario, in the help.
const SCENARIO: &str = "Scenario";

/// Which scenario, and how it is changed on the command line.
#[derive(Debug, Args)]
pub(crate) struct ScenarioArguments {
    /// Scenario file (TOML); `-` reads it from stdin
    #[arg(value_name = "SCENARIO")]
    pub(crate) scenario: PathBuf,
    /// Milvus, e.g. http://127.0.0.1:19530; overrides MILVUS_URI and the scenario
    #[arg(long, value_name = "URI", help_heading = SCENARIO)]
    pub(crate) uri: Option<String>,
    /// Set a key of the scenario by its path, e.g. workloads.search.params.ef=128
    #[arg(long = "set", value_name = "KEY=VALUE", help_heading = SCENARIO)]
    pub(crate) sets: Vec<String>,
    /// Same seed: same requests, same ones traced
    #[arg(long, value_name = "N", help_heading = SCENARIO)]
    pub(crate) seed: Option<u64>,
}

/// A scenario that names nothing but what a plan must have: for the addresses and credentials that
/// flags and the environment give.
pub(crate) const NO_SCENARIO: &str = r#"
name = "none"
[collections.none]
name = "milvus_bench_doctor"
data = "none"
prepare = "reuse"
metric = "L2"
[data.none]
format = "random"
rows = 1
dim = 4
queries = 1
[workloads.none]
operation = "search"
collection = "none"
concurrency = 1
[[phases]]
name = "none"
requests = 1
workloads = ["none"]
"#;

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
    let refuse = |mistakes| CliError::of_scenario(source, &mistakes);
    let scenario = Scenario::read(source, sets, &environment).map_err(refuse)?;
    let plan = Plan::from_scenario(&scenario, flags, &environment).map_err(refuse)?;
    let progress = Progress::new(false);
    plan.remarks
        .iter()
        .filter(|remark| remark.is_note())
        .for_each(|note| progress.step(&note.to_string()));
    Ok(plan)
}
