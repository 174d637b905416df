//! `calibrate`: what this program can generate on this machine, measured against a Milvus that does
//! nothing.
//!
//! The result is kept in the user's cache; the first run on a machine makes a short one by itself,
//! and every run is compared with it.

mod bare_timer;
mod calibration;
mod capacity;
mod cells;
mod cores;
mod measure;
mod null;
mod table;

use std::time::Duration;

use clap::Args;

use self::{
    calibration::{Calibration, CellResult},
    cells::QUICK,
    cores::Cores,
    measure::{Conditions, Measured, measure},
    null::NullProcess,
};
use crate::{
    cli::{CliError, Done, output::print, progress::Progress, runtime, waits::within},
    plan::Plan,
    record::read_histograms,
    runner::{
        session::Session,
        signals::{Asked, Signals, Stage},
    },
};

pub(crate) use self::null::{NullArguments, serve as serve_null};

/// Switches the calibration off that the first run on a machine makes.
const VARIABLE: &str = "MILVUS_BENCH_CALIBRATE";

/// Arguments of `calibrate`.
#[derive(Debug, Args)]
pub(crate) struct CalibrateArguments {
    /// How long each cell is measured, e.g. 500ms or 5s: 200ms to 1m
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = duration)]
    duration: Duration,
    /// Rounds; each cell's figures are medians of all rounds
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    repeat: u32,
    /// Measure these cells alone, by name or parts of it, e.g. d768-c16-t1, d128, r1000; may be
    /// given often. Nothing is kept then
    #[arg(long, value_name = "CELL")]
    only: Vec<String>,
    /// Connections of the load thread
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    connections: u32,
    /// Print JSON instead of tables: what is kept in the cache
    #[arg(long)]
    json: bool,
    /// No progress on stderr
    #[arg(long, short)]
    quiet: bool,
}

fn duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(duration)
            if (Duration::from_millis(200)..=Duration::from_mins(1)).contains(&duration) =>
        {
            Ok(duration)
        }
        _ => Err("durations from 200ms to 1m are allowed".to_owned()),
    }
}

/// Measures every cell, one after the other. Ctrl-C prints what was measured until then.
pub(crate) fn calibrate(
    arguments: &CalibrateArguments,
    signals: &Signals,
) -> Result<Done, CliError> {
    let cells = cells::select(&arguments.only).map_err(CliError::new)?;
    let file = if arguments.only.is_empty() {
        Some(calibration::file()?)
    } else {
        None
    };
    file.as_deref()
        .map_or(Ok(()), Calibration::check_writable)?;
    let progress = Progress::new(arguments.quiet);
    if cfg!(debug_assertions) {
        progress.warn(
            "this is a debug build, whose client costs several times more CPU: calibrate with \
             `cargo run --release`",
        );
    }
    let runtime = runtime()?;
    // A second process and a temporary folder are not to be left behind.
    signals.enter(Stage::Measuring);
    let cores = Cores::choose();
    let null = NullProcess::start(cores.map(|cores| cores.server))?;
    let conditions = Conditions {
        uri: null.uri.clone(),
        warmup: (arguments.duration / 4).min(Duration::from_millis(300)),
        duration: arguments.duration,
        connections: arguments.connections,
        cores,
    };
    let mut calibration =
        Calibration::begin(arguments.duration.as_secs_f64(), arguments.connections);
    let mut rounds: Vec<Vec<Measured>> = vec![Vec::new(); cells.len()];
    let measuring = async {
        for round in 0..arguments.repeat {
            for (cell, measured) in cells.iter().zip(&mut rounds) {
                progress.step(&format!(
                    "calibrate: {cell}, round {} of {}",
                    round + 1,
                    arguments.repeat
                ));
                let _measuring = progress.waiting(
                    format!("calibrate: {cell}"),
                    within(arguments.duration * 2 + Duration::from_secs(10)),
                );
                measured.push(measure(cell, &conditions).await?);
            }
        }
        Ok::<_, CliError>(())
    };
    let ended = runtime
        .block_on(signals.unless_asked(Asked::Nothing, measuring))
        .transpose()?;
    progress.end();
    let measured = cells
        .iter()
        .zip(&rounds)
        .filter_map(|(cell, rounds)| Some(CellResult::new(cell, median(rounds)?)));
    calibration.cells.extend(measured);
    let printed = print_result(&calibration, arguments.json);
    if let (None, Some(done)) = (ended, signals.asked().done()) {
        printed.err().iter().for_each(CliError::say);
        return Ok(done);
    }
    if let Some(file) = file {
        calibration.write(&file)?;
        progress.step(&format!(
            "kept in {}: later runs are compared with it",
            file.display()
        ));
    }
    printed.map(|()| Done::Ok)
}

fn print_result(calibration: &Calibration, json: bool) -> Result<(), CliError> {
    match (json, calibration.cells.is_empty()) {
        (true, _) => print(&calibration.json().map_err(CliError::new)?),
        (false, false) => print(table::table(calibration).as_bytes()),
        (false, true) => Ok(()),
    }
}

/// The median of each figure; the counts of failures and lost spans are those of all rounds, so
/// that none is hidden.
fn median(rounds: &[Measured]) -> Option<Measured> {
    let number = |of: &dyn Fn(&Measured) -> f64| {
        let mut values: Vec<f64> = rounds.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let three = |of: &dyn Fn(&Measured) -> Option<[f64; 3]>| {
        rounds
            .iter()
            .all(|round| of(round).is_some())
            .then(|| [0, 1, 2].map(|at| number(&|round| of(round).unwrap_or_default()[at])))
    };
    let first = rounds.first()?;
    Some(Measured {
        ok: rounds.iter().map(|round| round.ok).sum(),
        not_ok: rounds.iter().map(|round| round.not_ok).sum(),
        per_second: number(&|round| round.per_second),
        cpu_us: number(&|round| round.cpu_us),
        thread_busy: number(&|round| round.thread_busy),
        request_bytes: first.request_bytes,
        service_time_us: three(&|round| round.service_time_us),
        send_lag_us: three(&|round| round.send_lag_us),
        bare_timer_us: three(&|round| round.bare_timer_us),
        spans_exported: rounds.iter().map(|round| round.spans_exported).sum(),
        spans_lost: rounds.iter().map(|round| round.spans_lost).sum(),
    })
}

/// Five seconds of calibration where none is kept for this machine and this build. Whatever goes
/// wrong is a warning: the run that follows needs it for one line of its report. A debug build is
/// not worth it, unless it is asked for.
pub(crate) async fn on_first_run(progress: &Progress, signals: &Signals) {
    let asked = std::env::var_os(VARIABLE);
    let asked_for = |what: &str| asked.as_ref().is_some_and(|value| value == what);
    if asked_for("off") || (cfg!(debug_assertions) && !asked_for("on")) {
        return;
    }
    let failed = |error: CliError| {
        progress.warn(&format!(
            "this run can't say how much of its client it used, for the calibration failed: \
             {error}; {VARIABLE}=off skips it"
        ));
    };
    match calibration::file() {
        Ok(file) if Calibration::read(&file).is_some() => {}
        Ok(file) => {
            progress.step(
                "first run on this machine: 5 s to measure what this client can generate \
                 (`milvus-bench calibrate` does it at length)",
            );
            if let Some(Err(error)) = signals.unless_asked(Asked::Nothing, quick(&file)).await {
                failed(error);
            }
        }
        Err(error) => failed(error),
    }
}

async fn quick(file: &std::path::Path) -> Result<(), CliError> {
    Calibration::check_writable(file)?;
    let duration = Duration::from_millis(500);
    let null = NullProcess::start(Cores::choose().map(|cores| cores.server))?;
    let conditions = Conditions {
        uri: null.uri.clone(),
        warmup: Duration::from_millis(150),
        duration,
        connections: 1,
        cores: Cores::choose(),
    };
    let mut calibration = Calibration::begin(duration.as_secs_f64(), 1);
    for cell in &QUICK {
        calibration
            .cells
            .push(CellResult::new(cell, measure(cell, &conditions).await?));
    }
    calibration.write(file)
}

/// Compares a run that has sent its load with the calibration that is kept, for run.json. Without
/// one, or where nothing in it is like the run, nothing is noted.
pub(crate) fn note_capacity(session: &mut Session<'_>, plan: &Plan) {
    let kept = calibration::file()
        .ok()
        .and_then(|file| Calibration::read(&file));
    let histograms = || read_histograms(&session.folder.file("latency.hlog"), None).ok();
    let capacity =
        kept.and_then(|kept| capacity::capacity(&kept, &session.info, plan, &histograms()?));
    session.info.client_capacity = capacity;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_medians_and_failures_add_up() {
        let round = |per_second, lag| Measured {
            per_second,
            not_ok: 1,
            send_lag_us: Some([lag; 3]),
            ..Measured::default()
        };
        let median =
            median(&[round(3.0, 30.0), round(1.0, 20.0), round(2.0, 90.0)]).expect("three rounds");
        assert_eq!(
            (
                median.per_second,
                median.not_ok,
                median.send_lag_us,
                median.bare_timer_us
            ),
            (2.0, 3, Some([30.0; 3]), None)
        );
        assert_eq!(super::median(&[]), None);
    }

    #[test]
    fn durations_are_written_as_in_a_scenario() {
        for (text, expected) in [
            ("2s", Some(2000)),
            ("500ms", Some(500)),
            ("1m", Some(60_000)),
            ("2", None),
            ("100ms", None),
            ("2m", None),
        ] {
            assert_eq!(
                duration(text).ok(),
                expected.map(Duration::from_millis),
                "{text}"
            );
        }
    }
}
