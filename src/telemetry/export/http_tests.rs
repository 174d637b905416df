//! The exporter over HTTP, against a server in this process that answers as it is told.

use std::{
    collections::VecDeque,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Mutex, MutexGuard, PoisonError},
};

use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message as _;

use super::*;
use crate::telemetry::client_span::SpanTemplate;

const QUICK: Limits = Limits {
    queue: 10_000,
    linger: Duration::from_secs(3600),
    patience: Duration::from_secs(120),
    finish: Duration::from_secs(240),
};

/// One reply: status line behind `HTTP/1.1`, further headers, body.
struct Reply(&'static str, &'static str, Vec<u8>);

/// What came, in the order of its coming.
#[derive(Default)]
struct Seen {
    replies: VecDeque<Reply>,
    /// Request line and headers, in lower case.
    heads: Vec<String>,
    /// Spans of each request that was taken.
    spans: Vec<usize>,
}

/// A server of one connection at a time that answers with its replies, then with successes. It ends
/// with the process.
#[derive(Clone, Default)]
struct Server(Arc<Mutex<Seen>>);

impl Server {
    fn start(replies: impl IntoIterator<Item = Reply>) -> (Self, ExportOptions) {
        let server = Self(Arc::new(Mutex::new(Seen {
            replies: replies.into_iter().collect(),
            ..Seen::default()
        })));
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let endpoint = format!(
            "http://{}/v1/traces",
            listener.local_addr().expect("an address")
        );
        let of_thread = server.clone();
        std::thread::spawn(move || {
            listener
                .incoming()
                .flatten()
                .for_each(|stream| drop(of_thread.serve(&stream)))
        });
        (
            server,
            ExportOptions {
                protocol: ExportProtocol::HttpProtobuf,
                ..ExportOptions::grpc(endpoint, "test")
            },
        )
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, stream: &TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream);
        loop {
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                if reader.read_line(&mut head)? == 0 {
                    return Ok(());
                }
            }
            let head = head.to_lowercase();
            let header = |name: &str| {
                head.lines()
                    .find_map(|line| line.strip_prefix(name))
                    .map(str::trim)
            };
            let mut body = vec![
                0;
                header("content-length:")
                    .and_then(|text| text.parse().ok())
                    .unwrap_or(0)
            ];
            reader.read_exact(&mut body)?;
            let is_gzip = header("content-encoding:") == Some("gzip");
            let Reply(status, headers, reply) = {
                let mut seen = self.seen();
                let reply = seen.replies.pop_front().unwrap_or(Reply(
                    "200 OK",
                    "content-type: application/x-protobuf",
                    Vec::new(),
                ));
                if !is_gzip && reply.0.starts_with('2') {
                    let request =
                        ExportTraceServiceRequest::decode(body.as_slice()).expect("protobuf");
                    seen.spans.push(
                        request
                            .resource_spans
                            .iter()
                            .flat_map(|group| &group.scope_spans)
                            .map(|scope| scope.spans.len())
                            .sum(),
                    );
                }
                seen.heads.push(head);
                reply
            };
            let mut stream = stream;
            write!(
                stream,
                "HTTP/1.1 {status}\r\n{headers}\r\ncontent-length: {}\r\n\r\n",
                reply.len()
            )?;
            stream.write_all(&reply)?;
        }
    }
}

/// Exports `count` spans and ends the exporter at once.
fn export(options: &ExportOptions, count: u64) -> ExportCounters {
    let exporter = Exporter::start_within(options, QUICK).expect("starts");
    let template = SpanTemplate::call("a/B", &[("text", "short".into())]);
    let mut queue = exporter.queue();
    let span = |span_id| ClientSpan {
        trace_id: 1,
        span_id,
        parent_id: None,
        start_ns: 1,
        end_ns: 2,
        template: Arc::clone(&template),
        seq: None,
        failure: None,
    };
    (0..count).for_each(|id| queue.push(span(id)));
    drop(queue);
    exporter.finish()
}

fn plain(status: &'static str, body: &str) -> Reply {
    Reply(status, "content-type: text/plain", body.as_bytes().to_vec())
}

#[test]
fn batches_are_posted_with_their_headers() {
    let (server, mut options) = Server::start([]);
    // A `%` in a value is no escape: it was one in the variable that the value came from.
    options.headers = vec![("authorization".to_owned(), "Bearer 100%25".to_owned())];
    assert_eq!(
        export(&options, 1_000),
        ExportCounters {
            exported: 1_000,
            ..ExportCounters::default()
        }
    );
    let seen = server.seen();
    assert_eq!(seen.spans, [512, 488]);
    for head in &seen.heads {
        for line in [
            "post /v1/traces http/1.1\r\n",
            "content-type: application/x-protobuf\r\n",
            "authorization: bearer 100%25\r\n",
        ] {
            assert!(head.contains(line), "{head}");
        }
    }
}

#[test]
fn gzip_is_sent_where_it_is_asked_for() {
    let (server, mut options) = Server::start([]);
    options.gzip = true;
    assert_eq!(export(&options, 10).exported, 10);
    assert!(server.seen().heads[0].contains("content-encoding: gzip\r\n"));
}

#[test]
fn spans_that_are_rejected_in_a_success_are_lost() {
    let error_message = "span too old".to_owned();
    let partial_success = Some(ExportTracePartialSuccess {
        rejected_spans: 4,
        error_message,
    });
    let body = ExportTraceServiceResponse { partial_success }.encode_to_vec();
    let (_, options) = Server::start([Reply(
        "200 OK",
        "content-type: application/x-protobuf",
        body,
    )]);
    let counters = export(&options, 10);
    assert_eq!((counters.exported, counters.dropped), (6, 4));
    assert_eq!(
        counters.error.as_deref(),
        Some("the endpoint rejected 4 of 10 spans: span too old")
    );
}

#[test]
fn a_busy_endpoint_is_tried_again() {
    let busy = Reply("429 Too Many Requests", "retry-after: 0", Vec::new());
    let (server, options) = Server::start([
        busy,
        plain("503 Service Unavailable", ""),
        plain("502 Bad Gateway", ""),
    ]);
    assert_eq!(
        export(&options, 10),
        ExportCounters {
            exported: 10,
            retries: 3,
            ..ExportCounters::default()
        }
    );
    assert_eq!(server.seen().heads.len(), 4);
}

/// All of ten spans are lost, by this many requests, and that is said so.
#[track_caller]
fn check_lost(replies: Vec<Reply>, requests: usize, status: u16, error: &str) {
    let (server, mut options) = Server::start(replies);
    options.headers = vec![("x-key".to_owned(), "s3cret-7c".to_owned())];
    let counters = export(&options, 10);
    let expected = ExportCounters {
        dropped: 10,
        retries: requests as u64 - 1,
        error: Some(error.to_owned()),
        http_status: Some(status),
        ..ExportCounters::default()
    };
    assert_eq!(counters, expected);
    assert_eq!(server.seen().heads.len(), requests);
}

#[test]
fn a_refusal_is_told_in_the_servers_words() {
    check_lost(
        vec![plain("401 Unauthorized", "bad key s3cret-7c\n")],
        1,
        401,
        "HTTP status 401: bad key ***",
    );
    check_lost(
        vec![plain("404 Not Found", "404 page not found")],
        1,
        404,
        "HTTP status 404: 404 page not found",
    );
    check_lost(
        vec![plain("413 Payload Too Large", "")],
        1,
        413,
        "HTTP status 413",
    );
    let json = Reply(
        "400 Bad Request",
        "content-type: application/json",
        br#"{"code":3,"message":"no tenant"}"#.to_vec(),
    );
    check_lost(vec![json], 1, 400, "HTTP status 400: no tenant");
    let busy = || plain("503 Service Unavailable", "overloaded");
    check_lost(
        vec![busy(), busy(), busy(), busy()],
        4,
        503,
        "HTTP status 503: overloaded",
    );
}

/// A UI answers every path with its page, and a redirect would carry headers to another place.
#[test]
fn a_page_and_a_redirect_are_no_success() {
    let page = || {
        Reply(
            "200 OK",
            "content-type: text/html; charset=utf-8",
            b"<!doctype html>".to_vec(),
        )
    };
    check_lost(vec![page()], 1, 200, "HTTP status 200: a web page");
    check_lost(
        vec![Reply(
            "307 Temporary Redirect",
            "location: /elsewhere",
            Vec::new(),
        )],
        1,
        307,
        "HTTP status 307",
    );
}

#[test]
fn an_endpoint_that_is_gone_is_told_with_its_cause() {
    let port = TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .expect("a free port")
        .port();
    let (_, mut options) = Server::start([]);
    options.endpoint = format!("http://127.0.0.1:{port}/v1/traces");
    let counters = export(&options, 10);
    assert_eq!(
        (counters.exported, counters.dropped, counters.http_status),
        (0, 10, None)
    );
    let error = counters.error.unwrap_or_default();
    assert!(
        error.starts_with("no answer over HTTP: ")
            && error.contains("refused")
            && !error.contains("v1"),
        "{error}"
    );
}
