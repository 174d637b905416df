//! Files of 40 GiB are opened and read with less than 200 MiB of resident memory.
//!
//! They are sparse, so that they take no room: fbin, npy and hdf5 are a header and zeros to the end.
//! Parquet can't be sparse, since its values are encoded: the file has one row group of 8 MiB, which
//! the footer names 5,120 times. Not all of the 40 GiB are read, which would take minutes: 200
//! batches in a row from the beginning, and 40 spread over the file, each made into the body of an
//! insert request as the preparation of a run makes it.
//!
//! Each file is read by a process of its own, whose peak (VmHWM) is printed.

#![allow(clippy::print_stdout)]

use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
    path::Path,
    process::Command,
    sync::Arc,
};

use milvus_bench::{
    dataset::{DatasetOptions, open},
    operation::{CollectionShape, Consistency, IndexShape, PrimaryKey, VectorField, insert_call},
    vector_type::VectorType,
};
use parquet::{
    data_type::FloatType,
    file::{
        metadata::{
            FileMetaData, ParquetMetaDataBuilder, ParquetMetaDataReader, ParquetMetaDataWriter,
        },
        properties::WriterProperties,
        writer::SerializedFileWriter,
    },
    schema::parser::parse_message_type,
};

/// Set for the process that reads, with the path of the file.
const FILE: &str = "MILVUS_BENCH_LARGE_FILE";
const SIZE: u64 = 40 << 30;
/// Most resident memory, in KiB.
const MOST: u64 = 200 << 10;
const DIM: u64 = 1024;
const BATCH: u64 = 100;

/// Reads the file of the environment and prints the peak; does nothing in the process of the tests.
#[test]
fn reading_process() {
    let Ok(path) = std::env::var(FILE) else {
        return;
    };
    let options = DatasetOptions {
        name: "large".into(),
        base: Some(path.into()),
        ..DatasetOptions::default()
    };
    let source = open(&options).expect("a file that can be used");
    let data = source.dataset(VectorType::Float).expect("floats");
    let rows = data.rows();
    let shape = CollectionShape {
        database: String::new(),
        name: "large".into(),
        key: PrimaryKey {
            name: "id".into(),
            ..PrimaryKey::default()
        },
        vector: VectorField {
            name: "vector".into(),
            dim: data.dim(),
            metric: "L2".into(),
            index: IndexShape {
                index_type: "FLAT".into(),
                params: Default::default(),
            },
            data: Some(Arc::clone(&data)),
            ..VectorField::default()
        },
        more_vectors: Vec::new(),
        consistency: Consistency::Bounded,
        shards: 1,
        replicas: 1,
        ..CollectionShape::default()
    };
    let in_a_row = (0..200).map(|batch| batch * BATCH);
    let spread = (0..40).map(|part| part * ((rows - BATCH) / 39));
    for first in in_a_row.chain(spread) {
        let call = insert_call(&shape, first, BATCH).expect("rows");
        assert!(call.body.len() as u64 > BATCH * 4 * u64::from(data.dim()));
    }
    let status = fs::read_to_string("/proc/self/status").expect("what the kernel knows");
    let peak = status
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .expect("the peak");
    println!("PEAK {rows} rows of {}, {peak}", data.dim());
}

fn check(path: &Path) {
    let program = std::env::current_exe().expect("this program");
    let ended = Command::new(program)
        .args(["reading_process", "--exact", "--nocapture"])
        .env(FILE, path)
        .output()
        .expect("a process");
    let said = String::from_utf8_lossy(&ended.stdout);
    let told = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{said}\n{told}");
    let line = said
        .lines()
        .find(|line| line.contains("PEAK "))
        .expect("the peak");
    println!("{}: {}", path.display(), line.trim());
    let peak = line.split_whitespace().rev().nth(1).expect("KiB");
    let peak: u64 = peak.parse().expect("a number");
    assert!(
        peak < MOST,
        "{}: {peak} KiB, expected below {MOST}",
        path.display()
    );
}

/// A file with these first bytes, and zeros up to `size`.
fn sparse(path: &Path, head: &[u8], size: u64) {
    let file = File::create(path).expect("a file");
    file.write_all_at(head, 0).expect("its head");
    file.set_len(size).expect("a sparse file");
}

#[test]
fn fbin_of_40_gib() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("large.fbin");
    let rows = SIZE / 4 / DIM;
    let head = [rows as u32, DIM as u32].map(u32::to_le_bytes).concat();
    sparse(&path, &head, 8 + rows * DIM * 4);
    check(&path);
}

#[test]
fn npy_of_40_gib() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("large.npy");
    let rows = SIZE / 4 / DIM;
    let text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {DIM}), }}");
    let text = format!("{text:117}\n");
    let length = (text.len() as u16).to_le_bytes();
    let head = [b"\x93NUMPY\x01\0", &length[..], text.as_bytes()].concat();
    sparse(&path, &head, head.len() as u64 + rows * DIM * 4);
    check(&path);
}

/// A small file whose array is moved to the end and made larger: its headers have no checksums.
#[test]
fn hdf5_of_40_gib() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("large.hdf5");
    let small = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/vectors/mini/hdf5/contiguous-earliest.hdf5");
    let mut bytes = fs::read(small).expect("the small file");
    let (old, rows, row) = (bytes.len() as u64, SIZE / 64, 64);
    let replace = |bytes: &mut [u8], from: &[u8], to: &[u8]| {
        let places = bytes.windows(from.len()).enumerate();
        let found: Vec<usize> = places
            .filter(|(_, part)| *part == from)
            .map(|(at, _)| at)
            .collect();
        assert!(!found.is_empty(), "{from:?} is not in the file");
        for at in &found {
            bytes[*at..at + to.len()].copy_from_slice(to);
        }
        found
    };
    let shape = |rows: u64| [rows, 16].map(u64::to_le_bytes).concat();
    replace(&mut bytes, &shape(24), &shape(rows));
    let size = |rows: u64| (rows * row).to_le_bytes();
    for at in replace(&mut bytes, &size(24), &size(rows)) {
        bytes[at - 8..at].copy_from_slice(&old.to_le_bytes());
    }
    let end = old + rows * row;
    replace(&mut bytes[..64], &old.to_le_bytes(), &end.to_le_bytes());
    sparse(&path, &bytes, end);
    check(&path);
}

#[test]
fn parquet_of_40_gib() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("large.parquet");
    let schema = "message rows { required group emb (LIST) { repeated group list { required \
                  float element; } } }";
    let schema = Arc::new(parse_message_type(schema).expect("a schema"));
    let options = WriterProperties::builder().set_dictionary_enabled(false);
    let options = options.set_compression(parquet::basic::Compression::LZ4_RAW);
    let mut bytes = Vec::new();
    let mut writer =
        SerializedFileWriter::new(&mut bytes, schema, Arc::new(options.build())).expect("a writer");
    let mut group = writer.next_row_group().expect("a row group");
    let mut column = group.next_column().expect("no fault").expect("a column");
    // Vectors that differ from row to row, a page of about 1 MiB at a time.
    for page in 0..8 {
        let values: Vec<f32> = (0..256 * DIM)
            .map(|at| (page * 7 + at / DIM) as f32)
            .collect();
        let definition = vec![1; values.len()];
        let repetition: Vec<i16> = (0..256 * DIM).map(|at| i16::from(at % DIM != 0)).collect();
        let typed = column.typed::<FloatType>();
        let written = typed.write_batch(&values, Some(&definition), Some(&repetition));
        written.expect("a page");
    }
    column.close().expect("a column");
    group.close().expect("a row group");
    writer.close().expect("a file");

    let small = ParquetMetaDataReader::new()
        .parse_and_finish(&bytes::Bytes::from(bytes.clone()))
        .expect("what was written");
    let one = small.row_group(0);
    let groups = SIZE / (one.num_rows() as u64 * DIM * 4);
    let file = small.file_metadata();
    let about = FileMetaData::new(
        file.version(),
        one.num_rows() * groups as i64,
        None,
        None,
        file.schema_descr_ptr(),
        None,
    );
    let mut large = ParquetMetaDataBuilder::new(about);
    for number in 0..groups {
        let group = one.clone().into_builder().set_ordinal(number as i32);
        let group = group.set_column_metadata(one.columns().to_vec()).build();
        large = large.add_row_group(group.expect("a row group"));
    }
    let length = u32::from_le_bytes(
        bytes[bytes.len() - 8..bytes.len() - 4]
            .try_into()
            .expect("4"),
    );
    bytes.truncate(bytes.len() - 8 - length as usize);
    let mut out = bytes;
    ParquetMetaDataWriter::new(&mut out, &large.build())
        .finish()
        .expect("a footer");
    fs::write(&path, out).expect("a file");
    check(&path);
}
