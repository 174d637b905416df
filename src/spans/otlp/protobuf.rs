//! Spans as OTLP protobuf: what api_v3 of Jaeger streams and what the embedded receiver gets.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span, span::Event};
use serde_json::{Value as Json, json};

use crate::spans::assemble::{
    Resources, Tags, event_name, id_from_bytes, span_id_from_bytes, tidy,
};
use crate::spans::span::{AttributeValue, ServerSpan, SpanEvent, SpanKind, SpanResource};

/// Levels of maps and arrays in one attribute that are kept; deeper ones are cut, so that hostile
/// input can't use up the stack.
const MAX_DEPTH: u32 = 8;

/// Calls `keep` with each span of `groups`, in their order.
pub(in crate::spans) fn convert(groups: Vec<ResourceSpans>, keep: &mut dyn FnMut(ServerSpan)) {
    let mut resources = Resources::default();
    for group in groups {
        let resource = resources.share(resource(group.resource.unwrap_or_default()));
        for scope in group.scope_spans {
            let name = scope.scope.map(|scope| scope.name).unwrap_or_default();
            for span in scope.spans {
                keep(convert_span(span, &name, resource.clone()));
            }
        }
    }
}

fn convert_span(span: Span, scope: &str, resource: Arc<SpanResource>) -> ServerSpan {
    let status = span.status.unwrap_or_default();
    let mut converted = ServerSpan {
        trace_id: id_from_bytes(&span.trace_id).unwrap_or(0),
        span_id: span_id_from_bytes(&span.span_id),
        parent_id: Some(span_id_from_bytes(&span.parent_span_id)),
        name: span.name,
        kind: kind_from_number(span.kind),
        scope: scope.to_owned(),
        start_ns: span.start_time_unix_nano,
        end_ns: span.end_time_unix_nano,
        attributes: attributes(span.attributes),
        events: span.events.into_iter().map(event).collect(),
        status: status_from_number(status.code),
        status_message: status.message,
        resource,
    };
    tidy(&mut converted);
    converted
}

fn resource(resource: Resource) -> SpanResource {
    resource_from_attributes(attributes(resource.attributes))
}

/// Takes `service.name` out of `attributes`.
pub(in crate::spans) fn resource_from_attributes(attributes: Tags) -> SpanResource {
    let mut resource = SpanResource::default();
    for (key, value) in attributes {
        match value {
            AttributeValue::Text(service) if key == "service.name" => resource.service = service,
            value => resource.attributes.push((key, value)),
        }
    }
    resource
}

/// OTLP's number of a span kind; unspecified and unknown ones are internal.
pub(in crate::spans) fn kind_from_number(kind: i32) -> SpanKind {
    match kind {
        2 => SpanKind::Server,
        3 => SpanKind::Client,
        4 => SpanKind::Producer,
        5 => SpanKind::Consumer,
        _ => SpanKind::Internal,
    }
}

/// OTLP's number of a status; unknown ones are unset.
pub(in crate::spans) fn status_from_number(code: i32) -> u8 {
    u8::try_from(code)
        .ok()
        .filter(|code| *code <= 2)
        .unwrap_or(0)
}

/// Jaeger 1.46 leaves the name of an event in an attribute.
fn event(event: Event) -> SpanEvent {
    let name = if event.name.is_empty() {
        event_name(attributes(event.attributes))
    } else {
        event.name
    };
    SpanEvent {
        name,
        time_ns: event.time_unix_nano,
    }
}

fn attributes(list: Vec<KeyValue>) -> Tags {
    list.into_iter()
        .filter_map(|pair| Some((pair.key, attribute(pair.value?.value?))))
        .collect()
}

pub(in crate::spans) fn attribute(value: Value) -> AttributeValue {
    match value {
        Value::StringValue(text) => AttributeValue::Text(text),
        Value::BoolValue(value) => AttributeValue::Bool(value),
        Value::IntValue(value) => AttributeValue::Int(value),
        Value::DoubleValue(value) => AttributeValue::Float(value),
        Value::BytesValue(bytes) => AttributeValue::Text(STANDARD.encode(bytes)),
        nested => AttributeValue::Text(to_json(Some(nested), MAX_DEPTH).to_string()),
    }
}

fn to_json(value: Option<Value>, depth: u32) -> Json {
    let inner = |value: Option<AnyValue>| to_json(value.and_then(|any| any.value), depth - 1);
    match value {
        Some(Value::StringValue(text)) => json!(text),
        Some(Value::BoolValue(value)) => json!(value),
        Some(Value::IntValue(value)) => json!(value),
        Some(Value::DoubleValue(value)) => json!(value),
        Some(Value::BytesValue(bytes)) => json!(STANDARD.encode(bytes)),
        Some(Value::ArrayValue(array)) if depth > 0 => array
            .values
            .into_iter()
            .map(|value| inner(Some(value)))
            .collect(),
        Some(Value::KvlistValue(list)) if depth > 0 => list
            .values
            .into_iter()
            .map(|pair| (pair.key, inner(pair.value)))
            .collect(),
        _ => Json::Null,
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::common::v1::{ArrayValue, KeyValueList};

    use super::*;

    fn array(values: Vec<Value>) -> Value {
        Value::ArrayValue(ArrayValue {
            values: values
                .into_iter()
                .map(|value| AnyValue { value: Some(value) })
                .collect(),
        })
    }

    fn check(value: Value, expected: AttributeValue) {
        assert_eq!(attribute(value), expected);
    }

    #[test]
    fn plain_values_keep_their_type() {
        check(Value::IntValue(-1), AttributeValue::Int(-1));
        check(Value::DoubleValue(0.5), AttributeValue::Float(0.5));
        check(
            Value::BytesValue(vec![1, 2]),
            AttributeValue::Text("AQI=".into()),
        );
    }

    #[test]
    fn arrays_and_maps_travel_as_json() {
        check(
            array(vec![Value::IntValue(1), Value::BoolValue(true)]),
            AttributeValue::Text("[1,true]".into()),
        );
        let pair = KeyValue {
            key: "k".into(),
            value: Some(AnyValue {
                value: Some(Value::StringValue("v".into())),
            }),
            ..KeyValue::default()
        };
        check(
            Value::KvlistValue(KeyValueList { values: vec![pair] }),
            AttributeValue::Text("{\"k\":\"v\"}".into()),
        );
    }

    #[test]
    fn depth_is_bounded() {
        let deep = (0..50).fold(Value::IntValue(1), |value, _| array(vec![value]));
        check(deep, AttributeValue::Text("[[[[[[[[null]]]]]]]]".into()));
    }

    #[test]
    fn unknown_kinds_and_codes_are_unset() {
        assert_eq!(
            (
                kind_from_number(0),
                kind_from_number(9),
                kind_from_number(-1)
            ),
            (SpanKind::Internal, SpanKind::Internal, SpanKind::Internal)
        );
        assert_eq!(
            (
                status_from_number(2),
                status_from_number(3),
                status_from_number(-1)
            ),
            (2, 0, 0)
        );
    }
}
