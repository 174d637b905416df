//! Values of columns, rows without values, arrays and the dynamic field.

use super::{super::*, options};
use crate::{
    dataset::{Cell, ColumnType, Source, testing::Table as Columns},
    milvus::proto::{FieldData, field_data::Field, scalar_field::Data},
};

fn notes() -> Source {
    let sections = [Cell::Text("a".into()), Cell::Null, Cell::Text("ccc".into())];
    let tags = [
        Cell::List(vec![Cell::Int(1), Cell::Int(2)]),
        Cell::List(Vec::new()),
        Cell::List(vec![Cell::Int(300)]),
    ];
    let json = |text: &str| Cell::Json(text.to_owned());
    Columns::default()
        .with_ints("rank", &[7, 8, 300])
        .with_texts("title", &["x", "yy", "zzz"])
        .with("section", ColumnType::Text, sections.into())
        .with(
            "score",
            ColumnType::Float,
            [0.5, 1e300, 2.0].map(Cell::Float).into(),
        )
        .with(
            "flag",
            ColumnType::Bool,
            [true, false, true].map(Cell::Bool).into(),
        )
        .with(
            "tags",
            ColumnType::List(Box::new(ColumnType::Int)),
            tags.into(),
        )
        .with(
            "meta",
            ColumnType::Json,
            vec![json(r#"{"b":1,"a":2}"#), json("[]"), json("null")],
        )
        .source()
}

fn resolved(text: &str) -> Result<ScalarField, String> {
    options(&format!("name = 'f'\n{text}"))
        .resolve(42, Some(&notes()))
        .map_err(|errors| {
            let error = errors.only();
            format!("{} {}", error.key, error.message)
        })
}

fn data(text: &str, first: u64, count: u64) -> (Data, Vec<bool>) {
    let field = resolved(text).unwrap();
    of(column(&field, first, count).unwrap())
}

fn of(column: FieldData) -> (Data, Vec<bool>) {
    match column.field {
        Some(Field::Scalars(scalars)) => (scalars.data.unwrap(), column.valid_data),
        other => panic!("{other:?}"),
    }
}

fn check_refused(text: &str, words: &[&str]) {
    let error = resolved(text).expect_err("refused");
    for word in words {
        assert!(error.contains(word), "{word:?} is not in: {error}");
    }
}

#[test]
fn a_column_begins_again_after_the_last_row_of_the_data() {
    let Data::LongData(found) = data("values = { column = 'rank' }", 2, 5).0 else {
        panic!("not Int64");
    };
    assert_eq!(found.data, [300, 7, 8, 300, 7]);
}

#[test]
fn a_column_says_its_type() {
    let field = |name: &str| {
        resolved(&format!(
            "nullable = true\nvalues = {{ column = '{name}' }}"
        ))
    };
    let types: Vec<_> = ["rank", "title", "score", "flag", "tags", "meta"]
        .map(|name| field(name).unwrap().field_type().name())
        .into();
    let expected = [
        "Int64",
        "VarChar",
        "Double",
        "Bool",
        "Array of Int64",
        "JSON",
    ];
    assert_eq!(types, expected);
    assert_eq!(field("title").unwrap().max_length, Some(65_535));
    assert_eq!(field("tags").unwrap().max_capacity, Some(4096));
}

#[test]
fn what_a_field_can_not_hold_is_refused_before_the_run() {
    let column = |rest: &str, name: &str| format!("{rest}\nvalues = {{ column = '{name}' }}");
    let check = |rest: &str, name: &str, words: &[&str]| check_refused(&column(rest, name), words);
    check(
        "type = 'Int64'",
        "title",
        &["values.column", "\"title\"", "text", "VarChar"],
    );
    check(
        "type = 'Int8'",
        "rank",
        &["values can't", "holds 300 in column rank at row 2", "127"],
    );
    check("type = 'Float'", "score", &["1e300", "row 1", "finite"]);
    check(
        "type = 'VarChar'\nmax_length = 2",
        "title",
        &["3 bytes", "row 2", "allows 2"],
    );
    check(
        "type = 'VarChar'",
        "section",
        &["no value", "row 1", "nullable = true"],
    );
    check(
        "type = 'Array'\nelement = 'Int8'",
        "tags",
        &["300", "row 2", "127"],
    );
    check(
        "type = 'Array'\nmax_capacity = 1",
        "tags",
        &["2 elements", "row 0", "allows 1"],
    );
    check("type = 'JSON'", "title", &["not JSON", "row 0"]);
    check(
        "",
        "sections",
        &["which base of [data.notes]", "its columns are: rank, title"],
    );
    let without = options("name = 'f'\nvalues = { column = 'a' }").resolve(42, None);
    let error = without.unwrap_err().only();
    assert!(error.message.contains("`data`"), "{}", error.message);
}

#[test]
fn rows_without_a_value_send_a_flag_and_nothing_else() {
    let text = "type = 'VarChar'\nmax_length = 9\nnullable = true\nvalues = { column = 'section' }";
    let (Data::StringData(found), valid) = data(text, 0, 3) else {
        panic!("not VarChar");
    };
    assert_eq!(
        (found.data, valid),
        (vec!["a".into(), "ccc".into()], vec![true, false, true])
    );
    // Flags are there also where all rows have one.
    let (_, valid) = data("nullable = true\nvalues = { column = 'rank' }", 0, 3);
    assert_eq!(valid, [true; 3]);
    let (_, valid) = data("values = { column = 'rank' }", 0, 3);
    assert!(valid.is_empty());
    // The server's default stands for a missing value.
    let text = "type = 'VarChar'\nmax_length = 9\ndefault = 'x'\nvalues = { column = 'section' }";
    assert_eq!(data(text, 0, 3).1, [true, false, true]);
}

#[test]
fn a_share_of_generated_rows_has_no_value() {
    let field = resolved("type = 'Int64'\nnullable = true\nvalues = { nulls = 0.1 }").unwrap();
    let (Data::LongData(found), valid) = of(column(&field, 0, 10_000).unwrap()) else {
        panic!("not Int64");
    };
    let nulls = valid.iter().filter(|valid| !**valid).count();
    // Six standard deviations of a binomial with 10,000 draws are 180.
    assert!(nulls.abs_diff(1000) < 180, "{nulls}");
    let rows = (0..).zip(&valid).filter(|(_, valid)| **valid);
    assert_eq!(found.data, rows.map(|(row, _)| row).collect::<Vec<i64>>());
    check_refused(
        "type = 'Int64'\nvalues = { nulls = 0.1 }",
        &["values.nulls", "nullable = true"],
    );
    check_refused(
        "type = 'Int64'\nvalues = { nulls = 2 }",
        &["values.nulls", "from 0 to 1"],
    );
    check_refused(
        "type = 'Int64'\nvalues = { column = 'rank', nulls = 0.1 }",
        &["values.nulls"],
    );
}

#[test]
fn arrays_hold_constants_choices_and_drawn_elements() {
    let value = |text: &str, row| {
        let field = resolved(&format!("type = 'Array'\nelement = 'Int8'\n{text}")).unwrap();
        match field.values.value(field.scalar_type, row) {
            FieldValue::List(values) => values,
            other => panic!("{other:?}"),
        }
    };
    let int = FieldValue::Int;
    assert_eq!(value("", 7), [int(7)]);
    assert_eq!(value("values = { constant = [1, 2] }", 7), [int(1), int(2)]);
    assert_eq!(value("values = { choice = [[5]] }", 7), [int(5)]);
    let mut lengths = std::collections::BTreeSet::new();
    let mut drawn = std::collections::BTreeSet::new();
    for row in 0..200 {
        let values = value("values = { uniform = [0, 9], length = [0, 3] }", row);
        lengths.insert(values.len());
        drawn.extend(values.iter().map(|value| format!("{value:?}")));
    }
    assert_eq!((lengths.len(), drawn.len()), (4, 10));
    let check = |text: &str, words: &[&str]| {
        check_refused(&format!("type = 'Array'\n{text}"), words);
    };
    check("", &["element", "missing"]);
    check("element = 'JSON'", &["element", "JSON", "VarChar"]);
    check("element = 'VarChar'", &["max_length", "missing"]);
    check(
        "element = 'Int8'\nvalues = { constant = [1, 300] }",
        &["values.constant", "300"],
    );
    check(
        "element = 'Int8'\nmax_capacity = 1\nvalues = { constant = [1, 2] }",
        &["2 elements"],
    );
    check(
        "element = 'Int8'\nmax_capacity = 4\nvalues = { choice = [1], length = 5 }",
        &["values.length", "0 to 4"],
    );
    check_refused(
        "type = 'Int8'\nvalues = { choice = [1], length = 5 }",
        &["values.length"],
    );
}

#[test]
fn the_dynamic_field_holds_tables_of_columns() {
    let values = |text: &str| {
        let table: Table = text.parse().unwrap();
        dynamic_values(table.get("v"), 42, Some(&notes())).map_err(|error| error.message)
    };
    let found = |text: &str| {
        let column = dynamic_column(&values(text).unwrap(), 0, 3).unwrap();
        assert!(column.is_dynamic && column.field_name == "$meta" && column.valid_data.is_empty());
        match of(column).0 {
            Data::JsonData(found) => found.data,
            other => panic!("{other:?}"),
        }
    };
    let texts = |texts: [&str; 3]| texts.map(|text| text.as_bytes().to_vec());
    assert_eq!(
        found("v = { columns = ['title', 'section', 'tags'] }"),
        texts([
            r#"{"title":"x","section":"a","tags":[1,2]}"#,
            r#"{"title":"yy","tags":[]}"#,
            r#"{"title":"zzz","section":"ccc","tags":[300]}"#
        ])
    );
    assert_eq!(
        found("v = { constant = { a = 1 } }"),
        texts([r#"{"a":1}"#; 3])
    );
    assert_eq!(found(""), texts(["{}"; 3]));
    let refused = |text: &str, word: &str| {
        let message = values(text).expect_err("refused");
        assert!(message.contains(word), "{message}");
    };
    refused("v = { constant = 3 }", "tables of values");
    refused("v = { columns = ['nothing'] }", "its columns are");
    // Found where the rows are sent.
    let meta = values("v = { column = 'meta' }").unwrap();
    let error = dynamic_column(&meta, 0, 3).unwrap_err().to_string();
    assert!(
        error.contains("row 1") && error.contains("table of values"),
        "{error}"
    );
}

#[test]
fn a_default_is_of_the_type() {
    let default = |text: &str| resolved(text).unwrap().default;
    assert_eq!(
        default("type = 'Int8'\ndefault = -1"),
        Some(FieldValue::Int(-1))
    );
    check_refused("type = 'Int8'\ndefault = 128", &["default", "128", "Int8"]);
    check_refused(
        "type = 'JSON'\ndefault = 1",
        &["default", "no default values of type JSON"],
    );
}

#[test]
fn keys_of_partitions_are_of_two_types() {
    check_refused(
        "type = 'Float'\npartition_key = true",
        &["partition_key", "Int64 or VarChar"],
    );
    check_refused(
        "type = 'Int64'\nnullable = true\npartition_key = true",
        &["partition_key", "nullable"],
    );
    check_refused(
        "type = 'JSON'\nclustering_key = true",
        &["clustering_key", "JSON"],
    );
}
