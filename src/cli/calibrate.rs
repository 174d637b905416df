//! `calibrate`: what this program can generate on this machine.

use std::time::Duration;

use clap::Args;

use super::{
    ended::{CliError, Done},
    output::{print, say_error},
    progress::Progress,
    runtime::runtime,
};
use crate::{
    calibrate::{CalibrateOptions, Calibrating, Calibration, table},
    runner::{Asked, Signals, Stage, within},
};

/// Arguments of `calibrate`.
#[derive(Debug, Args)]
pub(crate) struct CalibrateArguments {
    /// How long each cell is measured, e.g. 500ms or 5s: 200ms to 1m
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = duration)]
    duration: Duration,
    /// Rounds; each cell's figures are medians of all rounds
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1,
        value_parser = clap::value_parser!(u32).range(1..=100)
    )]
    repeat: u32,
    /// Measure only these cells, by name or part of it, e.g. d768-c16-t1, d128, r1000; repeatable,
    /// the result is then not stored
    #[arg(long, value_name = "CELL")]
    only: Vec<String>,
    /// Connections of the load thread
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1,
        value_parser = clap::value_parser!(u32).range(1..=64)
    )]
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
        _ => Err("expected a duration from 200ms to 1m".to_owned()),
    }
}

/// Measures every cell, one after the other. Ctrl-C prints what was measured until then.
pub(crate) fn calibrate(
    arguments: &CalibrateArguments,
    signals: &Signals,
) -> Result<Done, CliError> {
    let mut calibrating = Calibrating::new(CalibrateOptions {
        duration: arguments.duration,
        repeat: arguments.repeat,
        only: arguments.only.clone(),
        connections: arguments.connections,
    })
    .map_err(CliError::new)?;
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
    let tell = |cell: &str, round: u32| -> Box<dyn std::any::Any + Send> {
        progress.step(&format!(
            "calibrate: {cell}, round {round} of {}",
            arguments.repeat
        ));
        Box::new(progress.waiting(
            format!("calibrate: {cell}"),
            within(arguments.duration * 2 + Duration::from_secs(10)),
        ))
    };
    let ended = runtime
        .block_on(signals.unless_asked(Asked::Nothing, calibrating.measure(&tell)))
        .transpose()
        .map_err(CliError::new)?;
    progress.end();
    let result = calibrating.result();
    let printed = print_result(&result, arguments.json);
    if let (None, Some(done)) = (ended, Done::asked(signals.asked())) {
        printed.err().iter().for_each(say_error);
        return Ok(done);
    }
    if let Some(file) = calibrating.keep(&result).map_err(CliError::new)? {
        progress.step(&format!(
            "kept in {}: later runs are compared with it",
            file.display()
        ));
    }
    printed.map(|()| Done::Ok)
}

fn print_result(calibration: &Calibration, json: bool) -> Result<(), CliError> {
    match (json, calibration.is_empty()) {
        (true, _) => print(&calibration.json().map_err(CliError::new)?),
        (false, false) => print(table(calibration).as_bytes()),
        (false, true) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
