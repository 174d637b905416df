//! Runs that never were: response times of processes whose true quantiles are known, for measuring
//! what an interval is worth.

use milvus_bench::analysis::statistics::{
    rng::Rng,
    series::{Second, Series},
};

/// Median of the response time without anything that goes wrong, nanoseconds.
pub(crate) const MEDIAN_NS: f64 = 2e6;
/// Deviation of the logarithm of a response time from one request to the next.
pub(crate) const NOISE: f64 = 0.4;

/// How response times come about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Process {
    /// Each for itself, exponential.
    Exponential,
    /// Each for itself, lognormal.
    Lognormal,
    /// Lognormal around a level that wanders: a first-order autoregression in continuous time.
    Wandering {
        /// Time in which the autocorrelation of the level falls to 1/e, seconds.
        memory_s: f64,
        /// Deviation of the level, as a logarithm.
        deviation: f64,
    },
    /// Lognormal; at random moments the server stands still, and whoever comes then waits until it
    /// goes on.
    Stalls {
        /// Mean time from the end of one to the start of the next, seconds.
        every_s: f64,
        /// Mean duration, exponential, seconds.
        last_s: f64,
    },
    /// Lognormal, and ten times as slow for a share of the requests.
    Bimodal {
        /// That share.
        slow: f64,
    },
}

/// A stall that is under way or comes next, seconds since the run's start.
#[derive(Clone, Copy, Default)]
struct Stall {
    start_s: f64,
    end_s: f64,
}

/// What a process remembers.
struct State {
    process: Process,
    rng: Rng,
    level: f64,
    stall: Stall,
}

/// A run of `seconds` seconds with `rate` requests per second, which arrive at random.
pub(crate) fn simulate(process: Process, seconds: usize, rate: f64, seed: u64) -> Series {
    let mut state = State::new(process, seed);
    let (mut now_s, mut done) = (0.0, Vec::with_capacity(seconds));
    let mut second: Vec<i64> = Vec::new();
    while done.len() < seconds {
        let step_s = exponential(&mut state.rng, 1.0 / rate);
        now_s += step_s;
        while now_s >= (done.len() + 1) as f64 {
            done.push(Second::of_values(&second));
            second.clear();
        }
        second.push(bucket(state.response_ns(now_s, step_s)));
    }
    done.truncate(seconds);
    Series::new(done)
}

impl State {
    fn new(process: Process, seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let level = normal(&mut rng);
        let mut state = Self {
            process,
            rng,
            level,
            stall: Stall::default(),
        };
        state.next_stall();
        state
    }

    fn response_ns(&mut self, now_s: f64, step_s: f64) -> f64 {
        let noise = (NOISE * normal(&mut self.rng)).exp() * MEDIAN_NS;
        match self.process {
            Process::Exponential => exponential(&mut self.rng, MEDIAN_NS),
            Process::Lognormal => noise,
            Process::Wandering {
                memory_s,
                deviation,
            } => {
                let stay = (-step_s / memory_s).exp();
                self.level = stay * self.level + (1.0 - stay * stay).sqrt() * normal(&mut self.rng);
                noise * (deviation * self.level).exp()
            }
            Process::Stalls { .. } => {
                while now_s > self.stall.end_s {
                    self.next_stall();
                }
                noise
                    + if now_s >= self.stall.start_s {
                        (self.stall.end_s - now_s) * 1e9
                    } else {
                        0.0
                    }
            }
            Process::Bimodal { slow } => noise * if self.rng.unit() < slow { 10.0 } else { 1.0 },
        }
    }

    fn next_stall(&mut self) {
        if let Process::Stalls { every_s, last_s } = self.process {
            let start_s = self.stall.end_s + exponential(&mut self.rng, every_s);
            self.stall = Stall {
                start_s,
                end_s: start_s + exponential(&mut self.rng, last_s),
            };
        }
    }
}

fn exponential(rng: &mut Rng, mean: f64) -> f64 {
    -mean * (1.0 - rng.unit()).ln()
}

fn normal(rng: &mut Rng) -> f64 {
    (-2.0 * (1.0 - rng.unit()).ln()).sqrt() * (std::f64::consts::TAU * rng.unit()).cos()
}

/// The largest value that a histogram of three significant digits does not tell from `value_ns`.
pub(crate) fn bucket(value_ns: f64) -> i64 {
    let value = value_ns as u64;
    let bits = (u64::BITS - value.leading_zeros()).saturating_sub(11);
    ((value >> bits << bits) + (1 << bits) - 1) as i64
}
