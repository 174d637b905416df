//! Source `embedded`: milvus-bench is the OTLP receiver that Milvus exports to, by gRPC and, at a
//! port of its own, by HTTP. No trace back end is needed, nothing is kept but the run's own traces,
//! and times are in nanoseconds. It has to listen before the load begins.

mod connections;
mod door;
mod store;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::TraceService;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

use crate::spans::assemble::trace_of;
use crate::spans::error::SpanError;
use crate::spans::otlp::protobuf;
use crate::spans::sources::jaeger_troubles::JAEGER;
use crate::spans::sources::source::{
    LossCounters, OpenFuture, Remedy, SourceEntry, SourceInfo, SourceKind, SourceOptions,
    SpanSource, Troubles,
};
use crate::spans::span::{ServerSpan, Trace};
use door::Door;
use store::Store;

/// Its row in the table of sources.
pub(super) const ENTRY: SourceEntry = SourceEntry {
    name: "embedded",
    reads: "milvus-bench is the OTLP receiver (gRPC and HTTP) that Milvus exports to",
    times: "nanoseconds",
    default_endpoint: "",
    kind: SourceKind::Received,
    own_keys: &["listen", "listen_http"],
    keeps_spans: false,
    may_be_late: false,
    sign: None,
    troubles: Troubles {
        not_there: &[Remedy {
            what: "another process, perhaps a Jaeger or a collector, has {place}",
            change: "stop it, or in the scenario: [tracing.spans] listen = \"127.0.0.1:PORT\", \
                     and the same in Milvus' trace.otlp.endpoint",
        }],
        no_counters: "spans of Milvus' own background work are not kept here",
        held_back: "the named sender: its exporter's protocol, compression and batch size",
        otlp_from_container: "host.docker.internal:4317",
        otlp_from_container_in_words: "host.docker.internal:4317, and here listen = \
                                       \"0.0.0.0:4317\"",
        other_back_end: JAEGER.other_back_end,
        ..Troubles::NONE
    },
    connect: open,
};

/// Longest export, also once it is decompressed: Milvus sends 512 spans in one, collectors up to
/// 8,192.
const MAX_MESSAGE: usize = 16 << 20;

/// A running receiver. It stops, and its ports are free again, when it and all of its sources are
/// dropped.
#[derive(Clone)]
pub struct EmbeddedReceiver {
    shared: Arc<Running>,
}

struct Running {
    store: Arc<Mutex<Store>>,
    door: Door,
    address: SocketAddr,
    server: JoinHandle<()>,
    http: OnceLock<(SocketAddr, JoinHandle<()>)>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.server.abort();
        if let Some((_, server)) = self.http.get() {
            server.abort();
        }
    }
}

/// Nothing panics while it is held; if something did, the spans would still be whole.
fn locked(store: &Mutex<Store>) -> MutexGuard<'_, Store> {
    store.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps the spans of one export and says how many found no room.
fn keep(store: &Mutex<Store>, spans: Vec<ServerSpan>) -> ExportTraceServiceResponse {
    let mut store = locked(store);
    let rejected = spans
        .into_iter()
        .filter_map(|span| store.add(span).then_some(()))
        .count();
    let error_message = "milvus-bench has reached its limit of stored spans".to_owned();
    let partial_success = (rejected > 0).then_some(ExportTracePartialSuccess {
        rejected_spans: rejected as i64,
        error_message,
    });
    ExportTraceServiceResponse { partial_success }
}

/// A server behind `door` at `listen`, host:port.
async fn serve(
    listen: &str,
    door: Door,
    store: &Arc<Mutex<Store>>,
) -> std::io::Result<(SocketAddr, JoinHandle<()>)> {
    let listener = TcpListener::bind(listen).await?;
    let address = listener.local_addr()?;
    let connections = connections::of(listener, Arc::clone(store));
    let routes = Routes::from(Routes::default().into_axum_router().fallback_service(door));
    // HTTP/1 is let in to be counted where it is not wanted.
    let serve = Server::builder()
        .accept_http1(true)
        .add_routes(routes)
        .serve_with_incoming(connections);
    let server = tokio::spawn(async move {
        // It ends only when it is aborted: errors of single connections stay within them.
        let _ = serve.await;
    });
    Ok((address, server))
}

impl EmbeddedReceiver {
    /// Listens on `listen` (host:port, port 0 for any) and keeps up to `limit` spans of traces
    /// whose upper half is `nonce`. Must be called within a Tokio runtime, which has to go on
    /// running.
    ///
    /// # Errors
    /// The address can't be listened on.
    pub async fn start(listen: &str, nonce: u64, limit: usize) -> Result<Self, SpanError> {
        let store = Arc::new(Mutex::new(Store::new(nonce, limit)));
        let door = Door::new(&store);
        let (address, server) = serve(listen, door.clone(), &store).await.map_err(|error| {
            if let Some(advice) = crate::open_files::advice(&error.to_string()) {
                return SpanError::new(format!(
                    "the embedded OTLP receiver can't listen on {listen} ({error}): {advice}"
                ));
            }
            SpanError::new(format!(
                "the embedded OTLP receiver can't listen on {listen} ({error}): stop the program \
                 on that port (a Jaeger or a collector?) or set tracing.spans listen to another \
                 HOST:PORT, and Milvus' trace.otlp.endpoint to the same"
            ))
        })?;
        Ok(Self {
            shared: Arc::new(Running {
                store,
                door,
                address,
                server,
                http: OnceLock::new(),
            }),
        })
    }

    /// Takes OTLP/HTTP as well, protobuf and JSON, at `listen`, host:port.
    ///
    /// # Errors
    /// The address can't be listened on; OTLP/gRPC is received all the same.
    pub async fn also_http(&self, listen: &str) -> Result<SocketAddr, SpanError> {
        let (address, server) = serve(listen, self.shared.door.with_http(), &self.shared.store)
            .await
            .map_err(|error| {
                SpanError::new(format!(
                    "the embedded receiver does not accept OTLP/HTTP, since it can't listen on \
                     {listen} ({error}): if a sender needs it, stop the program on that port or \
                     set tracing.spans listen_http to another HOST:PORT; else set it to \"off\""
                ))
            })?;
        // Asked twice, the first one stays.
        let (address, _) = self.shared.http.get_or_init(|| (address, server));
        Ok(*address)
    }

    /// Address that it takes OTLP/gRPC at.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.shared.address
    }

    /// The spans received so far, and those to come. Keeps the receiver running.
    #[must_use]
    pub fn source(&self) -> Box<dyn SpanSource> {
        self.source_with(String::new())
    }

    fn source_with(&self, remark: String) -> Box<dyn SpanSource> {
        let http = self
            .shared
            .http
            .get()
            .map(|(address, _)| format!(" (OTLP/HTTP at {address})"))
            .unwrap_or_default();
        let server = format!("OTLP receiver of milvus-bench at {}{http}", self.addr());
        let info = SourceInfo {
            entry: &ENTRY,
            server,
            remark,
            resolution_ns: 1,
            ui: None,
        };
        Box::new(Embedded {
            receiver: self.clone(),
            info,
        })
    }
}

/// Starts a receiver that lives as long as its source: to be opened before the load.
pub(super) fn open(options: &SourceOptions) -> OpenFuture<'_> {
    Box::pin(connect(options))
}

async fn connect(options: &SourceOptions) -> Result<Box<dyn SpanSource>, SpanError> {
    let receiver =
        EmbeddedReceiver::start(&options.listen, options.nonce, options.max_spans).await?;
    let http = match &options.listen_http {
        Some(listen) => receiver.also_http(listen).await.err(),
        None => None,
    };
    Ok(receiver.source_with(http.map(|error| error.text).unwrap_or_default()))
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
        let spans = locked(&self.receiver.shared.store)
            .traces
            .get(&trace_id)
            .cloned()
            .unwrap_or_default();
        // An exporter that repeats a batch sends its spans twice.
        Ok(trace_of(trace_id, spans))
    }

    async fn loss(&self) -> Option<LossCounters> {
        Some(locked(&self.receiver.shared.store).loss)
    }

    async fn services(&self) -> Result<Vec<String>, SpanError> {
        let store = locked(&self.receiver.shared.store);
        let services: std::collections::BTreeSet<&str> = store
            .traces
            .values()
            .flatten()
            .map(ServerSpan::service)
            .collect();
        Ok(services.into_iter().map(str::to_owned).collect())
    }

    fn refused(&self) -> Option<String> {
        locked(&self.receiver.shared.store).refused()
    }
}

/// The gRPC service.
#[derive(Clone)]
struct Receiver {
    store: Arc<Mutex<Store>>,
}

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let mut spans = Vec::new();
        // Converted before the lock is taken, which readers wait for.
        protobuf::convert(request.into_inner().resource_spans, &mut |span| {
            spans.push(span)
        });
        Ok(Response::new(keep(&self.store, spans)))
    }
}
