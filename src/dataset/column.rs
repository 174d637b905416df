//! A column beside the vectors of a data set, as a field or a primary key takes it.

use std::{fmt, sync::Arc};

use super::{
    options::DatasetError,
    vectors::{Cell, Column, ColumnType, Vectors},
};

/// Cells that the identity of a column looks at, at either end.
const SAMPLE: u64 = 64;

/// One column of a data set; after its last row it begins again, as the vectors do.
#[derive(Clone)]
pub struct DataColumn {
    /// `base of [data.glove] (path)`.
    label: String,
    vectors: Arc<dyn Vectors>,
    number: usize,
    column: Column,
    /// A hash of its first and last cells.
    identity: u64,
}

impl DataColumn {
    pub(super) fn new(label: &str, vectors: &Arc<dyn Vectors>, name: &str) -> Result<Self, String> {
        let Some(columns) = vectors.columns() else {
            return Err(format!(
                "but {label} has no columns: formats with columns are hdf5, parquet and jsonl"
            ));
        };
        let list = columns.list();
        let Some(number) = list.iter().position(|column| column.name == name) else {
            let names: Vec<&str> = list.iter().map(|column| column.name.as_str()).collect();
            return Err(format!(
                "which {label} has not; its columns are: {}",
                names.join(", ")
            ));
        };
        if let ColumnType::Unreadable(why) = &list[number].column_type {
            return Err(format!("but column {name} of {label} {why}"));
        }
        let mut column = Self {
            label: label.to_owned(),
            vectors: Arc::clone(vectors),
            number,
            column: list[number].clone(),
            identity: 0,
        };
        column.identity = column.sample().map_err(|error| format!("but {error}"))?;
        Ok(column)
    }

    fn sample(&self) -> Result<u64, DatasetError> {
        let rows = self.rows();
        let count = rows.min(SAMPLE);
        let mut cells = self.cells(0, count)?;
        cells.extend(self.cells(rows - count, count)?);
        let text = format!("{cells:?}");
        Ok(text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        }))
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.column.name
    }

    /// Type of its cells.
    #[must_use]
    pub fn column_type(&self) -> &ColumnType {
        &self.column.column_type
    }

    /// Whether rows may hold none.
    #[must_use]
    pub fn is_nullable(&self) -> bool {
        self.column.nullable
    }

    /// Rows that it has, at least 1.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.vectors.rows()
    }

    /// Its cells in `count` rows from row `first` on; after its last row it begins again.
    ///
    /// # Errors
    /// They can't be read.
    pub fn cells(&self, first: u64, count: u64) -> Result<Vec<Cell>, DatasetError> {
        let Some(columns) = self.vectors.columns() else {
            return Ok(Vec::new());
        };
        let rows = self.rows();
        let (mut at, mut left) = (first % rows, count);
        let mut cells = Vec::new();
        while left > 0 {
            let part = left.min(rows - at);
            let found = columns
                .cells(self.number, at, part)
                .map_err(|story| self.error(&format!("in column {}, {story}", self.name())))?;
            if found.len() as u64 != part {
                return Err(self.error(&format!(
                    "has {} cells of column {} from row {at} on, expected {part}",
                    found.len(),
                    self.name()
                )));
            }
            if cells.is_empty() {
                cells = found;
            } else {
                cells.extend(found);
            }
            (at, left) = (0, left - part);
        }
        Ok(cells)
    }

    /// What is wrong with the cell of row `row`: `base of [data.x] (path) holds ... in column c at
    /// row 7: ...`.
    #[must_use]
    pub fn cell_error(&self, row: u64, holds: &str, rule: &str) -> DatasetError {
        let row = row % self.rows();
        self.error(&format!(
            "holds {holds} in column {} at row {row}: {rule}",
            self.name()
        ))
    }

    fn error(&self, story: &str) -> DatasetError {
        DatasetError(format!("{} {story}", self.label))
    }
}

/// Equal where they are the same column of equal cells, wherever their file lies.
impl PartialEq for DataColumn {
    fn eq(&self, other: &Self) -> bool {
        (&self.column, self.identity) == (&other.column, other.identity)
    }
}

/// What it holds, without its file: the fingerprint of a collection is made of this.
impl fmt::Debug for DataColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Column {
            name, column_type, ..
        } = &self.column;
        write!(f, "{name} {column_type:?} {:016x}", self.identity)
    }
}
