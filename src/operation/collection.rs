//! A collection as planned: schema, index, consistency.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::{FieldValues, OperationErrors, keys::refuse};
use crate::keys::each;

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

/// Most bytes of a text that Milvus takes.
pub const MAX_TEXT: i64 = 65_535;

/// One scalar field beside key and vector.
#[derive(Clone, Debug)]
pub struct ScalarField {
    /// Name in the schema.
    pub name: String,
    /// Its type.
    pub scalar_type: ScalarType,
    /// Longest text in bytes, VarChar only, from 1 to [`MAX_TEXT`].
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

/// Keys of a workload that name fields of its collection.
const FIELD_KEYS: [&str; 2] = ["output_fields", "group_by_field"];

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

impl CollectionShape {
    /// Checks the fields that `keys` of a workload name, where the collection has exactly the
    /// fields of this shape.
    ///
    /// # Errors
    /// A field that the collection has not.
    pub fn check_fields(&self, keys: &Table) -> Result<(), OperationErrors> {
        let check = |key: &str, name: &str| {
            // Not fields, but what Milvus takes in the place of some.
            let stands_for_some = key == "output_fields" && matches!(name, "*" | "count(*)");
            if stands_for_some || self.field_names().any(|field| field == name) {
                return Ok(());
            }
            let has: Vec<&str> = self.field_names().collect();
            let found = if key == "output_fields" {
                "holds"
            } else {
                "is"
            };
            refuse(
                key,
                format!(
                    "{found} {name:?}, which is not a field of collection {}; it has: {}",
                    self.name,
                    has.join(", ")
                ),
            )
        };
        let named = FIELD_KEYS.into_iter().flat_map(|key| {
            let names = match keys.get(key) {
                Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
                Some(Value::String(name)) => vec![name.as_str()],
                _ => Vec::new(),
            };
            names.into_iter().map(move |name| (key, name))
        });
        each(named.map(|(key, name)| Ok(check(key, name)?))).map(drop)
    }

    fn field_names(&self) -> impl Iterator<Item = &str> {
        [&self.id_field, &self.vector_field]
            .into_iter()
            .chain(self.fields.iter().map(|field| &field.name))
            .map(String::as_str)
    }
}
