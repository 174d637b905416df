//! Source `jaeger-json`: Jaeger's HTTP API on port 16686. Its legacy path keeps times in whole microseconds; where that is gone,
//! api_v3 over HTTP is read, which is OTLP JSON.

use reqwest::Client;
use url::Url;

use super::address::{addresses, base, shown};
use super::http::{self, Answer};
use super::otlp_json::read::Line;
use super::source::cleaned;
use super::{LossCounters, SourceInfo, SourceOptions, SpanError, SpanSource, Trace, jaeger_legacy, jaeger_tags};

/// Any id that no run has: its upper half, the nonce, is zero.
const UNKNOWN_ID: u128 = 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Path {
    Legacy,
    V3,
}

struct JaegerJson {
    client: Client,
    base: String,
    path: Path,
    info: SourceInfo,
    admin: Vec<Url>,
}

/// Finds out which of the two paths answers.
pub(super) async fn open(options: &SourceOptions) -> Result<Box<dyn SpanSource>, SpanError> {
    let addresses = addresses(options)?;
    let (address, base) = (shown(&addresses.http), base(&addresses.http));
    let client = http::client(options)?;
    let path = choose_path(&client, &base, &address).await?;
    let ui = http::ui(&client, &addresses.http).await;
    let (server, remark, resolution_ns) = match path {
        Path::Legacy => ("JSON", "times are whole microseconds: publish Jaeger's gRPC port 16685 for nanoseconds", 1_000),
        Path::V3 => ("JSON api_v3", "", 1),
    };
    let info =
        SourceInfo { name: "jaeger-json", server: format!("Jaeger {server} at {address}"), remark: remark.to_owned(), resolution_ns, ui };
    Ok(Box::new(JaegerJson { client, base, path, info, admin: addresses.admin }))
}

async fn choose_path(client: &Client, base: &str, address: &str) -> Result<Path, SpanError> {
    let unreachable = |error: String| {
        SpanError(format!(
            "no Jaeger JSON answers at {address} ({error}): start Jaeger, publish its port 16686, or set tracing.spans endpoint"
        ))
    };
    let legacy = http::get(client, &url(base, Path::Legacy, UNKNOWN_ID)).await.map_err(unreachable)?;
    if is_legacy(&legacy) {
        return Ok(Path::Legacy);
    }
    if matches!(legacy.status, 401 | 403) {
        return Err(SpanError(format!("what answers at {address} refuses to be read ({}): set tracing.spans headers", legacy.described())));
    }
    let v3 = http::get(client, &format!("{base}/api/v3/services")).await.map_err(unreachable)?;
    if v3.status == 200 && v3.is_json() {
        return Ok(Path::V3);
    }
    Err(SpanError(format!(
        "what answers at {address} is not Jaeger's JSON ({}): tracing.spans endpoint must lead to Jaeger's HTTP port, mostly 16686, with its base path if it has one",
        legacy.described()
    )))
}

/// For an unknown id, Jaeger answers 404 with its envelope; look-alikes answer 200 with no data.
fn is_legacy(answer: &Answer) -> bool {
    matches!(answer.status, 200 | 404) && answer.is_json() && jaeger_legacy::is_envelope(&answer.body)
}

fn url(base: &str, path: Path, trace_id: u128) -> String {
    match path {
        Path::Legacy => format!("{base}/api/traces/{trace_id:032x}?raw=true"),
        // Snake case works in all versions, also in those that document camel case.
        Path::V3 => {
            format!("{base}/api/v3/traces/{trace_id:032x}?start_time=1970-01-01T00:00:01Z&end_time=2100-01-01T00:00:00Z&raw_traces=true")
        }
    }
}

impl JaegerJson {
    fn wrong(&self, trace_id: u128, what: &str) -> SpanError {
        SpanError(format!(
            "{} did not deliver trace {trace_id:032x} ({what}): look at its log, or read by gRPC with tracing.spans source = \"jaeger\"",
            self.info.server
        ))
    }

    fn parse(&self, trace_id: u128, body: &[u8]) -> Result<Trace, SpanError> {
        let read = match self.path {
            Path::Legacy => jaeger_legacy::read(trace_id, body),
            Path::V3 => read_v3(trace_id, body),
        };
        read.map_err(|error| self.wrong(trace_id, &format!("its JSON can't be read: {}", cleaned(&error.to_string()))))
    }
}

/// One or several objects `{"result": {"resourceSpans": [...]}}`, one after the other; none for an empty body.
fn read_v3(trace_id: u128, body: &[u8]) -> serde_json::Result<Trace> {
    #[derive(serde::Deserialize)]
    struct Reply {
        result: Line,
    }
    let mut spans = Vec::new();
    for reply in serde_json::Deserializer::from_slice(body).into_iter::<Reply>() {
        spans.extend(reply?.result.into_spans());
    }
    Ok(jaeger_tags::trace_of(trace_id, spans))
}

#[async_trait::async_trait]
impl SpanSource for JaegerJson {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    async fn trace(&self, trace_id: u128) -> Result<Trace, SpanError> {
        let answer = http::get(&self.client, &url(&self.base, self.path, trace_id)).await.map_err(|error| self.wrong(trace_id, &error))?;
        match answer.status {
            // Of an unknown path 404 would be text; such a server is not chosen, but a proxy may come and go.
            404 if answer.is_json() => Ok(Trace { trace_id, spans: Vec::new() }),
            200 if answer.is_json() => self.parse(trace_id, &answer.body),
            _ => Err(self.wrong(trace_id, &answer.described())),
        }
    }

    async fn loss(&self) -> Option<LossCounters> {
        http::loss(&self.client, &self.admin).await
    }

    async fn services(&self) -> Result<Vec<String>, SpanError> {
        // In all versions, unlike `/api/services`.
        let wrong = |what: String| SpanError(format!("{} did not list its services ({what}): look at its log", self.info.server));
        let answer = http::get(&self.client, &format!("{}/api/v3/services", self.base)).await.map_err(wrong)?;
        #[derive(serde::Deserialize)]
        struct Reply {
            services: Option<Vec<String>>,
        }
        let reply: Reply = serde_json::from_slice(&answer.body).map_err(|_| wrong(answer.described()))?;
        Ok(reply.services.unwrap_or_default())
    }
}
