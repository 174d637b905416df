//! What a run of the plan will do and need, for `check`: counted where the plan decides, estimated
//! where Milvus does.

use std::{fmt, time::Duration};

use super::{
    Arrival, CollectionPlan, OpenLoad, PartKind, PartLoad, PhaseLength, Plan, PlannedPart,
    PrepareMode,
};
use crate::keys::grouped;

/// Spans of one traced request: a search of a standalone Milvus has about ten.
const SPANS_PER_TRACE: u64 = 10;
/// Bytes of a line in `requests.jsonl`.
const REQUEST_BYTES: u64 = 450;
/// Bytes of a span in `spans.jsonl`.
const SPAN_BYTES: u64 = 900;
/// Bytes of the histograms of one workload and second.
const SECOND_BYTES: u64 = 20_000;
/// Time of a preparation without its rows: flush, index, load.
const PREPARATION_TIME: Duration = Duration::from_secs(10);
/// Bytes of vectors that are inserted and indexed in a second.
const PREPARATION_BYTES_PER_S: f64 = 5e6;

/// One stage that is measured.
#[derive(Clone, Debug, PartialEq)]
pub struct ExpectedStage {
    /// Its name.
    pub name: String,
    /// Its load, in words.
    pub load: String,
    /// Its length.
    pub duration: Duration,
    /// Its requests; None where Milvus' speed decides.
    pub requests: Option<u64>,
}

/// One workload of one phase.
#[derive(Clone, Debug, PartialEq)]
pub struct ExpectedLoad {
    /// Name of the phase.
    pub phase: String,
    /// Name of the workload.
    pub workload: String,
    /// Requests of the warm-up; None where Milvus' speed decides.
    pub warmup: Option<u64>,
    /// Requests of the measured part; None where Milvus' speed decides.
    pub requests: Option<u64>,
    /// Requests of the ramps; None where Milvus' speed decides.
    pub ramps: Option<u64>,
    /// Stages in their order; none where the load is steady.
    pub stages: Vec<ExpectedStage>,
    /// Share of the measured requests that are traced, in [0, 1].
    pub sample_ratio: f64,
    /// Requests per second of an open loop without stages, on average; None for others.
    pub rate: Option<f64>,
    /// How long the rows last that its requests use up, in words; None where they use none up, or
    /// where those of another component end the mix before.
    pub rows_last: Option<String>,
}

/// What a run will do and need.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expectation {
    /// Address of Milvus, with the database if one is named.
    pub milvus: String,
    /// What happens to each collection, in words.
    pub collections: Vec<String>,
    /// How long each phase takes, in words.
    pub phases: Vec<String>,
    /// Every workload of every phase, in their order.
    pub loads: Vec<ExpectedLoad>,
    /// Rows that preparation inserts.
    pub rows: u64,
    /// Traces of measured requests; a bound where Milvus' speed decides, see
    /// [`Plan::sample_ratio`].
    pub traces: u64,
    /// Spans of these traces that are read; None where none are.
    pub spans: Option<u64>,
    /// Time of preparation (estimated), phases and, where spans are read, settling; None where
    /// Milvus' speed decides.
    pub time: Option<Duration>,
    /// Size of the run folder in bytes, estimated.
    pub disk_bytes: u64,
}

impl Plan {
    /// What a run of this plan will do and need.
    #[must_use]
    pub fn expectation(&self) -> Expectation {
        let loads: Vec<ExpectedLoad> = (0..self.phases.len())
            .flat_map(|phase| {
                self.phases[phase]
                    .workloads
                    .iter()
                    .map(move |index| self.expected_load(phase, *index))
            })
            .collect();
        let inserts = |plan: &&CollectionPlan| {
            matches!(plan.prepare, PrepareMode::Full | PrepareMode::Ensure)
        };
        let rows = self
            .collections
            .iter()
            .filter(inserts)
            .map(|plan| plan.initial_rows)
            .fold(0, u64::saturating_add);
        let traces = (0..self.phases.len())
            .map(|phase| self.expected_traces(phase))
            .fold(0, u64::saturating_add);
        let spans = self
            .tracing
            .reads_spans()
            .then(|| traces.saturating_mul(SPANS_PER_TRACE));
        let time = self.expected_time();
        let seconds = time
            .unwrap_or_default()
            .as_secs()
            .saturating_mul(self.workloads.len() as u64);
        let disk_bytes = [
            (traces, REQUEST_BYTES),
            (spans.unwrap_or(0), SPAN_BYTES),
            (seconds, SECOND_BYTES),
        ]
        .iter()
        .fold(0_u64, |sum, (count, bytes)| {
            sum.saturating_add(count.saturating_mul(*bytes))
        });
        let database = self
            .milvus
            .database
            .as_ref()
            .map(|name| format!(", database {name}"))
            .unwrap_or_default();
        let milvus = format!("{}{database}", self.milvus.uri);
        let collections = self.collections.iter().map(fate).collect();
        let phases = (0..self.phases.len())
            .map(|phase| self.phase_time(phase))
            .collect();
        Expectation {
            milvus,
            collections,
            phases,
            loads,
            rows,
            traces,
            spans,
            time,
            disk_bytes,
        }
    }

    /// `alone: 20s after 5s of warm-up`.
    fn phase_time(&self, phase: usize) -> String {
        let plan = &self.phases[phase];
        let length = match (plan.length, self.measured_time(phase)) {
            (PhaseLength::Exhausted, None) => "until the rows are used up".to_owned(),
            (_, None) => "until Milvus has answered all requests".to_owned(),
            (PhaseLength::Duration(_), Some(time)) => humantime::format_duration(time).to_string(),
            (_, Some(time)) => format!(
                "about {}",
                humantime::format_duration(Duration::from_millis(time.as_millis() as u64))
            ),
        };
        let warmup = if plan.warmup.is_zero() {
            String::new()
        } else {
            format!(
                ", after {} of warm-up",
                humantime::format_duration(plan.warmup)
            )
        };
        format!("{}: {length}{warmup}", plan.name)
    }

    fn expected_stages(&self, phase: usize, index: usize) -> Vec<ExpectedStage> {
        let stage = |(part, requests): (super::ScheduledPart, Option<u64>)| {
            let PartKind::Stage(name) = part.kind else {
                return None;
            };
            let load = match part.load {
                PartLoad::Open { shape, .. } => format!("{} a second", shape.mean_rate()),
                PartLoad::Closed { to, .. } => format!("{to} callers"),
            };
            Some(ExpectedStage {
                name,
                load,
                duration: part.duration?,
                requests,
            })
        };
        self.planned_parts(phase, index)
            .into_iter()
            .filter_map(stage)
            .collect()
    }

    fn expected_load(&self, phase: usize, index: usize) -> ExpectedLoad {
        ExpectedLoad {
            phase: self.phases[phase].name.clone(),
            workload: self.workloads[index].name.clone(),
            warmup: self.planned_requests(phase, index, PlannedPart::Warmup),
            requests: self.planned_requests(phase, index, PlannedPart::Measured),
            ramps: self.planned_requests(phase, index, PlannedPart::Ramps),
            stages: self.expected_stages(phase, index),
            sample_ratio: self.sample_ratio(phase),
            rate: match &self.workloads[index].arrival {
                Arrival::Open {
                    load: OpenLoad::Steady(shape),
                    ..
                } => Some(shape.mean_rate() * self.workloads[index].share()),
                _ => None,
            },
            rows_last: self.rows_last(phase, index),
        }
    }

    /// How long the rows last that a workload uses up which begins with `phase`.
    fn rows_last(&self, phase: usize, index: usize) -> Option<String> {
        let workload = &self.workloads[index];
        if workload.mix.is_some() && self.ends_mix(index) != Some(index) {
            return None;
        }
        let about = if workload.mix.is_some() { "about " } else { "" };
        let left = self.left_before(phase, index, PlannedPart::Warmup)?;
        Some(match &workload.arrival {
            Arrival::Open {
                load: OpenLoad::Steady(shape),
                ..
            } => {
                let rate = shape.mean_rate() * workload.share();
                let needed = (self.phases[phase].warmup
                    + self.measured_time(phase).unwrap_or_default())
                .as_secs_f64();
                let lasts = left as f64 / rate;
                let early = if lasts < needed && self.phases[phase].length != PhaseLength::Exhausted
                {
                    ", less than the phase"
                } else {
                    ""
                };
                format!("its rows last {about}{lasts:.1} s{early}")
            }
            // How many of its requests are drawn until then is only expected.
            _ if workload.mix.is_some() => format!("its rows last about {} requests", shown(left)),
            _ => format!("its rows last {} requests at most", shown(left)),
        })
    }

    fn expected_traces(&self, phase: usize) -> u64 {
        let requests: f64 = self.phases[phase]
            .workloads
            .iter()
            .map(|index| self.assumed_requests(phase, *index))
            .sum();
        (requests * self.sample_ratio(phase)).round() as u64
    }

    fn expected_time(&self) -> Option<Duration> {
        let prepare = self
            .collections
            .iter()
            .filter(|plan| plan.prepare != PrepareMode::Reuse)
            .map(|plan| {
                let bytes = plan.initial_rows as f64 * f64::from(plan.shape.vector.dim) * 4.0;
                PREPARATION_TIME
                    + Duration::try_from_secs_f64(bytes / PREPARATION_BYTES_PER_S)
                        .unwrap_or(Duration::MAX / 2)
            });
        let phases = (0..self.phases.len()).map(|phase| {
            self.measured_time(phase)
                .map(|time| time + self.phases[phase].warmup)
        });
        let phases = phases.collect::<Option<Vec<Duration>>>()?;
        let settle = if self.tracing.reads_spans() {
            self.tracing.settle
        } else {
            Duration::ZERO
        };
        Some(prepare.chain(phases).fold(settle, Duration::saturating_add))
    }
}

/// What a run does to a collection.
fn fate(plan: &CollectionPlan) -> String {
    let rows = match (plan.prepare, plan.initial_rows) {
        (PrepareMode::Schema, _) | (_, 0) => "empty".to_owned(),
        (_, rows) => format!("with {} rows", shown(rows)),
    };
    let end = if plan.keep { "kept" } else { "dropped" };
    let what = match plan.prepare {
        PrepareMode::Full | PrepareMode::Schema => {
            format!(
                "created {rows}, replacing one that milvus-bench created before, if there is one; \
                 {end} after the run"
            )
        }
        PrepareMode::Ensure => {
            format!(
                "kept if milvus-bench created it with the same settings, else created {rows} in \
                 its place; {end} after the run"
            )
        }
        PrepareMode::Reuse => "used unchanged, neither created nor dropped".to_owned(),
    };
    format!("{}: {what}", plan.shape.name)
}

fn shown(number: u64) -> String {
    grouped(i64::try_from(number).unwrap_or(i64::MAX))
}

fn shown_bytes(bytes: u64) -> String {
    match bytes {
        0..=999_999 => format!("{} kB", bytes / 1000),
        1_000_000..=999_999_999 => format!("{} MB", bytes / 1_000_000),
        _ => format!("{} GB", bytes / 1_000_000_000),
    }
}

/// Requests, which callers send as many as Milvus answers where no number is planned.
fn number(requests: Option<u64>) -> String {
    requests.map_or_else(
        || "as many as Milvus can answer".to_owned(),
        |count| format!("about {}", shown(count)),
    )
}

impl fmt::Display for ExpectedLoad {
    /// Its line, and one for each stage, each with its line break.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let warmup = match self.warmup {
            Some(0) => String::new(),
            None if self.requests.is_none() && self.rate.is_none() => {
                ", in the warm-up before too".to_owned()
            }
            warmup => format!(", {} before as warm-up", number(warmup)),
        };
        let last = self
            .rows_last
            .as_ref()
            .map(|last| format!("; {last}"))
            .unwrap_or_default();
        let percent = self.sample_ratio * 100.0;
        let percent = if percent >= 10.0 || percent == 0.0 {
            format!("{percent:.0}")
        } else {
            format!("{percent:.2}")
        };
        let requests = match (self.requests, self.rate) {
            (None, Some(rate)) => format!("{rate} a second until the phase ends"),
            (requests, _) => number(requests),
        };
        let ramps = match self.ramps {
            // Those of a closed loop are as many as Milvus answers, too.
            Some(0) | None => String::new(),
            ramps => format!(", {} in ramps", number(ramps)),
        };
        writeln!(
            f,
            "requests   {}/{}: {requests}{warmup}{ramps}, {percent} % traced{last}",
            self.phase, self.workload
        )?;
        for stage in &self.stages {
            let (time, requests) = (
                humantime::format_duration(stage.duration),
                number(stage.requests),
            );
            writeln!(
                f,
                "stage      {}/{}/{}: {} for {time}, {requests}",
                self.phase, stage.name, self.workload, stage.load
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Expectation {
    /// Lines for people, each with its line break.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "milvus     {}", self.milvus)?;
        for collection in &self.collections {
            writeln!(f, "collection {collection}")?;
        }
        writeln!(
            f,
            "rows       {} inserted by the preparation",
            shown(self.rows)
        )?;
        for phase in &self.phases {
            writeln!(f, "phase      {phase}")?;
        }
        for load in &self.loads {
            write!(f, "{load}")?;
        }
        let about = if self.loads.iter().all(|load| load.requests.is_some()) {
            "about"
        } else {
            "at most"
        };
        let spans = self.spans.map_or("no span is read".to_owned(), |spans| {
            format!("{} spans", shown(spans))
        });
        writeln!(f, "traces     {about} {}, {spans}", shown(self.traces))?;
        match self.time {
            Some(time) => writeln!(
                f,
                "time       about {} with preparation{}",
                humantime::format_duration(Duration::from_secs(time.as_secs())),
                if self.spans.is_some() {
                    " and settling"
                } else {
                    ""
                }
            )?,
            None => writeln!(f, "time       until Milvus has answered all requests")?,
        }
        writeln!(f, "disk       {about} {}", shown_bytes(self.disk_bytes))
    }
}
