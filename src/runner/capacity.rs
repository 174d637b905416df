//! How much a run uses of what its client can generate: measured before the first run on a machine,
//! noted in each.

use super::{
    signals::{Asked, Signals},
    state::Run,
    watcher::Watcher,
};
use crate::{
    calibrate::{self, CalibrateError},
    plan::Plan,
};

/// Switches the calibration off that the first run on a machine makes.
const VARIABLE: &str = "MILVUS_BENCH_CALIBRATE";

/// Five seconds of calibration where none is kept for this machine and this build. Whatever goes
/// wrong is a warning: the run that follows needs it for one line of its report. A debug build is
/// not worth it, unless it is asked for.
pub(crate) async fn calibrate_first(signals: &Signals, watcher: &dyn Watcher) {
    let asked = std::env::var_os(VARIABLE);
    let asked_for = |what: &str| asked.as_ref().is_some_and(|value| value == what);
    if asked_for("off") || (cfg!(debug_assertions) && !asked_for("on")) {
        return;
    }
    let failed = |error: CalibrateError| {
        watcher.warn(&format!(
            "calibration failed, so the report cannot say how close the client was to its limit: \
             {error}; set {VARIABLE}=off to skip calibration"
        ));
    };
    match calibrate::is_kept() {
        Ok(true) => {}
        Ok(false) => {
            watcher.step(
                "first run on this machine: measuring this client's capacity for 5 s \
                 (`milvus-bench calibrate` does it thoroughly)",
            );
            let quick = signals.unless_asked(Asked::Nothing, calibrate::quick());
            if let Some(Err(error)) = quick.await {
                failed(error);
            }
        }
        Err(error) => failed(error),
    }
}

/// Compares a run that has sent its load with the calibration that is kept. Without one, or where
/// nothing in it is like the run, nothing is noted.
pub(super) fn note(run: &mut Run, plan: &Plan) {
    run.info.client_capacity = calibrate::capacity(&run.folder, &run.info, plan);
}
