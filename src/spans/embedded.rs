//! Source `embedded`: milvus-bench is the OTLP/gRPC receiver that Milvus exports to. No trace back end is needed, nothing is
//! kept but the run's own traces, and times are in nanoseconds. It has to listen before the load begins.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::codec::CompressionEncoding;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

use super::jaeger_tags::trace_of;
use super::{LossCounters, ServerSpan, SourceInfo, SourceOptions, SpanError, SpanSource, Trace, otlp};

/// Milvus sends 512 spans in a message, collectors up to 8,192.
const MAX_MESSAGE: usize = 64 << 20;

/// A running receiver. It stops, and its port is free again, when it and all of its sources are dropped.
#[derive(Clone)]
pub struct EmbeddedReceiver {
    shared: Arc<Running>,
}

struct Running {
    store: Arc<Mutex<Store>>,
    address: SocketAddr,
    server: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// What was received.
#[derive(Debug, Default)]
struct Store {
    nonce: u64,
    limit: usize,
    spans: usize,
    traces: HashMap<u128, Vec<ServerSpan>>,
    loss: LossCounters,
}

impl Store {
    /// Keeps `span` if it belongs to the run. Says whether it was dropped for want of room.
    fn add(&mut self, span: ServerSpan) -> bool {
        // Other clients of the same Milvus, and Milvus' own background work: neither kept nor lost.
        if (span.trace_id >> 64) as u64 != self.nonce {
            return false;
        }
        self.loss.received += 1;
        if self.spans >= self.limit {
            self.loss.dropped += 1;
            return true;
        }
        self.spans += 1;
        self.traces.entry(span.trace_id).or_default().push(span);
        false
    }
}

/// Nothing panics while it is held; if something did, the spans would still be whole.
fn locked(store: &Mutex<Store>) -> MutexGuard<'_, Store> {
    store.lock().unwrap_or_else(PoisonError::into_inner)
}

impl EmbeddedReceiver {
    /// Listens on `listen` (host:port, port 0 for any) and keeps up to `limit` spans of traces whose upper half is `nonce`.
    /// Must be called within a Tokio runtime, which has to go on running.
    ///
    /// # Errors
    /// The address can't be listened on.
    pub async fn start(listen: &str, nonce: u64, limit: usize) -> Result<Self, SpanError> {
        let failed = |error: std::io::Error| {
            SpanError::new(format!(
                "the embedded OTLP receiver can't listen on {listen} ({error}): stop what uses that port (a Jaeger or a collector?) or set tracing.spans listen to \
                 another HOST:PORT, and Milvus' trace.otlp.endpoint to the same"
            ))
        };
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let store = Arc::new(Mutex::new(Store { nonce, limit, ..Store::default() }));
        let service = TraceServiceServer::new(Receiver { store: store.clone() })
            .max_decoding_message_size(MAX_MESSAGE)
            .accept_compressed(CompressionEncoding::Gzip);
        let serve = Server::builder().add_service(service).serve_with_incoming(TcpListenerStream::new(listener));
        let server = tokio::spawn(async move {
            // It ends only when it is aborted: errors of single connections stay within them.
            let _ = serve.await;
        });
        Ok(Self { shared: Arc::new(Running { store, address, server }) })
    }

    /// Address that it listens on.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.shared.address
    }

    /// The spans received so far, and those to come. Keeps the receiver running.
    #[must_use]
    pub fn source(&self) -> Box<dyn SpanSource> {
        let server = format!("OTLP receiver of milvus-bench at {}", self.addr());
        let info = SourceInfo { name: "embedded", server, remark: String::new(), resolution_ns: 1, ui: None };
        Box::new(Embedded { receiver: self.clone(), info })
    }
}

/// Starts a receiver that lives as long as its source: to be opened before the load.
pub(super) async fn open(options: &SourceOptions) -> Result<Box<dyn SpanSource>, SpanError> {
    Ok(EmbeddedReceiver::start(&options.listen, options.nonce, options.max_spans).await?.source())
}

struct Embedded {
    receiver: EmbeddedReceiver,
    info: SourceInfo,
}

#[async_trait::async_trait]
impl SpanSource for Embedded {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    async fn trace(&self, trace_id: u128) -> Result<Trace, SpanError> {
        let spans = locked(&self.receiver.shared.store).traces.get(&trace_id).cloned().unwrap_or_default();
        // An exporter that repeats a batch sends its spans twice.
        Ok(trace_of(trace_id, spans))
    }

    async fn loss(&self) -> Option<LossCounters> {
        Some(locked(&self.receiver.shared.store).loss)
    }

    async fn services(&self) -> Result<Vec<String>, SpanError> {
        let store = locked(&self.receiver.shared.store);
        let services: std::collections::BTreeSet<&str> = store.traces.values().flatten().map(ServerSpan::service).collect();
        Ok(services.into_iter().map(str::to_owned).collect())
    }
}

/// The gRPC service.
struct Receiver {
    store: Arc<Mutex<Store>>,
}

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(&self, request: Request<ExportTraceServiceRequest>) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let mut spans = Vec::new();
        // Converted before the lock is taken, which readers wait for.
        otlp::convert(request.into_inner().resource_spans, &mut |span| spans.push(span));
        let mut store = locked(&self.store);
        let rejected = spans.into_iter().filter_map(|span| store.add(span).then_some(())).count();
        let error_message = "milvus-bench has no room for more spans".to_owned();
        let partial_success = (rejected > 0).then_some(ExportTracePartialSuccess { rejected_spans: rejected as i64, error_message });
        Ok(Response::new(ExportTraceServiceResponse { partial_success }))
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
    use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};

    use super::*;

    const NONCE: u64 = 0xabcd;

    fn id(lower: u64) -> u128 {
        (u128::from(NONCE) << 64) | u128::from(lower)
    }

    async fn send(receiver: &EmbeddedReceiver, spans: &[(u128, u64)]) -> ExportTraceServiceResponse {
        let span = |(trace_id, span_id): &(u128, u64)| Span {
            trace_id: trace_id.to_be_bytes().to_vec(),
            span_id: span_id.to_be_bytes().to_vec(),
            name: "x".to_owned(),
            ..Span::default()
        };
        let scope = ScopeSpans { spans: spans.iter().map(span).collect(), ..ScopeSpans::default() };
        let request =
            ExportTraceServiceRequest { resource_spans: vec![ResourceSpans { scope_spans: vec![scope], ..ResourceSpans::default() }] };
        let client = TraceServiceClient::connect(format!("http://{}", receiver.addr())).await.expect("connects");
        client.send_compressed(CompressionEncoding::Gzip).export(request).await.expect("exports").into_inner()
    }

    async fn receiver(limit: usize) -> EmbeddedReceiver {
        EmbeddedReceiver::start("127.0.0.1:0", NONCE, limit).await.expect("a free port")
    }

    #[tokio::test]
    async fn keeps_the_runs_own_traces_and_no_span_twice() {
        let receiver = receiver(100).await;
        let source = receiver.source();
        send(&receiver, &[(id(1), 1), (id(2), 1), (7, 1)]).await;
        send(&receiver, &[(id(1), 1), (id(1), 2)]).await;
        let ids = |trace: Trace| trace.spans.iter().map(|span| span.span_id).collect::<Vec<_>>();
        assert_eq!(ids(source.trace(id(1)).await.expect("a trace")), [1, 2]);
        assert_eq!(ids(source.trace(7).await.expect("a trace")), [0; 0]);
        assert_eq!(source.loss().await, Some(LossCounters { received: 4, dropped: 0 }));
    }

    #[tokio::test]
    async fn what_is_beyond_the_limit_is_dropped_counted_and_said() {
        let receiver = receiver(2).await;
        let reply = send(&receiver, &[(id(1), 1), (id(1), 2), (id(1), 3), (9, 9)]).await;
        assert_eq!(reply.partial_success.map(|partial| partial.rejected_spans), Some(1));
        let source = receiver.source();
        assert_eq!(source.trace(id(1)).await.expect("a trace").spans.len(), 2);
        assert_eq!(source.loss().await, Some(LossCounters { received: 3, dropped: 1 }));
    }

    #[tokio::test]
    async fn it_lives_as_long_as_its_source_and_frees_its_port_then() {
        let options = SourceOptions { listen: "127.0.0.1:0".to_owned(), nonce: NONCE, ..SourceOptions::default() };
        let receiver = receiver(10).await;
        let listen = receiver.addr().to_string();
        let source = receiver.source();
        drop(receiver);
        let taken = EmbeddedReceiver::start(&listen, NONCE, 1).await.err().expect("the port is taken").text;
        assert!(taken.contains(&listen) && taken.contains("tracing.spans listen"), "{taken}");
        drop(source);
        // The aborted task lets go of its socket when the runtime comes to it.
        while EmbeddedReceiver::start(&listen, NONCE, 1).await.is_err() {
            tokio::task::yield_now().await;
        }
        assert_eq!(open(&options).await.expect("opens").info().name, "embedded");
    }
}
