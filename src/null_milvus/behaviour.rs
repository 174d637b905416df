//! When a call is answered, and whether it fails: arithmetic on the options, with a generator of a
//! fixed seed.

use std::{
    cell::RefCell,
    io::{Error, ErrorKind as IoKind, Result},
    time::Duration,
};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Exp1, StandardNormal};
use tokio::time::Instant;

use super::options::{Delay, Errors, Failure, NullOptions, Stall};

/// Of delays and errors: two servers with the same options and requests behave alike.
const SEED: u64 = 0x006e_756c_6c6d_696c;
/// The longest delay that is drawn; a log-normal distribution has no end.
const LONGEST: Duration = Duration::from_secs(3600);

/// The options that decide about single calls, checked.
#[derive(Debug)]
pub(super) struct Behaviour {
    start: Instant,
    delay: Delay,
    errors: Option<Errors>,
    /// By begin.
    stalls: Vec<Stall>,
    random: RefCell<ChaCha8Rng>,
}

impl Behaviour {
    pub(super) fn new(options: &NullOptions, start: Instant) -> Result<Self> {
        let share = |what: &str, share: f64| match (0.0..=1.0).contains(&share) {
            true => Ok(()),
            false => invalid(format!("{what} is {share}, expected 0 to 1")),
        };
        if let Some(errors) = &options.errors {
            share("the share of errors", errors.share)?;
        }
        match options.delay {
            Delay::Bimodal { slow_share, .. } => share("slow_share", slow_share)?,
            Delay::LogNormal { sigma, .. } if !(sigma.is_finite() && sigma >= 0.0) => {
                return invalid(format!("sigma is {sigma}, expected 0 or more"));
            }
            _ => {}
        }
        let mut stalls = options.stalls.clone();
        stalls.sort_by_key(|stall| stall.after);
        let random = RefCell::new(ChaCha8Rng::seed_from_u64(SEED));
        Ok(Self {
            start,
            delay: options.delay,
            errors: options.errors.clone(),
            stalls,
            random,
        })
    }

    /// Whether the moment of a request's arrival is of interest.
    pub(super) fn needs_time(&self) -> bool {
        self.delay != Delay::None || !self.stalls.is_empty()
    }

    /// When a call that arrived at `now` is to be answered; None for at once.
    pub(super) fn due(&self, is_data: bool, now: Instant) -> Option<Instant> {
        let delay = if is_data { self.draw() } else { Duration::ZERO };
        let after_stalls = self.stalls.iter().fold(now + delay, |due, stall| {
            let begin = self.start + stall.after;
            let end = begin + stall.length;
            if (begin..end).contains(&due) {
                end
            } else {
                due
            }
        });
        (after_stalls > now).then_some(after_stalls)
    }

    /// How a data call fails; None if it does not.
    pub(super) fn failure(&self) -> Option<&Failure> {
        let errors = self.errors.as_ref()?;
        self.random
            .borrow_mut()
            .random_bool(errors.share)
            .then_some(&errors.kind)
    }

    fn draw(&self) -> Duration {
        let mut random = self.random.borrow_mut();
        let times = |base: Duration, factor: f64| {
            Duration::try_from_secs_f64(base.as_secs_f64() * factor)
                .unwrap_or(LONGEST)
                .min(LONGEST)
        };
        match self.delay {
            Delay::None => Duration::ZERO,
            Delay::Fixed(delay) => delay,
            Delay::Exponential { mean } => times(mean, random.sample::<f64, _>(Exp1)),
            Delay::LogNormal { median, sigma } => times(
                median,
                (sigma * random.sample::<f64, _>(StandardNormal)).exp(),
            ),
            Delay::Bimodal {
                fast,
                slow,
                slow_share,
            } => {
                if random.random_bool(slow_share) {
                    slow
                } else {
                    fast
                }
            }
        }
    }
}

fn invalid<T>(text: String) -> Result<T> {
    Err(Error::new(IoKind::InvalidInput, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn behaviour(options: NullOptions) -> Behaviour {
        Behaviour::new(&options, Instant::now()).expect("good options")
    }

    /// Delays in milliseconds, sorted.
    fn drawn(delay: Delay) -> Vec<f64> {
        let behaviour = behaviour(NullOptions {
            delay,
            ..NullOptions::default()
        });
        let mut drawn: Vec<f64> = (0..10_000)
            .map(|_| behaviour.draw().as_secs_f64() * 1e3)
            .collect();
        drawn.sort_by(f64::total_cmp);
        drawn
    }

    /// Within 10 %: three standard deviations of a share of 0.1 among 10,000.
    #[track_caller]
    fn near(found: f64, expected: f64) {
        assert!(
            (found / expected - 1.0).abs() < 0.1,
            "{found} instead of {expected}"
        );
    }

    #[test]
    fn delays_have_their_distribution() {
        assert_eq!(drawn(Delay::Fixed(3 * MS)), vec![3.0; 10_000]);
        let exponential = drawn(Delay::Exponential { mean: 4 * MS });
        near(exponential.iter().sum::<f64>() / 1e4, 4.0);
        near(exponential[5_000], 4.0 * 2_f64.ln());
        let log_normal = drawn(Delay::LogNormal {
            median: 2 * MS,
            sigma: 0.5,
        });
        near(log_normal[5_000], 2.0);
        near(log_normal[8_413], 2.0 * 0.5_f64.exp());
        let bimodal = drawn(Delay::Bimodal {
            fast: MS,
            slow: 50 * MS,
            slow_share: 0.1,
        });
        let slow = bimodal.iter().filter(|delay| **delay == 50.0).count();
        // Three standard deviations of a binomial count.
        assert!((910..=1_090).contains(&slow), "{slow} instead of 1000");
        assert_eq!(bimodal[0], 1.0);
    }

    #[test]
    fn two_servers_draw_the_same() {
        let delay = Delay::Exponential { mean: MS };
        assert_eq!(drawn(delay), drawn(delay));
    }

    /// Answers of calls at `at` ms, in ms, with a stall from 100 to 150 ms and one that begins at
    /// its end, to 160 ms.
    fn check_stall(at: u32, is_data: bool, delay: Delay, expected: Option<u32>) {
        let start = Instant::now();
        let stall = |after: u32, length: u32| Stall {
            after: after * MS,
            length: length * MS,
        };
        let options = NullOptions {
            delay,
            stalls: vec![stall(150, 10), stall(100, 50)],
            ..NullOptions::default()
        };
        let due = Behaviour::new(&options, start)
            .expect("good options")
            .due(is_data, start + at * MS);
        assert_eq!(due, expected.map(|due| start + due * MS));
    }

    #[test]
    fn a_stall_holds_what_would_be_answered_within_it() {
        check_stall(99, true, Delay::None, None);
        check_stall(100, true, Delay::None, Some(160));
        check_stall(149, false, Delay::None, Some(160));
        check_stall(160, false, Delay::None, None);
        check_stall(90, true, Delay::Fixed(20 * MS), Some(160));
        check_stall(90, true, Delay::Fixed(5 * MS), Some(95));
        check_stall(120, true, Delay::Fixed(200 * MS), Some(320));
        check_stall(90, false, Delay::Fixed(20 * MS), None);
    }

    #[test]
    fn errors_have_their_share() {
        let share = |share| {
            let errors = Some(Errors {
                share,
                kind: Failure::Silence,
            });
            let behaviour = behaviour(NullOptions {
                errors,
                ..NullOptions::default()
            });
            (0..10_000)
                .filter(|_| behaviour.failure().is_some())
                .count()
        };
        assert_eq!((share(0.0), share(1.0)), (0, 10_000));
        near(share(0.2) as f64, 2_000.0);
    }

    #[test]
    fn what_is_out_of_its_range_is_refused() {
        let refused = |options: NullOptions| {
            Behaviour::new(&options, Instant::now())
                .map(drop)
                .map_err(|error| error.to_string())
        };
        let errors = |share| NullOptions {
            errors: Some(Errors {
                share,
                kind: Failure::Silence,
            }),
            ..NullOptions::default()
        };
        let delay = |delay| NullOptions {
            delay,
            ..NullOptions::default()
        };
        assert_eq!(
            refused(errors(1.5)),
            Err("the share of errors is 1.5, expected 0 to 1".to_owned())
        );
        assert!(refused(errors(f64::NAN)).is_err());
        assert!(
            refused(delay(Delay::Bimodal {
                fast: MS,
                slow: MS,
                slow_share: -0.1
            }))
            .is_err()
        );
        assert!(
            refused(delay(Delay::LogNormal {
                median: MS,
                sigma: f64::INFINITY
            }))
            .is_err()
        );
        assert_eq!(
            refused(delay(Delay::LogNormal {
                median: MS,
                sigma: 0.0
            })),
            Ok(())
        );
    }
}
