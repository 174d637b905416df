//! One span as a source delivered it, independent of the source's format.

use std::sync::Arc;

/// OpenTelemetry's span kinds. A span without one is internal: Milvus' Jaeger exporter leaves
/// INTERNAL out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum SpanKind {
    #[default]
    Internal,
    Server,
    Client,
    Producer,
    Consumer,
}

/// Value of an attribute; maps and arrays travel as JSON text.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum AttributeValue {
    Text(String),
    Int(i64),
    Float(f64),
    Bool(bool),
}

/// What produced a span: one process, or the engine within it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SpanResource {
    /// `service.name`, e.g. `standalone`, `querynode`, `segcore`, `milvus-bench`.
    pub service: String,
    /// The other resource attributes, e.g. `NodeID`, `host.name`, `k8s.pod.name`.
    pub attributes: Vec<(String, AttributeValue)>,
}

impl SpanResource {
    /// The attribute named `key`.
    #[must_use]
    pub fn attribute(&self, key: &str) -> Option<&AttributeValue> {
        self.attributes
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value)
    }

    /// A text that two resources share only if they are equal.
    pub(super) fn content(&self) -> String {
        format!("{self:?}")
    }
}

/// Something that happened within a span.
#[derive(Clone, Debug, PartialEq)]
pub struct SpanEvent {
    /// Name as recorded; Milvus appends `, cost 705.94µs` to some.
    pub name: String,
    /// Nanoseconds since the unix epoch.
    pub time_ns: u64,
}

/// One span of one trace.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerSpan {
    /// W3C trace id.
    pub trace_id: u128,
    /// W3C span id, not zero.
    pub span_id: u64,
    /// Span id of the parent; None for a root (an all-zero id counts as none).
    pub parent_id: Option<u64>,
    /// Name as recorded, without a leading slash.
    pub name: String,
    /// Kind; internal where the source says nothing.
    pub kind: SpanKind,
    /// Instrumentation scope, e.g. `proxy`, `segcore`.
    pub scope: String,
    /// Nanoseconds since the unix epoch.
    pub start_ns: u64,
    /// Nanoseconds since the unix epoch; before `start_ns` where the source says so, which the
    /// analysis judges.
    pub end_ns: u64,
    /// Attributes of the span itself.
    pub attributes: Vec<(String, AttributeValue)>,
    /// Events in the order of their time.
    pub events: Vec<SpanEvent>,
    /// Status code of OpenTelemetry: 0 unset, 1 OK, 2 error.
    pub status: u8,
    /// Message of the status, mostly empty.
    pub status_message: String,
    /// What produced it; shared between the spans of one process.
    pub resource: Arc<SpanResource>,
}

impl ServerSpan {
    /// `service.name` of the process.
    #[must_use]
    pub fn service(&self) -> &str {
        &self.resource.service
    }

    /// The attribute named `key`.
    #[must_use]
    pub fn attribute(&self, key: &str) -> Option<&AttributeValue> {
        self.attributes
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value)
    }

    /// Nanoseconds from start to end; 0 where the end comes first.
    #[must_use]
    pub fn duration_ns(&self) -> u64 {
        self.end_ns.saturating_sub(self.start_ns)
    }
}

/// All spans that were found for one trace id, in no promised order, no span id twice.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// W3C trace id.
    pub trace_id: u128,
    /// Its spans, the client's own among them if they came back.
    pub spans: Vec<ServerSpan>,
}
