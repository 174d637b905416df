//! Whatever the spans say, the latency breakdown tiles the root, and reading ends.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::{
    analysis::testing::span,
    spans::{ServerSpan, SpanKind, Trace},
};

const NAMES: [(&str, SpanKind); 12] = [
    ("milvus.proto.milvus.MilvusService/Search", SpanKind::Server),
    ("Proxy-Search", SpanKind::Internal),
    ("SearchTask", SpanKind::Internal),
    ("Proxy-Search-Execute", SpanKind::Internal),
    ("RetrieveTask", SpanKind::Internal),
    ("schedule", SpanKind::Internal),
    ("SegCoreSearch", SpanKind::Internal),
    ("milvus.proto.query.QueryNode/Search", SpanKind::Client),
    ("milvus.proto.query.QueryNode/Search", SpanKind::Server),
    (
        "milvus.proto.query.QueryNode/QuerySegments",
        SpanKind::Server,
    ),
    ("Operate", SpanKind::Internal),
    ("Frobnicate", SpanKind::Internal),
];

/// Id, parent, name, start, length, resource, events (time and name), status.
type Drawn = (u64, u64, usize, u64, u64, usize, Vec<(u64, usize)>, u8);

/// Spans with few ids, so that links meet, miss, repeat and lead round in rings; times may lie
/// anywhere.
fn spans() -> impl Strategy<Value = Vec<ServerSpan>> {
    let resources = [
        resource("standalone", 1),
        resource("segcore", 1),
        resource("querynode", 7),
        resource("proxy", 0),
    ];
    let one = (
        1u64..14,
        0u64..14,
        0..NAMES.len(),
        0u64..400,
        0u64..200,
        0usize..4,
        prop::collection::vec((0u64..600, 0usize..5), 0..4),
        0u8..3,
    );
    let events = [
        "search segments done, segmentIDs = [1 2], cost 1ms",
        "start reduce query result",
        "do search with channel done , x",
        "search request enqueue, cost 1ms",
        "scheduler process Execute",
    ];
    let make = move |(id, parent, name, start, length, of, marks, status): Drawn| ServerSpan {
        span_id: id,
        parent_id: (parent != 0).then_some(parent),
        start_ns: 1_000 + start,
        end_ns: 1_000 + start + length,
        status,
        resource: Arc::clone(&resources[of]),
        events: marks
            .into_iter()
            .map(|(time, event)| crate::spans::SpanEvent {
                name: events[event].to_owned(),
                time_ns: 1_000 + time,
            })
            .collect(),
        ..span(NAMES[name].0, NAMES[name].1)
    };
    prop::collection::vec(one.prop_map(make), 0..30)
}

/// A root with a tree of spans below it, every parent present.
fn tree() -> impl Strategy<Value = Vec<ServerSpan>> {
    (
        spans(),
        prop::collection::vec(any::<prop::sample::Index>(), 30),
    )
        .prop_map(|(mut spans, parents)| {
            for (at, span) in spans.iter_mut().enumerate() {
                span.span_id = at as u64 + 3;
                span.parent_id = Some(parents[at].index(at + 1) as u64 + 2);
            }
            let root = span(NAMES[0].0, NAMES[0].1);
            spans.push(ServerSpan {
                span_id: 2,
                parent_id: Some(CLIENT),
                start_ns: 1_000,
                end_ns: 1_400,
                ..root
            });
            spans
        })
}

fn check_any(spans: Vec<ServerSpan>, resolution_ns: u32) {
    let trace = Trace { trace_id: 1, spans };
    let index = TraceIndex::new(&trace, Possible::ANY);
    let joined = join::join(
        &index,
        Call {
            client_span_id: CLIENT,
            answered_within_ns: None,
        },
    );
    let options = AccountOptions {
        resolution_ns,
        ..options(CLIENT)
    };
    let found = account_joined(&index, &joined, &options);
    assert_eq!(found.is_some(), joined.root.is_some());
    if let Some((account, _)) = found {
        assert_tiles(&account);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn trees_are_tiled(spans in tree(), microseconds in any::<bool>()) {
        check_any(spans, if microseconds { 1_000 } else { 1 });
    }

    #[test]
    fn broken_links_neither_hang_nor_panic(spans in spans()) {
        check_any(spans, 1);
    }

    #[test]
    fn times_at_the_ends_of_the_range_do_not_panic(
        mut spans in tree(),
        at in any::<prop::sample::Index>(),
        start in any::<u64>(),
        end in any::<u64>(),
    ) {
        let at = at.index(spans.len());
        (spans[at].start_ns, spans[at].end_ns) = (start.min(end), start.max(end));
        let root_changed = at == spans.len() - 1;
        let trace = Trace { trace_id: 1, spans };
        if let Ok(account) = account(&trace, &options(CLIENT)) && !root_changed {
            assert_tiles(&account);
        }
    }

    #[test]
    fn the_order_of_spans_does_not_matter(spans in tree()) {
        let mut turned = spans.clone();
        turned.reverse();
        let of = |spans: Vec<ServerSpan>| {
            let trace = Trace { trace_id: 1, spans };
            account(&trace, &options(CLIENT)).map(|account| {
                let piece = |piece: &Piece| {
                    let id = trace.spans[piece.span as usize].span_id;
                    (id, piece.start_ns, piece.end_ns, piece.area)
                };
                account.pieces.iter().map(piece).collect::<Vec<_>>()
            })
        };
        prop_assert_eq!(of(spans), of(turned));
    }
}
