//! Whole runs of the built program against a real Milvus and a real Jaeger, which this binary
//! starts itself on free ports.
//!
//! `MILVUS_BENCH_E2E=0` leaves everything out and says so, `full` adds a newer Jaeger (built from
//! tests/jaeger-1.65, four minutes once), a Milvus that exports to milvus-bench itself, and the
//! HdrHistogram libraries of Java and Python (needs a JDK and Maven). What is installed once is
//! kept in the cache folder, `MILVUS_BENCH_CACHE`. Arguments after `cargo test --test e2e --` are
//! parts of names: only such cases run.
//!
//! This binary has a harness of its own, because the servers are shared by all cases and must be
//! ended in the end, also after a panic or Ctrl-C: libtest offers no such place.

mod bench;
mod cases;
mod checks;
mod groups;
mod jaeger_newer;
mod own;
mod run;
mod servers;
#[path = "../support/mod.rs"]
mod support;

use std::process::ExitCode;

use groups::{Group, run as run_groups};
use harness::{Harness, loudly, say};
use servers::Kind;
// Cases name it without asking where it lives.
use support::harness;

/// Every case, by the servers that it needs. Cases depend on the servers alone, not on each other.
const GROUPS: &[Group] = &[
    Group {
        kind: Kind::Stack,
        cases: cases::STACK,
    },
    Group {
        kind: Kind::NewerJaeger,
        cases: cases::NEWER_JAEGER,
    },
    Group {
        kind: Kind::Embedded,
        cases: cases::EMBEDDED,
    },
];

fn main() -> ExitCode {
    let harness = match Harness::from_arguments(std::env::args().skip(1)) {
        Ok(harness) => harness,
        Err(text) => {
            say(&text);
            return ExitCode::FAILURE;
        }
    };
    match std::env::var("MILVUS_BENCH_E2E").as_deref() {
        Ok("0") => {
            loudly(
                "MILVUS_BENCH_E2E=0: the tests against a real Milvus and a real Jaeger are LEFT \
                 OUT",
            );
            ExitCode::SUCCESS
        }
        Ok("full") => run_groups(
            &harness,
            GROUPS,
            &[Kind::Stack, Kind::NewerJaeger, Kind::Embedded],
        ),
        Err(_) | Ok("" | "1") => run_groups(&harness, GROUPS, &[Kind::Stack]),
        Ok(other) => {
            say(&format!(
                "MILVUS_BENCH_E2E is {other:?}: 0 leaves these tests out, full runs all of them, \
                 without it most run"
            ));
            ExitCode::FAILURE
        }
    }
}
