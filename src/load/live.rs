//! Counters for the progress display, one set per thread and stream, read by the caller.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Counters of one stream on one thread. Only that thread writes them.
#[derive(Debug, Default)]
pub struct LiveCounters {
    sent: AtomicU64,
    ok: AtomicU64,
    failed: AtomicU64,
    exhausted: AtomicBool,
}

/// What the counters say at one moment, summed over threads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LiveSnapshot {
    /// Requests that were sent.
    pub sent: u64,
    /// Successes.
    pub ok: u64,
    /// Failures.
    pub failed: u64,
}

impl LiveSnapshot {
    /// Requests without an answer yet.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.sent.saturating_sub(self.ok + self.failed)
    }
}

impl LiveCounters {
    pub(super) fn count_sent(&self) {
        self.sent.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_done(&self, ok: bool) {
        let counter = if ok { &self.ok } else { &self.failed };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// The data of this stream is used up on this thread.
    pub(super) fn set_exhausted(&self) {
        self.exhausted.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_exhausted(&self) -> bool {
        self.exhausted.load(Ordering::Relaxed)
    }

    pub(super) fn add_to(&self, sum: &mut LiveSnapshot) {
        sum.sent += self.sent.load(Ordering::Relaxed);
        sum.ok += self.ok.load(Ordering::Relaxed);
        sum.failed += self.failed.load(Ordering::Relaxed);
    }
}
