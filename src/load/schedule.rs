//! From the plan to what the engine runs: the streams of a run, and each phase with its parts.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    Loop, PartPlan, PhaseRun, StopHandle, StreamRun,
    prepare::{STEPS, step_stream_name},
};
use crate::{
    pacer::{Pacer, Spread},
    plan::{Arrival, Arrivals, PhaseLength, Plan, PrepareMode},
    record::{Part, StreamId, StreamInfo},
    telemetry::{IdStream, Nonce},
};

/// Name of the phase of preparation.
pub const PREPARE: &str = "prepare";

/// Every (phase, part, workload) that a run of `plan` records; the index is the [`StreamId`].
#[must_use]
pub fn streams(plan: &Plan) -> Vec<StreamInfo> {
    let single = plan.collections.len() == 1;
    let prepared = plan.collections.iter().filter(|collection| collection.prepare != PrepareMode::Reuse).flat_map(|collection| {
        STEPS.iter().map(move |(step, operation, method)| StreamInfo {
            phase: PREPARE.to_owned(),
            part: Some(Part::Measured),
            workload: step_stream_name(&collection.key, *step, single),
            operation: (*operation).to_owned(),
            method: (*method).to_owned(),
            collection: collection.shape.name.clone(),
            sample_ratio: 1.0,
            ..StreamInfo::default()
        })
    });
    let mut streams: Vec<StreamInfo> = prepared.collect();
    for (number, phase) in plan.phases.iter().enumerate() {
        for part in parts_of(phase.warmup) {
            streams.extend(phase.workloads.iter().map(|index| stream(plan, number, *part, *index)));
        }
    }
    streams
}

fn parts_of(warmup: Duration) -> &'static [Part] {
    if warmup.is_zero() { &[Part::Measured] } else { &[Part::Warmup, Part::Measured] }
}

fn stream(plan: &Plan, phase: usize, part: Part, index: usize) -> StreamInfo {
    let workload = &plan.workloads[index];
    let (target_rate, max_in_flight, callers) = match workload.arrival {
        Arrival::Open { rate, max_in_flight, .. } => (Some(rate), Some(max_in_flight), None),
        Arrival::Closed { callers, .. } => (None, None, Some(callers)),
    };
    StreamInfo {
        phase: plan.phases[phase].name.clone(),
        part: Some(part),
        workload: workload.name.clone(),
        operation: workload.operation_name.clone(),
        method: workload.operation.method().name.to_owned(),
        collection: plan.collections[workload.collection].shape.name.clone(),
        open_loop: target_rate.is_some(),
        target_rate,
        callers,
        max_in_flight,
        // Warm-up is not explained, so its requests are not traced.
        sample_ratio: if part == Part::Measured { plan.sample_ratio(phase) } else { 0.0 },
        ..StreamInfo::default()
    }
}

/// Identity of a run: what ids are made of.
#[derive(Clone, Copy, Debug)]
pub struct RunIds {
    /// Upper half of every trace id.
    pub nonce: Nonce,
    /// Seed of the scenario.
    pub seed: u64,
}

/// Phase `number` of the plan, to start at `start`. `earlier` holds what each workload did in earlier phases.
#[must_use]
pub fn phase_run(plan: &Plan, number: usize, streams: &[StreamInfo], ids: RunIds, start: Instant, earlier: &[Vec<u64>]) -> PhaseRun {
    let phase = &plan.phases[number];
    let runs = phase.workloads.iter().map(|index| {
        let workload = &plan.workloads[*index];
        let part = |part: Part| {
            let known = streams
                .iter()
                .position(|stream| stream.phase == phase.name && stream.part == Some(part) && stream.workload == workload.name);
            let stream = known.unwrap_or_default();
            let (offset, duration, requests) = match (part, phase.length) {
                (Part::Warmup, _) => (Duration::ZERO, Some(phase.warmup), None),
                (Part::Measured, PhaseLength::Duration(duration)) => (phase.warmup, Some(duration), None),
                (Part::Measured, PhaseLength::Requests(requests)) => (phase.warmup, None, Some(requests)),
                (Part::Measured, PhaseLength::Exhausted) => (phase.warmup, None, None),
            };
            let ids = IdStream::new(ids.nonce, ids.seed, &phase.name, &workload.name, part.name());
            PartPlan {
                stream: StreamId(u16::try_from(stream).unwrap_or(u16::MAX)),
                slots: requests.or_else(|| duration.and_then(|duration| slots(&workload.arrival, ids, duration))),
                ids,
                sample_ratio: streams[stream].sample_ratio,
                start: offset,
                duration,
                requests,
            }
        };
        StreamRun {
            operation: workload.operation.clone(),
            arrival: arrival(&workload.arrival),
            timeout: workload.timeout,
            parts: parts_of(phase.warmup).iter().map(|of| part(*of)).collect(),
            earlier: earlier.get(*index).cloned().unwrap_or_default(),
        }
    });
    PhaseRun { start, streams: runs.collect(), stop: StopHandle::default() }
}

/// Slots of an open loop within `duration`: counted here, not while requests are in flight.
fn slots(arrival: &Arrival, ids: IdStream, duration: Duration) -> Option<u64> {
    match *arrival {
        Arrival::Open { rate, arrivals, .. } => Some(Pacer::count_before(rate, spread(ids, arrivals == Arrivals::Poisson), duration)),
        Arrival::Closed { .. } => None,
    }
}

/// How the arrivals of a part are spread: Poisson arrivals are drawn from the part's own ids.
pub(super) fn spread(ids: IdStream, poisson: bool) -> Spread {
    if poisson { Spread::Poisson { seed: ids.key_hash(u64::MAX) } } else { Spread::Even }
}

fn arrival(arrival: &Arrival) -> Loop {
    match *arrival {
        Arrival::Open { rate, arrivals, max_in_flight } => Loop::Open { rate, poisson: arrivals == Arrivals::Poisson, max_in_flight },
        Arrival::Closed { callers, think_time } => Loop::Closed { callers, think_time },
    }
}

/// `earlier` of every workload before the first phase.
#[must_use]
pub fn nothing_earlier(plan: &Plan) -> Vec<Vec<u64>> {
    let numbers = |arrival: &Arrival| match arrival {
        Arrival::Open { .. } => 1,
        Arrival::Closed { callers, .. } => *callers as usize,
    };
    plan.workloads.iter().map(|workload| vec![0; numbers(&workload.arrival)]).collect()
}
