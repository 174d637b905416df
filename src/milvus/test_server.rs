//! A gRPC server for the tests of this module: it knows no Milvus, only what a test tells it to
//! answer.

use std::{
    convert::Infallible,
    net::TcpListener,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use tokio::{
    runtime::{Builder, Runtime},
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{
    Request, Response, Status,
    body::Body,
    codegen::{BoxFuture, Service},
    metadata::MetadataMap,
    server::{Grpc, NamedService, UnaryService},
    transport::ServerTlsConfig,
};

use super::transport::codec::BytesCodec;

/// What a test wants a call to get.
pub(super) enum Answer {
    Reply(Bytes),
    Fail(Status),
    /// Nothing, ever.
    Silence,
}

/// A call as it arrived.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) path: String,
    pub(super) metadata: MetadataMap,
    pub(super) body: Bytes,
}

type Script = Arc<dyn Fn(&Seen) -> Answer + Send + Sync>;

#[derive(Clone)]
struct Scripted {
    script: Script,
    seen: UnboundedSender<Seen>,
}

impl NamedService for Scripted {
    const NAME: &'static str = "milvus.proto.milvus.MilvusService";
}

impl Service<http::Request<Body>> for Scripted {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let method = ScriptedMethod {
            service: self.clone(),
            path: request.uri().path().to_owned(),
        };
        Box::pin(async move {
            Ok(Grpc::new(BytesCodec { body_bytes: 0 })
                .unary(method, request)
                .await)
        })
    }
}

struct ScriptedMethod {
    service: Scripted,
    path: String,
}

impl UnaryService<Bytes> for ScriptedMethod {
    type Response = Bytes;
    type Future = BoxFuture<Response<Bytes>, Status>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let (metadata, _, body) = request.into_parts();
        let seen = Seen {
            path: self.path.clone(),
            metadata,
            body,
        };
        let answer = (self.service.script)(&seen);
        // The test may have ended already.
        let _ = self.service.seen.send(seen);
        Box::pin(async move {
            match answer {
                Answer::Reply(body) => Ok(Response::new(body)),
                Answer::Fail(status) => Err(status),
                Answer::Silence => std::future::pending().await,
            }
        })
    }
}

/// A server on a runtime of its own, so that ending it ends its connections too.
pub(super) struct TestServer {
    runtime: Option<Runtime>,
    listener: TcpListener,
    pub(super) uri: String,
    /// Every call in the order of arrival.
    pub(super) seen: UnboundedReceiver<Seen>,
}

impl TestServer {
    pub(super) fn start(script: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        Self::on(
            TcpListener::bind("127.0.0.1:0").unwrap(),
            None,
            Arc::new(script),
        )
    }

    pub(super) fn start_tls(
        tls: ServerTlsConfig,
        script: impl Fn(&Seen) -> Answer + Send + Sync + 'static,
    ) -> Self {
        // An error says that another test has chosen it already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self::on(
            TcpListener::bind("127.0.0.1:0").unwrap(),
            Some(tls),
            Arc::new(script),
        )
    }

    /// Breaks every connection and starts again on the same port, which is never given back in
    /// between.
    pub(super) fn replace(self, script: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        Self::on(self.listener.try_clone().unwrap(), None, Arc::new(script))
    }

    fn on(listener: TcpListener, tls: Option<ServerTlsConfig>, script: Script) -> Self {
        listener.set_nonblocking(true).unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let uri = format!("{scheme}://{}", listener.local_addr().unwrap());
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (sender, seen) = unbounded_channel();
        let served = listener.try_clone().unwrap();
        runtime.spawn(async move {
            let incoming =
                TcpListenerStream::new(tokio::net::TcpListener::from_std(served).unwrap());
            let service = Scripted {
                script,
                seen: sender,
            };
            let mut builder = tonic::transport::Server::builder();
            if let Some(tls) = tls {
                builder = builder.tls_config(tls).unwrap();
            }
            builder
                .add_service(service)
                .serve_with_incoming(incoming)
                .await
                .unwrap();
        });
        Self {
            runtime: Some(runtime),
            listener,
            uri,
            seen,
        }
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
