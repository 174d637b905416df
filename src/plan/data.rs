//! `[data.<name>]`: data sets opened.

use std::sync::Arc;

use super::planned::Planned;
use crate::{
    dataset::{DATASETS, Dataset, DatasetOptions, OpenError},
    keys::all,
    scenario::{Scenario, ScenarioError, Section, choose},
};

/// A named data set.
pub(super) struct Source {
    pub(super) name: String,
    pub(super) dataset: Arc<dyn Dataset>,
}

/// Opens every data set of the scenario.
pub(super) fn open(
    scenario: &Scenario,
    seed: u64,
    mistakes: &mut ScenarioError,
) -> Planned<Source> {
    let tables = scenario.root.sections_within("data", "a scenario");
    let Some(tables) = mistakes.keep(tables) else {
        return Planned::lost();
    };
    if tables.is_empty() && scenario.root.unless_meant("data").is_err() {
        return Planned::lost();
    }
    let mut sources = Planned::default();
    for table in tables {
        sources.add(table, source(table, seed), mistakes);
    }
    sources
}

/// The error at the key that it names.
fn at_fault(table: &Section, error: &OpenError) -> ScenarioError {
    let (key, message) = (error.key, &error.message);
    if key.is_empty() {
        return table.error(message);
    }
    match table.place_of(key) {
        Some(place) => place.error(message),
        // It may be there under another name.
        None => table
            .unless_meant(key)
            .map_or_else(|told| told, |()| table.place.child(key).error(message)),
    }
}

fn source(table: &Section, seed: u64) -> Result<Source, ScenarioError> {
    let names = || {
        DATASETS
            .iter()
            .map(|row| row.name)
            .collect::<Vec<_>>()
            .join(", ")
    };
    let format = table.text("format")?.ok_or_else(|| {
        table.lacks(
            &["format"],
            format!("has no `format`, expected one of {}", names()),
        )
    });
    let entry =
        format.and_then(|format| choose(&format, "format of data sets", DATASETS, |row| row.name));
    let path = |key| table.path(key).map(|found| found.map(|at| at.value));
    let count = |key| {
        let found = table.written_integer(key);
        found.map(|found| found.map(i64::unsigned_abs))
    };
    // `queries` is a path or a number.
    let paths = all((path("base"), path("queries"), path("truth")));
    let counts = all((count("queries"), count("rows"), count("dim")));
    let (entry, paths, counts, distribution) =
        all((entry, paths, counts, table.text("distribution")))?;
    let options = DatasetOptions {
        name: table.name.clone(),
        base: paths.0,
        queries: paths.1,
        truth: paths.2,
        query_count: counts.0,
        rows: counts.1,
        dim: counts.2.map(|dim| dim as u32),
        distribution: distribution.map(|text| text.value),
        seed,
    };
    let dataset = (entry.open)(&options).map_err(|error| at_fault(table, &error))?;
    Ok(Source {
        name: table.name.clone(),
        dataset,
    })
}
