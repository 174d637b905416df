//! `[[thresholds]]`: that each can be read, and that some workload may miss it.

use std::{ops::RangeInclusive, time::Duration};

use super::{
    Plan, PlanError,
    collections::unknown,
    limits,
    undecidable::{self, Row},
};
use crate::{
    analysis::judgement::thresholds::expression::{Expression, Limit},
    scenario::{AbortTable, At, Scenario, ThresholdTable, quoted},
};

/// Most thresholds of a scenario.
const MAX_THRESHOLDS: usize = 200;

/// A requirement, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThresholdPlan {
    /// As written; [`Expression::parse`] reads it.
    pub require: String,
    /// The workload that it is for; None: every one that has the figure.
    pub workload: Option<String>,
    /// The phase that it is for; None: every one.
    pub phase: Option<String>,
    /// Whether what can't be decided counts as failed.
    pub strict: bool,
    /// When it ends the run before its time; None: never.
    pub abort: Option<AbortPlan>,
}

/// When a threshold ends the run before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbortPlan {
    /// The figure is taken over the last so many seconds; whole ones, since histograms are kept by
    /// the second.
    pub over: Duration,
    /// Time from the start of the measured part, or of a stage, that is not looked at.
    pub after: Duration,
}

/// Shortest and longest window.
const OVER: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(600);
/// Time from the end of a window until it was looked at, and from the start of a phase to its first
/// whole second.
const TO_SEE_IT: Duration = Duration::from_secs(3);
/// Shortest and longest time that is not looked at.
const AFTER: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(86_400);

/// Every threshold of a plan that has all the rest.
pub(super) fn resolve(scenario: &Scenario, plan: &Plan) -> Result<Vec<ThresholdPlan>, PlanError> {
    if let Some(table) = scenario.thresholds.get(MAX_THRESHOLDS) {
        return Err(table
            .error(format!(
                "is one too many, a scenario may have {MAX_THRESHOLDS} thresholds"
            ))
            .into());
    }
    scenario
        .thresholds
        .iter()
        .map(|table| threshold(table, plan))
        .collect()
}

fn threshold(table: &At<ThresholdTable>, plan: &Plan) -> Result<ThresholdPlan, PlanError> {
    let ThresholdTable {
        require,
        workload,
        phase,
        strict,
        abort,
    } = &table.value;
    let require = require.as_ref().ok_or_else(|| {
        table.error("has no `require`; write for example require = \"response_time.p99 < 50ms\"")
    })?;
    let expression = Expression::parse(&require.value)
        .map_err(|error| require.error(format!("is {}, {error}", quoted(&require.value))))?;
    let phases = || plan.phases.iter().map(|plan| plan.name.as_str());
    known(
        workload,
        "workload",
        plan.workloads.iter().map(|plan| plan.name.as_str()),
    )?;
    known(phase, "phase", phases())?;
    if let Limit::Phase { phase: other, .. } = &expression.limit
        && !phases().any(|name| name == other)
    {
        let unknown = unknown(other, "phase", phases());
        return Err(require
            .error(format!(
                "compares with phase {}",
                unknown.trim_start_matches("is ")
            ))
            .into());
    }
    let is = |wanted: &Option<At<String>>, name: &str| {
        wanted.as_ref().is_none_or(|wanted| wanted.value == name)
    };
    let of_phases = plan
        .phases
        .iter()
        .enumerate()
        .filter(|(_, of)| is(phase, &of.name));
    let rows =
        of_phases.flat_map(|(number, of)| of.workloads.iter().map(move |index| (number, *index)));
    let rows: Vec<Row> = rows
        .filter(|(_, index)| is(workload, &plan.workloads[*index].name))
        .collect();
    if rows.is_empty() {
        return Err(table
            .error("is for a workload that does not run in the phase; name another one of either")
            .into());
    }
    // Where none of them has the figure, the threshold would pass unseen.
    if let Some(why) = undecidable::why(plan, &expression, &rows) {
        return Err(require
            .error(format!("is {}, but {why}", quoted(&require.value)))
            .into());
    }
    let abort = abort
        .as_ref()
        .map(|table| self::abort(table, &expression))
        .transpose()?;
    if let (Some(table), Some(abort)) = (&table.value.abort, abort) {
        let times = rows
            .iter()
            .map(|row| undecidable::longest_part(plan, *row).unwrap_or(Duration::MAX));
        if times
            .max()
            .is_some_and(|longest| abort.after + abort.over + TO_SEE_IT > longest)
        {
            let least = (abort.after + abort.over + TO_SEE_IT).as_secs_f64().ceil();
            return Err(table
                .error(format!(
                    "ends no run: `after`, `over` and 3 s to see it take {least} s, more than its \
                     phase lasts, or the longest of its stages; make one of them shorter"
                ))
                .into());
        }
    }
    let text = |at: &Option<At<String>>| at.as_ref().map(|at| at.value.clone());
    Ok(ThresholdPlan {
        require: require.value.clone(),
        workload: text(workload),
        phase: text(phase),
        strict: strict.as_ref().is_some_and(|at| at.value),
        abort,
    })
}

fn abort(table: &At<AbortTable>, expression: &Expression) -> Result<AbortPlan, PlanError> {
    if let Some(why) = expression.silent_while_measured() {
        return Err(table
            .error(format!("can't end the run by its figure, which {why}"))
            .into());
    }
    let AbortTable { over, after } = &table.value;
    let given = over.as_ref().ok_or_else(|| {
        table.error("has no `over`; write for example abort = { over = \"10s\", after = \"30s\" }")
    })?;
    if given.value.subsec_nanos() != 0 {
        return Err(given
            .error(
                "holds a part of a second; latencies are kept by the second, so write whole ones, \
                 e.g. \"10s\"",
            )
            .into());
    }
    Ok(AbortPlan {
        over: limits::duration(over, OVER, Duration::ZERO)?,
        after: limits::duration(after, AFTER, Duration::ZERO)?,
    })
}

fn known<'a>(
    found: &Option<At<String>>,
    what: &str,
    names: impl Iterator<Item = &'a str> + Clone,
) -> Result<(), PlanError> {
    match found {
        Some(at) if !names.clone().any(|name| name == at.value) => {
            Err(at.error(unknown(&at.value, what, names)).into())
        }
        _ => Ok(()),
    }
}
