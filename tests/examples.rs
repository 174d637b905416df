//! Programs in `examples/` do what they say.

#[path = "../examples/run_scenario.rs"]
#[expect(dead_code, reason = "its main is the program's")]
mod run_scenario;

use milvus_bench::null_milvus::{NullMilvus, NullOptions};

const SCENARIO: &str = r#"
name = "example"

[milvus]
uri = "http://127.0.0.1:1"

[tracing]
export = "off"

[tracing.spans]
source = "none"

[data.noise]
format = "random"
dim = 8
rows = 100
queries = 20

[collections.words]
data = "noise"
metric = "L2"
index = { type = "FLAT" }

[workloads.search]
operation = "search"
collection = "words"
rate = 100
arrivals = "even"
limit = 5

[[phases]]
name = "alone"
requests = 50
workloads = ["search"]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_scenario_is_run_through_the_library() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let file = folder.path().join("scenario.toml");
    std::fs::write(&file, SCENARIO).expect("a scratch file");
    let milvus = NullMilvus::start(NullOptions::default()).expect("a null Milvus");
    let uri = format!("http://{}", milvus.address());
    let results = folder.path().join("results");
    let analysis = run_scenario::measure(&file, Some(uri), results.clone())
        .await
        .expect("it runs");
    let lines = run_scenario::figures(&analysis);
    assert!(
        lines[0].starts_with("alone/search: 50 ok, 0 failed, p99 "),
        "{lines:?}"
    );
    assert!(lines[0].ends_with(" us"), "{lines:?}");
    assert!(
        lines.iter().any(|line| line.starts_with("verdict: ")),
        "{lines:?}"
    );
    assert!(results.join("latest/report.json").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mistake_in_a_scenario_is_told_before_a_folder_is_made() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let file = folder.path().join("scenario.toml");
    std::fs::write(&file, SCENARIO.replace("rate = 100", "rate = 0")).expect("a scratch file");
    let results = folder.path().join("results");
    let error = run_scenario::measure(&file, None, results.clone())
        .await
        .expect_err("a rate of 0");
    assert!(
        error.to_string().contains("`workloads.search.rate` is 0"),
        "{error}"
    );
    assert!(!results.exists());
}
