//! One finished span of this program: small while it waits for its export, then the SDK's
//! `SpanData`.
//!
//! What the spans of a stream have in common is built once and shared. `SpanData` holds a list of
//! attributes of its own, some ten times as large, so it is built when a batch is sent and not when
//! a request ends: the queue has room for many spans.

use std::{
    borrow::Cow,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use opentelemetry::{
    InstrumentationScope, KeyValue, Value,
    trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState},
};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use super::conventions::SCHEMA_URL;

/// Name of the attribute that holds a request's number.
const SEQ: &str = "milvus_bench.seq";

/// An upper bound of what a span takes in OTLP beside its name, its attributes and its status: ids,
/// times, kind, flags, lengths.
const FIXED_BYTES: usize = 96;

/// The same of an attribute beside its name and its value.
const ATTRIBUTE_BYTES: usize = 16;

/// Value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum AttributeValue {
    Text(Cow<'static, str>),
    Int(i64),
}

impl AttributeValue {
    /// An upper bound of what it takes in OTLP.
    fn bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Int(_) => 10,
        }
    }
}

impl From<&str> for AttributeValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned().into())
    }
}

impl From<u64> for AttributeValue {
    fn from(value: u64) -> Self {
        Self::Int(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

/// An attribute: its name, and its value.
pub type SpanAttribute = (&'static str, AttributeValue);

/// What many spans have in common: name, kind and attributes.
#[derive(Clone, Debug, PartialEq)]
pub struct SpanTemplate {
    name: Cow<'static, str>,
    kind: SpanKind,
    attributes: Vec<KeyValue>,
    bytes: usize,
}

impl SpanTemplate {
    /// Spans of calls to a server (kind CLIENT), named `package.Service/Method`.
    #[must_use]
    pub fn call(name: &str, attributes: &[SpanAttribute]) -> Arc<Self> {
        Self::new(name, SpanKind::Client, attributes)
    }

    /// Spans of steps of this program (kind INTERNAL).
    #[must_use]
    pub fn step(name: &str, attributes: &[SpanAttribute]) -> Arc<Self> {
        Self::new(name, SpanKind::Internal, attributes)
    }

    fn new(name: &str, kind: SpanKind, attributes: &[SpanAttribute]) -> Arc<Self> {
        let bytes =
            FIXED_BYTES + name.len() + attributes.iter().map(attribute_bytes).sum::<usize>();
        Arc::new(Self {
            name: name.to_owned().into(),
            kind,
            attributes: attributes.iter().map(shared).collect(),
            bytes,
        })
    }
}

/// An attribute whose text is shared by all its copies.
fn shared((key, value): &SpanAttribute) -> KeyValue {
    match value {
        AttributeValue::Text(text) => KeyValue::new(*key, Arc::<str>::from(text.as_ref())),
        AttributeValue::Int(value) => KeyValue::new(*key, *value),
    }
}

fn owned((key, value): SpanAttribute) -> KeyValue {
    let value = match value {
        AttributeValue::Text(Cow::Borrowed(text)) => Value::from(text),
        AttributeValue::Text(Cow::Owned(text)) => Value::from(text),
        AttributeValue::Int(value) => Value::from(value),
    };
    KeyValue::new(key, value)
}

fn attribute_bytes((key, value): &SpanAttribute) -> usize {
    ATTRIBUTE_BYTES + key.len() + value.bytes()
}

/// How the request of a span failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpanFailure {
    /// Description of the span's status.
    pub description: String,
    /// What a success does not have.
    pub attributes: Vec<SpanAttribute>,
}

/// One finished span of this program.
#[derive(Clone, Debug)]
pub struct ClientSpan {
    /// W3C trace id.
    pub trace_id: u128,
    /// W3C span id.
    pub span_id: u64,
    /// Parent within this program; None for a root.
    pub parent_id: Option<u64>,
    /// Nanoseconds since the unix epoch.
    pub start_ns: u64,
    /// Nanoseconds since the unix epoch.
    pub end_ns: u64,
    /// Name, kind, and the attributes that it shares with others.
    pub template: Arc<SpanTemplate>,
    /// Number of the request within its stream.
    pub seq: Option<u64>,
    /// None: it did not fail.
    pub failure: Option<Box<SpanFailure>>,
}

impl ClientSpan {
    /// An upper bound of its bytes in OTLP.
    pub(super) fn bytes(&self) -> usize {
        let failure = self.failure.as_ref().map_or(0, |failure| {
            ATTRIBUTE_BYTES
                + failure.description.len()
                + failure
                    .attributes
                    .iter()
                    .map(attribute_bytes)
                    .sum::<usize>()
        });
        self.template.bytes + ATTRIBUTE_BYTES + SEQ.len() + 10 + failure
    }

    /// As the SDK has it, in `scope`.
    pub(super) fn into_data(self, scope: &InstrumentationScope) -> SpanData {
        let template = &self.template;
        let (status, own) = match self.failure {
            None => (Status::Unset, Vec::new()),
            Some(failure) => (Status::error(failure.description), failure.attributes),
        };
        let mut attributes = Vec::with_capacity(template.attributes.len() + 1 + own.len());
        attributes.extend_from_slice(&template.attributes);
        attributes.extend(own.into_iter().map(owned));
        attributes.extend(
            self.seq
                .map(|seq| KeyValue::new(SEQ, i64::try_from(seq).unwrap_or(i64::MAX))),
        );
        let (trace_id, span_id) = (TraceId::from(self.trace_id), SpanId::from(self.span_id));
        SpanData {
            span_context: SpanContext::new(
                trace_id,
                span_id,
                TraceFlags::SAMPLED,
                false,
                TraceState::NONE,
            ),
            parent_span_id: self.parent_id.map_or(SpanId::INVALID, SpanId::from),
            parent_span_is_remote: false,
            span_kind: template.kind.clone(),
            name: template.name.clone(),
            start_time: time(self.start_ns),
            end_time: time(self.end_ns),
            attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status,
            instrumentation_scope: scope.clone(),
        }
    }
}

fn time(unix_ns: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(unix_ns)
}

/// This program as the one that made the spans.
pub(super) fn scope() -> InstrumentationScope {
    InstrumentationScope::builder("milvus-bench")
        .with_version(env!("CARGO_PKG_VERSION"))
        .with_schema_url(SCHEMA_URL)
        .build()
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::{
        tonic::{
            common::v1::{AnyValue, KeyValue as Pair, any_value::Value as AnyOf},
            trace::v1::{Span, Status, span::SpanKind as Kind, status::StatusCode},
        },
        transform::{
            common::tonic::ResourceAttributesWithSchema,
            trace::tonic::group_spans_by_resource_and_scope,
        },
    };
    use prost::Message;

    use super::*;

    fn span(template: Arc<SpanTemplate>) -> ClientSpan {
        ClientSpan {
            trace_id: 0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10,
            span_id: 7,
            parent_id: None,
            start_ns: 5,
            end_ns: 1_800_000_000_123_456_789,
            template,
            seq: None,
            failure: None,
        }
    }

    fn pair(key: &str, value: AnyOf) -> Pair {
        Pair {
            key: key.to_owned(),
            value: Some(AnyValue { value: Some(value) }),
            ..Pair::default()
        }
    }

    /// What the exporter writes of `span`.
    #[track_caller]
    fn check(span: &ClientSpan, expected: &Span) {
        let resource = ResourceAttributesWithSchema::default();
        let mut groups =
            group_spans_by_resource_and_scope(vec![span.clone().into_data(&scope())], &resource);
        let group = groups.remove(0).scope_spans.remove(0);
        assert_eq!(group.schema_url, SCHEMA_URL);
        assert_eq!(&group.spans[0], expected);
        let (bytes, bound) = (expected.encoded_len(), span.bytes());
        assert!(
            bytes <= bound && bound <= bytes + 400,
            "{bytes} bytes, estimated {bound}"
        );
    }

    fn expected(kind: Kind) -> Span {
        Span {
            trace_id: (1..=16).collect(),
            span_id: vec![0, 0, 0, 0, 0, 0, 0, 7],
            name: "a/B".to_owned(),
            kind: kind.into(),
            start_time_unix_nano: 5,
            end_time_unix_nano: 1_800_000_000_123_456_789,
            flags: 0x101,
            status: Some(Status::default()),
            ..Span::default()
        }
    }

    #[test]
    fn a_step_and_a_call() {
        check(
            &span(SpanTemplate::step("a/B", &[])),
            &expected(Kind::Internal),
        );
        check(
            &span(SpanTemplate::call("a/B", &[])),
            &expected(Kind::Client),
        );
    }

    #[test]
    fn attributes_of_all_and_of_one() {
        let long = "x".repeat(70_000);
        let shared = [
            ("text", AttributeValue::from(long.as_str())),
            ("minus", AttributeValue::Int(-3)),
            ("most", u64::MAX.into()),
        ];
        let mut one = span(SpanTemplate::call("a/B", &shared));
        one.seq = Some(300);
        let attributes = vec![
            pair("text", AnyOf::StringValue(long)),
            pair("minus", AnyOf::IntValue(-3)),
            pair("most", AnyOf::IntValue(i64::MAX)),
            pair("milvus_bench.seq", AnyOf::IntValue(300)),
        ];
        check(
            &one,
            &Span {
                attributes,
                ..expected(Kind::Client)
            },
        );
    }

    #[test]
    fn parent_and_failure() {
        let mut one = span(SpanTemplate::call("a/B", &[]));
        let attributes = vec![
            ("error.type", AttributeValue::from("100")),
            ("code", AttributeValue::Int(100)),
        ];
        (one.parent_id, one.failure) = (
            Some(1 << 63),
            Some(Box::new(SpanFailure {
                description: "milvus_100".to_owned(),
                attributes,
            })),
        );
        let status = Some(Status {
            message: "milvus_100".to_owned(),
            code: StatusCode::Error.into(),
        });
        let attributes = vec![
            pair("error.type", AnyOf::StringValue("100".to_owned())),
            pair("code", AnyOf::IntValue(100)),
        ];
        check(
            &one,
            &Span {
                parent_span_id: vec![128, 0, 0, 0, 0, 0, 0, 0],
                attributes,
                status,
                ..expected(Kind::Client)
            },
        );
    }

    #[test]
    fn a_span_that_waits_is_small() {
        let bytes = size_of::<ClientSpan>();
        assert!(bytes <= 112, "{bytes} bytes");
    }
}
