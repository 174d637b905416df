//! A trace back end in this process: takes spans by OTLP/gRPC, gives them back as Jaeger 1.x does
//! by JSON, with its counters.
//!
//! Each of its two doors has a port of its own. Everything runs on the runtime of the test and ends
//! with it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

/// What is kept, and what is said.
#[derive(Default)]
struct Store {
    traces: BTreeMap<String, Vec<(String, Span)>>,
    services: BTreeSet<String>,
    received: u64,
    /// Reads of a trace that find nothing yet.
    late_reads: u32,
    reads: BTreeMap<String, u32>,
    web_page: bool,
    counts: bool,
    /// Spans of others that arrive between two looks at the counters.
    others: u64,
    /// Of so many trace ids one is lost, with all of its spans; 0: none.
    lost: u64,
}

impl Store {
    fn read(&mut self, id: &str) -> Option<&[(String, Span)]> {
        let reads = self.reads.entry(id.to_owned()).or_default();
        *reads += 1;
        self.traces
            .get(id)
            .filter(|_| *reads > self.late_reads)
            .map(Vec::as_slice)
    }
}

/// A running back end.
#[derive(Clone)]
pub struct TraceBackend {
    store: Arc<Mutex<Store>>,
    otlp: SocketAddr,
    http: SocketAddr,
}

impl TraceBackend {
    /// An empty back end on two free ports of 127.0.0.1.
    pub async fn start() -> Self {
        let store = Arc::<Mutex<Store>>::default();
        let otlp = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("a free port");
        let http = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("a free port");
        let addresses = (
            otlp.local_addr().expect("an address"),
            http.local_addr().expect("an address"),
        );
        let service = TraceServiceServer::new(Collector(Arc::clone(&store)));
        tokio::spawn(
            Server::builder()
                .add_service(service)
                .serve_with_incoming(TcpIncoming::from(otlp)),
        );
        tokio::spawn(serve(http, Arc::clone(&store)));
        Self {
            store,
            otlp: addresses.0,
            http: addresses.1,
        }
    }

    /// OTLP/gRPC.
    pub fn otlp(&self) -> String {
        format!("http://{}", self.otlp)
    }

    /// Service and span of each span of a trace, in order of arrival; 32 hex digits.
    pub fn spans(&self, trace_id: &str) -> Vec<(String, Span)> {
        self.store()
            .traces
            .get(trace_id)
            .cloned()
            .unwrap_or_default()
    }

    /// Jaeger's JSON, and its counters below `/metrics` once they were asked for.
    pub fn http(&self) -> String {
        format!("http://{}", self.http)
    }

    /// Every page is the UI from now on, with status 200.
    pub fn only_a_web_page(&self) {
        self.store().web_page = true;
    }

    /// The first `reads` reads of every trace find nothing.
    pub fn is_late_by(&self, reads: u32) {
        self.store().late_reads = reads;
    }

    /// `/metrics` has Jaeger's counters from now on.
    pub fn counts_spans(&self) {
        self.store().counts = true;
    }

    /// Lists `service` although no span of it is there.
    pub fn knows_service(&self, service: &str) {
        self.store().services.insert(service.to_owned());
    }

    /// Holds one more span, of the trace `trace_id`.
    pub fn holds_span(&self, trace_id: u128, service: &str) {
        let span = Span {
            trace_id: trace_id.to_be_bytes().to_vec(),
            span_id: vec![9; 8],
            ..Span::default()
        };
        self.store()
            .traces
            .entry(hex(&span.trace_id))
            .or_default()
            .push((service.to_owned(), span));
    }

    /// From now on, so many spans of somebody else arrive before each look at the counters.
    pub fn goes_on_taking_spans_of_others(&self, count: u64) {
        self.store().others = count;
    }

    /// Counts spans that came from somebody else.
    pub fn takes_spans_of_others(&self, count: u64) {
        self.store().received += count;
    }

    /// One trace of so many is lost from now on, with all of its spans.
    pub fn loses_every_trace(&self, nth: u64) {
        self.store().lost = nth;
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        lock(&self.store)
    }
}

fn lock(store: &Mutex<Store>) -> MutexGuard<'_, Store> {
    store.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Collector(Arc<Mutex<Store>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let mut store = lock(&self.0);
        for group in request.into_inner().resource_spans {
            let attributes = group.resource.unwrap_or_default().attributes;
            let name = attributes
                .into_iter()
                .find(|pair| pair.key == "service.name")
                .and_then(|pair| pair.value?.value);
            let Some(Value::StringValue(service)) = name else {
                return Err(Status::invalid_argument("no service.name"));
            };
            for span in group.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                store.received += 1;
                store.services.insert(service.clone());
                let last = span.trace_id.last().copied().unwrap_or_default();
                if store.lost > 0 && u64::from(last).is_multiple_of(store.lost) {
                    continue;
                }
                store
                    .traces
                    .entry(hex(&span.trace_id))
                    .or_default()
                    .push((service.clone(), span));
            }
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn serve(listener: TcpListener, store: Arc<Mutex<Store>>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(answer(stream, Arc::clone(&store)));
    }
}

/// One request, then the connection is closed.
async fn answer(mut stream: TcpStream, store: Arc<Mutex<Store>>) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await?);
    }
    let request = String::from_utf8_lossy(&request).into_owned();
    let mut words = request.split_ascii_whitespace();
    let (status, kind, body) = match (words.next(), words.next()) {
        (Some("GET"), Some(path)) => page(&mut lock(&store), path),
        _ => (400, "text/plain", "400 Bad Request".to_owned()),
    };
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: \
         close\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).await?;
    stream.shutdown().await
}

fn page(store: &mut Store, path: &str) -> (u16, &'static str, String) {
    let path = path.split('?').next().unwrap_or_default();
    match path.strip_prefix("/api/traces/") {
        _ if store.web_page => (
            200,
            "text/html; charset=utf-8",
            "<!doctype html><title>Jaeger UI</title>".to_owned(),
        ),
        Some(id) => match store.read(id) {
            Some(spans) => (
                200,
                "application/json",
                json!({"data": [trace(id, spans)], "errors": null}).to_string(),
            ),
            None => (
                404,
                "text/plain",
                json!({"data": null, "errors": [{"code": 404, "msg": "trace not found"}]})
                    .to_string(),
            ),
        },
        None if path == "/api/v3/services" => (
            200,
            "application/json",
            json!({"services": store.services}).to_string(),
        ),
        None if path == "/metrics" && store.counts => {
            store.received += store.others;
            (
                200,
                "text/plain",
                format!(
                    "jaeger_spans_received_total {}\njaeger_spans_dropped_total 0\n",
                    store.received
                ),
            )
        }
        None => (404, "text/plain", "404 page not found".to_owned()),
    }
}

/// Every span has a process of its own: the readers have to bear it.
fn trace(id: &str, spans: &[(String, Span)]) -> Json {
    let processes: serde_json::Map<String, Json> = spans
        .iter()
        .enumerate()
        .map(|(number, (service, _))| {
            (
                format!("p{number}"),
                json!({"serviceName": service, "tags": []}),
            )
        })
        .collect();
    let spans: Vec<Json> = spans
        .iter()
        .enumerate()
        .map(|(number, (_, span))| span_json(id, number, span))
        .collect();
    json!({"traceID": id, "spans": spans, "processes": processes})
}

fn span_json(id: &str, number: usize, span: &Span) -> Json {
    let references = match span.parent_span_id.as_slice() {
        [] => json!([]),
        parent => json!([{"refType": "CHILD_OF", "traceID": id, "spanID": hex(parent)}]),
    };
    let kind = ["", "internal", "server", "client"]
        .get(span.kind as usize)
        .copied()
        .unwrap_or_default();
    json!({
        "traceID": id,
        "spanID": hex(&span.span_id),
        "operationName": span.name,
        "references": references,
        "startTime": span.start_time_unix_nano / 1_000,
        "duration": (span.end_time_unix_nano - span.start_time_unix_nano) / 1_000,
        "tags": [{"key": "span.kind", "type": "string", "value": kind}],
        "logs": [],
        "processID": format!("p{number}"),
    })
}
