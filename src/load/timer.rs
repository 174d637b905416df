//! Waiting for a due time: one timer of the kernel in the event loop of each load thread.
//!
//! Tokio's own timer has a granularity of one millisecond and would add half of it to every
//! response time. A timerfd wakes the event loop within the kernel's own precision, and nothing is
//! busy with waiting. All waits of a thread share one; it is set to the earliest of them.
//!
//! For a due time it is set earlier, by what waking takes at least ([`Lead`]). The thread is then
//! awake before one due time in ten, and gives way to all other tasks for the microseconds that are
//! left.
//!
//! Where that is not precise enough, the wait for a due time may spin its last stretch: the timer
//! wakes the task early, and the task gives way to all others, and the event loop to the kernel's
//! news, again and again until the time has come.

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
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime,
    timerfd_create, timerfd_settime,
};
use tokio::{
    io::{Interest, unix::AsyncFd},
    time::Instant,
};

use super::lead::Lead;

/// The stretch that is spun: in 99 of 100 cases the kernel wakes a thread within it, also one that
/// slept for long.
const STRETCH: Duration = Duration::from_micros(200);

/// Readings of two clocks that are no further apart count as one moment.
const CLOCKS_APART: Duration = Duration::from_micros(3);
/// How often the clocks are read at most; the best pair is taken then.
const CLOCK_READINGS: u32 = 100;

/// The waits of one thread; clones share them.
#[derive(Clone, Debug)]
pub(super) struct Timers {
    inner: Rc<Inner>,
}

#[derive(Debug)]
struct Inner {
    descriptor: AsyncFd<OwnedFd>,
    /// The last part of the wait for a due time, which is spun; zero: nothing is.
    stretch: Duration,
    /// How much before a due time the timer is set where nothing is spun.
    lead: Lead,
    /// One moment on our clock and on the timer's.
    instant: Instant,
    monotonic: Duration,
    /// Tokio's clock decides, which tests pause; the kernel's timer is idle then.
    #[cfg(test)]
    of_tokio: bool,
    waiting: RefCell<BTreeMap<(Instant, u64), Waker>>,
    next_wait: Cell<u64>,
    armed: Cell<Option<Instant>>,
}

impl Timers {
    /// The timer of this thread's event loop, served by a task of its own; `precise`: the last 0.2
    /// ms before a due time are spun.
    ///
    /// # Errors
    /// The kernel gives no timer: too many open files.
    pub(super) fn start(precise: bool) -> io::Result<Self> {
        let stretch = if precise { STRETCH } else { Duration::ZERO };
        Ok(Self::serve(Inner::new(stretch)?))
    }

    /// Timers that follow Tokio's clock, to the millisecond.
    #[cfg(test)]
    pub(super) fn of_tokio() -> io::Result<Self> {
        Ok(Self::serve(Inner {
            of_tokio: true,
            ..Inner::new(Duration::ZERO)?
        }))
    }

    fn serve(inner: Inner) -> Self {
        let inner = Rc::new(inner);
        let served = Rc::clone(&inner);
        tokio::task::spawn_local(async move { while served.fired().await.is_ok() {} });
        Self { inner }
    }

    /// Returns at `deadline`, the due time of a request, and never before. May be dropped while it
    /// waits.
    pub(super) async fn until_slot(&self, deadline: Instant) {
        self.until(self.inner.wake_up_for(deadline)).await;
        while Instant::now() < deadline {
            // Everybody else has a turn, and replies are read.
            tokio::task::yield_now().await;
        }
    }

    /// Returns at `deadline`, at once if it has passed. May be dropped while it waits.
    pub(super) async fn until(&self, deadline: Instant) {
        #[cfg(test)]
        if self.inner.of_tokio {
            return tokio::time::sleep_until(deadline).await;
        }
        if deadline <= Instant::now() {
            return;
        }
        let number = self.inner.next_wait.get();
        self.inner.next_wait.set(number + 1);
        let wait = Wait {
            inner: &self.inner,
            key: (deadline, number),
        };
        poll_fn(|cx| {
            if Instant::now() >= deadline {
                Poll::Ready(())
            } else {
                wait.register(cx.waker())
            }
        })
        .await;
    }
}

/// One moment on Tokio's clock and on the timer's: the one is read before and after the other,
/// again where this thread was interrupted in between. Every request would be late, or early, by
/// what the two are apart.
fn one_moment() -> (Instant, Duration) {
    let read = || {
        let before = Instant::now();
        let now = clock_gettime(ClockId::Monotonic);
        let apart = Instant::now() - before;
        let monotonic = Duration::new(
            u64::try_from(now.tv_sec).unwrap_or(0),
            u32::try_from(now.tv_nsec).unwrap_or(0),
        );
        (apart, before + apart / 2, monotonic)
    };
    let mut best = read();
    for _ in 1..CLOCK_READINGS {
        if best.0 <= CLOCKS_APART {
            break;
        }
        let next = read();
        if next.0 < best.0 {
            best = next;
        }
    }
    (best.1, best.2)
}

/// One wait; it leaves the list when it is dropped.
struct Wait<'a> {
    inner: &'a Inner,
    key: (Instant, u64),
}

impl Wait<'_> {
    fn register(&self, waker: &Waker) -> Poll<()> {
        self.inner
            .waiting
            .borrow_mut()
            .insert(self.key, waker.clone());
        if self
            .inner
            .armed
            .get()
            .is_none_or(|armed| self.key.0 < armed)
        {
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
    // Deprecated because a type may lie about its descriptor, which an OwnedFd can't; the
    // replacement is `unsafe`.
    #[allow(deprecated)]
    fn new(stretch: Duration) -> io::Result<Self> {
        let descriptor = timerfd_create(
            TimerfdClockId::Monotonic,
            TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC,
        )?;
        let descriptor = AsyncFd::with_interest(descriptor, Interest::READABLE)?;
        let (instant, monotonic) = one_moment();
        Ok(Self {
            descriptor,
            stretch,
            lead: Lead::default(),
            instant,
            monotonic,
            #[cfg(test)]
            of_tokio: false,
            waiting: RefCell::default(),
            next_wait: Cell::new(0),
            armed: Cell::new(None),
        })
    }

    /// When the thread is to be woken for a request due at `deadline`.
    fn wake_up_for(&self, deadline: Instant) -> Instant {
        if self.stretch > Duration::ZERO {
            return deadline.checked_sub(self.stretch).unwrap_or(deadline);
        }
        // A scheduled request that is nearer than the lead is slept for as well: a thread that
        // sends so often must not be busy with waiting.
        let early = deadline.checked_sub(self.lead.get()).unwrap_or(deadline);
        if early > Instant::now() {
            early
        } else {
            deadline
        }
    }

    fn arm(&self, at: Instant) {
        self.armed.set(Some(at));
        let at = self.monotonic + at.saturating_duration_since(self.instant);
        let value = Timespec {
            tv_sec: i64::try_from(at.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(at.subsec_nanos()),
        };
        let once = Itimerspec {
            it_interval: Timespec {
                tv_sec: 0,
                tv_nsec: 0,
            },
            it_value: value,
        };
        // It fails for an invalid time or descriptor only, and both are made here.
        let _ = timerfd_settime(self.descriptor.get_ref(), TimerfdTimerFlags::ABSTIME, &once);
    }

    /// Waits until the timer fires, and wakes everybody whose time has come.
    async fn fired(&self) -> io::Result<()> {
        // The count of expirations is not read: setting the timer again clears it, and each
        // expiration is an event.
        self.descriptor.readable().await?.clear_ready();
        if let Some(armed) = self.armed.get() {
            self.lead.woke(armed.elapsed());
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
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::UnixStream,
    };

    use super::*;

    fn run<F: Future>(test: impl FnOnce() -> F) -> F::Output {
        let options = tokio::runtime::LocalOptions::default();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build_local(options)
            .expect("a runtime");
        runtime.block_on(async { test().await })
    }

    #[test]
    fn waits_end_in_the_order_of_their_deadlines_and_never_early() {
        let order = run(|| async {
            let timers = Timers::start(false).expect("a timer");
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
            let timers = Timers::start(false).expect("a timer");
            let now = Instant::now();
            let long = timers.until(now + Duration::from_millis(200));
            let mut dropped = Box::pin(timers.until(now + Duration::from_millis(100)));
            assert!(futures_util::poll!(&mut dropped).is_pending());
            drop(dropped);
            long.await;
            assert!(Instant::now() >= now + Duration::from_millis(200));
            assert!(timers.inner.waiting.borrow().is_empty());
        });
    }

    #[test]
    fn the_last_stretch_before_a_slot_is_spun_and_others_go_on() {
        run(|| async {
            let timers = Timers::start(true).expect("a timer");
            let deadline = Instant::now() + Duration::from_millis(50);
            let (mut ours, mut theirs) = UnixStream::pair().expect("a pair of sockets");
            let slot = tokio::task::spawn_local({
                let timers = timers.clone();
                async move { timers.until_slot(deadline).await }
            });
            tokio::task::yield_now().await;
            assert_eq!(
                timers.inner.armed.get(),
                Some(deadline - STRETCH),
                "the timer wakes it early"
            );
            timers.until(deadline - STRETCH / 2).await;
            // The request's task spins now, if this machine is not too busy; it must not keep the
            // event loop from sockets.
            theirs.write_all(b"reply").await.expect("it is written");
            let mut reply = [0; 5];
            ours.read_exact(&mut reply).await.expect("it is read");
            slot.await.expect("it ends");
            assert!(Instant::now() >= deadline);
        });
    }

    #[test]
    fn the_timer_is_set_as_early_as_waking_takes_and_no_slot_is_left_before_its_time() {
        run(|| async {
            let timers = Timers::start(false).expect("a timer");
            let learned = Duration::from_micros(100);
            while timers.inner.lead.get() < learned {
                timers.inner.lead.woke(Duration::from_millis(1));
            }
            let deadline = Instant::now() + Duration::from_millis(50);
            let slot = timers.until_slot(deadline);
            tokio::pin!(slot);
            assert!(futures_util::poll!(&mut slot).is_pending());
            assert_eq!(timers.inner.armed.get(), Some(deadline - learned));
            slot.await;
            assert!(Instant::now() >= deadline);
            let now = Instant::now();
            assert_eq!(
                timers.inner.wake_up_for(now),
                now,
                "what is nearer than the lead is not spun for"
            );
        });
    }

    #[test]
    fn every_wake_up_is_learned_from() {
        run(|| async {
            let timers = Timers::start(false).expect("a timer");
            timers
                .until(Instant::now() + Duration::from_millis(5))
                .await;
            assert!(timers.inner.lead.get() > Duration::ZERO);
        });
    }

    #[test]
    fn without_stretch_the_timer_is_set_to_the_slot() {
        run(|| async {
            let timers = Timers::start(false).expect("a timer");
            let deadline = Instant::now() + Duration::from_millis(5);
            let slot = timers.until_slot(deadline);
            tokio::pin!(slot);
            assert!(futures_util::poll!(&mut slot).is_pending());
            assert_eq!(timers.inner.armed.get(), Some(deadline));
            slot.await;
            assert!(Instant::now() >= deadline);
        });
    }
}
