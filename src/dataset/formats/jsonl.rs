//! `format = "jsonl"`: one JSON object a line, of which one value is the vector.
//!
//! Lines are counted once, and the place of every 64th is kept; rows are read from the one before
//! them. Numbers are read as 64-bit floats, as Python reads them.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::super::{
    element::{Element, put_sparse_row},
    file::Beginning,
    format::{Asked, DatasetEntry, FileFormat, Format, Role, no_parts},
    vectors::{Columns, Vectors},
};
use crate::vector_type::VectorType;

use self::{
    columns::Table,
    line::{Vector, vector},
    lines::{BOM, Lines},
};

mod columns;
mod line;
mod lines;

pub(in crate::dataset) const ENTRY: DatasetEntry = DatasetEntry {
    name: "jsonl",
    summary: "one JSON object a line; one value of it is the vector, sparse ones as \
              {\"index\": value}",
    format: Format::Files(FileFormat {
        extensions: &["jsonl", "ndjson"],
        recognises,
        vectors: open,
        truth: None,
        parts: no_parts,
    }),
};

/// Keys of `[data.<name>]` that this format takes.
const KEYS: &[&str] = &["vector", "query_vector", "id"];
/// Names that a vector has where it is not named.
const VECTORS: [&str; 6] = [
    "emb",
    "vector",
    "embedding",
    "vectors",
    "embeddings",
    "sparse",
];

fn recognises(beginning: &Beginning) -> bool {
    let head = beginning.head.strip_prefix(BOM).unwrap_or(&beginning.head);
    let head = head.trim_ascii_start();
    let Some(rest) = head.strip_prefix(b"{") else {
        return false;
    };
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or(head);
    rest.trim_ascii_start().starts_with(b"\"")
        && (line.len() == head.len() || serde_json::from_slice::<Map<String, Value>>(line).is_ok())
}

fn open(asked: &Asked<'_>) -> Result<Arc<dyn Vectors>, String> {
    let lines = Arc::new(Lines::open(asked.beginning)?);
    let options = asked.options;
    let named = match asked.role {
        Role::Queries => options.query_vector.as_ref().or(options.vector.as_ref()),
        _ => options.vector.as_ref(),
    };
    let first = lines.object(0)?;
    let name = match named {
        Some(name) => name.clone(),
        None => line::find(&first, &VECTORS)?,
    };
    let kind = match first.get(&name) {
        Some(value) => vector(value).map_err(|story| format!("has {story} in {name} of line 1"))?,
        None => return Err(lacks(&name, 0, &first)),
    };
    let mut vectors = Jsonl {
        values: 0,
        element: Element::F64,
        columns: None,
        id: options.id.clone(),
        lines,
        name,
    };
    match kind {
        Vector::Dense(values) if values.is_empty() => {
            return Err(format!("has an empty vector in {} of line 1", vectors.name));
        }
        Vector::Dense(values) => vectors.values = values.len() as u32,
        Vector::Sparse(_) => {
            vectors.element = Element::Sparse;
            vectors.values = vectors.indices()?;
        }
    }
    if asked.role == Role::Base {
        vectors.columns = Some(Table::of(&vectors.lines, &vectors.name)?);
    }
    Ok(Arc::new(vectors))
}

fn lacks(name: &str, row: u64, object: &Map<String, Value>) -> String {
    let keys = object.keys().take(20).map(|key| format!("{key:?}"));
    let keys: Vec<String> = keys.collect();
    format!(
        "has no key {name:?}, the vector, in line {}: its keys are {}",
        row + 1,
        keys.join(", ")
    )
}

#[derive(Clone, Debug)]
struct Jsonl {
    lines: Arc<Lines>,
    name: String,
    values: u32,
    element: Element,
    columns: Option<Table>,
    id: Option<String>,
}

impl Jsonl {
    /// The vector of each row.
    fn vectors(
        &self,
        first: u64,
        count: u64,
        mut take: impl FnMut(u64, Vector) -> Result<(), String>,
    ) -> Result<(), String> {
        self.lines.objects(first, count, |row, object| {
            let value = object.get(&self.name);
            let value = value.ok_or_else(|| lacks(&self.name, row, &object))?;
            let told = |story: String| format!("has {story} in {} of line {}", self.name, row + 1);
            take(row, vector(value).map_err(told)?)
        })
    }

    /// One more than the largest index.
    fn indices(&self) -> Result<u32, String> {
        let mut most = 0;
        self.vectors(0, self.lines.rows, |row, vector| match vector {
            Vector::Sparse(pairs) => {
                let last = pairs.last().map_or(0, |(index, _)| index.saturating_add(1));
                most = most.max(last);
                Ok(())
            }
            Vector::Dense(values) if values.is_empty() => Ok(()),
            Vector::Dense(_) => Err(self.mixed(row, "a list of numbers", "a sparse vector")),
        })?;
        Ok(most.max(1))
    }

    fn mixed(&self, row: u64, found: &str, expected: &str) -> String {
        let name = &self.name;
        format!(
            "has {found} in {name} of line {}, expected {expected} as in line 1",
            row + 1
        )
    }
}

impl Vectors for Jsonl {
    fn rows(&self) -> u64 {
        self.lines.rows
    }

    fn values(&self) -> u32 {
        self.values
    }

    fn element(&self) -> Element {
        self.element
    }

    fn read(&self, first: u64, count: u64, out: &mut Vec<u8>) -> Result<(), String> {
        self.vectors(first, count, |row, vector| {
            match (vector, self.element) {
                (Vector::Dense(values), Element::F64 | Element::U8) => {
                    if values.len() != self.values as usize {
                        return Err(format!(
                            "has a vector of {} values in line {}, expected {}",
                            values.len(),
                            row + 1,
                            self.values
                        ));
                    }
                    if self.element == Element::F64 {
                        out.extend(values.iter().flat_map(|value| value.to_le_bytes()));
                        return Ok(());
                    }
                    for value in values {
                        let byte = value as u8;
                        if f64::from(byte) != value {
                            return Err(format!(
                                "has {value} in the vector of line {}, expected bytes (0 to 255), \
                                 eight bits each",
                                row + 1
                            ));
                        }
                        out.push(byte);
                    }
                }
                (Vector::Dense(values), Element::Sparse) if values.is_empty() => {
                    put_sparse_row(&[], out);
                }
                (Vector::Sparse(pairs), Element::Sparse) => {
                    let bytes = pairs.into_iter().flat_map(|(index, value)| {
                        let [a, b, c, d] = index.to_le_bytes();
                        let [e, f, g, h] = value.to_le_bytes();
                        [a, b, c, d, e, f, g, h]
                    });
                    put_sparse_row(&bytes.collect::<Vec<u8>>(), out);
                }
                (Vector::Dense(_), _) => {
                    return Err(self.mixed(row, "a list of numbers", "a sparse vector"));
                }
                (Vector::Sparse(_), _) => {
                    return Err(self.mixed(row, "a sparse vector", "a list of numbers"));
                }
            }
            Ok(())
        })
    }

    /// Lists of bytes are bits where these are asked for.
    fn made_for(&self, vector_type: VectorType) -> Option<Arc<dyn Vectors>> {
        let is_bits = self.element == Element::F64 && vector_type == VectorType::Binary;
        is_bits.then(|| {
            let bits = Self {
                element: Element::U8,
                ..self.clone()
            };
            Arc::new(bits) as Arc<dyn Vectors>
        })
    }

    fn columns(&self) -> Option<&dyn Columns> {
        self.columns.as_ref().map(|columns| columns as &dyn Columns)
    }

    fn ids(&self, first: u64, count: u64) -> Result<Option<Vec<i64>>, String> {
        let Some(name) = &self.id else {
            return Ok(None);
        };
        let mut ids = Vec::with_capacity(count as usize);
        self.lines.objects(first, count, |row, object| {
            let id = object.get(name).and_then(Value::as_i64);
            let missing = || format!("has no whole number in {name} of line {}", row + 1);
            ids.push(id.ok_or_else(missing)?);
            Ok(())
        })?;
        Ok(Some(ids))
    }

    fn keys(&self) -> &'static [&'static str] {
        KEYS
    }
}

#[cfg(test)]
mod tests;
