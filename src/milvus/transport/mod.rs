//! Calls over HTTP/2: a fixed number of connections, each used by many calls at once.
//!
//! It measures the two moments `sent` and `done` of every call. Protobuf is left to the callers,
//! retries and pacing to [`crate::load`]. The only file that knows tonic's client, beside
//! [`connect`] and [`codec`].

pub(super) mod codec;
pub(super) mod connect;
#[cfg(test)]
mod tests;

use std::{error::Error, fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use http::uri::PathAndQuery;
use tokio::time::Instant;
use tonic::{
    Code, Request, Status,
    client::Grpc,
    metadata::{AsciiMetadataValue, MetadataMap},
    transport::Channel,
};

use self::codec::BytesCodec;
pub use self::connect::{ConnectError, ConnectOptions, Credentials, tls_trouble};
use super::{Access, Call, CallError, CallFailure, Observer, Pick, Resolve};
use crate::{
    not_grpc::{NotGrpc, Reading, chain},
    tls::{TlsCause, TlsPeer, TlsTrouble},
};

/// Longest reply that is accepted: at least what a proxy sends with its default limits (64 MiB in
/// 2.3, more since 2.4).
pub(super) const MAX_REPLY_BYTES: usize = 256 << 20;

/// What became of a call.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Read immediately before the request was handed to its connection. A call that never was
    /// handed over, because it is forbidden or its connection did not get ready, has `sent` equal
    /// to `done`.
    pub sent: Instant,
    /// Read when the end of the reply was seen, or the failure.
    pub done: Instant,
    /// The reply's message, not looked at: its `status` may still be a failure.
    pub result: Result<Bytes, CallFailure>,
}

/// Connections to one Milvus; clones share them.
///
/// The connections live on the runtime that called [`Transport::connect`] and end with it. A lost
/// one is replaced when the next call wants it; calls fail as unavailable until that succeeds. What
/// tonic does not show lies between `sent` and `done`: the hand-off to the connection's task,
/// opening a lost connection again, and waiting for a stream where the server limits their number
/// (Milvus does not).
#[derive(Clone)]
pub struct Transport {
    inner: Arc<Inner>,
}

struct Inner {
    uri: String,
    access: Access,
    connections: Vec<Grpc<Reading<Channel>>>,
    metadata: MetadataMap,
    secrets: Vec<String>,
    observer: Option<Observer>,
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport")
            .field("uri", &self.inner.uri)
            .field("connections", &self.connections())
            .finish_non_exhaustive()
    }
}

impl Transport {
    /// Opens every connection now.
    ///
    /// # Errors
    /// An option can't be used, a certificate file can't be read, or Milvus can't be reached; see
    /// [`ConnectError`].
    pub async fn connect(options: &ConnectOptions) -> Result<Self, ConnectError> {
        let endpoint = connect::endpoint(options)?;
        let metadata = connect::metadata(options)?;
        let secrets = options.credentials.secrets();
        let what = format!("waiting for a connection to Milvus at {}", options.uri);
        let waiting = options
            .observer
            .as_ref()
            .map(|observer| observer.begin(&what, options.connect_timeout));
        let channels = connect::open(options, &endpoint).await?;
        drop(waiting);
        let connections = channels
            .into_iter()
            .map(|channel| Grpc::new(Reading(channel)).max_decoding_message_size(MAX_REPLY_BYTES))
            .collect();
        let observer = options.observer.clone();
        let inner = Inner {
            uri: options.uri.clone(),
            access: options.access,
            connections,
            metadata,
            secrets,
            observer,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Number of connections, at least 1.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.inner.connections.len()
    }

    /// The URI as given to [`Transport::connect`].
    #[must_use]
    pub fn uri(&self) -> &str {
        &self.inner.uri
    }

    /// Sends `call` on the connection with the number `connection` (modulo their count) and awaits
    /// its end.
    ///
    /// `traceparent` is the header's value; an empty one, or one that no header can hold, is left
    /// out. `timeout` runs from `sent`; waiting for the connection before that is bounded by it
    /// too.
    pub async fn call(
        &self,
        connection: usize,
        call: &Call,
        traceparent: &[u8],
        timeout: Duration,
    ) -> Reply {
        let access = self.inner.access;
        if !access.allows(call.method.effect) {
            return unsent(CallFailure::new(
                CallError::Forbidden,
                &forbidden_text(call, access),
            ));
        }
        let what = || format!("waiting for Milvus' reply to {}", call.method.name);
        let _waiting = self
            .inner
            .observer
            .as_ref()
            .map(|observer| observer.begin(&what(), timeout));
        let request = self.request(call, traceparent);
        let path = PathAndQuery::from_static(call.method.path);
        let codec = BytesCodec {
            body_bytes: call.body.len(),
        };
        let mut grpc = self.inner.connections[connection % self.inner.connections.len()].clone();
        match tokio::time::timeout(timeout, grpc.ready()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                return unsent(self.failure(CallError::Unavailable, &chain(Some(&error))));
            }
            Err(_) => {
                return unsent(CallFailure::new(
                    CallError::Unavailable,
                    &format!("the connection was not ready within {timeout:?}"),
                ));
            }
        }
        let sent = Instant::now();
        let result = tokio::time::timeout(timeout, grpc.unary(request, path, codec)).await;
        let done = Instant::now();
        let result = match result {
            Ok(Ok(response)) => Ok(response.into_inner()),
            Ok(Err(status)) => {
                let failure = self
                    .failure(classify(&status), &status_text(&status))
                    .retriable_if(is_retriable(&status));
                Err(CallFailure {
                    http_status: NotGrpc::in_status(&status),
                    ..failure
                })
            }
            Err(_) => Err(CallFailure::new(
                CallError::Timeout,
                &format!("no reply within {timeout:?}"),
            )),
        };
        Reply { sent, done, result }
    }

    /// `text` with password and token replaced by `***`.
    #[must_use]
    pub fn masked(&self, text: &str) -> String {
        mask(&self.inner.secrets, text)
    }

    fn request(&self, call: &Call, traceparent: &[u8]) -> Request<Bytes> {
        let mut metadata = self.inner.metadata.clone();
        if let Ok(value) = AsciiMetadataValue::try_from(traceparent)
            && !traceparent.is_empty()
        {
            metadata.insert("traceparent", value);
        }
        Request::from_parts(metadata, http::Extensions::new(), call.body.clone())
    }

    /// Masked before it is cut, so that no part of a secret survives at the cut.
    fn failure(&self, error: CallError, text: &str) -> CallFailure {
        CallFailure::new(error, &self.masked(text))
    }
}

/// `text` with each of `secrets` replaced by `***`. The longest come first, so that a secret within
/// another leaves no rest of the longer one behind.
pub(super) fn mask(secrets: &[String], text: &str) -> String {
    secrets
        .iter()
        .fold(text.to_owned(), |text, secret| text.replace(secret, "***"))
}

fn unsent(failure: CallFailure) -> Reply {
    let now = Instant::now();
    Reply {
        sent: now,
        done: now,
        result: Err(failure),
    }
}

pub(super) fn forbidden_text(call: &Call, access: Access) -> String {
    let access = match access {
        Access::Read => "read",
        Access::Write => "write",
        Access::All => "all",
    };
    format!(
        "{} was not sent: [milvus] access = \"{access}\" does not allow it",
        call.method.name
    )
}

fn classify(status: &Status) -> CallError {
    // Codes are in 0..=16; OK with an error is tonic's way to say that the reply made no sense.
    let code = u8::try_from(i32::from(status.code())).unwrap_or(0);
    match CallError::of_grpc(code) {
        // Statuses that a server sent have no source; those made from a broken connection have.
        CallError::Grpc(_) if status.source().is_some() => CallError::Unavailable,
        CallError::Grpc(0) => CallError::BadReply,
        error => error,
    }
}

/// Whether a server that is there asks to come again: not ready yet, or a limit of the rate. A
/// message that is too large stays so.
fn is_retriable(status: &Status) -> bool {
    let asks = match status.code() {
        Code::Unavailable => true,
        Code::ResourceExhausted => !status.message().contains("larger than"),
        _ => false,
    };
    asks && status.source().is_none()
}

fn status_text(status: &Status) -> String {
    match status.source() {
        Some(source) => match TlsCause::of(source) {
            // With TLS 1.3 a refused certificate of the client shows only in the first call.
            Some(cause) => TlsTrouble {
                cause,
                detail: chain(Some(source)),
            }
            .sentence(TlsPeer::Milvus),
            None => {
                let (message, causes) = (status.message(), chain(Some(source)));
                if causes.contains(message) {
                    causes
                } else {
                    format!("{message}: {causes}")
                }
            }
        },
        None => status.message().to_owned(),
    }
}
