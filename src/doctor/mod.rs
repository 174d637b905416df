//! The links of the chain client -> Milvus -> trace back end -> client, one check each: does it
//! work, what was seen, and where it breaks, which causes a second probe can tell apart and what to
//! change.
//!
//! Nothing is written: a search or a listing is sent, and spans of the doctor's own. How the result
//! is shown on a terminal is decided here as text; colours and the exit code are left to the
//! command line.

mod advice;
mod background;
mod milvus_link;
mod otlp_link;
mod own_span;
mod poll;
mod probe;
mod render;
mod request;
mod server_spans;
mod source_link;

use std::time::Duration;

use tokio::time::Instant;

use crate::{
    milvus::ConnectOptions,
    spans::{Remedy, SourceEntry, SourceOptions},
    telemetry::{ExportOptions, IdStream, Nonce, RequestIds},
    tls::{TlsCause, TlsError, TlsPeer},
    vector_type::VectorType,
};

pub use milvus_link::NO_MILVUS;
pub use probe::is_web_server;
pub use render::{render, text_column};

/// Name of the first link: Milvus answers, and says that it is well.
pub const MILVUS: &str = "Milvus";
/// Name of the second link: the OTLP endpoint takes a span of ours.
pub const OTLP_ENDPOINT: &str = "OTLP endpoint";
/// Name of the third link: the place that spans are read from answers.
pub const SPAN_SOURCE: &str = "span source";
/// Name of the fourth link: what was exported can be read, so both are one back end.
pub const OWN_SPAN: &str = "own span back";
/// Name of the fifth link: the server spans of a traced request can be read.
pub const SERVER_SPANS: &str = "server spans";
/// Name of the sixth link: only what was asked for is traced.
pub const SAMPLING: &str = "sampling";

/// What is examined.
#[derive(Clone, Debug)]
pub struct DoctorOptions {
    /// How to reach Milvus.
    pub connect: ConnectOptions,
    /// Where the client's own spans go; None: they are not exported.
    pub otlp: Option<ExportOptions>,
    /// Row of [`crate::spans::SPAN_SOURCES`].
    pub source: &'static SourceEntry,
    /// Where that source reads. A `nonce` of 0 is replaced by a random one.
    pub source_options: SourceOptions,
    /// Collection to search in, if it is loaded; None: any loaded one.
    pub collection: Option<DoctorCollection>,
    /// Longest wait for spans; Milvus sends its spans every 5 s.
    pub deadline: Duration,
}

/// A collection that the traced request may search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoctorCollection {
    /// Its name.
    pub name: String,
    /// Vector field.
    pub vector_field: String,
    /// Type of that field.
    pub vector_type: VectorType,
    /// Dimension of that field; of no meaning for sparse vectors.
    pub dim: u32,
    /// Metric of its index; empty: the server knows it.
    pub metric: String,
}

/// How a link is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// Works.
    Ok,
    /// Works, and something about it will disturb a measurement.
    Warning,
    /// Does not work.
    Failed,
    /// Could not be or need not be looked at; says why.
    Skipped,
}

/// One link of the chain, examined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Which link: one of this module's names.
    pub name: &'static str,
    /// How it is.
    pub state: LinkState,
    /// What was seen; may hold text of a server as it came.
    pub seen: String,
    /// How long it took to see that.
    pub took: Duration,
    /// What may be behind it, most likely first; empty for a link that works.
    pub causes: Vec<Cause>,
}

/// A possible cause of a broken link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// What is probably wrong.
    pub what: String,
    /// What to change, and in which file; may have several lines.
    pub change: String,
}

impl Cause {
    fn new(what: impl Into<String>, change: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            change: change.into(),
        }
    }

    /// A cause of TLS, of the link to `peer`.
    fn of_tls(cause: TlsCause, peer: TlsPeer) -> Self {
        Self::new(cause.what(), cause.change(peer))
    }

    /// What `text` says of TLS, of the link to `peer`; None where TLS has no part in it.
    fn of_tls_in(text: &str, peer: TlsPeer) -> Option<Self> {
        if TlsError::stands_in(text) {
            return Some(Self::new(
                "a file or name of tls can't be used",
                format!("tls of {}, or the variable named above", peer.table()),
            ));
        }
        TlsCause::named_in(text).map(|cause| Self::of_tls(cause, peer))
    }

    /// What a source's row says of a trouble, `word` put in for `place`.
    fn of(remedies: &[Remedy], place: &str, word: &str) -> Vec<Self> {
        remedies
            .iter()
            .map(|remedy| Self::new(remedy.what.replace(place, word), remedy.change))
            .collect()
    }

    /// What a source's row says of a trouble that needs no word.
    fn plain(remedies: &[Remedy]) -> Vec<Self> {
        remedies
            .iter()
            .map(|remedy| Self::new(remedy.what, remedy.change))
            .collect()
    }
}

/// Examines the links in their order, at most a few seconds longer than the deadline. `progress` is
/// told what comes next.
///
/// A link whose precondition is broken is skipped, so the first failed one is where to begin. The
/// embedded source listens while this runs.
pub async fn examine(options: &DoctorOptions, progress: &(dyn Fn(&str) + Sync)) -> Vec<Link> {
    let mut source_options = options.source_options.clone();
    if source_options.nonce == 0 {
        source_options.nonce = rand::random_range(1..=u64::MAX);
    }
    let ids = Ids::new(source_options.nonce);
    progress("asking Milvus for its version");
    let (milvus, server) = milvus_link::check(&options.connect).await;
    // Opened before anything is exported: the embedded source is itself what takes the spans.
    progress("opening the span source");
    let (source_link, source) = source_link::check(options.source, &source_options).await;
    progress("exporting a client span");
    let (otlp, marked) = otlp_link::check(options, ids.marked).await;
    progress("sending one traced request and waiting for its spans (Milvus sends them every 5 s)");
    let window = background::Window::open(source.as_deref()).await;
    let sent = match (&server, &source) {
        (Some(server), Some(_)) => {
            let otlp = options.otlp.as_ref().filter(|_| marked.is_some());
            Some(request::send(server, options, otlp, &ids).await)
        }
        _ => None,
    };
    let scene = server_spans::Scene {
        options,
        server: server.as_ref(),
        source: source.as_deref(),
        window: &window,
    };
    let own = own_span::check(source.as_deref(), marked.as_ref(), &window, options);
    let (own, server_spans) = tokio::join!(own, server_spans::check(&scene, sent));
    progress("looking for spans of other requests");
    let sampling = background::check(source.as_deref(), &ids, &server_spans, window).await;
    vec![milvus, otlp, source_link, own, server_spans, sampling]
}

/// Whether a link failed: exit code 1.
#[must_use]
pub fn is_broken(links: &[Link]) -> bool {
    links.iter().any(|link| link.state == LinkState::Failed)
}

/// Ids of the doctor's own traces.
struct Ids {
    marked: RequestIds,
    untraced: RequestIds,
    traced: RequestIds,
}

impl Ids {
    fn new(nonce: u64) -> Self {
        let stream = IdStream::new(Nonce(nonce), 0, "doctor", "doctor", "doctor");
        Self {
            marked: stream.ids(0, 0),
            untraced: stream.ids(1, 0),
            traced: stream.ids(2, 0),
        }
    }
}

/// A check under way.
struct Check {
    name: &'static str,
    began: Instant,
}

impl Check {
    fn begin(name: &'static str) -> Self {
        Self {
            name,
            began: Instant::now(),
        }
    }

    /// A check of what began at another moment.
    fn since(name: &'static str, began: Instant) -> Self {
        Self { name, began }
    }

    fn end(&self, state: LinkState, seen: impl Into<String>, causes: Vec<Cause>) -> Link {
        Link {
            name: self.name,
            state,
            seen: seen.into(),
            took: self.began.elapsed(),
            causes,
        }
    }

    fn ok(&self, seen: impl Into<String>) -> Link {
        self.end(LinkState::Ok, seen, Vec::new())
    }

    fn warning(&self, seen: impl Into<String>, causes: Vec<Cause>) -> Link {
        self.end(LinkState::Warning, seen, causes)
    }

    fn failed(&self, seen: impl Into<String>, causes: Vec<Cause>) -> Link {
        self.end(LinkState::Failed, seen, causes)
    }

    fn skipped(&self, why: impl Into<String>) -> Link {
        self.end(LinkState::Skipped, why, Vec::new())
    }
}
