use std::collections::BTreeSet;

use super::*;
use crate::dataset::{Dataset, sparse_rows};

fn opened(options: &DatasetOptions) -> Arc<dyn Dataset> {
    open(options).unwrap().dataset(VectorType::Float).unwrap()
}

fn options(distribution: &str) -> DatasetOptions {
    DatasetOptions {
        name: "noise".into(),
        rows: Some(1000),
        dim: Some(16),
        query_count: Some(50),
        distribution: Some(distribution.into()),
        seed: 42,
        ..DatasetOptions::default()
    }
}

fn rows(data: &dyn Dataset, first: u64, count: u64) -> Vec<f32> {
    let mut out = Vec::new();
    data.read_rows(first, count, &mut out).unwrap();
    floats(&out)
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes
        .as_chunks()
        .0
        .iter()
        .map(|value| f32::from_le_bytes(*value))
        .collect()
}

fn moments(values: &[f32]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().map(|value| f64::from(*value)).sum::<f64>() / n;
    (
        mean,
        values
            .iter()
            .map(|value| (f64::from(*value) - mean).powi(2))
            .sum::<f64>()
            / n,
    )
}

fn check_refused(change: impl Fn(&mut DatasetOptions), words: &[&str]) {
    let mut options = options("normal");
    change(&mut options);
    let OpenError { key, message } = open(&options).expect_err("refused");
    let message = format!("{key} {message}");
    for word in words {
        assert!(message.contains(word), "{word:?} is not in: {message}");
    }
}

#[test]
fn a_row_does_not_depend_on_what_was_read_before() {
    for distribution in ["normal", "uniform", "clustered"] {
        let data = opened(&options(distribution));
        let all = rows(&*data, 0, 1000);
        assert_eq!(rows(&*data, 997, 3), all[997 * 16..]);
        assert_eq!(rows(&*data, 5, 1), all[5 * 16..6 * 16]);
    }
}

#[test]
fn seeds_rows_and_queries_differ() {
    let data = opened(&options("normal"));
    let other = opened(&DatasetOptions {
        seed: 43,
        ..options("normal")
    });
    assert_ne!(rows(&*data, 0, 1), rows(&*other, 0, 1));
    assert_ne!(rows(&*data, 0, 1), rows(&*data, 1, 1));
    assert_ne!(rows(&*data, 0, 1), floats(data.query(0)));
    assert_ne!(data.query(0), data.query(1));
    assert_eq!(data.queries(), 50);
}

/// A scenario's seed keeps its meaning between versions: these values may never change.
#[test]
fn values_stay_the_same_between_versions() {
    let first = |distribution| rows(&*opened(&options(distribution)), 3, 1)[..2].to_vec();
    assert_eq!(first("uniform"), UNIFORM);
    assert_eq!(first("normal"), NORMAL);
    assert_eq!(first("clustered"), CLUSTERED);
}
const UNIFORM: [f32; 2] = [0.45465267, -0.7842964];
const NORMAL: [f32; 2] = [-0.69223744, -0.16024612];
const CLUSTERED: [f32; 2] = [-0.37449694, 1.1481239];

#[test]
fn distributions_have_their_moments() {
    // 16,000 values: five standard errors of the mean are 0.04, of the variance 0.06.
    let check = |distribution, variance: f64| {
        let (mean, found) = moments(&rows(&*opened(&options(distribution)), 0, 1000));
        assert!(
            mean.abs() < 0.04 && (found - variance).abs() < 0.06,
            "{distribution}: mean {mean}, variance {found}"
        );
    };
    check("normal", 1.0);
    check("Uniform", 1.0 / 3.0);
}

#[test]
fn clustered_rows_lie_around_few_centres() {
    let values = rows(&*opened(&options("clustered")), 0, 1000);
    let vectors: Vec<&[f32]> = values.chunks(16).collect();
    let near = |a: &[f32], b: &[f32]| {
        a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f32>() < 16.0 * 4.0 * SPREAD * SPREAD
    };
    // About one row in a hundred shares the centre of the first; normal rows would not come
    // near at all.
    let shared = vectors[1..]
        .iter()
        .filter(|other| near(vectors[0], other))
        .count();
    assert!((1..60).contains(&shared), "{shared} rows near the first");
}

#[test]
fn wrong_options_are_refused() {
    check_refused(|o| o.rows = Some(0), &["rows", "is 0"]);
    check_refused(|o| o.dim = Some(32_769), &["dim", "32769", "1 to 32,768"]);
    check_refused(|o| o.dim = None, &["dim", "missing"]);
    check_refused(|o| o.query_count = Some(0), &["queries", "is 0"]);
    check_refused(
        |o| o.query_count = Some(u64::MAX),
        &["queries", "in memory"],
    );
    check_refused(
        |o| o.distribution = Some("gauss".into()),
        &["gauss", "normal, uniform or clustered"],
    );
    check_refused(|o| o.base = Some("x.fbin".into()), &["base", "is a file"]);
}

#[test]
fn queries_alone_are_enough() {
    let data = opened(&DatasetOptions {
        rows: None,
        ..options("normal")
    });
    assert_eq!((data.rows(), data.queries()), (0, 50));
    assert!(data.read_rows(0, 1, &mut Vec::new()).is_err());
    // They are the same as beside rows.
    assert_eq!(data.query(7), opened(&options("normal")).query(7));
}

#[test]
fn rows_beyond_the_end_are_refused() {
    let data = opened(&options("normal"));
    assert!(data.read_rows(999, 2, &mut Vec::new()).is_err());
    assert!(data.read_rows(u64::MAX, 2, &mut Vec::new()).is_err());
}

fn typed(options: &DatasetOptions, vector_type: VectorType) -> Arc<dyn Dataset> {
    open(options).unwrap().dataset(vector_type).unwrap()
}

fn bytes(data: &dyn Dataset, first: u64, count: u64) -> Vec<u8> {
    let mut out = Vec::new();
    data.read_rows(first, count, &mut out).unwrap();
    out
}

#[test]
fn a_row_of_every_type_does_not_depend_on_what_was_read_before() {
    for distribution in ["normal", "uniform", "clustered"] {
        let options = DatasetOptions {
            duplicates: Some(0.3),
            ..options(distribution)
        };
        for vector_type in VectorType::all() {
            let data = typed(&options, vector_type);
            let one_by_one: Vec<u8> = (0..1000).flat_map(|row| bytes(&*data, row, 1)).collect();
            assert_eq!(bytes(&*data, 0, 1000), one_by_one, "{vector_type}");
            if let Some(row) = vector_type.bytes(16) {
                assert_eq!(one_by_one.len(), 1000 * row, "{vector_type}");
            }
        }
    }
}

#[test]
fn other_dense_types_are_made_from_the_floats() {
    let plain = options("normal");
    let values = rows(&*opened(&plain), 7, 1);
    let int8 = bytes(&*typed(&plain, VectorType::Int8), 7, 1);
    let expected = values.iter().map(|value| (value * 32.0).round() as i8);
    assert_eq!(int8, expected.map(|value| value as u8).collect::<Vec<_>>());
    let bits = bytes(&*typed(&plain, VectorType::Binary), 7, 1);
    for (at, value) in values.iter().enumerate() {
        let bit = bits[at / 8] >> (7 - at % 8) & 1;
        assert_eq!(bit == 1, *value > 0.0, "dimension {at}");
    }
    let halves = bytes(&*typed(&plain, VectorType::Float16), 7, 1);
    let first = half::f16::from_le_bytes([halves[0], halves[1]]);
    assert_eq!(first, half::f16::from_f32(values[0]));
}

#[test]
fn a_share_of_the_rows_equals_an_earlier_one() {
    let data = opened(&DatasetOptions {
        duplicates: Some(0.25),
        ..options("normal")
    });
    let all = bytes(&*data, 0, 1000);
    let mut seen = std::collections::HashSet::new();
    let duplicates = all.chunks(64).filter(|row| !seen.insert(*row)).count();
    // 250 expected, five standard deviations are 69.
    assert!((181..=319).contains(&duplicates), "{duplicates}");
    // The others are what they would be without.
    let plain = bytes(&*opened(&options("normal")), 0, 1000);
    let same = all.chunks(64).zip(plain.chunks(64)).filter(|(a, b)| a == b);
    assert_eq!(same.count(), 1000 - duplicates);
}

fn sparse(distribution: &str, nonzeros: (u32, u32)) -> DatasetOptions {
    DatasetOptions {
        dim: Some(30_000),
        nonzeros: Some(nonzeros),
        ..options(distribution)
    }
}

fn indices(pairs: &[u8]) -> Vec<u32> {
    let pairs = pairs.as_chunks::<8>().0.iter();
    pairs
        .map(|pair| u32::from_le_bytes([pair[0], pair[1], pair[2], pair[3]]))
        .collect()
}

#[test]
fn sparse_rows_have_as_many_values_as_asked_for_with_indices_ascending() {
    for distribution in ["normal", "uniform", "clustered"] {
        let data = open(&sparse(distribution, (20, 60))).unwrap();
        assert_eq!(data.natural_type(), VectorType::Sparse);
        let data = data.dataset(VectorType::Sparse).unwrap();
        let all = bytes(&*data, 0, 1000);
        let counts: Vec<usize> = sparse_rows(&all)
            .map(|pairs| {
                let indices = indices(pairs);
                assert!(indices.windows(2).all(|pair| pair[0] < pair[1]));
                assert!(indices.iter().all(|index| *index < 30_000));
                indices.len()
            })
            .collect();
        assert_eq!(counts.len(), 1000);
        assert_eq!(counts.iter().min(), Some(&20));
        assert_eq!(counts.iter().max(), Some(&60));
    }
}

#[test]
fn every_index_may_be_taken() {
    let data = typed(
        &DatasetOptions {
            dim: Some(5),
            ..sparse("normal", (5, 5))
        },
        VectorType::Sparse,
    );
    assert_eq!(indices(data.query(0)), [0, 1, 2, 3, 4]);
}

#[test]
fn sparse_rows_of_a_centre_share_indices() {
    let shared = |distribution| {
        let data = typed(&sparse(distribution, (40, 40)), VectorType::Sparse);
        let all = bytes(&*data, 0, 200);
        let rows: Vec<BTreeSet<u32>> = sparse_rows(&all)
            .map(|pairs| indices(pairs).into_iter().collect())
            .collect();
        let common = |a: &BTreeSet<u32>, b: &BTreeSet<u32>| a.intersection(b).count();
        (1..200).map(|row| common(&rows[0], &rows[row])).max()
    };
    assert!(shared("clustered") > shared("normal").map(|most| most + 3));
}

/// As of the floats.
#[test]
fn sparse_values_stay_the_same_between_versions() {
    let data = typed(&sparse("normal", (20, 60)), VectorType::Sparse);
    let all = bytes(&*data, 3, 1);
    let pairs = sparse_rows(&all).next().unwrap();
    assert_eq!(indices(pairs).last_chunk(), Some(&SPARSE));
}
const SPARSE: [u32; 3] = [27_465, 28_342, 29_514];

#[test]
fn wrong_options_of_sparse_vectors_are_refused() {
    let refused = |nonzeros, dim| {
        let options = DatasetOptions {
            dim: Some(dim),
            ..sparse("normal", nonzeros)
        };
        open(&options).unwrap_err().message
    };
    assert!(refused((0, 5), 10).contains("is 0 to 5"));
    assert!(refused((7, 5), 10).contains("is 7 to 5"));
    assert!(refused((5, 11), 10).contains("from 1 to 10"));
    assert!(refused((5, 11), u32::MAX).contains("is 4294967295"));
    let dense = open(&sparse("normal", (1, 5)))
        .unwrap()
        .dataset(VectorType::Float);
    assert!(
        dense
            .unwrap_err()
            .message
            .contains("vector_type = \"Sparse\"")
    );
    let odd = DatasetOptions {
        dim: Some(12),
        ..options("normal")
    };
    let odd = open(&odd).unwrap().dataset(VectorType::Binary).unwrap_err();
    assert!(odd.message.contains("multiple of 8"), "{odd}");
}
