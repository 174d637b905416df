use super::super::small::{check, files, ids_sha256, opened, opened_with, path, refused, sha256};
use crate::{
    dataset::{Cell, ColumnType},
    vector_type::VectorType,
};

#[test]
fn every_variant_has_the_rows_that_pyarrow_reads() {
    let mut compared = 0;
    for (name, about) in files("parquet") {
        if about["base"].is_null() || name.contains("brotli") {
            continue;
        }
        let column = about["column"].as_str().unwrap_or("emb").to_owned();
        let source = opened_with(&name, |options| options.vector = Some(column)).unwrap();
        check(&name, &source, &about);
        compared += 1;
    }
    assert!(compared >= 26, "{compared}");
}

#[test]
fn a_folder_of_vectordbbench_is_read_as_it_is() {
    let mut compared = 0;
    for (name, about) in files("vectordbbench") {
        let source = opened(&name).unwrap();
        assert_eq!(check(&name, &source, &about), 3, "{name}");
        let ids = source.ids(0, source.rows()).unwrap().unwrap();
        let bytes: Vec<u8> = ids.iter().flat_map(|id| id.to_le_bytes()).collect();
        let expected = about["base"]["ids_sha256"].as_str().unwrap();
        assert_eq!(sha256(&bytes), expected, "{name}");
        compared += 1;
    }
    assert_eq!(compared, 5);
}

#[test]
fn truth_of_a_filter_is_taken_by_its_name() {
    for (name, about) in files("vectordbbench") {
        for (file, expected) in about["truth"].as_object().unwrap() {
            let truth = path(&name).join(file);
            let source = opened_with(&name, |options| options.truth = Some(truth)).unwrap();
            let dataset = source.dataset(VectorType::Float).unwrap();
            let found = dataset.truth().unwrap();
            let ids = ids_sha256(&source, found);
            assert_eq!(
                ids,
                expected["ids_sha256"].as_str().unwrap(),
                "{name}: {file}"
            );
        }
    }
}

#[test]
fn the_files_of_the_rows_can_be_chosen() {
    let rows = |files: Option<&str>| {
        let files = files.map(str::to_owned);
        let source = opened_with("mini/vectordbbench", |options| options.files = files).unwrap();
        source.ids(0, source.rows()).unwrap().unwrap()
    };
    let in_order: Vec<i64> = (0..24).collect();
    assert_eq!(rows(Some("train")), in_order);
    assert_ne!(rows(None), in_order);
    assert_eq!(rows(None), rows(Some("shuffle_train")));
    let second_first = rows(Some("train-01-of-02, train-00-of-02.parquet"));
    assert_eq!(second_first[0], 12);
    assert_eq!(second_first[23], 11);
}

#[test]
fn labels_are_joined_by_id() {
    for name in ["main/vectordbbench", "mini/vectordbbench-shuffled"] {
        let source = opened(name).unwrap();
        let columns = source.columns().unwrap();
        let names: Vec<&str> = columns.list().iter().map(|column| &*column.name).collect();
        assert_eq!(names, ["id", "labels"], "{name}");
        assert_eq!(columns.list()[1].column_type, ColumnType::Text);
        let labels = opened_with(&format!("{name}/scalar_labels.parquet"), |_| ());
        assert!(labels.is_err(), "it has no vectors");
        let found = columns.cells(1, 0, source.rows()).unwrap();
        let ids = source.ids(0, source.rows()).unwrap().unwrap();
        // The same labels, by id, whatever the order of the rows is.
        let mut by_id: Vec<_> = ids.into_iter().zip(found).collect();
        by_id.sort_by_key(|(id, _)| *id);
        let of_row = |row: usize| match &by_id[row].1 {
            Cell::Text(text) => text.clone(),
            other => panic!("{other:?}"),
        };
        assert!(of_row(0).starts_with("label_"), "{}", of_row(0));
    }
}

#[test]
fn columns_of_every_type_become_cells() {
    let source = opened("mini/parquet/columns.parquet").unwrap();
    let columns = source.columns().unwrap();
    for (number, column) in columns.list().iter().enumerate() {
        let cells = columns.cells(number, 0, source.rows());
        println!(
            "{} {:?} {} {cells:?}",
            column.name, column.column_type, column.nullable
        );
    }
}

#[test]
fn files_that_cannot_be_used_are_answered_by_one_sentence() {
    let row = "refused/null-row.parquet";
    println!("{}", refused(row, &[]));
    for name in ["empty-row", "null-value", "ragged", "not-a-list", "texts"] {
        println!("{}", refused(&format!("refused/{name}.parquet"), &[]));
    }
    println!("{}", refused("mini/parquet/brotli.parquet", &["brotli"]));
}
