//! Counters for the progress display, one set per thread and workload, read by the caller.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::sync::Notify;

use super::latencies::{Latencies, LatencyCounters};

/// Counters of one workload on one thread. Only that thread writes them, without any locked
/// instruction; they have cache lines of their own.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct LiveCounters {
    sent: AtomicU64,
    ended: AtomicU64,
    failed: AtomicU64,
    exhausted: AtomicBool,
    /// When nothing more was sent, nanoseconds from the phase's start and 1; 0 while the workload
    /// goes on.
    over_ns: AtomicU64,
    /// Is told of it; shared by all counters of a phase.
    told: Arc<Notify>,
    latencies: LatencyCounters,
}

/// What the counters say at one moment, summed over threads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LiveSnapshot {
    /// Requests that were sent.
    pub sent: u64,
    /// Requests that were sent and have ended, one way or the other.
    pub ended: u64,
    /// Failures, those among them that could not be sent.
    pub failed: u64,
    /// Latencies of the successes: response times in an open loop, service times in a closed one.
    pub latencies: Latencies,
}

/// How a request ended, for the display.
#[derive(Clone, Copy, Debug)]
pub(super) enum LiveEnd {
    /// With a success after so many nanoseconds.
    Ok(u64),
    /// With a failure after it was sent.
    Failed,
    /// With a failure, never sent.
    Unsent,
}

impl LiveSnapshot {
    /// Requests without an answer yet.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.sent.saturating_sub(self.ended)
    }
}

impl LiveCounters {
    /// Counters that tell `told` when the data of their workload is used up.
    pub(super) fn telling(told: &Arc<Notify>) -> Self {
        Self {
            told: Arc::clone(told),
            ..Self::default()
        }
    }

    pub(super) fn count_sent(&self) {
        bump(&self.sent);
    }

    pub(super) fn count_end(&self, end: LiveEnd) {
        match end {
            LiveEnd::Ok(latency_ns) => {
                bump(&self.ended);
                self.latencies.count(latency_ns);
            }
            LiveEnd::Failed => {
                bump(&self.ended);
                bump(&self.failed);
            }
            LiveEnd::Unsent => bump(&self.failed),
        }
    }

    /// The data of this workload is used up on this thread.
    pub(super) fn set_exhausted(&self) {
        self.exhausted.store(true, Ordering::Relaxed);
        self.told.notify_one();
    }

    pub(super) fn is_exhausted(&self) -> bool {
        self.exhausted.load(Ordering::Relaxed)
    }

    /// Nothing more is sent on this thread, so long after the phase's start.
    pub(super) fn set_over(&self, since_start: Duration) {
        self.over_ns.store(
            u64::try_from(since_start.as_nanos())
                .unwrap_or(u64::MAX)
                .saturating_add(1),
            Ordering::Relaxed,
        );
    }

    /// When nothing more was sent on this thread, from the phase's start; None while the workload
    /// goes on.
    pub(super) fn over(&self) -> Option<Duration> {
        self.over_ns
            .load(Ordering::Relaxed)
            .checked_sub(1)
            .map(Duration::from_nanos)
    }

    pub(super) fn add_to(&self, sum: &mut LiveSnapshot) {
        // In this order, so that no request has ended that was not sent.
        sum.ended += self.ended.load(Ordering::Acquire);
        sum.sent += self.sent.load(Ordering::Relaxed);
        sum.failed += self.failed.load(Ordering::Relaxed);
        self.latencies.add_to(&mut sum.latencies);
    }
}

fn bump(counter: &AtomicU64) {
    counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Release);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_flight_was_sent_and_has_not_ended() {
        let threads = [LiveCounters::default(), LiveCounters::default()];
        threads
            .iter()
            .for_each(|thread| (0..3).for_each(|_| thread.count_sent()));
        threads[0].count_end(LiveEnd::Ok(1_000_000));
        threads[0].count_end(LiveEnd::Failed);
        threads[1].count_end(LiveEnd::Unsent);
        let mut sum = LiveSnapshot::default();
        threads.iter().for_each(|thread| thread.add_to(&mut sum));
        assert_eq!(
            (sum.sent, sum.ended, sum.failed, sum.in_flight()),
            (6, 2, 2, 4)
        );
        assert!(
            sum.latencies.quantile_ns(1.0).unwrap().abs_diff(1_000_000) < 32_000,
            "the success alone"
        );
    }
}
