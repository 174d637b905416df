//! Spans of Jaeger's own model, as gRPC api_v2 streams them: the format of Jaeger 1.x, times in
//! nanoseconds.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::generated::jaeger_v2::{
    Duration, KeyValue, Log, Process, Span, SpanRefType, SpansResponseChunk, Timestamp, ValueType,
};
use super::jaeger_tags::JaegerSpan;
use crate::spans::assemble::{
    Resources, event_name, id_from_bytes, only_trace, span_id_from_bytes,
};
use crate::spans::span::{AttributeValue, SpanEvent, SpanResource, Trace};

const NS_PER_S: i128 = 1_000_000_000;

/// The spans of `trace_id` in the messages of one reply, which may not pass for an empty trace
/// where it `held_something`.
pub(super) fn trace_from_chunks(
    trace_id: u128,
    chunks: Vec<SpansResponseChunk>,
    held_something: bool,
) -> Result<Trace, String> {
    let mut resources = Resources::default();
    let spans = chunks
        .into_iter()
        .flat_map(|chunk| chunk.spans)
        .map(|span| convert(span, &mut resources).into_server_span())
        .collect();
    only_trace(trace_id, spans, held_something)
}

fn convert(span: Span, resources: &mut Resources) -> JaegerSpan {
    let start_ns = unix_ns(span.start_time);
    let trace_id = id_from_bytes(&span.trace_id).unwrap_or(0);
    // As Jaeger itself chooses it: what follows from a span of its trace is below that where it is
    // no child of another.
    let parent_id = span
        .references
        .iter()
        .filter(|reference| id_from_bytes(&reference.trace_id) == Some(trace_id))
        .min_by_key(|reference| reference.ref_type != SpanRefType::ChildOf as i32)
        .map(|reference| span_id_from_bytes(&reference.span_id));
    JaegerSpan {
        trace_id,
        span_id: span_id_from_bytes(&span.span_id),
        parent_id,
        name: span.operation_name,
        start_ns,
        end_ns: end_ns(start_ns, span.duration),
        tags: attributes(span.tags),
        events: span.logs.into_iter().map(event).collect(),
        resource: resource(span.process, resources),
    }
}

fn resource(process: Option<Process>, resources: &mut Resources) -> Arc<SpanResource> {
    let process = process.unwrap_or_default();
    resources.share(SpanResource {
        service: process.service_name,
        attributes: attributes(process.tags),
    })
}

fn event(log: Log) -> SpanEvent {
    SpanEvent {
        time_ns: unix_ns(log.timestamp),
        name: event_name(attributes(log.fields)),
    }
}

fn attributes(tags: Vec<KeyValue>) -> Vec<(String, AttributeValue)> {
    tags.into_iter()
        .filter_map(|tag| Some((tag.key.clone(), value(tag)?)))
        .collect()
}

/// None for a tag of an unknown kind.
fn value(tag: KeyValue) -> Option<AttributeValue> {
    Some(match ValueType::try_from(tag.v_type).ok()? {
        ValueType::Bool => AttributeValue::Bool(tag.v_bool),
        ValueType::Int64 => AttributeValue::Int(tag.v_int64),
        ValueType::Float64 => AttributeValue::Float(tag.v_float64),
        ValueType::Binary => AttributeValue::Text(STANDARD.encode(tag.v_binary)),
        ValueType::String => AttributeValue::Text(tag.v_str),
    })
}

fn unix_ns(time: Option<Timestamp>) -> u64 {
    time.map_or(0, |time| clamped(time.seconds, time.nanos))
}

/// A span that ends before it starts has a negative length, which Jaeger 1.x keeps.
fn end_ns(start_ns: u64, length: Option<Duration>) -> u64 {
    length.map_or(start_ns, |length| {
        within(i128::from(start_ns) + whole_ns(length.seconds, length.nanos))
    })
}

fn clamped(seconds: i64, nanos: i32) -> u64 {
    within(whole_ns(seconds, nanos))
}

fn whole_ns(seconds: i64, nanos: i32) -> i128 {
    i128::from(seconds) * NS_PER_S + i128::from(nanos)
}

/// The nearest time that can be written: as far from any run as what it stands for.
fn within(ns: i128) -> u64 {
    u64::try_from(ns.max(0)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_times_outside_the_range_are_clamped() {
        assert_eq!(
            (
                clamped(-1, 5),
                clamped(0, -5),
                clamped(1, 5),
                clamped(i64::MAX, 0)
            ),
            (0, 0, 1_000_000_005, u64::MAX)
        );
    }

    #[test]
    fn a_negative_length_ends_before_it_starts() {
        let end = |seconds, nanos| end_ns(5_000_000_000, Some(Duration { seconds, nanos }));
        assert_eq!(
            (end(1, 5), end(0, -7), end(-9, 0), end(i64::MAX, 0)),
            (6_000_000_005, 4_999_999_993, 0, u64::MAX)
        );
        assert_eq!(end_ns(5, None), 5);
    }

    #[test]
    fn a_reference_to_another_trace_is_no_parent() {
        let to = |trace: u8, span: u8, ref_type| super::super::generated::jaeger_v2::SpanRef {
            trace_id: vec![trace; 16],
            span_id: vec![0, 0, 0, 0, 0, 0, 0, span],
            ref_type,
        };
        let reference = |trace: u8, ref_type| to(trace, trace, ref_type);
        let span = |references| Span {
            trace_id: vec![1; 16],
            span_id: vec![7; 8],
            references,
            ..Span::default()
        };
        let parent = |references| convert(span(references), &mut Resources::default()).parent_id;
        assert_eq!(
            parent(vec![reference(2, 0), reference(1, 1), reference(1, 0)]),
            Some(1)
        );
        assert_eq!(parent(vec![reference(2, 0)]), None);
        assert_eq!(
            parent(vec![reference(2, 1), to(1, 5, 1), to(1, 6, 1)]),
            Some(5),
            "what follows from a span of the trace is below it"
        );
        assert_eq!(parent(vec![to(1, 5, 1), to(1, 6, 0)]), Some(6));
    }

    #[test]
    fn an_empty_span_is_left_out() {
        let span = Span {
            trace_id: vec![1; 16],
            span_id: vec![7; 8],
            ..Span::default()
        };
        let chunk = SpansResponseChunk {
            spans: vec![Span::default(), span],
        };
        let id = id_from_bytes(&[1; 16]).expect("an id");
        assert!(trace_from_chunks(id, vec![chunk], true).is_ok_and(|trace| trace.spans.len() == 1));
    }

    #[test]
    fn a_tag_of_an_unknown_kind_costs_that_tag() {
        let tag = |v_type| KeyValue {
            key: "k".to_owned(),
            v_type,
            v_str: "v".to_owned(),
            ..KeyValue::default()
        };
        assert_eq!(
            attributes(vec![tag(9), tag(0)]),
            [("k".to_owned(), AttributeValue::Text("v".into()))]
        );
    }

    #[test]
    fn a_reply_without_a_span_of_the_trace_is_no_empty_trace() {
        let span = Span {
            trace_id: vec![1; 16],
            span_id: vec![7; 8],
            ..Span::default()
        };
        assert!(
            trace_from_chunks(5, vec![SpansResponseChunk { spans: vec![span] }], true).is_err()
        );
        assert!(trace_from_chunks(5, vec![SpansResponseChunk { spans: vec![] }], true).is_err());
        assert!(trace_from_chunks(5, vec![], false).is_ok());
    }
}
