//! The scenario of a command, as its arguments name and change it.

use std::{path::PathBuf, time::Duration};

use clap::Args;

use super::{ended::CliError, progress::Progress, values::whole};
use crate::{
    plan::{Checked, Plan, PlanFlags},
    scenario::{Scenario, ScenarioError, ScenarioSource},
    stack::StackOptions,
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
    #[arg(long, value_name = "N", value_parser = whole(0..=u64::MAX), help_heading = SCENARIO)]
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

/// A scenario as read, with what changes it.
pub(crate) struct Read {
    pub(crate) source: ScenarioSource,
    scenario: Scenario,
    flags: PlanFlags,
}

impl Read {
    /// Reads the scenario of a command.
    pub(crate) fn new(
        arguments: &ScenarioArguments,
        wait: Option<Duration>,
        progress: &Progress,
    ) -> Result<Self, CliError> {
        let source = if arguments.scenario.as_os_str() == "-" {
            let _waiting = progress.waiting(
                "waiting for the scenario on stdin",
                "until its end (Ctrl-D)",
            );
            ScenarioSource::stdin().map_err(CliError::new)?
        } else {
            ScenarioSource::File(arguments.scenario.clone())
        };
        let flags = PlanFlags {
            seed: arguments.seed,
            uri: arguments.uri.clone(),
            wait,
            ..PlanFlags::default()
        };
        Self::of(source, &arguments.sets, flags)
    }

    fn of(source: ScenarioSource, sets: &[String], flags: PlanFlags) -> Result<Self, CliError> {
        let scenario = Scenario::read(&source, sets, &environment)
            .map_err(|mistakes| CliError::of_scenario(&source, &mistakes))?;
        Ok(Self {
            source,
            scenario,
            flags: PlanFlags {
                // Without a home folder nothing can be there.
                fetched: fetched_files().ok(),
                ..flags
            },
        })
    }

    /// Everything checked, as far as its files are here.
    pub(crate) fn check(&self, progress: &Progress) -> Result<Checked, CliError> {
        let _reading = progress.waiting(
            "reading the scenario and its data sets",
            "until their files are read",
        );
        let checked = Plan::check(&self.scenario, &self.flags, &environment);
        let checked = checked.map_err(|mistakes| CliError::of_scenario(&self.source, &mistakes))?;
        if let Checked::Complete(plan) = &checked {
            say_notes(plan);
        }
        Ok(checked)
    }

    /// The same where all of them are.
    pub(crate) fn plan(&self, progress: &Progress) -> Result<Plan, CliError> {
        match self.check(progress)? {
            Checked::Complete(plan) => Ok(*plan),
            Checked::Unfetched(files) => {
                let mut mistakes = ScenarioError::told();
                files.iter().for_each(|file| mistakes.add(file.mistake()));
                Err(CliError::of_scenario(&self.source, &mistakes))
            }
        }
    }
}

/// Folder of the files of data sets that were fetched from their addresses: in the cache folder,
/// which is that of `stack`.
pub(crate) fn fetched_files() -> Result<PathBuf, CliError> {
    let options = StackOptions::default_ports().map_err(CliError::new)?;
    Ok(options.cache.join("data"))
}

/// The plan of a scenario from anywhere.
pub(crate) fn plan_of(
    source: &ScenarioSource,
    sets: &[String],
    flags: &PlanFlags,
) -> Result<Plan, CliError> {
    Read::of(source.clone(), sets, flags.clone())?.plan(&Progress::new(true))
}

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn say_notes(plan: &Plan) {
    let progress = Progress::new(false);
    plan.remarks
        .iter()
        .filter(|remark| remark.is_note())
        .for_each(|note| progress.step(&note.to_string()));
}
