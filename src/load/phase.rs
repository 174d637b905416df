//! A phase as the threads run it.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{Draws, RowsEnd, StopHandle};
use crate::{
    operation::{Operation, QueryOrder},
    pacer::Schedule,
    plan::ThinkTime,
    record::{StreamId, TracingSwitch},
    telemetry::IdStream,
};

/// One part of a workload within a phase.
#[derive(Clone, Debug)]
pub struct PartPlan {
    /// Its streams: per component of the workload one, or several of a mix.
    pub streams: Vec<StreamPlan>,
    /// Which component a request is of.
    pub draws: Draws,
    /// What pauses of callers are drawn from.
    pub ids: IdStream,
    /// Start, from the phase's start.
    pub start: Duration,
    /// End, from the part's start; None: only `requests` or the end of the data end it.
    pub duration: Option<Duration>,
    /// Requests after which it ends.
    pub requests: Option<u64>,
    /// Its load; of the kind of [`WorkloadRun::arrival`].
    pub load: PartLoad,
}

/// One stream, for all threads: what the requests of one component have in common within a part.
#[derive(Clone, Debug)]
pub struct StreamPlan {
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
    /// Its scheduled requests in the whole schedule of an open loop, all shards together; None
    /// where only the end of the data ends it.
    pub slots: Option<u64>,
}

/// The load of one part.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PartLoad {
    /// When its scheduled requests are due.
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
pub struct WorkloadRun {
    /// One, or several of a mix.
    pub components: Vec<ComponentRun>,
    /// Open or closed loop.
    pub arrival: Loop,
    /// Timeout of one request.
    pub timeout: Duration,
    /// Warm-up, then the measured part or the stages, in their order.
    pub parts: Vec<PartPlan>,
    /// How the callers of a mix tell each other that it ends; of this phase alone.
    pub rows_end: RowsEnd,
}

/// One kind of request of a workload.
#[derive(Clone, Debug)]
pub struct ComponentRun {
    /// Builds and reads its requests.
    pub operation: Arc<dyn Operation>,
    /// Its requests in earlier phases: one number in an open loop, one per caller in a closed one.
    pub earlier: Vec<u64>,
}

/// One phase, for all threads.
#[derive(Clone, Debug)]
pub struct PhaseRun {
    /// When it starts.
    pub start: Instant,
    /// Its workloads. Their components, one after the other, are the rows of the phase.
    pub workloads: Vec<WorkloadRun>,
    /// How it is told to end.
    pub stop: StopHandle,
}
