//! `format = "f16bin"`: files of the big-ann-benchmarks with 16-bit floats, see [`super::bin`].

use super::{
    super::{
        element::Element,
        format::{DatasetEntry, FileFormat, Format, no_parts},
    },
    bin, ibin,
};

pub(in crate::dataset) const ENTRY: DatasetEntry = DatasetEntry {
    name: "f16bin",
    summary: "files of the big-ann-benchmarks with 16-bit floats, true neighbours as ibin",
    format: Format::Files(FileFormat {
        extensions: &["f16bin"],
        recognises: |beginning| bin::recognises(beginning, Element::F16),
        vectors: |asked| bin::open(asked, Element::F16),
        truth: Some(ibin::NEIGHBOURS),
        parts: no_parts,
    }),
};
