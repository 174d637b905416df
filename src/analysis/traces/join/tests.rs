use super::*;
use crate::{
    analysis::{
        testing::{CLIENT, TraceMaker, resource},
        traces::times::Possible,
    },
    spans::{SpanKind, Trace},
};

const SEARCH: &str = "milvus.proto.milvus.MilvusService/Search";

fn check(trace: &TraceMaker, expected: JoinState) -> Joined {
    let joined = join_of(&trace.done());
    assert_eq!(joined.state, expected, "{joined:?}");
    joined
}

/// The call of every made trace.
const CALL: Call = Call {
    client_span_id: CLIENT,
    answered_within_ns: None,
};

fn join_of(trace: &Trace) -> Joined {
    join(&TraceIndex::new(trace, Possible::ANY), CALL)
}

fn whole() -> TraceMaker {
    TraceMaker::search(100, (10, 90))
}

#[test]
fn a_whole_trace_is_matched() {
    check(
        whole().internal((3, 2), "Proxy-Search", (20, 80)),
        JoinState::Matched,
    );
}

#[test]
fn the_clients_own_span_need_not_have_come_back() {
    let mut trace = whole().done();
    trace.spans.remove(0);
    check_trace(&trace, JoinState::Matched);
}

fn check_trace(trace: &Trace, expected: JoinState) {
    assert_eq!(join_of(trace).state, expected);
}

#[test]
fn nothing_but_the_clients_span_is_missing() {
    let mut trace = whole().done();
    trace.spans.truncate(1);
    check_trace(&trace, JoinState::Missing);
    trace.spans.clear();
    check_trace(&trace, JoinState::Missing);
}

#[test]
fn spans_without_a_server_root_have_no_root() {
    let mut trace = TraceMaker::default();
    check(
        trace.internal((3, 9), "SearchTask", (20, 80)),
        JoinState::NoRoot,
    );
    let mut trace = TraceMaker::default();
    check(
        trace.internal((3, CLIENT), "ingress", (20, 80)),
        JoinState::NoRoot,
    );
}

#[test]
fn a_handler_below_another_parent_is_not_lost() {
    let mut trace = TraceMaker::default();
    let lost = check(
        trace.internal((3, 9), "SearchTask", (20, 80)),
        JoinState::NoRoot,
    );
    assert!(lost.handler_lost);
    let mut trace = whole().done();
    let handler = trace
        .spans
        .iter_mut()
        .find(|span| areas::is_root_name(span));
    handler.expect("a handler").parent_id = Some(77);
    // The parent may be another caller of the same trace, so only the request is without a root.
    let joined = join_of(&trace);
    assert!(joined.root.is_none() && !joined.handler_lost, "{joined:?}");
}

#[test]
fn an_absent_parent_makes_a_request_incomplete() {
    check(
        whole().internal((3, 99), "SearchTask", (20, 80)),
        JoinState::Incomplete,
    );
    check(
        whole().internal((3, 99), "SearchTask", (-5, -1)),
        JoinState::Incomplete,
    );
}

#[test]
fn work_left_running_behind_the_request_does_not() {
    let joined = check(
        whole().internal((3, 99), "SearchTask-7", (91, 95)),
        JoinState::Matched,
    );
    assert_eq!(joined.aside.get("SearchTask-#"), Some(&1));
    check(
        whole().internal((3, 99), "Operate", (20, 30)),
        JoinState::Matched,
    );
}

#[test]
fn a_call_without_its_callee_makes_a_request_incomplete() {
    let proxy = resource("proxy", 1);
    let call = |name| {
        let mut trace = whole();
        trace.add((3, 2), (name, SpanKind::Client), (20, 30), &proxy);
        trace
    };
    let joined = check(
        &call("milvus.proto.query.QueryNode/Search"),
        JoinState::Incomplete,
    );
    assert_eq!(joined.callees_lost, 1);
    check(
        &call("milvus.proto.rootcoord.RootCoord/AllocTimestamp"),
        JoinState::Matched,
    );
    check(
        &call("milvus.proto.streaming.StreamingNodeHandlerService/Produce"),
        JoinState::Matched,
    );
    check(&call("etcdserverpb.KV/Range"), JoinState::Matched);
}

#[test]
fn calls_of_a_consumer_are_not_judged() {
    let mut trace = whole();
    trace.internal((3, 2), "Operate", (20, 30));
    trace.add(
        (4, 3),
        (
            "milvus.proto.data.DataCoord/SaveBinlogPaths",
            SpanKind::Client,
        ),
        (20, 30),
        &resource("datanode", 3),
    );
    check(&trace, JoinState::Matched);
}

#[test]
fn of_several_roots_the_one_that_ends_last_counts() {
    let mut trace = whole();
    trace.add(
        (5, CLIENT),
        (SEARCH, SpanKind::Server),
        (30, 95),
        &resource("proxy", 1),
    );
    let trace = trace.done();
    let index = TraceIndex::new(&trace, Possible::ANY);
    let joined = join(&index, CALL);
    assert_eq!(
        (joined.state, joined.roots, joined.root),
        (JoinState::Matched, 2, index.find(5))
    );
}

#[test]
fn a_root_below_a_root_is_no_second_one() {
    let mut trace = whole();
    trace.add(
        (5, 2),
        (SEARCH, SpanKind::Server),
        (30, 95),
        &resource("proxy", 1),
    );
    assert_eq!(check(&trace, JoinState::Matched).roots, 1);
}

#[test]
fn a_gateway_between_client_and_root_is_the_outermost_span() {
    let mut trace = TraceMaker::default();
    trace.add(
        (8, CLIENT),
        ("ingress", SpanKind::Server),
        (0, 100),
        &resource("envoy", 1),
    );
    trace.add(
        (2, 8),
        (SEARCH, SpanKind::Server),
        (10, 90),
        &resource("proxy", 1),
    );
    let trace = trace.done();
    let index = TraceIndex::new(&trace, Possible::ANY);
    let joined = join(&index, CALL);
    assert_eq!(
        (joined.state, joined.top, joined.root),
        (JoinState::Matched, index.find(8), index.find(2))
    );
}

/// A second caller in the trace, whose client span was not exported; `orphan` belongs to neither
/// that is known.
fn shared(orphan: (i64, i64)) -> TraceMaker {
    let mut trace = whole();
    trace.add(
        (20, 19),
        (SEARCH, SpanKind::Server),
        (200, 300),
        &resource("proxy", 1),
    );
    trace.internal((21, 99), "SearchTask", orphan);
    trace
}

#[test]
fn another_caller_in_the_trace_is_not_mistaken() {
    let joined = check(&shared((210, 220)), JoinState::Matched);
    assert_eq!((joined.roots, joined.aside.len()), (1, 0));
    check(&shared((20, 30)), JoinState::Incomplete);
    let mut alone = shared((210, 220)).done();
    alone.spans.retain(|span| span.span_id != 2);
    check_trace(&alone, JoinState::Missing);
}

#[test]
fn links_that_lead_round_make_a_request_incomplete() {
    let mut trace = whole();
    trace
        .internal((3, 4), "SearchTask", (20, 30))
        .internal((4, 3), "SearchTask", (20, 30));
    check(&trace, JoinState::Incomplete);
}
