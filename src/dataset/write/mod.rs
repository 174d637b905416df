//! Files of vectors in formats that take a few lines to write: for `data convert`, never part of a
//! run.

mod csr;
mod dense;
mod jsonl;

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    ops::Range,
};

use super::{
    element::{Element, Unfit, sparse_rows},
    vectors::Vectors,
};

/// Bytes that are read at once, or one row.
const CHUNK: u64 = 1 << 20;
/// Sparse rows that are read at once.
const SPARSE_ROWS: u64 = 256;

/// A format that can be written.
pub struct WrittenFormat {
    /// Its name, which is the extension of its files too.
    pub name: &'static str,
    /// Type of its values; None: that of the rows.
    element: Option<Element>,
    layout: Layout,
}

/// How values stand in a file.
enum Layout {
    /// Rows of one length: what comes before them, and before each.
    Dense {
        head: fn(u64, u32, Element) -> Result<Vec<u8>, String>,
        before_row: fn(u32) -> Vec<u8>,
    },
    JsonLines,
    Csr,
}

/// Every format that can be written.
pub static WRITTEN: &[WrittenFormat] = &[
    WrittenFormat::bin("fbin", Element::F32),
    WrittenFormat::bin("u8bin", Element::U8),
    WrittenFormat::bin("i8bin", Element::I8),
    WrittenFormat::bin("f16bin", Element::F16),
    WrittenFormat::texmex("fvecs", Element::F32),
    WrittenFormat::texmex("bvecs", Element::U8),
    WrittenFormat {
        name: "npy",
        element: None,
        layout: Layout::Dense {
            head: dense::npy,
            before_row: |_| Vec::new(),
        },
    },
    WrittenFormat {
        name: "jsonl",
        element: None,
        layout: Layout::JsonLines,
    },
    WrittenFormat {
        name: "csr",
        element: Some(Element::Sparse),
        layout: Layout::Csr,
    },
];

impl WrittenFormat {
    const fn bin(name: &'static str, element: Element) -> Self {
        Self {
            name,
            element: Some(element),
            layout: Layout::Dense {
                head: dense::bin,
                before_row: |_| Vec::new(),
            },
        }
    }

    const fn texmex(name: &'static str, element: Element) -> Self {
        Self {
            name,
            element: Some(element),
            layout: Layout::Dense {
                head: |_, _, _| Ok(Vec::new()),
                before_row: |dim| dim.to_le_bytes().to_vec(),
            },
        }
    }
}

/// Why rows can't be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// They can't be read, or can't become of the type: words that go on after the name of the
    /// file that they are in.
    #[error("{0}")]
    Rows(String),
    /// The file that is written.
    #[error(transparent)]
    File(#[from] io::Error),
}

/// Rows to be written.
#[derive(Clone, Copy)]
pub struct Selection<'a> {
    /// Where they are.
    pub vectors: &'a dyn Vectors,
    /// The first.
    pub first: u64,
    /// Their number, at least 1; all of them are there.
    pub count: u64,
}

/// Writes rows to an empty file, and tells `told` how many after each chunk.
///
/// # Errors
/// See [`WriteError`].
pub fn write(
    selection: Selection<'_>,
    format: &WrittenFormat,
    to: &File,
    told: &mut dyn FnMut(u64),
) -> Result<(), WriteError> {
    let own = selection.vectors.element();
    let element = format.element.unwrap_or(own);
    let takes_sparse = !matches!(format.layout, Layout::Dense { .. });
    if (own == Element::Sparse) != (element == Element::Sparse)
        || (own == Element::Sparse && !takes_sparse)
    {
        let fitting = WRITTEN.iter().filter(|format| {
            let is_sparse = format.element == Some(Element::Sparse);
            match format.layout {
                Layout::JsonLines => true,
                _ => is_sparse == (own == Element::Sparse),
            }
        });
        let fitting: Vec<&str> = fitting.map(|format| format.name).collect();
        return Err(WriteError::Rows(format!(
            "holds values of type {}, which {} can't hold: use {}",
            own.name(),
            format.name,
            fitting.join(", ")
        )));
    }
    let mut out = BufWriter::with_capacity(1 << 20, to);
    match format.layout {
        Layout::Dense { head, before_row } => {
            let dim = selection.vectors.values();
            let head = head(selection.count, dim, element).map_err(WriteError::Rows)?;
            out.write_all(&head)?;
            let before = before_row(dim);
            let row_bytes = element.bytes() * dim as usize;
            selection.each(element, told, |_, rows| {
                if before.is_empty() {
                    return out.write_all(rows);
                }
                rows.chunks_exact(row_bytes).try_for_each(|row| {
                    out.write_all(&before)?;
                    out.write_all(row)
                })
            })?;
        }
        Layout::JsonLines => jsonl::write(selection, told, &mut out)?,
        Layout::Csr => csr::write(selection, told, &mut out)?,
    }
    out.flush()?;
    Ok(())
}

impl Selection<'_> {
    /// Gives the rows chunk by chunk, as values of type `element`, with the number of the first.
    fn each(
        self,
        element: Element,
        told: &mut dyn FnMut(u64),
        mut take: impl FnMut(u64, &[u8]) -> io::Result<()>,
    ) -> Result<(), WriteError> {
        let (vectors, own) = (self.vectors, self.vectors.element());
        let values = u64::from(vectors.values());
        let at_once = match own {
            Element::Sparse => SPARSE_ROWS,
            _ => (CHUNK / (own.bytes() as u64 * values).max(1)).max(1),
        };
        let Range { start, end } = self.first..self.first + self.count;
        let (mut first, mut raw, mut cast) = (start, Vec::new(), Vec::new());
        while first < end {
            let count = at_once.min(end - first);
            raw.clear();
            vectors
                .read(first, count, &mut raw)
                .map_err(WriteError::Rows)?;
            let rows = if own == element {
                &raw
            } else {
                cast.clear();
                own.cast(&raw, element, &mut cast)
                    .map_err(|Unfit { at, story }| {
                        let row = first + at as u64 / values.max(1);
                        WriteError::Rows(format!("holds in row {row} {story}"))
                    })?;
                &cast
            };
            take(first, rows)?;
            first += count;
            told(first - start);
        }
        Ok(())
    }

    /// Gives the pairs of sparse rows, row by row.
    fn each_sparse(
        self,
        told: &mut dyn FnMut(u64),
        mut take: impl FnMut(&[[u8; 8]]) -> io::Result<()>,
    ) -> Result<(), WriteError> {
        self.each(Element::Sparse, told, |_, rows| {
            sparse_rows(rows).try_for_each(|pairs| take(pairs.as_chunks().0))
        })
    }
}

#[cfg(test)]
mod tests;
