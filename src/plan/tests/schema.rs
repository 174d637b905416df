//! The JSON Schema of scenarios: it is the committed one, and agrees with the plan.

use std::{fs, sync::LazyLock};

use jsonschema::Validator;
use toml::Value;

use super::*;
use crate::keys::{DefaultValue, Key, Kind, Table, duration_words, json_schema};

static VALIDATOR: LazyLock<Validator> = LazyLock::new(|| {
    jsonschema::validator_for(&scenario_schema()).expect("the schema of scenarios is one")
});

/// What the schema has against a scenario; empty where it accepts it, None where that is no TOML.
pub(super) fn refusals(text: &str) -> Option<Vec<String>> {
    let table: toml::Table = text.parse().ok()?;
    let json = serde_json::to_value(table).expect("TOML fits into JSON");
    let errors = VALIDATOR.iter_errors(&json);
    Some(
        errors
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect(),
    )
}

/// The schema accepts what the plan allows, and refuses what it refuses with `error`, where
/// a schema can.
#[track_caller]
pub(super) fn check_agreement(text: &str, error: Option<&ScenarioError>) {
    let Some(refusals) = refusals(text) else {
        return;
    };
    match error {
        None => assert!(refusals.is_empty(), "{refusals:?}\n{text}"),
        Some(mistakes) => {
            let mut messages = mistakes.iter().map(ToString::to_string);
            assert!(
                !refusals.is_empty() || messages.all(|of| beyond_schema::is_beyond_a_schema(&of)),
                "the schema accepts what the plan refuses: {mistakes}\n{text}"
            );
        }
    }
}

#[track_caller]
fn check_accepted(text: &str) {
    assert_eq!(refusals(text), Some(Vec::new()), "{text}");
}

#[test]
fn the_committed_schema_is_that_of_the_program() {
    let path = scenarios().join("scenario.schema.json");
    let text = scenario_schema_text();
    if std::env::var_os("MILVUS_BENCH_UPDATE").is_some() {
        fs::write(&path, &text).unwrap();
    }
    assert_eq!(
        fs::read_to_string(&path).unwrap_or_default(),
        text,
        "MILVUS_BENCH_UPDATE=1 writes it"
    );
    assert!(jsonschema::meta::is_valid(&scenario_schema()));
}

#[test]
fn every_shipped_scenario_fits_the_schema_and_names_it() {
    let mut checked = 0;
    for entry in fs::read_dir(scenarios()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        check_accepted(&text);
        assert!(
            text.starts_with("#:schema ./scenario.schema.json\n"),
            "{}",
            path.display()
        );
        checked += 1;
    }
    assert!(checked > 3);
}

#[test]
fn a_good_scenario_fits_the_schema() {
    check_accepted(GOOD);
    for (from, to) in [
        ("operation = \"search\"", "operation = \"SEARCH\""),
        ("rate = 200", "rate = \"5_000 rows/s\""),
        (
            "rate = 200",
            "rate = { mean = 20, amplitude = 0, period = \"1m 30s\" }",
        ),
        ("duration = \"10s\"", "requests = 5"),
        ("uri =", "timeout = \"${TIMEOUT:-5s}\"\nuri ="),
        ("uri =", "token = \"Bearer ${TOKEN}\"\nuri ="),
        ("\"80%\"", "800"),
    ] {
        check_accepted(&with(from, to));
    }
}

#[test]
fn a_share_of_rows_is_a_plain_percentage_in_the_schema_and_in_the_plan() {
    let check = |share: &str, is_one: bool| {
        let of_delete = format!("\"delete\"\nrows = \"{share}\"");
        for text in [
            with("\"insert\"\nbatch = 20", &of_delete),
            with("\"insert\"\nbatch = 20", "\"delete\"").replace("80%", share),
        ] {
            assert_eq!(plan(&text).is_ok(), is_one, "{text}");
            assert_eq!(refusals(&text).unwrap().is_empty(), is_one, "{text}");
        }
    };
    for share in ["50%", "5.5%", " 07 % ", "100%", "100.0%", "5.%"] {
        check(share, true);
    }
    for share in [
        ".5%", "+50%", "5e1%", "050%", "101%", "-1%", "50", "%", "inf%",
    ] {
        check(share, false);
    }
}

#[test]
fn parts_of_a_mix_are_operations_with_numbers_above_0() {
    let check = |parts: &str, is_one: bool| {
        let mix = format!("\"mix\"\nparts = {parts}");
        let text = with("\"insert\"\nbatch = 20", &mix);
        assert_eq!(plan(&text).is_ok(), is_one, "{text}");
        assert_eq!(refusals(&text).unwrap().is_empty(), is_one, "{text}");
    };
    check("{ search = 70, insert = 0.5 }", true);
    check("{ serch = 70 }", false);
    check("{ mix = 70 }", false);
    check("{ search = 0 }", false);
    check("{ search = -1 }", false);
    check("{ search = \"1\" }", false);
    check("{}", false);
    check("[\"search\"]", false);
}

/// A value that the key may have, as TOML.
fn example(key: &'static Key, kind: &'static Kind) -> String {
    match (key.default, kind) {
        (DefaultValue::Text(text), _) => return format!("{text:?}"),
        (DefaultValue::Integer(number), _) => return number.to_string(),
        _ => {}
    }
    match kind {
        Kind::Text(_) => match key.name {
            "endpoint" | "admin" => "\"http://127.0.0.1:1\"".to_owned(),
            "url" => "\"https://host/file\"".to_owned(),
            "nonzeros" => "\"1..1\"".to_owned(),
            "sha256" => format!("\"{}\"", "0".repeat(64)),
            "link" => "\"https://jaeger.example/trace/{trace_id}\"".to_owned(),
            _ => "\"words\"".to_owned(),
        },
        Kind::Path | Kind::KeyFile => "\"file\"".to_owned(),
        Kind::Choice(names) => format!("{:?}", names()[0]),
        Kind::Integer { min, .. } | Kind::Callers { min, .. } => min.to_string(),
        Kind::Ratio => "0.5".to_owned(),
        Kind::Flag => "true".to_owned(),
        Kind::Duration { min, .. } => format!("{:?}", duration_words(*min)),
        Kind::Rate { max, .. } => format!("{max:.1}"),
        Kind::Rows => "\"50%\"".to_owned(),
        Kind::Secret => "\"${NAME}\"".to_owned(),
        Kind::Headers => "{ a = \"${NAME}\" }".to_owned(),
        Kind::Params => "{ a = 1 }".to_owned(),
        Kind::Shares(names) => format!("{{ {} = 1 }}", names()[0]),
        Kind::Values => "\"row-number\"".to_owned(),
        Kind::Any => "1".to_owned(),
        Kind::Texts => "[\"search\"]".to_owned(),
        Kind::Form(form) => form.example.to_owned(),
        Kind::Table(table) => format!("{{ {} }}", entries(table, None, ", ")),
        Kind::Named { table, .. } => format!("{{ a = {{ {} }} }}", entries(table, None, ", ")),
        Kind::Tables { table, .. } => format!("[{{ {} }}]", entries(table, None, ", ")),
        Kind::OneOf(kinds) => example(key, &kinds[0]),
    }
}

/// The entries of a table with `key` and what it needs, and what the table needs beside it.
fn entries(table: &'static Table, key: Option<&'static Key>, between: &str) -> String {
    let mut chosen = Vec::new();
    if let Some(key) = key {
        add(table, &mut chosen, key);
    }
    // Rules that no row has.
    let by_rule = match (table.path, key.map(|key| key.name)) {
        ("workloads.<name>", _) => Some("rate"),
        ("collections.<name>", _) => Some("data"),
        (path, _) if path.ends_with("fields[]") => Some("type"),
        ("milvus", Some("password")) => Some("user"),
        (path, Some("over" | "from")) if path.ends_with("stages[]") => Some("to"),
        (path, _) if path.ends_with("stages[]") => Some("at"),
        _ => None,
    };
    let operation = table.variants().into_iter().find(|variant| {
        key.is_some_and(|key| variant.keys.iter().any(|own| std::ptr::eq(own, key)))
    });
    let of_operation = operation.map_or(&[][..], |operation| operation.keys);
    let all = table.keys.iter().chain(of_operation);
    for key in all
        .filter(|key| is_needed(key))
        .chain(by_rule.and_then(|name| table.key(name)))
    {
        add(table, &mut chosen, key);
    }
    let has = |name: &str| chosen.iter().any(|key| key.name == name);
    let value = |key: &'static Key| match (&operation, key.name) {
        (Some(operation), "operation") => format!("{:?}", operation.name),
        (None, "type") if has("max_length") => "\"VarChar\"".to_owned(),
        (None, "type") if has("element") => "\"Array\"".to_owned(),
        (None, "format") if has("dim") => "\"random\"".to_owned(),
        _ => example(key, &key.kind),
    };
    let entries = chosen
        .iter()
        .map(|key| format!("{} = {}", key.name, value(key)));
    entries.collect::<Vec<_>>().join(between)
}

/// Adds a key with what it needs, where nothing that is chosen excludes it.
fn add(table: &'static Table, chosen: &mut Vec<&'static Key>, key: &'static Key) {
    let clash = |other: &&Key| {
        other.name == key.name
            || other.excludes.contains(&key.name)
            || key.excludes.contains(&other.name)
    };
    if chosen.iter().any(clash) {
        return;
    }
    chosen.push(key);
    for name in key.needs {
        let key = table.key(name).expect("a key of the same table");
        add(table, chosen, key);
    }
}

fn is_needed(key: &Key) -> bool {
    matches!(key.default, DefaultValue::Needed(_))
}

/// Every table with each of its keys, those of operations among them.
fn rows() -> Vec<(&'static Table, &'static Key)> {
    let of_table = |table: &'static Table| {
        let variants = table.variants().into_iter();
        let keys = variants.flat_map(|variant| variant.keys).chain(table.keys);
        keys.map(move |key| (table, key)).collect::<Vec<_>>()
    };
    SCENARIO.all().into_iter().flat_map(of_table).collect()
}

#[test]
fn every_key_is_read_and_fits_the_schema() {
    for (table, key) in rows() {
        let text = entries(table, Some(key), "\n");
        let source = ScenarioSource::Stdin(text.clone());
        if let Err(error) = Scenario::read_with(table, &source, &[], &none) {
            panic!("{}.{}: {error}\n{text}", table.path, key.name);
        }
        let validator = jsonschema::validator_for(&json_schema(table)).unwrap();
        let json = serde_json::to_value(text.parse::<toml::Table>().unwrap()).unwrap();
        let errors: Vec<_> = validator
            .iter_errors(&json)
            .map(|e| e.to_string())
            .collect();
        assert!(
            errors.is_empty(),
            "{}.{}: {errors:?}\n{text}",
            table.path,
            key.name
        );
        assert!(json.get(key.name).is_some(), "{text}");
    }
}

#[test]
fn defaults_lie_in_the_range_of_their_rows() {
    for (table, key) in rows() {
        let default = key.default_json();
        if default.is_null() || matches!(key.default, DefaultValue::None(_)) {
            continue;
        }
        let text = format!("{} = {}", key.name, toml_of(&default));
        let source = ScenarioSource::Stdin(text.clone());
        let scenario = Scenario::read_with(table, &source, &[], &none);
        let root = scenario
            .unwrap_or_else(|error| panic!("{text}: {error}"))
            .root;
        // Those of operations are read by the operation itself.
        if table.key(key.name).is_none() {
            let range = key.kind.integer_range();
            let number = default.as_i64().zip(range);
            assert!(number.is_none_or(|(number, (min, max))| (min..=max).contains(&number)));
            continue;
        }
        if key.kind.integer_range().is_some() {
            assert!(root.integer(key.name).is_ok(), "{}.{text}", table.path);
        }
        if key.kind.duration_range().is_some() {
            assert!(root.duration(key.name).is_ok(), "{}.{text}", table.path);
        }
        let schema = &json_schema(table)["properties"][key.name];
        assert!(
            jsonschema::is_valid(schema, &default),
            "{}.{text}",
            table.path
        );
    }
}

fn toml_of(json: &serde_json::Value) -> String {
    let value = Value::try_from(json).expect("a default of a scenario");
    value.to_string()
}
