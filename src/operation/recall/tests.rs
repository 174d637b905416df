use super::super::tests::{Vectors, little_endian};
use super::*;

/// One query (1, 0) among five rows; `truth` holds (id, distance), nearest first.
fn data(rows: &[f32], truth: &[(i64, f32)]) -> Vectors {
    let (ids, distances): (Vec<i64>, Vec<f32>) = truth.iter().copied().unzip();
    Vectors { dim: 2, rows: rows.to_vec(), queries: little_endian(&[1.0, 0.0]), truth: Some(Truth { k: ids.len(), ids, distances }) }
}

/// On a line: distances 0, 1, 1, 1, 9 from the query.
const ROWS: [f32; 10] = [1.0, 0.0, 2.0, 0.0, 0.0, 0.0, 1.0, 1.0, 4.0, 0.0];

fn check(data: &Vectors, metric: &str, limit: usize, returned: &[i64], expected: f32) {
    let recall = Recall::new(data, metric, limit).unwrap().expect("a truth");
    assert_eq!(recall.of_request(data, [0].into_iter(), &[returned]), expected, "{returned:?} of {limit}");
}

#[test]
fn ties_within_the_file_count_by_distance() {
    let data = data(&ROWS, &[(0, 0.0), (1, 1.0), (2, 1.0), (3, 1.0), (4, 9.0)]);
    check(&data, "L2", 2, &[0, 3], 1.0);
    check(&data, "L2", 2, &[2, 3], 1.0);
    check(&data, "L2", 2, &[0, 4], 0.5);
    // More than was asked for is no more than everything.
    check(&data, "L2", 2, &[0, 1, 2, 3], 1.0);
    check(&data, "L2", 5, &[0, 1, 2, 3, 4], 1.0);
}

#[test]
fn ties_beyond_the_file_are_computed_again() {
    let data = data(&ROWS, &[(0, 0.0), (1, 1.0)]);
    check(&data, "L2", 2, &[0, 3], 1.0);
    check(&data, "L2", 2, &[0, 4], 0.5);
    check(&data, "L2", 1, &[3], 0.0);
    // Ids that are no rows are wrong, not a crash.
    check(&data, "L2", 2, &[0, -1], 0.5);
    check(&data, "L2", 2, &[0, i64::MAX / 16], 0.5);
}

#[test]
fn a_hair_beyond_the_kth_is_a_tie_and_more_is_not() {
    let line = [1.0, 0.0, 2.0, 0.0, 2.000_002, 0.0, 2.000_02, 0.0];
    let data = data(&line, &[(0, 0.0), (1, 1.0)]);
    check(&data, "L2", 2, &[0, 2], 1.0);
    check(&data, "L2", 2, &[0, 3], 0.5);
    let in_file = Vectors { truth: Some(Truth { k: 4, ids: vec![0, 1, 2, 3], distances: vec![0.0, 1.0, 1.000_004, 1.000_04] }), ..data };
    check(&in_file, "L2", 2, &[0, 2], 1.0);
    check(&in_file, "L2", 2, &[0, 3], 0.5);
}

#[test]
fn every_metric_is_recognised_by_its_distances() {
    let cosine = data(&ROWS, &[(0, 0.0), (1, 0.0), (4, 0.0), (3, 1.0 - std::f32::consts::FRAC_1_SQRT_2)]);
    check(&cosine, "COSINE", 3, &[4, 1, 0], 1.0);
    let negated = data(&ROWS, &[(4, -4.0), (1, -2.0)]);
    check(&negated, "IP", 2, &[1, 4], 1.0);
    check(&negated, "IP", 2, &[0, 4], 0.5);
    let plain = data(&ROWS, &[(4, 4.0), (1, 2.0)]);
    check(&plain, "IP", 2, &[1, 4], 1.0);
    check(&plain, "IP", 2, &[0, 4], 0.5);
}

#[test]
fn the_truth_of_another_metric_is_refused() {
    let refused = |data: &Vectors, metric: &str, word: &str| {
        let message = Recall::new(data, metric, 1).expect_err("refused").message;
        assert!(message.contains(word), "{word:?} is not in: {message}");
    };
    let squared = data(&ROWS, &[(0, 0.0), (4, 9.0)]);
    let not_squared = data(&ROWS, &[(0, 0.0), (4, 3.0)]);
    refused(&squared, "COSINE", "metric COSINE it would be 0.0");
    refused(&not_squared, "L2", "is 3, with the collection's metric L2 it would be 9.0");
    refused(&data(&ROWS, &[(0, 0.0), (4, 9.0)]), "IP", "metric IP it would be -4.0");
}

#[test]
fn a_limit_beyond_the_truth_has_no_recall() {
    let data = data(&ROWS, &[(0, 0.0), (1, 1.0)]);
    assert!(Recall::new(&data, "L2", 3).unwrap().is_none());
    assert!(Recall::new(&data, "HAMMING", 1).unwrap().is_none());
    assert!(Recall::new(&Vectors { truth: None, ..data }, "L2", 1).unwrap().is_none());
}

#[test]
fn queries_alone_are_believed() {
    let data = Vectors { rows: Vec::new(), ..data(&[], &[(7, 0.5), (900, 2.0)]) };
    check(&data, "L2", 2, &[900, 7], 1.0);
    check(&data, "L2", 2, &[900, 8], 0.5);
}

/// The shipped vectors and their truth: exact search has recall 1, the truth of another metric is noticed.
#[test]
fn the_quickstart_data_has_recall_one_under_brute_force() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/data/glove-100-quick");
    let file = |name: &str| Some(folder.join(name));
    let options = crate::dataset::DatasetOptions {
        base: file("base.fbin"),
        queries: file("query.fbin"),
        truth: file("truth-cosine.ibin"),
        ..Default::default()
    };
    let fbin = crate::dataset::DATASETS.iter().find(|entry| entry.name == "fbin").unwrap();
    let data = (fbin.open)(&options).unwrap();
    assert_eq!((data.rows(), data.dim(), data.queries(), data.truth().map(|truth| truth.k)), (10_000, 100, 1000, Some(100)));
    let mut rows = Vec::new();
    data.read_rows(0, data.rows(), &mut rows).unwrap();
    let mut near: Vec<(f64, i64)> =
        rows.chunks_exact(400).zip(0..).map(|(row, id)| (Metric::Cosine.distance(data.query(3), row), id)).collect();
    near.sort_by(|a, b| a.0.total_cmp(&b.0));
    let ids: Vec<i64> = near.iter().map(|(_, id)| *id).collect();
    for limit in [10, 100] {
        let recall = Recall::new(&*data, "COSINE", limit).unwrap().unwrap();
        assert_eq!(recall.of_request(&*data, [3].into_iter(), &[&ids[..limit]]), 1.0);
        assert_eq!(recall.of_request(&*data, [3].into_iter(), &[&ids[limit / 2..limit * 3 / 2]]), 0.5);
    }
    assert!(Recall::new(&*data, "L2", 10).is_err() && Recall::new(&*data, "IP", 10).is_err());
}
