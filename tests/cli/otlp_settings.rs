//! OpenTelemetry's variables as users have them set: OTLP over HTTP, TLS both ways, what can't be
//! used, and what the spans say.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use milvus_bench::{
    milvus::methods,
    null_milvus::{Failure, FakeMilvus},
};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
    },
    common::v1::any_value::Value,
    trace::v1::Span,
};
use prost::Message;
use rustls::{
    RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};

use crate::{
    bench::{Bench, Ended},
    folder::count,
};

/// What a receiver of OTLP/HTTP got.
#[derive(Default)]
struct Seen {
    paths: Vec<String>,
    spans: Vec<Span>,
    /// Attributes of the last resource.
    resource: Vec<(String, String)>,
}

/// A receiver of OTLP/HTTP on a free port, on threads that end with the process.
struct Receiver {
    address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
}

/// A connection, encrypted or not.
trait Stream: Read + Write {}

impl<T: Read + Write> Stream for T {}

impl Receiver {
    /// `tls`: encrypted, for clients with a certificate only. `rejects`: of each batch.
    fn start(tls: bool, rejects: i64) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let (address, seen) = (
            listener.local_addr().expect("an address"),
            Arc::<Mutex<Seen>>::default(),
        );
        let of_threads = Arc::clone(&seen);
        let config = tls.then(|| Arc::new(tls_config()));
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let (seen, config) = (Arc::clone(&of_threads), config.clone());
                std::thread::spawn(move || {
                    let stream: Box<dyn Stream> = match config {
                        None => Box::new(socket),
                        Some(config) => Box::new(StreamOwned::new(
                            ServerConnection::new(config).expect("a good configuration"),
                            socket,
                        )),
                    };
                    serve(stream, &seen, rejects)
                });
            }
        });
        Self { address, seen }
    }

    fn with<T>(&self, read: impl FnOnce(&Seen) -> T) -> T {
        read(&self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn spans(&self) -> u64 {
        self.with(|seen| seen.spans.len() as u64)
    }
}

fn serve(stream: Box<dyn Stream>, seen: &Mutex<Seen>, rejects: i64) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if stream.read_line(&mut head)? == 0 {
                return Ok(());
            }
        }
        let length = head.lines().find_map(|line| {
            line.to_lowercase()
                .strip_prefix("content-length:")?
                .trim()
                .parse()
                .ok()
        });
        let mut body = vec![0; length.unwrap_or(0)];
        stream.read_exact(&mut body)?;
        let request = ExportTraceServiceRequest::decode(body.as_slice()).unwrap_or_default();
        {
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.paths
                .push(head.split(' ').nth(1).unwrap_or_default().to_owned());
            for group in request.resource_spans {
                let attributes = group.resource.unwrap_or_default().attributes;
                seen.resource = attributes
                    .into_iter()
                    .filter_map(|pair| Some((pair.key, text(pair.value?.value?))))
                    .collect();
                seen.spans
                    .extend(group.scope_spans.into_iter().flat_map(|scope| scope.spans));
            }
        }
        let error_message = "span too old".to_owned();
        let partial_success = (rejects > 0).then_some(ExportTracePartialSuccess {
            rejected_spans: rejects,
            error_message,
        });
        let reply = ExportTraceServiceResponse { partial_success }.encode_to_vec();
        let stream = stream.get_mut();
        write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: {}\r\n\r\n",
            reply.len()
        )?;
        stream.write_all(&reply)?;
        stream.flush()?;
    }
}

fn certificate(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests/data/otlp-tls", name]
        .iter()
        .collect()
}

fn tls_config() -> ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(certificate("client-ca.pem")).expect("a certificate"))
        .expect("an authority");
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .expect("a verifier");
    let chain =
        vec![CertificateDer::from_pem_file(certificate("server.pem")).expect("a certificate")];
    let key = PrivateKeyDer::from_pem_file(certificate("server.key")).expect("a key");
    let builder = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has them");
    builder
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .expect("the certificate fits its key")
}

fn text(value: Value) -> String {
    match value {
        Value::StringValue(text) => text,
        Value::IntValue(number) => format!("{number}i"),
        other => format!("{other:?}"),
    }
}

/// A run of the bench's scenario, its `export` as it is written there, with these variables and
/// arguments.
fn run(bench: &Bench, variables: &[(&str, &str)], more: &[&str]) -> Ended {
    let mut command =
        bench.command(&[&["run", "scenario.toml", "--accept-invalid"], more].concat());
    Ended::of(
        command
            .envs(variables.iter().copied())
            .output()
            .expect("the program starts"),
    )
    .exits(0)
}

fn exported(bench: &Bench) -> (u64, u64) {
    let export = &bench.only_folder().run()["export"];
    (count(export, "exported"), count(export, "dropped"))
}

/// The scenario says `export = "off"`, and the environment is that of a program beside it.
#[test]
fn port_4318_of_another_program_works_and_is_named() {
    let (fake, receiver) = (FakeMilvus::start(), Receiver::start(false, 0));
    let bench = Bench::at(&fake, &[]);
    let base = format!("http://{}/", receiver.address);
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", base.as_str()),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
        ("OTEL_SERVICE_NAME", "theirs"),
        (
            "OTEL_RESOURCE_ATTRIBUTES",
            "k8s.pod.name=a%20pod,telemetry.sdk.name=mine",
        ),
    ];
    let ended = run(&bench, &variables, &[]);
    assert_eq!(exported(&bench), (receiver.spans(), 0), "{}", ended.stderr);
    assert!(
        receiver.spans() > 50
            && receiver.with(|seen| seen.paths.iter().all(|path| path == "/v1/traces"))
    );
    assert!(
        ended.stdout.contains("OTEL_EXPORTER_OTLP_ENDPOINT"),
        "{}",
        ended.stdout
    );
    let value = |name: &str| {
        receiver
            .with(|seen| {
                seen.resource
                    .iter()
                    .find(|(known, _)| known == name)
                    .map(|(_, value)| value.clone())
            })
            .unwrap_or_default()
    };
    assert_eq!(
        [
            value("service.name"),
            value("k8s.pod.name"),
            value("telemetry.sdk.name")
        ],
        ["theirs", "a pod", "opentelemetry"]
    );
    assert!(!value("milvus_bench.run_id").is_empty());
}

#[test]
fn a_set_wins_over_the_environment() {
    let (fake, receiver) = (FakeMilvus::start(), Receiver::start(false, 0));
    let bench = Bench::at(&fake, &[]);
    let variable = (
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        format!("http://{}", receiver.address),
    );
    run(
        &bench,
        &[(variable.0, &variable.1)],
        &["--set", "tracing.export=off"],
    );
    assert_eq!(receiver.spans(), 0);
    assert!(bench.only_folder().run()["export"].is_null());
}

#[test]
fn a_client_proves_who_it_is_over_http() {
    let fake = FakeMilvus::start();
    let path = |name| certificate(name).display().to_string();
    let (ca, cert, key) = (path("ca.pem"), path("client.pem"), path("client.key"));
    for (cert_variable, key_variable) in [
        (
            "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
            "OTEL_EXPORTER_OTLP_CLIENT_KEY",
        ),
        (
            "OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE",
            "OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY",
        ),
    ] {
        let receiver = Receiver::start(true, 0);
        let endpoint = format!("https://{}/v1/traces", receiver.address);
        let endpoint = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", endpoint.as_str());
        let authority = ("OTEL_EXPORTER_OTLP_CERTIFICATE", ca.as_str());
        let bench = Bench::at(&fake, &[]);
        let ended = run(
            &bench,
            &[
                endpoint,
                authority,
                (cert_variable, &cert),
                (key_variable, &key),
            ],
            &[],
        );
        assert_eq!(exported(&bench), (receiver.spans(), 0), "{}", ended.stderr);
        assert!(receiver.spans() > 50, "{}", ended.stderr);
        let bench = Bench::at(&fake, &[]);
        let ended = run(&bench, &[endpoint, authority], &[]);
        assert!(
            exported(&bench).0 == 0
                && ended.stderr.contains("not exported to http")
                && ended.stderr.contains("requires a client certificate"),
            "{}",
            ended.stderr
        );
    }
}

#[test]
fn rejected_spans_are_counted_and_told_in_the_servers_words() {
    let (fake, receiver) = (FakeMilvus::start(), Receiver::start(false, 2));
    let bench = Bench::at(
        &fake,
        &[(
            "export = \"off\"",
            &format!("export = \"http://{}/v1/traces\"", receiver.address),
        )],
    );
    let ended = run(&bench, &[], &[]);
    let (sent, lost) = exported(&bench);
    let batches = receiver.with(|seen| seen.paths.len() as u64);
    assert_eq!(
        (sent + lost, lost),
        (receiver.spans(), 2 * batches),
        "{}",
        ended.stderr
    );
    assert!(
        ended.stderr.contains("the endpoint rejected 2 of ")
            && ended.stderr.contains("span too old"),
        "{}",
        ended.stderr
    );
}

/// Attributes of the client's span of a search that has `status`, as `name=value`.
fn attributes_of_a_search(receiver: &Receiver, status: &str) -> Vec<String> {
    let all = |span: &Span| -> Vec<String> {
        let shown = |pair: &opentelemetry_proto::tonic::common::v1::KeyValue| {
            let value = pair
                .value
                .clone()
                .and_then(|value| value.value)
                .map(text)
                .unwrap_or_default();
            format!("{}={value}", pair.key)
        };
        span.attributes.iter().map(shown).collect()
    };
    let named = |span: &&Span| {
        span.name == "milvus.proto.milvus.MilvusService/Search"
            && all(span).iter().any(|pair| pair == status)
    };
    receiver
        .with(|seen| seen.spans.iter().find(named).map(all))
        .unwrap_or_default()
}

#[track_caller]
fn check_attributes(found: &[String], expected: &[&str], none: &[&str]) {
    for pair in expected {
        assert!(
            found.iter().any(|found| found == pair),
            "{pair} is not in {found:?}"
        );
    }
    for name in none {
        assert!(
            !found
                .iter()
                .any(|found| found.split('=').next() == Some(name)),
            "{name} is in {found:?}"
        );
    }
}

/// Attributes of a search that Milvus refuses.
const FAILED: [&str; 3] = [
    "rpc.status_code=OK",
    "error.type=1100",
    "db.response.status_code=1100",
];

/// Attributes of the older conventions.
const OLDER: [&str; 4] = [
    "rpc.system=grpc",
    "rpc.service=milvus.proto.milvus.MilvusService",
    "rpc.grpc.status_code=0i",
    "rpc.response.status_code=OK",
];

/// Names of attributes that only the older conventions have.
const OLDER_NAMES: [&str; 4] = [
    "rpc.system",
    "rpc.service",
    "rpc.grpc.status_code",
    "rpc.response.status_code",
];

#[test]
fn spans_follow_the_conventions_of_today_and_the_older_ones_where_asked() {
    let fake = FakeMilvus::start();
    fake.fail(
        &methods::SEARCH,
        3..6,
        Failure::milvus(1100, 1, "invalid parameter"),
    );
    let (address, port) = fake
        .uri()
        .trim_start_matches("http://")
        .split_once(':')
        .map(|(a, p)| (a.to_owned(), p.to_owned()))
        .expect("a port");
    let [address, port] = [
        format!("server.address={address}"),
        format!("server.port={port}i"),
    ];
    let today = [
        "rpc.system.name=grpc",
        "rpc.method=milvus.proto.milvus.MilvusService/Search",
        "rpc.status_code=OK",
        "db.system.name=milvus",
        "db.namespace=default",
        "db.operation.name=search",
        address.as_str(),
        port.as_str(),
    ];
    for opt_in in ["rpc", "http/dup,rpc/dup"] {
        let receiver = Receiver::start(false, 0);
        let bench = Bench::at(
            &fake,
            &[(
                "export = \"off\"",
                &format!("export = \"http://{}/v1/traces\"", receiver.address),
            )],
        );
        run(&bench, &[("OTEL_SEMCONV_STABILITY_OPT_IN", opt_in)], &[]);
        let success = attributes_of_a_search(&receiver, "rpc.status_code=OK");
        check_attributes(&success, &today, &["error.type", "db.response.status_code"]);
        assert!(
            success
                .iter()
                .any(|pair| pair.starts_with("db.collection.name=") && pair.len() > 19),
            "{success:?}"
        );
        if opt_in == "rpc" {
            check_attributes(&success, &[], &OLDER_NAMES);
            check_attributes(
                &attributes_of_a_search(&receiver, "error.type=1100"),
                &FAILED,
                &OLDER_NAMES,
            );
        } else {
            check_attributes(&success, &OLDER, &[]);
        }
    }
}

/// What `check` says on stderr, line by line.
fn said_by_check(variables: &[(&str, &str)]) -> String {
    let bench = Bench::at(&FakeMilvus::start(), &[]);
    let output = bench
        .command(&["check", "scenario.toml"])
        .envs(variables.iter().copied())
        .output()
        .expect("the program starts");
    Ended::of(output).exits(0).stderr
}

#[test]
fn check_names_each_variable_that_cant_be_used() {
    for (variable, value) in [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "thrift"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd"),
        ("OTEL_TRACES_EXPORTER", "jaeger"),
        ("OTEL_TRACES_SAMPLER", "always_off"),
    ] {
        // With an endpoint of the environment the export is on, whatever the scenario says.
        let stderr = said_by_check(&[
            (
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
                "http://127.0.0.1:4317",
            ),
            (variable, value),
        ]);
        assert!(
            stderr.contains(&format!("warning: {variable} ")),
            "{variable}: {stderr}"
        );
    }
    let stderr = said_by_check(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "unix:///run/otel.sock")]);
    assert!(
        stderr.contains("warning: OTEL_EXPORTER_OTLP_ENDPOINT is \"unix:///run/otel.sock\""),
        "{stderr}"
    );
    assert_eq!(
        said_by_check(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318")])
            .matches("warning: ")
            .count(),
        1
    );
    assert_eq!(said_by_check(&[]), "");
}

/// The doctor's own span takes the same way as those of a run.
#[test]
fn the_doctor_exports_over_http_too() {
    let (fake, receiver) = (FakeMilvus::start(), Receiver::start(false, 0));
    let bench = Bench::at(&fake, &[]);
    let doctor = |otlp: &str| {
        let arguments = [
            "doctor",
            "--uri",
            &fake.uri(),
            "--spans",
            &format!("http://127.0.0.1:{}", crate::bench::closed_port()),
            "--otlp",
            otlp,
            "--deadline",
            "1",
        ];
        Ended::of(
            bench
                .command(&arguments)
                .output()
                .expect("the program starts"),
        )
        .stdout
    };
    let stdout = doctor(&format!("http://{}/v1/traces", receiver.address));
    assert!(
        receiver.spans() > 0 && stdout.contains(&format!("{} accepted a span", receiver.address)),
        "{stdout}"
    );
    // A port that speaks gRPC, and nothing else.
    let stdout = doctor(&format!("{}/v1/traces", fake.uri()));
    assert!(
        stdout.contains("took no span") && stdout.contains("does not speak HTTP/1"),
        "{stdout}"
    );
}
