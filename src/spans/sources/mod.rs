//! Where spans are read from: the trait, the table of sources, and one file for each of them.
//!
//! Sources of one server share files: `jaeger_*` its encodings, `address` its ports, `http` what is
//! asked outside gRPC. How often an id is asked for is decided by [`crate::spans::fetch`].

mod address;
mod auto;
mod budget;
mod counted;
pub(super) mod embedded;
#[allow(missing_docs, clippy::all, clippy::pedantic, unreachable_pub)]
#[rustfmt::skip]
pub(super) mod generated;
mod guard;
mod http;
mod jaeger;
mod jaeger_json;
pub(super) mod jaeger_legacy;
pub(super) mod jaeger_tags;
pub(super) mod jaeger_v2;
mod jaeger_v3;
pub(super) mod none;
pub(super) mod source;
#[cfg(test)]
mod tests;
