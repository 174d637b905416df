//! Vectors of every type against what pymilvus 2.6 and 3.0 put on the wire (tests/data/wire), byte
//! for byte, and against the messages of milvus-sdk-rust.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use half::{bf16, f16};
use milvus::proto::milvus as sdk;
use milvus_bench::{
    dataset::{Dataset, DatasetError, put_sparse_row},
    milvus::{
        placeholder_group,
        proto::{CollectionSchema, CreateCollectionRequest, FieldData, FieldSchema, SearchRequest},
    },
    operation::{CollectionShape, Consistency, PrimaryKey, VectorField, insert_call, setup},
    vector_type::VectorType,
};
use prost::Message;
use serde_json::Value;

/// Collections whose vectors have values, none of them null.
const COLLECTIONS: [&str; 7] = [
    "float", "float16", "bfloat16", "int8", "binary", "sparse", "several",
];

struct Golden {
    cases: Value,
}

impl Golden {
    fn read() -> Self {
        let cases = serde_json::from_slice(&file("cases.json")).expect("JSON");
        Self { cases }
    }

    /// Cases of a message whose vectors travel in their own type.
    fn of<'a>(&'a self, message: &'a str) -> impl Iterator<Item = &'a Value> {
        let cases = self.cases["cases"].as_array().expect("a list");
        cases.iter().filter(move |case| {
            let collection = case["collection"].as_str().unwrap_or_default();
            case["message"] == message
                && case["as"] != "floats"
                // The same rows, but for a dimension that the server does not need.
                && case["as"] != "columns"
                && COLLECTIONS.contains(&collection)
        })
    }

    fn fields(&self, collection: &Value) -> &Vec<Value> {
        let all = self.cases["collections"].as_array().expect("a list");
        let found = all.iter().find(|of| of["name"] == *collection);
        found.expect("a collection")["fields"]
            .as_array()
            .expect("a list")
    }

    /// The collection of a case with its rows as data sets.
    fn shape(&self, case: &Value) -> CollectionShape {
        let mut vectors = self.fields(&case["collection"]).iter().filter_map(|field| {
            let vector_type = type_of(field)?;
            let name = field["name"].as_str().expect("a name");
            let none = Vec::new();
            let rows = case["rows"].as_array().unwrap_or(&none);
            let rows = rows.iter().map(|row| bytes(vector_type, &row[name]));
            Some(VectorField {
                name: name.to_owned(),
                vector_type,
                dim: field["dim"].as_u64().unwrap_or(0) as u32,
                data: Some(Arc::new(Rows {
                    vector_type,
                    rows: rows.collect(),
                })),
                ..VectorField::default()
            })
        });
        CollectionShape {
            database: String::new(),
            name: case["collection"].as_str().expect("a name").to_owned(),
            key: PrimaryKey {
                name: "id".into(),
                ..PrimaryKey::default()
            },
            vector: vectors.next().expect("a vector field"),
            more_vectors: vectors.collect(),
            consistency: Consistency::Bounded,
            replicas: 1,
            ..CollectionShape::default()
        }
    }
}

fn type_of(field: &Value) -> Option<VectorType> {
    Some(match field["type"].as_str()? {
        "FLOAT_VECTOR" => VectorType::Float,
        "FLOAT16_VECTOR" => VectorType::Float16,
        "BFLOAT16_VECTOR" => VectorType::BFloat16,
        "INT8_VECTOR" => VectorType::Int8,
        "BINARY_VECTOR" => VectorType::Binary,
        "SPARSE_FLOAT_VECTOR" => VectorType::Sparse,
        _ => return None,
    })
}

fn file(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/wire");
    std::fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The file of a case of each version.
fn files(case: &Value) -> impl Iterator<Item = (String, Vec<u8>)> {
    let names: BTreeMap<String, String> =
        serde_json::from_value(case["files"].clone()).expect("files by version");
    assert!(names.len() >= 2, "two versions: {names:?}");
    names
        .into_iter()
        .map(|(version, name)| (format!("{name} of {version}"), file(&name)))
}

/// A vector as a placeholder has it.
fn bytes(vector_type: VectorType, values: &Value) -> Vec<u8> {
    let values = values.as_array().expect("a list");
    let singles = values
        .iter()
        .map(|value| value.as_f64().unwrap_or(0.0) as f32);
    match vector_type {
        VectorType::Float => singles.flat_map(f32::to_le_bytes).collect(),
        VectorType::Float16 => singles
            .flat_map(|value| f16::from_f32(value).to_le_bytes())
            .collect(),
        VectorType::BFloat16 => singles
            .flat_map(|value| bf16::from_f32(value).to_le_bytes())
            .collect(),
        VectorType::Int8 | VectorType::Binary => values
            .iter()
            .map(|value| value.as_i64().expect("a byte") as u8)
            .collect(),
        VectorType::Sparse => {
            let mut pairs: Vec<(u32, f32)> =
                serde_json::from_value(Value::Array(values.clone())).expect("pairs");
            pairs.sort_by_key(|pair| pair.0);
            let pairs = pairs.iter();
            pairs
                .flat_map(|(index, value)| [index.to_le_bytes(), value.to_le_bytes()])
                .flatten()
                .collect()
        }
    }
}

/// Rows whose numbers begin at 1, as the keys of the cases do.
#[derive(Debug)]
struct Rows {
    vector_type: VectorType,
    rows: Vec<Vec<u8>>,
}

impl Dataset for Rows {
    fn rows(&self) -> u64 {
        self.rows.len() as u64 + 1
    }

    fn dim(&self) -> u32 {
        0
    }

    fn vector_type(&self) -> VectorType {
        self.vector_type
    }

    fn queries(&self) -> u64 {
        0
    }

    fn read_rows(&self, first: u64, count: u64, out: &mut Vec<u8>) -> Result<(), DatasetError> {
        for row in &self.rows[first as usize - 1..][..count as usize] {
            match self.vector_type {
                VectorType::Sparse => put_sparse_row(row, out),
                _ => out.extend_from_slice(row),
            }
        }
        Ok(())
    }

    fn query(&self, _: u64) -> &[u8] {
        &[]
    }
}

/// The `FieldData` of a request as they are written, by name.
fn fields_of(request: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut rest = request;
    let mut fields = BTreeMap::new();
    while !rest.is_empty() {
        let key = prost::encoding::decode_varint(&mut rest).expect("a key");
        let value = prost::encoding::decode_varint(&mut rest).expect("a number or a length");
        if key & 7 == 2 {
            let (field, after) = rest.split_at(value as usize);
            rest = after;
            if key >> 3 == 5 {
                let name = FieldData::decode(field).expect("a field").field_name;
                fields.insert(name, field.to_vec());
            }
        }
    }
    fields
}

#[test]
fn vectors_of_every_type_are_inserted_as_by_pymilvus() {
    let golden = Golden::read();
    let mut types = Vec::new();
    for case in golden.of("InsertRequest").chain(golden.of("UpsertRequest")) {
        let shape = golden.shape(case);
        let count = case["rows"].as_array().expect("rows").len() as u64;
        let ours = insert_call(&shape, 1, count).expect("a request").body;
        let theirs = sdk::InsertRequest::decode_of(&ours);
        assert_eq!(theirs.fields_data.len(), shape.vectors().count() + 1);
        let ours = fields_of(&ours);
        for (name, bytes) in files(case) {
            assert_eq!(ours, fields_of(&bytes), "{name}");
        }
        types.extend(shape.vectors().map(|vector| vector.vector_type));
    }
    assert!(VectorType::all().all(|vector_type| types.contains(&vector_type)));
}

/// A message as the SDK reads it; what it writes again must be the same.
trait OfSdk: Sized {
    fn decode_of(bytes: &[u8]) -> Self;
}

impl<M: prost_sdk::Message + Default> OfSdk for M {
    fn decode_of(bytes: &[u8]) -> Self {
        let message = M::decode(bytes).expect("the SDK decodes it");
        assert_eq!(
            message.encode_to_vec(),
            bytes,
            "the SDK writes it otherwise"
        );
        message
    }
}

#[test]
fn vectors_of_every_type_are_searched_as_by_pymilvus() {
    let golden = Golden::read();
    let mut types = Vec::new();
    for case in golden.of("SearchRequest") {
        let field = golden.fields(&case["collection"]);
        let field = field.iter().find(|field| field["name"] == case["field"]);
        let vector_type = type_of(field.expect("the field")).expect("a vector field");
        let queries = case["queries"].as_array().expect("queries");
        let queries: Vec<Vec<u8>> = queries
            .iter()
            .map(|query| bytes(vector_type, query))
            .collect();
        let slices: Vec<&[u8]> = queries.iter().map(Vec::as_slice).collect();
        let ours = placeholder_group(vector_type, &slices);
        for (name, bytes) in files(case) {
            let theirs = SearchRequest::decode(&bytes[..]).expect("a request");
            assert_eq!(ours, theirs.placeholder_group, "{name}");
            assert_eq!(theirs.nq, queries.len() as i64, "{name}");
        }
        let group = milvus::proto::common::PlaceholderGroup::decode_of(&ours);
        assert_eq!(group.placeholders[0].r#type, vector_type.number());
        types.push(vector_type);
    }
    assert!(VectorType::all().all(|vector_type| types.contains(&vector_type)));
}

#[test]
fn vector_fields_of_every_type_are_created_as_by_pymilvus() {
    let golden = Golden::read();
    let schema = |request: &CreateCollectionRequest| {
        let schema = CollectionSchema::decode(&request.schema[..]).expect("a schema");
        let fields = schema.fields.into_iter();
        fields.map(|field| (field.name.clone(), field)).collect()
    };
    let mut types = Vec::new();
    for case in golden.of("CreateCollectionRequest") {
        let shape = golden.shape(case);
        let ours: BTreeMap<String, FieldSchema> = schema(&setup::create_collection(&shape, ""));
        for (name, bytes) in files(case) {
            let theirs = CreateCollectionRequest::decode(&bytes[..]).expect("a request");
            let theirs: BTreeMap<String, FieldSchema> = schema(&theirs);
            assert_eq!(ours, theirs, "{name}");
        }
        types.extend(shape.vectors().map(|vector| vector.vector_type));
    }
    assert!(VectorType::all().all(|vector_type| types.contains(&vector_type)));
}
