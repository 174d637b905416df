//! Trace ids, sampling, and the client's own spans: how they are built from finished requests and exported by OTLP.
//!
//! The only place that knows OpenTelemetry's SDK. No tracer runs in the path of a request: ids are arithmetic on the
//! request's key, spans are built afterwards on the exporter's thread.

mod export;
mod ids;

pub use export::{ClientSpan, ExportCounters, ExportOptions, Exporter, OutcomeStatus, SpanAttribute, SpanQueue};
pub use ids::{IdStream, Nonce, RequestIds, Sampler, TraceParent, name_hash};
pub use opentelemetry::Value as AttributeValue;
