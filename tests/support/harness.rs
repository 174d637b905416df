//! A harness for test binaries that libtest can't run: cases one after the other, one line each,
//! and a result that says so.

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use tokio::time::Instant;

/// One test: its name, and what it does with `W`, what the cases share; a panic is its failure.
pub(crate) struct Case<W: 'static> {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&W),
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

/// A line that can't be overlooked, on stderr.
pub(crate) fn loudly(text: &str) {
    let stars = "*".repeat(100);
    eprintln!("{stars}\n* {text}\n{stars}");
}

fn write(text: &str) {
    let mut out = std::io::stdout().lock();
    // A reader that is gone is no failure of a test.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

impl Harness {
    /// Understands what test runners pass: parts of names, `--exact`, `--skip`, `--list`,
    /// `--ignored`; options of libtest that change nothing here are accepted.
    pub(crate) fn from_arguments(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut harness = Self::default();
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            let (name, value) = argument
                .split_once('=')
                .map_or((argument.as_str(), None), |(name, value)| {
                    (name, Some(value.to_owned()))
                });
            match name {
                "--exact" => harness.exact = true,
                "--list" => harness.list = true,
                "--ignored" => harness.ignored = true,
                "--skip" => harness.skipped.extend(value.or_else(|| arguments.next())),
                "--nocapture" | "--no-capture" | "--show-output" | "--quiet" | "-q"
                | "--include-ignored" => {}
                "--format" | "--test-threads" | "--color" => {
                    drop(value.or_else(|| arguments.next()))
                }
                _ if argument.starts_with('-') => {
                    return Err(format!(
                        "unknown option {argument}: expected parts of names, --exact, --skip and \
                         --list"
                    ));
                }
                _ => harness.filters.push(argument),
            }
        }
        Ok(harness)
    }

    /// The cases that were asked for.
    pub(crate) fn wanted<W>(&self, cases: &'static [Case<W>]) -> Vec<&'static Case<W>> {
        cases.iter().filter(|case| self.wants(case.name)).collect()
    }

    /// Whether only the names were asked for.
    pub(crate) fn lists(&self) -> bool {
        self.list
    }

    fn wants(&self, name: &str) -> bool {
        let fits = |filter: &String| {
            if self.exact {
                name == filter
            } else {
                name.contains(filter.as_str())
            }
        };
        let wanted = self.filters.is_empty() || self.filters.iter().any(fits);
        wanted && !self.skipped.iter().any(fits) && !self.ignored
    }
}

/// The names, as libtest lists them.
pub(crate) fn list<W>(cases: &[&Case<W>]) {
    cases
        .iter()
        .for_each(|case| say(&format!("{}: test", case.name)));
}

/// What became of the cases so far.
#[derive(Default)]
pub(crate) struct Tally {
    passed: usize,
    failed: Vec<&'static str>,
}

impl Tally {
    /// Runs one, and says whether it passed.
    pub(crate) fn case(&mut self, name: &'static str, run: impl FnOnce()) -> bool {
        say(&format!("test {name} ..."));
        let began = Instant::now();
        let passed = catch_unwind(AssertUnwindSafe(run)).is_ok();
        say(&format!(
            "test {name} ... {} ({:.1} s)",
            if passed { "ok" } else { "FAILED" },
            began.elapsed().as_secs_f64()
        ));
        if passed {
            self.passed += 1;
        } else {
            self.failed.push(name);
        }
        passed
    }

    /// One that could not be run, and why.
    pub(crate) fn not_run(&mut self, name: &'static str, why: &str) {
        say(&format!("test {name} ... FAILED ({why})"));
        self.failed.push(name);
    }

    /// The last lines.
    pub(crate) fn finish(self) -> ExitCode {
        for name in &self.failed {
            say(&format!("failed: {name}"));
        }
        let result = if self.failed.is_empty() {
            "ok"
        } else {
            "FAILED"
        };
        say(&format!(
            "\ntest result: {result}. {} passed; {} failed\n",
            self.passed,
            self.failed.len()
        ));
        if self.failed.is_empty() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}
