//! Reads one object of OTLP JSON: `{"resourceSpans": [...]}`. Ids are hex, 64-bit numbers are
//! strings, kinds and codes are numbers.
//!
//! The types of opentelemetry-proto could read this too, but build every attribute twice and refuse
//! a number where the standard allows number and string; these go straight into [`ServerSpan`]'s
//! form.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, KeyValue, KeyValueList, any_value::Value,
};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::spans::assemble::{Tags, event_name, tidy};
use crate::spans::loose::Loose;
use crate::spans::otlp::protobuf::{
    attribute, kind_from_number, resource_from_attributes, status_from_number,
};
use crate::spans::span::{ServerSpan, SpanEvent, SpanResource};

/// Reads one object; unknown fields are skipped, spans without ids left out.
pub(in crate::spans) fn read(bytes: &[u8]) -> serde_json::Result<Vec<ServerSpan>> {
    serde_json::from_slice::<Line>(bytes).map(Line::into_spans)
}

/// What is read of one object.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::spans) struct Line {
    // Required: an object without it is something else, and must not pass for an empty trace.
    #[serde(deserialize_with = "nullable")]
    resource_spans: Vec<ResourceIn>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ResourceIn {
    #[serde(deserialize_with = "nullable")]
    resource: AttributesIn,
    #[serde(deserialize_with = "nullable")]
    scope_spans: Vec<ScopeIn>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct AttributesIn {
    #[serde(deserialize_with = "nullable")]
    attributes: Vec<MaybePair>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ScopeIn {
    #[serde(deserialize_with = "nullable")]
    scope: ScopeNameIn,
    #[serde(deserialize_with = "nullable")]
    spans: Vec<SpanIn>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ScopeNameIn {
    name: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct SpanIn {
    #[serde(deserialize_with = "hex")]
    trace_id: u128,
    #[serde(deserialize_with = "hex")]
    span_id: u128,
    #[serde(deserialize_with = "hex")]
    parent_span_id: u128,
    name: String,
    kind: i32,
    #[serde(deserialize_with = "number")]
    start_time_unix_nano: i128,
    #[serde(deserialize_with = "number")]
    end_time_unix_nano: i128,
    #[serde(deserialize_with = "nullable")]
    attributes: Vec<MaybePair>,
    #[serde(deserialize_with = "nullable")]
    events: Vec<EventIn>,
    #[serde(deserialize_with = "nullable")]
    status: StatusIn,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct EventIn {
    #[serde(deserialize_with = "number")]
    time_unix_nano: i128,
    name: String,
    #[serde(deserialize_with = "nullable")]
    attributes: Vec<MaybePair>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct StatusIn {
    code: i32,
    message: String,
}

/// None for null. A list is an error, since a line of lists within lists is nothing of OTLP.
struct MaybePair(Option<PairIn>);

impl<'de> Deserialize<'de> for MaybePair {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pair;

        impl<'de> Visitor<'de> for Pair {
            type Value = MaybePair;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an attribute")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<MaybePair, A::Error> {
                PairIn::deserialize(MapAccessDeserializer::new(map))
                    .map(|pair| MaybePair(Some(pair)))
            }

            fn visit_unit<E: Error>(self) -> Result<MaybePair, E> {
                Ok(MaybePair(None))
            }
        }

        deserializer.deserialize_any(Pair)
    }
}

/// An attribute of an unknown kind, or whose key is no text, costs the attribute, never the trace.
#[derive(Default, Deserialize)]
#[serde(default)]
struct PairIn {
    key: Loose,
    #[serde(deserialize_with = "if_table")]
    value: ValueIn,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ValueIn {
    string_value: Loose,
    bool_value: Loose,
    int_value: Loose,
    double_value: Loose,
    #[serde(deserialize_with = "some_if_table")]
    array_value: Option<ArrayIn>,
    #[serde(deserialize_with = "some_if_table")]
    kvlist_value: Option<PairsIn>,
    /// Base64, as which bytes travel here anyway.
    bytes_value: Loose,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ArrayIn {
    #[serde(deserialize_with = "nullable")]
    values: Vec<ValueIn>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PairsIn {
    #[serde(deserialize_with = "nullable")]
    values: Vec<MaybePair>,
}

impl Line {
    /// Groups of spans, empty ones among them.
    pub(in crate::spans) fn groups(&self) -> usize {
        self.resource_spans.len()
    }

    /// The spans, in their order.
    pub(in crate::spans) fn into_spans(self) -> Vec<ServerSpan> {
        let mut spans = Vec::new();
        for group in self.resource_spans {
            let resource = Arc::new(resource_from_attributes(tags(group.resource.attributes)));
            for scope in group.scope_spans {
                let converted = scope
                    .spans
                    .into_iter()
                    .map(|span| span.into_span(&scope.scope.name, resource.clone()));
                spans.extend(converted.filter(|span| span.trace_id != 0 && span.span_id != 0));
            }
        }
        spans
    }
}

impl SpanIn {
    fn into_span(self, scope: &str, resource: Arc<SpanResource>) -> ServerSpan {
        let mut span = ServerSpan {
            trace_id: self.trace_id,
            // More than 16 digits are no span id.
            span_id: u64::try_from(self.span_id).unwrap_or(0),
            parent_id: u64::try_from(self.parent_span_id).ok(),
            name: self.name,
            kind: kind_from_number(self.kind),
            scope: scope.to_owned(),
            start_ns: clamped(self.start_time_unix_nano),
            end_ns: clamped(self.end_time_unix_nano),
            attributes: tags(self.attributes),
            events: self.events.into_iter().map(EventIn::into_event).collect(),
            status: status_from_number(self.status.code),
            status_message: self.status.message,
            resource,
        };
        tidy(&mut span);
        span
    }
}

impl EventIn {
    fn into_event(self) -> SpanEvent {
        let name = if self.name.is_empty() {
            event_name(tags(self.attributes))
        } else {
            self.name
        };
        SpanEvent {
            name,
            time_ns: clamped(self.time_unix_nano),
        }
    }
}

fn clamped(ns: i128) -> u64 {
    u64::try_from(ns.max(0)).unwrap_or(u64::MAX)
}

fn tags(pairs: Vec<MaybePair>) -> Tags {
    pairs
        .into_iter()
        .filter_map(|pair| pair.0)
        .filter_map(|pair| Some((pair.key.text()?, attribute(pair.value.into_value()?))))
        .collect()
}

impl ValueIn {
    fn into_value(self) -> Option<Value> {
        if let Some(text) = self.string_value.text().or(self.bytes_value.text()) {
            return Some(Value::StringValue(text));
        }
        if let Some(array) = self.array_value {
            let values = array
                .values
                .into_iter()
                .map(|value| AnyValue {
                    value: value.into_value(),
                })
                .collect();
            return Some(Value::ArrayValue(ArrayValue { values }));
        }
        if let Some(list) = self.kvlist_value {
            let pair = |pair: PairIn| {
                let value = Some(AnyValue {
                    value: pair.value.into_value(),
                });
                Some(KeyValue {
                    key: pair.key.text()?,
                    value,
                    ..KeyValue::default()
                })
            };
            return Some(Value::KvlistValue(KeyValueList {
                values: list
                    .values
                    .into_iter()
                    .filter_map(|pair| pair.0)
                    .filter_map(pair)
                    .collect(),
            }));
        }
        let bool = match self.bool_value {
            Loose::Bool(value) => Some(Value::BoolValue(value)),
            _ => None,
        };
        self.int_value
            .int()
            .map(Value::IntValue)
            .or(bool)
            .or(self.double_value.float().map(Value::DoubleValue))
    }
}

/// `null` is the default.
fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

struct HexId;

impl Visitor<'_> for HexId {
    type Value = u128;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an id of at most 32 hex digits")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<u128, E> {
        match text.is_empty() {
            true => Ok(0),
            // from_str_radix alone would let a sign pass.
            false if text.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                u128::from_str_radix(text, 16).map_err(|_| E::invalid_length(text.len(), &self))
            }
            false => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
        }
    }
}

fn hex<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u128, D::Error> {
    deserializer.deserialize_str(HexId)
}

/// A 64-bit number as number or string; None for null.
struct Number;

impl<'de> Visitor<'de> for Number {
    type Value = Option<i128>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number, or one in a string")
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Some(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Some(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        // Some writers put 1.7e18; the cast saturates.
        Ok(Some(value as i128))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        text.parse()
            .map(Some)
            .map_err(|_| E::invalid_value(serde::de::Unexpected::Str(text), &self))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

fn some_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i128>, D::Error> {
    deserializer.deserialize_any(Number)
}

fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i128, D::Error> {
    Ok(some_number(deserializer)?.unwrap_or(0))
}

/// An object as `T`; None for anything else.
fn some_if_table<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    deserializer.deserialize_any(IfTable(PhantomData))
}

/// An object as `T`; the default for anything else.
fn if_table<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(some_if_table(deserializer)?.unwrap_or_default())
}

struct IfTable<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for IfTable<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Option<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Some)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Option<T>, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_unit<E: Error>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Option<T>, E> {
        Ok(None)
    }
}
