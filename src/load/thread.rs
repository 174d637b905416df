//! One thread of the load: its event loop with connections, timers and recorder, and the phases
//! that it runs.

use std::{
    cell::{Cell, RefCell},
    num::NonZeroU64,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use rustix::thread::{CpuSet, sched_setaffinity};
use tokio::{
    runtime::{Builder, LocalOptions, LocalRuntime},
    sync::{mpsc, oneshot},
    task::{JoinError, JoinHandle},
    time::Instant,
};

use super::{
    EngineError, LiveCounters, Loop, PartPlan, PhaseRun, StopHandle, StreamPlan, WorkloadRun,
    closed, open,
    phase::WorkloadResult,
    request::{CpuMark, Shared, ThreadStream},
    stop::Stop,
    timer::Timers,
};
use crate::{
    milvus::{ConnectOptions, Connections, Watch},
    operation::Operation,
    record::{Outcome, Recorder, RunClock, SocketFigure, StreamId},
    telemetry::Sampler,
};

/// Shard of a thread.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shard {
    pub(super) index: u32,
    pub(super) of: u32,
}

/// Per thread and row of the phase.
pub(super) type Live = Vec<Vec<Arc<LiveCounters>>>;

/// What a phase gave on one thread.
#[derive(Debug)]
pub(super) struct ThreadResult {
    /// Per workload of the phase.
    pub(super) workloads: Vec<WorkloadOutcome>,
    pub(super) texts: Vec<(StreamId, Outcome, String)>,
    /// Share of one core that it used, from the phase's start until nothing more was sent.
    pub(super) cpu_share: f64,
}

/// A phase to be run.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) phase: PhaseRun,
    pub(super) live: Arc<Live>,
    pub(super) done: oneshot::Sender<ThreadResult>,
}

/// What a thread begins with.
pub(super) struct ThreadStart {
    /// How to reach Milvus, with the number of its own connections.
    pub(super) connect: ConnectOptions,
    pub(super) clock: RunClock,
    /// Whether it spins the last stretch before a slot.
    pub(super) precise: bool,
    /// The only core that it runs on.
    pub(super) core: Option<u32>,
    pub(super) recorder: Recorder,
    pub(super) shard: Shard,
    pub(super) inbox: mpsc::UnboundedReceiver<Command>,
    /// Is told when it is ready, or why it will not be.
    pub(super) connected: oneshot::Sender<Result<(), EngineError>>,
}

/// The whole life of a thread, from its connections to the end of the engine.
pub(super) fn run_thread(start: ThreadStart) {
    let ThreadStart {
        connect,
        clock,
        precise,
        core,
        recorder,
        shard,
        inbox,
        connected,
    } = start;
    let runtime = match pin(core).and_then(|()| runtime()) {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = connected.send(Err(error));
            return;
        }
    };
    runtime.block_on(async move {
        let recorder = Rc::new(RefCell::new(recorder));
        let opened = async {
            let timers =
                Timers::start(precise).map_err(|error| EngineError::Timer(error.to_string()))?;
            let watch = Rc::new(ThreadWatch {
                recorder: Rc::clone(&recorder),
                shard,
            });
            Ok::<_, EngineError>((Connections::open(&connect, watch).await?, timers))
        };
        match opened.await {
            Ok((connections, timers)) => {
                let _ = connected.send(Ok(()));
                serve(
                    Shared::new(connections, timers, recorder, clock),
                    shard,
                    inbox,
                )
                .await;
            }
            Err(error) => {
                let _ = connected.send(Err(error));
            }
        }
    });
}

/// Makes this thread run on `core` alone.
fn pin(core: Option<u32>) -> Result<(), EngineError> {
    let Some(core) = core else { return Ok(()) };
    let refused = |error: String| EngineError::Core { core, error };
    if core as usize >= CpuSet::MAX_CPU {
        return Err(refused("there is no such core".to_owned()));
    }
    let mut set = CpuSet::new();
    set.set(core as usize);
    sched_setaffinity(None, &set).map_err(|error| refused(error.to_string()))
}

/// The event loop of this thread.
fn runtime() -> Result<LocalRuntime, EngineError> {
    // Timers of the event loop itself are rounded by the kernel to its slack, 50 us by default.
    let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default());
    runtime.map_err(|error| EngineError::Thread(error.to_string()))
}

/// Tells the recorder what happens at the sockets.
struct ThreadWatch {
    recorder: Rc<RefCell<Recorder>>,
    shard: Shard,
}

impl ThreadWatch {
    fn record(&self, connection: usize, figure: SocketFigure, waited: Duration) {
        // Connections are numbered through all threads.
        let number = connection as u64 * u64::from(self.shard.of) + u64::from(self.shard.index);
        self.recorder.borrow_mut().record_socket(
            u16::try_from(number).unwrap_or(u16::MAX),
            figure,
            waited,
        );
    }
}

impl Watch for ThreadWatch {
    fn hand_over(&self, connection: usize, waited: Duration) {
        self.record(connection, SocketFigure::HandOver, waited);
    }

    fn read_wake_up(&self, connection: usize, waited: Duration) {
        self.record(connection, SocketFigure::ReadWakeUp, waited);
    }

    fn no_window(&self, connection: usize, waited: Duration) {
        self.record(connection, SocketFigure::NoWindow, waited);
    }
}

/// Runs phase after phase; ends when the engine is finished.
async fn serve(shared: Shared, shard: Shard, mut inbox: mpsc::UnboundedReceiver<Command>) {
    let shared = Rc::new(shared);
    while let Some(command) = next_command(&shared, &mut inbox).await {
        let (workloads, cpu_share) = run_phase(&shared, shard, &command).await;
        let texts = std::mem::take(&mut *shared.texts.borrow_mut());
        let _ = command.done.send(ThreadResult {
            workloads,
            texts,
            cpu_share,
        });
    }
    shared.connections.close();
    shared.recorder.borrow_mut().finish();
}

/// Waits for a command; once a second the recorder hands over its interval, also while nothing
/// happens.
async fn next_command(
    shared: &Shared,
    inbox: &mut mpsc::UnboundedReceiver<Command>,
) -> Option<Command> {
    loop {
        tokio::select! {
            command = inbox.recv() => return command,
            () = tokio::time::sleep(Duration::from_secs(1)) => roll(shared),
        }
    }
}

fn roll(shared: &Shared) {
    shared.recorder.borrow_mut().roll(shared.clock.now_ns());
}

/// Runs every workload of the phase. Gives what each came to, and the share of a core that this
/// took while it could send: not before the phase's start, and not while the last replies are
/// waited for.
async fn run_phase(
    shared: &Rc<Shared>,
    shard: Shard,
    command: &Command,
) -> (Vec<WorkloadOutcome>, f64) {
    let marks: Rc<Cell<(Option<CpuMark>, Option<CpuMark>)>> = Rc::default();
    let (at_start, start) = (Rc::clone(&marks), command.phase.start);
    let starting = tokio::task::spawn_local(async move {
        tokio::time::sleep_until(start).await;
        at_start.set((Some(CpuMark::now()), at_start.get().1));
    });
    let mut stop = command.phase.stop.listen();
    let (at_stop, to_abort) = (Rc::clone(&marks), Rc::clone(shared));
    let stopping = tokio::task::spawn_local(async move {
        stop.until(Stop::EndPart).await;
        at_stop.set((at_stop.get().0, Some(CpuMark::now())));
        stop.until(Stop::Abort).await;
        to_abort.abort();
    });
    let mut tasks = Vec::new();
    let mut first_row = 0;
    for workload in &command.phase.workloads {
        let rows = first_row..first_row + workload.components.len();
        let live = command.live[shard.index as usize][rows.clone()].to_vec();
        let context = WorkloadContext {
            shared: Rc::clone(shared),
            shard,
            workload: workload.clone(),
            first_row,
            start: command.phase.start,
            live,
            stop: command.phase.stop.clone(),
        };
        first_row = rows.end;
        tasks.push(tokio::task::spawn_local(async move {
            match context.workload.arrival {
                Loop::Open { .. } => open::run(context).await,
                Loop::Closed { .. } => closed::run(context).await,
            }
        }));
    }
    let mut results = Vec::new();
    for task in tasks {
        results.push(wait_for(shared, task).await);
    }
    stopping.abort();
    starting.abort();
    let (began, stopped) = marks.get();
    let ended = stopped
        .into_iter()
        .chain(shared.sending_ended())
        .min_by_key(|mark| mark.at);
    (
        results,
        began
            .zip(ended)
            .map_or(0.0, |(began, ended)| ended.share_since(began)),
    )
}

async fn wait_for(shared: &Shared, mut task: JoinHandle<WorkloadOutcome>) -> WorkloadOutcome {
    loop {
        tokio::select! {
            result = &mut task => return joined(result)?,
            () = tokio::time::sleep(Duration::from_secs(1)) => roll(shared),
        }
    }
}

/// What a workload gave on one thread, or how its task was cancelled, which only the end of the
/// thread's runtime does.
pub(super) type WorkloadOutcome = Result<WorkloadResult, String>;

/// What a task gave. After its panic, a bug, the thread ends as the task did, and the phase with
/// it.
pub(super) fn joined<T>(result: Result<T, JoinError>) -> Result<T, String> {
    result.map_err(|error| match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(cancelled) => format!("a workload was given up: {cancelled}"),
    })
}

/// One workload of a phase on one thread.
pub(super) struct WorkloadContext {
    pub(super) shared: Rc<Shared>,
    pub(super) shard: Shard,
    pub(super) workload: WorkloadRun,
    /// Row of the phase that its first component is.
    pub(super) first_row: usize,
    pub(super) start: Instant,
    /// Per component.
    pub(super) live: Vec<Arc<LiveCounters>>,
    pub(super) stop: StopHandle,
}

impl WorkloadContext {
    /// Nothing more is sent by this workload on this thread.
    pub(super) fn sending_ends(&self) {
        self.shared.sending_ends();
        let since_start = self.start.elapsed();
        self.live.iter().for_each(|live| live.set_over(since_start));
    }

    /// The data of the workload is used up on this thread.
    pub(super) fn set_exhausted(&self) {
        self.live.iter().for_each(|live| live.set_exhausted());
    }

    /// The streams of one part, one per component.
    pub(super) fn streams(&self, plan: &PartPlan) -> Vec<Rc<ThreadStream>> {
        let components = self.workload.components.iter().zip(&self.live);
        components
            .zip(&plan.streams)
            .map(|((component, live), stream)| {
                let operation = Arc::clone(&component.operation);
                Rc::new(self.stream(plan, stream, operation, live))
            })
            .collect()
    }

    /// What the requests of one stream have in common on this thread.
    fn stream(
        &self,
        plan: &PartPlan,
        stream: &StreamPlan,
        operation: Arc<dyn Operation>,
        live: &Arc<LiveCounters>,
    ) -> ThreadStream {
        ThreadStream {
            shared: Rc::clone(&self.shared),
            operation,
            stream: stream.stream,
            ids: stream.ids,
            queries: stream.queries,
            sampler: Sampler::new(stream.sample_ratio),
            switch: stream.switch,
            phase_start: self.start,
            timeout: self.workload.timeout,
            end: plan
                .duration
                .map(|duration| self.start + plan.start + duration),
            shards: u64::from(self.shard.of),
            sent: Cell::new(0),
            live: Arc::clone(live),
            in_flight: Cell::new(0),
            in_flight_max: Cell::new(0),
            last_sent_ns: Cell::new(0),
        }
    }
}
