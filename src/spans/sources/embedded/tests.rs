use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};

use tonic::codec::CompressionEncoding;

use super::*;

const NONCE: u64 = 0xabcd;

fn id(lower: u64) -> u128 {
    (u128::from(NONCE) << 64) | u128::from(lower)
}

async fn send(receiver: &EmbeddedReceiver, spans: &[(u128, u64)]) -> ExportTraceServiceResponse {
    let client = TraceServiceClient::connect(format!("http://{}", receiver.addr()))
        .await
        .expect("connects");
    client
        .send_compressed(CompressionEncoding::Gzip)
        .export(export(spans))
        .await
        .expect("exports")
        .into_inner()
}

async fn receiver(limit: usize) -> EmbeddedReceiver {
    EmbeddedReceiver::start("127.0.0.1:0", NONCE, limit)
        .await
        .expect("a free port")
}

#[tokio::test]
async fn keeps_the_runs_own_traces_and_no_span_twice() {
    let receiver = receiver(100).await;
    let source = receiver.source();
    send(&receiver, &[(id(1), 1), (id(2), 1), (7, 1)]).await;
    send(&receiver, &[(id(1), 1), (id(1), 2)]).await;
    let ids = |trace: Trace| {
        trace
            .spans
            .iter()
            .map(|span| span.span_id)
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(source.trace(id(1)).await.expect("a trace")), [1, 2]);
    assert_eq!(ids(source.trace(7).await.expect("a trace")), [0; 0]);
    assert_eq!(
        source.loss().await,
        Some(LossCounters {
            received: 4,
            dropped: 0
        })
    );
}

#[tokio::test]
async fn what_is_beyond_the_limit_is_dropped_counted_and_said() {
    let receiver = receiver(2).await;
    let reply = send(&receiver, &[(id(1), 1), (id(1), 2), (id(1), 3), (9, 9)]).await;
    assert_eq!(
        reply.partial_success.map(|partial| partial.rejected_spans),
        Some(1)
    );
    let source = receiver.source();
    assert_eq!(source.trace(id(1)).await.expect("a trace").spans.len(), 2);
    assert_eq!(
        source.loss().await,
        Some(LossCounters {
            received: 3,
            dropped: 1
        })
    );
}

#[tokio::test]
async fn it_lives_as_long_as_its_source_and_frees_its_port_then() {
    let options = SourceOptions {
        listen: "127.0.0.1:0".to_owned(),
        nonce: NONCE,
        ..SourceOptions::default()
    };
    let receiver = receiver(10).await;
    let listen = receiver.addr().to_string();
    let source = receiver.source();
    drop(receiver);
    let taken = EmbeddedReceiver::start(&listen, NONCE, 1)
        .await
        .err()
        .expect("the port is taken")
        .text;
    assert!(
        taken.contains(&listen) && taken.contains("tracing.spans listen"),
        "{taken}"
    );
    drop(source);
    // The aborted task lets go of its socket when the runtime comes to it.
    while EmbeddedReceiver::start(&listen, NONCE, 1).await.is_err() {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        open(&options).await.expect("opens").info().entry.name,
        "embedded"
    );
}

fn export(spans: &[(u128, u64)]) -> ExportTraceServiceRequest {
    let span = |(trace_id, span_id): &(u128, u64)| Span {
        trace_id: trace_id.to_be_bytes().to_vec(),
        span_id: span_id.to_be_bytes().to_vec(),
        name: "x".to_owned(),
        ..Span::default()
    };
    let scope = ScopeSpans {
        spans: spans.iter().map(span).collect(),
        ..ScopeSpans::default()
    };
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            scope_spans: vec![scope],
            ..ResourceSpans::default()
        }],
    }
}

async fn with_http() -> (EmbeddedReceiver, String) {
    let receiver = receiver(100).await;
    let address = receiver
        .also_http("127.0.0.1:0")
        .await
        .expect("a free port");
    (receiver, format!("http://{address}/v1/traces"))
}

fn client() -> reqwest::Client {
    // reqwest brings no cryptography of its own; an error says that another test has chosen it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client")
}

async fn post(url: &str, headers: &[(&'static str, &str)], body: Vec<u8>) -> (u16, String) {
    let request = headers
        .iter()
        .fold(client().post(url), |request, (name, value)| {
            request.header(*name, *value)
        });
    let response = request.body(body).send().await.expect("an answer");
    (
        response.status().as_u16(),
        response.text().await.expect("a body"),
    )
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut encoder, bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut encoder, bytes).expect("memory");
    encoder.finish().expect("memory")
}

const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
const JSON: (&str, &str) = ("content-type", "application/json; charset=utf-8");

#[tokio::test]
async fn otlp_over_http_is_received_in_both_forms_and_encodings() {
    let (receiver, url) = with_http().await;
    let body = |lower| prost::Message::encode_to_vec(&export(&[(id(lower), lower)]));
    assert_eq!(post(&url, &[PROTOBUF], body(1)).await, (200, String::new()));
    assert_eq!(
        post(
            &url,
            &[PROTOBUF, ("content-encoding", "gzip")],
            gzip(&body(2))
        )
        .await
        .0,
        200
    );
    assert_eq!(
        post(
            &url,
            &[PROTOBUF, ("content-encoding", "deflate")],
            zlib(&body(3))
        )
        .await
        .0,
        200
    );
    let json = serde_json::to_vec(&export(&[(id(4), 4)])).expect("JSON");
    assert_eq!(post(&url, &[JSON], json).await, (200, "{}".to_owned()));
    let source = receiver.source();
    for lower in 1..=4 {
        assert_eq!(
            source.trace(id(lower)).await.expect("a trace").spans.len(),
            1,
            "{lower}"
        );
    }
    assert_eq!(source.refused(), None);
    assert!(
        source.info().server.contains("OTLP/HTTP at 127.0.0.1:"),
        "{}",
        source.info().server
    );
}

#[tokio::test]
async fn what_is_no_export_is_refused_counted_and_named() {
    let (receiver, url) = with_http().await;
    let body = prost::Message::encode_to_vec(&export(&[(id(1), 1)]));
    assert_eq!(
        post(
            &url,
            &[PROTOBUF, ("content-encoding", "zstd")],
            body.clone()
        )
        .await
        .0,
        415
    );
    assert_eq!(
        post(&url, &[("content-type", "text/plain")], body.clone())
            .await
            .0,
        415
    );
    assert_eq!(post(&url, &[JSON], body.clone()).await.0, 400);
    assert_eq!(
        post(&url, &[JSON], b"{\"resourceMetrics\":[]}".to_vec())
            .await
            .0,
        400
    );
    assert_eq!(
        post(&url.replace("traces", "metrics"), &[PROTOBUF], body.clone())
            .await
            .0,
        404
    );
    let grpc_port = format!("http://{}/v1/traces", receiver.addr());
    let (status, words) = post(&grpc_port, &[PROTOBUF], body).await;
    assert!(
        status == 415 && words.contains("listen_http"),
        "{status} {words}"
    );
    let refused = receiver.source().refused().expect("refused");
    for words in [
        "5 exports were refused",
        "1 with the encoding zstd",
        "1 of the type text/plain",
        "2 that are not valid OTLP",
        "1 by HTTP at the OTLP/gRPC port",
    ] {
        assert!(refused.contains(words), "{words}: {refused}");
    }
}

#[tokio::test]
async fn bombs_are_too_large_however_small_they_come() {
    let (receiver, url) = with_http().await;
    let zeros = vec![0; 64 << 20];
    assert_eq!(
        post(
            &url,
            &[PROTOBUF, ("content-encoding", "gzip")],
            gzip(&zeros)
        )
        .await
        .0,
        413
    );
    assert_eq!(
        post(
            &url,
            &[PROTOBUF, ("content-encoding", "deflate")],
            zlib(&zeros)
        )
        .await
        .0,
        413
    );
    assert_eq!(post(&url, &[PROTOBUF], zeros.clone()).await.0, 413);
    let bomb = ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            schema_url: String::from_utf8(zeros).expect("text"),
            ..ResourceSpans::default()
        }],
    };
    let client = TraceServiceClient::connect(format!("http://{}", receiver.addr()))
        .await
        .expect("connects");
    client
        .send_compressed(CompressionEncoding::Gzip)
        .export(bomb)
        .await
        .expect_err("too large");
    let refused = receiver.source().refused().expect("refused");
    assert!(refused.contains("4 larger than 16 MiB"), "{refused}");
}

#[tokio::test]
async fn a_grpc_export_in_an_unknown_encoding_is_counted_with_its_name() {
    let receiver = receiver(10).await;
    // As grpcio's `Compression.Deflate` sends it.
    let message = zlib(&prost::Message::encode_to_vec(&export(&[(id(1), 1)])));
    let body = [&[1][..], &(message.len() as u32).to_be_bytes(), &message].concat();
    let url = format!(
        "http://{}/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        receiver.addr()
    );
    // For the cryptography that it chooses.
    drop(client());
    let client = reqwest::Client::builder()
        .no_proxy()
        .http2_prior_knowledge()
        .build()
        .expect("a client");
    let request = client
        .post(&url)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("grpc-encoding", "deflate");
    let response = request.body(body).send().await.expect("an answer");
    assert_eq!(
        response
            .headers()
            .get("grpc-status")
            .map(|status| status.as_bytes()),
        Some(&b"12"[..])
    );
    let refused = receiver.source().refused().expect("refused");
    assert!(
        refused.contains("1 export was refused") && refused.contains("1 with the encoding deflate"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_taken_port_of_http_costs_http_alone() {
    let taken = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let listen_http = Some(taken.local_addr().expect("bound").to_string());
    let options = SourceOptions {
        listen: "127.0.0.1:0".to_owned(),
        listen_http,
        nonce: NONCE,
        ..SourceOptions::default()
    };
    let source = open(&options).await.expect("opens");
    assert!(
        source.info().remark.contains("tracing.spans listen_http"),
        "{}",
        source.info().remark
    );
}
