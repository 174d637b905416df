//! Scalar fields: the entry of `fields = [...]` as written, checked, and what its rows hold.

mod cells;
mod encode;
mod reader;
mod types;
mod values;

use serde::Deserialize;
use toml::{Table, Value};

pub(super) use cells::named_column;
pub(super) use encode::{
    column, constant_column, data_type, dynamic_column, key_column, value_field,
};
pub(super) use reader::shares;
pub(super) use types::FieldType;
pub use values::{FieldValue, FieldValues};

use self::{cells::Fit, reader::ValueReader};
use super::{
    MAX_TEXT, OperationError, OperationErrors, ScalarField, ScalarType, draw,
    index::IndexOptions,
    keys::refuse,
    properties::{PROPERTIES, property_texts},
};
use crate::{
    dataset::Source,
    keys::{all, needs},
};

/// Most elements of an array that Milvus takes.
pub const MAX_CAPACITY: i64 = 4096;

/// One entry of `fields = [...]` of a collection as written.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScalarFieldOptions {
    /// Name in the schema.
    pub name: String,
    /// Name of the type, in any case; may be left out where a column says it.
    #[serde(rename = "type")]
    pub type_name: Option<String>,
    /// Name of the type of elements, Array only.
    pub element: Option<String>,
    /// Longest text in bytes, VarChar and arrays of it only.
    pub max_length: Option<i64>,
    /// Most elements, Array only.
    pub max_capacity: Option<i64>,
    /// Whether rows may hold none.
    #[serde(default)]
    pub nullable: bool,
    /// What a row holds for which none is sent.
    pub default: Option<Value>,
    /// Whether Milvus puts rows into partitions by it.
    #[serde(default)]
    pub partition_key: bool,
    /// Whether Milvus sorts rows by it.
    #[serde(default)]
    pub clustering_key: bool,
    /// Properties of the field.
    #[serde(default)]
    pub properties: Table,
    /// What rows hold: `"row-number"` (the default), or a table with one of choice, uniform,
    /// constant, text, column.
    pub values: Option<Value>,
    /// Index of the field, if it has one.
    pub index: Option<IndexOptions>,
}

impl ScalarFieldOptions {
    /// The field with everything checked. Its values are drawn from (`seed`, name, row id), or
    /// taken from columns of `data`.
    ///
    /// # Errors
    /// Keys whose values are not allowed, each as `fields.<name>.<key>`.
    pub fn resolve(
        &self,
        seed: u64,
        data: Option<&Source>,
    ) -> Result<ScalarField, OperationErrors> {
        let of_field = |error: OperationError| OperationError {
            key: format!("fields.{}.{}", self.name, error.key),
            message: error.message,
        };
        self.checked(seed, data)
            .map_err(|errors| errors.map(of_field))
    }

    fn checked(&self, seed: u64, data: Option<&Source>) -> Result<ScalarField, OperationErrors> {
        let name = check_name(&self.name).map_err(OperationErrors::from);
        let column = cells::column_of(self.values.as_ref(), data).map_err(OperationErrors::from);
        let field_type = needs(&column).and_then(|column| Ok(self.field_type(column.as_ref())?));
        let ((), column, field_type) = all((name, column, field_type))?;
        let reader = ValueReader {
            field_type,
            stream: stream(seed, &self.name),
            data,
        };
        let values = reader
            .values(self.values.as_ref(), column)
            .map_err(OperationErrors::from);
        let default = self.default(&reader).map_err(OperationErrors::from);
        let index = self
            .index
            .as_ref()
            .map(|index| index.resolve_scalar(field_type.scalar_type));
        let keys = self.keys(field_type).map_err(OperationErrors::from);
        let properties =
            property_texts(&self.properties, PROPERTIES).map_err(OperationErrors::from);
        let (values, default, index, (), properties) =
            all((values, default, index.transpose(), keys, properties))?;
        let field = ScalarField {
            name: self.name.clone(),
            scalar_type: field_type.scalar_type,
            element: field_type.element,
            max_length: field_type.max_length,
            max_capacity: field_type.max_capacity,
            nullable: self.nullable,
            default,
            partition_key: self.partition_key,
            clustering_key: self.clustering_key,
            properties,
            values,
            index,
        };
        self.check_values(&field)?;
        Ok(field)
    }

    fn field_type(
        &self,
        column: Option<&crate::dataset::DataColumn>,
    ) -> Result<FieldType, OperationError> {
        let of_column = column.map(|column| cells::natural(column.column_type()));
        let scalar_type = match (&self.type_name, of_column) {
            (Some(name), _) => ScalarType::named("type", name, &ScalarType::names())?,
            (None, Some((scalar_type, _))) => scalar_type,
            (None, None) => {
                return refuse(
                    "type",
                    "is missing, expected a type: only the values of a column say theirs",
                );
            }
        };
        let element = match (scalar_type, &self.element, of_column) {
            (ScalarType::Array, Some(name), _) => Some(ScalarType::named(
                "element",
                name,
                &ScalarType::element_names(),
            )?),
            (ScalarType::Array, None, Some((_, Some(element)))) => Some(element),
            (ScalarType::Array, None, _) => {
                return refuse(
                    "element",
                    format!(
                        "is missing, Array needs it: the type of its elements, one of {}",
                        ScalarType::element_names().join(", ")
                    ),
                );
            }
            (other, Some(_), _) => {
                return refuse(
                    "element",
                    format!("is for Array only, the type is {}", other.name()),
                );
            }
            (_, None, _) => None,
        };
        let most = column.is_some();
        let field_type = FieldType {
            max_length: self.max_length(element.unwrap_or(scalar_type), most)?,
            max_capacity: self.max_capacity(scalar_type)?,
            scalar_type,
            element,
        };
        match column {
            Some(column) => cells::check_type(column, field_type).map(|()| field_type),
            None => Ok(field_type),
        }
    }

    /// `most` is whether the longest that Milvus takes is meant where it is left out.
    fn max_length(
        &self,
        scalar_type: ScalarType,
        most: bool,
    ) -> Result<Option<u32>, OperationError> {
        match (scalar_type, self.max_length) {
            (ScalarType::VarChar, Some(length @ 1..=MAX_TEXT)) => Ok(Some(length as u32)),
            (ScalarType::VarChar, Some(length)) => refuse(
                "max_length",
                format!("is {length}, expected 1 to {MAX_TEXT}"),
            ),
            (ScalarType::VarChar, None) if most => Ok(Some(MAX_TEXT as u32)),
            (ScalarType::VarChar, None) => refuse(
                "max_length",
                format!("is missing, VarChar needs it: 1 to {MAX_TEXT}"),
            ),
            (_, Some(_)) => refuse(
                "max_length",
                format!("is for VarChar only, the type is {}", scalar_type.name()),
            ),
            (_, None) => Ok(None),
        }
    }

    fn max_capacity(&self, scalar_type: ScalarType) -> Result<Option<u32>, OperationError> {
        match (scalar_type, self.max_capacity) {
            (ScalarType::Array, None) => Ok(Some(MAX_CAPACITY as u32)),
            (ScalarType::Array, Some(most @ 1..=MAX_CAPACITY)) => Ok(Some(most as u32)),
            (ScalarType::Array, Some(most)) => refuse(
                "max_capacity",
                format!("is {most}, expected 1 to {MAX_CAPACITY}"),
            ),
            (_, Some(_)) => refuse(
                "max_capacity",
                format!("is for Array only, the type is {}", scalar_type.name()),
            ),
            (_, None) => Ok(None),
        }
    }

    fn default(&self, reader: &ValueReader<'_>) -> Result<Option<FieldValue>, OperationError> {
        let Some(value) = &self.default else {
            return Ok(None);
        };
        if !reader.field_type.scalar_type.is_element() {
            return refuse(
                "default",
                format!(
                    "is {value}, but Milvus has no default values of type {}: omit it",
                    reader.field_type.scalar_type.name()
                ),
            );
        }
        reader.value("default", value).map(Some)
    }

    /// Partition and clustering key.
    fn keys(&self, field_type: FieldType) -> Result<(), OperationError> {
        let name = field_type.scalar_type.name();
        let fits = matches!(
            field_type.scalar_type,
            ScalarType::Int64 | ScalarType::VarChar
        );
        if self.partition_key && !fits {
            return refuse(
                "partition_key",
                format!("is true for a field of type {name}, expected Int64 or VarChar"),
            );
        }
        if self.partition_key && self.nullable {
            return refuse(
                "partition_key",
                "is true for a nullable field, but Milvus needs the partition key of every row: \
                 omit nullable",
            );
        }
        if self.clustering_key && !field_type.scalar_type.is_element() {
            return refuse(
                "clustering_key",
                format!("is true for a field of type {name}, expected a number or VarChar"),
            );
        }
        Ok(())
    }

    /// That rows without a value are allowed where there are some, and what columns hold.
    fn check_values(&self, field: &ScalarField) -> Result<(), OperationErrors> {
        if field.values.has_nulls() && !field.nullable && field.default.is_none() {
            return Ok(refuse(
                "values.nulls",
                "leaves rows without a value, which the field does not allow: set nullable = \
                 true, or a default",
            )?);
        }
        Fit::of(field).look_at(field).map_err(|error| {
            OperationErrors::from(OperationError {
                key: "values".to_owned(),
                message: format!("can't be used: {error}"),
            })
        })
    }
}

/// Hash of (seed, field name).
fn stream(seed: u64, name: &str) -> u64 {
    draw::mix(seed ^ draw::mix(draw::text_hash(name)))
}

/// What the dynamic field of rows holds, as written: a JSON form, checked.
///
/// # Errors
/// The form is not allowed; the key of the error begins with `values`.
pub fn dynamic_values(
    values: Option<&Value>,
    seed: u64,
    data: Option<&Source>,
) -> Result<FieldValues, OperationError> {
    let reader = ValueReader {
        field_type: FieldType::of(ScalarType::Json),
        stream: stream(seed, "$meta"),
        data,
    };
    let Some(values) = values else {
        return Ok(FieldValues::Constant(FieldValue::Text("{}".to_owned())));
    };
    let column = cells::column_of(Some(values), data)?;
    let found = reader.values(Some(values), column)?;
    if found.makes_objects() {
        return Ok(found);
    }
    refuse(
        "values",
        format!(
            "is {values}, but the dynamic field holds tables of values: write for example {{ \
             columns = [\"a\", \"b\"] }} or {{ constant = {{ color = \"red\" }} }}"
        ),
    )
}

fn check_name(name: &str) -> Result<(), OperationError> {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if name.len() <= 255
        && name.bytes().all(word)
        && name
            .bytes()
            .next()
            .is_some_and(|first| !first.is_ascii_digit())
    {
        return Ok(());
    }
    refuse(
        "name",
        format!(
            "is {name:?}, expected at most 255 letters, digits and _, not beginning with a digit"
        ),
    )
}

#[cfg(test)]
mod tests;
