//! What rows hold: pure functions of the row id, as columns of an insert.

use super::super::{ScalarField, ScalarType, draw};
use crate::milvus::proto::{
    self, BoolArray, DataType, DoubleArray, FieldData, FloatArray, IntArray, JsonArray, LongArray,
    StringArray, field_data::Field, scalar_field::Data,
};

/// One value of a field.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldValue {
    /// Of a Bool field.
    Bool(bool),
    /// Of an integer field, in the range of its type.
    Int(i64),
    /// Of a Float or Double field, finite.
    Float(f64),
    /// Of a VarChar field, or the JSON text of a JSON field.
    Text(String),
}

/// What the rows of a field hold: a pure function of the row id. `stream` is a hash of (seed, field
/// name).
#[derive(Clone, Debug, PartialEq)]
pub enum FieldValues {
    /// The row id: as a number (modulo what the type holds, from 0), its digits, whether it is odd,
    /// or `{"row": id}`.
    RowNumber,
    /// The same in every row.
    Constant(FieldValue),
    /// Whole numbers, both ends included, all equally likely.
    UniformInt {
        /// Hash of (seed, field name).
        stream: u64,
        /// Lowest number.
        min: i64,
        /// Highest number, at least `min`.
        max: i64,
    },
    /// Numbers in [min, max), all equally likely.
    UniformFloat {
        /// Hash of (seed, field name).
        stream: u64,
        /// Lowest number.
        min: f64,
        /// Upper end, at least `min`.
        max: f64,
    },
    /// One of a list.
    Choice {
        /// Hash of (seed, field name).
        stream: u64,
        /// Sums of the weights up to each value, rising; the last is 1.
        cumulative: Vec<f64>,
        /// The list, at least one.
        values: Vec<FieldValue>,
    },
    /// A text around the row id.
    Text {
        /// Before the row id.
        prefix: String,
        /// After the row id.
        suffix: String,
    },
}

impl FieldValues {
    /// The value of row `row` of a field of type `scalar_type`.
    #[must_use]
    pub fn value(&self, scalar_type: ScalarType, row: u64) -> FieldValue {
        let bits = |stream: u64| draw::mix(stream ^ draw::mix(row));
        match self {
            FieldValues::RowNumber => row_number(scalar_type, row),
            FieldValues::Constant(value) => value.clone(),
            FieldValues::UniformInt { stream, min, max } => {
                FieldValue::Int(draw::between(bits(*stream), *min, *max))
            }
            FieldValues::UniformFloat { stream, min, max } => {
                FieldValue::Float(min + draw::unit(bits(*stream)) * (max - min))
            }
            FieldValues::Choice {
                stream,
                cumulative,
                values,
            } => {
                let index = draw::pick(cumulative, bits(*stream));
                values.get(index).cloned().unwrap_or(FieldValue::Int(0))
            }
            FieldValues::Text { prefix, suffix } => {
                FieldValue::Text(format!("{prefix}{row}{suffix}"))
            }
        }
    }

    /// Most bytes that a value takes in an insert.
    pub(in crate::operation) fn max_bytes(&self, scalar_type: ScalarType) -> usize {
        let fixed = |value: &FieldValue| match value {
            FieldValue::Text(text) => text.len(),
            _ => 0,
        };
        let text = match self {
            FieldValues::Constant(value) => fixed(value),
            FieldValues::Choice { values, .. } => values.iter().map(fixed).max().unwrap_or(0),
            FieldValues::Text { prefix, suffix } => prefix.len() + suffix.len() + 20,
            _ => 30,
        };
        match scalar_type {
            // A tag and up to three bytes of length before each.
            ScalarType::VarChar | ScalarType::Json => text + 5,
            ScalarType::Float => 4,
            ScalarType::Double => 8,
            // A negative number takes ten bytes as varint.
            _ => 10,
        }
    }
}

fn row_number(scalar_type: ScalarType, row: u64) -> FieldValue {
    match scalar_type {
        ScalarType::Bool => FieldValue::Bool(row % 2 == 1),
        ScalarType::Float | ScalarType::Double => FieldValue::Float(row as f64),
        ScalarType::VarChar => FieldValue::Text(row.to_string()),
        ScalarType::Json => FieldValue::Text(format!("{{\"row\":{row}}}")),
        _ => {
            let most = scalar_type.int_range().map_or(i64::MAX, |(_, most)| most) as u64;
            FieldValue::Int((row % (most + 1)) as i64)
        }
    }
}

/// The column of `field` for the rows from `first` on.
pub(in crate::operation) fn column(field: &ScalarField, first: u64, count: u64) -> FieldData {
    let value = |row| field.values.value(field.scalar_type, row);
    column_of(field, (first..first + count).map(value))
}

/// The column of `field` for `count` rows that all hold `value`.
pub(in crate::operation) fn constant_column(
    field: &ScalarField,
    value: &FieldValue,
    count: u64,
) -> FieldData {
    column_of(field, (0..count).map(|_| value.clone()))
}

fn column_of(field: &ScalarField, values: impl Iterator<Item = FieldValue>) -> FieldData {
    let ints = |value| {
        if let FieldValue::Int(number) = value {
            number
        } else {
            0
        }
    };
    let floats = |value| {
        if let FieldValue::Float(number) = value {
            number
        } else {
            0.0
        }
    };
    let texts = |value| {
        if let FieldValue::Text(text) = value {
            text
        } else {
            String::new()
        }
    };
    let (data_type, data) = match field.scalar_type {
        ScalarType::Bool => (
            DataType::Bool,
            Data::BoolData(BoolArray {
                data: values
                    .map(|value| value == FieldValue::Bool(true))
                    .collect(),
            }),
        ),
        ScalarType::Int64 => (
            DataType::Int64,
            Data::LongData(LongArray {
                data: values.map(ints).collect(),
            }),
        ),
        ScalarType::Int8 | ScalarType::Int16 | ScalarType::Int32 => (
            data_type(field.scalar_type),
            Data::IntData(IntArray {
                data: values.map(|value| ints(value) as i32).collect(),
            }),
        ),
        ScalarType::Float => (
            DataType::FloatScalar,
            Data::FloatData(FloatArray {
                data: values.map(|value| floats(value) as f32).collect(),
            }),
        ),
        ScalarType::Double => (
            DataType::Double,
            Data::DoubleData(DoubleArray {
                data: values.map(floats).collect(),
            }),
        ),
        ScalarType::VarChar => (
            DataType::VarChar,
            Data::StringData(StringArray {
                data: values.map(texts).collect(),
            }),
        ),
        ScalarType::Json => (
            DataType::Json,
            Data::JsonData(JsonArray {
                data: values.map(|value| texts(value).into_bytes()).collect(),
            }),
        ),
    };
    scalar_column(&field.name, data_type, data)
}

/// The column of the primary key: the row ids.
pub(in crate::operation) fn id_column(name: &str, data: Vec<i64>) -> FieldData {
    scalar_column(name, DataType::Int64, Data::LongData(LongArray { data }))
}

fn scalar_column(name: &str, data_type: DataType, data: Data) -> FieldData {
    let field = Field::Scalars(proto::ScalarField { data: Some(data) });
    FieldData {
        r#type: data_type as i32,
        field_name: name.to_owned(),
        field: Some(field),
        ..FieldData::default()
    }
}

/// Milvus' number of a scalar type.
pub(in crate::operation) fn data_type(scalar_type: ScalarType) -> DataType {
    match scalar_type {
        ScalarType::Bool => DataType::Bool,
        ScalarType::Int8 => DataType::Int8,
        ScalarType::Int16 => DataType::Int16,
        ScalarType::Int32 => DataType::Int32,
        ScalarType::Int64 => DataType::Int64,
        ScalarType::Float => DataType::FloatScalar,
        ScalarType::Double => DataType::Double,
        ScalarType::VarChar => DataType::VarChar,
        ScalarType::Json => DataType::Json,
    }
}
