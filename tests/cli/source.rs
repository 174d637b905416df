//! A span source that is absent, slow or no Jaeger at all costs spans and nothing else.

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
};

use milvus_bench::{milvus::methods, null_milvus::FakeMilvus};

use crate::{
    bench::{Bench, closed_port},
    folder::{Folder, all_due, count},
};

/// What a web server does with a request.
#[derive(Clone, Copy)]
enum Manner {
    Page,
    Echo,
    Quote,
    Silence,
    NoHttp2,
}

/// A web server on a free port, until the test's process ends.
pub(crate) struct WebServer {
    address: SocketAddr,
    seen: Arc<Mutex<String>>,
}

impl WebServer {
    /// Answers everything with a page and status 200, as a proxy's login does.
    pub(crate) fn page() -> Self {
        Self::start(Manner::Page)
    }

    /// Answers everything with a page that quotes the request, and status 500.
    pub(crate) fn echo() -> Self {
        Self::start(Manner::Echo)
    }

    /// Answers everything with the request as plain text, and status 500.
    pub(crate) fn quote() -> Self {
        Self::start(Manner::Quote)
    }

    /// Takes connections and never answers.
    pub(crate) fn silent() -> Self {
        Self::start(Manner::Silence)
    }

    /// Hangs up on HTTP/2 without a word, and answers HTTP/1.
    pub(crate) fn without_http2() -> Self {
        Self::start(Manner::NoHttp2)
    }

    fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let server = Self {
            address: listener.local_addr().expect("an address"),
            seen: Arc::default(),
        };
        let seen = Arc::clone(&server.seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let seen = Arc::clone(&seen);
                std::thread::spawn(move || answer(stream, manner, &seen));
            }
        });
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All requests so far.
    pub(crate) fn seen(&self) -> String {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Reads one request, and ends the connection after the answer.
fn answer(mut stream: TcpStream, manner: Manner, seen: &Mutex<String>) {
    let Ok(copy) = stream.try_clone() else { return };
    let mut request = String::new();
    let mut reader = BufReader::new(copy);
    let mut end = reader.read_line(&mut request);
    while end.is_ok_and(|length| length > 2) {
        end = reader.read_line(&mut request);
    }
    seen.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push_str(&request);
    let (status, kind, text) = match manner {
        Manner::NoHttp2 if request.starts_with("PRI ") => return,
        Manner::Page | Manner::NoHttp2 => (
            "200 OK",
            "html",
            "<!doctype html><title>Sign in</title>".to_owned(),
        ),
        Manner::Echo => ("500 Internal Server Error", "html", request.clone()),
        Manner::Quote => (
            "500 Internal Server Error",
            "plain",
            request.lines().skip(1).collect::<Vec<_>>().join(" "),
        ),
        // Until the client gives up.
        Manner::Silence => {
            let _ = std::io::copy(&mut reader, &mut std::io::sink());
            return;
        }
    };
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/{kind}\r\ncontent-length: {}\r\nconnection: \
         close\r\n\r\n",
        text.len()
    );
    let _ = stream
        .write_all(head.as_bytes())
        .and_then(|()| stream.write_all(text.as_bytes()));
}

/// A run whose spans are read from `source` at `endpoint`: it ends well, keeps all, and says what
/// is missing.
#[track_caller]
fn check(source: &str, endpoint: &str) -> (Bench, Folder, String) {
    let fake = FakeMilvus::start();
    let keys = format!("source = \"{source}\"\nendpoint = \"{endpoint}\"");
    let bench = Bench::at(&fake, &[("source = \"none\"", &keys)]);
    let ended = bench.run(&[]).exits(0);
    let folder = bench.only_folder();
    folder.check();
    let workload = folder.workload("alone", "search");
    all_due(&workload, 50);
    assert_eq!(
        count(&workload["join"], "not_fetched"),
        folder.traced("search"),
        "{workload:#}"
    );
    assert_eq!(folder.run()["status"], "complete");
    for text in [&ended.stdout, &ended.stderr] {
        assert!(
            text.contains(endpoint.trim_start_matches("http://")),
            "{text}"
        );
    }
    assert!(
        ended.stdout_words().contains("milvus-bench spans"),
        "{}",
        ended.stdout
    );
    (bench, folder, ended.stdout)
}

#[test]
fn no_jaeger_at_all() {
    let endpoint = format!("http://127.0.0.1:{}", closed_port());
    check("jaeger", &endpoint);
    check("jaeger-json", &endpoint);
}

#[test]
fn no_jaeger_for_auto() {
    check("auto", &format!("http://127.0.0.1:{}", closed_port()));
}

#[test]
fn a_proxy_that_answers_with_a_page() {
    let server = WebServer::page();
    let (_, _, stdout) = check("jaeger-json", &server.url());
    assert!(!stdout.contains("<!doctype"), "{stdout}");
    check("jaeger", &server.url());
    check("auto", &server.url());
}

#[test]
fn a_jaeger_that_hangs() {
    check("jaeger", &WebServer::silent().url());
}

#[test]
fn a_json_api_that_hangs() {
    check("jaeger-json", &WebServer::silent().url());
}

#[test]
fn fetching_again_from_nowhere_leaves_the_run_as_it_was() {
    let (bench, folder, _) = check("jaeger", &format!("http://127.0.0.1:{}", closed_port()));
    let before = folder.bytes();
    bench
        .call(&["spans"])
        .exits(2)
        .error(&["no Jaeger gRPC answers"]);
    bench
        .call(&[
            "spans",
            folder.name(),
            "--source",
            "jaeger-json",
            "--endpoint",
            &WebServer::page().url(),
        ])
        .exits(2);
    let nobody = format!("http://127.0.0.1:{}", closed_port());
    bench
        .call(&[
            "spans",
            folder.name(),
            "--source",
            "auto",
            "--endpoint",
            &nobody,
        ])
        .exits(2)
        .error(&["neither Jaeger's gRPC nor its JSON"]);
    bench
        .call(&["spans", folder.name(), "--source", "embedded"])
        .exits(2)
        .error(&["embedded", "--source with one of auto, jaeger"]);
    assert!(folder.bytes() == before, "the folder was changed");
}

#[test]
fn fetching_again_wants_the_key_that_no_run_keeps() {
    let fake = FakeMilvus::start();
    let file = |name: &str| format!("{}/tests/data/otlp-tls/{name}", env!("CARGO_MANIFEST_DIR"));
    let (ca, cert, key) = (file("ca.pem"), file("client.pem"), file("client.key"));
    let source = format!(
        "source = \"jaeger-json\"\nendpoint = \"https://127.0.0.1:{}\"\ntls = {{ ca = {ca:?}, cert \
         = {cert:?}, key = {key:?} }}",
        closed_port()
    );
    let bench = Bench::at(&fake, &[("source = \"none\"", &source)]);
    bench.run(&[]).exits(0);
    bench
        .call(&["spans", "--deadline", "1"])
        .exits(2)
        .error(&["tls.cert of [tracing.spans]", "--tls-key FILE"]);
    bench
        .call(&["spans", "--deadline", "1", "--tls-key", &ca])
        .exits(2)
        .error(&["--tls-key names", "PRIVATE KEY"]);
    bench
        .call(&["spans", "--deadline", "1", "--tls-key", &key])
        .exits(2)
        .error(&["no Jaeger JSON answers"]);
}

#[test]
fn fetching_again_sends_the_headers_that_are_named() {
    let fake = FakeMilvus::start();
    let bench = Bench::at(&fake, &[]);
    bench.run(&[]).exits(0);
    let server = WebServer::page();
    let arguments = [
        "spans",
        "--source",
        "jaeger-json",
        "--endpoint",
        &server.url(),
        "--header-env",
        "authorization=TEST_TOKEN",
    ];
    bench
        .call(&arguments)
        .exits(2)
        .error(&["TEST_TOKEN is not set"]);
    assert_eq!(server.seen(), "");
    let output = bench
        .command(&arguments)
        .env("TEST_TOKEN", "Bearer open-sesame")
        .output()
        .expect("it starts");
    assert_eq!(output.status.code(), Some(2));
    assert!(
        server.seen().contains("authorization: Bearer open-sesame"),
        "{}",
        server.seen()
    );
    let texts =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(
        texts.iter().all(|text| !text.contains("open-sesame")),
        "{texts:?}"
    );
}

#[test]
fn an_embedded_receiver_whose_port_is_taken() {
    let fake = FakeMilvus::start();
    let taken = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let keys = format!(
        "source = \"embedded\"\nlisten = \"{}\"",
        taken.local_addr().expect("an address")
    );
    let bench = Bench::at(&fake, &[("source = \"none\"", &keys)]);
    bench
        .run(&[])
        .exits(2)
        .error(&["can't listen on", "tracing.spans listen"]);
    assert_eq!(bench.only_folder().run()["status"], "failed");
    // Milvus was asked who it is.
    assert_eq!(
        fake.count(&methods::INSERT) + fake.count(&methods::CREATE_COLLECTION),
        0,
        "a load whose spans nobody receives is not sent"
    );
}

#[test]
fn an_embedded_receiver_takes_the_spans_of_the_client_too() {
    let fake = FakeMilvus::start();
    let listen = format!("127.0.0.1:{}", closed_port());
    let keys = format!("source = \"embedded\"\nlisten = \"{listen}\"");
    let export = format!("export = \"http://127.0.0.1:{}\"", closed_port());
    let bench = Bench::at(
        &fake,
        &[("source = \"none\"", &keys), ("export = \"off\"", &export)],
    );
    let stderr = bench.run(&[]).exits(0).stderr;
    assert!(
        stderr.contains(" requests in 52 traces from OTLP receiver"),
        "50 searches, preparation and clean-up: {stderr}"
    );
    let readings: Vec<&str> = stderr
        .lines()
        .filter(|line| line.starts_with("spans: first reading: "))
        .collect();
    let [begins, ends] = readings.as_slice() else {
        panic!("not two lines of the first reading: {stderr}")
    };
    assert!(
        begins.ends_with(": 52 traces") && ends.contains(": done, 52 traces asked for; "),
        "{stderr}"
    );
    let export = &bench.only_folder().run()["export"];
    assert_eq!(
        (export["endpoint"].as_str(), count(export, "dropped")),
        (Some(format!("http://{listen}").as_str()), 0),
        "{export:#}"
    );
    assert!(count(export, "exported") >= 50, "{export:#}");
}

/// OTLP/HTTP at the port of OTLP/gRPC, as a collector that is set up wrongly sends it all through
/// the run.
#[test]
fn an_export_that_the_embedded_receiver_refuses_is_named() {
    let fake = FakeMilvus::start();
    let listen = format!("127.0.0.1:{}", closed_port());
    let keys = format!("source = \"embedded\"\nlisten = \"{listen}\"\nlisten_http = \"off\"");
    let bench = Bench::at(&fake, &[("source = \"none\"", &keys)]);
    let run = bench
        .command(&["run", "scenario.toml", "--accept-invalid"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stream = loop {
        match TcpStream::connect(&listen) {
            Ok(stream) => break stream,
            Err(_) => std::thread::yield_now(),
        }
    };
    let head = "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: \
                application/x-protobuf\r\ncontent-length: 2\r\nconnection: close\r\n\r\n\n\0";
    stream
        .write_all(head.as_bytes())
        .expect("it takes a request");
    let answer = std::io::read_to_string(stream).expect("an answer");
    assert!(
        answer.starts_with("HTTP/1.1 415") && answer.contains("listen_http"),
        "{answer}"
    );
    let ended = crate::bench::Ended::of(run.wait_with_output().expect("it ends")).exits(0);
    for text in [&ended.stdout, &ended.stderr] {
        assert!(
            text.contains("1 export was refused by the embedded receiver")
                && text.contains("listen_http"),
            "{text}"
        );
    }
}

#[test]
fn client_spans_that_nobody_takes() {
    let fake = FakeMilvus::start();
    let export = format!("export = \"http://127.0.0.1:{}\"", closed_port());
    let bench = Bench::at(&fake, &[("export = \"off\"", &export)]);
    bench.run(&[]).exits(0);
    let folder = bench.only_folder();
    folder.check();
    let run = folder.run();
    assert!(
        export.contains(run["export"]["endpoint"].as_str().expect("an endpoint")),
        "{run:#}"
    );
    assert!(count(&run["export"], "dropped") >= 50, "{run:#}");
    let report = folder.report();
    let reasons = report["verdict"]["reasons"].as_array().expect("reasons");
    assert!(
        reasons
            .iter()
            .any(|reason| reason["code"] == "client_spans_lost"),
        "{reasons:#?}"
    );
}
