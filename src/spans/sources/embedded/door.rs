//! Every request that comes to the receiver's ports: OTLP/gRPC, OTLP/HTTP with protobuf or JSON,
//! and what is neither. An export that is not taken is counted with its reason, since its sender
//! may tell nobody.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io::Read;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use flate2::read::{MultiGzDecoder, ZlibDecoder};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::TraceServiceServer;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use prost::bytes::Buf;
use tokio::sync::Semaphore;
use tonic::body::Body;
use tonic::codec::CompressionEncoding;
use tonic::codegen::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use tonic::codegen::http::{Method, Request, Response, StatusCode, Version};
use tonic::codegen::{Body as HttpBody, BoxFuture, Service, StdError};
use tonic::{Code, Status};

use super::store::{Refusal, Store};
use super::{MAX_MESSAGE, Receiver, locked};
use crate::spans::error::cleaned;
use crate::spans::otlp::{json, protobuf};
use crate::spans::span::ServerSpan;

/// Exports that are read at the same time: with [`MAX_MESSAGE`], the memory that all senders
/// together can take.
const AT_A_TIME: usize = 8;
/// Bytes of a body that is too large that are read all the same.
const LISTENED_TO: usize = 8 * MAX_MESSAGE;
/// A sender that falls silent gives its place to others.
const PATIENCE: Duration = Duration::from_secs(10);

const GRPC_PATH: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// One port of the receiver.
#[derive(Clone)]
pub(super) struct Door {
    store: Arc<Mutex<Store>>,
    places: Arc<Semaphore>,
    grpc: TraceServiceServer<Receiver>,
    /// Whether OTLP/HTTP is taken here.
    http: bool,
}

impl Door {
    /// The port of OTLP/gRPC.
    pub(super) fn new(store: &Arc<Mutex<Store>>) -> Self {
        let grpc = TraceServiceServer::new(Receiver {
            store: Arc::clone(store),
        })
        .max_decoding_message_size(MAX_MESSAGE)
        .accept_compressed(CompressionEncoding::Gzip);
        Self {
            store: Arc::clone(store),
            places: Arc::new(Semaphore::new(AT_A_TIME)),
            grpc,
            http: false,
        }
    }

    /// The same store at a port that takes OTLP/HTTP as well.
    pub(super) fn with_http(&self) -> Self {
        Self {
            http: true,
            ..self.clone()
        }
    }

    fn refuse(&self, refusal: Refusal) {
        locked(&self.store).refuse(refusal);
    }

    async fn answer<B>(self, request: Request<B>) -> Response<Body>
    where
        B: HttpBody + Send + 'static,
        B::Data: Send,
        B::Error: Into<StdError> + Send + 'static,
    {
        // Closed never, so there is always a place.
        let _place = self.places.acquire().await;
        let is_grpc = header(&request, CONTENT_TYPE.as_str()).starts_with("application/grpc")
            && request.version() == Version::HTTP_2;
        let is_export =
            request.uri().path() == GRPC_PATH || request.uri().path().ends_with("/v1/traces");
        let answered = match (is_grpc, self.http) {
            (true, _) => tokio::time::timeout(PATIENCE, self.grpc_export(request)).await,
            (false, true) => tokio::time::timeout(PATIENCE, self.http_export(request)).await,
            (false, false) => {
                if is_export || request.method() == Method::POST {
                    self.refuse(Refusal::HttpAtGrpc);
                }
                let words = "this port takes OTLP/gRPC only; OTLP/HTTP goes to tracing.spans \
                             listen_http of milvus-bench";
                return text(StatusCode::UNSUPPORTED_MEDIA_TYPE, words);
            }
        };
        answered.unwrap_or_else(|_| {
            self.refuse(Refusal::Unfinished);
            text(StatusCode::REQUEST_TIMEOUT, "the export ended early")
        })
    }

    async fn grpc_export<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: HttpBody + Send + 'static,
        B::Error: Into<StdError> + Send + 'static,
    {
        let is_export = request.uri().path() == GRPC_PATH;
        let encoding = header(&request, "grpc-encoding").to_owned();
        let Ok(response) = self.grpc.clone().call(request).await;
        // A failure before the reply has its status in the head.
        let status =
            Status::from_header_map(response.headers()).filter(|status| status.code() != Code::Ok);
        if let Some(status) = status.filter(|_| is_export) {
            self.refuse(match status.code() {
                Code::Unimplemented => Refusal::Encoding(cleaned(&encoding)),
                Code::OutOfRange | Code::ResourceExhausted => Refusal::TooLarge,
                // tonic's word for what would be too large once it is decompressed.
                _ if status.message().contains("size limit") => Refusal::TooLarge,
                Code::Cancelled => Refusal::Unfinished,
                _ => Refusal::Unreadable,
            });
        }
        response
    }

    async fn http_export<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: HttpBody + Send + 'static,
        B::Error: Into<StdError> + Send + 'static,
    {
        if !request.uri().path().ends_with("/v1/traces") {
            return text(
                StatusCode::NOT_FOUND,
                "OTLP/HTTP exports of traces go to /v1/traces",
            );
        }
        if request.method() != Method::POST {
            return text(StatusCode::METHOD_NOT_ALLOWED, "an export must be a POST");
        }
        match self.read_http(request).await {
            Ok((form, spans)) => form.reply(super::keep(&self.store, spans)),
            Err(refusal) => {
                let status = match refusal {
                    Refusal::Encoding(_) | Refusal::ContentType(_) => {
                        StatusCode::UNSUPPORTED_MEDIA_TYPE
                    }
                    Refusal::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
                    _ => StatusCode::BAD_REQUEST,
                };
                let words = format!("refused, exports {refusal}");
                self.refuse(refusal);
                text(status, &words)
            }
        }
    }

    async fn read_http<B>(&self, request: Request<B>) -> Result<(Form, Vec<ServerSpan>), Refusal>
    where
        B: HttpBody + Send + 'static,
        B::Error: Into<StdError> + Send + 'static,
    {
        let form = Form::of(header(&request, CONTENT_TYPE.as_str()))?;
        let encoding = header(&request, CONTENT_ENCODING.as_str())
            .trim()
            .to_ascii_lowercase();
        let body = whole(request.into_body()).await?;
        let body = match encoding.as_str() {
            "" | "identity" | "none" => body,
            "gzip" | "x-gzip" => inflated(MultiGzDecoder::new(body.as_slice()))?,
            "deflate" => inflated(ZlibDecoder::new(body.as_slice()))?,
            other => return Err(Refusal::Encoding(cleaned(other))),
        };
        form.read(&body).map(|spans| (form, spans))
    }
}

fn header<'a, B>(request: &'a Request<B>, name: &str) -> &'a str {
    request
        .headers()
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

fn text(status: StatusCode, words: &str) -> Response<Body> {
    reply(status, "text/plain", words.as_bytes().to_vec())
}

fn reply(status: StatusCode, content_type: &'static str, bytes: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::new(OneChunk(Some(bytes.into()))));
    *response.status_mut() = status;
    response.headers_mut().insert(
        CONTENT_TYPE,
        tonic::codegen::http::HeaderValue::from_static(content_type),
    );
    response
}

/// A body that is there.
struct OneChunk(Option<prost::bytes::Bytes>);

impl HttpBody for OneChunk {
    type Data = prost::bytes::Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Self::Data>, Infallible>>> {
        Poll::Ready(self.0.take().map(|bytes| Ok(http_body::Frame::data(bytes))))
    }
}

/// Reads a body that is not longer than an export may be.
async fn whole<B>(body: B) -> Result<Vec<u8>, Refusal>
where
    B: HttpBody,
{
    let mut body = pin!(body);
    let (mut bytes, mut length) = (Vec::new(), 0_usize);
    while let Some(frame) = poll_fn(|context| body.as_mut().poll_frame(context)).await {
        let Ok(frame) = frame else {
            return Err(Refusal::Unfinished);
        };
        let Ok(mut data) = frame.into_data() else {
            continue;
        };
        length = length.saturating_add(data.remaining());
        // Read to its end without being kept, as far as that is short: who is cut off in the middle
        // does not see the answer.
        if length > LISTENED_TO {
            return Err(Refusal::TooLarge);
        }
        while data.has_remaining() {
            let chunk = data.chunk();
            if length <= MAX_MESSAGE {
                bytes.extend_from_slice(chunk);
            }
            let read = chunk.len();
            data.advance(read);
        }
    }
    if length > MAX_MESSAGE {
        Err(Refusal::TooLarge)
    } else {
        Ok(bytes)
    }
}

/// What `reader` gives, up to the length of an export: a bomb is too large, however small it came.
fn inflated(reader: impl Read) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::new();
    let read = reader.take(MAX_MESSAGE as u64 + 1).read_to_end(&mut bytes);
    match read {
        Ok(length) if length > MAX_MESSAGE => Err(Refusal::TooLarge),
        Ok(_) => Ok(bytes),
        Err(_) => Err(Refusal::Unreadable),
    }
}

/// How an OTLP/HTTP export is written, and its reply.
#[derive(Clone, Copy)]
enum Form {
    Protobuf,
    Json,
}

impl Form {
    fn of(content_type: &str) -> Result<Self, Refusal> {
        match content_type
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase()
            .as_str()
        {
            "application/x-protobuf" => Ok(Self::Protobuf),
            "application/json" => Ok(Self::Json),
            "" => Err(Refusal::ContentType("(none)".to_owned())),
            other => Err(Refusal::ContentType(cleaned(other))),
        }
    }

    fn read(self, body: &[u8]) -> Result<Vec<ServerSpan>, Refusal> {
        let mut spans = Vec::new();
        match self {
            Self::Protobuf => {
                let export =
                    ExportTraceServiceRequest::decode(body).map_err(|_| Refusal::Unreadable)?;
                protobuf::convert(export.resource_spans, &mut |span| spans.push(span));
            }
            Self::Json => spans = json::read::read(body).map_err(|_| Refusal::Unreadable)?,
        }
        Ok(spans)
    }

    fn reply(self, response: ExportTraceServiceResponse) -> Response<Body> {
        match self {
            Self::Protobuf => reply(
                StatusCode::OK,
                "application/x-protobuf",
                response.encode_to_vec(),
            ),
            Self::Json => {
                let partial = response.partial_success.map(|partial| {
                    serde_json::json!({
                        "rejectedSpans": partial.rejected_spans.to_string(),
                        "errorMessage": partial.error_message,
                    })
                });
                let body = partial.map_or_else(
                    || serde_json::json!({}),
                    |partial| serde_json::json!({ "partialSuccess": partial }),
                );
                reply(
                    StatusCode::OK,
                    "application/json",
                    body.to_string().into_bytes(),
                )
            }
        }
    }
}

impl<B> Service<Request<B>> for Door
where
    B: HttpBody + Send + 'static,
    B::Data: Send,
    B::Error: Into<StdError> + Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let door = self.clone();
        Box::pin(async move { Ok(door.answer(request).await) })
    }
}
