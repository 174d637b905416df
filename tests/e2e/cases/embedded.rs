//! Without any Jaeger: milvus-bench receives Milvus' spans itself.

use crate::checks;
use crate::run::matched;
use crate::servers::Servers;

pub(crate) fn spans_without_any_jaeger(servers: &Servers) {
    reached(servers);
    let run = servers
        .run("first-trace", &["phases.first.duration=10s"])
        .unwrap_or_else(|error| panic!("{error}"));
    checks::run_is_sound(&run);
    checks::accounts_are_exact(&run);
    let spans = run.report.spans.as_ref().expect("spans were received");
    assert_eq!(
        (spans.source.as_str(), spans.resolution_ns),
        ("embedded", 1)
    );
    assert!(
        spans.client_spans > 0,
        "the client's own spans go there too"
    );
    checks::searches_are_matched(&run, 0.9);
}

/// Milvus tries to reach its endpoint since it was started, and waits up to two minutes after a try
/// in vain: the longer it took to come here, the later it finds the receiver of a run.
fn reached(servers: &Servers) {
    let has_spans = |_| {
        let run = servers
            .run("first-trace", &["phases.first.duration=5s"])
            .unwrap_or_else(|error| panic!("{error}"));
        matched(&run.report) > 0
    };
    assert!(
        (0..20).any(has_spans),
        "Milvus sent no span to {} in twenty runs",
        servers.stack.otlp
    );
}
