//! Cases that share servers, run group after group, with no server left behind.

use std::process::ExitCode;

use crate::harness::{Harness, Tally, list, say};
use crate::servers::{self, Kind, Servers};

/// One test against servers.
pub(crate) type Case = crate::harness::Case<Servers>;

/// Cases that share servers.
pub(crate) struct Group {
    pub(crate) kind: Kind,
    pub(crate) cases: &'static [Case],
}

/// Runs the wanted cases of the groups whose kind is in `kinds`.
pub(crate) fn run(harness: &Harness, groups: &'static [Group], kinds: &[Kind]) -> ExitCode {
    let chosen = groups.iter().filter(|group| kinds.contains(&group.kind));
    if harness.lists() {
        chosen.for_each(|group| list(&harness.wanted(group.cases)));
        return ExitCode::SUCCESS;
    }
    let mut tally = Tally::default();
    servers::end_all_on_signal();
    say("\nrunning cases against real servers");
    for group in chosen {
        let cases = harness.wanted(group.cases);
        if !cases.is_empty() {
            run_group(group.kind, &cases, &mut tally);
        }
    }
    tally.finish()
}

fn run_group(kind: Kind, cases: &[&Case], tally: &mut Tally) {
    let mut servers = None;
    tally.case(kind.start_name(), || {
        servers = Some(Servers::start(kind).unwrap_or_else(|error| panic!("{error}")))
    });
    let Some(servers) = servers else {
        for case in cases {
            tally.not_run(case.name, "its servers did not start");
        }
        return;
    };
    let mut keep = false;
    for case in cases {
        keep |= !tally.case(case.name, || (case.run)(&servers));
    }
    tally.case(kind.end_name(), || servers.end(keep));
}
