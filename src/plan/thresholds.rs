//! `[[thresholds]]`: that each can be read, and that some workload has the figure.

use std::{ops::RangeInclusive, time::Duration};

use super::{Arrival, PhaseLength, PhasePlan, PlanError, WorkloadPlan, collections::unknown, limits};
use crate::{
    analysis::thresholds::expression::{Base, Expression, Figure, Limit},
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
    /// The figure is taken over the last so many seconds; whole ones, since histograms are kept by the second.
    pub over: Duration,
    /// Time from the start of the measured part, or of a stage, that is not looked at.
    pub after: Duration,
}

/// Shortest and longest window.
const OVER: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(600);
/// Time from the end of a window until it was looked at, and from the start of a phase to its first whole second.
const TO_SEE_IT: Duration = Duration::from_secs(3);
/// Shortest and longest time that is not looked at.
const AFTER: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(86_400);

/// `spans`: whether server spans are read.
pub(super) fn resolve(
    scenario: &Scenario,
    workloads: &[WorkloadPlan],
    phases: &[PhasePlan],
    spans: bool,
) -> Result<Vec<ThresholdPlan>, PlanError> {
    if let Some(table) = scenario.thresholds.get(MAX_THRESHOLDS) {
        return Err(table.error(format!("is one too many, a scenario may have {MAX_THRESHOLDS} thresholds")).into());
    }
    scenario.thresholds.iter().map(|table| threshold(table, workloads, phases, spans)).collect()
}

fn threshold(
    table: &At<ThresholdTable>,
    workloads: &[WorkloadPlan],
    phases: &[PhasePlan],
    spans: bool,
) -> Result<ThresholdPlan, PlanError> {
    let ThresholdTable { require, workload, phase, strict, abort } = &table.value;
    let require =
        require.as_ref().ok_or_else(|| table.error("has no `require`; write for example require = \"response_time.p99 < 50ms\""))?;
    let expression = Expression::parse(&require.value).map_err(|error| require.error(format!("is {}, {error}", quoted(&require.value))))?;
    known(workload, "workload", workloads.iter().map(|plan| plan.name.as_str()))?;
    known(phase, "phase", phases.iter().map(|plan| plan.name.as_str()))?;
    if let Limit::Phase { phase: other, .. } = &expression.limit
        && !phases.iter().any(|plan| plan.name == *other)
    {
        let names = phases.iter().map(|plan| plan.name.as_str());
        return Err(require.error(format!("names a phase that {}", unknown(other, "phase", names))).into());
    }
    let is = |wanted: &Option<At<String>>, name: &str| wanted.as_ref().is_none_or(|wanted| wanted.value == name);
    let of_phases =
        phases.iter().filter(|plan| is(phase, &plan.name)).flat_map(|plan| plan.workloads.iter().map(|index| &workloads[*index]));
    let rows: Vec<&WorkloadPlan> = of_phases.filter(|plan| is(workload, &plan.name)).collect();
    if rows.is_empty() {
        return Err(table.error("is for a workload that does not run in the phase; name another one of either").into());
    }
    // Where none of them has the figure, the threshold would pass unseen.
    let lacking = |plan: &&WorkloadPlan| expression.figure.lacking(matches!(plan.arrival, Arrival::Open { .. }));
    let why: Vec<&str> = rows.iter().filter_map(lacking).collect();
    if why.len() == rows.len() {
        return Err(require.error(format!("is {}, but {}", quoted(&require.value), why[0])).into());
    }
    if let Some(why) = never_known(&expression, &rows, spans) {
        return Err(require.error(format!("is {}, but {why}, so it could never be decided; leave it out", quoted(&require.value))).into());
    }
    let abort = abort.as_ref().map(|table| self::abort(table, &expression)).transpose()?;
    if let (Some(table), Some(abort)) = (&table.value.abort, abort) {
        let phases = phases.iter().filter(|plan| is(phase, &plan.name));
        let longest = phases.map(|plan| if let PhaseLength::Duration(length) = plan.length { length } else { Duration::MAX }).max();
        if longest.is_some_and(|longest| abort.after + abort.over + TO_SEE_IT > longest) {
            let least = (abort.after + abort.over + TO_SEE_IT).as_secs_f64().ceil();
            return Err(table
                .error(format!(
                    "ends no run: `after`, `over` and 3 s to see it take {least} s, more than its phase lasts; make one of them shorter"
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

/// Why no run of the plan has the figure.
fn never_known(expression: &Expression, rows: &[&WorkloadPlan], spans: bool) -> Option<&'static str> {
    let figures = match &expression.limit {
        Limit::Phase { figure, .. } => vec![&expression.figure, figure],
        Limit::Value(_) => vec![&expression.figure],
    };
    let wants = |wanted: fn(&Figure) -> bool| figures.iter().any(|figure| wanted(figure));
    if !spans && wants(Figure::needs_spans) {
        return Some("no server span is read (`tracing.spans.source` is \"none\")");
    }
    let replies = rows.iter().any(|plan| plan.operation.replies().is_some());
    if !replies && wants(|figure| matches!(figure.base, Base::RowsMean | Base::Empty)) {
        return Some("only the replies of a search or a query hold rows");
    }
    let searches = rows.iter().any(|plan| plan.operation_name == "search");
    (!searches && wants(|figure| figure.base == Base::Recall)).then_some("only a search has a recall")
}

fn abort(table: &At<AbortTable>, expression: &Expression) -> Result<AbortPlan, PlanError> {
    if let Some(why) = expression.silent_while_measured() {
        return Err(table.error(format!("can't end the run by its figure, which {why}")).into());
    }
    let AbortTable { over, after } = &table.value;
    let given = over.as_ref().ok_or_else(|| table.error("has no `over`; write for example abort = { over = \"10s\", after = \"30s\" }"))?;
    if given.value.subsec_nanos() != 0 {
        return Err(given.error("holds a part of a second; latencies are kept by the second, so write whole ones, e.g. \"10s\"").into());
    }
    Ok(AbortPlan { over: limits::duration(over, OVER, Duration::ZERO)?, after: limits::duration(after, AFTER, Duration::ZERO)? })
}

fn known<'a>(found: &Option<At<String>>, what: &str, names: impl Iterator<Item = &'a str> + Clone) -> Result<(), PlanError> {
    match found {
        Some(at) if !names.clone().any(|name| name == at.value) => Err(at.error(unknown(&at.value, what, names)).into()),
        _ => Ok(()),
    }
}
