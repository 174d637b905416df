//! The cases of a test binary of which some need what a machine may lack: a program, a folder. They
//! are left out loudly there.

use std::process::ExitCode;

use crate::harness::{Case, Harness, Tally, list, loudly, say};

/// The cases of a binary.
pub(crate) struct Suite<W: 'static> {
    /// Those that need nothing.
    pub(crate) always: &'static [Case<()>],
    /// Lists of those that need `W`.
    pub(crate) needing: &'static [&'static [Case<W>]],
    /// What those are, and how to get what they need.
    pub(crate) of: &'static str,
    pub(crate) how_to_get: &'static str,
}

/// Why there is no `W`.
pub(crate) struct Missing {
    pub(crate) why: String,
    /// Whether the cases fail for it; else they are left out.
    pub(crate) is_failure: bool,
}

impl Missing {
    /// A program of the machine: in CI it has to be there.
    #[allow(dead_code, reason = "not every binary needs a program")]
    pub(crate) fn program(why: String) -> Self {
        if in_ci() {
            Self {
                why: format!("{why}, and CI is set"),
                is_failure: true,
            }
        } else {
            Self {
                why,
                is_failure: false,
            }
        }
    }
}

/// Where nobody reads what a test run said, nothing may be left out.
pub(crate) fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true" || value == "1")
}

impl<W> Suite<W> {
    /// Runs what the command line asks for; `find` is called where a wanted case needs it.
    pub(crate) fn run(&self, find: impl FnOnce() -> Result<W, Missing>) -> ExitCode {
        let harness = match Harness::from_arguments(std::env::args().skip(1)) {
            Ok(harness) => harness,
            Err(text) => {
                say(&text);
                return ExitCode::FAILURE;
            }
        };
        let always = harness.wanted(self.always);
        let needing = self.needing.iter().flat_map(|cases| harness.wanted(cases));
        let needing: Vec<&Case<W>> = needing.collect();
        if harness.lists() {
            list(&needing);
            list(&always);
            return ExitCode::SUCCESS;
        }
        let mut tally = Tally::default();
        for case in always {
            tally.case(case.name, || (case.run)(&()));
        }
        if needing.is_empty() {
            return tally.finish();
        }
        match find() {
            Ok(found) => {
                for case in needing {
                    tally.case(case.name, || (case.run)(&found));
                }
            }
            Err(Missing {
                why,
                is_failure: true,
            }) => needing
                .iter()
                .for_each(|case| tally.not_run(case.name, &why)),
            Err(Missing { why, .. }) => loudly(&format!(
                "{why}: the {} tests of {} are LEFT OUT ({})",
                needing.len(),
                self.of,
                self.how_to_get
            )),
        }
        tally.finish()
    }
}
