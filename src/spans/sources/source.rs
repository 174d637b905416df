//! The trait of a span source and the table of them.

use std::fmt;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::{Instant, sleep_until};

use super::auto;
use super::embedded;
use super::guard;
use super::jaeger;
use super::jaeger_json;
use super::none;
use crate::spans::{Again, SpanError, Trace};

/// Least and longest wait before a source that is busy is opened again.
const OPEN_AGAIN: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Where and how spans are read: `[tracing.spans]` as resolved. Everything but `endpoint` has a
/// default that fits.
#[derive(Clone)]
pub struct SourceOptions {
    /// Base URL, its path kept; None: the default of the source on 127.0.0.1.
    pub endpoint: Option<String>,
    /// Jaeger's gRPC address where it is not port 16685 of the endpoint's host; host:port or URL.
    pub grpc: Option<String>,
    /// Jaeger's HTTP address (JSON and UI) where it is not port 16686 of the endpoint's host;
    /// host:port or URL.
    pub http: Option<String>,
    /// Address of Jaeger's own counters where it is not port 14269 or 8888 of the endpoint's host;
    /// host:port or URL.
    pub admin: Option<String>,
    /// Headers or gRPC metadata of every request; may hold secrets, which is why `Debug` leaves
    /// their values out.
    pub headers: Vec<(String, String)>,
    /// Longest wait for one reply.
    pub timeout: Duration,
    /// Source `embedded`: address to listen on, host:port.
    pub listen: String,
    /// Source `embedded`: address to take OTLP/HTTP at, host:port; None: none is taken.
    pub listen_http: Option<String>,
    /// Source `embedded`: upper half of the trace ids that are kept, the run's nonce.
    pub nonce: u64,
    /// Source `embedded`: spans that are kept at most; later ones are dropped and counted.
    pub max_spans: usize,
}

impl Default for SourceOptions {
    fn default() -> Self {
        Self {
            endpoint: None,
            grpc: None,
            http: None,
            admin: None,
            headers: Vec::new(),
            timeout: Duration::from_secs(10),
            listen: "127.0.0.1:4317".to_owned(),
            listen_http: None,
            nonce: 0,
            // About 1 KB each.
            max_spans: 2_000_000,
        }
    }
}

impl fmt::Debug for SourceOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("SourceOptions")
            .field("endpoint", &self.endpoint)
            .field("grpc", &self.grpc)
            .field("http", &self.http)
            .field("admin", &self.admin)
            .field("headers", &names)
            .field("timeout", &self.timeout)
            .field("listen", &self.listen)
            .field("listen_http", &self.listen_http)
            .field("nonce", &self.nonce)
            .field("max_spans", &self.max_spans)
            .finish()
    }
}

/// What a source found out about its server when it was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceInfo {
    /// Row of [`SPAN_SOURCES`] that is used in the end, e.g. `jaeger` where `auto` was asked for.
    pub name: &'static str,
    /// Which API of which server at which address, in words, e.g. `Jaeger gRPC api_v2 at
    /// 127.0.0.1:16685`.
    pub server: String,
    /// Why this one was chosen, or what to open for a better one; empty when nothing need be said.
    pub remark: String,
    /// Resolution of times: 1 or 1,000 ns.
    pub resolution_ns: u32,
    /// Address of a UI, when a real UI (not a placeholder page) answers there.
    pub ui: Option<String>,
}

/// Drop counters of the trace back end, summed over services.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LossCounters {
    /// Spans that arrived.
    pub received: u64,
    /// Spans that the collector threw away.
    pub dropped: u64,
}

/// A place that spans can be read from by trace id.
#[async_trait::async_trait]
pub trait SpanSource: Send + Sync {
    /// What was found when the source was opened.
    fn info(&self) -> &SourceInfo;

    /// All spans of `trace_id` known now; empty when the id is unknown. Called with up to 16 ids at
    /// the same time, never twice with one id at a time.
    ///
    /// # Errors
    /// The server did not answer, or answered something that is no trace; the text says what and
    /// what to do.
    async fn trace(&self, trace_id: u128) -> Result<Trace, SpanError>;

    /// The back end's own counters, None where they can't be read.
    async fn loss(&self) -> Option<LossCounters> {
        None
    }

    /// What a receiver did not take and why, one sentence; None where there is nothing to say.
    fn refused(&self) -> Option<String> {
        None
    }

    /// Services that the back end has spans of, empty where it can't tell; what doctor shows.
    ///
    /// # Errors
    /// As for [`SpanSource::trace`].
    async fn services(&self) -> Result<Vec<String>, SpanError> {
        Ok(Vec::new())
    }
}

/// What opening a source gives.
pub type OpenFuture<'a> = BoxFuture<'a, Result<Box<dyn SpanSource>, SpanError>>;

/// One row of [`SPAN_SOURCES`].
pub struct SourceEntry {
    /// Name as written in the scenario.
    pub name: &'static str,
    /// What it is, a few words.
    pub summary: &'static str,
    /// Endpoint that is used when the scenario names none; empty where there is nothing to connect
    /// to.
    pub default_endpoint: &'static str,
    /// Connects, and finds out what answers.
    pub open: for<'a> fn(&'a SourceOptions) -> OpenFuture<'a>,
}

/// Every place that spans can be read from.
pub const SPAN_SOURCES: &[SourceEntry] = &[
    SourceEntry {
        name: "auto",
        summary: "Jaeger gRPC, else Jaeger JSON, else none",
        default_endpoint: "http://127.0.0.1:16686",
        open: |options| Box::pin(async move { guard::guard(options, auto::open(options).await) }),
    },
    SourceEntry {
        name: "jaeger",
        summary: "Jaeger's gRPC query API, times in nanoseconds",
        default_endpoint: "http://127.0.0.1:16685",
        open: |options| Box::pin(async move { guard::guard(options, jaeger::open(options).await) }),
    },
    SourceEntry {
        name: "jaeger-json",
        summary: "Jaeger's JSON, times in whole microseconds",
        default_endpoint: "http://127.0.0.1:16686",
        open: |options| {
            Box::pin(async move { guard::guard(options, jaeger_json::open(options).await) })
        },
    },
    SourceEntry {
        name: "embedded",
        summary: "milvus-bench is the OTLP receiver that Milvus sends to",
        default_endpoint: "",
        open: |options| Box::pin(embedded::open(options)),
    },
    SourceEntry {
        name: "none",
        summary: "no server spans: the report shows the client's side only",
        default_endpoint: "",
        open: |options| Box::pin(none::open(options)),
    },
];

/// Opens `entry`. A server that says it can't answer now is asked until `deadline`, and `waits` is
/// told why; nobody there, or somebody else, ends at once.
///
/// # Errors
/// As for [`SourceEntry::open`].
pub async fn open_until(
    entry: &SourceEntry,
    options: &SourceOptions,
    deadline: Instant,
    waits: &dyn Fn(&SpanError),
) -> Result<Box<dyn SpanSource>, SpanError> {
    loop {
        let error = match (entry.open)(options).await {
            Ok(source) => return Ok(source),
            Err(error) => error,
        };
        let Again::Later(after) = error.again else {
            return Err(error);
        };
        let (now, after) = (
            Instant::now(),
            after.unwrap_or(OPEN_AGAIN).clamp(OPEN_AGAIN, LONGEST_WAIT),
        );
        if now >= deadline {
            return Err(error);
        }
        waits(&error);
        sleep_until((now + after).min(deadline)).await;
    }
}

/// The row named `name`.
#[must_use]
pub fn find_source(name: &str) -> Option<&'static SourceEntry> {
    SPAN_SOURCES.iter().find(|entry| entry.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found() {
        for (row, entry) in SPAN_SOURCES.iter().enumerate() {
            assert!(
                SPAN_SOURCES[..row]
                    .iter()
                    .all(|earlier| earlier.name != entry.name),
                "{} stands twice",
                entry.name
            );
            assert!(find_source(entry.name).is_some_and(|found| found.summary == entry.summary));
        }
        assert!(find_source("tempo").is_none());
    }

    #[test]
    fn debug_output_hides_header_values() {
        let options = SourceOptions {
            headers: vec![("authorization".into(), "Bearer s3cret".into())],
            ..SourceOptions::default()
        };
        let shown = format!("{options:?}");
        assert!(
            shown.contains("authorization") && !shown.contains("s3cret"),
            "{shown}"
        );
    }
}
