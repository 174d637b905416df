//! `[[phases]]`: order, length, and what workloads of a phase mean for each other.

use std::time::Duration;

use super::{
    CollectionPlan, PhaseLength, PhasePlan, PlanError, PrepareMode, Remark, WorkloadPlan,
    collections::unknown,
};
use crate::{
    keys::{LONGEST, grouped},
    operation, record,
    scenario::{NAME_RULE, Scenario, Section, is_name, quoted},
};

pub(super) fn resolve(
    scenario: &Scenario,
    workloads: &[WorkloadPlan],
    remarks: &mut Vec<Remark>,
) -> Result<Vec<PhasePlan>, PlanError> {
    let tables = scenario.root.sections_within("phases", "a scenario")?;
    if tables.is_empty() {
        return Err(scenario
            .root
            .error("the scenario has no phase; add a table [[phases]]")
            .into());
    }
    let mut plans: Vec<PhasePlan> = Vec::new();
    for table in tables {
        let plan = phase(table, workloads)?;
        if plans.iter().any(|other| other.name == plan.name) {
            return Err(table
                .error(format!(
                    "has the name \"{}\" of another phase; names must differ",
                    plan.name
                ))
                .into());
        }
        plans.push(plan);
    }
    let unused = |index: &usize| !plans.iter().any(|phase| phase.workloads.contains(index));
    remarks.extend(
        (0..workloads.len())
            .filter(unused)
            .map(|index| Remark::UnusedWorkload {
                name: workloads[index].table().to_owned(),
            }),
    );
    // The components of a mix stand together.
    remarks.dedup();
    Ok(plans)
}

fn phase(table: &Section, workloads: &[WorkloadPlan]) -> Result<PhasePlan, PlanError> {
    let name = table
        .text("name")
        .ok_or_else(|| table.error("has no `name`; add one, e.g. name = \"alone\""))?;
    if !is_name(&name.value) {
        return Err(name
            .error(format!(
                "is {}, allowed are {NAME_RULE}",
                quoted(&name.value)
            ))
            .into());
    }
    if record::is_preparation(&name.value) {
        return Err(name
            .error(
                "is \"prepare\", which is the name of the preparation in the report; choose \
                 another",
            )
            .into());
    }
    let chosen = chosen(table, workloads)?;
    let length = length(
        table,
        &chosen
            .iter()
            .map(|index| &workloads[*index])
            .collect::<Vec<_>>(),
    )?;
    let ends = |index: &usize| {
        workloads[*index].entry.more_rows.is_some()
            && workloads[*index].operation.capacity().is_some()
    };
    if length == PhaseLength::Exhausted && !chosen.iter().any(ends) {
        let place = table.place_of("until").unwrap_or(&table.place);
        return Err(place
            .error(format!(
                "is \"exhausted\", but no {} workload of the phase ever uses its rows up; use \
                 `duration`",
                operation::names_where(|entry| entry.more_rows.is_some())
            ))
            .into());
    }
    Ok(PhasePlan {
        name: name.value.clone(),
        warmup: table.duration("warmup")?,
        length,
        workloads: chosen,
    })
}

fn chosen(table: &Section, workloads: &[WorkloadPlan]) -> Result<Vec<usize>, PlanError> {
    let mut names: Vec<&str> = workloads.iter().map(WorkloadPlan::table).collect();
    names.dedup();
    let list = table
        .texts("workloads")
        .filter(|list| !list.value.is_empty());
    let list = list.ok_or_else(|| {
        table.error(format!(
            "has no `workloads`; the scenario has: {}",
            names.join(", ")
        ))
    })?;
    let mut chosen = Vec::new();
    for name in &list.value {
        let of_table = |index: &usize| workloads[*index].table() == name.value;
        let rows: Vec<usize> = (0..workloads.len()).filter(of_table).collect();
        if rows.is_empty() {
            let unknown = unknown(&name.value, "workload", names.into_iter());
            return Err(name.error(unknown).into());
        }
        if chosen.contains(&rows[0]) {
            return Err(name
                .error(format!(
                    "is \"{}\", which the phase has already; a workload runs once in a phase",
                    name.value
                ))
                .into());
        }
        chosen.extend(rows);
    }
    Ok(chosen)
}

fn length(table: &Section, workloads: &[&WorkloadPlan]) -> Result<PhaseLength, PlanError> {
    let length = match workloads
        .iter()
        .filter(|workload| !workload.arrival.stages().is_empty())
        .max_by_key(|workload| staged_time(workload))
    {
        None => own_length(table)?,
        Some(longest) => {
            let all = workloads
                .iter()
                .all(|workload| !workload.arrival.stages().is_empty());
            PhaseLength::Duration(staged_length(table, longest, all)?)
        }
    };
    let PhaseLength::Duration(duration) = length else {
        return Ok(length);
    };
    let late = workloads.iter().find(|workload| workload.start >= duration);
    if let Some(late) = late {
        let place = table.place_of("workloads").unwrap_or(&table.place);
        let [start, phase] = [late.start, duration].map(humantime::format_duration);
        return Err(place
            .error(format!(
                "holds `{}`, whose `start` is {start}, when the {phase} of the phase are over",
                late.table()
            ))
            .into());
    }
    Ok(length)
}

/// When the stages of `workload` end, from the beginning of the measured part.
fn staged_time(workload: &WorkloadPlan) -> Duration {
    workload.start
        + workload
            .arrival
            .stages()
            .iter()
            .map(|stage| stage.duration)
            .sum::<Duration>()
}

/// Length of a phase with stages, those of `longest` being the longest; `all` says that no workload
/// is without.
fn staged_length(
    table: &Section,
    longest: &WorkloadPlan,
    all: bool,
) -> Result<Duration, PlanError> {
    let time = staged_time(longest);
    let (shown, name) = (humantime::format_duration(time), longest.table());
    let other = table.place_of("requests").or(table.place_of("until"));
    if let Some(place) = other {
        let message = format!(
            "is for workloads without stages, but `{name}` has some, which end after {shown}; \
             leave one of them out"
        );
        return Err(place.error(message).into());
    }
    if time > LONGEST {
        return Err(table
            .error(format!(
                "ends with the stages of `{name}`, after {shown}; the longest phase has 30 days"
            ))
            .into());
    }
    match (
        table.place_of("duration"),
        table.written_duration("duration")?,
    ) {
        (Some(place), _) if all => {
            let message = format!(
                "is given, but the stages of its workloads say how long the phase is, which is \
                 {shown}; leave it out"
            );
            Err(place.error(message).into())
        }
        (Some(place), Some(found)) if found < time => {
            let found = humantime::format_duration(found);
            Err(place
                .error(format!(
                    "is {found}, but the stages of `{name}` end after {shown}; allowed is that or \
                     more, or leave it out"
                ))
                .into())
        }
        (_, written) => Ok(written.unwrap_or(time)),
    }
}

fn own_length(table: &Section) -> Result<PhaseLength, PlanError> {
    let [duration, requests] = ["duration", "requests"].map(|key| table.place_of(key));
    match (duration, requests, table.text("until")) {
        (Some(_), None, None) => Ok(PhaseLength::Duration(
            table.written_duration("duration")?.unwrap_or(LONGEST),
        )),
        (None, Some(_), None) => Ok(PhaseLength::Requests(
            table
                .written_integer("requests")?
                .unwrap_or(1)
                .unsigned_abs(),
        )),
        (None, None, Some(until)) if until.value.eq_ignore_ascii_case("exhausted") => {
            Ok(PhaseLength::Exhausted)
        }
        (None, None, Some(until)) if until.value.eq_ignore_ascii_case("indexed") => Err(until
            .error(
                "is \"indexed\", which is not built yet; use `duration` or until = \"exhausted\"",
            )
            .into()),
        (None, None, Some(until)) => Err(until
            .error(format!("is {}, allowed: exhausted", quoted(&until.value)))
            .into()),
        (None, None, None) => Err(table
            .error("has no end; add duration = \"30s\", requests = 10_000 or until = \"exhausted\"")
            .into()),
        _ => Err(table
            .error("has more than one end, allowed is one of `duration`, `requests` and `until`")
            .into()),
    }
}

/// Why the data set's true neighbours are not those of the collection while workload `index` runs;
/// None where all rows are there from the beginning, and nothing was or is inserted.
pub(super) fn truth_fails(
    scenario: &Scenario,
    collections: &[CollectionPlan],
    workloads: &[WorkloadPlan],
    index: usize,
) -> Option<String> {
    let workload = &workloads[index];
    let collection = &collections[workload.collection];
    let rows = collection.dataset.as_ref().map_or(0, |data| data.rows());
    if collection.prepare == PrepareMode::Schema {
        return Some("preparation leaves its collection empty (prepare = \"schema\")".to_owned());
    }
    if collection.initial_rows != rows {
        let [initial, rows] = [collection.initial_rows, rows]
            .map(|rows| grouped(i64::try_from(rows).unwrap_or(i64::MAX)));
        return Some(format!(
            "preparation inserts {initial} of the {rows} rows that the truth of its data set is of"
        ));
    }
    let has = |phase: &Section, name: &str| {
        let list = phase.texts("workloads");
        list.is_some_and(|list| list.value.iter().any(|at| at.value == name))
    };
    let phases = scenario.root.sections("phases");
    let last = phases
        .iter()
        .rposition(|phase| has(phase, workload.table()))
        .map_or(0, |last| last + 1);
    let writers = workloads
        .iter()
        .filter(|other| other.collection == workload.collection && other.entry.writes());
    let mut writing = writers.filter_map(|other| {
        let phase = phases[..last]
            .iter()
            .find(|phase| has(phase, other.table()))?;
        let named = phase
            .text("name")
            .map_or(String::new(), |name| format!(" in phase `{}`", name.value));
        Some(format!(
            "workload `{}` writes to its collection{named}, so its true neighbours change",
            other.name
        ))
    });
    writing.next()
}
