//! A rate along a line: λ(t) = a + (b - a) t / D for t in [0, D].
//!
//! Λ(t) = a t + (b - a) t² / 2D. Its inverse is written as 2x / (a + √(a² + 2 (b - a) x / D)), the
//! form of the quadratic formula that does not cancel, also for a = 0 and for b near a; every step
//! of it is monotonic in x, so due times never go back.

use std::time::Duration;

use super::seconds;

/// Share of a request by which the end of a ramp may be missed in binary: half a nanosecond of the
/// highest rate.
const TOLERANCE: f64 = 5e-4;

/// Λ(time), for `time` up to `over`.
pub(super) fn integral(from: f64, to: f64, over: Duration, time: Duration) -> f64 {
    let (over, time) = (over.as_secs_f64(), time.as_secs_f64());
    from * time + (to - from) * time * time / (2.0 * over)
}

/// When the integral reaches `x`; None where that is at the end of the ramp or after it.
pub(super) fn inverse(from: f64, to: f64, over: Duration, x: f64) -> Option<Duration> {
    let length = over.as_secs_f64();
    // Near the end of a ramp to 0 the rate vanishes, and a rounding of x would be one of many
    // milliseconds.
    if x >= (from + to) / 2.0 * length - TOLERANCE {
        return None;
    }
    if x <= 0.0 {
        return Some(Duration::ZERO);
    }
    let root = (from * from + 2.0 * (to - from) * x / length)
        .max(0.0)
        .sqrt();
    Some(seconds(2.0 * x / (from + root)).min(over))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Due time of the scheduled request at integral `x` of a ramp over ten seconds, milliseconds.
    #[track_caller]
    fn check(from: f64, to: f64, x: f64, expected_ms: Option<u64>) {
        let found = inverse(from, to, Duration::from_secs(10), x);
        assert_eq!(
            found.map(|due| due.as_millis() as u64),
            expected_ms,
            "{from} to {to} at {x}: {found:?}"
        );
    }

    #[test]
    fn a_ramp_from_nothing_is_a_square_root() {
        // Λ(t) = 2 t²: a quarter of the requests in the first half of the time.
        check(0.0, 40.0, 0.0, Some(0));
        check(0.0, 40.0, 2.0, Some(1_000));
        check(0.0, 40.0, 50.0, Some(5_000));
        check(0.0, 40.0, 199.0, Some(9_974));
        check(0.0, 40.0, 200.0, None);
    }

    #[test]
    fn a_ramp_to_nothing_is_its_mirror() {
        check(40.0, 0.0, 0.0, Some(0));
        check(40.0, 0.0, 150.0, Some(5_000));
        check(40.0, 0.0, 198.0, Some(9_000));
        check(40.0, 0.0, 200.0, None);
    }

    #[test]
    fn a_ramp_between_equal_rates_is_constant() {
        check(20.0, 20.0, 40.0, Some(2_000));
        check(20.0, 20.0, 199.0, Some(9_950));
    }

    #[test]
    fn what_is_left_over_from_the_stage_before_comes_first() {
        check(0.0, 40.0, 0.5, Some(500));
        check(10.0, 30.0, 0.5, Some(49));
    }
}
