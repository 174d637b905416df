//! Every recorded trace of Milvus 2.3.5, standalone and cluster.

use super::*;
use crate::analysis::testing::{Recorded, recorded};

/// The latency breakdowns of one case, and how many of its traces were incomplete.
fn accounts(which: &str, op: &str) -> (Vec<(Recorded, RequestAccount)>, usize) {
    let mut incomplete = 0;
    let mut found = Vec::new();
    for recorded in recorded(which)
        .into_iter()
        .filter(|recorded| recorded.op == op)
    {
        match account(&recorded.trace, &options(recorded.client)) {
            Ok(account) => found.push((recorded, account)),
            Err(state) => {
                assert_eq!(state, JoinState::Incomplete);
                incomplete += 1;
            }
        }
    }
    assert!(!found.is_empty() || incomplete > 0, "no trace of {op}");
    (found, incomplete)
}

/// Share of the root that is charged to `instance` of `area`.
fn share(recorded: &Recorded, account: &RequestAccount, area: Area, name: &str) -> f64 {
    let resource = |span: u32| &recorded.trace.spans[span as usize].resource;
    let pieces = account.pieces.iter().filter(|piece| {
        piece.area == area
            && piece
                .charged
                .is_some_and(|span| instance(resource(span)) == name)
    });
    pieces
        .map(|piece| piece.end_ns - piece.start_ns)
        .sum::<i64>() as f64
        / account.server_ns as f64
}

fn area_share(account: &RequestAccount, area: Area) -> f64 {
    let pieces = account.pieces.iter().filter(|piece| piece.area == area);
    pieces
        .map(|piece| piece.end_ns - piece.start_ns)
        .sum::<i64>() as f64
        / account.server_ns as f64
}

#[test]
fn every_trace_is_tiled_to_the_nanosecond_and_every_name_is_known() {
    let mut traces = 0;
    for which in ["", "-cluster"] {
        for recorded in recorded(which) {
            match account(&recorded.trace, &options(recorded.client)) {
                Ok(account) => {
                    assert_tiles(&account);
                    assert!(
                        account.unknown_names.is_empty(),
                        "{}: {:?}",
                        recorded.op,
                        account.unknown_names
                    );
                    assert_eq!(
                        account.largest_shift_ns, 0,
                        "{}: one machine has one clock",
                        recorded.op
                    );
                }
                Err(state) => {
                    assert_eq!(state, JoinState::Incomplete, "{}", recorded.op);
                    assert!(
                        ["search_callee_spans_lost", "search_node_lost"]
                            .contains(&recorded.op.as_str()),
                        "{}",
                        recorded.op
                    );
                }
            }
            traces += 1;
        }
    }
    assert_eq!(traces, 176 + 178);
}

fn check_charged(op: &str, node: &str, others: &[&str]) {
    let (found, _) = accounts("-cluster", op);
    let mut charged = 0;
    for (recorded, account) in &found {
        let at = |name: &&str| share(recorded, account, Area::NodeToNode, name);
        charged += usize::from(at(&node) > 0.5);
        assert!(
            others.iter().all(|other| at(other) < 0.2),
            "{op}: {:?}",
            others.iter().map(at).collect::<Vec<_>>()
        );
    }
    assert!(
        charged * 10 >= found.len() * 8,
        "{op}: {charged} of {}",
        found.len()
    );
}

#[test]
fn a_stopped_worker_is_charged_with_the_wait_for_it() {
    check_charged("search_slow_worker", "7", &["6", "8"]);
}

#[test]
fn a_stopped_leader_is_charged_with_the_wait_for_it() {
    check_charged("search_slow_leader", "6", &["7", "8"]);
}

fn check_merged(op: &str, calls: u64, merged: u64) {
    let (found, _) = accounts("-cluster", op);
    let sum =
        |of: fn(&RequestAccount) -> u64| found.iter().map(|(_, account)| of(account)).sum::<u64>();
    assert_eq!(
        (
            sum(|account| account.node_searches),
            sum(|account| account.merged)
        ),
        (calls, merged),
        "{op}"
    );
    let whole: Vec<_> = found
        .iter()
        .filter(|(_, account)| account.merged == account.node_searches)
        .collect();
    assert_eq!(whole.len(), 1, "{op}");
    assert_eq!(
        area_share(&whole[0].1, Area::Engine),
        0.0,
        "{op}: no engine span, no engine time"
    );
    assert!(
        whole[0]
            .1
            .pieces
            .iter()
            .any(|piece| piece.merged && piece.area == Area::NodeQueue)
    );
}

#[test]
fn merged_node_calls_are_found() {
    check_merged("search_busy_8workers", 16, 5);
    check_merged("search_busy_8workers_2shards", 32, 17);
}

#[test]
fn lost_spans_of_a_callee_make_a_request_incomplete() {
    let (found, incomplete) = accounts("-cluster", "search_callee_spans_lost");
    assert_eq!((found.len(), incomplete), (0, 3));
}

#[test]
fn a_strong_search_waits_for_consistency() {
    for (which, op) in [
        ("", "search_growing_strong"),
        ("", "search_sealed_hnsw_strong"),
        ("-cluster", "search_strong_2shards"),
    ] {
        for (_, account) in accounts(which, op).0 {
            assert!(area_share(&account, Area::ConsistencyWait) > 0.8, "{op}");
        }
    }
}

#[test]
fn a_stray_consumer_does_not_make_an_insert_incomplete() {
    let (found, incomplete) = accounts("-cluster", "insert");
    assert_eq!(incomplete, 0);
    assert!(
        found
            .iter()
            .all(|(_, account)| account.aside.get("Operate") == Some(&2))
    );
    assert_eq!(accounts("", "insert").1, 0);
}

fn check_query(which: &str, op: &str) {
    for (_, account) in accounts(which, op).0 {
        assert!(
            account.nested.contains_key("RetrieveTask"),
            "{op}: {:?}",
            account.nested
        );
        assert!(
            area_share(&account, Area::ProxyQueue) < 0.2,
            "{op}: the frame of a query is not where its time goes"
        );
        assert!(area_share(&account, Area::Engine) > 0.0, "{op}");
        assert!(
            area_share(&account, Area::NodeQueue) + area_share(&account, Area::NodeToNode) > 0.1,
            "{op}"
        );
    }
}

#[test]
fn a_query_is_nested_below_its_frame() {
    [
        "query_sealed",
        "query_growing",
        "query_count",
        "query_limit",
    ]
    .into_iter()
    .for_each(|op| check_query("", op));
    [
        "query_sealed",
        "query_sealed_2shards",
        "query_count_2shards",
    ]
    .into_iter()
    .for_each(|op| check_query("-cluster", op));
}

#[test]
fn the_sending_of_a_write_is_nested_below_its_execution() {
    for (which, op) in [
        ("", "insert"),
        ("", "upsert"),
        ("-cluster", "insert_loaded"),
        ("-cluster", "upsert"),
    ] {
        for (recorded, account) in accounts(which, op).0 {
            assert!(account.nested.contains_key("SendMsg"), "{op}");
            let log_append = area_share(&account, Area::LogAppend);
            assert!(
                log_append > 0.3,
                "{op}: {log_append} of {:032x}",
                recorded.trace.trace_id
            );
        }
    }
}

#[test]
fn pauses_of_a_flush_are_retries() {
    let (found, _) = accounts("-cluster", "flush");
    let slow: Vec<_> = found
        .iter()
        .filter(|(_, account)| account.server_ns > 400_000_000)
        .collect();
    assert!(!slow.is_empty());
    assert!(
        slow.iter()
            .all(|(_, account)| area_share(account, Area::Retries) > 0.8)
    );
}

#[test]
fn an_engine_span_left_behind_by_an_error_does_not_take_the_request() {
    let (found, _) = accounts("", "err_ef");
    assert!(found.iter().all(
        |(_, account)| account.aside.get("SegCoreSearch") == Some(&2)
            && account.server_ns < 1_000_000_000
    ));
}

#[test]
fn pods_are_told_apart_by_name() {
    for (recorded, account) in accounts("-cluster", "search_pod_names").0 {
        let names: Vec<String> = account
            .node_calls
            .iter()
            .map(|call| instance(&recorded.trace.spans[call.callee as usize].resource))
            .collect();
        assert!(
            names.contains(&"querynode-b".to_owned()) && names.contains(&"6".to_owned()),
            "{names:?}"
        );
    }
}
