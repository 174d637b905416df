//! The gRPC server: raw messages by path, and the way of one call through the script.

use std::convert::Infallible;
use std::hash::{DefaultHasher, Hasher};
use std::net::TcpListener;
use std::sync::{Arc, mpsc as std_mpsc};
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use bytes::{Buf, BufMut, Bytes};
use futures_util::StreamExt;
use milvus_bench::milvus::{METHODS, Method, proto};
use prost::Message;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until};
use tonic::body::Body;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::{BoxFuture, Service, http};
use tonic::metadata::MetadataMap;
use tonic::server::{Grpc, UnaryService};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use super::script::{Failure, Fate, SeenCall};
use super::spans::{self, Served};
use super::store::{Refusal, refused};
use super::{Shared, lock};

/// What Milvus' proxy receives at most.
const MESSAGE_MAX: usize = 64 << 20;

/// Traces that may wait for their export; more are dropped, as by Go's batch processor.
const SPAN_QUEUE: usize = 100_000;

/// One life of the server, from bind to kill.
pub(super) struct Life {
    stop: oneshot::Sender<()>,
    close: Option<oneshot::Sender<()>>,
    closed: std_mpsc::Receiver<()>,
    thread: JoinHandle<()>,
}

impl Life {
    pub(super) fn begin(listener: TcpListener, shared: Arc<Shared>) -> Self {
        listener
            .set_nonblocking(true)
            .expect("a listener can be made non-blocking");
        let (stop, stopped) = oneshot::channel();
        let (close, close_wanted) = oneshot::channel::<()>();
        let (closed_mark, closed) = std_mpsc::channel();
        let serve = async move {
            let listener = tokio::net::TcpListener::from_std(listener)
                .expect("the runtime takes the listener");
            let incoming = TcpIncoming::from(listener)
                .with_nodelay(Some(true))
                .take_until(close_wanted);
            let (spans, queue) = mpsc::channel(SPAN_QUEUE);
            tokio::spawn(spans::export(Arc::clone(&shared), queue));
            tokio::spawn(async move {
                // Errors of single connections end here; the test sees them on the client's side.
                let _ = builder()
                    .serve_with_incoming(Milvus { shared, spans }, incoming)
                    .await;
                let _ = closed_mark.send(());
            });
            let _ = stopped.await;
        };
        let thread = std::thread::Builder::new().name("fake-milvus".to_owned());
        let thread = thread.spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            // Dropping the runtime afterwards drops every connection: that is the kill.
            runtime
                .expect("a runtime for the fake Milvus")
                .block_on(serve);
        });
        Self {
            stop,
            close: Some(close),
            closed,
            thread: thread.expect("a thread for the fake Milvus"),
        }
    }

    pub(super) fn stop_listening(&mut self) {
        if let Some(close) = self.close.take() {
            let _ = close.send(());
            let _ = self.closed.recv_timeout(Duration::from_secs(10));
        }
    }

    pub(super) fn end(self) {
        let _ = self.stop.send(());
        let ended = self.thread.join();
        assert!(
            ended.is_ok() || std::thread::panicking(),
            "the fake Milvus panicked"
        );
    }
}

fn builder() -> Server {
    // Go's server has no limit of streams; the reset limit would close connections whose client
    // times out under overload.
    Server::builder()
        .max_concurrent_streams(u32::MAX)
        .initial_stream_window_size(4 << 20)
        .initial_connection_window_size(16 << 20)
        .http2_max_pending_accept_reset_streams(Some(1_000_000))
}

/// Messages as bytes, so that one service carries all methods and broken replies.
#[derive(Clone, Copy)]
pub(super) struct RawCodec;

impl Codec for RawCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put(item);
        Ok(())
    }
}

impl Decoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, source: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        let length = source.remaining();
        Ok(Some(source.copy_to_bytes(length)))
    }
}

#[derive(Clone)]
struct Milvus {
    shared: Arc<Shared>,
    spans: mpsc::Sender<Served>,
}

impl Service<http::Request<Body>> for Milvus {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let path = request.uri().path();
        let Some(method) = METHODS.iter().find(|method| method.path == path) else {
            let name = path.rsplit('/').next().unwrap_or_default();
            let status = Status::unimplemented(format!(
                "unknown method {name} for service milvus.proto.milvus.MilvusService"
            ));
            return Box::pin(std::future::ready(Ok(status.into_http())));
        };
        let unary = Unary {
            milvus: self.clone(),
            method,
        };
        Box::pin(async move {
            let mut grpc = Grpc::new(RawCodec).max_decoding_message_size(MESSAGE_MAX);
            Ok(grpc.unary(unary, request).await)
        })
    }
}

struct Unary {
    milvus: Milvus,
    method: &'static Method,
}

impl UnaryService<Bytes> for Unary {
    type Response = Bytes;
    type Future = BoxFuture<Response<Bytes>, Status>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let (milvus, method) = (self.milvus.clone(), self.method);
        Box::pin(async move { milvus.handle(method, request).await.map(Response::new) })
    }
}

impl Milvus {
    async fn handle(
        &self,
        method: &'static Method,
        request: Request<Bytes>,
    ) -> Result<Bytes, Status> {
        let (metadata, _, body) = request.into_parts();
        let (arrival, start) = (Instant::now(), SystemTime::now());
        let call = seen(method, arrival, &metadata, &body);
        let (traceparent, dbname) = (
            call.traceparent.clone(),
            call.dbname.clone().unwrap_or_default(),
        );
        let fate = lock(&self.shared.script).arrive(call, body.clone());
        lock(&self.shared.script).authorize(entry(&metadata, "authorization"))?;
        self.hold(method).await;
        let (number, failure) = (fate.number, fate.failure.clone());
        take_time(fate).await;
        let reply = match failure {
            Some(failure) => failed(method, failure).await,
            None => self.answer(method, &dbname, &body),
        };
        self.hold(method).await;
        if let (Ok(_), Some(traceparent)) = (&reply, traceparent) {
            let served = Served::new(method, number, &traceparent, start, arrival.elapsed());
            spans::offer(&self.shared, &self.spans, served);
        }
        reply
    }

    /// Waits while a stall is on.
    async fn hold(&self, method: &'static Method) {
        loop {
            let Some(end) = lock(&self.shared.script).held_until(method) else {
                return;
            };
            sleep_until(end).await;
        }
    }

    fn answer(&self, method: &'static Method, dbname: &str, body: &Bytes) -> Result<Bytes, Status> {
        match lock(&self.shared.store).answer(method, dbname, body) {
            Ok(reply) => Ok(reply.into()),
            Err(Refusal::Milvus(status)) => Ok(refused(method, status)),
            Err(Refusal::Grpc(status)) => Err(status),
        }
    }
}

/// Waits for a worker and its service time, then for the scripted delay.
async fn take_time(fate: Fate) {
    if let Some(capacity) = fate.capacity {
        let worker = capacity.workers.acquire_owned().await;
        sleep(capacity.service_time).await;
        drop(worker);
    }
    let delay = fate
        .delay
        .map_or(Duration::ZERO, |delay| delay(fate.number));
    if !delay.is_zero() {
        sleep(delay).await;
    }
}

async fn failed(method: &'static Method, failure: Failure) -> Result<Bytes, Status> {
    match failure {
        Failure::Milvus {
            code,
            error_code,
            reason,
        } => Ok(refused(
            method,
            proto::Status {
                code,
                error_code,
                reason,
                ..Default::default()
            },
        )),
        Failure::Grpc(code, text) => Err(Status::new(code, text)),
        Failure::Garbage(bytes) => Ok(bytes.into()),
        Failure::Never => std::future::pending().await,
    }
}

fn entry<'a>(metadata: &'a MetadataMap, key: &str) -> Option<&'a str> {
    metadata.get(key).and_then(|value| value.to_str().ok())
}

fn seen(
    method: &'static Method,
    arrival: Instant,
    metadata: &MetadataMap,
    body: &Bytes,
) -> SeenCall {
    SeenCall {
        method,
        arrival,
        traceparent: entry(metadata, "traceparent").map(str::to_owned),
        dbname: entry(metadata, "dbname").map(str::to_owned),
        authorized: metadata.contains_key("authorization"),
        body_len: body.len(),
        body_hash: hash(body),
        collection: collection_name(method, body),
    }
}

fn hash(body: &Bytes) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(body);
    hasher.finish()
}

/// Field 3 of most requests; a reader of these two fields alone skips the rest.
fn collection_name(method: &'static Method, body: &Bytes) -> Option<String> {
    let name = match method.name {
        "Connect" | "GetVersion" | "CheckHealth" | "AllocTimestamp" | "ListDatabases"
        | "ShowCollections" | "GetCompactionState" => None,
        "GetLoadState" | "GetLoadingProgress" => proto::GetLoadStateRequest::decode(body.clone())
            .ok()
            .map(|request| request.collection_name),
        "GetFlushState" => proto::GetFlushStateRequest::decode(body.clone())
            .ok()
            .map(|request| request.collection_name),
        "ManualCompaction" => proto::ManualCompactionRequest::decode(body.clone())
            .ok()
            .map(|request| request.collection_name),
        "Flush" => proto::FlushRequest::decode(body.clone())
            .ok()
            .and_then(|request| request.collection_names.into_iter().next()),
        _ => proto::HasCollectionRequest::decode(body.clone())
            .ok()
            .map(|request| request.collection_name),
    };
    name.filter(|name| !name.is_empty())
}
