//! A collection as planned: schema, index, consistency.

use std::{collections::BTreeMap, sync::Arc};

use toml::{Table, Value};

use super::{
    FieldValue, FieldValues, OperationErrors, PrimaryKey, fields::FieldType, keys::refuse,
};
use crate::{dataset::Dataset, keys::each, vector_type::VectorType};

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
    Array,
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
    /// Type of its elements, Array only.
    pub element: Option<ScalarType>,
    /// Longest text in bytes, VarChar and arrays of it only, from 1 to [`MAX_TEXT`].
    pub max_length: Option<u32>,
    /// Most elements, Array only.
    pub max_capacity: Option<u32>,
    /// Whether rows may hold none.
    pub nullable: bool,
    /// What a row holds for which none is sent.
    pub default: Option<FieldValue>,
    /// Whether Milvus puts rows into partitions by it.
    pub partition_key: bool,
    /// Whether Milvus sorts rows by it.
    pub clustering_key: bool,
    /// Properties, each as the text that Milvus gets.
    pub properties: BTreeMap<String, String>,
    /// What rows hold, a pure function of the row id.
    pub values: FieldValues,
    /// Index type, if it is indexed.
    pub index: Option<IndexShape>,
}

impl ScalarField {
    pub(super) fn field_type(&self) -> FieldType {
        FieldType {
            scalar_type: self.scalar_type,
            element: self.element,
            max_length: self.max_length,
            max_capacity: self.max_capacity,
        }
    }
}

/// An index as it is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexShape {
    /// `HNSW`, `IVF_FLAT`, `INVERTED`, ...
    pub index_type: String,
    /// Build parameters, each as the text that Milvus gets.
    pub params: BTreeMap<String, String>,
}

/// Consistency of a read, as Milvus names them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Consistency {
    Strong,
    Session,
    #[default]
    Bounded,
    Eventually,
}

/// Keys of a workload that name fields of its collection.
const FIELD_KEYS: [&str; 2] = ["output_fields", "group_by_field"];

/// A vector field.
#[derive(Clone, Debug, Default)]
pub struct VectorField {
    /// Name in the schema.
    pub name: String,
    /// Type of its vectors.
    pub vector_type: VectorType,
    /// Dimension, in 1..=32768; of sparse vectors the number of different indices.
    pub dim: u32,
    /// `L2`, `IP`, `COSINE`, ...
    pub metric: String,
    /// Its index.
    pub index: IndexShape,
    /// Its vectors; None in a collection that is reused without a data set.
    pub data: Option<Arc<dyn Dataset>>,
}

/// Everything about a collection that a request or its creation needs.
#[derive(Clone, Debug, Default)]
pub struct CollectionShape {
    /// Database, empty for the default one.
    pub database: String,
    /// Name in Milvus.
    pub name: String,
    /// Primary key.
    pub key: PrimaryKey,
    /// The vector field that searches use unless they name another.
    pub vector: VectorField,
    /// Vector fields besides that.
    pub more_vectors: Vec<VectorField>,
    /// Consistency of the collection.
    pub consistency: Consistency,
    /// Scalar fields.
    pub fields: Vec<ScalarField>,
    /// What rows hold beside the fields, as JSON tables; None without a dynamic field.
    pub dynamic: Option<FieldValues>,
    /// Partitions by the partition key, 0 for Milvus' default.
    pub partitions: u32,
    /// Properties, each as the text that Milvus gets.
    pub properties: BTreeMap<String, String>,
    /// Shards, 0 for Milvus' default.
    pub shards: u32,
    /// Replicas to load.
    pub replicas: u32,
}

impl CollectionShape {
    /// All vector fields, the main one first.
    pub fn vectors(&self) -> impl Iterator<Item = &VectorField> {
        std::iter::once(&self.vector).chain(&self.more_vectors)
    }

    /// Rows of the data set of the main vector field; 0 without one.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.vector.data.as_ref().map_or(0, |data| data.rows())
    }

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
        std::iter::once(&self.key.name)
            .chain(self.vectors().map(|field| &field.name))
            .chain(self.fields.iter().map(|field| &field.name))
            .map(String::as_str)
    }
}
