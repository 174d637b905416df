//! Waiting for a slot: a timer of the kernel in the event loop.
//!
//! Tokio's own timer has a granularity of one millisecond and would add half of it to every response time. A timerfd
//! wakes the event loop within the kernel's own precision, and nothing spins.

use std::{io, os::fd::OwnedFd, time::Duration};

use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime};
use tokio::{
    io::{Interest, unix::AsyncFd},
    time::Instant,
};

/// One timer of one task.
#[derive(Debug)]
pub(super) struct Timer {
    descriptor: AsyncFd<OwnedFd>,
}

impl Timer {
    /// A timer in the event loop of this thread.
    // Deprecated because a type may lie about its descriptor, which an OwnedFd can't; the replacement is `unsafe`.
    #[allow(deprecated)]
    pub(super) fn new() -> io::Result<Self> {
        let descriptor = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        Ok(Self { descriptor: AsyncFd::with_interest(descriptor, Interest::READABLE)? })
    }

    /// Returns at `deadline`, at once if it has passed. May be dropped while it waits.
    pub(super) async fn wait_until(&self, deadline: Instant) -> io::Result<()> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            self.arm(left)?;
            let mut ready = self.descriptor.readable().await?;
            // The count of expirations is of no use; reading it makes the descriptor wait again.
            let _ = ready.try_io(|inner| Ok(rustix::io::read(inner.get_ref(), &mut [0_u8; 8])?));
            ready.clear_ready();
        }
    }

    fn arm(&self, left: Duration) -> io::Result<()> {
        let value = Timespec { tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX), tv_nsec: i64::from(left.subsec_nanos()) };
        let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: value };
        timerfd_settime(self.descriptor.get_ref(), TimerfdTimerFlags::empty(), &once)?;
        Ok(())
    }
}
