//! The threads of the load: started, given phases, ended.

use std::{sync::Arc, thread::JoinHandle, time::Duration};

use tokio::sync::{Notify, mpsc, oneshot};

use super::{
    LiveCounters, LiveSnapshot, PhaseResult, PhaseRun,
    result::ThreadResult,
    thread::{Command, Live, ThreadStart, run_thread},
    workload::Shard,
};
use crate::{
    milvus::{ConnectError, ConnectOptions},
    record::{Recorder, RunClock},
};

/// What the threads need.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// How to reach Milvus; `connections` are divided among the threads.
    pub connect: ConnectOptions,
    /// The run's clock.
    pub clock: RunClock,
    /// Whether the threads spin the last stretch before a due time, each on a core of its own that
    /// is busy all the time at high rates: requests then leave within microseconds of their due
    /// times.
    pub precise: bool,
    /// The core of each thread, in their order; threads beyond its end are where the kernel puts
    /// them.
    pub cores: Vec<u32>,
}

impl EngineOptions {
    /// Without spinning, on no particular cores.
    #[must_use]
    pub fn new(connect: ConnectOptions, clock: RunClock) -> Self {
        Self {
            connect,
            clock,
            precise: false,
            cores: Vec::new(),
        }
    }
}

/// Why the load can't start.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Milvus can't be reached.
    #[error("{0}")]
    Connect(#[from] ConnectError),
    /// A thread would have no connection.
    #[error(
        "{threads} load threads can't share {connections} connections: raise [milvus] \
         connections, or lower --threads"
    )]
    Connections {
        /// Load threads.
        threads: u32,
        /// Connections of the scenario.
        connections: u32,
    },
    /// The kernel gives no timer to a load thread.
    #[error(
        "each load thread needs a timer, and the kernel refused one ({0}): raise `ulimit -n`, or \
         lower --threads"
    )]
    Timer(String),
    /// A thread can't run on its core.
    #[error("a load thread can't run on core {core}: {error}")]
    #[allow(missing_docs)]
    Core { core: u32, error: String },
    /// A thread ended that should not have.
    #[error("a load thread ended: {0}")]
    Thread(String),
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
    /// Told when a workload has used up its data on a thread.
    told: Arc<Notify>,
}

impl Engine {
    /// Starts one thread for each recorder and connects it.
    ///
    /// # Errors
    /// Milvus can't be reached.
    pub async fn start(
        options: &EngineOptions,
        recorders: Vec<Recorder>,
    ) -> Result<Self, EngineError> {
        let of = u32::try_from(recorders.len()).unwrap_or(u32::MAX);
        if options.connect.connections < of {
            return Err(EngineError::Connections {
                threads: of,
                connections: options.connect.connections,
            });
        }
        let mut threads = Vec::new();
        for (index, recorder) in recorders.into_iter().enumerate() {
            let shard = Shard {
                index: u32::try_from(index).unwrap_or(u32::MAX),
                of,
            };
            let (commands, inbox) = mpsc::unbounded_channel();
            let (connected, outcome) = oneshot::channel();
            let mut connect = options.connect.clone();
            // The first threads have the connections that do not divide.
            connect.connections =
                connect.connections / of + u32::from(shard.index < connect.connections % of);
            let core = options.cores.get(index).copied();
            let (clock, precise) = (options.clock, options.precise);
            let start = ThreadStart {
                connect,
                clock,
                precise,
                core,
                recorder,
                shard,
                inbox,
                connected,
            };
            let thread = std::thread::Builder::new()
                .name(format!("load-{index}"))
                .spawn(move || run_thread(start))
                .map_err(|error| EngineError::Thread(error.to_string()))?;
            outcome
                .await
                .map_err(|_| EngineError::Thread("it gave no reason".to_owned()))??;
            threads.push((commands, thread));
        }
        Ok(Self { threads })
    }

    /// Begins `phase` on every thread.
    #[must_use]
    pub fn begin(&self, phase: &PhaseRun) -> RunningPhase {
        let told = Arc::<Notify>::default();
        let rows = || {
            phase
                .workloads
                .iter()
                .flat_map(|workload| &workload.components)
        };
        let counters = |_| {
            rows()
                .map(|_| Arc::new(LiveCounters::telling(&told)))
                .collect()
        };
        let live: Arc<Live> = Arc::new(self.threads.iter().map(counters).collect());
        let results = self.threads.iter().map(|(commands, _)| {
            let (done, result) = oneshot::channel();
            // A thread that is gone drops the sender; waiting for the result then tells it.
            let _ = commands.send(Command {
                phase: phase.clone(),
                live: Arc::clone(&live),
                done,
            });
            result
        });
        RunningPhase {
            results: results.collect(),
            ended: Vec::new(),
            earlier: rows().map(|component| component.earlier.clone()).collect(),
            live,
            told,
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
    /// Counters per row of the phase, summed over threads.
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

    /// Per row of the phase, when it had nothing more to send on any thread, from the phase's
    /// start; None while it goes on.
    #[must_use]
    pub fn over(&self) -> Vec<Option<Duration>> {
        let on_every_thread = |at: usize| {
            let mut threads = self.live.iter().map(|thread| thread.get(at)?.over());
            threads.try_fold(Duration::ZERO, |latest, over| Some(latest.max(over?)))
        };
        (0..self.earlier.len()).map(on_every_thread).collect()
    }

    /// Waits until some workload has used up its data on every thread. Once at a time; borrows
    /// nothing.
    pub fn exhausted(&self) -> impl Future<Output = ()> + use<> {
        let (live, told, rows): (Arc<Live>, _, _) = (
            Arc::clone(&self.live),
            Arc::clone(&self.told),
            self.earlier.len(),
        );
        async move {
            let on_every_thread = |at: usize| {
                live.iter()
                    .all(|thread| thread.get(at).is_some_and(|live| live.is_exhausted()))
            };
            while !(0..rows).any(on_every_thread) {
                told.notified().await;
            }
        }
    }

    /// Waits until every thread has ended the phase. May be dropped and called again.
    ///
    /// # Errors
    /// A thread panicked, or its runtime ended a workload; what was recorded before is kept.
    pub async fn wait(&mut self) -> Result<PhaseResult, EngineError> {
        while let Some(result) = self.results.last_mut() {
            self.ended.push(
                result
                    .await
                    .map_err(|_| EngineError::Thread("see the message above".to_owned()))?,
            );
            self.results.pop();
        }
        let mut phase = PhaseResult {
            earlier: self.earlier.clone(),
            ..PhaseResult::default()
        };
        self.ended.drain(..).for_each(|thread| phase.add(thread));
        match phase.workload_error.take() {
            Some(error) => Err(EngineError::Thread(error)),
            None => Ok(phase),
        }
    }
}
