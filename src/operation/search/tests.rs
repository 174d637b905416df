use proptest::prelude::*;

use super::super::tests::{
    Vectors, check_refused, context, holding, key, seven_rows, shape, with_values,
};
use super::*;
use crate::operation::{QueryOrder, TRUTH_WRONG};
use crate::{
    dataset::Truth,
    milvus::proto::{
        FieldData, Ids, LongArray, PlaceholderGroup, SearchResultData, SearchResults, Status,
        StringArray,
    },
};

fn search(text: &str) -> Arc<dyn Operation> {
    build(context(text, seven_rows(), 7)).unwrap()
}

fn sent(operation: &dyn Operation, seq: u64) -> SearchRequest {
    let call = operation.prepare(key(0, seq)).unwrap();
    assert_eq!(call.method.name, "Search");
    SearchRequest::decode(call.body).unwrap()
}

/// The first component of every query vector of a request, which tells them apart.
fn vectors(request: &SearchRequest) -> Vec<f32> {
    let group = PlaceholderGroup::decode(&request.placeholder_group[..]).unwrap();
    assert_eq!(group.placeholders.len(), 1);
    let values = group.placeholders[0].values.iter();
    values
        .map(|value| f32::from_le_bytes([value[0], value[1], value[2], value[3]]))
        .inspect(|_| assert_eq!(group.placeholders[0].tag, "$0"))
        .collect()
}

fn param(request: &SearchRequest, key: &str) -> Option<String> {
    request
        .search_params
        .iter()
        .find(|pair| pair.key == key)
        .map(|pair| pair.value.clone())
}

#[test]
fn the_defaults_are_sent_in_full() {
    let request = sent(&*search(""), 0);
    assert_eq!(
        (
            request.db_name.as_str(),
            request.collection_name.as_str(),
            request.dsl.as_str()
        ),
        ("db", "words", "")
    );
    assert_eq!(
        (
            request.dsl_type,
            request.nq,
            request.use_default_consistency
        ),
        (1, 1, true)
    );
    let params = [
        "anns_field",
        "topk",
        "params",
        "round_decimal",
        "metric_type",
    ]
    .map(|key| param(&request, key).unwrap());
    assert_eq!(params, ["vector", "10", "{}", "-1", "L2"]);
    assert_eq!(
        (
            param(&request, "ignore_growing"),
            param(&request, "group_by_field")
        ),
        (None, None)
    );
    assert_eq!(vectors(&request).len(), 1);
}

#[test]
fn every_key_reaches_the_request() {
    let request = sent(
        &*search(
            "limit = 5\nparams = { ef = 64, level = 'x', radius = 0.5, on = true }\nfilter = \
             'rank < 3'\noutput_fields = ['rank', 'lang']\nconsistency = \
             'Eventually'\nround_decimal = 3\nignore_growing = true\ngroup_by_field = \
             'lang'\npartitions = ['a', 'b']\nnq = 2",
        ),
        1,
    );
    assert_eq!(
        param(&request, "params").unwrap(),
        r#"{"ef":64,"level":"x","on":true,"radius":0.5}"#
    );
    let params = ["topk", "round_decimal", "ignore_growing", "group_by_field"]
        .map(|key| param(&request, key).unwrap());
    assert_eq!(params, ["5", "3", "true", "lang"]);
    assert_eq!(
        (
            request.dsl.as_str(),
            &request.output_fields[..],
            &request.partition_names[..]
        ),
        (
            "rank < 3",
            &["rank".to_owned(), "lang".into()][..],
            &["a".to_owned(), "b".into()][..]
        )
    );
    assert_eq!(
        (
            request.use_default_consistency,
            request.consistency_level,
            request.guarantee_timestamp,
            request.nq
        ),
        (false, 3, 1, 2)
    );
    assert_eq!(vectors(&request).len(), 2);
}

#[test]
fn each_query_is_taken_once_in_a_pass_and_requests_take_consecutive_places() {
    let firsts = |text: &str, requests: u64| -> Vec<f32> {
        let operation = search(text);
        let key = |seq| RequestKey {
            queries: QueryOrder::new(42, "w", true),
            ..key(7, seq)
        };
        let sent = |seq| SearchRequest::decode(operation.prepare(key(seq)).unwrap().body).unwrap();
        (0..requests).flat_map(|seq| vectors(&sent(seq))).collect()
    };
    let alone = firsts("", 12);
    for pass in alone.chunks(3) {
        let mut taken = pass.to_vec();
        taken.sort_by(f32::total_cmp);
        assert_eq!(taken, [0.5, 1.5, 2.5], "{alone:?}");
    }
    assert!(
        alone.chunks(3).any(|pass| pass != &alone[..3]),
        "passes have orders of their own: {alone:?}"
    );
    assert_eq!(firsts("nq = 4", 3), alone);
    // The hash has no say.
    let operation = search("nq = 4");
    assert_eq!(
        operation.prepare(key(5, 1)).unwrap().body,
        operation.prepare(key(6, 1)).unwrap().body
    );
    assert_eq!(operation.query_numbers(key(5, 1)).len(), 4);
}

#[test]
fn what_cannot_work_is_refused_when_it_is_built() {
    let refused = |text: &str, key: &str, word: &str| {
        check_refused(&ENTRY, context(text, seven_rows(), 7), key, word)
    };
    refused("limit = 0", "limit", "1 to 1000000");
    refused("limit = 1000001", "limit", "1000001");
    refused("nq = 0", "nq", "1 to 16384");
    refused(
        "params = { ef = 9 }",
        "params.ef",
        "at least the limit of the search, 10",
    );
    refused("params = { a = [1] }", "params.a", "[1]");
    refused("params = { a = nan }", "params.a", "nan");
    refused("consistency = 'weak'", "consistency", "Bounded");
    refused("round_decimal = 7", "round_decimal", "-1 to 6");
    refused("output_fields = 'rank'", "output_fields", "list of texts");
    refused("top_k = 5", "top_k", "use limit");
    let other = Vectors {
        dim: 1,
        ..seven_rows()
    };
    check_refused(&ENTRY, context("", other, 7), "", "dimension 1");
    let no_queries = Vectors {
        queries: Vec::new(),
        ..seven_rows()
    };
    check_refused(&ENTRY, context("", no_queries, 7), "", "no query vectors");
    let data = Vectors {
        dim: 32_768,
        queries: vec![0; 4 * 32_768],
        ..Vectors::default()
    };
    let mut wide = holding(shape(), data);
    wide.vector.dim = 32_768;
    let context = OperationContext {
        collection: Arc::new(wide),
        ..context("nq = 16384", seven_rows(), 0)
    };
    check_refused(&ENTRY, context, "nq", "expected 1 to 511");
}

fn reply(ids: Vec<i64>, topks: Vec<i64>) -> SearchResultData {
    SearchResultData {
        ids: Some(Ids {
            id_field: Some(IdField::IntId(LongArray { data: ids })),
        }),
        topks,
        scores: vec![1.0; 3],
        ..SearchResultData::default()
    }
}

fn finish(
    operation: &dyn Operation,
    status: Status,
    results: Option<SearchResultData>,
) -> Result<Finished, CallError> {
    let body = SearchResults {
        status: Some(status),
        results,
        collection_name: "words".into(),
    }
    .encode_to_vec();
    operation
        .finish(key(0, 0), Bytes::from(body))
        .map_err(|failure| failure.error)
}

/// True neighbours by L2 of the queries (0.5, 0), (1.5, 0), (2.5, 0): rows 0 and 1.
fn with_truth(text: &str) -> Arc<dyn Operation> {
    let truth = Truth {
        k: 2,
        ids: vec![0, 1, 0, 1, 0, 1],
        distances: vec![1.25, 11.25, 3.25, 9.25, 7.25, 9.25],
    };
    build(context(
        text,
        Vectors {
            truth: Some(truth),
            ..seven_rows()
        },
        7,
    ))
    .unwrap()
}

fn check_recall(operation: &dyn Operation, ids: Vec<i64>, topks: Vec<i64>, expected: f32) {
    let found = finish(operation, Status::default(), Some(reply(ids, topks))).unwrap();
    assert!(
        found.recall == expected || (found.recall.is_nan() && expected.is_nan()),
        "{} is not {expected}",
        found.recall
    );
}

#[test]
fn rows_are_counted_and_failures_are_told() {
    let operation = search("");
    let rows =
        |results| finish(&*operation, Status::default(), results).map(|finished| finished.rows);
    assert_eq!(rows(Some(reply(vec![4, 5, 6], vec![3]))), Ok(3));
    assert_eq!(rows(None), Ok(0));
    let texts = Ids {
        id_field: Some(IdField::StrId(StringArray {
            data: vec!["a".into(), "b".into()],
        })),
    };
    assert_eq!(
        rows(Some(SearchResultData {
            ids: Some(texts),
            ..SearchResultData::default()
        })),
        Ok(2)
    );
    assert_eq!(
        finish(
            &*operation,
            Status {
                code: 101,
                ..Status::default()
            },
            None
        ),
        Err(CallError::Milvus(101))
    );
    assert_eq!(
        operation
            .finish(key(0, 0), Bytes::from_static(b"\x0a\xff"))
            .unwrap_err()
            .error,
        CallError::BadReply
    );
}

#[test]
fn columns_of_a_reply_are_skipped() {
    let mut data = reply(vec![4], vec![1]);
    data.fields_data = vec![FieldData {
        field_name: "rank".into(),
        ..FieldData::default()
    }];
    assert_eq!(
        finish(
            &*search("output_fields = ['rank']"),
            Status::default(),
            Some(data)
        )
        .unwrap()
        .rows,
        1
    );
}

#[test]
fn recall_is_the_share_of_true_neighbours() {
    let operation = with_truth("limit = 2");
    check_recall(&*operation, vec![0, 1], vec![2], 1.0);
    check_recall(&*operation, vec![1, 5], vec![2], 0.5);
    check_recall(&*operation, vec![0], vec![1], 0.5);
    check_recall(&*operation, vec![], vec![], 0.0);
    check_recall(&*operation, vec![0, 0], vec![2], 0.5);
}

#[test]
fn recall_of_several_queries_is_their_mean() {
    let operation = with_truth("limit = 2\nnq = 2");
    check_recall(&*operation, vec![0, 1, 0, 6], vec![2, 2], 0.75);
    check_recall(&*operation, vec![0, 0, 1], vec![1, 2], 0.75);
    for topks in [vec![2], vec![3, 2], vec![-1, 4], vec![2, 1]] {
        assert_eq!(
            finish(
                &*operation,
                Status::default(),
                Some(reply(vec![0, 1, 0, 6], topks))
            ),
            Err(CallError::BadReply)
        );
    }
}

#[test]
fn recall_is_not_told_where_the_truth_does_not_hold() {
    for (text, words) in [
        (
            "limit = 3",
            "its limit is 3, and the truth of its data set has 2",
        ),
        ("limit = 2\nfilter = 'a > 1'", "`filter`"),
        ("limit = 2\nignore_growing = true", "`ignore_growing`"),
        (
            "limit = 2\nparams = { radius = 1.0 }",
            "`radius` among its params",
        ),
        ("limit = 2\npartitions = ['p']", "`partitions`"),
        ("limit = 2\ngroup_by_field = 'rank'", "`group_by_field`"),
    ] {
        let operation = with_truth(text);
        check_recall(&*operation, vec![0, 1], vec![2], f32::NAN);
        let why = operation.no_recall().unwrap_or_default();
        assert!(why.contains(words), "{words:?} is not in: {why}");
    }
    assert_eq!(with_truth("limit = 2").no_recall(), None);
    let without = search("limit = 2\nfilter = 'a > 1'");
    check_recall(&*without, vec![0, 1], vec![2], f32::NAN);
    assert_eq!(without.no_recall(), Some("its data set has no `truth`"));
}

#[test]
fn recall_is_not_told_while_rows_change() {
    let truth = Truth {
        k: 1,
        ids: vec![0; 3],
        distances: vec![1.25, 3.25, 7.25],
    };
    let why = Some("rows come".to_owned());
    let moving = OperationContext {
        truth_fails: why,
        ..context(
            "limit = 1",
            Vectors {
                truth: Some(truth),
                ..seven_rows()
            },
            7,
        )
    };
    let operation = build(moving).unwrap();
    check_recall(&*operation, vec![0], vec![1], f32::NAN);
    assert_eq!(operation.no_recall(), Some("rows come"));
}

#[test]
fn what_a_reply_held_is_told_where_it_is_wanted() {
    let body = |results| {
        Bytes::from(
            SearchResults {
                results: Some(results),
                ..SearchResults::default()
            }
            .encode_to_vec(),
        )
    };
    let kept = |text: &str| {
        build(OperationContext {
            keep_ids: true,
            ..context(text, seven_rows(), 7)
        })
        .unwrap()
    };
    let found = kept("")
        .returned(body(reply(vec![4, 5, 6], vec![3])))
        .unwrap();
    assert_eq!(
        found,
        Returned {
            ids: ReturnedIds::Numbers(vec![4, 5, 6]),
            scores: vec![1.0; 3],
            per_query: Vec::new()
        }
    );
    assert_eq!(
        kept("nq = 2")
            .returned(body(reply(vec![4, 5, 6], vec![1, 2])))
            .unwrap()
            .per_query,
        [1, 2]
    );
    let texts = Ids {
        id_field: Some(IdField::StrId(StringArray {
            data: vec!["a".into()],
        })),
    };
    let found = kept("")
        .returned(body(SearchResultData {
            ids: Some(texts),
            ..SearchResultData::default()
        }))
        .unwrap();
    assert_eq!(found.ids, ReturnedIds::Texts(vec!["a".into()]));
    assert_eq!(
        search("").returned(body(reply(vec![4, 5, 6], vec![3]))),
        None
    );
}

/// A truth that leaves out the nearest row, and queries whose rows are not known.
#[test]
fn a_truth_that_is_proved_wrong_has_no_recall() {
    let ids = [1, 2, 1, 2, 1, 2].to_vec();
    let truth = Truth {
        k: 2,
        ids: ids.clone(),
        distances: vec![11.25, 37.25, 9.25, 31.25, 9.25, 27.25],
    };
    let with_rows = build(context(
        "limit = 2",
        Vectors {
            truth: Some(truth),
            ..seven_rows()
        },
        7,
    ))
    .unwrap();
    check_recall(&*with_rows, vec![0, 1], vec![2], TRUTH_WRONG);
    check_recall(&*with_rows, vec![1, 2], vec![2], 1.0);
    let truth = Truth {
        k: 2,
        ids,
        distances: vec![1.0, 2.0, 1.0, 2.0, 1.0, 2.0],
    };
    let alone = build(context(
        "limit = 3",
        Vectors {
            truth: Some(Truth {
                k: 2,
                ..truth.clone()
            }),
            rows: Vec::new(),
            ..seven_rows()
        },
        0,
    ));
    assert!(alone.unwrap().no_recall().is_some());
    let alone = build(context(
        "limit = 2",
        Vectors {
            truth: Some(truth),
            rows: Vec::new(),
            ..seven_rows()
        },
        0,
    ))
    .unwrap();
    let scored = |scores: Vec<f32>| {
        let results = SearchResultData {
            scores,
            ..reply(vec![6, 1, 2], vec![3])
        };
        finish(&*alone, Status::default(), Some(results))
            .unwrap()
            .recall
    };
    assert_eq!(
        (scored(vec![0.25, 1.0, 2.0]), scored(vec![1.0, 1.0, 2.0])),
        (TRUTH_WRONG, 1.0)
    );
}

proptest! {
    #[test]
    fn no_reply_makes_it_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = with_truth("limit = 2\nnq = 2").finish(key(3, 0), Bytes::from(body.clone()));
        let kept = OperationContext {
            keep_ids: true,
            ..context("", seven_rows(), 7)
        };
        let _ = build(kept).unwrap().returned(Bytes::from(body));
    }

    #[test]
    fn vectors_stand_where_prost_finds_them(
        dim in 1_u32..400,
        nq in 1_usize..40,
        filter in "[a-z ]{0,300}",
        seq in 0_u64..1000,
    ) {
        let queries: Vec<u8> = (0..dim * 7)
            .flat_map(|value| (value as f32).to_le_bytes())
            .collect();
        let data = Vectors {
            dim,
            queries,
            ..Vectors::default()
        };
        let mut shape = holding(shape(), data);
        shape.vector.dim = dim;
        let mut context = OperationContext {
            collection: Arc::new(shape),
            ..context("", seven_rows(), 0)
        };
        context.keys.insert("nq".into(), Value::Integer(nq as i64));
        context
            .keys
            .insert("filter".into(), Value::String(filter.clone()));
        let operation = build(context).unwrap();
        let request = sent(&*operation, seq);
        prop_assert_eq!(&request.dsl, &filter);
        let numbers = operation.query_numbers(key(0, seq));
        let group = PlaceholderGroup::decode(&request.placeholder_group[..]).unwrap();
        for (index, value) in numbers.into_iter().zip(&group.placeholders[0].values) {
            let expected: Vec<u8> = (0..dim)
                .flat_map(|value| ((u64::from(dim) * index) as f32 + value as f32).to_le_bytes())
                .collect();
            prop_assert_eq!(value, &expected);
        }
        prop_assert_eq!(group.placeholders[0].values.len(), nq);
    }
}

#[test]
fn sparse_queries_of_different_lengths_are_sent_whole() {
    let options = crate::dataset::DatasetOptions {
        format: Some("random".into()),
        rows: Some(10),
        dim: Some(1_000),
        nonzeros: Some((1, 40)),
        query_count: Some(7),
        ..Default::default()
    };
    let source = crate::dataset::open(&options).unwrap();
    let data = source.dataset(VectorType::Sparse).unwrap();
    let mut shape = shape();
    shape.vector = VectorField {
        vector_type: VectorType::Sparse,
        metric: "IP".into(),
        index: Default::default(),
        data: Some(Arc::clone(&data)),
        ..shape.vector
    };
    let context = OperationContext {
        collection: Arc::new(shape),
        ..context("nq = 3\nfilter = 'rank < 5'\nlimit = 4", seven_rows(), 0)
    };
    let operation = build(context).unwrap();
    for seq in 0..4 {
        let request = sent(&*operation, seq);
        assert_eq!((request.nq, request.dsl.as_str()), (3, "rank < 5"));
        assert_eq!(param(&request, "topk").as_deref(), Some("4"));
        let group = PlaceholderGroup::decode(&request.placeholder_group[..]).unwrap();
        assert_eq!(group.placeholders[0].r#type, 104);
        let numbers = operation.query_numbers(key(0, seq)).into_iter();
        let expected: Vec<&[u8]> = numbers.map(|number| data.query(number)).collect();
        assert_eq!(group.placeholders[0].values, expected);
    }
}

/// The filter and the partitions of a request of a search with these values.
fn drawn(text: &str, values: &str, seq: u64) -> (String, Vec<String>, SearchRequest) {
    let context = with_values(context(text, seven_rows(), 7), values);
    let operation = build(context).unwrap();
    let body = operation.prepare(key(seq, seq)).unwrap().body;
    let request = SearchRequest::decode(body).unwrap();
    let (filter, partitions) = (request.dsl.clone(), request.partition_names.clone());
    (filter, partitions, request)
}

#[test]
fn values_of_a_request_stand_in_its_filter_and_its_partitions_and_nothing_else_changes() {
    let values = "at = { sequential = [0, 99] }\nlang = { choice = ['de'] }";
    let text = "filter = 'rank >= {at} and lang == {lang}'\npartitions = ['all', 'p_{at}']\nnq = 2";
    for seq in [0, 5, 42, 107] {
        let (filter, partitions, request) = drawn(text, values, seq);
        let at = seq % 100;
        assert_eq!(filter, format!("rank >= {at} and lang == \"de\""));
        assert_eq!(partitions, ["all".to_owned(), format!("p_{at}")]);
        let plain = build(context("nq = 2", seven_rows(), 7)).unwrap();
        let plain = plain.prepare(key(seq, seq)).unwrap().body;
        let without = SearchRequest {
            dsl: String::new(),
            partition_names: Vec::new(),
            ..request
        };
        assert_eq!(without, SearchRequest::decode(plain).unwrap());
    }
}

#[test]
fn a_filter_without_values_is_sent_as_written() {
    let text = "filter = '{at} {{ }}'";
    let operation = build(context(text, seven_rows(), 7)).unwrap();
    let body = operation.prepare(key(1, 1)).unwrap().body;
    assert_eq!(SearchRequest::decode(body).unwrap().dsl, "{at} {{ }}");
    assert!(operation.drawing().is_none());
}

/// Rows 0, 1, 2 of [`seven_rows`] have these keys.
fn keyed(key: super::super::PrimaryKey, ids: IdField) -> f32 {
    let mut shape = super::super::tests::holding(shape(), two_neighbours());
    shape.key = key;
    let context = OperationContext {
        collection: Arc::new(shape),
        ..context("limit = 2", two_neighbours(), 7)
    };
    let operation = build(context).unwrap();
    let results = SearchResultData {
        topks: vec![2],
        scores: vec![0.25, 0.5],
        ids: Some(Ids {
            id_field: Some(ids),
        }),
        ..SearchResultData::default()
    };
    let reply = SearchResults {
        status: Some(Status::default()),
        results: Some(results),
        ..SearchResults::default()
    };
    let finished = operation.finish(key_of_first(), reply.encode_to_vec().into());
    let finished = finished.unwrap();
    assert_eq!(finished.rows, 2);
    finished.recall
}

fn key_of_first() -> RequestKey {
    key(0, 0)
}

/// The neighbours of every query are rows 0 and 1.
fn two_neighbours() -> super::super::tests::Vectors {
    super::super::tests::Vectors {
        truth: Some(crate::dataset::Truth {
            k: 2,
            ids: vec![0, 1, 0, 1, 0, 1],
            distances: Vec::new(),
        }),
        ..seven_rows()
    }
}

#[test]
fn keys_of_a_reply_are_compared_as_rows() {
    use crate::dataset::testing::Table;
    let column = |table: Table| {
        let values = toml::Table::from_iter([("column".to_owned(), "key".into())]);
        let options = super::super::KeyOptions {
            name: "id".into(),
            values: Some(Value::Table(values)),
            ..Default::default()
        };
        options.resolve(Some(&table.source())).unwrap()
    };
    let numbers = column(Table::default().with_ints("key", &[70, 60, 50, 40, 30, 20, 10]));
    let ints = |data: Vec<i64>| IdField::IntId(LongArray { data });
    let query = build(context("limit = 2", two_neighbours(), 7))
        .unwrap()
        .query_numbers(key_of_first());
    let truth = two_neighbours().truth.unwrap();
    let rows = truth.neighbours(query[0] as usize).0.to_vec();
    let keys = |rows: &[i64]| rows.iter().map(|row| 70 - 10 * row).collect::<Vec<i64>>();
    assert_eq!(keyed(numbers.clone(), ints(keys(&rows))), 1.0);
    assert_eq!(keyed(numbers.clone(), ints(vec![keys(&rows)[0], 10])), 0.5);
    let letters = ["a", "b", "c", "d", "e", "f", "g"];
    let texts = column(Table::default().with_texts("key", &letters));
    let strings = |rows: &[i64]| {
        let data = rows.iter().map(|row| letters[*row as usize].to_owned());
        IdField::StrId(crate::milvus::proto::StringArray {
            data: data.collect(),
        })
    };
    assert_eq!(keyed(texts.clone(), strings(&rows)), 1.0);
    assert_eq!(keyed(texts, strings(&[rows[0], 6])), 0.5);
    assert!(
        keyed(numbers, strings(&rows)).is_nan(),
        "keys of another type"
    );
}
