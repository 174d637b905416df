//! Rates are of the time that a load really ran: to the last moment at which something was due or
//! could have been sent, and not to the planned end.

use std::time::Duration;

use milvus_bench::{milvus::methods, null_milvus::FakeMilvus};
use rustix::process::Signal;
use serde_json::Value;

use crate::{
    bench::{Bench, wait},
    folder::{Folder, count},
};

const SEARCH: &str = "operation = \"search\"\nrate = 50\narrivals = \"even\"\nlimit = 5";

/// The workload of the scenario inserts 10 requests of 10 rows, which is all that there is, in the
/// way that `arrival` says.
fn inserts(arrival: &str) -> String {
    format!("operation = \"insert\"\nbatch = 10\n{arrival}")
}

fn number(value: &Value, key: &str) -> f64 {
    value[key]
        .as_f64()
        .unwrap_or_else(|| panic!("no {key} in {value:#}"))
}

/// Every rate of a workload is its count over `duration_s`, which is in `between`.
#[track_caller]
fn check_rates(workload: &Value, between: (f64, f64)) {
    let (duration, requests) = (number(workload, "duration_s"), &workload["requests"]);
    assert!(
        (between.0..between.1).contains(&duration),
        "{duration} s: {workload:#}"
    );
    let near = |found: f64, expected: f64| {
        assert!(
            (found / expected - 1.0).abs() < 1e-6,
            "{found}, not {expected}: {workload:#}"
        )
    };
    near(
        number(&workload["rate"], "achieved"),
        count(requests, "due") as f64 / duration,
    );
    near(
        number(&workload["rate"], "throughput"),
        count(requests, "ok") as f64 / duration,
    );
    if let Some(scheduled) = workload["rate"]["scheduled"].as_f64() {
        near(scheduled, count(requests, "due") as f64 / duration);
    }
}

#[track_caller]
fn phase_s(folder: &Folder, phase: &str) -> f64 {
    let report = folder.report();
    let phases = report["phases"].as_array().expect("phases");
    number(
        phases
            .iter()
            .find(|entry| entry["phase"] == phase)
            .expect("the phase"),
        "duration_s",
    )
}

fn reasons(folder: &Folder) -> Vec<String> {
    let report = folder.report();
    let reasons = report["verdict"]["reasons"].as_array().expect("reasons");
    reasons
        .iter()
        .filter_map(|reason| Some(reason["code"].as_str()?.to_owned()))
        .collect()
}

#[test]
fn callers_whose_rows_are_used_up_have_the_rates_of_the_moment_that_they_took() {
    let fake = FakeMilvus::start();
    let changes = [
        (SEARCH, inserts("concurrency = 2")),
        ("duration = \"1s\"", "duration = \"600s\"".to_owned()),
        (
            "[[phases]]",
            "[[thresholds]]\nrequire = \"throughput > 1\"\n[[phases]]".to_owned(),
        ),
    ];
    let bench = Bench::at(
        &fake,
        &changes.each_ref().map(|(old, new)| (*old, new.as_str())),
    );
    let ended = bench.run(&[]).exits(0);
    let folder = bench.only_folder();
    let workload = folder.workload("alone", "search");
    // Over ten minutes it would be one request in a minute.
    check_rates(&workload, (0.0, 10.0));
    let rows = number(&workload, "rows_per_s") * number(&workload, "duration_s");
    assert!((rows - 100.0).abs() < 1e-3, "{rows} rows: {workload:#}");
    assert_eq!(phase_s(&folder, "alone"), number(&workload, "duration_s"));
    assert_eq!(folder.report()["thresholds"][0]["state"], "passed");
    assert!(
        reasons(&folder).contains(&"rows_used_up".to_owned()),
        "{:?}",
        reasons(&folder)
    );
    assert!(!ended.stdout.contains("600 s"), "{}", ended.stdout);
}

#[test]
fn rows_that_are_used_up_beside_others_cut_nothing_but_their_own_workload() {
    let fake = FakeMilvus::start();
    let others = "[workloads.ingest]\noperation = \"insert\"\nbatch = 10\nrate = 50\narrivals = \
                  \"even\"\n[[phases]]";
    let threshold =
        "[[thresholds]]\nrequire = \"throughput > 1\"\nabort = { over = \"1s\", after = \"0s\" }\n";
    let changes = [
        ("[[phases]]", format!("{threshold}{others}")),
        ("duration = \"1s\"", "duration = \"6s\"".to_owned()),
        (
            "workloads = [\"search\"]",
            "workloads = [\"search\", \"ingest\"]".to_owned(),
        ),
    ];
    let bench = Bench::at(
        &fake,
        &changes.each_ref().map(|(old, new)| (*old, new.as_str())),
    );
    bench.run(&[]).exits(0);
    let folder = bench.only_folder();
    // Ten slots of 20 ms, however late they were sent.
    check_rates(&folder.workload("alone", "ingest"), (0.2 - 1e-6, 5.0));
    let search = folder.workload("alone", "search");
    assert_eq!(
        (number(&search, "duration_s"), phase_s(&folder, "alone")),
        (6.0, 6.0)
    );
    assert_eq!(count(&search["requests"], "due"), 300);
    assert_eq!(
        folder.run()["status"],
        "complete",
        "a workload that has nothing to send violates no threshold"
    );
}

#[test]
fn a_number_of_requests_takes_as_long_as_its_schedule() {
    let fake = FakeMilvus::start();
    let bench = Bench::at(&fake, &[("duration = \"1s\"", "requests = 20")]);
    bench.run(&["--threads", "1"]).exits(0);
    let folder = bench.only_folder();
    let search = folder.workload("alone", "search");
    check_rates(&search, (0.4 - 1e-6, 5.0));
    assert!(
        number(&search["rate"], "achieved") <= 50.0 + 1e-6,
        "20 requests take 20 distances, not 19: {search:#}"
    );
}

#[test]
fn a_stage_that_is_cut_short_and_one_that_is_never_reached() {
    let fake = FakeMilvus::start();
    let stages = "arrivals = \"even\"\nstages = [{ at = 40, for = \"10s\", name = \"first\" }, { \
                  to = 80, over = \"2s\" }, { at = 80, for = \"5s\", name = \"second\" }]";
    let bench = Bench::at(
        &fake,
        &[(SEARCH, &inserts(stages)), ("duration = \"1s\"\n", "")],
    );
    let ended = bench.run(&[]).exits(0);
    let folder = bench.only_folder();
    let first = folder.stage("alone", "first", "search");
    check_rates(&first, (0.25 - 1e-6, 5.0));
    assert_eq!(phase_s(&folder, "alone"), number(&first, "duration_s"));
    assert_eq!(
        count(
            &folder.stage("alone", "second", "search")["requests"],
            "due"
        ),
        0
    );
    let told = ended.stdout.matches("its rows are used up").count();
    assert!(
        ended.stdout.contains("nothing was due") && told > 0,
        "{}",
        ended.stdout
    );
    let report = folder.report();
    let of_second = report["verdict"]["reasons"]
        .as_array()
        .expect("reasons")
        .iter()
        .filter(|reason| reason["at"] == "alone/second/search");
    assert_eq!(
        of_second
            .map(|reason| reason["code"].clone())
            .collect::<Vec<_>>(),
        ["nothing_due"],
        "{report:#}"
    );
}

#[test]
fn the_head_has_the_whole_length_of_a_phase_with_stages() {
    let fake = FakeMilvus::start();
    let stages = "arrivals = \"even\"\nstages = [{ at = 40, for = \"500ms\", name = \"a\" }, { to \
                  = 80, over = \"300ms\" }, { at = 80, for = \"700ms\", name = \"b\" }]";
    let search = SEARCH.replace("rate = 50\narrivals = \"even\"", stages);
    let bench = Bench::at(
        &fake,
        &[
            (SEARCH, &search),
            ("duration = \"1s\"\n", "warmup = \"200ms\"\n"),
        ],
    );
    let ended = bench.run(&[]).exits(0);
    assert!(ended.stdout.contains("alone 1.50 s"), "{}", ended.stdout);
    assert_eq!(phase_s(&bench.only_folder(), "alone"), 1.5);
}

#[test]
fn a_phase_in_which_nothing_was_due_says_that_and_blames_nobody() {
    let fake = FakeMilvus::start();
    let rare = SEARCH
        .replace("rate = 50", "rate = 0.01")
        .replace("even", "poisson");
    let threshold = "[[thresholds]]\nrequire = \"throughput > 10\"\n[[phases]]";
    let bench = Bench::at(&fake, &[(SEARCH, &rare), ("[[phases]]", threshold)]);
    let ended = bench.call(&["run", "scenario.toml"]).exits(2);
    for words in [
        "nothing was due in the 1 s that it ran",
        "0.01 requests/s",
        "alone 1.00 s",
    ] {
        assert!(
            ended.stdout.contains(words),
            "{words:?} is not in\n{}",
            ended.stdout
        );
    }
    for words in ["client-bound", "thread cpu", "no request succeeded"] {
        assert!(
            !ended.stdout.contains(words),
            "{words:?} is in\n{}",
            ended.stdout
        );
    }
    let folder = bench.only_folder();
    assert_eq!(
        reasons(&folder)
            .iter()
            .filter(|code| *code != "debug_build")
            .collect::<Vec<_>>(),
        ["nothing_due"]
    );
    assert_eq!(folder.report()["thresholds"][0]["state"], "undecided");
    let phases = folder.run()["phases"].clone();
    let phase = phases
        .as_array()
        .and_then(|phases| phases.last())
        .expect("a phase")
        .clone();
    let took = count(&phase["end"], "monotonic_ns") - count(&phase["start"], "monotonic_ns");
    assert!(
        took >= 1_000_000_000,
        "the phase lasted as planned: {took} ns"
    );
}

#[test]
fn an_interrupted_load_ended_when_it_was_told_to() {
    let fake = FakeMilvus::start();
    fake.delay(&methods::SEARCH, Duration::from_millis(1_200));
    let callers = SEARCH.replace("rate = 50\narrivals = \"even\"", "concurrency = 1");
    let bench = Bench::at(&fake, &[(SEARCH, &callers), ("\"1s\"", "\"10m\"")]);
    let running = bench.start(&[]);
    wait(fake.called(&methods::SEARCH, 2));
    running.signal(Signal::INT);
    running.ended().exits(130);
    let folder = bench.only_folder();
    let run = folder.run();
    let streams = run["streams"].as_array().expect("streams");
    let end_ns = count(
        streams
            .iter()
            .find(|stream| stream["phase"] == "alone")
            .expect("the workload"),
        "end_ns",
    );
    let last = folder
        .lines("requests.jsonl")
        .into_iter()
        .rfind(|line| line["phase"] == "alone")
        .expect("a request");
    assert!(
        (count(&last, "sent_ns")..count(&last, "done_ns")).contains(&end_ns),
        "{end_ns}: {last:#}"
    );
}
