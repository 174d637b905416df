//! Batches of spans, bounded in spans and in estimated bytes: the exporter itself has no bound.

use opentelemetry::InstrumentationScope;
use opentelemetry_sdk::trace::SpanData;

use crate::telemetry::client_span::{ClientSpan, scope};

/// Spans of one batch.
pub(super) const MAX_SPANS: usize = 512;

/// Estimated bytes of one batch, as protobuf before compression. Jaeger and the collector take 4
/// MiB unless they are told otherwise, and the estimate is an upper bound.
pub(super) const MAX_BYTES: usize = 3 << 20;

/// The batch that is being filled.
#[derive(Debug)]
pub(super) struct Batch {
    scope: InstrumentationScope,
    /// Bytes of the messages around the spans.
    around: usize,
    spans: Vec<SpanData>,
    bytes: usize,
}

/// What became of a span.
#[derive(Debug)]
pub(super) enum Added {
    Fits,
    /// The batch has to be sent before.
    Full(ClientSpan),
    /// Its bytes are more than any batch may have.
    TooLarge(usize),
}

impl Batch {
    /// An empty batch whose resource takes `around` bytes.
    pub(super) fn new(around: usize) -> Self {
        Self {
            scope: scope(),
            around,
            spans: Vec::new(),
            bytes: 0,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Adds `span` if it fits.
    pub(super) fn add(&mut self, span: ClientSpan) -> Added {
        let bytes = span.bytes();
        if self.around + bytes > MAX_BYTES {
            return Added::TooLarge(bytes);
        }
        if self.spans.len() >= MAX_SPANS || self.around + self.bytes + bytes > MAX_BYTES {
            return Added::Full(span);
        }
        if self.spans.is_empty() {
            self.spans.reserve(MAX_SPANS);
        }
        self.bytes += bytes;
        self.spans.push(span.into_data(&self.scope));
        Added::Fits
    }

    /// The spans so far; the batch is empty afterwards.
    pub(super) fn take(&mut self) -> Vec<SpanData> {
        self.bytes = 0;
        std::mem::take(&mut self.spans)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use opentelemetry_proto::{
        tonic::collector::trace::v1::ExportTraceServiceRequest,
        transform::{
            common::tonic::ResourceAttributesWithSchema,
            trace::tonic::group_spans_by_resource_and_scope,
        },
    };
    use prost::Message as _;

    use super::*;
    use crate::telemetry::client_span::SpanTemplate;

    fn span(span_id: u64, template: &Arc<SpanTemplate>) -> ClientSpan {
        let template = Arc::clone(template);
        ClientSpan {
            trace_id: 1,
            span_id,
            parent_id: None,
            start_ns: 1,
            end_ns: 2,
            template,
            seq: None,
            failure: None,
        }
    }

    /// Spans that fit one batch when each has a text of `text_bytes`, and the bytes of that batch
    /// on the wire.
    fn filled(text_bytes: usize) -> (usize, usize) {
        let text = "x".repeat(text_bytes);
        let template = SpanTemplate::call("a/B", &[("text", text.as_str().into())]);
        let mut batch = Batch::new(100);
        let count = (0..)
            .find(|id| !matches!(batch.add(span(*id, &template)), Added::Fits))
            .expect("a bound");
        let spans = batch.take();
        assert_eq!(spans.len() as u64, count);
        assert!(
            matches!(batch.add(span(1, &template)), Added::Fits),
            "the next batch begins empty"
        );
        assert_eq!(batch.take().len(), 1);
        let resource_spans =
            group_spans_by_resource_and_scope(spans, &ResourceAttributesWithSchema::default());
        (
            count as usize,
            ExportTraceServiceRequest { resource_spans }.encoded_len(),
        )
    }

    #[test]
    fn it_ends_at_512_spans_or_at_3_mib() {
        assert_eq!(filled(10).0, 512);
        let (count, bytes) = filled(10_000);
        assert!(
            count < 512 && bytes <= MAX_BYTES && bytes > MAX_BYTES / 100 * 95,
            "{count} spans, {bytes} bytes"
        );
        // Both sides of the border between one span and two.
        for text_bytes in (MAX_BYTES / 2 - 400..MAX_BYTES / 2 - 50).step_by(50) {
            assert!(filled(text_bytes).1 <= MAX_BYTES, "{text_bytes}");
        }
    }

    #[test]
    fn a_span_larger_than_a_batch_is_refused() {
        let text = "x".repeat(MAX_BYTES);
        let template = SpanTemplate::call("a/B", &[("text", text.as_str().into())]);
        let mut batch = Batch::new(0);
        assert!(
            matches!(batch.add(span(1, &template)), Added::TooLarge(bytes) if bytes > MAX_BYTES)
        );
        assert!(batch.is_empty());
    }
}
