//! True neighbours of queries, whatever file they come from.
//!
//! Everything that needs no metric is checked here, for all queries; whether the distances are
//! those of the rows, where they are used.

use std::collections::HashSet;

/// By how much a distance may be below the one before it, relative to the larger: rounding of
/// whoever made the file.
const ROUNDING: f32 = 1e-5;
/// Stands for a neighbour that there is none of.
pub(super) const NO_NEIGHBOUR: i64 = -1;

/// True neighbours of the queries.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Truth {
    /// Neighbours per query, at least 1.
    pub k: usize,
    /// Row ids, `k` per query, nearest first; -1 at the end of a list stands for none.
    pub ids: Vec<i64>,
    /// Distances as the file has them, `k` per query, rising, or falling where they are
    /// similarities; empty where it has none.
    pub distances: Vec<f32>,
}

impl Truth {
    /// Queries that it has the neighbours of.
    #[must_use]
    pub fn queries(&self) -> u64 {
        (self.ids.len() / self.k.max(1)) as u64
    }

    /// Ids of the neighbours of a query, and their distances, if there are any.
    #[must_use]
    pub fn neighbours(&self, query: usize) -> (&[i64], &[f32]) {
        let range = query * self.k..(query + 1) * self.k;
        let ids = self.ids.get(range.clone()).unwrap_or_default();
        let length = ids
            .iter()
            .position(|id| *id == NO_NEIGHBOUR)
            .unwrap_or(ids.len());
        let distances = self.distances.get(range).unwrap_or_default();
        (&ids[..length], &distances[..length.min(distances.len())])
    }
}

/// How distances go on with the neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// They are distances.
    Rising,
    /// They are similarities.
    Falling,
    /// No two differ.
    Level,
}

impl Truth {
    /// The least and the greatest id; None where there is no neighbour.
    #[must_use]
    pub fn range(&self) -> Option<(i64, i64)> {
        let ids = || self.ids.iter().copied().filter(|id| *id != NO_NEIGHBOUR);
        ids().min().zip(ids().max())
    }

    /// Whether distances rise or fall; None where there are none.
    #[must_use]
    pub fn direction(&self) -> Option<Direction> {
        let of = |query: usize| {
            let (_, distances) = self.neighbours(query);
            let mut pairs = distances.windows(2);
            pairs.find_map(|pair| match pair[1] - pair[0] {
                step if step > 0.0 => Some(Direction::Rising),
                step if step < 0.0 => Some(Direction::Falling),
                _ => None,
            })
        };
        if self.distances.is_empty() {
            return None;
        }
        let mut queries = 0..self.queries() as usize;
        Some(queries.find_map(of).unwrap_or(Direction::Level))
    }
}

/// Checks the neighbours of queries among `rows` rows, where these are known.
///
/// # Errors
/// What is wrong, in words that go on after the name of its file.
pub(super) fn check(truth: &Truth, rows: Option<u64>) -> Result<(), String> {
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
    fn ids_have_a_range_and_distances_a_direction() {
        let truth = |distances: &[f32]| Truth {
            k: 2,
            ids: vec![7, 3, 5, -1],
            distances: distances.to_vec(),
        };
        assert_eq!(truth(&[]).range(), Some((3, 7)));
        assert_eq!(truth(&[]).direction(), None);
        assert_eq!(
            truth(&[0.1, 0.2, 0.1, 9.0]).direction(),
            Some(Direction::Rising)
        );
        assert_eq!(
            truth(&[0.2, 0.1, 0.1, 9.0]).direction(),
            Some(Direction::Falling)
        );
        assert_eq!(
            truth(&[0.2, 0.2, 0.1, 9.0]).direction(),
            Some(Direction::Level)
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
}
