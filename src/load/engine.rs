//! The threads of the load, and a phase as they run it.

use std::{
    cell::{Cell, RefCell},
    num::NonZeroU64,
    rc::Rc,
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use rustix::time::{ClockId, clock_gettime};
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

use super::{
    LiveCounters, LiveSnapshot, StopHandle, closed, open,
    request::{Lane, Shared},
    stop::Stop,
    timer::Timers,
};
use crate::{
    milvus::{ConnectError, ConnectOptions, Connections, Watch},
    operation::Operation,
    pacer::Schedule,
    plan::ThinkTime,
    record::{Outcome, Recorder, RunClock, SocketFigure, StreamId},
    telemetry::{IdStream, Sampler},
};

/// What the threads need.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// How to reach Milvus; `connections` are divided among the threads.
    pub connect: ConnectOptions,
    /// The run's clock.
    pub clock: RunClock,
}

/// Why the load can't start.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Milvus can't be reached.
    #[error("{0}")]
    Connect(#[from] ConnectError),
    /// A thread would have no connection.
    #[error("{threads} load threads can't share {connections} connections: raise [milvus] connections, or lower --threads")]
    Connections {
        /// Load threads.
        threads: u32,
        /// Connections of the scenario.
        connections: u32,
    },
    /// The kernel gives no timer to a load thread.
    #[error("each load thread needs a timer, and the kernel refused one ({0}): raise `ulimit -n`, or lower --threads")]
    Timer(String),
    /// A thread ended that should not have.
    #[error("a load thread ended: {0}")]
    Thread(String),
}

/// One part of a workload within a phase.
#[derive(Clone, Debug)]
pub struct PartPlan {
    /// Where its samples go.
    pub stream: StreamId,
    /// Ids of its requests.
    pub ids: IdStream,
    /// Share of requests that are traced.
    pub sample_ratio: f64,
    /// Start, from the phase's start.
    pub start: Duration,
    /// End, from the part's start; None: only `requests` or the end of the data end it.
    pub duration: Option<Duration>,
    /// Requests after which it ends.
    pub requests: Option<u64>,
    /// Its load; of the kind of [`StreamRun::arrival`].
    pub load: PartLoad,
    /// Slots of the whole schedule of an open loop, all shards together; None where only the end of the data ends it.
    pub slots: Option<u64>,
}

/// The load of one part.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PartLoad {
    /// When its slots are due.
    Open(Schedule),
    /// Callers at its beginning and at its end; where they differ, the part has a duration.
    #[allow(missing_docs)]
    Closed { from: u32, to: u32 },
}

/// How the requests of a workload arise.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Loop {
    Open {
        max_in_flight: u64,
    },
    /// `callers` is the most of all parts.
    Closed {
        callers: u32,
        think_time: ThinkTime,
    },
}

/// One workload within a phase.
#[derive(Clone, Debug)]
pub struct StreamRun {
    /// Builds and reads its requests.
    pub operation: Arc<dyn Operation>,
    /// Open or closed loop.
    pub arrival: Loop,
    /// Timeout of one request.
    pub timeout: Duration,
    /// Warm-up, then the measured part or the stages, in their order.
    pub parts: Vec<PartPlan>,
    /// Requests of this workload in earlier phases: one number in an open loop, one per caller in a closed one.
    pub earlier: Vec<u64>,
}

/// One phase, for all threads.
#[derive(Clone, Debug)]
pub struct PhaseRun {
    /// When it starts.
    pub start: Instant,
    /// Its workloads.
    pub streams: Vec<StreamRun>,
    /// How it is told to end.
    pub stop: StopHandle,
}

/// What one part gave on one thread.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StreamResult {
    /// Index in the run's streams.
    pub stream: u16,
    /// Slots that were due (open loop) or requests that were begun.
    pub due: u64,
    /// Requests that were sent.
    pub sent: u64,
    /// Most requests in flight at one time on this thread.
    pub in_flight_max: u64,
    /// Slots that had to wait for a place in flight.
    pub in_flight_waits: u64,
    /// When the last request ended or was given up, nanoseconds since the run's start; 0 where there was none.
    pub last_done_ns: u64,
    /// Why it stopped before its end.
    pub stopped: Option<String>,
}

/// What one workload gave on one thread.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct LaneResult {
    pub(super) parts: Vec<StreamResult>,
    /// (index in `earlier`, its new value).
    pub(super) earlier: Vec<(usize, u64)>,
}

/// What a phase gave, all threads together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PhaseResult {
    /// Per part that ran.
    pub streams: Vec<StreamResult>,
    /// Per workload of the phase: its `earlier` for the next phase.
    pub earlier: Vec<Vec<u64>>,
    /// First texts of failures.
    pub texts: Vec<(StreamId, Outcome, String)>,
    /// Largest share of one core that a thread used.
    pub thread_cpu_max: f64,
    timer_error: Option<String>,
}

/// Shard of a thread.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shard {
    pub(super) index: u32,
    pub(super) of: u32,
}

type Live = Vec<Vec<Arc<LiveCounters>>>;

#[derive(Debug)]
struct ThreadResult {
    lanes: Vec<LaneOutcome>,
    texts: Vec<(StreamId, Outcome, String)>,
    cpu_share: f64,
}

#[derive(Debug)]
struct Command {
    phase: PhaseRun,
    live: Arc<Live>,
    done: oneshot::Sender<ThreadResult>,
}

/// The threads of the load, with their connections.
#[derive(Debug)]
pub struct Engine {
    threads: Vec<(mpsc::UnboundedSender<Command>, JoinHandle<()>)>,
}

/// A phase that runs.
#[derive(Debug)]
pub struct RunningPhase {
    results: Vec<oneshot::Receiver<ThreadResult>>,
    ended: Vec<ThreadResult>,
    earlier: Vec<Vec<u64>>,
    live: Arc<Live>,
}

impl Engine {
    /// Starts one thread for each recorder and connects it.
    ///
    /// # Errors
    /// Milvus can't be reached.
    pub async fn start(options: &EngineOptions, recorders: Vec<Recorder>) -> Result<Self, EngineError> {
        let of = u32::try_from(recorders.len()).unwrap_or(u32::MAX);
        if options.connect.connections < of {
            return Err(EngineError::Connections { threads: of, connections: options.connect.connections });
        }
        let mut threads = Vec::new();
        for (index, recorder) in recorders.into_iter().enumerate() {
            let shard = Shard { index: u32::try_from(index).unwrap_or(u32::MAX), of };
            let (commands, inbox) = mpsc::unbounded_channel();
            let (connected, outcome) = oneshot::channel();
            let mut connect = options.connect.clone();
            // The first threads have the connections that do not divide.
            connect.connections = connect.connections / of + u32::from(shard.index < connect.connections % of);
            let clock = options.clock;
            let thread = std::thread::Builder::new()
                .name(format!("load-{index}"))
                .spawn(move || run_thread(&connect, clock, recorder, shard, inbox, connected))
                .map_err(|error| EngineError::Thread(error.to_string()))?;
            outcome.await.map_err(|_| EngineError::Thread("it gave no reason".to_owned()))??;
            threads.push((commands, thread));
        }
        Ok(Self { threads })
    }

    /// Begins `phase` on every thread.
    #[must_use]
    pub fn begin(&self, phase: &PhaseRun) -> RunningPhase {
        let lanes = |_| phase.streams.iter().map(|_| Arc::default()).collect();
        let live: Arc<Live> = Arc::new(self.threads.iter().map(lanes).collect());
        let results = self.threads.iter().map(|(commands, _)| {
            let (done, result) = oneshot::channel();
            // A thread that is gone drops the sender; waiting for the result then tells it.
            let _ = commands.send(Command { phase: phase.clone(), live: Arc::clone(&live), done });
            result
        });
        RunningPhase {
            results: results.collect(),
            ended: Vec::new(),
            earlier: phase.streams.iter().map(|stream| stream.earlier.clone()).collect(),
            live,
        }
    }

    /// Ends the threads; their recorders hand over what they hold.
    pub fn finish(self) {
        for (commands, thread) in self.threads {
            drop(commands);
            // A panic of a load thread was already seen as a missing result.
            let _ = thread.join();
        }
    }
}

impl RunningPhase {
    /// Counters per workload of the phase, summed over threads.
    #[must_use]
    pub fn live(&self) -> Vec<LiveSnapshot> {
        let mut sums = vec![LiveSnapshot::default(); self.earlier.len()];
        for thread in self.live.iter() {
            for (sum, counters) in sums.iter_mut().zip(thread) {
                counters.add_to(sum);
            }
        }
        sums
    }

    /// Whether some workload has used up its data on every thread.
    #[must_use]
    pub fn exhausted(&self) -> bool {
        (0..self.earlier.len()).any(|workload| self.live.iter().all(|thread| thread.get(workload).is_some_and(|live| live.is_exhausted())))
    }

    /// Waits until every thread has ended the phase. May be dropped and called again.
    ///
    /// # Errors
    /// A thread panicked; what it had recorded before is kept.
    pub async fn wait(&mut self) -> Result<PhaseResult, EngineError> {
        while let Some(result) = self.results.last_mut() {
            self.ended.push(result.await.map_err(|_| EngineError::Thread("see the message above".to_owned()))?);
            self.results.pop();
        }
        let mut phase = PhaseResult { earlier: self.earlier.clone(), ..PhaseResult::default() };
        self.ended.drain(..).for_each(|thread| phase.add(thread));
        match phase.timer_error.take() {
            Some(error) => Err(EngineError::Timer(error)),
            None => Ok(phase),
        }
    }
}

impl PhaseResult {
    fn add(&mut self, thread: ThreadResult) {
        self.thread_cpu_max = self.thread_cpu_max.max(thread.cpu_share);
        self.texts.extend(thread.texts);
        for (lane, earlier) in thread.lanes.into_iter().zip(&mut self.earlier) {
            let lane = match lane {
                Ok(lane) => lane,
                Err(error) => {
                    self.timer_error.get_or_insert(error);
                    continue;
                }
            };
            for (index, value) in lane.earlier {
                if let Some(known) = earlier.get_mut(index) {
                    *known = value.max(*known);
                }
            }
            for part in lane.parts {
                match self.streams.iter_mut().find(|known| known.stream == part.stream) {
                    Some(known) => known.add(&part),
                    None => self.streams.push(part),
                }
            }
        }
    }
}

impl StreamResult {
    fn add(&mut self, other: &StreamResult) {
        self.due += other.due;
        self.sent += other.sent;
        self.in_flight_max += other.in_flight_max;
        self.in_flight_waits += other.in_flight_waits;
        self.last_done_ns = self.last_done_ns.max(other.last_done_ns);
        self.stopped = self.stopped.take().or_else(|| other.stopped.clone());
    }
}

fn run_thread(
    connect: &ConnectOptions,
    clock: RunClock,
    recorder: Recorder,
    shard: Shard,
    inbox: mpsc::UnboundedReceiver<Command>,
    connected: oneshot::Sender<Result<(), EngineError>>,
) {
    // Timers of the event loop itself are rounded by the kernel to its slack, 50 us by default.
    let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
    let options = tokio::runtime::LocalOptions::default();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build_local(options) {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = connected.send(Err(EngineError::Thread(error.to_string())));
            return;
        }
    };
    runtime.block_on(async move {
        let recorder = Rc::new(RefCell::new(recorder));
        match open(connect, &recorder, shard).await {
            Ok((connections, timers)) => {
                let _ = connected.send(Ok(()));
                serve(Shared::new(connections, timers, recorder, clock), shard, inbox).await;
            }
            Err(error) => {
                let _ = connected.send(Err(error));
            }
        }
    });
}

async fn open(connect: &ConnectOptions, recorder: &Rc<RefCell<Recorder>>, shard: Shard) -> Result<(Connections, Timers), EngineError> {
    let timers = Timers::start().map_err(|error| EngineError::Timer(error.to_string()))?;
    let watch = ThreadWatch { recorder: Rc::clone(recorder), shard };
    Ok((Connections::open(connect, Rc::new(watch)).await?, timers))
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
        self.recorder.borrow_mut().record_socket(u16::try_from(number).unwrap_or(u16::MAX), figure, waited);
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
        let began = (Instant::now(), thread_cpu());
        let result = run_phase(&shared, shard, &command).await;
        let elapsed = began.0.elapsed().as_secs_f64().max(1e-9);
        let cpu_share = (thread_cpu().saturating_sub(began.1)).as_secs_f64() / elapsed;
        let texts = std::mem::take(&mut *shared.texts.borrow_mut());
        let _ = command.done.send(ThreadResult { lanes: result, texts, cpu_share });
    }
    shared.connections.close();
    shared.recorder.borrow_mut().finish();
}

/// Waits for a command; once a second the recorder hands over its interval, also while nothing happens.
async fn next_command(shared: &Shared, inbox: &mut mpsc::UnboundedReceiver<Command>) -> Option<Command> {
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

async fn run_phase(shared: &Rc<Shared>, shard: Shard, command: &Command) -> Vec<LaneOutcome> {
    let mut stop = command.phase.stop.listen();
    let to_abort = Rc::clone(shared);
    let aborting = tokio::task::spawn_local(async move {
        stop.until(Stop::Abort).await;
        to_abort.abort();
    });
    let mut lanes = Vec::new();
    for (index, stream) in command.phase.streams.iter().enumerate() {
        let live = Arc::clone(&command.live[shard.index as usize][index]);
        let context = LaneContext {
            shared: Rc::clone(shared),
            shard,
            stream: stream.clone(),
            start: command.phase.start,
            live,
            stop: command.phase.stop.clone(),
        };
        lanes.push(tokio::task::spawn_local(async move {
            match context.stream.arrival {
                Loop::Open { .. } => open::run(context).await,
                Loop::Closed { .. } => closed::run(context).await,
            }
        }));
    }
    let mut results = Vec::new();
    for lane in lanes {
        results.push(wait_for(shared, lane).await);
    }
    aborting.abort();
    results
}

async fn wait_for(shared: &Shared, mut lane: tokio::task::JoinHandle<LaneOutcome>) -> LaneOutcome {
    loop {
        tokio::select! {
            result = &mut lane => return match result {
                Ok(outcome) => outcome,
                // A bug: the thread ends as its task did, and the phase with it.
                Err(error) => match error.try_into_panic() {
                    Ok(panic) => std::panic::resume_unwind(panic),
                    Err(error) => Err(error.to_string()),
                },
            },
            () = tokio::time::sleep(Duration::from_secs(1)) => roll(shared),
        }
    }
}

/// What a workload gave on one thread, or why it had no timer.
pub(super) type LaneOutcome = Result<LaneResult, String>;

/// One workload of a phase on one thread.
pub(super) struct LaneContext {
    pub(super) shared: Rc<Shared>,
    pub(super) shard: Shard,
    pub(super) stream: StreamRun,
    pub(super) start: Instant,
    pub(super) live: Arc<LiveCounters>,
    pub(super) stop: StopHandle,
}

impl LaneContext {
    /// What the requests of one part have in common.
    pub(super) fn lane(&self, plan: &PartPlan) -> Lane {
        Lane {
            shared: Rc::clone(&self.shared),
            operation: Arc::clone(&self.stream.operation),
            stream: plan.stream,
            ids: plan.ids,
            sampler: Sampler::new(plan.sample_ratio),
            timeout: self.stream.timeout,
            end: plan.duration.map(|duration| self.start + plan.start + duration),
            shards: u64::from(self.shard.of),
            sent: Cell::new(0),
            live: Arc::clone(&self.live),
            in_flight: Cell::new(0),
            in_flight_max: Cell::new(0),
            last_done_ns: Cell::new(0),
        }
    }
}

fn thread_cpu() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(now.tv_sec).unwrap_or(0), u32::try_from(now.tv_nsec).unwrap_or(0))
}
