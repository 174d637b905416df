mod columns;
mod wire;

use super::{types::TYPES, *};

/// `values = { column = "name" }`.
fn column_of_cells(name: &str) -> Value {
    Value::Table(Table::from_iter([("column".to_owned(), name.into())]))
}

fn options(text: &str) -> ScalarFieldOptions {
    toml::from_str(text).unwrap()
}

fn field(text: &str) -> ScalarField {
    options(&format!("name = 'f'\n{text}"))
        .resolve(42, None)
        .unwrap()
}

fn values(text: &str, rows: std::ops::Range<u64>) -> Vec<FieldValue> {
    let field = field(text);
    rows.map(|row| field.values.value(field.scalar_type, row))
        .collect()
}

fn check_refused(text: &str, key: &str, words: &[&str]) {
    let error = options(&format!("name = 'f'\n{text}"))
        .resolve(42, None)
        .expect_err("refused")
        .only();
    assert_eq!(error.key, format!("fields.f.{key}"), "{}", error.message);
    for word in words {
        assert!(
            error.message.contains(word),
            "{word:?} is not in: {}",
            error.message
        );
    }
}

fn text(text: &str) -> FieldValue {
    FieldValue::Text(text.into())
}

#[test]
fn row_number_is_the_default() {
    assert_eq!(
        values("type = 'int64'", 7..9),
        [FieldValue::Int(7), FieldValue::Int(8)]
    );
    assert_eq!(
        values("type = 'Int64'\nvalues = 'row-number'", 7..8),
        [FieldValue::Int(7)]
    );
    assert_eq!(
        values("type = 'Int8'", 127..129),
        [FieldValue::Int(127), FieldValue::Int(0)]
    );
    assert_eq!(values("type = 'Int64'", u64::MAX..u64::MAX), []);
    assert_eq!(values("type = 'Float'", 7..8), [FieldValue::Float(7.0)]);
    assert_eq!(
        values("type = 'VarChar'\nmax_length = 19", 7..8),
        [text("7")]
    );
    assert_eq!(values("type = 'json'", 7..8), [text("{\"row\":7}")]);
}

#[test]
fn every_row_number_has_a_value() {
    for scalar_type in [
        "Bool", "Int8", "Int16", "Int32", "Int64", "Float", "Double", "JSON",
    ] {
        let field = field(&format!("type = '{scalar_type}'"));
        for row in [0, u64::MAX / 2, u64::MAX] {
            let _ = field.values.value(field.scalar_type, row);
        }
    }
}

#[test]
fn constants_and_texts_are_what_is_written() {
    assert_eq!(
        values("type = 'Bool'\nvalues = { constant = true }", 3..4),
        [FieldValue::Bool(true)]
    );
    assert_eq!(
        values("type = 'Double'\nvalues = { constant = 2 }", 3..4),
        [FieldValue::Float(2.0)]
    );
    assert_eq!(
        values(
            "type = 'JSON'\nvalues = { constant = { a = [1, 'x'] } }",
            3..4
        ),
        [text(r#"{"a":[1,"x"]}"#)]
    );
    assert_eq!(
        values(
            "type = 'VarChar'\nmax_length = 30\nvalues = { text = 'a-{row}!' }",
            3..4
        ),
        [text("a-3!")]
    );
}

#[test]
fn a_choice_follows_its_weights() {
    let drawn = values(
        "type = 'VarChar'\nmax_length = 8\nvalues = { choice = ['en', 'de', 'no'], weights = [9, \
         1, 0] }",
        0..10_000,
    );
    let count = |word: &str| drawn.iter().filter(|value| **value == text(word)).count();
    // Six standard deviations of a binomial with 10,000 draws are 180.
    assert!(count("de").abs_diff(1000) < 180, "{}", count("de"));
    assert_eq!((count("en") + count("de"), count("no")), (10_000, 0));
    let even = values("type = 'Int32'\nvalues = { choice = [1, 2] }", 0..10_000);
    assert!(
        even.iter()
            .filter(|value| **value == FieldValue::Int(1))
            .count()
            .abs_diff(5000)
            < 300
    );
}

#[test]
fn uniform_numbers_fill_their_range() {
    let drawn = values("type = 'Int8'\nvalues = { uniform = [-2, 2] }", 0..1000);
    assert!((-2..=2).all(|number| {
        drawn
            .iter()
            .filter(|value| **value == FieldValue::Int(number))
            .count()
            > 100
    }));
    let whole = values(
        "type = 'Int64'\nvalues = { uniform = [-9223372036854775808, 9223372036854775807] }",
        0..2,
    );
    assert_ne!(whole[0], whole[1]);
    for value in values("type = 'Float'\nvalues = { uniform = [0.5, 1] }", 0..1000) {
        assert!(
            matches!(value, FieldValue::Float(number) if (0.5..1.0).contains(&number)),
            "{value:?}"
        );
    }
}

#[test]
fn values_depend_on_seed_name_and_row_alone() {
    let text = "type = 'Int64'\nvalues = { uniform = [0, 1000000] }";
    let with = |name: &str, seed| {
        let field = options(&format!("name = '{name}'\n{text}"))
            .resolve(seed, None)
            .unwrap();
        (0..5)
            .map(|row| field.values.value(field.scalar_type, row))
            .collect::<Vec<_>>()
    };
    assert_eq!(with("a", 1), with("a", 1));
    assert_ne!(with("a", 1), with("a", 2));
    assert_ne!(with("a", 1), with("b", 1));
    // A scenario's seed keeps its meaning between versions: this value may never change.
    assert_eq!(with("a", 1)[0], FieldValue::Int(779_442));
}

#[test]
fn wrong_fields_are_refused() {
    check_refused("type = 'Int63'", "type", &["Int63", "VarChar"]);
    check_refused("type = 'VarChar'", "max_length", &["missing", "65535"]);
    check_refused(
        "type = 'VarChar'\nmax_length = 65536",
        "max_length",
        &["65536"],
    );
    check_refused(
        "type = 'Int8'\nmax_length = 8",
        "max_length",
        &["VarChar only"],
    );
    check_refused(
        "type = 'Int8'\nindex = { type = 'HNSW' }",
        "index.type",
        &["INVERTED"],
    );
    let error = options("name = '1f'\ntype = 'Int8'")
        .resolve(42, None)
        .unwrap_err()
        .only();
    assert_eq!(error.key, "fields.1f.name");
    assert!(
        toml::from_str::<ScalarFieldOptions>("name = 'f'\ntype = 'Int8'\nmax_len = 3").is_err()
    );
}

#[test]
fn wrong_values_are_refused() {
    check_refused(
        "type = 'Int8'\nvalues = 'random'",
        "values",
        &["random", "row-number"],
    );
    check_refused("type = 'Int8'\nvalues = {}", "values", &["has 0"]);
    check_refused(
        "type = 'Int8'\nvalues = { constant = 1, choice = [1] }",
        "values",
        &["has 2"],
    );
    check_refused(
        "type = 'Int8'\nvalues = { constant = 1, weights = [1] }",
        "values.weights",
        &["not a known form"],
    );
    check_refused(
        "type = 'Int8'\nvalues = { normal = [0, 1] }",
        "values.normal",
        &["not a known form", "uniform"],
    );
    check_refused(
        "type = 'Int8'\nvalues = { constant = 128 }",
        "values.constant",
        &["128", "Int8"],
    );
    check_refused(
        "type = 'Bool'\nvalues = { constant = 1 }",
        "values.constant",
        &["Bool"],
    );
    check_refused(
        "type = 'Int8'\nvalues = { choice = [] }",
        "values.choice",
        &["[]"],
    );
    check_refused(
        "type = 'Int8'\nvalues = { choice = [1, 'a'] }",
        "values.choice",
        &["\"a\"", "Int8"],
    );
    check_refused(
        "type = 'Int8'\nvalues = { uniform = [2, 1] }",
        "values.uniform",
        &["[2, 1]"],
    );
    check_refused(
        "type = 'Int8'\nvalues = { uniform = [0, 200] }",
        "values.uniform",
        &["Int8", "whole numbers"],
    );
    check_refused(
        "type = 'Float'\nvalues = { uniform = [0.0, inf] }",
        "values.uniform",
        &["inf"],
    );
    check_refused(
        "type = 'Bool'\nvalues = { uniform = [0, 1] }",
        "values.uniform",
        &["for numbers"],
    );
    check_refused(
        "type = 'Int8'\nvalues = { text = 'a{row}' }",
        "values.text",
        &["VarChar only"],
    );
}

#[test]
fn weights_must_fit_the_choice() {
    let refused = |weights: &str| {
        check_refused(
            &format!("type = 'Int8'\nvalues = {{ choice = [1, 2], weights = {weights} }}"),
            "values.weights",
            &["2 numbers"],
        )
    };
    for weights in ["[1]", "[1, 2, 'x']", "[0, 0]", "[1, -1]", "[1, inf]", "3"] {
        refused(weights);
    }
}

#[test]
fn texts_longer_than_the_field_are_refused() {
    check_refused(
        "type = 'VarChar'\nmax_length = 18",
        "values",
        &["19 bytes", "allows 18"],
    );
    check_refused(
        "type = 'VarChar'\nmax_length = 20\nvalues = { text = 'ab{row}' }",
        "values.text",
        &["21 bytes"],
    );
    check_refused(
        "type = 'VarChar'\nmax_length = 3\nvalues = { choice = ['abc', 'äb1'] }",
        "values.choice",
        &["4 bytes"],
    );
    check_refused(
        "type = 'VarChar'\nmax_length = 30\nvalues = { text = 'same' }",
        "values.text",
        &["{row}"],
    );
}
