//! A kernel timer (timerfd) that wakes a connection's task.
//!
//! Tokio's timer has a granularity of one millisecond, as much as a whole reply may take; that of
//! the kernel has its own precision, and nothing spins.

use std::{
    io,
    os::fd::OwnedFd,
    task::{Context, Poll},
};

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::{
    io::{Interest, unix::AsyncFd},
    time::Instant,
};

/// One timer of one task.
#[derive(Debug)]
pub(super) struct Timer {
    descriptor: AsyncFd<OwnedFd>,
    armed: Option<Instant>,
}

impl Timer {
    /// A timer in the event loop of this thread.
    // Deprecated because a type may lie about its descriptor, which an OwnedFd can't; the
    // replacement is `unsafe`.
    #[allow(deprecated)]
    pub(super) fn new() -> io::Result<Self> {
        let descriptor = timerfd_create(
            TimerfdClockId::Monotonic,
            TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC,
        )?;
        Ok(Self {
            descriptor: AsyncFd::with_interest(descriptor, Interest::READABLE)?,
            armed: None,
        })
    }

    /// Wakes the task of `cx` once when `due` has come, and forgets what it was armed for before.
    pub(super) fn wake_at(
        &mut self,
        due: Instant,
        now: Instant,
        cx: &mut Context<'_>,
    ) -> io::Result<()> {
        if self.armed != Some(due) {
            self.arm(due, now)?;
        }
        // Pending is what registers the task.
        while let Poll::Ready(ready) = self.descriptor.poll_read_ready(cx) {
            let mut ready = ready?;
            let expired = rustix::io::read(self.descriptor.get_ref(), &mut [0_u8; 8]).is_ok();
            ready.clear_ready();
            if expired {
                self.arm(due, Instant::now())?;
            }
        }
        Ok(())
    }

    fn arm(&mut self, due: Instant, now: Instant) -> io::Result<()> {
        let left = due.saturating_duration_since(now);
        // Zero would disarm it.
        let nanoseconds = i64::from(left.subsec_nanos()).max(i64::from(left.as_secs() == 0));
        let value = Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: nanoseconds,
        };
        let once = Itimerspec {
            it_interval: Timespec {
                tv_sec: 0,
                tv_nsec: 0,
            },
            it_value: value,
        };
        timerfd_settime(self.descriptor.get_ref(), TimerfdTimerFlags::empty(), &once)?;
        self.armed = Some(due);
        Ok(())
    }
}
