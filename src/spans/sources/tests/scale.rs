//! A span costs the same in replies of any size and shape: read, shared, judged, written. What is
//! made of it is tried in `crate::analysis::scale`.

use std::sync::Arc;

use crate::spans::scale::mean_ns;
use crate::spans::sources::generated::jaeger_v2::{
    KeyValue, Process, Span, SpanRef, SpansResponseChunk,
};
use crate::spans::sources::jaeger_legacy;
use crate::spans::sources::jaeger_v2;
use crate::spans::whole::is_whole_for;
use crate::spans::whole::tests::span;
use crate::spans::{SpanKind, Trace};

/// How many times as long a span may take in a larger trace.
const FACTOR: f64 = 10.0;
/// A thirtieth and the whole.
const SIZES: [u64; 2] = [2_000, 60_000];

/// `work` on what `make` gives takes the same time per span at both sizes.
#[track_caller]
fn check<T>(make: impl Fn(u64) -> T, work: impl Fn(T)) {
    let [small, large] = SIZES.map(|size| mean_ns(|| make(size), &work) / size as f64);
    assert!(
        large <= FACTOR * small,
        "a span takes {small:.0} ns of {}, and {large:.0} ns of {}",
        SIZES[0],
        SIZES[1]
    );
}

/// Spans in a chain, each of a process of its own.
fn chunk(spans: u64) -> SpansResponseChunk {
    let id = |id: u64| id.to_be_bytes().to_vec();
    let of = |at: u64| Span {
        trace_id: vec![1; 16],
        span_id: id(at + 1),
        references: vec![SpanRef {
            trace_id: vec![1; 16],
            span_id: id(at),
            ref_type: 0,
        }],
        process: Some(Process {
            service_name: "querynode".to_owned(),
            tags: vec![KeyValue {
                v_int64: at as i64,
                v_type: 2,
                ..KeyValue::default()
            }],
        }),
        ..Span::default()
    };
    SpansResponseChunk {
        spans: (0..spans).map(of).collect(),
    }
}

#[test]
fn processes_of_protobuf() {
    let trace_id = u128::from_be_bytes([1; 16]);
    check(chunk, |chunk| {
        assert!(
            jaeger_v2::trace_from_chunks(trace_id, vec![chunk], true)
                .expect("a trace")
                .spans
                .len() as u64
                >= SIZES[0]
        )
    });
}

#[test]
fn processes_of_json() {
    let body = |spans: u64| {
        let one = |at: u64| {
            format!(
                "{{\"traceID\":\"7\",\"spanID\":\"{:x}\",\"operationName\":\"x\",\
                 \"startTime\":{at},\"duration\":1,\"processID\":\"p{at}\"}}",
                at + 1
            )
        };
        let process = |at: u64| format!("\"p{at}\":{{\"serviceName\":\"s{at}\"}}");
        let list = |one: &dyn Fn(u64) -> String| (0..spans).map(one).collect::<Vec<_>>().join(",");
        format!(
            "{{\"data\":[{{\"spans\":[{}],\"processes\":{{{}}}}}]}}",
            list(&one),
            list(&process)
        )
    };
    check(body, |body| {
        assert!(
            jaeger_legacy::read(7, body.as_bytes())
                .expect("a trace")
                .spans
                .len() as u64
                >= SIZES[0]
        )
    });
}

#[test]
fn handlers_above_each_other_that_lead_to_no_client() {
    let chain = |spans: u64| {
        let of = |at: u64| {
            span(
                at + 2,
                at + 1,
                SpanKind::Server,
                "milvus.proto.milvus.MilvusService/Search",
                at,
                spans * 2 - at,
            )
        };
        Trace {
            trace_id: 1,
            spans: (0..spans).map(of).collect(),
        }
    };
    check(chain, |trace| assert!(!is_whole_for(&trace, &[u64::MAX])));
    check(chain, |trace| assert!(is_whole_for(&trace, &[1])));
}

#[test]
fn a_ring_of_any_length() {
    let ring = |spans: u64| {
        let of = |at: u64| {
            span(
                at + 1,
                (at + 1) % spans + 1,
                SpanKind::Server,
                "milvus.proto.milvus.MilvusService/Search",
                at,
                at + 1,
            )
        };
        Trace {
            trace_id: 1,
            spans: (0..spans).map(of).collect(),
        }
    };
    check(ring, |trace| assert!(!is_whole_for(&trace, &[u64::MAX])));
}

#[test]
fn requests_that_share_a_trace() {
    let shared = |requests: u64| {
        let of = |at: u64| {
            span(
                2 * at + 2,
                2 * at + 1,
                SpanKind::Server,
                "milvus.proto.milvus.MilvusService/Insert",
                at,
                at + 1,
            )
        };
        let clients: Vec<u64> = (0..requests).map(|at| 2 * at + 1).collect();
        (
            Trace {
                trace_id: 1,
                spans: (0..requests).map(of).collect(),
            },
            clients,
        )
    };
    check(shared, |(trace, clients)| {
        assert!(is_whole_for(&trace, &clients))
    });
}

#[test]
fn processes_that_are_equal_are_one() {
    let twice = |spans: u64| {
        let mut chunk = chunk(spans);
        chunk.spans.extend(
            super::scale::chunk(spans)
                .spans
                .into_iter()
                .map(|span| Span {
                    span_id: [&span.span_id[1..], &[9]].concat(),
                    ..span
                }),
        );
        chunk
    };
    let trace = jaeger_v2::trace_from_chunks(u128::from_be_bytes([1; 16]), vec![twice(100)], true)
        .expect("a trace");
    let places: std::collections::HashSet<_> = trace
        .spans
        .iter()
        .map(|span| Arc::as_ptr(&span.resource))
        .collect();
    assert_eq!((trace.spans.len(), places.len()), (200, 100));
}
