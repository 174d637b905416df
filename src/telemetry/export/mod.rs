//! The exporter's thread: from finished spans to an OTLP endpoint, in bounded batches, by
//! OpenTelemetry's own exporter.
//!
//! What is ours is what that one leaves to its caller: a bounded queue, so that an endpoint that
//! hangs or is gone costs spans, which are counted, never time of a request; batches bounded in
//! bytes; an end within half a minute whatever the endpoint does; and counts of what was taken,
//! rejected, lost and tried again.

mod batch;
mod events;
mod http;
mod options;
mod sender;
mod work;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use tokio::{
    sync::{
        mpsc::{UnboundedSender, unbounded_channel},
        watch,
    },
    time::Instant,
};

pub use self::options::{ExportOptions, ExportProtocol};
use self::{sender::Sender, work::Work};
use super::client_span::ClientSpan;

/// Spans that are handed over at once: waking a thread costs more than a span.
const GROUP: usize = 512;

/// What bounds the exporter.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// Spans that may wait for the endpoint.
    queue: usize,
    /// How long a batch waits to be filled.
    linger: Duration,
    /// Longest time for a batch, further tries included.
    patience: Duration,
    /// Longest time for what still waits when the run has ended.
    finish: Duration,
}

impl Limits {
    /// Those of a run. The queue has room for ten seconds of 20,000 traced requests per second.
    fn of(options: &ExportOptions) -> Self {
        Self {
            queue: 200_000,
            linger: Duration::from_millis(500),
            patience: options.timeout,
            finish: Duration::from_secs(30),
        }
    }
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
    /// Status of the last HTTP reply that cost a batch.
    pub http_status: Option<u16>,
}

/// What both sides of the queue count.
#[derive(Debug, Default)]
struct Counts {
    waiting: AtomicUsize,
    dropped: AtomicU64,
}

/// The bounded way into the exporter. Spans are gathered and handed over together; a clone gathers
/// for itself.
#[derive(Debug)]
pub struct SpanQueue {
    // Its bound is `waiting`, in spans: a channel bounded in groups would take much more or much
    // less.
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
        if waiting + count <= self.limit
            && self.queue.send(std::mem::take(&mut self.gathered)).is_ok()
        {
            return;
        }
        self.gathered.clear();
        self.counts.waiting.fetch_sub(count, Ordering::Relaxed);
        self.counts
            .dropped
            .fetch_add(count as u64, Ordering::Relaxed);
    }
}

impl Clone for SpanQueue {
    fn clone(&self) -> Self {
        Self {
            queue: self.queue.clone(),
            gathered: Vec::new(),
            limit: self.limit,
            counts: Arc::clone(&self.counts),
        }
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
    pub fn start(options: &ExportOptions) -> Result<Self, String> {
        Self::start_within(options, Limits::of(options))
    }

    fn start_within(options: &ExportOptions, limits: Limits) -> Result<Self, String> {
        let (queue, spans) = unbounded_channel();
        let (closing, seen) = watch::channel(None);
        let counts = Arc::<Counts>::default();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| error.to_string())?;
        let opened = {
            // The channel of the endpoint wants a runtime around it.
            let _inside = runtime.enter();
            Sender::new(options)
        };
        let sender = match opened {
            Ok(sender) => sender,
            Err(error) => {
                // Dropping a runtime waits, which the caller's own runtime forbids.
                runtime.shutdown_background();
                return Err(error);
            }
        };
        let work = Work::new(sender, limits, spans, seen, Arc::clone(&counts));
        let thread = std::thread::Builder::new()
            .name("exporter".to_owned())
            .spawn(move || {
                let counters = runtime.block_on(work.run());
                // A host name that is still being looked up is not waited for.
                runtime.shutdown_background();
                counters
            })
            .map_err(|error| error.to_string())?;
        let queue = SpanQueue {
            queue,
            gathered: Vec::new(),
            limit: limits.queue,
            counts,
        };
        Ok(Self {
            queue,
            closing,
            finish: limits.finish,
            thread,
        })
    }

    /// The way in.
    #[must_use]
    pub fn queue(&self) -> SpanQueue {
        self.queue.clone()
    }

    /// Exports what still waits and ends the thread, within half a minute whatever the endpoint
    /// does; with one batch if it does not answer. All clones of the queue must be dropped before.
    #[must_use]
    pub fn finish(self) -> ExportCounters {
        self.closing
            .send_replace(Some(Instant::now() + self.finish));
        drop(self.queue);
        self.thread.join().unwrap_or_else(|_| ExportCounters {
            error: Some("the exporter's thread panicked".to_owned()),
            ..ExportCounters::default()
        })
    }
}

#[cfg(test)]
mod http_tests;
#[cfg(test)]
mod tests;
