//! The export of spans by OTLP/gRPC, from a thread of its own, so that the cost of tracing falls
//! where Milvus has it and never on the serving thread.

use std::{
    collections::BTreeMap,
    io::{Error, ErrorKind, Result},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::{ExportTraceServiceRequest, trace_service_client::TraceServiceClient},
    trace::v1::{ResourceSpans, Span},
};
use tokio::sync::{Notify, mpsc, oneshot};
use tonic::transport::{Channel, Endpoint};

use super::super::lock::lock;
use super::{
    otlp::{Writer, resource_spans, span},
    shape::{Served, Shape},
};

/// Traces that may wait for their export; more are dropped, as by Go's batch processor.
const QUEUE: usize = 16_384;
/// Traces of one export: of a search of 2.3.5 fewer than 512 spans, as Go's batch processor sends.
const BATCH: usize = 50;
/// An export that takes longer is given up.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Where spans go, which get lost, and how far the export is.
#[derive(Default)]
pub(in crate::null_milvus) struct Tracing {
    wanted: Mutex<Wanted>,
    /// Traces on their way.
    pending: AtomicU64,
    /// Spans that the endpoint took.
    sent: AtomicU64,
    /// Spans that it did not take.
    failed: AtomicU64,
    pub(in crate::null_milvus) settled: Notify,
}

#[derive(Default)]
struct Wanted {
    target: Option<(Endpoint, Shape)>,
    lost_traces: u64,
    lost_spans: Vec<(String, u64)>,
    traces: u64,
}

impl Tracing {
    /// Spans of this form go to this OTLP/gRPC endpoint.
    pub(in crate::null_milvus) fn send_to(&self, endpoint: &str, shape: Shape) -> Result<()> {
        let target = Endpoint::from_shared(endpoint.to_owned()).map_err(|error| {
            Error::new(
                ErrorKind::InvalidInput,
                format!("the endpoint {endpoint:?} of spans: {error}"),
            )
        })?;
        let target = target.timeout(TIMEOUT).connect_timeout(TIMEOUT);
        lock(&self.wanted).target = Some((target, shape));
        Ok(())
    }

    /// Every `nth` trace is lost; 0 loses none.
    pub(in crate::null_milvus) fn lose_traces(&self, nth: u64) {
        lock(&self.wanted).lost_traces = nth;
    }

    /// The spans with this name are lost in every `nth` trace.
    pub(in crate::null_milvus) fn lose_span(&self, name: &str, nth: u64) {
        lock(&self.wanted).lost_spans.push((name.to_owned(), nth));
    }

    /// Whether spans have somewhere to go.
    pub(in crate::null_milvus) fn is_wanted(&self) -> bool {
        lock(&self.wanted).target.is_some()
    }

    /// Traces on their way.
    pub(in crate::null_milvus) fn pending(&self) -> u64 {
        self.pending.load(Ordering::Acquire)
    }

    /// Spans that the endpoint took, and spans that it did not.
    pub(in crate::null_milvus) fn counts(&self) -> (u64, u64) {
        (
            self.sent.load(Ordering::Acquire),
            self.failed.load(Ordering::Acquire),
        )
    }

    /// What is on its way was lost.
    pub(in crate::null_milvus) fn forget_pending(&self) {
        self.pending.store(0, Ordering::Release);
        self.settled.notify_waiters();
    }

    fn settle(&self, traces: usize, spans: u64, is_taken: bool) {
        let count = if is_taken { &self.sent } else { &self.failed };
        count.fetch_add(spans, Ordering::AcqRel);
        self.pending.fetch_sub(traces as u64, Ordering::AcqRel);
        self.settled.notify_waiters();
    }
}

impl Wanted {
    fn render(&mut self, shape: &Shape, batch: &[Served]) -> BTreeMap<Writer, Vec<Span>> {
        let mut grouped: BTreeMap<Writer, Vec<Span>> = BTreeMap::new();
        for served in batch {
            self.traces += 1;
            let is_nth = |nth: u64| nth > 0 && self.traces.is_multiple_of(nth);
            if is_nth(self.lost_traces) {
                continue;
            }
            for (position, mut spec) in shape.spans(served).into_iter().enumerate() {
                let lost = |(name, nth): &(String, u64)| *name == spec.name && is_nth(*nth);
                if self.lost_spans.iter().any(lost) {
                    continue;
                }
                let writer = (
                    std::mem::take(&mut spec.service),
                    spec.node_id,
                    std::mem::take(&mut spec.scope),
                );
                let span = span(served, position, spec);
                grouped.entry(writer).or_default().push(span);
            }
        }
        grouped
    }
}

/// What happens to spans that wait when the server ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::null_milvus) enum AtEnd {
    /// They are exported first; an endpoint that hangs is given up after its timeout.
    Exported,
    /// They are lost, as those of a killed process.
    Lost,
}

/// The exporter's end that the serving thread has.
pub(in crate::null_milvus) struct SpanQueue {
    queue: Option<mpsc::Sender<Served>>,
    tracing: Arc<Tracing>,
    lose: Option<oneshot::Sender<()>>,
    at_end: AtEnd,
    thread: Option<JoinHandle<()>>,
}

impl SpanQueue {
    /// Starts the exporter's thread; nothing is sent before the first trace.
    pub(in crate::null_milvus) fn start(tracing: Arc<Tracing>, at_end: AtEnd) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (queue, served) = mpsc::channel(QUEUE);
        let (lose, lost) = oneshot::channel::<()>();
        let exported = Arc::clone(&tracing);
        let thread = std::thread::Builder::new().name("null-spans".to_owned());
        let thread = thread.spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = export(&exported, served) => {}
                    Ok(()) = lost => {}
                }
            });
        })?;
        Ok(Self {
            queue: Some(queue),
            tracing,
            lose: Some(lose),
            at_end,
            thread: Some(thread),
        })
    }

    /// Queues a call; false when there is no place.
    pub(in crate::null_milvus) fn offer(&self, served: Served) -> bool {
        let Some(queue) = &self.queue else {
            return false;
        };
        // Before it is queued, as it may be exported at once.
        self.tracing.pending.fetch_add(1, Ordering::AcqRel);
        let is_queued = queue.try_send(served).is_ok();
        if !is_queued {
            self.tracing.pending.fetch_sub(1, Ordering::AcqRel);
        }
        is_queued
    }
}

impl Drop for SpanQueue {
    fn drop(&mut self) {
        if let Some(lose) = self.lose.take_if(|_| self.at_end == AtEnd::Lost) {
            // The thread may have ended by itself.
            let _ = lose.send(());
        }
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // Its panic was printed, and the spans are missing in the counters.
            let _ = thread.join();
        }
    }
}

async fn export(tracing: &Tracing, mut served: mpsc::Receiver<Served>) {
    let mut clients: BTreeMap<String, TraceServiceClient<Channel>> = BTreeMap::new();
    let mut batch = Vec::with_capacity(BATCH);
    while served.recv_many(&mut batch, BATCH).await > 0 {
        let target = lock(&tracing.wanted).target.clone();
        let grouped = target
            .as_ref()
            .map(|(_, shape)| lock(&tracing.wanted).render(shape, &batch))
            .unwrap_or_default();
        let spans = grouped.values().map(|spans| spans.len() as u64).sum();
        let resource_spans = grouped.into_iter().map(resource_spans).collect();
        let is_taken = match target {
            Some((endpoint, _)) if spans > 0 => send(&mut clients, endpoint, resource_spans).await,
            _ => true,
        };
        tracing.settle(batch.len(), spans, is_taken);
        batch.clear();
        if !is_taken && served.is_closed() {
            // The server ends: an endpoint that is not there shall not hold it once per batch.
            return;
        }
    }
}

async fn send(
    clients: &mut BTreeMap<String, TraceServiceClient<Channel>>,
    endpoint: Endpoint,
    resource_spans: Vec<ResourceSpans>,
) -> bool {
    let client = clients
        .entry(endpoint.uri().to_string())
        .or_insert_with(|| TraceServiceClient::new(endpoint.connect_lazy()));
    client
        .export(ExportTraceServiceRequest { resource_spans })
        .await
        .is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_that_is_none_is_refused() {
        assert!(
            Tracing::default()
                .send_to("not a uri", Shape::v2_3_5())
                .is_err()
        );
    }
}
