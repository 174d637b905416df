//! What runs on the exporter's thread: spans out of the queue, into batches, to the endpoint, and
//! the counting of all of them.

use std::{
    sync::{Arc, atomic::Ordering},
    vec,
};

use opentelemetry_sdk::trace::SpanData;
use tokio::{
    pin, select,
    sync::{mpsc::UnboundedReceiver, watch},
    time::{Instant, sleep_until, timeout_at},
};

use super::{
    Counts, ExportCounters, Limits,
    batch::{Added, Batch},
    sender::{Sender, Sent},
};
use crate::telemetry::client_span::ClientSpan;

/// What the exporter's thread works with.
pub(super) struct Work {
    sender: Sender,
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
    pub(super) fn new(
        sender: Sender,
        limits: Limits,
        spans: UnboundedReceiver<Vec<ClientSpan>>,
        closing: watch::Receiver<Option<Instant>>,
        counts: Arc<Counts>,
    ) -> Self {
        let batch = Batch::new(sender.resource_bytes());
        Self {
            sender,
            limits,
            spans,
            closing,
            counts,
            group: Vec::new().into_iter(),
            left: None,
            batch,
            totals: ExportCounters::default(),
        }
    }

    pub(super) async fn run(mut self) -> ExportCounters {
        let _listening = self.sender.listen();
        let mut given_up = false;
        while let Some(spans) = self.next().await {
            let count = spans.len() as u64;
            if given_up {
                self.totals.dropped += count;
                continue;
            }
            let Sent { retries, taken } = self.deliver(spans).await;
            self.totals.retries += retries;
            match taken {
                Ok((0, _)) => self.totals.exported += count,
                Ok((rejected, words)) => {
                    let rejected = rejected.min(count);
                    self.totals.exported += count - rejected;
                    let words = if words.is_empty() {
                        words
                    } else {
                        format!(": {words}")
                    };
                    self.lose(
                        rejected,
                        format!("the endpoint rejected {rejected} of {count} spans{words}"),
                    );
                }
                Err(failure) => {
                    self.lose(count, failure.text);
                    self.totals.http_status = failure.http_status;
                    // At the end an endpoint that does not answer is not waited for once more with
                    // each batch.
                    given_up = self.closing.borrow().is_some();
                }
            }
        }
        self.totals.dropped += self.counts.dropped.load(Ordering::Relaxed);
        // Once, at the end: no span waits any more.
        if self.totals.exported == 0
            && self.totals.error.is_some()
            && let Some(trouble) = self
                .sender
                .tls_trouble(self.totals.http_status, self.limits.patience)
                .await
        {
            (self.totals.error, self.totals.http_status) = (Some(trouble), None);
        }
        self.totals
    }

    fn lose(&mut self, count: u64, why: String) {
        self.totals.dropped += count;
        self.totals.error = Some(why);
    }

    /// The next batch: a full one, or what has come within the time for it. None when the queue has
    /// ended and is empty.
    async fn next(&mut self) -> Option<Vec<SpanData>> {
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
            let Some(group) = group else {
                return (!self.batch.is_empty()).then(|| self.batch.take());
            };
            self.counts
                .waiting
                .fetch_sub(group.len(), Ordering::Relaxed);
            self.group = group.into_iter();
        }
    }

    /// Moves spans into the batch; true when it is full.
    fn fill(&mut self) -> bool {
        while let Some(span) = self.left.take().or_else(|| self.group.next()) {
            match self.batch.add(span) {
                Added::Fits => {}
                Added::Full(span) => {
                    self.left = Some(span);
                    return true;
                }
                Added::TooLarge(bytes) => {
                    self.lose(1, format!("a span of {bytes} bytes fits no batch"))
                }
            }
        }
        false
    }

    /// Sends a batch and waits for its end, as long as the limits allow: at the end of the run no
    /// longer than until `closing`.
    async fn deliver(&mut self, spans: Vec<SpanData>) -> Sent {
        let patience = Instant::now() + self.limits.patience;
        let mut closing = self.closing.clone();
        closing.mark_unchanged();
        let sent = self.sender.send(spans);
        pin!(sent);
        let cut = loop {
            let end = *closing.borrow_and_update();
            let until = end.map_or(patience, |end| end.min(patience));
            select! {
                sent = &mut sent => return sent,
                () = sleep_until(until) => break until < patience,
                // An exporter that is dropped unfinished has no end to tell.
                Ok(()) = closing.changed(), if end.is_none() => {}
            }
        };
        let text = "the endpoint does not answer";
        let within = humantime::format_duration(self.limits.patience);
        self.sender.abandoned(if cut {
            text.to_owned()
        } else {
            format!("{text} within {within}")
        })
    }
}
