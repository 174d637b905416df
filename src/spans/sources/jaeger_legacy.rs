//! Jaeger's legacy JSON of one trace: its own model, times in whole microseconds.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use serde::de::{Error, IgnoredAny, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

use super::jaeger_tags::JaegerSpan;
use crate::spans::assemble::{Tags, event_name, only_trace};
use crate::spans::error::{cleaned, names_missing_trace};
use crate::spans::loose::Loose;
use crate::spans::span::{AttributeValue, SpanEvent, SpanResource, Trace};

/// Nanoseconds of a microsecond.
const NS_PER_US: i128 = 1_000;

/// Whether `body` is Jaeger's envelope, be it without data.
pub(super) fn is_envelope(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Envelope {
        // As a field of type Option would be optional.
        #[serde(rename = "data", deserialize_with = "anything")]
        _data: (),
    }
    serde_json::from_slice::<Envelope>(body).is_ok()
}

fn anything<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| ())
}

/// The spans of `trace_id` in one reply.
pub(super) fn read(trace_id: u128, body: &[u8]) -> Result<Trace, String> {
    let reply: Reply = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let traces = reply.data.unwrap_or_default();
    if let (true, Some(errors)) = (
        traces.is_empty(),
        reply.errors.filter(|errors| !errors.is_empty()),
    ) {
        let words: Vec<&str> = errors.iter().map(ErrorIn::words).collect();
        let words = words.join("; ");
        return if names_missing_trace(&words) {
            Ok(Trace {
                trace_id,
                spans: Vec::new(),
            })
        } else {
            Err(cleaned(&words))
        };
    }
    let mut spans = Vec::new();
    for trace in traces {
        let processes: HashMap<String, Arc<SpanResource>> = trace
            .processes
            .unwrap_or_default()
            .into_iter()
            .map(|(id, process)| (id, process.shared()))
            .collect();
        spans.extend(
            trace
                .spans
                .unwrap_or_default()
                .into_iter()
                .map(|span| span.convert(&processes).into_server_span()),
        );
    }
    only_trace(trace_id, spans, false)
}

#[derive(Deserialize)]
struct Reply {
    // Required, though it may be null: an object without it is something else, and must not pass
    // for an empty trace.
    #[serde(deserialize_with = "Deserialize::deserialize")]
    data: Option<Vec<TraceIn>>,
    errors: Option<Vec<ErrorIn>>,
}

#[derive(Deserialize)]
struct ErrorIn {
    #[serde(default)]
    msg: Loose,
}

impl ErrorIn {
    fn words(&self) -> &str {
        match &self.msg {
            Loose::Text(words) => words,
            _ => "an error without a message",
        }
    }
}

#[derive(Deserialize)]
struct TraceIn {
    // Required for the same reason.
    #[serde(deserialize_with = "Deserialize::deserialize")]
    spans: Option<Vec<SpanIn>>,
    processes: Option<HashMap<String, Process>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SpanIn {
    #[serde(rename = "traceID")]
    trace_id: Id,
    #[serde(rename = "spanID")]
    span_id: Id,
    operation_name: String,
    references: Option<Vec<Reference>>,
    /// Older than `references`, and still beside or instead of them in some stores; may be empty.
    #[serde(rename = "parentSpanID")]
    parent_span_id: Option<String>,
    start_time: Micros,
    duration: Micros,
    tags: Option<Vec<Tag>>,
    logs: Option<Vec<Log>>,
    #[serde(rename = "processID", default)]
    process_id: String,
}

#[derive(Deserialize)]
struct Reference {
    #[serde(rename = "refType")]
    ref_type: String,
    #[serde(rename = "traceID")]
    trace_id: Id,
    #[serde(rename = "spanID")]
    span_id: Id,
}

#[derive(Deserialize)]
struct Process {
    #[serde(rename = "serviceName")]
    service_name: String,
    tags: Option<Vec<Tag>>,
}

#[derive(Deserialize)]
struct Log {
    timestamp: Micros,
    fields: Option<Vec<Tag>>,
}

/// A tag of an unknown kind costs the tag, never the trace.
#[derive(Deserialize)]
struct Tag {
    #[serde(default)]
    key: Loose,
    #[serde(rename = "type", default)]
    kind: Loose,
    #[serde(default)]
    value: Loose,
}

/// Hex digits, at most 32; leading zeros are left out by some versions.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Id(u128);

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Hex;
        impl Visitor<'_> for Hex {
            type Value = Id;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an id of 1 to 32 hex digits")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Id, E> {
                let digits = text.bytes().all(|byte| byte.is_ascii_hexdigit());
                let id = digits
                    .then(|| u128::from_str_radix(text, 16).ok())
                    .flatten();
                id.map(Id)
                    .ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_str(Hex)
    }
}

impl Process {
    fn shared(self) -> Arc<SpanResource> {
        Arc::new(SpanResource {
            service: self.service_name,
            attributes: attributes(self.tags),
        })
    }
}

impl SpanIn {
    fn convert(self, processes: &HashMap<String, Arc<SpanResource>>) -> JaegerSpan {
        // As Jaeger itself chooses it: what follows from a span of its trace is below that where it
        // is no child of another.
        let in_trace = self
            .references
            .unwrap_or_default()
            .into_iter()
            .filter(|reference| reference.trace_id == self.trace_id);
        let parent = in_trace.min_by_key(|reference| reference.ref_type != "CHILD_OF");
        let named = || u64::from_str_radix(self.parent_span_id.as_deref()?, 16).ok();
        let parent_id = parent.map_or_else(named, |parent| u64::try_from(parent.span_id.0).ok());
        JaegerSpan {
            trace_id: self.trace_id.0,
            span_id: u64::try_from(self.span_id.0).unwrap_or(0),
            parent_id,
            name: self.operation_name,
            start_ns: self.start_time.unix_ns(),
            end_ns: Micros(self.start_time.0.saturating_add(self.duration.length())).unix_ns(),
            tags: attributes(self.tags),
            events: self
                .logs
                .unwrap_or_default()
                .into_iter()
                .map(|log| SpanEvent {
                    time_ns: log.timestamp.unix_ns(),
                    name: event_name(attributes(log.fields)),
                })
                .collect(),
            resource: processes.get(&self.process_id).cloned().unwrap_or_default(),
        }
    }
}

/// Whole microseconds as they came: whatever number it is, it costs no more than what it is the
/// time of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Micros(i128);

impl Micros {
    /// Nanoseconds since the unix epoch, or the nearest time that can be written.
    fn unix_ns(self) -> u64 {
        u64::try_from(self.0.saturating_mul(NS_PER_US).max(0)).unwrap_or(u64::MAX)
    }

    /// As a length: a negative one was wrapped into an unsigned number by Jaeger 1.x.
    fn length(self) -> i128 {
        u64::try_from(self.0).map_or(self.0, |us| i128::from(us as i64))
    }
}

impl<'de> Deserialize<'de> for Micros {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Whole;
        impl Visitor<'_> for Whole {
            type Value = Micros;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of microseconds")
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<Micros, E> {
                Ok(Micros(value.into()))
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<Micros, E> {
                Ok(Micros(value.into()))
            }

            fn visit_f64<E: Error>(self, value: f64) -> Result<Micros, E> {
                // The cast saturates.
                Ok(Micros(value as i128))
            }

            fn visit_str<E: Error>(self, value: &str) -> Result<Micros, E> {
                value
                    .parse()
                    .map(Micros)
                    .map_err(|_| E::invalid_value(Unexpected::Str(value), &self))
            }
        }
        deserializer.deserialize_any(Whole)
    }
}

fn attributes(tags: Option<Vec<Tag>>) -> Tags {
    let pair = |tag: Tag| match (tag.key, tag.kind) {
        (Loose::Text(key), Loose::Text(kind)) => Some((key, value(&kind, tag.value)?)),
        (Loose::Text(key), _) => Some((key, value("", tag.value)?)),
        _ => None,
    };
    tags.unwrap_or_default()
        .into_iter()
        .filter_map(pair)
        .collect()
}

/// Large numbers come as strings, and look-alikes of Jaeger send every value as one: the type
/// decides where it fits.
fn value(kind: &str, value: Loose) -> Option<AttributeValue> {
    Some(match (kind, value) {
        ("float64", Loose::Int(value)) => AttributeValue::Float(value as f64),
        ("int64", Loose::Text(text)) => text
            .parse()
            .map_or(AttributeValue::Text(text), AttributeValue::Int),
        ("float64", Loose::Text(text)) => text
            .parse()
            .map_or(AttributeValue::Text(text), AttributeValue::Float),
        ("bool", Loose::Text(text)) => text
            .parse()
            .map_or(AttributeValue::Text(text), AttributeValue::Bool),
        (_, Loose::Bool(value)) => AttributeValue::Bool(value),
        (_, Loose::Int(value)) => AttributeValue::Int(value),
        (_, Loose::Float(value)) => AttributeValue::Float(value),
        (_, Loose::Text(text)) => AttributeValue::Text(text),
        (_, Loose::Other) => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(fields: &str) -> String {
        format!(
            "{{\"data\":[{{\"spans\":[{{\"traceID\":\"a\",\"spanID\":\"1\",\"operationName\":\"x\",\"startTime\":5,{fields}}}],\"processes\":null}}],\"errors\":null}}"
        )
    }

    fn read_one(fields: &str) -> crate::spans::ServerSpan {
        let trace = read(10, one(fields).as_bytes()).expect(fields);
        trace.spans.into_iter().next().expect("a span")
    }

    #[test]
    fn nulls_are_empty() {
        let span = read_one("\"duration\":7,\"references\":null,\"tags\":null,\"logs\":null");
        assert_eq!(
            (span.start_ns, span.end_ns, span.parent_id, span.service()),
            (5_000, 12_000, None, "")
        );
    }

    #[test]
    fn a_parent_is_found_in_every_form() {
        let reference = |kind: &str, trace: &str, span: &str| {
            format!("{{\"refType\":\"{kind}\",\"traceID\":\"{trace}\",\"spanID\":\"{span}\"}}")
        };
        let check = |references: &[String], more: &str, expected: Option<u64>| {
            let fields = format!(
                "\"duration\":7,\"references\":[{}]{more}",
                references.join(",")
            );
            assert_eq!(read_one(&fields).parent_id, expected, "{fields}");
        };
        check(
            &[
                reference("FOLLOWS_FROM", "a", "3"),
                reference("CHILD_OF", "a", "4"),
            ],
            "",
            Some(4),
        );
        check(
            &[
                reference("CHILD_OF", "b", "3"),
                reference("FOLLOWS_FROM", "a", "5"),
            ],
            "",
            Some(5),
        );
        check(&[reference("FOLLOWS_FROM", "b", "3")], "", None);
        check(&[], ",\"parentSpanID\":\"6\"", Some(6));
        check(
            &[reference("CHILD_OF", "a", "4")],
            ",\"parentSpanID\":\"6\"",
            Some(4),
        );
        check(&[], ",\"parentSpanID\":\"\"", None);
    }

    #[test]
    fn a_negative_length_is_kept_also_where_it_was_wrapped() {
        for length in ["18446744073709551611", "-5", "-5.0"] {
            let span = read_one(&format!("\"duration\":{length}"));
            assert_eq!((span.start_ns, span.end_ns), (5_000, 0), "{length}");
        }
    }

    #[test]
    fn times_outside_the_range_cost_no_more_than_themselves() {
        for (time, ns) in [
            ("-1", 0),
            ("1e300", u64::MAX),
            ("18446744073709551615", u64::MAX),
            ("253402300799000000", u64::MAX),
        ] {
            let body =
                one("\"duration\":0").replace("\"startTime\":5", &format!("\"startTime\":{time}"));
            let trace = read(10, body.as_bytes()).expect("a trace");
            assert_eq!(
                (trace.spans.len(), trace.spans[0].start_ns),
                (1, ns),
                "{time}"
            );
        }
    }

    #[test]
    fn values_follow_their_type_also_as_text() {
        let tag = |kind: &str, value: &str| {
            read_one(&format!(
                "\"duration\":0,\"tags\":[{{\"key\":\"k\",\"type\":\"{kind}\",\"value\":{value}}}]"
            ))
            .attributes
            .pop()
            .map(|(_, value)| value)
        };
        assert_eq!(
            tag("int64", "\"9007199254740993\""),
            Some(AttributeValue::Int(9_007_199_254_740_993))
        );
        assert_eq!(tag("float64", "2"), Some(AttributeValue::Float(2.0)));
        assert_eq!(tag("bool", "\"true\""), Some(AttributeValue::Bool(true)));
        assert_eq!(
            tag("bool", "\"maybe\""),
            Some(AttributeValue::Text("maybe".into()))
        );
        assert_eq!(tag("string", "null"), None);
        assert_eq!(
            tag("int64", "18446744073709551615"),
            Some(AttributeValue::Float(18_446_744_073_709_551_615.0))
        );
    }

    #[test]
    fn a_tag_of_an_unknown_kind_costs_that_tag() {
        let deep = format!("{}1{}", "[".repeat(300), "]".repeat(300));
        for odd in [
            "{\"key\":\"k\",\"type\":\"array\",\"value\":[\"a\",{\"b\":1}]}".to_owned(),
            "{\"key\":\"k\",\"type\":\"object\",\"value\":{\"pod\":\"x\"}}".to_owned(),
            format!("{{\"key\":\"k\",\"type\":\"array\",\"value\":{deep}}}"),
            "{\"key\":{\"k\":1},\"value\":1}".to_owned(),
            "{\"type\":\"string\",\"value\":\"no key\"}".to_owned(),
        ] {
            let good = "{\"key\":\"good\",\"type\":7,\"value\":1}";
            let logs = format!(
                "[{{\"timestamp\":6,\"fields\":[{odd},{{\"key\":\"event\",\"value\":\"done\"}}]}}]"
            );
            let span = read_one(&format!(
                "\"duration\":7,\"tags\":[{odd},{good}],\"logs\":{logs}"
            ));
            assert_eq!(
                span.attributes,
                [("good".to_owned(), AttributeValue::Int(1))],
                "{odd}"
            );
            assert_eq!(
                (span.events[0].name.as_str(), span.duration_ns()),
                ("done", 7_000),
                "{odd}"
            );
        }
    }

    #[test]
    fn an_unknown_process_is_nameless() {
        assert_eq!(
            read_one("\"duration\":0,\"processID\":\"p9\"").service(),
            ""
        );
    }

    #[test]
    fn no_data_is_an_empty_trace_and_other_json_an_error() {
        for empty in [
            "{\"data\":null,\"errors\":[]}",
            "{\"data\":[]}",
            "{\"data\":[],\"errors\":[{\"code\":500,\"msg\":\"trace not found\"}]}",
        ] {
            assert_eq!(read(1, empty.as_bytes()).expect(empty).spans, []);
        }
        for wrong in [
            "",
            "{",
            "[]",
            "{\"data\":3}",
            "<html>",
            "{\"data\":[{\"spans\":[{}]}]}",
            // Other stores: Tempo, an object of ours within another one, a list that is named
            // differently.
            "{\"batches\":[{\"resource\":{}}]}",
            "{\"trace\":{\"data\":[]}}",
            "{\"data\":[{\"traceID\":\"1\",\"spanSet\":[]}]}",
            "{\"data\":null,\"errors\":[{\"msg\":\"quota\"}]}",
        ] {
            assert!(read(1, wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn spans_of_another_trace_are_an_error() {
        let error = read(11, one("\"duration\":1").as_bytes()).expect_err("another trace");
        assert!(
            error.contains("1 spans") && error.contains("00000a"),
            "{error}"
        );
    }

    #[test]
    fn the_envelope_is_told_from_other_json() {
        assert!(is_envelope(b"{\"data\":null,\"total\":0}") && is_envelope(b"{\"data\":[{}]}"));
        assert!(!is_envelope(b"{\"error\":{}}") && !is_envelope(b"{}") && !is_envelope(b""));
    }

    const REPLY: &[u8] =
        include_bytes!("../../../tests/data/jaeger/1.46.0/search-trace.legacy.json");

    proptest! {
        #[test]
        fn any_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(1, &bytes);
        }

        #[test]
        fn a_reply_with_a_byte_changed_never_panics(at in 0_usize..10_000, byte in any::<u8>()) {
            let mut body = REPLY.to_vec();
            let at = at % body.len();
            body[at] = byte;
            let _ = read(1, &body);
        }
    }
}
