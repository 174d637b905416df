//! Server spans: what one is, the sources that they are read from, the rules of reading, and
//! `spans.jsonl`.
//!
//! The encodings of servers stay in this folder. What a span means is decided by
//! [`crate::analysis`].

mod assemble;
mod error;
mod fetch;
mod loose;
mod otlp;
#[cfg(test)]
pub(crate) mod scale;
mod services;
mod sources;
mod span;
mod whole;

pub use error::{Again, SpanError};
pub use fetch::{FetchCounters, FetchProgress, FetchRules, Wanted, fetch};
pub use otlp::json::{OpenNew, SpanFileError, SpanReader, SpanWriter, Traces, read_all};
pub use services::is_milvus_service;
pub use sources::embedded::EmbeddedReceiver;
pub use sources::source::{
    LossCounters, OpenFuture, Remedy, Sign, SignBody, SourceEntry, SourceInfo, SourceKind,
    SourceOptions, SpanSource, Troubles,
};
pub use sources::{SPAN_SOURCES, find_source, kind_of, open_until, sign_at, without_remedies};
pub use span::{AttributeValue, ServerSpan, SpanEvent, SpanKind, SpanResource, Trace};
pub use whole::is_whole;
