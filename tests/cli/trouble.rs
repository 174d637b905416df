//! What goes wrong during a run: what was measured is kept, the message is clear, the exit code is
//! the documented one.

use std::time::Duration;

use milvus_bench::{
    milvus::methods,
    null_milvus::{Failure, FakeMilvus},
};

use crate::{
    bench::{Bench, closed_port, scenario, wait},
    folder::count,
};

#[test]
fn milvus_is_down_at_the_start() {
    let uri = format!("http://127.0.0.1:{}", closed_port());
    let bench = Bench::new(&scenario(&uri, &[]));
    let ended = bench.run(&[]).exits(2);
    assert_eq!(ended.stdout, "");
    ended.error(&[
        "no connection to Milvus at",
        &uri,
        "check that Milvus runs there",
    ]);
    let run = bench.only_folder().run();
    assert_eq!(run["status"], "failed");
    assert!(
        run["failure"]
            .as_str()
            .is_some_and(|failure| failure.contains(&uri)),
        "{run:#}"
    );
}

/// 100 searches per second for three seconds, each of 100 ms.
fn slow_searches(fake: &FakeMilvus) -> Bench {
    fake.delay(&methods::SEARCH, Duration::from_millis(100));
    Bench::at(fake, &[("rate = 50", "rate = 100"), ("\"1s\"", "\"3s\"")])
}

#[test]
fn milvus_goes_away_and_comes_back() {
    let fake = FakeMilvus::start();
    let bench = slow_searches(&fake);
    let running = bench.start(&[]);
    wait(fake.called(&methods::SEARCH, 100));
    fake.kill();
    fake.restart();
    let ended = running.ended().exits(0);
    assert!(ended.stdout.contains("unavailable"), "{}", ended.stdout);
    let folder = bench.only_folder();
    folder.check();
    let requests = &folder.workload("alone", "search")["requests"];
    assert_eq!(count(requests, "due"), 300);
    assert!(
        count(requests, "ok") > 90 && count(&requests["outcomes"], "unavailable") > 0,
        "{requests:#}"
    );
    assert_eq!(folder.run()["status"], "complete");
    assert!(fake.count(&methods::SEARCH) > 200, "it went on afterwards");
}

#[test]
fn milvus_goes_away_for_good() {
    let fake = FakeMilvus::start();
    let bench = slow_searches(&fake);
    let running = bench.start(&[]);
    wait(fake.called(&methods::SEARCH, 100));
    fake.kill();
    let ended = running.ended().exits(0);
    assert!(ended.stdout.contains("unavailable"), "{}", ended.stdout);
    assert!(
        ended
            .stderr
            .contains("warning: collection words was not dropped"),
        "{}",
        ended.stderr
    );
    let folder = bench.only_folder();
    folder.check();
    let requests = &folder.workload("alone", "search")["requests"];
    assert!(
        count(requests, "ok") > 80 && count(&requests["outcomes"], "unavailable") > 100,
        "{requests:#}"
    );
    let report = folder.report();
    assert_eq!(
        report["verdict"]["state"]
            .as_str()
            .map(|state| state != "valid"),
        Some(true)
    );
    assert!(
        report["errors"]
            .as_array()
            .is_some_and(|errors| !errors.is_empty()),
        "{report:#}"
    );
}

#[test]
fn rows_that_are_used_up_too_early_are_called_that() {
    let fake = FakeMilvus::start();
    let bench = Bench::at(
        &fake,
        &[
            ("\"search\"\nrate = 50", "\"insert\"\nbatch = 10\nrate = 50"),
            ("limit = 5\n", ""),
        ],
    );
    let ended = bench.run(&[]).exits(0);
    assert!(
        ended
            .stdout
            .contains("the rows of workload search were used up before phase alone ended"),
        "{}",
        ended.stdout
    );
    let warnings = &bench.only_folder().run()["warnings"];
    let codes: Vec<_> = warnings
        .as_array()
        .expect("warnings")
        .iter()
        .filter_map(|warning| warning["code"].as_str())
        .collect();
    assert!(
        codes.contains(&"rows_used_up") && !codes.contains(&"stopped_early"),
        "{warnings:#}"
    );
}

#[test]
fn milvus_refuses_the_credentials() {
    let fake = FakeMilvus::start();
    fake.require_token("root:right-password");
    let token = (
        "connections = 1",
        "connections = 1\ntoken = \"${TEST_TOKEN}\"",
    );
    let bench = Bench::at(&fake, &[token]);
    let mut command = bench.command(&["run", "scenario.toml"]);
    let output = command
        .env("TEST_TOKEN", "root:wrong-password")
        .output()
        .expect("it starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(
        stderr.contains("error: ") && stderr.contains("credentials") && stderr.contains("token"),
        "{stderr}"
    );
    assert!(!stderr.contains("wrong-password"), "{stderr}");
    assert_eq!(fake.count(&methods::CREATE_COLLECTION), 0);
}

#[test]
fn milvus_wants_credentials_and_there_are_none() {
    let fake = FakeMilvus::start();
    fake.require_token("root:right-password");
    Bench::at(&fake, &[])
        .run(&[])
        .exits(2)
        .error(&["credentials", "token"]);
}

#[test]
fn requests_that_milvus_refuses_are_counted_with_its_code_and_the_first_ten_texts() {
    let fake = FakeMilvus::start();
    fake.fail(
        &methods::SEARCH,
        1..=30,
        Failure::milvus(1100, 5, "invalid parameter: \u{1b}[31mred\nrow"),
    );
    let bench = Bench::at(&fake, &[]);
    let ended = bench.run(&[]).exits(0);
    assert!(
        ended.stdout.contains("milvus_1100") && ended.stdout.contains("invalid parameter"),
        "{}",
        ended.stdout
    );
    assert!(!ended.stdout.contains('\u{1b}') && !ended.stderr.contains('\u{1b}'));
    let folder = bench.only_folder();
    folder.check();
    let workload = folder.workload("alone", "search");
    assert_eq!(count(&workload["requests"]["outcomes"], "milvus_1100"), 30);
    assert!(
        workload["failed_time_us"]["milvus_1100"]["p50"]["value"].is_f64(),
        "{workload:#}"
    );
    let run = folder.run();
    let kept: Vec<_> = run["errors"]
        .as_array()
        .expect("errors")
        .iter()
        .filter(|error| error["outcome"] == "milvus_1100")
        .collect();
    assert!((1..=10).contains(&kept.len()), "{kept:#?}");
    assert!(kept.iter().all(|error| {
        error["text"]
            .as_str()
            .is_some_and(|text| text.contains("invalid parameter"))
    }));
    assert_eq!(
        folder
            .lines("requests.jsonl")
            .iter()
            .filter(|line| line["outcome"] == "milvus_1100")
            .count(),
        30
    );
}

#[test]
fn no_request_succeeds() {
    let fake = FakeMilvus::start();
    fake.fail(
        &methods::SEARCH,
        ..,
        Failure::milvus(101, 101, "collection not loaded"),
    );
    let bench = Bench::at(&fake, &[]);
    let ended = bench.run(&[]).exits(2);
    assert!(ended.stdout.contains("milvus_101"), "{}", ended.stdout);
    bench.only_folder().check();
}

#[test]
fn replies_that_are_no_messages() {
    let fake = FakeMilvus::start();
    fake.fail(&methods::SEARCH, 1..=10, Failure::Garbage(vec![0xff; 100]));
    let bench = Bench::at(&fake, &[]);
    bench.run(&[]).exits(0);
    let folder = bench.only_folder();
    folder.check();
    assert_eq!(
        count(
            &folder.workload("alone", "search")["requests"]["outcomes"],
            "bad_reply"
        ),
        10
    );
}

#[test]
fn preparation_that_fails_is_no_measurement() {
    let fake = FakeMilvus::start();
    fake.fail(
        &methods::CREATE_INDEX,
        ..,
        Failure::milvus(1100, 5, "invalid index type"),
    );
    let bench = Bench::at(&fake, &[]);
    let ended = bench.run(&[]).exits(2);
    assert_eq!(ended.stdout, "");
    ended.error(&["words", "CreateIndex", "milvus_1100", "invalid index type"]);
    assert_eq!(bench.only_folder().run()["status"], "failed");
    assert_eq!(fake.rows("words"), None, "what it created is dropped again");
}

#[test]
fn one_of_two_workloads_without_a_success_makes_the_run_invalid() {
    let fake = FakeMilvus::start();
    fake.fail(&methods::QUERY, .., Failure::milvus(65535, 1, "boom"));
    let query =
        "[workloads.query]\noperation = \"query\"\nrate = 20\nfilter = \"id in [1]\"\n\n[[phases]]";
    let changes = [
        ("[[phases]]", query),
        (
            "workloads = [\"search\"]",
            "workloads = [\"search\", \"query\"]",
        ),
    ];
    let bench = Bench::at(&fake, &changes);
    bench.call(&["run", "scenario.toml"]).exits(3);
    assert_eq!(bench.only_folder().run()["verdict"], "invalid");
    bench.run(&[]).exits(0);
}

#[test]
fn a_rate_far_above_what_milvus_can_do_ends_and_says_so() {
    let fake = FakeMilvus::start();
    fake.capacity(&[&methods::SEARCH], 1, Duration::from_millis(20));
    let changes = [
        (
            "rate = 50",
            "rate = 1000\nmax_in_flight = 8\ntimeout = \"500ms\"",
        ),
        ("\"1s\"", "\"2s\""),
    ];
    let bench = Bench::at(&fake, &changes);
    let ended = bench.run(&[]).exits(0);
    assert!(ended.stdout.contains("overloaded"), "{}", ended.stdout);
    let folder = bench.only_folder();
    folder.check();
    let workload = folder.workload("alone", "search");
    assert_eq!(count(&workload["requests"], "due"), 2000);
    assert!(
        count(&workload["requests"], "not_sent") > 1000,
        "{workload:#}"
    );
    assert_eq!(workload["response_time_us"]["p99"]["at_least"], true);
    let report = folder.report();
    let reasons = report["verdict"]["reasons"].as_array().expect("reasons");
    assert!(
        reasons.iter().any(|reason| reason["code"] == "overloaded"),
        "{reasons:#?}"
    );
}

#[test]
fn too_many_open_files_is_said_with_its_own_advice_wherever_it_occurs() {
    let fake = FakeMilvus::start();
    let embedded = format!(
        "source = \"embedded\"\nlisten = \"127.0.0.1:{}\"",
        closed_port()
    );
    let bench = Bench::at(
        &fake,
        &[
            ("connections = 1", "connections = 16"),
            ("source = \"none\"", &embedded),
        ],
    );
    let direct = bench.command(&[
        "run",
        "scenario.toml",
        "--accept-invalid",
        "--threads",
        "1",
        "--out",
    ]);
    let mut seen = 0;
    for limit in 3..200 {
        let mut command = std::process::Command::new("sh");
        command
            .args(["-c", &format!("ulimit -n {limit}; exec \"$0\" \"$@\"")])
            .arg(direct.get_program())
            .args(direct.get_args());
        command
            .arg(format!("run-{limit}"))
            .current_dir(bench.path())
            .env("MILVUS_BENCH_CALIBRATE", "off");
        let ended = crate::bench::Ended::of(command.output().expect("the shell starts"));
        assert!(
            !ended.stderr.contains("panicked"),
            "limit {limit}: {}",
            ended.stderr
        );
        if ended.code == Some(0) && !ended.stderr.contains("os error 24") {
            break;
        }
        // The dynamic loader's own words, below what a process needs to start.
        if ended.code == Some(127) {
            continue;
        }
        seen += 1;
        let advised = |line: &&str| {
            line.contains("no more files can be opened in this process")
                && line.contains("ulimit -n")
        };
        assert!(
            ended.stderr.lines().any(|line| advised(&line)),
            "limit {limit}, {:?}: {}",
            ended.code,
            ended.stderr
        );
        assert!(
            !ended.stderr.contains("stack up"),
            "limit {limit}: {}",
            ended.stderr
        );
    }
    assert!(seen >= 10, "only {seen} limits were too low");
}
