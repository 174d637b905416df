//! The sparse format of the big-ann-benchmarks: i64 rows, columns and pairs, i64 begin of each row
//! and end of the last, i32 indices, f32 values. The rows are read three times, so that nothing of
//! them is kept.

use std::io::Write;

use super::{Selection, WriteError};

pub(super) fn write(
    selection: Selection<'_>,
    told: &mut dyn FnMut(u64),
    out: &mut impl Write,
) -> Result<(), WriteError> {
    let (mut pairs, mut columns, mut too_large) = (0_u64, 0_u64, None);
    selection.each_sparse(&mut |_| (), |row| {
        pairs += row.len() as u64;
        // Indices ascend.
        if let Some([a, b, c, d, ..]) = row.last() {
            let index = u32::from_le_bytes([*a, *b, *c, *d]);
            columns = columns.max(u64::from(index) + 1);
            if i32::try_from(index).is_err() {
                too_large.get_or_insert(index);
            }
        }
        Ok(())
    })?;
    if let Some(index) = too_large {
        return Err(WriteError::Rows(format!(
            "holds index {index}, at most {} fits into csr: use jsonl",
            i32::MAX
        )));
    }
    // What has more columns than are used keeps them.
    let columns = columns.max(u64::from(selection.vectors.values()));
    for number in [selection.count, columns, pairs, 0] {
        out.write_all(&number.to_le_bytes())?;
    }
    let mut end = 0_u64;
    selection.each_sparse(&mut |_| (), |row| {
        end += row.len() as u64;
        out.write_all(&end.to_le_bytes())
    })?;
    selection.each_sparse(&mut |_| (), |row| {
        row.iter().try_for_each(|pair| out.write_all(&pair[..4]))
    })?;
    selection.each_sparse(told, |row| {
        row.iter().try_for_each(|pair| out.write_all(&pair[4..]))
    })
}
