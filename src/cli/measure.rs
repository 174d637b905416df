//! Preparation and phases of a run, with their progress.

use std::time::Duration;

use tokio::time::Instant;

use super::{CliError, environment, live::watch, machine::Sampler, session::Session, signals::Asked};
use crate::{
    load::{
        Engine, PREPARE, PhaseResult, PhaseRun, ROWS_USED_UP, RunIds, Stop, nothing_earlier, phase_run,
        prepare::{self, Decision, PrepareContext, collection_state},
    },
    milvus::{Client, SetupError},
    operation::setup,
    plan::{CollectionPlan, PhaseLength, Plan},
    record::{CollectionState, KeptError, PhaseInfo, StreamInfo, Warning},
};

/// Time between the order to begin and the first slot: every thread has its tasks by then.
const RUN_UP: Duration = Duration::from_millis(50);

/// Prepares every collection; `created` holds the indices of those that this run made, also when it fails half way.
pub(crate) async fn prepare(
    session: &mut Session<'_>,
    plan: &Plan,
    context: &mut PrepareContext<'_>,
    created: &mut Vec<usize>,
    replace: &[String],
) -> Result<(), CliError> {
    let decisions = prepare::decide(context, plan, replace).await.map_err(CliError::new)?;
    begin_phase(session, PREPARE)?;
    let mut signals = session.signals.clone();
    let stop = context.stop.clone();
    for (index, (collection, decision)) in plan.collections.iter().zip(decisions).enumerate() {
        let decision = decide_again(&context.client, collection, decision, replace).await?;
        session.progress.step(&format!("{PREPARE}: {decision} collection {}", collection.shape.name));
        if decision != Decision::Keep {
            created.push(index);
        }
        tokio::select! {
            result = prepare::carry_out(context, collection, decision) => result.map_err(CliError::new)?,
            () = signals.wait() => {
                stop.ask(Stop::Abort);
                return Err(CliError::new("interrupted while preparing"));
            }
        }
    }
    // For a run that is killed later.
    context.recorder.flush();
    note_steps(session, context);
    end_phase(session)
}

/// What holds a moment before the change: the collections before this one may have taken minutes, in which others go on.
async fn decide_again(client: &Client, collection: &CollectionPlan, decision: Decision, replace: &[String]) -> Result<Decision, CliError> {
    if decision != Decision::Recreate {
        return Ok(decision);
    }
    let name = &collection.shape.name;
    match mark(client, collection).await.map_err(|error| CliError::new(format!("collection {name}: {error}")))? {
        Found::Nothing => Ok(Decision::Create),
        Found::Foreign if !replace.contains(name) => Err(CliError::new(format!(
            "collection {name} was replaced by one that milvus-bench did not create while this run prepared, so it is left alone: choose another name, or allow \
             its loss with --replace {name}"
        ))),
        Found::Foreign | Found::Ours(_) => Ok(decision),
    }
}

/// Whose a collection is.
enum Found {
    Nothing,
    Foreign,
    /// Ours, with its fingerprint.
    Ours(String),
}

async fn mark(client: &Client, collection: &CollectionPlan) -> Result<Found, SetupError> {
    let Some(found) = client.describe_collection(&collection.shape.name).await? else { return Ok(Found::Nothing) };
    let mark = found.schema.as_ref().and_then(|schema| setup::parse_mark(&schema.description));
    Ok(mark.map_or(Found::Foreign, |mark| Found::Ours(mark.to_owned())))
}

/// Drops what this run created and is not to be kept; says whether anything was to be dropped. That it wanted to create a
/// collection proves nothing: somebody else may have been faster, so the mark is looked at.
pub(crate) async fn drop_created(session: &mut Session<'_>, plan: &Plan, context: &mut PrepareContext<'_>, created: &[usize]) -> bool {
    let mut any = false;
    for collection in created.iter().filter_map(|index| plan.collections.get(*index)) {
        if collection.keep {
            continue;
        }
        let not_dropped = match mark(&context.client, collection).await {
            Ok(Found::Nothing) => continue,
            Ok(Found::Ours(mark)) if mark == collection.fingerprint => {
                any = true;
                prepare::drop_again(context, collection).await.err().map(|error| error.to_string())
            }
            Ok(Found::Ours(_) | Found::Foreign) => Some("it is not the one that this run created".to_owned()),
            Err(error) => Some(error.to_string()),
        };
        if let Some(why) = not_dropped {
            session.progress.warn(&format!("collection {} was not dropped: {why}", collection.shape.name));
        }
    }
    any
}

/// Notes when each step of preparation began and ended, and how often it was done.
pub(crate) fn note_steps(session: &mut Session<'_>, context: &PrepareContext<'_>) {
    let steps = context.spans.iter().zip(&context.counts).zip(&mut session.info.streams);
    for ((span, count), stream) in steps {
        let Some((start, end)) = span else { continue };
        (stream.start_ns, stream.end_ns) = (*start, Some(*end));
        (stream.due, stream.sent) = (*count, *count);
    }
}

/// Runs one phase after the other.
pub(crate) async fn phases(session: &mut Session<'_>, plan: &Plan, engine: &Engine, client: &Client, ids: RunIds) -> Result<(), CliError> {
    let mut earlier = nothing_earlier(plan);
    for number in 0..plan.phases.len() {
        if session.signals.asked() != Asked::Nothing || session.info.aborted.is_some() {
            break;
        }
        let name = &plan.phases[number].name;
        note_collections(session, plan, client, &format!("before {name}")).await;
        begin_phase(session, name)?;
        session.machine = Some(Sampler::begin(plan, &session.info.pinned, session.clock.now_ns()).await);
        let cpu = environment::process_cpu_s();
        let phase = phase_run(plan, number, &session.info.streams, ids, Instant::now() + RUN_UP, &earlier);
        let started = session.clock.ns_of(phase.start);
        note_starts(session, &phase, started)?;
        let mut running = engine.begin(&phase);
        let result = watch(session, plan, number, &mut running, &phase).await?;
        for (index, numbers) in plan.phases[number].workloads.iter().zip(&result.earlier) {
            earlier[*index].clone_from(numbers);
        }
        note_result(session, &phase, plan.phases[number].length, &result);
        let machine = session.machine.take().and_then(Sampler::finish);
        if let Some(info) = session.info.phases.last_mut() {
            info.machine = machine;
            info.cpu_s = Some(environment::process_cpu_s() - cpu);
            info.thread_cpu_max = Some(result.thread_cpu_max);
        }
        end_phase(session)?;
        if let Some(aborted) = &session.info.aborted {
            let require = session.info.thresholds.get(aborted.threshold).map(|info| info.require.as_str()).unwrap_or_default();
            session.progress.warn(&format!("threshold {require} at {}: {}", aborted.at, aborted.sentence));
        }
        note_collections(session, plan, client, &format!("after {name}")).await;
    }
    Ok(())
}

/// When each part of the phase begins: in run.json before the first request, for a run that is killed.
fn note_starts(session: &mut Session<'_>, phase: &PhaseRun, started: u64) -> Result<(), CliError> {
    for part in phase.streams.iter().flat_map(|stream| &stream.parts) {
        if let Some(stream) = session.info.streams.get_mut(usize::from(part.stream.0)) {
            stream.start_ns = started + nanos(part.start);
        }
    }
    session.save()
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn begin_phase(session: &mut Session<'_>, name: &str) -> Result<(), CliError> {
    if name != PREPARE {
        session.progress.step(&format!("phase {name}"));
    }
    session.info.phases.push(PhaseInfo { name: name.to_owned(), start: session.clock.anchor(), ..PhaseInfo::default() });
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
        session.info.warnings.push(Warning::ClockStep { phase: name.clone(), step_us });
    }
    session.save()
}

async fn note_collections(session: &mut Session<'_>, plan: &Plan, client: &Client, when: &str) {
    for collection in &plan.collections {
        let state = collection_state(client, &collection.shape, when).await;
        if let Some(phase) = when.strip_prefix("before ") {
            session.info.warnings.extend(doubts(phase, &state));
        }
        session.info.collections.push(state);
    }
}

/// What is doubtful about a collection at the beginning of a phase.
fn doubts(phase: &str, state: &CollectionState) -> Vec<Warning> {
    let (phase, collection) = (phase.to_owned(), state.name.clone());
    let unfinished = state.index_state.as_ref().filter(|index| *index != "finished").map(|index| Warning::IndexUnfinished {
        phase: phase.clone(),
        collection: collection.clone(),
        state: index.clone(),
    });
    let bare = state.unindexed_rows.filter(|rows| *rows > 0).map(|rows| Warning::ServedByBruteForce { phase, collection, rows });
    unfinished.into_iter().chain(bare).collect()
}

/// The warning about a stream that stopped by itself. Rows that are used up are what an exhausted phase waits for.
fn ended_early(stream: &StreamInfo, length: PhaseLength) -> Option<Warning> {
    let (phase, workload) = (stream.phase.clone(), stream.workload.clone());
    match stream.stopped.as_deref() {
        Some(ROWS_USED_UP) if length == PhaseLength::Exhausted => None,
        Some(ROWS_USED_UP) => Some(Warning::RowsUsedUp { phase, workload }),
        Some(reason) => Some(Warning::StoppedEarly { phase, workload, reason: reason.to_owned() }),
        None => None,
    }
}

fn note_result(session: &mut Session<'_>, phase: &PhaseRun, length: PhaseLength, result: &PhaseResult) {
    let now = session.clock.now_ns();
    let stopped_early = session.signals.asked() != Asked::Nothing || session.info.aborted.is_some();
    for part in &result.streams {
        let Some(stream) = session.info.streams.get_mut(usize::from(part.stream)) else { continue };
        let planned = phase.streams.iter().flat_map(|stream| &stream.parts).find(|planned| planned.stream.0 == part.stream);
        // A part without a length of its own, or one that was cut, ended with its last request.
        let planned = planned
            .and_then(|planned| planned.duration)
            .map(|length| stream.start_ns + nanos(length))
            .filter(|end| !stopped_early || *end <= now);
        stream.end_ns = Some(planned.unwrap_or(part.last_done_ns.max(stream.start_ns)));
        stream.due = part.due;
        stream.sent = part.sent;
        stream.in_flight_max = part.in_flight_max;
        stream.in_flight_waits = part.in_flight_waits;
        stream.stopped.clone_from(&part.stopped);
        session.info.warnings.extend(ended_early(stream, length));
    }
    for (stream, outcome, text) in &result.texts {
        let Some(stream) = session.info.streams.get(usize::from(stream.0)) else { continue };
        let part = stream.part.as_ref().map(ToString::to_string).unwrap_or_default();
        let at = format!("{}/{part}/{}", stream.phase, stream.workload);
        if session.info.errors.iter().filter(|kept| kept.stream == at).count() < 10 {
            session.info.errors.push(KeptError { stream: at, outcome: outcome.to_string(), text: text.clone() });
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
            ..StreamInfo::default()
        };
        let warning = ended_early(&stream, length).map(|warning| warning.to_string());
        assert_eq!(warning.is_some(), expected.is_some(), "{warning:?}");
        assert!(warning.unwrap_or_default().contains(expected.unwrap_or_default()));
    }

    #[test]
    fn only_rows_that_are_used_up_are_called_that() {
        let timed = PhaseLength::Duration(Duration::from_secs(1));
        check(None, timed, None);
        check(Some("its rows are used up"), timed, Some("were used up before phase alone ended"));
        check(Some("its rows are used up"), PhaseLength::Exhausted, None);
        let timer = Some("workload ingest stopped before phase alone ended: the timer failed");
        check(Some("the timer failed: out of memory"), timed, timer);
        check(Some("the timer failed: out of memory"), PhaseLength::Exhausted, timer);
    }
}
