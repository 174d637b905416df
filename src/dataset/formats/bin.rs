//! What the formats of the big-ann-benchmarks share: a header of two u32 (n, dim), then n * dim
//! values, little-endian. A file has nothing else, so that its size tells the type of its values.

use std::{fs::File, sync::Arc};

use super::super::{
    element::Element,
    file::{Beginning, read_at, unreadable},
    foreign,
    format::Asked,
    options::MAX_DIM,
    vectors::Vectors,
};

/// Bytes before the first value: two u32.
pub(super) const HEADER: u64 = 8;
/// The formats with this header, by which their files have their extensions.
const FORMATS: [(&str, Element); 4] = [
    ("fbin", Element::F32),
    ("f16bin", Element::F16),
    ("u8bin", Element::U8),
    ("i8bin", Element::I8),
];

/// Rows of a file whose header fits its size.
#[derive(Debug)]
struct Rows {
    file: File,
    element: Element,
    count: u64,
    dim: u32,
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

/// Whether a file is in this one of the formats: by its size, and by its name where the size says
/// too little. A file that was cut in half has the size of one with half as large values.
pub(super) fn recognises(beginning: &Beginning, element: Element) -> bool {
    let own = FORMATS.iter().find(|(_, of)| *of == element);
    let own = own.map_or("", |(name, _)| name);
    let is_one = |name: &str| FORMATS.iter().any(|(of, _)| *of == name);
    let (extension, format) = (beginning.extension(), beginning.format.unwrap_or_default());
    let is_named = if format == own {
        true
    } else if is_one(&extension) {
        extension == own
    } else {
        !is_one(format)
    };
    is_named && fits(beginning, element) && !are_ids(beginning, element)
}

/// Whether the size of a file fits its header.
fn fits(beginning: &Beginning, element: Element) -> bool {
    beginning.words().is_some_and(|header @ [count, dim]| {
        count > 0
            && (1..=MAX_DIM).contains(&dim)
            && u128::from(beginning.size) == size(header, element)
    })
}

/// Whether the values are 32-bit integers and no floats.
fn are_ids(beginning: &Beginning, element: Element) -> bool {
    let values = beginning.head.get(HEADER as usize..).unwrap_or_default();
    let dim = beginning.words().map_or(0, |[_, dim]| dim as usize);
    let row = &values[..values.len().min(dim.saturating_mul(4))];
    element == Element::F32 && foreign::are_integers(row)
}

/// Opens a file whose size fits its header.
pub(super) fn open(asked: &Asked<'_>, element: Element) -> Result<Arc<dyn Vectors>, String> {
    let beginning = asked.beginning;
    let (file, size) = (beginning.file()?, beginning.size);
    let by_first_bytes = || foreign::by_first_bytes(&beginning.head);
    let Some(header @ [count, dim]) = beginning.words() else {
        return Err(by_first_bytes().unwrap_or_else(|| too_short(size)));
    };
    if count == 0 && (1..=MAX_DIM).contains(&dim) && size == HEADER {
        return Err(format!(
            "has no vectors: its header says n = 0 (byte 0; dimension {dim}), which must be at \
             least 1"
        ));
    }
    if !fits(beginning, element) {
        let layout = foreign::Layout { file, size, header };
        let known = by_first_bytes().or_else(|| layout.of_vectors(element));
        return Err(known.unwrap_or_else(|| misfit(size, header, element)));
    }
    if are_ids(beginning, element) {
        return Err(
            "holds whole numbers (i32) and no 32-bit floats: row ids are the `truth` of a data set"
                .to_owned(),
        );
    }
    Ok(Arc::new(Rows {
        file: beginning.keep()?,
        element,
        count: u64::from(count),
        dim,
    }))
}

/// Bytes of a file with this header.
fn size([count, dim]: [u32; 2], element: Element) -> u128 {
    u128::from(HEADER) + u128::from(count) * u128::from(dim) * element.bytes() as u128
}

pub(super) fn too_short(size: u64) -> String {
    if size == 0 {
        "is empty (0 bytes)".to_owned()
    } else {
        format!("has {size} bytes, a header alone has {HEADER}")
    }
}

/// A file that fits nothing that is known.
fn misfit(size: u64, header @ [count, dim]: [u32; 2], element: Element) -> String {
    if !(1..=MAX_DIM).contains(&dim) {
        return format!(
            "has dimension {dim} in its header (byte 4), expected 1 to {MAX_DIM}: is it in this \
             format?"
        );
    }
    let row = element.bytes() as u64 * u64::from(dim);
    let story = match (size - HEADER) / row {
        0 => "it ends after its header, without any vector".to_owned(),
        there if there < u64::from(count) => {
            format!("it is truncated ({there} of them are present), or its header is wrong")
        }
        there => {
            format!(
                "it continues after them ({there} are present), so the header or the file is wrong"
            )
        }
    };
    format!(
        "has {size} bytes, but its header (bytes 0 to 7: {count} vectors of dimension {dim}, {} \
         values) asks for {}: {story}",
        element.name(),
        self::size(header, element)
    )
}
