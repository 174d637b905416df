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
    task::JoinHandle,
};

use super::{
    EngineError, LiveCounters, Loop, PhaseRun, closed, open,
    request::{CpuMark, Shared},
    result::{ThreadResult, WorkloadOutcome},
    stop::Stop,
    timer::Timers,
    workload::{Shard, WorkloadContext, joined},
};
use crate::{
    milvus::{ConnectOptions, Connections, Watch},
    record::{Recorder, RunClock, SocketFigure},
};

/// Per thread and row of the phase.
pub(super) type Live = Vec<Vec<Arc<LiveCounters>>>;

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
    /// Whether it spins the last stretch before a due time.
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
    fn write_delay(&self, connection: usize, waited: Duration) {
        self.record(connection, SocketFigure::WriteDelay, waited);
    }

    fn read_delay(&self, connection: usize, waited: Duration) {
        self.record(connection, SocketFigure::ReadDelay, waited);
    }

    fn flow_control_wait(&self, connection: usize, waited: Duration) {
        self.record(connection, SocketFigure::FlowControlWait, waited);
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
