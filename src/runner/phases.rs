//! The phases of a run, one after the other.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    collections::{Collections, Prepared, When},
    error::RunError,
    live::{Watched, watch},
    machine::Sampler,
    phase_info::{begin_phase, end_phase},
    signals::Asked,
    state::Run,
};
use crate::{
    load::{
        Engine, PhaseResult, PhaseRun, ROWS_OF_MIX_USED_UP, ROWS_USED_UP, nothing_earlier,
        phase_run, prepare::Claims,
    },
    operation::OPERATIONS,
    plan::{PhaseLength, Plan},
    record::{KeptError, StreamInfo, Warning, environment},
};

/// Time between the order to begin and the first scheduled request: every thread has its tasks by
/// then.
const RUN_UP: Duration = Duration::from_millis(50);

/// Runs one phase after the other, and looks before and after each whether the collections are
/// still the run's own.
pub(super) async fn phases(
    run: &mut Run,
    plan: &Plan,
    engine: &Engine,
    prepared: Prepared<'_>,
) -> Result<(), RunError> {
    let mut phases = Phases {
        plan,
        engine,
        claims: prepared.claims,
        earlier: nothing_earlier(plan),
        collections: Collections::new(plan, prepared),
    };
    for (number, phase) in plan.phases.iter().enumerate() {
        if run.signals.asked() != Asked::Nothing || run.info.aborted.is_some() {
            break;
        }
        let name = &phase.name;
        phases.collections.note(run, name, When::Before).await;
        phases.collections.check(run, name)?;
        phases.one(run, number).await?;
        phases.collections.note(run, name, When::After).await;
        // A run that was told to end ends as told, and invalid.
        let asked = run.signals.asked() != Asked::Nothing;
        if !asked && (number + 1 < plan.phases.len() || prepared.claims.lost().is_some()) {
            phases.collections.check(run, name)?;
        }
    }
    Ok(())
}

/// What the phases share.
struct Phases<'a> {
    plan: &'a Plan,
    engine: &'a Engine,
    claims: &'a Claims,
    /// Numbers of requests of each workload in the phases before.
    earlier: Vec<Vec<u64>>,
    collections: Collections<'a>,
}

impl Phases<'_> {
    /// Runs phase `number`.
    async fn one(&mut self, run: &mut Run, number: usize) -> Result<(), RunError> {
        let plan = self.plan;
        let planned = &plan.phases[number];
        begin_phase(run, &planned.name)?;
        let machine = Sampler::begin(plan, &run.info.pinned, run.clock.now_ns()).await;
        run.machine = Some(machine);
        let cpu = environment::process_cpu_s();
        let phase = phase_run(
            plan,
            number,
            &run.info.streams,
            run.ids(plan),
            Instant::now() + RUN_UP,
            &self.earlier,
        );
        note_starts(run, &phase)?;
        let watched = Watched {
            plan,
            number,
            phase: &phase,
            claims: self.claims,
        };
        let mut running = self.engine.begin(&phase);
        let result = watch(run, &watched, &mut running).await?;
        for (index, numbers) in planned.workloads.iter().zip(&result.earlier) {
            self.earlier[*index].clone_from(numbers);
        }
        self.collections.wrote(number, &running.live());
        note_result(run, &phase, planned.length, &result);
        let machine = run.machine.take().and_then(Sampler::finish);
        if let Some(info) = run.info.phases.last_mut() {
            info.machine = machine;
            info.cpu_s = Some(environment::process_cpu_s() - cpu);
            info.thread_cpu_max = Some(result.thread_cpu_max);
        }
        end_phase(run)?;
        tell_abort(run);
        Ok(())
    }
}

/// Tells which threshold ended the run, if one did.
fn tell_abort(run: &Run) {
    let Some(aborted) = &run.info.aborted else {
        return;
    };
    let threshold = run.info.thresholds.get(aborted.threshold);
    let require = threshold
        .map(|info| info.require.as_str())
        .unwrap_or_default();
    run.watcher.warn(&format!(
        "threshold {require} at {}: {}",
        aborted.at, aborted.sentence
    ));
}

/// When each part of the phase begins: in run.json before the first request, for a run that is
/// killed.
fn note_starts(run: &mut Run, phase: &PhaseRun) -> Result<(), RunError> {
    let started = run.clock.ns_of(phase.start);
    let workloads = phase.workloads.iter();
    let parts = workloads.flat_map(|workload| &workload.parts);
    let plans = parts.flat_map(|part| part.streams.iter().map(move |plan| (part, plan)));
    for (part, plan) in plans {
        if let Some(stream) = run.info.streams.get_mut(usize::from(plan.stream.0)) {
            stream.start_ns = started + nanos(part.start);
            stream.planned_end_ns = part
                .duration
                .map(|duration| stream.start_ns.saturating_add(nanos(duration)));
        }
    }
    run.save()
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The warning about a stream that stopped by itself. Rows that are used up are what an exhausted
/// phase waits for.
fn ended_early(stream: &StreamInfo, length: PhaseLength) -> Option<Warning> {
    let (phase, workload) = (stream.phase.clone(), stream.workload.clone());
    let ran = stream.ran_ns(stream.start_ns);
    let ran_s = Some((ran.end - ran.start) as f64 / 1e9);
    match stream.stopped.as_deref() {
        Some(ROWS_USED_UP) if length == PhaseLength::Exhausted => None,
        Some(ROWS_USED_UP) => Some(Warning::RowsUsedUp {
            phase,
            workload,
            ran_s,
            more: more_rows(&stream.operation).map(str::to_owned),
        }),
        // Told once, of the part whose rows they were.
        Some(ROWS_OF_MIX_USED_UP) => None,
        Some(reason) => Some(Warning::StoppedEarly {
            phase,
            workload,
            reason: reason.to_owned(),
            ran_s,
        }),
        None => None,
    }
}

/// What gives an operation more rows.
fn more_rows(operation: &str) -> Option<&'static str> {
    let entry = OPERATIONS.iter().find(|entry| entry.name == operation)?;
    entry.more_rows
}

fn note_result(run: &mut Run, phase: &PhaseRun, length: PhaseLength, result: &PhaseResult) {
    let stopped_ns = phase.stop.asked_since().map(|at| run.clock.ns_of(at));
    for part in &result.streams {
        let Some(stream) = run.info.streams.get_mut(usize::from(part.stream)) else {
            continue;
        };
        stream.end_ns = Some(part.end_ns(stream.start_ns, stream.planned_end_ns, stopped_ns));
        stream.due = part.due;
        stream.sent = part.sent;
        stream.in_flight_max = part.in_flight_max;
        stream.in_flight_waits = part.in_flight_waits;
        stream.stopped.clone_from(&part.stopped);
        // The stages after the first one that it cut are of the same cause.
        let is_told = |warning: &Warning| {
            matches!(
                warning,
                Warning::RowsUsedUp { phase, workload, .. }
                    | Warning::StoppedEarly { phase, workload, .. }
                    if (phase, workload) == (&stream.phase, &stream.workload)
            )
        };
        if !run.info.warnings.iter().any(is_told) {
            run.info.warnings.extend(ended_early(stream, length));
        }
    }
    for (stream, outcome, text) in &result.texts {
        let Some(stream) = run.info.streams.get(usize::from(stream.0)) else {
            continue;
        };
        let part = stream
            .part
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        let at = format!("{}/{part}/{}", stream.phase, stream.workload);
        if run
            .info
            .errors
            .iter()
            .filter(|kept| kept.stream == at)
            .count()
            < 10
        {
            run.info.errors.push(KeptError {
                stream: at,
                outcome: outcome.to_string(),
                text: text.clone(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(stopped: Option<&str>, length: PhaseLength, expected: Option<&str>) {
        let stream = StreamInfo {
            phase: "alone".to_owned(),
            workload: "ingest".to_owned(),
            stopped: stopped.map(str::to_owned),
            start_ns: 1_000_000_000,
            end_ns: Some(1_074_000_000),
            ..StreamInfo::default()
        };
        let warning = ended_early(&stream, length).map(|warning| warning.to_string());
        assert_eq!(warning.is_some(), expected.is_some(), "{warning:?}");
        assert!(
            warning
                .unwrap_or_default()
                .contains(expected.unwrap_or_default())
        );
    }

    #[test]
    fn only_rows_that_are_used_up_are_called_that() {
        let timed = PhaseLength::Duration(Duration::from_secs(1));
        check(None, timed, None);
        check(
            Some("its rows are used up"),
            timed,
            Some("were used up before phase alone ended, after 0.074 s"),
        );
        check(Some("its rows are used up"), PhaseLength::Exhausted, None);
        let timer = Some(
            "workload ingest stopped before phase alone ended, after 0.074 s: the timer failed",
        );
        check(Some("the timer failed: out of memory"), timed, timer);
        check(
            Some("the timer failed: out of memory"),
            PhaseLength::Exhausted,
            timer,
        );
    }
}
