//! The client's spans on their way to an OTLP endpoint: TLS by OpenTelemetry's variables, and
//! headers that are secrets.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
    trace_service_server::{TraceService, TraceServiceServer},
};
use tonic::{
    Request, Response, Status,
    transport::{Certificate, Identity, Server, ServerTlsConfig, server::TcpIncoming},
};

use milvus_bench::null_milvus::FakeMilvus;

use crate::{
    bench::{Bench, Ended},
    folder::count,
};

const PASSWORD: &str = "s3cr3t-0TLP-7c";

/// Metadata `authorization` of each export, and the spans that came.
#[derive(Clone, Default)]
struct Collector {
    seen: Arc<Mutex<(Vec<Option<String>>, u64)>>,
    /// It takes every call and answers none.
    hangs: bool,
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let header = request
            .metadata()
            .get("authorization")
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        let groups = request.into_inner().resource_spans;
        let spans: usize = groups
            .iter()
            .flat_map(|group| &group.scope_spans)
            .map(|scope| scope.spans.len())
            .sum();
        {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.0.push(header);
            seen.1 += spans as u64;
        }
        if self.hangs {
            std::future::pending::<()>().await;
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    fn spans(&self) -> u64 {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).1
    }

    fn headers(&self) -> Vec<Option<String>> {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .0
            .clone()
    }
}

fn certificate(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests/data/otlp-tls", name]
        .iter()
        .collect()
}

/// A collector on a free port of 127.0.0.1, on a runtime that ends with the test.
struct Endpoint {
    collector: Collector,
    address: SocketAddr,
    _runtime: tokio::runtime::Runtime,
}

impl Endpoint {
    fn start(tls: bool) -> Self {
        Self::with(tls, Collector::default())
    }

    fn with(tls: bool, collector: Collector) -> Self {
        let identity = || {
            let read = |name| std::fs::read(certificate(name)).expect("a certificate of the tests");
            ServerTlsConfig::new()
                .identity(Identity::from_pem(read("server.pem"), read("server.key")))
        };
        Self::of(tls.then(identity), collector)
    }

    /// For clients with a certificate only.
    fn for_known_clients() -> Self {
        let read = |name| std::fs::read(certificate(name)).expect("a certificate of the tests");
        let identity = Identity::from_pem(read("server.pem"), read("server.key"));
        let config = ServerTlsConfig::new()
            .identity(identity)
            .client_ca_root(Certificate::from_pem(read("client-ca.pem")));
        Self::of(Some(config), Collector::default())
    }

    fn of(tls: Option<ServerTlsConfig>, collector: Collector) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let mut server = Server::builder();
        if let Some(config) = tls {
            server = server
                .tls_config(config)
                .expect("the certificate fits its key");
        }
        let service = TraceServiceServer::new(collector.clone());
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind(("127.0.0.1", 0)))
            .expect("a free port");
        let address = listener.local_addr().expect("an address");
        runtime.spawn(
            server
                .add_service(service)
                .serve_with_incoming(TcpIncoming::from(listener)),
        );
        Self {
            collector,
            address,
            _runtime: runtime,
        }
    }
}

/// Runs with the export to `endpoint` and `variables`.
fn run(endpoint: &str, variables: &[(&str, &str)]) -> (Bench, Ended) {
    let fake = FakeMilvus::start();
    let bench = Bench::at(
        &fake,
        &[("export = \"off\"", &format!("export = \"{endpoint}\""))],
    );
    let mut command = bench.command(&["run", "scenario.toml", "--accept-invalid"]);
    let output = command
        .envs(variables.iter().copied())
        .output()
        .expect("the program starts");
    let ended = Ended::of(output).exits(0);
    (bench, ended)
}

/// What run.json says of the export: (exported, dropped).
fn exported(bench: &Bench) -> (u64, u64) {
    let export = &bench.only_folder().run()["export"];
    (count(export, "exported"), count(export, "dropped"))
}

#[test]
fn an_authority_of_ones_own_is_named_by_the_environment() {
    let ca = certificate("ca.pem").display().to_string();
    for variable in [
        "OTEL_EXPORTER_OTLP_CERTIFICATE",
        "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE",
    ] {
        let server = Endpoint::start(true);
        let (bench, ended) = run(&format!("https://{}", server.address), &[(variable, &ca)]);
        let (sent, lost) = exported(&bench);
        assert_eq!(
            (sent, lost),
            (server.collector.spans(), 0),
            "{variable}: {}",
            ended.stderr
        );
        assert!(sent > 50, "{variable}: {sent} spans");
    }
}

#[test]
fn a_client_proves_who_it_is() {
    let path = |name| certificate(name).display().to_string();
    let (ca, cert, key) = (path("ca.pem"), path("client.pem"), path("client.key"));
    let server = Endpoint::for_known_clients();
    let endpoint = format!("https://{}", server.address);
    let authority = ("OTEL_EXPORTER_OTLP_CERTIFICATE", ca.as_str());
    let own = [
        ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", cert.as_str()),
        ("OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", key.as_str()),
    ];
    let (bench, ended) = run(&endpoint, &[authority, own[0], own[1]]);
    assert_eq!(
        exported(&bench),
        (server.collector.spans(), 0),
        "{}",
        ended.stderr
    );
    assert!(server.collector.spans() > 50, "{}", ended.stderr);
    let (bench, ended) = run(&endpoint, &[authority]);
    assert_eq!(exported(&bench).0, 0, "{}", ended.stderr);
}

#[test]
fn an_authority_that_nobody_named_is_refused() {
    let server = Endpoint::start(true);
    let (bench, ended) = run(&format!("https://{}", server.address), &[]);
    let (sent, lost) = exported(&bench);
    assert!(
        sent == 0 && lost > 50 && server.collector.spans() == 0,
        "{sent} sent, {lost} lost: {}",
        ended.stderr
    );
    assert!(
        ended.stdout.contains("client spans lost"),
        "{}",
        ended.stdout
    );
}

#[test]
fn a_certificate_that_is_not_there_is_named() {
    let server = Endpoint::start(true);
    let (bench, ended) = run(
        &format!("https://{}", server.address),
        &[("OTEL_EXPORTER_OTLP_CERTIFICATE", "missing.pem")],
    );
    assert!(
        ended
            .stderr
            .contains("OTEL_EXPORTER_OTLP_CERTIFICATE names missing.pem, which can't be read"),
        "{}",
        ended.stderr
    );
    assert_eq!(exported(&bench).0, 0);
}

#[track_caller]
fn check_unseen(bench: &Bench, ended: &Ended) {
    let shown = ended.stdout.contains(PASSWORD) || ended.stderr.contains(PASSWORD);
    assert!(
        !shown,
        "stdout:\n{}\nstderr:\n{}",
        ended.stdout, ended.stderr
    );
    let bytes = bench.only_folder().bytes();
    assert!(
        !bytes
            .windows(PASSWORD.len())
            .any(|window| window == PASSWORD.as_bytes()),
        "the folder holds it"
    );
}

#[test]
fn headers_of_the_environment_arrive_and_are_shown_nowhere() {
    let headers = format!("authorization=Bearer%20{PASSWORD},x-tenant=bench");
    for variable in [
        "OTEL_EXPORTER_OTLP_HEADERS",
        "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
    ] {
        let server = Endpoint::start(false);
        let (bench, ended) = run(
            &format!("http://{}", server.address),
            &[(variable, &headers)],
        );
        let seen = server.collector.headers();
        assert!(
            !seen.is_empty()
                && seen
                    .iter()
                    .all(|header| header.as_deref() == Some(&format!("Bearer {PASSWORD}"))),
            "{variable}: {seen:?}"
        );
        check_unseen(&bench, &ended);
    }
}

#[test]
fn headers_are_not_shown_when_the_export_fails() {
    let headers = format!("authorization=Bearer%20{PASSWORD}");
    let endpoint = format!("http://127.0.0.1:{}", crate::bench::closed_port());
    let (bench, ended) = run(&endpoint, &[("OTEL_EXPORTER_OTLP_HEADERS", &headers)]);
    assert!(exported(&bench).1 > 50, "{}", ended.stderr);
    check_unseen(&bench, &ended);
}

/// Every span is lost and said to be, and no request waited for the endpoint, whose patience is
/// five seconds here.
#[test]
fn an_endpoint_that_hangs_slows_no_request() {
    let server = Endpoint::with(
        false,
        Collector {
            hangs: true,
            ..Collector::default()
        },
    );
    let (bench, ended) = run(
        &format!("http://{}", server.address),
        &[("OTEL_EXPORTER_OTLP_TIMEOUT", "5000")],
    );
    assert!(server.collector.spans() > 0, "it was asked");
    let (sent, lost) = exported(&bench);
    assert!(
        sent == 0 && lost > 50,
        "{sent} sent, {lost} lost: {}",
        ended.stderr
    );
    assert!(
        ended
            .stderr
            .contains("the endpoint does not answer within 5s"),
        "{}",
        ended.stderr
    );
    let folder = bench.only_folder();
    let search = folder.workload("alone", "search");
    assert_eq!(
        count(&search["requests"], "ok"),
        count(&search["requests"], "due")
    );
    for figure in ["service_time_us", "send_lag_us"] {
        let most = search[figure]["max"]["value"].as_f64().expect("a figure");
        assert!(most < 2_500_000.0, "{figure} has {most} us");
    }
}
