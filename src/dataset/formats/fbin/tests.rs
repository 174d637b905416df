use std::sync::Arc;

use proptest::prelude::*;
use tempfile::TempDir;

use crate::{
    dataset::{self, Dataset, DatasetOptions, OpenError, Truth},
    vector_type::VectorType,
};

fn vectors(n: u32, dim: u32, values: &[f32]) -> Vec<u8> {
    let head = [n, dim].into_iter().flat_map(u32::to_le_bytes);
    head.chain(values.iter().flat_map(|value| value.to_le_bytes()))
        .collect()
}

fn neighbours(n: u32, k: u32, ids: &[i32], distances: &[f32]) -> Vec<u8> {
    let head = [n, k].into_iter().flat_map(u32::to_le_bytes);
    head.chain(ids.iter().flat_map(|id| id.to_le_bytes()))
        .chain(distances.iter().flat_map(|value| value.to_le_bytes()))
        .collect()
}

/// Writes the files that are given and opens them; the folder must outlive the data set.
fn open_files(
    base: Option<&[u8]>,
    queries: Option<&[u8]>,
    truth: Option<&[u8]>,
) -> (TempDir, Result<Arc<dyn Dataset>, OpenError>) {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: Option<&[u8]>| {
        bytes.map(|bytes| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            path
        })
    };
    let options = DatasetOptions {
        name: "glove".into(),
        base: write("base.fbin", base),
        queries: write("query.fbin", queries),
        truth: write("truth.ibin", truth),
        ..DatasetOptions::default()
    };
    let opened = dataset::open(&options).and_then(|source| source.dataset(VectorType::Float));
    (folder, opened)
}

fn base() -> Vec<u8> {
    vectors(3, 2, &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0])
}

fn queries() -> Vec<u8> {
    vectors(2, 2, &[0.5, 1.5, 2.5, 3.5])
}

/// Opening must fail with a sentence that holds every one of `words`.
fn check_refused(
    base: Option<Vec<u8>>,
    queries: Option<Vec<u8>>,
    truth: Option<Vec<u8>>,
    words: &[&str],
) {
    let (_folder, opened) = open_files(base.as_deref(), queries.as_deref(), truth.as_deref());
    let OpenError { key, message } = opened.expect_err("refused");
    let message = format!("{key} {message}");
    for word in words {
        assert!(message.contains(word), "{word:?} is not in: {message}");
    }
}

#[test]
fn rows_queries_and_truth_are_read() {
    let truth = neighbours(2, 1, &[0, 2], &[0.5, 0.25]);
    let (_folder, opened) = open_files(Some(&base()), Some(&queries()), Some(&truth));
    let data = opened.unwrap();
    assert_eq!((data.rows(), data.dim(), data.queries()), (3, 2, 2));
    let mut out = vec![7];
    data.read_rows(1, 2, &mut out).unwrap();
    assert_eq!(out[0], 7);
    assert_eq!(out[1..], base()[16..]);
    assert_eq!(data.query(1), &queries()[16..]);
    assert_eq!(
        data.truth(),
        Some(&Truth {
            k: 1,
            ids: vec![0, 2],
            distances: vec![0.5, 0.25]
        })
    );
}

#[test]
fn queries_alone_are_enough() {
    let (_folder, opened) = open_files(None, Some(&queries()), None);
    let data = opened.unwrap();
    assert_eq!((data.rows(), data.queries()), (0, 2));
    assert!(data.read_rows(0, 1, &mut Vec::new()).is_err());
}

#[test]
fn rows_beyond_the_end_are_refused_and_leave_the_buffer_alone() {
    let (_folder, opened) = open_files(Some(&base()), None, None);
    let data = opened.unwrap();
    for (first, count) in [(3, 1), (0, 4), (u64::MAX, 2)] {
        let mut out = vec![7];
        assert!(data.read_rows(first, count, &mut out).is_err());
        assert_eq!(out, [7]);
    }
}

#[test]
fn a_file_that_is_cut_while_it_is_used_is_an_error() {
    let (folder, opened) = open_files(Some(&base()), None, None);
    std::fs::write(folder.path().join("base.fbin"), &base()[..20]).unwrap();
    let mut out = Vec::new();
    assert!(
        opened
            .unwrap()
            .read_rows(1, 2, &mut out)
            .unwrap_err()
            .0
            .contains("must not change")
    );
    assert!(out.is_empty());
}

#[test]
fn a_missing_file_is_named_with_its_key() {
    let options = DatasetOptions {
        name: "glove".into(),
        base: Some("no/such.fbin".into()),
        ..DatasetOptions::default()
    };
    let OpenError { key, message } = dataset::open(&options).expect_err("refused");
    assert!(
        key == "base" && message.starts_with("can't be used: no/such.fbin can't be opened"),
        "{key} {message}"
    );
}

#[test]
fn what_is_no_regular_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let options = |path: &std::path::Path| DatasetOptions {
        base: Some(path.to_owned()),
        ..DatasetOptions::default()
    };
    assert!(
        dataset::open(&options(folder.path()))
            .expect_err("refused")
            .message
            .contains("is a folder and not a regular file")
    );
    assert!(
        dataset::open(&options(std::path::Path::new("/dev/zero")))
            .expect_err("refused")
            .message
            .contains("a pipe or a device")
    );
}

#[test]
fn keys_of_other_formats_are_refused() {
    let refused = |options: DatasetOptions| dataset::open(&options).expect_err("refused");
    assert_eq!(
        refused(DatasetOptions {
            dim: Some(3),
            ..DatasetOptions::default()
        })
        .key,
        "dim"
    );
    assert!(
        refused(DatasetOptions {
            query_count: Some(3),
            ..DatasetOptions::default()
        })
        .message
        .contains("path of a file")
    );
    assert!(
        refused(DatasetOptions::default())
            .message
            .contains("no file")
    );
}

#[test]
fn damaged_vectors_are_refused() {
    let cut = |bytes: Vec<u8>| bytes[..bytes.len() - 1].to_vec();
    check_refused(Some(vec![1, 2, 3]), None, None, &["base", "3 bytes", "8"]);
    check_refused(
        Some(cut(base())),
        None,
        None,
        &["31 bytes", "asks for 32", "truncated"],
    );
    check_refused(
        Some(vectors(1, 2, &[0.0; 3])),
        None,
        None,
        &["20 bytes", "asks for 16"],
    );
    check_refused(Some(vectors(0, 2, &[])), None, None, &["n = 0"]);
    check_refused(
        Some(vectors(1, 0, &[])),
        None,
        None,
        &["dimension 0", "1 to 32768"],
    );
    check_refused(
        Some(vectors(1, 40_000, &[0.0; 4])),
        None,
        None,
        &["dimension 40000"],
    );
    check_refused(
        Some(vectors(u32::MAX, 32768, &[0.0; 4])),
        None,
        None,
        &["24 bytes", "562949953290248"],
    );
    check_refused(
        Some(base()),
        Some(vectors(1, 3, &[0.0; 3])),
        None,
        &["dimension 3", "has 2"],
    );
    check_refused(
        Some(base()),
        Some(vectors(2, 2, &[0.0, 0.0, f32::NAN, 0.0])),
        None,
        &["queries", "vector 1", "NaN"],
    );
    check_refused(
        None,
        Some(vectors(1, 1, &[f32::INFINITY])),
        None,
        &["infinity"],
    );
}

#[test]
fn a_row_that_is_no_vector_is_found_before_the_run() {
    // Beyond the rows that are looked at in one go.
    let mut values = vec![0.5; 2 * 3_000];
    values[2 * 2_500 + 1] = f32::NAN;
    check_refused(
        Some(vectors(3_000, 2, &values)),
        None,
        None,
        &["base", "NaN or infinity in vector 2500"],
    );
    check_refused(
        Some(vectors(3, 2, &[0.0, 0.0, 0.0, 0.0, f32::INFINITY, 0.0])),
        None,
        None,
        &["base", "in vector 2"],
    );
}

#[test]
fn a_row_that_became_no_vector_is_refused_when_it_is_read() {
    let (folder, opened) = open_files(Some(&base()), None, None);
    std::fs::write(
        folder.path().join("base.fbin"),
        vectors(3, 2, &[0.0, 0.0, 0.0, 0.0, f32::NAN, 0.0]),
    )
    .unwrap();
    let data = opened.unwrap();
    let mut out = vec![7];
    data.read_rows(0, 2, &mut out).expect("finite ones");
    let message = data.read_rows(1, 2, &mut out).expect_err("refused").0;
    assert!(
        message.contains("holds NaN or infinity in vector 2") && out.len() == 17,
        "{message}"
    );
}

/// Ten vectors of dimension 4 in a layout of another kind.
#[test]
fn files_of_another_kind_are_named() {
    let refused = |bytes: Vec<u8>, words: &[&str]| check_refused(Some(bytes), None, None, words);
    let values: Vec<f32> = (1_u8..=40).map(|value| f32::from(value) / 4.0).collect();
    let head = |n: u32, dim: u32| {
        [n, dim]
            .into_iter()
            .flat_map(u32::to_le_bytes)
            .collect::<Vec<u8>>()
    };
    let with = |mut bytes: Vec<u8>, values: &mut dyn Iterator<Item = u8>| {
        bytes.extend(values);
        bytes
    };
    refused(Vec::new(), &["base", "is empty (0 bytes)"]);
    refused(head(0, 4), &["n = 0"]);
    refused(head(10, 4), &["it ends after its header"]);
    refused(
        b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n".to_vec(),
        &["pointer of Git LFS", "git lfs pull"],
    );
    refused(
        b"<html><body>Sign in</body></html>".to_vec(),
        &["HTML page"],
    );
    refused(
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03".to_vec(),
        &["gzip"],
    );
    let big = [10_u32, 4]
        .into_iter()
        .flat_map(u32::to_be_bytes)
        .chain(values.iter().flat_map(|value| value.to_be_bytes()))
        .collect();
    refused(big, &["big-endian"]);
    refused(
        with(
            head(10, 4),
            &mut values
                .iter()
                .flat_map(|value| f64::from(*value).to_le_bytes()),
        ),
        &["64-bit floats (f64)"],
    );
    refused(with(head(10, 4), &mut (0..80)), &["16-bit floats (f16bin)"]);
    refused(with(head(10, 4), &mut (0..40)), &["bytes (u8bin or i8bin)"]);
    let truth = neighbours(10, 4, &(0..40).collect::<Vec<_>>(), &values);
    refused(truth, &["row ids and distances", "no vectors"]);
    refused(
        neighbours(10, 4, &(0..40).collect::<Vec<_>>(), &[]),
        &["whole numbers (i32)"],
    );
    refused(
        vectors(100, 4, &values),
        &[
            "168 bytes",
            "asks for 1608",
            "truncated (10 of them are present), or its header is wrong",
        ],
    );
    refused(
        vectors(20, 4, &values),
        &["asks for 328", "truncated (10 of them are present)"],
    );
    refused(
        vectors(5, 4, &values),
        &["it continues after them (10 are present)"],
    );
    refused(
        vectors(9, 4, &values),
        &["it continues after them (10 are present)"],
    );
}

#[test]
fn truths_of_another_kind_are_named() {
    let refused = |truth: Vec<u8>, words: &[&str]| {
        check_refused(Some(base()), Some(queries()), Some(truth), words)
    };
    refused(b"\x93NUMPY\x01\x00v\x00".to_vec(), &["truth", "NumPy"]);
    refused(queries(), &["truth", "floats where row ids"]);
    refused(vec![], &["truth", "is empty"]);
    let wide = [2_u32, 1]
        .into_iter()
        .flat_map(u32::to_le_bytes)
        .chain([0_i64, 2].into_iter().flat_map(i64::to_le_bytes));
    refused(
        wide.chain([0.5_f32, 0.25].into_iter().flat_map(f32::to_le_bytes))
            .collect(),
        &["64 bits (i64)"],
    );
    let wide = [2_u32, 1, 0, 2].into_iter().flat_map(u32::to_le_bytes);
    refused(
        wide.chain([0.5_f64, 0.25].into_iter().flat_map(f64::to_le_bytes))
            .collect(),
        &["distances of 64 bits (f64)"],
    );
    let big: Vec<u8> = [2_u32, 1, 0, 2]
        .into_iter()
        .flat_map(u32::to_be_bytes)
        .collect();
    refused(big, &["big-endian"]);
}

#[test]
fn ids_alone_and_lists_that_end_early_are_read() {
    let opened = |truth: &[u8]| {
        open_files(Some(&base()), Some(&queries()), Some(truth))
            .1
            .unwrap()
    };
    let ids_only = opened(&neighbours(2, 2, &[0, 1, 2, 1], &[]));
    assert_eq!(
        ids_only.truth(),
        Some(&Truth {
            k: 2,
            ids: vec![0, 1, 2, 1],
            distances: Vec::new()
        })
    );
    let padded = opened(&neighbours(
        2,
        2,
        &[0, 1, 2, -1],
        &[0.5, 0.75, 0.25, f32::INFINITY],
    ));
    let truth = padded.truth().unwrap();
    assert_eq!(
        (truth.neighbours(0), truth.neighbours(1)),
        ((&[0, 1][..], &[0.5, 0.75][..]), (&[2][..], &[0.25][..]))
    );
}

#[test]
fn a_truth_that_does_not_fit_is_refused() {
    let refused = |truth: Vec<u8>, words: &[&str]| {
        check_refused(Some(base()), Some(queries()), Some(truth), words)
    };
    refused(neighbours(1, 1, &[0], &[0.0]), &["1 queries", "has 2"]);
    refused(neighbours(2, 0, &[], &[]), &["k = 0"]);
    refused(
        neighbours(2, 1, &[0, 1], &[0.0]),
        &["20 bytes", "asks for 24", "16 with ids alone"],
    );
    refused(neighbours(2, 1, &[0, 3], &[0.0, 0.0]), &["row 3", "3 rows"]);
    refused(neighbours(2, 1, &[0, -2], &[0.0, 0.0]), &["row -2"]);
    refused(
        neighbours(2, 1, &[0, 1], &[0.0, f32::NAN]),
        &["NaN as the distance of neighbour 1 of query 1"],
    );
    check_refused(
        Some(base()),
        None,
        Some(neighbours(2, 1, &[0, 1], &[0.0; 2])),
        &["has 0 queries"],
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_it_panic(
        mut base in prop::collection::vec(any::<u8>(), 0..64),
        mut queries in prop::collection::vec(any::<u8>(), 0..64),
        mut truth in prop::collection::vec(any::<u8>(), 0..64),
        small in any::<bool>(),
    ) {
        // Random headers would nearly always be refused for their size: small ones reach the later
        // checks.
        if small {
            for bytes in [&mut base, &mut queries, &mut truth] {
                for (index, byte) in bytes.iter_mut().take(8).enumerate() {
                    *byte = if index % 4 == 0 { *byte % 4 } else { 0 };
                }
            }
        }
        let (_folder, opened) = open_files(Some(&base), Some(&queries), Some(&truth));
        if let Ok(data) = opened {
            prop_assert!(data.read_rows(0, data.rows(), &mut Vec::new()).is_ok());
            prop_assert!(
                (0..data.queries()).all(|index| data.query(index).len() == 4 * data.dim() as usize)
            );
        }
    }
}
