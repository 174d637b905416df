//! Whether the intervals hold what 95 % promises, on a few kinds of run; the bench `coverage` has
//! them all.

#[path = "support/simulated_run.rs"]
mod simulated_run;

use milvus_bench::analysis::statistics::{
    interval::{Interval, of_quantile, of_quantile_in_blocks},
    series::Series,
};
use simulated_run::{MEDIAN_NS, NOISE, Process, bucket, simulate};

/// Runs of each kind: the share among so many is known to 2 percentage points.
const RUNS: u64 = 200;

/// Deviation of the level, as a logarithm.
const DEVIATION: f64 = 0.4;
const WANDERING: Process = Process::Wandering {
    memory_s: 3.0,
    deviation: DEVIATION,
};

/// Seconds and requests per second of a run.
#[derive(Clone, Copy, Debug)]
struct Size {
    seconds: usize,
    rate: f64,
}

const MINUTE: Size = Size {
    seconds: 60,
    rate: 200.0,
};
const TWO_MINUTES: Size = Size {
    seconds: 120,
    rate: 100.0,
};
const FOUR_MINUTES: Size = Size {
    seconds: 240,
    rate: 50.0,
};
const TEN_MINUTES: Size = Size {
    seconds: 600,
    rate: 50.0,
};

struct Found {
    printed: u64,
    covered: u64,
}

impl Found {
    fn coverage(&self) -> f64 {
        self.covered as f64 / self.printed as f64
    }
}

fn measure(
    process: Process,
    size: Size,
    true_ns: f64,
    interval: impl Fn(&Series, u64) -> Interval,
) -> Found {
    let mut found = Found {
        printed: 0,
        covered: 0,
    };
    for seed in 0..RUNS {
        let series = simulate(process, size.seconds, size.rate, seed * 7_919 + 1);
        let Interval {
            low: Some(low),
            high: Some(high),
            ..
        } = interval(&series, seed)
        else {
            continue;
        };
        let truth = bucket(true_ns) as f64;
        found.printed += 1;
        found.covered += u64::from(low <= truth && truth <= high);
    }
    found
}

/// True quantile of a lognormal response time whose logarithm has `deviation`; `z` is the normal
/// distribution's.
fn lognormal(z: f64, deviation: f64) -> f64 {
    MEDIAN_NS * (z * deviation).exp()
}

fn check(process: Process, size: Size, q: f64, true_ns: f64) {
    let found = measure(process, size, true_ns, |series, seed| {
        of_quantile(series, q, seed)
    });
    assert!(
        found.printed >= RUNS * 7 / 10,
        "{process:?}, {size:?}: {} of {RUNS} have an interval",
        found.printed
    );
    assert!(
        found.coverage() >= 0.9,
        "{process:?}, {size:?}, quantile {q}: covered {:.3}",
        found.coverage()
    );
}

#[test]
fn independent_requests_are_covered() {
    check(Process::Lognormal, MINUTE, 0.5, lognormal(0.0, NOISE));
    check(
        Process::Lognormal,
        FOUR_MINUTES,
        0.99,
        lognormal(2.326_348, NOISE),
    );
    check(
        Process::Exponential,
        TWO_MINUTES,
        0.9,
        MEDIAN_NS * 10.0_f64.ln(),
    );
    // The fast ones' quantile of 0.5 / 0.92: no slow one is as fast.
    check(
        Process::Bimodal { slow: 0.08 },
        MINUTE,
        0.5,
        lognormal(0.109_193, NOISE),
    );
}

#[test]
fn a_level_that_wanders_is_covered() {
    check(
        WANDERING,
        TEN_MINUTES,
        0.5,
        lognormal(0.0, DEVIATION.hypot(NOISE)),
    );
}

#[test]
fn the_tail_of_a_level_that_wanders_is_covered() {
    check(
        WANDERING,
        TEN_MINUTES,
        0.99,
        lognormal(2.326_348, DEVIATION.hypot(NOISE)),
    );
}

#[test]
fn blocks_of_one_second_would_not_cover_a_level_that_wanders() {
    // So the checks above see it when the length is wrong.
    let truth = lognormal(0.0, DEVIATION.hypot(NOISE));
    let found = measure(WANDERING, TEN_MINUTES, truth, |series, seed| {
        of_quantile_in_blocks(series, 0.5, 1.0, seed)
    });
    assert!(
        found.printed == RUNS && found.coverage() < 0.85,
        "{} {:.3}",
        found.printed,
        found.coverage()
    );
}

#[test]
fn a_minute_of_a_level_that_wanders_has_no_interval() {
    let found = measure(WANDERING, MINUTE, MEDIAN_NS, |series, seed| {
        of_quantile(series, 0.5, seed)
    });
    assert!(
        found.printed <= RUNS / 50,
        "{} of {RUNS} have one",
        found.printed
    );
}

#[test]
fn a_minute_with_stalls_has_the_interval_of_its_median() {
    // Four of them on average; whether one takes two seconds must not decide.
    let stalls = Process::Stalls {
        every_s: 15.0,
        last_s: 0.5,
    };
    let truth = simulate(stalls, 200_000, 50.0, 1)
        .quantile(0.5)
        .expect("requests") as f64;
    check(stalls, MINUTE, 0.5, truth);
}

#[test]
fn a_tail_of_a_few_stalls_is_covered() {
    // Four minutes meet eight of them on average: whether their quantile of 0.99 lies in these is
    // chance.
    let stalls = Process::Stalls {
        every_s: 30.0,
        last_s: 0.3,
    };
    let truth = simulate(stalls, 200_000, 50.0, 1)
        .quantile(0.99)
        .expect("requests") as f64;
    check(stalls, FOUR_MINUTES, 0.99, truth);
}
