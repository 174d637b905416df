//! Recall of a search against the data set's true neighbours.
//!
//! recall@k = correct rows among those returned / min(k, rows). A returned row is correct if it is among the true k, or if
//! its distance is at most that of the k-th times (1 + 1e-5): with ties the distance decides, not the id. The distance is
//! that of the file for the ids that the file has; beyond the file's last neighbour it is recomputed in f64 from the data
//! set, never taken from the returned score, which a quantised index may have got wrong. A row returned twice counts once.

use super::{OperationError, keys::refuse};
use crate::dataset::{Dataset, Truth};

/// By how much a distance may exceed the k-th, relative to it.
const TIE: f64 = 1e-5;
/// By how much a recomputed distance may differ from the file's, relative and absolute: f32 arithmetic of whoever made it.
const FILE_TOLERANCE: (f64, f64) = (1e-3, 1e-5);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Metric {
    L2,
    Ip,
    Cosine,
}

/// The true neighbours for one limit.
#[derive(Debug)]
pub(super) struct Recall {
    metric: Metric,
    /// Returned rows that make a recall of 1.
    wanted: usize,
    queries: Vec<Neighbours>,
}

#[derive(Debug)]
struct Neighbours {
    /// Ids that are correct according to the file, ascending.
    ids: Vec<i64>,
    /// The largest distance that is correct, if rows that the file does not have may be that near.
    open_end: Option<f64>,
}

impl Recall {
    /// None where the data set has no truth, or not for `limit` neighbours.
    ///
    /// # Errors
    /// The truth is not that of `metric`: a distance of it is not what the rows say.
    pub(super) fn new(dataset: &dyn Dataset, metric: &str, limit: usize) -> Result<Option<Self>, OperationError> {
        let (Some(truth), Some(metric)) = (dataset.truth(), Metric::named(metric)) else { return Ok(None) };
        if limit > truth.k {
            return Ok(None);
        }
        let sign = check_metric(dataset, truth, metric)?;
        let per_query = truth.ids.chunks(truth.k).zip(truth.distances.chunks(truth.k));
        let queries = per_query.map(|(ids, distances)| Neighbours::new(ids, distances, limit, sign)).collect();
        let rows = usize::try_from(dataset.rows()).unwrap_or(usize::MAX);
        let wanted = if rows == 0 { limit } else { limit.min(rows) };
        Ok(Some(Self { metric, wanted, queries }))
    }

    /// Mean recall over the queries of one request; `returned` holds the ids of each.
    pub(super) fn of_request(&self, dataset: &dyn Dataset, queries: impl Iterator<Item = u64>, returned: &[&[i64]]) -> f32 {
        let sum: usize = queries.zip(returned).map(|(query, ids)| self.correct(dataset, query, ids)).sum();
        sum as f32 / (self.wanted * returned.len()) as f32
    }

    /// Distinct correct rows among `ids`, at most `wanted`.
    fn correct(&self, dataset: &dyn Dataset, query: u64, ids: &[i64]) -> usize {
        let Some(neighbours) = self.queries.get(query as usize) else { return 0 };
        let is_correct = |id: &i64| {
            neighbours.ids.binary_search(id).is_ok()
                || neighbours.open_end.is_some_and(|most| self.distance(dataset, query, *id).is_some_and(|found| found <= most))
        };
        let mut correct: Vec<i64> = ids.iter().copied().filter(is_correct).collect();
        correct.sort_unstable();
        correct.dedup();
        correct.len().min(self.wanted)
    }

    /// The distance in the sense of [`Metric::distance`], if the row can be read.
    fn distance(&self, dataset: &dyn Dataset, query: u64, id: i64) -> Option<f64> {
        let mut row = Vec::new();
        dataset.read_rows(u64::try_from(id).ok()?, 1, &mut row).ok()?;
        Some(self.metric.distance(dataset.query(query), &row))
    }
}

impl Neighbours {
    fn new(ids: &[i64], distances: &[f32], limit: usize, sign: f64) -> Self {
        let kth = sign * f64::from(distances[limit - 1]);
        let most = kth + TIE * kth.abs();
        let near = distances[limit..].iter().take_while(|distance| sign * f64::from(**distance) <= most).count();
        let mut correct = ids[..limit + near].to_vec();
        correct.sort_unstable();
        Self { ids: correct, open_end: (limit + near == ids.len()).then_some(most) }
    }
}

impl Metric {
    fn named(name: &str) -> Option<Self> {
        [Self::L2, Self::Ip, Self::Cosine].into_iter().find(|metric| metric.name().eq_ignore_ascii_case(name))
    }

    fn name(self) -> &'static str {
        match self {
            Self::L2 => "L2",
            Self::Ip => "IP",
            Self::Cosine => "COSINE",
        }
    }

    /// Squared Euclidean distance, 1 - cosine, or the negated inner product, in f64.
    fn distance(self, a: &[u8], b: &[u8]) -> f64 {
        let values = |bytes: &'_ [u8]| bytes.as_chunks().0.iter().map(|value| f64::from(f32::from_le_bytes(*value))).collect::<Vec<_>>();
        let (a, b) = (values(a), values(b));
        let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        match self {
            Self::L2 => a.iter().zip(&b).map(|(a, b)| (a - b).powi(2)).sum(),
            Self::Ip => -product(&a, &b),
            Self::Cosine => 1.0 - product(&a, &b) / (product(&a, &a) * product(&b, &b)).sqrt(),
        }
    }
}

/// The file does not say its metric, so the distance of the first query's last neighbour is computed again (the last,
/// because small distances are all rounding). Returns the sign with which its distances rise: files for inner products
/// hold them as they are, or negated.
fn check_metric(dataset: &dyn Dataset, truth: &Truth, metric: Metric) -> Result<f64, OperationError> {
    let last = truth.k.saturating_sub(1);
    let (Some(id), Some(found)) = (truth.ids.get(last), truth.distances.get(last).map(|distance| f64::from(*distance))) else {
        return Ok(1.0);
    };
    let mut row = Vec::new();
    let known = u64::try_from(*id).is_ok_and(|id| dataset.rows() > id && dataset.read_rows(id, 1, &mut row).is_ok());
    if !known {
        // Queries alone: nothing to compute with, so the file is believed.
        return Ok(if metric == Metric::Ip && found > 0.0 { -1.0 } else { 1.0 });
    }
    let expected = metric.distance(dataset.query(0), &row);
    let near = |value: f64| (value - expected).abs() <= FILE_TOLERANCE.0 * expected.abs() + FILE_TOLERANCE.1;
    if near(found) {
        return Ok(1.0);
    }
    if metric == Metric::Ip && near(-found) {
        return Ok(-1.0);
    }
    refuse(
        "",
        format!(
            "can't use the truth of its data set: the distance of neighbour {} of the first query is {found}, with the collection's metric {} it would \
             be {expected:.6} (L2 is the squared distance, COSINE is 1 - cos): give the truth of this metric, or leave `truth` out",
            truth.k,
            metric.name()
        ),
    )
}

#[cfg(test)]
mod tests;
