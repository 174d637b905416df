//! How often the 95 % intervals hold the truth, how often there is none, and how wide they are, as
//! a Markdown table.
//!
//! `cargo bench --bench coverage`, or `-- --repetitions 200` for a quick look, `-- --stalls 30,1`
//! for stalls that come every 30 s on average and last 1 s, `-- --wandering 2,0.4` for a level with
//! a memory of 2 s that deviates by 40 %, `-- --seconds 120` for runs of 120 s. Not a measure of
//! time: the numbers are the same on every machine.

// The table goes to stdout: that is what the bench is for.
#![allow(clippy::print_stdout)]

#[path = "../tests/support/simulated_run.rs"]
mod simulated_run;

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use milvus_bench::analysis::statistics::{
    interval::{Interval, of_mean, of_quantile},
    series::rank,
};
use simulated_run::{Process, simulate};

const PROCESSES: [(&str, Process); 11] = [
    ("independent, exponential", Process::Exponential),
    ("independent, lognormal", Process::Lognormal),
    (
        "independent, bimodal (8 % ten times as slow)",
        Process::Bimodal { slow: 0.08 },
    ),
    (
        "level wanders within seconds (0.3 s)",
        Process::Wandering {
            memory_s: 0.3,
            deviation: 0.4,
        },
    ),
    (
        "level wanders over a second (1 s)",
        Process::Wandering {
            memory_s: 1.0,
            deviation: 0.4,
        },
    ),
    (
        "level wanders over seconds (2 s)",
        Process::Wandering {
            memory_s: 2.0,
            deviation: 0.4,
        },
    ),
    (
        "level wanders for long (10 s)",
        Process::Wandering {
            memory_s: 10.0,
            deviation: 0.4,
        },
    ),
    (
        "stalls of 100 ms, every 5 s",
        Process::Stalls {
            every_s: 5.0,
            last_s: 0.1,
        },
    ),
    (
        "stalls of 100 ms, every 10 s",
        Process::Stalls {
            every_s: 10.0,
            last_s: 0.1,
        },
    ),
    (
        "stalls of 100 ms, every 30 s",
        Process::Stalls {
            every_s: 30.0,
            last_s: 0.1,
        },
    ),
    (
        "stalls of 500 ms, every 15 s",
        Process::Stalls {
            every_s: 15.0,
            last_s: 0.5,
        },
    ),
];
const QUANTILES: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)];
const SECONDS: [usize; 2] = [60, 300];
/// Requests per second.
const RATE: f64 = 200.0;
/// Runs, and seconds of each, that the true quantiles are taken from: 40 million requests.
const LONG: (u64, usize) = (100, 2_000);

/// Estimate and interval of one figure of one run.
type Estimated = (f64, Interval);

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let after = |flag: &str| {
        arguments
            .iter()
            .position(|argument| argument == flag)
            .and_then(|at| arguments.get(at + 1))
    };
    let repetitions = after("--repetitions").map_or(2_000, |number| {
        number.parse().expect("--repetitions takes a number")
    });
    let only = after("--process").map_or("", String::as_str);
    let two = |flag: &str| {
        let (one, other) = after(flag)?
            .split_once(',')
            .expect("two numbers with a comma between them");
        Some((
            one.parse::<f64>().expect("a number"),
            other.parse::<f64>().expect("a number"),
        ))
    };
    let stalls =
        two("--stalls").map(|(every_s, last_s)| ("stalls", Process::Stalls { every_s, last_s }));
    let wandering = two("--wandering").map(|(memory_s, deviation)| {
        (
            "level wanders",
            Process::Wandering {
                memory_s,
                deviation,
            },
        )
    });
    let asked_for: Vec<_> = stalls.into_iter().chain(wandering).collect();
    let processes: &[_] = if asked_for.is_empty() {
        &PROCESSES
    } else {
        &asked_for
    };
    let lengths_s = after("--seconds").map_or(SECONDS.to_vec(), |number| {
        vec![number.parse().expect("--seconds takes a number")]
    });
    let headings: Vec<&str> = QUANTILES
        .iter()
        .map(|(name, _)| *name)
        .chain(["mean"])
        .collect();
    println!("| simulated run | length | {} |", headings.join(" | "));
    println!("|---|---|{}", "---|".repeat(headings.len()));
    for (name, process) in processes.iter().filter(|(name, _)| name.contains(only)) {
        let truth = truth(*process);
        for &seconds in &lengths_s {
            let runs = in_parallel(repetitions, |run| estimates(*process, seconds, run));
            let cells: Vec<String> = truth
                .iter()
                .enumerate()
                .map(|(at, truth)| {
                    cell(
                        *truth,
                        &runs.iter().map(|run| run[at].clone()).collect::<Vec<_>>(),
                    )
                })
                .collect();
            println!("| {name} | {seconds} s | {} |", cells.join(" | "));
        }
    }
}

fn estimates(process: Process, seconds: usize, run: u64) -> Vec<Estimated> {
    let series = simulate(
        process,
        seconds,
        RATE,
        run.wrapping_mul(0x9e37_79b9).wrapping_add(seconds as u64),
    );
    let quantiles = QUANTILES.iter().map(|(_, q)| {
        (
            series.quantile(*q).expect("requests") as f64,
            of_quantile(&series, *q, run),
        )
    });
    quantiles
        .chain([(series.mean().expect("requests"), of_mean(&series, run))])
        .collect()
}

/// True quantiles and mean, from a run that is long.
fn truth(process: Process) -> Vec<f64> {
    let long = in_parallel(LONG.0, |run| {
        let series = simulate(process, LONG.1, RATE, !run);
        let mut counts: BTreeMap<i64, u64> = BTreeMap::new();
        let mut below = 0;
        for value in series.values() {
            let at_most = series
                .seconds()
                .iter()
                .map(|second| second.at_most(*value))
                .sum::<u64>();
            counts.insert(*value, at_most - below);
            below = at_most;
        }
        (counts, series.mean().expect("requests"))
    });
    let mut counts: BTreeMap<i64, u64> = BTreeMap::new();
    for (value, count) in long.iter().flat_map(|(counts, _)| counts) {
        *counts.entry(*value).or_default() += count;
    }
    let total = counts.values().sum();
    let quantile = |q: f64| {
        let mut below = 0;
        let found = counts.iter().find(|(_, count)| {
            below += **count;
            below >= rank(q, total)
        });
        *found.expect("requests").0 as f64
    };
    let mean = long.iter().map(|(_, mean)| mean).sum::<f64>() / long.len() as f64;
    QUANTILES
        .iter()
        .map(|(_, q)| quantile(*q))
        .chain([mean])
        .collect()
}

/// Coverage of the intervals with both ends, their share, and their median width by the central 95
/// % of the estimates; the same for those with a lower end only.
fn cell(truth: f64, runs: &[Estimated]) -> String {
    let mut values: Vec<f64> = runs.iter().map(|(value, _)| *value).collect();
    values.sort_unstable_by(f64::total_cmp);
    let place = |q: f64| values[((values.len() as f64 * q) as usize).min(values.len() - 1)];
    let oracle = place(0.975) - place(0.025);
    let both: Vec<(f64, f64)> = runs
        .iter()
        .filter_map(|(_, interval)| interval.low.zip(interval.high))
        .collect();
    let lower: Vec<f64> = runs
        .iter()
        .filter(|(_, interval)| interval.high.is_none())
        .filter_map(|(_, interval)| interval.low)
        .collect();
    let mut widths: Vec<f64> = both.iter().map(|(low, high)| high - low).collect();
    widths.sort_unstable_by(f64::total_cmp);
    let percent = |part: usize, whole: usize| 100.0 * part as f64 / whole as f64;
    let mut words = Vec::new();
    if !both.is_empty() {
        let covered = both
            .iter()
            .filter(|(low, high)| *low <= truth && truth <= *high)
            .count();
        let (covered, share) = (
            percent(covered, both.len()),
            percent(both.len(), runs.len()),
        );
        words.push(format!(
            "{covered:.1} of {share:.1}, {:.2}x",
            widths[widths.len() / 2] / oracle
        ));
    }
    if !lower.is_empty() {
        let covered = lower.iter().filter(|low| **low <= truth).count();
        words.push(format!(
            "low {:.1} of {:.1}",
            percent(covered, lower.len()),
            percent(lower.len(), runs.len())
        ));
    }
    if words.is_empty() {
        "none".to_owned()
    } else {
        words.join("; ")
    }
}

/// The results of `task` for each number below `count`, in their order.
fn in_parallel<T: Send>(count: u64, task: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let (next, done) = (AtomicU64::new(0), Mutex::new(BTreeMap::new()));
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                break;
            }
            let result = task(number);
            done.lock().expect("no task panics").insert(number, result);
        }
    };
    thread::scope(|scope| {
        (0..thread::available_parallelism().map_or(1, usize::from))
            .for_each(|_| drop(scope.spawn(work)))
    });
    done.into_inner()
        .expect("no task panics")
        .into_values()
        .collect()
}
