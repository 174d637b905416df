//! The exporter's thread: from finished spans to an OTLP endpoint, in bounded batches.
//!
//! Attributes follow OpenTelemetry's semantic conventions 1.37.0 for RPC and database clients. The queue is bounded: an
//! endpoint that hangs or is gone costs spans, which are counted, never time of a request.

mod batch;
mod endpoint;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
    vec,
};

use tokio::{
    sync::{
        mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
        watch,
    },
    time::{Instant, sleep, timeout_at},
};

use self::{
    batch::{Added, Batch, Message},
    endpoint::{Endpoint, Failure, FailureKind, pairs},
};
use super::span::ClientSpan;

/// Spans that are handed over at once: waking a thread costs more than a span.
const GROUP: usize = 512;

/// Further tries of a batch.
const RETRIES: u32 = 5;

/// Longest pause before a further try.
const LAST_PAUSE: Duration = Duration::from_secs(5);

/// What bounds the exporter.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// Spans that may wait for the endpoint.
    queue: usize,
    /// How long a batch waits to be filled.
    linger: Duration,
    /// Longest wait for the answer to a batch.
    patience: Duration,
    /// Pause before the second try of a batch; doubled by each further one.
    pause: Duration,
    /// Longest time for what still waits when the run has ended.
    finish: Duration,
}

/// The queue has room for ten seconds of 20,000 traced requests per second.
const LIMITS: Limits = Limits {
    queue: 200_000,
    linger: Duration::from_millis(500),
    patience: Duration::from_secs(5),
    pause: Duration::from_millis(100),
    finish: Duration::from_secs(30),
};

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

/// What became of the spans.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExportCounters {
    /// Accepted by the endpoint.
    pub exported: u64,
    /// Lost: the queue was full, or the endpoint refused them after the retries.
    pub dropped: u64,
    /// Batches that were sent again.
    pub retries: u64,
    /// The last error that cost spans.
    pub error: Option<String>,
}

/// What both sides of the queue count.
#[derive(Debug, Default)]
struct Counts {
    waiting: AtomicUsize,
    dropped: AtomicU64,
}

/// The bounded way into the exporter. Spans are gathered and handed over together; a clone gathers for itself.
#[derive(Debug)]
pub struct SpanQueue {
    // Its bound is `waiting`, in spans: a channel bounded in groups would take much more or much less.
    queue: UnboundedSender<Vec<ClientSpan>>,
    gathered: Vec<ClientSpan>,
    limit: usize,
    counts: Arc<Counts>,
}

impl SpanQueue {
    /// Adds a span to those that are handed over next.
    pub fn push(&mut self, span: ClientSpan) {
        self.gathered.push(span);
        if self.gathered.len() >= GROUP {
            self.flush();
        }
    }

    /// Hands over what was gathered, or counts it as dropped when the queue is full. Never waits.
    pub fn flush(&mut self) {
        let count = self.gathered.len();
        if count == 0 {
            return;
        }
        let waiting = self.counts.waiting.fetch_add(count, Ordering::Relaxed);
        if waiting + count <= self.limit && self.queue.send(std::mem::take(&mut self.gathered)).is_ok() {
            return;
        }
        self.gathered.clear();
        self.counts.waiting.fetch_sub(count, Ordering::Relaxed);
        self.counts.dropped.fetch_add(count as u64, Ordering::Relaxed);
    }
}

impl Clone for SpanQueue {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone(), gathered: Vec::new(), limit: self.limit, counts: Arc::clone(&self.counts) }
    }
}

impl Drop for SpanQueue {
    fn drop(&mut self) {
        self.flush();
    }
}

/// The exporter's thread.
#[derive(Debug)]
pub struct Exporter {
    queue: SpanQueue,
    closing: watch::Sender<Option<Instant>>,
    finish: Duration,
    thread: JoinHandle<ExportCounters>,
}

impl Exporter {
    /// Starts the thread. The endpoint need not answer yet.
    ///
    /// # Errors
    /// The endpoint is no URI, or no thread can be started.
    pub fn start(options: ExportOptions) -> Result<Self, String> {
        Self::start_within(&options, LIMITS)
    }

    fn start_within(options: &ExportOptions, limits: Limits) -> Result<Self, String> {
        let (queue, spans) = unbounded_channel();
        let (closing, seen) = watch::channel(None);
        let counts = Arc::<Counts>::default();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
        let opened = {
            // The channel of the endpoint wants a runtime around it.
            let _inside = runtime.enter();
            Endpoint::new(&options.endpoint)
        };
        let endpoint = match opened {
            Ok(endpoint) => endpoint,
            Err(error) => {
                // Dropping a runtime waits, which the caller's own runtime forbids.
                runtime.shutdown_background();
                return Err(error);
            }
        };
        let work = Work {
            endpoint,
            limits,
            spans,
            closing: seen,
            counts: Arc::clone(&counts),
            group: Vec::new().into_iter(),
            left: None,
            batch: Batch::new(&resource(options)),
            totals: ExportCounters::default(),
        };
        let thread = std::thread::Builder::new()
            .name("exporter".to_owned())
            .spawn(move || runtime.block_on(work.run()))
            .map_err(|error| error.to_string())?;
        let queue = SpanQueue { queue, gathered: Vec::new(), limit: limits.queue, counts };
        Ok(Self { queue, closing, finish: limits.finish, thread })
    }

    /// The way in.
    #[must_use]
    pub fn queue(&self) -> SpanQueue {
        self.queue.clone()
    }

    /// Exports what still waits and ends the thread, within half a minute whatever the endpoint does; within one attempt
    /// if it does not answer. All clones of the queue must be dropped before.
    #[must_use]
    pub fn finish(self) -> ExportCounters {
        self.closing.send_replace(Some(Instant::now() + self.finish));
        drop(self.queue);
        self.thread
            .join()
            .unwrap_or_else(|_| ExportCounters { error: Some("the exporter's thread panicked".to_owned()), ..ExportCounters::default() })
    }
}

/// Attributes of this process: those of `OTEL_RESOURCE_ATTRIBUTES`, and the exporter's own, which come first.
fn resource(options: &ExportOptions) -> Vec<(String, String)> {
    let own = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let mut attributes = vec![
        own("service.name", &options.service_name),
        own("telemetry.sdk.language", "rust"),
        own("telemetry.sdk.name", "milvus-bench"),
        own("telemetry.sdk.version", env!("CARGO_PKG_VERSION")),
    ];
    attributes.extend(options.resource.iter().cloned());
    for (key, value) in pairs(&std::env::var("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default()) {
        if attributes.iter().all(|(known, _)| *known != key) {
            attributes.push((key, value));
        }
    }
    attributes
}

/// What the exporter's thread works with.
struct Work {
    endpoint: Endpoint,
    limits: Limits,
    spans: UnboundedReceiver<Vec<ClientSpan>>,
    /// None while the run goes on; then the moment by which everything has to be over.
    closing: watch::Receiver<Option<Instant>>,
    counts: Arc<Counts>,
    /// What was taken from the queue and is in no batch yet.
    group: vec::IntoIter<ClientSpan>,
    /// A span of it that did not fit the batch before.
    left: Option<ClientSpan>,
    batch: Batch,
    totals: ExportCounters,
}

impl Work {
    async fn run(mut self) -> ExportCounters {
        let mut given_up = false;
        while let Some(message) = self.next().await {
            let count = message.count;
            if given_up {
                self.totals.dropped += count;
                continue;
            }
            match self.deliver(&message).await {
                Ok(0) => self.totals.exported += count,
                Ok(rejected) => {
                    let rejected = rejected.min(count);
                    self.totals.exported += count - rejected;
                    self.lose(rejected, format!("the endpoint rejected {rejected} of {count} spans"));
                }
                Err(failure) => {
                    self.lose(count, failure.text);
                    // At the end an endpoint that does not answer is not waited for once more with each batch.
                    given_up = self.closing.borrow().is_some();
                }
            }
        }
        self.totals.dropped += self.counts.dropped.load(Ordering::Relaxed);
        self.totals
    }

    fn lose(&mut self, count: u64, why: String) {
        self.totals.dropped += count;
        self.totals.error = Some(why);
    }

    /// The next batch: a full one, or what has come within the time for it. None when the queue has ended and is empty.
    async fn next(&mut self) -> Option<Message> {
        let mut until = None;
        loop {
            if self.fill() {
                return Some(self.batch.take());
            }
            if !self.batch.is_empty() && until.is_none() {
                until = Some(Instant::now() + self.limits.linger);
            }
            let group = match until {
                Some(until) => match timeout_at(until, self.spans.recv()).await {
                    Ok(group) => group,
                    Err(_) => return Some(self.batch.take()),
                },
                None => self.spans.recv().await,
            };
            let Some(group) = group else { return (!self.batch.is_empty()).then(|| self.batch.take()) };
            self.counts.waiting.fetch_sub(group.len(), Ordering::Relaxed);
            self.group = group.into_iter();
        }
    }

    /// Moves spans into the batch; true when it is full.
    fn fill(&mut self) -> bool {
        while let Some(span) = self.left.take().or_else(|| self.group.next()) {
            match self.batch.add(&span) {
                Added::Fits => {}
                Added::Full => {
                    self.left = Some(span);
                    return true;
                }
                Added::TooLarge(bytes) => self.lose(1, format!("a span of {bytes} bytes fits no batch")),
            }
        }
        false
    }

    /// Sends a batch, and again where that may help; gives the number of rejected spans.
    async fn deliver(&mut self, message: &Message) -> Result<u64, Failure> {
        let mut tries = 0;
        loop {
            let failure = match self.attempt(message.clone()).await {
                Ok(rejected) => return Ok(rejected),
                Err(failure) => failure,
            };
            let closing = *self.closing.borrow();
            let Some(pause) = pause(failure.kind, self.limits.pause, tries, closing.is_some()) else { return Err(failure) };
            if closing.is_some_and(|end| Instant::now() + pause >= end) {
                return Err(failure);
            }
            self.pause(pause, closing.is_some()).await;
            self.totals.retries += 1;
            tries += 1;
        }
    }

    async fn attempt(&mut self, message: Message) -> Result<u64, Failure> {
        let patience = Instant::now() + self.limits.patience;
        let until = self.closing.borrow().map_or(patience, |end| end.min(patience));
        match timeout_at(until, self.endpoint.send(message)).await {
            Ok(sent) => sent,
            Err(_) => Err(Failure::last("the endpoint does not answer".to_owned())),
        }
    }

    /// Waits, but not on when the run ends meanwhile.
    async fn pause(&mut self, pause: Duration, closing: bool) {
        tokio::select! {
            () = sleep(pause) => {}
            _ = self.closing.changed(), if !closing => {}
        }
    }
}

/// How long to wait after `tries` tries that did not help; None when the batch is given up.
fn pause(kind: FailureKind, first: Duration, tries: u32, closing: bool) -> Option<Duration> {
    let asked = match kind {
        FailureKind::Busy(asked) => asked,
        FailureKind::Gone if !closing => None,
        FailureKind::Gone | FailureKind::Final => return None,
    };
    let own = first.saturating_mul(1 << tries.min(16));
    (tries < RETRIES).then(|| asked.unwrap_or_default().max(own).min(LAST_PAUSE))
}

#[cfg(test)]
mod tests;
