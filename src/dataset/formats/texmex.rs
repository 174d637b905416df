//! What the formats of TEXMEX share: each row has a header of its own, its dimension as i32, before
//! its values, all little-endian.

use std::{fs::File, os::unix::fs::FileExt, sync::Arc};

use super::super::{
    element::Element,
    file::{Beginning, check_memory, read_at, unreadable},
    foreign,
    format::{Asked, Neighbours, has_other_queries},
    options::MAX_DIM,
    truth::Truth,
    vectors::Vectors,
};

/// Bytes before the values of each row.
const HEADER: u64 = 4;

/// True neighbours as an `.ivecs`: a row of i32 row ids for each query, without distances.
pub(super) const NEIGHBOURS: Neighbours = Neighbours {
    name: "ivecs",
    extensions: &["ivecs"],
    recognises: |beginning| {
        recognises(beginning, Element::I32, "ivecs") && !foreign::are_floats(first_row(beginning))
    },
    read: neighbours,
};

/// Rows of a file whose first header fits its size.
#[derive(Debug)]
pub(super) struct Rows {
    file: File,
    element: Element,
    count: u64,
    dim: u32,
}

impl Rows {
    /// Bytes from one row to the next.
    fn stride(&self) -> u64 {
        HEADER + self.element.bytes() as u64 * u64::from(self.dim)
    }

    /// The header of a row of this file, if it is another one than that of the first.
    fn check(&self, number: u64, header: [u8; 4]) -> Result<(), String> {
        let found = i32::from_le_bytes(header);
        if i64::from(found) == i64::from(self.dim) {
            return Ok(());
        }
        Err(format!(
            "has length {found} in the header of row {number} (byte {}), expected {} as in the \
             first row: the file is damaged, or not in this format",
            number * self.stride(),
            self.dim
        ))
    }
}

impl Vectors for Rows {
    fn rows(&self) -> u64 {
        self.count
    }

    fn values(&self) -> u32 {
        self.dim
    }

    fn element(&self) -> Element {
        self.element
    }

    fn is_framed(&self) -> bool {
        true
    }

    fn read(&self, first: u64, count: u64, out: &mut Vec<u8>) -> Result<(), String> {
        let (start, stride) = (out.len(), self.stride());
        read_at(&self.file, first * stride, count * stride, out)
            .map_err(|error| unreadable(first, &error))?;
        // The values move together over the headers.
        let (stride, header) = (stride as usize, HEADER as usize);
        let row = stride - header;
        for number in 0..count as usize {
            let from = start + number * stride;
            let [a, b, c, d] = [0, 1, 2, 3].map(|byte| out[from + byte]);
            self.check(first + number as u64, [a, b, c, d])?;
            out.copy_within(from + header..from + stride, start + number * row);
        }
        out.truncate(start + count as usize * row);
        Ok(())
    }
}

/// Whether the size of a file fits the header of its first row, and the second and the last row
/// have the same one. Of a single row only the name of the file, its extension, can say so.
pub(super) fn recognises(beginning: &Beginning, element: Element, name: &str) -> bool {
    let Some((dim, stride)) = first_header(beginning, element) else {
        return false;
    };
    let Ok(file) = beginning.file() else {
        return false;
    };
    let rows = beginning.size / stride;
    let has_header = |row: u64| {
        let mut header = [0; 4];
        file.read_exact_at(&mut header, row * stride)
            .is_ok_and(|()| u32::from_le_bytes(header) == dim)
    };
    let is_single = rows == 1 && beginning.extension() == name;
    let is_whole = beginning.size.is_multiple_of(stride) && (rows > 1 || is_single);
    is_whole && [1.min(rows - 1), rows - 1].into_iter().all(has_header)
}

/// Dimension and bytes from one row to the next, as the first row says.
fn first_header(beginning: &Beginning, element: Element) -> Option<(u32, u64)> {
    let dim = u32::from_le_bytes(*beginning.head.first_chunk()?);
    let stride = HEADER + element.bytes() as u64 * u64::from(dim);
    (1..=MAX_DIM).contains(&dim).then_some((dim, stride))
}

/// Values of the first row, of 32 bits each, as much of them as was read.
fn first_row(beginning: &Beginning) -> &[u8] {
    let values = beginning.head.get(HEADER as usize..).unwrap_or_default();
    let dim = first_header(beginning, Element::I32).map_or(0, |(dim, _)| dim as usize);
    &values[..values.len().min(dim * 4)]
}

/// Opens a file of vectors.
pub(super) fn open(asked: &Asked<'_>, element: Element) -> Result<Arc<dyn Vectors>, String> {
    let beginning = asked.beginning;
    let rows = whole(beginning, element, "dimension")?;
    if element == Element::F32 && foreign::are_integers(first_row(beginning)) {
        return Err(
            "holds whole numbers (i32, as ivecs has them) and no 32-bit floats: row ids are the \
             `truth` of a data set"
                .to_owned(),
        );
    }
    Ok(Arc::new(rows))
}

/// The rows of a file with a whole number of them.
fn whole(beginning: &Beginning, element: Element, what: &str) -> Result<Rows, String> {
    let size = beginning.size;
    let file = beginning.keep()?;
    let by_first_bytes = || foreign::by_first_bytes(&beginning.head);
    let Some(header) = beginning.head.first_chunk() else {
        return Err(by_first_bytes().unwrap_or_else(|| match size {
            0 => "is empty (0 bytes)".to_owned(),
            _ => format!("has {size} bytes, the header of a row alone has {HEADER}"),
        }));
    };
    let Some((dim, stride)) = first_header(beginning, element) else {
        return Err(by_first_bytes().unwrap_or_else(|| {
            format!(
                "has {what} {} in the header of its first row (byte 0), expected 1 to {MAX_DIM}: \
                 is it in this format?",
                i32::from_le_bytes(*header)
            )
        }));
    };
    let rows = Rows {
        file,
        element,
        count: size / stride,
        dim,
    };
    if !size.is_multiple_of(stride) {
        return Err(by_first_bytes().unwrap_or_else(|| {
            format!(
                "has {size} bytes, which are {} rows of {stride} bytes ({what} {dim} as in its \
                 first row) and {} bytes more from byte {} on: it is truncated, or not in this \
                 format",
                rows.count,
                size % stride,
                size - size % stride
            )
        }));
    }
    Ok(rows)
}

/// Reads an `.ivecs`.
fn neighbours(asked: &Asked<'_>) -> Result<Truth, String> {
    let rows = whole(asked.beginning, Element::I32, "k =")?;
    if has_other_queries(rows.count, asked.queries) {
        return Err(format!(
            "has the neighbours of {} queries (of {} bytes each), but the data set has {} \
             queries: the numbers must be equal",
            rows.count,
            rows.stride(),
            asked.queries
        ));
    }
    check_memory(u128::from(rows.size()) * 2)?;
    let mut bytes = Vec::new();
    rows.read(0, rows.count, &mut bytes)?;
    if foreign::are_floats(&bytes[..bytes.len().min(256)]) {
        return Err(
            "holds 32-bit floats where row ids (i32) are needed: is it a file of vectors?"
                .to_owned(),
        );
    }
    let ids = bytes.as_chunks().0.iter();
    Ok(Truth {
        k: rows.dim as usize,
        ids: ids.map(|id| i64::from(i32::from_le_bytes(*id))).collect(),
        distances: Vec::new(),
    })
}

#[cfg(test)]
mod tests;
