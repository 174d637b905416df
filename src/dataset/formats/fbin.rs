//! `format = "fbin"`: files of the big-ann-benchmarks with 32-bit floats, see [`super::bin`].

use super::{
    super::{
        element::Element,
        format::{DatasetEntry, FileFormat, Format, no_parts},
    },
    bin, ibin,
};

pub(in crate::dataset) const ENTRY: DatasetEntry = DatasetEntry {
    name: "fbin",
    summary: "files of the big-ann-benchmarks with 32-bit floats, true neighbours as ibin",
    format: Format::Files(FileFormat {
        extensions: &["fbin"],
        recognises: |beginning| bin::recognises(beginning, Element::F32),
        vectors: |asked| bin::open(asked, Element::F32),
        truth: Some(ibin::NEIGHBOURS),
        parts: no_parts,
    }),
};

#[cfg(test)]
mod tests;
