//! Pure arithmetic of closed loops: when a caller is at work within a part, and how long it thinks.
//!
//! A ramp from a to b callers over D: the number of callers at t is a + (b - a) t / D, rounded.
//! Caller c (from 0) so begins at D (c + ½ - a) / (b - a) and, on the way down, ends at D (a - c -
//! ½) / (a - b): one by one, at equal distances, the lowest numbers first to come and last to go.
//! The half makes the callers' time together exactly D (a + b) / 2.

use std::time::Duration;

use crate::plan::ThinkTime;

/// When a caller is at work, from the start of its part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shift {
    pub(super) begin: Duration,
    /// None: only the requests or the end of the data end it.
    pub(super) end: Option<Duration>,
}

/// The shift of caller `number` in a part that goes from `from` to `to` callers; None for one that
/// is not in it.
pub(super) fn shift(
    number: u64,
    (from, to): (u32, u32),
    duration: Option<Duration>,
) -> Option<Shift> {
    let whole = Shift {
        begin: Duration::ZERO,
        end: duration,
    };
    let (from, to) = (u64::from(from), u64::from(to));
    if number < from.min(to) {
        return Some(whole);
    }
    if number >= from.max(to) {
        return None;
    }
    // Only a part with a length has a ramp. Half steps keep the arithmetic that of whole numbers.
    let length = duration?;
    if from < to {
        Some(Shift {
            begin: share(length, 2 * (number - from) + 1, to - from),
            ..whole
        })
    } else {
        Some(Shift {
            end: Some(share(length, 2 * (from - number) - 1, from - to)),
            ..whole
        })
    }
}

/// `length` times `half_steps` / 2 `steps`.
fn share(length: Duration, half_steps: u64, steps: u64) -> Duration {
    let nanos = length.as_nanos() * u128::from(half_steps) / (2 * u128::from(steps));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// The pause after a request whose key has this hash: the same in every run, whichever thread the
/// caller is on.
pub(super) fn pause(think_time: ThinkTime, hash: u64) -> Duration {
    match think_time {
        ThinkTime::Constant(time) => time,
        ThinkTime::Exponential(mean) => {
            // The upper 53 bits, as a number in [0, 1).
            let uniform = (hash >> 11) as f64 / (1_u64 << 53) as f64;
            mean.mul_f64(-(1.0 - uniform).ln())
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::telemetry::{IdStream, Nonce};

    const LENGTH: Duration = Duration::from_secs(10);

    /// Begin and end of caller `number` in milliseconds, in a part of ten seconds.
    #[track_caller]
    fn check(number: u64, callers: (u32, u32), expected_ms: Option<(u128, u128)>) {
        let found = shift(number, callers, Some(LENGTH))
            .map(|shift| (shift.begin.as_millis(), shift.end.unwrap().as_millis()));
        assert_eq!(found, expected_ms, "caller {number} of {callers:?}");
    }

    #[test]
    fn callers_of_a_level_are_there_all_the_time() {
        check(0, (4, 4), Some((0, 10_000)));
        check(3, (4, 4), Some((0, 10_000)));
        check(4, (4, 4), None);
        assert_eq!(
            shift(0, (1, 1), None),
            Some(Shift {
                begin: Duration::ZERO,
                end: None
            })
        );
    }

    #[test]
    fn callers_of_a_ramp_come_one_by_one() {
        check(0, (0, 5), Some((1_000, 10_000)));
        check(4, (0, 5), Some((9_000, 10_000)));
        check(5, (0, 5), None);
        check(1, (2, 4), Some((0, 10_000)));
        check(2, (2, 4), Some((2_500, 10_000)));
    }

    #[test]
    fn callers_of_a_ramp_down_go_in_the_other_order() {
        check(0, (5, 0), Some((0, 9_000)));
        check(4, (5, 0), Some((0, 1_000)));
        check(1, (4, 2), Some((0, 10_000)));
        check(3, (4, 2), Some((0, 2_500)));
    }

    proptest! {
        #[test]
        fn the_time_of_all_callers_is_the_integral_of_the_ramp(
            from in 0_u32..200,
            to in 0_u32..200,
        ) {
            let shifts = (0..u64::from(from.max(to)))
                .filter_map(|number| shift(number, (from, to), Some(LENGTH)));
            let worked: f64 = shifts
                .map(|shift| (shift.end.unwrap() - shift.begin).as_secs_f64())
                .sum();
            prop_assert!(
                (worked - 5.0 * f64::from(from + to)).abs() < 1e-6,
                "{} caller seconds",
                worked
            );
        }
    }

    #[test]
    fn exponential_pauses_pass_a_kolmogorov_smirnov_test() {
        let ids = IdStream::new(Nonce(1), 42, "alone", "search", "measured");
        let mean = Duration::from_millis(50);
        let mut pauses: Vec<f64> = (0..20_000)
            .map(|seq| pause(ThinkTime::Exponential(mean), ids.key_hash(seq)).as_secs_f64() / 0.05)
            .collect();
        pauses.sort_by(f64::total_cmp);
        let n = pauses.len() as f64;
        let distance = pauses
            .iter()
            .enumerate()
            .map(|(index, gap)| (1.0 - (-gap).exp() - (index as f64 + 0.5) / n).abs())
            .fold(0.0, f64::max);
        assert!(distance < 1.95 / n.sqrt(), "distance {distance}");
        assert_eq!(pause(ThinkTime::Constant(mean), 7), mean);
    }
}
