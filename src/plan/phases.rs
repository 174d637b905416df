//! `[[phases]]`: order, length, and what workloads of a phase mean for each other.

use std::time::Duration;

use super::{
    CollectionPlan, PhaseLength, PhasePlan, PrepareMode, Remark, WorkloadPlan,
    collections::unknown, planned::Planned,
};
use crate::{
    keys::{LONGEST, all, each, grouped},
    operation, record,
    scenario::{NAME_RULE, Scenario, ScenarioError, Section, is_name, quoted},
};

pub(super) fn resolve(
    scenario: &Scenario,
    workloads: &Planned<WorkloadPlan>,
    remarks: &mut Vec<Remark>,
    mistakes: &mut ScenarioError,
) -> Planned<PhasePlan> {
    let root = &scenario.root;
    let Some(tables) = mistakes.keep(root.sections_within("phases", "a scenario")) else {
        return Planned::lost();
    };
    if tables.is_empty() {
        let story = "the scenario has no phase; add a table [[phases]]";
        mistakes.add(root.lacks(&["phases"], story));
        return Planned::lost();
    }
    let all_workloads = root.sections("workloads").iter();
    let all_workloads: Vec<&str> = all_workloads.map(|table| table.name.as_str()).collect();
    let mut plans = Planned::default();
    let mut names: Vec<String> = Vec::new();
    for table in tables {
        let name = name(table);
        let is_new = match &name {
            Ok(name) if names.contains(name) => Err(table.error(format!(
                "has the name \"{name}\" of another phase; names must differ"
            ))),
            _ => Ok(()),
        };
        names.extend(name.as_ref().ok().cloned());
        let plan = all((phase(table, name, workloads, &all_workloads), is_new));
        plans.add(table, plan.map(|(plan, ())| plan), mistakes);
    }
    let unused = |index: &usize| {
        let mut phases = plans.right.iter();
        !phases.any(|phase| phase.workloads.contains(index))
    };
    remarks.extend(
        (0..workloads.right.len())
            .filter(unused)
            .map(|index| Remark::UnusedWorkload {
                name: workloads.right[index].table().to_owned(),
            }),
    );
    // The components of a mix stand together.
    remarks.dedup();
    plans
}

fn name(table: &Section) -> Result<String, ScenarioError> {
    let name = table
        .text("name")?
        .ok_or_else(|| table.lacks(&["name"], "has no `name`; add one, e.g. name = \"alone\""))?;
    if !is_name(&name.value) {
        return Err(name.error(format!("is {}, expected {NAME_RULE}", quoted(&name.value))));
    }
    if record::is_preparation(&name.value) {
        return Err(name
            .error("is \"prepare\", the name of the preparation in reports; choose another name"));
    }
    Ok(name.value)
}

fn phase(
    table: &Section,
    name: Result<String, ScenarioError>,
    workloads: &Planned<WorkloadPlan>,
    all_workloads: &[&str],
) -> Result<PhasePlan, ScenarioError> {
    let chosen = chosen(table, workloads, all_workloads);
    let length = match &chosen {
        Ok(chosen) => {
            let chosen = chosen.iter().map(|index| &workloads.right[*index]);
            length(table, &chosen.collect::<Vec<_>>())
        }
        // Its own keys may be wrong as well; whether it needs one, nobody knows.
        Err(_) => written_length(table).and(Err(ScenarioError::told())),
    };
    let (name, warmup, chosen, length) = all((name, table.duration("warmup"), chosen, length))?;
    let ends = |index: &usize| {
        let workload = &workloads.right[*index];
        workload.entry.more_rows.is_some() && workload.operation.capacity().is_some()
    };
    if length == PhaseLength::Exhausted && !chosen.iter().any(ends) {
        let place = table.place_of("until").unwrap_or(&table.place);
        return Err(place.error(format!(
            "is \"exhausted\", but no {} workload of the phase ever uses up its rows; use \
             `duration`",
            operation::names_where(|entry| entry.more_rows.is_some())
        )));
    }
    Ok(PhasePlan {
        name,
        warmup,
        length,
        workloads: chosen,
    })
}

/// Indices of its workloads among those that are right; `all_workloads` are the names of all.
fn chosen(
    table: &Section,
    workloads: &Planned<WorkloadPlan>,
    all_workloads: &[&str],
) -> Result<Vec<usize>, ScenarioError> {
    let list = table
        .texts("workloads")?
        .filter(|list| !list.value.is_empty());
    let list = list.ok_or_else(|| {
        let story = if workloads.is_lost {
            "has no `workloads`; add them, e.g. workloads = [\"<name>\"]".to_owned()
        } else {
            let names = all_workloads.join(", ");
            let first = all_workloads.first().unwrap_or(&"<name>");
            format!(
                "has no `workloads`; add them, e.g. workloads = [\"{first}\"]; the scenario has: \
                 {names}"
            )
        };
        table.lacks(&["workloads"], story)
    })?;
    let named = list.value.iter().enumerate().map(|(at, name)| {
        if list.value[..at]
            .iter()
            .any(|other| other.value == name.value)
        {
            return Err(name.error(format!(
                "is \"{}\", which the phase already has; a workload runs once per phase",
                name.value
            )));
        }
        workloads.unless_wrong(&name.value)?;
        let of_table = |index: &usize| workloads.right[*index].table() == name.value;
        let rows: Vec<usize> = (0..workloads.right.len()).filter(of_table).collect();
        if rows.is_empty() {
            let known = all_workloads.iter().copied();
            return Err(name.error(unknown(&name.value, "workload", known)));
        }
        Ok(rows)
    });
    Ok(each(named)?.concat())
}

/// What is wrong with the keys that end a phase, whatever its workloads are.
fn written_length(table: &Section) -> Result<(), ScenarioError> {
    let times = all((
        table.written_duration("duration"),
        table.written_integer("requests"),
    ));
    let until = match table.place_of("until") {
        Some(_) => own_length(table).map(drop),
        None => Ok(()),
    };
    all((times, until)).map(drop)
}

fn length(table: &Section, workloads: &[&WorkloadPlan]) -> Result<PhaseLength, ScenarioError> {
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
        return Err(place.error(format!(
            "holds `{}`, whose `start` is {start}, after the {phase} of the phase",
            late.table()
        )));
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
) -> Result<Duration, ScenarioError> {
    let time = staged_time(longest);
    let (shown, name) = (humantime::format_duration(time), longest.table());
    let other = table.place_of("requests").or(table.place_of("until"));
    if let Some(place) = other {
        let message = format!(
            "is for workloads without stages, but `{name}` has stages, which end after {shown}; \
             omit one of them"
        );
        return Err(place.error(message));
    }
    if time > LONGEST {
        return Err(table.error(format!(
            "ends with the stages of `{name}`, after {shown}; the maximum length of a phase is 30 \
             days"
        )));
    }
    match (
        table.place_of("duration"),
        table.written_duration("duration")?,
    ) {
        (Some(place), _) if all => {
            let message = format!(
                "is given, but the stages of its workloads set the length of the phase to \
                 {shown}; omit it"
            );
            Err(place.error(message))
        }
        (Some(place), Some(found)) if found < time => {
            let found = humantime::format_duration(found);
            Err(place.error(format!(
                "is {found}, but the stages of `{name}` end after {shown}; use that or longer, or \
                 omit it"
            )))
        }
        (_, written) => Ok(written.unwrap_or(time)),
    }
}

fn own_length(table: &Section) -> Result<PhaseLength, ScenarioError> {
    let [duration, requests] = ["duration", "requests"].map(|key| table.place_of(key));
    match (duration, requests, table.text("until")?) {
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
                "is \"indexed\", which is not implemented yet; use `duration` or until = \
                 \"exhausted\"",
            )),
        (None, None, Some(until)) => {
            Err(until.error(format!("is {}, expected exhausted", quoted(&until.value))))
        }
        (None, None, None) => Err(table.lacks(
            &["duration", "requests", "until"],
            "has no end; add duration = \"30s\", requests = 10_000 or until = \"exhausted\"",
        )),
        _ => {
            let ends = ["duration", "requests", "until"].into_iter();
            let given = ends.filter(|key| table.place_of(key).is_some());
            let given: Vec<String> = given.map(|key| format!("`{key}`")).collect();
            let remove = given.join(" or ");
            Err(table.error(format!("has more than one end; remove {remove}")))
        }
    }
}

/// Why the data set's true neighbours are not those of its collection while `workload` runs; None
/// where all rows are there from the beginning, and nothing was or is inserted.
pub(super) fn truth_fails(
    scenario: &Scenario,
    collection: &CollectionPlan,
    workloads: &[WorkloadPlan],
    workload: &WorkloadPlan,
) -> Option<String> {
    let rows = collection.shape.rows();
    if collection.prepare == PrepareMode::Schema {
        return Some("preparation leaves its collection empty (prepare = \"schema\")".to_owned());
    }
    if collection.initial_rows != rows {
        let [initial, rows] = [collection.initial_rows, rows]
            .map(|rows| grouped(i64::try_from(rows).unwrap_or(i64::MAX)));
        return Some(format!(
            "preparation inserts {initial} rows, but the truth of its data set is for {rows}"
        ));
    }
    let has = |phase: &Section, name: &str| {
        let list = phase.texts("workloads").ok().flatten();
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
            .ok()
            .flatten()
            .map_or(String::new(), |name| format!(" in phase `{}`", name.value));
        Some(format!(
            "workload `{}` writes to its collection{named}, so its true neighbours change",
            other.name
        ))
    });
    writing.next()
}
