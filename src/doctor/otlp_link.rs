//! Second link: the OTLP endpoint takes a span of ours. It is sent by the exporter that a run uses,
//! with all settings of the environment; only where that fails, a second look tells why.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, trace_service_client::TraceServiceClient,
};
use tokio::time::Instant;
use tonic::{Code, transport::Endpoint};

use super::{Cause, Check, DoctorOptions, Link, OTLP_ENDPOINT, probe, probe::Peer};
use crate::{
    telemetry::{ClientSpan, ExportOptions, ExportProtocol, Exporter, RequestIds, SpanTemplate},
    tls::TlsPeer,
};

/// For the second call; the exporter itself has had its own patience before.
const PATIENCE: Duration = Duration::from_secs(3);

/// Ports of OTLP over gRPC and over HTTP.
const PORTS: [u16; 2] = [4317, 4318];

/// Where every advice of this link ends: where the address stands, with the protocol's own port.
fn keys(protocol: ExportProtocol) -> String {
    let port = match protocol {
        ExportProtocol::Grpc => PORTS[0],
        ExportProtocol::HttpProtobuf => PORTS[1],
    };
    format!("--otlp, or in the scenario: [tracing] export = \"http://HOST:{port}\"")
}

/// A span of ours that the endpoint took.
pub(super) struct Marked {
    pub(super) span: ClientSpan,
    /// When it was taken.
    pub(super) taken: Instant,
}

/// Exports one span and gives it back when it was taken, to be looked for.
pub(super) async fn check(options: &DoctorOptions, ids: RequestIds) -> (Link, Option<Marked>) {
    let check = Check::begin(OTLP_ENDPOINT);
    let Some(otlp) = &options.otlp else {
        return (
            check.skipped(
                "export is off: traces will lack the client's own spans, the report will not",
            ),
            None,
        );
    };
    let (endpoint, span) = (&otlp.endpoint, marked_span(ids));
    match export(otlp, span.clone()).await {
        Ok(()) => (
            check.ok(format!(
                "{} accepted a span of service {}",
                probe::place(endpoint),
                otlp.service_name
            )),
            Some(Marked {
                span,
                taken: Instant::now(),
            }),
        ),
        Err(refused) => {
            let seen = format!(
                "{} did not accept the span: {}",
                probe::place(endpoint),
                probe::without_cause(
                    &without_secrets(&refused.text, endpoint),
                    TlsPeer::OtlpEndpoint
                )
            );
            let causes = match causes_by_words(&refused.text) {
                Some(cause) => vec![cause],
                None => causes(otlp, refused.http_status).await,
            };
            (check.failed(seen, causes), None)
        }
    }
}

/// The exporter's words without the address, which may hold a password.
fn without_secrets(error: &str, endpoint: &str) -> String {
    error.replace(endpoint, &probe::place(endpoint))
}

/// Why a span was not taken.
#[derive(Debug)]
pub(super) struct Refused {
    text: String,
    http_status: Option<u16>,
}

impl From<String> for Refused {
    fn from(text: String) -> Self {
        Self {
            text,
            http_status: None,
        }
    }
}

/// Sends `span` and waits for the answer.
pub(super) async fn export(options: &ExportOptions, span: ClientSpan) -> Result<(), Refused> {
    let options = options.clone();
    // The exporter has a runtime of its own and ends by joining its thread: nothing for an async
    // task.
    let exported = tokio::task::spawn_blocking(move || {
        let exporter = Exporter::start(&options)?;
        exporter.queue().push(span);
        let counters = exporter.finish();
        match counters.error {
            None if counters.exported > 0 => Ok(()),
            error => {
                let text = error.unwrap_or_else(|| "the span was dropped".to_owned());
                Err(Refused {
                    text,
                    http_status: counters.http_status,
                })
            }
        }
    });
    exported
        .await
        .unwrap_or_else(|error| Err(error.to_string().into()))
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
        template: SpanTemplate::step(
            "milvus-bench doctor",
            &[("milvus_bench.doctor", "is this span readable?".into())],
        ),
        seq: None,
        failure: None,
    }
}

/// Nanoseconds since the unix epoch.
pub(super) fn now_ns() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

async fn causes(otlp: &ExportOptions, http_status: Option<u16>) -> Vec<Cause> {
    let endpoint = otlp.endpoint.as_str();
    if let Some(status) = http_status {
        return causes_by_status(status);
    }
    if !endpoint.contains("://") {
        return vec![Cause::new("the address has no scheme", keys(otlp.protocol))];
    }
    match causes_by_peer(probe::look_at(endpoint).await, otlp) {
        Some(causes) => causes,
        None => causes_by_answer(bare_export(otlp).await),
    }
}

/// Causes that follow from what listens at the endpoint; None where only its answer tells more.
fn causes_by_peer(peer: Peer, otlp: &ExportOptions) -> Option<Vec<Cause>> {
    let protocol = otlp.protocol;
    let keys = keys(protocol);
    Some(match peer {
        Peer::NoAddress => vec![Cause::new("the address can't be read", keys)],
        Peer::Refused => nobody_there(probe::port(&otlp.endpoint), keys),
        Peer::UnknownName => {
            vec![Cause::new(
                "this machine does not know the host: names of Compose and of Kubernetes services \
                 hold only within them",
                keys,
            )]
        }
        Peer::Silent => {
            vec![Cause::new(
                "a firewall drops the packets, or the machine is down",
                format!(
                    "the firewall of port {}; {keys}",
                    probe::port(&otlp.endpoint)
                ),
            )]
        }
        Peer::Http if protocol == ExportProtocol::Grpc => vec![Cause::new(
            "a web port answers: OTLP over HTTP is on 4318 and Jaeger's UI on 16686, gRPC is on \
             4317",
            format!(
                "{keys}, or \"http://HOST:4318\" for OTLP over HTTP; \
                 OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf where that has another port"
            ),
        )],
        Peer::Http => vec![Cause::new(
            "the endpoint does not answer, or closes the connection",
            "check its log",
        )],
        // A second look has found no trouble with TLS itself.
        Peer::Tls if protocol == ExportProtocol::HttpProtobuf => {
            vec![Cause::new(
                "the endpoint does not answer, or closes the connection",
                "check its log",
            )]
        }
        Peer::Other if protocol == ExportProtocol::HttpProtobuf => vec![Cause::new(
            "the server there does not speak HTTP/1: OTLP over HTTP is on 4318, gRPC on 4317",
            format!(
                "{keys}, or \"http://HOST:4318\"; OTEL_EXPORTER_OTLP_PROTOCOL=grpc for gRPC on \
                 another port"
            ),
        )],
        Peer::Other | Peer::Tls => return None,
    })
}

/// Nothing listens on `port`: it is another one's, or its server is not there.
fn nobody_there(port: u16, keys: String) -> Vec<Cause> {
    let start = "start it; for a run without spans of the client: OTEL_TRACES_EXPORTER=none, and \
                 no --otlp";
    let mut causes = vec![Cause::new("no Jaeger or collector listens there", start)];
    let published = |port: u16| {
        Cause::new(
            "its OTLP port is not published",
            format!(
                "Compose, service jaeger: ports: [\"127.0.0.1:{port}:{port}\"]; Kubernetes: \
                 kubectl port-forward service/jaeger {port}"
            ),
        )
    };
    let wrong = Cause::new(
        "the port is wrong: OTLP over gRPC is on 4317, over HTTP on 4318",
        keys.clone(),
    );
    if PORTS.contains(&port) {
        causes.push(published(port));
        causes.push(Cause::new(
            "Jaeger before 1.46 opens that port only if configured",
            "Compose, service jaeger: environment: [COLLECTOR_OTLP_ENABLED=true]",
        ));
        causes.push(Cause::new("it is at another address", keys));
    } else {
        causes.insert(0, wrong);
    }
    causes
}

/// What the endpoint says in so many words needs no second look.
fn causes_by_words(text: &str) -> Option<Cause> {
    if let Some(cause) = Cause::of_tls_in(text, TlsPeer::OtlpEndpoint) {
        return Some(cause);
    }
    if text.starts_with("the endpoint rejected") {
        return Some(Cause::new(
            "the endpoint accepts exports, but rejects spans for the reason given",
            "the limits and filters of the receiver; check its log",
        ));
    }
    let is_size = ["larger than max", "too large", "exceeds the limit"]
        .iter()
        .any(|words| text.contains(words));
    is_size.then(smaller)
}

fn smaller() -> Cause {
    Cause::new(
        "the receiver's message limit is below the 3 MiB that milvus-bench sends",
        "the collector's OTLP receiver: grpc: max_recv_msg_size_mib, http: max_request_body_size",
    )
}

/// What an HTTP reply tells: somebody is there, and speaks HTTP.
fn causes_by_status(status: u16) -> Vec<Cause> {
    let headers = "OTEL_EXPORTER_OTLP_HEADERS=authorization=... (or x-tenant=...) in the \
                   environment of milvus-bench";
    vec![match status {
        401 | 403 => Cause::new("the collector requires authentication", headers),
        200..=299 | 301..=308 | 404 | 405 => Cause::new(
            "a web server answers, but no OTLP receiver at this path: OTLP over HTTP is at \
             http://HOST:4318/v1/traces, Jaeger's UI on 16686",
            "--otlp, or in the scenario: [tracing] export = \"http://HOST:4318\"",
        ),
        413 => smaller(),
        415 => Cause::new(
            "the receiver does not accept protobuf",
            "OTEL_EXPORTER_OTLP_PROTOCOL=grpc with its gRPC port, 4317",
        ),
        429 | 500..=599 => Cause::new(
            "the collector hangs or is overloaded",
            "check its log; for Jaeger 1.x: COLLECTOR_QUEUE_SIZE=100000",
        ),
        _ => Cause::new("the receiver refuses the export", "check its log"),
    }]
}

/// An empty export without headers. None when no gRPC came about.
async fn bare_export(otlp: &ExportOptions) -> Result<(), Option<Code>> {
    let call = async {
        let mut endpoint = Endpoint::from_shared(otlp.endpoint.clone()).map_err(|_| None)?;
        if endpoint.uri().scheme_str() == Some("https") {
            let config = otlp.tls.for_grpc(PATIENCE).map_err(|_| None)?;
            endpoint = endpoint.tls_config(config).map_err(|_| None)?;
        }
        let channel = endpoint.connect().await.map_err(|_| None)?;
        let answer = TraceServiceClient::new(channel)
            .export(ExportTraceServiceRequest::default())
            .await;
        answer.map(|_| ()).map_err(|status| Some(status.code()))
    };
    tokio::time::timeout(PATIENCE, call)
        .await
        .unwrap_or(Err(Some(Code::DeadlineExceeded)))
}

fn causes_by_answer(answer: Result<(), Option<Code>>) -> Vec<Cause> {
    match answer {
        Ok(()) => vec![Cause::new(
            "the endpoint accepts an export without the settings of the environment",
            "OTEL_EXPORTER_OTLP_HEADERS, _COMPRESSION and _CERTIFICATE in the environment of \
             milvus-bench",
        )],
        Err(Some(Code::Unimplemented)) => vec![Cause::new(
            "a gRPC server answers, but no OTLP receiver (Jaeger's 16685 reads, its 14250 is an \
             older protocol)",
            format!(
                "{}; Jaeger before 1.46: COLLECTOR_OTLP_ENABLED=true",
                keys(ExportProtocol::Grpc)
            ),
        )],
        Err(Some(Code::Unauthenticated | Code::PermissionDenied)) => vec![Cause::new(
            "the collector requires authentication",
            "OTEL_EXPORTER_OTLP_HEADERS=authorization=... (or x-tenant=...) in the environment of \
             milvus-bench",
        )],
        Err(Some(Code::DeadlineExceeded | Code::ResourceExhausted | Code::Unavailable)) => {
            vec![
                Cause::new(
                    "the collector hangs or is overloaded",
                    "check its log; for Jaeger 1.x: COLLECTOR_QUEUE_SIZE=100000",
                ),
                not_grpc(),
            ]
        }
        Err(_) => vec![not_grpc()],
    }
}

fn not_grpc() -> Cause {
    Cause::new(
        "the server there does not speak gRPC",
        keys(ExportProtocol::Grpc),
    )
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
        assert_eq!(
            without_secrets(&error, endpoint),
            "the OTLP endpoint host:4317 can't be used: no"
        );
    }

    #[test]
    fn words_of_the_endpoint_come_first() {
        let found = |text| {
            causes_by_words(text)
                .map(|cause| cause.what)
                .unwrap_or_default()
        };
        assert!(
            found("the endpoint rejected 1 of 1 spans: span too old").contains("rejects spans")
        );
        assert!(
            found(
                "gRPC code: ResourceExhausted: grpc: received message after decompression larger \
                 than max (4194305 vs. 4194304)"
            )
            .contains("message limit")
        );
        assert_eq!(found("gRPC code: Unavailable: no healthy upstream"), "");
    }

    #[test]
    fn statuses_of_http_tell_causes_apart() {
        for (status, word) in [
            (401, "requires authentication"),
            (404, "no OTLP receiver"),
            (200, "no OTLP receiver"),
            (415, "protobuf"),
            (503, "overloaded"),
        ] {
            let found = causes_by_status(status).swap_remove(0).what;
            assert!(found.contains(word), "{status}: {found}");
        }
    }

    #[test]
    fn answers_of_the_second_call_tell_causes_apart() {
        check(Ok(()), "without the settings of the environment");
        check(Err(Some(Code::Unimplemented)), "no OTLP receiver");
        check(Err(Some(Code::PermissionDenied)), "requires authentication");
        check(Err(Some(Code::Unavailable)), "overloaded");
        check(Err(Some(Code::Internal)), "does not speak gRPC");
        check(Err(None), "does not speak gRPC");
    }
}
