//! Source `jaeger`: the gRPC query API on port 16685. Which of its two versions is read depends on
//! the server.

use std::error::Error as _;
use std::time::Duration;

use opentelemetry_proto::tonic::trace::v1::TracesData;
use prost::Message;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::metadata::{AsciiMetadataKey, AsciiMetadataValue, MetadataMap};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

use super::address::{Addresses, addresses, base, shown};
use super::budget::{ALONE, Budget, SHARE, Turn};
use super::counted::{Counted, CountingCodec};
use super::generated::jaeger_v2::{
    GetServicesRequest, GetServicesResponse, GetTraceRequest, SpansResponseChunk, Timestamp,
};
use super::http::{self, Client};
use super::jaeger_troubles::{JAEGER, SIGN};
use super::jaeger_v2;
use super::jaeger_v3;
use super::source::{
    LossCounters, OpenFuture, Remedy, SourceEntry, SourceInfo, SourceKind, SourceOptions,
    SpanSource, Troubles,
};
use super::tls;
use crate::spans::error::{Again, SpanError};
use crate::spans::error::{cleaned, grpc_failure};
use crate::spans::span::Trace;
use crate::tls::Needs;
use crate::{
    not_grpc::{NotGrpc, Reading},
    open_files,
};

/// Its row in the table of sources.
pub(super) const ENTRY: SourceEntry = SourceEntry {
    name: "jaeger",
    reads: "Jaeger's gRPC query API (api_v2 on older servers, api_v3 on newer ones)",
    times: "nanoseconds",
    default_endpoint: "http://127.0.0.1:16685",
    kind: SourceKind::Pulled,
    own_keys: &["admin", "tls"],
    keeps_spans: true,
    may_be_late: false,
    sign: Some(SIGN),
    troubles: Troubles {
        web_port: &[Remedy {
            what: "{place} is a web port, gRPC is on 16685",
            change: BY_GRPC,
        }],
        other_server: &[Remedy {
            what: "the server at {place} is not Jaeger's gRPC query service, which is on 16685",
            change: BY_GRPC,
        }],
        ..JAEGER
    },
    connect: open,
};

/// How its address is written.
const BY_GRPC: &str = "--spans, or in the scenario: [tracing.spans] endpoint = \
                       \"http://HOST:16685\"; or source = \"auto\", which reads both";

/// What to do where nothing answers.
pub(super) const NO_ANSWER: &str = "start Jaeger, publish its port 16685, or choose tracing.spans \
                                    source = \"auto\", which reads its JSON too";

/// No server needs longer to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Any id that no run has: its upper half, the nonce, is zero.
const UNKNOWN_ID: u128 = 1;

const V2_TRACE: PathAndQuery = PathAndQuery::from_static("/jaeger.api_v2.QueryService/GetTrace");
const V2_SERVICES: PathAndQuery =
    PathAndQuery::from_static("/jaeger.api_v2.QueryService/GetServices");
const V3_TRACE: PathAndQuery = PathAndQuery::from_static("/jaeger.api_v3.QueryService/GetTrace");

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Api {
    V2,
    V3,
}

/// Messages of one reply.
struct Replies<R> {
    messages: Vec<R>,
    bytes: usize,
    /// Of a long one; goes when they have been converted.
    _turn: Option<Turn>,
}

/// A gRPC channel to one Jaeger, with what every request carries.
#[derive(Clone)]
struct Link {
    channel: Channel,
    budget: Budget,
    metadata: MetadataMap,
    timeout: Duration,
    /// For messages.
    address: String,
}

struct Jaeger {
    link: Link,
    api: Api,
    info: SourceInfo,
    http: Client,
    addresses: Addresses,
}

/// Connects and finds out which API to use.
pub(super) fn open(options: &SourceOptions) -> OpenFuture<'_> {
    Box::pin(connect(options))
}

async fn connect(options: &SourceOptions) -> Result<Box<dyn SpanSource>, SpanError> {
    let addresses = addresses(options)?;
    let (link, services) = match reach(&addresses, options).await {
        Ok(reached) => reached,
        Err((error, Answered::Grpc)) => return Err(error),
        Err((error, answered)) => {
            let jaeger = ("Jaeger's gRPC", &addresses.grpc);
            let page = match answered {
                Answered::Page(status) => Some(status),
                _ => None,
            };
            let by_tls = tls::trouble(options, jaeger, Needs::Http2, page).await;
            return Err(by_tls.unwrap_or(error));
        }
    };
    // Decoded for the check alone: a server that is no Jaeger would not answer this method.
    drop(services);
    let api = link.choose_api().await?;
    let http = http::client(options, &addresses.http)?;
    let ui = http::ui(&http, &addresses.http).await;
    let version = if api == Api::V2 { "api_v2" } else { "api_v3" };
    let server = format!("Jaeger gRPC {version} at {}", link.address);
    let info = SourceInfo {
        entry: &ENTRY,
        server,
        remark: String::new(),
        resolution_ns: 1,
        ui,
    };
    Ok(Box::new(Jaeger {
        link,
        api,
        info,
        http,
        addresses,
    }))
}

/// What came back from a server that gave no answer of Jaeger's.
enum Answered {
    Nothing,
    /// A page with this HTTP status.
    Page(u16),
    /// A status of gRPC, so that no TLS stands in the way.
    Grpc,
}

impl Answered {
    fn of(status: &Status) -> Self {
        let is_unanswered = status.source().is_some()
            || matches!(status.code(), Code::Unavailable | Code::DeadlineExceeded);
        match NotGrpc::in_status(status) {
            Some(page) => Self::Page(page),
            None if is_unanswered => Self::Nothing,
            None => Self::Grpc,
        }
    }
}

/// Connects and asks for the services.
async fn reach(
    addresses: &Addresses,
    options: &SourceOptions,
) -> Result<(Link, GetServicesResponse), (SpanError, Answered)> {
    let link = Link::connect(addresses, options)
        .await
        .map_err(|error| (error, Answered::Nothing))?;
    match link.unary(V2_SERVICES, GetServicesRequest {}).await {
        Ok(services) => Ok((link, services)),
        Err(status) => Err((link.not_jaeger(&status), Answered::of(&status))),
    }
}

impl Link {
    async fn connect(addresses: &Addresses, options: &SourceOptions) -> Result<Self, SpanError> {
        let address = shown(&addresses.grpc);
        let failed = |error: &dyn std::error::Error| {
            if let Some(advice) = open_files::advice(&http::causes(error)) {
                return SpanError::new(format!(
                    "no connection to Jaeger gRPC at {address} ({}): {advice}",
                    http::causes(error)
                ));
            }
            SpanError::new(format!(
                "no Jaeger gRPC answers at {address} ({}): {NO_ANSWER}",
                http::causes(error)
            ))
        };
        let timeout = CONNECT_TIMEOUT.min(options.timeout);
        let mut endpoint = Endpoint::from_shared(base(&addresses.grpc))
            .map_err(|error| failed(&error))?
            .connect_timeout(timeout);
        if addresses.grpc.scheme() == "https" {
            let config = options.tls.for_grpc(timeout);
            endpoint = endpoint
                .tls_config(config.map_err(|error| SpanError::new(error.to_string()))?)
                .map_err(|error| failed(&error))?;
        }
        // The connect timeout of the endpoint covers TCP only; a peer that accepts and is silent
        // during TLS must not hang us.
        let connected = tokio::time::timeout(timeout.saturating_mul(2), endpoint.connect())
            .await
            .map_err(|error| failed(&error))?;
        let channel = connected.map_err(|error| failed(&error))?;
        Ok(Self {
            channel,
            budget: Budget::default(),
            metadata: metadata(&options.headers)?,
            timeout: options.timeout,
            address,
        })
    }

    async fn unary<Q, R>(&self, path: PathAndQuery, message: Q) -> Result<R, Status>
    where
        Q: Message + Clone + Send + Sync + 'static,
        R: Message + Default + Send + Sync + 'static,
    {
        self.stream::<Q, R>(path, message)
            .await?
            .messages
            .into_iter()
            .next()
            .ok_or_else(|| Status::internal("the reply is empty"))
    }

    /// All messages of one reply: beyond its share of the budget alone, and beyond the budget not
    /// at all. Reads a unary reply as well, which is a stream of one message.
    async fn stream<Q, R>(&self, path: PathAndQuery, message: Q) -> Result<Replies<R>, Status>
    where
        Q: Message + Clone + Send + Sync + 'static,
        R: Message + Default + Send + Sync + 'static,
    {
        if let Some(replies) = self.timed(path.clone(), message.clone(), SHARE).await? {
            return Ok(replies);
        }
        let turn = Some(self.budget.alone().await);
        let replies = self
            .timed(path, message, ALONE)
            .await?
            .map(|replies| Replies {
                _turn: turn,
                ..replies
            });
        replies.ok_or_else(|| {
            Status::out_of_range(format!("the trace is larger than {} MiB", ALONE >> 20))
        })
    }

    /// None where the reply is longer than `limit`.
    async fn timed<Q, R>(
        &self,
        path: PathAndQuery,
        message: Q,
        limit: usize,
    ) -> Result<Option<Replies<R>>, Status>
    where
        Q: Message + Send + Sync + 'static,
        R: Message + Default + Send + Sync + 'static,
    {
        let timed = tokio::time::timeout(self.timeout, self.untimed(path, message, limit)).await;
        timed.unwrap_or_else(|_| {
            Err(Status::deadline_exceeded(format!(
                "no complete reply within {} s",
                self.timeout.as_secs_f64()
            )))
        })
    }

    async fn untimed<Q, R>(
        &self,
        path: PathAndQuery,
        message: Q,
        limit: usize,
    ) -> Result<Option<Replies<R>>, Status>
    where
        Q: Message + Send + Sync + 'static,
        R: Message + Default + Send + Sync + 'static,
    {
        let mut grpc = Grpc::new(Reading(self.channel.clone())).max_decoding_message_size(limit);
        grpc.ready()
            .await
            .map_err(|error| Status::unavailable(http::causes(&error)))?;
        let mut request = Request::new(message);
        *request.metadata_mut() = self.metadata.clone();
        let mut stream = grpc
            .server_streaming(request, path, CountingCodec::<Q, R>::default())
            .await?
            .into_inner();
        let (mut messages, mut bytes) = (Vec::new(), 0_usize);
        loop {
            match stream.message().await {
                Ok(Some(Counted {
                    message,
                    bytes: more,
                })) => {
                    bytes = bytes.saturating_add(more);
                    messages.push(message);
                }
                Ok(None) => {
                    return Ok(Some(Replies {
                        messages,
                        bytes,
                        _turn: None,
                    }));
                }
                // tonic's word for a message beyond the limit that it was given.
                Err(status)
                    if status.code() == Code::OutOfRange
                        && status.message().contains("message length too large") =>
                {
                    return Ok(None);
                }
                Err(status) => return Err(status),
            }
            if bytes > limit {
                return Ok(None);
            }
        }
    }

    /// The API that shows itself by an answer of its own: api_v3 where it is whole, which an old
    /// server (1.46 to about 1.64) shows not to be by how it answers for an unknown id: status
    /// UNKNOWN, where newer ones send an empty stream or NOT_FOUND. That api_v3 failed shows
    /// nothing of api_v2, which is asked itself.
    async fn choose_api(&self) -> Result<Api, SpanError> {
        let v3 = match self
            .stream::<_, TracesData>(V3_TRACE, jaeger_v3::request(UNKNOWN_ID))
            .await
        {
            Ok(_) => return Ok(Api::V3),
            Err(status) if status.code() == Code::NotFound => return Ok(Api::V3),
            Err(status) => grpc_failure(&status),
        };
        let v2 = match self
            .stream::<_, SpansResponseChunk>(V2_TRACE, v2_request(UNKNOWN_ID))
            .await
        {
            Ok(_) => return Ok(Api::V2),
            Err(status) => grpc_failure(&status),
        };
        if v2.no_such_trace {
            return Ok(Api::V2);
        }
        let text = format!(
            "Jaeger at {} answers, but neither of its query APIs works (api_v3: {}; api_v2: {}): \
             check its log and that of its storage",
            self.address, v3.words, v2.words
        );
        Err(
            SpanError::new(text).with(if matches!(v3.again, Again::Later(_)) {
                v3.again
            } else {
                v2.again
            }),
        )
    }

    fn not_jaeger(&self, status: &Status) -> SpanError {
        let failure = grpc_failure(status);
        let (address, words) = (&self.address, &failure.words);
        // Silence at the first question is no promise of an answer.
        let again = if status.code() == Code::DeadlineExceeded {
            Again::Never
        } else {
            failure.again
        };
        SpanError::new(match (failure.refused, again) {
            (true, _) => format!(
                "{address} denied access to the list of services ({words}): set tracing.spans \
                 headers"
            ),
            (_, Again::Later(_)) => format!(
                "Jaeger gRPC at {address} can't list its services now ({words}): check its log"
            ),
            _ => format!(
                "the server at {address} does not list services like Jaeger ({words}): \
                 tracing.spans endpoint must lead to Jaeger's gRPC query port, usually 16685"
            ),
        })
        .with(again)
    }

    fn failed(&self, trace_id: u128, status: &Status) -> SpanError {
        let failure = grpc_failure(status);
        let advice = match status.code() {
            _ if failure.refused => "set tracing.spans headers",
            Code::Unavailable => "check that it is still running",
            Code::DeadlineExceeded => "it is overloaded or hangs; check its log",
            _ => "check its log",
        };
        self.wrong(trace_id, &failure.words, advice)
            .with(failure.again)
    }

    fn wrong(&self, trace_id: u128, what: &str, advice: &str) -> SpanError {
        SpanError::new(format!(
            "Jaeger gRPC at {} did not deliver trace {trace_id:032x} ({what}): {advice}",
            self.address
        ))
    }
}

fn metadata(headers: &[(String, String)]) -> Result<MetadataMap, SpanError> {
    let mut map = MetadataMap::new();
    for (name, value) in headers {
        let wrong = || {
            SpanError::new(format!(
                "the header \"{}\" of tracing.spans can't be sent by gRPC: use a lower-case name \
                 and printable text",
                cleaned(name)
            ))
        };
        let key: AsciiMetadataKey = name.to_ascii_lowercase().parse().map_err(|_| wrong())?;
        let value: AsciiMetadataValue = value.parse().map_err(|_| wrong())?;
        map.append(key, value);
    }
    Ok(map)
}

fn v2_request(trace_id: u128) -> GetTraceRequest {
    let time = |seconds| Some(Timestamp { seconds, nanos: 0 });
    let trace_id = trace_id.to_be_bytes().to_vec();
    GetTraceRequest {
        trace_id,
        start_time: time(1),
        end_time: time(jaeger_v3::FAR_FUTURE_S),
        raw_traces: true,
    }
}

#[async_trait::async_trait]
impl SpanSource for Jaeger {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    async fn trace(&self, trace_id: u128) -> Result<Trace, SpanError> {
        let read = match self.api {
            Api::V2 => self
                .link
                .stream::<_, SpansResponseChunk>(V2_TRACE, v2_request(trace_id))
                .await
                .map(|reply| {
                    jaeger_v2::trace_from_chunks(trace_id, reply.messages, reply.bytes > 0)
                }),
            Api::V3 => self
                .link
                .stream::<_, TracesData>(V3_TRACE, jaeger_v3::request(trace_id))
                .await
                .map(|reply| {
                    jaeger_v3::trace_from_messages(trace_id, reply.messages, reply.bytes > 0)
                }),
        };
        match read {
            Ok(trace) => trace.map_err(|error| {
                self.link.wrong(
                    trace_id,
                    &format!("an unknown form, {error}"),
                    "check its log",
                )
            }),
            Err(status) if grpc_failure(&status).no_such_trace => Ok(Trace {
                trace_id,
                spans: Vec::new(),
            }),
            Err(status) => Err(self.link.failed(trace_id, &status)),
        }
    }

    async fn loss(&self) -> Option<LossCounters> {
        http::loss(&self.http, &self.addresses.admin).await
    }

    async fn services(&self) -> Result<Vec<String>, SpanError> {
        let reply: GetServicesResponse = self
            .link
            .unary(V2_SERVICES, GetServicesRequest {})
            .await
            .map_err(|status| self.link.not_jaeger(&status))?;
        Ok(reply.services)
    }
}
