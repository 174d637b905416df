//! Searches, upserts and deletes on one arrival process: a row for each in every report, the same
//! requests on any number of threads, and rows that are there as it was acknowledged.

use std::collections::BTreeSet;

use milvus_bench::{
    milvus::methods,
    null_milvus::{FakeMilvus, Shape},
};
use serde_json::Value;

use crate::{
    bench::{Bench, Ended},
    folder::{Folder, count},
    joined,
    support::written,
};

const SEARCH: &str = "[workloads.search]\noperation = \"search\"\nrate = 50\narrivals = \
                      \"even\"\nlimit = 5";
const CHURN: &str = "[workloads.churn]\noperation = \"mix\"\nrate = 200\nparts = { search = 70, \
                     upsert = 20, delete = 10 }\nsearch = { limit = 5 }\nupsert = { batch = 3 \
                     }\ndelete = { batch = 2 }";
const PARTS: [&str; 3] = ["churn:search", "churn:upsert", "churn:delete"];

/// A mix in the place of the searches, with warm-up; the collection is kept.
fn changes() -> Vec<(&'static str, &'static str)> {
    vec![
        (SEARCH, CHURN),
        (
            "duration = \"1s\"\nworkloads = [\"search\"]",
            "warmup = \"300ms\"\nduration = \"1s\"\nworkloads = [\"churn\"]",
        ),
        (
            "prepare = \"full\"\n",
            "prepare = \"full\"\nkeep = true\nfields = [{ name = \"rank\", type = \"Int64\" }]\n",
        ),
    ]
}

fn run(fake: &FakeMilvus, more: &[(&str, &str)], arguments: &[&str]) -> (Ended, Folder) {
    let bench = Bench::at(fake, &[&changes(), more].concat());
    let ended = bench.run(arguments).exits(0);
    let folder = bench.only_folder();
    folder.check();
    // The folder is read after the bench is gone.
    std::mem::forget(bench);
    (ended, folder)
}

/// What tells the requests of a run apart from those of another: part, workload, number, and what
/// was drawn for it.
fn requests(folder: &Folder) -> BTreeSet<String> {
    let lines = folder.lines("requests.jsonl");
    lines
        .iter()
        .filter(|line| line["phase"] == "alone")
        .map(|line| {
            let id = line["trace_id"].as_str().expect("a trace id");
            let [part, workload, seq, query] =
                ["part", "workload", "seq", "query"].map(|key| line[key].to_string());
            // The upper half is the run's nonce.
            format!("{part} {workload} {seq} {query} {}", &id[16..])
        })
        .collect()
}

#[test]
fn each_part_has_a_row_in_every_report_and_the_rows_add_up() {
    let fake = FakeMilvus::start();
    let reports = ["text", "csv", "markdown", "junit", "html"];
    let arguments: Vec<&str> = reports.iter().flat_map(|name| ["--report", name]).collect();
    let (ended, folder) = run(&fake, &[], &arguments);
    let all: u64 = PARTS
        .iter()
        .map(|name| count(&folder.workload("alone", name)["requests"], "due"))
        .sum();
    // Poisson arrivals of one second: 200 and five standard deviations.
    assert!((130..=270).contains(&all), "{all}");
    for name in PARTS {
        assert!(ended.stdout.contains(name), "{name}: {}", ended.stdout);
        for file in ["report.csv", "report.md", "report.html"] {
            assert!(folder.text(file).contains(name), "{name} in {file}");
        }
    }
    let rates = PARTS.map(|name| folder.workload("alone", name)["rate"]["target"].as_f64());
    assert_eq!(rates, [Some(140.0), Some(40.0), Some(20.0)]);
}

#[test]
fn threads_send_the_requests_that_one_would_send() {
    let (one, three) = (FakeMilvus::start(), FakeMilvus::start());
    let connections = [("connections = 1", "connections = 3")];
    let of_one = requests(&run(&one, &connections, &["--threads", "1"]).1);
    let of_three = requests(&run(&three, &connections, &["--threads", "3"]).1);
    assert!(of_one.len() > 100, "{}", of_one.len());
    assert_eq!(of_one, of_three);
}

#[test]
fn what_was_acknowledged_is_there() {
    // Callers that think for so long leave rows to delete when the warm-up is over, on any machine.
    for arrival in ["rate = 200", "concurrency = 3\nthink_time = \"10ms\""] {
        let fake = FakeMilvus::start();
        let bench = Bench::at(
            &fake,
            &[&changes()[..], &[("rate = 200", arrival)]].concat(),
        );
        let ended = bench.run(&[]).exits(0);
        let folder = bench.only_folder();
        if arrival.starts_with("rate") {
            let written = written::replay(folder.path(), &[]);
            assert!(!written.deleted.is_empty() && !written.replaced.is_empty());
            written.check_fields(&fake.uri());
        }
        let deleted = count(&folder.workload("alone", "churn:delete")["requests"], "ok");
        assert!(deleted > 0, "{}", ended.stdout);
        // The rows after the phase are those that this run should have left.
        let reasons = folder.report()["verdict"]["reasons"].clone();
        let foreign = |reason: &Value| reason["code"] == "foreign_rows";
        let reasons = reasons.as_array().expect("reasons");
        assert!(!reasons.iter().any(foreign), "{reasons:#?}");
    }
}

#[test]
fn a_mix_ends_with_the_rows_that_it_may_delete() {
    let fake = FakeMilvus::start();
    let few = [
        ("delete = { batch = 2 }", "delete = { batch = 2, rows = 9 }"),
        ("duration = \"1s\"", "until = \"exhausted\""),
        ("warmup = \"300ms\"\n", ""),
    ];
    let (_, folder) = run(&fake, &few, &[]);
    let delete = folder.workload("alone", "churn:delete");
    assert_eq!(count(&delete["requests"], "ok"), 5, "the last has one row");
    check_ended(&folder);
    assert_eq!(fake.rows("words"), Some(100 - 9));
    written::replay(folder.path(), &[]).check_fields(&fake.uri());
}

/// The deletes ended the mix, and every part says so.
#[track_caller]
fn check_ended(folder: &Folder) {
    let stopped = PARTS.map(|name| folder.workload("alone", name)["stopped"].clone());
    let other = "the rows of another part of its mix are used up";
    assert_eq!(stopped, [other, other, "its rows are used up"]);
}

#[test]
fn a_mix_of_callers_ends_with_the_first_of_them_that_has_no_row() {
    let fake = FakeMilvus::start();
    let few = [
        ("rate = 200", "concurrency = 3\nthink_time = \"2ms\""),
        (
            "delete = { batch = 2 }",
            "delete = { batch = 2, rows = 90 }",
        ),
        ("upsert = { batch = 3 }", "upsert = { batch = 2 }"),
        ("duration = \"1s\"", "until = \"exhausted\""),
        ("warmup = \"300ms\"\n", ""),
    ];
    let (_, folder) = run(&fake, &few, &[]);
    check_ended(&folder);
    // 45 requests, 15 of each caller.
    let deleted = count(&folder.workload("alone", "churn:delete")["requests"], "ok");
    assert!((15..45).contains(&deleted), "{deleted}");
}

#[test]
fn one_warning_names_the_part_whose_rows_were_used_up() {
    for arrival in ["rate = 200", "concurrency = 3\nthink_time = \"2ms\""] {
        let fake = FakeMilvus::start();
        let few = [
            ("rate = 200", arrival),
            ("delete = { batch = 2 }", "delete = { batch = 2, rows = 9 }"),
        ];
        let bench = Bench::at(&fake, &[&changes(), &few[..]].concat());
        // Rows that are used up make a run invalid.
        bench.run(&[]);
        let folder = bench.only_folder();
        folder.check();
        let warnings = folder.run()["warnings"].clone();
        let used_up = |warning: &&Value| warning["code"] == "rows_used_up";
        let warnings = warnings.as_array().expect("warnings");
        let found: Vec<&Value> = warnings.iter().filter(used_up).collect();
        assert_eq!(found.len(), 1, "{warnings:#?}");
        assert_eq!(found[0]["workload"], "churn:delete");
        let reasons = folder.report()["verdict"]["reasons"].to_string();
        assert!(reasons.contains("larger `rows` of the delete"), "{reasons}");
        assert_eq!(reasons.matches("rows_used_up").count(), 1, "{reasons}");
    }
}

#[test]
fn a_threshold_is_for_one_part_of_a_mix() {
    let fake = FakeMilvus::start();
    let threshold = |workload: &str, limit: &str| {
        format!(
            "[[thresholds]]\nworkload = \"{workload}\"\nrequire = \"service_time.p50 \
             {limit}\"\n\n[[phases]]"
        )
    };
    let bench = |text: &str| {
        let changes = [&changes()[..], &[("[[phases]]", text)]].concat();
        Bench::at(&fake, &changes)
    };
    fake.delay(&methods::UPSERT, std::time::Duration::from_millis(50));
    let missed = bench(&threshold("churn:upsert", "< 20ms"))
        .run(&[])
        .exits(1);
    assert!(missed.stdout.contains("churn:upsert"), "{}", missed.stdout);
    bench(&threshold("churn:search", "< 40ms"))
        .run(&[])
        .exits(0);
    let unknown = bench(&threshold("churn", "< 20ms")).run(&[]).exits(2);
    unknown.error(&["\"churn\"", "churn:search, churn:upsert, churn:delete"]);
}

#[test]
fn the_spans_of_every_part_are_accounted() {
    let fake = FakeMilvus::start();
    let (_bench, folder) = joined::run(&fake, Shape::v2_3_5(), &changes());
    for name in PARTS {
        let found = folder.workload("alone", name);
        let unknown = found["traces"]["unknown_names"].as_object();
        assert!(unknown.is_some_and(serde_json::Map::is_empty), "{found:#}");
        let (sampled, matched) = (
            count(&found["join"], "sampled"),
            count(&found["join"], "matched"),
        );
        assert!(sampled > 0 && matched == sampled, "{:#}", found["join"]);
    }
}
