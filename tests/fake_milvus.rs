//! The fake Milvus answers, stalls, fails and traces as its scripts say.

mod support;

use std::time::Duration;

use milvus_bench::milvus::{METHODS, Method, methods, proto};
use milvus_bench::null_milvus::{Failure, FakeMilvus};
use prost::Message;
use support::foreign::Table;
use support::raw_client::{call, connect};
use tokio::time::Instant;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

/// A call that must succeed on the gRPC level.
async fn get<Req, Reply>(channel: &Channel, method: &'static Method, request: Req) -> Reply
where
    Req: Message + 'static,
    Reply: Message + Default + 'static,
{
    call(channel, method, Request::new(request))
        .await
        .expect(method.name)
}

async fn version(channel: &Channel) -> Result<proto::GetVersionResponse, Status> {
    call(
        channel,
        &methods::GET_VERSION,
        Request::new(proto::GetVersionRequest {}),
    )
    .await
}

/// Code and legacy code of the status in a reply.
fn codes(status: Option<proto::Status>) -> (i32, i32) {
    status
        .map(|status| (status.code, status.error_code))
        .expect("every reply has a status")
}

const THINGS: Table<'_> = Table {
    name: "things",
    dim: 2,
};

async fn create(channel: &Channel) -> proto::Status {
    get(channel, &methods::CREATE_COLLECTION, THINGS.create("ours")).await
}

/// Rows with the keys 0, 1, ... and the vectors (key, 1).
fn rows(keys: std::ops::Range<i64>) -> proto::InsertRequest {
    let floats = keys.clone().flat_map(|key| [key as f32, 1.0]).collect();
    THINGS.insert(keys.start, keys.end - keys.start, floats)
}

async fn insert(channel: &Channel, request: proto::InsertRequest) -> proto::MutationResult {
    get(channel, &methods::INSERT, request).await
}

fn search_request(queries: &[[f32; 2]], topk: usize) -> proto::SearchRequest {
    let values = queries
        .iter()
        .map(|query| query.iter().flat_map(|value| value.to_le_bytes()).collect())
        .collect();
    let placeholder = proto::PlaceholderValue {
        tag: "$0".to_owned(),
        r#type: proto::PlaceholderType::Float.into(),
        values,
    };
    proto::SearchRequest {
        collection_name: "things".to_owned(),
        placeholder_group: proto::PlaceholderGroup {
            placeholders: vec![placeholder],
        }
        .encode_to_vec()
        .into(),
        search_params: vec![
            proto::KeyValuePair::new("topk", topk),
            proto::KeyValuePair::new("params", "{}"),
            proto::KeyValuePair::new("anns_field", "vector"),
        ],
        nq: queries.len() as i64,
        ..Default::default()
    }
}

async fn search(channel: &Channel, queries: &[[f32; 2]], topk: usize) -> proto::SearchResults {
    get(channel, &methods::SEARCH, search_request(queries, topk)).await
}

/// A loaded collection `things` with `count` sealed rows and an L2 index.
async fn loaded(channel: &Channel, count: i64) {
    assert_eq!(create(channel).await.code, 0);
    assert_eq!(codes(insert(channel, rows(0..count)).await.status), (0, 0));
    let flushed: proto::FlushResponse = get(channel, &methods::FLUSH, THINGS.flush()).await;
    assert_eq!(flushed.coll_seg_ids["things"].data.len(), 1);
    assert_eq!(
        get::<_, proto::Status>(channel, &methods::CREATE_INDEX, THINGS.index("HNSW"))
            .await
            .code,
        0
    );
    assert_eq!(load(channel).await.code, 0);
}

async fn load(channel: &Channel) -> proto::Status {
    get(channel, &methods::LOAD_COLLECTION, THINGS.load()).await
}

async fn segments(channel: &Channel) -> Vec<proto::QuerySegmentInfo> {
    let request = proto::GetQuerySegmentInfoRequest {
        collection_name: "things".to_owned(),
        ..Default::default()
    };
    get::<_, proto::GetQuerySegmentInfoResponse>(channel, &methods::GET_QUERY_SEGMENT_INFO, request)
        .await
        .infos
}

async fn index(channel: &Channel) -> proto::DescribeIndexResponse {
    let request = proto::DescribeIndexRequest {
        collection_name: "things".to_owned(),
        ..Default::default()
    };
    get(channel, &methods::DESCRIBE_INDEX, request).await
}

// ---- answers ----

#[tokio::test]
async fn every_method_answers_and_is_logged() {
    let fake = FakeMilvus::start();
    let channel = connect(&fake.uri()).await;
    for method in METHODS {
        // An empty message is a valid request; the reply may be a refusal, but not a gRPC status.
        call::<(), ()>(&channel, method, Request::new(()))
            .await
            .expect(method.name);
        assert_eq!(fake.count(method), 1, "{}", method.name);
    }
    assert_eq!(fake.calls().len(), METHODS.len());
}

#[tokio::test]
async fn an_unknown_method_is_unimplemented() {
    static HYBRID: Method = Method {
        name: "HybridSearch",
        path: "/milvus.proto.milvus.MilvusService/HybridSearch",
        effect: methods::SEARCH.effect,
    };
    let fake = FakeMilvus::start();
    let status = call::<(), ()>(&connect(&fake.uri()).await, &HYBRID, Request::new(()))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
}

#[tokio::test]
async fn a_collection_lives_from_create_to_drop() {
    let fake = FakeMilvus::start();
    let channel = connect(&fake.uri()).await;
    loaded(&channel, 10).await;
    assert_eq!(fake.rows("things"), Some(10));
    let request = proto::DescribeCollectionRequest {
        collection_name: "things".to_owned(),
        ..Default::default()
    };
    let described: proto::DescribeCollectionResponse =
        get(&channel, &methods::DESCRIBE_COLLECTION, request).await;
    assert_eq!(described.consistency_level, 2);
    assert_eq!(described.schema.unwrap().description, "ours");
    let request = proto::GetLoadStateRequest {
        collection_name: "things".to_owned(),
        ..Default::default()
    };
    let state: proto::GetLoadStateResponse = get(&channel, &methods::GET_LOAD_STATE, request).await;
    assert_eq!(state.state(), proto::LoadState::Loaded);
    let infos = segments(&channel).await;
    assert_eq!(
        infos
            .iter()
            .map(|info| (info.num_rows, info.state(), info.index_name.as_str()))
            .collect::<Vec<_>>(),
        [(10, proto::SegmentState::Sealed, "_default_idx_101")]
    );
    let descriptions = index(&channel).await.index_descriptions;
    assert_eq!(
        (descriptions[0].state(), descriptions[0].total_rows),
        (proto::IndexState::Finished, 10)
    );
    let drop = proto::DropCollectionRequest {
        collection_name: "things".to_owned(),
        ..Default::default()
    };
    assert_eq!(
        get::<_, proto::Status>(&channel, &methods::DROP_COLLECTION, drop)
            .await
            .code,
        0
    );
    assert_eq!(fake.rows("things"), None);
}

#[tokio::test]
async fn a_search_has_as_many_hits_as_there_are_rows() {
    let fake = FakeMilvus::start();
    let channel = connect(&fake.uri()).await;
    loaded(&channel, 3).await;
    let results = search(&channel, &[[0.0, 1.0], [2.0, 1.0]], 10)
        .await
        .results
        .unwrap();
    assert_eq!(
        (results.num_queries, results.top_k, results.topks),
        (2, 10, vec![3, 3])
    );
    assert_eq!(results.scores.len(), 6);
    assert_eq!(
        results.ids.unwrap().id_field,
        Some(proto::ids::IdField::IntId(proto::LongArray {
            data: vec![0, 1, 2, 0, 1, 2]
        }))
    );
}

#[tokio::test]
async fn an_exact_search_finds_the_nearest_rows() {
    let fake = FakeMilvus::start();
    fake.search_exactly();
    let channel = connect(&fake.uri()).await;
    loaded(&channel, 100).await;
    let results = search(&channel, &[[42.2, 1.0]], 3).await.results.unwrap();
    assert_eq!(
        results.ids.unwrap().id_field,
        Some(proto::ids::IdField::IntId(proto::LongArray {
            data: vec![42, 43, 41]
        }))
    );
}

async fn delete(channel: &Channel, expr: &str) -> proto::MutationResult {
    let request = proto::DeleteRequest {
        collection_name: "things".to_owned(),
        expr: expr.to_owned(),
        ..Default::default()
    };
    get(channel, &methods::DELETE, request).await
}

async fn upsert(channel: &Channel, rows: proto::InsertRequest) -> proto::MutationResult {
    let request = proto::UpsertRequest {
        collection_name: rows.collection_name,
        fields_data: rows.fields_data,
        num_rows: rows.num_rows,
        ..Default::default()
    };
    get(channel, &methods::UPSERT, request).await
}

async fn query(channel: &Channel, expr: &str, output: &str) -> Vec<i64> {
    let request = proto::QueryRequest {
        collection_name: "things".to_owned(),
        expr: expr.to_owned(),
        output_fields: vec![output.to_owned()],
        query_params: if output == "id" {
            vec![proto::KeyValuePair::new("limit", 100)]
        } else {
            Vec::new()
        },
        ..Default::default()
    };
    let reply: proto::QueryResults = get(channel, &methods::QUERY, request).await;
    match reply
        .fields_data
        .into_iter()
        .next()
        .and_then(|column| column.field)
    {
        Some(proto::field_data::Field::Scalars(proto::ScalarField {
            data: Some(proto::scalar_field::Data::LongData(values)),
        })) => values.data,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn count_follows_inserts_and_deletes() {
    let fake = FakeMilvus::start();
    let channel = connect(&fake.uri()).await;
    loaded(&channel, 10).await;
    insert(&channel, rows(10..15)).await;
    // A list is counted as it stands, as Milvus does.
    assert_eq!(delete(&channel, "id in [3, 12, 99]").await.delete_cnt, 3);
    assert_eq!(query(&channel, "", "count(*)").await, [13]);
}

#[tokio::test]
async fn a_key_that_was_inserted_twice_is_found_once_and_counted_twice() {
    let fake = FakeMilvus::start();
    let channel = connect(&fake.uri()).await;
    loaded(&channel, 3).await;
    insert(&channel, rows(1..2)).await;
    assert_eq!(query(&channel, "id < 9", "id").await, [0, 2, 1]);
    assert_eq!(query(&channel, "", "count(*)").await, [4]);
}

#[tokio::test]
async fn only_a_list_of_keys_is_deleted_from_a_collection_that_is_not_loaded() {
    let fake = FakeMilvus::start();
    let channel = connect(&fake.uri()).await;
    create(&channel).await;
    insert(&channel, rows(0..4)).await;
    let listed = delete(&channel, "id in [1, 1]").await;
    assert_eq!((listed.delete_cnt, listed.timestamp), (2, 0));
    assert_eq!(codes(delete(&channel, "id < 3").await.status), (101, 1));
    assert_eq!(fake.rows("things"), Some(3));
}

#[tokio::test]
async fn an_upsert_replaces_the_rows_with_its_keys() {
    let fake = FakeMilvus::start();
    fake.search_exactly();
    let channel = connect(&fake.uri()).await;
    loaded(&channel, 10).await;
    // Keys 8 to 11 with the vectors that keys 108 to 111 would have.
    let mut moved = rows(108..112);
    moved.fields_data[0] = rows(8..12).fields_data.swap_remove(0);
    let reply = upsert(&channel, moved).await;
    assert_eq!(codes(reply.status), (0, 0));
    assert_eq!(
        (reply.insert_cnt, reply.delete_cnt, reply.upsert_cnt),
        (4, 4, 4)
    );
    assert_eq!(
        reply.ids.and_then(|ids| ids.id_field),
        Some(proto::ids::IdField::IntId(proto::LongArray {
            data: vec![8, 9, 10, 11]
        }))
    );
    assert_eq!(fake.rows("things"), Some(12));
    let results = search(&channel, &[[108.0, 1.0]], 2).await.results.unwrap();
    assert_eq!(
        (results.ids.unwrap().id_field, results.scores),
        (
            Some(proto::ids::IdField::IntId(proto::LongArray {
                data: vec![8, 9]
            })),
            vec![0.0, 1.0]
        )
    );
}

#[tokio::test]
async fn rows_are_deleted_and_found_by_comparisons() {
    let fake = FakeMilvus::start();
    let channel = connect(&fake.uri()).await;
    loaded(&channel, 10).await;
    assert_eq!(delete(&channel, "id >= 4 and id < 7").await.delete_cnt, 3);
    assert_eq!(query(&channel, "id > 2", "id").await, [3, 7, 8, 9]);
    assert_eq!(
        query(&channel, "id not in [0, 1, 2]", "count(*)").await,
        [4]
    );
    assert_eq!(query(&channel, "id == 5", "id").await, [0_i64; 0]);
    assert_eq!(codes(delete(&channel, "").await.status), (1100, 5));
    for unreadable in ["id", "id in [", "rank < 3", "id < 3 or id > 5"] {
        let reply = delete(&channel, unreadable).await;
        assert_eq!(codes(reply.status), (65535, 1), "{unreadable}");
    }
    assert_eq!(query(&channel, "", "count(*)").await, [7]);
}

#[tokio::test]
async fn refusals_carry_the_codes_of_milvus() {
    let fake = FakeMilvus::start();
    let channel = connect(&fake.uri()).await;
    assert_eq!(
        codes(search(&channel, &[[0.0, 0.0]], 1).await.status),
        (100, 4),
        "search in a missing collection"
    );
    let missing = proto::DescribeCollectionRequest {
        collection_name: "things".to_owned(),
        ..Default::default()
    };
    let described: proto::DescribeCollectionResponse =
        get(&channel, &methods::DESCRIBE_COLLECTION, missing).await;
    assert_eq!(
        codes(described.status),
        (100, 1),
        "description of a missing collection"
    );
    create(&channel).await;
    assert_eq!(
        codes(search(&channel, &[[0.0, 0.0]], 1).await.status),
        (101, 1),
        "search before load"
    );
    assert_eq!(
        codes(Some(load(&channel).await)),
        (700, 25),
        "load without index"
    );
    assert_eq!(
        codes(index(&channel).await.status),
        (700, 25),
        "description of a missing index"
    );
    assert_eq!(
        codes(
            insert(
                &channel,
                Table { dim: 4, ..THINGS }.insert(0, 4, vec![0.0; 16])
            )
            .await
            .status
        ),
        (1100, 5),
        "insert with another dimension"
    );
    let short = proto::InsertRequest {
        num_rows: 3,
        ..rows(0..4)
    };
    assert_eq!(
        codes(insert(&channel, short).await.status),
        (1100, 5),
        "insert with another number of rows"
    );
    let database = proto::HasCollectionRequest {
        db_name: "other".to_owned(),
        ..Default::default()
    };
    let has: proto::BoolResponse = get(&channel, &methods::HAS_COLLECTION, database).await;
    assert_eq!(codes(has.status), (800, 1), "missing database");
    assert_eq!(create(&channel).await.code, 0, "the same schema again");
}

#[tokio::test]
async fn finished_is_not_in_use_while_polls_are_left() {
    let fake = FakeMilvus::start();
    let channel = connect(&fake.uri()).await;
    loaded(&channel, 10).await;
    fake.segments_unindexed_for(4);
    for poll in 1..=4 {
        let infos = segments(&channel).await;
        assert_eq!(infos.is_empty(), poll <= 2, "poll {poll}");
        assert!(
            infos.iter().all(|info| info.index_name.is_empty()),
            "poll {poll}"
        );
        assert_eq!(
            index(&channel).await.index_descriptions[0].state(),
            proto::IndexState::Finished
        );
    }
    assert_eq!(
        segments(&channel).await[0].state(),
        proto::SegmentState::Sealed
    );
}

#[tokio::test]
async fn an_index_is_in_progress_for_the_wanted_polls() {
    let fake = FakeMilvus::start();
    let channel = connect(&fake.uri()).await;
    loaded(&channel, 10).await;
    fake.not_yet(&methods::DESCRIBE_INDEX, 1);
    assert_eq!(
        index(&channel).await.index_descriptions[0].pending_index_rows,
        5
    );
    assert_eq!(
        index(&channel).await.index_descriptions[0].pending_index_rows,
        0
    );
}

#[tokio::test]
async fn the_log_keeps_what_a_call_carried() {
    let fake = FakeMilvus::start();
    let channel = connect(&fake.uri()).await;
    let before = Instant::now();
    let mut request = Request::new(search_request(&[[0.0, 0.0]], 1));
    request
        .metadata_mut()
        .insert("traceparent", "00-1-1-00".parse().unwrap());
    request
        .metadata_mut()
        .insert("dbname", "default".parse().unwrap());
    let length = request.get_ref().encoded_len();
    call::<_, proto::SearchResults>(&channel, &methods::SEARCH, request)
        .await
        .unwrap();
    let calls = fake.calls();
    assert_eq!(
        (calls.len(), calls[0].method.name, calls[0].body_len),
        (1, "Search", length)
    );
    assert_eq!(calls[0].collection.as_deref(), Some("things"));
    assert_eq!(calls[0].traceparent.as_deref(), Some("00-1-1-00"));
    assert_eq!(calls[0].dbname.as_deref(), Some("default"));
    assert!(!calls[0].authorized && calls[0].arrival >= before);
    assert_eq!(fake.last_body(&methods::SEARCH).unwrap().len(), length);
}

// ---- time ----

#[tokio::test]
async fn a_delay_follows_the_number_of_the_call() {
    let fake = FakeMilvus::start();
    fake.delay_by(&methods::GET_VERSION, |number| {
        if number == 2 {
            Duration::from_millis(60)
        } else {
            Duration::ZERO
        }
    });
    let channel = connect(&fake.uri()).await;
    version(&channel).await.unwrap();
    let second = Instant::now();
    version(&channel).await.unwrap();
    assert!(second.elapsed() >= Duration::from_millis(60));
}

#[tokio::test]
async fn no_reply_leaves_during_a_stall() {
    let fake = FakeMilvus::start();
    let length = Duration::from_millis(200);
    fake.stall_after(METHODS, &methods::GET_VERSION, 5, length);
    let channel = connect(&fake.uri()).await;
    for _ in 0..4 {
        version(&channel).await.unwrap();
    }
    assert!(fake.stalls().is_empty());
    let before = Instant::now();
    let fifth = tokio::spawn({
        let channel = channel.clone();
        async move { version(&channel).await.map(|_| Instant::now()) }
    });
    fake.called(&methods::GET_VERSION, 5).await;
    // Another method, that arrives during the stall.
    get::<_, proto::CheckHealthResponse>(
        &channel,
        &methods::CHECK_HEALTH,
        proto::CheckHealthRequest {},
    )
    .await;
    let sixth = Instant::now();
    let fifth = fifth.await.unwrap().unwrap();
    let stalls = fake.stalls();
    assert_eq!(stalls.len(), 1);
    assert!(stalls[0].begin >= before && stalls[0].end >= stalls[0].begin + length);
    for done in [fifth, sixth] {
        assert!(
            done >= stalls[0].end,
            "a reply left {:?} before the end",
            stalls[0].end - done
        );
    }
}

#[tokio::test]
async fn a_stall_on_command_holds_what_is_under_way() {
    let fake = FakeMilvus::start();
    fake.delay(&methods::GET_VERSION, Duration::from_millis(20));
    let channel = connect(&fake.uri()).await;
    let under_way = tokio::spawn(async move { version(&channel).await.map(|_| Instant::now()) });
    fake.called(&methods::GET_VERSION, 1).await;
    fake.stall_now(&[&methods::GET_VERSION], Duration::from_millis(150));
    let done = under_way.await.unwrap().unwrap();
    assert!(done >= fake.stalls()[0].begin + Duration::from_millis(150));
}

#[tokio::test]
async fn capacity_lets_calls_wait_for_a_worker() {
    let fake = FakeMilvus::start();
    fake.capacity(&[&methods::GET_VERSION], 2, Duration::from_millis(20));
    let channel = connect(&fake.uri()).await;
    let begin = Instant::now();
    let calls: Vec<_> = (0..10)
        .map(|_| channel.clone())
        .map(|channel| tokio::spawn(async move { version(&channel).await }))
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert!(
        begin.elapsed() >= Duration::from_millis(100),
        "10 calls, 2 workers, 20 ms each: {:?}",
        begin.elapsed()
    );
}

#[tokio::test]
async fn calls_that_were_given_up_leave_the_queue() {
    let fake = FakeMilvus::start();
    fake.capacity(&[&methods::GET_VERSION], 1, Duration::from_millis(500));
    let channel = connect(&fake.uri()).await;
    for _ in 0..120 {
        let given_up = tokio::time::timeout(Duration::from_millis(1), version(&channel)).await;
        assert!(given_up.is_err());
    }
    // If they stayed, they would need a minute.
    tokio::time::timeout(Duration::from_secs(20), version(&channel))
        .await
        .expect("a free worker")
        .unwrap();
}

// ---- failures ----

#[tokio::test]
async fn failures_hold_for_their_range_of_calls() {
    let fake = FakeMilvus::start();
    let method = &methods::GET_VERSION;
    fake.fail(method, 1..=2, Failure::milvus(8, 49, "request is rejected"));
    fake.fail(
        method,
        3..4,
        Failure::grpc(Code::ResourceExhausted, "too large"),
    );
    fake.fail(method, 4..5, Failure::Garbage(vec![0xff; 9]));
    fake.fail(method, 5.., Failure::Silence);
    let channel = connect(&fake.uri()).await;
    for _ in 0..2 {
        assert_eq!(codes(version(&channel).await.unwrap().status), (8, 49));
    }
    assert_eq!(
        version(&channel).await.unwrap_err().code(),
        Code::ResourceExhausted
    );
    assert_eq!(
        version(&channel).await.unwrap_err().code(),
        Code::Internal,
        "not a message"
    );
    assert!(
        tokio::time::timeout(Duration::from_millis(50), version(&channel))
            .await
            .is_err(),
        "no reply"
    );
    fake.heal();
    assert_eq!(codes(version(&channel).await.unwrap().status), (0, 0));
}

#[tokio::test]
async fn a_refused_write_is_a_status_by_itself() {
    let fake = FakeMilvus::start();
    fake.fail(
        &methods::CREATE_COLLECTION,
        ..,
        Failure::milvus(9, 48, "deny to write"),
    );
    assert_eq!(
        codes(Some(create(&connect(&fake.uri()).await).await)),
        (9, 48)
    );
}

#[tokio::test]
async fn the_token_is_checked() {
    let fake = FakeMilvus::start();
    fake.require_token("root:Milvus");
    let channel = connect(&fake.uri()).await;
    let cases = [
        (None, "missing authorization"),
        (Some("cm9vdDp3cm9uZw=="), "auth check failure"),
        (Some("root:Milvus"), "invalid token format"),
    ];
    for (token, expected) in cases {
        let status = authorized(&channel, token).await.unwrap_err();
        assert_eq!(status.code(), Code::Unauthenticated);
        assert!(
            status.message().starts_with(expected),
            "{token:?}: {}",
            status.message()
        );
    }
    assert!(authorized(&channel, Some("cm9vdDpNaWx2dXM=")).await.is_ok());
}

async fn authorized(
    channel: &Channel,
    token: Option<&'static str>,
) -> Result<proto::GetVersionResponse, Status> {
    let mut request = Request::new(proto::GetVersionRequest {});
    if let Some(token) = token {
        request
            .metadata_mut()
            .insert("authorization", token.parse().expect("ASCII"));
    }
    call(channel, &methods::GET_VERSION, request).await
}

#[tokio::test]
async fn a_killed_server_is_away_until_its_restart() {
    let fake = FakeMilvus::start();
    let channel = connect(&fake.uri()).await;
    loaded(&channel, 10).await;
    fake.kill();
    assert!(
        version(&channel).await.is_err(),
        "the old connection is cut"
    );
    assert!(
        std::net::TcpStream::connect(fake.address()).is_err(),
        "the port is closed"
    );
    fake.restart();
    let channel = connect(&fake.uri()).await;
    assert_eq!(
        codes(search(&channel, &[[0.0, 0.0]], 1).await.status),
        (0, 0),
        "the collection is still loaded"
    );
}

#[tokio::test]
async fn open_connections_outlive_the_port() {
    let fake = FakeMilvus::start();
    let channel = connect(&fake.uri()).await;
    version(&channel).await.unwrap();
    fake.stop_listening();
    assert!(version(&channel).await.is_ok());
    assert!(std::net::TcpStream::connect(fake.address()).is_err());
}

#[test]
fn dropping_the_handle_closes_the_port() {
    let fake = FakeMilvus::start();
    let address = fake.address();
    assert!(std::net::TcpStream::connect(address).is_ok());
    drop(fake);
    assert!(std::net::TcpStream::connect(address).is_err());
}
