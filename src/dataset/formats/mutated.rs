//! Cases for the readers of other people's crates: whole files, in which a case changes bytes, cuts
//! or copies. Bytes alone would never be such a file.

use std::{cell::RefCell, fs, path::PathBuf};

use tempfile::TempDir;

use crate::dataset::{self, Columns, DatasetOptions};

macro_rules! seeds {
    ($($path:literal),* $(,)?) => {
        &[$(include_bytes!(concat!("../../../tests/data/vectors/", $path))),*]
    };
}

static PARQUET: &[&[u8]] = seeds!(
    "mini/parquet/snappy.parquet",
    "mini/parquet/zstd.parquet",
    "mini/parquet/lz4.parquet",
    "mini/parquet/gzip.parquet",
    "mini/parquet/none.parquet",
    "mini/parquet/pages.parquet",
    "mini/parquet/pages-v2.parquet",
    "mini/parquet/dictionary.parquet",
    "mini/parquet/delta.parquet",
    "mini/parquet/split-bytes.parquet",
    "mini/parquet/half.parquet",
    "mini/parquet/required.parquet",
    "mini/parquet/columns.parquet",
);

static HDF5: &[&[u8]] = seeds!(
    "mini/hdf5/contiguous-earliest.hdf5",
    "mini/hdf5/contiguous-latest.hdf5",
    "mini/hdf5/chunked-earliest.hdf5",
    "mini/hdf5/grows-both-earliest.hdf5",
    "mini/hdf5/compact.hdf5",
    "mini/hdf5/implicit.hdf5",
    "mini/hdf5/unfiltered-latest.hdf5",
    "mini/hdf5/skipped-filter.hdf5",
    "mini/hdf5/lzf.hdf5",
    "mini/hdf5/checksum.hdf5",
    "mini/hdf5/newest-dtypes.hdf5",
    "main/jaccard.hdf5",
);

static JSONL: &[&[u8]] = seeds!(
    "mini/parquet/columns.jsonl",
    "sparse/objects.jsonl",
    "sparse/pairs.jsonl",
    "sparse/lists.jsonl",
    "mini/jsonl/spaces.jsonl",
    "mini/jsonl/exponents.jsonl",
);

/// Numbers that lengths and counts are wrong with.
const NUMBERS: [u32; 8] = [
    0,
    1,
    127,
    255,
    65_535,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
];
/// Rows that a case reads.
const ROWS: u64 = 4096;

thread_local! {
    static FOLDER: RefCell<Option<TempDir>> = const { RefCell::new(None) };
}

/// Runs one case of the reader `parquet`, `hdf5` or `jsonl`.
///
/// # Panics
/// The reader panicked, or its error is no sentence; or there is no such reader.
pub(in crate::dataset) fn run(reader: &str, case: &[u8]) {
    let seeds = match reader {
        "parquet" => PARQUET,
        "hdf5" => HDF5,
        "jsonl" => JSONL,
        other => panic!("no reader {other}"),
    };
    let (seed, edits) = case.split_first().unwrap_or((&0, &[]));
    let mut bytes = seeds[usize::from(*seed) % seeds.len()].to_vec();
    for edit in edits.as_chunks::<4>().0 {
        change(&mut bytes, *edit);
    }
    let path = write(&format!("case.{reader}"), &bytes);
    let options = DatasetOptions {
        name: "case".to_owned(),
        format: Some(reader.to_owned()),
        base: Some(path),
        ..DatasetOptions::default()
    };
    let source = match dataset::open(&options) {
        Ok(source) => source,
        Err(error) => return check_sentence(&error.message),
    };
    if let Some(columns) = source.columns() {
        read_columns(columns, source.rows());
    }
    if let Err(error) = source.ids(0, source.rows().min(ROWS)) {
        check_sentence(&error.0);
    }
    let Ok(data) = source.dataset(source.natural_type()) else {
        return;
    };
    let count = data.rows().min(ROWS);
    let (mut all, mut parts) = (Vec::new(), Vec::new());
    match data.read_rows(0, count, &mut all) {
        Err(error) => check_sentence(&error.0),
        Ok(()) => {
            let first = data.read_rows(0, count - 1, &mut parts);
            let last = data.read_rows(count - 1, 1, &mut parts);
            assert!(first.is_ok() && last.is_ok() && parts == all, "rows change");
        }
    }
}

fn read_columns(columns: &dyn Columns, rows: u64) {
    for number in 0..columns.list().len() {
        match columns.cells(number, 0, rows.min(ROWS)) {
            Ok(cells) => assert_eq!(cells.len() as u64, rows.min(ROWS), "cells"),
            Err(error) => check_sentence(&error),
        }
    }
}

fn check_sentence(story: &str) {
    assert!(
        // It may end with a name from the file, and so with anything else.
        !story.is_empty() && !story.contains('\n'),
        "no sentence: {story:?}"
    );
}

/// One change; half of them are counted from the end, where the footer of Parquet is.
fn change(bytes: &mut Vec<u8>, [kind, high, low, value]: [u8; 4]) {
    let length = bytes.len();
    if length == 0 {
        return;
    }
    let place = usize::from(high & 0x7f) << 8 | usize::from(low);
    let place = if high & 0x80 == 0 {
        place % length
    } else {
        length - 1 - place % length
    };
    match kind % 16 {
        0..=6 => bytes[place] = value,
        7..=9 => bytes[place] ^= 1 << (value % 8),
        10..=11 => {
            let number = NUMBERS[usize::from(value) % NUMBERS.len()].to_le_bytes();
            let room = (length - place).min(4);
            bytes[place..place + room].copy_from_slice(&number[..room]);
        }
        12 => bytes[place] = bytes[place].wrapping_add(value),
        13 => {
            let room = usize::from(value).min(length - place);
            let from = usize::from(low) % (length - room + 1);
            bytes.copy_within(from..from + room, place);
        }
        14 => {
            bytes.drain(place..(place + usize::from(value % 16)).min(length));
        }
        _ => bytes.truncate(place),
    }
}

fn write(name: &str, bytes: &[u8]) -> PathBuf {
    FOLDER.with_borrow_mut(|folder| {
        let folder = folder.get_or_insert_with(|| tempfile::tempdir().expect("a folder"));
        let path = folder.path().join(name);
        fs::write(&path, bytes).expect("room for the case");
        path
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn case() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(any::<u8>(), 0..64)
    }

    proptest! {
        #[test]
        fn any_damage_of_a_parquet_file_is_a_sentence(case in case()) {
            run("parquet", &case);
        }

        #[test]
        fn any_damage_of_an_hdf5_file_is_a_sentence(case in case()) {
            run("hdf5", &case);
        }

        #[test]
        fn any_damage_of_a_jsonl_file_is_a_sentence(case in case()) {
            run("jsonl", &case);
        }
    }
}
