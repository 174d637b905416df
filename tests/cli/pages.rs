//! A page of HTTP where a reply of gRPC was expected: what stands before Milvus or Jaeger is named,
//! with its status.

use std::net::TcpListener;

use milvus_bench::{
    milvus::{Call, CallError, ConnectOptions, Connections, Transport, Watch, methods},
    null_milvus::FakeMilvus,
    spans::{SourceOptions, find_source},
};

use crate::{
    bench::{Bench, scenario},
    support::page::Page,
};

const HTML: &[(&str, &str)] = &[("content-type", "text/html")];

struct Nobody;

impl Watch for Nobody {
    fn write_delay(&self, _: usize, _: std::time::Duration) {}
    fn read_delay(&self, _: usize, _: std::time::Duration) {}
    fn flow_control_wait(&self, _: usize, _: std::time::Duration) {}
}

/// What the load, preparation and the reading of spans make of a page: class, HTTP status and words
/// of the first two, words of the third.
fn read_by_all(page: &Page) -> [(String, Option<u16>, String); 2] {
    const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(20);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(tokio::runtime::LocalOptions::default());
    runtime.expect("a runtime").block_on(async {
        let options = ConnectOptions::new(page.uri());
        let call = Call {
            method: &methods::SEARCH,
            body: bytes::Bytes::from_static(b"\x0a\x01x"),
        };
        let connections = Connections::open(&options, std::rc::Rc::new(Nobody))
            .await
            .expect("a connection");
        let load = connections
            .start(0, &call, b"")
            .await
            .expect("it is sent")
            .reply(TIMEOUT)
            .await
            .result
            .expect_err("no reply of gRPC");
        let transport = Transport::connect(&options).await.expect("a connection");
        let prepare = transport
            .call(0, &call, b"", TIMEOUT)
            .await
            .result
            .expect_err("no reply of gRPC");
        let source = SourceOptions {
            grpc: Some(page.uri()),
            endpoint: Some(page.uri()),
            ..SourceOptions::default()
        };
        let spans = find_source("jaeger")
            .expect("a row")
            .open(&source)
            .await
            .err()
            .expect("no Jaeger")
            .text;
        assert!(spans.contains(&load.text), "{spans}");
        [load, prepare]
            .map(|failure| (failure.error.to_string(), failure.http_status, failure.text))
    })
}

#[test]
fn load_preparation_and_spans_read_a_page_alike() {
    for (status, class) in [
        (200, CallError::Grpc(2)),
        (302, CallError::Grpc(2)),
        (400, CallError::Grpc(13)),
        (401, CallError::Grpc(16)),
        (403, CallError::Grpc(7)),
        (404, CallError::Grpc(12)),
        (405, CallError::Grpc(2)),
        (413, CallError::Grpc(2)),
        (429, CallError::Unavailable),
        (500, CallError::Grpc(2)),
        (502, CallError::Unavailable),
        (503, CallError::Unavailable),
        (504, CallError::Unavailable),
    ] {
        let [load, prepare] = read_by_all(&Page::start(status, HTML));
        assert_eq!(
            (&load.0, load.1),
            (&class.to_string(), Some(status)),
            "{load:?}"
        );
        assert_eq!(load, prepare);
        assert!(
            load.2.contains(&format!("HTTP status {status}")),
            "{load:?}"
        );
    }
}

#[test]
fn a_status_of_grpc_beside_one_of_http_counts() {
    let page = Page::start(
        503,
        &[
            ("content-type", "application/grpc"),
            ("grpc-status", "8"),
            ("grpc-message", "slow%20down"),
        ],
    );
    let [load, prepare] = read_by_all(&page);
    assert_eq!(
        (load.0.as_str(), load.1, load.2.as_str()),
        ("grpc_8", None, "slow down")
    );
    assert_eq!(load, prepare);
}

#[test]
fn a_run_against_a_page_names_it() {
    for (status, words) in [
        (404, "HTTP status 404 Not Found"),
        (413, "HTTP status 413"),
        (502, "HTTP status 502 Bad Gateway"),
    ] {
        let page = Page::start(status, HTML);
        let bench = Bench::new(&scenario(&page.uri(), &[]));
        bench
            .run(&["--wait", "0s"])
            .exits(2)
            .error(&[&page.uri(), words]);
    }
}

#[test]
fn doctor_tells_a_proxy_from_milvus() {
    for (status, cause) in [
        (413, "client_max_body_size"),
        (503, "the Milvus behind it is down"),
        (404, "9091"),
        (403, "login"),
    ] {
        let page = Page::start(status, HTML);
        let bench = Bench::new("");
        let ended = bench
            .call(&[
                "doctor",
                "--uri",
                &page.uri(),
                "--spans",
                "http://127.0.0.1:9",
                "--otlp",
                "http://127.0.0.1:9",
            ])
            .exits(1);
        let text = ended
            .stdout
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        assert!(
            text.contains(&format!("HTTP status {status}")) && text.contains(cause),
            "{}",
            ended.stdout
        );
    }
}

#[test]
fn a_page_where_jaeger_was_expected_is_named_by_doctor() {
    let fake = FakeMilvus::start();
    let page = Page::start(413, HTML);
    let scenario = scenario(
        &fake.uri(),
        &[(
            "source = \"none\"",
            &format!("source = \"jaeger\"\nendpoint = \"{}\"", page.uri()),
        )],
    );
    let bench = Bench::new(&scenario);
    let ended = bench.call(&["doctor", "scenario.toml"]).exits(1);
    assert!(ended.stdout.contains("HTTP status 413"), "{}", ended.stdout);
}

#[test]
fn a_web_server_of_before_http_2_is_not_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let uri = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        use std::io::{Read, Write};
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(
                b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/html\r\ncontent-length: \
                  9\r\n\r\n<html>400",
            );
        }
    });
    let ended = Bench::new(&scenario(&uri, &[])).run(&[]).exits(2);
    // What it says first may be a broken connection, which a Milvus that starts has too.
    ended.error(&[&uri, "does not answer", "does not speak HTTP/2"]);
}
