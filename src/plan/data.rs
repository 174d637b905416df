//! `[data.<name>]`: data sets opened.

use std::{path::PathBuf, sync::Arc};

use super::{PlanError, limits};
use crate::{
    dataset::{DATASETS, Dataset, DatasetOptions},
    scenario::{At, DataTable, QueriesKey, Scenario, choose},
};

/// A named data set.
pub(super) struct Source {
    pub(super) name: String,
    pub(super) dataset: Arc<dyn Dataset>,
}

/// Opens every data set of the scenario.
pub(super) fn open(scenario: &Scenario, seed: u64) -> Result<Vec<Source>, PlanError> {
    scenario.data.iter().map(|table| source(table, seed)).collect()
}

fn source(table: &At<DataTable>, seed: u64) -> Result<Source, PlanError> {
    let data = &table.value;
    let names = || DATASETS.iter().map(|row| row.name).collect::<Vec<_>>().join(", ");
    let format = data.format.as_ref().ok_or_else(|| table.error(format!("has no `format`; allowed: {}", names())))?;
    let entry = choose(format, "format of data sets", DATASETS, |row| row.name)?;
    let path = |at: &Option<At<PathBuf>>| at.as_ref().map(|at| at.value.clone());
    let (queries, query_count) = match &data.queries {
        None => (None, None),
        Some(At { value: QueriesKey::File(path), .. }) => (Some(path.clone()), None),
        Some(At { value: QueriesKey::Count(count), place }) => {
            (None, Some(limits::number(&Some(At { value: *count, place: place.clone() }), 1..=1_000_000_000, 1)?.unsigned_abs()))
        }
    };
    let count = |at: &Option<At<i64>>, most: i64| at.as_ref().map(|_| limits::number(at, 1..=most, 1).map(i64::unsigned_abs)).transpose();
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
    let dataset = (entry.open)(&options).map_err(|error| table.error(format!("can't be used: {error}")))?;
    Ok(Source { name: data.key.clone(), dataset })
}
