//! A collection as planned: schema, index, consistency.

use std::collections::BTreeMap;

use super::FieldValues;

/// Type of a scalar field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ScalarType {
    Bool,
    Int8,
    Int16,
    Int32,
    Int64,
    Float,
    Double,
    VarChar,
    Json,
}

/// One scalar field beside key and vector.
#[derive(Clone, Debug)]
pub struct ScalarField {
    /// Name in the schema.
    pub name: String,
    /// Its type.
    pub scalar_type: ScalarType,
    /// Longest text in bytes, VarChar only, in 1..=65535.
    pub max_length: Option<u32>,
    /// What rows hold, a pure function of the row id.
    pub values: FieldValues,
    /// Index type, if it is indexed.
    pub index: Option<IndexShape>,
}

/// An index as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexShape {
    /// `HNSW`, `IVF_FLAT`, `INVERTED`, ...
    pub index_type: String,
    /// Build parameters, each as the text that Milvus gets.
    pub params: BTreeMap<String, String>,
}

/// Consistency of a read, as Milvus names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Consistency {
    Strong,
    Session,
    Bounded,
    Eventually,
}

/// Everything about a collection that a request or its creation needs.
#[derive(Clone, Debug)]
pub struct CollectionShape {
    /// Database, empty for the default one.
    pub database: String,
    /// Name in Milvus.
    pub name: String,
    /// Primary key field, Int64, filled with the row id.
    pub id_field: String,
    /// Float vector field.
    pub vector_field: String,
    /// Dimension, in 1..=32768.
    pub dim: u32,
    /// `L2`, `IP`, `COSINE`.
    pub metric: String,
    /// Consistency of the collection.
    pub consistency: Consistency,
    /// Scalar fields.
    pub fields: Vec<ScalarField>,
    /// Index of the vector field.
    pub index: IndexShape,
    /// Shards, 0 for Milvus' default.
    pub shards: u32,
    /// Replicas to load.
    pub replicas: u32,
}
