//! Where spans are read from: the table of sources, how a row is found and opened, and one file for
//! each of them.
//!
//! Sources of one server share files: `jaeger_*` its encodings, `address` its ports. `http` is one
//! client for all that is asked by HTTP, `budget` what replies may need of memory. What a row says
//! is in `source`. How often an id is asked for is decided by [`crate::spans::fetch()`].

mod address;
mod auto;
mod budget;
mod counted;
pub(super) mod embedded;
#[allow(missing_docs, clippy::all, clippy::pedantic, unreachable_pub)]
#[rustfmt::skip]
mod generated;
mod guard;
mod http;
mod jaeger;
mod jaeger_json;
mod jaeger_legacy;
mod jaeger_tags;
mod jaeger_troubles;
mod jaeger_v2;
mod jaeger_v3;
mod none;
pub(super) mod source;
mod tempo;
#[cfg(test)]
mod tests;
mod tls;

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::spans::error::{Again, SpanError};
use source::{SourceEntry, SourceKind, SourceOptions, SpanSource};

/// Least and longest wait before a source that is busy is opened again.
const OPEN_AGAIN: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Every place that spans can be read from; the first is used where none is named.
pub const SPAN_SOURCES: &[SourceEntry] = &[
    auto::ENTRY,
    jaeger::ENTRY,
    jaeger_json::ENTRY,
    tempo::ENTRY,
    embedded::ENTRY,
    none::ENTRY,
];

impl SourceEntry {
    /// The row that is used where none is named.
    #[must_use]
    pub fn usual() -> &'static Self {
        &SPAN_SOURCES[0]
    }

    /// The first row of `kind`.
    ///
    /// # Panics
    /// Not while the table has a row of each kind, which a test sees to.
    #[must_use]
    pub fn first_of(kind: SourceKind) -> &'static Self {
        SPAN_SOURCES
            .iter()
            .find(|entry| entry.kind == kind)
            .expect("a row of each kind")
    }

    /// Connects, and finds out what answers. Whatever `options` send in headers is masked in what
    /// the source says and delivers.
    ///
    /// # Errors
    /// Nothing listens there, or another server does, or it can't answer now: what, and what to do.
    pub async fn open(&self, options: &SourceOptions) -> Result<Box<dyn SpanSource>, SpanError> {
        let mut opened = (self.connect)(options).await;
        let (is_refused, is_without) = match &opened {
            Err(error) => (!matches!(error.again, Again::Later(_)), false),
            // A source that goes on without spans says why.
            Ok(source) => (false, source.info().entry.kind != self.kind),
        };
        if (is_refused || is_without)
            && let Some(mistaken) = self.mistaken(options).await
        {
            opened = if is_without {
                let why = format!("no server spans were read: {}", mistaken.text);
                Ok(none::because(why))
            } else {
                Err(mistaken)
            };
        }
        guard::guard(options, opened)
    }

    /// What to say where the server of another source answers.
    async fn mistaken(&self, options: &SourceOptions) -> Option<SpanError> {
        let endpoint = options.endpoint.as_deref().unwrap_or(self.default_endpoint);
        let (other, server) = self.another_at(endpoint, options).await?;
        let address = address::shown(&address::parse(endpoint).ok()?);
        let (own, name) = (self.name, other.name);
        Some(SpanError::new(format!(
            "the server at {address} is {server}, which source = \"{own}\" can't read: set \
             tracing.spans source = \"{name}\""
        )))
    }

    /// The row and the name of the server at `endpoint`, where it is that of another source.
    pub async fn another_at(
        &self,
        endpoint: &str,
        options: &SourceOptions,
    ) -> Option<(&'static Self, &'static str)> {
        let own = self.sign?.server;
        let found = sign_at(endpoint, options).await;
        found.filter(|(_, server)| *server != own)
    }
}

/// Opens `entry`. A server that says it can't answer now is asked until `deadline`, and `waits` is
/// told why; where nothing or another server listens, that ends at once.
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
        let error = match entry.open(options).await {
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

/// The row whose server answers at `endpoint`, and that server's name; None where no server shows
/// itself by a [`source::Sign`].
pub async fn sign_at(
    endpoint: &str,
    options: &SourceOptions,
) -> Option<(&'static SourceEntry, &'static str)> {
    let base = address::base(&address::parse(endpoint).ok()?);
    let client = http::client(options, &address::parse(endpoint).ok()?).ok()?;
    for (index, entry) in SPAN_SOURCES.iter().enumerate() {
        // Several rows may read from one server.
        let is_new = !SPAN_SOURCES[..index].iter().any(|of| of.sign == entry.sign);
        if let Some(sign) = entry.sign.as_ref().filter(|_| is_new)
            && http::shows(&client, &base, sign).await
        {
            return Some((entry, sign.server));
        }
    }
    None
}

/// How spans came from the source named `name`, as a run folder has it; None for one that this
/// version does not know.
#[must_use]
pub fn kind_of(name: &str) -> Option<SourceKind> {
    find_source(name).map(|entry| entry.kind)
}
