//! Whether the true neighbours of a data set are those of a metric: their distances are computed
//! again from the rows, in f64, for some neighbours of every query.
//!
//! What needs no metric (ids in range, none twice, an order) the data set has checked itself.

use super::{
    OperationError, TRUTH_KEY, draw,
    keys::refuse,
    metric::{Between, Metric, rounding},
};
use crate::{
    dataset::{Dataset, Truth, sparse_rows},
    vector_type::VectorType,
};

/// By how much a distance may differ from the file's, relative to it: f32 arithmetic of whoever
/// made it. To that comes the [`rounding`] of the values.
const TOLERANCE: f64 = 1e-3;
/// Queries up to which three neighbours of each are computed again; of more of them one is.
const MANY_QUERIES: usize = 20_000;

/// What distances of a file may be instead of those that are needed.
static FORMS: &[(&str, Form)] = &[
    ("squared Euclidean distances (L2)", |found| found.squares),
    ("Euclidean distances that are not squared", |found| {
        found.squares.sqrt()
    }),
    ("1 - cosine", |found| 1.0 - found.cosine),
    ("cosines, which are similarities", |found| found.cosine),
    ("inner products (IP)", |found| found.product),
    ("negated inner products (IP)", |found| -found.product),
];

/// The same of binary vectors.
static FORMS_OF_BITS: &[(&str, Form)] = &[
    ("counts of differing bits (HAMMING)", |found| {
        found.differing
    }),
    (
        "shares of differing bits, as ann-benchmarks has them",
        |found| found.differing_share,
    ),
    ("Jaccard distances (JACCARD)", |found| 1.0 - found.overlap),
    ("Jaccard similarities", |found| found.overlap),
];

type Form = fn(&Between) -> f64;

/// Row `id` of the data set, as a placeholder would have it; None where there is none, or it can't
/// be read.
pub(super) fn row(dataset: &dyn Dataset, id: i64) -> Option<Vec<u8>> {
    let id = u64::try_from(id).ok().filter(|id| *id < dataset.rows())?;
    let mut row = Vec::new();
    dataset.read_rows(id, 1, &mut row).ok()?;
    match dataset.vector_type() {
        VectorType::Sparse => sparse_rows(&row).next().map(<[u8]>::to_vec),
        _ => Some(row),
    }
}

pub(super) fn between(dataset: &dyn Dataset, query: usize, id: i64) -> Option<Between> {
    Some(Between::new(
        dataset.vector_type(),
        dataset.query(query as u64),
        &row(dataset, id)?,
    ))
}

/// Whether a distance is the expected one; `slack` is what rounding of the values may add.
fn near(found: f64, expected: f64, slack: f64) -> bool {
    (found - expected).abs() <= TOLERANCE * expected.abs() + slack
}

/// The places of the neighbours of a query that are computed again: the last, because small
/// distances are all rounding, the first, and one between.
fn places(query: usize, count: usize, few: bool) -> impl Iterator<Item = usize> {
    let drawn = draw::below(draw::mix(query as u64), count as u64) as usize;
    let ends = [0, count - 1]
        .into_iter()
        .filter(move |at| few && *at != drawn);
    std::iter::once(drawn).chain(ends)
}

/// Checks every query, and gives the sign with which the file's distances rise: files for inner
/// products hold them as they are, or negated.
///
/// # Errors
/// The truth is not that of `metric` and of these rows.
pub(super) fn check(
    dataset: &dyn Dataset,
    truth: &Truth,
    metric: Metric,
) -> Result<f64, OperationError> {
    let queries = truth.ids.len() / truth.k.max(1);
    if truth.distances.is_empty() {
        return check_order(dataset, truth, metric, queries).map(|()| 1.0);
    }
    let ends = |query| {
        truth
            .neighbours(query)
            .1
            .first()
            .copied()
            .zip(truth.neighbours(query).1.last().copied())
    };
    let any = |is: fn((f32, f32)) -> bool| (0..queries).filter_map(ends).any(is);
    let (rises, falls) = (
        any(|(first, last)| last > first),
        any(|(first, last)| last < first),
    );
    let sign = match metric {
        Metric::Ip if falls => -1.0,
        Metric::Ip if !rises => sign_of_product(dataset, truth, queries),
        _ => 1.0,
    };
    let few = queries <= MANY_QUERIES;
    let rounding = rounding(dataset.vector_type());
    for query in 0..queries {
        let (ids, distances) = truth.neighbours(query);
        for at in places(query, ids.len().max(1), few).filter(|at| *at < ids.len()) {
            // Queries alone: nothing to compute with, so the file is believed.
            let Some(found) = between(dataset, query, ids[at]) else {
                continue;
            };
            let (written, expected) = (f64::from(distances[at]), metric.distance(&found));
            if !near(sign * written, expected, rounding * metric.scale(&found)) {
                return misfit(
                    dataset,
                    truth,
                    metric,
                    Misfit {
                        query,
                        at,
                        written,
                        expected: sign * expected,
                    },
                );
            }
        }
    }
    if falls && sign > 0.0 {
        return refuse(
            TRUTH_KEY,
            format!(
                "holds decreasing distances, like similarities: {}",
                metric.needed()
            ),
        );
    }
    Ok(sign)
}

/// The sign where neither order says it: one neighbour each, or all of them equally far.
fn sign_of_product(dataset: &dyn Dataset, truth: &Truth, queries: usize) -> f64 {
    let first = (0..queries).find_map(|query| {
        let (ids, distances) = truth.neighbours(query);
        Some((query, *ids.first()?, f64::from(*distances.first()?)))
    });
    let Some((query, id, written)) = first else {
        return 1.0;
    };
    match between(dataset, query, id) {
        Some(found) => {
            if near(
                written,
                found.product,
                rounding(dataset.vector_type()) * found.norms,
            ) {
                -1.0
            } else {
                1.0
            }
        }
        None => {
            if written > 0.0 {
                -1.0
            } else {
                1.0
            }
        }
    }
}

/// One distance that is not what the rows say.
struct Misfit {
    query: usize,
    at: usize,
    written: f64,
    expected: f64,
}

fn misfit<T>(
    dataset: &dyn Dataset,
    truth: &Truth,
    metric: Metric,
    misfit: Misfit,
) -> Result<T, OperationError> {
    let Misfit {
        query,
        at,
        written,
        expected,
    } = misfit;
    let guess = match (
        begins_at_one(dataset, truth, metric),
        likely_form(dataset, truth),
    ) {
        (true, _) => "its ids begin at 1, rows are numbered from 0".to_owned(),
        (false, Some(form)) => format!("its distances are {form}; {}", metric.needed()),
        (false, None) => format!(
            "{}, and it must be made for these rows and queries",
            metric.needed()
        ),
    };
    let message = format!(
        "can't be used: the distance of neighbour {} of query {query} (row {}) is {written}, with \
         the collection's metric {} it would be {expected:.6}: {guess}",
        at + 1,
        truth.neighbours(query).0[at],
        metric.name()
    );
    refuse(TRUTH_KEY, message)
}

/// Some neighbours of the first queries with what the rows say of them; `less` is subtracted from
/// each id.
fn sample<'a>(
    dataset: &'a dyn Dataset,
    truth: &'a Truth,
    less: i64,
) -> impl Iterator<Item = (f64, Between)> + 'a {
    let queries = (truth.ids.len() / truth.k.max(1)).min(20);
    (0..queries).flat_map(move |query| {
        let (ids, distances) = truth.neighbours(query);
        let last = ids.len().checked_sub(1);
        let places = [Some(0), last]
            .into_iter()
            .flatten()
            .filter(move |at| Some(*at) <= last);
        places.filter_map(move |at| {
            Some((
                f64::from(distances[at]),
                between(dataset, query, ids[at] - less)?,
            ))
        })
    })
}

/// What the distances are instead; None where they are nothing known.
fn likely_form(dataset: &dyn Dataset, truth: &Truth) -> Option<&'static str> {
    let rounding = rounding(dataset.vector_type());
    let fits = |form: Form| {
        sample(dataset, truth, 0)
            .all(|(written, found)| near(written, form(&found), rounding * found.norms.min(1.0)))
    };
    let forms = match dataset.vector_type() {
        VectorType::Binary => FORMS_OF_BITS,
        _ => FORMS,
    };
    forms
        .iter()
        .find(|(_, form)| fits(*form))
        .map(|(name, _)| *name)
}

fn begins_at_one(dataset: &dyn Dataset, truth: &Truth, metric: Metric) -> bool {
    let mut known = sample(dataset, truth, 1).peekable();
    known.peek().is_some()
        && known.all(|(written, found)| {
            near(
                written.abs(),
                metric.distance(&found).abs(),
                rounding(dataset.vector_type()) * metric.scale(&found),
            )
        })
}

/// Ids without distances: the rows have to be in the order of theirs.
fn check_order(
    dataset: &dyn Dataset,
    truth: &Truth,
    metric: Metric,
    queries: usize,
) -> Result<(), OperationError> {
    let rounding = rounding(dataset.vector_type());
    for query in 0..queries {
        let (ids, _) = truth.neighbours(query);
        if ids.is_empty() {
            continue;
        }
        let mut places: Vec<usize> = places(query, ids.len(), true).collect();
        places.sort_unstable();
        let known = places
            .iter()
            .filter_map(|at| Some((*at, between(dataset, query, ids[*at])?)));
        let known: Vec<(usize, f64, f64)> = known
            .map(|(at, found)| (at, metric.distance(&found), metric.scale(&found)))
            .collect();
        for pair in known.windows(2) {
            let ((first, nearer, _), (last, farther, scale)) = (pair[0], pair[1]);
            if farther < nearer - TOLERANCE * nearer.abs() - rounding * scale {
                return refuse(
                    TRUTH_KEY,
                    format!(
                        "can't be used: with the collection's metric {} neighbour {} of query \
                         {query} (row {}) has distance {farther:.6}, less than the {nearer:.6} of \
                         neighbour {} (row {}): give the truth of this metric and of these rows, \
                         which are numbered from 0",
                        metric.name(),
                        last + 1,
                        ids[last],
                        first + 1,
                        ids[first]
                    ),
                );
            }
        }
    }
    Ok(())
}
