//! Recall of a search against the data set's true neighbours.
//!
//! recall@k = correct rows among those returned / min(k, true neighbours). A returned row is
//! correct if it is among the true k, or if its distance is at most that of the k-th times (1 +
//! 1e-5): with ties the distance decides, not the id. The distance is that of the file for the ids
//! that the file has; beyond the file's last neighbour it is recomputed in f64 from the data set,
//! never taken from the returned score, which a quantised index may have got wrong. A row returned
//! twice counts once.
//!
//! A reply with a row nearer than the first of the true neighbours proves the truth wrong: it has
//! no recall then.

use super::{
    OperationError, TRUTH_WRONG,
    metric::{Between, Metric, metrics, rounding},
    truth::{self, between},
};
use crate::dataset::Dataset;

/// By how much a distance may exceed the k-th, relative to it.
const TIE: f64 = 1e-5;
/// By how much a score must be below a distance of the file to be nearer, relative to it, and to
/// the norm of the query in [`rounding`]s: both are f32.
const NEARER_SCORE: (f64, f64) = (2e-3, 2.0);

/// The true neighbours for one limit.
#[derive(Debug)]
pub(super) struct Recall {
    metric: Metric,
    /// By how much a computed distance must be below another one to be nearer, relative to the
    /// norms.
    rounding: f64,
    /// With which distances of the file rise.
    sign: f64,
    queries: Vec<Neighbours>,
}

#[derive(Debug)]
struct Neighbours {
    /// Returned rows that make a recall of 1; 0 for a query that has no neighbours.
    wanted: usize,
    /// Ids that are correct according to the file, ascending.
    ids: Vec<i64>,
    /// The largest distance that is correct, if rows that the file does not have may be that near.
    open_end: Option<f64>,
    /// The distance of the first, as the file has it.
    first: Option<f64>,
}

/// What one query vector was answered with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer<'a> {
    pub(super) query: u64,
    pub(super) ids: &'a [i64],
    /// As many as ids; none where they are not known.
    pub(super) scores: &'a [f32],
}

impl Recall {
    /// The second error says why there is no recall, in words that go on after `no recall: `.
    ///
    /// # Errors
    /// The truth is not that of `metric`: a distance of it is not what the rows say.
    pub(super) fn new(
        dataset: &dyn Dataset,
        metric: &str,
        limit: usize,
    ) -> Result<Result<Self, String>, OperationError> {
        let Some(truth) = dataset.truth() else {
            return Ok(Err("its data set has no `truth`".to_owned()));
        };
        let Some(metric) = Metric::named(metric) else {
            return Ok(Err(format!(
                "recall is known for the metrics {}, and its collection has {metric:?}",
                metrics().join(", ")
            )));
        };
        if limit > truth.k {
            return Ok(Err(format!(
                "its limit is {limit}, and the truth of its data set has {} neighbours of each \
                 query",
                truth.k
            )));
        }
        let sign = truth::check(dataset, truth, metric)?;
        let queries = (0..truth.ids.len() / truth.k)
            .map(|query| Neighbours::new(dataset, (metric, sign), query, limit))
            .collect();
        Ok(Ok(Self {
            metric,
            rounding: rounding(dataset.vector_type()),
            sign,
            queries,
        }))
    }

    /// Mean recall over the queries of one request; NaN where none of them has neighbours,
    /// [`TRUTH_WRONG`] where one proves it wrong.
    pub(super) fn of_request<'a>(
        &self,
        dataset: &dyn Dataset,
        answers: impl Iterator<Item = Answer<'a>>,
    ) -> f32 {
        let (mut sum, mut count) = (0.0, 0_u32);
        for answer in answers {
            let Some(neighbours) = self
                .queries
                .get(answer.query as usize)
                .filter(|neighbours| neighbours.wanted > 0)
            else {
                continue;
            };
            match self.correct(dataset, neighbours, answer) {
                Some(correct) => sum += correct as f64 / neighbours.wanted as f64,
                None => return TRUTH_WRONG,
            }
            count += 1;
        }
        (sum / f64::from(count)) as f32
    }

    /// Distinct correct rows, at most as many as are wanted; None where one is nearer than the
    /// first of the true neighbours.
    ///
    /// Rows are read only where ties may lie beyond the file's last neighbour, and to look at the
    /// first of a reply, its nearest.
    fn correct(
        &self,
        dataset: &dyn Dataset,
        neighbours: &Neighbours,
        answer: Answer<'_>,
    ) -> Option<usize> {
        let query = answer.query as usize;
        let mut first: Option<Option<Between>> = None;
        let mut correct = Vec::with_capacity(answer.ids.len());
        for (at, id) in answer.ids.iter().enumerate() {
            if neighbours.ids.binary_search(id).is_ok() {
                correct.push(*id);
                continue;
            }
            if at > 0 && neighbours.open_end.is_none() {
                continue;
            }
            let Some(found) = between(dataset, query, *id) else {
                continue;
            };
            let known = || {
                between(
                    dataset,
                    query,
                    *dataset.truth()?.neighbours(query).0.first()?,
                )
            };
            if first
                .get_or_insert_with(known)
                .is_some_and(|first| self.is_nearer(&found, &first))
            {
                return None;
            }
            if neighbours
                .open_end
                .is_some_and(|most| self.metric.distance(&found) <= most)
            {
                correct.push(*id);
            }
        }
        if self.says_nearer(dataset, neighbours, answer) {
            return None;
        }
        correct.sort_unstable();
        correct.dedup();
        Some(correct.len().min(neighbours.wanted))
    }

    fn is_nearer(&self, found: &Between, than: &Between) -> bool {
        let scale = self.metric.scale(found).max(self.metric.scale(than));
        self.metric.distance(found) < self.metric.distance(than) - self.rounding * scale
    }

    /// Whether the server says so of a row that the data set does not have: its word counts where
    /// it is right about the neighbours that both know, since a quantised index is not.
    fn says_nearer(
        &self,
        dataset: &dyn Dataset,
        neighbours: &Neighbours,
        answer: Answer<'_>,
    ) -> bool {
        let (Some(first), Some(truth)) = (neighbours.first, dataset.truth()) else {
            return false;
        };
        let query = dataset.query(answer.query);
        let scale = self
            .metric
            .scale(&Between::new(dataset.vector_type(), query, query));
        let tolerance = |distance: f64| {
            NEARER_SCORE.0 * distance.abs() + NEARER_SCORE.1 * self.rounding * scale
        };
        let (ids, distances) = truth.neighbours(answer.query as usize);
        let (mut is_exact, mut is_nearer) = (None, false);
        for (id, score) in answer.ids.iter().zip(answer.scores) {
            let found = self.metric.of_score(*score);
            match ids.iter().position(|known| known == id) {
                Some(at) => {
                    let written = distances
                        .get(at)
                        .map(|written| self.sign * f64::from(*written));
                    let same = written
                        .is_some_and(|written| (found - written).abs() <= tolerance(written));
                    is_exact = Some(same && is_exact.unwrap_or(true));
                }
                None => {
                    is_nearer |=
                        found < first - tolerance(first) && truth::row(dataset, *id).is_none()
                }
            }
        }
        is_exact == Some(true) && is_nearer
    }
}

impl Neighbours {
    fn new(
        dataset: &dyn Dataset,
        (metric, sign): (Metric, f64),
        query: usize,
        limit: usize,
    ) -> Self {
        let Some(truth) = dataset.truth() else {
            return Self {
                wanted: 0,
                ids: Vec::new(),
                open_end: None,
                first: None,
            };
        };
        let (ids, distances) = truth.neighbours(query);
        let wanted = limit.min(ids.len());
        let distance = |at: usize| match distances.get(at) {
            Some(written) => Some(sign * f64::from(*written)),
            None => between(dataset, query, *ids.get(at)?).map(|found| metric.distance(&found)),
        };
        let most = wanted
            .checked_sub(1)
            .and_then(distance)
            .map(|kth| kth + TIE * kth.abs());
        let near = most.map_or(0, |most| {
            (wanted..ids.len())
                .take_while(|at| distance(*at).is_some_and(|found| found <= most))
                .count()
        });
        let mut correct = ids[..wanted + near].to_vec();
        correct.sort_unstable();
        // A list that ends early has no neighbours beyond its end.
        Self {
            wanted,
            ids: correct,
            open_end: most.filter(|_| wanted + near == truth.k),
            first: distance(0),
        }
    }
}

#[cfg(test)]
mod tests;
