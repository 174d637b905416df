//! Every cell measured, one after the other, as often as it is asked for.

use std::{
    any::Any,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    calibration::{Calibration, CellResult, file},
    cells::{Cell, QUICK, select},
    cores::Cores,
    error::CalibrateError,
    measure::{Conditions, Measured, measure},
    null::NullProcess,
};

/// What is calibrated.
#[derive(Clone, Debug)]
pub(crate) struct CalibrateOptions {
    /// How long each cell is measured.
    pub(crate) duration: Duration,
    /// Rounds; each cell's figures are medians of all rounds.
    pub(crate) repeat: u32,
    /// Cells by name or parts of it; empty: all, and the result is kept.
    pub(crate) only: Vec<String>,
    /// Connections of the load thread.
    pub(crate) connections: u32,
}

/// Lives as long as a cell is measured.
pub(crate) type CellGuard = Box<dyn Any + Send>;

/// A calibration under way.
#[derive(Debug)]
pub(crate) struct Calibrating {
    options: CalibrateOptions,
    cells: Vec<Cell>,
    /// Where it is kept; None where it is not of all cells.
    file: Option<PathBuf>,
    begun: Calibration,
    rounds: Vec<Vec<Measured>>,
}

impl Calibrating {
    /// Nothing measured yet.
    ///
    /// # Errors
    /// No cell is called so, or the result could not be kept.
    pub(crate) fn new(options: CalibrateOptions) -> Result<Self, CalibrateError> {
        let cells = select(&options.only).map_err(CalibrateError::new)?;
        let file = if options.only.is_empty() {
            Some(file()?)
        } else {
            None
        };
        file.as_deref()
            .map_or(Ok(()), Calibration::check_writable)?;
        Ok(Self {
            begun: Calibration::begin(options.duration.as_secs_f64(), options.connections),
            rounds: vec![Vec::new(); cells.len()],
            options,
            cells,
            file,
        })
    }

    /// Measures every cell; `tell` is called with its name and the round as it begins. What was
    /// measured stays where this is dropped on its way.
    pub(crate) async fn measure(
        &mut self,
        tell: &dyn Fn(&str, u32) -> CellGuard,
    ) -> Result<(), CalibrateError> {
        let cores = Cores::choose();
        let null = NullProcess::start(cores.map(|cores| cores.server))?;
        let conditions = Conditions {
            uri: null.uri.clone(),
            warmup: (self.options.duration / 4).min(Duration::from_millis(300)),
            duration: self.options.duration,
            connections: self.options.connections,
            cores,
        };
        for round in 1..=self.options.repeat {
            for (cell, measured) in self.cells.iter().zip(&mut self.rounds) {
                let _measuring = tell(&cell.to_string(), round);
                measured.push(measure(cell, &conditions).await?);
            }
        }
        Ok(())
    }

    /// The result of what was measured until now.
    pub(crate) fn result(&self) -> Calibration {
        let measured = self
            .cells
            .iter()
            .zip(&self.rounds)
            .filter_map(|(cell, rounds)| Some(CellResult::new(cell, median(rounds)?)));
        Calibration {
            cells: measured.collect(),
            ..self.begun.clone()
        }
    }

    /// Keeps a result for later runs, and says where; None where it is not of all cells.
    pub(crate) fn keep(&self, result: &Calibration) -> Result<Option<&Path>, CalibrateError> {
        if let Some(file) = &self.file {
            result.write(file)?;
        }
        Ok(self.file.as_deref())
    }
}

/// The cells that matter most, in five seconds, kept for later runs.
pub(crate) async fn quick() -> Result<(), CalibrateError> {
    let file = file()?;
    Calibration::check_writable(&file)?;
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
        let measured = measure(cell, &conditions).await?;
        calibration.cells.push(CellResult::new(cell, measured));
    }
    calibration.write(&file)
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
}
