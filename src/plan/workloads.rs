//! `[workloads.<name>]`: operations built, loops chosen.

use std::sync::Arc;

use super::{
    AccessPlan, CollectionPlan, MilvusPlan, PlanError, PrepareMode, TracingPlan, WorkloadPlan,
    arrival, collections::unknown, keys::SCENARIO, phases,
};
use crate::{
    operation::{
        OPERATIONS, Operation, OperationContext, OperationEntry, OperationError, RowUse, TRUTH_KEY,
        Writes,
    },
    scenario::{NAME_RULE, Place, Scenario, Section, choose, is_name, quoted, unknown_key},
};

pub(super) fn resolve(
    scenario: &Scenario,
    milvus: &MilvusPlan,
    tracing: &TracingPlan,
    collections: &[CollectionPlan],
) -> Result<Vec<WorkloadPlan>, PlanError> {
    let tables = scenario.root.sections_within("workloads", "a scenario")?;
    if tables.is_empty() {
        return Err(scenario
            .root
            .error("the scenario has no workload; add a table [workloads.<name>]")
            .into());
    }
    let builder = |table| {
        Builder::new(
            table,
            Surroundings {
                scenario,
                milvus,
                tracing,
                collections,
            },
        )
    };
    let builders = tables.iter().map(builder).collect::<Result<Vec<_>, _>>()?;
    let mut plans = builders
        .iter()
        .map(Builder::plan)
        .collect::<Result<Vec<_>, _>>()?;
    check_writers(&builders, &plans)?;
    // Whether the truth holds for one workload depends on what the others do, so operations are
    // built a second time.
    for index in 0..plans.len() {
        if !plans[index].entry.writes() {
            plans[index].operation = builders[index].operation(phases::truth_fails(
                scenario,
                collections,
                &plans,
                index,
            ))?;
        }
    }
    Ok(plans)
}

/// Two workloads that write the rows of one collection would take the same ones.
fn check_writers(builders: &[Builder<'_>], plans: &[WorkloadPlan]) -> Result<(), PlanError> {
    for (index, plan) in plans.iter().enumerate() {
        let Some(other) = plans[..index]
            .iter()
            .find(|other| other.collection == plan.collection && other.entry.writes())
        else {
            continue;
        };
        if let RowUse::Writes(Writes { does, alone }) = plan.entry.rows {
            let (first, key) = (&other.name, &builders[index].collection.key);
            let message = format!(
                "{does} collection `{key}` as workload `{first}` does; {alone}, so a collection \
                 has one such workload"
            );
            return Err(builders[index].table.error(message).into());
        }
    }
    Ok(())
}

/// What a workload is resolved with.
#[derive(Clone, Copy)]
struct Surroundings<'a> {
    scenario: &'a Scenario,
    milvus: &'a MilvusPlan,
    tracing: &'a TracingPlan,
    collections: &'a [CollectionPlan],
}

struct Builder<'a> {
    table: &'a Section,
    entry: &'static OperationEntry,
    collection_index: usize,
    collection: &'a CollectionPlan,
    around: Surroundings<'a>,
}

impl<'a> Builder<'a> {
    fn new(table: &'a Section, around: Surroundings<'a>) -> Result<Self, PlanError> {
        let key = &table.name;
        if !is_name(key) {
            return Err(table
                .error(format!(
                    "is a workload named {}, allowed are {NAME_RULE}",
                    quoted(key)
                ))
                .into());
        }
        let names = || {
            OPERATIONS
                .iter()
                .map(|row| row.name)
                .collect::<Vec<_>>()
                .join(", ")
        };
        let operation = table
            .text("operation")
            .ok_or_else(|| table.error(format!("has no `operation`; allowed: {}", names())))?;
        let entry = choose(&operation, "operation", OPERATIONS, |row| row.name)?;
        let own = |name: &str| entry.keys.iter().any(|key| key.name == name);
        if let Some((name, at)) = table.others.iter().find(|(name, _)| !own(name)) {
            let story = unknown_key(&SCENARIO, table.rows_of(), name, entry.keys);
            return Err(at.error(story).into());
        }
        let collection_index = collection(table, around.collections)?;
        Ok(Self {
            table,
            entry,
            collection_index,
            collection: &around.collections[collection_index],
            around,
        })
    }

    fn plan(&self) -> Result<WorkloadPlan, PlanError> {
        let operation = self.operation(Some("it is not known yet".to_owned()))?;
        let arrival = arrival::resolve(self.table, operation.rows_per_request())?;
        if self.entry.writes() {
            self.check_write()?;
        }
        Ok(WorkloadPlan {
            name: self.table.name.clone(),
            entry: self.entry,
            operation,
            collection: self.collection_index,
            arrival,
            start: self.table.duration("start")?,
            timeout: self
                .table
                .written_duration("timeout")?
                .unwrap_or(self.around.milvus.timeout),
        })
    }

    fn operation(&self, truth_fails: Option<String>) -> Result<Arc<dyn Operation>, PlanError> {
        let context = OperationContext {
            workload: self.table.name.clone(),
            collection: self.collection.shape.clone(),
            dataset: self.collection.dataset.clone(),
            initial_rows: self.collection.initial_rows,
            truth_fails,
            reused: self.collection.prepare == PrepareMode::Reuse,
            keep_ids: self.around.tracing.keep_ids,
            keys: self
                .table
                .others
                .iter()
                .map(|(key, at)| (key.clone(), at.value.clone()))
                .collect(),
        };
        // Of a collection that is reused, the scenario need not name all fields.
        let checked = if self.collection.prepare == PrepareMode::Reuse {
            Ok(())
        } else {
            context.collection.check_fields(&context.keys)
        };
        // First what the operation has to say, which knows how its keys are written.
        let operation = (self.entry.build)(context).map_err(|error| self.located(&error))?;
        checked.map_err(|error| self.located(&error))?;
        Ok(operation)
    }

    fn check_write(&self) -> Result<(), PlanError> {
        if self.around.milvus.access != AccessPlan::Read {
            return Ok(());
        }
        Err(self
            .table
            .place_or_child("operation")
            .error(format!(
                "is \"{}\", which writes; with access = \"read\" only reading operations are \
                 allowed",
                self.entry.name
            ))
            .into())
    }

    /// An error of the operation, at the key that it names.
    fn located(&self, error: &OperationError) -> PlanError {
        if error.key.is_empty() {
            return self.table.error(&error.message).into();
        }
        if error.key == TRUTH_KEY {
            return self.truth_place().error(&error.message).into();
        }
        let first = error.key.split('.').next().unwrap_or_default();
        let place = match self.table.others.iter().find(|(key, _)| key == first) {
            Some((_, at)) if error.key == first => at.place.clone(),
            Some((_, at)) => at
                .place
                .child(error.key[first.len()..].trim_start_matches('.')),
            None => self.table.place.child(&error.key),
        };
        place.error(&error.message).into()
    }
}

impl Builder<'_> {
    /// Where the truth of the workload's data set stands.
    fn truth_place(&self) -> Place {
        let Surroundings { scenario, .. } = self.around;
        let data = scenario.root.sections("collections")[self.collection_index].text("data");
        let table = data.and_then(|name| {
            let mut tables = scenario.root.sections("data").iter();
            tables.find(|table| table.name == name.value)
        });
        let truth = table.and_then(|table| table.place_of("truth"));
        truth.unwrap_or(&self.table.place).clone()
    }
}

fn collection(table: &Section, collections: &[CollectionPlan]) -> Result<usize, PlanError> {
    let names = || collections.iter().map(|collection| collection.key.as_str());
    match table.text("collection") {
        Some(name) => {
            let index = collections
                .iter()
                .position(|collection| collection.key == name.value);
            index.ok_or_else(|| {
                name.error(unknown(&name.value, "collection", names()))
                    .into()
            })
        }
        None if collections.len() == 1 => Ok(0),
        None => Err(table
            .error(format!(
                "has no `collection`; the scenario has: {}",
                names().collect::<Vec<_>>().join(", ")
            ))
            .into()),
    }
}
