//! The truth of `format = "fbin"`, an `.ibin`: u32 queries, u32 k, then queries * k i32 row ids,
//! then queries * k f32 distances, or none. A query that has fewer neighbours than k is filled up
//! with the id -1.
//!
//! Everything that needs no metric is checked here, for all queries; whether the distances are
//! those of the rows, where it is used.

use std::{collections::HashSet, os::unix::fs::FileExt, path::Path};

use super::{
    OpenError, Truth,
    fbin::{HEADER, Opened, check_memory, header, open_file, too_short},
    kind,
};

/// By how much a distance may be below the one before it, relative to the larger: rounding of
/// whoever made the file.
const ROUNDING: f32 = 1e-5;
/// Stands for a neighbour that there is none of.
const NO_NEIGHBOUR: i64 = -1;

/// Reads the neighbours of `queries` queries among `rows` rows, where these are known.
pub(super) fn read_truth(path: &Path, queries: u64, rows: Option<u64>) -> Result<Truth, OpenError> {
    const KEY: &str = "truth";
    let Opened { file, size, head } = open_file(KEY, path)?;
    let refuse = |story: String| Err(OpenError::of_file(KEY, path, &story));
    let Some(header @ [count, k]) = header(&head) else {
        return refuse(kind::by_first_bytes(&head).unwrap_or_else(|| too_short(size)));
    };
    let pairs = u128::from(count) * u128::from(k);
    let has_distances = u128::from(size) == u128::from(HEADER) + pairs * 8;
    let ids_only = u128::from(size) == u128::from(HEADER) + pairs * 4;
    if pairs == 0 || !(has_distances || ids_only) {
        let known = kind::by_first_bytes(&head).or_else(|| {
            kind::Layout {
                file: &file,
                size,
                header,
            }
            .of_truth()
        });
        return refuse(known.unwrap_or_else(|| misfit(size, header, queries)));
    }
    if u64::from(count) != queries {
        return refuse(format!(
            "has the neighbours of {count} queries, but the data set has {queries} queries: the \
             numbers must be equal"
        ));
    }
    check_memory(&path.display().to_string(), size)
        .map_err(|message| OpenError::named(KEY, &message))?;
    let mut bytes = vec![0; (size - HEADER) as usize];
    if let Err(error) = file.read_exact_at(&mut bytes, HEADER) {
        return refuse(format!("can't be read: {error}"));
    }
    let (ids, distances) = bytes.split_at(pairs as usize * 4);
    if kind::are_floats(&ids[..ids.len().min(256)]) {
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
    match check(&truth, rows) {
        Ok(()) => Ok(truth),
        Err(story) => refuse(story),
    }
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

/// What is wrong with it, in words that go on after its name.
fn check(truth: &Truth, rows: Option<u64>) -> Result<(), String> {
    if is_wide(truth) {
        return Err("holds ids of 64 bits (i64): needed are ids of 32 bits (i32)".to_owned());
    }
    let allowed = 0..rows.map_or(i64::MAX, |rows| i64::try_from(rows).unwrap_or(i64::MAX));
    let mut seen = HashSet::with_capacity(truth.k);
    let (mut rises, mut falls): (Option<String>, Option<String>) = (None, None);
    for query in 0..truth.ids.len() / truth.k {
        let all = &truth.ids[query * truth.k..(query + 1) * truth.k];
        let (ids, distances) = truth.neighbours(query);
        if let Some(id) = all[ids.len()..].iter().find(|id| **id != NO_NEIGHBOUR) {
            return Err(format!(
                "names row {id} for query {query} after an id of -1, which stands for no \
                 neighbour and may only end a list"
            ));
        }
        seen.clear();
        for id in ids {
            if !allowed.contains(id) {
                let rows = rows.map_or("any number of".into(), |rows| rows.to_string());
                return Err(format!(
                    "names row {id} for query {query}, the data set has {rows} rows numbered from \
                     0: is it the truth of another base?"
                ));
            }
            if !seen.insert(*id) {
                return Err(format!(
                    "names row {id} twice for query {query}: each neighbour may appear once"
                ));
            }
        }
        if let Some(at) = distances.iter().position(|distance| !distance.is_finite()) {
            return Err(format!(
                "holds {} as the distance of neighbour {} of query {query}: every one must be a \
                 finite number, no NaN or infinity",
                distances[at],
                at + 1
            ));
        }
        if let Some(at) = first_below(distances) {
            falls.get_or_insert_with(|| unsorted(query, at, distances));
        }
        if let Some(at) = first_below(
            &distances
                .iter()
                .map(|distance| -distance)
                .collect::<Vec<_>>(),
        ) {
            rises.get_or_insert_with(|| unsorted(query, at, distances));
        }
    }
    // Similarities fall; whether they may is for the metric to say.
    match (falls, rises) {
        (Some(found), Some(_)) => Err(found),
        _ => Ok(()),
    }
}

fn unsorted(query: usize, at: usize, distances: &[f32]) -> String {
    format!(
        "has distance {} of neighbour {} of query {query} after {} of the one before: neighbours \
         must be sorted by distance, nearest first",
        distances[at],
        at + 1,
        distances[at - 1]
    )
}

/// Where a value is below the one before it.
fn first_below(values: &[f32]) -> Option<usize> {
    let below = |pair: &[f32]| pair[1] < pair[0] - ROUNDING * pair[0].abs().max(pair[1].abs());
    values.windows(2).position(below).map(|at| at + 1)
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

    /// Two queries of `k` neighbours each among ten rows.
    fn checked(ids: &[i64], distances: &[f32]) -> Result<(), String> {
        check(
            &Truth {
                k: ids.len() / 2,
                ids: ids.to_vec(),
                distances: distances.to_vec(),
            },
            Some(10),
        )
    }

    fn refused(ids: &[i64], distances: &[f32], words: &str) {
        let found = checked(ids, distances).expect_err(words);
        assert!(found.contains(words), "{words:?} is not in: {found}");
    }

    #[test]
    fn every_query_is_checked() {
        checked(&[1, 2, 3, 4], &[0.1, 0.2, 0.3, 0.4]).unwrap();
        checked(&[1, 2, 3, 4], &[]).unwrap();
        refused(&[1, 2, 3, 10], &[0.1, 0.2, 0.3, 0.4], "row 10 for query 1");
        refused(&[1, 2, 3, -2], &[0.1, 0.2, 0.3, 0.4], "row -2 for query 1");
        refused(
            &[1, 2, 3, 3],
            &[0.1, 0.2, 0.3, 0.4],
            "row 3 twice for query 1",
        );
        refused(
            &[1, 2, 3, 4],
            &[0.1, 0.2, 0.3, f32::NAN],
            "NaN as the distance of neighbour 2 of query 1",
        );
        refused(
            &[1, 2, 3, 4],
            &[0.1, 0.2, 0.4, 0.3],
            "distance 0.3 of neighbour 2 of query 1 after 0.4",
        );
    }

    #[test]
    fn a_list_may_end_early() {
        checked(&[1, -1, -1, -1], &[0.1, f32::INFINITY, f32::NAN, 0.0]).unwrap();
        refused(
            &[1, 2, -1, 4],
            &[0.1, 0.2, 0.3, 0.4],
            "row 4 for query 1 after an id of -1",
        );
    }

    #[test]
    fn similarities_fall_in_all_queries_or_in_none() {
        checked(&[1, 2, 3, 4], &[0.9, 0.8, 0.7, 0.1]).unwrap();
        checked(&[1, 2, 3, 4], &[0.5, 0.499_999_9, 0.5, 0.6]).unwrap();
        refused(&[1, 2, 3, 4], &[0.9, 0.8, 0.1, 0.7], "nearest first");
    }

    #[test]
    fn ids_of_64_bits_are_named() {
        let ids = [3, 0, 7, 0, 1, 0, 2, 0];
        refused(&ids, &[0.0; 8], "64 bits");
    }
}
