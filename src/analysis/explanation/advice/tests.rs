//! Every rule with a trace that it is meant for: recorded ones of Milvus 2.3.5 where there are
//! some, else scripted.

use std::collections::BTreeSet;

use serde_json::json;

use super::*;
use crate::{
    analysis::{
        model::Analysis,
        run::analyse,
        testing::{
            self, Recorded, TraceMaker, resource,
            run::{Made, RunMaker},
        },
    },
    record::{CollectionState, MachineUse},
    spans::SpanKind,
};

fn analysed(run: &RunMaker) -> Analysis {
    let (_folder, reader) = run.write();
    analyse(&reader, run.traces.clone().into_iter()).expect("a run that can be read")
}

/// A run of forty requests that all have `trace`, of a call of `service` nanoseconds.
fn alike(service: u64, trace: &TraceMaker) -> Vec<Advice> {
    let mut run = RunMaker::new(true);
    (0..40).for_each(|seq| run.traced(Made::ok(seq, 0, service), trace));
    analysed(&run).workloads[0].advice.clone()
}

/// There is a suggestion with `code` that says `words`.
fn check(found: &[Advice], code: &str, words: &str) {
    assert!(
        found
            .iter()
            .any(|advice| advice.code == code && advice.sentence.contains(words)),
        "{code}, {words}: {found:#?}"
    );
}

fn check_none(found: &[Advice], code: &str) {
    assert!(
        found.iter().all(|advice| advice.code != code),
        "{code}: {found:#?}"
    );
}

/// A search of 10 ms, within it span `name` from 1 to 9 ms.
fn mostly(name: &str) -> TraceMaker {
    let mut trace = TraceMaker::search(10_000_000, (200_000, 9_800_000));
    trace.internal((3, 2), name, (1_000_000, 9_000_000));
    trace
}

fn check_mostly(name: &str, code: &str, words: &str) {
    check(&alike(10_000_000, &mostly(name)), code, words);
    let mut short = TraceMaker::search(10_000_000, (200_000, 9_800_000));
    short.internal((3, 2), name, (1_000_000, 1_050_000));
    check_none(&alike(10_000_000, &short), code);
}

#[test]
fn areas_that_are_large_have_their_sentence() {
    check_mostly(
        "Delegator-waitTSafe",
        "consistency_wait",
        "consistency wait is 80 % of the time: requests wait until",
    );
    check_mostly("schedule", "node_queue", "node queue is 80 % of the time");
    check_mostly(
        "Proxy-Search-PostExecute",
        "reduce",
        "reduce is 80 % of the time",
    );
    check_mostly("SendMsg", "log_append", "log append is 80 % of the time");
    check_mostly(
        "DataCoord-Flush",
        "metadata",
        "metadata is 80 % of the time",
    );
}

#[test]
fn calls_of_the_root_coordinator_are_timestamps() {
    let mut trace = TraceMaker::search(10_000_000, (200_000, 9_800_000));
    let call = (
        "milvus.proto.rootcoord.RootCoord/AllocTimestamp",
        SpanKind::Client,
    );
    trace.add(
        (3, 2),
        call,
        (1_000_000, 9_000_000),
        &resource("standalone", 1),
    );
    check(
        &alike(10_000_000, &trace),
        "timestamp",
        "timestamp is 80 % of the time",
    );
}

#[test]
fn the_proxys_queue_is_the_time_between_its_event_and_its_task() {
    let mut trace = TraceMaker::search(10_000_000, (200_000, 9_800_000));
    trace
        .internal((3, 2), "Proxy-Search", (300_000, 9_700_000))
        .event("search request enqueue", 400_000);
    trace.internal((4, 3), "SearchTask", (8_400_000, 9_600_000));
    check(
        &alike(10_000_000, &trace),
        "proxy_queue",
        "proxy queue is 81 % of the time",
    );
}

#[test]
fn time_outside_milvus_is_the_gap() {
    check(
        &alike(
            10_000_000,
            &TraceMaker::search(10_000_000, (4_000_000, 6_000_000)),
        ),
        "gap",
        "gap is 80 % of the time",
    );
    check_none(&alike(10_000_000, &mostly("schedule")), "gap");
}

fn level(plan: Value, expected: Option<&str>) {
    assert_eq!(consistency(&plan, "w"), expected, "{plan}");
}

#[test]
fn a_workload_has_its_own_level_or_its_collections() {
    let collections = json!({ "c": { "consistency": "Bounded" } });
    let plan = |consistency: &str| {
        json!({
            "workloads": { "w": { "collection": "c", "consistency": consistency } },
            "collections": collections,
        })
    };
    level(plan("Strong"), Some("Strong"));
    level(plan("the collection's"), Some("Bounded"));
    level(json!({ "workloads": { "other": {} } }), None);
    level(Value::Null, None);
}

#[test]
fn a_wait_is_explained_by_the_level_that_asks_for_it() {
    for (asked, words) in [
        ("Strong", "asks for Strong"),
        ("Bounded", "graceful time"),
        ("Session", "this client's own writes"),
    ] {
        let mut run = RunMaker::new(true);
        run.info.plan = json!({ "workloads": { "w": { "consistency": asked } } });
        (0..40).for_each(|seq| {
            run.traced(Made::ok(seq, 0, 10_000_000), &mostly("Delegator-waitTSafe"))
        });
        check(
            &analysed(&run).workloads[0].advice,
            "consistency_wait",
            words,
        );
    }
}

/// A run of the recorded searches `op` of Milvus 2.3.5, each with the duration of its client span.
fn recorded(which: &str, op: &str) -> RunMaker {
    let mut run = RunMaker::of_recorded(false);
    let wanted = testing::recorded(which)
        .into_iter()
        .filter(|recorded| recorded.op == op);
    for (
        seq,
        Recorded {
            client, mut trace, ..
        },
    ) in wanted.enumerate()
    {
        let span = trace
            .spans
            .iter()
            .find(|span| span.span_id == client)
            .expect("a client span");
        let (duration, id) = (span.duration_ns(), trace.trace_id);
        let line = run.request(Made::ok(seq as u64, 0, duration));
        let (trace_id, span_id) = (
            u128::from_str_radix(&line.trace_id, 16).unwrap(),
            u64::from_str_radix(&line.span_id, 16).unwrap(),
        );
        assert_ne!(trace_id, id);
        for span in &mut trace.spans {
            span.trace_id = trace_id;
            span.parent_id = span
                .parent_id
                .map(|parent| if parent == client { span_id } else { parent });
            span.span_id = if span.span_id == client {
                span_id
            } else {
                span.span_id
            };
        }
        trace.trace_id = trace_id;
        run.traces.push(trace);
    }
    assert!(!run.traces.is_empty(), "{op} was recorded");
    run
}

#[test]
fn searches_of_growing_segments_run_by_brute_force_and_those_of_an_index_do_not() {
    let growing = analysed(&recorded("", "search_growing"));
    check(
        &growing.workloads[0].advice,
        "brute_force",
        "100 % of the engine's time is brute force",
    );
    let mut indexed = TraceMaker::search(10_000_000, (200_000, 9_800_000));
    indexed
        .engine((3, 2), (1_000_000, 5_000_000))
        .event("finish_knowhere_index_search", 4_900_000);
    check_none(&alike(10_000_000, &indexed), "brute_force");
}

#[test]
fn brute_force_that_was_asked_for_is_no_finding() {
    let with_index = |index_type: &str| {
        let mut run = recorded("", "search_growing");
        let collection = run.info.streams[0].collection.clone();
        let index_type = Some(index_type.to_owned());
        run.info.collections = vec![CollectionState {
            name: collection,
            index_type,
            ..CollectionState::default()
        }];
        analysed(&run).workloads[0].advice.clone()
    };
    check_none(&with_index("FLAT"), "brute_force");
    check_none(&with_index("BIN_FLAT"), "brute_force");
    check(
        &with_index("HNSW"),
        "brute_force",
        "is brute force over growing or unindexed segments: flush",
    );
    let mut small = recorded("", "search_growing");
    let name = small.info.streams[0].collection.clone();
    let (growing_rows, unindexed_rows, index_type) = (Some(0), Some(0), Some("HNSW".to_owned()));
    small.info.collections = vec![CollectionState {
        name,
        growing_rows,
        unindexed_rows,
        index_type,
        ..CollectionState::default()
    }];
    check(
        &analysed(&small).workloads[0].advice,
        "brute_force",
        "over segments too small for an index",
    );
    // A run of an older version says nothing of the index, but its plan does.
    let mut run = recorded("", "search_growing");
    let workload = run.info.streams[0].workload.clone();
    run.info.plan = json!({
        "workloads": { (workload): { "collection": "c" } },
        "collections": { "c": { "index": { "type": "FLAT" } } },
    });
    check_none(&analysed(&run).workloads[0].advice, "brute_force");
}

#[test]
fn a_recorded_strong_search_waits_for_consistency() {
    let mut run = recorded("", "search_growing_strong");
    run.info.plan = json!({ "workloads": { "w": { "consistency": "Strong" } } });
    check(
        &analysed(&run).workloads[0].advice,
        "consistency_wait",
        "the workload asks for Strong",
    );
}

#[test]
fn many_segments_are_counted_per_search() {
    let mut trace = TraceMaker::search(10_000_000, (200_000, 9_800_000));
    (0..20).for_each(|at| {
        trace.engine((10 + at, 2), (1_000_000 + at as i64, 5_000_000 + at as i64));
    });
    check(
        &alike(10_000_000, &trace),
        "many_segments",
        "a search visits 20 segments",
    );
    check_none(&alike(10_000_000, &mostly("schedule")), "many_segments");
}

#[test]
fn merged_searches_are_told_where_they_are_many() {
    let mut trace = TraceMaker::search(10_000_000, (200_000, 9_800_000));
    let execute = "Proxy-Search-Execute";
    trace.internal((3, 2), execute, (300_000, 9_700_000)).event(
        "search segments done, cost 5ms, segmentIDs = [1]",
        9_000_000,
    );
    trace.internal((4, 3), "Delegator-waitTSafe", (400_000, 500_000));
    check(
        &alike(10_000_000, &trace),
        "merged",
        "100 % of the searches were merged on the query node with another",
    );
}

/// Searches on the query nodes 1 and 2 in turn; of those on node 2 one in ten is slow.
fn two_nodes(slow: bool) -> Vec<Advice> {
    let mut run = RunMaker::new(true);
    for seq in 0..1_000_u64 {
        let node = 1 + seq % 2;
        let engine = if slow && seq % 10 == 1 {
            30_000_000
        } else {
            2_000_000 + (seq as i64 * 7_919) % 100_000
        };
        let mut trace = TraceMaker::search(engine + 2_000_000, (500_000, engine + 1_500_000));
        let engine_of = resource("querynode", node as i64);
        trace.add(
            (4, 2),
            ("SegCoreSearch", SpanKind::Internal),
            (1_000_000, 1_000_000 + engine),
            &engine_of,
        );
        run.traced(Made::ok(seq, 0, (engine + 2_000_000) as u64), &trace);
    }
    analysed(&run).workloads[0].advice.clone()
}

#[test]
fn one_node_that_has_the_tail_is_named() {
    check(
        &two_nodes(true),
        "one_node",
        "of the tail's engine time is on querynode 2, which has",
    );
    check_none(&two_nodes(false), "one_node");
}

#[test]
fn pauses_between_repeated_calls_are_told() {
    let mut trace = TraceMaker::search(10_000_000, (200_000, 9_800_000));
    let (call, proxy, node) = (
        "milvus.proto.query.QueryNode/Search",
        resource("proxy", 1),
        resource("querynode", 2),
    );
    for (at, start) in [(10, 1_000_000), (20, 6_000_000)] {
        trace.add(
            (at, 2),
            (call, SpanKind::Client),
            (start, start + 2_000_000),
            &proxy,
        );
        trace.add(
            (at + 1, at),
            (call, SpanKind::Server),
            (start + 100_000, start + 1_900_000),
            &node,
        );
    }
    check(
        &alike(10_000_000, &trace),
        "retries",
        "retries is 30 % of the time",
    );
}

#[test]
fn every_rule_has_a_name_of_its_own() {
    let codes: BTreeSet<&str> = RULES.iter().map(|rule| rule.code).collect();
    assert_eq!(codes.len(), RULES.len());
}

#[test]
fn a_workload_without_traces_has_no_advice() {
    assert_eq!(
        advice(Case {
            workload: &WorkloadAnalysis::default(),
            consistency: Some("Strong"),
            index_type: None,
            too_small: false
        }),
        []
    );
}

#[test]
fn cores_that_other_programs_took_are_not_said_to_be_too_few() {
    let found = |milvus: f64, others: f64| {
        let mut run = RunMaker::new(true);
        let trace = mostly("schedule");
        (0..40).for_each(|seq| run.traced(Made::ok(seq, 5_000_000, 10_000_000), &trace));
        run.info.phases[0].machine = Some(MachineUse {
            cores: 2,
            at_s: (1..=10).map(f64::from).collect(),
            milvus: vec![milvus; 10],
            others: vec![others; 10],
            idle: vec![if others > 1.0 { 0.0 } else { 0.8 }; 10],
            ..MachineUse::default()
        });
        analysed(&run).workloads[0].advice.clone()
    };
    let taken = "other programs took the cores of this machine";
    check(&found(0.2, 1.7), "node_queue", taken);
    // A query node of another machine, and a machine that had cores left.
    for found in [found(0.0, 1.7), found(0.2, 0.1)] {
        check(&found, "node_queue", "the query node's cores are busy");
    }
    let advice = |code: &str, share: f64| Advice {
        code: code.to_owned(),
        share,
        sentence: "40 % of it: use more cores".to_owned(),
    };
    let mut several = [advice("node_queue", 0.4), advice("brute_force", 0.3)];
    beside_other_programs(&mut several);
    assert_eq!(several[0], advice("brute_force", 0.3));
    assert!(
        several[1]
            .sentence
            .starts_with("40 % of it: other programs took")
    );
}
