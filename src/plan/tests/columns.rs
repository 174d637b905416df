//! Fields, keys, vector fields and properties of a collection.

use super::*;
use crate::operation::RowKeyValues;

const DATA: &str = "data = \"noise\"";

/// The good scenario with more keys of its collection.
fn collection(more: &str) -> String {
    with(DATA, &format!("{DATA}\n{more}"))
}

fn fields(list: &str) -> String {
    with("{ name = \"rank\", type = \"Int64\" }", list)
}

#[track_caller]
fn good(text: &str) -> Plan {
    plan(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

#[track_caller]
fn refused(text: &str, words: &[&str]) {
    let message = plan(text).expect_err("refused").to_string();
    for word in words {
        assert!(message.contains(word), "{word:?} is not in: {message}");
    }
}

#[test]
fn a_collection_has_fields_of_every_form() {
    let list = r#"
        { name = "rank", type = "Int64", nullable = true, values = { nulls = 0.5 } },
        { name = "tenant", type = "VarChar", max_length = 20, partition_key = true },
        { name = "tags", type = "Array", element = "Int32", max_capacity = 8 },
        { name = "words", type = "Array", element = "VarChar", max_length = 30 },
        { name = "size", type = "Int8", default = 3, properties = { "mmap.enabled" = true } },
    "#;
    let plan = good(&fields(list).replace(DATA, &format!("{DATA}\npartitions = 64")));
    let shape = &plan.collections[0].shape;
    assert_eq!((shape.fields.len(), shape.partitions), (5, 64));
    assert_eq!(shape.fields[4].properties["mmap.enabled"], "true");
}

#[test]
fn fields_that_do_not_fit_are_refused_at_their_key() {
    let two = r#"{ name = "a", type = "Int64", partition_key = true },
        { name = "b", type = "Int64", partition_key = true }"#;
    refused(&fields(two), &["fields.b.partition_key", "field a"]);
    refused(
        &collection("partitions = 4"),
        &["partitions", "partition_key = true"],
    );
    let none = r#"{ name = "a", values = { column = "rank" } }"#;
    refused(
        &fields(none),
        &["fields.a.values.column", "has no columns", "parquet"],
    );
    let array = r#"{ name = "a", type = "Array" }"#;
    refused(&fields(array), &["fields.a.element", "is missing"]);
    refused(&fields(r#"{ name = "a" }"#), &["has no `type`"]);
}

#[test]
fn a_dynamic_field_and_properties_belong_to_a_collection() {
    let text = "dynamic = true\ndynamic_values = { constant = { color = \"red\" } }\n\
                properties = { \"collection.ttl.seconds\" = 3600, \"mmap.enabled\" = true }";
    let plan = good(&collection(text));
    let shape = &plan.collections[0].shape;
    assert!(shape.dynamic.is_some());
    assert_eq!(shape.properties["collection.ttl.seconds"], "3600");
    let without = "dynamic = false\ndynamic_values = { constant = { color = \"red\" } }";
    refused(&collection(without), &["dynamic_values", "dynamic = true"]);
    let number = "dynamic = true\ndynamic_values = { constant = 3 }";
    refused(&collection(number), &["dynamic_values", "tables of values"]);
    refused(
        &collection("properties = { \"mmap.enabled\" = 3 }"),
        &["properties.mmap.enabled", "true or false"],
    );
}

#[test]
fn a_primary_key_may_be_a_text() {
    let plan = good(&collection("id_type = \"varchar\"\nid_max_length = 32"));
    let key = &plan.collections[0].shape.key;
    assert_eq!(
        (key.max_length, &key.keys),
        (Some(32), &RowKeyValues::RowNumber)
    );
    refused(
        &collection("id_type = \"VarChar\"\nid_max_length = 8"),
        &["id_max_length", "up to 19 bytes"],
    );
    refused(
        &collection("id_max_length = 8"),
        &["id_max_length", "Int64"],
    );
    refused(&collection("id_type = \"Int32\""), &["id_type", "Int64"]);
    refused(
        &collection("id_values = { constant = 1 }"),
        &["id_values", "{ column = "],
    );
}

#[test]
fn a_search_names_one_of_several_vector_fields() {
    let data = "[data.noise]";
    let images =
        "[data.images]\nformat = \"random\"\nrows = 7\ndim = 4\nqueries = 3\n\n[data.noise]";
    let more = "vectors = [{ name = \"image\", data = \"images\", metric = \"L2\", \
                index = { type = \"FLAT\" } }]";
    let text = collection(more).replace(data, images);
    let plan = good(&text.replace("rate = 200", "rate = 200\nvector_field = \"image\""));
    let shape = &plan.collections[0].shape;
    let names: Vec<_> = shape
        .vectors()
        .map(|vector| (vector.name.as_str(), vector.dim))
        .collect();
    assert_eq!(names, [("vector", 8), ("image", 4)]);
    assert_ne!(
        plan.collections[0].fingerprint,
        good(GOOD).collections[0].fingerprint
    );
    refused(
        &text.replace("rate = 200", "rate = 200\nvector_field = \"rank\""),
        &["vector_field", "\"rank\"", "it has: vector, image"],
    );
    refused(
        &text.replace("\"image\"", "\"rank\""),
        &["fields.rank", "another field"],
    );
    refused(
        &text.replace("\"images\"", "\"imagse\""),
        &["vectors.image.data", "images"],
    );
    refused(
        &text.replace("metric = \"L2\"", "metric = \"HAMMING\""),
        &["vectors.image.metric"],
    );
}

#[test]
fn a_limit_above_the_usual_one_is_told_and_allowed() {
    let large = |text: &str| text.replace("params = { ef = 64 }", "limit = 100_000");
    let plan = |text: &str| {
        good(&text.replace(
            "HNSW\", params = { M = 16, efConstruction = 200 }",
            "FLAT\"",
        ))
    };
    let remarks = plan(&large(GOOD)).remarks;
    assert_eq!(
        remarks,
        [Remark::LargeLimit {
            name: "search".to_owned(),
            limit: 100_000
        }]
    );
    assert!(remarks[0].is_note() && remarks[0].to_string().contains("large_topk"));
    let with_property = collection("properties = { query_mode = \"large_topk\" }");
    assert_eq!(plan(&large(&with_property)).remarks, []);
    refused(
        &GOOD.replace("rate = 200", "rate = 200\nlimit = 1_000_001"),
        &["limit", "1000000"],
    );
}
