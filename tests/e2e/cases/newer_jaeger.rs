//! Jaeger 1.65.0, whose gRPC api_v3 is whole.

use std::collections::HashMap;
use std::time::Duration;

use milvus_bench::milvus::methods;
use milvus_bench::spans::{SourceOptions, Trace, find_source};
use tonic::Request;

use super::sources::{check_json_against_grpc, check_same_traces};
use crate::servers::Servers;
use crate::support::raw_client::{call, connect};
use milvus_bench::null_milvus::{FakeMilvus, Shape};

pub(crate) fn api_v3_and_json_agree(servers: &Servers) {
    let run = servers
        .run("first-trace", &["phases.first.duration=3s"])
        .unwrap_or_else(|error| panic!("{error}"));
    crate::checks::run_is_sound(&run);
    crate::checks::searches_are_matched(&run, 0.9);
    let spans = run.report.spans.as_ref().expect("spans were read");
    assert!(
        spans.source == "jaeger" && spans.server.contains("api_v3"),
        "{spans:?}"
    );
    check_json_against_grpc(servers, &run);
}

/// Searches with spans in the shape of Milvus 2.5.11, read by both sources.
pub(crate) fn spans_of_a_fake_milvus_come_back(servers: &Servers) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let fake = FakeMilvus::start();
        fake.spans_to(&servers.stack.otlp, Shape::v2_5_11());
        let channel = connect(&fake.uri()).await;
        let ids: Vec<u128> = (1..=20).map(|number| (0xe2e << 64) + number).collect();
        for id in &ids {
            let mut request = Request::new(());
            request.metadata_mut().insert(
                "traceparent",
                format!("00-{id:032x}-00000000000000aa-01")
                    .parse()
                    .expect("ASCII"),
            );
            call::<(), ()>(&channel, &methods::SEARCH, request)
                .await
                .expect("an answer");
        }
        assert!(
            fake.spans_settled(Duration::from_secs(60)).await,
            "Jaeger took the spans"
        );
        let expected = fake.spans_sent();
        let fine = read(&ids, "jaeger", servers.jaeger_grpc(), expected).await;
        let whole = read(&ids, "jaeger-json", servers.jaeger_http(), expected).await;
        check_same_traces(&fine, &whole);
    });
}

/// All traces, once their `expected` spans are in Jaeger's store: what it has taken it stores a
/// moment later.
async fn read(ids: &[u128], source: &str, endpoint: &str, expected: u64) -> HashMap<u128, Trace> {
    let options = SourceOptions {
        endpoint: Some(endpoint.to_owned()),
        ..SourceOptions::default()
    };
    let source = find_source(source)
        .expect("a source of the table")
        .open(&options)
        .await
        .expect("Jaeger answers");
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    loop {
        let mut traces = HashMap::new();
        for id in ids {
            traces.insert(*id, source.trace(*id).await.expect("a trace"));
        }
        let spans: usize = traces.values().map(|trace| trace.spans.len()).sum();
        if spans as u64 >= expected {
            assert_eq!(spans as u64, expected, "{:?}", source.info());
            return traces;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "{spans} of {expected} spans after 60 s from {:?}",
            source.info()
        );
    }
}
