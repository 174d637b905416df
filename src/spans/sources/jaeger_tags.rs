//! What Jaeger keeps as tags and OpenTelemetry as fields: kind, status, scope, names of events.
//! Shared by the readers of api_v2 and of the legacy JSON, which say the same in two encodings.

use std::collections::HashMap;
use std::sync::Arc;

use crate::spans::{AttributeValue, ServerSpan, SpanEvent, SpanKind, SpanResource, Trace};

/// Tags of one span or one log.
pub(in crate::spans) type Tags = Vec<(String, AttributeValue)>;

/// One span as Jaeger's own model has it, ids and times already decoded.
#[derive(Debug)]
pub(in crate::spans) struct JaegerSpan {
    pub(in crate::spans) trace_id: u128,
    pub(in crate::spans) span_id: u64,
    pub(in crate::spans) parent_id: Option<u64>,
    pub(in crate::spans) name: String,
    pub(in crate::spans) start_ns: u64,
    pub(in crate::spans) end_ns: u64,
    pub(in crate::spans) tags: Tags,
    pub(in crate::spans) events: Vec<SpanEvent>,
    pub(in crate::spans) resource: Arc<SpanResource>,
}

impl JaegerSpan {
    /// The span with its tags turned into fields.
    pub(in crate::spans) fn into_server_span(self) -> ServerSpan {
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

/// Name of the event that a log stands for: field `event`, in old translators `message`, else the
/// first text.
pub(in crate::spans) fn event_name(fields: Tags) -> String {
    let rank = |key: &str| match key {
        "event" => 0,
        "message" => 1,
        _ => 2,
    };
    fields
        .into_iter()
        .filter_map(|(key, value)| match value {
            AttributeValue::Text(text) => Some((rank(&key), text)),
            _ => None,
        })
        .min_by_key(|(rank, _)| *rank)
        .map(|(_, text)| text)
        .unwrap_or_default()
}

/// What every source promises of a span: no leading slash in its name, events by time, no parent 0
/// (how Jaeger 1.46 writes "none" in api_v3). Times that can't be are left: whoever mended them
/// here would hide them.
pub(in crate::spans) fn tidy(span: &mut ServerSpan) {
    if span.name.starts_with('/') {
        span.name.remove(0);
    }
    span.parent_id = span.parent_id.filter(|id| *id != 0);
    span.events.sort_by_key(|event| event.time_ns);
}

/// The spans of one trace: those of other traces and without an id left out, none twice (Jaeger
/// 1.46 keeps duplicates that a repeated export made).
pub(in crate::spans) fn trace_of(trace_id: u128, mut spans: Vec<ServerSpan>) -> Trace {
    let mut seen = std::collections::HashSet::with_capacity(spans.len());
    spans
        .retain(|span| span.trace_id == trace_id && span.span_id != 0 && seen.insert(span.span_id));
    Trace { trace_id, spans }
}

/// The same for a reply that must not pass for an empty trace: where it `held_something`, one of
/// its spans has to belong to the trace. A form that is not known would else look like a Milvus
/// that records nothing.
pub(in crate::spans) fn only_trace(
    trace_id: u128,
    spans: Vec<ServerSpan>,
    held_something: bool,
) -> Result<Trace, String> {
    let (count, first) = (spans.len(), spans.first().map(|span| span.trace_id));
    let trace = trace_of(trace_id, spans);
    match first {
        Some(other) if trace.spans.is_empty() => Err(format!(
            "none of its {count} spans belongs to the trace, the first to {other:032x}"
        )),
        None if held_something => Err("no spans are where they are expected".to_owned()),
        _ => Ok(trace),
    }
}

/// One `Arc` per process of a trace: Jaeger's api_v2 repeats the process in every span, its api_v3
/// of 1.46 does so too.
#[derive(Debug, Default)]
pub(in crate::spans) struct Resources {
    /// The first ones, which are all in most traces.
    first: Vec<Arc<SpanResource>>,
    /// The others by their content: each span may have one of its own.
    others: HashMap<String, Arc<SpanResource>>,
}

impl Resources {
    /// Resources that are compared one by one.
    const FEW: usize = 16;

    /// The shared form of `resource`.
    pub(in crate::spans) fn share(&mut self, resource: SpanResource) -> Arc<SpanResource> {
        if let Some(known) = self.first.iter().find(|known| ***known == resource) {
            return known.clone();
        }
        if self.first.len() < Self::FEW {
            let shared = Arc::new(resource);
            self.first.push(shared.clone());
            return shared;
        }
        self.others
            .entry(resource.content())
            .or_insert_with(|| Arc::new(resource))
            .clone()
    }
}

/// Ids from bytes, big-endian; shorter ones (64-bit trace ids) are padded in front, longer ones are
/// no ids.
pub(in crate::spans) fn id_from_bytes(bytes: &[u8]) -> Option<u128> {
    let mut whole = [0_u8; 16];
    whole
        .get_mut(16_usize.checked_sub(bytes.len())?..)?
        .copy_from_slice(bytes);
    Some(u128::from_be_bytes(whole))
}

/// Span id from 8 bytes; zero where there is none.
pub(in crate::spans) fn span_id_from_bytes(bytes: &[u8]) -> u64 {
    bytes.try_into().map(u64::from_be_bytes).unwrap_or(0)
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

    #[test]
    fn event_names_are_found_under_all_keys() {
        let fields = |key: &str| {
            vec![
                ("n".to_owned(), AttributeValue::Int(1)),
                (key.to_owned(), text("done")),
            ]
        };
        for key in ["event", "message", "other"] {
            assert_eq!(event_name(fields(key)), "done", "{key}");
        }
        assert_eq!(
            event_name(vec![
                ("message".into(), text("b")),
                ("event".into(), text("a"))
            ]),
            "a"
        );
        assert_eq!(event_name(vec![]), "");
    }

    #[test]
    fn ids_of_any_length() {
        assert_eq!(id_from_bytes(&[1, 2]), Some(0x0102));
        assert_eq!(id_from_bytes(&[]), Some(0));
        assert_eq!(id_from_bytes(&[1; 17]), None);
        assert_eq!(
            (
                span_id_from_bytes(&[0, 0, 0, 0, 0, 0, 0, 9]),
                span_id_from_bytes(&[9])
            ),
            (9, 0)
        );
    }

    #[test]
    fn duplicates_and_strangers_are_left_out() {
        let span = span_of(&[]);
        let stranger = ServerSpan {
            trace_id: 9,
            ..span.clone()
        };
        assert_eq!(
            trace_of(1, vec![span.clone(), stranger, span.clone()]).spans,
            [span]
        );
    }
}
