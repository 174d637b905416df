//! Headers of files whose rows all have the same length.

use super::super::element::Element;

/// u32 rows, u32 dimension.
pub(super) fn bin(rows: u64, dim: u32, element: Element) -> Result<Vec<u8>, String> {
    let rows = u32::try_from(rows).map_err(|_| {
        format!(
            "has {rows} rows to write, at most {} fit into a file of {} values with a header of \
             two u32: use --rows, or npy",
            u32::MAX,
            element.name()
        )
    })?;
    Ok([rows, dim].map(u32::to_le_bytes).concat())
}

/// The header of version 1.0, padded to a multiple of 64 bytes.
pub(super) fn npy(rows: u64, dim: u32, element: Element) -> Result<Vec<u8>, String> {
    if element == Element::BF16 {
        return Err("holds values of type bfloat16, which NumPy has not: use fbin".to_owned());
    }
    let kind = match element {
        Element::Bool => 'b',
        Element::F16 | Element::F32 | Element::F64 => 'f',
        Element::I8 | Element::I16 | Element::I32 | Element::I64 => 'i',
        _ => 'u',
    };
    let bytes = element.bytes();
    let order = if bytes == 1 { '|' } else { '<' };
    let mut words = format!(
        "{{'descr': '{order}{kind}{bytes}', 'fortran_order': False, 'shape': ({rows}, {dim}), }}"
    );
    let before = b"\x93NUMPY\x01\x00".len() + 2;
    let length = (before + words.len() + 1).next_multiple_of(64);
    let padding = length - before - words.len() - 1;
    words.extend(std::iter::repeat_n(' ', padding));
    words.push('\n');
    // At most 192: the words have two numbers.
    let size = (words.len() as u16).to_le_bytes();
    Ok([b"\x93NUMPY\x01\x00", &size[..], words.as_bytes()].concat())
}
