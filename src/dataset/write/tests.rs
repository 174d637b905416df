//! What is written is what was read, and what NumPy writes.

use std::io::{Read, Seek};

use super::*;
use crate::dataset::element::put_sparse_row;

/// Rows of any type.
#[derive(Debug)]
struct Rows {
    element: Element,
    values: u32,
    rows: Vec<Vec<u8>>,
}

impl Vectors for Rows {
    fn rows(&self) -> u64 {
        self.rows.len() as u64
    }

    fn values(&self) -> u32 {
        self.values
    }

    fn element(&self) -> Element {
        self.element
    }

    fn read(&self, first: u64, count: u64, out: &mut Vec<u8>) -> Result<(), String> {
        let rows = &self.rows[first as usize..(first + count) as usize];
        rows.iter().for_each(|row| out.extend_from_slice(row));
        Ok(())
    }
}

fn floats(rows: &[[f32; 2]]) -> Rows {
    let row = |row: &[f32; 2]| row.map(f32::to_le_bytes).concat();
    Rows {
        element: Element::F32,
        values: 2,
        rows: rows.iter().map(row).collect(),
    }
}

fn sparse(rows: &[&[(u32, f32)]]) -> Rows {
    let row = |pairs: &&[(u32, f32)]| {
        let pair = |(index, value): &(u32, f32)| [index.to_le_bytes(), value.to_le_bytes()];
        let pairs = pairs.iter().flat_map(pair).collect::<Vec<_>>().concat();
        let mut row = Vec::new();
        put_sparse_row(&pairs, &mut row);
        row
    };
    Rows {
        element: Element::Sparse,
        values: 9,
        rows: rows.iter().map(row).collect(),
    }
}

fn written(vectors: &Rows, rows: Range<u64>, format: &str) -> Result<Vec<u8>, String> {
    let format = WRITTEN
        .iter()
        .find(|of| of.name == format)
        .expect("a format");
    let mut file = tempfile::tempfile().unwrap();
    let selection = Selection {
        vectors,
        first: rows.start,
        count: rows.end - rows.start,
    };
    let mut told = 0;
    write(selection, format, &file, &mut |rows| told = rows).map_err(|error| error.to_string())?;
    assert_eq!(told, selection.count);
    let mut bytes = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut bytes).unwrap();
    Ok(bytes)
}

#[test]
fn rows_stand_as_each_format_has_them() {
    let rows = floats(&[[1.0, 2.0], [3.0, 250.0], [5.0, 6.0]]);
    let fbin = written(&rows, 1..3, "fbin").unwrap();
    assert_eq!(fbin[..8], [2, 0, 0, 0, 2, 0, 0, 0]);
    assert_eq!(fbin[8..], rows.rows[1..].concat());
    assert_eq!(
        written(&rows, 1..2, "u8bin").unwrap(),
        [1, 0, 0, 0, 2, 0, 0, 0, 3, 250]
    );
    assert_eq!(
        written(&rows, 0..2, "bvecs").unwrap(),
        [2, 0, 0, 0, 1, 2, 2, 0, 0, 0, 3, 250]
    );
    let fvecs = written(&rows, 0..1, "fvecs").unwrap();
    assert_eq!(fvecs, [&[2, 0, 0, 0], &rows.rows[0][..]].concat());
}

#[test]
fn an_npy_is_that_of_numpy() {
    // np.save(path, np.float32([[1, 2]]))
    let header =
        b"\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }";
    let npy = written(&floats(&[[1.0, 2.0]]), 0..1, "npy").unwrap();
    assert_eq!(npy[..header.len()], *header);
    assert!(npy[header.len()..127].iter().all(|byte| *byte == b' ') && npy[127] == b'\n');
    assert_eq!(npy[128..], [1.0_f32, 2.0].map(f32::to_le_bytes).concat());
}

#[test]
fn json_lines_have_the_shortest_numbers_and_no_nan() {
    let rows = floats(&[[0.1, -2.0], [f32::NAN, 0.0]]);
    assert_eq!(
        written(&rows, 0..1, "jsonl").unwrap(),
        b"{\"id\":0,\"vector\":[0.1,-2]}\n"
    );
    let story = "holds NaN or infinity in row 1, which JSON has no number for";
    assert_eq!(written(&rows, 0..2, "jsonl").unwrap_err(), story);
    let rows = sparse(&[&[], &[(3, 0.5), (8, 2.0)]]);
    assert_eq!(
        written(&rows, 0..2, "jsonl").unwrap(),
        b"{\"id\":0,\"vector\":{\"indices\":[],\"values\":[]}}\n\
          {\"id\":1,\"vector\":{\"indices\":[3,8],\"values\":[0.5,2]}}\n"
    );
}

#[test]
fn sparse_rows_become_csr() {
    let csr = written(
        &sparse(&[&[(1, 0.5)], &[], &[(3, 1.5), (8, 2.0)]]),
        0..3,
        "csr",
    )
    .unwrap();
    let expected = [
        [3_i64, 9, 3].map(i64::to_le_bytes).concat(),
        [0_i64, 1, 1, 3].map(i64::to_le_bytes).concat(),
        [1_i32, 3, 8].map(i32::to_le_bytes).concat(),
        [0.5_f32, 1.5, 2.0].map(f32::to_le_bytes).concat(),
    ];
    assert_eq!(csr, expected.concat());
}

#[test]
fn what_a_format_can_not_hold_is_refused() {
    let refused = |rows: &Rows, format: &str, words: &str| {
        assert_eq!(written(rows, 0..1, format), Err(words.to_owned()));
    };
    let float = floats(&[[1.0, 256.0]]);
    refused(
        &float,
        "u8bin",
        "holds in row 0 256, which type uint8 can't hold",
    );
    refused(
        &float,
        "csr",
        "holds values of type float32, which csr can't hold: use fbin, u8bin, i8bin, f16bin, \
         fvecs, bvecs, npy, jsonl",
    );
    refused(
        &sparse(&[&[]]),
        "npy",
        "holds values of type sparse, which npy can't hold: use jsonl, csr",
    );
    refused(
        &sparse(&[&[(1 << 31, 1.0)]]),
        "csr",
        "holds index 2147483648, at most 2147483647 fits into csr: use jsonl",
    );
    let none = dense::npy(1, 1, Element::BF16).unwrap_err();
    assert!(none.contains("bfloat16, which NumPy has not"), "{none}");
    let many = dense::bin(1 << 32, 1, Element::F32).unwrap_err();
    assert!(
        many.contains("has 4294967296 rows to write, at most 4294967295"),
        "{many}"
    );
}
