//! Queries, recall and the truth that it is taken from: from the files to the reports.

use std::collections::BTreeSet;

use serde_json::Value;

use milvus_bench::null_milvus::FakeMilvus;

use crate::{bench::Bench, folder::Folder};

const ROWS: usize = 40;
const QUERIES: usize = 10;
const DIM: usize = 8;
/// The lines of the scenario that name its data.
const DATA: &str = "format = \"random\"\nrows = 200\ndim = 8\nqueries = 20";
const FILES: &str =
    "format = \"fbin\"\nbase = \"base.fbin\"\nqueries = \"query.fbin\"\ntruth = \"truth.ibin\"";

/// Numbers that are as good as any.
fn vectors(count: usize, salt: u64) -> Vec<Vec<f32>> {
    let value = |at: u64| {
        let mixed = at
            .wrapping_add(salt << 32)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        ((mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40) as f32 / 1e6
    };
    (0..count)
        .map(|row| (0..DIM).map(|at| value((row * DIM + at) as u64)).collect())
        .collect()
}

fn fbin(vectors: &[Vec<f32>]) -> Vec<u8> {
    let head = [vectors.len() as u32, DIM as u32]
        .into_iter()
        .flat_map(u32::to_le_bytes);
    head.chain(
        vectors
            .iter()
            .flatten()
            .flat_map(|value| value.to_le_bytes()),
    )
    .collect()
}

/// The `k` nearest rows of each query by L2, without the first `skipped` of them.
fn truth(base: &[Vec<f32>], queries: &[Vec<f32>], k: usize, skipped: usize) -> Vec<u8> {
    let near = |query: &Vec<f32>| {
        let distance = |row: &Vec<f32>| {
            row.iter()
                .zip(query)
                .map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2))
                .sum::<f64>()
        };
        let mut near: Vec<(f64, i32)> = base
            .iter()
            .zip(0..)
            .map(|(row, id)| (distance(row), id))
            .collect();
        near.sort_by(|a, b| a.0.total_cmp(&b.0));
        near[skipped..skipped + k].to_vec()
    };
    let near: Vec<(f64, i32)> = queries.iter().flat_map(near).collect();
    let head = [queries.len() as u32, k as u32]
        .into_iter()
        .flat_map(u32::to_le_bytes);
    let ids = near.iter().flat_map(|(_, id)| id.to_le_bytes());
    head.chain(ids)
        .chain(
            near.iter()
                .flat_map(|(distance, _)| (*distance as f32).to_le_bytes()),
        )
        .collect()
}

/// A scenario with all rows of its files in, against a Milvus that searches exactly; the truth
/// lacks the first `skipped` neighbours.
fn bench(fake: &FakeMilvus, skipped: usize, changes: &[(&str, &str)]) -> Bench {
    fake.search_exactly();
    let files = [(DATA, FILES), ("initial_rows = 100\n", "")];
    let bench = Bench::at(
        fake,
        &files.iter().chain(changes).copied().collect::<Vec<_>>(),
    );
    let (base, queries) = (vectors(ROWS, 1), vectors(QUERIES, 2));
    bench.write("base.fbin", &fbin(&base));
    bench.write("query.fbin", &fbin(&queries));
    bench.write("truth.ibin", &truth(&base, &queries, 5, skipped));
    bench
}

/// Numbers of the queries, in the order of the requests.
fn queries(folder: &Folder) -> Vec<u64> {
    let mut lines: Vec<(u64, Vec<u64>)> = folder
        .lines("requests.jsonl")
        .iter()
        .filter(|line| line["phase"] == "alone")
        .map(taken)
        .collect();
    lines.sort_unstable();
    lines.into_iter().flat_map(|(_, queries)| queries).collect()
}

fn taken(line: &Value) -> (u64, Vec<u64>) {
    let number = |value: &Value| value.as_u64().expect("a number");
    let queries = line["queries"]
        .as_array()
        .map(|list| list.iter().map(number).collect());
    let queries = queries.unwrap_or_else(|| vec![number(&line["query"])]);
    assert_eq!(queries.first(), line["query"].as_u64().as_ref());
    (number(&line["seq"]), queries)
}

fn check_passes(taken: &[u64]) {
    for pass in taken.chunks_exact(QUERIES) {
        assert_eq!(
            pass.iter().collect::<BTreeSet<_>>().len(),
            QUERIES,
            "{taken:?}"
        );
    }
    assert_ne!(
        taken[..QUERIES],
        taken[QUERIES..2 * QUERIES],
        "passes have orders of their own"
    );
}

#[test]
fn queries_are_taken_each_once_by_all_threads_and_recall_is_exact() {
    let fake = FakeMilvus::start();
    let bench = bench(&fake, 0, &[("connections = 1", "connections = 2")]);
    bench.run(&["--threads", "2"]).exits(0);
    let folder = bench.only_folder();
    let taken = queries(&folder);
    assert_eq!(taken.len(), 50);
    check_passes(&taken);
    let report = folder.report();
    let search = &report["workloads"]
        .as_array()
        .expect("workloads")
        .iter()
        .find(|workload| workload["phase"] == "alone")
        .expect("alone");
    assert_eq!(
        (
            search["recall"]["mean"].as_f64(),
            search["recall"]["requests"].as_u64()
        ),
        (Some(1.0), Some(50))
    );
    assert_eq!(
        (folder.run()["round"].as_u64(), search.get("no_recall")),
        (Some(1), None)
    );
}

#[test]
fn rounds_have_draws_of_their_own_that_come_again() {
    let drawn = || {
        let fake = FakeMilvus::start();
        let bench = bench(
            &fake,
            0,
            &[("arrivals = \"even\"", "arrivals = \"poisson\"\nnq = 3")],
        );
        bench.run(&["--repeat", "2"]).exits(0);
        let mut folders = bench.folders();
        folders.sort_by_key(|folder| folder.run()["round"].as_u64());
        let intended = |folder: &Folder| -> Vec<u64> {
            let start = folder.run()["streams"]
                .as_array()
                .expect("streams")
                .last()
                .expect("one")["start_ns"]
                .as_u64()
                .expect("a time");
            let lines = folder.lines("requests.jsonl");
            let of_phase = lines.iter().filter(|line| line["phase"] == "alone");
            let mut times: Vec<u64> = of_phase
                .map(|line| line["intended_ns"].as_u64().expect("a time") - start)
                .collect();
            times.sort_unstable();
            times
        };
        let ids = |folder: &Folder| -> BTreeSet<String> {
            let lines = folder.lines("requests.jsonl");
            lines
                .iter()
                .map(|line| line["trace_id"].as_str().expect("an id")[16..].to_owned())
                .collect()
        };
        folders
            .iter()
            .map(|folder| {
                (
                    folder.run()["round"].as_u64(),
                    queries(folder),
                    intended(folder),
                    ids(folder),
                )
            })
            .collect::<Vec<_>>()
    };
    let (first, second) = (drawn(), drawn());
    assert_eq!(first, second, "the same for the same seed and round");
    assert_eq!((first[0].0, first[1].0), (Some(1), Some(2)));
    assert!(
        first[0].1[..QUERIES] != first[1].1[..QUERIES] && first[0].2 != first[1].2,
        "{first:?}"
    );
    check_passes(&first[0].1);
    check_passes(&first[1].1);
}

#[test]
fn ids_and_scores_are_kept_where_they_are_wanted() {
    let fake = FakeMilvus::start();
    let bench = bench(
        &fake,
        0,
        &[
            ("sample_ratio = 1.0", "sample_ratio = 1.0\nkeep_ids = true"),
            ("limit = 5", "limit = 5\nnq = 2"),
        ],
    );
    bench.run(&[]).exits(0);
    let lines = bench.only_folder().lines("requests.jsonl");
    let searches: Vec<&Value> = lines
        .iter()
        .filter(|line| line["phase"] == "alone")
        .collect();
    assert!(!searches.is_empty());
    for line in searches {
        let list = |key: &str| line[key].as_array().map_or(0, Vec::len);
        assert_eq!(
            (list("ids"), list("scores"), &line["per_query"]),
            (10, 10, &serde_json::json!([5, 5])),
            "{line}"
        );
    }
    assert!(
        lines
            .iter()
            .filter(|line| line["phase"] != "alone")
            .all(|line| line.get("ids").is_none() && line.get("query").is_none())
    );
}

/// The truth lacks the nearest row of each query, so every reply holds one that is nearer than its
/// first.
#[test]
fn a_truth_that_replies_prove_wrong_is_said_and_not_averaged() {
    let run = |strict: &str, code: i32, state: &str| {
        let fake = FakeMilvus::start();
        let threshold =
            format!("[[thresholds]]\nrequire = 'recall.mean > 0.9'\n{strict}[[phases]]");
        let bench = bench(&fake, 1, &[("[[phases]]", &threshold)]);
        let ended = bench.run(&[]).exits(code);
        let report = bench.only_folder().report();
        assert_eq!(
            report["thresholds"][0]["state"], state,
            "{:#}",
            report["thresholds"]
        );
        (ended.stdout, report)
    };
    let (stdout, report) = run("", 0, "undecided");
    let words = "no recall of alone/search: the truth of its data set is wrong, since 50 of 50 \
                 traced replies hold a row nearer than the first";
    let stdout = stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        stdout.contains(words) && !stdout.contains("lowest"),
        "{stdout}"
    );
    let search = report["workloads"]
        .as_array()
        .expect("workloads")
        .iter()
        .find(|workload| workload["phase"] == "alone")
        .expect("alone");
    assert_eq!(
        (search["truth_wrong"].as_u64(), &search["recall"]),
        (Some(50), &Value::Null)
    );
    let reasons = report["verdict"]["reasons"].as_array().expect("reasons");
    assert!(
        reasons
            .iter()
            .any(|reason| reason["code"] == "truth_wrong" && reason["at"] == "alone/search"),
        "{reasons:#?}"
    );
    run("strict = true\n", 1, "failed");
}

#[test]
fn a_report_says_why_there_is_no_recall() {
    let fake = FakeMilvus::start();
    let bench = bench(
        &fake,
        0,
        &[("limit = 5", "limit = 5\nfilter = \"id >= 0\"")],
    );
    bench.run(&["--report", "markdown"]).exits(0);
    let folder = bench.only_folder();
    for file in ["report.txt", "report.json", "report.html", "report.md"] {
        let text = folder
            .text(file)
            .replace("&#95;", "_")
            .replace("&#96;", "`")
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        assert!(
            text.contains(
                "it has `filter`, and the truth of its data set is that of a search among all rows"
            ),
            "{file}: {text}"
        );
    }
}
