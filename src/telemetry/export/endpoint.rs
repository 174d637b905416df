//! The OTLP/gRPC endpoint: one call, with the settings of OpenTelemetry's environment variables.

use std::{path::PathBuf, time::Duration};

use bytes::BufMut;
use http::{HeaderMap, HeaderName, HeaderValue, uri::PathAndQuery};
use percent_encoding::percent_decode_str;
use prost::Message as _;
use tonic::{
    Code, Request, Status,
    client::Grpc,
    codec::{BufferSettings, Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder},
    metadata::MetadataMap,
    transport::{Certificate, Channel, ClientTlsConfig},
};

use super::batch::Message;

/// gRPC's frame before each message: a flag and a length.
const FRAME_BYTES: usize = 5;

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// Where batches go.
#[derive(Debug)]
pub(super) struct Endpoint {
    client: Grpc<Channel>,
    headers: MetadataMap,
}

/// Why a batch was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// One sentence without anything that the server said: it may have repeated a secret header.
    pub(super) text: String,
    pub(super) kind: FailureKind,
}

/// What may be done about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FailureKind {
    /// The server said UNAVAILABLE or RESOURCE_EXHAUSTED, and perhaps how long to wait.
    Busy(Option<Duration>),
    /// Nobody took the call.
    Gone,
    /// Another try would not help, or might store the spans twice.
    Final,
}

impl Failure {
    pub(super) fn last(text: String) -> Self {
        Self { text, kind: FailureKind::Final }
    }
}

impl From<&Status> for Failure {
    fn from(status: &Status) -> Self {
        let mut text = format!("gRPC code: {:?}", status.code());
        let mut cause = std::error::Error::source(status);
        let has_cause = cause.is_some();
        while let Some(error) = cause {
            text.push_str(&format!(": {error}"));
            cause = error.source();
        }
        let kind = match status.code() {
            // A status without a cause was said by the server.
            Code::Unavailable if has_cause => FailureKind::Gone,
            Code::Unavailable | Code::ResourceExhausted => FailureKind::Busy(retry_delay(status.details())),
            _ => FailureKind::Final,
        };
        Self { text, kind }
    }
}

impl Endpoint {
    /// Must be called within a Tokio runtime. Connects when the first batch is sent.
    ///
    /// # Errors
    /// `address` is no URI, or the certificate can't be read.
    pub(super) fn new(address: &str) -> Result<Self, String> {
        let unusable = |error: &dyn std::fmt::Display| format!("the OTLP endpoint {address} can't be used: {error}");
        let mut endpoint = tonic::transport::Endpoint::from_shared(address.to_owned())
            .and_then(|endpoint| endpoint.user_agent(concat!("milvus-bench/", env!("CARGO_PKG_VERSION"))))
            .map_err(|error| unusable(&error))?
            .connect_timeout(CONNECT);
        if address.starts_with("https://") {
            endpoint = endpoint.tls_config(tls()?).map_err(|error| unusable(&error))?;
        }
        let mut client = Grpc::new(endpoint.connect_lazy());
        if variable("COMPRESSION").is_some_and(|text| text.eq_ignore_ascii_case("gzip")) {
            client = client.send_compressed(CompressionEncoding::Gzip).accept_compressed(CompressionEncoding::Gzip);
        }
        let headers = variable("HEADERS").map(|text| headers(&text)).unwrap_or_default();
        Ok(Self { client, headers: MetadataMap::from_headers(headers) })
    }

    /// Sends a batch; gives the number of spans that the endpoint rejected out of it.
    pub(super) async fn send(&mut self, message: Message) -> Result<u64, Failure> {
        self.client.ready().await.map_err(|error| Failure::from(&Status::from_error(error.into())))?;
        let mut request = Request::new(message);
        *request.metadata_mut() = self.headers.clone();
        let path = PathAndQuery::from_static("/opentelemetry.proto.collector.trace.v1.TraceService/Export");
        let codec = BatchCodec { bytes: request.get_ref().len() };
        let reply = self.client.unary(request, path, codec).await.map_err(|status| Failure::from(&status))?;
        Ok(u64::try_from(reply.into_inner().partial_success.unwrap_or_default().rejected_spans).unwrap_or(0))
    }
}

/// The variable `OTEL_EXPORTER_OTLP_<NAME>`, that of traces first. An empty one is none.
fn variable(name: &str) -> Option<String> {
    let read = |prefix: &str| std::env::var(format!("{prefix}_{name}")).ok().filter(|text| !text.trim().is_empty());
    read("OTEL_EXPORTER_OTLP_TRACES").or_else(|| read("OTEL_EXPORTER_OTLP"))
}

/// Native roots, and the certificate of OpenTelemetry's variable.
fn tls() -> Result<ClientTlsConfig, String> {
    let config = ClientTlsConfig::new().with_native_roots();
    let variable = ["OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE"].into_iter().find_map(|name| {
        let path = std::env::var_os(name).filter(|path| !path.is_empty())?;
        Some((name, PathBuf::from(path)))
    });
    let Some((name, path)) = variable else { return Ok(config) };
    let pem = std::fs::read(&path).map_err(|error| format!("{name} names {}, which can't be read: {error}", path.display()))?;
    Ok(config.ca_certificate(Certificate::from_pem(pem)))
}

/// `key=value,key=value`, values percent-encoded; what no header can hold is left out.
fn headers(text: &str) -> HeaderMap {
    pairs(text).filter_map(|(key, value)| Some((HeaderName::try_from(key).ok()?, HeaderValue::try_from(value).ok()?))).collect()
}

/// The pairs of a list as OpenTelemetry's variables have it; those that are none are left out.
pub(super) fn pairs(text: &str) -> impl Iterator<Item = (String, String)> {
    text.split(',').filter_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
        Some((key.trim().to_owned(), value.into_owned())).filter(|(key, _)| !key.is_empty())
    })
}

/// Encoded batches out, and of the reply what tells rejected spans.
#[derive(Clone, Copy, Debug)]
struct BatchCodec {
    /// Length of the batch, so that its frame is built in one allocation.
    bytes: usize,
}

/// `ExportTraceServiceResponse`.
#[derive(Clone, PartialEq, prost::Message)]
struct Reply {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<PartialSuccess>,
}

/// `ExportTracePartialSuccess`.
#[derive(Clone, PartialEq, prost::Message)]
struct PartialSuccess {
    #[prost(int64, tag = "1")]
    rejected_spans: i64,
}

impl Codec for BatchCodec {
    type Encode = Message;
    type Decode = Reply;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for BatchCodec {
    type Item = Message;
    type Error = Status;

    fn encode(&mut self, message: Message, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put(message.head);
        out.put(message.spans);
        Ok(())
    }

    fn buffer_settings(&self) -> BufferSettings {
        // The threshold only matters for streams of several messages.
        BufferSettings::new(FRAME_BYTES + self.bytes, FRAME_BYTES)
    }
}

impl Decoder for BatchCodec {
    type Item = Reply;
    type Error = Status;

    fn decode(&mut self, body: &mut DecodeBuf<'_>) -> Result<Option<Reply>, Status> {
        Reply::decode(body).map(Some).map_err(|error| Status::internal(error.to_string()))
    }
}

/// `google.rpc.Status`, what is in `grpc-status-details-bin`.
#[derive(Clone, PartialEq, prost::Message)]
struct Details {
    #[prost(message, repeated, tag = "3")]
    details: Vec<Detail>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, prost::Message)]
struct Detail {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// `google.rpc.RetryInfo`.
#[derive(Clone, PartialEq, prost::Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<Delay>,
}

/// `google.protobuf.Duration`.
#[derive(Clone, PartialEq, prost::Message)]
struct Delay {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

/// How long the server asks to wait; None where it does not say.
fn retry_delay(details: &[u8]) -> Option<Duration> {
    let details = Details::decode(details).ok()?.details;
    let info = details.into_iter().find(|detail| detail.type_url.ends_with("google.rpc.RetryInfo"))?;
    let delay = RetryInfo::decode(info.value.as_slice()).ok()?.retry_delay?;
    // A negative one is none; nanoseconds are below a second by definition, and are not trusted to be.
    Some(Duration::from_secs(u64::try_from(delay.seconds).ok()?).saturating_add(Duration::from_nanos(u64::try_from(delay.nanos).ok()?)))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Details with a delay, as a server sends them.
    pub(crate) fn details(seconds: i64, nanos: i32) -> Vec<u8> {
        let value = RetryInfo { retry_delay: Some(Delay { seconds, nanos }) }.encode_to_vec();
        let other = Detail { type_url: "type.googleapis.com/google.rpc.DebugInfo".to_owned(), value: vec![1, 2] };
        let info = Detail { type_url: "type.googleapis.com/google.rpc.RetryInfo".to_owned(), value };
        Details { details: vec![other, info] }.encode_to_vec()
    }

    #[test]
    fn the_servers_delay_is_read() {
        assert_eq!(retry_delay(&details(2, 500_000_000)), Some(Duration::from_millis(2500)));
        assert_eq!(retry_delay(&details(-1, 0)), None);
        assert_eq!(retry_delay(&details(0, -1)), None);
        assert_eq!(retry_delay(&[]), None);
        assert_eq!(retry_delay(&[0xff, 0xff]), None);
    }

    fn check(status: &Status, kind: FailureKind) {
        assert_eq!(Failure::from(status).kind, kind, "{status:?}");
    }

    #[test]
    fn only_what_may_help_is_tried_again() {
        check(&Status::unavailable("s3cret"), FailureKind::Busy(None));
        check(&Status::resource_exhausted(""), FailureKind::Busy(None));
        let delayed = Status::with_details(Code::ResourceExhausted, "", details(1, 0).into());
        check(&delayed, FailureKind::Busy(Some(Duration::from_secs(1))));
        check(&Status::invalid_argument(""), FailureKind::Final);
        check(&Status::unauthenticated(""), FailureKind::Final);
        assert_eq!(Failure::from(&Status::unavailable("s3cret")).text, "gRPC code: Unavailable");
    }

    #[test]
    fn pairs_of_a_variable() {
        let found: Vec<(String, String)> = pairs("a=Bearer%20x, b = c=d ,,none,=x,d=").collect();
        let expected = [("a", "Bearer x"), ("b", "c=d"), ("d", "")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(found, expected);
        assert_eq!(headers("authorization=Bearer%20x,bad key=1,c=%0A").len(), 1);
    }
}
