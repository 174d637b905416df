//! `format = "fvecs"`: files of TEXMEX with 32-bit floats, see [`super::texmex`].

use super::{
    super::{
        element::Element,
        format::{DatasetEntry, FileFormat, Format, no_parts},
    },
    texmex,
};

pub(in crate::dataset) const ENTRY: DatasetEntry = DatasetEntry {
    name: "fvecs",
    summary: "files of TEXMEX with 32-bit floats, true neighbours as ivecs",
    format: Format::Files(FileFormat {
        extensions: &["fvecs"],
        recognises: |beginning| texmex::recognises(beginning, Element::F32, "fvecs"),
        vectors: |asked| texmex::open(asked, Element::F32),
        truth: Some(texmex::NEIGHBOURS),
        parts: no_parts,
    }),
};
