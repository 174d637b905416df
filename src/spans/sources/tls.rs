//! Why TLS with a span source failed, in an error of the source.

use url::Url;

use super::address::{base, shown};
use super::source::SourceOptions;
use crate::spans::error::SpanError;
use crate::tls::{Look, Needs, TlsPeer, no_connection};

/// The error where TLS is why `server` at `url` gave no answer, or only one with this HTTP status.
pub(super) async fn trouble(
    options: &SourceOptions,
    (server, url): (&str, &Url),
    needs: Needs,
    status: Option<u16>,
) -> Option<SpanError> {
    let look = Look {
        url: &base(url),
        options: &options.tls,
        needs,
        patience: options.timeout,
    };
    let trouble = match status {
        None => look.trouble().await,
        Some(status) => look.trouble_after(status).await,
    }?;
    Some(SpanError::new(format!(
        "{} to {server} at {}: {}",
        no_connection(url.as_str()),
        shown(url),
        trouble.sentence(TlsPeer::SpanSource)
    )))
}
