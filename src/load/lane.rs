//! One workload of a phase on one thread: what its loop, open or closed, begins with.

use std::{cell::Cell, rc::Rc, sync::Arc};

use tokio::{task::JoinError, time::Instant};

use super::{
    LiveCounters, StopHandle,
    phase::{LanePlan, PartPlan, StreamRun},
    request::{Lane, Shared},
};
use crate::{operation::Operation, telemetry::Sampler};

/// Shard of a thread.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shard {
    pub(super) index: u32,
    pub(super) of: u32,
}

/// One workload of a phase on one thread.
pub(super) struct LaneContext {
    pub(super) shared: Rc<Shared>,
    pub(super) shard: Shard,
    pub(super) stream: StreamRun,
    /// Row of the phase that its first component is.
    pub(super) first_row: usize,
    pub(super) start: Instant,
    /// Per component.
    pub(super) live: Vec<Arc<LiveCounters>>,
    pub(super) stop: StopHandle,
}

impl LaneContext {
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

    /// The lanes of one part, one per component.
    pub(super) fn lanes(&self, plan: &PartPlan) -> Vec<Rc<Lane>> {
        let components = self.stream.components.iter().zip(&self.live);
        components
            .zip(&plan.lanes)
            .map(|((component, live), lane)| {
                let operation = Arc::clone(&component.operation);
                Rc::new(self.lane(plan, lane, operation, live))
            })
            .collect()
    }

    /// What the requests of one component have in common within a part.
    fn lane(
        &self,
        plan: &PartPlan,
        lane: &LanePlan,
        operation: Arc<dyn Operation>,
        live: &Arc<LiveCounters>,
    ) -> Lane {
        Lane {
            shared: Rc::clone(&self.shared),
            operation,
            stream: lane.stream,
            ids: lane.ids,
            queries: lane.queries,
            sampler: Sampler::new(lane.sample_ratio),
            switch: lane.switch,
            phase_start: self.start,
            timeout: self.stream.timeout,
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

/// What a task gave. After its panic, a bug, the thread ends as the task did, and the phase with
/// it.
pub(super) fn joined<T>(result: Result<T, JoinError>) -> Result<T, String> {
    result.map_err(|error| match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(cancelled) => format!("a workload was given up: {cancelled}"),
    })
}
