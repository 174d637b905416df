//! Runs the cases one after the other: one line each, and no server left behind.

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use tokio::time::Instant;

use crate::servers::{self, Kind, Servers};

/// One test: its name, and what it does; a panic is its failure.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&Servers),
}

/// Cases that share servers.
pub(crate) struct Group {
    pub(crate) kind: Kind,
    pub(crate) cases: &'static [Case],
}

/// What was asked for on the command line.
#[derive(Default)]
pub(crate) struct Harness {
    filters: Vec<String>,
    skipped: Vec<String>,
    exact: bool,
    list: bool,
    /// Only ignored tests are wanted, and there are none.
    ignored: bool,
}

/// A line on stdout, at once: `cargo test` shows it while the case runs.
pub(crate) fn say(text: &str) {
    write(&format!("{text}\n"));
}

fn write(text: &str) {
    let mut out = std::io::stdout().lock();
    // A reader that is gone is no failure of a test.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

impl Harness {
    /// Understands what test runners pass: parts of names, `--exact`, `--skip`, `--list`, `--ignored`; options of libtest that
    /// change nothing here are accepted.
    pub(crate) fn from_arguments(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut harness = Self::default();
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            let (name, value) = argument.split_once('=').map_or((argument.as_str(), None), |(name, value)| (name, Some(value.to_owned())));
            match name {
                "--exact" => harness.exact = true,
                "--list" => harness.list = true,
                "--ignored" => harness.ignored = true,
                "--skip" => harness.skipped.extend(value.or_else(|| arguments.next())),
                "--nocapture" | "--no-capture" | "--show-output" | "--quiet" | "-q" | "--include-ignored" => {}
                "--format" | "--test-threads" | "--color" => drop(value.or_else(|| arguments.next())),
                _ if argument.starts_with('-') => {
                    return Err(format!("unknown option {argument}: allowed are parts of names, --exact, --skip and --list"));
                }
                _ => harness.filters.push(argument),
            }
        }
        Ok(harness)
    }

    fn wants(&self, name: &str) -> bool {
        let fits = |filter: &String| if self.exact { name == filter } else { name.contains(filter.as_str()) };
        let wanted = self.filters.is_empty() || self.filters.iter().any(fits);
        wanted && !self.skipped.iter().any(fits) && !self.ignored
    }

    /// Runs the wanted cases of the groups whose kind is in `kinds`.
    pub(crate) fn run(&self, groups: &'static [Group], kinds: &[Kind]) -> ExitCode {
        let chosen = groups.iter().filter(|group| kinds.contains(&group.kind));
        let mut tally = Tally::default();
        if self.list {
            chosen.flat_map(|group| group.cases).filter(|case| self.wants(case.name)).for_each(|case| say(&format!("{}: test", case.name)));
            return ExitCode::SUCCESS;
        }
        servers::end_all_on_signal();
        say("\nrunning cases against real servers");
        for group in chosen {
            let cases: Vec<&Case> = group.cases.iter().filter(|case| self.wants(case.name)).collect();
            if !cases.is_empty() {
                run_group(group.kind, &cases, &mut tally);
            }
        }
        tally.finish()
    }
}

fn run_group(kind: Kind, cases: &[&Case], tally: &mut Tally) {
    let mut servers = None;
    tally.case(kind.start_name(), || servers = Some(Servers::start(kind).unwrap_or_else(|error| panic!("{error}"))));
    let Some(servers) = servers else {
        for case in cases {
            tally.not_run(case.name);
        }
        return;
    };
    let failed_before = tally.failed.len();
    for case in cases {
        tally.case(case.name, || (case.run)(&servers));
    }
    let keep = tally.failed.len() > failed_before;
    tally.case(kind.end_name(), || servers.end(keep));
}

/// What became of the cases so far.
#[derive(Default)]
struct Tally {
    passed: usize,
    failed: Vec<&'static str>,
}

impl Tally {
    fn case(&mut self, name: &'static str, run: impl FnOnce()) {
        say(&format!("test {name} ..."));
        let began = Instant::now();
        let passed = catch_unwind(AssertUnwindSafe(run)).is_ok();
        say(&format!("test {name} ... {} ({:.1} s)", if passed { "ok" } else { "FAILED" }, began.elapsed().as_secs_f64()));
        if passed {
            self.passed += 1;
        } else {
            self.failed.push(name);
        }
    }

    fn not_run(&mut self, name: &'static str) {
        say(&format!("test {name} ... FAILED (its servers did not start)"));
        self.failed.push(name);
    }

    fn finish(self) -> ExitCode {
        for name in &self.failed {
            say(&format!("failed: {name}"));
        }
        let result = if self.failed.is_empty() { "ok" } else { "FAILED" };
        say(&format!("\ntest result: {result}. {} passed; {} failed\n", self.passed, self.failed.len()));
        if self.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
