//! Keys of `[data.<name>]`.

use super::forms::URL;
use crate::{
    dataset::{DATASETS, MAX_DIM, distributions},
    keys::{DefaultValue, Key, Kind, Table},
};

const FILES_OR_RANDOM: &str = r#"{
    "if": {
        "properties": { "format": { "pattern": "^[Rr][Aa][Nn][Dd][Oo][Mm]$" } },
        "required": ["format"]
    },
    "then": {
        "required": ["dim"],
        "not": { "anyOf": [{ "required": ["base"] }, { "required": ["truth"] }] },
        "properties": { "queries": { "type": "integer" } },
        "anyOf": [
            { "required": ["nonzeros"] },
            { "properties": { "dim": { "maximum": 32768 } } }
        ]
    },
    "else": {
        "not": {
            "anyOf": [
                { "required": ["rows"] },
                { "required": ["dim"] },
                { "required": ["distribution"] },
                { "required": ["nonzeros"] },
                { "required": ["duplicates"] }
            ]
        },
        "properties": { "queries": { "type": ["string", "object"] } }
    }
}"#;

/// Least and most.
const NONZEROS: &str = r"^\s*[0-9]{1,5}\s*\.\.\s*[0-9]{1,5}\s*$";

/// `data.<name>`.
pub(super) static DATA: Table = Table::new(
    "data.<name>",
    &[
        Key::new(
            "format",
            Kind::Choice(|| DATASETS.iter().map(|row| row.name).collect()),
            DefaultValue::None("found by the content of its files"),
            "format of the data set; random has no files and must be named",
        ),
        Key::new(
            "base",
            Kind::OneOf(&[Kind::Path, Kind::Table(&BASE)]),
            DefaultValue::None("none"),
            "file of the rows",
        ),
        Key::new(
            "queries",
            Kind::OneOf(&[
                Kind::Path,
                Kind::integer(1, 1_000_000_000),
                Kind::Table(&QUERIES),
            ]),
            DefaultValue::None("random: 1,000"),
            "file or number of the query vectors",
        ),
        Key::new(
            "truth",
            Kind::OneOf(&[Kind::Path, Kind::Table(&TRUTH)]),
            DefaultValue::None("none"),
            "file of the true neighbours, for recall",
        ),
        Key::new(
            "vector",
            Kind::TEXT,
            DefaultValue::None("hdf5: train; else found"),
            "column or array of the vectors, in files that name such",
        ),
        Key::new(
            "query_vector",
            Kind::TEXT,
            DefaultValue::None("hdf5: test; else as `vector`"),
            "the same of the query vectors",
        ),
        Key::new(
            "id",
            Kind::TEXT,
            DefaultValue::None("`id` if there"),
            "column of the ids by which the truth names rows",
        ),
        Key::new(
            "neighbors",
            Kind::TEXT,
            DefaultValue::None("hdf5: neighbors; parquet: neighbors_id"),
            "column or array of the true neighbours",
        ),
        Key::new(
            "files",
            Kind::TEXT,
            DefaultValue::None("shuffle_train, else train"),
            "files of a folder that have the rows: the beginning of their names, or names with \
             commas",
        ),
        Key::new(
            "rows",
            Kind::integer(1, 10_000_000_000),
            DefaultValue::None("none"),
            "random: rows",
        )
        .needs(&["format", "dim"]),
        Key::new(
            "dim",
            Kind::integer(1, u32::MAX as i64 - 1),
            DefaultValue::None("none"),
            "random: dimension, at most 32,768; with nonzeros the number of indices",
        )
        .needs(&["format"])
        .foreign(&[("dimension", "`dim`")]),
        Key::new(
            "nonzeros",
            Kind::OneOf(&[Kind::Text(NONZEROS), Kind::integer(1, MAX_DIM as i64)]),
            DefaultValue::None("none; a collection of type Sparse: \"16..64\""),
            "random: non-zero values of a sparse vector; with it the data set is sparse, and dim \
             is the number of indices, of which low ones are drawn more often",
        )
        .allowed("a number or a range such as \"20..60\"")
        .needs(&["format", "dim"]),
        Key::new(
            "duplicates",
            Kind::Rows,
            DefaultValue::None("none"),
            "random: share or number of the rows that equal an earlier one",
        )
        .needs(&["format", "dim", "rows"]),
        Key::new(
            "distribution",
            Kind::Choice(distributions),
            DefaultValue::None("normal"),
            "random: distribution of the values",
        )
        .needs(&["format", "dim"]),
    ],
)
.rules(&[FILES_OR_RANDOM]);

/// `data.<name>.base`, a file at an address.
static BASE: Table = Table::new("data.<name>.base", REMOTE);

/// `data.<name>.queries`.
static QUERIES: Table = Table::new("data.<name>.queries", REMOTE);

/// `data.<name>.truth`.
static TRUTH: Table = Table::new("data.<name>.truth", REMOTE);

const REMOTE: &[Key] = &[
    Key::new(
        "url",
        Kind::Text(URL),
        DefaultValue::Needed(""),
        "address of the file, which is fetched once, into the cache",
    )
    .allowed("`https://...`, on this machine alone `http://...`")
    .example("`\"https://HOST/base.fbin\"`"),
    Key::new(
        "sha256",
        Kind::Text("^[0-9A-Fa-f]{64}$"),
        DefaultValue::Needed(""),
        "SHA-256 of the file, which is checked",
    )
    .allowed("64 hexadecimal digits, as `sha256sum` prints them"),
];
