use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::dataset::testing::Table;

fn key_of(table: Table, text: &str) -> Result<PrimaryKey, OperationError> {
    let table_of_keys: toml::Table = text.parse().unwrap();
    let word = |key: &str| table_of_keys.get(key).and_then(Value::as_str);
    let column = [("column".to_owned(), Value::from("key"))];
    KeyOptions {
        name: "id".into(),
        type_name: word("type").map(str::to_owned),
        values: Some(Value::Table(column.into_iter().collect())),
        max_length: table_of_keys.get("max_length").and_then(Value::as_integer),
    }
    .resolve(Some(&table.source()))
}

fn numbers(keys: &[i64]) -> PrimaryKey {
    key_of(Table::default().with_ints("key", keys), "").unwrap()
}

fn texts(keys: &[&str]) -> PrimaryKey {
    key_of(Table::default().with_texts("key", keys), "").unwrap()
}

fn ints(key: &PrimaryKey, rows: std::ops::Range<u64>) -> Vec<i64> {
    match key.of_rows(rows) {
        Data::LongData(keys) => keys.data,
        other => panic!("{other:?}"),
    }
}

fn words(key: &PrimaryKey, rows: std::ops::Range<u64>) -> Vec<String> {
    match key.of_rows(rows) {
        Data::StringData(keys) => keys.data,
        other => panic!("{other:?}"),
    }
}

fn literal(key: &PrimaryKey, row: u64) -> String {
    let mut text = String::new();
    key.write(row, &mut text);
    text
}

fn int_ids(data: Vec<i64>) -> IdField {
    IdField::IntId(LongArray { data })
}

fn text_ids(data: &[&str]) -> IdField {
    let data = data.iter().map(|text| (*text).to_owned()).collect();
    IdField::StrId(StringArray { data })
}

#[test]
fn rows_have_the_keys_of_the_column_and_new_ones_after_them() {
    let key = numbers(&[30, -5, 7]);
    assert!(!key.is_text());
    assert_eq!(ints(&key, 0..5), [30, -5, 7, 31, 32]);
    assert_eq!(
        key.rows_of(int_ids(vec![7, 30, -5, 31, 8])),
        Some(vec![2, 0, 1, -1, -1])
    );
    assert_eq!(literal(&key, 1), "-5");
    let key = texts(&["b", "a~1", "a"]);
    assert!(key.is_text());
    assert_eq!(
        words(&key, 0..7),
        ["b", "a~1", "a", "b~~1", "a~1~~1", "a~~1", "b~~2"]
    );
    assert_eq!(
        key.rows_of(text_ids(&["a", "b", "a~1", "c", "b~~1"])),
        Some(vec![2, 0, 1, -1, -1])
    );
}

#[test]
fn texts_are_quoted_in_expressions() {
    let key = texts(&["a\"b\\c", "Zürich\n"]);
    assert_eq!(literal(&key, 0), r#""a\"b\\c""#);
    assert_eq!(literal(&key, 1), r#""Zürich\n""#);
}

#[test]
fn a_column_of_row_numbers_takes_no_memory() {
    assert_eq!(numbers(&[0, 1, 2]).keys, RowKeyValues::RowNumber);
    assert_ne!(numbers(&[1, 2, 3]).keys, RowKeyValues::RowNumber);
}

#[test]
fn keys_take_eight_bytes_a_row_unless_they_lie_far_apart() {
    let column = |key: PrimaryKey| match key.keys {
        RowKeyValues::Column(column) => column,
        RowKeyValues::RowNumber => panic!("row numbers"),
    };
    let bytes = |column: &KeyColumn| match &column.keys {
        Keys::Near { above, .. } => 4 * above.len() + 4 * column.order.len(),
        Keys::Far(keys) => 8 * keys.len() + 4 * column.order.len(),
        Keys::Texts { .. } => panic!("texts"),
    };
    assert_eq!(bytes(&column(numbers(&[3, 1, 2, 9]))), 8 * 4);
    assert_eq!(bytes(&column(numbers(&[1, 2, 3, i64::MAX]))), 8 * 4);
    assert_eq!(bytes(&column(numbers(&[i64::MAX, 2, 3, 1]))), 12 * 4);
}

#[test]
fn a_key_that_two_rows_have_is_refused_with_both() {
    let error = |table: Table, text: &str| key_of(table, text).unwrap_err();
    let twice = error(Table::default().with_ints("key", &[4, 9, 5, 9]), "");
    assert_eq!(twice.key, "id_values.column");
    assert!(
        twice.message.contains("the key 9 in row 1 and in row 3"),
        "{}",
        twice.message
    );
    let twice = error(Table::default().with_texts("key", &["a", "b", "a"]), "");
    assert!(
        twice
            .message
            .contains("the key \"a\" in row 0 and in row 2"),
        "{}",
        twice.message
    );
    let cells = vec![Cell::Int(1), Cell::Null];
    let none = error(Table::default().with("key", ColumnType::Int, cells), "");
    assert!(
        none.message.contains("row 1 has no value"),
        "{}",
        none.message
    );
}

#[test]
fn types_and_lengths_are_checked() {
    let error = |table: Table, text: &str| {
        let error = key_of(table, text).unwrap_err();
        format!("{} {}", error.key, error.message)
    };
    let words = || Table::default().with_texts("key", &["abc", "d"]);
    let found = error(words(), "type = 'Int64'");
    assert!(
        found.contains("id_values.column") && found.contains("VarChar"),
        "{found}"
    );
    let found = error(words(), "max_length = 2");
    assert!(
        found.contains("id_max_length") && found.contains("up to 3 bytes"),
        "{found}"
    );
    let floats = Table::default().with("key", ColumnType::Float, vec![Cell::Float(1.0)]);
    assert!(error(floats, "").contains("numbers or texts"));
    let found = error(Table::default().with_ints("key", &[1]), "max_length = 2");
    assert!(found.contains("Int64"), "{found}");
    // Numbers may become texts.
    let key = key_of(
        Table::default().with_ints("key", &[7, 5]),
        "type = 'VarChar'",
    )
    .unwrap();
    assert_eq!(super::tests::words(&key, 0..3), ["7", "5", "7~1"]);
}

#[test]
fn row_numbers_may_be_texts() {
    let key = KeyOptions {
        name: "id".into(),
        type_name: Some("varchar".into()),
        ..KeyOptions::default()
    };
    let key = key.resolve(None).unwrap();
    assert_eq!(words(&key, 9..11), ["9", "10"]);
    assert_eq!(
        (literal(&key, 9), key.rows_of(text_ids(&["9", "x"]))),
        ("\"9\"".into(), Some(vec![9, -1]))
    );
    assert_eq!(key.rows_of(int_ids(vec![1])), None);
}

#[test]
fn keys_end_where_numbers_do() {
    let key = numbers(&[i64::MAX - 2, 5]);
    assert_eq!(key.most_rows(), 4);
    assert_eq!(ints(&key, 0..4), [i64::MAX - 2, 5, i64::MAX - 1, i64::MAX]);
}

proptest! {
    #[test]
    fn every_row_is_found_by_its_key(
        keys in prop::collection::btree_set(any::<i64>(), 1..60),
        seed: u64,
        near: bool,
    ) {
        let nearer = |key| if near { key >> 40 } else { key };
        let keys: BTreeSet<i64> = keys.into_iter().map(nearer).collect();
        let mut keys: Vec<i64> = keys.into_iter().collect();
        keys.sort_by_key(|key| crate::operation::draw::mix(seed ^ *key as u64));
        let key = numbers(&keys);
        let rows: Vec<i64> = (0..keys.len() as i64).collect();
        prop_assert_eq!(ints(&key, 0..keys.len() as u64), keys.clone());
        prop_assert_eq!(key.rows_of(int_ids(keys.clone())), Some(rows.clone()));
        let names: Vec<String> = keys.iter().map(|key| format!("{key:x}~")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let key = texts(&names);
        prop_assert_eq!(key.rows_of(text_ids(&names)), Some(rows));
        let all = words(&key, 0..3 * names.len() as u64);
        prop_assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
    }
}
