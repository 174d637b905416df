//! Encoders for the two messages that carry vectors, in the form in which they lie in the data set.
//!
//! The generated types want a `Vec<f32>` and write it element by element, or a `Vec` for each
//! sparse row; these write the bytes once. Everything else of a message is written by the generated
//! code.

use bytes::{BufMut, Bytes, BytesMut};
use prost::{
    Message,
    encoding::{WireType, encode_key, encode_varint, encoded_len_varint, key_len},
};

use super::proto::{FieldData, KeyValuePair};
use crate::vector_type::VectorType;

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

/// A vector field of an insert.
#[derive(Clone, Copy, Debug)]
pub struct VectorColumn<'a> {
    /// Name of the field.
    pub name: &'a str,
    /// Type of the field.
    pub vector_type: VectorType,
    /// Dimension, in 1..=32768; of no meaning for sparse vectors.
    pub dim: u32,
    /// The rows one after the other: [`VectorType::bytes`] little-endian bytes each; of sparse
    /// vectors the entries of `SparseFloatArray.contents` with their tags and lengths.
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
    /// The vector fields.
    pub vectors: &'a [VectorColumn<'a>],
    /// Rows in every field.
    pub rows: u32,
}

/// Encodes an `InsertRequest`, the vectors as its last fields.
///
/// Lengths are not checked: Milvus refuses a request whose fields differ in their rows.
#[must_use]
pub fn encode_insert(parts: &InsertParts<'_>) -> Bytes {
    let field_lengths: Vec<usize> = parts.fields.iter().map(Message::encoded_len).collect();
    let vectors = || parts.vectors.iter().map(|column| (column, column.length()));
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
        + vectors()
            .map(|(_, length)| nested_length(5, length))
            .sum::<usize>()
        + number_length(7, parts.rows);
    let mut out = BytesMut::with_capacity(length);
    for (tag, text) in texts {
        put_bytes(tag, text.as_bytes(), &mut out);
    }
    for (field, length) in parts.fields.iter().zip(field_lengths) {
        put_header(5, length, &mut out);
        field.encode_raw(&mut out);
    }
    for (column, length) in vectors() {
        put_header(5, length, &mut out);
        column.put(&mut out);
    }
    put_number(7, parts.rows, &mut out);
    debug_assert_eq!(out.len(), length);
    out.freeze()
}

/// Encodes the `PlaceholderGroup` of a search for vectors of one type, each as
/// [`VectorColumn::data`] has its rows, sparse ones without tag and length.
#[must_use]
pub fn placeholder_group(vector_type: VectorType, queries: &[&[u8]]) -> Bytes {
    let length = placeholder_length(vector_type, queries.iter().copied());
    let mut out = BytesMut::with_capacity(nested_length(1, length));
    put_placeholder(vector_type, queries.iter().copied(), length, &mut out);
    out.freeze()
}

/// Encodes a `SearchRequest` whose fields before and after its placeholder group are encoded
/// already, in one allocation.
#[must_use]
pub fn encode_search<'a>(
    before: &[u8],
    vector_type: VectorType,
    queries: impl Iterator<Item = &'a [u8]> + Clone,
    after: &[u8],
) -> Bytes {
    let length = placeholder_length(vector_type, queries.clone());
    let group = nested_length(1, length);
    let mut out = BytesMut::with_capacity(before.len() + nested_length(6, group) + after.len());
    out.put_slice(before);
    put_header(6, group, &mut out);
    put_placeholder(vector_type, queries, length, &mut out);
    out.put_slice(after);
    out.freeze()
}

const PLACEHOLDER_TAG: &[u8] = b"$0";

fn placeholder_length<'a>(
    vector_type: VectorType,
    queries: impl Iterator<Item = &'a [u8]>,
) -> usize {
    let values: usize = queries.map(|query| nested_length(3, query.len())).sum();
    bytes_length(1, PLACEHOLDER_TAG.len()) + number_length(2, vector_type.wire_number()) + values
}

fn put_placeholder<'a>(
    vector_type: VectorType,
    queries: impl Iterator<Item = &'a [u8]>,
    length: usize,
    out: &mut BytesMut,
) {
    put_header(1, length, out);
    put_bytes(1, PLACEHOLDER_TAG, out);
    put_number(2, vector_type.wire_number(), out);
    for query in queries {
        put_header(3, query.len(), out);
        out.put_slice(query);
    }
}

impl VectorType {
    fn wire_number(self) -> u32 {
        self.number().unsigned_abs()
    }

    /// Number of the field of `VectorField` that has vectors of this type, and whether its value is
    /// a message whose field 1 are all of them.
    fn place(self) -> (u32, bool) {
        match self {
            Self::Float => (2, true),
            Self::Binary => (3, false),
            Self::Float16 => (4, false),
            Self::BFloat16 => (5, false),
            Self::Sparse => (6, false),
            Self::Int8 => (7, false),
        }
    }
}

impl VectorColumn<'_> {
    /// Length of the `FieldData`.
    fn length(&self) -> usize {
        number_length(1, self.vector_type.wire_number())
            + bytes_length(2, self.name.len())
            + nested_length(4, self.field_length())
    }

    /// Length of its `VectorField`.
    fn field_length(&self) -> usize {
        let (tag, wrapped) = self.vector_type.place();
        let data = if wrapped {
            bytes_length(1, self.data.len())
        } else {
            self.data.len()
        };
        number_length(1, self.wire_dim()) + nested_length(tag, data)
    }

    /// As pymilvus has it: none for sparse vectors.
    fn wire_dim(&self) -> u32 {
        match self.vector_type {
            VectorType::Sparse => 0,
            _ => self.dim,
        }
    }

    fn put(&self, out: &mut BytesMut) {
        put_number(1, self.vector_type.wire_number(), out);
        put_bytes(2, self.name.as_bytes(), out);
        put_header(4, self.field_length(), out);
        put_number(1, self.wire_dim(), out);
        let (tag, wrapped) = self.vector_type.place();
        if wrapped {
            // FloatArray { data = 1, packed }: on the wire like a field of bytes.
            put_header(tag, bytes_length(1, self.data.len()), out);
            put_bytes(1, self.data, out);
        } else {
            // Bytes; or SparseFloatArray, whose encoded entries the rows are.
            put_header(tag, self.data.len(), out);
            out.put_slice(self.data);
        }
    }
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
        DataType, FloatArray, InsertRequest, LongArray, PlaceholderGroup, PlaceholderValue,
        ScalarField, SearchRequest, SparseFloatArray, VectorField, field_data::Field, scalar_field,
        vector_field::Data,
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

    fn check_insert(names: [&str; 4], fields: &[FieldData], columns: &[(u32, Data)], rows: u32) {
        let [database, collection, partition, name] = names;
        let bytes: Vec<Vec<u8>> = columns.iter().map(|(_, data)| lying(data)).collect();
        let vectors: Vec<VectorColumn<'_>> = columns
            .iter()
            .zip(&bytes)
            .map(|((dim, data), bytes)| VectorColumn {
                name,
                vector_type: type_of(data),
                dim: *dim,
                data: bytes,
            })
            .collect();
        let found = encode_insert(&InsertParts {
            database,
            collection,
            partition,
            fields,
            vectors: &vectors,
            rows,
        });
        let vectors = columns.iter().map(|(dim, data)| FieldData {
            r#type: type_of(data).number(),
            field_name: name.into(),
            field: Some(Field::Vectors(VectorField {
                dim: match data {
                    Data::SparseFloatVector(_) => 0,
                    _ => i64::from(*dim),
                },
                data: Some(data.clone()),
            })),
            ..FieldData::default()
        });
        let expected = InsertRequest {
            db_name: database.into(),
            collection_name: collection.into(),
            partition_name: partition.into(),
            fields_data: fields.iter().cloned().chain(vectors).collect(),
            hash_keys: Vec::new(),
            num_rows: rows,
        };
        assert_eq!(found, expected.encode_to_vec());
    }

    fn type_of(data: &Data) -> VectorType {
        match data {
            Data::FloatVector(_) => VectorType::Float,
            Data::BinaryVector(_) => VectorType::Binary,
            Data::Float16Vector(_) => VectorType::Float16,
            Data::Bfloat16Vector(_) => VectorType::BFloat16,
            Data::SparseFloatVector(_) => VectorType::Sparse,
            Data::Int8Vector(_) => VectorType::Int8,
        }
    }

    /// Vectors as a data set has them.
    fn lying(data: &Data) -> Vec<u8> {
        match data {
            Data::FloatVector(values) => little_endian(&values.data),
            Data::BinaryVector(bytes)
            | Data::Float16Vector(bytes)
            | Data::Bfloat16Vector(bytes)
            | Data::Int8Vector(bytes) => bytes.clone(),
            Data::SparseFloatVector(rows) => rows.encode_to_vec(),
        }
    }

    fn floats(data: Vec<f32>) -> Data {
        Data::FloatVector(FloatArray { data })
    }

    fn any_data() -> impl Strategy<Value = Data> {
        let bytes = || prop::collection::vec(any::<u8>(), 0..200);
        prop_oneof![
            prop::collection::vec(-1e30_f32..1e30, 0..200).prop_map(floats),
            bytes().prop_map(Data::BinaryVector),
            bytes().prop_map(Data::Float16Vector),
            bytes().prop_map(Data::Bfloat16Vector),
            bytes().prop_map(Data::Int8Vector),
            prop::collection::vec(bytes(), 0..5).prop_map(|contents| Data::SparseFloatVector(
                SparseFloatArray { contents, dim: 0 }
            )),
        ]
    }

    #[test]
    fn an_empty_insert_is_encoded_as_prost_does() {
        check_insert(["", "", "", ""], &[], &[(0, floats(vec![]))], 0);
    }

    #[test]
    fn an_insert_longer_than_one_length_byte_is_encoded_as_prost_does() {
        check_insert(
            ["db", "docs", "p", "vector"],
            &[ids("id", (0..300).collect())],
            &[(8, floats(vec![0.5; 2400]))],
            300,
        );
    }

    #[test]
    fn no_queries_are_encoded_as_prost_does() {
        check_placeholders(VectorType::Float, &[]);
    }

    fn check_placeholders(vector_type: VectorType, queries: &[Vec<u8>]) {
        let slices: Vec<&[u8]> = queries.iter().map(Vec::as_slice).collect();
        let value = PlaceholderValue {
            tag: "$0".into(),
            r#type: vector_type.number(),
            values: queries.to_vec(),
        };
        let group = PlaceholderGroup {
            placeholders: vec![value],
        };
        let group = Bytes::from(group.encode_to_vec());
        assert_eq!(placeholder_group(vector_type, &slices), group);
        let request = SearchRequest {
            collection_name: "docs".into(),
            placeholder_group: group,
            nq: 7,
            ..SearchRequest::default()
        };
        let before = SearchRequest {
            collection_name: "docs".into(),
            ..SearchRequest::default()
        };
        let after = SearchRequest {
            nq: 7,
            ..SearchRequest::default()
        };
        let queries = slices.iter().copied();
        let (before, after) = (before.encode_to_vec(), after.encode_to_vec());
        assert_eq!(
            encode_search(&before, vector_type, queries, &after),
            request.encode_to_vec()
        );
    }

    proptest! {
        #[test]
        fn inserts_are_encoded_as_prost_does(
            names in ["[a-z]{0,9}", "[a-z]{0,200}", "[a-z]{0,9}", "[a-zä]{0,9}"],
            keys in prop::collection::vec(prop::collection::vec(any::<i64>(), 0..40), 0..4),
            columns in prop::collection::vec((0_u32..=32768, any_data()), 0..3),
            rows: u32,
        ) {
            let fields: Vec<FieldData> = keys.into_iter().map(|keys| ids("id", keys)).collect();
            check_insert(
                std::array::from_fn(|i| names[i].as_str()),
                &fields,
                &columns,
                rows,
            );
        }

        #[test]
        fn placeholders_are_encoded_as_prost_does(
            number in 0_usize..6,
            queries in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..5),
        ) {
            let vector_type = VectorType::all().nth(number).expect("six types");
            check_placeholders(vector_type, &queries);
        }
    }
}
