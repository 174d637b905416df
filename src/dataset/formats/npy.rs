//! `format = "npy"`: arrays of NumPy, of two dimensions, as vectors or as the row ids of
//! neighbours.
//!
//! The values are read by position in every order of bytes and of rows, so that nothing but the
//! rows that are asked for is in memory.

mod header;

use std::{fs::File, sync::Arc};

use self::header::Header;
use super::super::{
    element::Element,
    file::{Beginning, check_memory, read_at, unreadable},
    foreign,
    format::{Asked, DatasetEntry, FileFormat, Format, Neighbours, has_other_queries, no_parts},
    truth::Truth,
    vectors::Vectors,
};

pub(in crate::dataset) const ENTRY: DatasetEntry = DatasetEntry {
    name: "npy",
    summary: "arrays of NumPy: vectors of any type of numbers, true neighbours as row ids",
    format: Format::Files(FileFormat {
        extensions: &["npy"],
        recognises,
        vectors: |asked| Ok(Arc::new(Rows::open(asked.beginning)?)),
        truth: Some(Neighbours {
            name: "npy",
            extensions: &["npy"],
            recognises,
            read: neighbours,
        }),
        parts: no_parts,
    }),
};

/// First bytes of every file.
const MAGIC: &[u8] = b"\x93NUMPY";

/// An array whose size fits its header.
#[derive(Debug)]
struct Rows {
    file: File,
    header: Header,
    count: u64,
    values: u32,
}

fn recognises(beginning: &Beginning) -> bool {
    beginning.head.starts_with(MAGIC)
}

impl Rows {
    /// Reads the header and checks it against the size of the file.
    fn open(beginning: &Beginning) -> Result<Self, String> {
        if !recognises(beginning) {
            let known = foreign::by_first_bytes(&beginning.head);
            return Err(known.unwrap_or_else(|| match beginning.size {
                0 => "is empty (0 bytes)".to_owned(),
                _ => "does not begin with the sign of a NumPy file (\\x93NUMPY)".to_owned(),
            }));
        }
        let file = beginning.keep()?;
        let header = Header::read(&file, beginning.size)?;
        let [count, values] = header.shape[..] else {
            return Err(format!(
                "has an array of shape {}, needed is one of two dimensions (rows, values): use \
                 its `reshape`",
                header.shape_text()
            ));
        };
        if count == 0 || values == 0 {
            return Err(format!(
                "has no vectors: its array has shape {}",
                header.shape_text()
            ));
        }
        let Ok(values) = u32::try_from(values) else {
            return Err(format!("has {values} values a row, which are too many"));
        };
        let rows = Self {
            file,
            header,
            count,
            values,
        };
        rows.check_size(beginning.size)?;
        Ok(rows)
    }

    fn check_size(&self, size: u64) -> Result<(), String> {
        let row = u128::from(self.values) * self.header.element.bytes() as u128;
        let start = self.header.length;
        let expected = u128::from(start) + u128::from(self.count) * row;
        if u128::from(size) == expected {
            return Ok(());
        }
        let there = u128::from(size.saturating_sub(start)) / row;
        let story = if u128::from(size) < expected {
            format!("it is truncated ({there} rows are present), or its header is wrong")
        } else {
            format!("it continues after its array (from byte {expected} on): save one array alone")
        };
        Err(format!(
            "has {size} bytes, but its header ({start} bytes, then {} of shape {}) asks for \
             {expected}: {story}",
            self.header.element.name(),
            self.header.shape_text()
        ))
    }

    /// Appends rows of an array in Fortran order, where the values of a column are together.
    fn read_columns(&self, first: u64, count: u64, out: &mut Vec<u8>) -> std::io::Result<()> {
        let width = self.header.element.bytes();
        let (start, row) = (out.len(), self.values as usize * width);
        out.resize(start + count as usize * row, 0);
        let mut column = Vec::new();
        for number in 0..u64::from(self.values) {
            column.clear();
            let offset = self.header.length + (number * self.count + first) * width as u64;
            read_at(&self.file, offset, count * width as u64, &mut column)?;
            let (rows, place) = (out[start..].chunks_exact_mut(row), number as usize * width);
            for (values, value) in rows.zip(column.chunks_exact(width)) {
                values[place..place + width].copy_from_slice(value);
            }
        }
        Ok(())
    }
}

impl Vectors for Rows {
    fn rows(&self) -> u64 {
        self.count
    }

    fn values(&self) -> u32 {
        self.values
    }

    fn element(&self) -> Element {
        self.header.element
    }

    fn read(&self, first: u64, count: u64, out: &mut Vec<u8>) -> Result<(), String> {
        let start = out.len();
        let width = self.header.element.bytes();
        let row = u64::from(self.values) * width as u64;
        let read = if self.header.is_fortran {
            self.read_columns(first, count, out)
        } else {
            let offset = self.header.length + first * row;
            read_at(&self.file, offset, count * row, out)
        };
        read.map_err(|error| unreadable(first, &error))?;
        if self.header.is_big_endian {
            out[start..]
                .chunks_exact_mut(width)
                .for_each(<[u8]>::reverse);
        }
        Ok(())
    }
}

/// Reads row ids, `k` a query.
fn neighbours(asked: &Asked<'_>) -> Result<Truth, String> {
    let rows = Rows::open(asked.beginning)?;
    let element = rows.element();
    if has_other_queries(rows.count, asked.queries) {
        return Err(format!(
            "has the neighbours of {} queries (its array has shape {}), but the data set has {} \
             queries: the numbers must be equal",
            rows.count,
            rows.header.shape_text(),
            asked.queries
        ));
    }
    check_memory(u128::from(rows.count) * u128::from(rows.values) * 8)?;
    let mut bytes = Vec::new();
    rows.read(0, rows.count, &mut bytes)?;
    let Some(ids) = element.ids(&bytes) else {
        return Err(format!(
            "holds {} where row ids are needed, which are whole numbers of 32 or 64 bits (int32, \
             int64): is it an array of vectors or distances?",
            element.name()
        ));
    };
    Ok(Truth {
        k: rows.values as usize,
        ids,
        distances: Vec::new(),
    })
}

#[cfg(test)]
mod tests;
