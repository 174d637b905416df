//! From the plan to what the engine runs: the streams of a run, and each phase with its parts.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    ComponentRun, Draws, Loop, PartLoad, PartPlan, PhaseRun, RowsEnd, StopHandle, StreamPlan,
    WorkloadRun,
    prepare::{STEPS, step_stream_name},
};
use crate::{
    operation::{Operation, QueryOrder, RequestKey},
    pacer::{Schedule, Spread},
    plan::{
        self, Arrival, Arrivals, PartKind, Plan, PlannedPart, PrepareMode, ScheduledPart,
        WorkloadPlan,
    },
    record::{
        PREPARATION, Part, QueryNumbers, ReplyShape, SplitInfo, StreamId, StreamInfo, TracingSwitch,
    },
    telemetry::{IdStream, Nonce, name_hash, round_seed},
};

/// Every (phase, part, workload) that a run of `plan` records; the index is the [`StreamId`].
#[must_use]
pub fn streams(plan: &Plan) -> Vec<StreamInfo> {
    let single = plan.collections.len() == 1;
    let prepared = plan
        .collections
        .iter()
        .filter(|collection| collection.prepare != PrepareMode::Reuse)
        .flat_map(|collection| {
            STEPS
                .iter()
                .map(move |(step, operation, method)| StreamInfo {
                    phase: PREPARATION.to_owned(),
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
        let of_workload = |index: &usize| {
            plan.parts(number, *index)
                .into_iter()
                .map(|part| (*index, part))
                .collect::<Vec<_>>()
        };
        let parts: Vec<(usize, ScheduledPart)> =
            phase.workloads.iter().flat_map(of_workload).collect();
        // Workloads of a part stand together: those without stages first, then stages in the order
        // in which they begin.
        let mut kinds: Vec<&ScheduledPart> = Vec::new();
        for (_, part) in &parts {
            if !kinds.iter().any(|known| known.kind == part.kind) {
                kinds.push(part);
            }
        }
        let staged = |kind: &PartKind| matches!(kind, PartKind::Ramp(_) | PartKind::Stage(_));
        kinds.sort_by_key(|part| (staged(&part.kind), part.start));
        for kind in kinds {
            streams.extend(
                parts
                    .iter()
                    .filter(|(_, part)| part.kind == kind.kind)
                    .map(|(index, part)| stream(plan, number, *index, part)),
            );
        }
    }
    streams
}

fn stream(plan: &Plan, phase: usize, index: usize, part: &ScheduledPart) -> StreamInfo {
    let workload = &plan.workloads[index];
    let (target_rate, callers) = match part.load {
        plan::PartLoad::Open { shape, .. } => (Some(shape.mean_rate() * workload.share()), None),
        plan::PartLoad::Closed { from, to } => (None, Some(from.max(to))),
    };
    let part = Part::from_name(&part.kind.to_string());
    StreamInfo {
        phase: plan.phases[phase].name.clone(),
        workload: workload.name.clone(),
        operation: workload.entry.name.to_owned(),
        method: workload.operation.method().name.to_owned(),
        collection: plan.collections[workload.collection].shape.name.clone(),
        open_loop: target_rate.is_some(),
        target_rate,
        callers,
        max_in_flight: match workload.arrival {
            Arrival::Open { max_in_flight, .. } => Some(max_in_flight),
            Arrival::Closed { .. } => None,
        },
        replies: workload.operation.replies().map(|replies| ReplyShape {
            vectors: replies.vectors,
            full_rows: replies.full_rows,
        }),
        writes: Some(workload.entry.writes()),
        split: workload.operation.drawing().and_then(|drawing| {
            let split = drawing.split()?;
            Some(SplitInfo {
                by: split.by.clone(),
                by_rank: split.by_rank,
                classes: split.classes.clone(),
                labels: split.labels.clone(),
            })
        }),
        // Warm-up and ramps are not explained, so their requests are not traced.
        sample_ratio: if part.is_measured() {
            plan.sample_ratio(phase)
        } else {
            0.0
        },
        // All workloads of a phase together: traced requests burden those beside them.
        switch: plan
            .tracing
            .switch_every
            .filter(|_| part.is_measured())
            .map(|every| TracingSwitch {
                every_ns: u64::try_from(every.as_nanos()).unwrap_or(u64::MAX),
                seed: round_seed(plan.seed, plan.round) ^ name_hash(&plan.phases[phase].name),
            }),
        notes: no_recall(workload)
            .filter(|_| part.is_measured())
            .into_iter()
            .collect(),
        part: Some(part),
        ..StreamInfo::default()
    }
}

/// Why the replies have no recall, where those of the operation may have one: for reports, which
/// can't print it.
fn no_recall(workload: &WorkloadPlan) -> Option<(String, String)> {
    let why = workload
        .operation
        .no_recall()
        .filter(|_| workload.entry.has_recall)?;
    Some(("recall".to_owned(), why.to_owned()))
}

/// Identity of a run: what ids are made of.
#[derive(Clone, Copy, Debug)]
pub struct RunIds {
    /// Upper half of every trace id.
    pub nonce: Nonce,
    /// What content and sampling are drawn from: the scenario's seed in the first round, another
    /// number in each later one.
    pub seed: u64,
}

impl RunIds {
    /// Identity of round `round` (from 1) of a scenario with this seed.
    #[must_use]
    pub fn new(nonce: Nonce, seed: u64, round: u32) -> Self {
        Self {
            nonce,
            seed: round_seed(seed, round),
        }
    }
}

/// Phase `number` of the plan, to start at `start`. `earlier` holds what each workload did in
/// earlier phases.
#[must_use]
pub fn phase_run(
    plan: &Plan,
    number: usize,
    streams: &[StreamInfo],
    ids: RunIds,
    start: Instant,
    earlier: &[Vec<u64>],
) -> PhaseRun {
    let phase = &plan.phases[number];
    // The components of a mix stand together.
    let workloads = phase
        .workloads
        .chunk_by(|one, next| plan.workloads[*one].table() == plan.workloads[*next].table());
    let runs = workloads.map(|rows| {
        let first = &plan.workloads[rows[0]];
        let part = |part| part_plan(plan, (number, rows), part, streams, ids);
        let component = |index: &usize| ComponentRun {
            operation: plan.workloads[*index].operation.clone(),
            earlier: earlier.get(*index).cloned().unwrap_or_default(),
        };
        WorkloadRun {
            components: rows.iter().map(component).collect(),
            arrival: arrival(&first.arrival),
            timeout: first.timeout,
            parts: plan.parts(number, rows[0]).into_iter().map(part).collect(),
            rows_end: RowsEnd::default(),
        }
    });
    PhaseRun {
        start,
        workloads: runs.collect(),
        stop: StopHandle::default(),
    }
}

/// A part of the workload with these rows, which are several of a mix, in phase `number`.
fn part_plan(
    plan: &Plan,
    (number, rows): (usize, &[usize]),
    part: ScheduledPart,
    streams: &[StreamInfo],
    ids: RunIds,
) -> PartPlan {
    let phase = &plan.phases[number].name;
    let first = &plan.workloads[rows[0]];
    let kind = Part::from_name(&part.kind.to_string());
    let ids_of = |name: &str| IdStream::new(ids.nonce, ids.seed, phase, name, &kind.to_string());
    let own = ids_of(first.table());
    let load = part_load(part.load, &first.arrival, own);
    let shares: Vec<f64> = rows
        .iter()
        .map(|row| plan.workloads[*row].share())
        .collect();
    let draws = Draws::new(own, &shares);
    let slots = part.requests.or_else(|| slots(&load, part.duration?));
    let slots = slots.map(|slots| draws.count(slots));
    let of_row = |(at, row): (usize, &usize)| {
        let workload = &plan.workloads[*row];
        let known = |stream: &StreamInfo| stream.is_of(phase, &kind, &workload.name);
        let stream = streams.iter().position(known).unwrap_or_default();
        StreamPlan {
            stream: StreamId(u16::try_from(stream).unwrap_or(u16::MAX)),
            ids: ids_of(&workload.name),
            queries: query_order(workload, &part, ids.seed),
            sample_ratio: streams[stream].sample_ratio,
            switch: streams[stream].switch,
            slots: slots.as_ref().map(|slots| slots[at]),
        }
    };
    PartPlan {
        streams: rows.iter().enumerate().map(of_row).collect(),
        draws,
        ids: own,
        start: part.start,
        duration: part.duration,
        requests: part.requests,
        load,
    }
}

/// The order in which a part takes its queries; `seed` is that of the round.
fn query_order(workload: &WorkloadPlan, part: &ScheduledPart, seed: u64) -> QueryOrder {
    let order = QueryOrder::new(
        seed,
        &workload.name,
        part.kind.group() == PlannedPart::Measured,
    );
    match (part.load, workload.arrival.callers()) {
        // On a ramp there is no number of callers at work.
        (plan::PartLoad::Closed { from, to }, Some(callers)) if from == to => {
            order.of_callers(callers, to)
        }
        _ => order,
    }
}

/// The numbers of the query vectors of every request of a run, for the lines of requests.jsonl.
#[must_use]
pub fn query_numbers(plan: &Plan, streams: &[StreamInfo], ids: RunIds) -> QueryNumbers {
    let of_stream = |stream: &StreamInfo| {
        let phase = plan
            .phases
            .iter()
            .position(|phase| phase.name == stream.phase)?;
        let index = plan
            .workloads
            .iter()
            .position(|workload| workload.name == stream.workload)?;
        let named =
            |part: &ScheduledPart| Some(Part::from_name(&part.kind.to_string())) == stream.part;
        let part = plan.parts(phase, index).into_iter().find(named)?;
        let workload = &plan.workloads[index];
        Some((
            workload.operation.clone(),
            query_order(workload, &part, ids.seed),
        ))
    };
    let known: Vec<Option<(Arc<dyn Operation>, QueryOrder)>> =
        streams.iter().map(of_stream).collect();
    Box::new(move |stream, seq| match known.get(usize::from(stream.0)) {
        Some(Some((operation, queries))) => operation.query_numbers(RequestKey {
            seq,
            queries: *queries,
            ..RequestKey::default()
        }),
        _ => Vec::new(),
    })
}

/// What is drawn for the first request of each workload that draws something: name of the workload,
/// keys and fields with their content.
#[must_use]
pub fn first_requests(plan: &Plan) -> Vec<(String, Vec<(String, String)>)> {
    let seed = round_seed(plan.seed, plan.round);
    let first = |(index, workload): (usize, &WorkloadPlan)| {
        let drawing = workload.operation.drawing()?;
        let mut phases = plan.phases.iter();
        let number = phases.position(|phase| phase.workloads.contains(&index))?;
        let parts = plan.parts(number, index);
        let part = parts.first()?.kind.to_string();
        let phase = &plan.phases[number].name;
        let ids = IdStream::new(Nonce(0), seed, phase, &workload.name, &part);
        let key = RequestKey {
            hash: ids.key_hash(0),
            ..RequestKey::default()
        };
        Some((workload.name.clone(), drawing.example(key)))
    };
    plan.workloads
        .iter()
        .enumerate()
        .filter_map(first)
        .collect()
}

/// Scheduled requests of an open loop within `duration`: counted here, not while requests are in
/// flight.
fn slots(load: &PartLoad, duration: Duration) -> Option<u64> {
    match load {
        PartLoad::Open(schedule) => Some(schedule.count_before(duration)),
        PartLoad::Closed { .. } => None,
    }
}

/// The load of a part; Poisson arrivals are drawn from the part's own ids.
fn part_load(load: plan::PartLoad, arrival: &Arrival, ids: IdStream) -> PartLoad {
    match load {
        plan::PartLoad::Open { shape, first } => {
            let poisson = matches!(
                arrival,
                Arrival::Open {
                    arrivals: Arrivals::Poisson,
                    ..
                }
            );
            let spread = if poisson {
                Spread::Poisson {
                    seed: ids.key_hash(u64::MAX),
                }
            } else {
                Spread::Even
            };
            PartLoad::Open(Schedule {
                shape,
                spread,
                first,
            })
        }
        plan::PartLoad::Closed { from, to } => PartLoad::Closed { from, to },
    }
}

fn arrival(arrival: &Arrival) -> Loop {
    match *arrival {
        Arrival::Open { max_in_flight, .. } => Loop::Open { max_in_flight },
        Arrival::Closed { think_time, .. } => Loop::Closed {
            callers: arrival.callers().unwrap_or(1),
            think_time,
        },
    }
}

/// `earlier` of every workload before the first phase.
#[must_use]
pub fn nothing_earlier(plan: &Plan) -> Vec<Vec<u64>> {
    let numbers = |arrival: &Arrival| arrival.callers().unwrap_or(1) as usize;
    plan.workloads
        .iter()
        .map(|workload| vec![0; numbers(&workload.arrival)])
        .collect()
}
