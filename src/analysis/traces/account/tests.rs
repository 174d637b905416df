//! The rules one by one, on traces made by hand. Root and client span are given by
//! [`TraceMaker::search`].

use super::*;
use crate::{
    analysis::{
        testing::{CLIENT, TraceMaker, resource},
        traces::account::instance::instance,
    },
    spans::{
        AttributeValue,
        SpanKind::{Client, Internal, Server},
        SpanResource,
    },
};

mod properties;
mod recorded;

const NODE_SEARCH: &str = "milvus.proto.query.QueryNode/Search";
const GET_LEADERS: &str = "milvus.proto.query.QueryCoord/GetShardLeaders";

pub(super) fn options(client_span_id: u64) -> AccountOptions {
    AccountOptions {
        client_span_id,
        succeeded: true,
        resolution_ns: 1,
    }
}

/// Self time by span id and area, in the order of ids; every latency breakdown is checked for its
/// tiling on the way.
fn check(maker: &TraceMaker, expected: &[(u64, Area, i64)]) -> RequestAccount {
    let trace = maker.done();
    let account = account(&trace, &options(CLIENT)).expect("a matched trace");
    assert_tiles(&account);
    let mut sums: BTreeMap<(u64, Area), i64> = BTreeMap::new();
    for piece in &account.pieces {
        *sums
            .entry((trace.spans[piece.span as usize].span_id, piece.area))
            .or_default() += piece.end_ns - piece.start_ns;
    }
    let found: Vec<_> = sums
        .into_iter()
        .map(|((span, area), ns)| (span, area, ns))
        .collect();
    assert_eq!(found, expected);
    account
}

/// The pieces follow each other from the root's start to its end, and none is empty.
pub(super) fn assert_tiles(account: &RequestAccount) {
    let mut at = 0;
    for piece in &account.pieces {
        assert_eq!(piece.start_ns, at, "{account:?}");
        assert!(piece.end_ns > piece.start_ns, "{account:?}");
        at = piece.end_ns;
    }
    assert_eq!(at, account.server_ns as i64, "{account:?}");
}

fn names(map: &BTreeMap<String, u64>) -> Vec<&str> {
    map.keys().map(String::as_str).collect()
}

#[test]
fn a_root_alone_has_all_of_its_time() {
    check(&TraceMaker::search(100, (10, 90)), &[(2, Area::Other, 80)]);
}

#[test]
fn own_time_is_the_time_without_children() {
    let mut trace = TraceMaker::search(100, (0, 100));
    trace
        .internal((3, 2), "Proxy-Search-PreExecute", (10, 30))
        .internal((4, 2), "Proxy-Search-PostExecute", (50, 60));
    check(
        &trace,
        &[
            (2, Area::Other, 70),
            (3, Area::Planning, 20),
            (4, Area::Reduce, 10),
        ],
    );
}

#[test]
fn an_overlap_cuts_a_span_and_does_not_drop_it() {
    let mut trace = TraceMaker::search(100, (0, 100));
    trace
        .engine((3, 2), (10, 61))
        .internal((4, 2), "Proxy-Search-PostExecute", (60, 100));
    check(
        &trace,
        &[
            (2, Area::Other, 10),
            (3, Area::Engine, 50),
            (4, Area::Reduce, 40),
        ],
    );
}

#[test]
fn of_parallel_spans_the_one_that_ended_last_had_the_time() {
    let mut trace = TraceMaker::search(100, (0, 100));
    trace.engine((3, 2), (10, 60)).engine((4, 2), (20, 80));
    check(
        &trace,
        &[
            (2, Area::Other, 30),
            (3, Area::Engine, 10),
            (4, Area::Engine, 60),
        ],
    );
}

#[test]
fn of_equal_ends_the_earliest_start_and_then_the_smaller_id_wins() {
    let mut trace = TraceMaker::search(100, (0, 100));
    trace
        .engine((5, 2), (20, 80))
        .engine((4, 2), (10, 80))
        .engine((3, 2), (10, 80));
    check(&trace, &[(2, Area::Other, 30), (3, Area::Engine, 70)]);
}

#[test]
fn spans_without_length_take_no_part() {
    let mut trace = TraceMaker::search(100, (0, 100));
    trace.internal((3, 2), "Delegator-waitTSafe", (50, 50));
    check(&trace, &[(2, Area::Other, 100)]);
}

#[test]
fn a_child_is_cut_to_its_parent_as_that_was_cut() {
    let mut trace = TraceMaker::search(100, (0, 100));
    trace.internal((3, 2), "SearchTask", (10, 120)).internal(
        (4, 3),
        "Proxy-Search-PostExecute",
        (20, 130),
    );
    check(
        &trace,
        &[
            (2, Area::Other, 10),
            (3, Area::Other, 10),
            (4, Area::Reduce, 80),
        ],
    );
}

#[test]
fn what_mostly_lies_behind_its_parent_is_detached() {
    let mut trace = TraceMaker::search(1_000, (0, 100));
    trace.engine((3, 2), (50, 151));
    let account = check(&trace, &[(2, Area::Other, 100)]);
    assert_eq!(names(&account.aside), ["SegCoreSearch"]);
}

#[test]
fn half_behind_its_parent_is_still_part_of_it() {
    let mut trace = TraceMaker::search(1_000, (0, 100));
    trace.engine((3, 2), (50, 150));
    check(&trace, &[(2, Area::Other, 50), (3, Area::Engine, 50)]);
}

#[test]
fn a_child_that_starts_late_is_hung_on_the_ancestor_that_still_ran() {
    let mut trace = TraceMaker::search(100, (0, 100));
    trace
        .internal((3, 2), "SearchTask", (0, 90))
        .internal((4, 3), "Proxy-Search-PreExecute", (10, 20))
        .engine((5, 4), (30, 60));
    let account = check(
        &trace,
        &[
            (2, Area::Other, 10),
            (3, Area::Other, 50),
            (4, Area::Planning, 10),
            (5, Area::Engine, 30),
        ],
    );
    assert_eq!(names(&account.adopted), ["SegCoreSearch"]);
}

#[test]
fn a_child_that_starts_at_its_parents_end_stays_there() {
    let mut trace = TraceMaker::search(100, (0, 100));
    trace
        .internal((3, 2), "Proxy-Search-PreExecute", (10, 20))
        .engine((4, 3), (20, 60));
    let account = check(&trace, &[(2, Area::Other, 90), (3, Area::Planning, 10)]);
    assert!(account.adopted.is_empty());
    assert_eq!(names(&account.aside), ["SegCoreSearch"]);
}

#[test]
fn what_starts_after_the_root_is_asynchronous() {
    let mut trace = TraceMaker::search(500, (0, 100));
    trace
        .internal((3, 2), "SearchTask", (10, 50))
        .internal((4, 3), "Proxy-Search-Execute", (200, 300))
        .engine((5, 4), (210, 220));
    let account = check(&trace, &[(2, Area::Other, 60), (3, Area::Other, 40)]);
    assert_eq!(names(&account.aside), ["Proxy-Search-Execute"]);
}

#[test]
fn siblings_that_are_contained_move_below_the_shortest_that_contains_them() {
    let mut trace = TraceMaker::search(100, (0, 100));
    trace
        .internal((3, 2), "Proxy-Query", (5, 95))
        .internal((4, 2), "RetrieveTask", (20, 80));
    trace.add(
        (5, 2),
        ("milvus.proto.rootcoord.RootCoord/AllocTimestamp", Client),
        (10, 15),
        &resource("standalone", 1),
    );
    let account = check(
        &trace,
        &[
            (2, Area::Other, 10),
            (3, Area::ProxyQueue, 25),
            (4, Area::NodeToNode, 60),
            (5, Area::Timestamp, 5),
        ],
    );
    assert_eq!(
        names(&account.nested),
        [
            "RetrieveTask",
            "milvus.proto.rootcoord.RootCoord/AllocTimestamp"
        ]
    );
}

#[test]
fn siblings_of_one_name_or_of_two_services_are_not_nested() {
    let mut trace = TraceMaker::search(100, (0, 100));
    trace
        .engine((3, 2), (10, 90))
        .engine((4, 2), (20, 30))
        .internal((5, 2), "Delegator-waitTSafe", (40, 50));
    let account = check(&trace, &[(2, Area::Other, 20), (3, Area::Engine, 80)]);
    assert!(account.nested.is_empty());
}

#[test]
fn a_call_contains_no_sibling() {
    let mut trace = TraceMaker::search(100, (0, 100));
    trace.add(
        (3, 2),
        ("milvus.proto.rootcoord.RootCoord/AllocTimestamp", Client),
        (10, 90),
        &resource("standalone", 1),
    );
    trace.internal((4, 2), "Proxy-Search-PreExecute", (20, 30));
    assert!(
        check(&trace, &[(2, Area::Other, 20), (3, Area::Timestamp, 80)])
            .nested
            .is_empty()
    );
}

#[test]
fn whole_microseconds_may_stand_out_by_two() {
    let mut trace = TraceMaker::search(100_000, (0, 100_000));
    trace
        .internal((3, 2), "Proxy-Query", (5_000, 95_000))
        .internal((4, 2), "RetrieveTask", (20_000, 97_000));
    let nested = |resolution_ns| {
        let options = AccountOptions {
            resolution_ns,
            ..options(CLIENT)
        };
        account(&trace.done(), &options)
            .expect("a matched trace")
            .nested
            .len()
    };
    assert_eq!((nested(1), nested(1_000)), (0, 1));
}

/// A call of the proxy to another host, whose SERVER span lies at `callee`.
fn call_to(attributes: &[(&str, &str)], callee: (i64, i64)) -> TraceMaker {
    let attributes = attributes
        .iter()
        .map(|(key, value)| ((*key).to_owned(), AttributeValue::Text((*value).to_owned())))
        .collect();
    let other = std::sync::Arc::new(SpanResource {
        service: "querynode".to_owned(),
        attributes,
    });
    let mut trace = TraceMaker::search(1_000, (0, 1_000));
    trace.add(
        (3, 2),
        (GET_LEADERS, Client),
        (100, 900),
        &resource("proxy", 1),
    );
    trace.add((4, 3), (GET_LEADERS, Server), callee, &other);
    trace
}

fn check_shift(attributes: &[(&str, &str)], callee: (i64, i64), expected_ns: u64, own: i64) {
    let mut expected = vec![
        (2, Area::Other, 200),
        (3, Area::Metadata, 800 - own),
        (4, Area::Metadata, own),
    ];
    expected.retain(|(_, _, ns)| *ns > 0);
    let account = check(&call_to(attributes, callee), &expected);
    assert_eq!(account.largest_shift_ns, expected_ns);
}

#[test]
fn a_skewed_host_is_shifted_by_the_least_that_helps() {
    check_shift(&[("host.name", "b")], (-3_000, -2_700), 3_100, 300);
    check_shift(&[("host.name", "b")], (850, 1_050), 150, 200);
    check_shift(&[("k8s.pod.name", "b")], (50, 150), 50, 100);
    check_shift(&[("NodeID", "7")], (50, 150), 50, 100);
}

#[test]
fn a_span_of_another_host_that_is_too_long_is_centred_and_cut() {
    check_shift(&[("host.name", "b")], (100, 1_100), 100, 800);
}

#[test]
fn spans_inside_their_parents_are_not_shifted() {
    check_shift(&[("host.name", "b")], (200, 300), 0, 100);
}

#[test]
fn unknown_hosts_and_the_same_host_are_not_corrected() {
    check_shift(&[], (50, 150), 0, 50);
    check_shift(&[("NodeID", "0")], (50, 150), 0, 50);
    check_shift(&[("NodeID", "1")], (50, 150), 0, 50);
}

#[test]
fn time_before_the_callee_is_charged_to_it_and_time_after_it_to_the_caller() {
    let trace = call_to(&[("k8s.pod.name", "node-b")], (700, 800)).done();
    let account = account(&trace, &options(CLIENT)).expect("a matched trace");
    let charged: Vec<_> = account
        .pieces
        .iter()
        .filter(|piece| trace.spans[piece.span as usize].span_id == 3)
        .map(|piece| {
            (
                piece.end_ns - piece.start_ns,
                instance(&trace.spans[piece.charged.unwrap() as usize].resource),
            )
        })
        .collect();
    assert_eq!(charged, [(600, "node-b".to_owned()), (100, "1".to_owned())]);
}

#[test]
fn a_node_call_does_not_hold_what_the_node_waited_for() {
    let (proxy, leader, worker) = (
        resource("proxy", 8),
        resource("querynode", 6),
        resource("querynode", 7),
    );
    let mut trace = TraceMaker::search(1_000, (0, 1_000));
    trace
        .add((3, 2), (NODE_SEARCH, Client), (0, 900), &proxy)
        .add((4, 3), (NODE_SEARCH, Server), (100, 800), &leader);
    for (id, times) in [(5, (200, 500)), (7, (400, 600))] {
        trace.add(
            (id, 4),
            ("milvus.proto.query.QueryNode/SearchSegments", Client),
            times,
            &leader,
        );
        trace.add(
            (id + 1, id),
            ("milvus.proto.query.QueryNode/SearchSegments", Server),
            times,
            &worker,
        );
    }
    let account = account(&trace.done(), &options(CLIENT)).expect("a matched trace");
    assert_eq!(
        account
            .node_calls
            .iter()
            .map(|call| call.own_ns)
            .collect::<Vec<_>>(),
        [500, 300, 200]
    );
}

/// Two calls to one node with a pause of 200 ns, and what else is added.
fn two_calls(first_fails: bool, methods: (&str, &str)) -> TraceMaker {
    let (proxy, node) = (resource("proxy", 1), resource("querynode", 7));
    let mut trace = TraceMaker::search(1_000, (0, 1_000));
    trace.internal((3, 2), "Proxy-Search-Execute", (0, 1_000));
    trace
        .add((4, 3), (methods.0, Client), (100, 300), &proxy)
        .with(|span| span.status = if first_fails { 2 } else { 0 });
    trace.add((5, 4), (methods.0, Server), (100, 300), &node);
    trace.add((6, 3), (methods.1, Client), (500, 900), &proxy);
    trace.add((7, 6), (methods.1, Server), (500, 900), &node);
    trace
}

fn retries_of(trace: &TraceMaker) -> i64 {
    let account = account(&trace.done(), &options(CLIENT)).expect("a matched trace");
    assert_tiles(&account);
    account
        .pieces
        .iter()
        .filter(|piece| piece.area == Area::Retries)
        .map(|piece| piece.end_ns - piece.start_ns)
        .sum()
}

#[test]
fn the_pause_between_two_equal_calls_is_back_off() {
    assert_eq!(
        retries_of(&two_calls(false, (NODE_SEARCH, NODE_SEARCH))),
        200
    );
    assert_eq!(retries_of(&two_calls(false, (NODE_SEARCH, GET_LEADERS))), 0);
}

#[test]
fn work_between_two_equal_calls_is_no_pause() {
    let mut trace = two_calls(false, (NODE_SEARCH, NODE_SEARCH));
    trace.internal((8, 3), "Proxy-Search-PreExecute", (350, 360));
    assert_eq!(retries_of(&trace), 0);
}

#[test]
fn pauses_after_a_failed_call_are_back_off_until_one_succeeds() {
    assert_eq!(
        retries_of(&two_calls(true, (NODE_SEARCH, GET_LEADERS))),
        300
    );
    assert_eq!(
        retries_of(&two_calls(true, (NODE_SEARCH, NODE_SEARCH))),
        200
    );
}

/// Two calls without a callee's span, with these attributes on both and `status` on the first.
fn two_addressed(peer: (&str, &str), status: (&str, AttributeValue)) -> TraceMaker {
    let mut trace = TraceMaker::search(1_000, (0, 1_000));
    trace.internal((3, 2), "Proxy-Search-Execute", (100, 900));
    for (id, times) in [(4, (200, 300)), (5, (500, 600))] {
        trace
            .add(
                (id, 3),
                ("etcdserverpb.KV/Range", Client),
                times,
                &resource("proxy", 1),
            )
            .with(|span| {
                let text = |key: &str, value: &str| {
                    (key.to_owned(), AttributeValue::Text(value.to_owned()))
                };
                span.attributes = vec![text(peer.0, "10.0.0.7"), text(peer.1, "2379")];
                span.attributes
                    .extend((id == 4).then(|| (status.0.to_owned(), status.1.clone())));
            });
    }
    trace
}

#[test]
fn calls_are_told_by_the_attributes_of_all_generations() {
    let fine = || ("rpc.grpc.status_code", AttributeValue::Int(0));
    let newest = ("network.peer.address", "network.peer.port");
    for peer in [
        newest,
        ("net.sock.peer.addr", "net.sock.peer.port"),
        ("net.peer.ip", "net.peer.port"),
    ] {
        assert_eq!(retries_of(&two_addressed(peer, fine())), 200, "{peer:?}");
    }
    let nowhere = ("a", "b");
    assert_eq!(retries_of(&two_addressed(nowhere, fine())), 0);
    let unavailable = AttributeValue::Text("UNAVAILABLE".to_owned());
    for (name, code) in [
        ("rpc.grpc.status_code", AttributeValue::Int(14)),
        ("rpc.response.status_code", unavailable.clone()),
        ("rpc.status_code", unavailable),
    ] {
        // It is unknown with whom the calls were, but the first failed.
        assert_eq!(
            retries_of(&two_addressed(nowhere, (name, code))),
            200,
            "{name}"
        );
    }
}

#[test]
fn spans_of_a_gateway_are_mesh_and_charged_to_nobody() {
    let gateway = resource("envoy", 3);
    let mut trace = TraceMaker::default();
    trace
        .add((8, CLIENT), ("ingress", Server), (0, 100), &gateway)
        .add((9, 8), ("auth", Internal), (5, 15), &gateway);
    trace.add(
        (2, 8),
        ("milvus.proto.milvus.MilvusService/Search", Server),
        (20, 90),
        &resource("proxy", 1),
    );
    let account = check(
        &trace,
        &[
            (2, Area::Other, 70),
            (8, Area::Mesh, 20),
            (9, Area::Mesh, 10),
        ],
    );
    assert_eq!(account.server_ns, 100);
    assert!(
        account
            .pieces
            .iter()
            .filter(|piece| piece.area == Area::Mesh)
            .all(|piece| piece.charged.is_none())
    );
    assert!(account.unknown_names.is_empty());
}

#[test]
fn consumers_of_a_write_take_no_part() {
    let mut trace = TraceMaker::search(100, (0, 100));
    trace
        .internal((3, 2), "Operate", (10, 90))
        .internal((4, 3), "Frobnicate", (20, 30));
    let account = check(&trace, &[(2, Area::Other, 100)]);
    assert_eq!((account.spans, names(&account.aside)), (1, vec!["Operate"]));
}

#[test]
fn names_that_the_table_lacks_are_listed() {
    let mut trace = TraceMaker::search(100, (0, 100));
    trace.internal((3, 2), "Frobnicate-17", (10, 90));
    let account = check(&trace, &[(2, Area::Other, 20), (3, Area::Other, 80)]);
    assert_eq!(names(&account.unknown_names), ["Frobnicate-#"]);
}

#[test]
fn proxy_time_before_the_enqueue_event_is_not_its_queue() {
    let mut trace = TraceMaker::search(100, (0, 100));
    trace
        .internal((3, 2), "Proxy-Search", (0, 100))
        .event("search request enqueue, cost 20ns", 30);
    trace.internal((4, 3), "SearchTask", (40, 90));
    check(
        &trace,
        &[
            (3, Area::ProxyQueue, 20),
            (3, Area::Other, 30),
            (4, Area::Other, 50),
        ],
    );
}

/// The worker's call of a standalone 2.3.5, from 100 to 1,000.
fn standalone_search() -> TraceMaker {
    let mut trace = TraceMaker::search(1_000, (0, 1_000));
    trace.internal((3, 2), "Proxy-Search-Execute", (0, 1_000));
    trace.event(
        "search segments done, channel = c, segmentIDs = [11 12], cost 1ms",
        700,
    );
    trace.event(
        "start reduce query result, traceID = x, segmentIDs = []",
        720,
    );
    trace.event(
        "do search with channel done , vChannel = c, segmentIDs = [], cost 1ms",
        750,
    );
    trace.internal((4, 3), "Delegator-waitTSafe", (100, 150));
    trace
}

#[test]
fn own_time_of_a_search_is_split_by_its_events() {
    let mut trace = standalone_search();
    trace.engine((5, 3), (200, 400)).engine((6, 3), (300, 600));
    check(
        &trace,
        &[
            (3, Area::NodeQueue, 50),
            (3, Area::Reduce, 130),
            (3, Area::NodeToNode, 350),
            (3, Area::Other, 20),
            (4, Area::ConsistencyWait, 50),
            (5, Area::Engine, 100),
            (6, Area::Engine, 300),
        ],
    );
}

#[test]
fn a_search_without_engine_is_merged_unless_it_failed() {
    let trace = standalone_search().done();
    let merged = |succeeded| {
        let account = account(
            &trace,
            &AccountOptions {
                succeeded,
                ..options(CLIENT)
            },
        )
        .expect("a matched trace");
        let ns: i64 = account
            .pieces
            .iter()
            .filter(|piece| piece.merged)
            .map(|piece| piece.end_ns - piece.start_ns)
            .sum();
        (account.node_searches, account.merged, ns)
    };
    assert_eq!((merged(true), merged(false)), ((1, 1, 550), (1, 0, 0)));
}

#[test]
fn a_search_that_queued_itself_is_not_merged() {
    let mut trace = standalone_search();
    trace.internal((5, 3), "schedule", (200, 400));
    let account = account(&trace.done(), &options(CLIENT)).expect("a matched trace");
    assert_eq!((account.node_searches, account.merged), (1, 0));
}

#[test]
fn a_search_of_no_segments_is_not_merged() {
    let mut trace = TraceMaker::search(1_000, (0, 1_000));
    trace
        .internal((3, 2), "Proxy-Search-Execute", (0, 1_000))
        .event(
            "search segments done, channel = c, segmentIDs = [], cost 1ms",
            700,
        );
    let account = account(&trace.done(), &options(CLIENT)).expect("a matched trace");
    assert_eq!((account.node_searches, account.merged), (0, 0));
}

#[test]
fn from_2_4_on_the_engine_hangs_below_a_queue_span_that_is_over() {
    let (node, engine) = (resource("querynode", 0), resource("segcore", 7));
    let mut trace = TraceMaker::search(2_000, (0, 2_000));
    trace.add(
        (3, 2),
        (NODE_SEARCH, Client),
        (100, 1_900),
        &resource("proxy", 0),
    );
    trace.add((4, 3), (NODE_SEARCH, Server), (200, 1_800), &node);
    trace.event(
        "search segments done, channel = c, segmentIDs = [11], cost 1ms",
        1_400,
    );
    trace.event(
        "search segments done, channel = c, segmentIDs = [12 13], cost 1ms",
        1_500,
    );
    trace.event("start reduce query result, segmentIDs = []", 1_510);
    trace.event(
        "do search with channel done , segmentIDs = [], cost 1ms",
        1_600,
    );
    trace.add((5, 4), ("Delegator-waitTSafe", Internal), (210, 300), &node);
    trace.add((6, 4), ("schedule", Internal), (320, 500), &node);
    trace.add((7, 6), ("SegCoreSearch", Internal), (600, 1_000), &engine);
    trace.add(
        (8, 6),
        ("ReduceSearchResultsAndFillData", Internal),
        (1_020, 1_200),
        &engine,
    );
    let account = check(
        &trace,
        &[
            (2, Area::Other, 200),
            (3, Area::NodeToNode, 200),
            // 20 before the queue, 100 from its end to the engine.
            (4, Area::NodeQueue, 120),
            // From the end of the node's own merge to the last event, and the delegator's merge.
            (4, Area::Reduce, 390),
            (4, Area::NodeToNode, 210),
            (4, Area::Other, 30),
            (5, Area::ConsistencyWait, 90),
            (6, Area::NodeQueue, 180),
            (7, Area::Engine, 400),
            (8, Area::Reduce, 180),
        ],
    );
    assert_eq!(
        (names(&account.adopted), account.largest_shift_ns),
        (vec!["ReduceSearchResultsAndFillData", "SegCoreSearch"], 0)
    );
    assert_eq!(
        (
            account.node_searches,
            account.merged,
            account.merged_in_part
        ),
        (1, 0, 1)
    );
}
