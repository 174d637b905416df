//! What replies hold: rows of every request, counted also where nothing is traced, shown, exported
//! and required.

use milvus_bench::{
    null_milvus::FakeMilvus,
    record::{Figure, Outcome, RunReader},
};
use serde_json::Value;

use crate::{bench::Bench, folder::Folder};

const WORKLOAD: &str = "operation = \"search\"\nrate = 50\narrivals = \"even\"\nlimit = 5";
const REPORTS: [&str; 8] = [
    "--report", "text", "--report", "csv", "--report", "markdown", "--report", "html",
];

fn number(value: &Value, key: &str) -> f64 {
    value[key]
        .as_f64()
        .unwrap_or_else(|| panic!("no {key} in {value:#}"))
}

/// The number of replies with so many rows, from `latency.hlog`.
fn counted(folder: &Folder, rows: u64) -> u64 {
    let histograms = RunReader::open(folder.path())
        .and_then(|reader| reader.histograms())
        .expect("latency.hlog");
    let of_rows = histograms
        .merged
        .iter()
        .filter(|(key, _)| key.figure == Figure::Rows);
    assert!(
        of_rows
            .clone()
            .all(|(key, _)| key.outcome == Outcome::Ok && key.phase == "alone"),
        "inserts and failures return no rows"
    );
    of_rows.map(|(_, histogram)| histogram.count_at(rows)).sum()
}

fn reason(folder: &Folder) -> Option<String> {
    let report = folder.report();
    let reasons = report["verdict"]["reasons"].as_array().expect("reasons");
    reasons
        .iter()
        .find(|reason| reason["code"] == "empty_replies")
        .map(|reason| reason["advice"].as_str().expect("advice").to_owned())
}

#[test]
fn rows_of_every_reply_are_counted_though_nothing_is_traced() {
    let fake = FakeMilvus::start();
    let bench = Bench::at(&fake, &[("sample_ratio = 1.0", "sample_ratio = 0.0")]);
    let ended = bench.run(&REPORTS).exits(0);
    let folder = bench.only_folder();
    let rows = folder.workload("alone", "search")["rows"].clone();
    assert_eq!(
        (
            number(&rows, "replies"),
            number(&rows, "mean"),
            number(&rows, "empty"),
            number(&rows, "short")
        ),
        (50.0, 5.0, 0.0, 0.0)
    );
    assert_eq!((counted(&folder, 5), reason(&folder)), (50, None));
    assert!(
        ended
            .stdout
            .contains("5.00 rows a reply, 0 % empty, 0 % with fewer than 5"),
        "{}",
        ended.stdout
    );
}

#[test]
fn a_collection_without_rows_is_named_wherever_it_is_looked_at() {
    let fake = FakeMilvus::start();
    let thresholds = "[[thresholds]]\nrequire = \"empty < 1%\"\n[[thresholds]]\nrequire = \
                      \"rows.mean >= 5 rows\"\n[[phases]]";
    let bench = Bench::at(
        &fake,
        &[
            (
                "prepare = \"full\"\ninitial_rows = 100",
                "prepare = \"schema\"",
            ),
            ("[[phases]]", thresholds),
        ],
    );
    let ended = bench.run(&REPORTS).exits(1);
    let folder = bench.only_folder();
    let search = folder.workload("alone", "search");
    assert_eq!(
        (
            number(&search["rows"], "empty"),
            number(&search["rows"], "short"),
            counted(&folder, 0)
        ),
        (1.0, 1.0, 50)
    );
    let advice = reason(&folder).expect("a caveat");
    assert!(
        advice.contains("collection words held no row when the phase began"),
        "{advice}"
    );
    assert!(
        ended
            .stdout
            .contains("0.000 rows a reply, 100 % empty, 100 % with fewer than 5"),
        "{}",
        ended.stdout
    );
    let states: Vec<Value> = folder.report()["thresholds"]
        .as_array()
        .expect("thresholds")
        .iter()
        .map(|result| result["state"].clone())
        .collect();
    assert_eq!(states, ["failed", "failed"]);
    assert!(
        folder
            .text("report.csv")
            .contains("rows,alone,,search,empty,,,,1,,,"),
        "{}",
        folder.text("report.csv")
    );
    assert!(
        folder
            .text("report.md")
            .contains("| rows a reply | empty |"),
        "{}",
        folder.text("report.md")
    );
    assert!(folder.text("report.html").contains("100 % empty"));
}

#[test]
fn a_query_that_asks_for_more_than_there_is_has_short_replies() {
    let fake = FakeMilvus::start();
    let query = "operation = \"query\"\nconcurrency = 1\nfilter = \"id in [1, 2, 3]\"\nlimit = 10";
    let bench = Bench::at(
        &fake,
        &[(WORKLOAD, query), ("duration = \"1s\"", "requests = 30")],
    );
    bench.run(&[]).exits(0);
    let folder = bench.only_folder();
    let rows = folder.workload("alone", "search")["rows"].clone();
    assert_eq!(
        (
            number(&rows, "mean"),
            number(&rows, "empty"),
            number(&rows, "short"),
            number(&rows, "full")
        ),
        (3.0, 0.0, 1.0, 10.0)
    );
    assert_eq!(reason(&folder), None, "three rows are an answer");
}

#[test]
fn ids_that_are_not_there_are_the_likely_cause() {
    let fake = FakeMilvus::start();
    // Inserted are 0 to 99.
    let query = "operation = \"query\"\nrate = 50\nfilter = \"id in [1000, 1001]\"\noutput_fields \
                 = [\"id\"]";
    let bench = Bench::at(&fake, &[(WORKLOAD, query)]);
    let ended = bench.run(&[]).exits(0);
    let advice = reason(&bench.only_folder()).expect("a caveat");
    assert!(
        advice.contains("no row passes its filter `id in [1000, 1001]`")
            && !advice.contains("held no row"),
        "{advice}"
    );
    assert!(
        ended
            .stdout
            .contains("empty replies 100 % at alone/search, limit 50 %"),
        "{}",
        ended.stdout
    );
}

#[test]
fn vectors_stand_beside_requests() {
    let fake = FakeMilvus::start();
    let bench = Bench::at(&fake, &[("limit = 5", "limit = 5\nnq = 4")]);
    let ended = bench.run(&["--report", "text", "--report", "csv"]).exits(0);
    let search = bench.only_folder().workload("alone", "search");
    let ratio = number(&search, "vectors_per_s") / number(&search["rate"], "throughput");
    assert_eq!(
        (
            ratio,
            number(&search, "vectors"),
            number(&search["rows"], "mean")
        ),
        (4.0, 4.0, 20.0)
    );
    assert!(ended.stdout.contains("vectors"), "{}", ended.stdout);
}

#[test]
fn a_threshold_on_rows_of_a_workload_that_returns_none_is_refused() {
    let fake = FakeMilvus::start();
    let insert = "operation = \"insert\"\nbatch = 10\nconcurrency = 1";
    let threshold = "[[thresholds]]\nrequire = \"empty < 1%\"\n[[phases]]";
    let bench = Bench::at(&fake, &[(WORKLOAD, insert), ("[[phases]]", threshold)]);
    bench.call(&["check", "scenario.toml"]).exits(2).error(&[
        "empty < 1%",
        "only the replies of a search or a query hold rows",
    ]);
}
