//! Trace ids, sampling, and the client's own spans: how they are built from finished requests and
//! exported by OTLP.
//!
//! No tracer runs in the path of a request: ids are arithmetic on the request's key, spans are
//! built afterwards from what was recorded, and handed to OpenTelemetry's exporter on a thread of
//! its own. No other module names the SDK.

mod client_span;
pub mod conventions;
mod export;
mod ids;

pub use client_span::{AttributeValue, ClientSpan, SpanAttribute, SpanFailure, SpanTemplate};
pub use export::{ExportCounters, ExportOptions, ExportProtocol, Exporter, SpanQueue};
pub use ids::{IdStream, Nonce, RequestIds, Sampler, TraceParent, name_hash, round_seed};
