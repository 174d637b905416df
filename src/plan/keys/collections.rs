//! Keys of `[collections.<name>]`.

use super::forms::{IDENTIFIER, names};
use crate::{
    dataset::MAX_DIM,
    keys::{ANY_NUMBER, DefaultValue, Key, Kind, Table, secs},
    operation::{Consistency, MAX_TEXT, SCALAR_INDEXES, ScalarType, metrics, vector_indexes},
    plan::collections::MODES,
    vector_type::VectorType,
};

const EF: &str = "`index = { params = { efConstruction = ... } }` of a collection";

const DATA_OR_DIM: &str = r#"{
    "if": {
        "properties": { "prepare": { "pattern": "^[Rr][Ee][Uu][Ss][Ee]$" } },
        "required": ["prepare"]
    },
    "then": {
        "anyOf": [
            { "required": ["data"] },
            { "required": ["dim"] },
            {
                "properties": { "vector_type": { "pattern": "^[Ss][Pp][Aa][Rr][Ss][Ee]$" } },
                "required": ["vector_type"]
            }
        ]
    },
    "else": { "required": ["data"] }
}"#;
const WHAT_IS_KEPT: &str = r#"{
    "if": {
        "properties": {
            "prepare": { "pattern": "^([Ee][Nn][Ss][Uu][Rr][Ee]|[Rr][Ee][Uu][Ss][Ee])$" }
        },
        "required": ["prepare"]
    },
    "then": { "properties": { "keep": { "const": true } } }
}"#;
const EMPTY: &str = r#"{
    "if": {
        "properties": { "prepare": { "pattern": "^[Ss][Cc][Hh][Ee][Mm][Aa]$" } },
        "required": ["prepare"]
    },
    "then": {
        "properties": {
            "initial_rows": {
                "anyOf": [
                    { "const": 0 },
                    { "type": "string", "pattern": "^\\s*0+(\\.0*)?\\s*%" }
                ]
            }
        }
    }
}"#;
const LONGEST_TEXT: &str = r#"{
    "if": { "properties": { "type": { "pattern": "^[Vv][Aa][Rr][Cc][Hh][Aa][Rr]$" } } },
    "then": { "required": ["max_length"] },
    "else": { "not": { "required": ["max_length"] } }
}"#;

/// `collections.<name>`.
pub(super) static COLLECTION: Table = Table::new(
    "collections.<name>",
    &[
        Key::new(
            "name",
            Kind::Text(IDENTIFIER),
            DefaultValue::None("the table's name"),
            "name in Milvus",
        )
        .allowed("letters, digits, `_`, no digit first, at most 255"),
        Key::new(
            "data",
            Kind::TEXT,
            DefaultValue::None("required unless `prepare = \"reuse\"`"),
            "its vectors and queries",
        )
        .allowed("a table of `[data]`")
        .answers(&["dataset"]),
        Key::new(
            "dim",
            Kind::integer(1, MAX_DIM as i64),
            DefaultValue::None("the data set's"),
            "dimension; must be the data set's; of Binary a multiple of 8; Sparse has none",
        ),
        Key::new(
            "vector_type",
            Kind::Choice(|| VectorType::all().map(VectorType::name).collect()),
            DefaultValue::None("that of the data"),
            "type of the vectors; the values of the data are converted to it",
        )
        .foreign(&[("vector_dtype", "`vector_type`")]),
        Key::new(
            "metric",
            Kind::Choice(metrics),
            DefaultValue::None("COSINE; Sparse: IP; Binary: HAMMING"),
            "metric of the vector index",
        )
        .answers(&["metric_type"]),
        Key::new(
            "consistency",
            Kind::Choice(Consistency::names),
            DefaultValue::Text("Bounded"),
            "consistency of the collection; a workload may set its own",
        )
        .foreign(&[("consistency_level", "`consistency`")]),
        Key::new(
            "prepare",
            Kind::Choice(|| names(MODES)),
            DefaultValue::Text("full"),
            "full: drop a collection of milvus-bench, create, insert, flush, index, load, wait \
             until ready; ensure: keep it if it fits, else full; schema: create, index and load \
             without rows; reuse: the collection must exist and is not changed",
        )
        .answers(&["drop_old"]),
        Key::new(
            "initial_rows",
            Kind::Rows,
            DefaultValue::None("all; schema: 0"),
            "rows that preparation inserts; the rest is for insert workloads",
        )
        .allowed("0 to the rows of the data"),
        Key::new(
            "keep",
            Kind::Flag,
            DefaultValue::None("false; ensure and reuse: true"),
            "false: the collection is dropped at the end if this run created it",
        ),
        Key::new(
            "index",
            Kind::Table(&INDEX),
            DefaultValue::None("{ type = \"AUTOINDEX\" }"),
            "index of the vector field",
        ),
        Key::new(
            "fields",
            Kind::Tables {
                table: &FIELD,
                most: ANY_NUMBER,
            },
            DefaultValue::Empty,
            "scalar fields besides key and vector",
        )
        .answers(&["schema"]),
        Key::new(
            "id_field",
            Kind::Text(IDENTIFIER),
            DefaultValue::Text("id"),
            "name of the primary key (Int64); its values are the row numbers",
        )
        .allowed("a field name")
        .answers(&["primary_field", "primary_field_name"]),
        Key::new(
            "vector_field",
            Kind::Text(IDENTIFIER),
            DefaultValue::Text("vector"),
            "name of the vector field",
        )
        .allowed("a field name")
        .answers(&["anns_field", "vector_field_name"]),
        Key::new(
            "shards",
            Kind::integer(1, 64),
            DefaultValue::None("Milvus' default"),
            "number of shards; used if the run creates the collection",
        )
        .answers(&["shards_num", "num_shards"]),
        Key::new(
            "replicas",
            Kind::integer(1, 64),
            DefaultValue::Integer(1),
            "number of replicas that are loaded",
        )
        .answers(&["replica_number"]),
        Key::new(
            "ready_timeout",
            Kind::duration(secs(1), secs(86_400)),
            DefaultValue::Text("10m"),
            "maximum wait until it is ready",
        ),
    ],
)
.rules(&[DATA_OR_DIM, WHAT_IS_KEPT, EMPTY]);

/// `collections.<name>.index`.
static INDEX: Table = Table::new(
    "collections.<name>.index",
    &[
        Key::new(
            "type",
            Kind::Choice(vector_indexes),
            DefaultValue::Needed(""),
            "type of the vector index",
        )
        .foreign(&[("index_type", "`index = { type = ... }` of a collection")]),
        Key::new(
            "params",
            Kind::Params,
            DefaultValue::Empty,
            "build parameters, e.g. { M = 16, efConstruction = 200 }",
        )
        .foreign(&[
            (
                "index_params",
                "`index = { type = ..., params = { ... } }` of a collection",
            ),
            ("m", "`index = { params = { M = ... } }` of a collection"),
            ("ef_construction", EF),
            ("efconstruction", EF),
        ]),
    ],
);

/// `collections.<name>.fields[]`.
static FIELD: Table = Table::new(
    "collections.<name>.fields[]",
    &[
        Key::new(
            "name",
            Kind::Text(IDENTIFIER),
            DefaultValue::Needed(""),
            "name of the field",
        )
        .allowed("a field name"),
        Key::new(
            "type",
            Kind::Choice(ScalarType::names),
            DefaultValue::Needed(""),
            "type of the field",
        )
        .foreign(&[
            ("datatype", "`type`"),
            ("dtype", "`type`"),
            ("data_type", "`type`"),
        ]),
        Key::new(
            "max_length",
            Kind::integer(1, MAX_TEXT),
            DefaultValue::None("none, VarChar needs it"),
            "maximum length of the text in bytes",
        ),
        Key::new(
            "values",
            Kind::Values,
            DefaultValue::Text("row-number"),
            "values of the rows, a function of seed and row",
        )
        .allowed("\"row-number\", { choice, weights }, { uniform }, { constant }, { text }"),
        Key::new(
            "index",
            Kind::Table(&FIELD_INDEX),
            DefaultValue::None("none"),
            "index of the field",
        ),
    ],
)
.rules(&[LONGEST_TEXT]);

/// `collections.<name>.fields[].index`.
static FIELD_INDEX: Table = Table::new(
    "collections.<name>.fields[].index",
    &[
        Key::new(
            "type",
            Kind::Choice(|| SCALAR_INDEXES.to_vec()),
            DefaultValue::Needed(""),
            "type of a scalar index",
        ),
        Key::new(
            "params",
            Kind::Params,
            DefaultValue::Empty,
            "build parameters",
        ),
    ],
);
