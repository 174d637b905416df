//! One monotonic clock for everything, and the pair that ties it to wall time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// Nanoseconds since the run's start, from one monotonic clock.
#[derive(Clone, Copy, Debug)]
pub struct RunClock {
    start: Instant,
}

/// Monotonic and wall time read at one moment; everything in wall time is derived from such a pair.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockAnchor {
    /// Nanoseconds since the run's start.
    pub monotonic_ns: u64,
    /// Nanoseconds since the unix epoch.
    pub unix_ns: u64,
}

impl ClockAnchor {
    /// Wall time of a monotonic moment.
    #[must_use]
    pub fn unix_of(&self, monotonic_ns: u64) -> u64 {
        (i128::from(self.unix_ns) + i128::from(monotonic_ns) - i128::from(self.monotonic_ns))
            .try_into()
            .unwrap_or(0)
    }

    /// By how much wall time moved against monotonic time between the two pairs, in nanoseconds.
    #[must_use]
    pub fn step_to(&self, later: &ClockAnchor) -> i64 {
        let expected = i128::from(self.unix_of(later.monotonic_ns));
        i64::try_from(i128::from(later.unix_ns) - expected).unwrap_or(i64::MAX)
    }
}

impl RunClock {
    /// A clock that starts now.
    #[must_use]
    pub fn start() -> Self {
        Self {
            start: Instant::now(),
        }
    }

    /// Nanoseconds from the run's start to `at`; 0 for a moment before it.
    #[must_use]
    pub fn ns_of(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.start).as_nanos()).unwrap_or(u64::MAX)
    }

    /// Nanoseconds from the run's start to now.
    #[must_use]
    pub fn now_ns(&self) -> u64 {
        self.ns_of(Instant::now())
    }

    /// The moment `ns` after the run's start.
    #[must_use]
    pub fn instant_of(&self, ns: u64) -> Instant {
        self.start + Duration::from_nanos(ns)
    }

    /// Both clocks, read together: of five readings the one with the shortest time between the two
    /// monotonic reads.
    #[must_use]
    pub fn anchor(&self) -> ClockAnchor {
        let read = || {
            let before = self.now_ns();
            let unix = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default()
                .as_nanos();
            let after = self.now_ns();
            (
                after - before,
                ClockAnchor {
                    monotonic_ns: before + (after - before) / 2,
                    unix_ns: u64::try_from(unix).unwrap_or(u64::MAX),
                },
            )
        };
        let mut best = read();
        for _ in 0..4 {
            let next = read();
            if next.0 < best.0 {
                best = next;
            }
        }
        best.1
    }
}
