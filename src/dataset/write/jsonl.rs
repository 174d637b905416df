//! JSON lines: `{"id": 0, "vector": [...]}`, of sparse rows
//! `{"id": 0, "vector": {"indices": [...], "values": [...]}}`.

use std::io::{self, Write};

use super::{
    super::element::{Element, sparse_rows},
    Selection, WriteError,
};

pub(super) fn write(
    selection: Selection<'_>,
    told: &mut dyn FnMut(u64),
    out: &mut impl Write,
) -> Result<(), WriteError> {
    let element = selection.vectors.element();
    let row_bytes = element.bytes() * selection.vectors.values() as usize;
    // A value that JSON has no number for ends it.
    let mut unfit = None;
    let written = selection.each(element, told, |first, rows| {
        let mut id = first;
        let mut line = |vector: Option<String>| {
            let Some(vector) = vector else {
                unfit.get_or_insert(id);
                return Err(io::ErrorKind::InvalidData.into());
            };
            let written = writeln!(out, "{{\"id\":{id},\"vector\":{vector}}}");
            id += 1;
            written
        };
        match element {
            Element::Sparse => sparse_rows(rows).try_for_each(|pairs| line(sparse(pairs))),
            _ => rows
                .chunks_exact(row_bytes)
                .try_for_each(|row| line(dense(element, row))),
        }
    });
    match unfit {
        None => written,
        Some(row) => Err(WriteError::Rows(format!(
            "holds NaN or infinity in row {row}, which JSON has no number for"
        ))),
    }
}

/// The values of a row in brackets; None where one is no number.
fn dense(element: Element, row: &[u8]) -> Option<String> {
    let mut texts = Vec::new();
    macro_rules! whole {
        ($type:ty) => {
            for bytes in row.as_chunks().0 {
                texts.push(<$type>::from_le_bytes(*bytes).to_string());
            }
        };
    }
    match element {
        Element::I64 => whole!(i64),
        Element::U64 => whole!(u64),
        // As short as a number of 32 bits can be, which every reader takes for the same one.
        Element::F32 => {
            for bytes in row.as_chunks().0 {
                texts.push(single(*bytes)?);
            }
        }
        _ => element
            .each(row, |_, value| {
                texts.push(value.to_string());
                if value.is_finite() { Ok(()) } else { Err(()) }
            })
            .ok()?,
    }
    Some(format!("[{}]", texts.join(",")))
}

fn single(bytes: [u8; 4]) -> Option<String> {
    let value = f32::from_le_bytes(bytes);
    value.is_finite().then(|| value.to_string())
}

fn sparse(pairs: &[u8]) -> Option<String> {
    let (mut indices, mut values) = (Vec::new(), Vec::new());
    for [a, b, c, d, value @ ..] in pairs.as_chunks::<8>().0 {
        indices.push(u32::from_le_bytes([*a, *b, *c, *d]).to_string());
        values.push(single(*value)?);
    }
    let (indices, values) = (indices.join(","), values.join(","));
    Some(format!("{{\"indices\":[{indices}],\"values\":[{values}]}}"))
}
