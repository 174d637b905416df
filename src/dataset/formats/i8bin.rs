//! `format = "i8bin"`: files of the big-ann-benchmarks with signed bytes, see [`super::bin`].

use super::{
    super::{
        element::Element,
        format::{DatasetEntry, FileFormat, Format, no_parts},
    },
    bin, ibin,
};

pub(in crate::dataset) const ENTRY: DatasetEntry = DatasetEntry {
    name: "i8bin",
    summary: "files of the big-ann-benchmarks with signed bytes, true neighbours as ibin",
    format: Format::Files(FileFormat {
        extensions: &["i8bin"],
        recognises: |beginning| bin::recognises(beginning, Element::I8),
        vectors: |asked| bin::open(asked, Element::I8),
        truth: Some(ibin::NEIGHBOURS),
        parts: no_parts,
    }),
};
