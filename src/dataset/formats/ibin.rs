//! The truth of `format = "fbin"`, an `.ibin`: u32 queries, u32 k, then queries * k i32 row ids,
//! then queries * k f32 distances, or none. A query that has fewer neighbours than k is filled up
//! with the id -1.

use std::os::unix::fs::FileExt;

use super::{
    super::{
        file::{Beginning, check_memory},
        foreign,
        format::Asked,
        truth::Truth,
    },
    bin::{HEADER, too_short},
};

/// Whether the size of a file fits its header, and its first words are no floats.
pub(super) fn recognises(beginning: &Beginning) -> bool {
    let fits = |[count, k]: [u32; 2]| {
        let pairs = u128::from(count) * u128::from(k);
        let values = u128::from(beginning.size).checked_sub(u128::from(HEADER));
        pairs > 0 && (values == Some(pairs * 8) || values == Some(pairs * 4))
    };
    let ids = beginning.head.get(HEADER as usize..).unwrap_or_default();
    beginning.words().is_some_and(fits) && !foreign::are_floats(&ids[..ids.len().min(256)])
}

/// Reads the neighbours.
pub(super) fn read(asked: &Asked<'_>) -> Result<Truth, String> {
    let (beginning, queries) = (asked.beginning, asked.queries);
    let (file, size) = (beginning.file()?, beginning.size);
    let refuse = Err::<Truth, String>;
    let by_first_bytes = || foreign::by_first_bytes(&beginning.head);
    let Some(header @ [count, k]) = beginning.words() else {
        return refuse(by_first_bytes().unwrap_or_else(|| too_short(size)));
    };
    let pairs = u128::from(count) * u128::from(k);
    let has_distances = u128::from(size) == u128::from(HEADER) + pairs * 8;
    let ids_only = u128::from(size) == u128::from(HEADER) + pairs * 4;
    if pairs == 0 || !(has_distances || ids_only) {
        let known = by_first_bytes().or_else(|| foreign::Layout { file, size, header }.of_truth());
        return refuse(known.unwrap_or_else(|| misfit(size, header, queries)));
    }
    if u64::from(count) != queries {
        return refuse(format!(
            "has the neighbours of {count} queries, but the data set has {queries} queries: the \
             numbers must be equal"
        ));
    }
    check_memory(u128::from(size))?;
    let mut bytes = vec![0; (size - HEADER) as usize];
    if let Err(error) = file.read_exact_at(&mut bytes, HEADER) {
        return refuse(format!("can't be read: {error}"));
    }
    let (ids, distances) = bytes.split_at(pairs as usize * 4);
    if foreign::are_floats(&ids[..ids.len().min(256)]) {
        return refuse(
            "holds 32-bit floats where row ids (i32) are needed: is it a file of vectors?"
                .to_owned(),
        );
    }
    let truth = Truth {
        k: k as usize,
        ids: ids
            .as_chunks()
            .0
            .iter()
            .map(|id| i64::from(i32::from_le_bytes(*id)))
            .collect(),
        distances: distances
            .as_chunks()
            .0
            .iter()
            .map(|value| f32::from_le_bytes(*value))
            .collect(),
    };
    if is_wide(&truth) {
        return refuse("holds ids of 64 bits (i64): needed are ids of 32 bits (i32)".to_owned());
    }
    Ok(truth)
}

fn misfit(size: u64, [count, k]: [u32; 2], queries: u64) -> String {
    if count == 0 || size == HEADER {
        return format!(
            "has no neighbours: it ends after its header, which says {count} queries and k = {k}"
        );
    }
    if k == 0 {
        return "has k = 0 in its header, which must be at least 1".to_owned();
    }
    if u64::from(count) != queries {
        return format!(
            "has {size} bytes and the neighbours of {count} queries in its header, the data set \
             has {queries}: is it an ibin file?"
        );
    }
    let pairs = u128::from(count) * u128::from(k);
    let expected = u128::from(HEADER) + pairs * 8;
    let story = if u128::from(size) < expected {
        "it is truncated, or not in this format"
    } else {
        "it is not in this format"
    };
    format!(
        "has {size} bytes, but its header ({count} queries, k = {k}, an i32 id and an f32 \
         distance each) asks for {expected}, or {} with ids alone: {story}",
        u128::from(HEADER) + pairs * 4
    )
}

/// Whether every second id is the upper half of a number of 64 bits.
fn is_wide(truth: &Truth) -> bool {
    let words = &truth.ids[..truth.ids.len().min(64)];
    let (lower, upper): (Vec<i64>, Vec<i64>) = words
        .as_chunks::<2>()
        .0
        .iter()
        .map(|[lower, upper]| (*lower, *upper))
        .unzip();
    truth.k >= 4 && upper.iter().all(|word| *word == 0) && lower.iter().any(|word| *word != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_64_bits_are_named() {
        assert!(is_wide(&Truth {
            k: 4,
            ids: vec![3, 0, 7, 0, 1, 0, 2, 0],
            distances: Vec::new(),
        }));
    }
}
