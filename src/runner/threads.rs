//! The load threads of a run: how many, on which cores, and whether they spin.

use std::fmt::Write;

use super::{
    error::{RunError, RunErrorKind},
    options::RunOptions,
};

/// `--precise` keeps a core busy per load thread; Milvus and the rest of this program need others.
const PRECISE_CORES: usize = 3;

/// Most load threads that are chosen by default.
const MAX_CHOSEN: usize = 8;

/// The load threads as resolved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct LoadThreads {
    /// Their number, at least 1.
    pub(super) count: u32,
    /// Whether `--threads` named it.
    pub(super) given: bool,
    /// The core of each, in their order; empty: where the kernel puts them.
    pub(super) cores: Vec<u32>,
    /// Whether they spin the last stretch before a due time.
    pub(super) precise: bool,
}

/// What this machine lets the process use.
#[derive(Clone, Debug)]
pub(super) struct Machine {
    /// Cores, at least 1.
    pub(super) cores: usize,
    /// Their numbers, rising.
    pub(super) allowed: Vec<u32>,
}

impl Machine {
    /// This one, as the process may use it.
    pub(super) fn here() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let set = rustix::thread::sched_getaffinity(None).unwrap_or_default();
        let allowed = (0..rustix::thread::CpuSet::MAX_CPU)
            .filter(|core| set.is_set(*core))
            .filter_map(|core| u32::try_from(core).ok());
        Self {
            cores,
            allowed: allowed.collect(),
        }
    }
}

impl LoadThreads {
    /// From the flags of a run.
    pub(super) fn resolve(options: &RunOptions, machine: &Machine) -> Result<Self, RunError> {
        if options.precise && machine.cores < PRECISE_CORES {
            let cores = match machine.cores {
                1 => "1 core".to_owned(),
                cores => format!("{cores} cores"),
            };
            return Err(refused(format!(
                "--precise keeps a core busy per load thread and needs at least {PRECISE_CORES} \
                 cores, but this machine has {cores}: omit it, or use a larger machine"
            )));
        }
        let chosen = (machine.cores / 2).clamp(1, MAX_CHOSEN) as u32;
        let count = options.threads.unwrap_or(chosen);
        let cores = options
            .pin
            .as_deref()
            .map(|text| cores(text, machine))
            .transpose()?
            .unwrap_or_default();
        if !cores.is_empty() && cores.len() < count as usize {
            return Err(refused(format!(
                "--pin names too few cores ({}) for {count} load threads, expected at least one \
                 for each: name more, or lower --threads",
                cores.len()
            )));
        }
        Ok(Self {
            count,
            given: options.threads.is_some(),
            cores: cores.into_iter().take(count as usize).collect(),
            precise: options.precise,
        })
    }
}

fn refused(why: String) -> RunError {
    RunError::new(RunErrorKind::Options, why)
}

/// The cores of a list such as `0,2-4`.
fn cores(text: &str, machine: &Machine) -> Result<Vec<u32>, RunError> {
    let wrong = || {
        refused(format!(
            "--pin is {text:?}, expected core numbers and ranges, e.g. 0,2 or 0-3"
        ))
    };
    let mut cores = Vec::new();
    for item in text.split(',') {
        let (first, last) = item.split_once('-').unwrap_or((item, item));
        let number = |text: &str| text.trim().parse::<u32>().map_err(|_| wrong());
        let (first, last) = (number(first)?, number(last)?);
        if first > last {
            return Err(wrong());
        }
        for core in first..=last {
            if !machine.allowed.contains(&core) {
                let allowed = ranges(&machine.allowed);
                return Err(refused(format!(
                    "--pin names core {core}, which this process can't use; available: {allowed}"
                )));
            }
            if cores.contains(&core) {
                return Err(refused(format!(
                    "--pin names core {core} twice, expected one core per load thread"
                )));
            }
            cores.push(core);
        }
    }
    Ok(cores)
}

/// Rising numbers as `0-3,6`.
fn ranges(numbers: &[u32]) -> String {
    let mut text = String::new();
    for run in numbers.chunk_by(|one, next| one + 1 == *next) {
        let comma = if text.is_empty() { "" } else { "," };
        // Writing to a text does not fail.
        let _ = match run {
            [one] => write!(text, "{comma}{one}"),
            _ => write!(text, "{comma}{}-{}", run[0], run[run.len() - 1]),
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner::options::RunPlace;

    /// The flags of a run that are about its threads.
    fn options(flags: &str) -> RunOptions {
        let mut options = RunOptions::new(RunPlace::In("results".into()));
        let mut words = flags.split([' ', '=']);
        while let Some(word) = words.next() {
            match word {
                "--threads" => options.threads = words.next().and_then(|text| text.parse().ok()),
                "--pin" => options.pin = words.next().map(str::to_owned),
                "--precise" => options.precise = true,
                _ => assert_eq!(word, ""),
            }
        }
        options
    }

    /// On a machine of `cores` cores, of which the process may use all but number 1.
    fn resolve(flags: &str, cores: u32) -> Result<LoadThreads, RunError> {
        let allowed = (0..=cores).filter(|core| *core != 1).collect();
        LoadThreads::resolve(
            &options(flags),
            &Machine {
                cores: cores as usize,
                allowed,
            },
        )
    }

    #[track_caller]
    fn check(flags: &str, cores: u32, count: u32, pinned: &[u32]) {
        let found = resolve(flags, cores).expect("it is allowed");
        assert_eq!(
            (found.count, found.cores.as_slice()),
            (count, pinned),
            "{flags}"
        );
        assert_eq!(found.given, flags.contains("--threads"));
        assert_eq!(found.precise, flags.contains("--precise"));
    }

    #[track_caller]
    fn refused(flags: &str, cores: u32, words: &[&str]) {
        let error = resolve(flags, cores)
            .expect_err("it is refused")
            .to_string();
        for word in words {
            assert!(error.contains(word), "{word:?} is not in: {error}");
        }
    }

    #[test]
    fn half_of_the_cores_and_eight_at_most_are_chosen() {
        check("", 1, 1, &[]);
        check("", 2, 1, &[]);
        check("", 8, 4, &[]);
        check("", 64, 8, &[]);
        check("--threads 20", 2, 20, &[]);
    }

    #[test]
    fn thread_i_has_the_i_th_core_of_the_list() {
        check("--pin 2", 2, 1, &[2]);
        check("--pin 0,2", 2, 1, &[0]);
        check("--pin 4,0,2-3 --threads 4", 8, 4, &[4, 0, 2, 3]);
        check("--pin 2-5 --threads 3", 8, 3, &[2, 3, 4]);
    }

    #[test]
    fn cores_that_can_not_be_used_are_refused() {
        refused("--pin 1", 4, &["--pin names core 1", "available: 0,2-4"]);
        refused("--pin 0-2", 4, &["core 1,"]);
        refused("--pin 9", 4, &["core 9,", "available: 0,2-4"]);
        refused("--pin 0-4294967295", 4, &["core 1,"]);
        refused("--pin 2,2", 4, &["core 2 twice"]);
        refused(
            "--pin 0 --threads 2",
            4,
            &[
                "--pin names too few cores (1) for 2 load threads",
                "--threads",
            ],
        );
        for text in [
            "--pin x",
            "--pin 0,",
            "--pin 3-2",
            "--pin 0-2-3",
            "--pin 0.5",
            "--pin=-1",
        ] {
            refused(text, 4, &["--pin is ", "0,2 or 0-3"]);
        }
    }

    #[test]
    fn spinning_needs_three_cores() {
        check("--precise", 3, 1, &[]);
        check("--precise --threads 2 --pin 2,3", 4, 2, &[2, 3]);
        refused(
            "--precise",
            2,
            &[
                "--precise",
                "at least 3 cores",
                "this machine has 2 cores",
                "omit it",
            ],
        );
        refused("--precise", 1, &["this machine has 1 core:"]);
    }
}
