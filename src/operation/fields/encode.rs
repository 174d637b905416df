//! Columns of an insert, as pymilvus encodes them.

use super::{
    cells::Fit,
    types::FieldType,
    values::{FieldValue, FieldValues},
};
use crate::{
    dataset::DatasetError,
    milvus::proto::{
        self, ArrayArray, BoolArray, DataType, DoubleArray, FieldData, FloatArray, IntArray,
        JsonArray, LongArray, StringArray, ValueField, field_data::Field, scalar_field::Data,
        value_field,
    },
    operation::{ScalarField, ScalarType},
};

/// Name of the dynamic field.
const META: &str = "$meta";

/// The column of `field` for the rows from `first` on.
///
/// # Errors
/// The cells of a column can't be read, or are not what the field takes.
pub(in crate::operation) fn column(
    field: &ScalarField,
    first: u64,
    count: u64,
) -> Result<FieldData, DatasetError> {
    let values = field.values.of_rows(Fit::of(field), first, count)?;
    Ok(column_of(field, values, count))
}

/// The column of `field` for `count` rows that all hold `value`.
pub(in crate::operation) fn constant_column(
    field: &ScalarField,
    value: &FieldValue,
    count: u64,
) -> FieldData {
    column_of(field, (0..count).map(|_| value.clone()), count)
}

fn column_of(
    field: &ScalarField,
    values: impl Iterator<Item = FieldValue>,
    count: u64,
) -> FieldData {
    let data_type = data_type(field.scalar_type);
    if !field.nullable && field.default.is_none() {
        let data = scalars(field.field_type(), values);
        return scalar_column(&field.name, data_type, data);
    }
    // One flag for each row, always, and the values of the rows that have one.
    let mut valid_data = Vec::with_capacity(count as usize);
    let there = values.filter(|value| {
        let is_there = *value != FieldValue::Null;
        valid_data.push(is_there);
        is_there
    });
    let data = scalars(field.field_type(), there);
    FieldData {
        valid_data,
        ..scalar_column(&field.name, data_type, data)
    }
}

/// The column of the dynamic field.
///
/// # Errors
/// As [`column()`].
pub(in crate::operation) fn dynamic_column(
    values: &FieldValues,
    first: u64,
    count: u64,
) -> Result<FieldData, DatasetError> {
    let values = values.of_rows(Fit::of_objects(), first, count)?;
    let data = scalars(FieldType::of(ScalarType::Json), values);
    Ok(FieldData {
        is_dynamic: true,
        ..scalar_column(META, DataType::Json, data)
    })
}

/// The column of a primary key.
pub(in crate::operation) fn key_column(name: &str, data_type: DataType, data: Data) -> FieldData {
    scalar_column(name, data_type, data)
}

fn scalars(field: FieldType, values: impl Iterator<Item = FieldValue>) -> Data {
    match field.scalar_type {
        ScalarType::Bool => Data::BoolData(BoolArray {
            data: values
                .map(|value| value == FieldValue::Bool(true))
                .collect(),
        }),
        ScalarType::Int64 => Data::LongData(LongArray {
            data: values.map(int).collect(),
        }),
        ScalarType::Int8 | ScalarType::Int16 | ScalarType::Int32 => Data::IntData(IntArray {
            data: values.map(|value| int(value) as i32).collect(),
        }),
        ScalarType::Float => Data::FloatData(FloatArray {
            data: values.map(|value| float(value) as f32).collect(),
        }),
        ScalarType::Double => Data::DoubleData(DoubleArray {
            data: values.map(float).collect(),
        }),
        ScalarType::VarChar => Data::StringData(StringArray {
            data: values.map(text).collect(),
        }),
        ScalarType::Json => Data::JsonData(JsonArray {
            data: values.map(|value| text(value).into_bytes()).collect(),
        }),
        // The type of the elements stands in the schema alone, as pymilvus has it.
        ScalarType::Array => Data::ArrayData(ArrayArray {
            data: values.map(|value| array(field, value)).collect(),
            element_type: 0,
        }),
    }
}

/// One array; an empty one has an empty list of its type.
fn array(field: FieldType, value: FieldValue) -> proto::ScalarField {
    let values = match value {
        FieldValue::List(values) => values,
        _ => Vec::new(),
    };
    let element = field.element.unwrap_or(ScalarType::Int64);
    let elements: Box<dyn Iterator<Item = FieldValue>> = Box::new(values.into_iter());
    proto::ScalarField {
        data: Some(scalars(FieldType::of(element), elements)),
    }
}

fn int(value: FieldValue) -> i64 {
    if let FieldValue::Int(number) = value {
        number
    } else {
        0
    }
}

fn float(value: FieldValue) -> f64 {
    if let FieldValue::Float(number) = value {
        number
    } else {
        0.0
    }
}

fn text(value: FieldValue) -> String {
    if let FieldValue::Text(text) = value {
        text
    } else {
        String::new()
    }
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

/// The default value of a field in its schema.
pub(in crate::operation) fn value_field(
    scalar_type: ScalarType,
    value: &FieldValue,
) -> Option<ValueField> {
    use value_field::Data as Of;
    let data = match (scalar_type, value) {
        (_, FieldValue::Bool(flag)) => Of::BoolData(*flag),
        (ScalarType::Int64, FieldValue::Int(number)) => Of::LongData(*number),
        (_, FieldValue::Int(number)) => Of::IntData(*number as i32),
        (ScalarType::Float, FieldValue::Float(number)) => Of::FloatData(*number as f32),
        (_, FieldValue::Float(number)) => Of::DoubleData(*number),
        (_, FieldValue::Text(text)) => Of::StringData(text.clone()),
        (_, FieldValue::Null | FieldValue::List(_)) => return None,
    };
    Some(ValueField { data: Some(data) })
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
        ScalarType::Array => DataType::Array,
    }
}
