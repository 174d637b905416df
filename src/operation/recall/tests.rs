use super::super::tests::{Vectors, little_endian};
use super::*;
use crate::{dataset::Truth, operation::TRUTH_KEY, vector_type::VectorType};

/// One query (1, 0) among five rows; `truth` holds (id, distance), nearest first.
fn data(rows: &[f32], truth: &[(i64, f32)]) -> Vectors {
    let (ids, distances): (Vec<i64>, Vec<f32>) = truth.iter().copied().unzip();
    Vectors {
        dim: 2,
        rows: rows.to_vec(),
        queries: little_endian(&[1.0, 0.0]),
        truth: Some(Truth {
            k: ids.len(),
            ids,
            distances,
        }),
    }
}

/// On a line: distances 0, 1, 1, 1, 9 from the query.
const ROWS: [f32; 10] = [1.0, 0.0, 2.0, 0.0, 0.0, 0.0, 1.0, 1.0, 4.0, 0.0];

fn check(data: &Vectors, metric: &str, limit: usize, returned: &[i64], expected: f32) {
    check_scored(data, metric, limit, (returned, &[]), expected);
}

fn check_scored(
    data: &Vectors,
    metric: &str,
    limit: usize,
    (ids, scores): (&[i64], &[f32]),
    expected: f32,
) {
    let recall = Recall::new(data, metric, limit).unwrap().expect("a truth");
    let found = recall.of_request(
        data,
        [Answer {
            query: 0,
            ids,
            scores,
        }]
        .into_iter(),
    );
    assert!(
        found == expected || (found.is_nan() && expected.is_nan()),
        "{ids:?} of {limit}: {found} is not {expected}"
    );
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
    let in_file = Vectors {
        truth: Some(Truth {
            k: 4,
            ids: vec![0, 1, 2, 3],
            distances: vec![0.0, 1.0, 1.000_004, 1.000_04],
        }),
        ..data
    };
    check(&in_file, "L2", 2, &[0, 2], 1.0);
    check(&in_file, "L2", 2, &[0, 3], 0.5);
}

#[test]
fn every_metric_is_recognised_by_its_distances() {
    let cosine = data(
        &ROWS,
        &[
            (0, 0.0),
            (1, 0.0),
            (4, 0.0),
            (3, 1.0 - std::f32::consts::FRAC_1_SQRT_2),
        ],
    );
    check(&cosine, "COSINE", 3, &[4, 1, 0], 1.0);
    let negated = data(&ROWS, &[(4, -4.0), (1, -2.0)]);
    check(&negated, "IP", 2, &[1, 4], 1.0);
    check(&negated, "IP", 2, &[0, 4], 0.5);
    let plain = data(&ROWS, &[(4, 4.0), (1, 2.0)]);
    check(&plain, "IP", 2, &[1, 4], 1.0);
    check(&plain, "IP", 2, &[0, 4], 0.5);
}

fn check_refused(data: &Vectors, metric: &str, words: &[&str]) {
    let error = Recall::new(data, metric, 1).expect_err(words[0]);
    assert_eq!(error.key, TRUTH_KEY);
    for word in words {
        assert!(
            error.message.contains(word),
            "{word:?} is not in: {}",
            error.message
        );
    }
}

#[test]
fn the_truth_of_another_metric_is_refused() {
    let squared = data(&ROWS, &[(0, 0.0), (4, 9.0)]);
    let not_squared = data(&ROWS, &[(0, 0.0), (4, 3.0)]);
    check_refused(
        &squared,
        "COSINE",
        &[
            "metric COSINE it would be 0.0",
            "its distances are squared Euclidean distances",
        ],
    );
    check_refused(
        &not_squared,
        "L2",
        &[
            "is 3, with the collection's metric L2 it would be 9.0",
            "not squared",
        ],
    );
    check_refused(
        &data(&ROWS, &[(0, 0.0), (4, 9.0)]),
        "IP",
        &["metric IP it would be -", "squared Euclidean"],
    );
    let cosines = data(&ROWS, &[(0, 1.0), (3, std::f32::consts::FRAC_1_SQRT_2)]);
    check_refused(
        &cosines,
        "COSINE",
        &[
            "cosines, which are similarities",
            "1 - cosine, or ids without distances",
        ],
    );
    let shifted = data(&ROWS, &[(1, 0.0), (2, 1.0)]);
    check_refused(&shifted, "L2", &["its ids begin at 1"]);
    check_refused(
        &data(&ROWS, &[(0, 0.5), (4, 77.0)]),
        "L2",
        &["made for these rows"],
    );
}

/// The first query is right, and the second is that of other rows.
#[test]
fn every_query_is_computed_again() {
    let both = little_endian(&[1.0, 0.0, 2.0, 0.0]);
    let of = |ids: [i64; 4], distances: &[f32]| Vectors {
        dim: 2,
        rows: ROWS.to_vec(),
        queries: both.clone(),
        truth: Some(Truth {
            k: 2,
            ids: ids.to_vec(),
            distances: distances.to_vec(),
        }),
    };
    assert!(
        Recall::new(&of([0, 1, 1, 0], &[0.0, 1.0, 0.0, 1.0]), "L2", 2)
            .unwrap()
            .is_ok()
    );
    check_refused(
        &of([0, 1, 1, 0], &[0.0, 1.0, 0.0, 7.0]),
        "L2",
        &["neighbour 2 of query 1 (row 0) is 7", "it would be 1.0"],
    );
    check_refused(
        &of([0, 1, 1, 0], &[0.0, 1.0, 0.5, 1.0]),
        "L2",
        &["neighbour 1 of query 1 (row 1) is 0.5"],
    );
    // Ids alone have to be in the order of their rows.
    assert!(
        Recall::new(&of([0, 1, 1, 0], &[]), "L2", 2)
            .unwrap()
            .is_ok()
    );
    check_refused(
        &of([0, 1, 0, 1], &[]),
        "L2",
        &[
            "neighbour 2 of query 1 (row 1) has distance 0.0",
            "less than the 1.0",
            "numbered from 0",
        ],
    );
}

#[test]
fn ids_alone_are_a_truth() {
    let ids_only = |rows: &[f32]| {
        let truth = Truth {
            k: 5,
            ids: vec![0, 1, 2, 3, 4],
            distances: Vec::new(),
        };
        Vectors {
            truth: Some(truth),
            ..data(rows, &[])
        }
    };
    check(&ids_only(&ROWS), "L2", 2, &[0, 1], 1.0);
    // Ties by the distance of the rows.
    check(&ids_only(&ROWS), "L2", 2, &[0, 3], 1.0);
    check(&ids_only(&ROWS), "L2", 2, &[0, 4], 0.5);
    // Without rows only the ids count.
    check(&ids_only(&[]), "L2", 2, &[0, 1], 1.0);
    check(&ids_only(&[]), "L2", 2, &[0, 3], 0.5);
}

#[test]
fn a_list_that_ends_early_has_all_that_there_are() {
    let padded = |truth: &[(i64, f32)]| data(&ROWS, truth);
    let two = padded(&[(0, 0.0), (1, 1.0), (-1, f32::INFINITY), (-1, 0.0)]);
    check(&two, "L2", 4, &[1, 0], 1.0);
    check(&two, "L2", 4, &[0, 4, 3], 0.5);
    check(&padded(&[(-1, 0.0), (-1, 0.0)]), "L2", 2, &[0, 1], f32::NAN);
}

/// On a line: the query is row 0, and the truth begins with row 1.
#[test]
fn a_reply_nearer_than_the_first_neighbour_proves_the_truth_wrong() {
    let without_first = data(&ROWS, &[(1, 1.0), (4, 9.0)]);
    check(&without_first, "L2", 2, &[1, 4], 1.0);
    check(&without_first, "L2", 2, &[0, 1], TRUTH_WRONG);
    // As near is not nearer, and what is no row is not near.
    check(&without_first, "L2", 2, &[2, 1], 1.0);
    check(&without_first, "L2", 2, &[77, 1], 0.5);
    let products = data(&ROWS, &[(1, 2.0), (0, 1.0)]);
    check(&products, "IP", 2, &[4, 1], TRUTH_WRONG);
    let cosines = data(
        &[0.0, 1.0, 1.0, 1.0, 1.0, 0.5],
        &[(1, 1.0 - std::f32::consts::FRAC_1_SQRT_2), (0, 1.0)],
    );
    check(&cosines, "COSINE", 2, &[2, 1], TRUTH_WRONG);
    check(&cosines, "COSINE", 2, &[1, 2], TRUTH_WRONG);
    check(&cosines, "COSINE", 1, &[1, 2], 1.0);
}

#[test]
fn scores_prove_it_where_there_are_no_rows_and_they_are_exact() {
    let alone = data(&[], &[(7, 0.5), (9, 2.0)]);
    check_scored(&alone, "L2", 2, (&[3, 7], &[0.25, 0.5]), TRUTH_WRONG);
    check_scored(&alone, "L2", 2, (&[3, 7], &[0.499_9, 0.5]), 0.5);
    // A quantised index is wrong about the neighbour that both know.
    check_scored(&alone, "L2", 2, (&[3, 7], &[0.25, 0.4]), 0.5);
    check_scored(&alone, "L2", 2, (&[3, 7, 9], &[0.25, 0.5, 2.5]), 1.0);
    check_scored(&alone, "L2", 2, (&[3, 4], &[0.25, 0.4]), 0.0);
    let cosine = data(&[], &[(7, 0.25), (9, 0.5)]);
    check_scored(&cosine, "COSINE", 2, (&[3, 9], &[0.9, 0.5]), TRUTH_WRONG);
    let product = data(&[], &[(7, 4.0), (9, 2.0)]);
    check_scored(&product, "IP", 2, (&[3, 7], &[5.0, 4.0]), TRUTH_WRONG);
    check_scored(&product, "IP", 2, (&[7, 3], &[4.0, 3.0]), 0.5);
}

#[test]
fn what_has_no_recall_says_why() {
    let why = |data: &Vectors, metric: &str, limit| {
        Recall::new(data, metric, limit)
            .unwrap()
            .expect_err("no recall")
    };
    let two = data(&ROWS, &[(0, 0.0), (1, 1.0)]);
    assert_eq!(
        why(&two, "L2", 3),
        "its limit is 3, and the truth of its data set has 2 neighbours of each query"
    );
    assert!(why(&two, "BM25", 1).contains("BM25"));
    assert_eq!(
        why(&Vectors { truth: None, ..two }, "L2", 1),
        "its data set has no `truth`"
    );
}

#[test]
fn queries_alone_are_believed() {
    let data = Vectors {
        rows: Vec::new(),
        ..data(&[], &[(7, 0.5), (900, 2.0)])
    };
    check(&data, "L2", 2, &[900, 7], 1.0);
    check(&data, "L2", 2, &[900, 8], 0.5);
}

/// The shipped vectors and their truth: exact search has recall 1, the truth of another metric is
/// noticed.
#[test]
fn the_quickstart_data_has_recall_one_under_brute_force() {
    let folder =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/data/glove-100-quick");
    let file = |name: &str| Some(folder.join(name));
    let options = crate::dataset::DatasetOptions {
        base: file("base.fbin"),
        queries: file("query.fbin"),
        truth: file("truth-cosine.ibin"),
        ..Default::default()
    };
    let data = crate::dataset::open(&options)
        .unwrap()
        .dataset(VectorType::Float)
        .unwrap();
    assert_eq!(
        (
            data.rows(),
            data.dim(),
            data.queries(),
            data.truth().map(|truth| truth.k)
        ),
        (10_000, 100, 1000, Some(100))
    );
    let mut rows = Vec::new();
    data.read_rows(0, data.rows(), &mut rows).unwrap();
    let mut near: Vec<(f64, i64)> = rows
        .chunks_exact(400)
        .zip(0..)
        .map(|(row, id)| {
            (
                Metric::Cosine.distance(&Between::new(VectorType::Float, data.query(3), row)),
                id,
            )
        })
        .collect();
    near.sort_by(|a, b| a.0.total_cmp(&b.0));
    let ids: Vec<i64> = near.iter().map(|(_, id)| *id).collect();
    for limit in [10, 100] {
        let recall = Recall::new(&*data, "COSINE", limit).unwrap().unwrap();
        let of = |ids: &[i64]| {
            recall.of_request(
                &*data,
                [Answer {
                    query: 3,
                    ids,
                    scores: &[],
                }]
                .into_iter(),
            )
        };
        assert_eq!(
            (of(&ids[..limit]), of(&ids[limit / 2..limit * 3 / 2])),
            (1.0, 0.5)
        );
    }
    assert!(Recall::new(&*data, "L2", 10).is_err() && Recall::new(&*data, "IP", 10).is_err());
}

fn vectors(file: &str) -> std::path::PathBuf {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/vectors");
    folder.join(file)
}

/// Rows, queries and true neighbours of tests/data/vectors.
fn opened(files: [&str; 3], vector_type: VectorType) -> std::sync::Arc<dyn Dataset> {
    let [base, queries, truth] = files.map(|file| Some(vectors(file)));
    let options = crate::dataset::DatasetOptions {
        base,
        queries,
        truth,
        ..Default::default()
    };
    let source = crate::dataset::open(&options).unwrap();
    source.dataset(vector_type).unwrap()
}

const BITS: [&str; 3] = [
    "main/base-bits.u8bin",
    "main/query-bits.u8bin",
    "main/truth-bits-hamming.ibin",
];

/// NumPy made the neighbours.
#[test]
fn every_type_and_metric_has_recall_one_under_brute_force() {
    let halves = |truth| ["main/base.f16bin", "main/query.f16bin", truth];
    let bytes = |truth| ["main/base.i8bin", "main/query.i8bin", truth];
    let floats = |truth| ["main/base.fbin", "main/query.fbin", truth];
    let sparse = [
        "sparse/base.csr",
        "sparse/queries.dev.csr",
        "sparse/base.dev.gt",
    ];
    for (files, vector_type, metric, least) in [
        (BITS, VectorType::Binary, "HAMMING", 1.0),
        (
            [BITS[0], BITS[1], "main/truth-bits-jaccard.ibin"],
            VectorType::Binary,
            "JACCARD",
            1.0,
        ),
        (
            halves("main/truth-f16-cosine.ibin"),
            VectorType::Float16,
            "COSINE",
            1.0,
        ),
        (bytes("main/truth-i8-l2.ibin"), VectorType::Int8, "L2", 1.0),
        (
            bytes("main/truth-i8-cosine.ibin"),
            VectorType::Int8,
            "COSINE",
            1.0,
        ),
        (sparse, VectorType::Sparse, "IP", 1.0),
        // Rounded values may exchange neighbours, but prove no truth wrong.
        (
            floats("main/truth-l2.ibin"),
            VectorType::BFloat16,
            "L2",
            0.9,
        ),
        (floats("main/truth-ip.ibin"), VectorType::Float16, "IP", 0.9),
    ] {
        let data = opened(files, vector_type);
        let recall = Recall::new(&*data, metric, 10).unwrap().unwrap();
        let metric = Metric::named(metric).unwrap();
        let ids: Vec<Vec<i64>> = (0..data.queries())
            .map(|query| {
                let near =
                    |id: &i64| metric.distance(&between(&*data, query as usize, *id).unwrap());
                let mut ids: Vec<i64> = (0..data.rows() as i64).collect();
                ids.sort_by(|a, b| near(a).total_cmp(&near(b)));
                ids.truncate(10);
                ids
            })
            .collect();
        let answers = ids.iter().zip(0..).map(|(ids, query)| Answer {
            query,
            ids,
            scores: &[],
        });
        let found = recall.of_request(&*data, answers);
        assert!(found >= least, "{vector_type} {metric:?}: {found}");
    }
}

/// A data set with another truth.
#[derive(Debug)]
struct Other(std::sync::Arc<dyn Dataset>, Truth);

impl Dataset for Other {
    fn rows(&self) -> u64 {
        self.0.rows()
    }

    fn dim(&self) -> u32 {
        self.0.dim()
    }

    fn vector_type(&self) -> VectorType {
        self.0.vector_type()
    }

    fn queries(&self) -> u64 {
        self.0.queries()
    }

    fn read_rows(
        &self,
        first: u64,
        count: u64,
        out: &mut Vec<u8>,
    ) -> Result<(), crate::dataset::DatasetError> {
        self.0.read_rows(first, count, out)
    }

    fn query(&self, index: u64) -> &[u8] {
        self.0.query(index)
    }

    fn truth(&self) -> Option<&Truth> {
        Some(&self.1)
    }
}

#[test]
fn a_truth_of_bits_for_another_metric_is_named() {
    let data = opened(BITS, VectorType::Binary);
    let refused = |change: fn(f32) -> f32, metric: &str| {
        let mut truth = data.truth().unwrap().clone();
        truth.distances.iter_mut().for_each(|of| *of = change(*of));
        let other = Other(std::sync::Arc::clone(&data), truth);
        Recall::new(&other, metric, 1).unwrap_err().message
    };
    let told = refused(|of| of / 96.0, "HAMMING");
    assert!(
        told.ends_with(
            "its distances are shares of differing bits, as ann-benchmarks has them; metric \
             HAMMING needs counts of differing bits, or ids without distances"
        ),
        "{told}"
    );
    let told = refused(|of| of, "JACCARD");
    assert!(
        told.contains("its distances are counts of differing bits (HAMMING); metric JACCARD needs"),
        "{told}"
    );
}
