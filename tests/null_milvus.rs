//! The null Milvus carries a whole run of the program, and writes the server's part of traces.

mod support;

use std::{fs, process::Command, time::Duration};

use milvus_bench::{
    milvus::{Client, ConnectOptions, Transport, methods, proto},
    null_milvus::{NullMilvus, NullOptions, NullScenario},
};
use support::trace_backend::TraceBackend;

/// Preparation in full, and a workload of each operation that reads or adds.
fn scenario(server: &NullMilvus) -> NullScenario {
    let collection = r#"
prepare = "full"
initial_rows = 500
index = { type = "HNSW", params = { M = 16, efConstruction = 100 } }
fields = [{ name = "rank", type = "Int64" }]
"#;
    let search = r#"
rate = 100
arrivals = "even"
nq = 2
output_fields = ["rank"]
"#;
    let workload = |operation: &str, lines: &str| {
        let lines = format!("operation = \"{operation}\"\narrivals = \"even\"\n{lines}");
        (operation.to_owned(), lines)
    };
    NullScenario {
        connections: "2".to_owned(),
        dim: 8,
        collection: collection.to_owned(),
        search: search.to_owned(),
        phase: "warmup = \"200ms\"\nduration = \"1s\"".to_owned(),
        workloads: vec![
            workload("query", "rate = 50\nids = 10"),
            workload("insert", "rate = 10\nbatch = 20"),
        ],
        ..NullScenario::new(&server.uri())
    }
}

/// What the program left after a run of `scenario`: its folder's `run.json` and `report.json`.
fn run(scenario: &NullScenario) -> [serde_json::Value; 2] {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("scenario.toml"), scenario.toml()).expect("a scenario");
    let mut command = Command::new(env!("CARGO_BIN_EXE_milvus-bench"));
    // A busy machine is late, which is no failure here.
    command
        .args(["run", "scenario.toml", "--accept-invalid"])
        .current_dir(folder.path());
    let foreign = |name: &str| name.starts_with("MILVUS_") || name.starts_with("OTEL_");
    for (name, _) in std::env::vars().filter(|(name, _)| foreign(name)) {
        command.env_remove(name);
    }
    let ended = command.output().expect("the program starts");
    assert!(
        ended.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&ended.stdout),
        String::from_utf8_lossy(&ended.stderr)
    );
    let run = fs::read_dir(folder.path().join("results"))
        .expect("results")
        .flatten()
        .find(|entry| !entry.path().is_symlink());
    let run = run.expect("a run folder").path();
    ["run.json", "report.json"]
        .map(|name| serde_json::from_slice(&fs::read(run.join(name)).expect(name)).expect("JSON"))
}

#[test]
fn the_program_runs_against_it() {
    let server = NullMilvus::start(NullOptions::default()).expect("a free port");
    let [_, report] = run(&scenario(&server));
    let workloads = report["workloads"].as_array().expect("workloads");
    assert!(
        workloads
            .iter()
            .all(|workload| workload["requests"]["failed"] == 0),
        "{report:#}"
    );
    let requests = server.counters().requests;
    // Each slot of the schedule is one request, but for those that a busy machine was too late for.
    // Rows are counted before the phase and after it, there once more with what was inserted.
    assert!(
        (60..=120).contains(&requests["Search"]) && (30 + 3..=60 + 3).contains(&requests["Query"]),
        "{requests:?}"
    );
    assert!(
        requests["Insert"] >= 6 && requests["CreateCollection"] == 1,
        "{requests:?}"
    );
}

#[test]
fn as_many_connections_are_opened_as_the_scenario_has() {
    let server = NullMilvus::start(NullOptions::default()).expect("a free port");
    let connections =
        "{ count = 3, resolve = \"every-address\", pick = \"least-in-flight\" }".to_owned();
    let [run, report] = run(&NullScenario {
        connections,
        ..scenario(&server)
    });
    assert_eq!(
        server.counters().connections,
        6,
        "three of the preparation, three of the load"
    );
    let expected =
        serde_json::json!({ "count": 3, "resolve": "every-address", "pick": "least-in-flight" });
    assert_eq!(run["plan"]["milvus"]["connections"], expected);
    let workloads = report["workloads"].as_array().expect("workloads");
    assert!(
        workloads
            .iter()
            .all(|workload| workload["requests"]["failed"] == 0),
        "{report:#}"
    );
}

#[tokio::test]
async fn sampled_requests_have_the_servers_spans() {
    let backend = TraceBackend::start().await;
    let server = NullMilvus::start(NullOptions {
        spans: Some(backend.otlp()),
        ..NullOptions::default()
    })
    .expect("a free port");
    let transport = Transport::connect(&ConnectOptions::new(server.uri()))
        .await
        .expect("it listens");
    let client = Client::new(transport, Duration::from_secs(30));
    for flag in ["01", "00"] {
        let traceparent =
            format!("00-0102030405060708090a0b0c0d0e0f{flag}-1112131415161718-{flag}");
        let search = proto::SearchRequest::default();
        let _: proto::SearchResults = client
            .call(&methods::SEARCH, &search, traceparent.as_bytes())
            .await
            .expect("found");
    }
    // What is queued is exported before the server has ended, by the back end on this test's
    // runtime.
    tokio::task::spawn_blocking(move || drop(server))
        .await
        .expect("it ends");
    let spans = backend.spans("0102030405060708090a0b0c0d0e0f01");
    let names: Vec<(&str, &str)> = spans
        .iter()
        .map(|(service, span)| (service.as_str(), span.name.as_str()))
        .collect();
    assert_eq!(names.len(), 9, "{names:?}");
    assert!(
        names.contains(&("standalone", "milvus.proto.milvus.MilvusService/Search")),
        "{names:?}"
    );
    assert!(names.contains(&("segcore", "SegCoreSearch")), "{names:?}");
    let root = spans
        .iter()
        .find(|(_, span)| span.name.ends_with("/Search"));
    assert_eq!(
        root.expect("the server's span").1.parent_span_id,
        0x1112_1314_1516_1718_u64.to_be_bytes()
    );
    // They are half of the bytes, and no part of what is measured with it.
    assert!(spans.iter().all(|(_, span)| span.events.is_empty()));
    assert!(backend.spans("0102030405060708090a0b0c0d0e0f00").is_empty());
}
