//! Thresholds of a scenario, from the file to the exit code and the reports.

use std::time::Duration;

use milvus_bench::{milvus::methods, null_milvus::FakeMilvus};

use crate::bench::Bench;

/// A run with `thresholds` against a Milvus that answers a search in 5 ms.
fn bench(thresholds: &str) -> (FakeMilvus, Bench) {
    let fake = FakeMilvus::start();
    fake.delay(&methods::SEARCH, Duration::from_millis(5));
    let bench = Bench::at(
        &fake,
        &[("[[phases]]", &format!("{thresholds}\n[[phases]]"))],
    );
    (fake, bench)
}

#[track_caller]
fn check(thresholds: &str, code: i32, expected: &[(&str, &str)]) -> String {
    let (_fake, bench) = bench(thresholds);
    let ended = bench
        .run(&[
            "--report", "text", "--report", "junit", "--report", "markdown", "--report", "csv",
        ])
        .exits(code);
    let folder = bench.only_folder();
    let report = folder.report();
    let found: Vec<(&str, &str)> = report["thresholds"]
        .as_array()
        .expect("thresholds")
        .iter()
        .map(|result| {
            (
                result["require"].as_str().expect("a requirement"),
                result["state"].as_str().expect("a state"),
            )
        })
        .collect();
    assert_eq!(found, expected, "{:#}", report["thresholds"]);
    for file in ["report.xml", "report.md"] {
        assert!(
            folder.text(file).contains("<testcase") || folder.text(file).contains("| threshold |"),
            "{file}"
        );
    }
    assert!(
        folder.text("report.csv").lines().count() > 20,
        "{}",
        folder.text("report.csv")
    );
    // Made again from the folder alone, it says the same.
    let again = bench
        .call(&[
            "report",
            &folder.path().display().to_string(),
            "--report",
            "junit",
        ])
        .exits(0);
    assert_eq!(folder.text("report.xml"), again.stdout);
    ended.stdout
}

#[test]
fn all_passed_is_exit_code_0() {
    let thresholds = "[[thresholds]]\nrequire = 'service_time.p50 < 10s'\n[[thresholds]]\nrequire \
                      = 'failed < 1%'\nworkload = 'search'\nphase = 'alone'";
    let stdout = check(
        thresholds,
        0,
        &[
            ("service_time.p50 < 10s", "passed"),
            ("failed < 1%", "passed"),
        ],
    );
    assert!(stdout.contains("thresholds 2 passed"), "{stdout}");
}

#[test]
fn one_that_failed_is_exit_code_1() {
    let thresholds = "[[thresholds]]\nrequire = 'service_time.p50 < 4ms'\n[[thresholds]]\nrequire \
                      = 'failed < 1%'";
    let stdout = check(
        thresholds,
        1,
        &[
            ("service_time.p50 < 4ms", "failed"),
            ("failed < 1%", "passed"),
        ],
    );
    assert!(
        stdout.contains("✗ service_time.p50 < 4ms at alone/search: "),
        "{stdout}"
    );
}

#[test]
fn the_worst_window_may_be_as_long_as_the_phase() {
    let figure = "response_time.p99.worst(\"1s\") < 10s";
    check(
        &format!("[[thresholds]]\nrequire = '{figure}'"),
        0,
        &[(figure, "passed")],
    );
}

#[test]
fn one_that_may_end_the_run_does_so_and_keeps_what_was_measured() {
    let fake = FakeMilvus::start();
    fake.delay(&methods::SEARCH, Duration::from_millis(5));
    let threshold = "[[thresholds]]\nrequire = 'service_time.p50 < 4ms'\nabort = { over = '2s', \
                     after = '1s' }\n[[phases]]";
    let second =
        "duration = '60s'\nworkloads = ['search']\n[[phases]]\nname = 'later'\nduration = '60s'";
    let bench = Bench::at(
        &fake,
        &[("[[phases]]", threshold), ("duration = \"1s\"", second)],
    );
    let ended = bench.run(&[]).exits(1);
    assert!(
        ended.stdout.contains("! ended early by a threshold"),
        "{}",
        ended.stdout
    );
    assert!(
        ended.stdout.contains("limit 4.00 ms: the run was ended"),
        "{}",
        ended.stdout
    );
    assert!(
        ended.stderr.contains("the run was ended"),
        "{}",
        ended.stderr
    );
    let folder = bench.only_folder();
    assert_eq!(
        (&folder.run()["status"], &folder.report()["status"]),
        (&"aborted".into(), &"aborted".into())
    );
    let requests = &folder.report()["workloads"][0]["requests"];
    let (due, ok) = (
        requests["due"].as_u64().expect("due"),
        requests["ok"].as_u64().expect("ok"),
    );
    assert!(ok > 0 && due < 60 * 50, "{requests}");
    assert_eq!(folder.report()["thresholds"][0]["state"], "failed");
    assert_eq!(
        folder.report()["workloads"]
            .as_array()
            .map_or(0, |rows| rows
                .iter()
                .filter(|row| row["phase"] == "later")
                .count()),
        0
    );
}
