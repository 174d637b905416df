//! `[data.<name>]`: data sets opened.

use std::{path::PathBuf, sync::Arc};

use super::{PlanError, limits};
use crate::{
    dataset::{DATASETS, Dataset, DatasetOptions, OpenError},
    scenario::{At, DataTable, QueriesKey, Scenario, choose},
};

/// A named data set.
pub(super) struct Source {
    pub(super) name: String,
    pub(super) dataset: Arc<dyn Dataset>,
}

/// Opens every data set of the scenario.
pub(super) fn open(scenario: &Scenario, seed: u64) -> Result<Vec<Source>, PlanError> {
    scenario
        .data
        .iter()
        .map(|table| source(table, seed))
        .collect()
}

/// The error at the key that it names.
fn at_fault(table: &At<DataTable>, error: &OpenError) -> PlanError {
    let DataTable {
        base,
        queries,
        truth,
        rows,
        dim,
        distribution,
        ..
    } = &table.value;
    let place = match error.key {
        "base" => base.as_ref().map(|at| &at.place),
        "queries" => queries.as_ref().map(|at| &at.place),
        "truth" => truth.as_ref().map(|at| &at.place),
        "rows" => rows.as_ref().map(|at| &at.place),
        "dim" => dim.as_ref().map(|at| &at.place),
        "distribution" => distribution.as_ref().map(|at| &at.place),
        _ => None,
    };
    let place = match place {
        Some(place) => place.clone(),
        None if error.key.is_empty() => table.place.clone(),
        None => table.place.child(error.key),
    };
    place.error(&error.message).into()
}

fn source(table: &At<DataTable>, seed: u64) -> Result<Source, PlanError> {
    let data = &table.value;
    let names = || {
        DATASETS
            .iter()
            .map(|row| row.name)
            .collect::<Vec<_>>()
            .join(", ")
    };
    let format = data
        .format
        .as_ref()
        .ok_or_else(|| table.error(format!("has no `format`; allowed: {}", names())))?;
    let entry = choose(format, "format of data sets", DATASETS, |row| row.name)?;
    let path = |at: &Option<At<PathBuf>>| at.as_ref().map(|at| at.value.clone());
    let (queries, query_count) = match &data.queries {
        None => (None, None),
        Some(At {
            value: QueriesKey::File(path),
            ..
        }) => (Some(path.clone()), None),
        Some(At {
            value: QueriesKey::Count(count),
            place,
        }) => (
            None,
            Some(
                limits::number(
                    &Some(At {
                        value: *count,
                        place: place.clone(),
                    }),
                    1..=1_000_000_000,
                    1,
                )?
                .unsigned_abs(),
            ),
        ),
    };
    let count = |at: &Option<At<i64>>, most: i64| {
        at.as_ref()
            .map(|_| limits::number(at, 1..=most, 1).map(i64::unsigned_abs))
            .transpose()
    };
    let options = DatasetOptions {
        name: data.key.clone(),
        base: path(&data.base),
        queries,
        truth: path(&data.truth),
        rows: count(&data.rows, 10_000_000_000)?,
        dim: count(&data.dim, 32_768)?.map(|dim| dim as u32),
        query_count,
        distribution: data.distribution.as_ref().map(|text| text.value.clone()),
        seed,
    };
    let dataset = (entry.open)(&options).map_err(|error| at_fault(table, &error))?;
    Ok(Source {
        name: data.key.clone(),
        dataset,
    })
}
