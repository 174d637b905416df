//! Spans as OTLP has them.

use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{
        ResourceSpans, ScopeSpans, Span,
        span::{Event, SpanKind},
    },
};

use super::shape::{Served, SpanSpec};

/// Service, NodeID and scope.
pub(super) type Writer = (String, i64, String);

/// Spans of one writer.
pub(super) fn resource_spans(
    ((service, node_id, scope), spans): (Writer, Vec<Span>),
) -> ResourceSpans {
    let mut attributes = vec![
        attribute("service.name", Value::StringValue(service.clone())),
        attribute("NodeID", Value::IntValue(node_id)),
    ];
    if service == "segcore" {
        attributes.push(attribute(
            "telemetry.sdk.language",
            Value::StringValue("cpp".to_owned()),
        ));
    }
    ResourceSpans {
        resource: Some(Resource {
            attributes,
            ..Default::default()
        }),
        scope_spans: vec![ScopeSpans {
            scope: Some(InstrumentationScope {
                name: scope,
                ..Default::default()
            }),
            spans,
            ..Default::default()
        }],
        ..Default::default()
    }
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..Default::default()
    }
}

/// What gRPC's instrumentation writes; spans of calls are named `<service>/<method>`.
fn rpc_attributes(spec: &SpanSpec) -> Vec<KeyValue> {
    let Some((service, method)) = spec
        .name
        .split_once('/')
        .filter(|_| spec.kind != SpanKind::Internal)
    else {
        return Vec::new();
    };
    vec![
        attribute("rpc.system", Value::StringValue("grpc".to_owned())),
        attribute("rpc.service", Value::StringValue(service.to_owned())),
        attribute("rpc.method", Value::StringValue(method.to_owned())),
        attribute("rpc.grpc.status_code", Value::IntValue(0)),
    ]
}

/// Differs between the attempts of one trace, because the client's span id does; never 0.
fn span_id(served: &Served, position: usize) -> u64 {
    let id = (served.client_span ^ (position as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
        .wrapping_mul(0xbf58_476d_1ce4_e5b9);
    id.max(1)
}

pub(super) fn span(served: &Served, position: usize, spec: SpanSpec) -> Span {
    let parent = spec
        .parent
        .map_or(served.client_span, |parent| span_id(served, parent));
    let event = |(name, at): (String, u64)| Event {
        name,
        time_unix_nano: served.start_ns + at,
        ..Default::default()
    };
    Span {
        trace_id: served.trace_id.to_be_bytes().to_vec(),
        span_id: span_id(served, position).to_be_bytes().to_vec(),
        parent_span_id: parent.to_be_bytes().to_vec(),
        kind: spec.kind as i32,
        start_time_unix_nano: served.start_ns + spec.start_ns,
        end_time_unix_nano: served.start_ns + spec.end_ns,
        attributes: rpc_attributes(&spec),
        name: spec.name,
        events: spec.events.into_iter().map(event).collect(),
        ..Default::default()
    }
}
