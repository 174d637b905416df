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
        let Some(column) = columns
            .iter()
            .find(|column| column.field_name == field.name)
        else {
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
        let found = column_rows(column);
        if found != Some(num_rows as usize) {
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
