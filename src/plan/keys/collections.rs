//! Keys of `[collections.<name>]`.

use super::forms::{IDENTIFIER, names};
use crate::{
    dataset::MAX_DIM,
    keys::{ANY_NUMBER, DefaultValue, Key, Kind, Table, secs},
    operation::{
        Consistency, KEY_TYPES, MAX_CAPACITY, MAX_TEXT, SCALAR_INDEXES, ScalarType, metrics,
        vector_indexes,
    },
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
/// Of rows whose values are no column's, since a column says its type and the longest is allowed.
const LONGEST_TEXT: &str = r#"{
    "if": { "not": {
        "properties": { "values": { "type": "object", "required": ["column"] } },
        "required": ["values"]
    } },
    "then": {
        "required": ["type"],
        "if": { "anyOf": [
            { "properties": { "type": { "pattern": "^[Vv][Aa][Rr][Cc][Hh][Aa][Rr]$" } } },
            {
                "properties": { "element": { "pattern": "^[Vv][Aa][Rr][Cc][Hh][Aa][Rr]$" } },
                "required": ["element"]
            }
        ] },
        "then": { "required": ["max_length"] },
        "else": { "not": { "required": ["max_length"] } }
    }
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
        DIM,
        VECTOR_TYPE,
        METRIC,
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
            "name of the primary key",
        )
        .allowed("a field name")
        .answers(&["primary_field", "primary_field_name"]),
        Key::new(
            "id_type",
            Kind::Choice(|| KEY_TYPES.to_vec()),
            DefaultValue::None("that of the column of id_values, else Int64"),
            "type of the primary key",
        ),
        Key::new(
            "id_values",
            Kind::Values,
            DefaultValue::Text("row-number"),
            "primary keys of the rows: their numbers, or the cells of a column of the data set, \
             all different; rows beyond its last have new ones",
        )
        .allowed("\"row-number\", { column }"),
        Key::new(
            "id_max_length",
            Kind::integer(1, MAX_TEXT),
            DefaultValue::None("65,535, of a VarChar only"),
            "maximum length of a VarChar primary key in bytes",
        ),
        Key::new(
            "vector_field",
            Kind::Text(IDENTIFIER),
            DefaultValue::Text("vector"),
            "name of the vector field",
        )
        .allowed("a field name")
        .answers(&["anns_field", "vector_field_name"]),
        Key::new(
            "dynamic",
            Kind::Flag,
            DefaultValue::Flag(false),
            "gives the collection a dynamic field",
        )
        .answers(&["enable_dynamic_field"]),
        Key::new(
            "dynamic_values",
            Kind::Values,
            DefaultValue::None("{}"),
            "what rows hold in the dynamic field: columns of the data set by their names, or \
             tables of values",
        )
        .allowed("{ columns }, { column }, { constant }, { choice, weights }, \"row-number\"")
        .needs(&["dynamic"]),
        Key::new(
            "partitions",
            Kind::integer(1, 4096),
            DefaultValue::None("Milvus' default, 16"),
            "partitions by the partition key, of a collection that is created",
        )
        .answers(&["num_partitions"]),
        Key::new(
            "properties",
            Kind::Params,
            DefaultValue::Empty,
            "properties of a collection that is created",
        )
        .example("{ \"mmap.enabled\" = true, \"collection.ttl.seconds\" = 3600 }"),
        Key::new(
            "vectors",
            Kind::Tables {
                table: &VECTOR,
                most: 9,
            },
            DefaultValue::Empty,
            "vector fields besides that of vector_field",
        ),
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

/// `collections.<name>.vectors[]`.
static VECTOR: Table = Table::new(
    "collections.<name>.vectors[]",
    &[
        Key::new(
            "name",
            Kind::Text(IDENTIFIER),
            DefaultValue::Needed(""),
            "name of the field",
        )
        .allowed("a field name"),
        Key::new(
            "data",
            Kind::TEXT,
            DefaultValue::None("required unless `prepare = \"reuse\"`"),
            "its vectors and queries; its rows begin again after the last one",
        )
        .allowed("a table of `[data]`"),
        DIM,
        VECTOR_TYPE,
        METRIC,
        Key::new(
            "index",
            Kind::Table(&MORE_INDEX),
            DefaultValue::None("{ type = \"AUTOINDEX\" }"),
            "index of the field",
        ),
    ],
);

const DIM: Key = Key::new(
    "dim",
    Kind::integer(1, MAX_DIM as i64),
    DefaultValue::None("the data set's"),
    "dimension; must be the data set's; of Binary a multiple of 8; Sparse has none",
);

const VECTOR_TYPE: Key = Key::new(
    "vector_type",
    Kind::Choice(|| VectorType::all().map(VectorType::name).collect()),
    DefaultValue::None("that of the data"),
    "type of the vectors; the values of the data are converted to it",
)
.foreign(&[("vector_dtype", "`vector_type`")]);

const METRIC: Key = Key::new(
    "metric",
    Kind::Choice(metrics),
    DefaultValue::None("COSINE; Sparse: IP; Binary: HAMMING"),
    "metric of the vector index",
)
.answers(&["metric_type"]);

/// `collections.<name>.vectors[].index`.
static MORE_INDEX: Table = Table::new("collections.<name>.vectors[].index", INDEX_KEYS);

/// `collections.<name>.index`.
static INDEX: Table = Table::new("collections.<name>.index", INDEX_KEYS);

const INDEX_KEYS: &[Key] = &[
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
];

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
            DefaultValue::None("that of the column; needed without one"),
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
            "maximum length of the text in bytes, also of the elements of an Array; of a column's \
             at most 65,535 where it is omitted",
        ),
        Key::new(
            "element",
            Kind::Choice(ScalarType::element_names),
            DefaultValue::None("that of the column; Array needs it without one"),
            "type of the elements of an Array",
        )
        .answers(&["element_type"]),
        Key::new(
            "max_capacity",
            Kind::integer(1, MAX_CAPACITY),
            DefaultValue::None("4,096, of an Array only"),
            "maximum number of elements of an Array",
        ),
        Key::new(
            "values",
            Kind::Values,
            DefaultValue::Text("row-number"),
            "values of the rows, a function of seed and row; or the cells of a column of the data \
             set, which begin again after its last row. nulls: share of rows without a value. \
             length: number of elements of an Array, whose choice or uniform is that of each \
             element",
        )
        .allowed(
            "\"row-number\", { choice, weights }, { uniform }, { constant }, { text }, { column }, \
             { columns }; with nulls, length",
        ),
        Key::new(
            "nullable",
            Kind::Flag,
            DefaultValue::Flag(false),
            "allows rows without a value (Milvus 2.5)",
        ),
        Key::new(
            "default",
            Kind::Any,
            DefaultValue::None("none"),
            "value that Milvus gives to rows without one (Milvus 2.5)",
        )
        .allowed("a value of the type, which is not JSON or Array")
        .answers(&["default_value"]),
        Key::new(
            "partition_key",
            Kind::Flag,
            DefaultValue::Flag(false),
            "Milvus puts rows into partitions by this field",
        )
        .allowed("of one field, Int64 or VarChar")
        .answers(&["is_partition_key"]),
        Key::new(
            "clustering_key",
            Kind::Flag,
            DefaultValue::Flag(false),
            "Milvus' compaction sorts rows by this field (Milvus 2.4.7)",
        )
        .allowed("of one field")
        .answers(&["is_clustering_key"]),
        Key::new(
            "properties",
            Kind::Params,
            DefaultValue::Empty,
            "properties of the field",
        )
        .example("{ \"mmap.enabled\" = true }"),
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
