//! Types of columns.

use parquet::{
    basic::{ConvertedType, LogicalType, Type},
    schema::types::ColumnDescriptor,
};

use super::super::super::element::Element;

/// The type of numbers that a column holds.
pub(super) fn element(column: &ColumnDescriptor) -> Option<Element> {
    let logical = column.logical_type_ref();
    if matches!(logical, Some(LogicalType::Decimal(_)))
        || column.converted_type() == ConvertedType::DECIMAL
    {
        return None;
    }
    Some(match (column.physical_type(), column.converted_type()) {
        (Type::BOOLEAN, _) => Element::Bool,
        (Type::INT32, ConvertedType::INT_8) => Element::I8,
        (Type::INT32, ConvertedType::UINT_8) => Element::U8,
        (Type::INT32, ConvertedType::INT_16) => Element::I16,
        (Type::INT32, ConvertedType::UINT_16) => Element::U16,
        (Type::INT32, ConvertedType::UINT_32) => Element::U32,
        (Type::INT32, _) => Element::I32,
        (Type::INT64, ConvertedType::UINT_64) => Element::U64,
        (Type::INT64, _) => Element::I64,
        (Type::FLOAT, _) => Element::F32,
        (Type::DOUBLE, _) => Element::F64,
        (Type::FIXED_LEN_BYTE_ARRAY, _)
            if logical == Some(&LogicalType::Float16) && column.type_length() == 2 =>
        {
            Element::F16
        }
        _ => return None,
    })
}
