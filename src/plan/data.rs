//! `[data.<name>]`: data sets opened.

use std::sync::Arc;

use super::PlanError;
use crate::{
    dataset::{DATASETS, Dataset, DatasetOptions, OpenError},
    scenario::{Scenario, Section, choose},
};

/// A named data set.
pub(super) struct Source {
    pub(super) name: String,
    pub(super) dataset: Arc<dyn Dataset>,
}

/// Opens every data set of the scenario.
pub(super) fn open(scenario: &Scenario, seed: u64) -> Result<Vec<Source>, PlanError> {
    scenario
        .root
        .sections("data")
        .iter()
        .map(|table| source(table, seed))
        .collect()
}

/// The error at the key that it names.
fn at_fault(table: &Section, error: &OpenError) -> PlanError {
    if error.key.is_empty() {
        return table.error(&error.message).into();
    }
    table.place_or_child(error.key).error(&error.message).into()
}

fn source(table: &Section, seed: u64) -> Result<Source, PlanError> {
    let names = || {
        DATASETS
            .iter()
            .map(|row| row.name)
            .collect::<Vec<_>>()
            .join(", ")
    };
    let format = table
        .text("format")
        .ok_or_else(|| table.error(format!("has no `format`; allowed: {}", names())))?;
    let entry = choose(&format, "format of data sets", DATASETS, |row| row.name)?;
    let path = |key| table.path(key).map(|at| at.value);
    let count = |key| {
        table
            .written_integer(key)
            .map(|found| found.map(i64::unsigned_abs))
    };
    let options = DatasetOptions {
        name: table.name.clone(),
        base: path("base"),
        queries: path("queries"),
        truth: path("truth"),
        query_count: count("queries")?,
        rows: count("rows")?,
        dim: count("dim")?.map(|dim| dim as u32),
        distribution: table.text("distribution").map(|text| text.value),
        seed,
    };
    let dataset = (entry.open)(&options).map_err(|error| at_fault(table, &error))?;
    Ok(Source {
        name: table.name.clone(),
        dataset,
    })
}
