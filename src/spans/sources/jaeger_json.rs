//! Source `jaeger-json`: Jaeger's HTTP API on port 16686. Its legacy path keeps times in whole
//! microseconds; where that is gone, api_v3 over HTTP is read, which is OTLP JSON.

use url::Url;

use super::address::{addresses, base, shown};
use super::budget::Budget;
use super::http::{self, Answer, Ask, Client, NoAnswer};
use super::jaeger_legacy;
use super::jaeger_troubles::{JAEGER, SIGN};
use super::source::{
    LossCounters, OpenFuture, Remedy, SourceEntry, SourceInfo, SourceKind, SourceOptions,
    SpanSource, Troubles,
};
use super::tls;
use crate::spans::assemble::only_trace;
use crate::spans::error::cleaned;
use crate::spans::error::{Again, SpanError};
use crate::spans::otlp::json::read::Line;
use crate::spans::span::Trace;
use crate::tls::Needs;

/// Its row in the table of sources.
pub(super) const ENTRY: SourceEntry = SourceEntry {
    name: "jaeger-json",
    reads: "Jaeger's JSON",
    times: "whole microseconds from the older of its two APIs",
    default_endpoint: "http://127.0.0.1:16686",
    kind: SourceKind::Pulled,
    own_keys: &["admin", "tls"],
    keeps_spans: true,
    may_be_late: false,
    sign: Some(SIGN),
    troubles: Troubles {
        other_server: &[Remedy {
            what: "the server at {place} does not speak HTTP/1: Jaeger's gRPC is on 16685, its \
                   JSON on 16686",
            change: "--spans, or in the scenario: [tracing.spans] endpoint = \
                     \"http://HOST:16686\"; or source = \"auto\", which reads both",
        }],
        ..JAEGER
    },
    connect: open,
};

/// What to do where nothing answers.
pub(super) const NO_ANSWER: &str =
    "start Jaeger, publish its port 16686, or set tracing.spans endpoint";

/// Any id that no run has: its upper half, the nonce, is zero.
const UNKNOWN_ID: u128 = 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Path {
    Legacy,
    V3,
}

struct JaegerJson {
    client: Client,
    budget: Budget,
    base: String,
    path: Path,
    info: SourceInfo,
    admin: Vec<Url>,
}

/// Finds out which of the two paths answers.
pub(super) fn open(options: &SourceOptions) -> OpenFuture<'_> {
    Box::pin(connect(options))
}

async fn connect(options: &SourceOptions) -> Result<Box<dyn SpanSource>, SpanError> {
    let addresses = addresses(options)?;
    let (address, base) = (shown(&addresses.http), base(&addresses.http));
    let client = http::client(options, &addresses.http)?;
    let budget = Budget::default();
    let path = Probe {
        client: &client,
        budget: &budget,
        base: &base,
        address: &address,
        options,
        url: &addresses.http,
    }
    .choose()
    .await?;
    let ui = http::ui(&client, &addresses.http).await;
    let (server, remark, resolution_ns) = match path {
        Path::Legacy => (
            "JSON",
            "times are whole microseconds: publish Jaeger's gRPC port 16685 for nanoseconds",
            1_000,
        ),
        Path::V3 => ("JSON api_v3", "", 1),
    };
    let info = SourceInfo {
        entry: &ENTRY,
        server: format!("Jaeger {server} at {address}"),
        remark: remark.to_owned(),
        resolution_ns,
        ui,
    };
    Ok(Box::new(JaegerJson {
        client,
        budget,
        base,
        path,
        info,
        admin: addresses.admin,
    }))
}

/// What is asked before the first trace.
struct Probe<'a> {
    client: &'a Client,
    budget: &'a Budget,
    base: &'a str,
    address: &'a str,
    options: &'a SourceOptions,
    url: &'a Url,
}

impl Probe<'_> {
    /// The path that shows itself by an answer of its own. That the other one failed shows nothing:
    /// a server that is busy answers neither well.
    async fn choose(&self) -> Result<Path, SpanError> {
        let legacy = self.get(&url(self.base, Path::Legacy, UNKNOWN_ID)).await?;
        if is_legacy(&legacy) {
            return Ok(Path::Legacy);
        }
        if !is_absent(&legacy) {
            return Err(self.undecided(&legacy));
        }
        let services = self.get(&format!("{}/api/v3/services", self.base)).await?;
        if !lists_services(&services) {
            return Err(if is_absent(&services) {
                self.not_jaeger(&legacy)
            } else {
                self.undecided(&services)
            });
        }
        let v3 = self.get(&url(self.base, Path::V3, UNKNOWN_ID)).await?;
        match is_v3(&v3) {
            true => Ok(Path::V3),
            false => Err(self.undecided(&v3)),
        }
    }

    async fn get(&self, url: &str) -> Result<Answer, SpanError> {
        let unreachable = |no: NoAnswer| {
            SpanError::new(format!(
                "no Jaeger JSON answers at {} ({}): {NO_ANSWER}",
                self.address, no.words
            ))
        };
        let answer = http::get(self.client, self.budget, Ask::any(url)).await;
        let status = answer.as_ref().ok().map(|answer| answer.status);
        let jaeger = ("Jaeger's JSON", self.url);
        match tls::trouble(self.options, jaeger, Needs::Http, status).await {
            Some(error) => Err(error),
            None => answer.map_err(unreachable),
        }
    }

    /// It answers, but shows no API: it refuses, is busy, or has trouble of its own.
    fn undecided(&self, answer: &Answer) -> SpanError {
        let (address, described) = (self.address, answer.described());
        let text = match answer.status {
            401 | 403 | 407 => {
                format!("{address} denied access ({described}): set tracing.spans headers")
            }
            300..=399 => format!(
                "{address} redirects ({described}): set tracing.spans endpoint to the final \
                 address, and headers if it needs a login"
            ),
            _ => format!(
                "the server at {address} does not say which of Jaeger's APIs it has \
                 ({described}): check its log and that of its storage"
            ),
        };
        SpanError::new(text).with(answer.again())
    }

    fn not_jaeger(&self, answer: &Answer) -> SpanError {
        SpanError::new(format!(
            "the server at {} is not Jaeger's JSON ({}): tracing.spans endpoint must lead to \
             Jaeger's HTTP port, usually 16686, with its base path if it has one",
            self.address,
            answer.described()
        ))
    }
}

/// For an unknown id, Jaeger answers 404 with its envelope (before a store that says it under 500:
/// that); look-alikes answer 200 with no data.
fn is_legacy(answer: &Answer) -> bool {
    let answered = matches!(answer.status, 200 | 404) || answer.names_missing_trace();
    answered && answer.is_json() && jaeger_legacy::is_envelope(&answer.body)
}

/// Such a path is not there: a page, a text, or an object that is something else.
fn is_absent(answer: &Answer) -> bool {
    matches!(answer.status, 200 | 404 | 405 | 410)
}

/// `{"services": [...]}`.
fn lists_services(answer: &Answer) -> bool {
    answer.status == 200 && answer.is_json() && services_in(&answer.body).is_some()
}

/// For an unknown id: that there is none, or an empty trace.
fn is_v3(answer: &Answer) -> bool {
    (answer.status == 404 && answer.names_missing_trace())
        || (answer.status == 200 && read_v3(UNKNOWN_ID, &answer.body).is_ok())
}

fn services_in(body: &[u8]) -> Option<Vec<String>> {
    #[derive(serde::Deserialize)]
    struct Reply {
        // As a field of type Option it would be optional.
        #[serde(deserialize_with = "serde::Deserialize::deserialize")]
        services: Option<Vec<String>>,
    }
    serde_json::from_slice::<Reply>(body)
        .ok()
        .map(|reply| reply.services.unwrap_or_default())
}

fn url(base: &str, path: Path, trace_id: u128) -> String {
    match path {
        Path::Legacy => format!("{base}/api/traces/{trace_id:032x}?raw=true"),
        // Snake case works in all versions, also in those that document camel case.
        Path::V3 => {
            format!(
                "{base}/api/v3/traces/{trace_id:032x}?start_time=1970-01-01T00:00:01Z\
                 &end_time=2100-01-01T00:00:00Z&raw_traces=true"
            )
        }
    }
}

impl JaegerJson {
    fn wrong(&self, trace_id: u128, what: &str, again: Again) -> SpanError {
        SpanError::new(format!(
            "{} did not deliver trace {trace_id:032x} ({what}): check its log, or read by gRPC \
             with tracing.spans source = \"jaeger\"",
            self.info.server
        ))
        .with(again)
    }

    fn parse(&self, trace_id: u128, answer: &Answer) -> Result<Trace, SpanError> {
        let read = match self.path {
            Path::Legacy => jaeger_legacy::read(trace_id, &answer.body),
            Path::V3 => read_v3(trace_id, &answer.body),
        };
        let unknown = |error: String| {
            format!(
                "its JSON can't be read, {}: {}",
                cleaned(&error),
                answer.first_words()
            )
        };
        read.map_err(|error| self.wrong(trace_id, &unknown(error), Again::Never))
    }
}

/// One or several objects `{"result": {"resourceSpans": [...]}}`, one after the other; none for an
/// empty body.
fn read_v3(trace_id: u128, body: &[u8]) -> Result<Trace, String> {
    #[derive(serde::Deserialize)]
    struct Reply {
        result: Line,
    }
    let (mut spans, mut groups) = (Vec::new(), 0);
    for reply in serde_json::Deserializer::from_slice(body).into_iter::<Reply>() {
        let line = reply.map_err(|error| error.to_string())?.result;
        groups += line.groups();
        spans.extend(line.into_spans());
    }
    only_trace(trace_id, spans, groups > 0)
}

#[async_trait::async_trait]
impl SpanSource for JaegerJson {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    async fn trace(&self, trace_id: u128) -> Result<Trace, SpanError> {
        let answer = http::get(
            &self.client,
            &self.budget,
            Ask::any(&url(&self.base, self.path, trace_id)),
        )
        .await;
        let answer = answer.map_err(|no| self.wrong(trace_id, &no.words, no.again))?;
        // Another 404 is that of a proxy, which may come and go.
        let is_unknown =
            answer.names_missing_trace() || (answer.status == 404 && is_legacy(&answer));
        match answer.status {
            _ if is_unknown => Ok(Trace {
                trace_id,
                spans: Vec::new(),
            }),
            200 if answer.is_json() => self.parse(trace_id, &answer),
            _ => Err(self.wrong(trace_id, &answer.described(), answer.again())),
        }
    }

    async fn loss(&self) -> Option<LossCounters> {
        http::loss(&self.client, &self.admin).await
    }

    async fn services(&self) -> Result<Vec<String>, SpanError> {
        // In all versions, unlike `/api/services`.
        let wrong = |what: String, again| {
            SpanError::new(format!(
                "{} did not list its services ({what}): check its log",
                self.info.server
            ))
            .with(again)
        };
        let answer = http::get(
            &self.client,
            &self.budget,
            Ask::any(&format!("{}/api/v3/services", self.base)),
        )
        .await;
        let answer = answer.map_err(|no| wrong(no.words, no.again))?;
        services_in(&answer.body)
            .filter(|_| answer.status == 200)
            .ok_or_else(|| wrong(answer.described(), answer.again()))
    }
}
