//! What a format has to give: rows of vectors, and columns beside them; and what a vector field
//! takes of it.

use std::{fmt, sync::Arc};

use super::{element::Element, options::DatasetError, truth::Truth};
use crate::vector_type::VectorType;

/// Rows of vectors, all of one length and of one type of values, found by their number.
///
/// A source that can only be read from the front (compressed pages) keeps its place: rows are
/// mostly asked for in their order, by one thread at a time.
pub trait Vectors: Send + Sync + fmt::Debug {
    /// Number of rows, at least 1.
    fn rows(&self) -> u64;

    /// Values of a row, at least 1; of sparse rows, the number of different indices.
    fn values(&self) -> u32;

    /// Type of the values.
    fn element(&self) -> Element;

    /// Bytes of all rows as they are read.
    fn size(&self) -> u64 {
        let row = self.element().bytes() as u64 * u64::from(self.values());
        row.saturating_mul(self.rows())
    }

    /// Whether there is something between the rows that is checked only as they are read.
    fn is_framed(&self) -> bool {
        false
    }

    /// Appends `count` rows from row `first` on to `out`, all of which exist: values little-endian,
    /// row after row.
    ///
    /// # Errors
    /// They can't be read, in words that go on after the name of the file: `can't be read at row 7
    /// (...)`. What was appended is of no use then.
    fn read(&self, first: u64, count: u64, out: &mut Vec<u8>) -> Result<(), String>;

    /// Whether they are generated, so that no value can be wrong.
    fn is_made(&self) -> bool {
        false
    }

    /// The same rows made for a type of field, where they are made and not read.
    fn made_for(&self, vector_type: VectorType) -> Option<Arc<dyn Vectors>> {
        let _ = vector_type;
        None
    }

    /// Ids of `count` rows from row `first` on; None where they are their numbers.
    ///
    /// # Errors
    /// As [`Vectors::read`].
    fn ids(&self, first: u64, count: u64) -> Result<Option<Vec<i64>>, String> {
        let _ = (first, count);
        Ok(None)
    }

    /// Keys of `[data.<name>]` that name something within its files.
    fn keys(&self) -> &'static [&'static str] {
        &[]
    }

    /// Columns beside the vectors, by row; None where the format has none.
    fn columns(&self) -> Option<&dyn Columns> {
        None
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

/// Type of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ColumnType {
    Bool,
    Int,
    Float,
    Text,
    /// JSON texts, or structures that are given as such.
    Json,
    List(Box<ColumnType>),
    /// Why it can't be read, in words that go on after its name.
    Unreadable(String),
}

impl ColumnType {
    /// Its name in words.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Bool => "bool".to_owned(),
            Self::Int => "int".to_owned(),
            Self::Float => "float".to_owned(),
            Self::Text => "text".to_owned(),
            Self::Json => "JSON".to_owned(),
            Self::List(of) => format!("list of {}", of.name()),
            Self::Unreadable(what) => format!("unreadable ({what})"),
        }
    }
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

/// A column beside the vectors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type.
    pub column_type: ColumnType,
    /// Whether rows may hold none.
    pub nullable: bool,
}

/// What a row holds in a column.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Cell {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Json(String),
    List(Vec<Cell>),
}

/// Columns of as many rows as there are vectors.
pub trait Columns: Send + Sync + fmt::Debug {
    /// Their names and types, in the order of the file.
    fn list(&self) -> &[Column];

    /// Cells of the column `number` of [`Columns::list`] in `count` rows from row `first` on, all
    /// of which exist.
    ///
    /// # Errors
    /// As [`Vectors::read`].
    fn cells(&self, number: usize, first: u64, count: u64) -> Result<Vec<Cell>, String>;
}
