//! Writes beside the shipped scenarios': a delete by a filter on Milvus 2.3.5, and a mix of
//! searches, upserts and deletes on milvus-lite, which is another server with the same protocol.

use std::time::SystemTime;

use milvus_bench::milvus::{Client, ConnectOptions, Transport};

use super::lite::{Lite, Release};
use crate::{bench::scenarios, own, run::Run, servers::Servers, support::written};

/// Rows that the filter names.
const NAMED: u64 = 100;

pub(crate) fn a_filter_names_what_a_delete_takes(servers: &Servers) {
    let text = [
        own::head(servers, "by-filter"),
        own::searched(
            "e2e_by_filter",
            "fields = [{ name = \"rank\", type = \"Int64\", values = \"row-number\" }]",
        ),
        format!(
            "[workloads.delete]\noperation = \"delete\"\ncollection = \"e2e_by_filter\"\nrate = \
             2\nfilter = \"rank < {NAMED}\"\n"
        ),
        own::phase(&["e2e_by_filter", "delete"], "2s"),
    ]
    .concat();
    let text = text.replace(
        "[collections.e2e_by_filter]",
        "[collections.e2e_by_filter]\nkeep = true",
    );
    let (ended, written) = own::run(servers, &text);
    assert_eq!(ended.code, Some(0), "{}", ended.told());
    let run = Run::read(&written.out, ended, SystemTime::UNIX_EPOCH);
    let requests = &run.workload("alone", "delete").requests;
    assert!(requests.ok > 0 && requests.failed == 0, "{requests:?}");
    assert_eq!(
        count(&servers.stack.milvus_uri, "e2e_by_filter"),
        20_500 - NAMED
    );
}

/// Rows of a collection, Strong.
fn count(uri: &str, collection: &str) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let options = ConnectOptions::new(uri.to_owned());
        let transport = Transport::connect(&options).await.expect("a connection");
        let client = Client::new(transport, std::time::Duration::from_secs(60));
        client.count_rows(collection).await.expect("a count")
    })
}

pub(crate) fn a_mix_on_milvus_lite_leaves_what_was_acknowledged(servers: &Servers) {
    let lite = Lite::start(servers.cache(), Release::V3_2);
    let uri = format!("milvus.uri={}", lite.uri);
    let sets = [
        uri.as_str(),
        "collections.rows.name=milvus_bench_churn_lite",
        "collections.rows.keep=true",
        "data.noise.rows=2_000",
        "tracing.export=off",
        "tracing.spans.source=none",
        "workloads.search.rate=20",
        "workloads.churn.rate=40",
        "phases.alone.warmup=0s",
        "phases.alone.duration=2s",
        "phases.churn.warmup=0s",
        "phases.churn.duration=8s",
    ];
    let folder = servers.folder("lite").join("run");
    // The server begins to answer a moment after it has started.
    let mut arguments = vec!["--wait", "60s"];
    arguments.extend(sets.iter().flat_map(|set| ["--set", set]));
    let scenario = scenarios().join("churn.toml").display().to_string();
    let out = folder.display().to_string();
    let mut all = vec!["run", &scenario, "--out", &out, "--accept-invalid"];
    all.extend(arguments);
    let ended = servers.bench.call(&all);
    assert_eq!(ended.code, Some(0), "{}", ended.told());
    let text = std::fs::read_to_string(folder.join("report.json")).expect("a report");
    let report: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let workloads = report["workloads"].as_array().expect("workloads");
    for part in ["churn:search", "churn:upsert", "churn:delete"] {
        let of_part = |workload: &&serde_json::Value| workload["workload"] == part;
        let requests = &workloads.iter().find(of_part).expect(part)["requests"];
        assert!(requests["ok"].as_u64() > Some(0), "{part}: {requests}");
        assert_eq!(requests["due"], requests["ok"], "{part}: {requests}");
    }
    let written = written::replay(&folder, &sets);
    assert!(!written.deleted.is_empty() && !written.replaced.is_empty());
    written.check(&lite.uri);
}
