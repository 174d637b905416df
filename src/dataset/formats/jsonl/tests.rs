use super::super::small::{check, files, opened, opened_with, refused, sha256};
use crate::{
    dataset::{Cell, ColumnType},
    vector_type::VectorType,
};

#[test]
fn every_variant_has_the_rows_that_python_reads() {
    let mut compared = 0;
    for (name, about) in files("jsonl") {
        if about["refused"] == true {
            continue;
        }
        let source = match opened(&name) {
            Ok(source) => source,
            Err(error) => panic!("{name}: {error}"),
        };
        check(&name, &source, &about);
        compared += 1;
        if let Some(bits) = about["packed_sha256"].as_str() {
            let dataset = source.dataset(VectorType::Binary).unwrap();
            let mut bytes = Vec::new();
            dataset.read_rows(0, dataset.rows(), &mut bytes).unwrap();
            assert_eq!(sha256(&bytes), bits, "{name}");
            compared += 1;
        }
    }
    assert!(compared >= 14, "{compared}");
}

#[test]
fn values_beside_the_vector_are_columns() {
    let jsonl = opened("mini/parquet/columns.jsonl").unwrap();
    let parquet = opened("mini/parquet/columns.parquet").unwrap();
    let (jsonl, other) = (jsonl.columns().unwrap(), parquet.columns().unwrap());
    let mut same = 0;
    for (number, column) in jsonl.list().iter().enumerate() {
        let at = other
            .list()
            .iter()
            .position(|known| known.name == column.name);
        let (cells, expected) = (
            jsonl.cells(number, 0, 24).unwrap(),
            other.cells(at.unwrap(), 0, 24).unwrap(),
        );
        if column.column_type == ColumnType::Json {
            // Parquet has its text.
            assert!(matches!(cells[0], Cell::Json(_)), "{:?}", cells[0]);
            continue;
        }
        assert_eq!(cells, expected, "{}", column.name);
        same += 1;
    }
    assert!(same >= 12, "{same}");
}

#[test]
fn a_column_of_ids_can_be_named() {
    let source = opened_with("main/base.jsonl", |options| options.id = Some("id".into()));
    let ids = source.unwrap().ids(3, 2).unwrap();
    assert_eq!(ids, Some(vec![3, 4]));
}

#[test]
fn files_that_cannot_be_used_are_answered_by_one_sentence() {
    for (name, words) in [
        ("half-a-line", "is not JSON in line 3, byte 19"),
        (
            "missing-key",
            "no key \"emb\", the vector, in line 3: its keys are \"id\"",
        ),
        ("nan", "is not JSON in line 3, byte 16"),
        ("not-an-object", "a list in line 3, expected an object"),
        ("null-vector", "null where the vector is needed"),
        ("ragged", "a vector of 1 values in line 3, expected 2"),
        (
            "text-in-vector",
            "a text in a list where the vector is needed",
        ),
        (
            "too-large",
            "1e39, larger than type Float allows (3.4e38) in vector 2",
        ),
    ] {
        refused(&format!("refused/{name}.jsonl"), &[words]);
    }
}

/// Found by `just fuzz`: a name from the file ended the sentence, and could have had lines.
#[test]
fn keys_of_the_file_are_quoted() {
    super::super::mutated::run(
        "jsonl",
        &[0xce, 0x49, 0xdb, 0x29, 0x01, 0x00, 0x00, 0x0e, 0x2e],
    );
}
