//! What a span source is: its trait, what it is opened with, and what its row in the table says.

use std::fmt;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::spans::error::SpanError;
use crate::spans::span::Trace;
use crate::tls::TlsOptions;

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
    /// TLS beyond the defaults, for addresses with https.
    pub tls: TlsOptions,
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
            tls: TlsOptions::default(),
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
            .field("tls", &self.tls)
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
    /// Row of the table that is used in the end, e.g. `jaeger` where `auto` was asked for.
    pub entry: &'static SourceEntry,
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

    /// What a receiver did not take, or a server did not give out whole, and why: one sentence;
    /// None where there is nothing to say.
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

/// How spans come from a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// A server that others send their spans to is asked for them by trace id.
    Pulled,
    /// This program listens, and spans are sent to it while the load runs.
    Received,
    /// There are no spans.
    Nothing,
}

/// A cause of a trouble, and what to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remedy {
    /// What may be wrong; `{place}` stands for the host:port that was asked or listened at,
    /// `{spans}` for a number of them.
    pub what: &'static str,
    /// A setting and where it stands.
    pub change: &'static str,
}

/// What a server answers that nobody else does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sign {
    /// Path below the endpoint.
    pub path: &'static str,
    /// The body, but for white space at its ends.
    pub body: SignBody,
    /// Name of the server.
    pub server: &'static str,
}

/// A body that a server shows itself by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignBody {
    /// It is this.
    Is(&'static str),
    /// It begins with this.
    Begins(&'static str),
}

/// What is said of a source where something is amiss. All of it is for people: nothing is decided
/// by it. An empty list where a source can't have the trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Troubles {
    /// Nothing listens at its address; of a receiver, that it can't listen there itself.
    pub not_there: &'static [Remedy],
    /// What listens speaks HTTP, but is not the source.
    pub web_port: &'static [Remedy],
    /// What listens speaks something else.
    pub other_server: &'static [Remedy],
    /// A web page came back.
    pub web_page: &'static [Remedy],
    /// It wants to know who reads.
    pub refused: &'static [Remedy],
    /// The services that it has spans of can't be listed.
    pub no_services: &'static [Remedy],
    /// What is not known without counters of its own.
    pub no_counters: &'static str,
    /// Its counters say that it threw spans away.
    pub dropped: &'static [Remedy],
    /// It records spans of its own work.
    pub own_work: &'static [Remedy],
    /// It changes the times of spans.
    pub moved_times: &'static [Remedy],
    /// What was exported can't be read, since that are two back ends.
    pub other_back_end: &'static [Remedy],
    /// Where [`SpanSource::refused`] names something: what to change.
    pub held_back: &'static str,
    /// Where a Milvus within a container sends its spans to, host:port: the usual name of the
    /// service in Compose, or that of the container's host.
    pub otlp_from_container: &'static str,
    /// That address in a sentence.
    pub otlp_from_container_in_words: &'static str,
}

/// One row of the table of sources.
#[derive(Clone, Copy)]
pub struct SourceEntry {
    /// Name as written in the scenario.
    pub name: &'static str,
    /// What is read, in a few words.
    pub reads: &'static str,
    /// Resolution of its times, in words; empty where there is nothing to say.
    pub times: &'static str,
    /// Endpoint that is used when the scenario names none; empty where there is nothing to connect
    /// to.
    pub default_endpoint: &'static str,
    /// How spans come from it.
    pub kind: SourceKind,
    /// Keys of `[tracing.spans]` that it reads and not every source does.
    pub own_keys: &'static [&'static str],
    /// Whether spans stay there after a run, so that they can be read again.
    pub keeps_spans: bool,
    /// Whether an id that it does not know may be known minutes later: it is asked for until the
    /// deadline.
    pub may_be_late: bool,
    /// How its server is told from others, where a request without a login shows it.
    pub sign: Option<Sign>,
    /// What is said where something is amiss.
    pub troubles: Troubles,
    /// What [`Self::open`] calls.
    pub(in crate::spans) connect: for<'a> fn(&'a SourceOptions) -> OpenFuture<'a>,
}

/// A name stands once in the table.
impl PartialEq for SourceEntry {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for SourceEntry {}

impl fmt::Debug for SourceEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "source {}", self.name)
    }
}

impl Troubles {
    /// For a source that can't have any.
    pub const NONE: Self = Self {
        not_there: &[],
        web_port: &[],
        other_server: &[],
        web_page: &[],
        refused: &[],
        no_services: &[],
        no_counters: "",
        dropped: &[],
        own_work: &[],
        moved_times: &[],
        other_back_end: &[],
        held_back: "",
        otlp_from_container: "",
        otlp_from_container_in_words: "",
    };
}

#[cfg(test)]
mod tests {
    use super::*;

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
