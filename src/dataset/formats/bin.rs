//! What the formats of the big-ann-benchmarks share: a header of two u32 (n, dim), then n * dim
//! values.

use std::fs::File;

use super::super::{
    element::Element,
    file::{Beginning, read_at, unreadable},
    options::MAX_DIM,
    vectors::Vectors,
};

/// Bytes before the first value: two u32.
pub(super) const HEADER: u64 = 8;

/// Rows of a file whose header fits its size.
#[derive(Debug)]
pub(super) struct Rows {
    file: File,
    element: Element,
    count: u64,
    dim: u32,
}

impl Rows {
    /// The rows of a file whose size fits its header.
    ///
    /// # Errors
    /// There are none.
    pub(super) fn new(
        beginning: &Beginning,
        [count, dim]: [u32; 2],
        element: Element,
    ) -> Result<Self, String> {
        if count == 0 {
            return Err(format!(
                "has no vectors: its header says n = 0 (dimension {dim}), which must be at least 1"
            ));
        }
        Ok(Self {
            file: beginning.keep()?,
            element,
            count: u64::from(count),
            dim,
        })
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

    fn read(&self, first: u64, count: u64, out: &mut Vec<u8>) -> Result<(), String> {
        let row = self.element.bytes() as u64 * u64::from(self.dim);
        read_at(&self.file, HEADER + first * row, count * row, out)
            .map_err(|error| unreadable(first, &error))
    }
}

/// Bytes of a file with this header.
pub(super) fn size([count, dim]: [u32; 2], element: Element) -> u128 {
    u128::from(HEADER) + u128::from(count) * u128::from(dim) * element.bytes() as u128
}

/// Whether the size of a file fits its header.
pub(super) fn fits(beginning: &Beginning, element: Element) -> bool {
    beginning.words().is_some_and(|header @ [count, dim]| {
        count > 0
            && (1..=MAX_DIM).contains(&dim)
            && u128::from(beginning.size) == size(header, element)
    })
}

/// The beginning of the first row, as much of it as was read.
pub(super) fn first_row(beginning: &Beginning, element: Element) -> &[u8] {
    let values = beginning.head.get(HEADER as usize..).unwrap_or_default();
    let dim = beginning.words().map_or(0, |[_, dim]| dim as usize);
    &values[..values.len().min(dim.saturating_mul(element.bytes()))]
}

pub(super) fn too_short(size: u64) -> String {
    if size == 0 {
        "is empty (0 bytes)".to_owned()
    } else {
        format!("has {size} bytes, a header alone has {HEADER}")
    }
}
