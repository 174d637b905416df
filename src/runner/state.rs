//! What is known of the run that is under way, and run.json, which has it on disk.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::SystemTime,
};

use super::{
    alive,
    error::{RunError, RunErrorKind},
    from_plan::{threshold, warnings},
    machine::Sampler,
    options::{RunOptions, RunPlace},
    signals::Signals,
    threads::{LoadThreads, Machine},
    watcher::{WaitGuard, Watcher},
};
use crate::{
    analysis::judgement::thresholds::watch::Watch,
    load::{RunIds, streams},
    plan::Plan,
    record::{FORMAT, RunClock, RunFolder, RunInfo, RunReader, Status, environment},
    telemetry::Nonce,
};

/// A run that is under way.
pub(super) struct Run {
    pub(super) folder: RunFolder,
    /// What run.json says, or will when it can be written.
    pub(super) info: RunInfo,
    pub(super) watcher: Arc<dyn Watcher>,
    pub(super) signals: Signals,
    pub(super) clock: RunClock,
    pub(super) threads: LoadThreads,
    /// What runs on this machine beside the phase that runs.
    pub(super) machine: Option<Sampler>,
    pub(super) nonce: Nonce,
    /// Thresholds that may end the run; filled by the writer's thread.
    pub(super) watch: Arc<Mutex<Watch>>,
    /// Whether run.json could not be written, and is not what `info` is.
    unsaved: AtomicBool,
    /// Moments between which collections were dropped after the load, nanoseconds since the run's
    /// start.
    pub(super) cleaned_up: Option<(u64, u64)>,
}

impl Run {
    /// Makes the folder and begins run.json.
    pub(super) fn create(
        plan: &Plan,
        options: &RunOptions,
        signals: &Signals,
        watcher: &Arc<dyn Watcher>,
    ) -> Result<Self, RunError> {
        let threads = LoadThreads::resolve(options, &Machine::here())?;
        let nonce = Nonce(rand::random());
        let folder = begin_folder(plan, &options.place, nonce, watcher.as_ref())?;
        let clock = RunClock::start();
        let info = RunInfo {
            format: FORMAT,
            name: plan.name.clone(),
            run: folder_name(&folder).unwrap_or_else(|| plan.name.clone()),
            description: plan.description.clone(),
            process: alive::this_process(),
            nonce: nonce.to_string(),
            seed: plan.seed,
            round: Some(plan.round),
            command_line: options.command_line.clone(),
            tool: environment::tool(),
            environment: environment::machine(),
            plan: plan.resolved.clone(),
            start: clock.anchor(),
            threads: threads.count,
            threads_given: Some(threads.given),
            pinned: threads.cores.clone(),
            precise: threads.precise,
            streams: streams(plan),
            thresholds: plan.thresholds.iter().map(threshold).collect(),
            trace_link: plan.tracing.link.clone(),
            warnings: warnings(plan),
            ..RunInfo::default()
        };
        let watch = Watch::new(&info.thresholds, &info.streams, info.threads);
        let run = Self {
            folder,
            info,
            watcher: Arc::clone(watcher),
            signals: signals.clone(),
            clock,
            threads,
            machine: None,
            nonce,
            watch: Arc::new(Mutex::new(watch)),
            unsaved: AtomicBool::new(false),
            cleaned_up: None,
        };
        run.save()?;
        Ok(run)
    }

    /// Tells of the doubts that there are before the first request.
    pub(super) fn tell_warnings(&self) {
        for warning in &self.info.warnings {
            self.watcher.warn(&warning.to_string());
        }
    }

    /// Something is waited for as long as what is returned lives.
    pub(super) fn waiting(&self, what: &str, until: &str) -> WaitGuard {
        self.watcher.waiting(what, until)
    }

    /// Writes run.json with what is known of the machine in the phase that runs, for a run that is
    /// killed. What a disk does not take now is written at the end of the phase.
    pub(super) fn save_machine(&mut self) {
        let found = self.machine.as_ref().and_then(Sampler::found);
        if let Some(phase) = self.info.phases.last_mut().filter(|_| found.is_some()) {
            phase.machine = found;
            if self.folder.refresh_info(&self.info) {
                self.unsaved.store(false, Ordering::Relaxed);
            }
        }
    }

    /// Writes run.json.
    pub(super) fn save(&self) -> Result<(), RunError> {
        if self.info.status != Status::Running {
            self.folder.release();
        }
        let saved = self.folder.write_info(&self.info);
        self.unsaved.store(saved.is_err(), Ordering::Relaxed);
        saved.map_err(RunError::of(RunErrorKind::Folder))
    }

    /// The same where the run goes on without it.
    pub(super) fn save_or_warn(&self) {
        if let Err(error) = self.save() {
            self.watcher.warn(&error.to_string());
        }
    }

    /// A reader of what was measured, also where run.json could not be written.
    pub(super) fn reader(&self) -> Result<RunReader, RunError> {
        if self.unsaved.load(Ordering::Relaxed) {
            return Ok(RunReader::with_info(&self.folder, self.info.clone()));
        }
        RunReader::open(self.folder.path()).map_err(RunError::of(RunErrorKind::Folder))
    }

    /// Marks the run as failed; what is on disk stays.
    pub(super) fn fail(&mut self, why: &RunError) {
        self.info.status = Status::Failed;
        self.info.failure = Some(why.to_string());
        self.save_or_warn();
    }

    /// Whether a phase of load began.
    pub(super) fn loaded(&self) -> bool {
        self.info.phases.iter().any(|phase| !phase.is_preparation())
    }

    /// What the ids of its requests are made of.
    pub(super) fn ids(&self, plan: &Plan) -> RunIds {
        RunIds::new(self.nonce, plan.seed, plan.round)
    }

    /// The run's id: the name of its folder.
    pub(super) fn id(&self) -> String {
        self.info.run.clone()
    }
}

/// Makes the folder with the scenario in it, and room for run.json on its disk.
fn begin_folder(
    plan: &Plan,
    place: &RunPlace,
    nonce: Nonce,
    watcher: &dyn Watcher,
) -> Result<RunFolder, RunError> {
    let folder = match place {
        RunPlace::At(folder) => RunFolder::create_at(folder),
        RunPlace::In(results) => {
            RunFolder::create_in(results, &plan.name, SystemTime::now(), nonce.0 as u16)
        }
    }
    .map_err(RunError::of(RunErrorKind::Folder))?;
    folder
        .write("scenario.toml", plan.source.as_bytes())
        .map_err(RunError::of(RunErrorKind::Folder))?;
    folder.reserve();
    if let RunPlace::In(results) = place
        && let Some(sentence) = folder.point_latest(results)
    {
        watcher.warn(&sentence);
    }
    Ok(folder)
}

/// None for a folder such as `.`, whose path ends in no name.
fn folder_name(folder: &RunFolder) -> Option<String> {
    folder
        .path()
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
}
