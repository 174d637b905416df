//! `report.html` and `comparison.html` in a real browser: Chromium without a window, the page
//! opened from disk.
//!
//! A machine without Chromium leaves these tests out and says so in one line, which libtest can't;
//! with `CI=true` it fails.

#[path = "html/browser.rs"]
mod browser;
#[path = "support/chromium.rs"]
mod chromium;
#[path = "support/colour.rs"]
mod colour;
#[path = "html/comparison.rs"]
mod comparison;
#[path = "support/harness.rs"]
mod harness;
#[path = "html/paper.rs"]
mod paper;
#[path = "html/reading.rs"]
mod reading;
#[path = "html/report.rs"]
mod report;
#[path = "html/samples.rs"]
mod samples;
#[path = "support/suite.rs"]
mod suite;
#[path = "html/tab.rs"]
mod tab;

use std::{
    fs,
    path::Path,
    process::{Command, ExitCode, Output},
};

use chromium::Chromium;
use suite::{Missing, Suite};

/// A test in the browser.
type Case = harness::Case<Chromium>;

/// Every test that needs the browser.
const PAGES: &[&[Case]] = &[
    report::CASES,
    reading::CASES,
    paper::CASES,
    comparison::CASES,
];

/// What becomes of them without one: this program is asked, with a PATH of its own.
const WITHOUT: &[harness::Case<()>] = &[
    harness::Case {
        name: "without_chromium_the_pages_are_left_out_loudly",
        run: without_chromium_the_pages_are_left_out_loudly,
    },
    harness::Case {
        name: "a_chromium_that_does_not_start_is_none",
        run: a_chromium_that_does_not_start_is_none,
    },
    harness::Case {
        name: "in_ci_a_missing_chromium_is_a_failure",
        run: in_ci_a_missing_chromium_is_a_failure,
    },
];

fn main() -> ExitCode {
    let suite = Suite {
        always: WITHOUT,
        needing: PAGES,
        of: "the pages in a browser",
        how_to_get: "apt-get install chromium",
    };
    suite.run(|| chromium::find().map_err(Missing::program))
}

/// This program for one page where only the folder `path` is searched for a browser: whether it
/// succeeded, and what it wrote.
fn asked(path: &Path, ci: Option<&str>) -> (bool, String) {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command
        .args(["--exact", PAGES[0][0].name])
        .env("PATH", path)
        .env_remove("CI")
        .envs(ci.map(|value| ("CI", value)));
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().expect("it starts");
    (
        status.success(),
        format!(
            "{}{}",
            String::from_utf8_lossy(&stdout),
            String::from_utf8_lossy(&stderr)
        ),
    )
}

#[track_caller]
fn check_left_out(path: &Path, ci: Option<&str>, why: &str) {
    let (succeeded, wrote) = asked(path, ci);
    assert!(succeeded && wrote.contains("0 passed; 0 failed"), "{wrote}");
    let lines: Vec<&str> = wrote
        .lines()
        .filter(|line| line.contains("LEFT OUT"))
        .collect();
    assert!(
        lines.len() == 1 && lines[0].contains(why) && lines[0].contains("apt-get install chromium"),
        "{wrote}"
    );
}

fn without_chromium_the_pages_are_left_out_loudly((): &()) {
    let empty = tempfile::tempdir().expect("a folder");
    for ci in [None, Some(""), Some("false")] {
        check_left_out(empty.path(), ci, "no Chromium on PATH");
    }
}

/// As the package of a distribution that only says how to get another one; and a folder of that
/// name.
fn a_chromium_that_does_not_start_is_none((): &()) {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("chromium")).expect("a folder");
    let stub = folder.path().join("chromium-browser");
    fs::write(&stub, "#!/bin/sh\necho 'please install it' >&2\nexit 1\n").expect("a file");
    fs::set_permissions(&stub, fs::Permissions::from_mode(0o755)).expect("it may be run");
    check_left_out(
        folder.path(),
        None,
        &format!("{} does not start", stub.display()),
    );
}

fn in_ci_a_missing_chromium_is_a_failure((): &()) {
    let empty = tempfile::tempdir().expect("a folder");
    let (succeeded, wrote) = asked(empty.path(), Some("true"));
    assert!(
        !succeeded && wrote.contains("no Chromium on PATH") && wrote.contains("0 passed; 1 failed"),
        "{wrote}"
    );
    assert!(!wrote.contains("LEFT OUT"), "{wrote}");
}
