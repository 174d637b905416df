//! Requests that pymilvus wrote, read with our messages; `tests/data/pymilvus/make.py` says what it
//! was asked for.

use milvus_bench::{
    milvus::{
        InsertParts, VectorColumn, encode_insert, placeholder_group,
        proto::{
            CollectionSchema, ConsistencyLevel, CreateCollectionRequest, CreateIndexRequest,
            DataType, DslType, FieldData, FieldSchema, InsertRequest, IntArray, KeyValuePair,
            LongArray, QueryRequest, ScalarField, SearchRequest, StringArray, field_data::Field,
            scalar_field::Data,
        },
    },
    vector_type::VectorType,
};
use prost::Message;

const ROWS: [f32; 8] = [0.5, -1.0, 2.25, 0.0, 1e-3, 4.0, -0.125, 8.0];
const QUERIES: [f32; 8] = [0.5, -1.0, 2.25, 0.0, 1.0, 2.0, 3.0, 4.0];

/// Decodes `bytes` as `expected` and encodes it again; the last proves that nothing was skipped as
/// unknown.
fn check<M: Message + Default + PartialEq + std::fmt::Debug>(bytes: &[u8], expected: M) {
    let found = M::decode(bytes).expect("pymilvus' message decodes");
    assert_eq!(found, expected);
    assert_eq!(
        found.encoded_len(),
        bytes.len(),
        "fields of pymilvus that we do not know"
    );
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<KeyValuePair> {
    pairs
        .iter()
        .map(|(key, value)| KeyValuePair {
            key: (*key).into(),
            value: (*value).into(),
        })
        .collect()
}

fn little_endian(values: &[f32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

fn scalars(name: &str, data_type: DataType, data: Data) -> FieldData {
    let field = Some(Field::Scalars(ScalarField { data: Some(data) }));
    FieldData {
        r#type: data_type.into(),
        field_name: name.into(),
        field,
        ..FieldData::default()
    }
}

#[test]
fn a_collection_is_created_as_by_pymilvus() {
    let field = |name: &str, data_type: DataType, params: &[(&str, &str)]| FieldSchema {
        name: name.into(),
        data_type: data_type.into(),
        type_params: pairs(params),
        ..FieldSchema::default()
    };
    let schema = CollectionSchema {
        name: "docs".into(),
        description: "documents".into(),
        fields: vec![
            FieldSchema {
                is_primary_key: true,
                description: "key".into(),
                ..field("id", DataType::Int64, &[])
            },
            field("year", DataType::Int32, &[]),
            field("title", DataType::VarChar, &[("max_length", "200")]),
            field("vector", DataType::FloatVector, &[("dim", "4")]),
        ],
        ..CollectionSchema::default()
    };
    let expected = CreateCollectionRequest {
        collection_name: "docs".into(),
        schema: schema.encode_to_vec(),
        shards_num: 2,
        consistency_level: ConsistencyLevel::Bounded.into(),
        ..CreateCollectionRequest::default()
    };
    check(
        include_bytes!("../data/pymilvus/create_collection.bin"),
        expected,
    );
}

#[test]
fn an_index_is_created_as_by_pymilvus() {
    let expected = CreateIndexRequest {
        collection_name: "docs".into(),
        field_name: "vector".into(),
        index_name: "by_vector".into(),
        extra_params: pairs(&[
            ("index_type", "HNSW"),
            ("metric_type", "L2"),
            ("params", r#"{"M":16,"efConstruction":200}"#),
        ]),
        ..CreateIndexRequest::default()
    };
    check(
        include_bytes!("../data/pymilvus/create_index.bin"),
        expected,
    );
}

#[test]
fn rows_are_inserted_as_by_pymilvus() {
    let fields = [
        scalars(
            "id",
            DataType::Int64,
            Data::LongData(LongArray { data: vec![1, 2] }),
        ),
        scalars(
            "year",
            DataType::Int32,
            Data::IntData(IntArray {
                data: vec![1999, -5],
            }),
        ),
        scalars(
            "title",
            DataType::VarChar,
            Data::StringData(StringArray {
                data: vec!["one".into(), "zwölf".into()],
            }),
        ),
    ];
    let data = little_endian(&ROWS);
    let vectors = VectorColumn {
        name: "vector",
        vector_type: VectorType::Float,
        dim: 4,
        data: &data,
    };
    let body = encode_insert(&InsertParts {
        database: "",
        collection: "docs",
        partition: "part",
        fields: &fields,
        vectors: &[vectors],
        rows: 2,
    });
    let golden = include_bytes!("../data/pymilvus/insert.bin");
    check(
        golden,
        InsertRequest::decode(body.clone()).expect("our own encoding"),
    );
    assert_eq!(&body[..], golden);
}

#[test]
fn a_search_is_asked_as_by_pymilvus() {
    let queries = little_endian(&QUERIES);
    let search_params = [
        ("topk", "10"),
        ("params", r#"{"ef":64}"#),
        ("round_decimal", "-1"),
        ("ignore_growing", "False"),
        ("metric_type", "L2"),
        ("anns_field", "vector"),
    ];
    let expected = SearchRequest {
        collection_name: "docs".into(),
        partition_names: vec!["part".into()],
        dsl: "year > 2000".into(),
        placeholder_group: placeholder_group(
            VectorType::Float,
            &queries.chunks(16).collect::<Vec<_>>(),
        ),
        dsl_type: DslType::BoolExprV1.into(),
        output_fields: vec!["title".into()],
        search_params: pairs(&search_params),
        // The value that stands for Bounded.
        guarantee_timestamp: 2,
        nq: 2,
        consistency_level: ConsistencyLevel::Bounded.into(),
        ..SearchRequest::default()
    };
    check(include_bytes!("../data/pymilvus/search.bin"), expected);
}

#[test]
fn a_query_is_asked_as_by_pymilvus() {
    let expected = QueryRequest {
        collection_name: "docs".into(),
        expr: "id in [1, 2]".into(),
        output_fields: vec!["id".into(), "title".into()],
        partition_names: vec!["part".into()],
        guarantee_timestamp: 9,
        query_params: pairs(&[
            ("limit", "5"),
            ("ignore_growing", "False"),
            ("reduce_stop_for_best", "False"),
        ]),
        consistency_level: ConsistencyLevel::Eventually.into(),
        ..QueryRequest::default()
    };
    check(include_bytes!("../data/pymilvus/query.bin"), expected);
}
