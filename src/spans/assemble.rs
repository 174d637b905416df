//! What every reader does with what it has decoded, whatever the encoding: ids of bytes, shared
//! resources, names of events, and the spans of one trace without doubles.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::span::{AttributeValue, ServerSpan, SpanResource, Trace};

/// Tags of one span or one log.
pub(super) type Tags = Vec<(String, AttributeValue)>;

/// Name of the event that a log stands for: field `event`, in old translators `message`, else the
/// first text.
pub(super) fn event_name(fields: Tags) -> String {
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
pub(super) fn tidy(span: &mut ServerSpan) {
    if span.name.starts_with('/') {
        span.name.remove(0);
    }
    span.parent_id = span.parent_id.filter(|id| *id != 0);
    span.events.sort_by_key(|event| event.time_ns);
}

/// The spans of one trace: those of other traces and without an id left out, none twice (Jaeger
/// 1.46 keeps duplicates that a repeated export made).
pub(super) fn trace_of(trace_id: u128, mut spans: Vec<ServerSpan>) -> Trace {
    let mut seen = HashSet::with_capacity(spans.len());
    spans
        .retain(|span| span.trace_id == trace_id && span.span_id != 0 && seen.insert(span.span_id));
    Trace { trace_id, spans }
}

/// The same for a reply that must not pass for an empty trace: where it `held_something`, one of
/// its spans has to belong to the trace. A form that is not known would else look like a Milvus
/// that records nothing.
pub(super) fn only_trace(
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
        None if held_something => Err("no spans at the expected place".to_owned()),
        _ => Ok(trace),
    }
}

/// One `Arc` per process of a trace: Jaeger's api_v2 repeats the process in every span, its api_v3
/// of 1.46 does so too.
#[derive(Debug, Default)]
pub(super) struct Resources {
    /// The first ones, which are all in most traces.
    first: Vec<Arc<SpanResource>>,
    /// The others by their content: each span may have one of its own.
    others: HashMap<String, Arc<SpanResource>>,
}

impl Resources {
    /// Resources that are compared one by one.
    const FEW: usize = 16;

    /// The shared form of `resource`.
    pub(super) fn share(&mut self, resource: SpanResource) -> Arc<SpanResource> {
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
pub(super) fn id_from_bytes(bytes: &[u8]) -> Option<u128> {
    let mut whole = [0_u8; 16];
    whole
        .get_mut(16_usize.checked_sub(bytes.len())?..)?
        .copy_from_slice(bytes);
    Some(u128::from_be_bytes(whole))
}

/// Span id from 8 bytes; zero where there is none.
pub(super) fn span_id_from_bytes(bytes: &[u8]) -> u64 {
    bytes.try_into().map(u64::from_be_bytes).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spans::span::SpanKind;
    use crate::spans::whole::tests::span;

    fn text(value: &str) -> AttributeValue {
        AttributeValue::Text(value.to_owned())
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
        let span = ServerSpan {
            trace_id: 1,
            ..span(2, 0, SpanKind::Internal, "a", 3, 5)
        };
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
