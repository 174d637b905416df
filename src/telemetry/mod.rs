//! Trace ids, sampling, and the client's own spans: how they are built from finished requests and exported by OTLP.
//!
//! No tracer and no SDK runs in the path of a request: ids are arithmetic on the request's key, spans are built afterwards
//! from what was recorded, and encoded and sent on the exporter's thread.

mod export;
mod ids;
mod span;

pub use export::{ExportCounters, ExportOptions, Exporter, SpanQueue};
pub use ids::{IdStream, Nonce, RequestIds, Sampler, TraceParent, name_hash, round_seed};
pub use span::{AttributeValue, ClientSpan, OutcomeStatus, SpanAttribute, SpanTemplate};
