//! Batches of spans as the message `ExportTraceServiceRequest`, bounded in spans and in bytes.

use bytes::{BufMut, Bytes, BytesMut};
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint};

use crate::telemetry::span::{AttributeValue, ClientSpan, key_value, put_bytes};

/// Spans of one batch.
pub(super) const MAX_SPANS: u64 = 512;

/// Bytes of one message. Jaeger and the collector take 4 MiB unless they are told otherwise.
pub(super) const MAX_BYTES: usize = 3 << 20;

/// Keys and lengths of the messages around resource, scope and spans: no length above has more than four bytes.
const FRAME_BYTES: usize = 2 * (1 + 4);

/// An encoded request; a clone shares the bytes.
#[derive(Clone, Debug)]
pub(super) struct Message {
    /// Everything before the spans.
    pub(super) head: Bytes,
    pub(super) spans: Bytes,
    /// Number of spans.
    pub(super) count: u64,
}

/// The batch that is being filled.
#[derive(Debug)]
pub(super) struct Batch {
    /// `ResourceSpans.resource` and `ScopeSpans.scope`, encoded with their keys.
    resource: Vec<u8>,
    scope: Vec<u8>,
    spans: BytesMut,
    count: u64,
    /// The span that is being encoded.
    scratch: Vec<u8>,
}

/// What became of a span.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Added {
    Fits,
    /// The batch has to be sent before.
    Full,
    /// Its bytes are more than any batch may have.
    TooLarge(usize),
}

impl Batch {
    /// An empty batch of a process with these attributes.
    pub(super) fn new(attributes: &[(String, String)]) -> Self {
        let mut inner = Vec::new();
        for (key, value) in attributes {
            put_bytes(&mut inner, 1, &key_value(key, &AttributeValue::Text(value.clone())));
        }
        let mut resource = Vec::new();
        put_bytes(&mut resource, 1, &inner);
        inner.clear();
        put_bytes(&mut inner, 1, b"milvus-bench");
        put_bytes(&mut inner, 2, env!("CARGO_PKG_VERSION").as_bytes());
        let mut scope = Vec::new();
        put_bytes(&mut scope, 1, &inner);
        Self { resource, scope, spans: BytesMut::new(), count: 0, scratch: Vec::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Adds `span` if it fits.
    pub(super) fn add(&mut self, span: &ClientSpan) -> Added {
        if self.count >= MAX_SPANS {
            return Added::Full;
        }
        self.scratch.clear();
        span.encode(&mut self.scratch);
        let around = FRAME_BYTES + self.resource.len() + self.scope.len();
        let bytes = 1 + encoded_len_varint(self.scratch.len() as u64) + self.scratch.len();
        if around + bytes > MAX_BYTES {
            return Added::TooLarge(bytes);
        }
        if around + self.spans.len() + bytes > MAX_BYTES {
            return Added::Full;
        }
        encode_key(2, WireType::LengthDelimited, &mut self.spans);
        encode_varint(self.scratch.len() as u64, &mut self.spans);
        self.spans.put_slice(&self.scratch);
        self.count += 1;
        Added::Fits
    }

    /// The message of the spans so far; the batch is empty afterwards.
    pub(super) fn take(&mut self) -> Message {
        let spans = self.spans.split().freeze();
        let in_scope = self.scope.len() + spans.len();
        let scope_spans = 1 + encoded_len_varint(in_scope as u64) + in_scope;
        let mut head = BytesMut::with_capacity(FRAME_BYTES + self.resource.len() + self.scope.len());
        encode_key(1, WireType::LengthDelimited, &mut head);
        encode_varint((self.resource.len() + scope_spans) as u64, &mut head);
        head.put_slice(&self.resource);
        encode_key(2, WireType::LengthDelimited, &mut head);
        encode_varint(in_scope as u64, &mut head);
        head.put_slice(&self.scope);
        Message { head: head.freeze(), spans, count: std::mem::take(&mut self.count) }
    }
}

impl Message {
    /// Bytes on the wire, before compression.
    pub(super) fn len(&self) -> usize {
        self.head.len() + self.spans.len()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use prost::Message as _;

    use super::*;
    use crate::telemetry::span::{OutcomeStatus, SpanTemplate};

    fn span(span_id: u64, template: &Arc<SpanTemplate>) -> ClientSpan {
        let template = Arc::clone(template);
        ClientSpan {
            trace_id: 1,
            span_id,
            parent_id: None,
            start_ns: 1,
            end_ns: 2,
            status: OutcomeStatus::Ok,
            template,
            numbers: [None; 2],
        }
    }

    fn decoded(message: &Message) -> ExportTraceServiceRequest {
        let bytes = [message.head.clone(), message.spans.clone()].concat();
        assert_eq!(bytes.len(), message.len());
        ExportTraceServiceRequest::decode(bytes.as_slice()).expect("a whole request")
    }

    /// Spans that fit one batch when each has a text of `text_bytes`, and the bytes of that batch.
    fn filled(text_bytes: usize) -> (u64, usize) {
        let text = "x".repeat(text_bytes);
        let template = SpanTemplate::call("a/B", &[("text", text.as_str().into())]);
        let mut batch = Batch::new(&[("service.name".to_owned(), "s".to_owned())]);
        let count = (0..).find(|id| batch.add(&span(*id, &template)) != Added::Fits).expect("a bound");
        let message = batch.take();
        let request = decoded(&message);
        assert_eq!((message.count, request.resource_spans[0].scope_spans[0].spans.len() as u64), (count, count));
        assert_eq!(batch.add(&span(1, &template)), Added::Fits, "the next batch begins empty");
        assert_eq!(batch.take().count, 1);
        (count, message.len())
    }

    #[test]
    fn it_ends_at_512_spans_or_at_3_mib() {
        assert_eq!(filled(10).0, 512);
        let (count, bytes) = filled(10_000);
        assert!(count < 512 && bytes <= MAX_BYTES && bytes > MAX_BYTES - 10_100, "{count} spans, {bytes} bytes");
        // Every border between one span and two.
        for text_bytes in MAX_BYTES / 2 - 150..MAX_BYTES / 2 - 50 {
            assert!(filled(text_bytes).1 <= MAX_BYTES, "{text_bytes}");
        }
    }

    #[test]
    fn a_span_larger_than_a_batch_is_refused() {
        let text = "x".repeat(MAX_BYTES);
        let template = SpanTemplate::call("a/B", &[("text", text.as_str().into())]);
        let mut batch = Batch::new(&[]);
        assert!(matches!(batch.add(&span(1, &template)), Added::TooLarge(bytes) if bytes > MAX_BYTES));
        assert!(batch.is_empty());
    }

    #[test]
    fn resource_and_scope_stand_before_the_spans() {
        let attributes = [("service.name", "s"), ("k8s.pod.name", "a pod")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        let mut batch = Batch::new(&attributes);
        batch.add(&span(9, &SpanTemplate::step("prepare", &[])));
        let request = decoded(&batch.take());
        let group = &request.resource_spans[0];
        let found = group.resource.as_ref().map(|resource| resource.attributes.clone()).unwrap_or_default();
        let names: Vec<&str> = found.iter().map(|pair| pair.key.as_str()).collect();
        assert_eq!(names, ["service.name", "k8s.pod.name"]);
        let scope = group.scope_spans[0].scope.as_ref().expect("a scope");
        assert_eq!((scope.name.as_str(), scope.version.as_str()), ("milvus-bench", env!("CARGO_PKG_VERSION")));
        assert_eq!(group.scope_spans[0].spans[0].name, "prepare");
    }
}
