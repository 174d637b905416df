//! Without any Jaeger: milvus-bench receives Milvus' spans itself.

use crate::checks;
use crate::servers::Servers;

pub(crate) fn spans_without_any_jaeger(servers: &Servers) {
    // Milvus tries to reach its endpoint since it was started and waits longer after each try: the first run may miss spans.
    let run = servers.run("first-trace", &["phases.first.duration=10s"]).unwrap_or_else(|error| panic!("{error}"));
    checks::run_is_sound(&run);
    checks::accounts_are_exact(&run);
    let spans = run.report.spans.as_ref().expect("spans were received");
    assert_eq!((spans.source.as_str(), spans.resolution_ns), ("embedded", 1));
    assert!(spans.client_spans > 0, "the client's own spans go there too");
    checks::searches_are_matched(&run, 0.9);
}
