//! `format = "fbin"`: files of the big-ann-benchmarks.
//!
//! Vectors: u32 n, u32 dim, then n * dim f32. Everything is little-endian. The rows stay in their
//! file and are read by position; queries and truth are kept in memory. Files that are something
//! else are named as what they are ([`crate::dataset::foreign`]).

use std::sync::Arc;

use super::{
    super::{
        element::Element,
        file::Beginning,
        foreign,
        format::{Asked, DatasetEntry, FileFormat, Format, Neighbours, no_parts},
        options::MAX_DIM,
        vectors::Vectors,
    },
    bin, ibin,
};

pub(in crate::dataset) const ENTRY: DatasetEntry = DatasetEntry {
    name: "fbin",
    summary: "files of the big-ann-benchmarks: base and queries as fbin, true neighbours as ibin",
    format: Format::Files(FileFormat {
        extensions: &["fbin"],
        recognises,
        vectors: open,
        truth: Some(Neighbours {
            extensions: &["ibin", "bin"],
            recognises: ibin::recognises,
            read: ibin::read,
        }),
        parts: no_parts,
    }),
};

fn recognises(beginning: &Beginning) -> bool {
    bin::fits(beginning, Element::F32)
        && !foreign::are_integers(bin::first_row(beginning, Element::F32))
}

fn open(asked: &Asked<'_>) -> Result<Arc<dyn Vectors>, String> {
    let beginning = asked.beginning;
    let file = beginning.file()?;
    let size = beginning.size;
    let by_first_bytes = || foreign::by_first_bytes(&beginning.head);
    let Some(header) = beginning.words() else {
        return Err(by_first_bytes().unwrap_or_else(|| bin::too_short(size)));
    };
    let expected = bin::size(header, Element::F32);
    if u128::from(size) != expected || !(1..=MAX_DIM).contains(&header[1]) {
        let known =
            by_first_bytes().or_else(|| foreign::Layout { file, size, header }.of_vectors());
        return Err(known.unwrap_or_else(|| misfit(size, header, expected)));
    }
    let vectors = bin::Rows::new(beginning, header, Element::F32)?;
    if foreign::are_integers(bin::first_row(beginning, Element::F32)) {
        return Err(
            "holds whole numbers (i32) and no 32-bit floats: row ids are the `truth` of a data set"
                .to_owned(),
        );
    }
    Ok(Arc::new(vectors))
}

/// A file that fits nothing that is known.
fn misfit(size: u64, [count, dim]: [u32; 2], expected: u128) -> String {
    if !(1..=MAX_DIM).contains(&dim) {
        return format!(
            "has dimension {dim} in its header, expected 1 to {MAX_DIM}: is it an fbin file?"
        );
    }
    let there = (size - bin::HEADER) / (4 * u64::from(dim));
    let story = match there {
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
        "has {size} bytes, but its header ({count} vectors of dimension {dim}) asks for \
         {expected}: {story}"
    )
}

#[cfg(test)]
mod tests;
