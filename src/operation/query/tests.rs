use proptest::prelude::*;

use super::super::tests::{check_refused, context, key, seven_rows, with_values};
use super::*;
use crate::milvus::proto::{
    FloatArray, LongArray, QueryResults, ScalarField, StringArray, VectorField,
};

fn query(text: &str) -> Arc<dyn Operation> {
    build(context(text, seven_rows(), 7)).unwrap()
}

fn sent(operation: &dyn Operation, hash: u64) -> QueryRequest {
    let call = operation.prepare(key(hash, 0)).unwrap();
    assert_eq!(call.method.name, "Query");
    QueryRequest::decode(call.body).unwrap()
}

#[test]
fn a_filter_is_sent_as_written() {
    let request = sent(
        &*query(
            "filter = 'rank < 3'\nlimit = 5\noutput_fields = ['rank']\nconsistency = \
             'strong'\npartitions = ['p']",
        ),
        0,
    );
    assert_eq!(
        (
            request.db_name.as_str(),
            request.collection_name.as_str(),
            request.expr.as_str()
        ),
        ("db", "words", "rank < 3")
    );
    assert_eq!(
        (&request.output_fields[..], &request.partition_names[..]),
        (&["rank".to_owned()][..], &["p".to_owned()][..])
    );
    assert_eq!(
        request.query_params,
        [KeyValuePair {
            key: "limit".into(),
            value: "5".into()
        }]
    );
    assert_eq!(
        (
            request.use_default_consistency,
            request.consistency_level,
            request.guarantee_timestamp
        ),
        (false, 0, 0)
    );
    assert!(sent(&*query("filter = 'a > 1'"), 0).use_default_consistency);
}

#[test]
fn ids_are_drawn_among_the_rows_that_no_workload_deletes() {
    let of = |text: &str, row_keys: &RowKeys| OperationContext {
        row_keys: row_keys.clone(),
        ..context(text, seven_rows(), 7)
    };
    let keys = RowKeys::all_stay(7, 42, "words").with_leaving(4);
    let staying: HashSet<u64> = (0..3).map(|number| keys.that_stays(number)).collect();
    let operation = build(of("ids = 2", &keys)).unwrap();
    let asked = (0..100).flat_map(|hash| ids(&sent(&*operation, draw::mix(hash))));
    assert_eq!(asked.collect::<HashSet<u64>>(), staying);
    let word = "at most the 3 rows of the preparation that no workload deletes";
    check_refused(&ENTRY, of("ids = 4", &keys), "ids", word);
    let unknown = keys.with_unknown("workload `clean` deletes some".to_owned());
    let word = "but workload `clean` deletes some: use filter and limit";
    check_refused(&ENTRY, of("ids = 2", &unknown), "ids", word);
    assert!(build(of("filter = 'rank < 3'\nlimit = 2", &unknown)).is_ok());
}

/// The ids of `id in [..]`.
fn ids(request: &QueryRequest) -> Vec<u64> {
    let list = request
        .expr
        .strip_prefix("id in [")
        .and_then(|text| text.strip_suffix(']'))
        .unwrap();
    list.split(',').map(|id| id.parse().unwrap()).collect()
}

#[test]
fn random_ids_are_different_and_follow_the_hash() {
    let operation = query("ids = 3\noutput_fields = ['rank']");
    let request = sent(&*operation, 1);
    assert_eq!(
        (request.collection_name.as_str(), &request.output_fields[..]),
        ("words", &["rank".to_owned()][..])
    );
    let drawn = ids(&request);
    assert_eq!(drawn.iter().collect::<HashSet<_>>().len(), 3);
    assert!(drawn.iter().all(|id| *id < 7));
    assert_eq!(drawn, ids(&sent(&*operation, 1)));
    assert!((0..20).any(|hash| ids(&sent(&*operation, hash)) != drawn));
    // As many as there are rows: each of them once.
    let mut all = ids(&sent(&*query("ids = 7"), 5));
    all.sort_unstable();
    assert_eq!(all, [0, 1, 2, 3, 4, 5, 6]);
}

#[test]
fn ids_are_drawn_by_the_value_that_is_called_like_the_key() {
    let of = |text: &str, value: &str| {
        let context = with_values(context(text, seven_rows(), 7), &format!("id = {value}"));
        build(context).unwrap()
    };
    let newest = of("ids = 2", "{ latest = 3.0 }");
    let drawn: Vec<Vec<u64>> = (0..200)
        .map(|hash| ids(&sent(&*newest, draw::mix(hash))))
        .collect();
    assert!(
        drawn
            .iter()
            .all(|ids| ids.len() == 2 && ids[0] != ids[1] && ids.iter().all(|id| *id < 7))
    );
    let with_newest = drawn.iter().filter(|ids| ids.contains(&6)).count();
    assert!(with_newest > 180, "{with_newest} of 200");
    // A distribution that hardly gives other values than its first.
    let mut all = ids(&sent(
        &*of("ids = 7", "{ zipf = 100, of = 7, from = 0 }"),
        5,
    ));
    all.sort_unstable();
    assert_eq!(all, [0, 1, 2, 3, 4, 5, 6]);
    let mut numbers = HashSet::new();
    let sequential = of("ids = 2", "{ sequential = [0, 6] }");
    for seq in 0..7 {
        let call = sequential.prepare(key(3, seq)).unwrap();
        let ids = ids(&QueryRequest::decode(call.body).unwrap());
        assert_eq!(ids, [2 * seq % 7, (2 * seq + 1) % 7]);
        numbers.extend(ids);
    }
    assert_eq!(numbers.len(), 7);
    let word = "expected whole numbers from 0 to 6";
    for wrong in [
        "{ uniform = [0, 7] }",
        "{ uniform = [-1, 3] }",
        "{ choice = ['a'] }",
    ] {
        let context = with_values(
            context("ids = 2", seven_rows(), 7),
            &format!("id = {wrong}"),
        );
        check_refused(&ENTRY, context, "values.id", word);
    }
}

#[test]
fn a_filter_and_partitions_hold_the_values_of_their_request() {
    let text = "filter = 'rank < {n}'\nlimit = 5\npartitions = ['p_{n}']";
    let context = with_values(
        context(text, seven_rows(), 7),
        "n = { sequential = [4, 9] }",
    );
    let request = sent(&*build(context).unwrap(), 1);
    assert_eq!(
        (request.expr.as_str(), &request.partition_names[..]),
        ("rank < 4", &["p_4".to_owned()][..])
    );
    assert_eq!(
        (request.collection_name.as_str(), request.query_params.len()),
        ("words", 1)
    );
}

#[test]
fn what_cannot_work_is_refused_when_it_is_built() {
    let refused = |text: &str, key: &str, word: &str| {
        check_refused(&ENTRY, context(text, seven_rows(), 7), key, word)
    };
    refused("", "", "all rows");
    refused("filter = ' '", "", "all rows");
    refused("ids = 8", "ids", "7 rows");
    refused("ids = 0", "ids", "1 to 16384");
    refused("ids = 3\nfilter = 'a > 1'", "ids", "excludes filter");
    refused("ids = 3\nlimit = 2", "limit", "excludes ids");
    refused(
        "limit = 5\noutput_fields = ['count(*)']",
        "limit",
        "count(*)",
    );
    refused("expr = 'a > 1'", "expr", "use filter");
    refused("filter = 'a > 1'\nconsistency = 3", "consistency", "text");
    assert!(build(context("output_fields = ['count(*)']", seven_rows(), 7)).is_ok());
    assert!(build(context("limit = 3", seven_rows(), 7)).is_ok());
}

fn scalars(data: Data) -> FieldData {
    FieldData {
        field: Some(Field::Scalars(ScalarField { data: Some(data) })),
        ..FieldData::default()
    }
}

fn floats(dim: i64, count: usize) -> FieldData {
    let data = Some(vector_field::Data::FloatVector(FloatArray {
        data: vec![0.0; count],
    }));
    FieldData {
        field: Some(Field::Vectors(VectorField { dim, data })),
        ..FieldData::default()
    }
}

fn check_rows(fields_data: Vec<FieldData>, expected: u32) {
    let body = QueryResults {
        status: Some(Status::default()),
        fields_data,
        ..QueryResults::default()
    }
    .encode_to_vec();
    let finished = query("limit = 3")
        .finish(key(0, 0), Bytes::from(body))
        .unwrap();
    assert_eq!(finished.rows, expected);
    assert!(finished.recall.is_nan());
}

#[test]
fn rows_are_counted_by_the_first_column_that_tells() {
    check_rows(Vec::new(), 0);
    check_rows(
        vec![scalars(Data::LongData(LongArray {
            data: vec![1, 2, 3],
        }))],
        3,
    );
    check_rows(
        vec![
            scalars(Data::StringData(StringArray {
                data: vec!["a".into()],
            })),
            floats(2, 8),
        ],
        1,
    );
    check_rows(vec![FieldData::default(), floats(2, 8)], 4);
    check_rows(vec![floats(0, 8)], 0);
    check_rows(vec![floats(-1, 8)], 0);
}

#[test]
fn failures_are_told() {
    let body = QueryResults {
        status: Some(Status {
            code: 65535,
            ..Status::default()
        }),
        ..QueryResults::default()
    }
    .encode_to_vec();
    let failure = query("limit = 3")
        .finish(key(0, 0), Bytes::from(body))
        .unwrap_err();
    assert_eq!(failure.error, CallError::Milvus(65535));
}

proptest! {
    #[test]
    fn no_reply_makes_it_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = query("limit = 3").finish(key(3, 0), Bytes::from(body));
    }
}
