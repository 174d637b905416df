//! `format = "bvecs"`: files of TEXMEX with bytes, see [`super::texmex`].

use super::{
    super::{
        element::Element,
        format::{DatasetEntry, FileFormat, Format, no_parts},
    },
    texmex,
};

pub(in crate::dataset) const ENTRY: DatasetEntry = DatasetEntry {
    name: "bvecs",
    summary: "files of TEXMEX with bytes, true neighbours as ivecs",
    format: Format::Files(FileFormat {
        extensions: &["bvecs"],
        recognises: |beginning| texmex::recognises(beginning, Element::U8, "bvecs"),
        vectors: |asked| texmex::open(asked, Element::U8),
        truth: Some(texmex::NEIGHBOURS),
        parts: no_parts,
    }),
};
