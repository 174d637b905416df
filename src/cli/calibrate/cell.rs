//! One cell of the calibration: a load on the real engine, with its recorder, and what it cost this process.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use serde::Serialize;
use tokio::time::Instant;

use super::super::{CliError, check::plan_of, environment, session::connect_options};
use crate::{
    load::{Engine, EngineOptions, RunIds, nothing_earlier, phase_run, streams},
    plan::PlanFlags,
    record::{Figure, FigureHistograms, Outcome, Part, RunClock, RunFolder, RunWriter, read_histograms},
    scenario::ScenarioSource,
    telemetry::Nonce,
};

/// How the requests of a cell arise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Shape {
    /// Callers that each wait for their answer.
    InFlight(u32),
    /// Requests per second, at equal distances.
    Rate(f64),
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shape::InFlight(callers) => write!(f, "{callers} in flight"),
            Shape::Rate(rate) => write!(f, "{rate:.0}/s"),
        }
    }
}

/// What is measured.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    /// Milvus, or what stands for it.
    pub(super) uri: String,
    /// Dimensions of the vectors: 128 makes requests of 658 bytes.
    pub(super) dim: u32,
    /// Share of requests that are traced, in [0, 1].
    pub(super) traced: f64,
    pub(super) shape: Shape,
    pub(super) duration: Duration,
    pub(super) connections: u32,
}

/// What a cell gave.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Measured {
    /// Successes of the measured part.
    pub(super) ok: u64,
    /// Everything else that was due.
    pub(super) not_ok: u64,
    /// Successes per second.
    pub(super) per_second: f64,
    /// CPU of this process per request, microseconds: load and writer, until both are done.
    pub(super) cpu_us: f64,
    /// Largest share of one core that a load thread used.
    pub(super) thread_busy: f64,
    /// p50, p99, p99.9 of send lag, microseconds; of service time in a closed loop.
    pub(super) quantiles_us: [f64; 3],
}

/// Measures one cell.
pub(super) async fn measure(cell: &Cell) -> Result<Measured, CliError> {
    let plan = plan_of(&ScenarioSource::Stdin(scenario(cell)), &[], &PlanFlags::default())?;
    let scratch = Scratch::new()?;
    let infos = streams(&plan);
    let clock = RunClock::start();
    let mut writer = RunWriter::start(&scratch.folder, Arc::new(infos.clone()), Box::new(|_| {})).map_err(CliError::new)?;
    let recorders = vec![writer.recorder()];
    let options = EngineOptions::new(connect_options(&plan), clock);
    let engine = Engine::start(&options, recorders).await.map_err(CliError::new)?;
    let cpu = environment::process_cpu_s();
    let ids = RunIds { nonce: Nonce(rand::random()), seed: plan.seed };
    let phase = phase_run(&plan, 0, &infos, ids, Instant::now() + Duration::from_millis(50), &nothing_earlier(&plan));
    let result = engine.begin(&phase).wait().await.map_err(CliError::new)?;
    let finished = tokio::task::spawn_blocking(move || {
        engine.finish();
        writer.finish()
    });
    if let Some(error) = finished.await.map_err(CliError::new)?.error {
        return Err(CliError::new(error));
    }
    let cpu = environment::process_cpu_s() - cpu;
    let histograms = read_histograms(&scratch.folder.file("latency.hlog")).map_err(CliError::new)?;
    let requests: u64 = result.streams.iter().map(|stream| stream.sent).sum();
    let (ok, not_ok) = counts(&histograms);
    Ok(Measured {
        ok,
        not_ok,
        per_second: ok as f64 / cell.duration.as_secs_f64(),
        cpu_us: cpu * 1e6 / requests.max(1) as f64,
        thread_busy: result.thread_cpu_max,
        quantiles_us: quantiles_us(&histograms, cell.shape),
    })
}

fn scenario(cell: &Cell) -> String {
    let arrival = match cell.shape {
        Shape::InFlight(callers) => format!("concurrency = {callers}"),
        Shape::Rate(rate) => format!("rate = {rate:.3}\narrivals = \"even\""),
    };
    let seconds = cell.duration.as_secs_f64();
    format!(
        r#"
name = "calibrate"
[milvus]
uri = "{uri}"
connections = {connections}
[tracing]
sample_ratio = {traced}
export = "off"
[tracing.spans]
source = "none"
[data.noise]
format = "random"
rows = 1000
dim = {dim}
queries = 1000
[collections.null]
data = "noise"
metric = "L2"
prepare = "reuse"
[workloads.search]
operation = "search"
collection = "null"
limit = 10
{arrival}
[[phases]]
name = "cell"
warmup = "300ms"
duration = "{seconds}s"
workloads = ["search"]
"#,
        uri = cell.uri,
        connections = cell.connections,
        traced = cell.traced,
        dim = cell.dim,
    )
}

fn counts(histograms: &FigureHistograms) -> (u64, u64) {
    let measured = histograms.merged.iter().filter(|(key, _)| key.part == Part::Measured && key.figure == Figure::ServiceTime);
    measured.fold((0, 0), |(ok, not_ok), (key, histogram)| match key.outcome {
        Outcome::Ok => (ok + histogram.len(), not_ok),
        _ => (ok, not_ok + histogram.len()),
    })
}

fn quantiles_us(histograms: &FigureHistograms, shape: Shape) -> [f64; 3] {
    let figure = if matches!(shape, Shape::Rate(_)) { Figure::SendLag } else { Figure::ServiceTime };
    let found = histograms
        .merged
        .iter()
        .find(|(key, _)| key.part == Part::Measured && key.figure == figure && key.outcome == Outcome::Ok)
        .map(|(_, histogram)| histogram);
    [0.5, 0.99, 0.999].map(|quantile| found.map_or(0.0, |histogram| histogram.value_at_quantile(quantile) as f64 / 1000.0))
}

/// A folder that is gone when it is dropped.
struct Scratch {
    folder: RunFolder,
    path: PathBuf,
}

impl Scratch {
    fn new() -> Result<Self, CliError> {
        let path = std::env::temp_dir().join(format!("milvus-bench-calibrate-{}-{:08x}", std::process::id(), rand::random::<u32>()));
        let folder = RunFolder::create_at(&path).map_err(CliError::new)?;
        Ok(Self { folder, path })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What can't be removed lies in the folder for temporary files.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}
