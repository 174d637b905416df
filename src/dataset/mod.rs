//! Sources of vectors: the traits, and the table of formats.
//!
//! A scenario's `[data.<name>]` is opened as a [`Source`]: its files, each in a format that gives
//! rows of values ([`Vectors`]). A collection takes them as the [`Dataset`] of its vector field, in
//! the form in which they travel.

mod element;
mod file;
mod foreign;
mod format;
mod formats;
mod random;
mod source;
mod truth;
mod vectors;

use std::{
    fmt,
    path::{Path, PathBuf},
};

pub use element::{Element, put_sparse_row, sparse_rows};
pub use random::distributions;
pub use source::Source;
pub use truth::Truth;
pub use vectors::{Cell, Column, ColumnType, Columns, Vectors};

use self::{
    file::Beginning,
    format::{FileFormat, Parts},
    formats::fbin,
};
use crate::vector_type::VectorType;

/// Largest dimension that Milvus takes.
pub const MAX_DIM: u32 = 32_768;

/// Most bytes of queries, or of true neighbours, that are kept in memory: 1 GiB.
const MAX_IN_MEMORY: u64 = 1 << 30;

/// A named source of vectors as resolved: `[data.<name>]`.
#[derive(Clone, Debug, Default)]
pub struct DatasetOptions {
    /// Name of the table in the scenario, for messages.
    pub name: String,
    /// `format`, where it is given.
    pub format: Option<String>,
    /// File of the rows, if the format has files.
    pub base: Option<PathBuf>,
    /// File of the query vectors.
    pub queries: Option<PathBuf>,
    /// File of the true neighbours.
    pub truth: Option<PathBuf>,
    /// Rows of a generated data set.
    pub rows: Option<u64>,
    /// Dimension of a generated data set.
    pub dim: Option<u32>,
    /// Number of generated queries.
    pub query_count: Option<u64>,
    /// Distribution of a generated data set.
    pub distribution: Option<String>,
    /// Seed of a generated data set.
    pub seed: u64,
}

/// Why a data set can't be used: one sentence that names the file or key, what was found, what is
/// allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DatasetError(pub String);

/// Why a data set can't be opened: the key at fault, and one sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct OpenError {
    /// `base`, `queries`, `truth`, `rows`, ...; empty where the table as a whole is meant.
    pub key: &'static str,
    /// What was found and what is allowed, in words that go on after the key.
    pub message: String,
}

impl OpenError {
    /// A file that can't be used; `story` goes on after its name.
    fn of_file(key: &'static str, path: &Path, story: &str) -> Self {
        Self {
            key,
            message: format!("can't be used: {} {story}", path.display()),
        }
    }

    /// The same where the message names the file.
    fn named(key: &'static str, message: &str) -> Self {
        Self {
            key,
            message: format!("can't be used: {message}"),
        }
    }
}

/// Rows and queries, vectors of one type and dimension, always in the form in which they travel:
/// [`VectorType::bytes`] little-endian bytes each, or, of sparse ones, see [`Element::Sparse`].
pub trait Dataset: Send + Sync + fmt::Debug {
    /// Number of rows; 0 where only queries are given.
    fn rows(&self) -> u64;
    /// Dimension, at least 1; of sparse vectors the number of different indices.
    fn dim(&self) -> u32;
    /// Type of its vectors.
    fn vector_type(&self) -> VectorType {
        VectorType::Float
    }
    /// Number of query vectors.
    fn queries(&self) -> u64;
    /// Appends `count` rows from row `first` on to `out`.
    ///
    /// # Errors
    /// The file can't be read, or ends too early (it was changed since it was opened).
    fn read_rows(&self, first: u64, count: u64, out: &mut Vec<u8>) -> Result<(), DatasetError>;
    /// The query vector `index` (below [`Dataset::queries`]), as a placeholder holds it: of sparse
    /// ones the pairs alone.
    fn query(&self, index: u64) -> &[u8];
    /// True neighbours, if the data set has them.
    fn truth(&self) -> Option<&Truth> {
        None
    }
}

/// One format.
pub struct DatasetEntry {
    /// Name in `format = "..."`.
    pub name: &'static str,
    /// One sentence for `list` and the documents.
    pub summary: &'static str,
    /// Where its vectors come from.
    format: Format,
}

/// Where the vectors of a format come from.
enum Format {
    /// Files, each of which may be in another one of these formats.
    Files(FileFormat),
    /// No file.
    Generated(fn(&DatasetOptions) -> Result<Source, OpenError>),
}

/// Opens a data set: reads headers and checks them against the sizes of the files.
///
/// # Errors
/// A key or a file that can't be used.
pub fn open(options: &DatasetOptions) -> Result<Source, OpenError> {
    let named = options.format.as_deref();
    let named = DATASETS.iter().find(|entry| Some(entry.name) == named);
    match named.map(|entry| &entry.format) {
        Some(Format::Generated(open)) => open(options),
        _ => source::open_files(options),
    }
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
pub static DATASETS: &[DatasetEntry] = &[fbin::ENTRY, random::ENTRY];

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
