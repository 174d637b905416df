//! Arrivals that change: each stage is a row of its own, ramps are in no figure, and every thread
//! does its share of one schedule.

use std::collections::{BTreeMap, BTreeSet};

use milvus_bench::{
    milvus::methods,
    null_milvus::FakeMilvus,
    record::{Figure, RunReader},
};
use serde_json::Value;

use crate::{
    bench::Bench,
    folder::{Folder, count},
};

const SEARCH: (&str, &str) = (
    "rate = 50\narrivals = \"even\"",
    r#"arrivals = "even"
stages = [
    { to = 100, over = "1s" },
    { at = 100, for = "1s", name = "average" },
    { at = 200, for = "500ms" },
    { to = 0, over = "200ms" },
]"#,
);

const OTHERS: (&str, &str) = (
    "[[phases]]",
    r#"[workloads.bursts]
operation = "search"
arrivals = { burst = 10, every = "500ms" }

[workloads.late]
operation = "search"
rate = 40
arrivals = "even"
start = "1700ms"

[workloads.callers]
operation = "search"
concurrency = { stages = [{ to = 4, over = "600ms" }, { at = 4, for = "500ms", name = "full" }] }
think_time = { exponential = "10ms" }

[[phases]]
name = "closed"
workloads = ["callers"]

[[phases]]"#,
);

const TOGETHER: (&str, &str) = (
    "duration = \"1s\"\nworkloads = [\"search\"]",
    "workloads = [\"search\", \"bursts\", \"late\"]",
);

/// Requests in latency.hlog by the beginning of their tags, `phase/part/workload`.
fn tags(folder: &Folder) -> BTreeMap<String, u64> {
    let histograms = RunReader::open(folder.path())
        .and_then(|reader| reader.histograms())
        .expect("latency.hlog");
    let mut found = BTreeMap::new();
    for (key, histogram) in histograms
        .merged
        .iter()
        .filter(|(key, _)| key.figure == Figure::ServiceTime && key.phase != "prepare")
    {
        *found
            .entry(format!("{}/{}/{}", key.phase, key.part, key.workload))
            .or_default() += histogram.len();
    }
    found
}

/// Workloads, their levels and due requests are what the scenario says. Gives the requests of the
/// callers, which only their times decide.
fn check_rows(folder: &Folder) -> u64 {
    let report = folder.report();
    let row = |row: &Value| {
        let text = |key: &str| row[key].as_str().unwrap_or("-").to_owned();
        (
            text("phase"),
            text("stage"),
            text("workload"),
            count(&row["requests"], "due"),
        )
    };
    let rows: Vec<_> = report["workloads"]
        .as_array()
        .expect("rows")
        .iter()
        .map(row)
        .filter(|row| row.0 != "prepare")
        .collect();
    let owned = |row: (&str, &str, &str, u64)| {
        (row.0.to_owned(), row.1.to_owned(), row.2.to_owned(), row.3)
    };
    let callers = rows[0].3;
    let expected = [
        ("closed", "full", "callers", callers),
        ("alone", "-", "bursts", 60),
        ("alone", "-", "late", 40),
        ("alone", "average", "search", 100),
        ("alone", "200", "search", 100),
    ];
    assert_eq!(rows, expected.map(owned));
    callers
}

#[test]
fn stages_bursts_and_callers_are_rows_of_their_own() {
    let fake = FakeMilvus::start();
    let bench = Bench::at(&fake, &[SEARCH, OTHERS, TOGETHER]);
    let ended = bench.run(&[]).exits(0);
    let folder = bench.only_folder();
    folder.check();
    let callers = check_rows(&folder);
    assert!(callers > 10, "four callers that think for 10 ms: {callers}");
    let found = tags(&folder);
    let of_search: Vec<(&str, u64)> = found
        .iter()
        .filter(|(tag, _)| tag.ends_with("/search"))
        .map(|(tag, n)| (tag.as_str(), *n))
        .collect();
    assert_eq!(
        of_search,
        [
            ("alone/200/search", 100),
            ("alone/average/search", 100),
            ("alone/ramp-2/search", 20),
            ("alone/ramp/search", 50)
        ],
        "each is the integral of its rate"
    );
    assert!(found["closed/ramp/callers"] > 0, "{found:?}");
    let parts: BTreeSet<String> = folder
        .lines("requests.jsonl")
        .iter()
        .map(|line| line["part"].as_str().expect("a part").to_owned())
        .collect();
    assert_eq!(
        parts,
        ["200", "average", "full", "measured"]
            .map(str::to_owned)
            .into(),
        "ramps are not traced"
    );
    for words in ["alone/average/search", "alone/200/search", "ramps "] {
        assert!(
            ended.stdout.contains(words),
            "{words:?} is not in\n{}",
            ended.stdout
        );
    }
    let rate = folder.stage("alone", "200", "search")["rate"]["target"].as_f64();
    assert_eq!(rate, Some(200.0));
}

/// What a run asked for: (part, seq) of every traced request with the lower half of its id and its
/// due time, and the ids' halves of all requests with the hash of what they asked.
type Asked = (
    BTreeMap<(String, u64), (String, u64)>,
    BTreeMap<String, u64>,
);

fn asked(threads: &str) -> Asked {
    let fake = FakeMilvus::start();
    let poisson = (SEARCH.0, SEARCH.1.replace("\"even\"", "\"poisson\""));
    let changes = [
        (poisson.0, poisson.1.as_str()),
        ("sample_ratio = 1.0", "sample_ratio = 0.5"),
        ("connections = 1", "connections = 4"),
    ];
    let bench = Bench::at(
        &fake,
        &[&changes[..], &[("duration = \"1s\"\n", "")]].concat(),
    );
    bench.run(&["--threads", threads]).exits(0);
    let folder = bench.only_folder();
    let run = folder.run();
    let streams = run["streams"].as_array().expect("streams");
    let start = |part: &Value| {
        let stream = streams
            .iter()
            .find(|stream| stream["phase"] == "alone" && stream["part"] == *part);
        count(
            stream.unwrap_or_else(|| panic!("no part {part}")),
            "start_ns",
        )
    };
    let line = |line: &Value| {
        let id = line["trace_id"].as_str().expect("an id")[16..].to_owned();
        let due = count(line, "intended_ns") - start(&line["part"]);
        (
            (
                line["part"].as_str().expect("a part").to_owned(),
                count(line, "seq"),
            ),
            (id, due),
        )
    };
    let lines = folder.lines("requests.jsonl");
    let sampled = lines
        .iter()
        .filter(|line| line["phase"] == "alone" && line["sampled"] == true)
        .map(line)
        .collect();
    let searches = fake
        .calls()
        .into_iter()
        .filter(|call| call.method.path == methods::SEARCH.path);
    (
        sampled,
        searches
            .filter_map(|call| Some((call.traceparent?.get(19..35)?.to_owned(), call.body_hash)))
            .collect(),
    )
}

#[test]
fn any_number_of_threads_sends_the_same_requests_at_the_same_times() {
    let (one, bodies) = asked("1");
    assert!(
        one.len() > 60 && bodies.len() > 200,
        "{} traced of {} requests",
        one.len(),
        bodies.len()
    );
    assert!(
        bodies.values().collect::<BTreeSet<_>>().len() > 10,
        "the vectors differ"
    );
    let (three, other_bodies) = asked("3");
    // A busy machine may be too late for the last slots of a part, more or fewer of them each time:
    // what both sent is the same.
    let common = one
        .iter()
        .filter(|(slot, _)| three.contains_key(*slot))
        .count();
    assert!(common > 60, "{common} traced of both");
    assert!(
        one.iter()
            .all(|(slot, asked)| three.get(slot).is_none_or(|other| other == asked)),
        "{one:?}\n{three:?}"
    );
    let common = bodies
        .iter()
        .filter(|(id, _)| other_bodies.contains_key(*id))
        .count();
    assert!(
        common > 200
            && bodies
                .iter()
                .all(|(id, body)| other_bodies.get(id).is_none_or(|other| other == body)),
        "{common} of both"
    );
}
