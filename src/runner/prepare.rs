//! Collections before the load and after it: made ready, and dropped again.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use super::{
    collections::Prepared,
    error::{RunError, RunErrorKind},
    options::RunOptions,
    phase_info::{begin_phase, end_phase},
    recording::Recording,
    signals::Asked,
    state::Run,
};
use crate::{
    load::{
        Stop, StopHandle,
        prepare::{Claims, Dropped, PrepareContext, Renewing, carry_out, decide, drop_again},
    },
    milvus::{Client, Transport},
    plan::Plan,
    record::{PREPARATION, StreamInfo, Warning},
};

/// Shows a sentence.
type Tell = Box<dyn Fn(String) + Send + Sync>;

/// What preparation works with.
pub(super) struct Preparation<'a> {
    client: Client,
    transport: Transport,
    claims: Claims,
    streams: Vec<StreamInfo>,
    replace: &'a [String],
    now: Tell,
    step: Tell,
}

impl<'a> Preparation<'a> {
    pub(super) fn new(
        run: &Run,
        plan: &Plan,
        options: &'a RunOptions,
        transport: Transport,
    ) -> Self {
        let client = Client::new(
            transport.clone(),
            plan.milvus.timeout.max(Duration::from_secs(60)),
        );
        let claims = Claims::new(
            client.clone(),
            plan.milvus.database.as_deref(),
            &run.info.run,
            &run.info.nonce,
        );
        let (of_now, of_step) = (Arc::clone(&run.watcher), Arc::clone(&run.watcher));
        let one_at_a_time = Mutex::new(());
        Self {
            client,
            transport,
            claims,
            streams: run.info.streams.clone(),
            replace: &options.replace,
            now: Box::new(move |text| {
                let _one_at_a_time = one_at_a_time.lock();
                of_now.now(&text);
            }),
            step: Box::new(move |text| of_step.step(&text)),
        }
    }

    /// The same for the steps of the run's preparation, with what they come to.
    pub(super) fn context(
        &self,
        run: &Run,
        plan: &Plan,
        recording: &mut Recording,
    ) -> PrepareContext<'_> {
        PrepareContext {
            client: self.client.clone(),
            transport: self.transport.clone(),
            recorder: recording.writer.recorder(),
            clock: run.clock,
            streams: &self.streams,
            single: plan.collections.len() == 1,
            nonce: run.nonce,
            seed: plan.seed,
            root: recording.roots.prepare,
            stop: StopHandle::default(),
            progress: &self.now,
            remarks: &self.step,
            counts: Vec::new(),
            spans: Vec::new(),
            errors: Vec::new(),
            ending: false,
            replace: self.replace,
            claims: self.claims.clone(),
            begun: Vec::new(),
            unmarked: Vec::new(),
        }
    }

    /// What it leaves to the phases.
    pub(super) fn prepared(&self) -> Prepared<'_> {
        Prepared {
            client: &self.client,
            claims: &self.claims,
        }
    }

    /// Keeps the run's marks on its collections fresh as long as what is returned lives.
    pub(super) fn renew_claims(&self) -> Renewing {
        self.claims.renew()
    }
}

/// Prepares every collection.
pub(super) async fn prepare(
    run: &mut Run,
    plan: &Plan,
    context: &mut PrepareContext<'_>,
) -> Result<(), RunError> {
    let signals = run.signals.clone();
    let stop = context.stop.clone();
    let interrupted = || {
        stop.ask(Stop::Abort);
        RunError::new(RunErrorKind::Interrupted, "interrupted while preparing")
    };
    let decided = signals
        .unless_asked(Asked::Nothing, decide(context, plan))
        .await;
    let decisions = decided
        .ok_or_else(interrupted)?
        .map_err(RunError::of(RunErrorKind::Collection))?;
    begin_phase(run, PREPARATION)?;
    for (index, decision) in decisions.into_iter().enumerate() {
        run.watcher.step(&format!(
            "{PREPARATION}: {decision} collection {}",
            plan.collections[index].shape.name
        ));
        let done = signals
            .unless_asked(Asked::Nothing, carry_out(context, plan, index, decision))
            .await;
        done.ok_or_else(interrupted)?
            .map_err(RunError::of(RunErrorKind::Collection))?;
    }
    for (collection, reason) in context.unmarked.drain(..) {
        let warning = Warning::NotMarked { collection, reason };
        run.watcher.warn(&warning.to_string());
        run.info.warnings.push(warning);
    }
    // For a run that is killed later.
    context.recorder.flush();
    note_steps(run, context);
    end_phase(run)
}

/// Drops what this run created and is not to be kept, and takes its marks off the rest. Notes what
/// all steps came to, those of preparation too.
pub(super) async fn clean_up(
    run: &mut Run,
    plan: &Plan,
    mut context: PrepareContext<'_>,
    renewing: Renewing,
) {
    context.ending = true;
    let from = run.clock.now_ns();
    let dropped = drop_created(run, plan, &mut context).await;
    drop(renewing);
    run.cleaned_up = dropped.then(|| (from, run.clock.now_ns()));
    note_steps(run, &context);
    run.info.errors.append(&mut context.errors);
    context.recorder.finish();
}

/// Drops what this run created and is not to be kept; says whether anything was. Marks on
/// the rest are taken off.
async fn drop_created(run: &mut Run, plan: &Plan, context: &mut PrepareContext<'_>) -> bool {
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
        match drop_again(context, collection).await {
            Dropped::Yes => any = true,
            Dropped::Absent => {}
            Dropped::No(why) => run
                .watcher
                .warn(&format!("collection {name} was not dropped: {why}")),
        }
    }
    context.claims.release_all().await;
    any
}

/// Notes when each step of preparation began and ended, and how often it was done.
fn note_steps(run: &mut Run, context: &PrepareContext<'_>) {
    let steps = context
        .spans
        .iter()
        .zip(&context.counts)
        .zip(&mut run.info.streams);
    for ((span, count), stream) in steps {
        let Some((start, end)) = span else { continue };
        (stream.start_ns, stream.end_ns) = (*start, Some(*end));
        (stream.due, stream.sent) = (*count, *count);
    }
}
