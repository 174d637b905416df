//! The client's own spans over HTTP: what a real Jaeger takes comes back, with the names of today's
//! conventions.

use milvus_bench::spans::AttributeValue;

use crate::run::matched;
use crate::servers::Servers;

pub(crate) fn doctor_finds_its_span_that_went_over_http(servers: &Servers) {
    let otlp = servers.otlp_http();
    let arguments = [
        "doctor",
        "--uri",
        &servers.stack.milvus_uri,
        "--spans",
        servers.jaeger_grpc(),
        "--otlp",
        &otlp,
    ];
    let ended = servers.bench.call(&arguments).with_code(0);
    assert!(
        ended.stdout.lines().all(|line| line.starts_with("ok ")),
        "{}",
        ended.told()
    );
}

pub(crate) fn spans_of_a_run_go_over_http(servers: &Servers) {
    let export = format!("tracing.export={}", servers.otlp_http());
    let run = servers
        .run("first-trace", &["phases.first.duration=2s", &export])
        .unwrap_or_else(|error| panic!("{error}"));
    let info: serde_json::Value =
        serde_json::from_str(&run.text("run.json")).expect("run.json is JSON");
    let counted = |name: &str| info["export"][name].as_u64().unwrap_or_default();
    assert!(
        counted("exported") > 0 && counted("dropped") == 0 && counted("retries") == 0,
        "{}",
        info["export"]
    );
    assert!(matched(&run.report) > 0);
    let method = AttributeValue::Text("milvus.proto.milvus.MilvusService/Search".to_owned());
    let traces = run.traces();
    let ours = traces
        .values()
        .flat_map(|trace| &trace.spans)
        .filter(|span| span.attribute("rpc.system.name").is_some());
    let searches = ours
        .filter(|span| span.attribute("rpc.method") == Some(&method))
        .count();
    assert!(searches > 0, "none of the client's searches came back");
}
