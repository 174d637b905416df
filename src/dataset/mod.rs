//! Sources of vectors: the traits, and the table of formats.
//!
//! A scenario's `[data.<name>]` is opened as a [`Source`]: its files, each in a format that gives
//! rows of values ([`Vectors`]). A collection takes them as the [`Dataset`] of its vector field, in
//! the form in which they travel.

mod cast;
mod column;
mod element;
mod file;
mod foreign;
mod format;
mod formats;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod inspect;
mod options;
mod random;
mod remote;
mod source;
mod survey;
#[cfg(test)]
pub(crate) mod testing;
mod truth;
mod vectors;
mod write;

pub use column::DataColumn;
pub use element::{Element, put_sparse_row, sparse_rows};
pub use format::DatasetEntry;
pub use inspect::Inspected;
pub use options::{DatasetError, DatasetOptions, MAX_DIM, OpenError};
pub use random::distributions;
pub use remote::{RemoteFile, check_address};
pub use source::Source;
pub use survey::{Found, Range, Survey, survey};
pub use truth::{Direction, Truth};
pub use vectors::{Cell, Column, ColumnType, Columns, Dataset, Vectors};
pub use write::{Selection, WRITTEN, WriteError, WrittenFormat, write};

use std::path::Path;

use self::{
    format::Format,
    formats::{bvecs, csr, f16bin, fbin, fvecs, hdf5, i8bin, jsonl, npy, parquet, u8bin},
};
use crate::vector_type::VectorType;

/// Opens a data set: reads headers and checks them against the sizes of the files.
///
/// # Errors
/// A key or a file that can't be used.
pub fn open(options: &DatasetOptions) -> Result<Source, OpenError> {
    let named = options.format.as_deref();
    let named = DATASETS.iter().find(|entry| Some(entry.name) == named);
    match named.map(|entry| &entry.format) {
        Some(Format::Generated(open)) => open(options),
        _ => source::open_files(options, DATASETS),
    }
}

/// Opens a file or folder by itself, without a scenario: reads headers, and true neighbours, but no
/// rows. `options` name the format, or parts of the file.
///
/// # Errors
/// It is in no known format, or damaged.
pub fn inspect(path: &Path, options: &DatasetOptions) -> Result<Inspected, OpenError> {
    inspect::inspect(path, options, DATASETS)
}

/// What the rows are, in one line for the fingerprint of a collection: number, dimension, and a
/// hash over the first, middle and last 64 rows. It is the same for the same rows wherever their
/// file lies.
///
/// # Errors
/// Rows can't be read.
pub fn identity(dataset: &dyn Dataset) -> Result<String, DatasetError> {
    let rows = dataset.rows();
    let count = rows.min(64);
    let mut sample = Vec::new();
    for first in [0, (rows - count) / 2, rows - count] {
        dataset.read_rows(first, count, &mut sample)?;
    }
    let hash = sample.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let kind = match dataset.vector_type() {
        VectorType::Float => "floats".to_owned(),
        other => format!("{other} values"),
    };
    Ok(format!(
        "{rows} rows of {} {kind}, {hash:016x}",
        dataset.dim()
    ))
}

/// Every format, one row and one file each.
pub static DATASETS: &[DatasetEntry] = &[
    fbin::ENTRY,
    f16bin::ENTRY,
    u8bin::ENTRY,
    i8bin::ENTRY,
    fvecs::ENTRY,
    bvecs::ENTRY,
    npy::ENTRY,
    csr::ENTRY,
    parquet::ENTRY,
    hdf5::ENTRY,
    jsonl::ENTRY,
    random::ENTRY,
];

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn random(seed: u64, rows: u64) -> Arc<dyn Dataset> {
        let options = DatasetOptions {
            format: Some("random".into()),
            rows: Some(rows),
            dim: Some(4),
            seed,
            ..DatasetOptions::default()
        };
        open(&options).unwrap().dataset(VectorType::Float).unwrap()
    }

    #[test]
    fn formats_have_names_of_their_own() {
        let mut names: Vec<_> = DATASETS.iter().map(|entry| entry.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), DATASETS.len());
        assert!(DATASETS.iter().all(
            |entry| !entry.summary.is_empty() && entry.name == entry.name.to_ascii_lowercase()
        ));
    }

    #[test]
    fn identity_tells_rows_apart() {
        let of = |seed, rows| identity(&*random(seed, rows)).unwrap();
        assert_eq!(of(1, 1000), of(1, 1000));
        assert_ne!(of(1, 1000), of(2, 1000));
        assert_ne!(of(1, 1000), of(1, 1001));
        assert!(of(1, 3).starts_with("3 rows of 4 floats, "));
    }
}
