//! `[[thresholds]]`: that each can be read, and that some workload may miss it.

use std::time::Duration;

use super::{
    Plan, PlanError,
    collections::unknown,
    undecidable::{self, Row},
};
use crate::{
    analysis::judgement::thresholds::expression::{Expression, Limit},
    scenario::{At, Scenario, Section, quoted},
};

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

/// Time from the end of a window until it was looked at, and from the start of a phase to its first
/// whole second.
const TO_SEE_IT: Duration = Duration::from_secs(3);

/// Every threshold of a plan that has all the rest.
pub(super) fn resolve(scenario: &Scenario, plan: &Plan) -> Result<Vec<ThresholdPlan>, PlanError> {
    scenario
        .root
        .sections_within("thresholds", "a scenario")?
        .iter()
        .map(|table| threshold(table, plan))
        .collect()
}

fn threshold(table: &Section, plan: &Plan) -> Result<ThresholdPlan, PlanError> {
    let [workload, phase] = ["workload", "phase"].map(|key| table.text(key));
    let require = table.text("require").ok_or_else(|| {
        table.error("has no `require`; write for example require = \"response_time.p99 < 50ms\"")
    })?;
    let expression = Expression::parse(&require.value)
        .map_err(|error| require.error(format!("is {}, {error}", quoted(&require.value))))?;
    let phases = || plan.phases.iter().map(|plan| plan.name.as_str());
    known(
        &workload,
        "workload",
        plan.workloads.iter().map(|plan| plan.name.as_str()),
    )?;
    known(&phase, "phase", phases())?;
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
        .filter(|(_, of)| is(&phase, &of.name));
    let rows =
        of_phases.flat_map(|(number, of)| of.workloads.iter().map(move |index| (number, *index)));
    let rows: Vec<Row> = rows
        .filter(|(_, index)| is(&workload, &plan.workloads[*index].name))
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
    let abort = table
        .section("abort")
        .map(|table| self::abort(table, &expression))
        .transpose()?;
    if let (Some(table), Some(abort)) = (table.section("abort"), abort) {
        ends_a_run(table, abort, plan, &rows)?;
    }
    let text = |at: Option<At<String>>| at.map(|at| at.value);
    Ok(ThresholdPlan {
        require: require.value,
        workload: text(workload),
        phase: text(phase),
        strict: table.flag("strict"),
        abort,
    })
}

/// An error where no part of `rows` lasts as long as it takes to see the figure and end the run.
fn ends_a_run(
    table: &Section,
    abort: AbortPlan,
    plan: &Plan,
    rows: &[Row],
) -> Result<(), PlanError> {
    let needed = abort.after + abort.over + TO_SEE_IT;
    let lengths = rows
        .iter()
        .map(|row| undecidable::longest_part(plan, *row).unwrap_or(Duration::MAX));
    if lengths.max().is_none_or(|longest| needed <= longest) {
        return Ok(());
    }
    let least = needed.as_secs_f64().ceil();
    Err(table
        .error(format!(
            "ends no run: `after`, `over` and 3 s to see it take {least} s, more than its phase \
             lasts, or the longest of its stages; make one of them shorter"
        ))
        .into())
}

fn abort(table: &Section, expression: &Expression) -> Result<AbortPlan, PlanError> {
    if let Some(why) = expression.silent_while_measured() {
        return Err(table
            .error(format!("can't end the run by its figure, which {why}"))
            .into());
    }
    let Some(place) = table.place_of("over") else {
        return Err(table
            .error("has no `over`; write for example abort = { over = \"10s\", after = \"30s\" }")
            .into());
    };
    let over = table.written_duration("over")?.unwrap_or_default();
    if over.subsec_nanos() != 0 {
        return Err(place
            .error(
                "holds a part of a second; latencies are kept by the second, so write whole ones, \
                 e.g. \"10s\"",
            )
            .into());
    }
    Ok(AbortPlan {
        over,
        after: table.duration("after")?,
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
