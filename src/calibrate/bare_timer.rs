//! What the kernel's timer gives without a program around it: timerfd and epoll on a thread of its
//! own, one scheduled request after the other.
//!
//! The yardstick of send lag. Nothing spins, and the timer slack is that of the load threads. Uses
//! nothing of this crate, because `benches/bare_timer.rs` is made of this file too.

use std::{io, mem::MaybeUninit, num::NonZeroU64, thread, time::Duration};

use hdrhistogram::Histogram;
use rustix::{
    event::epoll,
    thread::{CpuSet, sched_setaffinity, set_current_timer_slack},
    time::{
        ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec,
        clock_gettime, timerfd_create, timerfd_settime,
    },
};

/// Lateness of every scheduled request at `rate` per second in `length`, nanoseconds. Blocks until
/// it is over.
///
/// # Errors
/// The kernel gives no thread, timer or epoll, or the thread may not run on `core`.
pub(super) fn lateness(
    rate: f64,
    length: Duration,
    core: Option<usize>,
) -> io::Result<Histogram<u64>> {
    let measuring = move || {
        if let Some(core) = core {
            let mut cores = CpuSet::new();
            cores.set(core);
            sched_setaffinity(None, &cores)?;
        }
        set_current_timer_slack(NonZeroU64::new(1))?;
        measure(rate, length)
    };
    let thread = thread::Builder::new()
        .name("bare-timer".to_owned())
        .spawn(measuring)?;
    thread
        .join()
        .unwrap_or_else(|_| Err(io::Error::other("the thread of the bare timer panicked")))
}

fn measure(rate: f64, length: Duration) -> io::Result<Histogram<u64>> {
    let timer = timerfd_create(
        TimerfdClockId::Monotonic,
        TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC,
    )?;
    let events = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    epoll::add(
        &events,
        &timer,
        epoll::EventData::new_u64(0),
        epoll::EventFlags::IN,
    )?;
    let mut lateness =
        Histogram::new_with_bounds(1, 3_600_000_000_000, 3).map_err(io::Error::other)?;
    let start = now() + Duration::from_millis(10);
    let mut buffer = [MaybeUninit::uninit(); 4];
    for slot in 0..(rate * length.as_secs_f64()) as u64 {
        let due = start + Duration::from_secs_f64(slot as f64 / rate);
        // A scheduled request that came too soon behind a late one waits no more, as a request
        // would not.
        while now() < due {
            let once = Itimerspec {
                it_interval: timespec(Duration::ZERO),
                it_value: timespec(due),
            };
            timerfd_settime(&timer, TimerfdTimerFlags::ABSTIME, &once)?;
            match epoll::wait(&events, &mut buffer[..], None) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let late = now().saturating_sub(due).as_nanos();
        lateness
            .record(u64::try_from(late).unwrap_or(u64::MAX))
            .map_err(io::Error::other)?;
    }
    Ok(lateness)
}

/// The monotonic clock, since its own beginning.
fn now() -> Duration {
    let now = clock_gettime(ClockId::Monotonic);
    Duration::new(
        now.tv_sec.unsigned_abs(),
        u32::try_from(now.tv_nsec).unwrap_or(0),
    )
}

fn timespec(time: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(time.subsec_nanos()),
    }
}
