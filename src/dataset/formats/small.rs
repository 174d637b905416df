//! Tests on the small files of tests/data/vectors, whose manifest says what NumPy, h5py and pyarrow
//! read from each.

use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{
    dataset::{self, DatasetOptions, OpenError, Source},
    vector_type::VectorType,
};

pub(super) fn path(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/vectors");
    folder.join(name)
}

/// A data set of this base alone, opened.
pub(super) fn opened(base: &str) -> Result<Source, OpenError> {
    opened_with(base, |_| ())
}

pub(super) fn opened_with(
    base: &str,
    change: impl FnOnce(&mut DatasetOptions),
) -> Result<Source, OpenError> {
    let mut options = DatasetOptions {
        name: "small".to_owned(),
        base: Some(path(base)),
        ..DatasetOptions::default()
    };
    change(&mut options);
    dataset::open(&options)
}

/// The words of a refusal; each file of refused/ is answered by one sentence.
pub(super) fn refused(base: &str, words: &[&str]) -> String {
    let error = match opened(base) {
        Ok(_) => panic!("{base} was opened"),
        Err(error) => error.message,
    };
    for word in words {
        assert!(error.contains(word), "{base}: {word:?} is not in: {error}");
    }
    assert!(!error.contains('\n') && !error.ends_with('.'), "{error}");
    error
}

/// Names of the manifest's files that are in a format.
pub(super) fn files(format: &str) -> Vec<(String, Value)> {
    let text = std::fs::read_to_string(path("MANIFEST.json")).unwrap();
    let manifest: Value = serde_json::from_str(&text).unwrap();
    let files = manifest["files"].as_object().unwrap();
    let found = files.iter().filter(|(_, about)| about["format"] == format);
    found
        .map(|(name, about)| (name.clone(), about.clone()))
        .collect()
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Compares rows, queries and truth with those of the manifest; gives the number of what it
/// compared.
pub(super) fn check(name: &str, source: &Source, about: &Value) -> usize {
    let natural = source.natural_type();
    let dataset = source.dataset(natural).unwrap();
    let base = &about["base"];
    let rows = base["rows"].as_u64().unwrap();
    assert_eq!(dataset.rows(), rows, "{name}");
    let hash = |about: &Value| {
        let key = match natural {
            VectorType::Binary => "packed_sha256",
            _ => "sha256",
        };
        about[key].as_str().unwrap().to_owned()
    };
    // In steps, so that rows of different blocks, pages and files are in one request.
    let mut bytes = Vec::new();
    for first in (0..rows).step_by(7) {
        let count = 7.min(rows - first);
        dataset.read_rows(first, count, &mut bytes).unwrap();
    }
    if natural == VectorType::Sparse {
        let rows: Vec<&[u8]> = dataset::sparse_rows(&bytes).collect();
        let pairs: Vec<u8> = rows
            .iter()
            .flat_map(|row| (row.len() as u32 / 8).to_le_bytes())
            .collect();
        let key = "pairs_per_row_sha256";
        assert_eq!(sha256(&pairs), base[key].as_str().unwrap(), "{name}");
        assert_eq!(sha256(&rows.concat()), hash(base), "{name}");
    } else {
        assert_eq!(
            u64::from(dataset.dim()),
            base["dim"].as_u64().unwrap(),
            "{name}"
        );
        assert_eq!(sha256(&bytes), hash(base), "{name}");
        let row = bytes.len() / rows as usize;
        // From the last to the first: as upsert asks.
        for first in (0..rows).rev() {
            let mut one = Vec::new();
            dataset.read_rows(first, 1, &mut one).unwrap();
            let at = first as usize * row;
            assert_eq!(one, bytes[at..at + row], "{name}: row {first}");
        }
    }
    let mut compared = 1;
    if about["queries"].is_object() && dataset.queries() > 0 {
        let queries = &about["queries"];
        assert_eq!(
            dataset.queries(),
            queries["rows"].as_u64().unwrap(),
            "{name}"
        );
        let all = (0..dataset.queries()).flat_map(|query| dataset.query(query).to_vec());
        assert_eq!(sha256(&all.collect::<Vec<u8>>()), hash(queries), "{name}");
        compared += 1;
    }
    let truth = match &about["truth"]["neighbors.parquet"] {
        Value::Null => &about["truth"],
        of_file => of_file,
    };
    if let (Some(expected), Some(found)) = (truth["ids_sha256"].as_str(), dataset.truth()) {
        assert_eq!(found.k as u64, truth["k"].as_u64().unwrap(), "{name}");
        assert_eq!(ids_sha256(source, found), expected, "{name}");
        compared += 1;
    }
    compared
}

/// Hash of the true neighbours by their ids.
pub(super) fn ids_sha256(source: &Source, truth: &dataset::Truth) -> String {
    let ids = truth
        .ids
        .iter()
        .map(|row| match source.ids(*row as u64, 1).unwrap() {
            Some(id) => id[0],
            None => *row,
        });
    sha256(&ids.flat_map(i64::to_le_bytes).collect::<Vec<u8>>())
}
