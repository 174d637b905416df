//! When phases began and ended, in run.json.

use super::{error::RunError, state::Run};
use crate::record::{PhaseInfo, Warning, is_preparation};

/// A phase, or the preparation, begins.
pub(super) fn begin_phase(run: &mut Run, name: &str) -> Result<(), RunError> {
    if !is_preparation(name) {
        run.watcher.step(&format!("phase {name}"));
    }
    run.info.phases.push(PhaseInfo {
        name: name.to_owned(),
        start: run.clock.anchor(),
        ..PhaseInfo::default()
    });
    run.save()
}

/// It ends; a wall clock that was set meanwhile is doubtful.
pub(super) fn end_phase(run: &mut Run) -> Result<(), RunError> {
    let end = run.clock.anchor();
    let mut step_us = 0.0;
    let mut name = String::new();
    if let Some(phase) = run.info.phases.last_mut() {
        phase.end = Some(end);
        step_us = phase.start.step_to(&end) as f64 / 1000.0;
        name.clone_from(&phase.name);
    }
    if step_us.abs() > 1000.0 {
        run.info.warnings.push(Warning::ClockStep {
            phase: name.clone(),
            step_us,
        });
    }
    run.save()
}
