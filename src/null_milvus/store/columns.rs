//! What Milvus checks of the columns of an insert before it takes rows.

use super::{Answer, refuse, rows::dimension};
use crate::milvus::proto::{
    self, field_data::Field, scalar_field::Data as Scalars, vector_field::Data as Vectors,
};

/// Rows in one column, by the dimension of its own; None for a column without data.
fn column_rows(column: &proto::FieldData) -> Option<usize> {
    match column.field.as_ref()? {
        Field::Scalars(scalars) => Some(match scalars.data.as_ref()? {
            Scalars::BoolData(values) => values.data.len(),
            Scalars::IntData(values) => values.data.len(),
            Scalars::LongData(values) => values.data.len(),
            Scalars::FloatData(values) => values.data.len(),
            Scalars::DoubleData(values) => values.data.len(),
            Scalars::StringData(values) => values.data.len(),
            Scalars::BytesData(values) => values.data.len(),
            Scalars::ArrayData(values) => values.data.len(),
            Scalars::JsonData(values) => values.data.len(),
        }),
        Field::Vectors(vectors) => {
            let dim = usize::try_from(vectors.dim).ok().filter(|dim| *dim > 0);
            match vectors.data.as_ref()? {
                Vectors::FloatVector(values) => Some(values.data.len() / dim?),
                Vectors::BinaryVector(bytes) => Some(bytes.len() * 8 / dim?),
                Vectors::Float16Vector(bytes) | Vectors::Bfloat16Vector(bytes) => {
                    Some(bytes.len() / 2 / dim?)
                }
                Vectors::Int8Vector(bytes) => Some(bytes.len() / dim?),
                Vectors::SparseFloatVector(rows) => Some(rows.contents.len()),
            }
        }
    }
}

/// What Milvus checks before it takes rows.
pub(super) fn check_columns(
    schema: &proto::CollectionSchema,
    columns: &[proto::FieldData],
    num_rows: u32,
) -> Answer<()> {
    for field in schema
        .fields
        .iter()
        .filter(|field| !field.auto_id && !field.is_function_output && !field.is_dynamic)
    {
        let may_lack_values = field.nullable || field.default_value.is_some();
        let Some(column) = columns
            .iter()
            .find(|column| column.field_name == field.name)
        else {
            if may_lack_values {
                continue;
            }
            return refuse(
                1100,
                5,
                format!(
                    "fieldSchema({}) has no corresponding fieldData pass in: invalid parameter",
                    field.name
                ),
            );
        };
        if column.r#type != field.data_type {
            return refuse(
                1100,
                5,
                format!(
                    "field {} has type {} instead of {}: invalid parameter",
                    field.name, column.r#type, field.data_type
                ),
            );
        }
        if let Some(Field::Vectors(vectors)) = &column.field {
            let wanted = dimension(field);
            if wanted > 0 && vectors.dim != wanted as i64 {
                return refuse(
                    1100,
                    5,
                    format!(
                        "the dim ({}) of field data is not equal to schema dim ({wanted}): \
                         invalid parameter",
                        vectors.dim
                    ),
                );
            }
        }
        check_valid(column, field, num_rows)?;
        let found = column_rows(column);
        if found != Some(rows_with_values(column, num_rows)) {
            return refuse(
                1100,
                5,
                format!(
                    "the num_rows ({}) of field ({}) is not equal to {found:?}: invalid parameter",
                    num_rows, field.name
                ),
            );
        }
    }
    Ok(())
}

/// Rows that a column has values of.
fn rows_with_values(column: &proto::FieldData, num_rows: u32) -> usize {
    if column.valid_data.is_empty() {
        num_rows as usize
    } else {
        column.valid_data.iter().filter(|valid| **valid).count()
    }
}

/// A nullable field has a flag for each row, another has none, unless it has a default.
fn check_valid(column: &proto::FieldData, field: &proto::FieldSchema, num_rows: u32) -> Answer<()> {
    let (flags, may_have) = (
        column.valid_data.len(),
        field.nullable || field.default_value.is_some(),
    );
    let fits = flags == num_rows as usize && may_have || flags == 0 && !field.nullable;
    if fits {
        return Ok(());
    }
    let name = &field.name;
    refuse(
        1100,
        5,
        format!("the length of valid_data of field({name}) is wrong: invalid parameter"),
    )
}
