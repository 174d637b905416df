//! Second link: the OTLP endpoint takes a span of ours. It is sent by the exporter that a run uses, with all settings of the
//! environment; only where that fails, a bare second call tells why.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, trace_service_client::TraceServiceClient};
use tokio::time::Instant;
use tonic::{
    Code,
    transport::{ClientTlsConfig, Endpoint},
};

use super::{Cause, Check, DoctorOptions, Link, OTLP_ENDPOINT, probe, probe::Peer};
use crate::telemetry::{ClientSpan, ExportOptions, Exporter, OutcomeStatus, RequestIds, SpanTemplate};

/// For the second call; the exporter itself has had its own patience before.
const PATIENCE: Duration = Duration::from_secs(3);

/// Where every advice of this link ends.
const KEYS: &str = "--otlp, or in the scenario: [tracing] export = \"http://HOST:4317\"";

/// A span of ours that the endpoint took.
pub(super) struct Marked {
    pub(super) span: ClientSpan,
    /// When it was taken.
    pub(super) taken: Instant,
}

/// Exports one span and gives it back when it was taken, to be looked for.
pub(super) async fn check(options: &DoctorOptions, ids: RequestIds) -> (Link, Option<Marked>) {
    let check = Check::begin(OTLP_ENDPOINT);
    let Some(endpoint) = &options.otlp else {
        return (check.skipped("export is off: traces will lack the client's own spans, the report will not"), None);
    };
    let span = marked_span(ids);
    match export(endpoint, &options.service_name, span.clone()).await {
        Ok(()) => (
            check.ok(format!("{} took a span of service {}", probe::place(endpoint), options.service_name)),
            Some(Marked { span, taken: Instant::now() }),
        ),
        Err(error) => {
            let seen = format!("{} took no span: {}", probe::place(endpoint), without_secrets(&error, endpoint));
            (check.failed(seen, causes(endpoint).await), None)
        }
    }
}

/// The exporter's words without the address, which may hold a password.
fn without_secrets(error: &str, endpoint: &str) -> String {
    error.replace(endpoint, &probe::place(endpoint))
}

/// Sends `span` and waits for the answer.
pub(super) async fn export(endpoint: &str, service_name: &str, span: ClientSpan) -> Result<(), String> {
    let options = ExportOptions { endpoint: endpoint.to_owned(), service_name: service_name.to_owned(), resource: Vec::new() };
    // The exporter has a runtime of its own and ends by joining its thread: nothing for an async task.
    let exported = tokio::task::spawn_blocking(move || {
        let exporter = Exporter::start(options)?;
        exporter.queue().push(span);
        let counters = exporter.finish();
        match counters.error {
            None if counters.exported > 0 => Ok(()),
            error => Err(error.unwrap_or_else(|| "the span was dropped".to_owned())),
        }
    });
    exported.await.unwrap_or_else(|error| Err(error.to_string()))
}

/// A span whose times are no whole microseconds, so that what comes back tells the resolution.
fn marked_span(ids: RequestIds) -> ClientSpan {
    let start_ns = now_ns() / 1_000 * 1_000 + 123;
    ClientSpan {
        trace_id: ids.trace_id,
        span_id: ids.span_id,
        parent_id: None,
        start_ns,
        end_ns: start_ns + 1_000_456,
        status: OutcomeStatus::Ok,
        template: SpanTemplate::step("milvus-bench doctor", &[("milvus_bench.doctor", "is this span readable?".into())]),
        numbers: [None; 2],
    }
}

/// Nanoseconds since the unix epoch.
pub(super) fn now_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

async fn causes(endpoint: &str) -> Vec<Cause> {
    if !endpoint.contains("://") {
        return vec![Cause::new("the address has no scheme", KEYS)];
    }
    let peer = probe::look_at(endpoint).await;
    let https = endpoint.starts_with("https://");
    match peer {
        Peer::NoAddress => vec![Cause::new("the address can't be read", KEYS)],
        Peer::Refused => vec![
            Cause::new(
                "no Jaeger or collector listens there",
                format!("start it; {KEYS}, or \"off\" for a run without spans of the client"),
            ),
            Cause::new(
                "its OTLP port is not published",
                "Compose, service jaeger: ports: [\"127.0.0.1:4317:4317\"]; Kubernetes: kubectl port-forward service/jaeger 4317",
            ),
            Cause::new(
                "Jaeger before 1.46 opens that port only when told to",
                "Compose, service jaeger: environment: [COLLECTOR_OTLP_ENABLED=true]",
            ),
        ],
        Peer::UnknownName => {
            vec![Cause::new("this machine does not know the host: names of Compose and of Kubernetes services hold only within them", KEYS)]
        }
        Peer::Silent => {
            vec![Cause::new("a firewall swallows the packets, or the machine is not there", format!("the firewall of port 4317; {KEYS}"))]
        }
        Peer::Tls if !https => {
            vec![Cause::new("the endpoint speaks TLS", "--otlp, or in the scenario: [tracing] export = \"https://HOST:PORT\"")]
        }
        Peer::Tls => vec![Cause::new(
            "this machine does not trust its certificate",
            "OTEL_EXPORTER_OTLP_CERTIFICATE=FILE.pem in the environment of milvus-bench",
        )],
        Peer::Http => vec![Cause::new("a web port is there: OTLP over HTTP is on 4318 and Jaeger's UI on 16686, gRPC is on 4317", KEYS)],
        Peer::Other if https => vec![Cause::new("the endpoint does not speak TLS", KEYS)],
        Peer::Other => causes_by_answer(bare_export(endpoint).await),
    }
}

/// An empty export without headers. None when no gRPC came about.
async fn bare_export(endpoint: &str) -> Result<(), Option<Code>> {
    let call = async {
        let mut endpoint = Endpoint::from_shared(endpoint.to_owned()).map_err(|_| None)?;
        if endpoint.uri().scheme_str() == Some("https") {
            endpoint = endpoint.tls_config(ClientTlsConfig::new().with_native_roots()).map_err(|_| None)?;
        }
        let channel = endpoint.connect().await.map_err(|_| None)?;
        let answer = TraceServiceClient::new(channel).export(ExportTraceServiceRequest::default()).await;
        answer.map(|_| ()).map_err(|status| Some(status.code()))
    };
    tokio::time::timeout(PATIENCE, call).await.unwrap_or(Err(Some(Code::DeadlineExceeded)))
}

fn causes_by_answer(answer: Result<(), Option<Code>>) -> Vec<Cause> {
    match answer {
        Ok(()) => vec![Cause::new(
            "the endpoint takes an export without the settings of the environment",
            "OTEL_EXPORTER_OTLP_HEADERS, _COMPRESSION and _CERTIFICATE in the environment of milvus-bench",
        )],
        Err(Some(Code::Unimplemented)) => vec![Cause::new(
            "a gRPC server is there, but no OTLP receiver (Jaeger's 16685 reads, its 14250 is an older protocol)",
            format!("{KEYS}; Jaeger before 1.46: COLLECTOR_OTLP_ENABLED=true"),
        )],
        Err(Some(Code::Unauthenticated | Code::PermissionDenied)) => vec![Cause::new(
            "the collector wants to know who sends",
            "OTEL_EXPORTER_OTLP_HEADERS=authorization=... (or x-tenant=...) in the environment of milvus-bench",
        )],
        Err(Some(Code::DeadlineExceeded | Code::ResourceExhausted | Code::Unavailable)) => {
            vec![Cause::new("the collector hangs or is overloaded", "its log; for Jaeger 1.x: COLLECTOR_QUEUE_SIZE=100000"), not_grpc()]
        }
        Err(_) => vec![not_grpc()],
    }
}

fn not_grpc() -> Cause {
    Cause::new("what listens there does not speak gRPC", KEYS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(answer: Result<(), Option<Code>>, word: &str) {
        let found = causes_by_answer(answer).swap_remove(0).what;
        assert!(found.contains(word), "{answer:?}: {found}");
    }

    #[test]
    fn a_password_in_the_address_is_not_shown() {
        let endpoint = "http://user:s3cret@host:4317";
        let error = format!("the OTLP endpoint {endpoint} can't be used: no");
        assert_eq!(without_secrets(&error, endpoint), "the OTLP endpoint host:4317 can't be used: no");
    }

    #[test]
    fn answers_of_the_second_call_tell_causes_apart() {
        check(Ok(()), "without the settings of the environment");
        check(Err(Some(Code::Unimplemented)), "no OTLP receiver");
        check(Err(Some(Code::PermissionDenied)), "who sends");
        check(Err(Some(Code::Unavailable)), "overloaded");
        check(Err(Some(Code::Internal)), "does not speak gRPC");
        check(Err(None), "does not speak gRPC");
    }
}
