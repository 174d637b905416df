//! Is a trace all there? Decides what is read again; what a trace means is the analysis' matter.

use std::collections::HashMap;

use crate::spans::span::{ServerSpan, SpanKind, Trace};

/// Start of the name of every span that Milvus' front door records.
const FRONT_DOOR: &str = "milvus.proto.milvus.MilvusService/";
/// Consumers of a write: they run behind the request, below spans that Milvus never exports.
const BEHIND_THE_REQUEST: [&str; 3] = ["Operate", "DDNode-Operate", "WriteNode"];

/// Whether `trace` holds the server root of the request whose client span is `client_span_id`, and
/// the parent of every span.
///
/// The server root is a SERVER-kind span of a MilvusService method whose ancestors reach the
/// client's span; that one may be absent itself, as it may be kept elsewhere. Work left behind the
/// request (a span without its parent that starts after the root's end) does not make a trace
/// incomplete. A lost leaf leaves no mark, so it can't be seen here.
#[must_use]
pub fn is_whole(trace: &Trace, client_span_id: u64) -> bool {
    is_whole_for(trace, &[client_span_id])
}

/// [`is_whole`] for all requests that share one trace, as those of the set-up do.
pub(super) fn is_whole_for(trace: &Trace, clients: &[u64]) -> bool {
    let by_id: HashMap<u64, &ServerSpan> = trace
        .spans
        .iter()
        .map(|span| (span.span_id, span))
        .collect();
    let mut ways = Ways::new(clients);
    let mut found = vec![false; clients.len()];
    let mut roots_end = 0;
    for span in trace
        .spans
        .iter()
        .filter(|span| span.kind == SpanKind::Server && span.name.starts_with(FRONT_DOOR))
    {
        if let Some(client) = ways.client_above(span, &by_id) {
            found[client] = true;
            roots_end = roots_end.max(span.end_ns);
        }
    }
    let clients = &ways.clients;
    let excused = |span: &ServerSpan| {
        span.start_ns > roots_end || BEHIND_THE_REQUEST.contains(&span.name.as_str())
    };
    let has_parent = |span: &ServerSpan| {
        span.parent_id
            .is_none_or(|id| by_id.contains_key(&id) || clients.contains_key(&id))
    };
    found.iter().all(|found| *found)
        && trace
            .spans
            .iter()
            .all(|span| has_parent(span) || excused(span))
}

/// Which client span each span leads to, found once however many spans lie on one way.
struct Ways {
    /// Index of each client span.
    clients: HashMap<u64, usize>,
    /// Where spans lead that were on a way before; None also while they are on the present one.
    known: HashMap<u64, Option<usize>>,
}

impl Ways {
    fn new(clients: &[u64]) -> Self {
        let mut ways = Self {
            clients: HashMap::new(),
            known: HashMap::new(),
        };
        for (index, client) in clients.iter().enumerate() {
            ways.clients.entry(*client).or_insert(index);
        }
        ways
    }

    /// Index of the client span that the ancestors of `span` reach. A client span that has a parent
    /// among the clients (an attempt below its request) counts itself: the nearest one is taken.
    fn client_above(
        &mut self,
        span: &ServerSpan,
        by_id: &HashMap<u64, &ServerSpan>,
    ) -> Option<usize> {
        let mut way = Vec::new();
        let mut next = span.parent_id;
        let found = loop {
            let Some(id) = next else { break None };
            if let Some(client) = self.clients.get(&id) {
                break Some(*client);
            }
            // Ids from outside may form a ring: then this one is met again.
            if let Some(known) = self.known.get(&id) {
                break *known;
            }
            self.known.insert(id, None);
            way.push(id);
            next = by_id.get(&id).and_then(|span| span.parent_id);
        };
        way.into_iter()
            .for_each(|id| *self.known.entry(id).or_default() = found);
        found
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Arc;

    use super::*;

    /// A span `id` below `parent` (0: none) from `start` to `end`.
    pub(in crate::spans) fn span(
        id: u64,
        parent: u64,
        kind: SpanKind,
        name: &str,
        start: u64,
        end: u64,
    ) -> ServerSpan {
        ServerSpan {
            trace_id: 1,
            span_id: id,
            parent_id: Some(parent).filter(|parent| *parent != 0),
            name: name.to_owned(),
            kind,
            scope: String::new(),
            start_ns: start,
            end_ns: end,
            attributes: vec![],
            events: vec![],
            status: 0,
            status_message: String::new(),
            resource: Arc::default(),
        }
    }

    const SEARCH: &str = "milvus.proto.milvus.MilvusService/Search";

    /// Client 1, root 2, task 3.
    fn search() -> Vec<ServerSpan> {
        vec![
            span(1, 0, SpanKind::Client, SEARCH, 0, 100),
            span(2, 1, SpanKind::Server, SEARCH, 10, 90),
            span(3, 2, SpanKind::Internal, "SearchTask", 20, 80),
        ]
    }

    fn check(spans: Vec<ServerSpan>, expected: bool) {
        assert_eq!(is_whole(&Trace { trace_id: 1, spans }, 1), expected);
    }

    #[test]
    fn a_search_is_whole_with_and_without_the_clients_span() {
        check(search(), true);
        check(search().split_off(1), true);
    }

    #[test]
    fn nothing_or_the_client_alone_is_not() {
        check(vec![], false);
        check(search().drain(..1).collect(), false);
    }

    #[test]
    fn an_absent_parent_is_a_hole() {
        let mut spans = search();
        spans.push(span(5, 4, SpanKind::Internal, "x", 30, 40));
        check(spans, false);
    }

    #[test]
    fn an_absent_root_is_a_hole() {
        let mut spans = search();
        spans.remove(1);
        check(spans, false);
    }

    #[test]
    fn stray_work_behind_the_request_is_excused() {
        let mut spans = search();
        spans.push(span(5, 4, SpanKind::Internal, "anything", 91, 200));
        spans.push(span(6, 4, SpanKind::Internal, "Operate", 50, 200));
        check(spans, true);
    }

    #[test]
    fn a_gateway_between_client_and_root_is_walked_and_must_be_there() {
        let mut spans = search();
        spans[1].parent_id = Some(7);
        check(spans.clone(), false);
        spans.push(span(7, 1, SpanKind::Server, "envoy", 5, 95));
        check(spans, true);
    }

    #[test]
    fn the_root_of_another_caller_does_not_count() {
        let mut spans = search();
        spans[1].parent_id = None;
        check(spans, false);
    }

    #[test]
    fn a_server_span_of_a_node_is_no_root() {
        let mut spans = search();
        spans[1].name = "milvus.proto.query.QueryNode/Search".to_owned();
        check(spans, false);
    }

    #[test]
    fn a_ring_of_parents_ends() {
        check(
            vec![
                span(2, 3, SpanKind::Server, SEARCH, 0, 1),
                span(3, 2, SpanKind::Server, SEARCH, 0, 1),
            ],
            false,
        );
    }

    #[test]
    fn a_shared_trace_needs_the_root_of_each_request() {
        let spans = vec![
            span(2, 1, SpanKind::Server, SEARCH, 10, 90),
            span(12, 11, SpanKind::Server, SEARCH, 110, 190),
        ];
        let trace = Trace { trace_id: 1, spans };
        assert!(is_whole_for(&trace, &[1, 11]));
        assert!(!is_whole_for(&trace, &[1, 11, 21]));
    }
}
