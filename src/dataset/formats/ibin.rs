//! The truth of the big-ann-benchmarks, an `.ibin`: u32 queries, u32 k, then queries * k row ids,
//! then queries * k f32 distances, or none. Ids are i32, of more than 2^31 rows u32. A query that
//! has fewer neighbours than k is filled up with the id -1.

use super::{
    super::{
        file::{Beginning, check_memory, header_at},
        foreign,
        format::{Asked, Neighbours, has_other_queries},
        truth::Truth,
    },
    bin::{HEADER, too_short},
};

pub(super) const NEIGHBOURS: Neighbours = Neighbours {
    name: "ibin",
    extensions: &["ibin", "bin", "gt", "rangeres"],
    recognises,
    read,
};

/// Whether the size of a file fits its header, and its first words are no floats.
fn recognises(beginning: &Beginning) -> bool {
    let fits = |[count, k]: [u32; 2]| {
        let pairs = u128::from(count) * u128::from(k);
        let values = u128::from(beginning.size).checked_sub(u128::from(HEADER));
        pairs > 0 && (values == Some(pairs * 8) || values == Some(pairs * 4))
    };
    let ids = beginning.head.get(HEADER as usize..).unwrap_or_default();
    beginning.words().is_some_and(fits) && !foreign::are_floats(&ids[..ids.len().min(256)])
}

/// Reads the neighbours.
fn read(asked: &Asked<'_>) -> Result<Truth, String> {
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
        let layout = foreign::Layout { file, size, header };
        let known = by_first_bytes().or_else(|| layout.of_truth());
        let known = known.or_else(|| is_range(beginning, header).then(range));
        return refuse(known.unwrap_or_else(|| misfit(size, header, queries)));
    }
    if has_other_queries(u64::from(count), queries) {
        return refuse(format!(
            "has the neighbours of {count} queries, but the data set has {queries} queries: the \
             numbers must be equal"
        ));
    }
    check_memory(u128::from(size))?;
    let bytes = header_at(file, HEADER, size - HEADER)?;
    let (ids, distances) = bytes.split_at(pairs as usize * 4);
    if foreign::are_floats(&ids[..ids.len().min(256)]) {
        return refuse(
            "holds 32-bit floats where row ids (i32) are needed: is it a file of vectors?"
                .to_owned(),
        );
    }
    // Only of so many rows can the highest bit belong to an id.
    let is_unsigned = asked.rows.is_some_and(|rows| rows > 1 << 31);
    let id = |bytes: &[u8; 4]| match (i32::from_le_bytes(*bytes), u32::from_le_bytes(*bytes)) {
        (signed, unsigned) if is_unsigned && signed != -1 => i64::from(unsigned),
        (signed, _) => i64::from(signed),
    };
    let truth = Truth {
        k: k as usize,
        ids: ids.as_chunks().0.iter().map(id).collect(),
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

/// Whether it is the truth of a range search: i32 queries, i32 total, then the number of neighbours
/// of each query, then all ids and all distances.
fn is_range(beginning: &Beginning, [count, total]: [u32; 2]) -> bool {
    let counts = beginning.head.get(HEADER as usize..).unwrap_or_default();
    let counts = counts.as_chunks().0.iter().take(count as usize);
    let sum: u64 = counts
        .map(|each| u64::from(u32::from_le_bytes(*each)))
        .sum();
    let size = u128::from(HEADER) + u128::from(count) * 4 + u128::from(total) * 8;
    count > 0 && u128::from(beginning.size) == size && sum <= u64::from(total)
}

fn range() -> String {
    "is the truth of a range search (rangeres), which has any number of neighbours for a query: \
     needed are the k nearest of each (ibin)"
        .to_owned()
}

fn misfit(size: u64, [count, k]: [u32; 2], queries: u64) -> String {
    if count == 0 || size == HEADER {
        return format!(
            "has no neighbours: it ends after its header, which says {count} queries and k = {k}"
        );
    }
    if k == 0 {
        return "has k = 0 in its header (byte 4), which must be at least 1".to_owned();
    }
    if has_other_queries(u64::from(count), queries) {
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
