//! In-process stand-ins for Jaeger's two ports, for the tests of the sources. Ports are chosen by
//! the system.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use opentelemetry_proto::tonic::trace::v1::TracesData;
use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::body::Body;
use tonic::codegen::{BoxFuture, BoxStream, Service, http};
use tonic::server::{Grpc, NamedService, ServerStreamingService};
use tonic::transport::Server;
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

use crate::spans::sources::generated::jaeger_v2::{
    GetServicesRequest, GetServicesResponse, GetTraceRequest, SpansResponseChunk,
};
use crate::spans::sources::generated::jaeger_v3;

/// A server that ends with the test.
pub(super) struct Fake {
    /// `http://127.0.0.1:PORT`.
    pub(super) url: String,
    task: JoinHandle<()>,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What an HTTP request is answered with.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    Send(u16, &'static str, Vec<u8>),
    Hang,
    Close,
}

impl Reply {
    pub(super) fn json(body: impl Into<Vec<u8>>) -> Self {
        Self::Send(200, "application/json", body.into())
    }

    pub(super) fn html(body: impl Into<Vec<u8>>) -> Self {
        Self::Send(200, "text/html; charset=utf-8", body.into())
    }

    pub(super) fn not_found(body: impl Into<Vec<u8>>) -> Self {
        Self::Send(404, "text/plain; charset=utf-8", body.into())
    }
}

/// An HTTP server that answers each target (path and query) by `answer`.
pub(super) async fn http_server(answer: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Fake {
    http_server_by_head(move |target, _| answer(target)).await
}

/// One that looks at the whole head of a request as well, which is given in lower case.
pub(super) async fn http_server_by_head(
    answer: impl Fn(&str, &str) -> Reply + Send + Sync + 'static,
) -> Fake {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let answer = Arc::new(answer);
    let task = tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            tokio::spawn(serve(connection, answer.clone()));
        }
    });
    Fake { url, task }
}

async fn serve<A>(mut connection: TcpStream, answer: Arc<A>)
where
    A: Fn(&str, &str) -> Reply + Send + Sync,
{
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match connection.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let target = head.split(' ').nth(1).unwrap_or_default();
    match answer(target, &head.to_ascii_lowercase()) {
        Reply::Hang => std::future::pending().await,
        Reply::Close => {}
        Reply::Send(status, content_type, body) => {
            let head = format!(
                "HTTP/1.1 {status} x\r\ncontent-type: {content_type}\r\ncontent-length: \
                 {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            // A client that hung up is the client's matter.
            let _ = connection
                .write_all(&[head.as_bytes(), &body].concat())
                .await;
            let _ = connection.shutdown().await;
        }
    }
}

/// What the gRPC port answers.
#[derive(Clone)]
pub(super) struct Script {
    pub(super) services: Result<Vec<String>, Status>,
    pub(super) v2: Vec<SpansResponseChunk>,
    pub(super) v3: Vec<TracesData>,
    pub(super) known: u128,
    /// What api_v2 says of an unknown id.
    pub(super) unknown_v2: Status,
    /// What api_v3 says of an unknown id.
    pub(super) unknown_v3: Result<(), Status>,
    /// Says this of the known id instead of sending it.
    pub(super) failure: Option<Status>,
    /// Never answers for the known id.
    pub(super) hang: bool,
    /// Metadata that every request must carry.
    pub(super) needs: Option<&'static str>,
}

#[derive(Clone)]
struct V2(Arc<Script>);
#[derive(Clone)]
struct V3(Arc<Script>);

impl NamedService for V2 {
    const NAME: &'static str = "jaeger.api_v2.QueryService";
}

impl NamedService for V3 {
    const NAME: &'static str = "jaeger.api_v3.QueryService";
}

/// A gRPC server with both of Jaeger's query services.
pub(super) async fn grpc_server(script: Script) -> Fake {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let script = Arc::new(script);
    let server = Server::builder()
        .add_service(V2(script.clone()))
        .add_service(V3(script))
        .serve_with_incoming(TcpListenerStream::new(listener));
    let task = tokio::spawn(async move {
        let _ = server.await;
    });
    Fake { url, task }
}

type Replies<R> = Result<Vec<R>, Status>;

/// One method: from its request to its messages.
struct Method<F>(F, Arc<Script>);

impl<Q, R, F> ServerStreamingService<Q> for Method<F>
where
    Q: Message + Default + 'static,
    R: Message + 'static,
    F: Fn(&Script, Q) -> Replies<R> + Send + 'static,
{
    type Response = R;
    type ResponseStream = BoxStream<R>;
    type Future = BoxFuture<Response<Self::ResponseStream>, Status>;

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        let allowed = self
            .1
            .needs
            .is_none_or(|name| request.metadata().contains_key(name));
        let replies = if allowed {
            (self.0)(&self.1, request.into_inner())
        } else {
            Err(Status::permission_denied("no tenant"))
        };
        let is_long = |message: &_| Message::encoded_len(message) > 1_000;
        let hang = self.1.hang
            && replies
                .as_ref()
                .is_ok_and(|messages| messages.iter().any(is_long));
        Box::pin(async move {
            if hang {
                std::future::pending::<()>().await;
            }
            let stream = futures_util::stream::iter(replies?.into_iter().map(Ok));
            Ok(Response::new(Box::pin(stream) as BoxStream<R>))
        })
    }
}

impl Script {
    fn services(&self, _: GetServicesRequest) -> Replies<GetServicesResponse> {
        self.services
            .clone()
            .map(|services| vec![GetServicesResponse { services }])
    }

    fn v2_trace(&self, request: GetTraceRequest) -> Replies<SpansResponseChunk> {
        match (&self.failure, request.trace_id == self.known.to_be_bytes()) {
            (_, false) => Err(self.unknown_v2.clone()),
            (Some(status), true) => Err(status.clone()),
            (None, true) => Ok(self.v2.clone()),
        }
    }

    fn v3_trace(&self, request: jaeger_v3::GetTraceRequest) -> Replies<TracesData> {
        match (
            &self.failure,
            request.raw_traces && request.trace_id == format!("{:032x}", self.known),
        ) {
            (_, false) => self.unknown_v3.clone().map(|()| vec![]),
            (Some(status), true) => Err(status.clone()),
            (None, true) => Ok(self.v3.clone()),
        }
    }
}

impl Service<http::Request<Body>> for V2 {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Self::Error>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let script = self.0.clone();
        Box::pin(async move {
            Ok(match request.uri().path().rsplit('/').next() {
                Some("GetServices") => {
                    Grpc::new(ProstCodec::default())
                        .server_streaming(Method(Script::services, script), request)
                        .await
                }
                _ => {
                    Grpc::new(ProstCodec::default())
                        .server_streaming(Method(Script::v2_trace, script), request)
                        .await
                }
            })
        })
    }
}

impl Service<http::Request<Body>> for V3 {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Self::Error>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let script = self.0.clone();
        Box::pin(async move {
            Ok(Grpc::new(ProstCodec::default())
                .server_streaming(Method(Script::v3_trace, script), request)
                .await)
        })
    }
}
