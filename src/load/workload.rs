//! One workload of a phase on one thread: what its loop, open or closed, begins with.

use std::{cell::Cell, rc::Rc, sync::Arc};

use tokio::{task::JoinError, time::Instant};

use super::{
    LiveCounters, StopHandle,
    phase::{PartPlan, StreamPlan, WorkloadRun},
    request::{Shared, ThreadStream},
};
use crate::{operation::Operation, telemetry::Sampler};

/// Shard of a thread.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shard {
    pub(super) index: u32,
    pub(super) of: u32,
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

/// What a task gave. After its panic, a bug, the thread ends as the task did, and the phase with
/// it.
pub(super) fn joined<T>(result: Result<T, JoinError>) -> Result<T, String> {
    result.map_err(|error| match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(cancelled) => format!("a workload was given up: {cancelled}"),
    })
}
