//! Runs against runs, from the folders to the exit code.

use std::time::Duration;

use milvus_bench::{milvus::methods, null_milvus::FakeMilvus};
use serde_json::Value;

use crate::bench::{Bench, Ended, is_invalid};

/// Three runs in `before` against a Milvus that answers a search in 100 ms, and three in `after`,
/// where it takes `slow`.
fn six_runs(slow: Duration) -> Bench {
    let fake = FakeMilvus::start();
    let bench = Bench::at(&fake, &[]);
    for (results, delay) in [("before", Duration::from_millis(100)), ("after", slow)] {
        fake.delay(&methods::SEARCH, delay);
        three_runs(&bench, results);
    }
    bench
}

/// Three runs in the folder `results` whose verdict is not *invalid*: on a machine that others keep
/// busy the client may be too late.
fn three_runs(bench: &Bench, results: &str) {
    for attempt in 0..10 {
        let times = if attempt == 0 { "3" } else { "1" };
        bench
            .call(&[
                "run",
                "scenario.toml",
                "--accept-invalid",
                "--quiet",
                "--repeat",
                times,
                "--results",
                results,
            ])
            .exits(0);
        let folders = std::fs::read_dir(bench.path().join(results))
            .expect("the results")
            .flatten();
        let runs: Vec<_> = folders
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
            .map(|entry| entry.path())
            .collect();
        let (invalid, valid): (Vec<_>, Vec<_>) = runs.into_iter().partition(|run| is_invalid(run));
        invalid
            .iter()
            .for_each(|run| std::fs::remove_dir_all(run).expect("an invalid run is removed"));
        if valid.len() >= 3 {
            return;
        }
    }
    panic!("the client was too late in all but a few of twelve runs");
}

fn compare(bench: &Bench, more: &[&str]) -> Ended {
    bench.call(&[&["compare", "--baseline", "before", "--run", "after"], more].concat())
}

#[test]
fn runs_that_are_slower_are_found_and_fail() {
    let bench = six_runs(Duration::from_millis(400));
    let text = compare(&bench, &[]).exits(0).stdout;
    assert!(
        text.starts_with("comparison  ") && text.contains("slower"),
        "{text}"
    );
    let json: Value = serde_json::from_str(&compare(&bench, &["--report", "json"]).exits(0).stdout)
        .expect("JSON");
    let figures = json["workloads"][0]["figures"].as_array().expect("figures");
    let p50 = figures
        .iter()
        .find(|figure| figure["key"] == "p50")
        .expect("p50");
    assert_eq!(p50["result"], "slower", "{p50:#}");
    assert!(p50["low"].as_f64().is_some_and(|low| low > 2.0), "{p50:#}");
    compare(&bench, &["--fail-if-slower", "5%"]).exits(1);
    compare(&bench, &["--fail-if-slower", "1000%", "--out", "compared"]).exits(0);
    for file in [
        "comparison.txt",
        "comparison.md",
        "comparison.html",
        "comparison.json",
    ] {
        assert!(bench.path().join("compared").join(file).is_file(), "{file}");
    }
    let page =
        std::fs::read_to_string(bench.path().join("compared/comparison.html")).expect("a page");
    let lines = |side: &str| {
        page.matches(&format!("<polyline class=\"{side}\" points=\"0.0,"))
            .count()
    };
    assert_eq!(
        (lines("baseline"), lines("run")),
        (3, 3),
        "a curve for each run: {page}"
    );
    assert_eq!(compare(&bench, &["--report", "html"]).exits(0).stdout, page);
    // The other way round it is faster.
    let turned = bench
        .call(&[
            "compare",
            "--baseline",
            "after",
            "--run",
            "before",
            "--fail-if-slower",
            "5",
        ])
        .exits(0);
    assert!(turned.stdout.contains("faster"), "{}", turned.stdout);
    // One run of a side alone is too few.
    let one = bench.path().join("after/latest").display().to_string();
    let few = ["compare", "--baseline", "before", "--run", &one];
    bench
        .call(&[&few[..], &["--fail-if-slower", "5%"]].concat())
        .exits(2)
        .error(&["`run --repeat 3`", "and a side has 1"]);
    let few = bench.call(&few).exits(0).stdout;
    assert!(
        few.contains("fewer than three runs on a side") && !few.contains("slower  "),
        "{few}"
    );
    let both = bench.path().join("before/latest").display().to_string();
    bench
        .call(&["compare", "--baseline", "before", "--run", &both])
        .exits(2)
        .error(&["is on both sides"]);
}

#[test]
fn what_is_no_run_and_what_is_no_format_is_named() {
    let bench = Bench::new("");
    let refused = |arguments: &[&str], words: &[&str]| {
        bench.call(arguments).exits(2).error(words);
    };
    refused(
        &["compare", "--baseline", "x", "--run", "y"],
        &["x is not a run folder and contains none"],
    );
    refused(
        &[
            "compare",
            "--baseline",
            "x",
            "--run",
            "y",
            "--report",
            "pdf",
        ],
        &["\"pdf\"", "text, markdown, html, json"],
    );
    let ended = bench
        .call(&[
            "compare",
            "--baseline",
            "x",
            "--run",
            "y",
            "--fail-if-slower",
            "much",
        ])
        .exits(2);
    assert!(
        ended.stderr.contains("percentage from 0 to 1000"),
        "{}",
        ended.stderr
    );
}

#[test]
fn sides_with_nothing_in_common_are_no_success() {
    let fake = FakeMilvus::start();
    // Beside such an answer a client that is late on a busy machine is not most of it.
    fake.delay(&methods::SEARCH, Duration::from_millis(100));
    let bench = Bench::at(&fake, &[]);
    three_runs(&bench, "before");
    let path = bench.path().join("scenario.toml");
    let text = std::fs::read_to_string(&path).expect("the scenario");
    std::fs::write(&path, text.replace("name = \"alone\"", "name = \"later\"")).expect("written");
    three_runs(&bench, "after");
    let words = [
        "--fail-if-slower has nothing to judge",
        "alone/search is in the baseline only",
        "the same phases and workloads",
    ];
    compare(&bench, &["--fail-if-slower", "5%"])
        .exits(2)
        .error(&words);
    let ended = compare(&bench, &[]).exits(2);
    assert!(
        ended.stdout.contains("nothing could be compared"),
        "{}",
        ended.stdout
    );
    ended.error(&["nothing could be compared: alone/search is in the baseline only"]);
}
