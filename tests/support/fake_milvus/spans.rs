//! The server's spans: their form, made of the time that a call really took, and their export by
//! OTLP/gRPC.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use milvus_bench::milvus::Method;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, InstrumentationScope, KeyValue, any_value::Value,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, SpanKind};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use tokio::sync::{Notify, mpsc};
use tonic::transport::{Channel, Endpoint};

use super::{Shared, lock};

mod shapes;

/// Traces in one export: fewer than 512 spans with the ready shapes, as Go's batch processor sends.
const BATCH: usize = 32;

/// One answered call whose `traceparent` was sampled.
#[derive(Clone, Debug)]
pub struct Served {
    /// Which method.
    pub method: &'static Method,
    /// Number of the call among those of its method, from 1.
    pub number: u64,
    /// Trace id of the client.
    pub trace_id: u128,
    /// Span id of the client's span.
    pub client_span: u64,
    /// Arrival, nanoseconds since the unix epoch.
    pub start_ns: u64,
    /// When the reply left, nanoseconds since the unix epoch.
    pub end_ns: u64,
}

impl Served {
    /// None without a sampled W3C `traceparent`.
    pub(super) fn new(
        method: &'static Method,
        number: u64,
        traceparent: &str,
        start: SystemTime,
        took: Duration,
    ) -> Option<Self> {
        let mut parts = traceparent.split('-').skip(1);
        let trace_id = u128::from_str_radix(parts.next()?, 16).ok()?;
        let client_span = u64::from_str_radix(parts.next()?, 16).ok()?;
        let sampled = u8::from_str_radix(parts.next()?, 16).ok()? & 1 == 1;
        let start_ns = nanoseconds(start.duration_since(UNIX_EPOCH).ok()?);
        sampled.then(|| Self {
            method,
            number,
            trace_id,
            client_span,
            start_ns,
            end_ns: start_ns + nanoseconds(took),
        })
    }

    /// Nanoseconds that the server needed.
    pub fn duration_ns(&self) -> u64 {
        self.end_ns - self.start_ns
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// One span of a shape.
#[derive(Clone, Debug)]
pub struct SpanSpec {
    /// `service.name`.
    pub service: String,
    /// Resource attribute `NodeID`.
    pub node_id: i64,
    /// Instrumentation scope.
    pub scope: String,
    /// Name as Milvus writes it.
    pub name: String,
    /// Internal, server or client.
    pub kind: SpanKind,
    /// Position of the parent in the shape's list; None for the client's span.
    pub parent: Option<usize>,
    /// Nanoseconds from the call's arrival.
    pub start_ns: u64,
    /// Nanoseconds from the call's arrival; may lie after the reply.
    pub end_ns: u64,
    /// Names and nanoseconds from the call's arrival.
    pub events: Vec<(String, u64)>,
}

type ShapeFn = dyn Fn(&Served) -> Vec<SpanSpec> + Send + Sync;

/// Makes the spans of one call.
#[derive(Clone)]
pub struct Shape(Arc<ShapeFn>);

impl Shape {
    /// A form of the test's own.
    pub fn new(spans: impl Fn(&Served) -> Vec<SpanSpec> + Send + Sync + 'static) -> Self {
        Self(Arc::new(spans))
    }

    /// Standalone 2.3.5: real trees for Search, Query and Insert, a plain one for the rest; NodeID
    /// 2 everywhere.
    pub fn v2_3_5() -> Self {
        Self::new(shapes::v2_3_5)
    }

    /// Standalone 2.5.11: `schedule` is over before its children begin, NodeID is 0 in all spans
    /// but the engine's.
    pub fn v2_5_11() -> Self {
        Self::new(shapes::v2_5_11)
    }

    /// The spans of one call.
    pub fn spans(&self, served: &Served) -> Vec<SpanSpec> {
        (self.0)(served)
    }
}

/// Where spans go, which get lost, and how far the export is.
#[derive(Default)]
pub(super) struct Tracing {
    target: Option<(String, Shape)>,
    lost_traces: u64,
    lost_spans: Vec<(String, u64)>,
    traces: u64,
    pending: u64,
    pub(super) sent: u64,
    failed: u64,
    pub(super) settled: Arc<Notify>,
}

impl Tracing {
    pub(super) fn send_to(&mut self, endpoint: &str, shape: Shape) {
        self.target = Some((endpoint.to_owned(), shape));
    }

    pub(super) fn lose_traces(&mut self, nth: u64) {
        self.lost_traces = nth;
    }

    pub(super) fn lose_span(&mut self, name: &str, nth: u64) {
        self.lost_spans.push((name.to_owned(), nth));
    }

    /// Traces on their way and spans whose export failed.
    pub(super) fn progress(&self) -> (u64, u64) {
        (self.pending, self.failed)
    }

    pub(super) fn forget_pending(&mut self) {
        self.pending = 0;
        self.settled.notify_waiters();
    }

    fn spans_of(&mut self, shape: &Shape, served: &Served, out: &mut Grouped) {
        self.traces += 1;
        let is_nth = |nth: u64| nth > 0 && self.traces.is_multiple_of(nth);
        if is_nth(self.lost_traces) {
            return;
        }
        for (position, spec) in shape.spans(served).into_iter().enumerate() {
            if !self
                .lost_spans
                .iter()
                .any(|(name, nth)| *name == spec.name && is_nth(*nth))
            {
                let span = otlp(served, position, &spec);
                out.entry((spec.service, spec.node_id, spec.scope))
                    .or_default()
                    .push(span);
            }
        }
    }

    fn settle(&mut self, traces: usize, sent: u64, failed: u64) {
        self.pending = self.pending.saturating_sub(traces as u64);
        self.sent += sent;
        self.failed += failed;
        self.settled.notify_waiters();
    }
}

/// Queues the call for export if spans are wanted; a full queue loses it, as Milvus does.
pub(super) fn offer(shared: &Shared, queue: &mpsc::Sender<Served>, served: Option<Served>) {
    let mut tracing = lock(&shared.tracing);
    let wanted = served.filter(|_| tracing.target.is_some());
    if wanted.is_some_and(|served| queue.try_send(served).is_ok()) {
        tracing.pending += 1;
    }
}

/// Exports until the server ends.
pub(super) async fn export(shared: Arc<Shared>, mut queue: mpsc::Receiver<Served>) {
    let mut clients: BTreeMap<String, TraceServiceClient<Channel>> = BTreeMap::new();
    let mut batch = Vec::new();
    while queue.recv_many(&mut batch, BATCH).await > 0 {
        let (endpoint, resource_spans, spans) = render(&shared, &batch);
        let taken = spans == 0 || send(&mut clients, endpoint, resource_spans).await;
        let (sent, failed) = if taken { (spans, 0) } else { (0, spans) };
        lock(&shared.tracing).settle(batch.len(), sent, failed);
        batch.clear();
    }
}

type Grouped = BTreeMap<(String, i64, String), Vec<Span>>;

fn render(shared: &Shared, batch: &[Served]) -> (String, Vec<ResourceSpans>, u64) {
    let mut tracing = lock(&shared.tracing);
    let (endpoint, shape) = tracing
        .target
        .clone()
        .expect("offer() queues only when there is a target");
    let mut grouped = Grouped::new();
    for served in batch {
        tracing.spans_of(&shape, served, &mut grouped);
    }
    let spans = grouped.values().map(|spans| spans.len() as u64).sum();
    (
        endpoint,
        grouped.into_iter().map(resource_spans).collect(),
        spans,
    )
}

async fn send(
    clients: &mut BTreeMap<String, TraceServiceClient<Channel>>,
    endpoint: String,
    spans: Vec<ResourceSpans>,
) -> bool {
    let client = clients.entry(endpoint).or_insert_with_key(|endpoint| {
        let endpoint = Endpoint::from_shared(endpoint.clone()).expect("spans_to() was given a URI");
        TraceServiceClient::new(endpoint.connect_lazy())
    });
    client
        .export(ExportTraceServiceRequest {
            resource_spans: spans,
        })
        .await
        .is_ok()
}

fn resource_spans(
    ((service, node_id, scope), spans): ((String, i64, String), Vec<Span>),
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

/// Span ids differ between the attempts of one trace, because the client's span id does.
fn span_id(served: &Served, position: usize) -> u64 {
    let id = (served.client_span ^ (position as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
        .wrapping_mul(0xbf58_476d_1ce4_e5b9);
    if id == 0 { 1 } else { id }
}

fn otlp(served: &Served, position: usize, spec: &SpanSpec) -> Span {
    let parent = spec
        .parent
        .map_or(served.client_span, |parent| span_id(served, parent));
    let event = |(name, at): &(String, u64)| Event {
        name: name.clone(),
        time_unix_nano: served.start_ns + at,
        ..Default::default()
    };
    Span {
        trace_id: served.trace_id.to_be_bytes().to_vec(),
        span_id: span_id(served, position).to_be_bytes().to_vec(),
        parent_span_id: parent.to_be_bytes().to_vec(),
        name: spec.name.clone(),
        kind: spec.kind as i32,
        start_time_unix_nano: served.start_ns + spec.start_ns,
        end_time_unix_nano: served.start_ns + spec.end_ns,
        attributes: rpc_attributes(spec),
        events: spec.events.iter().map(event).collect(),
        ..Default::default()
    }
}
