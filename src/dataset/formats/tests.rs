//! The rows and neighbours of every file in tests/data/vectors, against what NumPy read of it.

use std::{path::PathBuf, sync::Arc};

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::super::{
    DATASETS, Dataset, DatasetOptions, Element, OpenError, Source, Vectors,
    format::{Asked, Role, find},
    identity, open, sparse_rows,
};
use crate::vector_type::VectorType;

/// Formats whose files are compared.
const FORMATS: [&str; 9] = [
    "fbin", "f16bin", "u8bin", "i8bin", "fvecs", "bvecs", "npy", "csr", "ibin",
];

pub(super) fn vectors_path(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    folder.join("tests/data/vectors").join(name)
}

/// The files of the manifest in these formats, with what is known of them.
fn files() -> Vec<(String, Value)> {
    let text = std::fs::read_to_string(vectors_path("MANIFEST.json")).unwrap();
    let mut manifest: Value = serde_json::from_str(&text).unwrap();
    let Value::Object(files) = manifest["files"].take() else {
        panic!("files of the manifest")
    };
    let is_ours = |about: &Value| {
        let format = about["format"].as_str().unwrap();
        FORMATS.contains(&format) || format == "ivecs" || format.starts_with("ibin")
    };
    files
        .into_iter()
        .filter(|(_, about)| is_ours(about))
        .collect()
}

/// Vectors of a file as its format has them.
fn raw(name: &str) -> Arc<dyn Vectors> {
    let (beginning, format) = find(Role::Base, &vectors_path(name), None, DATASETS).unwrap();
    let asked = Asked {
        beginning: &beginning,
        role: Role::Base,
        options: &DatasetOptions::default(),
        queries: 0,
        rows: None,
        base: None,
        query_vectors: None,
    };
    (format.vectors)(&asked).unwrap()
}

/// Values as 32-bit floats, whatever they are.
fn floats(element: Element, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let _ = element.each(bytes, |_, value| {
        out.extend_from_slice(&(value as f32).to_le_bytes());
        Ok::<_, ()>(())
    });
    out
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

pub(super) fn opened(
    base: &str,
    queries: Option<&str>,
    truth: Option<&str>,
) -> Result<Source, OpenError> {
    open(&DatasetOptions {
        name: "data".into(),
        base: Some(vectors_path(base)),
        queries: queries.map(vectors_path),
        truth: truth.map(vectors_path),
        ..DatasetOptions::default()
    })
}

/// Opens files with these contents, in which a data set is found by names and contents.
pub(super) fn opened_bytes(
    format: Option<&str>,
    files: &[(Role, &str, &[u8])],
) -> Result<Source, OpenError> {
    let folder = tempfile::tempdir().unwrap();
    let file = |role: Role| {
        let (_, name, bytes) = files.iter().find(|(of, ..)| *of == role)?;
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        Some(path)
    };
    open(&DatasetOptions {
        name: "data".into(),
        format: format.map(str::to_owned),
        base: file(Role::Base),
        queries: file(Role::Queries),
        truth: file(Role::Truth),
        ..DatasetOptions::default()
    })
}

/// A base with this content must be refused with a sentence that holds every one of `words`.
pub(super) fn check_refused(name: &str, bytes: &[u8], words: &[&str]) {
    check_sentence(opened_bytes(None, &[(Role::Base, name, bytes)]), words);
}

/// The neighbours of the 20 queries of `main/`, of the same kind.
pub(super) fn check_truth_refused(name: &str, bytes: &[u8], words: &[&str]) {
    let queries = std::fs::read(vectors_path("main/query.fbin")).unwrap();
    let base = std::fs::read(vectors_path("main/base.fbin")).unwrap();
    let files = [
        (Role::Base, "base.fbin", &base[..]),
        (Role::Queries, "query.fbin", &queries[..]),
        (Role::Truth, name, bytes),
    ];
    check_sentence(opened_bytes(None, &files), words);
}

pub(super) fn check_sentence(opened: Result<Source, OpenError>, words: &[&str]) {
    let OpenError { key, message } = opened.expect_err(words[0]);
    let message = format!("{key} {message}");
    for word in words {
        assert!(message.contains(word), "{word:?} is not in: {message}");
    }
    assert!(!message.contains('\n'), "{message}");
}

/// The content of a file of tests/data/vectors with other bytes at a place.
pub(super) fn changed(name: &str, at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut content = std::fs::read(vectors_path(name)).unwrap();
    content[at..at + bytes.len()].copy_from_slice(bytes);
    content
}

/// The first bytes of a file of tests/data/vectors.
pub(super) fn cut(name: &str, length: usize) -> Vec<u8> {
    let mut content = std::fs::read(vectors_path(name)).unwrap();
    content.truncate(length);
    content
}

#[test]
fn rows_are_those_that_numpy_reads() {
    let mut seen = 0;
    for (name, about) in files() {
        let base = &about["base"];
        // Numbers of 16 bits are read as such, whatever they stand for.
        if base.is_null() || base["type"] == "sparse" || name.ends_with("bf16-as-u16.npy") {
            continue;
        }
        let vectors = raw(&name);
        assert_eq!(base["rows"], vectors.rows(), "{name}");
        assert_eq!(base["dim"], vectors.values(), "{name}");
        let mut rows = Vec::new();
        vectors.read(0, vectors.rows(), &mut rows).unwrap();
        assert_eq!(rows.len() as u64, vectors.size(), "{name}");
        let found = sha256(&floats(vectors.element(), &rows));
        assert_eq!(base["sha256"], found, "{name}");
        // Rows one by one are the same as all at once.
        let mut single = Vec::new();
        for row in 0..vectors.rows() {
            vectors.read(row, 1, &mut single).unwrap();
        }
        assert!(single == rows, "{name}");
        seen += 1;
    }
    assert!(seen > 40, "{seen} files");
}

#[test]
fn bits_are_those_that_numpy_packs() {
    let mut seen = 0;
    for (name, about) in files() {
        let packed = match (&about["packed_sha256"], &about["base"]["packed_sha256"]) {
            (Value::String(packed), _) | (_, Value::String(packed)) => packed,
            _ => continue,
        };
        let data = opened(&name, None, None)
            .unwrap()
            .dataset(VectorType::Binary);
        let data = data.unwrap();
        let mut rows = Vec::new();
        data.read_rows(0, data.rows(), &mut rows).unwrap();
        assert_eq!(&sha256(&rows), packed, "{name}");
        seen += 1;
    }
    assert_eq!(seen, 4);
}

#[test]
fn sparse_rows_are_sorted_pairs() {
    for (name, about) in files() {
        let base = &about["base"];
        if base["type"] != "sparse" {
            continue;
        }
        let vectors = raw(&name);
        assert_eq!(base["rows"], vectors.rows(), "{name}");
        let mut rows = Vec::new();
        vectors.read(0, vectors.rows(), &mut rows).unwrap();
        let pairs: Vec<&[u8]> = sparse_rows(&rows).collect();
        assert_eq!(base["sha256"], sha256(&pairs.concat()), "{name}");
        let counts: Vec<u8> = pairs
            .iter()
            .flat_map(|row| (row.len() as u32 / 8).to_le_bytes())
            .collect();
        assert_eq!(base["pairs_per_row_sha256"], sha256(&counts), "{name}");
    }
}

#[test]
fn neighbours_are_those_that_numpy_reads() {
    let mut seen = 0;
    for (name, about) in files() {
        let truth = &about["truth"];
        if !truth["ids_sha256"].is_string() {
            continue;
        }
        let source = opened("main/base.fbin", Some("main/query.fbin"), Some(&name));
        let data = source.unwrap().dataset(VectorType::Float).unwrap();
        let found = data.truth().unwrap();
        assert_eq!(truth["k"], found.k, "{name}");
        let ids: Vec<u8> = found.ids.iter().flat_map(|id| id.to_le_bytes()).collect();
        assert_eq!(truth["ids_sha256"], sha256(&ids), "{name}");
        let distances = found.distances.iter().flat_map(|value| value.to_le_bytes());
        let distances: Vec<u8> = distances.collect();
        match &truth["distances_sha256"] {
            Value::String(expected) => assert_eq!(expected, &sha256(&distances), "{name}"),
            _ => assert!(distances.is_empty(), "{name}"),
        }
        seen += 1;
    }
    assert_eq!(seen, 14);
}

/// Rows, queries and ids of neighbours.
fn all(base: &str, queries: &str, truth: &str, to: VectorType) -> (String, Vec<u8>, Vec<i64>) {
    let data = opened(base, Some(queries), Some(truth)).unwrap();
    let data: Arc<dyn Dataset> = data.dataset(to).unwrap();
    let mut bytes = Vec::new();
    data.read_rows(0, data.rows(), &mut bytes).unwrap();
    for query in 0..data.queries() {
        bytes.extend_from_slice(data.query(query));
    }
    let ids = data.truth().unwrap().ids.clone();
    (identity(&*data).unwrap(), bytes, ids)
}

#[test]
fn the_same_data_in_every_format_is_the_same() {
    for to in [VectorType::Float, VectorType::Float16, VectorType::BFloat16] {
        let of = |base: &str, queries: &str, truth: &str| {
            let path = |name: &str| format!("main/{name}");
            all(&path(base), &path(queries), &path(truth), to)
        };
        let expected = of("base.fbin", "query.fbin", "truth-l2.ibin");
        assert_eq!(expected.2.len(), 20 * 20);
        for (base, queries, truth) in [
            ("base.fvecs", "query.fvecs", "truth-fvecs.ivecs"),
            ("base.npy", "query.npy", "groundtruth.neighbors.ibin"),
            // Each file in a format of its own.
            ("base.fbin", "query.npy", "truth-fvecs.ivecs"),
            ("base.npy", "query.fvecs", "truth-l2.ibin"),
        ] {
            assert!(
                of(base, queries, truth) == expected,
                "{base} {queries} {truth} {to}"
            );
        }
    }
    for to in [VectorType::Float, VectorType::Binary] {
        let bytes = all(
            "main/base.u8bin",
            "main/query.u8bin",
            "main/truth-u8-l2.ibin",
            to,
        );
        let rows = all(
            "main/base.bvecs",
            "main/query.bvecs",
            "main/truth-bvecs.ivecs",
            to,
        );
        assert!(bytes == rows, "{to}");
    }
    let cosine = |truth: &str| all("main/base.npy", "main/query.npy", truth, VectorType::Float).2;
    assert_eq!(
        cosine("main/truth-cosine.npy"),
        cosine("main/truth-cosine.ibin")
    );
}

#[test]
fn sparse_queries_may_have_fewer_columns() {
    let source = opened(
        "sparse/base.csr",
        Some("sparse/queries.dev.csr"),
        Some("sparse/base.dev.gt"),
    );
    let source = source.unwrap();
    assert_eq!(source.natural_type(), VectorType::Sparse);
    let data = source.dataset(VectorType::Sparse).unwrap();
    assert_eq!((data.rows(), data.queries()), (200, 20));
    let mut row = Vec::new();
    data.read_rows(7, 1, &mut row).unwrap();
    assert_eq!(row, [0x0a, 0]);
}

#[test]
fn every_file_that_is_refused_is_told_in_a_sentence() {
    for (name, words) in [
        ("complex.npy", "holds complex numbers (descr '<c8')"),
        ("dates.npy", "holds times (descr '<M8[s]')"),
        ("no-dimensions.npy", "its array has shape (24, 0)"),
        ("no-rows.npy", "its array has shape (0, 16)"),
        ("objects.npy", "holds Python objects, which are pickled"),
        ("one-dimension.npy", "has an array of shape (16,)"),
        ("structured.npy", "holds records of several values"),
        ("texts.npy", "holds texts (descr '<U1')"),
        ("three-dimensions.npy", "has an array of shape (4, 4, 4)"),
    ] {
        let name = format!("refused/{name}");
        let OpenError { key, message } = opened(&name, None, None).unwrap_err();
        assert!(
            key == "base" && message.contains(words) && !message.contains('\n'),
            "{name}: {words:?} is not in: {message}"
        );
    }
    let range = "main/truth-l2.rangeres";
    let error = opened("main/base.fbin", Some("main/query.fbin"), Some(range)).unwrap_err();
    assert!(error.message.contains("truth of a range search"), "{error}");
}

#[test]
fn a_file_needs_no_extension_where_its_format_is_named() {
    let bytes = |name: &str| std::fs::read(vectors_path(name)).unwrap();
    let opened = |format: Option<&str>, base: &str, queries: &str, truth: &str| {
        let files = [
            (Role::Base, "data_200_100", &bytes(base)[..]),
            (Role::Queries, "queries_20_100", &bytes(queries)[..]),
            (Role::Truth, "gt_200_20_100", &bytes(truth)[..]),
        ];
        opened_bytes(format, &files)
    };
    for (format, base, queries, truth) in [
        (
            "fbin",
            "main/base.fbin",
            "main/query.fbin",
            "main/truth-l2.ibin",
        ),
        (
            "f16bin",
            "main/base.f16bin",
            "main/query.f16bin",
            "main/truth-l2.ibin",
        ),
        (
            "u8bin",
            "main/base.u8bin",
            "main/query.u8bin",
            "main/truth-l2.ibin",
        ),
        (
            "i8bin",
            "main/base.i8bin",
            "main/query.i8bin",
            "main/truth-l2.ibin",
        ),
        (
            "fvecs",
            "main/base.fvecs",
            "main/query.fvecs",
            "main/truth-fvecs.ivecs",
        ),
        (
            "bvecs",
            "main/base.bvecs",
            "main/query.bvecs",
            "main/truth-bvecs.ivecs",
        ),
        (
            "npy",
            "main/base.npy",
            "main/query.npy",
            "main/truth-cosine.npy",
        ),
        (
            "csr",
            "sparse/base.csr",
            "sparse/queries.dev.csr",
            "sparse/base.dev.gt",
        ),
    ] {
        let named = opened(Some(format), base, queries, truth).unwrap();
        // Of bytes alone nothing says whether they have signs.
        if base.ends_with("8bin") {
            check_sentence(
                opened(None, base, queries, truth),
                &["may be in any of the formats u8bin, i8bin: say which with `format`"],
            );
        } else {
            let found = opened(None, base, queries, truth).unwrap();
            assert_eq!(found.natural_type(), named.natural_type(), "{format}");
        }
    }
}

#[test]
fn a_format_that_is_not_that_of_the_base_is_refused() {
    let base = |format: &str, name: &str, like: &str| {
        let bytes = std::fs::read(vectors_path(like)).unwrap();
        opened_bytes(Some(format), &[(Role::Base, name, &bytes)])
    };
    check_sentence(
        base("fbin", "base.npy", "main/base.npy"),
        &["is in format npy by its content, but `format` is \"fbin\": write format = \"npy\""],
    );
    check_sentence(
        base("npy", "base", "main/base.fvecs"),
        &["is in format fvecs by its content, but `format` is \"npy\""],
    );
    check_sentence(
        base("npy", "base", "main/base.u8bin"),
        &["is in one of the formats u8bin, i8bin by its content"],
    );
    // Where the content fits several, the scenario's word counts more than the name.
    let signed = base("i8bin", "base.u8bin", "main/base.u8bin").unwrap();
    let data = signed.dataset(VectorType::Int8).unwrap();
    assert_eq!(data.dim(), 100);
}

#[test]
fn the_first_rows_of_a_larger_file_have_its_format() {
    let bytes = std::fs::read(vectors_path("main/base.u8bin")).unwrap();
    let name = "base.1B.u8bin.crop_nb_200";
    let source = opened_bytes(None, &[(Role::Base, name, &bytes)]).unwrap();
    assert_eq!(source.rows(), 200);
}

#[test]
fn a_file_that_was_cut_is_not_read_as_one_of_smaller_values() {
    let half = cut("main/base.fbin", 8 + 200 * 100 * 2);
    check_refused(
        "base.fbin",
        &half,
        &[
            "has 40008 bytes",
            "asks for 80008",
            "truncated (100 of them are present)",
        ],
    );
    let files = [(Role::Queries, "queries", &half[..])];
    check_sentence(
        opened_bytes(Some("fbin"), &files),
        &["truncated (100 of them"],
    );
    let bytes = cut("main/base.f16bin", 8 + 200 * 100);
    check_refused(
        "base.f16bin",
        &bytes,
        &["truncated (100 of them are present)"],
    );
}
