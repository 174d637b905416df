//! The JSON Schema of a scenario (draft 7, which editors of TOML understand), made of the rows.
//!
//! It can't say all that the plan checks: what several tables mean together, how long a time is,
//! what is in a file. It refuses nothing that the plan allows.

use serde_json::{Map, Value, json};

use super::{ANY_NUMBER, DefaultValue, Key, Kind, LARGEST_SHARE, Table, share};

/// `${NAME}` in a text that is expanded.
const VARIABLE: &str = r"\$\{";
/// A time with its unit, or several that are added.
const DURATION: &str = concat!(
    r"^\s*([0-9]+(\.[0-9]+)?\s*",
    r"(ns|nsec|nanos|us|usec|µs|ms|msec|millis|s|secs?|seconds?|m|mins?|minutes?",
    r"|h|hrs?|hours?|d|days?|w|wks?|weeks?|M|months?|y|yrs?|years?)\s*)+$"
);
/// A time of nothing.
const NO_TIME: &str = r"(?!\s*0+(\.0+)?\s*[A-Za-z]*\s*$)";
const RATE: &str = r"^\s*[0-9][0-9_.eE+]*\s*(rows\s*)?/s\s*$";
const SECRET: &str = r"^((Bearer|Basic) )?\$\{[A-Za-z_][A-Za-z0-9_]*\}$";
const HEADER: &str = r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$";
/// No key, which begins so or has several lines.
const NO_KEY: &str = r"^(?!-----BEGIN)[^\n]*$";

/// The schema of scenarios with the keys of `root`.
#[must_use]
pub fn json_schema(root: &'static Table) -> Value {
    let mut schema = Map::new();
    schema.insert(
        "$schema".to_owned(),
        json!("http://json-schema.org/draft-07/schema#"),
    );
    schema.insert("title".to_owned(), json!("a scenario of milvus-bench"));
    schema.extend(Writer { variables: false }.table(root));
    Value::Object(schema)
}

/// Writes the schema of one part of a scenario.
#[derive(Clone, Copy)]
struct Writer {
    /// Whether texts may hold `${NAME}`.
    variables: bool,
}

impl Writer {
    fn table(self, table: &'static Table) -> Map<String, Value> {
        let variants = table.variants();
        let own = |key: &'static Key| (key.name.to_owned(), self.below(key).key(key));
        let mut properties: Map<_, _> = table.keys.iter().map(own).collect();
        let mut all = rules(table.keys, table.rules);
        let by = table.variants.map_or("", |variants| variants.by);
        for variant in &variants {
            let mut allowed: Map<_, _> = variant.keys.iter().map(own).collect();
            for (name, schema) in &allowed {
                let described = json!({ "description": schema["description"] });
                properties
                    .entry(name.clone())
                    // The exact form stands below, where it is known which of them it is.
                    .or_insert(described);
            }
            allowed.extend(
                table
                    .keys
                    .iter()
                    .map(|key| (key.name.to_owned(), json!({}))),
            );
            let required = needed(variant.keys);
            let mut then = json!({
                "properties": allowed,
                "required": required,
                "additionalProperties": false,
            });
            let rules = rules(variant.keys, &[]);
            if !rules.is_empty() {
                then["allOf"] = json!(rules);
            }
            all.push(json!({
                "if": { "properties": { by: named(variant.name) }, "required": [by] },
                "then": then,
            }));
        }
        let mut schema = Map::new();
        schema.insert("type".to_owned(), json!("object"));
        schema.insert("properties".to_owned(), Value::Object(properties));
        schema.insert("required".to_owned(), json!(needed(table.keys)));
        schema.insert("additionalProperties".to_owned(), json!(false));
        if !all.is_empty() {
            schema.insert("allOf".to_owned(), json!(all));
        }
        schema
    }

    /// For the values of `key`.
    fn below(self, key: &Key) -> Self {
        Self {
            variables: self.variables || key.expanded,
        }
    }

    fn key(self, key: &'static Key) -> Value {
        let mut schema = self.kind(&key.kind);
        let mut words = vec![key.meaning_words()];
        if !key.allowed.is_empty() {
            words.push(format!("allowed: {}", key.allowed));
        }
        if !key.example.is_empty() {
            words.push(format!("for example {}", key.example));
        }
        match key.default {
            DefaultValue::None("") => {}
            DefaultValue::None(default) => words.push(format!("if omitted: {default}")),
            DefaultValue::Needed(_) => {
                let least = match &key.kind {
                    Kind::Named { .. } => "minProperties",
                    Kind::Tables { .. } | Kind::Texts => "minItems",
                    _ => "",
                };
                if !least.is_empty() {
                    schema[least] = json!(1);
                }
            }
            _ => schema["default"] = key.default_json(),
        }
        schema["description"] = json!(words.join("; "));
        schema
    }

    fn kind(self, kind: &'static Kind) -> Value {
        match kind {
            Kind::Text("") | Kind::Path => json!({ "type": "string" }),
            Kind::Text(pattern) => self.text(pattern),
            Kind::Choice(names) => {
                let names = names();
                let any_case: Vec<String> = names.iter().map(|name| case(name)).collect();
                let pattern = format!("^({})$", any_case.join("|"));
                json!({ "anyOf": [{ "enum": names }, self.text(&pattern)] })
            }
            Kind::Integer { min, max } | Kind::Callers { min, max } => {
                let mut schema = json!({ "type": "integer", "minimum": min });
                if *max < i64::MAX {
                    schema["maximum"] = json!(max);
                }
                schema
            }
            Kind::Ratio => json!({ "anyOf": [
                { "type": "number", "minimum": 0, "maximum": 1 },
                { "enum": ["auto"] },
                self.text(r"^([Aa][Uu][Tt][Oo]|\s*(0|1|0?\.[0-9]+|1\.0*)\s*)$"),
            ] }),
            Kind::Flag => json!({ "type": "boolean" }),
            Kind::Duration { min, .. } if min.is_zero() => self.text(&format!("^0$|{DURATION}")),
            Kind::Duration { .. } => {
                self.text(&format!("^{NO_TIME}{}", DURATION.trim_start_matches('^')))
            }
            Kind::Rate { min, max } => json!({ "anyOf": [
                { "type": "number", "minimum": min, "maximum": max },
                self.text(RATE),
            ] }),
            Kind::Rows => json!({ "anyOf": [
                { "type": "integer", "minimum": 0 },
                self.text(share::PATTERN),
            ] }),
            Kind::KeyFile => json!({ "anyOf": [
                { "type": "string", "pattern": NO_KEY },
                file(),
            ] }),
            Kind::Secret => secret(),
            Kind::Headers => json!({
                "type": "object",
                "propertyNames": { "pattern": HEADER },
                "additionalProperties": secret(),
            }),
            Kind::Params => json!({ "type": "object" }),
            Kind::Shares(names) => shares(&names()),
            Kind::Values => values(),
            Kind::Any => json!({}),
            Kind::Texts => json!({ "type": "array", "items": { "type": "string" } }),
            Kind::Form(form) => parsed(form.schema),
            Kind::Table(table) => Value::Object(self.table(table)),
            Kind::Named { table, most } => json!({
                "type": "object",
                "maxProperties": bound(*most),
                "additionalProperties": self.table(table),
            }),
            Kind::Tables { table, most } => json!({
                "type": "array",
                "maxItems": bound(*most),
                "items": self.table(table),
            }),
            Kind::OneOf(kinds) => {
                let kinds: Vec<Value> = kinds.iter().map(|kind| self.kind(kind)).collect();
                json!({ "anyOf": kinds })
            }
        }
    }

    /// A text that matches `pattern`, or has a variable in it.
    fn text(self, pattern: &str) -> Value {
        let pattern = if self.variables {
            format!("{pattern}|{VARIABLE}")
        } else {
            pattern.to_owned()
        };
        json!({ "type": "string", "pattern": pattern })
    }
}

/// Most tables of a kind: a number that no file reaches where there is no such number.
fn bound(most: usize) -> usize {
    if most == ANY_NUMBER { 100_000 } else { most }
}

/// Names of the keys that must be written.
fn needed(keys: &[Key]) -> Vec<&'static str> {
    let is_needed = |key: &&Key| matches!(key.default, DefaultValue::Needed(_));
    let needed = keys.iter().filter(is_needed);
    needed.map(|key| key.name).collect()
}

/// Pattern of `name` in any case.
fn case(name: &str) -> String {
    let letter = |c: char| match c {
        c if c.is_ascii_alphabetic() => {
            format!("[{}{}]", c.to_ascii_uppercase(), c.to_ascii_lowercase())
        }
        c => c.to_string(),
    };
    name.chars().map(letter).collect()
}

/// The text `name` in any case.
fn named(name: &str) -> Value {
    json!({ "type": "string", "pattern": format!("^{}$", case(name)) })
}

fn file() -> Value {
    json!({
        "type": "object",
        "properties": { "file": { "type": "string" } },
        "required": ["file"],
        "additionalProperties": false,
    })
}

fn secret() -> Value {
    json!({ "anyOf": [{ "type": "string", "pattern": SECRET }, file()] })
}

/// Numbers above 0 under some of `names`.
fn shares(names: &[&str]) -> Value {
    let share = json!({ "type": "number", "exclusiveMinimum": 0, "maximum": LARGEST_SHARE });
    let shares: Map<_, _> = names
        .iter()
        .map(|name| ((*name).to_owned(), share.clone()))
        .collect();
    json!({
        "type": "object",
        "properties": shares,
        "additionalProperties": false,
        "minProperties": 1,
    })
}

/// What rows of a field hold.
fn values() -> Value {
    json!({ "anyOf": [
        { "enum": ["row-number"] },
        named("row-number"),
        {
            "type": "object",
            "properties": {
                "choice": { "type": "array", "minItems": 1, "maxItems": 100_000 },
                "weights": { "type": "array", "items": { "type": "number", "minimum": 0 } },
                "uniform": {
                    "type": "array",
                    "items": { "type": "number" },
                    "minItems": 2,
                    "maxItems": 2,
                },
                "constant": {},
                "text": { "type": "string", "pattern": r"\{row\}" },
                "column": { "type": "string" },
                "columns": { "type": "array", "items": { "type": "string" }, "minItems": 1 },
                "nulls": { "type": "number", "minimum": 0, "maximum": 1 },
                "length": {
                    "anyOf": [
                        { "type": "integer", "minimum": 0 },
                        {
                            "type": "array",
                            "items": { "type": "integer", "minimum": 0 },
                            "minItems": 2,
                            "maxItems": 2,
                        },
                    ],
                },
            },
            "additionalProperties": false,
            "minProperties": 1,
        },
    ] })
}

/// What the keys mean for each other.
fn rules(keys: &'static [Key], more: &[&str]) -> Vec<Value> {
    let has = |key: &str| json!({ "required": [key] });
    let of_key = |key: &'static Key| {
        let needs = key
            .needs
            .iter()
            .map(move |other| json!({ "if": has(key.name), "then": has(other) }));
        let excludes = key
            .excludes
            .iter()
            .map(|other| json!({ "not": { "required": [key.name, other] } }));
        needs.chain(excludes).collect::<Vec<_>>()
    };
    let more = more.iter().map(|text| parsed(text));
    keys.iter().flat_map(of_key).chain(more).collect()
}

/// A schema that the program has as text.
fn parsed(text: &str) -> Value {
    serde_json::from_str(text)
        .unwrap_or_else(|error| panic!("a rule is not JSON ({error}): {text}"))
}
