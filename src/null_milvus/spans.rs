//! The server's part of a trace: the tree of Milvus 2.3.5 standalone over the time that a call took
//! here, exported by OTLP/gRPC from a thread of its own, so that the cost of tracing falls where
//! Milvus has it and never on the serving thread.

use std::{
    io::Result,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::{ExportTraceServiceRequest, trace_service_client::TraceServiceClient},
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span, span::SpanKind},
};
use tokio::sync::mpsc;
use tonic::transport::{Channel, Endpoint};

use crate::milvus::{METHODS, Method};

/// Traces that may wait for their export; more are dropped and counted.
const QUEUE: usize = 16_384;
/// Traces of one export: fewer than 512 spans, as Go's batch processor sends.
const BATCH: usize = 50;
/// An export that takes longer is given up.
const TIMEOUT: Duration = Duration::from_secs(5);

/// One answered call whose `traceparent` was sampled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Served {
    /// Position in [`METHODS`].
    pub(super) method: usize,
    pub(super) parent: Parent,
    /// Nanoseconds since the unix epoch.
    pub(super) start_ns: u64,
    /// Nanoseconds since the unix epoch, not before the start.
    pub(super) end_ns: u64,
}

/// What a `traceparent` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parent {
    trace_id: u128,
    client_span: u64,
}

impl Parent {
    /// None for a header of another form.
    pub(super) fn parse(traceparent: &[u8]) -> Option<Self> {
        let mut parts = std::str::from_utf8(traceparent).ok()?.split('-').skip(1);
        let trace_id = u128::from_str_radix(parts.next()?, 16).ok()?;
        let client_span = u64::from_str_radix(parts.next()?, 16).ok()?;
        Some(Self {
            trace_id,
            client_span,
        })
    }
}

/// The exporter's end that the serving thread has.
#[derive(Debug)]
pub(super) struct SpanQueue {
    queue: Option<mpsc::Sender<Served>>,
    exported: Arc<AtomicU64>,
    failed: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl SpanQueue {
    /// Starts the exporter's thread; nothing is sent before the first trace.
    pub(super) fn start(endpoint: &str) -> Result<Self> {
        let invalid = |error| {
            std::io::Error::new(
                std::io::ErrorKind::InvalidInput,
                format!("the endpoint {endpoint:?} of spans: {error}"),
            )
        };
        let endpoint = Endpoint::from_shared(endpoint.to_owned())
            .map_err(invalid)?
            .timeout(TIMEOUT)
            .connect_timeout(TIMEOUT);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (queue, served) = mpsc::channel(QUEUE);
        let counts = [Arc::<AtomicU64>::default(), Arc::default()];
        let [exported, failed] = counts.clone();
        let thread = std::thread::Builder::new().name("null-spans".to_owned());
        let thread = thread.spawn(move || runtime.block_on(export(&endpoint, served, &counts)))?;
        Ok(Self {
            queue: Some(queue),
            exported,
            failed,
            thread: Some(thread),
        })
    }

    /// Queues a call; false when there is no place.
    pub(super) fn offer(&self, served: Served) -> bool {
        self.queue
            .as_ref()
            .is_some_and(|queue| queue.try_send(served).is_ok())
    }

    /// Spans that the endpoint took, and spans that it did not.
    pub(super) fn counts(&self) -> (u64, u64) {
        (
            self.exported.load(Ordering::Relaxed),
            self.failed.load(Ordering::Relaxed),
        )
    }
}

impl Drop for SpanQueue {
    /// Waits until what is queued was exported; an endpoint that hangs is given up after its
    /// timeout.
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // Its panic was printed, and the spans are missing in the counters.
            let _ = thread.join();
        }
    }
}

async fn export(
    endpoint: &Endpoint,
    mut served: mpsc::Receiver<Served>,
    [exported, failed]: &[Arc<AtomicU64>; 2],
) {
    let mut client: TraceServiceClient<Channel> = TraceServiceClient::new(endpoint.connect_lazy());
    let mut batch = Vec::with_capacity(BATCH);
    while served.recv_many(&mut batch, BATCH).await > 0 {
        let [go, engine] = render(&batch);
        batch.clear();
        let spans = (go.len() + engine.len()) as u64;
        let resource_spans = vec![
            resource_spans("standalone", go),
            resource_spans("segcore", engine),
        ];
        let taken = client
            .export(ExportTraceServiceRequest { resource_spans })
            .await
            .is_ok();
        if !taken && served.is_closed() {
            // The server ends: an endpoint that is not there shall not hold it once per batch.
            failed.fetch_add(spans, Ordering::Relaxed);
            return;
        }
        let count = if taken { exported } else { failed };
        count.fetch_add(spans, Ordering::Relaxed);
    }
}

/// Which service writes a span, and of which kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writer {
    Go,
    Client,
    Engine,
}

use Writer::{Client, Engine, Go};

/// Parent (0 is the gRPC server's span, row n of the table is n), writer, name (`*` is the method),
/// start and end in thousandths.
type Row = (usize, Writer, &'static str, u64, u64);

const ALLOC: &str = "milvus.proto.rootcoord.RootCoord/AllocTimestamp";

const SEARCH: &[Row] = &[
    (0, Go, "Proxy-Search", 30, 960),
    (1, Client, ALLOC, 60, 240),
    (1, Go, "SearchTask", 280, 930),
    (3, Go, "Proxy-Search-PreExecute", 285, 330),
    (3, Go, "Proxy-Search-Execute", 340, 880),
    (5, Go, "Delegator-waitTSafe", 380, 381),
    (5, Engine, "SegCoreSearch", 480, 750),
    (3, Go, "Proxy-Search-PostExecute", 890, 920),
];

const QUERY: &[Row] = &[
    (0, Go, "Proxy-Query", 30, 960),
    (0, Client, ALLOC, 60, 240),
    (0, Go, "RetrieveTask", 280, 930),
    (3, Go, "Delegator-waitTSafe", 380, 381),
    (3, Engine, "SegCoreRetrieve", 480, 750),
];

const INSERT: &[Row] = &[
    (0, Go, "Proxy-Insert", 30, 960),
    (1, Client, ALLOC, 60, 140),
    (1, Go, "InsertTask", 180, 930),
    (3, Go, "Proxy-Insert-PreExecute", 190, 250),
    (3, Go, "Proxy-Insert-Execute", 260, 920),
    (1, Go, "SendMsg", 400, 900),
];

const OTHER: &[Row] = &[
    (0, Go, "Proxy-*", 30, 960),
    (1, Client, ALLOC, 60, 240),
    (1, Go, "*Task", 280, 930),
];

/// The spans of Go's part and of the engine.
fn render(batch: &[Served]) -> [Vec<Span>; 2] {
    let mut out = [Vec::new(), Vec::new()];
    for served in batch {
        tree(served, METHODS[served.method], &mut out);
    }
    out
}

fn tree(served: &Served, method: &Method, [go, engine]: &mut [Vec<Span>; 2]) {
    let rows = match method.name {
        "Search" => SEARCH,
        "Query" => QUERY,
        "Insert" => INSERT,
        _ => OTHER,
    };
    let took = u128::from(served.end_ns - served.start_ns);
    let at =
        |share: u64| served.start_ns + u64::try_from(took * u128::from(share) / 1000).unwrap_or(0);
    let client = served.parent.client_span;
    let root = method.path.trim_start_matches('/').to_owned();
    go.push(span(
        served,
        (span_id(served, 0), client),
        root,
        SpanKind::Server,
        (served.start_ns, served.end_ns),
    ));
    for (position, (parent, writer, name, start, end)) in rows.iter().enumerate() {
        let ids = (span_id(served, position + 1), span_id(served, *parent));
        let kind = if *writer == Client {
            SpanKind::Client
        } else {
            SpanKind::Internal
        };
        let span = span(
            served,
            ids,
            name.replace('*', method.name),
            kind,
            (at(*start), at(*end)),
        );
        if *writer == Engine {
            &mut *engine
        } else {
            &mut *go
        }
        .push(span);
    }
}

fn span(
    served: &Served,
    (id, parent): (u64, u64),
    name: String,
    kind: SpanKind,
    (start, end): (u64, u64),
) -> Span {
    Span {
        trace_id: served.parent.trace_id.to_be_bytes().to_vec(),
        span_id: id.to_be_bytes().to_vec(),
        parent_span_id: parent.to_be_bytes().to_vec(),
        name,
        kind: kind.into(),
        start_time_unix_nano: start,
        end_time_unix_nano: end,
        ..Span::default()
    }
}

/// Differs between the attempts of one trace, because the client's span id does; never 0.
fn span_id(served: &Served, position: usize) -> u64 {
    let id = (served.parent.client_span
        ^ (position as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    .wrapping_mul(0xbf58_476d_1ce4_e5b9);
    id.max(1)
}

fn resource_spans(service: &str, spans: Vec<Span>) -> ResourceSpans {
    let attribute = |key: &str, value| KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    };
    let attributes = vec![
        attribute("service.name", Value::StringValue(service.to_owned())),
        attribute("NodeID", Value::IntValue(2)),
    ];
    let scope = Some(InstrumentationScope {
        name: "null-milvus".to_owned(),
        ..InstrumentationScope::default()
    });
    ResourceSpans {
        resource: Some(Resource {
            attributes,
            ..Resource::default()
        }),
        scope_spans: vec![ScopeSpans {
            scope,
            spans,
            ..ScopeSpans::default()
        }],
        ..ResourceSpans::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACEPARENT: &[u8] = b"00-0102030405060708090a0b0c0d0e0f10-1112131415161718-01";

    fn trees(name: &str) -> [Vec<Span>; 2] {
        let method = METHODS
            .iter()
            .position(|method| method.name == name)
            .expect("a known method");
        render(&[Served {
            method,
            parent: Parent::parse(TRACEPARENT).expect("good"),
            start_ns: 1_000_000,
            end_ns: 3_000_000,
        }])
    }

    #[test]
    fn a_search_is_the_tree_of_2_3_5_below_the_clients_span() {
        let [go, engine] = trees("Search");
        assert_eq!(go[0].name, "milvus.proto.milvus.MilvusService/Search");
        assert_eq!(go[0].kind(), SpanKind::Server);
        assert_eq!(
            go[0].parent_span_id,
            0x1112_1314_1516_1718_u64.to_be_bytes()
        );
        assert_eq!(
            (go[0].start_time_unix_nano, go[0].end_time_unix_nano),
            (1_000_000, 3_000_000)
        );
        assert_eq!(
            engine
                .iter()
                .map(|span| span.name.as_str())
                .collect::<Vec<_>>(),
            ["SegCoreSearch"]
        );
        assert_eq!(engine[0].start_time_unix_nano, 1_960_000);
    }

    #[test]
    fn every_parent_is_there_and_encloses_its_children() {
        for method in METHODS {
            let spans = trees(method.name).concat();
            assert!(spans.iter().all(|span| span.trace_id
                == 0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10_u128.to_be_bytes()));
            for span in &spans[1..] {
                let parent = spans
                    .iter()
                    .find(|parent| parent.span_id == span.parent_span_id)
                    .expect("a parent");
                assert!(
                    parent.start_time_unix_nano <= span.start_time_unix_nano
                        && span.end_time_unix_nano <= parent.end_time_unix_nano
                );
            }
        }
    }

    #[test]
    fn what_is_no_traceparent_has_no_parent() {
        for text in [
            &b""[..],
            b"00",
            b"00-zz-11-01",
            b"00-01",
            "00-ä-1-01".as_bytes(),
        ] {
            assert_eq!(Parent::parse(text), None);
        }
    }

    #[test]
    fn an_endpoint_that_is_none_is_refused() {
        assert!(SpanQueue::start("not a uri").is_err());
    }
}
