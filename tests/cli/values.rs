//! Values that are drawn for each request: as the server sees them, the same on any number of
//! threads, and classes of requests whose figures add up to those of their workload.

use std::collections::{BTreeMap, BTreeSet};

use milvus_bench::{
    milvus::{
        methods,
        proto::{InsertRequest, SearchRequest, field_data::Field, scalar_field::Data},
    },
    null_milvus::FakeMilvus,
    record::{Figure, HistogramKey, RunReader},
};
use prost::Message as _;

use crate::{
    bench::Bench,
    folder::{Folder, count},
};

const SEARCH: &str = "[workloads.search]\noperation = \"search\"\nrate = 50\narrivals = \
                      \"even\"\nlimit = 5";
const SPLIT: &str = "[workloads.search]\noperation = \"search\"\nrate = 200\narrivals = \
                     \"even\"\nlimit = 5\nfilter = \"rank >= {day} and rank != {tenant}\"\nvalues \
                     = { tenant = { zipf = 1.1, of = 50 }, day = { uniform = [0, 20] } }\nsplit = \
                     { by = \"tenant\", ranks = [1, 10] }";
const FIELD: (&str, &str) = (
    "prepare = \"full\"\n",
    "prepare = \"full\"\nkeep = true\nfields = [{ name = \"rank\", type = \"Int64\" }]\n",
);
const CLASSES: [&str; 3] = ["1", "2-10", "11+"];

fn run(fake: &FakeMilvus, changes: &[(&str, &str)], arguments: &[&str]) -> (String, Folder) {
    let bench = Bench::at(fake, changes);
    let ended = bench.run(arguments).exits(0);
    let folder = bench.only_folder();
    folder.check();
    // The folder is read after the bench is gone.
    std::mem::forget(bench);
    (ended.stdout, folder)
}

/// Number and class of every search.
fn classes(folder: &Folder) -> BTreeSet<(u64, String)> {
    let lines = folder.lines("requests.jsonl");
    let searches = lines.iter().filter(|line| line["workload"] == "search");
    let class = |line: &serde_json::Value| line["class"].as_str().expect("a class").to_owned();
    searches
        .map(|line| (count(line, "seq"), class(line)))
        .collect()
}

#[test]
fn threads_draw_the_values_that_one_would_draw() {
    let changes = [
        (SEARCH, SPLIT),
        FIELD,
        ("connections = 1", "connections = 3"),
    ];
    let (one, three) = (FakeMilvus::start(), FakeMilvus::start());
    let of_one = classes(&run(&one, &changes, &["--threads", "1"]).1);
    let of_three = classes(&run(&three, &changes, &["--threads", "3"]).1);
    assert!(of_one.len() > 100, "{}", of_one.len());
    assert_eq!(of_one, of_three);
    let body = one.last_body(&methods::SEARCH).expect("a search");
    let filter = SearchRequest::decode(body).expect("a search request").dsl;
    let numbers = filter
        .strip_prefix("rank >= ")
        .and_then(|rest| rest.split_once(" and rank != "));
    let (day, tenant) = numbers.unwrap_or_else(|| panic!("{filter}"));
    let within = |text: &str, most: u64| text.parse::<u64>().is_ok_and(|number| number <= most);
    assert!(within(day, 20) && within(tenant, 50), "{filter}");
}

/// The counts of a histogram by value, for each figure and outcome.
fn counts(folder: &Folder, is: impl Fn(&HistogramKey) -> bool) -> BTreeMap<String, u64> {
    let reader = RunReader::open(folder.path()).expect("a run");
    let histograms = reader.histograms().expect("latency.hlog");
    let mut counts = BTreeMap::new();
    for (key, histogram) in histograms.merged.iter().filter(|(key, _)| is(key)) {
        // Rows are not told apart by class.
        if key.figure == Figure::Rows {
            continue;
        }
        for bucket in histogram.iter_recorded() {
            let (figure, value) = (key.figure.name(), bucket.value_iterated_to());
            let place = format!("{} {figure} {} {value}", key.part, key.outcome);
            *counts.entry(place).or_default() += bucket.count_at_value();
        }
    }
    counts
}

#[test]
fn classes_add_up_to_their_workload_and_every_report_has_them() {
    let fake = FakeMilvus::start();
    let reports = ["text", "csv", "markdown", "junit", "html", "json"];
    let arguments: Vec<&str> = reports.iter().flat_map(|name| ["--report", name]).collect();
    let thresholds = "[[thresholds]]\nworkload = \"search@1\"\nrequire = \"service_time.p50 < \
                      10s\"\n[[phases]]";
    let changes = [(SEARCH, SPLIT), FIELD, ("[[phases]]", thresholds)];
    let (stdout, folder) = run(&fake, &changes, &arguments);
    let search = folder.workload("alone", "search");
    let classes = search["classes"].as_array().expect("classes");
    let names: Vec<&str> = classes
        .iter()
        .map(|of| of["class"].as_str().unwrap())
        .collect();
    assert_eq!(names, CLASSES);
    for key in ["due", "ok", "failed", "not_sent"] {
        let sum: u64 = classes.iter().map(|of| count(&of["requests"], key)).sum();
        assert_eq!(sum, count(&search["requests"], key), "{key}");
    }
    let shares: f64 = classes.iter().map(|of| of["share"].as_f64().unwrap()).sum();
    assert!((shares - 1.0).abs() < 1e-9, "{shares}");
    let whole = counts(&folder, |key| key.workload == "search");
    let parts = counts(&folder, |key| key.workload.starts_with("search@"));
    assert!(!whole.is_empty());
    assert_eq!(whole, parts);
    assert!(stdout.contains("alone/search by tenant"), "{stdout}");
    for class in CLASSES {
        let line = stdout
            .lines()
            .find(|line| line.trim_start().starts_with(&format!("{class} ")));
        assert!(line.is_some(), "{class}: {stdout}");
        assert!(
            folder
                .text("report.csv")
                .contains(&format!("search@{class}"))
        );
    }
    assert!(
        folder
            .text("report.md")
            .contains("| alone/search by tenant rank |")
    );
    assert!(folder.text("report.html").contains("By tenant"));
    let found = folder.report()["thresholds"][0].clone();
    assert_eq!(
        (&found["at"], &found["state"]),
        (&"alone/search@1".into(), &"passed".into())
    );
}

#[test]
fn a_filter_with_values_deletes_the_rows_that_it_names() {
    let fake = FakeMilvus::start();
    let delete = "[workloads.search]\noperation = \"delete\"\nrate = 50\narrivals = \
                  \"even\"\nfilter = \"rank == {row}\"\nvalues = { row = { sequential = [10, 29] \
                  } }";
    run(&fake, &[(SEARCH, delete), FIELD], &[]);
    let body = fake.last_body(&methods::INSERT).expect("an insert");
    let collection = InsertRequest::decode(body)
        .expect("an insert request")
        .collection_name;
    assert_eq!(fake.rows(&collection), Some(80));
}

#[test]
fn rows_of_a_request_hold_its_value_in_the_field_of_that_name() {
    let fake = FakeMilvus::start();
    let insert = "[workloads.search]\noperation = \"insert\"\nrate = 50\narrivals = \
                  \"even\"\nbatch = 3\non_end = \"repeat\"\nvalues = { rank = { sequential = \
                  [1000, 100000] } }\n";
    run(&fake, &[(SEARCH, insert), FIELD], &[]);
    let body = fake.last_body(&methods::INSERT).expect("an insert");
    let request = InsertRequest::decode(body).expect("an insert request");
    let mut columns = request.fields_data.into_iter();
    let rank = columns
        .find(|column| column.field_name == "rank")
        .expect("the field");
    let Some(Field::Scalars(scalars)) = rank.field else {
        panic!("scalars");
    };
    let Some(Data::LongData(values)) = scalars.data else {
        panic!("numbers");
    };
    assert_eq!(values.data.len(), 3);
    let first = values.data[0];
    assert!((1000..1100).contains(&first), "{first}");
    assert!(values.data.iter().all(|value| *value == first));
}

#[test]
fn check_shows_what_the_first_request_has() {
    let fake = FakeMilvus::start();
    let bench = Bench::at(&fake, &[(SEARCH, SPLIT), FIELD]);
    let shown = bench.call(&["check", "scenario.toml"]).exits(0).stdout;
    let line = "values     search: the first request has filter = rank >= ";
    assert!(shown.contains(line), "{shown}");
}
