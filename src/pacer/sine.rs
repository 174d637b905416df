//! A rate that goes up and down: λ(t) = m + A sin(2πt / P), with 0 ≤ A ≤ m.
//!
//! Λ(t) = m t + A P / 2π (1 - cos(2πt / P)); a period holds m P requests. The inverse has no closed
//! form: whole periods are taken out, and within one the first nanosecond at which Λ reaches x is
//! found by bisection, in a number of steps that depends on the period alone. Newton's method would
//! take fewer, but is not monotonic where the rate touches zero; bisection of a fixed interval is
//! by construction, whatever the rounding: of two values the smaller goes left first.

use std::{f64::consts::TAU, time::Duration};

/// Λ(time).
pub(super) fn integral(mean: f64, amplitude: f64, period: Duration, time: Duration) -> f64 {
    let period_ns = period.as_nanos();
    let periods = (time.as_nanos() / period_ns) as f64;
    // Nanoseconds of one period fit u64: the longest duration of a scenario is 30 days.
    let within = (time.as_nanos() % period_ns) as f64 / 1e9;
    periods * mean * period.as_secs_f64()
        + within_period(mean, amplitude, period.as_secs_f64(), within)
}

fn within_period(mean: f64, amplitude: f64, period: f64, time: f64) -> f64 {
    mean * time + amplitude * period / TAU * (1.0 - (TAU * time / period).cos())
}

/// When the integral reaches `x`.
pub(super) fn inverse(mean: f64, amplitude: f64, period: Duration, x: f64) -> Duration {
    let length = period.as_secs_f64();
    let of_period = mean * length;
    let periods = (x / of_period).floor().max(0.0);
    let rest = x - periods * of_period;
    let period_ns = u64::try_from(period.as_nanos()).unwrap_or(u64::MAX);
    let (mut low, mut high) = (0, period_ns);
    while low < high {
        let middle = low + (high - low) / 2;
        if within_period(mean, amplitude, length, middle as f64 / 1e9) < rest {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    let nanos = u128::from(low) + periods as u128 * u128::from(period_ns);
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a sine around 100 a second with a period of ten seconds: due time at integral `x`,
    /// milliseconds.
    #[track_caller]
    fn check(amplitude: f64, x: f64, expected_ms: u64) {
        let found = inverse(100.0, amplitude, Duration::from_secs(10), x);
        assert!(
            found
                .as_nanos()
                .abs_diff(u128::from(expected_ms) * 1_000_000)
                <= 1_000_000,
            "{amplitude} at {x}: {found:?}"
        );
    }

    #[test]
    fn an_amplitude_of_zero_is_a_constant_rate() {
        check(0.0, 0.0, 0);
        check(0.0, 250.0, 2_500);
        check(0.0, 12_345.0, 123_450);
    }

    #[test]
    fn whole_and_half_periods_hold_what_the_integral_says() {
        check(50.0, 1_000.0, 10_000);
        check(50.0, 7_000.0, 70_000);
        // Half a period: 500 + 50 · 10 / 2π · 2.
        check(50.0, 500.0 + 500.0 / std::f64::consts::PI, 5_000);
    }

    #[test]
    fn the_rate_may_touch_zero() {
        // λ = 0 at three quarters of the period, where Λ = 750 + 1000 / 2π.
        let flat = 750.0 + 1_000.0 / TAU;
        let [before, after] = [flat - 0.001, flat + 0.001]
            .map(|x| inverse(100.0, 100.0, Duration::from_secs(10), x).as_secs_f64());
        assert!(
            before < 7.5 && after > 7.5 && after - before < 0.5,
            "{before} {after}"
        );
    }

    #[test]
    fn the_integral_is_the_inverse_of_the_inverse() {
        for x in 0..3_000 {
            let due = inverse(100.0, 80.0, Duration::from_secs(7), f64::from(x));
            let back = integral(100.0, 80.0, Duration::from_secs(7), due);
            assert!((back - f64::from(x)).abs() < 1e-6, "{x}: {back}");
        }
    }
}
