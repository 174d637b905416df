//! Server spans: what one is, the sources that they are read from, the rules of reading, and
//! `spans.jsonl`.
//!
//! Jaeger's JSON and protobuf stay in this folder. What a span means is decided by
//! [`crate::analysis`].

mod address;
mod auto;
mod budget;
mod counted;
mod embedded;
mod error;
#[cfg(test)]
mod fake_jaeger;
mod fetch;
#[allow(missing_docs, clippy::all, clippy::pedantic, unreachable_pub)]
#[rustfmt::skip]
mod generated;
#[cfg(test)]
mod genuine_tests;
mod guard;
mod http;
mod jaeger;
mod jaeger_json;
mod jaeger_legacy;
mod jaeger_tags;
mod jaeger_v2;
mod jaeger_v3;
mod loose;
mod none;
mod otlp;
mod otlp_json;
#[cfg(test)]
pub(crate) mod scale;
mod source;
#[cfg(test)]
mod source_tests;
mod span;
#[cfg(test)]
mod trouble_tests;
mod whole;

pub use embedded::EmbeddedReceiver;
pub use error::{Again, SpanError};
pub use fetch::{FetchCounters, FetchProgress, FetchRules, Wanted, fetch};
pub use otlp_json::{OpenNew, SpanFileError, SpanReader, SpanWriter, Traces, read_all};
pub use source::{
    LossCounters, OpenFuture, SPAN_SOURCES, SourceEntry, SourceInfo, SourceOptions, SpanSource,
    find_source, open_until,
};
pub use span::{AttributeValue, ServerSpan, SpanEvent, SpanKind, SpanResource, Trace};
pub use whole::is_whole;
