//! Vectors of every type: as a column brings them, as they are kept, and compared.

use half::{bf16, f16};

use super::rows::dimension;
use crate::{
    milvus::proto::{self, DataType, field_data::Field, vector_field::Data},
    vector_type::VectorType,
};

/// The type of a vector field; None for other fields.
pub(super) fn type_of(field: &proto::FieldSchema) -> Option<VectorType> {
    VectorType::all().find(|vector_type| vector_type.number() == field.data_type)
}

/// The field of this name, the first one where it is empty; with its type, and place in the schema.
pub(super) fn vector_field<'a>(
    schema: &'a proto::CollectionSchema,
    name: &str,
) -> Option<(usize, VectorType, &'a proto::FieldSchema)> {
    schema
        .fields
        .iter()
        .enumerate()
        .filter(|(_, field)| name.is_empty() || field.name == name)
        .find_map(|(place, field)| Some((place, type_of(field)?, field)))
}

/// The vectors of a column, each as a placeholder has it.
pub(super) fn split(column: &Field, dim: usize) -> Vec<Vec<u8>> {
    let Field::Vectors(proto::VectorField {
        data: Some(data), ..
    }) = column
    else {
        return Vec::new();
    };
    let rows = |bytes: &[u8], row: usize| bytes.chunks(row.max(1)).map(<[u8]>::to_vec).collect();
    match data {
        Data::FloatVector(values) => {
            let rows = values.data.chunks(dim.max(1));
            rows.map(|row| row.iter().flat_map(|value| value.to_le_bytes()).collect())
                .collect()
        }
        Data::BinaryVector(bytes) => rows(bytes, dim / 8),
        Data::Float16Vector(bytes) | Data::Bfloat16Vector(bytes) => rows(bytes, 2 * dim),
        Data::Int8Vector(bytes) => rows(bytes, dim),
        Data::SparseFloatVector(rows) => rows.contents.clone(),
    }
}

/// A column of a reply; zeros where vectors are not kept.
pub(super) fn column(
    field: &proto::FieldSchema,
    vector_type: VectorType,
    rows: &[Option<&Vec<u8>>],
) -> proto::FieldData {
    let dim = dimension(field);
    let zeros = vec![0; vector_type.bytes(dim as u32).unwrap_or(0)];
    let rows = rows.iter().map(|row| row.unwrap_or(&zeros));
    let bytes = || rows.clone().flatten().copied().collect::<Vec<u8>>();
    let data = match vector_type {
        VectorType::Float => Data::FloatVector(proto::FloatArray {
            data: floats(&bytes()).collect(),
        }),
        VectorType::Binary => Data::BinaryVector(bytes()),
        VectorType::Float16 => Data::Float16Vector(bytes()),
        VectorType::BFloat16 => Data::Bfloat16Vector(bytes()),
        VectorType::Int8 => Data::Int8Vector(bytes()),
        VectorType::Sparse => Data::SparseFloatVector(proto::SparseFloatArray {
            contents: rows.cloned().collect(),
            dim: 0,
        }),
    };
    proto::FieldData {
        r#type: DataType::try_from(field.data_type)
            .unwrap_or(DataType::None)
            .into(),
        field_name: field.name.clone(),
        field: Some(Field::Vectors(proto::VectorField {
            dim: dim as i64,
            data: Some(data),
        })),
        ..Default::default()
    }
}

/// Whether lower scores of a metric are better.
pub(super) fn is_distance(metric: &str) -> bool {
    matches!(metric, "L2" | "HAMMING" | "JACCARD")
}

/// Score as Milvus reports it: the squared distance for L2, the count of differing bits for
/// HAMMING.
pub(super) fn score(vector_type: VectorType, metric: &str, left: &[u8], right: &[u8]) -> f32 {
    match vector_type {
        VectorType::Binary => of_bits(metric, left, right),
        VectorType::Sparse => of_pairs(left, right),
        _ => of_floats(
            metric,
            &values(vector_type, left),
            &values(vector_type, right),
        ),
    }
}

fn of_floats(metric: &str, left: &[f32], right: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    match metric {
        "L2" => left.iter().zip(right).map(|(a, b)| (a - b) * (a - b)).sum(),
        "COSINE" => dot(left, right) / (dot(left, left).sqrt() * dot(right, right).sqrt()),
        _ => dot(left, right),
    }
}

fn of_bits(metric: &str, left: &[u8], right: &[u8]) -> f32 {
    let count = |of: fn(u8, u8) -> u8| {
        let bits = left.iter().zip(right).map(|(a, b)| of(*a, *b).count_ones());
        bits.sum::<u32>() as f32
    };
    let differing = count(|a, b| a ^ b);
    if metric == "JACCARD" {
        let either = count(|a, b| a | b);
        return if either > 0.0 {
            differing / either
        } else {
            1.0
        };
    }
    differing
}

fn of_pairs(left: &[u8], right: &[u8]) -> f32 {
    let pairs = |bytes: &[u8]| -> Vec<(u32, f32)> {
        let pairs = bytes.as_chunks::<8>().0.iter();
        pairs
            .map(|[a, b, c, d, value @ ..]| {
                (
                    u32::from_le_bytes([*a, *b, *c, *d]),
                    f32::from_le_bytes(*value),
                )
            })
            .collect()
    };
    let right = pairs(right);
    let other = |index: u32| {
        let at = right.binary_search_by_key(&index, |pair| pair.0).ok()?;
        Some(right[at].1)
    };
    pairs(left)
        .iter()
        .filter_map(|(index, value)| Some(value * other(*index)?))
        .sum()
}

fn values(vector_type: VectorType, bytes: &[u8]) -> Vec<f32> {
    let halves = |value: fn([u8; 2]) -> f32| {
        let halves = bytes.as_chunks().0.iter();
        halves.map(|half| value(*half)).collect()
    };
    match vector_type {
        VectorType::Float16 => halves(|half| f16::from_le_bytes(half).to_f32()),
        VectorType::BFloat16 => halves(|half| bf16::from_le_bytes(half).to_f32()),
        VectorType::Int8 => bytes
            .iter()
            .map(|byte| f32::from(i8::from_le_bytes([*byte])))
            .collect(),
        _ => floats(bytes).collect(),
    }
}

fn floats(bytes: &[u8]) -> impl Iterator<Item = f32> {
    let values = bytes.as_chunks().0.iter();
    values.map(|bytes| f32::from_le_bytes(*bytes))
}
