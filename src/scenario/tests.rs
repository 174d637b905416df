use std::collections::BTreeSet;

use super::*;
use crate::keys::nearest;

fn read(text: &str) -> Result<Scenario, ScenarioError> {
    let scenario = Scenario::read(&ScenarioSource::Stdin(text.to_owned()), &[], &|_| None)?;
    if scenario.mistakes.iter().len() > 0 {
        return Err(scenario.mistakes);
    }
    Ok(scenario)
}

#[test]
fn places_are_lines_and_columns_in_characters() {
    let check = |text: &str, start: &str| {
        let message = read(text).expect_err(text).to_string();
        assert!(message.starts_with(start), "{message}");
    };
    check("\n  name = 5", "<stdin>:2:3: `name` is 5");
    check(
        "milvus = { database = \"äö\", uri = 5 }",
        "<stdin>:1:29: `milvus.uri`",
    );
    check(
        "[[phases]]\nname = \"one\"\n[[phases]]\nname = \"two\"\nrequests = true",
        "<stdin>:5:1: `phases.two.requests` is true",
    );
    check("phases = [{}, 5]", "<stdin>:1:15: `phases.1` is 5");
    check(
        "[collections.\"a.b\"]\nkeep = 1",
        "<stdin>:2:1: `collections.\"a.b\".keep`",
    );
}

#[test]
fn numbers_in_all_forms_of_toml() {
    let seed = |text: &str| {
        let scenario = read(&format!("seed = {text}")).unwrap();
        scenario.root.number("seed").unwrap().unwrap().value
    };
    assert_eq!(
        (
            seed("1_000"),
            seed("0x1F"),
            seed("0b101"),
            seed("-3"),
            seed("+7")
        ),
        (1000, 31, 5, -3, 7)
    );
    let rate = |text: &str| {
        let scenario = read(&format!("workloads.a.rate = {text}")).unwrap();
        let Level { number, rows } = scenario.root.sections("workloads")[0]
            .level("rate")
            .unwrap()
            .unwrap()
            .value;
        (number, rows)
    };
    assert_eq!(
        [rate("5"), rate("2.5"), rate("1e3"), rate("\"200/s\"")].map(|(number, _)| number),
        [5.0, 2.5, 1000.0, 200.0]
    );
    assert_eq!(
        (
            rate("\"5000 rows/s\""),
            rate("\" 5_000rows/s \""),
            rate("5")
        ),
        ((5000.0, true), (5000.0, true), (5.0, false))
    );
}

#[test]
fn rows_are_a_number_or_a_share() {
    let rows = |text: &str| {
        let scenario = read(&format!("collections.a.initial_rows = {text}")).unwrap();
        let tables = scenario.root.sections("collections");
        tables[0].rows("initial_rows").unwrap().unwrap().value
    };
    assert_eq!(rows("500"), InitialRows::Count(500));
    assert_eq!(rows("\"80%\""), InitialRows::Share(0.8));
}

#[test]
fn paths_start_at_the_folder_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("s.toml");
    fs::write(
        &file,
        "data.a = { base = \"x/${PART:-base}.fbin\", queries = 5 }",
    )
    .unwrap();
    let scenario = Scenario::read(&ScenarioSource::File(file), &[], &|_| None).unwrap();
    let data = &scenario.root.sections("data")[0];
    assert_eq!(
        data.path("base").unwrap().unwrap().value,
        folder.path().join("x/base.fbin")
    );
    assert_eq!(data.number("queries").unwrap().unwrap().value, 5);
    assert_eq!(scenario.file_stem.as_deref(), Some("s"));
}

#[test]
fn a_set_is_toml_else_text() {
    let set = |set: &str| {
        Scenario::read(
            &ScenarioSource::Stdin("workloads.a.x = 1".to_owned()),
            &[set.to_owned()],
            &|_| None,
        )
        .unwrap()
    };
    let value = |text: &str| {
        set(&format!("workloads.a.x={text}"))
            .root
            .sections("workloads")[0]
            .others[0]
            .1
            .value
            .clone()
    };
    assert_eq!(value("5"), toml::Value::Integer(5));
    assert_eq!(value("[1, 2]").as_array().map(Vec::len), Some(2));
    assert_eq!(
        value("rank < 5"),
        toml::Value::String("rank < 5".to_owned())
    );
    assert_eq!(value("a=b"), toml::Value::String("a=b".to_owned()));
    assert_eq!(
        value("1\ny = 2"),
        toml::Value::String("1\ny = 2".to_owned())
    );
    assert_eq!(
        set("description=")
            .root
            .text("description")
            .unwrap()
            .unwrap()
            .value,
        ""
    );
}

#[test]
fn names() {
    assert!(
        ["a", "0", "a.b-c_d", &"x".repeat(64)]
            .iter()
            .all(|name| is_name(name))
    );
    assert!(
        ["", ".a", "-a", "a b", "ä", "a/b", &"x".repeat(65)]
            .iter()
            .all(|name| !is_name(name))
    );
}

#[test]
fn long_text_is_cut_and_cleaned() {
    assert_eq!(quoted("a\"b\n"), "\"a\\\"b\\n\"");
    assert_eq!(quoted(&"x".repeat(100)).len(), 80 + 5);
}

#[test]
fn the_nearest_word_is_like_it_or_none() {
    assert_eq!(
        nearest("serch", ["insert", "search"].into_iter()),
        Some("search")
    );
    assert_eq!(nearest("zzz", ["insert", "search"].into_iter()), None);
}

#[test]
fn the_changelog_says_which_keys_are_not_built() {
    let (_, section) = include_str!("../../CHANGELOG.md")
        .split_once("### Not built yet")
        .expect("a section");
    let (_, keys) = section.split_once("- Keys: ").expect("a list of keys");
    let (keys, _) = keys.split_once("\n\n").expect("its end");
    let said: BTreeSet<&str> = keys
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|word| !word.starts_with('['))
        .collect();
    let refused = super::unknown::NOT_BUILT.iter().map(|(_, key)| *key);
    // A value that `plan` refuses.
    assert_eq!(said, refused.chain(["until = \"indexed\""]).collect());
}
