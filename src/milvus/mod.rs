//! The only place that knows Milvus on the wire: methods, calls, the transport that sends them, and
//! the typed client that set-up and doctor use.
//!
//! It leaves to others what a request contains ([`crate::operation`]) and when it is sent
//! ([`crate::load`]).

mod call;
mod client;
mod connections;
mod encode;
mod error;
mod observer;
#[allow(missing_docs, clippy::all, clippy::pedantic, unreachable_pub)]
#[rustfmt::skip]
mod generated;
#[cfg(test)]
mod test_server;
mod transport;

/// Protobuf messages of Milvus' public protocol, trimmed to what is used here
/// (`proto/milvus.proto`).
pub mod proto {
    pub use super::generated::*;
}

pub use call::{Access, Call, Effect, METHODS, Method, methods};
pub use client::{Client, HasStatus, SetupError, Timed, if_allowed, optional};
pub use connections::{Connections, Exchange, InFlight, NotSent, Pick, Resolve, Watch};
pub use encode::{InsertParts, VectorColumn, encode_insert, encode_search, placeholder_group};
pub use error::{CallError, CallFailure, check_status, passes};
pub use observer::Observer;
pub use transport::codec::BytesCodec;
pub use transport::{ConnectError, ConnectOptions, Credentials, Reply, Transport, tls_trouble};
