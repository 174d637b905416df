//! Runs with spans whose times can't be: the figures are those of the other requests, and it is
//! said.

use super::*;
use crate::{
    analysis::{
        model::{Analysis, JoinState, VerdictState, WorkloadAnalysis},
        run::analyse,
        testing::{
            CLIENT, TraceMaker, resource,
            run::{Made, RunMaker},
        },
        traces::{join, waterfall::waterfall},
    },
    spans::{SpanKind, Trace},
};

/// Service time of a request, nanoseconds.
const SERVICE: i64 = 1_000_000;
/// 9999-12-31 does not fit into 64 bits of nanoseconds; readers write the largest time instead.
const YEAR_9999: u64 = u64::MAX;
/// Made runs begin in 1970; these in 2026.
const YEARS_56: u64 = 1_795_000_000_000_000_000;

fn trace() -> TraceMaker {
    let mut trace = TraceMaker::search(SERVICE, (100_000, 900_000));
    trace
        .internal((3, 2), "Proxy-Search-PreExecute", (110_000, 200_000))
        .engine((4, 2), (300_000, 800_000));
    trace
}

/// 400 requests, of which the last forty are slower; `change` is made to span `of` of every one
/// whose number `every` divides.
fn run(every: u64, of: u64, change: impl Fn(&mut ServerSpan)) -> RunMaker {
    let mut run = RunMaker::new(true);
    run.info.start.unix_ns += YEARS_56;
    for phase in &mut run.info.phases {
        phase.start.unix_ns += YEARS_56;
        phase.end.iter_mut().for_each(|end| end.unix_ns += YEARS_56);
    }
    for seq in 0..400u64 {
        let service = SERVICE as u64 + if seq >= 360 { 5_000_000 } else { seq };
        run.traced(Made::ok(seq, 1_000, service), &trace());
        for span in run
            .traces
            .last_mut()
            .into_iter()
            .flat_map(|trace| &mut trace.spans)
        {
            (span.start_ns, span.end_ns) = (span.start_ns + YEARS_56, span.end_ns + YEARS_56);
            if seq % every == 0 && span.span_id == of {
                change(span);
            }
        }
    }
    run
}

fn analysed(run: &RunMaker) -> Analysis {
    let (_folder, reader) = run.write();
    analyse(&reader, run.traces.clone().into_iter()).expect("a run that can be read")
}

/// The run loses forty requests and no more, every figure of the latency breakdown is believable,
/// and the verdict has `words`.
#[track_caller]
fn check(of: u64, change: impl Fn(&mut ServerSpan), words: &str) {
    let analysis = analysed(&run(10, of, change));
    let workload = &analysis.workloads[0];
    let join = workload.join.expect("a join");
    assert_eq!(
        (join.sampled, join.matched, join.incomplete),
        (400, 360, 40),
        "{words}"
    );
    let found = analysis
        .verdict
        .reasons
        .iter()
        .find(|reason| reason.code == "impossible_times")
        .expect("a reason");
    assert!(
        found.advice.contains(words)
            && found
                .advice
                .contains("40 requests are therefore missing from the latency breakdown"),
        "{found:?}"
    );
    assert_eq!((found.figure, found.at.as_str()), (40.0, "p/w"));
    // That they are not matched is said once, and Milvus is not blamed for it.
    assert!(
        analysis
            .verdict
            .reasons
            .iter()
            .all(|reason| reason.code != "unmatched"),
        "{:?}",
        analysis.verdict
    );
    check_figures(workload);
}

#[track_caller]
fn check_figures(workload: &WorkloadAnalysis) {
    let largest = numbers(workload).into_iter().fold(0.0, f64::max);
    assert!(
        largest < 1_000_000.0,
        "{largest} microseconds in a run of milliseconds"
    );
    let sentence = workload
        .tail
        .as_ref()
        .and_then(|tail| tail.sentence.as_ref())
        .expect("a sentence");
    assert!(sentence.contains("5.0 ms slower"), "{sentence}");
}

/// Every number of what is made of spans.
fn numbers(workload: &WorkloadAnalysis) -> Vec<f64> {
    const KEYS: [&str; 9] = [
        "account",
        "tail",
        "contrasts",
        "instances",
        "stacks",
        "traces",
        "gap_us",
        "server_time_us",
        "exemplars",
    ];
    let value = serde_json::to_value(workload).expect("JSON");
    let mut open: Vec<serde_json::Value> = KEYS.iter().map(|key| value[key].clone()).collect();
    let mut found = Vec::new();
    while let Some(next) = open.pop() {
        match next {
            serde_json::Value::Array(list) => open.extend(list),
            serde_json::Value::Object(map) => open.extend(map.into_iter().map(|(_, value)| value)),
            serde_json::Value::Number(number) => found.extend(number.as_f64().map(f64::abs)),
            _ => {}
        }
    }
    found
}

#[test]
fn spans_of_other_years_are_in_no_figure() {
    check(
        4,
        |span| (span.start_ns, span.end_ns) = (0, 5),
        "SegCoreSearch of segcore lies more than ten years",
    );
    check(
        4,
        |span| (span.start_ns, span.end_ns) = (YEAR_9999, YEAR_9999),
        "SegCoreSearch of segcore lies more than ten years",
    );
    check(
        4,
        |span| span.end_ns = YEAR_9999,
        "SegCoreSearch of segcore lies more than ten years",
    );
    check(
        2,
        |span| (span.start_ns, span.end_ns) = (u64::MAX / 2, u64::MAX / 2 + 5),
        "MilvusService/Search of standalone lies more",
    );
    check(
        2,
        |span| span.end_ns += 86_400_000_000_000 * 3_957,
        "MilvusService/Search of standalone lies more than ten years",
    );
    check(
        4,
        |span| span.start_ns -= 86_400_000_000_000 * 3,
        "SegCoreSearch of segcore lies more than a day away from the rest",
    );
}

#[test]
fn spans_that_end_before_they_start_are_in_no_figure() {
    check(
        4,
        |span| (span.start_ns, span.end_ns) = (span.end_ns, span.start_ns),
        "SegCoreSearch of segcore ends before it starts",
    );
    check(
        2,
        |span| span.end_ns = span.start_ns - 1,
        "ends before it starts",
    );
}

#[test]
fn a_root_that_outlasts_its_call_by_far_is_in_no_figure() {
    check(
        2,
        |span| span.end_ns += 20 * 3_600_000_000_000,
        "is longer than the call that it answered",
    );
}

#[test]
fn work_behind_the_request_does_not_spoil_it() {
    let mut run = run(1, 99, |_| {});
    for trace in &mut run.traces {
        let behind = ServerSpan {
            span_id: 5,
            parent_id: Some(2),
            name: "Operate".to_owned(),
            start_ns: 7,
            end_ns: 3,
            ..trace.spans[1].clone()
        };
        trace.spans.push(ServerSpan {
            kind: SpanKind::Internal,
            ..behind
        });
    }
    let analysis = analysed(&run);
    assert_eq!(
        analysis.workloads[0].join.map(|join| join.matched),
        Some(400)
    );
    let facts = analysis.workloads[0].traces.as_ref().expect("facts");
    assert_eq!(
        (
            facts.impossible.total(),
            facts.spoilt_by_times,
            facts.aside.len()
        ),
        (400, 0, 0)
    );
    check_figures(&analysis.workloads[0]);
}

#[test]
fn events_of_other_years_are_left_out() {
    let plain = analysed(&run(1, 99, |_| {}));
    let with = analysed(&run(1, 3, |span| {
        span.name = "Proxy-Search-Execute".to_owned();
        let event = |time_ns| crate::spans::SpanEvent {
            name: "search segments done, segmentIDs = [1]".to_owned(),
            time_ns,
        };
        span.events = vec![event(YEAR_9999), event(1)];
    }));
    assert_eq!(plain.workloads[0].join, with.workloads[0].join);
    let areas = |analysis: &Analysis| {
        analysis.workloads[0].account[0]
            .parts
            .iter()
            .map(|part| part.area.clone())
            .collect::<Vec<_>>()
    };
    assert!(
        areas(&with)
            .iter()
            .all(|area| area != "reduce" && area != "node queue"),
        "{:?}",
        areas(&with)
    );
    let reason = &with.verdict.reasons[0];
    assert!(
        reason
            .advice
            .contains("has an event more than a day away from its trace")
            && !reason.advice.contains("no latency breakdown"),
        "{reason:?}"
    );
}

#[test]
fn a_run_of_nothing_else_has_no_account_and_says_why() {
    let analysis = analysed(&run(1, 2, |span| {
        (span.start_ns, span.end_ns) = (0, YEAR_9999)
    }));
    let codes: Vec<&str> = analysis
        .verdict
        .reasons
        .iter()
        .map(|reason| reason.code.as_str())
        .collect();
    assert_eq!(
        (codes.as_slice(), analysis.verdict.state),
        (&["impossible_times"][..], VerdictState::Reservations)
    );
    assert!(analysis.workloads[0].account.is_empty());
}

#[test]
fn a_waterfall_has_no_place_for_them() {
    let run = run(1, 4, |span| (span.start_ns, span.end_ns) = (0, YEAR_9999));
    let mut traced = run.traces[0].clone();
    let below = ServerSpan {
        span_id: 5,
        parent_id: Some(4),
        name: "ReduceHelper::x".to_owned(),
        ..traced.spans[2].clone()
    };
    traced.spans.push(below);
    let (_folder, reader) = run.write();
    let drawn = waterfall(&reader, &traced, &run.lines[0]);
    let row = |label: &str| {
        drawn
            .rows
            .iter()
            .find(|row| row.label == label)
            .expect("a row")
    };
    assert_eq!(
        (
            row("SegCoreSearch").area.as_str(),
            row("SegCoreSearch").duration_us
        ),
        ("impossible times", 0.0)
    );
    assert_eq!(
        (
            row("ReduceHelper::x").depth,
            row("ReduceHelper::x").duration_us
        ),
        (2, 90.0)
    );
    assert!(
        drawn
            .rows
            .iter()
            .all(|row| row.start_us.abs() < 1_000_000.0)
            && drawn.parts.is_empty(),
        "{drawn:#?}"
    );
    assert_eq!(drawn.state, "incomplete");
}

#[test]
fn of_two_roots_one_with_such_times_leaves_the_answer_open() {
    let mut trace = trace();
    trace.add(
        (9, CLIENT),
        ("milvus.proto.milvus.MilvusService/Search", SpanKind::Server),
        (0, 1),
        &resource("proxy", 1),
    );
    trace.with(|span| span.end_ns = span.start_ns - 1);
    let trace: Trace = trace.done();
    let call = join::Call {
        client_span_id: CLIENT,
        answered_within_ns: None,
    };
    let joined = join::join(
        &crate::analysis::traces::index::TraceIndex::new(&trace, Possible::ANY),
        call,
    );
    assert_eq!(
        (
            joined.state,
            joined.spoilt_by_times,
            joined.impossible.total()
        ),
        (JoinState::Incomplete, true, 1)
    );
}
