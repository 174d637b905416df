//! `format = "hdf5"`: files of ann-benchmarks, with `train`, `test` and `neighbors` in one file.
//!
//! The file is read in parts by `hdf5-pure`: an array in one piece by position, one in chunks chunk
//! by chunk. `distances` are left out: those of ann-benchmarks are roots, parts of 1 or negated, by
//! the word in the attribute `distance` and by who wrote the file; neighbours are known by their
//! ids.

use std::sync::Arc;

use super::super::{
    element::Element,
    file::{Beginning, check_memory},
    format::{Asked, DatasetEntry, FileFormat, Format, Neighbours, Parts, Role},
    options::DatasetOptions,
    truth::Truth,
    vectors::Vectors,
};

use self::{
    array::{Array, Hdf5, KEYS, whole},
    sets::Sets,
};

mod array;
mod sets;

pub(in crate::dataset) const ENTRY: DatasetEntry = DatasetEntry {
    name: "hdf5",
    summary: "files of ann-benchmarks: train, test and neighbors in one HDF5 file",
    format: Format::Files(FileFormat {
        extensions: EXTENSIONS,
        recognises,
        vectors: open,
        truth: Some(Neighbours {
            name: "hdf5",
            extensions: EXTENSIONS,
            recognises,
            read,
        }),
        parts,
    }),
};

const EXTENSIONS: &[&str] = &["hdf5", "h5"];

const SIGNATURE: &[u8] = b"\x89HDF\r\n\x1a\n";

fn recognises(beginning: &Beginning) -> bool {
    // After a block of the user's, at a power of two.
    let places = [0, 512, 1024, 2048];
    let at = |place: &usize| beginning.head.get(*place..place + SIGNATURE.len());
    places.iter().any(|place| at(place) == Some(SIGNATURE))
}

fn name_of(role: Role, options: &DatasetOptions) -> (&'static str, &str) {
    let (key, given, usual) = match role {
        Role::Base => ("vector", &options.vector, "train"),
        Role::Queries => ("query_vector", &options.query_vector, "test"),
        Role::Truth => ("neighbors", &options.neighbors, "neighbors"),
    };
    (key, given.as_deref().unwrap_or(usual))
}

/// Whether the file has queries and neighbours beside the rows.
fn parts(beginning: &Beginning, options: &DatasetOptions) -> Parts {
    let Ok(file) = Hdf5::open(beginning) else {
        return Parts::default();
    };
    let path = |role: Role| {
        let (_, name) = name_of(role, options);
        file.has(name).then(|| beginning.path.clone())
    };
    Parts {
        queries: path(Role::Queries),
        truth: path(Role::Truth),
    }
}

fn open(asked: &Asked<'_>) -> Result<Arc<dyn Vectors>, String> {
    let file = Hdf5::open(asked.beginning)?;
    let (key, name) = name_of(asked.role, asked.options);
    let array = file.array(key, name)?;
    if file.is_of_sets() && array.shape.len() == 1 {
        return Ok(Arc::new(Sets::open(&file, name, array)?));
    }
    let [rows, values] = array.shape[..] else {
        return Err(format!(
            "has an array {name} of {} dimensions where vectors are needed: expected 2, rows and \
             values",
            array.shape.len()
        ));
    };
    if rows == 0 || values == 0 {
        return Err(format!(
            "has an array {name} of {rows} rows with {values} values each, expected at least 1"
        ));
    }
    let values = u32::try_from(values)
        .map_err(|_| format!("has an array {name} with {values} values a row"))?;
    Ok(Arc::new(Matrix {
        rows,
        values,
        array,
    }))
}

fn read(asked: &Asked<'_>) -> Result<Truth, String> {
    let file = Hdf5::open(asked.beginning)?;
    let (key, name) = name_of(Role::Truth, asked.options);
    let array = file.array(key, name)?;
    let [queries, k] = array.shape[..] else {
        return Err(format!(
            "has an array {name} of {} dimensions, expected 2: neighbours of each query",
            array.shape.len()
        ));
    };
    if matches!(
        array.element,
        Element::F16 | Element::F32 | Element::F64 | Element::Bool
    ) {
        return Err(format!(
            "has an array {name} of type {}, expected whole numbers, the ids of neighbours",
            array.element.name()
        ));
    }
    if k == 0 || queries == 0 {
        return Err(format!(
            "has {k} neighbours of {queries} queries in its array {name}, expected at least 1"
        ));
    }
    if queries != asked.queries {
        return Err(format!(
            "has the neighbours of {queries} queries, but the data set has {} queries: the \
             numbers must be equal",
            asked.queries
        ));
    }
    check_memory(u128::from(queries) * u128::from(k) * 8)?;
    let mut bytes = Vec::new();
    array.read(0, queries, &mut bytes)?;
    Ok(Truth {
        k: k as usize,
        ids: whole(array.element, &bytes),
        distances: Vec::new(),
    })
}

/// An array of rows.
#[derive(Debug)]
struct Matrix {
    rows: u64,
    values: u32,
    array: Array,
}

impl Vectors for Matrix {
    fn rows(&self) -> u64 {
        self.rows
    }

    fn values(&self) -> u32 {
        self.values
    }

    fn element(&self) -> Element {
        self.array.element
    }

    fn read(&self, first: u64, count: u64, out: &mut Vec<u8>) -> Result<(), String> {
        self.array.read(first, count, out)
    }

    fn keys(&self) -> &'static [&'static str] {
        KEYS
    }
}

#[cfg(test)]
mod tests;
