//! Whole runs, from a folder to the analysis.

use super::*;
use crate::{
    analysis::{
        model::{Band, VerdictState, WarmupCount},
        statistics::rng::Rng,
        testing::{
            self, CLIENT, TraceMaker,
            run::{Made, RunMaker},
        },
    },
    record::{Part, RequestLine},
};

/// A trace with a consistency wait of `wait` and an engine span of `engine`, within a call of
/// `service`.
fn trace(service: i64, wait: i64, engine: i64) -> TraceMaker {
    let end = 2_000 + wait + engine + 1_000;
    assert!(end < service, "the root ends within the call");
    let mut trace = TraceMaker::search(service, (1_000, end));
    trace
        .internal((3, 2), "Delegator-waitTSafe", (2_000, 2_000 + wait))
        .engine((4, 2), (2_000 + wait, 2_000 + wait + engine));
    trace
}

/// A thousand requests: the engine varies a little, one in twenty waits 5 ms for consistency.
fn thousand(open_loop: bool) -> RunMaker {
    thousand_in(RunMaker::new(open_loop))
}

fn thousand_in(mut run: RunMaker) -> RunMaker {
    for seq in 0..1_000u64 {
        let wait = if seq % 20 == 0 { 5_000_000 } else { 1_000 };
        let engine = 500_000 + (seq * 7919) % 100_000;
        let service = wait + engine + 400_000;
        run.traced(
            Made::ok(seq, 10_000, service),
            &trace(service as i64, wait as i64, engine as i64),
        );
    }
    run
}

fn analysed(run: &RunMaker) -> Analysis {
    let (_folder, reader) = run.write();
    analyse(&reader, run.traces.clone().into_iter()).expect("a run that can be read")
}

fn only(analysis: &Analysis) -> &WorkloadAnalysis {
    assert_eq!(analysis.workloads.len(), 1);
    &analysis.workloads[0]
}

fn assert_bands_add_up(workload: &WorkloadAnalysis) {
    for band in &workload.account {
        let parts: f64 = band.parts.iter().map(|part| part.mean_us).sum();
        assert!(
            (parts - band.mean_us).abs() <= band.mean_us * 1e-9,
            "{}: {parts} is not {}",
            band.band,
            band.mean_us
        );
    }
    let sum = |of: fn(&Band) -> u64| workload.cut_bands().map(of).sum::<u64>();
    let all = &workload.account[0];
    assert_eq!(
        (all.all, all.sampled, all.matched),
        (
            sum(|band| band.all),
            sum(|band| band.sampled),
            sum(|band| band.matched)
        )
    );
}

#[test]
fn the_account_of_an_open_loop_adds_up_to_the_response_time() {
    let analysis = analysed(&thousand(true));
    let workload = only(&analysis);
    assert_bands_add_up(workload);
    let names: Vec<_> = workload
        .account
        .iter()
        .map(|band| band.band.as_str())
        .collect();
    assert_eq!(names, ["all", "0-50", "50-90", "90-100"]);
    let all = &workload.account[0];
    assert!(
        (all.mean_us - workload.response_time_us.as_ref().unwrap()["mean"].value).abs()
            < all.mean_us * 1e-3
    );
    assert!((all.mean_of_all_us - all.mean_us).abs() < all.mean_us * 1e-3);
    let parts: Vec<_> = all
        .parts
        .iter()
        .map(|part| (part.area.as_str(), part.part.as_str(), part.mean_us))
        .collect();
    assert_eq!(parts[0], ("send lag", "send lag", 10.0));
    assert!(parts.iter().any(|(area, part, mean)| (*area, *part)
        == ("consistency wait", "Delegator-waitTSafe")
        && (*mean - 250.95).abs() < 1e-9));
    assert!(
        all.parts
            .iter()
            .any(|part| part.area == "engine" && part.service.as_deref() == Some("segcore"))
    );
    assert_eq!(
        analysis.verdict.state,
        VerdictState::Valid,
        "{:?}",
        analysis.verdict
    );
}

#[test]
fn the_account_of_a_closed_loop_adds_up_to_the_service_time() {
    let analysis = analysed(&thousand(false));
    let workload = only(&analysis);
    assert_bands_add_up(workload);
    assert_eq!(
        (
            &workload.response_time_us,
            &workload.send_lag_us,
            &workload.matched_response_time_us
        ),
        (&None, &None, &None)
    );
    assert!(
        workload.account[0]
            .parts
            .iter()
            .all(|part| part.area != "send lag")
    );
    assert_eq!(
        workload
            .curves
            .keys()
            .map(String::as_str)
            .collect::<Vec<_>>(),
        ["gap", "server_time", "service_time"]
    );
}

#[test]
fn a_tail_is_told_by_its_largest_part() {
    let analysis = analysed(&thousand(true));
    let tail = only(&analysis).tail.as_ref().unwrap();
    let sentence = tail.sentence.as_deref().unwrap();
    assert!(
        sentence.starts_with("requests above p95 are 5.0 ms slower than the median half; 100 %"),
        "{sentence}"
    );
    assert!(
        sentence.ends_with(" of that is `consistency wait · Delegator-waitTSafe` (50 requests)"),
        "{sentence}"
    );
    assert!((tail.parts.iter().map(|part| part.share).sum::<f64>() - 1.0).abs() < 1e-9);
    let shares = &only(&analysis).instances;
    let wait = shares
        .iter()
        .find(|share| share.area == "consistency wait")
        .unwrap();
    assert!(
        wait.tail_mean_us.unwrap() > 4_000.0 && wait.body_mean_us.unwrap() < 2.0,
        "{wait:?}"
    );
    assert_eq!(wait.instance, "1");
}

/// Two hundred searches from number `first` on, whose consistency wait takes `wait`.
fn searches(first: u64, wait: i64, place: impl Fn(&mut StreamInfo)) -> RunMaker {
    let mut run = RunMaker::new(true);
    place(&mut run.info.streams[0]);
    run.info.phases[0].name = run.info.streams[0].phase.clone();
    for seq in first..first + 200 {
        let service = wait + 900_000;
        let made = Made::ok(seq, 10_000, service as u64);
        run.traced(made, &trace(service, wait, 500_000));
    }
    run
}

/// Kind, other side, and largest part with its time of what the second of two streams is compared
/// with: it waits 5 ms, the first one hardly. Both are too short for an interval, so no sentence
/// says that they differ.
fn compared(
    one: impl Fn(&mut StreamInfo),
    other: impl Fn(&mut StreamInfo),
) -> Vec<(String, String, String)> {
    let run = searches(0, 1_000, one).with(searches(1_000, 5_001_000, other));
    let analysis = analysed(&run);
    assert_eq!(analysis.workloads.len(), 2);
    let [first, second] = [0, 1].map(|at| &analysis.workloads[at].contrasts);
    assert!(
        first.iter().all(|contrast| !contrast.is_of_place()),
        "{first:?}"
    );
    let places = second.iter().filter(|contrast| contrast.is_of_place());
    let told = places.map(|contrast| {
        assert_eq!(contrast.sentence, None);
        let part = &contrast.parts[0];
        let words = format!("{:.0} us {}", part.difference_us, part.title());
        (contrast.kind.clone(), contrast.with.clone(), words)
    });
    told.collect()
}

#[test]
fn a_phase_is_compared_with_the_first_and_a_stage_with_the_one_before() {
    let part = || "5000 us consistency wait · Delegator-waitTSafe".to_owned();
    let phase = compared(|_| (), |stream| stream.phase = "q".to_owned());
    assert_eq!(phase, [("phase".to_owned(), "p".to_owned(), part())]);
    let stage = |name: &'static str| {
        move |stream: &mut StreamInfo| stream.part = Some(Part::Stage(name.to_owned()))
    };
    assert_eq!(
        compared(stage("low"), stage("high")),
        [("stage".to_owned(), "low".to_owned(), part())]
    );
}

#[test]
fn workloads_of_one_operation_are_compared_where_they_ran_apart() {
    let place = |phase: &'static str, workload: &'static str, collection: &'static str| {
        move |stream: &mut StreamInfo| {
            (stream.phase, stream.workload) = (phase.to_owned(), workload.to_owned());
            stream.collection = collection.to_owned();
        }
    };
    let found = compared(place("p", "ef-64", "words"), place("q", "ef-512", "words"));
    let told: Vec<_> = found
        .iter()
        .map(|(kind, with, _)| (kind.as_str(), with.as_str()))
        .collect();
    assert_eq!(told, [("workload", "ef-64")]);
    assert!(
        found[0].2.starts_with("5000 us consistency wait"),
        "{found:?}"
    );
    // Beside each other both are part of each other's load; another collection is another thing.
    for other in [
        place("p", "ef-512", "words"),
        place("q", "ef-512", "images"),
    ] {
        assert_eq!(compared(place("p", "ef-64", "words"), other), []);
    }
}

#[test]
fn a_small_tail_says_what_is_missing() {
    let mut run = thousand(true);
    run.traces.truncate(40);
    let analysis = analysed(&run);
    let tail = only(&analysis).tail.as_ref().unwrap();
    assert_eq!(tail.sentence, None);
    assert!(
        tail.missing
            .as_deref()
            .unwrap()
            .contains("the tail's latency breakdown needs 30: trace or measure"),
        "{tail:?}"
    );
}

#[test]
fn exemplars_name_the_slowest_and_one_near_each_quantile() {
    let analysis = analysed(&thousand(true));
    let exemplars = &only(&analysis).exemplars;
    let labels: Vec<_> = exemplars
        .iter()
        .map(|exemplar| exemplar.label.as_str())
        .collect();
    assert_eq!(
        labels,
        [
            "slowest", "slowest", "slowest", "p50", "p90", "p99", "p99.9"
        ]
    );
    assert_eq!(exemplars[0].largest_area, "consistency wait");
    assert_eq!(exemplars[0].largest_part, "standalone Delegator-waitTSafe");
    assert_eq!(
        exemplars[0].link.as_deref(),
        Some(format!("http://127.0.0.1:1/trace/{}", exemplars[0].trace_id).as_str())
    );
}

#[test]
fn the_same_files_give_the_same_bytes_in_any_order_of_traces() {
    let run = thousand(true);
    let (_folder, reader) = run.write();
    let bytes = |traces: Vec<Trace>| {
        serde_json::to_vec(&analyse(&reader, traces.into_iter()).unwrap()).unwrap()
    };
    let forward = bytes(run.traces.clone());
    let mut turned = run.traces.clone();
    turned.reverse();
    assert!(forward == bytes(run.traces.clone()) && forward == bytes(turned));
}

/// Four requests of each state that a trace can be in.
fn every_state() -> RunMaker {
    let mut run = RunMaker::new(true);
    for seq in 0..16 {
        let made = Made::ok(seq, 0, 1_000_000);
        let mut whole = trace(1_000_000, 1_000, 500_000);
        let mut no_root = TraceMaker::default();
        match seq % 4 {
            0 => run.traced(made, &whole),
            1 => run.traced(made, whole.internal((5, 99), "SearchTask", (5_000, 6_000))),
            2 => run.traced(
                made,
                no_root.internal((5, CLIENT), "ingress", (5_000, 6_000)),
            ),
            _ => drop(run.request(made)),
        }
    }
    run.request(Made {
        outcome: Outcome::NotSent,
        ..Made::ok(16, 0, 500)
    });
    run
}

fn check_join(run: &RunMaker, expected: Join) {
    let analysis = analysed(run);
    let join = only(&analysis).join.expect("something was sampled");
    assert_eq!(join, expected);
    let sum = join.matched
        + join.incomplete
        + join.no_root
        + join.missing
        + join.not_recorded
        + join.not_fetched;
    assert_eq!(sum, join.sampled);
}

#[test]
fn the_states_of_the_join_add_up() {
    let four = Join {
        sampled: 16,
        matched: 4,
        incomplete: 4,
        no_root: 4,
        missing: 4,
        ..Join::default()
    };
    check_join(&every_state(), four);
}

#[test]
fn what_was_not_asked_for_is_not_missing() {
    let four = Join {
        sampled: 16,
        matched: 4,
        incomplete: 4,
        no_root: 4,
        missing: 4,
        ..Join::default()
    };
    let mut run = every_state();
    run.info.fetch.as_mut().unwrap().not_fetched_ids =
        [3, 7, 11].map(|seq| run.lines[seq].trace_id.clone()).into();
    check_join(
        &run,
        Join {
            missing: 1,
            not_fetched: 3,
            ..four
        },
    );
    run.info.fetch = None;
    check_join(
        &run,
        Join {
            missing: 0,
            not_fetched: 4,
            ..four
        },
    );
}

#[test]
fn what_was_not_written_is_not_recorded() {
    let mut run = every_state();
    run.info.streams[0].not_recorded = 5;
    check_join(
        &run,
        Join {
            sampled: 21,
            matched: 4,
            incomplete: 4,
            no_root: 4,
            missing: 4,
            not_recorded: 5,
            ..Join::default()
        },
    );
}

#[test]
fn failures_are_counted_apart_and_make_lower_bounds() {
    let mut run = thousand(true);
    for seq in 1_000..1_020 {
        run.request(Made {
            outcome: Outcome::Timeout,
            ..Made::ok(seq, 0, 10_000_000_000)
        });
    }
    let analysis = analysed(&run);
    let workload = only(&analysis);
    assert_eq!(
        (
            workload.requests.due,
            workload.requests.ok,
            workload.requests.failed
        ),
        (1_020, 1_000, 20)
    );
    assert_eq!(workload.requests.outcomes["timeout"], 20);
    let response = workload.response_time_us.as_ref().unwrap();
    assert_eq!(
        (response["p95"].at_least, response["p99"].at_least),
        (false, true)
    );
    assert!(workload.failed_time_us["timeout"]["p50"].value > 9e6);
    assert_eq!(
        workload.account[0].matched, 1_000,
        "the latency breakdown holds successes only"
    );
}

#[test]
fn damage_is_told_and_the_rest_is_read() {
    let run = thousand(true);
    let (folder, reader) = run.write();
    let path = folder.path().join("requests.jsonl");
    let mut text = std::fs::read_to_string(&path).unwrap();
    text.insert_str(0, "not a request\n");
    std::fs::write(&path, text).unwrap();
    let analysis = analyse(&reader, run.traces.clone().into_iter()).unwrap();
    assert_eq!(only(&analysis).join.unwrap().matched, 1_000);
    assert!(
        analysis.warnings.iter().any(|text| text.contains("line 1")),
        "{:?}",
        analysis.warnings
    );
}

#[test]
fn a_folder_without_requests_is_an_error_that_names_the_file() {
    let run = thousand(true);
    let (folder, reader) = run.write();
    std::fs::remove_file(folder.path().join("requests.jsonl")).unwrap();
    let error = analyse(&reader, std::iter::empty()).unwrap_err();
    assert!(error.0.contains("requests.jsonl"), "{error}");
}

#[test]
fn a_run_without_spans_has_figures_and_no_account() {
    let mut run = thousand(true);
    run.traces.clear();
    let analysis = analysed(&run);
    let workload = only(&analysis);
    assert!(
        workload.response_time_us.is_some()
            && workload.account.is_empty()
            && workload.tail.is_none()
    );
    assert_eq!(
        workload.curves.keys().collect::<Vec<_>>(),
        ["response_time", "service_time"]
    );
    assert_eq!(
        analysis
            .verdict
            .reasons
            .iter()
            .map(|reason| reason.code.as_str())
            .collect::<Vec<_>>(),
        ["no_spans"]
    );
}

#[test]
fn what_was_not_traced_has_its_curves() {
    let mut run = RunMaker::new(true);
    for seq in 0..100 {
        run.request(Made {
            sampled: false,
            ..Made::ok(seq, 10_000, 500_000 + seq)
        });
    }
    assert_eq!(
        only(&analysed(&run)).curves.keys().collect::<Vec<_>>(),
        ["response_time", "service_time"]
    );
}

#[test]
fn lines_of_the_warm_up_are_counted_only() {
    let mut run = thousand(true);
    let warm: Vec<RequestLine> = run
        .lines
        .iter()
        .take(3)
        .map(|line| RequestLine {
            part: Part::Warmup,
            ..line.clone()
        })
        .collect();
    run.lines.extend(warm);
    let stream = StreamInfo {
        part: Some(Part::Warmup),
        ..run.info.streams[0].clone()
    };
    run.info.streams.push(stream);
    let analysis = analysed(&run);
    assert_eq!(only(&analysis).join.unwrap().sampled, 1_000);
    let expected = WarmupCount {
        phase: "p".to_owned(),
        part: "warmup".to_owned(),
        workload: "w".to_owned(),
        requests: 0,
        failed: 0,
    };
    assert_eq!(analysis.warmup, [expected]);
}

#[test]
fn a_stage_is_a_row_of_its_own_and_a_ramp_is_in_no_figure() {
    let stage = |name: &str| Some(Part::Stage(name.to_owned()));
    let mut run = thousand_in(RunMaker::new(true).with_part(stage("average").unwrap()));
    let ramped: Vec<RequestLine> = run
        .lines
        .iter()
        .take(3)
        .map(|line| RequestLine {
            part: Part::Ramp(1),
            ..line.clone()
        })
        .collect();
    run.lines.extend(ramped);
    let of_part = |part| StreamInfo {
        part,
        due: 0,
        ..run.info.streams[0].clone()
    };
    let (ramp, peak) = (of_part(Some(Part::Ramp(1))), of_part(stage("peak")));
    run.info.streams.extend([ramp, peak]);
    let analysis = analysed(&run);
    let rows: Vec<(Option<&str>, u64)> = analysis
        .workloads
        .iter()
        .map(|row| (row.stage.as_deref(), row.requests.ok))
        .collect();
    assert_eq!(rows, [(Some("average"), 1_000), (Some("peak"), 0)]);
    assert_eq!(analysis.workloads[0].join.unwrap().matched, 1_000);
    assert_eq!(analysis.warmup[0].part, "ramp");
    assert_eq!(
        analysis.verdict.reasons[0].at, "p/peak/w",
        "{:?}",
        analysis.verdict.reasons
    );
    run.info.status = Status::Interrupted;
    assert_eq!(
        analysed(&run).workloads.len(),
        1,
        "an interrupted run did not come to the second stage"
    );
}

/// Searches on a cluster of which one worker was stopped, each twice: a tail needs more requests
/// than were recorded.
fn recorded_cluster() -> RunMaker {
    let mut run = RunMaker::of_recorded(false);
    let searches = testing::recorded("-cluster")
        .into_iter()
        .filter(|recorded| {
            [
                "search_slow_worker",
                "search_sealed",
                "search_filtered",
                "search_busy_8workers",
                "search_callee_spans_lost",
            ]
            .contains(&recorded.op.as_str())
        });
    for (seq, recorded) in searches
        .flat_map(|recorded| [recorded.clone(), recorded])
        .enumerate()
    {
        let client = recorded
            .trace
            .spans
            .iter()
            .find(|span| span.span_id == recorded.client)
            .unwrap();
        run.request(Made::ok(seq as u64, 0, client.duration_ns()));
        let trace_id = seq as u128 + 1;
        let line = run.lines.last_mut().unwrap();
        (line.trace_id, line.span_id) = (
            format!("{trace_id:032x}"),
            format!("{:016x}", recorded.client),
        );
        run.traces.push(Trace {
            trace_id,
            spans: recorded.trace.spans,
        });
    }
    run
}

#[test]
fn a_recorded_cluster_is_explained_by_its_stopped_node() {
    let run = recorded_cluster();
    let analysis = analysed(&run);
    let workload = only(&analysis);
    assert_bands_add_up(workload);
    assert_eq!(
        workload.join,
        Some(Join {
            sampled: 82,
            matched: 76,
            incomplete: 6,
            ..Join::default()
        })
    );
    let facts = workload.traces.as_ref().unwrap();
    assert_eq!(
        (
            facts.merged,
            facts.merged_in_part,
            facts.merged_node_calls,
            facts.callee_spans_lost
        ),
        (2, 6, 10, 6)
    );
    assert!(facts.unknown_names.is_empty() && facts.unmatched_ks.is_some());
    let slowest = workload
        .instances
        .iter()
        .max_by(|a, b| a.mean_us.total_cmp(&b.mean_us))
        .unwrap();
    assert_eq!(
        (
            slowest.area.as_str(),
            slowest.service.as_str(),
            slowest.instance.as_str()
        ),
        ("node to node", "querynode", "7")
    );
    let calls = |instance: &str| {
        workload
            .node_calls
            .iter()
            .find(|calls| calls.instance == instance)
            .unwrap()
            .mean_us
    };
    assert!(
        calls("7") > 5.0 * calls("6"),
        "only the worker was stopped: {:?}",
        workload.node_calls
    );
}

#[test]
fn requests_of_the_set_up_share_one_trace() {
    let mut run = RunMaker::new(false);
    let shared = 7u128;
    let mut all = Trace {
        trace_id: shared,
        spans: Vec::new(),
    };
    for seq in 0..3u64 {
        let made = Made::ok(seq, 0, 1_000_000);
        run.traced(made, &trace(1_000_000, 1_000, 500_000));
        let mut spans = run.traces.pop().unwrap().spans;
        for span in &mut spans {
            let own = |id: u64| if id < 100 { id + 100 * (seq + 1) } else { id };
            (span.trace_id, span.span_id, span.parent_id) =
                (shared, own(span.span_id), span.parent_id.map(own));
        }
        all.spans.extend(spans);
        run.lines.last_mut().unwrap().trace_id = format!("{shared:032x}");
    }
    run.traces = vec![all];
    run.info.streams[0].phase = "prepare".to_owned();
    run.info.phases[0].name = "prepare".to_owned();
    run.lines
        .iter_mut()
        .for_each(|line| line.phase = "prepare".to_owned());
    check_join(
        &run,
        Join {
            sampled: 3,
            matched: 3,
            ..Join::default()
        },
    );
}

#[test]
fn the_send_lag_is_that_of_everything_that_was_sent() {
    let mut run = RunMaker::new(true);
    for seq in 0..100 {
        run.request(Made::ok(seq, 1_000_000, 500_000));
        run.request(Made {
            outcome: Outcome::Timeout,
            ..Made::ok(100 + seq, 20_000_000, 500_000)
        });
        run.request(Made {
            outcome: Outcome::NotSent,
            ..Made::ok(200 + seq, 90_000_000, 500_000)
        });
    }
    let analysis = analysed(&run);
    let lag = only(&analysis).send_lag_us.as_ref().unwrap();
    assert!(
        (lag["p99"].value / 20_000.0 - 1.0).abs() < 0.01,
        "the failures were late: {:?}",
        lag["p99"]
    );
    assert!(
        lag["max"].value < 21_000.0,
        "what was not sent has no moment of sending: {:?}",
        lag["max"]
    );
}

/// A run that failed with the phase `p` begun or not, and nothing recorded.
fn refused(begun: bool) -> Analysis {
    let mut run = RunMaker::new(true);
    (run.info.status, run.info.failure) =
        (Status::Failed, Some("Milvus does not answer".to_owned()));
    if !begun {
        run.info.phases.clear();
    }
    analysed(&run)
}

#[test]
fn a_run_that_was_refused_before_the_load_has_no_figures() {
    for analysis in [refused(false), refused(true)] {
        assert_eq!(analysis.failure.as_deref(), Some("Milvus does not answer"));
        assert!(analysis.workloads.is_empty(), "{:?}", analysis.workloads);
        assert_eq!(
            analysis
                .verdict
                .reasons
                .iter()
                .map(|reason| reason.code.as_str())
                .collect::<Vec<_>>(),
            ["failed_run"]
        );
    }
}

#[test]
fn a_phase_that_an_interrupted_run_did_not_come_to_is_left_out() {
    let mut run = thousand(true);
    run.info.status = Status::Interrupted;
    run.info.streams.push(StreamInfo {
        phase: "later".to_owned(),
        ..run.info.streams[0].clone()
    });
    assert_eq!(only(&analysed(&run)).phase, "p");
}

#[test]
fn one_matched_request_lies_and_several_lie() {
    let mut run = thousand(true);
    run.traces.truncate(40);
    let analysis = analysed(&run);
    assert!(
        only(&analysis)
            .tail
            .as_ref()
            .unwrap()
            .missing
            .as_deref()
            .unwrap()
            .contains(" matched requests lie ")
    );
    run.traces.truncate(2);
    let analysis = analysed(&run);
    assert!(
        only(&analysis)
            .tail
            .as_ref()
            .unwrap()
            .missing
            .as_deref()
            .unwrap()
            .contains("1 matched request lies ")
    );
}

/// A run of `seconds` seconds with a request every 100 ms, whose service time rises by `rise` until
/// the end.
fn steady(seconds: u64, rise: f64) -> RunMaker {
    let mut run = RunMaker::new(true);
    run.info.streams[0].end_ns = Some(seconds * 1_000_000_000);
    let mut rng = Rng::new(4);
    for at in 0..seconds * 10 {
        let engine =
            2_000_000.0 * (1.0 + rise * at as f64 / (seconds * 10) as f64) + rng.unit() * 1e6;
        let service = engine as u64 + 400_000 + rng.below(100_000) as u64;
        run.traced(
            Made::ok(at * 100, 10_000, service),
            &trace(service as i64, 1_000, engine as i64),
        );
    }
    run
}

#[test]
fn every_figure_of_a_long_run_has_its_interval_and_a_short_one_says_how_long_it_takes() {
    let analysis = analysed(&steady(150, 0.0));
    let workload = only(&analysis);
    let figures = [
        &workload.response_time_us,
        &workload.service_time_us,
        &workload.server_time_us,
        &workload.gap_us,
    ];
    for quantiles in figures.map(|figure| figure.as_ref().unwrap()) {
        let p90 = &quantiles["p90"];
        assert!(
            p90.low.unwrap() < p90.value && p90.value < p90.high.unwrap(),
            "{p90:?}"
        );
    }
    assert_eq!(
        (
            workload.trend,
            workload.response_time_us.as_ref().unwrap()["max"].low
        ),
        (None, None)
    );
    let short = analysed(&steady(10, 0.0));
    let p50 = only(&short).response_time_us.as_ref().unwrap()["p50"].clone();
    assert!(
        p50.low.is_none()
            && p50.high.is_none()
            && p50.why_not.is_some_and(|why_not| why_not.needed_s >= 60.0),
        "{p50:?}"
    );
}

#[test]
fn a_run_that_slows_down_all_along_is_told() {
    let analysis = analysed(&steady(150, 1.0));
    let trend = only(&analysis).trend.expect("a rise");
    assert!(trend.change > 0.3, "{trend:?}");
    assert!(
        analysis
            .verdict
            .reasons
            .iter()
            .any(|reason| reason.code == "trend"),
        "{:?}",
        analysis.verdict
    );
}

#[test]
fn every_traced_or_failed_request_is_a_row_whose_areas_add_up() {
    let mut run = thousand(true);
    let failed = Made {
        sampled: false,
        outcome: Outcome::Timeout,
        ..Made::ok(1_000, 10_000, 700_000)
    };
    run.request(failed);
    let analysis = analysed(&run);
    let rows = &analysis.requests.rows;
    assert!(rows.len() == 1_001 && rows.is_sorted_by_key(|row| row.seq));
    for row in &rows[..1_000] {
        let latency = row.done_ns.unwrap() - row.intended_ns.unwrap();
        assert_eq!(
            row.areas.iter().map(|(_, ns)| *ns).sum::<i64>(),
            latency as i64
        );
        assert_eq!(row.state, Some(crate::analysis::JoinState::Matched));
    }
    let last = &rows[1_000];
    assert_eq!(
        (last.outcome, last.sampled, last.state, last.server_ns),
        (Outcome::Timeout, false, None, None)
    );
    assert_eq!(
        analysis.requests.streams[last.stream as usize].workload,
        "w"
    );
}
