//! The bytes of one request as a run sends them, for other clients that are measured beside it:
//!
//! `cargo run --release --example request_body -- SCENARIO WORKLOAD > body`
//!
//! It is the protobuf message of the workload's first request, without gRPC's prefix.

use std::{
    error::Error,
    io::{self, Write},
    path::PathBuf,
};

use clap::Parser;
use milvus_bench::{
    operation::RequestKey,
    plan::{Plan, PlanFlags},
    scenario::{Scenario, ScenarioSource},
};

/// Writes the message of a workload's first request to stdout.
#[derive(Parser)]
struct Arguments {
    /// Scenario file.
    scenario: PathBuf,
    /// Name of the workload.
    workload: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let nothing = |_: &str| None;
    let scenario = Scenario::read(&ScenarioSource::File(arguments.scenario), &[], &nothing)?;
    let plan = Plan::from_scenario(&scenario, &PlanFlags::default(), &nothing)?;
    let workload = plan
        .workloads
        .iter()
        .find(|workload| workload.name == arguments.workload)
        .ok_or("the scenario has no such workload")?;
    let call = workload.operation.prepare(RequestKey::default())?;
    Ok(io::stdout().write_all(&call.body)?)
}
