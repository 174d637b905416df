//! A data set with columns in memory, for tests.

use std::sync::Arc;

use super::{
    element::Element,
    source::{Part, Source},
    vectors::{Cell, Column, ColumnType, Columns, Vectors},
};

/// Rows (0, 0), (1, 0), ... with columns.
#[derive(Debug, Default)]
pub(crate) struct Table {
    columns: Vec<Column>,
    cells: Vec<Vec<Cell>>,
}

impl Table {
    /// With another column, all of as many cells.
    pub(crate) fn with(mut self, name: &str, column_type: ColumnType, cells: Vec<Cell>) -> Self {
        self.columns.push(Column {
            name: name.to_owned(),
            column_type,
            nullable: cells.contains(&Cell::Null),
        });
        self.cells.push(cells);
        self
    }

    /// With a column of whole numbers.
    pub(crate) fn with_ints(self, name: &str, numbers: &[i64]) -> Self {
        let cells = numbers.iter().copied().map(Cell::Int);
        self.with(name, ColumnType::Int, cells.collect())
    }

    /// With a column of texts.
    pub(crate) fn with_texts(self, name: &str, texts: &[&str]) -> Self {
        let cells = texts.iter().map(|text| Cell::Text((*text).to_owned()));
        self.with(name, ColumnType::Text, cells.collect())
    }

    /// As a data set with the name `notes`.
    pub(crate) fn source(self) -> Source {
        let base = Part {
            label: "base of [data.notes] (notes.parquet)".to_owned(),
            key: "base",
            vectors: Arc::new(self),
        };
        Source::new(Some(base), None, None).expect("a data set")
    }
}

impl Vectors for Table {
    fn rows(&self) -> u64 {
        self.cells.first().map_or(1, Vec::len) as u64
    }

    fn values(&self) -> u32 {
        2
    }

    fn element(&self) -> Element {
        Element::F32
    }

    fn read(&self, first: u64, count: u64, out: &mut Vec<u8>) -> Result<(), String> {
        for row in first..first + count {
            for value in [row as f32, 0.0] {
                out.extend(value.to_le_bytes());
            }
        }
        Ok(())
    }

    fn columns(&self) -> Option<&dyn Columns> {
        Some(self)
    }
}

impl Columns for Table {
    fn list(&self) -> &[Column] {
        &self.columns
    }

    fn cells(&self, number: usize, first: u64, count: u64) -> Result<Vec<Cell>, String> {
        let cells = &self.cells[number];
        Ok(cells[first as usize..(first + count) as usize].to_vec())
    }
}
