//! Encoders for the two messages that carry vectors as they lie in the data set: little-endian f32
//! bytes.
//!
//! The generated types want a `Vec<f32>` and write it element by element; these write the bytes
//! once. Everything else of a message is written by the generated code.

use bytes::{BufMut, Bytes, BytesMut};
use prost::{
    Message,
    encoding::{WireType, encode_key, encode_varint, encoded_len_varint, key_len},
};

use super::proto::{DataType, FieldData, KeyValuePair, PlaceholderType};

impl KeyValuePair {
    /// A parameter of a field, an index, a search or a query.
    #[must_use]
    pub fn new(key: &str, value: impl ToString) -> Self {
        Self {
            key: key.to_owned(),
            value: value.to_string(),
        }
    }
}

/// A float vector field of an insert.
#[derive(Clone, Copy, Debug)]
pub struct FloatColumn<'a> {
    /// Name of the field.
    pub name: &'a str,
    /// Dimension, in 1..=32768.
    pub dim: u32,
    /// The rows one after the other, `4 * dim` little-endian bytes each.
    pub data: &'a [u8],
}

/// What an `InsertRequest` is made of.
#[derive(Clone, Copy, Debug)]
pub struct InsertParts<'a> {
    /// Database, empty for that of the connection.
    pub database: &'a str,
    /// Collection.
    pub collection: &'a str,
    /// Partition, empty for the default one.
    pub partition: &'a str,
    /// Every field but the vectors.
    pub fields: &'a [FieldData],
    /// The vectors.
    pub vectors: FloatColumn<'a>,
    /// Rows in every field.
    pub rows: u32,
}

/// Encodes an `InsertRequest`, the vectors as its last field.
///
/// Lengths are not checked: Milvus refuses a request whose fields differ in their rows.
#[must_use]
pub fn encode_insert(parts: &InsertParts<'_>) -> Bytes {
    let field_lengths: Vec<usize> = parts.fields.iter().map(Message::encoded_len).collect();
    let vectors_length = float_column_length(&parts.vectors);
    let texts = [
        (2, parts.database),
        (3, parts.collection),
        (4, parts.partition),
    ];
    let length = texts
        .iter()
        .map(|(tag, text)| bytes_length(*tag, text.len()))
        .sum::<usize>()
        + field_lengths
            .iter()
            .map(|length| nested_length(5, *length))
            .sum::<usize>()
        + nested_length(5, vectors_length)
        + number_length(7, parts.rows);
    let mut out = BytesMut::with_capacity(length);
    for (tag, text) in texts {
        put_bytes(tag, text.as_bytes(), &mut out);
    }
    for (field, length) in parts.fields.iter().zip(field_lengths) {
        put_header(5, length, &mut out);
        field.encode_raw(&mut out);
    }
    put_header(5, vectors_length, &mut out);
    put_float_column(&parts.vectors, &mut out);
    put_number(7, parts.rows, &mut out);
    debug_assert_eq!(out.len(), length);
    out.freeze()
}

/// Encodes the `PlaceholderGroup` of a search for float vectors, `4 * dim` little-endian bytes
/// each.
#[must_use]
pub fn placeholder_group(queries: &[&[u8]]) -> Bytes {
    const TAG: &[u8] = b"$0";
    let kind = PlaceholderType::Float as u32;
    let values: usize = queries
        .iter()
        .map(|query| nested_length(3, query.len()))
        .sum();
    let length = bytes_length(1, TAG.len()) + number_length(2, kind) + values;
    let mut out = BytesMut::with_capacity(nested_length(1, length));
    put_header(1, length, &mut out);
    put_bytes(1, TAG, &mut out);
    put_number(2, kind, &mut out);
    for query in queries {
        put_header(3, query.len(), &mut out);
        out.put_slice(query);
    }
    out.freeze()
}

/// Length of the `FieldData` of `column`, and within it of its `VectorField`.
fn float_column_length(column: &FloatColumn<'_>) -> usize {
    number_length(1, DataType::FloatVector as u32)
        + bytes_length(2, column.name.len())
        + nested_length(4, vector_field_length(column))
}

fn vector_field_length(column: &FloatColumn<'_>) -> usize {
    number_length(1, column.dim) + nested_length(2, bytes_length(1, column.data.len()))
}

fn put_float_column(column: &FloatColumn<'_>, out: &mut BytesMut) {
    put_number(1, DataType::FloatVector as u32, out);
    put_bytes(2, column.name.as_bytes(), out);
    put_header(4, vector_field_length(column), out);
    put_number(1, column.dim, out);
    // FloatArray { data = 1, packed }: on the wire like a field of bytes.
    put_header(2, bytes_length(1, column.data.len()), out);
    put_bytes(1, column.data, out);
}

/// Length of a field that is written even when empty.
fn nested_length(tag: u32, length: usize) -> usize {
    key_len(tag) + encoded_len_varint(length as u64) + length
}

/// Length of a text, bytes or packed field: an empty one is left out.
fn bytes_length(tag: u32, length: usize) -> usize {
    if length == 0 {
        0
    } else {
        nested_length(tag, length)
    }
}

/// Length of a number's field: 0 is left out.
fn number_length(tag: u32, value: u32) -> usize {
    if value == 0 {
        0
    } else {
        key_len(tag) + encoded_len_varint(u64::from(value))
    }
}

fn put_header(tag: u32, length: usize, out: &mut BytesMut) {
    encode_key(tag, WireType::LengthDelimited, out);
    encode_varint(length as u64, out);
}

fn put_bytes(tag: u32, bytes: &[u8], out: &mut BytesMut) {
    if !bytes.is_empty() {
        put_header(tag, bytes.len(), out);
        out.put_slice(bytes);
    }
}

fn put_number(tag: u32, value: u32, out: &mut BytesMut) {
    if value != 0 {
        encode_key(tag, WireType::Varint, out);
        encode_varint(u64::from(value), out);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::milvus::proto::{
        FloatArray, InsertRequest, LongArray, PlaceholderGroup, PlaceholderValue, ScalarField,
        VectorField, field_data::Field, scalar_field, vector_field,
    };

    fn little_endian(values: &[f32]) -> Vec<u8> {
        values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect()
    }

    fn ids(name: &str, ids: Vec<i64>) -> FieldData {
        let scalars = ScalarField {
            data: Some(scalar_field::Data::LongData(LongArray { data: ids })),
        };
        FieldData {
            r#type: DataType::Int64.into(),
            field_name: name.into(),
            field: Some(Field::Scalars(scalars)),
            ..FieldData::default()
        }
    }

    fn check_insert(names: [&str; 4], fields: &[FieldData], dim: u32, data: Vec<f32>, rows: u32) {
        let [database, collection, partition, name] = names;
        let bytes = little_endian(&data);
        let vectors = FloatColumn {
            name,
            dim,
            data: &bytes,
        };
        let found = encode_insert(&InsertParts {
            database,
            collection,
            partition,
            fields,
            vectors,
            rows,
        });
        let vectors = VectorField {
            dim: i64::from(dim),
            data: Some(vector_field::Data::FloatVector(FloatArray { data })),
        };
        let vectors = FieldData {
            r#type: DataType::FloatVector.into(),
            field_name: name.into(),
            field: Some(Field::Vectors(vectors)),
            ..FieldData::default()
        };
        let expected = InsertRequest {
            db_name: database.into(),
            collection_name: collection.into(),
            partition_name: partition.into(),
            fields_data: fields.iter().cloned().chain([vectors]).collect(),
            hash_keys: Vec::new(),
            num_rows: rows,
        };
        assert_eq!(found, expected.encode_to_vec());
    }

    #[test]
    fn an_empty_insert_is_encoded_as_prost_does() {
        check_insert(["", "", "", ""], &[], 0, vec![], 0);
    }

    #[test]
    fn an_insert_longer_than_one_length_byte_is_encoded_as_prost_does() {
        check_insert(
            ["db", "docs", "p", "vector"],
            &[ids("id", (0..300).collect())],
            8,
            vec![0.5; 2400],
            300,
        );
    }

    #[test]
    fn no_queries_are_encoded_as_prost_does() {
        check_placeholders(&[]);
    }

    fn check_placeholders(queries: &[Vec<u8>]) {
        let slices: Vec<&[u8]> = queries.iter().map(Vec::as_slice).collect();
        let value = PlaceholderValue {
            tag: "$0".into(),
            r#type: PlaceholderType::Float.into(),
            values: queries.to_vec(),
        };
        assert_eq!(
            placeholder_group(&slices),
            PlaceholderGroup {
                placeholders: vec![value]
            }
            .encode_to_vec()
        );
    }

    proptest! {
        #[test]
        fn inserts_are_encoded_as_prost_does(
            names in ["[a-z]{0,9}", "[a-z]{0,200}", "[a-z]{0,9}", "[a-zä]{0,9}"],
            keys in prop::collection::vec(prop::collection::vec(any::<i64>(), 0..40), 0..4),
            dim in 0_u32..=32768,
            data in prop::collection::vec(-1e30_f32..1e30, 0..200),
            rows: u32,
        ) {
            let fields: Vec<FieldData> = keys.into_iter().map(|keys| ids("id", keys)).collect();
            check_insert(
                std::array::from_fn(|i| names[i].as_str()),
                &fields,
                dim,
                data,
                rows,
            );
        }

        #[test]
        fn placeholders_are_encoded_as_prost_does(
            queries in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..5),
        ) {
            check_placeholders(&queries);
        }
    }
}
