//! A phase while it runs: its counters, the user's wish to stop, and the end of phases that last
//! until rows are used up.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    error::{RunError, RunErrorKind},
    state::Run,
    watcher::{Counts, PhaseWatcher},
};
use crate::{
    analysis::judgement::thresholds::watch::Measuring,
    load::{
        PartPlan, PhaseResult, PhaseRun, RunningPhase, Stop, StopHandle, StreamPlan,
        prepare::Claims,
    },
    plan::{PhaseLength, Plan},
};

/// Time between two readings of the counters: at a low rate, more looks would be a good part of
/// what this program does.
const READ: Duration = Duration::from_secs(1);

/// Time between two writings of what is known of the machine: the most that a run which is killed
/// loses of it.
const SAVE_MACHINE: Duration = Duration::from_secs(5);

/// How long requests in flight are waited for after Ctrl-C.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// A phase that runs.
pub(super) struct Watched<'a> {
    pub(super) plan: &'a Plan,
    /// Its number in the plan.
    pub(super) number: usize,
    pub(super) phase: &'a PhaseRun,
    pub(super) claims: &'a Claims,
}

/// Waits for its end: tells what is counted, passes on signals, ends phases that last until their
/// rows are used up.
pub(super) async fn watch(
    run: &mut Run,
    watched: &Watched<'_>,
    running: &mut RunningPhase,
) -> Result<PhaseResult, RunError> {
    let mut signals = run.signals.clone();
    let watcher = Arc::clone(&run.watcher);
    let Watched {
        plan,
        number,
        phase,
        claims,
    } = *watched;
    let mut readings = Readings {
        next: phase.start + READ,
        watcher: watcher.phase(plan, number, phase.start),
    };
    let stop = &phase.stop;
    let measuring = measuring(phase, run.clock.ns_of(phase.start));
    let ends_exhausted = plan.phases[number].length == PhaseLength::Exhausted;
    let exhausted = running.exhausted();
    tokio::pin!(exhausted);
    let mut saved = Instant::now();
    loop {
        tokio::select! {
            result = running.wait() => return result.map_err(RunError::of(RunErrorKind::Load)),
            () = &mut exhausted, if ends_exhausted && stop.asked() == Stop::Go => {
                stop.ask(Stop::EndPart);
            }
            () = tokio::time::sleep(READ) => {}
            () = signals.wait(), if stop.asked() == Stop::Go => end_soon(stop),
        }
        if let Some(machine) = &mut run.machine {
            machine.look_each(READ);
        }
        if saved.elapsed() >= SAVE_MACHINE {
            run.save_machine();
            saved = Instant::now();
        }
        if stop.asked() == Stop::Go
            && let Some(aborted) = run
                .watch
                .lock()
                .ok()
                .and_then(|mut watch| watch.violated(&until_over(&measuring, &running.over())))
        {
            run.info.aborted = Some(aborted);
            end_soon(stop);
        }
        // What is sent to the name now goes to somebody else's collection.
        if stop.asked() == Stop::Go && claims.lost().is_some() {
            end_soon(stop);
        }
        readings.look(running);
    }
}

/// The counters, read once a second for whoever is told of them.
struct Readings<'a> {
    next: Instant,
    watcher: Box<dyn PhaseWatcher + 'a>,
}

impl Readings<'_> {
    fn look(&mut self, running: &RunningPhase) {
        let now = Instant::now();
        if now < self.next {
            return;
        }
        // A step of the grid and not a second from now, so that ten readings take ten seconds.
        let due = self.next;
        self.next = (due + READ).max(now);
        self.watcher.counted(Counts {
            due,
            now,
            live: running.live(),
            over: running.over(),
        });
    }
}

/// Sends nothing more, and gives what is in flight a moment.
fn end_soon(stop: &StopHandle) {
    stop.ask(Stop::EndPart);
    let stop = stop.clone();
    tokio::spawn(async move {
        tokio::time::sleep(LAST_ANSWERS).await;
        stop.ask(Stop::Abort);
    });
}

/// When each part of the phase is measured as planned, by its row of the phase; and the phase's
/// start.
struct PlannedParts {
    start_ns: u64,
    parts: Vec<(usize, Measuring)>,
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn measuring(phase: &PhaseRun, start_ns: u64) -> PlannedParts {
    let of = |part: &PartPlan, plan: &StreamPlan| {
        let from_ns = start_ns.saturating_add(nanos(part.start));
        Measuring {
            stream: plan.stream.0,
            from_ns,
            to_ns: part
                .duration
                .map(|length| from_ns.saturating_add(nanos(length))),
        }
    };
    let mut parts = Vec::new();
    let mut first_row = 0;
    for workload in &phase.workloads {
        for part in &workload.parts {
            let plans = part.streams.iter().enumerate();
            parts.extend(plans.map(|(at, plan)| (first_row + at, of(part, plan))));
        }
        first_row += workload.components.len();
    }
    PlannedParts { start_ns, parts }
}

/// The same, no longer than each workload had something to send: one whose rows are used up is not
/// slow.
fn until_over(planned: &PlannedParts, over: &[Option<Duration>]) -> Vec<Measuring> {
    let of = |(at, part): &(usize, Measuring)| {
        let over_ns = over
            .get(*at)
            .copied()
            .flatten()
            .map(|over| planned.start_ns.saturating_add(nanos(over)));
        Measuring {
            to_ns: part.to_ns.into_iter().chain(over_ns).min(),
            ..*part
        }
    };
    planned.parts.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_threshold_looks_at_a_workload_that_is_over() {
        let part = |stream| Measuring {
            stream,
            from_ns: 1_000,
            to_ns: Some(9_000),
        };
        let planned = PlannedParts {
            start_ns: 500,
            parts: vec![
                (0, part(0)),
                (1, part(1)),
                (
                    1,
                    Measuring {
                        to_ns: None,
                        ..part(2)
                    },
                ),
            ],
        };
        let ends = |over: [Option<u64>; 2]| -> Vec<Option<u64>> {
            until_over(&planned, &over.map(|ns| ns.map(Duration::from_nanos)))
                .iter()
                .map(|part| part.to_ns)
                .collect()
        };
        assert_eq!(ends([None, None]), [Some(9_000), Some(9_000), None]);
        assert_eq!(
            ends([None, Some(3_500)]),
            [Some(9_000), Some(4_000), Some(4_000)]
        );
        assert_eq!(ends([Some(20_000), None]), [Some(9_000), Some(9_000), None]);
    }
}
