//! One cell measured: a load on the real engine, with its recorder and exporter, and what it cost
//! this process.

use std::{path::PathBuf, sync::Arc, time::Duration};

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use tokio::{task::spawn_blocking, time::Instant};

use super::{
    bare_timer,
    cells::{Cell, Shape},
    cores::{Cores, Pinned},
    error::CalibrateError,
};
use crate::{
    load::{
        ClientSpans, Engine, EngineOptions, RunIds, SpanContext, connect_options, nothing_earlier,
        phase_run, streams,
    },
    null_milvus::NullScenario,
    operation::RequestKey,
    plan::{Plan, PlanFlags},
    record::{
        Figure, FigureHistograms, HistogramKey, OnInterval, Outcome, Part, RunClock, RunFolder,
        RunWriter, StreamInfo, environment, read_histograms,
    },
    scenario::{Scenario, ScenarioSource},
    telemetry::{ExportOptions, Exporter, Nonce, SpanQueue},
};

/// Quantiles that are stored.
pub(super) const QUANTILES: [f64; 3] = [0.5, 0.99, 0.999];

/// What all cells have in common.
#[derive(Clone, Debug)]
pub(super) struct Conditions {
    /// Address of the null Milvus.
    pub(super) uri: String,
    pub(super) warmup: Duration,
    pub(super) duration: Duration,
    pub(super) connections: u32,
    pub(super) cores: Option<Cores>,
}

/// What a cell gave.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// Successes of the measured part.
    pub(crate) ok: u64,
    /// Everything else that was due.
    pub(crate) not_ok: u64,
    /// Successes per second.
    pub(crate) per_second: f64,
    /// CPU of this process per request, microseconds: load, writer and exporter, until all are
    /// done.
    pub(crate) cpu_us: f64,
    /// Largest share of one core that a load thread used.
    pub(crate) thread_busy: f64,
    /// Bytes of one request's message.
    pub(crate) request_bytes: u64,
    /// p50, p99, p99.9 of service time in a closed loop, microseconds; None in an open one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) service_time_us: Option<[f64; 3]>,
    /// p50, p99, p99.9 of send lag in an open loop, microseconds; None in a closed one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) send_lag_us: Option<[f64; 3]>,
    /// The same quantiles of a bare kernel timer at this rate, on the same core just before and
    /// just after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bare_timer_us: Option<[f64; 3]>,
    /// Client spans that the endpoint took.
    pub(crate) spans_exported: u64,
    /// Traced requests whose span was lost: no place in a queue.
    pub(crate) spans_lost: u64,
}

/// Measures one cell; an open loop between two halves of the bare timer, so that a machine that
/// changes meets both.
pub(super) async fn measure(
    cell: &Cell,
    conditions: &Conditions,
) -> Result<Measured, CalibrateError> {
    let Shape::Rate(rate) = cell.shape else {
        return load(cell, conditions).await;
    };
    let core = conditions.cores.map(|cores| cores.client);
    let half = conditions.duration / 2;
    let bare = async || {
        let lateness =
            spawn_blocking(move || bare_timer::lateness(f64::from(rate), half, core)).await;
        lateness
            .map_err(CalibrateError::new)?
            .map_err(|error| CalibrateError::new(format!("the bare timer: {error}")))
    };
    let mut lateness = bare().await?;
    let mut measured = load(cell, conditions).await?;
    lateness += &bare().await?;
    measured.bare_timer_us = Some(quantiles_us(&lateness));
    Ok(measured)
}

async fn load(cell: &Cell, conditions: &Conditions) -> Result<Measured, CalibrateError> {
    let plan = plan(cell, conditions)?;
    let scratch = Scratch::new()?;
    let infos = Arc::new(streams(&plan));
    let clock = RunClock::start();
    let exporter = Exporter::start(&ExportOptions::grpc(&conditions.uri, "milvus-bench"))
        .map_err(CalibrateError::new)?;
    let on_sampled = export(exporter.queue(), clock, &infos);
    let mut writer = RunWriter::start(&scratch.folder, Arc::clone(&infos), on_sampled)
        .map_err(CalibrateError::new)?;
    let recorders = vec![writer.recorder()];
    let options = EngineOptions::new(connect_options(&plan), clock);
    let engine = {
        // The load thread stays where it was started, and only where it is compared with the bare
        // timer.
        let core = conditions.cores.map(|cores| cores.client);
        let _pinned = Pinned::to(core.filter(|_| matches!(cell.shape, Shape::Rate(_))));
        Engine::start(&options, recorders)
            .await
            .map_err(CalibrateError::new)?
    };
    let cpu = environment::process_cpu_s();
    let ids = RunIds::new(Nonce(rand::random()), plan.seed, plan.round);
    let phase = phase_run(
        &plan,
        0,
        &infos,
        ids,
        Instant::now() + Duration::from_millis(50),
        &nothing_earlier(&plan),
    );
    let result = engine
        .begin(&phase)
        .wait()
        .await
        .map_err(CalibrateError::new)?;
    let finished = spawn_blocking(move || {
        engine.finish();
        // In this order: the writer's end closes the way into the exporter.
        (writer.finish(), exporter.finish())
    });
    let (written, exported) = finished.await.map_err(CalibrateError::new)?;
    if let Some(error) = written.error {
        return Err(CalibrateError::new(error));
    }
    let cpu = environment::process_cpu_s() - cpu;
    let histograms =
        read_histograms(&scratch.folder.file("latency.hlog"), None).map_err(CalibrateError::new)?;
    let requests: u64 = result.streams.iter().map(|stream| stream.sent).sum();
    let measured = result
        .streams
        .iter()
        .filter(|stream| infos[usize::from(stream.stream)].is_measured());
    let due: u64 = measured.map(|stream| stream.due).sum();
    let ok = successes(&histograms, Figure::ServiceTime).map_or(0, Histogram::len);
    let quantiles = |figure| successes(&histograms, figure).map_or([0.0; 3], quantiles_us);
    let is_open = matches!(cell.shape, Shape::Rate(_));
    Ok(Measured {
        ok,
        not_ok: due.saturating_sub(ok),
        per_second: ok as f64 / conditions.duration.as_secs_f64(),
        cpu_us: cpu * 1e6 / requests.max(1) as f64,
        thread_busy: result.thread_cpu_max,
        request_bytes: request_bytes(&plan, 0).unwrap_or(0),
        service_time_us: (!is_open).then(|| quantiles(Figure::ServiceTime)),
        send_lag_us: is_open.then(|| quantiles(Figure::SendLag)),
        bare_timer_us: None,
        spans_exported: exported.exported,
        spans_lost: exported.dropped + written.not_recorded.values().sum::<u64>(),
    })
}

/// Bytes of the message of one request of a workload; None where its rows can't be read.
pub(super) fn request_bytes(plan: &Plan, workload: usize) -> Option<u64> {
    let call = plan
        .workloads
        .get(workload)?
        .operation
        .prepare(RequestKey::default())
        .ok()?;
    Some(call.body.len() as u64)
}

/// What the writer does with each traced sample: as in a run.
fn export(mut queue: SpanQueue, clock: RunClock, infos: &[StreamInfo]) -> OnInterval {
    let (run, host) = ("calibrate".to_owned(), "127.0.0.1".to_owned());
    let context = SpanContext {
        run,
        anchor: clock.anchor(),
        host,
        port: 19530,
        database: None,
        older_names: false,
        roots: Vec::new(),
    };
    let spans = ClientSpans::new(context, infos);
    Box::new(move |interval| {
        interval
            .samples
            .iter()
            .filter(|sample| sample.sampled)
            .filter_map(|sample| spans.of(sample))
            .for_each(|span| queue.push(span));
        queue.flush();
    })
}

/// The plan of a cell. No variable of the environment changes it: `MILVUS_URI` would send the load
/// to a real server.
fn plan(cell: &Cell, conditions: &Conditions) -> Result<Plan, CalibrateError> {
    let nothing = |_: &str| None;
    let scenario = Scenario::read(
        &ScenarioSource::Stdin(scenario(cell, conditions)),
        &[],
        &nothing,
    )
    .map_err(CalibrateError::new)?;
    Plan::from_scenario(&scenario, &PlanFlags::default(), &nothing).map_err(CalibrateError::new)
}

fn scenario(cell: &Cell, conditions: &Conditions) -> String {
    let search = match cell.shape {
        Shape::InFlight(callers) => format!("concurrency = {callers}"),
        Shape::Rate(rate) => format!("rate = {rate}\narrivals = \"even\""),
    };
    let phase = format!(
        "warmup = \"{}ms\"\nduration = \"{}ms\"",
        conditions.warmup.as_millis(),
        conditions.duration.as_millis()
    );
    let scenario = NullScenario {
        connections: conditions.connections.to_string(),
        sample_ratio: cell.traced().to_string(),
        dim: cell.dim,
        search,
        phase,
        ..NullScenario::new(&conditions.uri)
    };
    scenario.toml()
}

fn successes(histograms: &FigureHistograms, figure: Figure) -> Option<&Histogram<u64>> {
    let is_asked = |key: &HistogramKey| {
        key.part == Part::Measured && key.figure == figure && key.outcome == Outcome::Ok
    };
    histograms
        .merged
        .iter()
        .find(|(key, _)| is_asked(key))
        .map(|(_, histogram)| histogram)
}

fn quantiles_us(histogram: &Histogram<u64>) -> [f64; 3] {
    QUANTILES.map(|quantile| histogram.value_at_quantile(quantile) as f64 / 1000.0)
}

/// A folder that is gone when it is dropped.
struct Scratch {
    folder: RunFolder,
    path: PathBuf,
}

impl Scratch {
    fn new() -> Result<Self, CalibrateError> {
        let path = std::env::temp_dir().join(format!(
            "milvus-bench-calibrate-{}-{:08x}",
            std::process::id(),
            rand::random::<u32>()
        ));
        let folder = RunFolder::create_at(&path).map_err(CalibrateError::new)?;
        Ok(Self { folder, path })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What can't be removed lies in the folder for temporary files.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}
