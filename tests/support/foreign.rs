//! Messages with which a test, and not the program under test, makes a collection and fills it:
//! `id` and a `vector` of floats.

use milvus_bench::milvus::proto::{self, field_data::Field, scalar_field::Data, vector_field};
use prost::Message;

/// Dimensions of the vectors of a [`table`].
pub const DIM: i64 = 8;

/// A collection by its name, whose vectors have `dim` dimensions.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a> {
    pub name: &'a str,
    pub dim: i64,
}

/// A collection of the usual dimensions.
pub fn table(name: &str) -> Table<'_> {
    Table { name, dim: DIM }
}

impl Table<'_> {
    pub fn create(self, description: &str) -> proto::CreateCollectionRequest {
        let field = |name: &str, kind: proto::DataType| proto::FieldSchema {
            name: name.to_owned(),
            data_type: kind.into(),
            ..Default::default()
        };
        let id = proto::FieldSchema {
            is_primary_key: true,
            ..field("id", proto::DataType::Int64)
        };
        let vector = proto::FieldSchema {
            type_params: vec![proto::KeyValuePair::new("dim", self.dim)],
            ..field("vector", proto::DataType::FloatVector)
        };
        let schema = proto::CollectionSchema {
            name: self.name.to_owned(),
            description: description.to_owned(),
            fields: vec![id, vector],
            ..Default::default()
        };
        proto::CreateCollectionRequest {
            collection_name: self.name.to_owned(),
            schema: schema.encode_to_vec(),
            shards_num: 1,
            consistency_level: proto::ConsistencyLevel::Bounded.into(),
            ..Default::default()
        }
    }

    /// Inserts rows with ids from `first` on, whose vectors are `data`, one after the other.
    pub fn insert(self, first: i64, rows: i64, data: Vec<f32>) -> proto::InsertRequest {
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
            dim: self.dim,
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
        proto::InsertRequest {
            collection_name: self.name.to_owned(),
            fields_data,
            num_rows: u32::try_from(rows).expect("a count"),
            ..Default::default()
        }
    }

    /// An index of this type on the vectors, for the metric L2.
    pub fn index(self, index_type: &str) -> proto::CreateIndexRequest {
        proto::CreateIndexRequest {
            collection_name: self.name.to_owned(),
            field_name: "vector".to_owned(),
            extra_params: vec![
                proto::KeyValuePair::new("index_type", index_type),
                proto::KeyValuePair::new("metric_type", "L2"),
            ],
            ..Default::default()
        }
    }

    pub fn flush(self) -> proto::FlushRequest {
        proto::FlushRequest {
            collection_names: vec![self.name.to_owned()],
            ..Default::default()
        }
    }

    pub fn load(self) -> proto::LoadCollectionRequest {
        proto::LoadCollectionRequest {
            collection_name: self.name.to_owned(),
            ..Default::default()
        }
    }
}
