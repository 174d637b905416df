//! Waiting for a slot: one timer of the kernel in the event loop of each load thread.
//!
//! Tokio's own timer has a granularity of one millisecond and would add half of it to every response time. A timerfd
//! wakes the event loop within the kernel's own precision, and nothing spins. All waits of a thread share one; it is set
//! to the earliest of them.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    future::poll_fn,
    io,
    os::fd::OwnedFd,
    rc::Rc,
    task::{Poll, Waker},
    time::Duration,
};

use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime, timerfd_create, timerfd_settime,
};
use tokio::{
    io::{Interest, unix::AsyncFd},
    time::Instant,
};

/// The waits of one thread; clones share them.
#[derive(Clone, Debug)]
pub(super) struct Timers {
    inner: Rc<Inner>,
}

#[derive(Debug)]
struct Inner {
    clock: Clock,
    waiting: RefCell<BTreeMap<(Instant, u64), Waker>>,
    next_wait: Cell<u64>,
    armed: Cell<Option<Instant>>,
}

#[derive(Debug)]
enum Clock {
    /// The timerfd, and one moment on both of its clock and ours.
    Kernel { descriptor: AsyncFd<OwnedFd>, instant: Instant, monotonic: Duration },
    /// Tokio's clock, which a test can pause.
    #[cfg(test)]
    Tokio(tokio::sync::Notify),
}

impl Timers {
    /// The timer of this thread's event loop, served by a task of its own.
    ///
    /// # Errors
    /// The kernel gives no timer: too many open files.
    // Deprecated because a type may lie about its descriptor, which an OwnedFd can't; the replacement is `unsafe`.
    #[allow(deprecated)]
    pub(super) fn start() -> io::Result<Self> {
        let descriptor = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        let descriptor = AsyncFd::with_interest(descriptor, Interest::READABLE)?;
        let now = clock_gettime(ClockId::Monotonic);
        let monotonic = Duration::new(u64::try_from(now.tv_sec).unwrap_or(0), u32::try_from(now.tv_nsec).unwrap_or(0));
        Ok(Self::serve(Clock::Kernel { descriptor, instant: Instant::now(), monotonic }))
    }

    /// Waits on Tokio's clock, for tests with paused time.
    #[cfg(test)]
    pub(super) fn paused() -> Self {
        Self::serve(Clock::Tokio(tokio::sync::Notify::new()))
    }

    fn serve(clock: Clock) -> Self {
        let timers = Self { inner: Rc::new(Inner { clock, waiting: RefCell::default(), next_wait: Cell::new(0), armed: Cell::new(None) }) };
        let inner = Rc::clone(&timers.inner);
        tokio::task::spawn_local(async move { while inner.fired().await.is_ok() {} });
        timers
    }

    /// Returns at `deadline`, at once if it has passed. May be dropped while it waits.
    pub(super) async fn until(&self, deadline: Instant) {
        if deadline <= Instant::now() {
            return;
        }
        let number = self.inner.next_wait.get();
        self.inner.next_wait.set(number + 1);
        let wait = Wait { inner: &self.inner, key: (deadline, number) };
        poll_fn(|cx| if Instant::now() >= deadline { Poll::Ready(()) } else { wait.register(cx.waker()) }).await;
    }
}

/// One wait; it leaves the list when it is dropped.
struct Wait<'a> {
    inner: &'a Inner,
    key: (Instant, u64),
}

impl Wait<'_> {
    fn register(&self, waker: &Waker) -> Poll<()> {
        self.inner.waiting.borrow_mut().insert(self.key, waker.clone());
        if self.inner.armed.get().is_none_or(|armed| self.key.0 < armed) {
            self.inner.arm(self.key.0);
        }
        Poll::Pending
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        self.inner.waiting.borrow_mut().remove(&self.key);
    }
}

impl Inner {
    fn arm(&self, at: Instant) {
        self.armed.set(Some(at));
        match &self.clock {
            Clock::Kernel { descriptor, instant, monotonic } => {
                let at = *monotonic + at.saturating_duration_since(*instant);
                let value = Timespec { tv_sec: i64::try_from(at.as_secs()).unwrap_or(i64::MAX), tv_nsec: i64::from(at.subsec_nanos()) };
                let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: value };
                // It fails for an invalid time or descriptor only, and both are made above.
                let _ = timerfd_settime(descriptor.get_ref(), TimerfdTimerFlags::ABSTIME, &once);
            }
            #[cfg(test)]
            Clock::Tokio(changed) => changed.notify_one(),
        }
    }

    /// Waits until the timer fires, and wakes everybody whose time has come.
    async fn fired(&self) -> io::Result<()> {
        match &self.clock {
            Clock::Kernel { descriptor, .. } => {
                // The count of expirations is not read: setting the timer again clears it, and each expiration is an
                // event of its own.
                descriptor.readable().await?.clear_ready();
            }
            #[cfg(test)]
            Clock::Tokio(changed) => match self.armed.get() {
                Some(at) => tokio::select! { () = tokio::time::sleep_until(at) => {}, () = changed.notified() => {} },
                None => changed.notified().await,
            },
        }
        self.wake();
        Ok(())
    }

    fn wake(&self) {
        let now = Instant::now();
        let mut waiting = self.waiting.borrow_mut();
        while let Some(first) = waiting.first_entry() {
            let at = first.key().0;
            if at > now {
                self.arm(at);
                return;
            }
            first.remove().wake();
        }
        self.armed.set(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run<F: Future>(test: impl FnOnce() -> F) -> F::Output {
        let options = tokio::runtime::LocalOptions::default();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build_local(options).expect("a runtime");
        runtime.block_on(async { test().await })
    }

    #[test]
    fn waits_end_in_the_order_of_their_deadlines_and_never_early() {
        let order = run(|| async {
            let timers = Timers::start().expect("a timer");
            let now = Instant::now();
            let order = Rc::new(RefCell::new(Vec::new()));
            let waits = [30_u64, 10, 20, 10].map(|ms| {
                let (timers, order) = (timers.clone(), Rc::clone(&order));
                tokio::task::spawn_local(async move {
                    let deadline = now + Duration::from_millis(ms);
                    timers.until(deadline).await;
                    assert!(Instant::now() >= deadline);
                    order.borrow_mut().push(ms);
                })
            });
            for wait in waits {
                wait.await.expect("it ends");
            }
            order.take()
        });
        assert_eq!(order, [10, 10, 20, 30]);
    }

    #[test]
    fn a_wait_that_is_dropped_leaves_the_others_alone() {
        run(|| async {
            let timers = Timers::start().expect("a timer");
            let now = Instant::now();
            let long = timers.until(now + Duration::from_millis(20));
            let dropped = tokio::time::timeout(Duration::from_millis(5), timers.until(now + Duration::from_millis(10)));
            assert!(dropped.await.is_err());
            long.await;
            assert!(Instant::now() >= now + Duration::from_millis(20));
            assert!(timers.inner.waiting.borrow().is_empty());
        });
    }
}
