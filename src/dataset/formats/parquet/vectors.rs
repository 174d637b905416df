//! Vectors of Parquet files: a column of lists, or of bytes.

use std::sync::Arc;

use half::f16;
use parquet::{
    basic::{ConvertedType, Type},
    column::reader::ColumnReader,
    data_type::{AsBytes, ByteArray, FixedLenByteArray},
    schema::types::ColumnDescriptor,
};

use super::{
    super::super::{
        element::Element,
        options::MAX_DIM,
        vectors::{Columns, Vectors},
    },
    cells::Table,
    column::{Column, Decode, Fault},
    file::Files,
    ids::Ids,
    levels::{Levels, Missing, Records, records},
    types::element,
};

/// Keys of `[data.<name>]` that this format takes.
const KEYS: &[&str] = &["files", "vector", "query_vector", "id", "neighbors"];
/// Bytes of vectors that are kept, of the blocks that were read last.
const KEEP: usize = 64 << 20;
/// Bytes of a block of vectors.
const BLOCK: u64 = 4 << 20;

/// Vectors of files whose rows follow each other.
#[derive(Debug)]
pub(super) struct ParquetVectors {
    rows: u64,
    column: Column<Values>,
    pub(super) ids: Option<Ids>,
    columns: Option<Table>,
}

impl ParquetVectors {
    /// Opens the column `leaves` of `files`.
    ///
    /// # Errors
    /// It holds no vectors, in words that go on after the name of the file.
    pub(super) fn open(
        files: &Arc<Files>,
        leaves: &[usize],
        ids: Option<Ids>,
        columns: Option<Table>,
    ) -> Result<Self, String> {
        if files.rows == 0 {
            return Err("has no vectors: it has 0 rows, which must be at least 1".to_owned());
        }
        let mut shape = None;
        for (file, leaf) in files.list.iter().zip(leaves) {
            let found = Shape::of(&file.schema().column(*leaf), file, *leaf)?;
            let first = *shape.get_or_insert(found);
            if first.element != found.element {
                return Err(format!(
                    "has vectors of {} in {}, of {} in the files before: they must be of one type",
                    found.element.name(),
                    file.name(),
                    first.element.name()
                ));
            }
        }
        let shape = shape.ok_or("has no files")?;
        let of = |width: Option<u64>, keep: usize| {
            let row = width.map_or(BLOCK, |width| width * shape.element.bytes() as u64);
            let values = Values {
                shape,
                width,
                rows: (BLOCK / row.max(1)).max(1),
            };
            Column::new(Arc::clone(files), leaves.to_vec(), values, keep)
        };
        let mut width = 0;
        let first = of(None, 0);
        first.read(0, 1, |block, _, _| {
            width = (block.len() / shape.element.bytes().max(1)) as u64;
            Some(())
        })?;
        let found = Self {
            rows: files.rows,
            column: of(Some(width), KEEP),
            ids,
            columns,
        };
        found.check_groups(files, leaves, width)?;
        Ok(found)
    }

    /// Where the number of values of a row group shows that a vector is missing or of another
    /// length, it is looked for.
    fn check_groups(&self, files: &Files, leaves: &[usize], width: u64) -> Result<(), String> {
        for group in &files.groups {
            let chunk = files.chunk(*group, leaves[group.file]);
            let expected = u128::from(group.rows) * u128::from(self.column.decode.levels(width));
            if chunk.num_values() as u128 == expected {
                continue;
            }
            let step = self.column.decode.rows();
            for first in (group.first..group.first + group.rows).step_by(step as usize) {
                let count = step.min(group.first + group.rows - first);
                self.column.read(first, count, |_, _, _| Some(()))?;
            }
            return Err(format!(
                "says that {} has {} values, expected {expected}",
                files.row_name(group.first),
                chunk.num_values()
            ));
        }
        Ok(())
    }
}

impl Vectors for ParquetVectors {
    fn rows(&self) -> u64 {
        self.rows
    }

    fn values(&self) -> u32 {
        self.column.decode.width.unwrap_or_default() as u32
    }

    fn element(&self) -> Element {
        self.column.decode.shape.element
    }

    fn read(&self, first: u64, count: u64, out: &mut Vec<u8>) -> Result<(), String> {
        let row = self.element().bytes() * self.values() as usize;
        self.column.read(first, count, |block, first, count| {
            out.extend_from_slice(block.get(first * row..(first + count) * row)?);
            Some(())
        })
    }

    fn columns(&self) -> Option<&dyn Columns> {
        self.columns.as_ref().map(|columns| columns as &dyn Columns)
    }

    fn ids(&self, first: u64, count: u64) -> Result<Option<Vec<i64>>, String> {
        let ids = self.ids.as_ref();
        ids.map(|ids| ids.read(first, count)).transpose()
    }

    fn keys(&self) -> &'static [&'static str] {
        KEYS
    }
}

/// How vectors are stored.
#[derive(Clone, Copy, Debug)]
struct Shape {
    element: Element,
    levels: Levels,
}

impl Shape {
    fn of(
        column: &ColumnDescriptor,
        file: &super::file::OneFile,
        leaf: usize,
    ) -> Result<Self, String> {
        let root = file.schema().get_column_root(leaf);
        let name = root.name();
        let refuse = |found: &str| {
            Err(format!(
                "has {found} in column {name} where vectors are needed: a column of lists of \
                 numbers, or of bytes; `vector` names it"
            ))
        };
        let optional = root.get_basic_info().has_repetition() && root.is_optional();
        let Some(levels) = Levels::of(column, optional) else {
            return refuse("lists of lists");
        };
        if column.path().parts().len() > if levels.is_list { 3 } else { 1 } {
            return refuse("structures");
        }
        let element = match (element(column), levels.is_list) {
            (Some(element), true) => element,
            // Bytes as they are.
            (None, false)
                if column.logical_type_ref().is_none()
                    && column.converted_type() == ConvertedType::NONE
                    && is_bytes(column.physical_type()) =>
            {
                Element::U8
            }
            (Some(element), false) => {
                return refuse(&format!("single values ({})", element.name()));
            }
            (None, _) if column.physical_type() == Type::BYTE_ARRAY => return refuse("texts"),
            (None, _) => return refuse("values that are not numbers"),
        };
        Ok(Self { element, levels })
    }
}

fn is_bytes(physical: Type) -> bool {
    matches!(physical, Type::BYTE_ARRAY | Type::FIXED_LEN_BYTE_ARRAY)
}

/// Decodes vectors into their values, little-endian, row after row.
#[derive(Debug)]
pub(super) struct Values {
    shape: Shape,
    /// None before the first row was seen.
    width: Option<u64>,
    rows: u64,
}

impl Values {
    /// Levels of a row of `width` values.
    fn levels(&self, width: u64) -> u64 {
        if self.shape.levels.is_list { width } else { 1 }
    }

    /// Checks that each row has the same number of values, and gives their bytes.
    fn lists<T>(
        &self,
        found: &Records<T>,
        mut put: impl FnMut(&T, &mut Vec<u8>) -> Result<(), String>,
    ) -> Result<Vec<u8>, Fault> {
        let width = match self.width {
            Some(width) => width as usize,
            None => found.repetition.len(),
        };
        self.check(found, width)?;
        let mut out = Vec::with_capacity(found.values.len() * self.shape.element.bytes());
        for (at, value) in found.values.iter().enumerate() {
            put(value, &mut out).map_err(|story| Fault {
                row: Some(at / width.max(1)),
                story,
            })?;
        }
        Ok(out)
    }

    fn check<T>(&self, found: &Records<T>, width: usize) -> Result<(), Fault> {
        let levels = self.shape.levels;
        let fault = |row: usize, story: String| {
            let story = format!("has {story}");
            Err(Fault {
                row: Some(row),
                story,
            })
        };
        if let Some(at) = found
            .definition
            .iter()
            .position(|level| *level < levels.full)
        {
            let row = found.repetition[..=at]
                .iter()
                .filter(|level| **level == 0)
                .count();
            let row = row.saturating_sub(1);
            let story = match levels.missing(found.definition[at]) {
                Missing::Row => "no vector (null)",
                Missing::Element => "a null among the values of the vector",
                Missing::Elements => "a vector without values",
            };
            return fault(row, format!("{story} in {{row}}, expected {width} numbers"));
        }
        let is_even = width > 0
            && found.repetition.len().is_multiple_of(width)
            && found
                .repetition
                .chunks_exact(width)
                .all(|row| row[0] == 0 && row[1..].iter().all(|level| *level != 0));
        if is_even {
            let limit = MAX_DIM as usize * 8;
            if width > limit {
                return fault(
                    0,
                    format!("a vector of {width} values in {{row}}, expected at most {limit}"),
                );
            }
            return Ok(());
        }
        let starts = (0..found.repetition.len()).filter(|at| found.repetition[*at] == 0);
        let mut ends = starts.skip(1).chain([found.repetition.len()]);
        let (mut start, mut row) = (0, 0);
        while let Some(end) = ends.next().filter(|end| end - start == width) {
            (start, row) = (end, row + 1);
        }
        let end = (start + 1..found.repetition.len()).find(|at| found.repetition[*at] == 0);
        let length = end.unwrap_or(found.repetition.len()) - start;
        fault(
            row,
            format!("a vector of {length} values in {{row}}, expected {width}"),
        )
    }

    /// Rows that are bytes as they are.
    fn bytes<T>(&self, found: &Records<T>, of: impl Fn(&T) -> &[u8]) -> Result<Vec<u8>, Fault> {
        let full = self.shape.levels.full;
        if let Some(row) = found.definition.iter().position(|level| *level < full) {
            let story = "has no vector (null) in {row}".to_owned();
            return Err(Fault {
                row: Some(row),
                story,
            });
        }
        let mut out = Vec::new();
        for (row, value) in found.values.iter().enumerate() {
            let value = of(value);
            let width = self.width.map_or(value.len(), |width| width as usize);
            if value.len() != width || value.is_empty() {
                let story = format!(
                    "has a vector of {} bytes in {{row}}, expected {width}",
                    value.len()
                );
                return Err(Fault {
                    row: Some(row),
                    story,
                });
            }
            out.extend_from_slice(value);
        }
        Ok(out)
    }

    fn halves(&self, found: &Records<FixedLenByteArray>) -> Result<Vec<u8>, Fault> {
        self.lists(found, |value, out| {
            let bytes: [u8; 2] = value
                .data()
                .try_into()
                .map_err(|_| "has no 16-bit float in {row}")?;
            out.extend_from_slice(&f16::from_le_bytes(bytes).to_le_bytes());
            Ok(())
        })
    }

    fn narrow(&self, value: i32, out: &mut Vec<u8>) -> Result<(), String> {
        let bytes = value.to_le_bytes();
        let (fits, taken) = match self.shape.element {
            Element::I8 => (i8::try_from(value).is_ok(), 1),
            Element::U8 => (u8::try_from(value).is_ok(), 1),
            Element::I16 => (i16::try_from(value).is_ok(), 2),
            Element::U16 => (u16::try_from(value).is_ok(), 2),
            _ => (true, 4),
        };
        if !fits {
            let name = self.shape.element.name();
            return Err(format!(
                "has the value {value} in a vector of type {name} in {{row}}"
            ));
        }
        out.extend_from_slice(&bytes[..taken]);
        Ok(())
    }
}

impl Decode for Values {
    type Block = Vec<u8>;

    fn width(&self) -> Option<u64> {
        self.width.map(|width| self.levels(width))
    }

    fn rows(&self) -> u64 {
        self.rows
    }

    fn decode(&self, reader: &mut ColumnReader, rows: usize) -> Result<Vec<u8>, Fault> {
        macro_rules! plain {
            ($reader:expr) => {
                self.lists(&records($reader, rows)?, |value, out| {
                    out.extend_from_slice(&value.to_le_bytes());
                    Ok(())
                })
            };
        }
        match reader {
            ColumnReader::FloatColumnReader(reader) => plain!(reader),
            ColumnReader::DoubleColumnReader(reader) => plain!(reader),
            ColumnReader::Int64ColumnReader(reader) => plain!(reader),
            ColumnReader::Int32ColumnReader(reader) => self
                .lists(&records(reader, rows)?, |value, out| {
                    self.narrow(*value, out)
                }),
            ColumnReader::BoolColumnReader(reader) => {
                self.lists(&records(reader, rows)?, |value, out| {
                    out.push(u8::from(*value));
                    Ok(())
                })
            }
            ColumnReader::FixedLenByteArrayColumnReader(reader) => {
                let found = records(reader, rows)?;
                if self.shape.levels.is_list {
                    self.halves(&found)
                } else {
                    self.bytes(&found, |value| value.data())
                }
            }
            ColumnReader::ByteArrayColumnReader(reader) => {
                let found: Records<ByteArray> = records(reader, rows)?;
                self.bytes(&found, AsBytes::as_bytes)
            }
            ColumnReader::Int96ColumnReader(_) => Err(Fault {
                row: None,
                story: "96-bit numbers".to_owned(),
            }),
        }
    }

    fn bytes(block: &Vec<u8>) -> usize {
        block.len()
    }
}
