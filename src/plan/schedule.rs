//! The parts of a phase, how many requests each is going to have, and so how many of them are
//! traced.

use std::{fmt, time::Duration};

use super::{Arrival, Arrivals, CallerLoad, OpenLoad, PhaseLength, Plan, Stage, ThinkTime};
use crate::pacer::{self, Schedule, Shape, Spread};

/// Requests per second that a caller of a closed loop is assumed to reach at most, where a number
/// is needed beforehand.
const CALLER_RATE: f64 = 2_000.0;
/// Length that is assumed for a phase that ends by itself, where a number is needed beforehand.
const OPEN_END: Duration = Duration::from_secs(600);

/// Parts of a phase that belong together in what is planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlannedPart {
    /// Before measuring.
    Warmup,
    /// Between stages, in no figure.
    Ramps,
    /// What is measured, all stages together.
    Measured,
}

/// One part of a workload within a phase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartKind {
    /// The load before measuring.
    Warmup,
    /// The whole measured part of a workload without stages.
    Measured,
    /// The n-th ramp, from 1.
    Ramp(u32),
    /// A level, by its name.
    Stage(String),
}

impl PartKind {
    /// Where it belongs.
    #[must_use]
    pub fn group(&self) -> PlannedPart {
        match self {
            Self::Warmup => PlannedPart::Warmup,
            Self::Ramp(_) => PlannedPart::Ramps,
            Self::Measured | Self::Stage(_) => PlannedPart::Measured,
        }
    }
}

impl fmt::Display for PartKind {
    /// The name in ids, tags and files.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Warmup => f.write_str("warmup"),
            Self::Measured => f.write_str("measured"),
            Self::Ramp(1) => f.write_str("ramp"),
            Self::Ramp(number) => write!(f, "ramp-{number}"),
            Self::Stage(name) => f.write_str(name),
        }
    }
}

/// The load of one part.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PartLoad {
    /// Requests of a schedule; `first` is [`Schedule::first`].
    #[allow(missing_docs)]
    Open { shape: Shape, first: f64 },
    /// Callers at its beginning and at its end.
    #[allow(missing_docs)]
    Closed { from: u32, to: u32 },
}

/// One part of a workload within a phase, with its time and its load.
#[derive(Clone, Debug, PartialEq)]
pub struct ScheduledPart {
    /// Which part.
    pub kind: PartKind,
    /// Start, from the phase's start.
    pub start: Duration,
    /// Length; None: `requests` or the rows end it.
    pub duration: Option<Duration>,
    /// Requests after which it ends.
    pub requests: Option<u64>,
    /// Its load.
    pub load: PartLoad,
}

impl Plan {
    /// The parts of `workload` (an index in [`Plan::workloads`]) in `phase`, one after the other.
    /// The load of a mix's component is that of the whole mix.
    ///
    /// Warm-up has the load of the schedule's beginning. There is none for a workload whose load
    /// begins at 0, or that begins later than its phase.
    #[must_use]
    pub fn parts(&self, phase: usize, workload: usize) -> Vec<ScheduledPart> {
        let (phase, workload) = (&self.phases[phase], &self.workloads[workload]);
        let mut parts = Vec::new();
        if let Some(load) = first_load(&workload.arrival)
            .filter(|_| !phase.warmup.is_zero() && workload.start.is_zero())
        {
            let (kind, duration) = (PartKind::Warmup, Some(phase.warmup));
            parts.push(ScheduledPart {
                kind,
                start: Duration::ZERO,
                duration,
                requests: None,
                load,
            });
        }
        let start = phase.warmup + workload.start;
        parts.extend(staged(&workload.arrival, start));
        if let Some(load) = steady_load(&workload.arrival) {
            let (duration, requests) = match phase.length {
                PhaseLength::Duration(duration) => {
                    (Some(duration.saturating_sub(workload.start)), None)
                }
                PhaseLength::Requests(requests) => (None, Some(requests)),
                PhaseLength::Exhausted => (None, None),
            };
            parts.push(ScheduledPart {
                kind: PartKind::Measured,
                start,
                duration,
                requests,
                load,
            });
        }
        parts
    }

    /// The parts of `workload` in `phase`, each with the requests that it is going to send if
    /// nothing fails. Exact for even arrivals and bursts, the expected number for Poisson ones and
    /// for components of a mix; None where Milvus' speed decides.
    #[must_use]
    pub fn planned_parts(
        &self,
        phase: usize,
        workload: usize,
    ) -> Vec<(ScheduledPart, Option<u64>)> {
        let mut left = self.left_before(phase, workload, PlannedPart::Warmup);
        let plan = |part: ScheduledPart| {
            let wanted = match part.kind {
                PartKind::Measured if self.phases[phase].length == PhaseLength::Exhausted => self
                    .measured_time(phase)
                    .and_then(|time| self.slots(workload, &part, time))
                    .or(left),
                _ => part
                    .requests
                    .map(|requests| self.own(workload, requests))
                    .or_else(|| self.slots(workload, &part, part.duration?)),
            };
            let planned = wanted.map(|wanted| left.map_or(wanted, |left| wanted.min(left)));
            left = left.map(|left| left.saturating_sub(self.used(phase, workload, &part)));
            (part, planned)
        };
        self.parts(phase, workload).into_iter().map(plan).collect()
    }

    /// The same for all parts of a group together.
    #[must_use]
    pub fn planned_requests(
        &self,
        phase: usize,
        workload: usize,
        group: PlannedPart,
    ) -> Option<u64> {
        let parts = self
            .planned_parts(phase, workload)
            .into_iter()
            .filter(|(part, _)| part.kind.group() == group);
        parts.map(|(_, requests)| requests).sum()
    }

    /// Length of the measured part of `phase`; None where the speed of Milvus decides.
    #[must_use]
    pub fn measured_time(&self, phase: usize) -> Option<Duration> {
        let plan = &self.phases[phase];
        // When the scheduled requests of a workload that is due often enough are over; Poisson
        // arrivals on average.
        let time_of = |index: usize, requests: f64| match &self.workloads[index].arrival {
            Arrival::Open {
                load: OpenLoad::Steady(shape),
                ..
            } => {
                let due = Schedule::even(*shape).due(requests.ceil() as u64)?;
                Some(self.workloads[index].start + due)
            }
            _ => None,
        };
        let longest = |times: Vec<Option<Duration>>| {
            times
                .into_iter()
                .collect::<Option<Vec<Duration>>>()
                .map(|times| times.into_iter().max().unwrap_or_default())
        };
        match plan.length {
            PhaseLength::Duration(duration) => Some(duration),
            PhaseLength::Requests(requests) => longest(
                plan.workloads
                    .iter()
                    .map(|index| time_of(*index, requests as f64))
                    .collect(),
            ),
            PhaseLength::Exhausted => longest(
                plan.workloads
                    .iter()
                    .filter_map(|index| {
                        self.left_before(phase, *index, PlannedPart::Measured)
                            .map(|left| {
                                time_of(*index, left as f64 / self.workloads[*index].share())
                            })
                    })
                    .collect(),
            ),
        }
    }

    /// Share of the measured requests of `phase` that are traced, in [0, 1].
    ///
    /// With `sample_ratio = "auto"`: `max_traces` / planned requests, at most 1. Where Milvus'
    /// speed decides, a caller is taken to send 2,000 requests a second, and a phase without a
    /// planned end to last 10 minutes: a bound from above for real callers, so `max_traces` holds
    /// unless a phase outlasts that.
    #[must_use]
    pub fn sample_ratio(&self, phase: usize) -> f64 {
        if let Some(ratio) = self.tracing.sample_ratio {
            return ratio;
        }
        let requests: f64 = self.phases[phase]
            .workloads
            .iter()
            .map(|index| self.assumed_requests(phase, *index))
            .sum();
        if requests <= self.tracing.max_traces as f64 {
            1.0
        } else {
            self.tracing.max_traces as f64 / requests
        }
    }

    /// Measured requests of `workload`, guessed where Milvus' speed decides.
    pub(super) fn assumed_requests(&self, phase: usize, workload: usize) -> f64 {
        let open_end = self.measured_time(phase).unwrap_or(OPEN_END);
        let share = self.workloads[workload].share();
        let assumed = |part: &ScheduledPart| {
            let seconds = part.duration.unwrap_or(open_end).as_secs_f64();
            match (part.load, &self.workloads[workload].arrival) {
                (PartLoad::Closed { to, .. }, Arrival::Closed { think_time, .. }) => {
                    f64::from(to) * seconds / think_time.mean().as_secs_f64().max(1.0 / CALLER_RATE)
                }
                (PartLoad::Open { shape, .. }, _) => shape.mean_rate() * seconds,
                _ => 0.0,
            }
        };
        let measured = self
            .planned_parts(phase, workload)
            .into_iter()
            .filter(|(part, _)| part.kind.group() == PlannedPart::Measured);
        measured
            .map(|(part, planned)| {
                planned.map_or_else(|| assumed(&part) * share, |requests| requests as f64)
            })
            .sum()
    }

    /// Requests that the rows of an insert workload still suffice for; None for one without end.
    pub(super) fn left_before(
        &self,
        phase: usize,
        workload: usize,
        group: PlannedPart,
    ) -> Option<u64> {
        let capacity = self.capacity(workload)?;
        let earlier =
            (0..phase).filter(|earlier| self.phases[*earlier].workloads.contains(&workload));
        let earlier = earlier.flat_map(|earlier| {
            self.parts(earlier, workload)
                .into_iter()
                .map(move |part| (earlier, part))
        });
        let own = self
            .parts(phase, workload)
            .into_iter()
            .map(|part| (phase, part));
        let own =
            own.filter(|(_, part)| group != PlannedPart::Warmup && part.kind == PartKind::Warmup);
        // Each part is counted from the whole capacity, so that this does not call itself through
        // planned_parts.
        let used = earlier
            .chain(own)
            .map(|(phase, part)| self.used(phase, workload, &part))
            .fold(0_u64, u64::saturating_add);
        Some(capacity.saturating_sub(used))
    }

    /// Requests that the rows suffice for; a mix ends with the rows of any of its components.
    fn capacity(&self, workload: usize) -> Option<u64> {
        let of = &self.workloads[workload];
        if of.mix.is_none() {
            return of.operation.capacity();
        }
        let ends = &self.workloads[self.ends_mix(workload)?];
        let whole = ends.operation.capacity()? as f64 / ends.share();
        Some((whole * of.share()).round() as u64)
    }

    /// The component whose rows are expected to be used up first, of the mix that `workload` is of;
    /// None where no component uses any up.
    pub(super) fn ends_mix(&self, workload: usize) -> Option<usize> {
        let table = self.workloads[workload].table();
        let mixed = self.workloads.iter().enumerate();
        let finite = mixed
            .filter(|(_, other)| other.table() == table)
            .filter_map(|(index, other)| {
                Some((index, other.operation.capacity()? as f64 / other.share()))
            });
        let first = finite.min_by(|one, other| one.1.total_cmp(&other.1));
        first.map(|(index, _)| index)
    }

    /// How many of the requests of an arrival are those of `workload`.
    pub(super) fn own(&self, workload: usize, requests: u64) -> u64 {
        match self.workloads[workload].mix {
            Some(_) => (requests as f64 * self.workloads[workload].share()).round() as u64,
            None => requests,
        }
    }

    /// Requests of a part without regard to the rows that are left; 0 where it can't be known.
    fn used(&self, phase: usize, workload: usize, part: &ScheduledPart) -> u64 {
        match (part.requests, part.duration) {
            (Some(requests), _) => self.own(workload, requests),
            (None, Some(duration)) => self.slots(workload, part, duration).unwrap_or(0),
            (None, None) if self.phases[phase].length == PhaseLength::Exhausted => u64::MAX,
            (None, None) => 0,
        }
    }

    /// Scheduled requests of an open loop within `time` that are those of `workload`; None for a
    /// closed loop.
    fn slots(&self, workload: usize, part: &ScheduledPart, time: Duration) -> Option<u64> {
        let slots = match (part.load, &self.workloads[workload].arrival) {
            (
                PartLoad::Open { shape, .. },
                Arrival::Open {
                    arrivals: Arrivals::Poisson,
                    ..
                },
            ) => shape.integral(time).round() as u64,
            (PartLoad::Open { shape, first }, _) => Schedule {
                shape,
                spread: Spread::Even,
                first,
            }
            .count_before(time),
            (PartLoad::Closed { .. }, _) => return None,
        };
        Some(self.own(workload, slots))
    }
}

impl ThinkTime {
    /// Its mean.
    #[must_use]
    pub fn mean(self) -> Duration {
        match self {
            Self::Constant(time) | Self::Exponential(time) => time,
        }
    }
}

/// The load of a workload without stages.
fn steady_load(arrival: &Arrival) -> Option<PartLoad> {
    match arrival {
        Arrival::Open {
            load: OpenLoad::Steady(shape),
            ..
        } => Some(PartLoad::Open {
            shape: *shape,
            first: 0.0,
        }),
        Arrival::Closed {
            load: CallerLoad::Steady(callers),
            ..
        } => Some(PartLoad::Closed {
            from: *callers,
            to: *callers,
        }),
        _ => None,
    }
}

/// The load at the beginning of the schedule, steady; None where that is none.
fn first_load(arrival: &Arrival) -> Option<PartLoad> {
    let from = arrival.stages().first().map_or(0.0, |stage| stage.from);
    match (arrival, steady_load(arrival)) {
        (
            _,
            Some(PartLoad::Open {
                shape: Shape::Sine { mean, .. },
                ..
            }),
        ) => Some(PartLoad::Open {
            shape: Shape::Constant { rate: mean },
            first: 0.0,
        }),
        (_, Some(load)) => Some(load),
        (_, None) if from == 0.0 => None,
        (Arrival::Open { .. }, None) => Some(PartLoad::Open {
            shape: Shape::Constant { rate: from },
            first: 0.0,
        }),
        (Arrival::Closed { .. }, None) => Some(PartLoad::Closed {
            from: from as u32,
            to: from as u32,
        }),
    }
}

/// The parts of stages that begin at `start`.
fn staged(arrival: &Arrival, start: Duration) -> Vec<ScheduledPart> {
    let stages = arrival.stages();
    let shape = |stage: &Stage| match stage.name {
        Some(_) => Shape::Constant { rate: stage.from },
        None => Shape::Linear {
            from: stage.from,
            to: stage.to,
            over: stage.duration,
        },
    };
    let shapes: Vec<(Shape, Duration)> = stages
        .iter()
        .map(|stage| (shape(stage), stage.duration))
        .collect();
    let firsts = match arrival {
        Arrival::Open {
            arrivals: Arrivals::Even,
            ..
        } => pacer::stages(&shapes)
            .into_iter()
            .map(|stage| stage.first)
            .collect(),
        // Poisson arrivals have no memory.
        _ => vec![0.0; stages.len()],
    };
    let (mut begin, mut ramps) = (start, 0);
    let parts = stages
        .iter()
        .zip(shapes)
        .zip(firsts)
        .map(|((stage, (shape, duration)), first)| {
            let kind = stage.name.clone().map_or_else(
                || {
                    ramps += 1;
                    PartKind::Ramp(ramps)
                },
                PartKind::Stage,
            );
            let load = match arrival {
                Arrival::Open { .. } => PartLoad::Open { shape, first },
                Arrival::Closed { .. } => PartLoad::Closed {
                    from: stage.from as u32,
                    to: stage.to as u32,
                },
            };
            let part = ScheduledPart {
                kind,
                start: begin,
                duration: Some(duration),
                requests: None,
                load,
            };
            begin += duration;
            part
        });
    parts.collect()
}

/// FNV-1a of `text`: fixed, because the marks of collections must keep their meaning between
/// versions.
pub(super) fn text_hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
