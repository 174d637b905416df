//! Genuine replies of three Jaeger versions (`tests/data/jaeger`): one trace must be the same by
//! every API.

use std::path::PathBuf;

use opentelemetry_proto::tonic::trace::v1::TracesData;
use prost::Message;

use crate::spans::assemble::trace_of;
use crate::spans::otlp::json;
use crate::spans::sources::generated::jaeger_v2::SpansResponseChunk;
use crate::spans::sources::jaeger_legacy;
use crate::spans::sources::jaeger_v2;
use crate::spans::sources::jaeger_v3;
use crate::spans::{AttributeValue, ServerSpan, SpanKind, Trace, is_whole};

const VERSIONS: [&str; 3] = ["1.46.0", "1.65.0", "2.20.0"];
const TRACES: [&str; 2] = ["search-trace", "insert-trace"];

pub(super) fn file(version: &str, name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/jaeger")
        .join(version)
        .join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Messages that are preceded by their lengths.
pub(super) fn messages<T: Message + Default>(bytes: &[u8]) -> Vec<T> {
    let mut rest = bytes;
    let mut messages = Vec::new();
    while !rest.is_empty() {
        messages.push(T::decode_length_delimited(&mut rest).expect("a whole message"));
    }
    messages
}

pub(super) fn trace_id(bytes: &[u8]) -> u128 {
    let chunks: Vec<SpansResponseChunk> = messages(bytes);
    crate::spans::assemble::id_from_bytes(&chunks[0].spans[0].trace_id).expect("an id")
}

struct Versions {
    v2: Trace,
    v3: Trace,
    json: Trace,
}

fn read(version: &str, name: &str) -> Versions {
    let v2 = file(version, &format!("{name}.get-v2.bin"));
    let id = trace_id(&v2);
    let v3: Vec<TracesData> = messages(&file(version, &format!("{name}.get-v3.bin")));
    Versions {
        v2: sorted(jaeger_v2::trace_from_chunks(id, messages(&v2), true).expect("v2")),
        v3: sorted(jaeger_v3::trace_from_messages(id, v3, true).expect("v3")),
        json: sorted(
            jaeger_legacy::read(id, &file(version, &format!("{name}.legacy.json")))
                .expect("legacy JSON"),
        ),
    }
}

fn sorted(mut trace: Trace) -> Trace {
    trace.spans.sort_by_key(|span| span.span_id);
    for span in &mut trace.spans {
        span.attributes.sort_by(|one, other| one.0.cmp(&other.0));
        let mut resource = (*span.resource).clone();
        resource
            .attributes
            .sort_by(|one, other| one.0.cmp(&other.0));
        span.resource = resource.into();
        span.events
            .sort_by(|one, other| (one.time_ns, &one.name).cmp(&(other.time_ns, &other.name)));
    }
    trace
}

/// What the legacy JSON keeps of the times: start and length cut one by one.
fn cut(mut trace: Trace) -> Trace {
    for span in &mut trace.spans {
        let length = span.duration_ns() / 1_000 * 1_000;
        span.start_ns = span.start_ns / 1_000 * 1_000;
        span.end_ns = span.start_ns + length;
        for event in &mut span.events {
            event.time_ns = event.time_ns / 1_000 * 1_000;
        }
    }
    sorted(trace)
}

/// What api_v3 of 1.46 adds.
fn without_format(mut trace: Trace) -> Trace {
    for span in &mut trace.spans {
        span.attributes
            .retain(|(key, _)| key != "internal.span.format");
    }
    trace
}

#[test]
fn v2_v3_and_json_say_the_same() {
    for version in VERSIONS {
        for name in TRACES {
            let read = read(version, name);
            assert!(
                read.v2.spans.len() >= 7,
                "{version} {name}: {}",
                read.v2.spans.len()
            );
            assert_eq!(
                read.v2,
                without_format(read.v3),
                "{version} {name}: v2 and v3"
            );
            assert_eq!(cut(read.v2), read.json, "{version} {name}: v2 and JSON");
        }
    }
}

#[test]
fn v3_over_http_says_the_same_where_it_is_otlp() {
    #[derive(serde::Deserialize)]
    struct Reply {
        result: json::read::Line,
    }
    for version in ["1.65.0", "2.20.0"] {
        for name in TRACES {
            let expected = read(version, name).v3;
            let reply: Reply = serde_json::from_slice(&file(version, &format!("{name}.v3.json")))
                .expect("api_v3 JSON");
            assert_eq!(
                sorted(trace_of(expected.trace_id, reply.result.into_spans())),
                expected,
                "{version} {name}"
            );
        }
    }
}

fn by_name<'a>(trace: &'a Trace, name: &str) -> &'a ServerSpan {
    trace
        .spans
        .iter()
        .find(|span| span.name == name)
        .unwrap_or_else(|| panic!("no span {name}"))
}

#[test]
fn a_search_has_its_ten_spans_with_all_they_hold() {
    for version in VERSIONS {
        let trace = read(version, "search-trace").v2;
        assert_eq!(trace.spans.len(), 10, "{version}");
        let client = by_name(&trace, "search");
        assert_eq!(
            (client.kind, client.parent_id, client.service()),
            (SpanKind::Client, None, "milvus-bench")
        );
        assert_eq!(
            client.attribute("bench.op"),
            Some(&AttributeValue::Text("search".into()))
        );
        let root = by_name(&trace, "milvus.proto.milvus.MilvusService/Search");
        assert_eq!(
            (root.kind, root.parent_id, root.service()),
            (SpanKind::Server, Some(client.span_id), "standalone")
        );
        assert_eq!(
            root.resource.attribute("NodeID"),
            Some(&AttributeValue::Int(1))
        );
        let execute = by_name(&trace, "Proxy-Search-Execute");
        assert_eq!((execute.scope.as_str(), execute.events.len()), ("proxy", 4));
        assert!(
            execute.events[0].name.starts_with("search segments done"),
            "{}",
            execute.events[0].name
        );
        assert!(
            trace.spans.iter().any(|span| span.service() == "segcore"),
            "{version}"
        );
        assert!(
            trace
                .spans
                .iter()
                .all(|span| span.start_ns % 1_000 != 0 || span.end_ns % 1_000 != 0),
            "{version}: nanoseconds"
        );
        assert!(is_whole(&trace, client.span_id), "{version}");
    }
}

#[test]
fn an_insert_is_whole_although_its_stray_work_is_not() {
    for version in VERSIONS {
        let trace = read(version, "insert-trace").v3;
        let client = trace
            .spans
            .iter()
            .find(|span| span.kind == SpanKind::Client && span.parent_id.is_none())
            .expect("the client's span");
        assert!(is_whole(&trace, client.span_id), "{version}");
    }
}

#[test]
fn odd_values_of_legacy_json() {
    for version in VERSIONS {
        let body = file(version, "odd-status-link.legacy.json");
        let id = first_id(&body);
        let trace = jaeger_legacy::read(id, &body).expect("odd JSON");
        let failed = by_id(&trace, 0x0101_0101_0101_0101);
        assert_eq!(
            (failed.status, failed.status_message.as_str(), failed.kind),
            (2, "boom", SpanKind::Client),
            "{version}"
        );
        assert_eq!(failed.parent_id, None, "{version}: a link is not a parent");
        assert_eq!(failed.attribute("i"), Some(&AttributeValue::Int(1 << 60)));
        assert_eq!(
            failed.attribute("arr"),
            Some(&AttributeValue::Text("[1]".into()))
        );
        assert_eq!(
            failed.attribute("by"),
            Some(&AttributeValue::Text("AQI=".into()))
        );
        assert_eq!(
            failed.attributes.len(),
            3,
            "{version}: {:?}",
            failed.attributes
        );
        let child = trace
            .spans
            .iter()
            .find(|span| span.kind == SpanKind::Server)
            .expect("the server span");
        assert_eq!((child.status, child.parent_id), (1, Some(failed.span_id)));
    }
}

#[test]
fn a_short_trace_id_is_padded() {
    for version in VERSIONS {
        let body = file(version, "odd-64bit-id.legacy.json");
        let id = first_id(&body);
        assert!(id >> 64 == 0 && id != 0);
        assert_eq!(
            jaeger_legacy::read(id, &body).expect("JSON").spans.len(),
            1,
            "{version}"
        );
    }
}

fn by_id(trace: &Trace, id: u64) -> &ServerSpan {
    trace
        .spans
        .iter()
        .find(|span| span.span_id == id)
        .expect("the span")
}

fn first_id(body: &[u8]) -> u128 {
    let json: serde_json::Value = serde_json::from_slice(body).expect("JSON");
    u128::from_str_radix(json["data"][0]["traceID"].as_str().expect("an id"), 16).expect("hex")
}
