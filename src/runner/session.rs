//! One run from its folder to its last span: what is open, and in which order it is closed.

mod from_plan;

use std::{
    collections::BTreeMap,
    ffi::OsString,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

pub(crate) use self::from_plan::{connect_options, export_options};
use self::from_plan::{threshold, warnings};
use super::{
    alive,
    collections::Prepared,
    load_threads::{LoadThreads, Machine},
    machine::Sampler,
    phases as measure,
    signals::{Asked, Signals},
    spans as collect,
};
use crate::{
    analysis::judgement::thresholds::watch::Watch,
    calibrate,
    cli::{CliError, progress::Progress, run::RunArguments, waits::within},
    load::{
        ClientSpans, Engine, EngineOptions, RunIds, SpanContext, prepare, query_numbers, streams,
    },
    milvus::{Client, ConnectOptions, Transport},
    plan::Plan,
    record::{
        ExportInfo, FORMAT, Interval, PREPARATION, RunClock, RunFolder, RunInfo, RunReader,
        RunWriter, Status, Warning, environment,
    },
    spans::SpanSource,
    telemetry::{ClientSpan, ExportOptions, Exporter, IdStream, Nonce, RequestIds, SpanTemplate},
};

/// How a run ended, as far as it came.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Why it could not go on.
    pub(crate) failure: Option<CliError>,
    /// What the user asked for.
    pub(crate) asked: Asked,
}

/// A run that is under way.
pub(crate) struct Session<'a> {
    pub(crate) folder: RunFolder,
    pub(crate) info: RunInfo,
    pub(crate) progress: &'a Progress,
    pub(crate) signals: Signals,
    pub(crate) clock: RunClock,
    arguments: &'a RunArguments,
    load_threads: LoadThreads,
    /// What runs on this machine beside the phase that runs.
    pub(crate) machine: Option<Sampler>,
    nonce: Nonce,
    /// Thresholds that may end the run; filled by the writer's thread.
    pub(crate) watch: Arc<Mutex<Watch>>,
    /// Whether run.json could not be written, and is not what `info` is.
    unsaved: AtomicBool,
    /// Moments between which collections were dropped after the load, nanoseconds since the run's
    /// start.
    cleaned_up: Option<(u64, u64)>,
}

/// Roots of the run's traces that hold more than one request. Hours can lie between the two, so
/// they are two stories.
#[derive(Clone, Copy)]
struct Roots {
    prepare: RequestIds,
    clean_up: RequestIds,
}

impl Roots {
    fn new(nonce: Nonce, seed: u64) -> Self {
        let root =
            |workload| IdStream::new(nonce, seed, PREPARATION, workload, "measured").ids(0, 0);
        Self {
            prepare: root(""),
            clean_up: root("clean-up"),
        }
    }
}

impl<'a> Session<'a> {
    /// Makes the folder and begins run.json.
    pub(crate) fn create(
        arguments: &'a RunArguments,
        plan: &Plan,
        progress: &'a Progress,
        signals: Signals,
    ) -> Result<Self, CliError> {
        let load_threads = LoadThreads::resolve(arguments, &Machine::here())?;
        let nonce = Nonce(rand::random());
        let folder = match &arguments.out {
            Some(out) => RunFolder::create_at(out),
            None => RunFolder::create_in(
                &arguments.results,
                &plan.name,
                SystemTime::now(),
                nonce.0 as u16,
            ),
        }
        .map_err(CliError::new)?;
        folder
            .write("scenario.toml", plan.source.as_bytes())
            .map_err(CliError::new)?;
        folder.reserve();
        if let Some(sentence) = arguments
            .out
            .is_none()
            .then(|| folder.point_latest(&arguments.results))
            .flatten()
        {
            progress.warn(&sentence);
        }
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
            command_line: command_line(),
            tool: environment::tool(),
            environment: environment::machine(),
            plan: plan.resolved.clone(),
            start: clock.anchor(),
            threads: load_threads.count,
            threads_given: Some(load_threads.given),
            pinned: load_threads.cores.clone(),
            precise: load_threads.precise,
            streams: streams(plan),
            thresholds: plan.thresholds.iter().map(threshold).collect(),
            trace_link: plan.tracing.link.clone(),
            warnings: warnings(plan),
            ..RunInfo::default()
        };
        let watch = Arc::new(Mutex::new(Watch::new(
            &info.thresholds,
            &info.streams,
            info.threads,
        )));
        let session = Self {
            folder,
            info,
            progress,
            signals,
            clock,
            arguments,
            load_threads,
            machine: None,
            nonce,
            watch,
            unsaved: AtomicBool::new(false),
            cleaned_up: None,
        };
        session.save()?;
        Ok(session)
    }

    /// Tells of the doubts that there are before the first request.
    pub(crate) fn say_warnings(&self) {
        for warning in &self.info.warnings {
            self.progress.warn(&warning.to_string());
        }
    }

    /// Writes run.json with what is known of the machine in the phase that runs, for a run that is
    /// killed. What a disk does not take now is written at the end of the phase.
    pub(crate) fn save_machine(&mut self) {
        let found = self.machine.as_ref().and_then(Sampler::found);
        if let Some(phase) = self.info.phases.last_mut().filter(|_| found.is_some()) {
            phase.machine = found;
            if self.folder.refresh_info(&self.info) {
                self.unsaved.store(false, Ordering::Relaxed);
            }
        }
    }

    /// Writes run.json.
    pub(crate) fn save(&self) -> Result<(), CliError> {
        if self.info.status != Status::Running {
            self.folder.release();
        }
        let saved = self.folder.write_info(&self.info).map_err(CliError::new);
        self.unsaved.store(saved.is_err(), Ordering::Relaxed);
        saved
    }

    /// A reader of what was measured, also where run.json could not be written.
    pub(crate) fn reader(&self) -> Result<RunReader, CliError> {
        if self.unsaved.load(Ordering::Relaxed) {
            return Ok(RunReader::with_info(&self.folder, self.info.clone()));
        }
        RunReader::open(self.folder.path()).map_err(CliError::new)
    }

    /// Marks the run as failed; what is on disk stays.
    pub(crate) fn fail(&mut self, why: &str) {
        self.info.status = Status::Failed;
        self.info.failure = Some(why.to_owned());
        if let Err(error) = self.save() {
            self.progress.warn(&error.to_string());
        }
    }

    /// Everything between the folder and the analysis. Never loses what was measured: a failure
    /// ends the measuring, and the rest is done with what there is.
    pub(crate) async fn run(&mut self, plan: &Plan, transport: Transport) -> Ended {
        let signals = self.signals.clone();
        let mut source = match signals
            .unless_asked(Asked::Nothing, collect::open_early(plan, self))
            .await
        {
            Some(Ok(source)) => source,
            Some(Err(error)) => {
                self.fail(&error.to_string());
                return Ended {
                    failure: Some(error),
                    asked: self.signals.asked(),
                };
            }
            None => return self.interrupted_early(),
        };
        let exporter = self.start_exporter(plan, &source);
        let roots = Roots::new(self.nonce, plan.seed);
        let streams = Arc::new(self.info.streams.clone());
        let mut queue = exporter.as_ref().map(Exporter::queue);
        let spans = ClientSpans::new(self.span_context(plan, roots), &streams);
        let mut of_writer = queue.clone();
        let watch = Arc::clone(&self.watch);
        let on_interval = Box::new(move |interval: &Interval| {
            // Held for a moment once a second by the run's thread, which looks at it. A poisoned
            // one watches no more.
            if let Ok(mut watch) = watch.lock() {
                watch.add(interval);
            }
            let Some(queue) = &mut of_writer else { return };
            interval
                .samples
                .iter()
                .filter(|sample| sample.sampled)
                .filter_map(|sample| spans.of(sample))
                .for_each(|span| queue.push(span));
            queue.flush();
        });
        let queries = query_numbers(
            plan,
            &streams,
            RunIds::new(self.nonce, plan.seed, plan.round),
        );
        let failure =
            match RunWriter::start_with_queries(&self.folder, streams, queries, on_interval) {
                Ok(mut writer) => {
                    let ended = self
                        .prepare_and_measure(plan, transport, &mut writer, roots)
                        .await;
                    if let Some(queue) = &mut queue {
                        self.root_spans(roots)
                            .into_iter()
                            .for_each(|span| queue.push(span));
                    }
                    let not_written = self.close(writer);
                    ended.err().or(not_written)
                }
                Err(error) => Some(CliError::new(error)),
            };
        drop(queue);
        self.finish_exporter(exporter);
        self.info.status = match (&failure, self.signals.asked()) {
            (_, Asked::Interrupt | Asked::Terminate) => Status::Interrupted,
            (Some(_), _) => Status::Failed,
            (None, _) if self.info.aborted.is_some() => Status::Aborted,
            (None, _) => Status::Complete,
        };
        self.info.failure = failure.as_ref().map(ToString::to_string);
        calibrate::note_capacity(self, plan);
        self.folder.note_files(&mut self.info);
        if let Err(error) = self.save() {
            self.progress.warn(&error.to_string());
        }
        if self.info.phases.iter().any(|phase| !phase.is_preparation()) {
            match self.signals.asked() {
                Asked::Terminate => collect::leave_out(self, plan, source.as_ref()),
                _ => collect::collect(self, plan, source.take()).await,
            }
        }
        Ended {
            failure,
            asked: self.signals.asked(),
        }
    }

    /// The end of a run that was interrupted before it had sent anything. Its folder can be read as
    /// any other.
    pub(crate) fn interrupted_early(&mut self) -> Ended {
        self.info.status = Status::Interrupted;
        let streams = Arc::new(self.info.streams.clone());
        match RunWriter::start(&self.folder, streams, Box::new(|_: &Interval| ())) {
            Ok(writer) => {
                if let Some(error) = self.close(writer) {
                    self.progress.warn(&error.to_string());
                }
            }
            Err(error) => self.progress.warn(&error.to_string()),
        }
        self.folder.note_files(&mut self.info);
        if let Err(error) = self.save() {
            self.progress.warn(&error.to_string());
        }
        Ended {
            failure: None,
            asked: self.signals.asked(),
        }
    }

    async fn prepare_and_measure(
        &mut self,
        plan: &Plan,
        transport: Transport,
        writer: &mut RunWriter,
        roots: Roots,
    ) -> Result<(), CliError> {
        let options = connect_options(plan);
        let client = Client::new(
            transport.clone(),
            plan.milvus.timeout.max(Duration::from_secs(60)),
        );
        let recorders = (0..self.info.threads).map(|_| writer.recorder()).collect();
        let streams = self.info.streams.clone();
        let progress = self.progress;
        let lines = Mutex::new(());
        let say = move |text: String| {
            let _one_at_a_time = lines.lock();
            progress.now(&text);
        };
        let tell = move |text: String| progress.step(&text);
        let stop = crate::load::StopHandle::default();
        let claims = prepare::Claims::new(
            client.clone(),
            plan.milvus.database.as_deref(),
            &self.info.run,
            &self.info.nonce,
        );
        let renewing = claims.renew();
        let mut context = prepare::PrepareContext {
            client: client.clone(),
            transport,
            recorder: writer.recorder(),
            clock: self.clock,
            streams: &streams,
            single: plan.collections.len() == 1,
            nonce: self.nonce,
            seed: plan.seed,
            root: roots.prepare,
            stop: stop.clone(),
            progress: &say,
            remarks: &tell,
            counts: Vec::new(),
            spans: Vec::new(),
            errors: Vec::new(),
            ending: false,
            replace: &self.arguments.replace,
            claims: claims.clone(),
            begun: Vec::new(),
            unmarked: Vec::new(),
        };
        let prepared = Prepared {
            client: &client,
            claims: &claims,
        };
        let measured = match measure::prepare(self, plan, &mut context).await {
            Ok(()) => self.measure(plan, prepared, &options, recorders).await,
            Err(error) => {
                drop(recorders);
                Err(error)
            }
        };
        context.root = roots.clean_up;
        context.ending = true;
        let from = self.clock.now_ns();
        let dropped = measure::drop_created(self, plan, &mut context).await;
        drop(renewing);
        self.cleaned_up = dropped.then(|| (from, self.clock.now_ns()));
        measure::note_steps(self, &context);
        self.info.errors.append(&mut context.errors);
        context.recorder.finish();
        measured
    }

    async fn measure(
        &mut self,
        plan: &Plan,
        prepared: Prepared<'_>,
        options: &ConnectOptions,
        recorders: Vec<crate::record::Recorder>,
    ) -> Result<(), CliError> {
        let LoadThreads { cores, precise, .. } = self.load_threads.clone();
        let options = EngineOptions {
            cores,
            precise,
            ..EngineOptions::new(options.clone(), self.clock)
        };
        let connecting = self.progress.waiting(
            "connecting the load threads to Milvus",
            within(options.connect.connect_timeout),
        );
        let engine = Engine::start(&options, recorders)
            .await
            .map_err(CliError::new)?;
        drop(connecting);
        let ids = RunIds::new(self.nonce, plan.seed, plan.round);
        let measured = measure::phases(self, plan, &engine, prepared, ids).await;
        let _ending = self.progress.waiting(
            "waiting for the load threads to end",
            "until their last requests are given up",
        );
        // Joins the load threads; their last interval is handed over by that.
        let _ = tokio::task::spawn_blocking(move || engine.finish()).await;
        measured
    }

    fn start_exporter(
        &mut self,
        plan: &Plan,
        source: &Option<collect::OpenSource>,
    ) -> Option<Exporter> {
        let mut options = match source.as_ref().and_then(collect::OpenSource::receiver) {
            Some(receiver) => ExportOptions::grpc(receiver, &plan.tracing.service_name),
            None => export_options(&plan.tracing)?,
        };
        options.resource = vec![("milvus_bench.run_id".to_owned(), self.run_id())];
        options
            .resource
            .extend(plan.tracing.resource.iter().cloned());
        let started = Exporter::start(&options);
        let error = started.as_ref().err().cloned();
        if let Some(error) = &error {
            self.progress.warn(error);
        }
        self.info.export = Some(ExportInfo {
            endpoint: options.endpoint,
            error,
            ..ExportInfo::default()
        });
        started.ok()
    }

    fn finish_exporter(&mut self, exporter: Option<Exporter>) {
        let Some(exporter) = exporter else { return };
        let sending = self
            .progress
            .waiting("sending the last of the client's own spans", "at most 30 s");
        let counters = exporter.finish();
        drop(sending);
        let export = self.info.export.get_or_insert_default();
        if counters.dropped > 0 {
            let why = counters
                .error
                .clone()
                .unwrap_or_else(|| "its queue was full".to_owned());
            self.progress.warn(&format!(
                "{} of the client's own spans were not exported to {}: {why}",
                counters.dropped, export.endpoint
            ));
        }
        (
            export.exported,
            export.dropped,
            export.retries,
            export.error,
        ) = (
            counters.exported,
            counters.dropped,
            counters.retries,
            counters.error,
        );
    }

    /// Gives why not all of it could be written.
    fn close(&mut self, writer: RunWriter) -> Option<CliError> {
        let writing = self.progress.waiting(
            "writing the last figures to the run folder",
            "until the disk has taken them",
        );
        let counters = writer.finish();
        drop(writing);
        for (stream, count) in &counters.not_recorded {
            if let Some(stream) = self.info.streams.get_mut(usize::from(*stream)) {
                stream.not_recorded = *count;
            }
        }
        let lost: u64 = counters.not_recorded.values().sum();
        if lost > 0 {
            self.info
                .warnings
                .push(Warning::NotRecorded { samples: lost });
        }
        if counters.failures_not_kept > 0 {
            self.info.warnings.push(Warning::FailuresNotKept {
                failures: counters.failures_not_kept,
            });
        }
        self.info.overflows = counters.overflows;
        self.info.cut = counters.cut;
        counters.error.map(CliError::new)
    }

    /// The run's id: the name of its folder.
    pub(crate) fn run_id(&self) -> String {
        self.info.run.clone()
    }

    fn span_context(&self, plan: &Plan, roots: Roots) -> SpanContext {
        let uri = url::Url::parse(&plan.milvus.uri).ok();
        SpanContext {
            run: self.run_id(),
            anchor: self.info.start,
            host: uri
                .as_ref()
                .and_then(|uri| uri.host_str())
                .unwrap_or_default()
                .to_owned(),
            port: uri
                .as_ref()
                .and_then(url::Url::port_or_known_default)
                .unwrap_or(19530),
            database: plan.milvus.database.clone(),
            older_names: plan.tracing.older_names,
            roots: vec![roots.prepare, roots.clean_up],
        }
    }

    /// The spans that the steps of preparation and of clean-up stand below, so that each reads as
    /// one story. As the steps', their wall time is derived from the run's start, so that a step of
    /// the clock moves no child out of its root.
    fn root_spans(&self, roots: Roots) -> Vec<ClientSpan> {
        let root = |ids: RequestIds, name: &'static str, (from, to): (u64, u64)| ClientSpan {
            trace_id: ids.trace_id,
            span_id: ids.span_id,
            parent_id: None,
            start_ns: self.info.start.unix_of(from),
            end_ns: self.info.start.unix_of(to),
            template: SpanTemplate::step(
                name,
                &[("milvus_bench.run_id", self.run_id().as_str().into())],
            ),
            seq: None,
            failure: None,
        };
        let phase = self.info.phases.iter().find(|phase| phase.is_preparation());
        let from = phase
            .map_or(self.info.start, |phase| phase.start)
            .monotonic_ns;
        let to = phase
            .and_then(|phase| phase.end)
            .map_or(from, |end| end.monotonic_ns);
        let clean_up = self
            .cleaned_up
            .map(|times| root(roots.clean_up, "clean-up", times));
        [root(roots.prepare, PREPARATION, (from, to))]
            .into_iter()
            .chain(clean_up)
            .collect()
    }
}

/// None for a folder such as `.`, whose path ends in no name.
fn folder_name(folder: &RunFolder) -> Option<String> {
    folder
        .path()
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
}

/// The arguments as typed, for run.json, fit to be shown on a terminal. Nothing is left out here:
/// the scenario refuses a secret that is typed with `--set`, and the plan a user and password in
/// `--uri`, before there is a run.
fn command_line() -> Vec<String> {
    let shown = |argument: OsString| crate::report::clean(&argument.to_string_lossy());
    let mut arguments: Vec<String> = std::env::args_os().map(shown).collect();
    if let Some(program) = arguments.first_mut() {
        *program = "milvus-bench".to_owned();
    }
    arguments
}

/// What the span source said of itself, for run.json.
pub(crate) fn note_source(servers: &mut BTreeMap<String, String>, source: &dyn SpanSource) {
    servers.insert("spans".to_owned(), source.info().server.clone());
}
