//! `calibrate`: what this program can generate on this machine, measured against a Milvus that does nothing.

mod cell;
mod null;

use std::{fmt::Write, time::Duration};

use clap::Args;
use serde::Serialize;

use self::{
    cell::{Cell, Measured, Shape},
    null::NullProcess,
};
use super::{CliError, Done, print, progress::Progress, runtime};

pub(super) use self::null::serve as serve_null;

/// Arguments of `calibrate`.
#[derive(Debug, Args)]
pub(crate) struct CalibrateArguments {
    /// Seconds that each cell is measured
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0, value_parser = seconds)]
    seconds: f64,
    /// Connections to the null Milvus
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    connections: u32,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
    /// No progress on stderr
    #[arg(long, short)]
    quiet: bool,
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.2..=60.0).contains(&seconds) => Ok(seconds),
        _ => Err("seconds from 0.2 to 60 are allowed".to_owned()),
    }
}

/// Callers, dimensions and traced share of the throughput cells.
const THROUGHPUT: [(u32, u32, f64); 9] = [
    (1, 128, 0.0),
    (16, 128, 0.0),
    (64, 128, 0.0),
    (64, 128, 0.01),
    (64, 128, 0.1),
    (64, 128, 1.0),
    (64, 768, 0.01),
    (64, 1536, 0.01),
    (16, 768, 0.01),
];

/// Requests per second of the send-lag cells.
const RATES: [f64; 4] = [100.0, 1000.0, 10_000.0, 50_000.0];

/// One row of the result.
#[derive(Debug, Serialize)]
struct Row {
    dim: u32,
    traced: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    in_flight: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<f64>,
    #[serde(flatten)]
    measured: Measured,
}

/// Measures every cell, one after the other.
pub(crate) fn calibrate(arguments: &CalibrateArguments) -> Result<Done, CliError> {
    let null = NullProcess::start()?;
    let progress = Progress::new(arguments.quiet);
    let runtime = runtime()?;
    let throughput = THROUGHPUT.map(|(callers, dim, traced)| (Shape::InFlight(callers), dim, traced));
    let lag = RATES.map(|rate| (Shape::Rate(rate), 128, 0.0));
    let mut rows = Vec::new();
    for (shape, dim, traced) in throughput.into_iter().chain(lag) {
        progress.step(&format!("calibrate: {shape}, {dim} dimensions, {:.0} % traced", traced * 100.0));
        let cell = Cell {
            uri: null.uri.clone(),
            dim,
            traced,
            shape,
            duration: Duration::from_secs_f64(arguments.seconds),
            connections: arguments.connections,
        };
        let measured = runtime.block_on(cell::measure(&cell))?;
        let (in_flight, rate) = match shape {
            Shape::InFlight(callers) => (Some(callers), None),
            Shape::Rate(rate) => (None, Some(rate)),
        };
        rows.push(Row { dim, traced, in_flight, rate, measured });
    }
    if arguments.json {
        let mut text = serde_json::to_vec_pretty(&rows).map_err(CliError::new)?;
        text.push(b'\n');
        print(&text);
    } else {
        print(table(&rows).as_bytes());
    }
    Ok(Done::Ok)
}

fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "one load thread against a null Milvus in a process of its own; CPU is of this process, writer of the files included\n\
         closed loop   in flight   dim  traced   requests/s  CPU us/request  thread busy   service time p50    p99  p99.9 us\n",
    );
    for row in rows.iter().filter(|row| row.in_flight.is_some()) {
        let Measured { per_second, cpu_us, thread_busy, quantiles_us: [p50, p99, p999], .. } = row.measured;
        // Writing to a String can't fail.
        let _ = writeln!(
            text,
            "{:>23}  {:>5}  {:>5.0}%  {per_second:>11.0}  {cpu_us:>14.1}  {:>10.0}%  {p50:>17.0} {p99:>6.0} {p999:>6.0}",
            row.in_flight.unwrap_or_default(),
            row.dim,
            row.traced * 100.0,
            thread_busy * 100.0,
        );
    }
    text.push_str("open loop     requests/s: wanted        sent  CPU us/request  thread busy       send lag p50    p99  p99.9 us\n");
    for row in rows.iter().filter(|row| row.rate.is_some()) {
        let Measured { per_second, cpu_us, thread_busy, quantiles_us: [p50, p99, p999], .. } = row.measured;
        let _ = writeln!(
            text,
            "{:>32.0}  {per_second:>10.0}  {cpu_us:>14.1}  {:>10.0}%  {p50:>17.0} {p99:>6.0} {p999:>6.0}",
            row.rate.unwrap_or_default(),
            thread_busy * 100.0,
        );
    }
    text
}
