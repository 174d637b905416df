//! How much before a due time the kernel's timer is set.
//!
//! A thread that sleeps is never woken at the moment it asked for: the interrupt, the idle core and
//! the event loop take tens of microseconds each time. What they take in nine of ten cases at least
//! is learned from every wake-up, and the timer is set earlier by as much. In the other tenth the
//! thread is awake before the due time, and gives way to others until it has come.

use std::{cell::Cell, time::Duration};

/// Most that is learned: a slower wake-up is the machine's trouble, and belongs into the send lag.
const MOST: Duration = Duration::from_micros(200);
/// What one wake-up that was later than the lead adds to it.
const UP: Duration = Duration::from_nanos(250);
/// What one that was not takes off. The lead rests where the two balance: one wake-up in ten is
/// that early.
const DOWN: Duration = Duration::from_nanos(9 * 250);

/// The tenth percentile of how late the thread is woken, by stochastic approximation: Robbins and
/// Monro, "A Stochastic Approximation Method" (Annals of Mathematical Statistics 22, 1951), with a
/// constant step, so that it follows changes.
#[derive(Debug, Default)]
pub(super) struct Lead(Cell<Duration>);

impl Lead {
    /// Takes in that the thread was woken `late` after the time that the timer was set to.
    pub(super) fn woke(&self, late: Duration) {
        let lead = self.0.get();
        self.0.set(if late > lead {
            (lead + UP).min(MOST)
        } else {
            lead.saturating_sub(DOWN)
        });
    }

    /// At most 0.2 ms.
    pub(super) fn get(&self) -> Duration {
        self.0.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(lates_us: impl IntoIterator<Item = u64>) -> Duration {
        let lead = Lead::default();
        lates_us
            .into_iter()
            .for_each(|late| lead.woke(Duration::from_micros(late)));
        lead.get()
    }

    #[test]
    fn it_begins_with_nothing_and_comes_to_what_every_wake_up_takes() {
        assert_eq!(after([]), Duration::ZERO);
        let lead = after(std::iter::repeat_n(50, 1_000));
        assert!(
            Duration::from_micros(47) <= lead && lead <= Duration::from_micros(51),
            "{lead:?}"
        );
    }

    #[test]
    fn nine_of_ten_wake_ups_are_later() {
        // 0 to 99 us in an order without pattern: 37 and 100 have no common factor.
        let lead = after((0..100_000).map(|n| n * 37 % 100));
        assert!(
            Duration::from_micros(5) <= lead && lead <= Duration::from_micros(15),
            "{lead:?}"
        );
    }

    #[test]
    fn it_is_bounded_and_falls_faster_than_it_rises() {
        assert_eq!(after(std::iter::repeat_n(10_000, 100_000)), MOST);
        let slow_then_fast = std::iter::repeat_n(100, 1_000).chain(std::iter::repeat_n(0, 50));
        assert_eq!(after(slow_then_fast), Duration::ZERO);
    }
}
