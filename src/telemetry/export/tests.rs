use std::{
    collections::VecDeque,
    net::TcpListener,
    sync::{Mutex, MutexGuard, PoisonError},
};

use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
    trace_service_server::{TraceService, TraceServiceServer},
};
use prost::Message as _;
use tonic::{
    Code, Request, Response, Status,
    transport::{Server, server::TcpIncoming},
};

use super::*;
use crate::{telemetry::client_span::SpanTemplate, tls::TlsFile};

/// A batch that only a full one or the end sends, and a wait that no answer of this machine takes.
const QUICK: Limits = Limits {
    queue: 10_000,
    linger: Duration::from_secs(3600),
    patience: Duration::from_secs(120),
    finish: Duration::from_secs(240),
};

/// For an endpoint that does not answer.
const IMPATIENT: Limits = Limits {
    patience: Duration::from_millis(500),
    ..QUICK
};

/// Tries of a batch: the first, and those of the exporter's recommended policy.
const TRIES: usize = 4;

/// What the endpoint does with a batch.
enum Answer {
    Refuse(Status),
    Reject(i64, &'static str),
    Hang,
}

#[derive(Default)]
struct Seen {
    /// What comes next; all others are taken.
    answers: VecDeque<Answer>,
    /// Whether each batch after those gets no answer at all.
    hangs: bool,
    calls: usize,
    /// Ids of the spans that were taken, and the bytes of each batch of them.
    taken: Vec<u64>,
    bytes: Vec<usize>,
}

/// A real OTLP/gRPC endpoint in this process.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Seen>>);

impl Collector {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let request = request.into_inner();
        let (answer, hangs) = {
            let mut seen = self.seen();
            seen.calls += 1;
            (seen.answers.pop_front(), seen.hangs)
        };
        let (rejected_spans, words) = match answer {
            Some(Answer::Refuse(status)) => return Err(status),
            Some(Answer::Hang) => std::future::pending().await,
            None if hangs => std::future::pending().await,
            Some(Answer::Reject(count, words)) => (count, words),
            None => (0, ""),
        };
        let mut seen = self.seen();
        seen.bytes.push(request.encoded_len());
        let spans = request
            .resource_spans
            .iter()
            .flat_map(|group| &group.scope_spans)
            .flat_map(|scope| &scope.spans);
        seen.taken.extend(
            spans.map(|span| {
                u64::from_be_bytes(span.span_id.as_slice().try_into().expect("8 bytes"))
            }),
        );
        let error_message = words.to_owned();
        let partial_success = (rejected_spans != 0).then_some(ExportTracePartialSuccess {
            rejected_spans,
            error_message,
        });
        Ok(Response::new(ExportTraceServiceResponse {
            partial_success,
        }))
    }
}

/// The collector on a thread of its own.
struct Running {
    collector: Collector,
    options: ExportOptions,
    _runtime: tokio::runtime::Runtime,
}

fn options(port: u16) -> ExportOptions {
    ExportOptions::grpc(format!("http://127.0.0.1:{port}"), "test")
}

fn collector(answers: impl IntoIterator<Item = Answer>) -> Running {
    let collector = Collector(Arc::new(Mutex::new(Seen {
        answers: answers.into_iter().collect(),
        ..Seen::default()
    })));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let listener = runtime
        .block_on(tokio::net::TcpListener::bind(("127.0.0.1", 0)))
        .expect("a free port");
    let options = options(listener.local_addr().expect("an address").port());
    let service = TraceServiceServer::new(collector.clone());
    runtime.spawn(
        Server::builder()
            .add_service(service)
            .serve_with_incoming(TcpIncoming::from(listener)),
    );
    Running {
        collector,
        options,
        _runtime: runtime,
    }
}

fn template(text: &str) -> Arc<SpanTemplate> {
    SpanTemplate::call("a/B", &[("text", text.into())])
}

fn span(span_id: u64, template: &Arc<SpanTemplate>) -> ClientSpan {
    let template = Arc::clone(template);
    ClientSpan {
        trace_id: 1,
        span_id,
        parent_id: None,
        start_ns: 1,
        end_ns: 2,
        template,
        seq: None,
        failure: None,
    }
}

/// Exports `count` spans and ends the exporter at once.
fn export_within(
    options: &ExportOptions,
    limits: Limits,
    count: u64,
    template: &Arc<SpanTemplate>,
) -> ExportCounters {
    let exporter = Exporter::start_within(options, limits).expect("starts");
    let mut queue = exporter.queue();
    (0..count).for_each(|id| queue.push(span(id, template)));
    drop(queue);
    exporter.finish()
}

fn export(running: &Running, count: u64, template: &Arc<SpanTemplate>) -> ExportCounters {
    export_within(&running.options, QUICK, count, template)
}

fn refuse(code: Code, words: &str) -> Answer {
    Answer::Refuse(Status::new(code, words))
}

/// `google.rpc.Status` with `RetryInfo` of this many milliseconds, as a server sends it: field 3 of
/// the first holds an `Any` (type 1, value 2), field 1 of the second a duration (nanoseconds 2).
fn retry_info(milliseconds: u64) -> Vec<u8> {
    let field = |number: u8, bytes: &[u8]| [&[number << 3 | 2, bytes.len() as u8], bytes].concat();
    let mut duration = vec![2 << 3];
    prost::encoding::encode_varint(milliseconds * 1_000_000, &mut duration);
    let any = [
        field(1, b"type.googleapis.com/google.rpc.RetryInfo"),
        field(2, &field(1, &duration)),
    ]
    .concat();
    field(3, &any)
}

/// `count` spans to an endpoint that answers so: all of them arrive, each once, after `retries`
/// further tries.
fn check_all_arrive(answers: Vec<Answer>, count: u64, retries: u64) {
    let running = collector(answers);
    let counters = export(&running, count, &template("short"));
    assert_eq!(
        counters,
        ExportCounters {
            exported: count,
            retries,
            ..ExportCounters::default()
        }
    );
    let mut taken = running.collector.seen().taken.clone();
    taken.sort_unstable();
    assert_eq!(taken, (0..count).collect::<Vec<_>>());
}

#[test]
fn every_span_arrives_once() {
    check_all_arrive(vec![], 1, 0);
    check_all_arrive(vec![], 512, 0);
    check_all_arrive(vec![], 2_000, 0);
}

#[test]
fn a_busy_endpoint_is_tried_again() {
    check_all_arrive(
        vec![
            refuse(Code::Unavailable, "later"),
            refuse(Code::Unavailable, "later"),
        ],
        2_000,
        2,
    );
    let delayed = || {
        Answer::Refuse(Status::with_details(
            Code::ResourceExhausted,
            "",
            retry_info(2).into(),
        ))
    };
    check_all_arrive(vec![delayed(), delayed()], 10, 2);
}

/// All `count` spans are lost, with this error after that many calls.
fn check_all_lost(answers: Vec<Answer>, count: u64, calls: usize, error: &str) {
    let running = collector(answers);
    let counters = export(&running, count, &template("short"));
    let retries = calls as u64 - 1;
    assert_eq!(
        counters,
        ExportCounters {
            dropped: count,
            retries,
            error: Some(error.to_owned()),
            ..ExportCounters::default()
        }
    );
    assert_eq!(running.collector.seen().calls, calls);
}

#[test]
fn what_another_try_would_not_help_is_not_tried_again_and_told_in_the_servers_words() {
    check_all_lost(
        vec![refuse(Code::InvalidArgument, "")],
        10,
        1,
        "gRPC code: InvalidArgument",
    );
    check_all_lost(
        vec![refuse(Code::Unauthenticated, "no\nsuch tenant")],
        10,
        1,
        "gRPC code: Unauthenticated: no such tenant",
    );
    let large = "grpc: received message after decompression larger than max (4194305 vs. 4194304)";
    check_all_lost(
        vec![refuse(Code::ResourceExhausted, large)],
        10,
        1,
        &format!("gRPC code: ResourceExhausted: {large}"),
    );
}

#[test]
fn an_endpoint_that_stays_busy_loses_the_batch_and_not_the_next() {
    let busy = || refuse(Code::Unavailable, "no healthy upstream");
    check_all_lost(
        (0..100).map(|_| busy()).collect(),
        10,
        TRIES,
        "gRPC code: Unavailable: no healthy upstream",
    );
    let running = collector((0..TRIES).map(|_| busy()));
    let exporter = Exporter::start_within(
        &running.options,
        Limits {
            linger: Duration::ZERO,
            ..QUICK
        },
    )
    .expect("starts");
    let mut queue = exporter.queue();
    (0..512).for_each(|id| queue.push(span(id, &template("short"))));
    // The first batch has to be over before the end is told, which would give up the rest.
    while running.collector.seen().calls < TRIES {
        std::thread::yield_now();
    }
    (0..512).for_each(|id| queue.push(span(id, &template("short"))));
    while running.collector.seen().taken.len() < 512 {
        std::thread::yield_now();
    }
    drop(queue);
    let counters = exporter.finish();
    assert_eq!(
        (counters.exported, counters.dropped, counters.retries),
        (512, 512, TRIES as u64 - 1)
    );
}

#[test]
fn words_of_a_server_that_repeats_a_secret_are_masked() {
    let echo = "bad token Bearer s3cret-7c, or s3cret-7c alone";
    let mut running = collector([
        refuse(Code::PermissionDenied, echo),
        Answer::Reject(1, "s3cret-7c is too old"),
    ]);
    running.options.headers = vec![("authorization".to_owned(), "Bearer s3cret-7c".to_owned())];
    let error = |counters: ExportCounters| counters.error.expect("spans were lost");
    let first = error(export(&running, 10, &template("short")));
    assert_eq!(
        first,
        "gRPC code: PermissionDenied: bad token ***, or *** alone"
    );
    assert_eq!(
        error(export(&running, 10, &template("short"))),
        "the endpoint rejected 1 of 10 spans: *** is too old"
    );
    assert!(
        !format!("{:?}", running.options).contains("s3cret"),
        "{:?}",
        running.options
    );
}

#[test]
fn spans_that_the_endpoint_rejects_are_lost() {
    let running = collector([Answer::Reject(3, "span too old")]);
    let counters = export(&running, 10, &template("short"));
    assert_eq!((counters.exported, counters.dropped), (7, 3));
    assert_eq!(
        counters.error.as_deref(),
        Some("the endpoint rejected 3 of 10 spans: span too old")
    );
    // Each batch is counted for itself, whatever number a server gives.
    let running = collector([
        Answer::Reject(1, ""),
        Answer::Reject(-5, ""),
        Answer::Reject(9_999, "all"),
    ]);
    let counters = export(&running, 3 * 512, &template("short"));
    assert_eq!(
        (counters.exported, counters.dropped),
        (512 - 1 + 512, 1 + 512)
    );
}

#[test]
fn long_attributes_make_more_batches() {
    let running = collector([]);
    let counters = export(&running, 500, &template(&"x".repeat(20_000)));
    assert_eq!((counters.exported, counters.dropped), (500, 0));
    let seen = running.collector.seen();
    assert!(
        seen.bytes.len() == 4 && seen.bytes.iter().all(|bytes| *bytes <= batch::MAX_BYTES),
        "{:?}",
        seen.bytes
    );
    let mut taken = seen.taken.clone();
    taken.sort_unstable();
    assert_eq!(taken, (0..500).collect::<Vec<_>>());
}

#[test]
fn a_span_that_fits_no_batch_costs_only_itself() {
    let running = collector([]);
    let exporter = Exporter::start_within(&running.options, QUICK).expect("starts");
    let mut queue = exporter.queue();
    queue.push(span(1, &template("short")));
    queue.push(span(2, &template(&"x".repeat(batch::MAX_BYTES))));
    queue.push(span(3, &template("short")));
    drop(queue);
    let counters = exporter.finish();
    assert_eq!((counters.exported, counters.dropped), (2, 1));
    assert!(
        counters
            .error
            .is_some_and(|error| error.ends_with("bytes fits no batch"))
    );
}

#[test]
fn an_answer_that_does_not_come_is_not_waited_for() {
    let running = collector([Answer::Hang]);
    let counters = export_within(&running.options, IMPATIENT, 10, &template("short"));
    assert_eq!(
        (counters.exported, counters.dropped, counters.retries),
        (0, 10, 0)
    );
    assert_eq!(
        counters.error.as_deref(),
        Some("the endpoint does not answer within 500ms")
    );
}

/// The end of a run is not put off by a batch that was sent before it, however long that one may
/// take.
#[test]
fn the_end_cuts_what_is_under_way() {
    let running = collector([Answer::Hang]);
    let limits = Limits {
        patience: Duration::from_secs(3600),
        linger: Duration::ZERO,
        finish: Duration::from_millis(300),
        ..QUICK
    };
    let exporter = Exporter::start_within(&running.options, limits).expect("starts");
    let mut queue = exporter.queue();
    queue.push(span(1, &template("short")));
    drop(queue);
    while running.collector.seen().calls == 0 {
        std::thread::yield_now();
    }
    let counters = exporter.finish();
    assert_eq!(
        (counters.dropped, counters.error.as_deref()),
        (1, Some("the endpoint does not answer"))
    );
}

/// The writer is never held up, and the end of a run by no more than one batch.
#[test]
fn an_endpoint_that_hangs_costs_spans_and_no_time() {
    let running = collector([]);
    running.collector.seen().hangs = true;
    let exporter = Exporter::start_within(
        &running.options,
        Limits {
            patience: Duration::from_secs(2),
            ..QUICK
        },
    )
    .expect("starts");
    let mut queue = exporter.queue();
    let count = 3 * QUICK.queue as u64;
    // It would not end if it waited for anything.
    (0..count).for_each(|id| queue.push(span(id, &template("short"))));
    drop(queue);
    assert!(
        queue_lost(&exporter) > count / 2,
        "more than the queue holds is lost at once"
    );
    let before = running.collector.seen().calls;
    let counters = exporter.finish();
    assert_eq!((counters.exported, counters.dropped), (0, count));
    assert!(running.collector.seen().calls <= before + 1);
}

fn queue_lost(exporter: &Exporter) -> u64 {
    exporter.queue.counts.dropped.load(Ordering::Relaxed)
}

#[test]
fn an_endpoint_that_is_gone_costs_the_tries_of_one_batch_at_the_end() {
    let port = TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .expect("a free port")
        .port();
    let counters = export_within(&options(port), QUICK, 2_000, &template("short"));
    assert_eq!((counters.exported, counters.dropped), (0, 2_000));
    assert!(
        counters.retries < 2 * TRIES as u64,
        "{} further tries",
        counters.retries
    );
    let error = counters.error.unwrap_or_default();
    assert!(
        error.starts_with("gRPC code: Unavailable: ") && error.contains("refused"),
        "{error}"
    );
    assert_eq!(error.matches("tcp connect error").count(), 1, "{error}");
}

#[test]
fn a_plain_port_is_no_tls_and_that_is_said() {
    let running = collector([]);
    let mut options = running.options.clone();
    options.endpoint = options.endpoint.replace("http://", "https://");
    for protocol in [ExportProtocol::Grpc, ExportProtocol::HttpProtobuf] {
        options.protocol = protocol;
        let error = export_within(&options, QUICK, 1, &template("short"))
            .error
            .unwrap_or_default();
        assert!(
            error.contains("does not speak TLS") && error.contains("[tracing] export"),
            "{error}"
        );
    }
}

#[test]
fn what_is_no_endpoint_is_told_at_once() {
    let error = Exporter::start(&ExportOptions::grpc("http://a b", "s")).expect_err("no address");
    assert!(
        error.starts_with("the OTLP endpoint http://a b can't be used: "),
        "{error}"
    );
    let mut options = ExportOptions::grpc("https://127.0.0.1:1", "s");
    options.tls.ca = Some(TlsFile {
        path: "missing.pem".into(),
        named_by: "THE_VARIABLE".to_owned(),
    });
    for protocol in [ExportProtocol::Grpc, ExportProtocol::HttpProtobuf] {
        options.protocol = protocol;
        let error = Exporter::start(&options).expect_err("no file");
        assert!(
            error.contains(": THE_VARIABLE names missing.pem, which can't be read: "),
            "{error}"
        );
    }
}
