//! What this program can generate on this machine, measured against a Milvus that does nothing.
//!
//! The result is kept in the user's cache; the first run on a machine makes a short one by itself,
//! and every run is compared with it. It knows no command line and draws nothing.

mod bare_timer;
mod calibration;
mod capacity;
mod cells;
mod cores;
mod error;
mod measure;
mod null;
mod rounds;
mod table;

use crate::{
    plan::Plan,
    record::{ClientCapacity, RunFolder, RunInfo, read_histograms},
};

pub(crate) use self::{
    calibration::Calibration,
    error::CalibrateError,
    rounds::{CalibrateOptions, Calibrating, quick},
    table::table,
};

/// Whether a calibration of this machine and this build is kept.
pub(crate) fn is_kept() -> Result<bool, CalibrateError> {
    Ok(Calibration::read(&calibration::file()?).is_some())
}

/// How much of what its client can generate a run used, by the calibration that is kept; None
/// without one, or where nothing in it is like the run.
pub(crate) fn capacity(folder: &RunFolder, info: &RunInfo, plan: &Plan) -> Option<ClientCapacity> {
    let kept = Calibration::read(&calibration::file().ok()?)?;
    let histograms = read_histograms(&folder.file("latency.hlog"), None).ok()?;
    capacity::capacity(&kept, info, plan, &histograms)
}
