//! Where spans are read from: gRPC and JSON of one Jaeger agree, and a Jaeger that is gone costs
//! nothing.

use std::collections::HashMap;

use milvus_bench::spans::{ServerSpan, Trace};

use crate::run::{Run, matched};
use crate::servers::{Servers, free_address};

/// Reads the spans of `run` again.
fn read_again(servers: &Servers, run: &Run, source: &str, endpoint: &str) {
    let arguments = [
        "spans",
        &run.argument(),
        "--source",
        source,
        "--endpoint",
        endpoint,
    ];
    servers.bench.call(&arguments).with_code(0);
}

/// Whole microseconds, as Jaeger's legacy JSON has them.
fn coarse(span: &ServerSpan) -> (u64, Option<u64>, String, u64, u64) {
    let name = span.name.to_string();
    (
        span.span_id,
        span.parent_id,
        name,
        span.start_ns / 1_000,
        span.end_ns.saturating_sub(span.start_ns) / 1_000,
    )
}

/// Checks that two readings hold the same spans with the same times to the microsecond.
pub(crate) fn check_same_traces(fine: &HashMap<u128, Trace>, whole: &HashMap<u128, Trace>) {
    assert_eq!(fine.len(), whole.len(), "traces");
    for (trace_id, trace) in fine {
        let other = whole
            .get(trace_id)
            .unwrap_or_else(|| panic!("{trace_id:032x} is missing"));
        let sorted = |trace: &Trace| {
            let mut spans: Vec<_> = trace.spans.iter().map(coarse).collect();
            spans.sort();
            spans
        };
        assert_eq!(sorted(trace), sorted(other), "{trace_id:032x}");
    }
}

/// Reads by JSON and by gRPC again, and compares what came.
pub(crate) fn check_json_against_grpc(servers: &Servers, run: &Run) {
    read_again(servers, run, "jaeger-json", servers.jaeger_http());
    let (json, of_json) = (run.report_now(), run.traces());
    let spans = json.spans.as_ref().expect("spans were read");
    assert_eq!(
        (spans.source.as_str(), spans.resolution_ns),
        ("jaeger-json", 1_000),
        "{spans:?}"
    );
    assert!(
        run.text("report.txt").contains("whole microseconds"),
        "{}",
        run.text("report.txt")
    );
    let times = of_json.values().flat_map(|trace| {
        trace
            .spans
            .iter()
            .flat_map(|span| [span.start_ns, span.end_ns])
    });
    assert_eq!(
        times.filter(|time| time % 1_000 != 0).count(),
        0,
        "times that are not whole microseconds"
    );
    crate::checks::accounts_are_exact(&Run {
        report: json.clone(),
        ..reread(run)
    });
    read_again(servers, run, "jaeger", servers.jaeger_grpc());
    let grpc = run.report_now();
    assert_eq!(
        grpc.spans
            .as_ref()
            .map(|spans| (spans.source.as_str(), spans.resolution_ns)),
        Some(("jaeger", 1))
    );
    assert_eq!(matched(&json), matched(&grpc));
    assert!(
        matched(&grpc) >= matched(&run.report),
        "a later reading has at least what the first had"
    );
    check_same_traces(&run.traces(), &of_json);
}

fn reread(run: &Run) -> Run {
    let ended = crate::bench::Ended {
        code: run.ended.code,
        stdout: String::new(),
        stderr: String::new(),
        took: run.ended.took,
    };
    Run::read(&run.folder, ended, run.began)
}

pub(crate) fn json_gives_the_same_traces_in_microseconds(servers: &Servers) {
    let run = servers
        .run("first-trace", &["phases.first.duration=2s"])
        .unwrap_or_else(|error| panic!("{error}"));
    check_json_against_grpc(servers, &run);
}

/// Neither the exporter nor the span source answers: the client's figures are kept, the report says
/// what is missing, and the spans that Milvus did send are fetched later.
pub(crate) fn a_lost_jaeger_costs_no_run(servers: &Servers) {
    let closed = format!("tracing.spans.endpoint=http://{}", free_address());
    let sets = [
        "tracing.spans.source=jaeger",
        closed.as_str(),
        "phases.first.warmup=0s",
        "phases.first.duration=2s",
    ];
    let run = servers
        .run("first-trace", &sets)
        .unwrap_or_else(|error| panic!("{error}"));
    let search = run.workload("first", "search");
    assert!(search.requests.ok > 0 && search.service_time_us.is_some());
    assert_eq!(matched(&run.report), 0);
    let error = run
        .info()
        .fetch
        .and_then(|fetch| fetch.error)
        .expect("the fetch failed");
    assert!(error.contains("milvus-bench spans"), "{error}");
    assert!(
        run.text("report.txt").contains("milvus-bench spans"),
        "{}",
        run.text("report.txt")
    );
    read_again(servers, &run, "jaeger", servers.jaeger_grpc());
    assert!(matched(&run.report_now()) > 0, "{}", run.text("report.txt"));
}
