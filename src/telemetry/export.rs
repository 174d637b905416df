//! Client spans: from finished requests to an OTLP endpoint, on a thread of their own.
//!
//! Attributes follow OpenTelemetry's semantic conventions 1.37.0 for RPC and database clients. The queue is bounded: an
//! endpoint that hangs or is gone costs spans, which are counted, never time of a request.

use std::{
    borrow::Cow,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread::JoinHandle,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use opentelemetry::{
    InstrumentationScope, KeyValue, SpanId, TraceFlags, TraceId, Value,
    trace::{SpanContext, SpanKind, Status, TraceState},
};
use opentelemetry_otlp::{
    SpanExporter as OtlpExporter, WithExportConfig, WithTonicConfig,
    tonic_types::transport::{Certificate, ClientTlsConfig},
};
use opentelemetry_sdk::{
    Resource,
    trace::{SpanData, SpanEvents, SpanExporter, SpanLinks},
};

/// Spans that may wait for the endpoint: ten seconds of 20,000 traced requests per second.
const QUEUE: usize = 200_000;

/// Spans of one export call; Jaeger's receiver takes 4 MiB, and 512 of these are below 400 KiB.
const BATCH: usize = 512;

/// Where client spans go.
#[derive(Clone, Debug)]
pub struct ExportOptions {
    /// OTLP/gRPC endpoint, e.g. `http://127.0.0.1:4317`.
    pub endpoint: String,
    /// `service.name`.
    pub service_name: String,
    /// Other resource attributes, e.g. the run's id.
    pub resource: Vec<(String, String)>,
}

/// Value of a span's attribute.
pub type SpanAttribute = (&'static str, Value);

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
    /// Whether it is a call (kind CLIENT) or a step of this program (INTERNAL).
    pub is_call: bool,
    /// Name: `package.Service/Method` for a call.
    pub name: Cow<'static, str>,
    /// Nanoseconds since the unix epoch.
    pub start_ns: u64,
    /// Nanoseconds since the unix epoch.
    pub end_ns: u64,
    /// How it ended.
    pub status: OutcomeStatus,
    /// Attributes.
    pub attributes: Vec<SpanAttribute>,
}

/// What became of the spans.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExportCounters {
    /// Accepted by the endpoint.
    pub exported: u64,
    /// Lost: the queue was full, or the endpoint refused them after the retries.
    pub dropped: u64,
    /// The last error.
    pub error: Option<String>,
}

/// The bounded way into the exporter; cheap to clone.
#[derive(Clone, Debug)]
pub struct SpanQueue {
    queue: SyncSender<ClientSpan>,
    dropped: Arc<AtomicU64>,
}

impl SpanQueue {
    /// Hands over a span, or counts it as dropped when the queue is full.
    pub fn push(&self, span: ClientSpan) {
        if self.queue.try_send(span).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The exporter's thread.
#[derive(Debug)]
pub struct Exporter {
    queue: SpanQueue,
    closing: Arc<AtomicBool>,
    thread: JoinHandle<ExportCounters>,
}

impl Exporter {
    /// Starts the thread. The endpoint need not answer yet.
    ///
    /// # Errors
    /// The endpoint is no URI, or no thread can be started.
    pub fn start(options: ExportOptions) -> Result<Self, String> {
        let (queue, spans) = sync_channel(QUEUE);
        let dropped = Arc::new(AtomicU64::new(0));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
        let built = {
            // The channel of the exporter wants a runtime around it.
            let _inside = runtime.enter();
            build(&options)
        };
        let exporter = match built {
            Ok(exporter) => exporter,
            Err(error) => {
                // Dropping a runtime waits, which the caller's own runtime forbids.
                runtime.shutdown_background();
                return Err(error);
            }
        };
        let closing = Arc::new(AtomicBool::new(false));
        let seen = Seen { lost: Arc::clone(&dropped), closing: Arc::clone(&closing) };
        let thread = std::thread::Builder::new()
            .name("exporter".to_owned())
            .spawn(move || runtime.block_on(run(&exporter, &spans, &seen)))
            .map_err(|error| error.to_string())?;
        Ok(Self { queue: SpanQueue { queue, dropped }, closing, thread })
    }

    /// The way in.
    #[must_use]
    pub fn queue(&self) -> SpanQueue {
        self.queue.clone()
    }

    /// Exports what still waits and ends the thread. All clones of the queue must be dropped before.
    #[must_use]
    pub fn finish(self) -> ExportCounters {
        self.closing.store(true, Ordering::Relaxed);
        drop(self.queue);
        self.thread
            .join()
            .unwrap_or_else(|_| ExportCounters { error: Some("the exporter's thread panicked".to_owned()), ..ExportCounters::default() })
    }
}

fn build(options: &ExportOptions) -> Result<OtlpExporter, String> {
    let mut builder = OtlpExporter::builder().with_tonic().with_endpoint(options.endpoint.clone()).with_timeout(Duration::from_secs(5));
    if options.endpoint.starts_with("https://") {
        builder = builder.with_tls_config(tls()?);
    }
    let mut exporter = builder.build().map_err(|error| format!("the OTLP endpoint {} can't be used: {error}", options.endpoint))?;
    let attributes = options.resource.iter().map(|(key, value)| KeyValue::new(key.clone(), value.clone()));
    exporter.set_resource(&Resource::builder().with_service_name(options.service_name.clone()).with_attributes(attributes).build());
    Ok(exporter)
}

/// Native roots, and the certificate of OpenTelemetry's variable, which the exporter crate does not read itself.
fn tls() -> Result<ClientTlsConfig, String> {
    let config = ClientTlsConfig::new().with_native_roots();
    let variable = ["OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE"].into_iter().find_map(|name| {
        let path = std::env::var_os(name).filter(|path| !path.is_empty())?;
        Some((name, std::path::PathBuf::from(path)))
    });
    let Some((name, path)) = variable else { return Ok(config) };
    let pem = std::fs::read(&path).map_err(|error| format!("{name} names {}, which can't be read: {error}", path.display()))?;
    Ok(config.ca_certificate(Certificate::from_pem(pem)))
}

/// What the exporter's thread sees of the other side.
struct Seen {
    lost: Arc<AtomicU64>,
    closing: Arc<AtomicBool>,
}

async fn run(exporter: &OtlpExporter, spans: &Receiver<ClientSpan>, seen: &Seen) -> ExportCounters {
    let mut counters = ExportCounters::default();
    let mut open = true;
    let mut given_up = false;
    while open {
        let mut batch = Vec::with_capacity(BATCH);
        open = collect(spans, &mut batch);
        let count = batch.len() as u64;
        if given_up {
            counters.dropped += count;
        } else if count > 0 {
            match exporter.export(batch).await {
                Ok(()) => counters.exported += count,
                Err(error) => {
                    counters.dropped += count;
                    counters.error = Some(error.to_string());
                    // At the end an endpoint that does not answer is not waited for once more with each batch.
                    given_up = seen.closing.load(Ordering::Relaxed);
                }
            }
        }
    }
    counters.dropped += seen.lost.load(Ordering::Relaxed);
    counters
}

/// Waits for a batch: full, or half a second after its first span. False when the queue has ended and is empty.
fn collect(spans: &Receiver<ClientSpan>, batch: &mut Vec<SpanData>) -> bool {
    let scope = InstrumentationScope::builder("milvus-bench").with_version(env!("CARGO_PKG_VERSION")).build();
    while batch.len() < BATCH {
        match spans.recv_timeout(Duration::from_millis(500)) {
            Ok(span) => batch.push(span_data(span, &scope)),
            Err(RecvTimeoutError::Timeout) => return true,
            Err(RecvTimeoutError::Disconnected) => return !batch.is_empty(),
        }
    }
    true
}

fn span_data(span: ClientSpan, scope: &InstrumentationScope) -> SpanData {
    let time = |ns| -> SystemTime { UNIX_EPOCH + Duration::from_nanos(ns) };
    let context = SpanContext::new(
        TraceId::from_bytes(span.trace_id.to_be_bytes()),
        SpanId::from_bytes(span.span_id.to_be_bytes()),
        TraceFlags::SAMPLED,
        false,
        TraceState::default(),
    );
    SpanData {
        span_context: context,
        parent_span_id: span.parent_id.map_or(SpanId::INVALID, |id| SpanId::from_bytes(id.to_be_bytes())),
        parent_span_is_remote: false,
        span_kind: if span.is_call { SpanKind::Client } else { SpanKind::Internal },
        name: span.name,
        start_time: time(span.start_ns),
        end_time: time(span.end_ns),
        attributes: span.attributes.into_iter().map(|(key, value)| KeyValue::new(key, value)).collect(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: match span.status {
            OutcomeStatus::Ok => Status::Unset,
            OutcomeStatus::Error(text) => Status::error(text),
        },
        instrumentation_scope: scope.clone(),
    }
}
