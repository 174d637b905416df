//! Pure arithmetic: when is request `seq` due. No clock, no sleep.
//!
//! A schedule is a rate over time λ(t) and how requests are spread along it. With the integral Λ(t)
//! = ∫₀ᵗ λ and request numbers k = 0, 1, 2, ...:
//!
//! - even: `due(k) = Λ⁻¹(first + k)`; `first` in [0, 1] is what an earlier stage left over, see
//!   [`stages()`];
//! - Poisson: `due(k) = Λ⁻¹(Σ_{i ≤ k} E_i)` with `E_i` independent and exponential with mean 1: the
//!   theorem of time rescaling, so that also arrivals of a changing rate are Poisson;
//! - bursts: `due(k) = ⌊k / size⌋ · every`.
//!
//! | shape | λ(t) | Λ(t) | Λ⁻¹(x) |
//! | --- | --- | --- | --- |
//! | constant | λ | λ t | x / λ |
//! | linear, a to b over D | a + (b - a) t / D | a t + (b - a) t² / 2D | 2x / (a + √(a² + 2 (b - a) x / D)) |
//! | sine, mean m, amplitude A, period P | m + A sin(2πt / P) | m t + A P / 2π (1 - cos(2πt / P)) | bisection, see `sine.rs` |
//!
//! Shard i of n owns seq = i, i + n, ..., so n shards interleave to the unsharded schedule, request
//! by request. Even shards jump to their own scheduled requests; Poisson ones walk the whole sum,
//! but invert it for their own scheduled requests only.

mod linear;
mod poisson;
mod sine;
mod stages;

use std::time::Duration;

pub use stages::{StageSlots, stages};

/// Longest due time in seconds: `u64` nanoseconds.
const MAX_S: f64 = 1.8e10;

/// How the rate runs over time, in requests per second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    /// The same all the time.
    Constant {
        /// Above 0.
        rate: f64,
    },
    /// From one rate to another along a line; it ends after `over`.
    Linear {
        /// Rate at the beginning, 0 or more.
        from: f64,
        /// Rate at the end, 0 or more; not both are 0.
        to: f64,
        /// Length, above 0.
        over: Duration,
    },
    /// Up and down around a mean, beginning at the mean and upwards.
    Sine {
        /// Above 0.
        mean: f64,
        /// In [0, mean].
        amplitude: f64,
        /// Above 0.
        period: Duration,
    },
    /// `size` requests at once every `every`, the first at 0.
    Bursts {
        /// At least 1.
        size: u64,
        /// Above 0.
        every: Duration,
    },
}

/// How arrivals are spread along the rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Spread {
    /// At equal distances of the integral.
    Even,
    /// Independent of each other, from this seed. Bursts are what they are, and ignore it.
    Poisson {
        /// Seed of the whole schedule, the same for all shards.
        seed: u64,
    },
}

/// A schedule: what every shard of it is made from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// How the rate runs.
    pub shape: Shape,
    /// How requests are spread along it.
    pub spread: Spread,
    /// Even arrivals: the integral at which scheduled request 0 is due, in [0, 1]. 0 for a schedule
    /// that continues no other.
    pub first: f64,
}

/// One request of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Number within the schedule, from 0.
    pub seq: u64,
    /// When it is due, from the start of the part.
    pub due: Duration,
}

impl Shape {
    /// Requests that are due until `time` on average: Λ(time).
    #[must_use]
    pub fn integral(&self, time: Duration) -> f64 {
        match *self {
            Shape::Constant { rate } => rate * time.as_secs_f64(),
            Shape::Linear { from, to, over } => linear::integral(from, to, over, time.min(over)),
            Shape::Sine {
                mean,
                amplitude,
                period,
            } => sine::integral(mean, amplitude, period, time),
            Shape::Bursts { size, every } => {
                size as f64 * time.as_nanos().div_ceil(every.as_nanos().max(1)) as f64
            }
        }
    }

    /// Requests per second on average: over a whole ramp, over a period.
    #[must_use]
    pub fn mean_rate(&self) -> f64 {
        match *self {
            Shape::Constant { rate } => rate,
            Shape::Linear { from, to, .. } => (from + to) / 2.0,
            Shape::Sine { mean, .. } => mean,
            Shape::Bursts { size, every } => size as f64 / every.as_secs_f64(),
        }
    }

    /// When the integral reaches `x`; None where the shape ends before.
    fn inverse(&self, x: f64) -> Option<Duration> {
        match *self {
            Shape::Constant { rate } => Some(seconds(x / rate)),
            Shape::Linear { from, to, over } => linear::inverse(from, to, over, x),
            Shape::Sine {
                mean,
                amplitude,
                period,
            } => Some(sine::inverse(mean, amplitude, period, x)),
            // Bursts have no inverse; `due` of the request's number is exact.
            Shape::Bursts { .. } => None,
        }
    }

    fn check(&self) {
        let sound = match *self {
            Shape::Constant { rate } => rate > 0.0 && rate.is_finite(),
            Shape::Linear { from, to, over } => {
                from >= 0.0
                    && to >= 0.0
                    && from + to > 0.0
                    && (from + to).is_finite()
                    && !over.is_zero()
            }
            Shape::Sine {
                mean,
                amplitude,
                period,
            } => {
                mean > 0.0
                    && mean.is_finite()
                    && (0.0..=mean).contains(&amplitude)
                    && !period.is_zero()
            }
            Shape::Bursts { size, every } => size > 0 && !every.is_zero(),
        };
        assert!(sound, "no rate: {self:?}");
    }
}

impl Schedule {
    /// Even arrivals that continue no other schedule.
    #[must_use]
    pub fn even(shape: Shape) -> Self {
        Self {
            shape,
            spread: Spread::Even,
            first: 0.0,
        }
    }

    /// Requests of the whole schedule that are due before `end`: what `check` announces and the
    /// counts of a run must meet. In closed form but for Poisson arrivals, which are counted one
    /// by one.
    #[must_use]
    pub fn count_before(&self, end: Duration) -> u64 {
        match (self.shape, self.spread) {
            (Shape::Bursts { .. }, _) => self.shape.integral(end) as u64,
            (_, Spread::Poisson { .. }) => Pacer::new(*self, 0, 1)
                .take_while(|slot| slot.due < end)
                .count() as u64,
            (_, Spread::Even) => {
                let mut count = (self.shape.integral(end) - self.first).ceil().max(0.0) as u64;
                let within = |seq: u64| self.due(seq).is_some_and(|due| due < end);
                // The due times decide, in whole nanoseconds; the integral is off by one at most.
                while count > 0 && !within(count - 1) {
                    count -= 1;
                }
                while within(count) {
                    count += 1;
                }
                count
            }
        }
    }

    /// When scheduled request `seq` is due if arrivals are even, which is what is expected of
    /// Poisson ones; None after the end of a ramp.
    #[must_use]
    pub fn due(&self, seq: u64) -> Option<Duration> {
        match self.shape {
            Shape::Bursts { size, every } => {
                let nanos = every.as_nanos().saturating_mul(u128::from(seq / size));
                Some(Duration::from_nanos(
                    u64::try_from(nanos).unwrap_or(u64::MAX),
                ))
            }
            shape => shape.inverse(self.first + seq as f64),
        }
    }
}

/// `x` seconds; what is longer than 500 years is that long.
#[inline]
fn seconds(x: f64) -> Duration {
    if x < MAX_S {
        Duration::from_secs_f64(x)
    } else {
        Duration::from_nanos(u64::MAX)
    }
}

/// The schedule of one shard: an iterator, without end but for a ramp.
#[derive(Clone, Debug)]
pub struct Pacer {
    schedule: Schedule,
    /// Number of the next scheduled request of this shard.
    next: u64,
    shards: u64,
    /// Poisson arrivals, with the draws up to the next scheduled request of this shard.
    poisson: Option<(poisson::Sum, u64)>,
}

impl Pacer {
    /// Shard `shard` of `shards` of `schedule`.
    ///
    /// # Panics
    /// When a number of the schedule is out of its range, or the shard not below `shards`: the plan
    /// refuses both.
    #[must_use]
    pub fn new(schedule: Schedule, shard: u64, shards: u64) -> Self {
        schedule.shape.check();
        assert!(shard < shards, "shard {shard} of {shards}");
        let poisson = match (schedule.shape, schedule.spread) {
            (Shape::Bursts { .. }, _) | (_, Spread::Even) => None,
            (_, Spread::Poisson { seed }) => Some((poisson::Sum::new(seed), shard + 1)),
        };
        Self {
            schedule,
            next: shard,
            shards,
            poisson,
        }
    }
}

impl Iterator for Pacer {
    type Item = Slot;

    fn next(&mut self) -> Option<Slot> {
        let seq = self.next;
        self.next += self.shards;
        let x = match &mut self.poisson {
            None => self.schedule.first + seq as f64,
            Some((sum, draws)) => {
                let x = sum.after(*draws);
                *draws = self.shards;
                x
            }
        };
        let due = match self.schedule.shape {
            // The usual case comes first and is worth its line: a scheduled request costs a few
            // nanoseconds.
            Shape::Constant { rate } => seconds(x / rate),
            Shape::Bursts { .. } => self.schedule.due(seq)?,
            shape => shape.inverse(x)?,
        };
        Some(Slot { seq, due })
    }
}

#[cfg(test)]
mod tests;
