//! What one call's spans are made of, and how they look.

use std::sync::Arc;

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

use crate::milvus::Method;

/// What a `traceparent` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::null_milvus) struct Parent {
    pub(in crate::null_milvus) trace_id: u128,
    pub(in crate::null_milvus) client_span: u64,
}

impl Parent {
    /// None for a header of another form.
    pub(in crate::null_milvus) fn parse(traceparent: &[u8]) -> Option<Self> {
        let mut parts = std::str::from_utf8(traceparent).ok()?.split('-').skip(1);
        let trace_id = u128::from_str_radix(parts.next()?, 16).ok()?;
        let client_span = u64::from_str_radix(parts.next()?, 16).ok()?;
        Some(Self {
            trace_id,
            client_span,
        })
    }
}

/// One answered call whose `traceparent` was sampled.
#[derive(Clone, Debug)]
pub struct Served {
    /// Which method.
    pub method: &'static Method,
    /// Number of the call among those of its method, from 1.
    pub number: u64,
    /// Trace id of the client.
    pub trace_id: u128,
    /// Span id of the client's span.
    pub client_span: u64,
    /// Arrival, nanoseconds since the unix epoch.
    pub start_ns: u64,
    /// When the reply left, nanoseconds since the unix epoch, not before the start.
    pub end_ns: u64,
}

impl Served {
    /// Nanoseconds that the server needed.
    #[must_use]
    pub fn duration_ns(&self) -> u64 {
        self.end_ns - self.start_ns
    }
}

/// One span of a shape.
#[derive(Clone, Debug)]
pub struct SpanSpec {
    /// `service.name`.
    pub service: String,
    /// Resource attribute `NodeID`.
    pub node_id: i64,
    /// Instrumentation scope.
    pub scope: String,
    /// Name as Milvus writes it.
    pub name: String,
    /// Internal, server or client.
    pub kind: SpanKind,
    /// Position of the parent in the shape's list; None for the client's span.
    pub parent: Option<usize>,
    /// Nanoseconds from the call's arrival.
    pub start_ns: u64,
    /// Nanoseconds from the call's arrival; may lie after the reply.
    pub end_ns: u64,
    /// Names and nanoseconds from the call's arrival.
    pub events: Vec<(String, u64)>,
}

type ShapeFn = dyn Fn(&Served) -> Vec<SpanSpec> + Send + Sync;

/// Makes the spans of one call.
#[derive(Clone)]
pub struct Shape(Arc<ShapeFn>);

impl Shape {
    /// A form of one's own.
    pub fn new(spans: impl Fn(&Served) -> Vec<SpanSpec> + Send + Sync + 'static) -> Self {
        Self(Arc::new(spans))
    }

    /// The same spans without their events, which are half of their bytes.
    #[must_use]
    pub fn without_events(self) -> Self {
        Self::new(move |served| {
            let mut spans = self.spans(served);
            spans.iter_mut().for_each(|span| span.events.clear());
            spans
        })
    }

    /// The spans of one call.
    #[must_use]
    pub fn spans(&self, served: &Served) -> Vec<SpanSpec> {
        (self.0)(served)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_traceparent_has_no_parent() {
        for text in [
            &b""[..],
            b"00",
            b"00-zz-11-01",
            b"00-01",
            "00-ä-1-01".as_bytes(),
        ] {
            assert_eq!(Parent::parse(text), None);
        }
    }
}
