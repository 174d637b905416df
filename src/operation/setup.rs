//! Requests of preparation as messages.
//!
//! When they are sent, and what is waited for between them, is not decided here.

use std::collections::BTreeMap;

use prost::Message;

use super::{
    CollectionShape, IndexShape, PrimaryKey, RowKeyValues, ScalarField,
    draw::text_hash,
    fields::{data_type, value_field},
};
use crate::{
    milvus::proto::{
        CollectionSchema, CreateAliasRequest, CreateCollectionRequest, CreateIndexRequest,
        DescribeIndexRequest, DropAliasRequest, DropCollectionRequest, FieldSchema, FlushRequest,
        GetFlushStateRequest, GetLoadStateRequest, KeyValuePair, LoadCollectionRequest,
        QueryRequest, ReleaseCollectionRequest,
    },
    vector_type::VectorType,
};

/// Creates the collection, `description` (see [`super::mark`]) in its schema.
#[must_use]
pub fn create_collection(shape: &CollectionShape, description: &str) -> CreateCollectionRequest {
    let id = FieldSchema {
        name: shape.key.name.clone(),
        is_primary_key: true,
        data_type: shape.key.data_type() as i32,
        type_params: shape
            .key
            .max_length
            .map(|length| pair("max_length", length))
            .into_iter()
            .collect(),
        ..FieldSchema::default()
    };
    let vectors = shape.vectors().map(|vector| FieldSchema {
        name: vector.name.clone(),
        data_type: vector.vector_type.number(),
        type_params: match vector.vector_type {
            VectorType::Sparse => Vec::new(),
            _ => vec![pair("dim", vector.dim)],
        },
        ..FieldSchema::default()
    });
    let scalars = shape.fields.iter().map(scalar_schema);
    let schema = CollectionSchema {
        name: shape.name.clone(),
        description: description.to_owned(),
        fields: std::iter::once(id).chain(vectors).chain(scalars).collect(),
        enable_dynamic_field: shape.dynamic.is_some(),
        ..CollectionSchema::default()
    };
    CreateCollectionRequest {
        db_name: shape.database.clone(),
        collection_name: shape.name.clone(),
        schema: schema.encode_to_vec(),
        shards_num: i32::try_from(shape.shards).unwrap_or(i32::MAX),
        // Always sent: what is left out would be Strong.
        consistency_level: shape.consistency.level() as i32,
        properties: pairs_of(&shape.properties).collect(),
        num_partitions: i64::from(shape.partitions),
    }
}

fn scalar_schema(field: &ScalarField) -> FieldSchema {
    let element = field.element.map_or(0, |element| data_type(element) as i32);
    let lengths = [
        ("max_length", field.max_length),
        ("max_capacity", field.max_capacity),
    ];
    let lengths = lengths
        .into_iter()
        .filter_map(|(key, length)| Some(pair(key, length?)));
    let default = field.default.as_ref();
    FieldSchema {
        name: field.name.clone(),
        data_type: data_type(field.scalar_type) as i32,
        element_type: element,
        type_params: pairs_of(&field.properties).chain(lengths).collect(),
        default_value: default.and_then(|value| value_field(field.scalar_type, value)),
        is_partition_key: field.partition_key,
        is_clustering_key: field.clustering_key,
        nullable: field.nullable,
        ..FieldSchema::default()
    }
}

/// Creates every index: that of the vectors first, then those of scalar fields.
#[must_use]
pub fn create_indexes(shape: &CollectionShape) -> Vec<CreateIndexRequest> {
    let scalars = shape
        .fields
        .iter()
        .filter_map(|field| Some((field.name.as_str(), field.index.as_ref()?, None)));
    let vectors = shape.vectors().map(|vector| {
        (
            vector.name.as_str(),
            &vector.index,
            Some(vector.metric.as_str()),
        )
    });
    vectors
        .chain(scalars)
        .map(|(field, index, metric)| create_index(shape, field, index, metric))
        .collect()
}

fn create_index(
    shape: &CollectionShape,
    field: &str,
    index: &IndexShape,
    metric: Option<&str>,
) -> CreateIndexRequest {
    let mut extra_params = vec![pair("index_type", &index.index_type)];
    extra_params.extend(metric.map(|metric| pair("metric_type", metric)));
    // As separate pairs, not as one JSON text: both work, and here every value is a text already.
    extra_params.extend(index.params.iter().map(|(key, value)| pair(key, value)));
    CreateIndexRequest {
        db_name: shape.database.clone(),
        collection_name: shape.name.clone(),
        field_name: field.to_owned(),
        extra_params,
        index_name: field.to_owned(),
    }
}

/// Asks for the state of the vector field's index.
#[must_use]
pub fn describe_index(shape: &CollectionShape) -> DescribeIndexRequest {
    DescribeIndexRequest {
        db_name: shape.database.clone(),
        collection_name: shape.name.clone(),
        field_name: shape.vector.name.clone(),
        ..DescribeIndexRequest::default()
    }
}

/// Loads the collection with the replicas of its plan.
#[must_use]
pub fn load_collection(shape: &CollectionShape) -> LoadCollectionRequest {
    LoadCollectionRequest {
        db_name: shape.database.clone(),
        collection_name: shape.name.clone(),
        replica_number: i32::try_from(shape.replicas.max(1)).unwrap_or(i32::MAX),
        ..LoadCollectionRequest::default()
    }
}

/// Asks whether the collection is loaded.
#[must_use]
pub fn load_state(shape: &CollectionShape) -> GetLoadStateRequest {
    GetLoadStateRequest {
        db_name: shape.database.clone(),
        collection_name: shape.name.clone(),
        ..GetLoadStateRequest::default()
    }
}

/// Releases the collection.
#[must_use]
pub fn release_collection(shape: &CollectionShape) -> ReleaseCollectionRequest {
    ReleaseCollectionRequest {
        db_name: shape.database.clone(),
        collection_name: shape.name.clone(),
    }
}

/// Drops the collection.
#[must_use]
pub fn drop_collection(shape: &CollectionShape) -> DropCollectionRequest {
    DropCollectionRequest {
        db_name: shape.database.clone(),
        collection_name: shape.name.clone(),
    }
}

/// Gives the collection another name beside its own.
#[must_use]
pub fn create_alias(database: &str, collection: &str, alias: &str) -> CreateAliasRequest {
    CreateAliasRequest {
        db_name: database.to_owned(),
        collection_name: collection.to_owned(),
        alias: alias.to_owned(),
    }
}

/// Takes it away again.
#[must_use]
pub fn drop_alias(database: &str, alias: &str) -> DropAliasRequest {
    DropAliasRequest {
        db_name: database.to_owned(),
        alias: alias.to_owned(),
    }
}

/// Seals what was inserted; [`flush_state`] says when it is on disk.
#[must_use]
pub fn flush(shape: &CollectionShape) -> FlushRequest {
    FlushRequest {
        db_name: shape.database.clone(),
        collection_names: vec![shape.name.clone()],
    }
}

/// Asks whether the segments of a [`flush`] are on disk; both figures come from its reply.
#[must_use]
pub fn flush_state(
    shape: &CollectionShape,
    segment_ids: Vec<i64>,
    flush_ts: u64,
) -> GetFlushStateRequest {
    GetFlushStateRequest {
        segment_ids,
        flush_ts,
        db_name: shape.database.clone(),
        collection_name: shape.name.clone(),
    }
}

/// Counts the rows with everything that was written before: `count(*)`, Strong.
#[must_use]
pub fn count_rows(shape: &CollectionShape) -> QueryRequest {
    QueryRequest {
        db_name: shape.database.clone(),
        collection_name: shape.name.clone(),
        output_fields: vec!["count(*)".to_owned()],
        ..QueryRequest::default()
    }
}

/// 16 hex digits over everything that decides what a collection holds: schema, index, consistency,
/// rows. `data` is [`crate::dataset::identity`] and the number of rows that are inserted. Name,
/// database and replicas take no part.
#[must_use]
pub fn fingerprint(shape: &CollectionShape, data: &str) -> String {
    let index = |index: &IndexShape| format!("{} {:?}", index.index_type, index.params);
    let mut text = format!(
        "id {}\nvector {} {}\nmetric {}\nconsistency {}\nshards {}\nindex {}\ndata {data}\n",
        shape.key.name,
        shape.vector.name,
        shape.vector.dim,
        shape.vector.metric,
        shape.consistency.name(),
        shape.shards,
        index(&shape.vector.index)
    );
    for field in &shape.fields {
        let scalar_index = field.index.as_ref().map(index).unwrap_or_default();
        text.push_str(&format!(
            "field {} {} {:?} {:?} {scalar_index}\n",
            field.name,
            field.scalar_type.name(),
            field.max_length,
            field.values
        ));
    }
    text.push_str(&more_of(shape));
    format!("{:016x}", text_hash(&text))
}

/// What fields and collections have of late: nothing of those that have none of it, so that they
/// keep their fingerprint.
fn more_of(shape: &CollectionShape) -> String {
    let mut text = String::new();
    for field in &shape.fields {
        let more = format!(
            "{:?} {:?} {} {:?} {} {} {:?}",
            field.element,
            field.max_capacity,
            field.nullable,
            field.default,
            field.partition_key,
            field.clustering_key,
            field.properties
        );
        if more != "None None false None false false {}" {
            text.push_str(&format!("more of {} {more}\n", field.name));
        }
    }
    if (shape.key.max_length, &shape.key.keys) != (None, &RowKeyValues::RowNumber) {
        let PrimaryKey {
            max_length, keys, ..
        } = &shape.key;
        text.push_str(&format!("key {max_length:?} {keys:?}\n"));
    }
    let more = format!(
        "{:?} {} {:?}",
        shape.dynamic, shape.partitions, shape.properties
    );
    if more != "None 0 {}" {
        text.push_str(&format!("more {more}\n"));
    }
    text
}

fn pairs_of(properties: &BTreeMap<String, String>) -> impl Iterator<Item = KeyValuePair> {
    properties.iter().map(|(key, value)| pair(key, value))
}

fn pair(key: &str, value: impl ToString) -> KeyValuePair {
    KeyValuePair {
        key: key.to_owned(),
        value: value.to_string(),
    }
}

#[cfg(test)]
mod tests;
