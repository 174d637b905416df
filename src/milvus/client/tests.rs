//! The typed client against a server that a test scripts.

use super::{
    proto::{
        CheckHealthResponse, CollectionSchema, DescribeCollectionResponse, DescribeIndexResponse,
        FieldData, GetCollectionStatisticsResponse, GetLoadStateResponse, GetVersionResponse,
        KeyValuePair, LoadState, LongArray, QueryRequest, QueryResults, ScalarField, Status,
        field_data::Field, scalar_field,
    },
    *,
};
use crate::milvus::{
    ConnectOptions, Credentials, methods,
    test_server::{Answer, Seen, TestServer},
};

const GENEROUS: Duration = Duration::from_secs(60);

async fn client_of(server: &TestServer) -> Client {
    let credentials = Credentials::Token("s3cret".into());
    let options = ConnectOptions {
        credentials,
        ..ConnectOptions::new(&server.uri)
    };
    Client::new(Transport::connect(&options).await.unwrap(), GENEROUS)
}

/// A server whose every reply is `reply`, and its client.
async fn answering(reply: impl Message) -> (TestServer, Client) {
    let body = bytes::Bytes::from(reply.encode_to_vec());
    let server = TestServer::start(move |_: &Seen| Answer::Reply(body.clone()));
    let client = client_of(&server).await;
    (server, client)
}

fn status(code: i32, error_code: i32, reason: &str) -> Option<Status> {
    Some(Status {
        code,
        error_code,
        reason: reason.into(),
        ..Status::default()
    })
}

async fn check_missing(found: Option<Status>, expected: Result<bool, &str>) {
    let (_server, client) = answering(DescribeCollectionResponse {
        status: found,
        ..Default::default()
    })
    .await;
    let described = client.describe_collection("docs").await;
    assert_eq!(
        described
            .map(|found| found.is_none())
            .map_err(|error| error.to_string()),
        expected.map_err(str::to_owned)
    );
}

fn count(data: Vec<i64>) -> QueryResults {
    let scalars = ScalarField {
        data: Some(scalar_field::Data::LongData(LongArray { data })),
    };
    let field = FieldData {
        field_name: "count(*)".into(),
        field: Some(Field::Scalars(scalars)),
        ..FieldData::default()
    };
    QueryResults {
        fields_data: vec![field],
        ..QueryResults::default()
    }
}

#[tokio::test]
async fn a_reply_is_decoded() {
    let (_server, client) = answering(GetVersionResponse {
        status: None,
        version: "v2.3.5".into(),
    })
    .await;
    assert_eq!(client.version().await.unwrap(), "v2.3.5");
    let (_server, client) = answering(CheckHealthResponse {
        reasons: vec!["full".into()],
        ..Default::default()
    })
    .await;
    assert_eq!(client.health().await.unwrap().reasons, ["full"]);
}

#[tokio::test]
async fn moments_and_sizes_are_told() {
    let reply = GetVersionResponse {
        status: None,
        version: "v2".into(),
    };
    let (_server, client) = answering(reply.clone()).await;
    let request = QueryRequest {
        expr: "id > 1".into(),
        ..Default::default()
    };
    let timed = client
        .call_timed::<_, GetVersionResponse>(&methods::QUERY, &request, b"")
        .await;
    assert_eq!(
        (timed.request_bytes, timed.reply_bytes),
        (request.encoded_len(), reply.encoded_len())
    );
    assert!(timed.sent < timed.done);
    assert_eq!(timed.result.unwrap(), reply);
}

#[tokio::test]
async fn a_failed_status_names_the_method_and_hides_the_token() {
    let (_server, client) = answering(GetVersionResponse {
        status: status(1, 0, "s3cret is wrong"),
        ..Default::default()
    })
    .await;
    assert_eq!(
        client.version().await.unwrap_err().to_string(),
        "GetVersion failed: milvus_1: *** is wrong"
    );
}

#[tokio::test]
async fn bytes_that_are_no_message_are_a_bad_reply() {
    let server = TestServer::start(|_| Answer::Reply("\u{ff}".into()));
    let error = client_of(&server).await.version().await.unwrap_err();
    assert_eq!(error.failure.error, CallError::BadReply);
}

#[tokio::test]
async fn an_unknown_method_is_optional() {
    let server =
        TestServer::start(|_| Answer::Fail(tonic::Status::unimplemented("unknown method")));
    let client = client_of(&server).await;
    assert_eq!(optional(client.version().await), Ok(None));
    let server = TestServer::start(|_| Answer::Fail(tonic::Status::internal("broken")));
    let client = client_of(&server).await;
    assert_eq!(
        optional(client.version().await).unwrap_err().to_string(),
        "GetVersion failed: grpc_13: broken"
    );
}

#[tokio::test]
async fn a_collection_is_described() {
    let schema = Some(CollectionSchema {
        name: "docs".into(),
        ..Default::default()
    });
    let (mut server, client) = answering(DescribeCollectionResponse {
        schema: schema.clone(),
        ..Default::default()
    })
    .await;
    assert_eq!(
        client
            .describe_collection("docs")
            .await
            .unwrap()
            .unwrap()
            .schema,
        schema
    );
    assert_eq!(
        server.seen.recv().await.unwrap().path,
        methods::DESCRIBE_COLLECTION.path
    );
}

#[tokio::test]
async fn a_missing_collection_is_none_in_every_version() {
    check_missing(status(100, 1, "collection not found"), Ok(true)).await;
    check_missing(status(0, 4, ""), Ok(true)).await;
    check_missing(status(0, 1, "can't find collection: docs"), Ok(true)).await;
}

#[tokio::test]
async fn other_failures_are_no_missing_collection() {
    check_missing(
        status(0, 1, "etcd is down"),
        Err("DescribeCollection failed: milvus_-1: etcd is down"),
    )
    .await;
    check_missing(
        status(800, 1, "database not found"),
        Err("DescribeCollection failed: milvus_800: database not found"),
    )
    .await;
    check_missing(None, Ok(false)).await;
}

#[tokio::test]
async fn load_states_are_known_ones() {
    let (_server, client) = answering(GetLoadStateResponse {
        status: None,
        state: 3,
    })
    .await;
    assert_eq!(client.load_state("docs").await, Ok(LoadState::Loaded));
    let (_server, client) = answering(GetLoadStateResponse {
        status: None,
        state: 9,
    })
    .await;
    assert_eq!(
        client.load_state("docs").await.unwrap_err().to_string(),
        "GetLoadState failed: bad_reply: unknown load state 9"
    );
}

#[tokio::test]
async fn the_load_state_of_a_missing_collection_is_not_exist() {
    for missing in [None, status(100, 4, "collection not found")] {
        let (_server, client) = answering(GetLoadStateResponse {
            status: missing,
            state: 0,
        })
        .await;
        assert_eq!(client.load_state("docs").await, Ok(LoadState::NotExist));
    }
}

#[tokio::test]
async fn no_index_is_an_empty_list() {
    for none in [status(700, 25, "index not found"), status(0, 25, "")] {
        let (_server, client) = answering(DescribeIndexResponse {
            status: none,
            ..Default::default()
        })
        .await;
        assert_eq!(client.describe_index("docs").await, Ok(vec![]));
    }
    let (_server, client) = answering(DescribeIndexResponse {
        status: status(100, 4, "gone"),
        ..Default::default()
    })
    .await;
    assert!(client.describe_index("docs").await.is_err());
}

#[tokio::test]
async fn rows_are_counted_by_a_strong_query() {
    let (mut server, client) = answering(count(vec![42])).await;
    assert_eq!(client.count_rows("docs").await, Ok(42));
    let request = QueryRequest::decode(server.seen.recv().await.unwrap().body).unwrap();
    assert_eq!(
        (
            request.output_fields,
            request.consistency_level,
            request.guarantee_timestamp
        ),
        (vec!["count(*)".into()], 0, 0)
    );
    assert!(!request.use_default_consistency);
}

#[tokio::test]
async fn a_count_that_is_missing_or_negative_is_a_bad_reply() {
    for reply in [count(vec![]), count(vec![-1]), QueryResults::default()] {
        let (_server, client) = answering(reply).await;
        assert_eq!(
            client.count_rows("docs").await.unwrap_err().failure.error,
            CallError::BadReply
        );
    }
}

#[tokio::test]
async fn statistics_hold_the_row_count() {
    let pair = |value: &str| KeyValuePair {
        key: "row_count".into(),
        value: value.into(),
    };
    let (_server, client) = answering(GetCollectionStatisticsResponse {
        stats: vec![pair("7")],
        ..Default::default()
    })
    .await;
    assert_eq!(client.row_count("docs").await, Ok(7));
    let (_server, client) = answering(GetCollectionStatisticsResponse {
        stats: vec![pair("x")],
        ..Default::default()
    })
    .await;
    assert_eq!(
        client.row_count("docs").await.unwrap_err().failure.error,
        CallError::BadReply
    );
}
