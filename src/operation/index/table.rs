//! Index types of vector fields, one row each.

use crate::vector_type::VectorType;

/// An index type of vector fields.
pub(super) struct VectorIndex {
    /// Its name in Milvus.
    pub(super) name: &'static str,
    /// Types of vectors that it takes, in any version.
    pub(super) types: &'static [VectorType],
    /// The search parameter that must be at least the limit.
    pub(super) at_least_limit: Option<&'static str>,
    /// First version of Milvus that has it: major, minor.
    pub(super) since: (u32, u32),
}

/// Whole numbers as they are, halves too: what a version does not have for one of them, it says
/// itself.
const DENSE: &[VectorType] = &[
    VectorType::Float,
    VectorType::Float16,
    VectorType::BFloat16,
    VectorType::Int8,
];
const BINARY: &[VectorType] = &[VectorType::Binary];
const SPARSE: &[VectorType] = &[VectorType::Sparse];
const ALL: &[VectorType] = &[
    VectorType::Float,
    VectorType::Float16,
    VectorType::BFloat16,
    VectorType::Int8,
    VectorType::Binary,
    VectorType::Sparse,
];

/// All of them; every metric of a type goes with every index of it, but for some GPU indexes, whose
/// server says so.
pub(super) static VECTOR_INDEXES: &[VectorIndex] = &[
    row("FLAT", DENSE, None, (2, 0)),
    row("IVF_FLAT", DENSE, None, (2, 0)),
    row("IVF_SQ8", DENSE, None, (2, 0)),
    row("IVF_PQ", DENSE, None, (2, 0)),
    row("HNSW", DENSE, Some("ef"), (2, 0)),
    row("SCANN", DENSE, None, (2, 3)),
    row("DISKANN", DENSE, Some("search_list"), (2, 2)),
    row("AUTOINDEX", ALL, None, (2, 2)),
    row("HNSW_SQ", DENSE, Some("ef"), (2, 5)),
    row("HNSW_PQ", DENSE, Some("ef"), (2, 5)),
    row("HNSW_PRQ", DENSE, Some("ef"), (2, 5)),
    row("IVF_RABITQ", DENSE, None, (2, 6)),
    row("GPU_IVF_FLAT", DENSE, None, (2, 3)),
    row("GPU_IVF_PQ", DENSE, None, (2, 3)),
    row("GPU_BRUTE_FORCE", DENSE, None, (2, 4)),
    row("GPU_CAGRA", DENSE, None, (2, 4)),
    row("BIN_FLAT", BINARY, None, (2, 0)),
    row("BIN_IVF_FLAT", BINARY, None, (2, 0)),
    row("SPARSE_INVERTED_INDEX", SPARSE, None, (2, 4)),
    row("SPARSE_WAND", SPARSE, None, (2, 4)),
];

const fn row(
    name: &'static str,
    types: &'static [VectorType],
    at_least_limit: Option<&'static str>,
    since: (u32, u32),
) -> VectorIndex {
    VectorIndex {
        name,
        types,
        at_least_limit,
        since,
    }
}

pub(super) fn find(name: &str) -> Option<&'static VectorIndex> {
    VECTOR_INDEXES
        .iter()
        .find(|row| row.name.eq_ignore_ascii_case(name))
}

/// Names of all index types of vector fields.
#[must_use]
pub fn vector_indexes() -> Vec<&'static str> {
    VECTOR_INDEXES.iter().map(|row| row.name).collect()
}

/// Those that a vector of this type takes, with the first version of Milvus that has them.
#[must_use]
pub fn indexes_of(vector_type: VectorType) -> Vec<(&'static str, (u32, u32))> {
    VECTOR_INDEXES
        .iter()
        .filter(|row| row.types.contains(&vector_type))
        .map(|row| (row.name, row.since))
        .collect()
}

/// First version of Milvus that has this index type: major, minor.
pub(in crate::operation) fn index_since(name: &str) -> Option<(u32, u32)> {
    find(name).map(|row| row.since)
}
