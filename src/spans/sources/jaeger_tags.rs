//! What Jaeger keeps as tags and OpenTelemetry as fields: kind, status, scope. Shared by the
//! readers of api_v2 and of the legacy JSON, which say the same in two encodings.

use std::sync::Arc;

use crate::spans::assemble::{Tags, tidy};
use crate::spans::span::{AttributeValue, ServerSpan, SpanEvent, SpanKind, SpanResource};

/// One span as Jaeger's own model has it, ids and times already decoded.
#[derive(Debug)]
pub(super) struct JaegerSpan {
    pub(super) trace_id: u128,
    pub(super) span_id: u64,
    pub(super) parent_id: Option<u64>,
    pub(super) name: String,
    pub(super) start_ns: u64,
    pub(super) end_ns: u64,
    pub(super) tags: Tags,
    pub(super) events: Vec<SpanEvent>,
    pub(super) resource: Arc<SpanResource>,
}

impl JaegerSpan {
    /// The span with its tags turned into fields.
    pub(super) fn into_server_span(self) -> ServerSpan {
        let mut span = ServerSpan {
            trace_id: self.trace_id,
            span_id: self.span_id,
            parent_id: self.parent_id,
            name: self.name,
            kind: SpanKind::Internal,
            scope: String::new(),
            start_ns: self.start_ns,
            end_ns: self.end_ns,
            attributes: Vec::with_capacity(self.tags.len()),
            events: self.events,
            status: 0,
            status_message: String::new(),
            resource: self.resource,
        };
        for (key, value) in self.tags {
            apply_tag(&mut span, key, value);
        }
        tidy(&mut span);
        span
    }
}

fn apply_tag(span: &mut ServerSpan, key: String, value: AttributeValue) {
    match (key.as_str(), value) {
        ("span.kind", AttributeValue::Text(kind)) => span.kind = kind_from_text(&kind),
        // The first name is that of Jaeger up to about 1.50, the second that of newer ones.
        ("otel.library.name" | "otel.scope.name", AttributeValue::Text(scope)) => {
            span.scope = scope
        }
        (
            "otel.library.version"
            | "otel.scope.version"
            | "internal.span.format"
            | "w3c.tracestate",
            _,
        ) => {}
        ("otel.status_code", AttributeValue::Text(code)) => {
            span.status = if code == "ERROR" { 2 } else { 1 }
        }
        ("otel.status_description", AttributeValue::Text(message)) => span.status_message = message,
        // OpenTracing's way to say it; nothing overrules an error.
        ("error", AttributeValue::Bool(true)) => span.status = 2,
        (_, value) => span.attributes.push((key, value)),
    }
}

fn kind_from_text(text: &str) -> SpanKind {
    match text {
        "server" => SpanKind::Server,
        "client" => SpanKind::Client,
        "producer" => SpanKind::Producer,
        "consumer" => SpanKind::Consumer,
        _ => SpanKind::Internal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> AttributeValue {
        AttributeValue::Text(value.to_owned())
    }

    fn span_of(tags: &[(&str, AttributeValue)]) -> ServerSpan {
        let tags = tags
            .iter()
            .map(|(key, value)| ((*key).to_owned(), value.clone()))
            .collect();
        let (name, resource) = ("/a.B/C".to_owned(), Arc::default());
        JaegerSpan {
            trace_id: 1,
            span_id: 2,
            parent_id: Some(0),
            name,
            start_ns: 5,
            end_ns: 3,
            tags,
            events: vec![],
            resource,
        }
        .into_server_span()
    }

    #[test]
    fn tags_become_fields() {
        let span = span_of(&[
            ("span.kind", text("server")),
            ("otel.library.name", text("proxy")),
            ("x", AttributeValue::Int(1)),
        ]);
        assert_eq!(
            (span.kind, span.scope.as_str(), span.status),
            (SpanKind::Server, "proxy", 0)
        );
        assert_eq!(span.attributes, [("x".to_owned(), AttributeValue::Int(1))]);
    }

    #[test]
    fn error_is_an_error_in_both_spellings() {
        let new = span_of(&[
            ("otel.status_code", text("ERROR")),
            ("otel.status_description", text("boom")),
        ]);
        let old = span_of(&[("error", AttributeValue::Bool(true))]);
        assert_eq!(
            (new.status, new.status_message.as_str(), old.status),
            (2, "boom", 2)
        );
    }

    #[test]
    fn slash_and_zero_parent_are_tidied_and_a_negative_length_is_kept() {
        let span = span_of(&[]);
        assert_eq!(
            (
                span.name.as_str(),
                span.parent_id,
                span.start_ns,
                span.end_ns
            ),
            ("a.B/C", None, 5, 3)
        );
        assert_eq!(span.duration_ns(), 0);
    }
}
