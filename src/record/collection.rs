//! A collection at one moment of a run, as Milvus tells it.

use serde::{Deserialize, Serialize};

/// Index types that search the vectors themselves: what they are asked for is brute force. Milvus
/// writes no file for the first two, so their segments are served without an index for ever.
const BRUTE_FORCE: &[&str] = &["FLAT", "BIN_FLAT", "GPU_BRUTE_FORCE"];

/// State of one collection at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CollectionState {
    /// Name of the collection.
    pub name: String,
    /// `before <phase>` or `after <phase>`.
    pub when: String,
    /// Milvus' id of the collection that has the name at this moment, as text: it has more digits
    /// than a number of JSON is sure of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Rows as Milvus counts them (`count(*)`, else its statistics, which know flushed rows only);
    /// None where it did not say.
    pub rows: Option<u64>,
    /// Whether the count may lack rows that were written before it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub rows_estimated: bool,
    /// Rows in growing segments that the query nodes serve: those of listed ones, else what is in
    /// no sealed one.
    pub growing_rows: Option<u64>,
    /// Rows in sealed segments that the query nodes serve.
    pub sealed_rows: Option<u64>,
    /// Of those, rows of segments without the index that was asked for; segments that are too small
    /// for one are not counted.
    pub unindexed_rows: Option<u64>,
    /// Number of segments.
    pub segments: Option<u64>,
    /// Index state of the vector field: `finished`, `in progress`, ...
    pub index_state: Option<String>,
    /// Type of that index as Milvus says it, e.g. `HNSW`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index_type: Option<String>,
}

/// Whether an index of this type is brute force by itself.
#[must_use]
pub fn is_brute_force(index_type: &str) -> bool {
    BRUTE_FORCE
        .iter()
        .any(|name| name.eq_ignore_ascii_case(index_type))
}
