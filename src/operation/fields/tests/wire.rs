//! The golden bytes of pymilvus 2.6 and 3.0 (tests/data/wire): the rows of each case as columns of
//! a data set give the same columns of an insert, and the same fields of a schema.

use prost::Message;
use serde_json::Value;

use super::{super::*, TYPES, column_of_cells};
use crate::{
    dataset::{Cell, ColumnType, Source, testing::Table as Columns},
    milvus::proto::CreateCollectionRequest,
    operation::{CollectionShape, setup, tests::shape},
};

/// A request of rows, its columns as they are.
#[derive(Clone, PartialEq, Message)]
struct Rows {
    #[prost(bytes = "vec", repeated, tag = "5")]
    columns: Vec<Vec<u8>>,
}

/// A schema, its fields as they are.
#[derive(Clone, PartialEq, Message)]
struct Schema {
    #[prost(bytes = "vec", repeated, tag = "4")]
    fields: Vec<Vec<u8>>,
    #[prost(bool, tag = "5")]
    dynamic: bool,
}

/// The name in a field of a request, or of a schema: both have it as their second field.
#[derive(Clone, PartialEq, Message)]
struct Named {
    #[prost(string, tag = "2")]
    name: String,
}

fn folder(file: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/wire")
        .join(file)
}

fn cases() -> Value {
    serde_json::from_slice(&std::fs::read(folder("cases.json")).unwrap()).unwrap()
}

fn golden(case: &Value) -> Vec<u8> {
    std::fs::read(folder(&format!("{}.bin", case["name"].as_str().unwrap()))).unwrap()
}

fn collection(cases: &Value, name: &str) -> Value {
    let list = cases["collections"].as_array().unwrap();
    let mut found = list.iter().filter(|of| of["name"] == name);
    found.next().expect("the collection").clone()
}

fn type_of(name: &str) -> &'static str {
    let mut names = TYPES.iter().map(|row| row.0);
    names
        .find(|known| known.eq_ignore_ascii_case(name))
        .unwrap()
}

fn is_scalar(field: &Value) -> bool {
    let name = field["type"].as_str().unwrap();
    field["is_primary"] != true && TYPES.iter().any(|row| row.0.eq_ignore_ascii_case(name))
}

/// The type of the column, and of its cells.
fn column_type(name: &str, element: &Value) -> ColumnType {
    match type_of(name) {
        "Bool" => ColumnType::Bool,
        "Float" | "Double" => ColumnType::Float,
        "VarChar" => ColumnType::Text,
        "JSON" => ColumnType::Json,
        "Array" => {
            let element = column_type(element.as_str().unwrap(), &Value::Null);
            ColumnType::List(Box::new(element))
        }
        _ => ColumnType::Int,
    }
}

fn cell(value: &Value, column_type: &ColumnType) -> Cell {
    match (value, column_type) {
        (Value::Null, _) => Cell::Null,
        (value, ColumnType::Json) => Cell::Json(value.to_string()),
        (Value::Bool(flag), _) => Cell::Bool(*flag),
        (Value::Number(number), ColumnType::Float) => Cell::Float(number.as_f64().unwrap()),
        (Value::Number(number), _) => Cell::Int(number.as_i64().unwrap()),
        (Value::String(text), _) => Cell::Text(text.clone()),
        (Value::Array(items), ColumnType::List(element)) => {
            Cell::List(items.iter().map(|item| cell(item, element)).collect())
        }
        other => panic!("{other:?}"),
    }
}

fn toml_of(value: &Value) -> toml::Value {
    toml::Value::try_from(value).unwrap()
}

/// A field of a scenario that is the field of a case, with the values of `data` where there is
/// some.
fn field_of(field: &Value, data: Option<&Source>) -> ScalarField {
    let text = |key: &str| field[key].as_str().map(|name| type_of(name).to_owned());
    let name = field["name"].as_str().unwrap().to_owned();
    let mut properties = toml::Table::new();
    if let Some(mmap) = field["mmap_enabled"].as_bool() {
        properties.insert("mmap.enabled".to_owned(), mmap.into());
    }
    let options = ScalarFieldOptions {
        values: data.map(|_| column_of_cells(&name)),
        name,
        type_name: text("type"),
        element: text("element_type"),
        max_length: field["max_length"].as_i64(),
        max_capacity: field["max_capacity"].as_i64(),
        nullable: field["nullable"] == true,
        default: (!field["default"].is_null()).then(|| toml_of(&field["default"])),
        partition_key: field["is_partition_key"] == true,
        clustering_key: field["is_clustering_key"] == true,
        properties,
        index: None,
    };
    options.resolve(42, data).expect("a field")
}

fn check_insert(cases: &Value, case: &Value) -> usize {
    let collection = collection(cases, case["collection"].as_str().unwrap());
    let rows = case["rows"].as_array().unwrap();
    let list = collection["fields"].as_array().unwrap();
    let fields: Vec<&Value> = list.iter().filter(|field| is_scalar(field)).collect();
    let mut columns = Columns::default();
    for field in &fields {
        let name = field["name"].as_str().unwrap();
        let column_type = column_type(field["type"].as_str().unwrap(), &field["element_type"]);
        let cells = rows.iter().map(|row| cell(&row[name], &column_type));
        columns = columns.with(name, column_type.clone(), cells.collect());
    }
    let dynamic = collection["enable_dynamic_field"] == true;
    let extra = |row: &Value| {
        let mut row = row.as_object().unwrap().clone();
        row.retain(|name, _| !list.iter().any(|field| field["name"] == name.as_str()));
        Cell::Json(Value::from(row).to_string())
    };
    let columns = columns.with("extra", ColumnType::Json, rows.iter().map(extra).collect());
    let data = columns.source();
    let count = rows.len() as u64;
    let mut found: Vec<Vec<u8>> = fields
        .iter()
        .map(|field| field_of(field, Some(&data)))
        .map(|field| column(&field, 0, count).unwrap().encode_to_vec())
        .collect();
    if dynamic {
        let values = dynamic_values(Some(&column_of_cells("extra")), 42, Some(&data)).unwrap();
        found.push(dynamic_column(&values, 0, count).unwrap().encode_to_vec());
    }
    let golden = Rows::decode(&golden(case)[..]).unwrap();
    for column in &found {
        let name = Named::decode(&column[..]).unwrap().name;
        assert!(golden.columns.contains(column), "{}: {name}", case["name"]);
    }
    found.len()
}

#[test]
fn columns_of_rows_are_the_bytes_of_pymilvus() {
    let cases = cases();
    let mut columns = 0;
    for case in cases["cases"].as_array().unwrap() {
        let (message, name) = (&case["message"], case["name"].as_str().unwrap());
        if message == "InsertRequest" || message == "UpsertRequest" {
            columns += check_insert(&cases, case);
            assert!(!name.is_empty());
        }
    }
    assert!(columns >= 90, "{columns} columns of the golden files");
}

#[test]
fn fields_of_a_schema_are_the_bytes_of_pymilvus() {
    let cases = cases();
    let mut fields = 0;
    for case in cases["cases"].as_array().unwrap() {
        if case["message"] != "CreateCollectionRequest" {
            continue;
        }
        let collection = collection(&cases, case["collection"].as_str().unwrap());
        let list = collection["fields"].as_array().unwrap();
        let scalars = list.iter().filter(|field| is_scalar(field));
        let properties = collection["properties"].as_object().cloned();
        let properties = toml_of(&properties.unwrap_or_default().into());
        let dynamic = collection["enable_dynamic_field"] == true;
        let shape = CollectionShape {
            fields: scalars.map(|field| field_of(field, None)).collect(),
            dynamic: dynamic.then(|| dynamic_values(None, 42, None).unwrap()),
            partitions: collection["num_partitions"].as_u64().unwrap_or(0) as u32,
            properties: crate::operation::collection_properties(properties.as_table().unwrap())
                .unwrap(),
            ..shape()
        };
        let found = setup::create_collection(&shape, "");
        let golden = CreateCollectionRequest::decode(&golden(case)[..]).unwrap();
        let sorted = |request: &CreateCollectionRequest| {
            let mut properties = request.properties.clone();
            properties.sort_by(|a, b| a.key.cmp(&b.key));
            (properties, request.num_partitions)
        };
        assert_eq!(sorted(&found), sorted(&golden), "{}", case["name"]);
        let (found, golden) = (
            Schema::decode(&found.schema[..]).unwrap(),
            Schema::decode(&golden.schema[..]).unwrap(),
        );
        assert_eq!(found.dynamic, golden.dynamic, "{}", case["name"]);
        // Key and vector are the first two.
        for field in &found.fields[2..] {
            let name = Named::decode(&field[..]).unwrap().name;
            assert!(golden.fields.contains(field), "{}: {name}", case["name"]);
            fields += 1;
        }
    }
    assert!(fields >= 45, "{fields} fields of the golden files");
}
