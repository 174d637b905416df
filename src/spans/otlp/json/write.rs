//! Writes one object of OTLP JSON: spans grouped by resource and scope, as the standard nests them.

use std::collections::HashMap;
use std::fmt::{self, Display};
use std::io;
use std::sync::Arc;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::spans::span::{AttributeValue, ServerSpan, SpanEvent, SpanKind, SpanResource};

/// Writes `spans` as one object without a line end.
pub(super) fn write(spans: &[ServerSpan], out: &mut Vec<u8>) -> io::Result<()> {
    serde_json::to_writer(
        out,
        &Line {
            resource_spans: grouped(spans),
        },
    )
    .map_err(io::Error::other)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    resource_spans: Vec<Group<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Group<'a> {
    resource: ResourceOut<'a>,
    scope_spans: Vec<Scope<'a>>,
}

#[derive(Serialize)]
struct Scope<'a> {
    scope: Name<'a>,
    spans: Vec<SpanOut<'a>>,
}

#[derive(Serialize)]
struct Name<'a> {
    name: &'a str,
}

fn grouped(spans: &[ServerSpan]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    // Spans of one process mostly share theirs; where they do not, equal ones are told by their
    // content. Every span may have another.
    let mut by_place: HashMap<*const SpanResource, usize> = HashMap::new();
    let mut by_content: HashMap<String, usize> = HashMap::new();
    let mut scopes: HashMap<(usize, &str), usize> = HashMap::new();
    for span in spans {
        let group = *by_place
            .entry(Arc::as_ptr(&span.resource))
            .or_insert_with(|| {
                *by_content
                    .entry(span.resource.content())
                    .or_insert_with(|| {
                        groups.push(Group {
                            resource: ResourceOut(&span.resource),
                            scope_spans: Vec::new(),
                        });
                        groups.len() - 1
                    })
            });
        let of_group = &mut groups[group].scope_spans;
        let scope = *scopes.entry((group, &span.scope)).or_insert_with(|| {
            of_group.push(Scope {
                scope: Name { name: &span.scope },
                spans: Vec::new(),
            });
            of_group.len() - 1
        });
        of_group[scope].spans.push(SpanOut(span));
    }
    groups
}

struct ResourceOut<'a>(&'a SpanResource);

impl Serialize for ResourceOut<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let service = AttributeValue::Text(self.0.service.clone());
        let service = (!self.0.service.is_empty()).then_some(Pair {
            key: "service.name",
            value: ValueOut(&service),
        });
        let attributes: Vec<Pair<'_>> = service
            .into_iter()
            .chain(pairs(&self.0.attributes))
            .collect();
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry("attributes", &attributes)?;
        map.end()
    }
}

#[derive(Serialize)]
struct Pair<'a> {
    key: &'a str,
    value: ValueOut<'a>,
}

fn pairs(attributes: &[(String, AttributeValue)]) -> impl Iterator<Item = Pair<'_>> {
    attributes.iter().map(|(key, value)| Pair {
        key,
        value: ValueOut(value),
    })
}

struct ValueOut<'a>(&'a AttributeValue);

impl Serialize for ValueOut<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        match self.0 {
            AttributeValue::Text(text) => map.serialize_entry("stringValue", text)?,
            AttributeValue::Int(value) => map.serialize_entry("intValue", &Quoted(value))?,
            AttributeValue::Float(value) if value.is_finite() => {
                map.serialize_entry("doubleValue", value)?
            }
            AttributeValue::Float(value) if value.is_nan() => {
                map.serialize_entry("doubleValue", "NaN")?
            }
            AttributeValue::Float(value) => map.serialize_entry(
                "doubleValue",
                if *value > 0.0 {
                    "Infinity"
                } else {
                    "-Infinity"
                },
            )?,
            AttributeValue::Bool(value) => map.serialize_entry("boolValue", value)?,
        }
        map.end()
    }
}

/// Anything as a JSON string.
struct Quoted<T>(T);

impl<T: Display> Serialize for Quoted<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

struct TraceId(u128);

impl Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

struct SpanId(u64);

impl Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

struct SpanOut<'a>(&'a ServerSpan);

impl Serialize for SpanOut<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let span = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("traceId", &Quoted(TraceId(span.trace_id)))?;
        map.serialize_entry("spanId", &Quoted(SpanId(span.span_id)))?;
        if let Some(parent) = span.parent_id {
            map.serialize_entry("parentSpanId", &Quoted(SpanId(parent)))?;
        }
        map.serialize_entry("name", &span.name)?;
        map.serialize_entry("kind", &kind_number(span.kind))?;
        map.serialize_entry("startTimeUnixNano", &Quoted(span.start_ns))?;
        map.serialize_entry("endTimeUnixNano", &Quoted(span.end_ns))?;
        if !span.attributes.is_empty() {
            map.serialize_entry("attributes", &pairs(&span.attributes).collect::<Vec<_>>())?;
        }
        if !span.events.is_empty() {
            map.serialize_entry(
                "events",
                &span.events.iter().map(EventOut).collect::<Vec<_>>(),
            )?;
        }
        if span.status != 0 || !span.status_message.is_empty() {
            map.serialize_entry(
                "status",
                &Status {
                    code: span.status,
                    message: &span.status_message,
                },
            )?;
        }
        map.end()
    }
}

#[derive(Serialize)]
struct Status<'a> {
    code: u8,
    #[serde(skip_serializing_if = "str::is_empty")]
    message: &'a str,
}

struct EventOut<'a>(&'a SpanEvent);

impl Serialize for EventOut<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("timeUnixNano", &Quoted(self.0.time_ns))?;
        map.serialize_entry("name", &self.0.name)?;
        map.end()
    }
}

fn kind_number(kind: SpanKind) -> i32 {
    match kind {
        SpanKind::Internal => 1,
        SpanKind::Server => 2,
        SpanKind::Client => 3,
        SpanKind::Producer => 4,
        SpanKind::Consumer => 5,
    }
}
