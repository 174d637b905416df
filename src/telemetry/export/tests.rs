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

use super::{batch, endpoint::tests::details, *};
use crate::telemetry::span::{OutcomeStatus, SpanTemplate};

/// Short waits, and a batch that only a full one or the end sends: so no test depends on the machine's speed.
const QUICK: Limits = Limits {
    queue: 10_000,
    linger: Duration::from_secs(3600),
    patience: Duration::from_millis(300),
    pause: Duration::from_millis(1),
    finish: Duration::from_secs(60),
};

/// What the endpoint does with a batch.
enum Answer {
    Refuse(Status),
    Reject(i64),
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
    async fn export(&self, request: Request<ExportTraceServiceRequest>) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let request = request.into_inner();
        let (answer, hangs) = {
            let mut seen = self.seen();
            seen.calls += 1;
            (seen.answers.pop_front(), seen.hangs)
        };
        let rejected_spans = match answer {
            Some(Answer::Refuse(status)) => return Err(status),
            Some(Answer::Hang) => std::future::pending().await,
            None if hangs => std::future::pending().await,
            Some(Answer::Reject(count)) => count,
            None => 0,
        };
        let mut seen = self.seen();
        seen.bytes.push(request.encoded_len());
        let spans = request.resource_spans.iter().flat_map(|group| &group.scope_spans).flat_map(|scope| &scope.spans);
        seen.taken.extend(spans.map(|span| u64::from_be_bytes(span.span_id.as_slice().try_into().expect("8 bytes"))));
        let error_message = String::new();
        let partial_success = (rejected_spans > 0).then_some(ExportTracePartialSuccess { rejected_spans, error_message });
        Ok(Response::new(ExportTraceServiceResponse { partial_success }))
    }
}

/// The collector on a thread of its own.
struct Running {
    collector: Collector,
    options: ExportOptions,
    _runtime: tokio::runtime::Runtime,
}

fn options(port: u16) -> ExportOptions {
    ExportOptions { endpoint: format!("http://127.0.0.1:{port}"), service_name: "test".to_owned(), resource: Vec::new() }
}

fn collector(answers: impl IntoIterator<Item = Answer>) -> Running {
    let collector = Collector(Arc::new(Mutex::new(Seen { answers: answers.into_iter().collect(), ..Seen::default() })));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let listener = runtime.block_on(tokio::net::TcpListener::bind(("127.0.0.1", 0))).expect("a free port");
    let options = options(listener.local_addr().expect("an address").port());
    let service = TraceServiceServer::new(collector.clone());
    runtime.spawn(Server::builder().add_service(service).serve_with_incoming(TcpIncoming::from(listener)));
    Running { collector, options, _runtime: runtime }
}

fn template(text: &str) -> Arc<SpanTemplate> {
    SpanTemplate::call("a/B", &[("text", text.into())])
}

fn span(span_id: u64, template: &Arc<SpanTemplate>) -> ClientSpan {
    let template = Arc::clone(template);
    ClientSpan { trace_id: 1, span_id, parent_id: None, start_ns: 1, end_ns: 2, status: OutcomeStatus::Ok, template, numbers: [None; 2] }
}

/// Exports `count` spans and ends the exporter at once.
fn export(running: &Running, count: u64, template: &Arc<SpanTemplate>) -> ExportCounters {
    let exporter = Exporter::start_within(&running.options, QUICK).expect("starts");
    let mut queue = exporter.queue();
    (0..count).for_each(|id| queue.push(span(id, template)));
    drop(queue);
    exporter.finish()
}

/// `count` spans to an endpoint that answers so: all of them arrive, each once, after `retries` further tries.
fn check_all_arrive(answers: Vec<Answer>, count: u64, retries: u64) {
    let running = collector(answers);
    let counters = export(&running, count, &template("short"));
    assert_eq!(counters, ExportCounters { exported: count, dropped: 0, retries, error: None });
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
    let refuse = |code| Answer::Refuse(Status::new(code, "later"));
    check_all_arrive(vec![refuse(Code::Unavailable), refuse(Code::Unavailable)], 2_000, 2);
    check_all_arrive(vec![refuse(Code::ResourceExhausted), refuse(Code::ResourceExhausted)], 2_000, 2);
    let delayed = Answer::Refuse(Status::with_details(Code::ResourceExhausted, "", details(0, 2_000_000).into()));
    check_all_arrive(vec![delayed], 10, 1);
}

/// All `count` spans are lost, with this error after that many calls.
fn check_all_lost(answers: Vec<Answer>, count: u64, calls: usize, error: &str) {
    let running = collector(answers);
    let counters = export(&running, count, &template("short"));
    assert_eq!((counters.exported, counters.dropped, counters.error.as_deref()), (0, count, Some(error)));
    assert_eq!(running.collector.seen().calls, calls);
}

#[test]
fn what_another_try_would_not_help_is_not_tried_again() {
    let refuse = |code| Answer::Refuse(Status::new(code, "s3cret"));
    check_all_lost(vec![refuse(Code::InvalidArgument)], 10, 1, "gRPC code: InvalidArgument");
    check_all_lost(vec![refuse(Code::Unauthenticated)], 10, 1, "gRPC code: Unauthenticated");
    check_all_lost(vec![Answer::Hang], 10, 1, "the endpoint does not answer");
    let unavailable = (0..100).map(|_| refuse(Code::Unavailable)).collect();
    check_all_lost(unavailable, 10, 1 + RETRIES as usize, "gRPC code: Unavailable");
}

#[test]
fn spans_that_the_endpoint_rejects_are_lost() {
    let running = collector([Answer::Reject(3)]);
    let counters = export(&running, 10, &template("short"));
    assert_eq!((counters.exported, counters.dropped), (7, 3));
    assert_eq!(counters.error.as_deref(), Some("the endpoint rejected 3 of 10 spans"));
}

#[test]
fn long_attributes_make_more_batches() {
    let running = collector([]);
    let counters = export(&running, 500, &template(&"x".repeat(20_000)));
    assert_eq!((counters.exported, counters.dropped), (500, 0));
    let seen = running.collector.seen();
    assert!(seen.bytes.len() == 4 && seen.bytes.iter().all(|bytes| *bytes <= batch::MAX_BYTES), "{:?}", seen.bytes);
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
    assert!(counters.error.is_some_and(|error| error.ends_with("bytes fits no batch")));
}

/// The writer is never held up, and the end of a run by no more than one attempt.
#[test]
fn an_endpoint_that_hangs_costs_spans_and_no_time() {
    let running = collector([]);
    running.collector.seen().hangs = true;
    let exporter = Exporter::start_within(&running.options, Limits { patience: Duration::from_secs(2), ..QUICK }).expect("starts");
    let mut queue = exporter.queue();
    let count = 3 * QUICK.queue as u64;
    // It would not end if it waited for anything.
    (0..count).for_each(|id| queue.push(span(id, &template("short"))));
    drop(queue);
    assert!(queue_lost(&exporter) > count / 2, "more than the queue holds is lost at once");
    let before = running.collector.seen().calls;
    let counters = exporter.finish();
    assert_eq!((counters.exported, counters.dropped), (0, count));
    assert!(running.collector.seen().calls <= before + 1);
}

fn queue_lost(exporter: &Exporter) -> u64 {
    exporter.queue.counts.dropped.load(Ordering::Relaxed)
}

#[test]
fn an_endpoint_that_is_gone_is_not_tried_again_at_the_end() {
    let port = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr()).expect("a free port").port();
    let exporter = Exporter::start_within(&options(port), QUICK).expect("starts");
    let mut queue = exporter.queue();
    (0..100).for_each(|id| queue.push(span(id, &template("short"))));
    drop(queue);
    let counters = exporter.finish();
    assert_eq!((counters.exported, counters.dropped, counters.retries), (0, 100, 0));
    assert!(counters.error.is_some_and(|error| error.starts_with("gRPC code: Unavailable: ")));
}

fn check_pause(kind: FailureKind, tries: u32, closing: bool, expected_ms: Option<u64>) {
    assert_eq!(pause(kind, LIMITS.pause, tries, closing), expected_ms.map(Duration::from_millis), "{kind:?} {tries} {closing}");
}

#[test]
fn pauses_double_and_respect_the_server() {
    let asked = |ms| FailureKind::Busy(Some(Duration::from_millis(ms)));
    for closing in [false, true] {
        check_pause(FailureKind::Busy(None), 0, closing, Some(100));
        check_pause(FailureKind::Busy(None), 3, closing, Some(800));
        check_pause(FailureKind::Busy(None), RETRIES, closing, None);
        check_pause(asked(2_000), 0, closing, Some(2_000));
        check_pause(asked(10), 1, closing, Some(200));
        check_pause(asked(u64::MAX), 0, closing, Some(5_000));
        check_pause(FailureKind::Final, 0, closing, None);
    }
    check_pause(FailureKind::Gone, 0, false, Some(100));
    check_pause(FailureKind::Gone, 0, true, None);
}
