//! `calibrate`: what this machine and this program can generate, measured against a Milvus that does nothing.

mod cell;

use std::time::Duration;

use clap::Args;

use self::cell::{Cell, Shape};
use super::{CliError, Done, print, runtime};

/// Arguments of `calibrate`.
#[derive(Debug, Args)]
pub(crate) struct CalibrateArguments {
    /// Null Milvus to measure against
    #[arg(long, value_name = "URI")]
    uri: String,
    #[arg(long, default_value_t = 128)]
    dim: u32,
    #[arg(long, default_value_t = 0.0)]
    traced: f64,
    #[arg(long)]
    in_flight: Option<u32>,
    #[arg(long)]
    rate: Option<f64>,
    #[arg(long, default_value_t = 1)]
    connections: u32,
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    #[arg(long)]
    export: Option<String>,
}

/// Measures.
pub(crate) fn calibrate(arguments: &CalibrateArguments) -> Result<Done, CliError> {
    let shape = match arguments.rate {
        Some(rate) => Shape::Rate(rate),
        None => Shape::InFlight(arguments.in_flight.unwrap_or(64)),
    };
    let cell = Cell {
        uri: arguments.uri.clone(),
        dim: arguments.dim,
        traced: arguments.traced,
        shape,
        duration: Duration::from_secs_f64(arguments.seconds),
        connections: arguments.connections,
        threads: 1,
        export: arguments.export.clone(),
    };
    let measured = runtime()?.block_on(cell::measure(&cell))?;
    print(format!("{measured:#?}\n").as_bytes());
    Ok(Done::Ok)
}
