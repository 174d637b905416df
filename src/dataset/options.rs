//! What a scenario says of a data set, and why it can't be used.

use std::path::{Path, PathBuf};

/// Largest dimension that Milvus takes.
pub const MAX_DIM: u32 = 32_768;

/// Most bytes of queries, or of true neighbours, that are kept in memory: 1 GiB.
pub(super) const MAX_IN_MEMORY: u64 = 1 << 30;

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
    /// Which files of a folder have the rows.
    pub files: Option<String>,
    /// Column, or array within a file, of the vectors.
    pub vector: Option<String>,
    /// The same of the query vectors.
    pub query_vector: Option<String>,
    /// Column of the ids of rows.
    pub id: Option<String>,
    /// Column or array of the true neighbours.
    pub neighbors: Option<String>,
    /// Rows of a generated data set.
    pub rows: Option<u64>,
    /// Dimension of a generated data set.
    pub dim: Option<u32>,
    /// Number of generated queries.
    pub query_count: Option<u64>,
    /// Distribution of a generated data set.
    pub distribution: Option<String>,
    /// Least and most non-zero values of a generated sparse vector; with it the data set is sparse.
    pub nonzeros: Option<(u32, u32)>,
    /// Share of generated rows that equal an earlier one, from 0 to 1.
    pub duplicates: Option<f64>,
    /// Seed of a generated data set.
    pub seed: u64,
}

impl DatasetOptions {
    /// Keys that name something within files, where they are given.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        let given = [
            ("files", self.files.is_some()),
            ("vector", self.vector.is_some()),
            ("query_vector", self.query_vector.is_some()),
            ("id", self.id.is_some()),
            ("neighbors", self.neighbors.is_some()),
        ];
        given
            .into_iter()
            .filter(|(_, given)| *given)
            .map(|(key, _)| key)
    }
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
    pub(super) fn of_file(key: &'static str, path: &Path, story: &str) -> Self {
        Self {
            key,
            message: format!("can't be used: {} {story}", path.display()),
        }
    }

    /// The same where the message names the file.
    pub(super) fn named(key: &'static str, message: &str) -> Self {
        Self {
            key,
            message: format!("can't be used: {message}"),
        }
    }
}
