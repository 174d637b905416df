//! Source `tempo`: Grafana Tempo's HTTP API on port 3200. `/api/v2/traces/ID` says whether a trace
//! is partial; servers without it are read by `/api/traces/ID`. Both are asked for protobuf, and
//! JSON is read where it comes all the same. Written and tested by Tempo's documentation and
//! source, against a scripted server.
//!
//! An id that Tempo does not know is no lost one: a trace can be asked for when it was handed on to
//! where queries look, which may take minutes. So the row says that ids may be late.

use std::sync::OnceLock;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use opentelemetry_proto::tonic::trace::v1::TracesData;
use prost::Message;
use serde_json::{Value, json};

use super::address::{base, parse, shown};
use super::budget::Budget;
use super::http::{self, Answer, Ask, Client, NoAnswer};
use super::source::{
    OpenFuture, Remedy, Sign, SignBody, SourceEntry, SourceInfo, SourceKind, SourceOptions,
    SpanSource, Troubles,
};
use super::tls;
use crate::spans::assemble::only_trace;
use crate::spans::error::{Again, SpanError, cleaned};
use crate::spans::otlp::{json::read::Line, protobuf};
use crate::spans::span::{ServerSpan, Trace};
use crate::tls::Needs;

const ENDPOINT: &str = "http://127.0.0.1:3200";
const SET_ENDPOINT: &str =
    "--spans, or in the scenario: [tracing.spans] endpoint = \"http://HOST:3200\"";

/// Its row in the table of sources.
pub(super) const ENTRY: SourceEntry = SourceEntry {
    name: "tempo",
    reads: "Grafana Tempo's HTTP API on 3200, v2 or older; tested against a scripted server that \
            answers as Tempo's documentation says, not against a real Tempo",
    times: "nanoseconds",
    default_endpoint: ENDPOINT,
    kind: SourceKind::Pulled,
    own_keys: &["tls"],
    keeps_spans: true,
    may_be_late: true,
    sign: Some(ECHO),
    troubles: Troubles {
        not_there: &[
            Remedy {
                what: "nothing listens at {place}: Tempo is not running",
                change: "docker compose ps; kubectl get pods",
            },
            Remedy {
                what: "its port is not published",
                change: "Compose, service tempo: ports: [\"127.0.0.1:3200:3200\"]; Kubernetes: \
                         kubectl port-forward service/tempo 3200 (in microservices mode: \
                         service/tempo-query-frontend)",
            },
        ],
        web_port: OTHER_SERVER,
        other_server: OTHER_SERVER,
        web_page: &[Remedy {
            what: "Tempo is served below a base path (http_api_prefix), or a proxy with a login \
                   is required",
            change: "--spans, or in the scenario: [tracing.spans] endpoint = \
                     \"http://HOST:3200/BASE/PATH\", or headers = { authorization = \"${NAME}\" }",
        }],
        refused: &[Remedy {
            what: "it requires authentication, or a tenant (multitenancy_enabled)",
            change: "in the scenario: [tracing.spans] headers = { x-scope-orgid = \"${NAME}\" }, \
                     and authorization = \"${NAME}\" where a login is required",
        }],
        no_services: &[Remedy {
            what: "a proxy passes on only a part of its API",
            change: "the proxy before it: /api/search/tag/service.name/values",
        }],
        no_counters: "whether Milvus traces on its own is unknown, since Tempo's counters are not \
                      read",
        held_back: "Tempo's overrides: defaults: global: max_bytes_per_trace; or its span pruning",
        other_back_end: &[Remedy {
            what: "OTLP endpoint and span source belong to two different back ends, or to two \
                   tenants of one",
            change: "--otlp and --spans, or in the scenario: [tracing] export and [tracing.spans] \
                     endpoint: host of one Tempo, its ports 4317 and 3200; and the same \
                     x-scope-orgid in OTEL_EXPORTER_OTLP_HEADERS",
        }],
        otlp_from_container: "tempo:4317",
        otlp_from_container_in_words: "tempo:4317 (the Compose service), or \
                                       host.docker.internal:4317",
        ..Troubles::NONE
    },
    connect: open,
};

const OTHER_SERVER: &[Remedy] = &[Remedy {
    what: "the server at {place} is not Tempo's query frontend (3200 HTTP)",
    change: SET_ENDPOINT,
}];

/// What its query frontend says when it can be asked; without a tenant, too.
const ECHO: Sign = Sign {
    path: "/api/echo",
    body: SignBody::Is("echo"),
    server: "Grafana Tempo",
};

/// Any id that no run has: its upper half, the nonce, is zero.
const UNKNOWN_ID: u128 = 1;
/// The version is an extra.
const EXTRA_TIMEOUT: Duration = Duration::from_secs(1);
const PROTOBUF: &str = "application/protobuf";
/// How `status` says that `trace` lacks spans.
const PARTIAL: i32 = 1;
const PARTIAL_NAME: &str = "PARTIAL";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Api {
    V2,
    V1,
}

/// `tempopb.TraceByIDResponse`; its trace has OTLP's wire format.
#[derive(Clone, PartialEq, Message)]
struct TraceById {
    #[prost(message, optional, tag = "1")]
    trace: Option<TracesData>,
    #[prost(int32, tag = "3")]
    status: i32,
    #[prost(string, tag = "4")]
    message: String,
}

/// What one reply held.
#[derive(Debug)]
struct Found {
    spans: Vec<ServerSpan>,
    /// Whether there were groups of spans, so that no spans are none of ours.
    held_something: bool,
    /// Why it is not the whole trace, in Tempo's words.
    partial: Option<String>,
}

struct Tempo {
    client: Client,
    budget: Budget,
    base: String,
    api: Api,
    info: SourceInfo,
    /// The first trace that Tempo called partial, and why.
    partial: OnceLock<(u128, String)>,
}

/// Finds out which of the two paths answers.
pub(super) fn open(options: &SourceOptions) -> OpenFuture<'_> {
    Box::pin(connect(options))
}

async fn connect(options: &SourceOptions) -> Result<Box<dyn SpanSource>, SpanError> {
    let endpoint = parse(options.endpoint.as_deref().unwrap_or(ENDPOINT))?;
    let mut tempo = Tempo {
        client: http::client(options, &endpoint)?,
        budget: Budget::default(),
        base: base(&endpoint),
        api: Api::V2,
        info: SourceInfo {
            entry: &ENTRY,
            server: format!("Tempo at {}", shown(&endpoint)),
            remark: String::new(),
            resolution_ns: 1,
            // Traces are looked at in Grafana, whose address is not known here.
            ui: None,
        },
        partial: OnceLock::new(),
    };
    let first = tempo.get_trace(Api::V2, UNKNOWN_ID).await;
    let status = first.as_ref().ok().map(|answer| answer.status);
    if let Some(error) = tls::trouble(options, ("Tempo", &endpoint), Needs::Http, status).await {
        return Err(error);
    }
    tempo.api = tempo.choose_api(&shown(&endpoint), first).await?;
    let version = tempo
        .version()
        .await
        .map_or_else(String::new, |version| format!(" {}", cleaned(&version)));
    let api = if tempo.api == Api::V2 { "v2" } else { "v1" };
    tempo.info.server = format!("Tempo{version} API {api} at {}", shown(&endpoint));
    Ok(Box::new(tempo))
}

impl Tempo {
    async fn get(&self, path: &str, accept: &'static str) -> Result<Answer, NoAnswer> {
        let url = format!("{}{path}", self.base);
        let ask = Ask { url: &url, accept };
        http::get(&self.client, &self.budget, ask).await
    }

    async fn get_trace(&self, api: Api, trace_id: u128) -> Result<Answer, NoAnswer> {
        let path = match api {
            Api::V2 => format!("/api/v2/traces/{trace_id:032x}"),
            Api::V1 => format!("/api/traces/{trace_id:032x}"),
        };
        self.get(&path, PROTOBUF).await
    }

    /// The newer path where it answers an unknown id as such. The older one shows nothing by its
    /// 404, which many servers have there, so the server must show itself otherwise.
    async fn choose_api(
        &self,
        address: &str,
        v2: Result<Answer, NoAnswer>,
    ) -> Result<Api, SpanError> {
        let unreachable = |no: NoAnswer| {
            SpanError::new(format!(
                "no Tempo answers at {address} ({}): start Tempo, publish its port 3200, or set \
                 tracing.spans endpoint",
                no.words
            ))
        };
        let v2 = v2.map_err(unreachable)?;
        if (v2.status == 200 && read(Api::V2, &v2).is_ok()) || v2.names_missing_trace() {
            return Ok(Api::V2);
        }
        if !matches!(v2.status, 200 | 400 | 404 | 405) {
            return Err(self.undecided(address, &v2).await);
        }
        if !http::shows(&self.client, &self.base, &ECHO).await {
            return Err(SpanError::new(format!(
                "the server at {address} is not Tempo ({}): tracing.spans endpoint must lead to \
                 the HTTP port of Tempo's query frontend, mostly 3200, with its base path if it \
                 has one",
                v2.described()
            )));
        }
        let v1 = self
            .get_trace(Api::V1, UNKNOWN_ID)
            .await
            .map_err(unreachable)?;
        match v1.status {
            200 if read(Api::V1, &v1).is_ok() => Ok(Api::V1),
            404 if !is_no_route(&v1) => Ok(Api::V1),
            _ => Err(self.undecided(address, &v1).await),
        }
    }

    /// It answers, but not for an id: it refuses, is starting, or has trouble of its own.
    async fn undecided(&self, address: &str, answer: &Answer) -> SpanError {
        let described = answer.described();
        let text = match answer.status {
            401 | 403 | 407 => format!(
                "{address} denied access ({described}): set tracing.spans headers, for a Tempo \
                 with tenants x-scope-orgid"
            ),
            300..=399 => format!(
                "{address} redirects ({described}): set tracing.spans endpoint to the final \
                 address, and headers if it needs a login"
            ),
            _ => match self.get("/ready", "*/*").await {
                Ok(ready) if ready.status == 503 && !ready.is_html() => {
                    return SpanError::new(format!(
                        "Tempo at {address} can't be read now, since it is not ready ({}): wait, \
                         or check its log",
                        ready.first_words()
                    ))
                    .with(Again::Later(ready.retry_after));
                }
                _ => format!(
                    "the server at {address} does not say which of Tempo's APIs it has \
                     ({described}): check its log and that of its storage"
                ),
            },
        };
        SpanError::new(text).with(answer.again())
    }

    async fn version(&self) -> Option<String> {
        let asked = self.get("/api/status/buildinfo", "*/*");
        let answer = tokio::time::timeout(EXTRA_TIMEOUT, asked)
            .await
            .ok()?
            .ok()?;
        let info: Value = serde_json::from_slice(&answer.body).ok()?;
        let version = info.get("version")?.as_str()?;
        (answer.status == 200 && !version.is_empty()).then(|| version.to_owned())
    }

    fn wrong(&self, trace_id: u128, what: &str, again: Again) -> SpanError {
        SpanError::new(format!(
            "{} did not deliver trace {trace_id:032x} ({what}): check its log and that of its \
             storage",
            self.info.server
        ))
        .with(again)
    }

    fn parse(&self, trace_id: u128, answer: &Answer) -> Result<Trace, SpanError> {
        let read = read(self.api, answer).and_then(|found| {
            if let Some(why) = found.partial {
                self.partial.get_or_init(|| (trace_id, cleaned(&why)));
            }
            only_trace(trace_id, found.spans, found.held_something)
        });
        read.map_err(|error| {
            let what = format!("its reply can't be read, {}", cleaned(&error));
            self.wrong(trace_id, &what, Again::Never)
        })
    }
}

/// The words of a router that has no such path; of a trace that is not there Tempo says so, or
/// nothing.
fn is_no_route(answer: &Answer) -> bool {
    answer.is_html() || answer.first_words().contains("page not found")
}

fn read(api: Api, answer: &Answer) -> Result<Found, String> {
    if answer.is_json() {
        return read_json(&answer.body);
    }
    if !answer.content_type.starts_with("application/") || answer.is_html() {
        return Err(format!("status {} is not protobuf", answer.status));
    }
    let reply = match api {
        Api::V2 => TraceById::decode(answer.body.as_slice()),
        Api::V1 => TracesData::decode(answer.body.as_slice()).map(|trace| TraceById {
            trace: Some(trace),
            ..TraceById::default()
        }),
    };
    let reply = reply.map_err(|error| error.to_string())?;
    let groups = reply.trace.unwrap_or_default().resource_spans;
    let (mut spans, held_something) = (Vec::new(), !groups.is_empty());
    protobuf::convert(groups, &mut |span| spans.push(span));
    Ok(Found {
        spans,
        held_something,
        partial: (reply.status == PARTIAL).then_some(reply.message),
    })
}

/// `{"trace": {"resourceSpans": [...]}, "status": ..., "message": ...}`, or `{"batches": [...]}` of
/// the older path. Both are protobuf's own JSON, which writes ids as base64 and kinds by name where
/// OTLP's has hex and numbers, or already OTLP's: versions differ.
fn read_json(body: &[u8]) -> Result<Found, String> {
    let mut reply: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let partial = [json!(PARTIAL), json!(PARTIAL_NAME)].contains(&reply["status"]);
    let message = reply["message"].as_str().unwrap_or_default().to_owned();
    let whole = match &mut reply {
        // Of an unknown id the trace has nothing, not even a list.
        Value::Object(fields) if fields.contains_key("trace") => {
            let trace = &mut fields["trace"];
            groups(trace).unwrap_or(json!([]))
        }
        older => groups(older).ok_or("no batches at the expected place")?,
    };
    let mut line = json!({ "resourceSpans": whole });
    otlp(&mut line);
    let line: Line = serde_json::from_value(line).map_err(|error| error.to_string())?;
    Ok(Found {
        held_something: line.groups() > 0,
        spans: line.into_spans(),
        partial: partial.then_some(message),
    })
}

/// The groups of spans under their newer or older name.
fn groups(trace: &mut Value) -> Option<Value> {
    ["resourceSpans", "batches"]
        .iter()
        .find_map(|name| trace.get_mut(*name).map(Value::take))
}

/// Turns protobuf's JSON of groups of spans into OTLP's.
fn otlp(line: &mut Value) {
    for group in list(line, "resourceSpans") {
        rename(group, "instrumentationLibrarySpans", "scopeSpans");
        for scope in list(group, "scopeSpans") {
            rename(scope, "instrumentationLibrary", "scope");
            for span in list(scope, "spans") {
                for (key, bytes) in [("traceId", 16), ("spanId", 8), ("parentSpanId", 8)] {
                    hex_id(span, key, bytes);
                }
                number(span.get_mut("kind"), &KINDS);
                let code = span
                    .get_mut("status")
                    .and_then(|status| status.get_mut("code"));
                number(code, &CODES);
            }
        }
    }
}

/// Names of kinds and codes by their numbers.
const KINDS: [&str; 6] = [
    "SPAN_KIND_UNSPECIFIED",
    "SPAN_KIND_INTERNAL",
    "SPAN_KIND_SERVER",
    "SPAN_KIND_CLIENT",
    "SPAN_KIND_PRODUCER",
    "SPAN_KIND_CONSUMER",
];
const CODES: [&str; 3] = ["STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"];

fn list<'a>(of: &'a mut Value, key: &str) -> impl Iterator<Item = &'a mut Value> {
    of.get_mut(key)
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
}

fn rename(of: &mut Value, older: &str, newer: &str) {
    if let Value::Object(fields) = of
        && let Some(value) = fields.remove(older)
    {
        fields.insert(newer.to_owned(), value);
    }
}

/// An id of `bytes` bytes in base64 becomes hex; what is hex already, or no id, stays as it is.
fn hex_id(span: &mut Value, key: &str, bytes: usize) {
    let Some(Value::String(id)) = span.get_mut(key) else {
        return;
    };
    if id.len() != 2 * bytes
        && let Ok(decoded) = STANDARD.decode(&*id)
    {
        *id = decoded.iter().map(|byte| format!("{byte:02x}")).collect();
    }
}

fn number(name: Option<&mut Value>, names: &[&str]) {
    if let Some(value) = name
        && let Some(at) = names.iter().position(|name| value == name)
    {
        *value = json!(at);
    }
}

#[async_trait::async_trait]
impl SpanSource for Tempo {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    async fn trace(&self, trace_id: u128) -> Result<Trace, SpanError> {
        let answer = self.get_trace(self.api, trace_id).await;
        let answer = answer.map_err(|no| self.wrong(trace_id, &no.words, no.again))?;
        match answer.status {
            200 => self.parse(trace_id, &answer),
            // Not there, or not yet.
            404 if !is_no_route(&answer) => Ok(Trace {
                trace_id,
                spans: Vec::new(),
            }),
            _ => Err(self.wrong(trace_id, &answer.described(), answer.again())),
        }
    }

    fn refused(&self) -> Option<String> {
        let (trace_id, why) = self.partial.get()?;
        Some(format!(
            "Tempo gave out traces in part, first {trace_id:032x} (\"{why}\")"
        ))
    }

    async fn services(&self) -> Result<Vec<String>, SpanError> {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Reply {
            // Left out where there is none.
            #[serde(default)]
            tag_values: Vec<String>,
        }
        let wrong = |what: String, again| {
            SpanError::new(format!(
                "{} did not list its services ({what}): check its log",
                self.info.server
            ))
            .with(again)
        };
        let answer = self.get("/api/search/tag/service.name/values", "*/*").await;
        let answer = answer.map_err(|no| wrong(no.words, no.again))?;
        match serde_json::from_slice::<Reply>(&answer.body) {
            Ok(reply) if answer.status == 200 => Ok(reply.tag_values),
            _ => Err(wrong(answer.described(), answer.again())),
        }
    }
}
