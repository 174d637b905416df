//! `[[thresholds]]`: that each can be read, and that some workload may miss it.

use std::time::Duration;

use super::{
    PhasePlan, Plan, WorkloadPlan,
    collections::unknown,
    planned::Planned,
    undecidable::{self, Row},
};
use crate::{
    analysis::judgement::thresholds::expression::{Expression, Limit},
    keys::{all, each, needs},
    operation::Drawing,
    record::{class_name, is_class_name},
    scenario::{At, Scenario, ScenarioError, Section, quoted},
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

/// Every threshold of a plan that has all the rest; of its workloads and phases, only those that
/// are right.
pub(super) fn resolve(
    scenario: &Scenario,
    plan: &Plan,
    parts: Parts<'_>,
    mistakes: &mut ScenarioError,
) -> Vec<ThresholdPlan> {
    let tables = scenario.root.sections_within("thresholds", "a scenario");
    let found = tables.and_then(|tables| {
        each(
            tables
                .iter()
                .map(|table| threshold(table, scenario, plan, parts)),
        )
    });
    mistakes.or(found, Vec::new())
}

/// Workloads and phases.
type Parts<'a> = (&'a Planned<WorkloadPlan>, &'a Planned<PhasePlan>);

fn threshold(
    table: &Section,
    scenario: &Scenario,
    plan: &Plan,
    (workloads, phases): Parts<'_>,
) -> Result<ThresholdPlan, ScenarioError> {
    let require = table.text("require").and_then(|text| {
        text.ok_or_else(|| {
            let example = "write for example require = \"response_time.p99 < 50ms\"";
            table.lacks(&["require"], format!("has no `require`; {example}"))
        })
    });
    let expression = needs(&require).and_then(|require| {
        Expression::parse(&require.value)
            .map_err(|error| require.error(format!("is {}, which {error}", quoted(&require.value))))
    });
    let root = &scenario.root;
    let phase_names = || {
        let names = root.sections("phases").iter();
        names.filter_map(|table| table.text("name").ok().flatten().map(|name| name.value))
    };
    let workload = table.text("workload").and_then(|found| {
        let classes = plan.workloads.iter().flat_map(class_names);
        let right = plan
            .workloads
            .iter()
            .map(|plan| plan.name.clone())
            .chain(classes);
        let names: Vec<String> = right.chain(workloads.wrong.iter().cloned()).collect();
        // The components of a mix that is wrong are not known.
        let of_table = found
            .as_ref()
            .map(|at| at.value.split([':', '@']).next().unwrap_or_default());
        of_table.map_or(Ok(()), |table| workloads.unless_wrong(table))?;
        known(found, "workload", &names)
    });
    let phase = table.text("phase").and_then(|found| {
        let names: Vec<String> = phase_names().collect();
        if phases.is_lost || names.len() < root.sections("phases").len() {
            return Ok(found);
        }
        known(found, "phase", &names)
    });
    let other = all((needs(&require), needs(&expression))).and_then(|(require, expression)| {
        let names: Vec<String> = phase_names().collect();
        match &expression.limit {
            Limit::Phase { phase, .. } if !phases.is_lost && !names.contains(phase) => {
                let unknown = unknown(phase, "phase", names.iter().map(String::as_str));
                let unknown = unknown.trim_start_matches("is ");
                Err(require.error(format!("compares with phase {unknown}")))
            }
            _ => Ok(()),
        }
    });
    let abort = needs(&expression).and_then(|expression| {
        let table = table.section("abort");
        table
            .map(|table| self::abort(table, expression))
            .transpose()
    });
    let (require, expression, workload, phase, (), abort) =
        all((require, expression, workload, phase, other, abort))?;
    check_class(workload.as_ref(), &expression, abort)?;
    let rows = rows(table, plan, (&workload, &phase), (workloads, phases))?;
    // Where none of them has the figure, the threshold would pass unseen.
    let undecidable = match undecidable::why(plan, &expression, &rows) {
        None => Ok(()),
        Some(why) => Err(require.error(format!("is {}, but {why}", quoted(&require.value)))),
    };
    let ends = match (table.section("abort"), abort) {
        (Some(table), Some(abort)) => ends_a_run(table, abort, plan, &rows),
        _ => Ok(()),
    };
    all((undecidable, ends))?;
    let text = |at: Option<At<String>>| at.map(|at| at.value);
    Ok(ThresholdPlan {
        require: require.value,
        workload: text(workload),
        phase: text(phase),
        strict: table.flag("strict"),
        abort,
    })
}

/// Names of the classes of a workload.
fn class_names(plan: &WorkloadPlan) -> impl Iterator<Item = String> {
    let split = plan.operation.drawing().and_then(Drawing::split);
    let classes = split.into_iter().flat_map(|split| &split.classes);
    classes.map(|class| class_name(&plan.name, class))
}

/// An error where a class of requests has not the figure, or can't end the run.
fn check_class(
    workload: Option<&At<String>>,
    expression: &Expression,
    abort: Option<AbortPlan>,
) -> Result<(), ScenarioError> {
    let Some(at) = workload.filter(|at| is_class_name(&at.value)) else {
        return Ok(());
    };
    let class = quoted(&at.value);
    if abort.is_some() {
        return Err(at.error(format!(
            "is {class}, a class of requests, which can't end a run: omit `abort`, or name the \
             workload"
        )));
    }
    if expression.figure.is_of_classes() {
        return Ok(());
    }
    Err(at.error(format!(
        "is {class}, and classes of requests have response_time, service_time and counts; name \
         the workload for other figures"
    )))
}

/// The rows of the report that it is for. An error that holds nothing where one of them is not
/// known, since its workload or phase is wrong.
fn rows(
    table: &Section,
    plan: &Plan,
    (workload, phase): (&Option<At<String>>, &Option<At<String>>),
    (workloads, phases): Parts<'_>,
) -> Result<Vec<Row>, ScenarioError> {
    match phase {
        Some(phase) => phases.unless_wrong(&phase.value)?,
        None if phases.is_whole() && workloads.is_whole() => {}
        None => return Err(ScenarioError::told()),
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
        .filter(|(_, index)| {
            let plan = &plan.workloads[*index];
            let is_class = |name: &At<String>| class_names(plan).any(|class| class == name.value);
            is(workload, &plan.name) || workload.as_ref().is_some_and(is_class)
        })
        .collect();
    if rows.is_empty() {
        return Err(table.error(
            "is for a workload that does not run in the phase; name another workload or phase",
        ));
    }
    Ok(rows)
}

/// An error where no part of `rows` lasts as long as it takes to see the figure and end the run.
fn ends_a_run(
    table: &Section,
    abort: AbortPlan,
    plan: &Plan,
    rows: &[Row],
) -> Result<(), ScenarioError> {
    let needed = abort.after + abort.over + TO_SEE_IT;
    let lengths = rows
        .iter()
        .map(|row| undecidable::longest_part(plan, *row).unwrap_or(Duration::MAX));
    if lengths.max().is_none_or(|longest| needed <= longest) {
        return Ok(());
    }
    let least = needed.as_secs_f64().ceil();
    Err(table.error(format!(
        "can never end the run: `after` + `over` + 3 s is {least} s, longer than the phase or any \
         of its stages; shorten `after` or `over`"
    )))
}

fn abort(table: &Section, expression: &Expression) -> Result<AbortPlan, ScenarioError> {
    let is_seen = match expression.silent_while_measured() {
        None => Ok(()),
        Some(why) => Err(table.error(format!("can't end the run, since its figure {why}"))),
    };
    let over = table.written_duration("over").and_then(|over| {
        let example = "write for example abort = { over = \"10s\", after = \"30s\" }";
        match (over, table.place_of("over")) {
            (Some(over), Some(place)) if over.subsec_nanos() != 0 => Err(place.error(
                "has a fraction of a second; latencies are kept by the second, so write whole \
                 seconds, e.g. \"10s\"",
            )),
            (Some(over), _) => Ok(over),
            (None, _) => Err(table.lacks(&["over"], format!("has no `over`; {example}"))),
        }
    });
    let ((), over, after) = all((is_seen, over, table.duration("after")))?;
    Ok(AbortPlan { over, after })
}

fn known(
    found: Option<At<String>>,
    what: &str,
    names: &[String],
) -> Result<Option<At<String>>, ScenarioError> {
    match found {
        Some(at) if !names.contains(&at.value) => {
            let names = names.iter().map(String::as_str);
            Err(at.error(unknown(&at.value, what, names)))
        }
        found => Ok(found),
    }
}
