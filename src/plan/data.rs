//! `[data.<name>]`: data sets opened.

use super::planned::Planned;
use crate::{
    dataset::{self, DATASETS, DatasetOptions, OpenError},
    keys::all,
    scenario::{Scenario, ScenarioError, Section, choose},
};

/// A named data set.
pub(super) struct Source {
    pub(super) name: String,
    pub(super) data: dataset::Source,
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
pub(super) fn at_fault(table: &Section, error: &OpenError) -> ScenarioError {
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
    let entry = table.text("format").and_then(|format| {
        let Some(format) = format else {
            return table.unless_meant("format").map(|()| None);
        };
        choose(&format, "format of data sets", DATASETS, |row| row.name).map(Some)
    });
    let path = |key| table.path(key).map(|found| found.map(|at| at.value));
    let count = |key| {
        let found = table.written_integer(key);
        found.map(|found| found.map(i64::unsigned_abs))
    };
    // `queries` is a path or a number.
    let paths = all((path("base"), path("queries"), path("truth")));
    let names = all((
        table.text("files"),
        table.text("vector"),
        table.text("query_vector"),
        table.text("id"),
        table.text("neighbors"),
    ));
    let counts = all((count("queries"), count("rows"), count("dim")));
    let (entry, paths, names, counts, distribution) =
        all((entry, paths, names, counts, table.text("distribution")))?;
    if entry.is_none() && paths.0.is_none() && paths.1.is_none() {
        let names: Vec<&str> = DATASETS.iter().map(|row| row.name).collect();
        let story = format!(
            "has no `format` and no file: give it a base, or write format = \"random\" for \
             generated vectors; formats are {}",
            names.join(", ")
        );
        return Err(table.lacks(&["format", "base", "queries"], story));
    }
    let word = |found: Option<crate::scenario::At<String>>| found.map(|text| text.value);
    let options = DatasetOptions {
        name: table.name.clone(),
        format: entry.map(|entry| entry.name.to_owned()),
        base: paths.0,
        queries: paths.1,
        truth: paths.2,
        files: word(names.0),
        vector: word(names.1),
        query_vector: word(names.2),
        id: word(names.3),
        neighbors: word(names.4),
        query_count: counts.0,
        rows: counts.1,
        dim: counts.2.map(|dim| dim as u32),
        distribution: distribution.map(|text| text.value),
        seed,
    };
    let data = dataset::open(&options).map_err(|error| at_fault(table, &error))?;
    Ok(Source {
        name: table.name.clone(),
        data,
    })
}
