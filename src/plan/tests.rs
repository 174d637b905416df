use std::path::{Path, PathBuf};

use super::*;
use crate::scenario::{Mistake, ScenarioSource};

mod all_mistakes;
mod arrivals;
mod bad_input;
#[path = "../../tests/support/beyond_schema.rs"]
mod beyond_schema;
mod columns;
mod environment;
mod files;
mod fuzz;
mod mix;
mod otlp;
mod remote;
mod rules;
mod schema;
mod spelling;
mod tls;
mod undecidable;
mod values;

/// A scenario that is right, small, and needs no files.
pub(super) const GOOD: &str = r#"
name = "good"

[milvus]
uri = "http://127.0.0.1:19530"

[data.noise]
format = "random"
rows = 1_000
dim = 8
queries = 10

[collections.words]
data = "noise"
initial_rows = "80%"
index = { type = "HNSW", params = { M = 16, efConstruction = 200 } }
fields = [{ name = "rank", type = "Int64" }]

[workloads.search]
operation = "search"
rate = 200
params = { ef = 64 }

[workloads.ingest]
operation = "insert"
batch = 20
concurrency = 1

[[phases]]
name = "alone"
warmup = "2s"
duration = "10s"
workloads = ["search"]

[[phases]]
name = "under-ingest"
duration = "10s"
workloads = ["search", "ingest"]
"#;

pub(super) fn none(_: &str) -> Option<String> {
    None
}

pub(super) fn plan_with(
    text: &str,
    sets: &[&str],
    env: Environment<'_>,
    flags: &PlanFlags,
) -> Result<Plan, ScenarioError> {
    let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
    let scenario = Scenario::read(&ScenarioSource::Stdin(text.to_owned()), &sets, env)?;
    Plan::from_scenario(&scenario, flags, env)
}

/// The plan of a scenario; the schema refuses what the plan refuses, where one can, and no more.
#[track_caller]
pub(super) fn plan(text: &str) -> Result<Plan, ScenarioError> {
    let planned = plan_with(text, &[], &none, &PlanFlags::default());
    schema::check_agreement(text, planned.as_ref().err());
    planned
}

/// The good scenario with one text replaced, which must be there.
pub(super) fn with(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from:?} is not in the good scenario");
    GOOD.replacen(from, to, 1)
}

pub(super) fn scenarios() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}
