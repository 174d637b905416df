//! Preparation and phases of a run, with their progress.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    collections::{Collections, Prepared, When},
    live::watch,
    machine::Sampler,
    session::Session,
    signals::Asked,
};
use crate::{
    cli::CliError,
    load::{
        Engine, PhaseResult, PhaseRun, ROWS_USED_UP, RunIds, Stop, nothing_earlier, phase_run,
        prepare::{self, Dropped, PrepareContext},
    },
    plan::{PhaseLength, Plan},
    record::{KeptError, PREPARATION, PhaseInfo, StreamInfo, Warning, environment},
};

/// Time between the order to begin and the first slot: every thread has its tasks by then.
const RUN_UP: Duration = Duration::from_millis(50);

/// Prepares every collection.
pub(crate) async fn prepare(
    session: &mut Session<'_>,
    plan: &Plan,
    context: &mut PrepareContext<'_>,
) -> Result<(), CliError> {
    let signals = session.signals.clone();
    let stop = context.stop.clone();
    let interrupted = || {
        stop.ask(Stop::Abort);
        CliError::new("interrupted while preparing")
    };
    let decided = signals
        .unless_asked(Asked::Nothing, prepare::decide(context, plan))
        .await;
    let decisions = decided.ok_or_else(interrupted)?.map_err(CliError::new)?;
    begin_phase(session, PREPARATION)?;
    for (index, decision) in decisions.into_iter().enumerate() {
        session.progress.step(&format!(
            "{PREPARATION}: {decision} collection {}",
            plan.collections[index].shape.name
        ));
        let done = signals
            .unless_asked(
                Asked::Nothing,
                prepare::carry_out(context, plan, index, decision),
            )
            .await;
        done.ok_or_else(interrupted)?.map_err(CliError::new)?;
    }
    for (collection, reason) in context.unmarked.drain(..) {
        let warning = Warning::NotMarked { collection, reason };
        session.progress.warn(&warning.to_string());
        session.info.warnings.push(warning);
    }
    // For a run that is killed later.
    context.recorder.flush();
    note_steps(session, context);
    end_phase(session)
}

/// Drops what this run created and is not to be kept; says whether anything was dropped. Marks on
/// the rest are taken off.
pub(crate) async fn drop_created(
    session: &mut Session<'_>,
    plan: &Plan,
    context: &mut PrepareContext<'_>,
) -> bool {
    let mut any = false;
    for collection in plan
        .collections
        .iter()
        .filter(|collection| !collection.keep)
    {
        let name = &collection.shape.name;
        if !context.begun.contains(name) {
            continue;
        }
        match prepare::drop_again(context, collection).await {
            Dropped::Yes => any = true,
            Dropped::Absent => {}
            Dropped::No(why) => session
                .progress
                .warn(&format!("collection {name} was not dropped: {why}")),
        }
    }
    context.claims.release_all().await;
    any
}

/// Notes when each step of preparation began and ended, and how often it was done.
pub(crate) fn note_steps(session: &mut Session<'_>, context: &PrepareContext<'_>) {
    let steps = context
        .spans
        .iter()
        .zip(&context.counts)
        .zip(&mut session.info.streams);
    for ((span, count), stream) in steps {
        let Some((start, end)) = span else { continue };
        (stream.start_ns, stream.end_ns) = (*start, Some(*end));
        (stream.due, stream.sent) = (*count, *count);
    }
}

/// Runs one phase after the other.
pub(crate) async fn phases(
    session: &mut Session<'_>,
    plan: &Plan,
    engine: &Engine,
    prepared: Prepared<'_>,
    ids: RunIds,
) -> Result<(), CliError> {
    let mut earlier = nothing_earlier(plan);
    let mut collections = Collections::new(plan, prepared);
    for number in 0..plan.phases.len() {
        if session.signals.asked() != Asked::Nothing || session.info.aborted.is_some() {
            break;
        }
        let name = &plan.phases[number].name;
        collections.note(session, name, When::Before).await;
        collections.check(session, name)?;
        begin_phase(session, name)?;
        session.machine =
            Some(Sampler::begin(plan, &session.info.pinned, session.clock.now_ns()).await);
        let cpu = environment::process_cpu_s();
        let phase = phase_run(
            plan,
            number,
            &session.info.streams,
            ids,
            Instant::now() + RUN_UP,
            &earlier,
        );
        let started = session.clock.ns_of(phase.start);
        note_starts(session, &phase, started)?;
        let mut running = engine.begin(&phase);
        let result = watch(session, plan, number, &mut running, &phase, prepared.claims).await?;
        for (index, numbers) in plan.phases[number].workloads.iter().zip(&result.earlier) {
            earlier[*index].clone_from(numbers);
        }
        collections.wrote(number, &running.live());
        note_result(session, &phase, plan.phases[number].length, &result);
        let machine = session.machine.take().and_then(Sampler::finish);
        if let Some(info) = session.info.phases.last_mut() {
            info.machine = machine;
            info.cpu_s = Some(environment::process_cpu_s() - cpu);
            info.thread_cpu_max = Some(result.thread_cpu_max);
        }
        end_phase(session)?;
        if let Some(aborted) = &session.info.aborted {
            let require = session
                .info
                .thresholds
                .get(aborted.threshold)
                .map(|info| info.require.as_str())
                .unwrap_or_default();
            session.progress.warn(&format!(
                "threshold {require} at {}: {}",
                aborted.at, aborted.sentence
            ));
        }
        collections.note(session, name, When::After).await;
        // A run that was told to end ends as told, and invalid.
        let asked = session.signals.asked() != Asked::Nothing;
        if !asked && (number + 1 < plan.phases.len() || prepared.claims.lost().is_some()) {
            collections.check(session, name)?;
        }
    }
    Ok(())
}

/// When each part of the phase begins: in run.json before the first request, for a run that is
/// killed.
fn note_starts(session: &mut Session<'_>, phase: &PhaseRun, started: u64) -> Result<(), CliError> {
    for part in phase.streams.iter().flat_map(|stream| &stream.parts) {
        if let Some(stream) = session.info.streams.get_mut(usize::from(part.stream.0)) {
            stream.start_ns = started + nanos(part.start);
            stream.planned_end_ns = part
                .duration
                .map(|duration| stream.start_ns.saturating_add(nanos(duration)));
        }
    }
    session.save()
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn begin_phase(session: &mut Session<'_>, name: &str) -> Result<(), CliError> {
    if name != PREPARATION {
        session.progress.step(&format!("phase {name}"));
    }
    session.info.phases.push(PhaseInfo {
        name: name.to_owned(),
        start: session.clock.anchor(),
        ..PhaseInfo::default()
    });
    session.save()
}

fn end_phase(session: &mut Session<'_>) -> Result<(), CliError> {
    let end = session.clock.anchor();
    let mut step_us = 0.0;
    let mut name = String::new();
    if let Some(phase) = session.info.phases.last_mut() {
        phase.end = Some(end);
        step_us = phase.start.step_to(&end) as f64 / 1000.0;
        name.clone_from(&phase.name);
    }
    if step_us.abs() > 1000.0 {
        session.info.warnings.push(Warning::ClockStep {
            phase: name.clone(),
            step_us,
        });
    }
    session.save()
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
        }),
        Some(reason) => Some(Warning::StoppedEarly {
            phase,
            workload,
            reason: reason.to_owned(),
            ran_s,
        }),
        None => None,
    }
}

fn note_result(
    session: &mut Session<'_>,
    phase: &PhaseRun,
    length: PhaseLength,
    result: &PhaseResult,
) {
    let stopped_ns = phase.stop.asked_since().map(|at| session.clock.ns_of(at));
    for part in &result.streams {
        let Some(stream) = session.info.streams.get_mut(usize::from(part.stream)) else {
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
            matches!(warning, Warning::RowsUsedUp { phase, workload, .. } | Warning::StoppedEarly { phase, workload, .. }
                if (phase, workload) == (&stream.phase, &stream.workload))
        };
        if !session.info.warnings.iter().any(is_told) {
            session.info.warnings.extend(ended_early(stream, length));
        }
    }
    for (stream, outcome, text) in &result.texts {
        let Some(stream) = session.info.streams.get(usize::from(stream.0)) else {
            continue;
        };
        let part = stream
            .part
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        let at = format!("{}/{part}/{}", stream.phase, stream.workload);
        if session
            .info
            .errors
            .iter()
            .filter(|kept| kept.stream == at)
            .count()
            < 10
        {
            session.info.errors.push(KeptError {
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
