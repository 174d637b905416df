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
    let by_id = |name: &str| {
        let source = opened(name).unwrap();
        let columns = source.columns().unwrap();
        let names: Vec<&str> = columns.list().iter().map(|column| &*column.name).collect();
        assert_eq!(names, ["id", "labels"], "{name}");
        assert_eq!(columns.list()[1].column_type, ColumnType::Text);
        let found = columns.cells(1, 0, source.rows()).unwrap();
        let ids = source.ids(0, source.rows()).unwrap().unwrap();
        let mut by_id: Vec<_> = ids.into_iter().zip(found).collect();
        by_id.sort_by_key(|(id, _)| *id);
        by_id
    };
    // The same labels, whatever the order of the rows is.
    let labels = by_id("mini/vectordbbench-split");
    assert_eq!(by_id("mini/vectordbbench-shuffled"), labels);
    assert_eq!(by_id("mini/vectordbbench"), labels);
    let different = labels.iter().any(|(_, label)| *label != labels[0].1);
    assert!(different, "{labels:?}");
    let text = |cell: &Cell| matches!(cell, Cell::Text(text) if text.starts_with("label_"));
    assert!(labels.iter().all(|(_, label)| text(label)), "{labels:?}");
}

#[test]
fn columns_of_every_type_become_cells() {
    let source = opened("mini/parquet/columns.parquet").unwrap();
    let columns = source.columns().unwrap();
    let of = |name: &str| {
        let known = columns.list().iter().position(|column| column.name == name);
        let number = known.unwrap();
        let found = columns.cells(number, 0, source.rows());
        (columns.list()[number].column_type.clone(), found)
    };
    let starts = |name: &str, column_type: ColumnType, expected: &[Cell]| {
        let (found, cells) = of(name);
        assert_eq!(found, column_type, "{name}");
        assert_eq!(cells.unwrap()[..expected.len()], *expected, "{name}");
    };
    let text = |text: &str| Cell::Text(text.to_owned());
    starts(
        "section",
        ColumnType::Text,
        &[text("größe ☕"), text("sport")],
    );
    starts(
        "year",
        ColumnType::Int,
        &[Cell::Int(1990), Cell::Int(1991), Cell::Null],
    );
    starts("level", ColumnType::Int, &[Cell::Int(-50)]);
    starts("fresh", ColumnType::Bool, &[Cell::Bool(true)]);
    starts("price", ColumnType::Float, &[Cell::Float(7.386)]);
    starts(
        "score",
        ColumnType::Float,
        &[Cell::Float(f64::from(0.155_471_46_f32))],
    );
    starts("nothing", ColumnType::Int, &[Cell::Null, Cell::Null]);
    let texts = ColumnType::List(Box::new(ColumnType::Text));
    starts(
        "tags",
        texts,
        &[Cell::List(vec![]), Cell::List(vec![text("t0")])],
    );
    starts("at", ColumnType::Int, &[Cell::Int(1_709_209_815_123_456)]);
    starts("day", ColumnType::Int, &[Cell::Int(19_782)]);
    for (name, words) in [
        ("struct", "it holds structures"),
        ("exact", "it holds decimals (10 digits, 2 behind the point)"),
        ("blob", "it holds bytes"),
        ("unsigned", "has the number 18446744073709551615 in row 0"),
    ] {
        let error = of(name).1.unwrap_err();
        assert!(error.contains(words), "{name}: {error}");
    }
}

#[test]
fn files_that_cannot_be_used_are_answered_by_one_sentence() {
    for (name, words) in [
        (
            "null-row",
            "has no vector (null) in row 2, expected 16 numbers",
        ),
        (
            "empty-row",
            "has a vector without values in row 2, expected 16 numbers",
        ),
        (
            "null-value",
            "has a null among the values of the vector in row 2",
        ),
        ("ragged", "has a vector of 15 values in row 2, expected 16"),
        ("not-a-list", "has single values (float64) in column emb"),
        ("texts", "has texts in column emb"),
    ] {
        refused(&format!("refused/{name}.parquet"), &[words]);
    }
    let story = "compressed with brotli, which can't be read: write it with snappy, zstd";
    refused(
        "mini/parquet/brotli.parquet",
        &[story, "emb.list.element at byte"],
    );
}

#[test]
fn a_file_that_ends_early_is_answered_by_one_sentence() {
    let whole = std::fs::read(path("mini/parquet/snappy.parquet")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let cut = folder.path().join("cut.parquet");
    for length in (0..whole.len()).step_by(7) {
        std::fs::write(&cut, &whole[..length]).unwrap();
        let error = opened_with("", |options| options.base = Some(cut.clone()));
        let error = error.expect_err("it is cut").message;
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn a_folder_that_lacks_a_part_is_answered_by_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    for file in [
        "train-00-of-02.parquet",
        "test.parquet",
        "neighbors.parquet",
    ] {
        let from = path("mini/vectordbbench").join(file);
        std::fs::copy(from, folder.path().join(file)).unwrap();
    }
    let opened = || opened_with("", |options| options.base = Some(folder.path().to_owned()));
    let error = opened().expect_err("part 1 is missing").message;
    assert!(error.contains("1 of the 2 files"), "{error}");
    // Half of the rows is no base of this truth.
    let half = folder.path().join("train.parquet");
    std::fs::rename(folder.path().join("train-00-of-02.parquet"), half).unwrap();
    let error = opened().expect_err("other rows").message;
    assert!(error.contains("the data set has 12 rows"), "{error}");
}

/// Found by `just fuzz`: a page of lists whose levels begin fewer rows than its header says.
#[test]
fn a_page_with_fewer_rows_than_it_says_is_an_error() {
    super::super::mutated::run("parquet", &[0xdc, 0x05, 0xcb, 0x1d, 0x4b]);
}
