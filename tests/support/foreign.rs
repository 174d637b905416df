//! Messages with which somebody else than the program under test makes a collection: `id` and a
//! `vector` of eight dimensions.

use milvus_bench::milvus::proto::{self, field_data::Field, scalar_field::Data, vector_field};
use prost::Message;

/// Dimensions of the vectors.
pub const DIM: i64 = 8;

/// Creates `collection`.
pub fn create(collection: &str, description: &str) -> proto::CreateCollectionRequest {
    let field = |name: &str,
                 primary: bool,
                 kind: proto::DataType,
                 params: Vec<proto::KeyValuePair>| proto::FieldSchema {
        name: name.to_owned(),
        is_primary_key: primary,
        data_type: kind.into(),
        type_params: params,
        ..Default::default()
    };
    let fields = vec![
        field("id", true, proto::DataType::Int64, Vec::new()),
        field(
            "vector",
            false,
            proto::DataType::FloatVector,
            vec![pair("dim", &DIM.to_string())],
        ),
    ];
    let schema = proto::CollectionSchema {
        name: collection.to_owned(),
        description: description.to_owned(),
        fields,
        ..Default::default()
    };
    proto::CreateCollectionRequest {
        collection_name: collection.to_owned(),
        schema: schema.encode_to_vec(),
        shards_num: 1,
        consistency_level: proto::ConsistencyLevel::Bounded.into(),
        ..Default::default()
    }
}

/// Inserts `rows` rows with ids from `first` on, whose vectors are `data`, one after the other.
pub fn insert(collection: &str, first: i64, rows: i64, data: Vec<f32>) -> proto::InsertRequest {
    let column = |name: &str, kind: proto::DataType, field| proto::FieldData {
        r#type: kind.into(),
        field_name: name.to_owned(),
        field: Some(field),
        ..Default::default()
    };
    let ids = proto::ScalarField {
        data: Some(Data::LongData(proto::LongArray {
            data: (first..first + rows).collect(),
        })),
    };
    let vectors = proto::VectorField {
        dim: DIM,
        data: Some(vector_field::Data::FloatVector(proto::FloatArray { data })),
    };
    let fields_data = vec![
        column("id", proto::DataType::Int64, Field::Scalars(ids)),
        column(
            "vector",
            proto::DataType::FloatVector,
            Field::Vectors(vectors),
        ),
    ];
    let num_rows = u32::try_from(rows).expect("a count");
    proto::InsertRequest {
        collection_name: collection.to_owned(),
        fields_data,
        num_rows,
        ..Default::default()
    }
}

/// A parameter.
pub fn pair(key: &str, value: &str) -> proto::KeyValuePair {
    proto::KeyValuePair {
        key: key.to_owned(),
        value: value.to_owned(),
    }
}
