//! The keys of a scenario: one row each, beside those of operations, which stand in their entries.

mod collections;
mod data;
mod forms;
mod milvus;
mod phases;
mod thresholds;
mod tls;
mod tracing;
mod workloads;

use self::forms::NAME;
use crate::keys::{ANY_NUMBER, DefaultValue, Key, Kind, Table, json_schema, markdown};

/// What requirements are called in a scenario.
const THRESHOLDS: &str = "`[[thresholds]]`";

/// Names of workloads, and of collections where they are those in Milvus.
const NAMES: &str = r#"{ "properties": {
    "workloads": { "propertyNames": { "pattern": "^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$" } },
    "collections": {
        "patternProperties": { "[^A-Za-z0-9_]|^[0-9]": { "required": ["name"] } }
    }
} }"#;

/// The whole scenario.
pub static SCENARIO: Table = Table::new(
    "",
    &[
        Key::new(
            "name",
            Kind::Text(NAME),
            DefaultValue::None("the file's name"),
            "name of the scenario, and the beginning of the names of its run folders",
        )
        .allowed("1 to 64 of `A-Za-z0-9_.-`, the first a letter or digit"),
        Key::new(
            "description",
            Kind::TEXT,
            DefaultValue::Text(""),
            "the question that the scenario answers; shown in reports",
        ),
        Key::new(
            "seed",
            Kind::integer(0, i64::MAX),
            DefaultValue::Integer(42),
            "seed of all random choices: the same seed gives the same requests and the same \
             traced ones",
        ),
        Key::new(
            "milvus",
            Kind::Table(&milvus::MILVUS),
            DefaultValue::None(""),
            "address and settings of Milvus",
        )
        .expanded(),
        Key::new(
            "tracing",
            Kind::Table(&tracing::TRACING),
            DefaultValue::None(""),
            "trace context, the client's spans, the server's spans",
        )
        .expanded(),
        Key::new(
            "data",
            Kind::Named {
                table: &data::DATA,
                most: ANY_NUMBER,
            },
            DefaultValue::None(""),
            "named sources of vectors",
        ),
        Key::new(
            "collections",
            Kind::Named {
                table: &collections::COLLECTION,
                most: 100,
            },
            DefaultValue::Needed(""),
            "named collections",
        ),
        Key::new(
            "workloads",
            Kind::Named {
                table: &workloads::WORKLOAD,
                most: 100,
            },
            DefaultValue::Needed(""),
            "named workloads",
        ),
        Key::new(
            "phases",
            Kind::Tables {
                table: &phases::PHASE,
                most: 100,
            },
            DefaultValue::Needed(""),
            "phases, one after the other",
        )
        .foreign(&[("scenarios", "`[[phases]]` and `[workloads.<name>]`")]),
        Key::new(
            "thresholds",
            Kind::Tables {
                table: &thresholds::THRESHOLD,
                most: 200,
            },
            DefaultValue::None("none"),
            "requirements on figures; exit code 1 if one fails",
        )
        .foreign(&[
            ("threshold", THRESHOLDS),
            ("assertions", THRESHOLDS),
            ("slo", THRESHOLDS),
            ("abortonfail", THRESHOLDS),
            ("expect", "`require` of `[[thresholds]]`"),
        ]),
    ],
)
.rules(&[NAMES]);

/// Every key of a scenario in Markdown: the table of `docs/reference/scenario.md`.
#[must_use]
pub fn key_table() -> String {
    markdown(&SCENARIO)
}

/// The JSON Schema of scenarios.
#[must_use]
pub fn scenario_schema() -> serde_json::Value {
    json_schema(&SCENARIO)
}

/// The same as `milvus-bench schema` prints it, with a line break at its end.
#[must_use]
pub fn scenario_schema_text() -> String {
    format!("{:#}\n", scenario_schema())
}
