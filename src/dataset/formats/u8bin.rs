//! `format = "u8bin"`: files of the big-ann-benchmarks with bytes, see [`super::bin`].

use super::{
    super::{
        element::Element,
        format::{DatasetEntry, FileFormat, Format, no_parts},
    },
    bin, ibin,
};

pub(in crate::dataset) const ENTRY: DatasetEntry = DatasetEntry {
    name: "u8bin",
    summary: "files of the big-ann-benchmarks with bytes, true neighbours as ibin",
    format: Format::Files(FileFormat {
        extensions: &["u8bin"],
        recognises: |beginning| bin::recognises(beginning, Element::U8),
        vectors: |asked| bin::open(asked, Element::U8),
        truth: Some(ibin::NEIGHBOURS),
        parts: no_parts,
    }),
};
