//! The whole run, in the order in which it happens.

use std::sync::Arc;

use super::{
    capacity,
    collections::Prepared,
    ended::RunEnded,
    error::{RunError, RunErrorKind},
    explain::{analyse_run, verdict_name},
    options::RunOptions,
    phases::phases,
    prepare::{Preparation, clean_up, prepare},
    reach::reach,
    recording::{Recording, interrupted_early},
    reports,
    signals::{Asked, Signals, Stage},
    spans::{self, OpenSource},
    stack,
    state::Run,
    threads::LoadThreads,
    watcher::{Watcher, within},
};
use crate::{
    load::{Engine, EngineOptions, connect_options},
    milvus::Transport,
    plan::Plan,
    record::{Recorder, Status},
};

/// Runs a scenario once: prepares its collections, sends its load, reads the server's spans,
/// analyses, writes reports. What was measured is never lost: a failure ends the measuring, and the
/// rest is done with what there is.
///
/// With `stack` the plan is changed where the local stack has no Jaeger.
///
/// # Errors
/// The options can't be met on this machine, or the run folder can't be made. Whatever fails later
/// stands in [`RunEnded`].
pub async fn run(
    plan: &mut Plan,
    options: &RunOptions,
    signals: &Signals,
    watcher: &Arc<dyn Watcher>,
) -> Result<RunEnded, RunError> {
    signals.enter(Stage::Measuring);
    let mut run = Run::create(plan, options, signals, watcher)?;
    let failure = match open(&mut run, plan, options).await {
        Ok((transport, source)) => {
            let loaded = load(&mut run, plan, options, transport, source.as_ref()).await;
            note_end(&mut run, plan, loaded.as_ref().err());
            read_spans(&mut run, plan, source).await;
            loaded.err()
        }
        Err(NotOpen::Failed(error)) => {
            run.fail(&error);
            Some(error)
        }
        Err(NotOpen::Interrupted) => {
            interrupted_early(&mut run);
            None
        }
    };
    let asked = signals.asked();
    signals.enter(Stage::Finishing);
    Ok(explain(run, options, failure, asked))
}

/// Why a run came to no preparation.
enum NotOpen {
    Failed(RunError),
    Interrupted,
}

impl From<RunError> for NotOpen {
    fn from(error: RunError) -> Self {
        NotOpen::Failed(error)
    }
}

/// Reaches Milvus, which comes before everything else, and opens the source of spans: the embedded
/// receiver must listen before the load, and Jaeger's drop counters are read before and after.
async fn open(
    run: &mut Run,
    plan: &mut Plan,
    options: &RunOptions,
) -> Result<(Transport, Option<OpenSource>), NotOpen> {
    let signals = run.signals.clone();
    let reached = signals
        .unless_asked(Asked::Nothing, reach_milvus(run, plan, options))
        .await;
    let transport = reached.ok_or(NotOpen::Interrupted)??;
    run.tell_warnings();
    if options.calibrate {
        capacity::calibrate_first(&signals, run.watcher.as_ref()).await;
    }
    let opened = signals
        .unless_asked(Asked::Nothing, spans::open_early(run, plan))
        .await;
    Ok((transport, opened.ok_or(NotOpen::Interrupted)??))
}

/// Milvus, which `stack` may have to start.
async fn reach_milvus(
    run: &mut Run,
    plan: &mut Plan,
    options: &RunOptions,
) -> Result<Transport, RunError> {
    if options.stack {
        let warning = stack::ensure(plan, run.watcher.as_ref()).await?;
        run.info.warnings.extend(warning);
    }
    let reached = reach(plan, &run.watcher).await?;
    if let Some(lacks) = reached
        .version
        .as_deref()
        .and_then(|said| plan.lacks_of(said))
    {
        return Err(RunError::new(RunErrorKind::Collection, lacks));
    }
    let version = reached
        .version
        .unwrap_or_else(|| "unknown (GetVersion is not available)".to_owned());
    run.info.servers.insert("milvus".to_owned(), version);
    Ok(reached.transport)
}

/// Everything that is recorded: preparation, phases, clean-up.
async fn load(
    run: &mut Run,
    plan: &Plan,
    options: &RunOptions,
    transport: Transport,
    source: Option<&OpenSource>,
) -> Result<(), RunError> {
    let mut recording = Recording::begin(run, plan, source)?;
    let recorders = (0..run.info.threads)
        .map(|_| recording.writer.recorder())
        .collect();
    let preparation = Preparation::new(run, plan, options, transport);
    let renewing = preparation.renew_claims();
    let mut context = preparation.context(run, plan, &mut recording);
    let sent = match prepare(run, plan, &mut context).await {
        Ok(()) => send(run, plan, preparation.prepared(), recorders).await,
        Err(error) => {
            // The writer ends when the last recorder is gone.
            drop(recorders);
            Err(error)
        }
    };
    context.root = recording.roots.clean_up;
    clean_up(run, plan, context, renewing).await;
    sent.and(recording.end(run, plan))
}

/// The phases, each after the other, on threads of their own.
async fn send(
    run: &mut Run,
    plan: &Plan,
    prepared: Prepared<'_>,
    recorders: Vec<Recorder>,
) -> Result<(), RunError> {
    let LoadThreads { cores, precise, .. } = run.threads.clone();
    let options = EngineOptions {
        cores,
        precise,
        ..EngineOptions::new(connect_options(plan), run.clock)
    };
    let connecting = run.waiting(
        "connecting the load threads to Milvus",
        &within(options.connect.connect_timeout),
    );
    let engine = Engine::start(&options, recorders)
        .await
        .map_err(RunError::of(RunErrorKind::Load))?;
    drop(connecting);
    let sent = phases(run, plan, &engine, prepared).await;
    let _ending = run.waiting(
        "waiting for the load threads to end",
        "until their last requests are given up",
    );
    // Joins the load threads; their last interval is handed over by that.
    let _ = tokio::task::spawn_blocking(move || engine.finish()).await;
    sent
}

/// The run in run.json as it ended, with how much the load used of what this client can generate,
/// so that reports need nothing but the folder.
fn note_end(run: &mut Run, plan: &Plan, failure: Option<&RunError>) {
    run.info.status = match (failure, run.signals.asked()) {
        (_, Asked::Interrupt | Asked::Terminate) => Status::Interrupted,
        (Some(_), _) => Status::Failed,
        (None, _) if run.info.aborted.is_some() => Status::Aborted,
        (None, _) => Status::Complete,
    };
    run.info.failure = failure.map(ToString::to_string);
    capacity::note(run, plan);
    run.folder.note_files(&mut run.info);
    run.save_or_warn();
}

/// The server's spans; after SIGTERM they are not waited for.
async fn read_spans(run: &mut Run, plan: &Plan, source: Option<OpenSource>) {
    if !run.loaded() {
        return;
    }
    match run.signals.asked() {
        Asked::Terminate => spans::leave_out(run, plan, source.as_ref()),
        _ => spans::collect(run, plan, source).await,
    }
}

/// Analyses what there is and writes the reports.
fn explain(
    mut run: Run,
    options: &RunOptions,
    failure: Option<RunError>,
    asked: Asked,
) -> RunEnded {
    let ended = RunEnded {
        folder: run.folder.clone(),
        analysis: None,
        failure,
        unwritten: None,
        loaded: run.loaded(),
        asked,
    };
    if !ended.loaded && asked == Asked::Nothing {
        let nothing = || RunError::new(RunErrorKind::NothingMeasured, "nothing was measured");
        return RunEnded {
            analysis: reports::of_unmeasured(&run, &options.reports),
            failure: Some(ended.failure.unwrap_or_else(nothing)),
            ..ended
        };
    }
    // Told first: whatever fails from here on, the run is there.
    run.watcher.measured(run.folder.path());
    let folder = run.folder.path().display();
    let _reporting = run.waiting(
        "making the reports of the run",
        &format!("until they are written; the measurement is in {folder}"),
    );
    let analysis = match run.reader().and_then(|reader| analyse_run(&reader)) {
        Ok(analysis) => analysis,
        Err(error) => {
            return RunEnded {
                failure: Some(error),
                ..ended
            };
        }
    };
    run.info.verdict = Some(verdict_name(analysis.verdict.state).to_owned());
    // What can't be written or made takes neither the rest with it nor what is printed.
    let saved = run.save();
    run.watcher.analysed(&analysis);
    let written = reports::write(
        &run.folder,
        &analysis,
        &options.reports,
        run.watcher.as_ref(),
    );
    RunEnded {
        analysis: Some(analysis),
        unwritten: saved.and(written).err(),
        ..ended
    }
}
