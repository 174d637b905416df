//! How many requests a phase is going to have, and so how many of them are traced.

use std::time::Duration;

use super::{Arrival, Arrivals, PhaseLength, Plan};
use crate::pacer::{Pacer, Spread};

/// Requests per second that a caller of a closed loop is assumed to reach at most, where a number is needed beforehand.
const CALLER_RATE: f64 = 2_000.0;
/// Length that is assumed for a phase that ends by itself, where a number is needed beforehand.
const OPEN_END: Duration = Duration::from_secs(600);
/// Schedules up to this length are counted slot by slot, longer ones by rate x time.
const COUNTED: f64 = 1e6;

/// Part of a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum PlannedPart {
    Warmup,
    Measured,
}

impl Plan {
    /// Requests that `workload` (an index in [`Plan::workloads`]) is going to send in a part of `phase` if nothing fails.
    /// Exact for even arrivals, the expected number for Poisson ones; None where Milvus' speed decides.
    #[must_use]
    pub fn planned_requests(&self, phase: usize, workload: usize, part: PlannedPart) -> Option<u64> {
        let arrival = &self.workloads[workload].arrival;
        let left = self.left_before(phase, workload, part);
        let ends_with_rows = self.phases[phase].length == PhaseLength::Exhausted;
        let wanted = match (part, self.phases[phase].length) {
            (PlannedPart::Warmup, _) => slots(arrival, self.phases[phase].warmup),
            (PlannedPart::Measured, PhaseLength::Requests(requests)) => Some(requests),
            (PlannedPart::Measured, _) => {
                self.measured_time(phase).and_then(|time| slots(arrival, time)).or(left.filter(|_| ends_with_rows))
            }
        };
        match (wanted, left) {
            (Some(wanted), Some(left)) => Some(wanted.min(left)),
            (wanted, _) => wanted,
        }
    }

    /// Length of the measured part of `phase`; None where the speed of Milvus decides.
    #[must_use]
    pub fn measured_time(&self, phase: usize) -> Option<Duration> {
        let plan = &self.phases[phase];
        let open_rate = |index: &usize| match self.workloads[*index].arrival {
            Arrival::Open { rate, .. } => Some(rate),
            Arrival::Closed { .. } => None,
        };
        let longest =
            |times: Vec<Option<f64>>| times.into_iter().collect::<Option<Vec<f64>>>().map(|times| times.into_iter().fold(0.0, f64::max));
        let seconds = match plan.length {
            PhaseLength::Duration(duration) => return Some(duration),
            PhaseLength::Requests(requests) => {
                longest(plan.workloads.iter().map(|index| open_rate(index).map(|rate| requests as f64 / rate)).collect())
            }
            PhaseLength::Exhausted => longest(
                plan.workloads
                    .iter()
                    .filter_map(|index| self.left_before(phase, *index, PlannedPart::Measured).map(|left| (index, left)))
                    .map(|(index, left)| open_rate(index).map(|rate| left as f64 / rate))
                    .collect(),
            ),
        };
        // A phase may be planned for longer than a duration can say.
        seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
    }

    /// Share of the measured requests of `phase` that are traced, in [0, 1].
    ///
    /// With `sample_ratio = "auto"`: `max_traces` / planned requests, at most 1. Where Milvus' speed decides, a caller is
    /// taken to send 2,000 requests a second, and a phase without a planned end to last 10 minutes: a bound from above
    /// for real callers, so `max_traces` holds unless a phase outlasts that.
    #[must_use]
    pub fn sample_ratio(&self, phase: usize) -> f64 {
        if let Some(ratio) = self.tracing.sample_ratio {
            return ratio;
        }
        let requests: f64 = self.phases[phase].workloads.iter().map(|index| self.assumed_requests(phase, *index)).sum();
        if requests <= self.tracing.max_traces as f64 { 1.0 } else { self.tracing.max_traces as f64 / requests }
    }

    pub(super) fn assumed_requests(&self, phase: usize, workload: usize) -> f64 {
        if let Some(requests) = self.planned_requests(phase, workload, PlannedPart::Measured) {
            return requests as f64;
        }
        let seconds = self.measured_time(phase).unwrap_or(OPEN_END).as_secs_f64();
        match self.workloads[workload].arrival {
            Arrival::Open { rate, .. } => rate * seconds,
            Arrival::Closed { callers, think_time } => f64::from(callers) * seconds / think_time.as_secs_f64().max(1.0 / CALLER_RATE),
        }
    }

    /// Requests that the rows of an insert workload still suffice for; None for one without end.
    pub(super) fn left_before(&self, phase: usize, workload: usize, part: PlannedPart) -> Option<u64> {
        let capacity = self.workloads[workload].operation.capacity()?;
        let earlier = (0..phase).filter(|earlier| self.phases[*earlier].workloads.contains(&workload));
        let parts = earlier.flat_map(|earlier| [(earlier, PlannedPart::Warmup), (earlier, PlannedPart::Measured)]);
        let own = (part == PlannedPart::Measured).then_some((phase, PlannedPart::Warmup));
        // Each part is counted from the whole capacity, so that this does not call itself through planned_requests.
        let used = parts.chain(own).map(|(phase, part)| self.wanted(phase, workload, part)).fold(0_u64, u64::saturating_add);
        Some(capacity.saturating_sub(used))
    }

    /// Slots of a part without regard to the rows that are left; 0 where it can't be known.
    fn wanted(&self, phase: usize, workload: usize, part: PlannedPart) -> u64 {
        let plan = &self.phases[phase];
        let arrival = &self.workloads[workload].arrival;
        match (part, plan.length) {
            (PlannedPart::Warmup, _) => slots(arrival, plan.warmup).unwrap_or(0),
            (PlannedPart::Measured, PhaseLength::Requests(requests)) => requests,
            (PlannedPart::Measured, PhaseLength::Duration(duration)) => slots(arrival, duration).unwrap_or(0),
            (PlannedPart::Measured, PhaseLength::Exhausted) => u64::MAX,
        }
    }
}

/// Slots of an open loop within `time`; None for a closed loop, unless there is no time at all.
fn slots(arrival: &Arrival, time: Duration) -> Option<u64> {
    if time.is_zero() {
        return Some(0);
    }
    let Arrival::Open { rate, arrivals, .. } = arrival else { return None };
    let mean = rate * time.as_secs_f64();
    match arrivals {
        Arrivals::Even if mean <= COUNTED => Some(Pacer::count_before(*rate, Spread::Even, time)),
        Arrivals::Even => Some(mean.ceil() as u64),
        Arrivals::Poisson => Some(mean.round() as u64),
    }
}

/// FNV-1a of `text`: fixed, because the marks of collections must keep their meaning between versions.
pub(super) fn text_hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
