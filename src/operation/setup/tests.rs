use super::super::tests::shape;
use super::*;
use crate::operation::{Consistency, ScalarFieldOptions};

fn with_fields() -> CollectionShape {
    let field = |text: &str| {
        toml::from_str::<ScalarFieldOptions>(text)
            .unwrap()
            .resolve(42, None)
            .unwrap()
    };
    let fields = vec![
        field("name = 'rank'\ntype = 'Int64'\nindex = { type = 'INVERTED' }"),
        field(
            "name = 'lang'\ntype = 'VarChar'\nmax_length = 8\nvalues = { choice = ['en', 'de'] }",
        ),
    ];
    CollectionShape { fields, ..shape() }
}

fn pairs(pairs: &[KeyValuePair]) -> Vec<(&str, &str)> {
    pairs
        .iter()
        .map(|pair| (pair.key.as_str(), pair.value.as_str()))
        .collect()
}

#[test]
fn the_schema_has_key_vector_and_scalars() {
    let request = create_collection(&with_fields(), "milvus-bench:1:0123456789abcdef");
    assert_eq!(
        (
            request.db_name.as_str(),
            request.collection_name.as_str(),
            request.shards_num,
            request.consistency_level
        ),
        ("db", "words", 1, 2)
    );
    let schema = CollectionSchema::decode(&request.schema[..]).unwrap();
    assert_eq!(
        (schema.name.as_str(), schema.description.as_str()),
        ("words", "milvus-bench:1:0123456789abcdef")
    );
    let fields: Vec<_> = schema
        .fields
        .iter()
        .map(|field| {
            (
                field.name.as_str(),
                field.data_type,
                field.is_primary_key,
                field.auto_id,
                pairs(&field.type_params),
            )
        })
        .collect();
    let expected = [
        ("id", 5, true, false, vec![]),
        ("vector", 101, false, false, vec![("dim", "2")]),
        ("rank", 5, false, false, vec![]),
        ("lang", 21, false, false, vec![("max_length", "8")]),
    ];
    assert_eq!(fields, expected);
}

#[test]
fn every_index_is_created() {
    let requests = create_indexes(&with_fields());
    let asked: Vec<_> = requests
        .iter()
        .map(|request| (request.field_name.as_str(), pairs(&request.extra_params)))
        .collect();
    let expected = [
        (
            "vector",
            vec![("index_type", "HNSW"), ("metric_type", "L2"), ("M", "16")],
        ),
        ("rank", vec![("index_type", "INVERTED")]),
    ];
    assert_eq!(asked, expected);
}

#[test]
fn every_request_names_database_and_collection() {
    let shape = CollectionShape {
        replicas: 0,
        ..shape()
    };
    let (load, flush) = (load_collection(&shape), flush(&shape));
    assert_eq!(
        (
            load.db_name.as_str(),
            load.collection_name.as_str(),
            load.replica_number
        ),
        ("db", "words", 1)
    );
    assert_eq!(
        (flush.db_name.as_str(), flush.collection_names),
        ("db", vec!["words".to_owned()])
    );
    let (release, drop) = (release_collection(&shape), drop_collection(&shape));
    assert_eq!(
        (release.db_name.as_str(), release.collection_name.as_str()),
        ("db", "words")
    );
    assert_eq!(
        (drop.db_name.as_str(), drop.collection_name.as_str()),
        ("db", "words")
    );
    let (index, state, count) = (
        describe_index(&shape),
        load_state(&shape),
        count_rows(&shape),
    );
    assert_eq!(
        (
            index.db_name.as_str(),
            index.collection_name.as_str(),
            index.field_name.as_str()
        ),
        ("db", "words", "vector")
    );
    assert_eq!(
        (state.db_name.as_str(), state.collection_name.as_str()),
        ("db", "words")
    );
    assert_eq!(
        (
            count.collection_name.as_str(),
            count.consistency_level,
            count.guarantee_timestamp
        ),
        ("words", 0, 0)
    );
    let flushed = flush_state(&shape, vec![4], 9);
    assert_eq!(
        (
            flushed.segment_ids,
            flushed.flush_ts,
            flushed.collection_name.as_str()
        ),
        (vec![4], 9, "words")
    );
}

#[test]
fn the_fingerprint_tells_what_a_collection_holds() {
    let base = fingerprint(&with_fields(), "7 rows");
    let differs = |change: &dyn Fn(&mut CollectionShape)| {
        let mut shape = with_fields();
        change(&mut shape);
        fingerprint(&shape, "7 rows") != base
    };
    assert_ne!(base, fingerprint(&with_fields(), "8 rows"));
    assert!(differs(&|shape| shape.vector.dim = 3));
    assert!(differs(&|shape| shape.vector.metric = "IP".into()));
    assert!(differs(&|shape| shape.consistency = Consistency::Strong));
    assert!(differs(
        &|shape| shape.vector.index.params = [("M".into(), "17".into())].into()
    ));
    assert!(differs(&|shape| shape.fields[0].index = None));
    assert!(differs(&|shape| shape.fields[1].max_length = Some(9)));
    assert!(differs(
        &|shape| shape.fields[1].values = super::super::FieldValues::RowNumber
    ));
    assert!(!differs(&|shape| shape.name = "other".into()));
    assert!(!differs(&|shape| shape.replicas = 2));
}

#[test]
fn the_fingerprint_stays_the_same_between_versions() {
    assert_eq!(fingerprint(&with_fields(), "7 rows"), "82dd2af3bbce8a33");
}
