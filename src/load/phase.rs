//! A phase as the threads run it, and what it gave.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{StopHandle, thread::ThreadResult};
use crate::{
    operation::{Operation, QueryOrder},
    pacer::Schedule,
    plan::ThinkTime,
    record::{Outcome, StreamId, TracingSwitch},
    telemetry::IdStream,
};

/// One part of a workload within a phase.
#[derive(Clone, Debug)]
pub struct PartPlan {
    /// Where its samples go.
    pub stream: StreamId,
    /// Ids of its requests.
    pub ids: IdStream,
    /// The order in which they take their queries.
    pub queries: QueryOrder,
    /// Share of requests that are traced.
    pub sample_ratio: f64,
    /// When they are traced at all; None: always.
    pub switch: Option<TracingSwitch>,
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
    /// Why a workload ended on a thread without a result.
    pub(super) lane_error: Option<String>,
}

impl PhaseResult {
    pub(super) fn add(&mut self, thread: ThreadResult) {
        self.thread_cpu_max = self.thread_cpu_max.max(thread.cpu_share);
        self.texts.extend(thread.texts);
        for (lane, earlier) in thread.lanes.into_iter().zip(&mut self.earlier) {
            let lane = match lane {
                Ok(lane) => lane,
                Err(error) => {
                    self.lane_error.get_or_insert(error);
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
