//! Traces for tests: made by hand, and the recorded ones of tests/data/spans.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use serde_json::Value;

pub(super) mod run;

use crate::spans::{AttributeValue, ServerSpan, SpanEvent, SpanKind, SpanResource, Trace};

/// A span of one nanosecond with nothing but a name and a kind.
pub(super) fn span(name: &str, kind: SpanKind) -> ServerSpan {
    ServerSpan {
        trace_id: 1,
        span_id: 1,
        parent_id: None,
        name: name.to_owned(),
        kind,
        scope: String::new(),
        start_ns: 0,
        end_ns: 1,
        attributes: Vec::new(),
        events: Vec::new(),
        status: 0,
        status_message: String::new(),
        resource: resource("standalone", 1),
    }
}

/// A process of `service` with a NodeID.
pub(super) fn resource(service: &str, node: i64) -> Arc<SpanResource> {
    Arc::new(SpanResource {
        service: service.to_owned(),
        attributes: vec![("NodeID".to_owned(), AttributeValue::Int(node))],
    })
}

/// A trace that is written span by span. Times are relative to one hour after the epoch, so that a
/// skewed span may lie before 0.
#[derive(Default)]
pub(super) struct TraceMaker {
    spans: Vec<ServerSpan>,
}

/// The client span of every made trace.
pub(super) const CLIENT: u64 = 1;
const ZERO: i64 = 3_600_000_000_000;

impl TraceMaker {
    /// A trace with a client span of 0..=`end` and the server root 2 of `search` within.
    pub(super) fn search(client_end: i64, root: (i64, i64)) -> Self {
        let mut maker = Self::default();
        maker.add(
            (CLIENT, 0),
            ("milvus.proto.milvus.MilvusService/Search", SpanKind::Client),
            (0, client_end),
            &resource("milvus-bench", 0),
        );
        maker.add(
            (2, CLIENT),
            ("milvus.proto.milvus.MilvusService/Search", SpanKind::Server),
            root,
            &resource("standalone", 1),
        );
        maker
    }

    /// Adds span `ids.0` below `ids.1` (0: no parent).
    pub(super) fn add(
        &mut self,
        ids: (u64, u64),
        (name, kind): (&str, SpanKind),
        (start, end): (i64, i64),
        resource: &Arc<SpanResource>,
    ) -> &mut Self {
        self.spans.push(ServerSpan {
            span_id: ids.0,
            parent_id: (ids.1 != 0).then_some(ids.1),
            start_ns: (ZERO + start) as u64,
            end_ns: (ZERO + end) as u64,
            resource: Arc::clone(resource),
            ..span(name, kind)
        });
        self
    }

    /// Adds an internal span of the standalone process.
    pub(super) fn internal(&mut self, ids: (u64, u64), name: &str, times: (i64, i64)) -> &mut Self {
        self.add(
            ids,
            (name, SpanKind::Internal),
            times,
            &resource("standalone", 1),
        )
    }

    /// Adds an engine span.
    pub(super) fn engine(&mut self, ids: (u64, u64), times: (i64, i64)) -> &mut Self {
        self.add(
            ids,
            ("SegCoreSearch", SpanKind::Internal),
            times,
            &resource("segcore", 1),
        )
    }

    /// Adds an event to the span that was added last.
    pub(super) fn event(&mut self, name: &str, at: i64) -> &mut Self {
        if let Some(span) = self.spans.last_mut() {
            span.events.push(SpanEvent {
                name: name.to_owned(),
                time_ns: (ZERO + at) as u64,
            });
        }
        self
    }

    /// Changes the span that was added last.
    pub(super) fn with(&mut self, change: impl FnOnce(&mut ServerSpan)) -> &mut Self {
        self.spans.last_mut().map(change);
        self
    }

    /// Puts every span into the trace `trace_id` of the client span `client`, `by_ns` later.
    pub(super) fn placed(&self, trace_id: u128, client: u64, by_ns: u64) -> Trace {
        let id = |id: u64| if id == CLIENT { client } else { id };
        let place = |span: &ServerSpan| ServerSpan {
            trace_id,
            span_id: id(span.span_id),
            parent_id: span.parent_id.map(id),
            start_ns: span.start_ns + by_ns,
            end_ns: span.end_ns + by_ns,
            events: span
                .events
                .iter()
                .map(|event| SpanEvent {
                    time_ns: event.time_ns + by_ns,
                    ..event.clone()
                })
                .collect(),
            ..span.clone()
        };
        Trace {
            trace_id,
            spans: self.spans.iter().map(place).collect(),
        }
    }

    /// The trace.
    pub(super) fn done(&self) -> Trace {
        Trace {
            trace_id: 1,
            spans: self.spans.clone(),
        }
    }
}

/// One recorded trace.
#[derive(Clone)]
pub(super) struct Recorded {
    /// Name of the case.
    pub(super) op: String,
    /// Span id of the client span.
    pub(super) client: u64,
    /// Its spans.
    pub(super) trace: Trace,
}

/// The recorded traces of standalone (`""`) or the cluster (`"-cluster"`).
pub(super) fn recorded(which: &str) -> Vec<Recorded> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!(
        "tests/data/spans/otlp-spans-milvus-2.3.5{which}.jsonl"
    ));
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut resources: BTreeMap<String, Arc<SpanResource>> = BTreeMap::new();
    let mut found: Vec<Recorded> = Vec::new();
    for line in text.lines() {
        let value: Value = serde_json::from_str(line).expect("a recorded span is JSON");
        let span = recorded_span(&value, &mut resources);
        if found
            .last()
            .is_none_or(|last| last.trace.trace_id != span.trace_id)
        {
            found.push(Recorded {
                op: String::new(),
                client: 0,
                trace: Trace {
                    trace_id: span.trace_id,
                    spans: Vec::new(),
                },
            });
        }
        let last = found.last_mut().expect("pushed above");
        if let Some(op) = value["attrs"]["bench.op"].as_str() {
            (last.op, last.client) = (op.to_owned(), span.span_id);
        }
        last.trace.spans.push(span);
    }
    found
}

fn recorded_span(value: &Value, resources: &mut BTreeMap<String, Arc<SpanResource>>) -> ServerSpan {
    let hex =
        |key: &str| u128::from_str_radix(value[key].as_str().unwrap_or_default(), 16).unwrap_or(0);
    let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let number = |key: &str| value[key].as_u64().unwrap_or(0);
    let resource = resources
        .entry(value["res"].to_string())
        .or_insert_with(|| {
            let attributes = attributes(&value["res"])
                .into_iter()
                .filter(|(key, _)| key != "service.name")
                .collect();
            Arc::new(SpanResource {
                service: text("svc"),
                attributes,
            })
        });
    let events = value["events"].as_array().into_iter().flatten();
    ServerSpan {
        trace_id: hex("trace"),
        span_id: hex("span") as u64,
        parent_id: Some(hex("parent") as u64).filter(|id| *id != 0),
        name: text("name"),
        kind: [
            SpanKind::Internal,
            SpanKind::Internal,
            SpanKind::Server,
            SpanKind::Client,
        ][number("kind") as usize],
        scope: text("scope"),
        start_ns: number("start"),
        end_ns: number("start") + number("dur"),
        attributes: attributes(&value["attrs"]),
        events: events
            .map(|event| SpanEvent {
                name: event[0].as_str().unwrap_or_default().to_owned(),
                time_ns: event[1].as_u64().unwrap_or(0),
            })
            .collect(),
        status: number("status") as u8,
        status_message: text("status_msg"),
        resource: Arc::clone(resource),
    }
}

fn attributes(value: &Value) -> Vec<(String, AttributeValue)> {
    let entry = |(key, value): (&String, &Value)| {
        let value = match value {
            Value::String(text) => AttributeValue::Text(text.clone()),
            Value::Bool(flag) => AttributeValue::Bool(*flag),
            Value::Number(number) if number.is_i64() => {
                AttributeValue::Int(number.as_i64().unwrap_or(0))
            }
            other => AttributeValue::Float(other.as_f64().unwrap_or(0.0)),
        };
        (key.clone(), value)
    };
    value.as_object().into_iter().flatten().map(entry).collect()
}
