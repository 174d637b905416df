//! The whole server over real connections: this crate's own client, and h2's where a frame is of
//! interest.

use std::{io::Write, net::TcpStream, time::Duration};

use bytes::Bytes;
use futures_util::future::join_all;
use rustix::thread::CpuSet;
use tokio::time::{Instant, timeout};

use super::{Delay, Errors, Failure, NullMilvus, NullOptions, Stall};
use crate::{
    milvus::{
        Call, CallError, Client, ConnectOptions, InsertParts, METHODS, Method, SetupError,
        Transport, VectorColumn, encode_insert, methods, placeholder_group,
        proto::{self, DataType, FieldSchema, IndexState, KeyValuePair, LoadState, SegmentState},
    },
    vector_type::VectorType,
};

/// No test waits longer for anything.
const LIMIT: Duration = Duration::from_secs(30);
const SAMPLED: &[u8] = b"00-0102030405060708090a0b0c0d0e0f10-1112131415161718-01";

fn start(options: NullOptions) -> NullMilvus {
    NullMilvus::start(options).expect("a free port")
}

async fn transport(server: &NullMilvus) -> Transport {
    Transport::connect(&ConnectOptions::new(server.uri()))
        .await
        .expect("it listens")
}

async fn client(server: &NullMilvus) -> Client {
    Client::new(transport(server).await, LIMIT)
}

fn search(nq: usize, limit: u32) -> proto::SearchRequest {
    proto::SearchRequest {
        collection_name: "docs".into(),
        placeholder_group: placeholder_group(VectorType::Float, &vec![&[0_u8; 16][..]; nq]),
        search_params: vec![
            KeyValuePair::new("topk", limit),
            KeyValuePair::new("params", "{}"),
        ],
        nq: nq as i64,
        ..Default::default()
    }
}

async fn searched(client: &Client) -> Result<proto::SearchResults, SetupError> {
    client.call(&methods::SEARCH, &search(1, 5), b"").await
}

fn create() -> proto::CreateCollectionRequest {
    let id = FieldSchema {
        name: "id".into(),
        is_primary_key: true,
        data_type: DataType::Int64.into(),
        ..Default::default()
    };
    let type_params = vec![KeyValuePair::new("dim", 4)];
    let vector = FieldSchema {
        name: "v".into(),
        data_type: DataType::FloatVector.into(),
        type_params,
        ..Default::default()
    };
    let schema = proto::CollectionSchema {
        name: "docs".into(),
        description: "ours".into(),
        fields: vec![id, vector],
        ..Default::default()
    };
    proto::CreateCollectionRequest {
        collection_name: "docs".into(),
        schema: prost::Message::encode_to_vec(&schema),
        ..Default::default()
    }
}

fn insert(rows: u32, dim: u32) -> Call {
    let data = vec![1; (4 * rows * dim) as usize];
    let vectors = VectorColumn {
        name: "v",
        vector_type: VectorType::Float,
        dim,
        data: &data,
    };
    let body = encode_insert(&InsertParts {
        database: "",
        collection: "docs",
        partition: "",
        fields: &[],
        vectors: &[vectors],
        rows,
    });
    Call {
        method: &methods::INSERT,
        body,
    }
}

async fn status(
    client: &Client,
    method: &'static Method,
    request: &impl prost::Message,
) -> Result<(), CallError> {
    client
        .call::<_, proto::Status>(method, request, b"")
        .await
        .map(drop)
        .map_err(|error| error.failure.error)
}

fn one() -> proto::LoadCollectionRequest {
    proto::LoadCollectionRequest {
        collection_name: "docs".into(),
        ..Default::default()
    }
}

fn index() -> proto::CreateIndexRequest {
    proto::CreateIndexRequest {
        collection_name: "docs".into(),
        field_name: "v".into(),
        ..Default::default()
    }
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one life, step after step")]
async fn a_collection_lives_from_create_to_drop() {
    let server = start(NullOptions::default());
    let (transport, client) = (transport(&server).await, client(&server).await);
    assert_eq!(client.load_state("docs").await, Ok(LoadState::NotExist));
    assert_eq!(client.describe_collection("docs").await, Ok(None));
    assert_eq!(
        status(&client, &methods::LOAD_COLLECTION, &one()).await,
        Err(CallError::Milvus(100))
    );
    status(&client, &methods::CREATE_COLLECTION, &create())
        .await
        .expect("created");
    let described = client
        .describe_collection("docs")
        .await
        .expect("described")
        .expect("there");
    assert_eq!(described.schema.expect("a schema").description, "ours");
    for rows in [300, 40] {
        let reply = transport
            .call(0, &insert(rows, 4), b"", LIMIT)
            .await
            .result
            .expect("inserted");
        let reply: proto::MutationResult = prost::Message::decode(reply).expect("a reply");
        assert_eq!(reply.insert_cnt, i64::from(rows));
    }
    let flush = proto::FlushRequest {
        collection_names: vec!["docs".into()],
        ..Default::default()
    };
    let flushed: proto::FlushResponse = client
        .call(&methods::FLUSH, &flush, b"")
        .await
        .expect("flushed");
    assert_eq!(flushed.coll_seg_ids["docs"].data.len(), 1);
    assert_eq!(client.describe_index("docs").await, Ok(Vec::new()));
    assert_eq!(
        status(&client, &methods::LOAD_COLLECTION, &one()).await,
        Err(CallError::Milvus(700))
    );
    status(&client, &methods::CREATE_INDEX, &index())
        .await
        .expect("indexed");
    let indexes = client.describe_index("docs").await.expect("an index");
    assert_eq!(
        (
            indexes[0].state(),
            indexes[0].total_rows,
            indexes[0].pending_index_rows
        ),
        (IndexState::Finished, 340, 0)
    );
    assert_eq!(client.load_state("docs").await, Ok(LoadState::NotLoad));
    status(&client, &methods::LOAD_COLLECTION, &one())
        .await
        .expect("loaded");
    assert_eq!(client.load_state("docs").await, Ok(LoadState::Loaded));
    let segments = client.query_segments("docs").await.expect("segments");
    assert_eq!(
        (
            segments[0].state(),
            segments[0].num_rows,
            segments[0].index_name.is_empty()
        ),
        (SegmentState::Sealed, 340, false)
    );
    assert_eq!(
        (
            client.count_rows("docs").await,
            client.row_count("docs").await
        ),
        (Ok(340), Ok(340))
    );
    assert_eq!(client.count_visible_rows("docs").await, Ok(340));
    let found: proto::SearchResults = client
        .call(&methods::SEARCH, &search(3, 7), b"")
        .await
        .expect("found");
    assert_eq!(found.results.expect("results").scores.len(), 21);
    status(
        &client,
        &methods::DROP_COLLECTION,
        &proto::DropCollectionRequest {
            collection_name: "docs".into(),
            ..Default::default()
        },
    )
    .await
    .expect("dropped");
    assert_eq!(client.load_state("docs").await, Ok(LoadState::NotExist));
}

#[tokio::test]
async fn an_insert_of_many_frames_is_counted() {
    let server = start(NullOptions::default());
    let (transport, client) = (transport(&server).await, client(&server).await);
    status(&client, &methods::CREATE_COLLECTION, &create())
        .await
        .expect("created");
    let call = insert(10_000, 128);
    assert!(transport.call(0, &call, b"", LIMIT).await.result.is_ok());
    assert_eq!(client.row_count("docs").await, Ok(10_000));
    assert!(server.counters().bytes_received > call.body.len() as u64);
}

#[tokio::test]
async fn every_method_is_answered() {
    let server = start(NullOptions::default());
    let transport = transport(&server).await;
    for method in METHODS {
        let reply = transport
            .call(
                0,
                &Call {
                    method,
                    body: Bytes::new(),
                },
                b"",
                LIMIT,
            )
            .await;
        assert!(reply.result.is_ok(), "{}: {:?}", method.name, reply.result);
    }
    static UNKNOWN: Method = Method {
        name: "HybridSearch",
        path: "/milvus.proto.milvus.MilvusService/HybridSearch",
        effect: crate::milvus::Effect::Reads,
    };
    let reply = transport
        .call(
            0,
            &Call {
                method: &UNKNOWN,
                body: Bytes::new(),
            },
            b"",
            LIMIT,
        )
        .await;
    assert_eq!(
        reply.result.map_err(|failure| failure.error),
        Err(CallError::Grpc(12))
    );
}

#[tokio::test]
async fn what_came_in_is_counted() {
    let server = start(NullOptions::default());
    let client = client(&server).await;
    let calls = (0..10).map(|number| {
        let (client, traceparent) = (
            client.clone(),
            if number < 3 {
                SAMPLED
            } else {
                b"00-0102030405060708090a0b0c0d0e0f10-1112131415161718-00"
            },
        );
        async move {
            client
                .call::<_, proto::SearchResults>(&methods::SEARCH, &search(1, 5), traceparent)
                .await
                .expect("found")
        }
    });
    join_all(calls).await;
    client.version().await.expect("a version");
    let counters = server.counters();
    assert_eq!(
        counters.requests,
        [("GetVersion", 1), ("Search", 10)].into()
    );
    assert_eq!(
        (
            counters.requests_total(),
            counters.connections,
            counters.traced,
            counters.in_flight
        ),
        (11, 1, 3, 0)
    );
    assert!((1..=10).contains(&counters.max_in_flight), "{counters:?}");
    assert!(
        counters.bytes_sent > 0 && counters.cpu_time > Duration::ZERO,
        "{counters:?}"
    );
}

#[tokio::test]
async fn a_delay_holds_data_calls_and_no_others() {
    let server = start(NullOptions {
        delay: Delay::Fixed(Duration::from_millis(300)),
        ..NullOptions::default()
    });
    let client = client(&server).await;
    let began = Instant::now();
    // Five at a time: a server that held one after the other would need five times as long.
    let (_, version_at) = tokio::join!(join_all((0..5).map(|_| searched(&client))), async {
        client.version().await.expect("a version");
        Instant::now()
    });
    let (all, version) = (began.elapsed(), version_at - began);
    assert!(all >= Duration::from_millis(300), "{all:?}");
    assert!(
        all < Duration::from_millis(1_200),
        "one after the other: {all:?}"
    );
    assert!(version < Duration::from_millis(300), "{version:?}");
    assert_eq!(server.counters().max_in_flight, 6);
}

#[tokio::test]
async fn nothing_is_answered_in_a_stall() {
    let began = Instant::now();
    let stall = Stall {
        after: Duration::ZERO,
        length: Duration::from_millis(400),
    };
    let server = start(NullOptions {
        stalls: vec![stall],
        ..NullOptions::default()
    });
    let client = client(&server).await;
    let (found, version) = tokio::join!(searched(&client), client.version());
    assert!(found.is_ok() && version.is_ok());
    assert!(began.elapsed() >= Duration::from_millis(400));
}

async fn failure(kind: Failure, limit: Duration) -> (CallError, String) {
    let server = start(NullOptions {
        errors: Some(Errors { share: 1.0, kind }),
        ..NullOptions::default()
    });
    let client = Client::new(transport(&server).await, limit);
    client.version().await.expect("only data calls fail");
    let failure = searched(&client).await.expect_err("it fails").failure;
    (failure.error, failure.text)
}

#[tokio::test]
async fn data_calls_fail_as_the_options_say() {
    let text = || "request is rejected".to_owned();
    assert_eq!(
        failure(Failure::milvus(8, 1, &text()), LIMIT).await.0,
        CallError::Milvus(8)
    );
    let (error, words) = failure(
        Failure::Grpc {
            code: 13,
            text: text(),
        },
        LIMIT,
    )
    .await;
    assert_eq!(error, CallError::Grpc(13));
    assert!(words.contains("request is rejected"), "{words}");
    assert_eq!(
        failure(Failure::Silence, Duration::from_millis(200))
            .await
            .0,
        CallError::Timeout
    );
}

/// A request by h2 alone.
async fn version(sender: h2::client::SendRequest<Bytes>, server: &NullMilvus) -> http::StatusCode {
    let request = http::Request::post(format!("{}{}", server.uri(), methods::GET_VERSION.path))
        .body(())
        .expect("a request");
    let mut sender = sender.ready().await.expect("a stream");
    let (response, mut body) = sender.send_request(request, false).expect("sent");
    body.send_data(Bytes::from_static(&[0; 5]), true)
        .expect("sent");
    response.await.expect("a response").status()
}

#[tokio::test]
async fn a_connection_goes_away_after_its_requests() {
    let server = start(NullOptions {
        goaway_after: Some(3),
        ..NullOptions::default()
    });
    let socket = tokio::net::TcpStream::connect(server.address())
        .await
        .expect("it listens");
    let (sender, connection) = h2::client::handshake(socket).await.expect("HTTP/2");
    let ended = tokio::spawn(connection);
    for _ in 0..3 {
        assert_eq!(version(sender.clone(), &server).await, 200);
    }
    // The client still holds a sender, so that only the server can have ended it.
    let ended = timeout(LIMIT, ended)
        .await
        .expect("GOAWAY")
        .expect("no panic");
    assert!(ended.is_ok(), "{ended:?}");
    drop(sender);
    assert_eq!(server.counters().requests["GetVersion"], 3);
}

#[tokio::test]
async fn streams_are_limited() {
    let server = start(NullOptions {
        max_concurrent_streams: Some(5),
        ..NullOptions::default()
    });
    let socket = tokio::net::TcpStream::connect(server.address())
        .await
        .expect("it listens");
    let (sender, connection) = h2::client::handshake(socket).await.expect("HTTP/2");
    tokio::spawn(connection);
    version(sender.clone(), &server).await;
    assert_eq!(sender.current_max_send_streams(), 5);
}

#[tokio::test]
async fn bytes_that_are_no_http_harm_nobody() {
    let server = start(NullOptions::default());
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    for bytes in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        b"\0\xff",
        &[&preface[..], &[255; 40]].concat(),
        &[&preface[..], b"\0\0\x04\x01\x05\0\0\0\x01\xff\xff\xff\xff"].concat(),
    ] {
        let mut socket = TcpStream::connect(server.address()).expect("it listens");
        socket.write_all(bytes).expect("taken");
    }
    client(&server).await.version().await.expect("a version");
    assert_eq!(server.counters().connections, 5);
}

#[test]
fn what_can_not_be_is_refused_at_the_start() {
    let refused = |options| NullMilvus::start(options).expect_err("refused").to_string();
    let core = CpuSet::MAX_CPU;
    assert_eq!(
        refused(NullOptions {
            core: Some(core),
            ..NullOptions::default()
        }),
        format!("core is {core}, expected 0 to {}", core - 1)
    );
    let errors = Some(Errors {
        share: 2.0,
        kind: Failure::Silence,
    });
    assert_eq!(
        refused(NullOptions {
            errors,
            ..NullOptions::default()
        }),
        "the share of errors is 2, expected 0 to 1"
    );
    let taken = start(NullOptions::default());
    assert!(
        NullMilvus::start(NullOptions {
            listen: taken.address(),
            ..NullOptions::default()
        })
        .is_err()
    );
}

#[tokio::test]
async fn dropping_it_closes_everything() {
    let server = start(NullOptions::default());
    let (client, address) = (client(&server).await, server.address());
    client.version().await.expect("a version");
    drop(server);
    assert_eq!(
        client.version().await.map_err(|error| error.failure.error),
        Err(CallError::Unavailable)
    );
    assert!(TcpStream::connect(address).is_err());
}

#[tokio::test]
async fn spans_of_an_exporter_are_taken_and_are_no_requests_of_milvus() {
    use opentelemetry_proto::tonic::{
        collector::trace::v1::{
            ExportTraceServiceRequest, trace_service_client::TraceServiceClient,
        },
        trace::v1::{ResourceSpans, ScopeSpans, Span},
    };

    let server = start(NullOptions::default());
    let mut client = TraceServiceClient::connect(server.uri())
        .await
        .expect("it listens");
    let spans = vec![
        Span {
            name: "Search".into(),
            ..Span::default()
        };
        5_000
    ];
    let scope_spans = vec![ScopeSpans {
        spans,
        ..ScopeSpans::default()
    }];
    let resource_spans = vec![ResourceSpans {
        scope_spans,
        ..ResourceSpans::default()
    }];
    let request = ExportTraceServiceRequest { resource_spans };
    let reply = timeout(LIMIT, client.export(request))
        .await
        .expect("an answer")
        .expect("taken")
        .into_inner();
    assert_eq!(reply.partial_success, None);
    let counters = server.counters();
    assert_eq!(
        (
            counters.exports,
            counters.requests_total(),
            counters.in_flight
        ),
        (1, 0, 0)
    );
}
