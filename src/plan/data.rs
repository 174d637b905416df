//! `[data.<name>]`: data sets opened, those whose files are here.

use std::path::{Path, PathBuf};

use super::planned::Planned;
use crate::{
    dataset::{self, DATASETS, DatasetOptions, OpenError, RemoteFile},
    keys::all,
    scenario::{InitialRows, Place, Scenario, ScenarioError, Section, choose, quoted},
};

/// A file of a data set that is at an address and not fetched yet.
#[derive(Clone, Debug)]
pub struct Unfetched {
    /// The key that names it.
    pub place: Place,
    /// The file.
    pub file: RemoteFile,
}

impl Unfetched {
    /// It as a mistake of the scenario.
    #[must_use]
    pub fn mistake(&self) -> ScenarioError {
        self.place.error(format!(
            "is not in the cache; `milvus-bench data fetch SCENARIO` fetches {}",
            self.file.url
        ))
    }
}

/// What data sets are opened with.
pub(super) struct Opening<'a> {
    pub(super) seed: u64,
    /// Folder of fetched files.
    pub(super) fetched: Option<&'a Path>,
    /// Files that are not there. Their data sets are left out without a message.
    pub(super) unfetched: Vec<Unfetched>,
}

/// A named data set.
pub(super) struct Source {
    pub(super) name: String,
    pub(super) data: dataset::Source,
}

/// Opens every data set of the scenario.
pub(super) fn open(
    scenario: &Scenario,
    opening: &mut Opening<'_>,
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
        sources.add(table, source(table, opening), mistakes);
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

impl Opening<'_> {
    /// The path of a file, also of one that is at an address; None where the key is left out.
    fn file(&mut self, table: &Section, key: &str) -> Result<Option<PathBuf>, ScenarioError> {
        let Some(remote) = table.section(key) else {
            let Some(path) = table.path(key)? else {
                return Ok(None);
            };
            return match address_in(&path.value) {
                None => Ok(Some(path.value)),
                Some(url) => Err(path.error(format!(
                    "is an address, which needs the sum of the file: write {key} = {{ url = {}, \
                     sha256 = \"...\" }} with the sum that its publisher gives, or that \
                     `sha256sum` prints of a copy that you trust",
                    quoted(&url)
                ))),
            };
        };
        let file = remote_file(remote)?;
        let path = self.fetched.map(|folder| file.path_in(folder));
        if let Some(path) = path.filter(|path| path.is_file()) {
            return Ok(Some(path));
        }
        let place = remote.place.clone();
        self.unfetched.push(Unfetched { place, file });
        Err(ScenarioError::told())
    }
}

/// The address that a path is, which was read as relative to a folder.
fn address_in(path: &Path) -> Option<String> {
    let text = path.to_str()?;
    let starts = ["https://", "http://"].iter();
    let start = starts.filter_map(|scheme| text.find(scheme)).min()?;
    Some(text[start..].to_owned())
}

fn remote_file(table: &Section) -> Result<RemoteFile, ScenarioError> {
    let needed = |key: &'static str, story: &str| {
        let lacking = || table.lacks(&[key], format!("has no `{key}`: {story}"));
        table.text(key).and_then(|text| text.ok_or_else(lacking))
    };
    let (url, sha256) = all((
        needed("url", "write the address of the file"),
        needed(
            "sha256",
            "write the sum that the file's publisher gives, or that `sha256sum` prints of a copy \
             that you trust",
        ),
    ))?;
    RemoteFile::new(&url.value, &sha256.value).map_err(|(key, story)| match key {
        "url" => url.error(story),
        _ => sha256.error(story),
    })
}

fn source(table: &Section, opening: &mut Opening<'_>) -> Result<Source, ScenarioError> {
    let entry = table.text("format").and_then(|format| {
        let Some(format) = format else {
            return table.unless_meant("format").map(|()| None);
        };
        choose(&format, "format of data sets", DATASETS, |row| row.name).map(Some)
    });
    let mut path = |key| opening.file(table, key);
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
    let drawn = all((
        table.text("distribution"),
        nonzeros(table),
        table.rows("duplicates"),
    ));
    let (entry, paths, names, counts, drawn) = all((entry, paths, names, counts, drawn))?;
    let (distribution, nonzeros, duplicates) = drawn;
    let rows = counts.1.unwrap_or(1).max(1) as f64;
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
        nonzeros,
        duplicates: duplicates.map(|at| match at.value {
            InitialRows::Share(share) => share,
            InitialRows::Count(count) => (count as f64 / rows).min(1.0),
        }),
        seed: opening.seed,
    };
    let data = dataset::open(&options).map_err(|error| at_fault(table, &error))?;
    Ok(Source {
        name: table.name.clone(),
        data,
    })
}

/// Least and most, also where both are written as one number.
fn nonzeros(table: &Section) -> Result<Option<(u32, u32)>, ScenarioError> {
    if let Some(number) = table.written_integer("nonzeros")? {
        return Ok(Some((number as u32, number as u32)));
    }
    let Some(text) = table.text("nonzeros")? else {
        return Ok(None);
    };
    let number = |text: &str| text.trim().parse::<u32>().ok();
    let ends = text.value.split_once("..");
    match ends.and_then(|(least, most)| number(least).zip(number(most))) {
        Some(ends) => Ok(Some(ends)),
        None => Err(text.error(format!(
            "is {}, expected a number or a range such as \"20..60\"",
            quoted(&text.value)
        ))),
    }
}
