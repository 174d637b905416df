//! One span of this program and its bytes in OTLP (`opentelemetry/proto/trace/v1/trace.proto`).
//!
//! The bytes are written here and not through generated types: what the spans of a stream have in common is encoded once,
//! so that a span costs some hundred nanoseconds and no allocation, and its size is known before a batch is sent.

use std::sync::Arc;

use prost::encoding::{WireType, encode_key, encode_varint};

/// Field numbers of `Span`.
mod field {
    pub(super) const TRACE_ID: u32 = 1;
    pub(super) const SPAN_ID: u32 = 2;
    pub(super) const PARENT_SPAN_ID: u32 = 4;
    pub(super) const NAME: u32 = 5;
    pub(super) const KIND: u32 = 6;
    pub(super) const START: u32 = 7;
    pub(super) const END: u32 = 8;
    pub(super) const ATTRIBUTES: u32 = 9;
    pub(super) const STATUS: u32 = 15;
    pub(super) const FLAGS: u32 = 16;
}

/// `SpanKind` of OTLP.
const INTERNAL: u64 = 1;
const CLIENT: u64 = 3;

/// Sampled, and the parent is known not to be remote.
const FLAGS: u32 = 0x101;

/// `STATUS_CODE_ERROR`.
const ERROR: u64 = 2;

/// Value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum AttributeValue {
    Text(String),
    Int(i64),
}

impl From<&str> for AttributeValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<u64> for AttributeValue {
    fn from(value: u64) -> Self {
        Self::Int(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

/// An attribute: its name, and its value.
pub type SpanAttribute<'a> = (&'a str, AttributeValue);

/// What many spans have in common: name, kind and attributes, encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpanTemplate {
    encoded: Vec<u8>,
}

impl SpanTemplate {
    /// Spans of calls to a server (kind CLIENT), named `package.Service/Method`.
    #[must_use]
    pub fn call(name: &str, attributes: &[SpanAttribute<'_>]) -> Arc<Self> {
        Self::new(name, CLIENT, attributes)
    }

    /// Spans of steps of this program (kind INTERNAL).
    #[must_use]
    pub fn step(name: &str, attributes: &[SpanAttribute<'_>]) -> Arc<Self> {
        Self::new(name, INTERNAL, attributes)
    }

    fn new(name: &str, kind: u64, attributes: &[SpanAttribute<'_>]) -> Arc<Self> {
        let mut encoded = Vec::new();
        put_bytes(&mut encoded, field::NAME, name.as_bytes());
        put_varint(&mut encoded, field::KIND, kind);
        encode_key(field::FLAGS, WireType::ThirtyTwoBit, &mut encoded);
        encoded.extend_from_slice(&FLAGS.to_le_bytes());
        for (key, value) in attributes {
            put_bytes(&mut encoded, field::ATTRIBUTES, &key_value(key, value));
        }
        Arc::new(Self { encoded })
    }
}

/// How the request of a span ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum OutcomeStatus {
    Ok,
    Error(String),
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
    /// How it ended.
    pub status: OutcomeStatus,
    /// Name, kind, and the attributes that it shares with others.
    pub template: Arc<SpanTemplate>,
    /// Attributes of this span alone, all numbers.
    pub numbers: [Option<(&'static str, u64)>; 2],
}

impl ClientSpan {
    /// Appends the message `Span` of OTLP.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_bytes(out, field::TRACE_ID, &self.trace_id.to_be_bytes());
        put_bytes(out, field::SPAN_ID, &self.span_id.to_be_bytes());
        if let Some(parent) = self.parent_id {
            put_bytes(out, field::PARENT_SPAN_ID, &parent.to_be_bytes());
        }
        out.extend_from_slice(&self.template.encoded);
        put_fixed64(out, field::START, self.start_ns);
        put_fixed64(out, field::END, self.end_ns);
        for (key, value) in self.numbers.iter().flatten() {
            put_number(out, key, *value);
        }
        if let OutcomeStatus::Error(text) = &self.status {
            // Of `Status`: message = 2, code = 3.
            let mut status = Vec::with_capacity(text.len() + 4);
            put_bytes(&mut status, 2, text.as_bytes());
            put_varint(&mut status, 3, ERROR);
            put_bytes(out, field::STATUS, &status);
        }
    }
}

/// The message `KeyValue`: key = 1, value = 2 (`AnyValue`: string = 1, int = 3).
pub(super) fn key_value(key: &str, value: &AttributeValue) -> Vec<u8> {
    let mut any = Vec::new();
    match value {
        AttributeValue::Text(text) => put_bytes(&mut any, 1, text.as_bytes()),
        AttributeValue::Int(value) => put_varint(&mut any, 3, value.cast_unsigned()),
    }
    let mut pair = Vec::new();
    put_bytes(&mut pair, 1, key.as_bytes());
    put_bytes(&mut pair, 2, &any);
    pair
}

/// An attribute that is a number, without an allocation: every length is below 128 and so one byte.
fn put_number(out: &mut Vec<u8>, key: &'static str, value: u64) {
    let value = value.min(i64::MAX.cast_unsigned());
    let value_bytes = prost::encoding::encoded_len_varint(value);
    let pair_bytes = key.len() + value_bytes + 5;
    assert!(pair_bytes < 128, "the attribute's name {key} is too long");
    encode_key(field::ATTRIBUTES, WireType::LengthDelimited, out);
    out.push(pair_bytes as u8);
    put_bytes(out, 1, key.as_bytes());
    encode_key(2, WireType::LengthDelimited, out);
    out.push((value_bytes + 1) as u8);
    put_varint(out, 3, value);
}

pub(super) fn put_bytes(out: &mut Vec<u8>, field: u32, bytes: &[u8]) {
    encode_key(field, WireType::LengthDelimited, out);
    encode_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

fn put_varint(out: &mut Vec<u8>, field: u32, value: u64) {
    encode_key(field, WireType::Varint, out);
    encode_varint(value, out);
}

fn put_fixed64(out: &mut Vec<u8>, field: u32, value: u64) {
    encode_key(field, WireType::SixtyFourBit, out);
    out.extend_from_slice(&value.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::{
        common::v1::{AnyValue, KeyValue, any_value::Value},
        trace::v1::{Span, Status, span::SpanKind, status::StatusCode},
    };
    use prost::Message;

    use super::*;

    fn span(template: Arc<SpanTemplate>) -> ClientSpan {
        ClientSpan {
            trace_id: 0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10,
            span_id: 7,
            parent_id: None,
            start_ns: 5,
            end_ns: u64::MAX,
            status: OutcomeStatus::Ok,
            template,
            numbers: [None, None],
        }
    }

    fn pair(key: &str, value: Value) -> KeyValue {
        KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
    }

    /// What every OTLP implementation reads from the bytes.
    fn check(span: &ClientSpan, expected: &Span) {
        let mut bytes = Vec::new();
        span.encode(&mut bytes);
        assert_eq!(Span::decode(bytes.as_slice()).as_ref(), Ok(expected));
    }

    fn expected(kind: SpanKind) -> Span {
        Span {
            trace_id: (1..=16).collect(),
            span_id: vec![0, 0, 0, 0, 0, 0, 0, 7],
            name: "a/B".to_owned(),
            kind: kind.into(),
            start_time_unix_nano: 5,
            end_time_unix_nano: u64::MAX,
            flags: 0x101,
            ..Span::default()
        }
    }

    #[test]
    fn a_step_and_a_call() {
        check(&span(SpanTemplate::step("a/B", &[])), &expected(SpanKind::Internal));
        check(&span(SpanTemplate::call("a/B", &[])), &expected(SpanKind::Client));
    }

    #[test]
    fn attributes_of_all_and_of_one() {
        let long = "x".repeat(70_000);
        let shared = [("text", AttributeValue::from(long.as_str())), ("minus", AttributeValue::Int(-3)), ("most", u64::MAX.into())];
        let mut one = span(SpanTemplate::call("a/B", &shared));
        one.numbers = [Some(("seq", 300)), Some(("most", u64::MAX))];
        let int = Value::IntValue;
        let attributes = vec![
            pair("text", Value::StringValue(long)),
            pair("minus", int(-3)),
            pair("most", int(i64::MAX)),
            pair("seq", int(300)),
            pair("most", int(i64::MAX)),
        ];
        check(&one, &Span { attributes, ..expected(SpanKind::Client) });
    }

    #[test]
    fn parent_and_failure() {
        let mut one = span(SpanTemplate::call("a/B", &[]));
        (one.parent_id, one.status) = (Some(1 << 63), OutcomeStatus::Error("milvus_100".to_owned()));
        let status = Some(Status { message: "milvus_100".to_owned(), code: StatusCode::Error.into() });
        check(&one, &Span { parent_span_id: vec![128, 0, 0, 0, 0, 0, 0, 0], status, ..expected(SpanKind::Client) });
    }
}
