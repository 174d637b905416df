//! `[workloads.<name>]`: operations built, loops chosen.

use std::sync::Arc;

use toml::Table;

use super::{
    AccessPlan, CollectionPlan, MilvusPlan, MixPlan, PlanError, PrepareMode, TracingPlan,
    WorkloadPlan, arrival, collections::unknown, keys::SCENARIO, phases,
};
use crate::{
    keys::Key,
    operation::{
        Build, Component, Deletes, OPERATIONS, Operation, OperationContext, OperationEntry,
        OperationError, RowChange, RowKeys, RowUse, TRUTH_KEY, Writes,
    },
    scenario::{
        NAME_RULE, Place, Scenario, Section, choose, is_name, key_of_table_below, quoted,
        unknown_key,
    },
};

/// Between the name of a mix and that of an operation, in the name of a component: no name that a
/// user writes has it.
const OF_MIX: char = ':';

pub(super) fn resolve(
    scenario: &Scenario,
    milvus: &MilvusPlan,
    tracing: &TracingPlan,
    collections: &[CollectionPlan],
    seed: u64,
) -> Result<Vec<WorkloadPlan>, PlanError> {
    let tables = scenario.root.sections_within("workloads", "a scenario")?;
    if tables.is_empty() {
        return Err(scenario
            .root
            .error("the scenario has no workload; add a table [workloads.<name>]")
            .into());
    }
    let around = Surroundings {
        scenario,
        milvus,
        tracing,
        collections,
        seed,
    };
    let builders = tables
        .iter()
        .map(|table| builders(table, around))
        .collect::<Result<Vec<_>, _>>()?
        .concat();
    let mut plans = builders
        .iter()
        .map(Builder::plan)
        .collect::<Result<Vec<_>, _>>()?;
    check_writers(&builders, &plans)?;
    // Which rows are there for one workload depends on what the others do, so operations are built
    // a second time.
    for index in 0..plans.len() {
        let truth_fails = phases::truth_fails(scenario, collections, &plans, index);
        let row_keys = around.row_keys(plans[index].collection, &plans);
        let staying = row_keys.staying();
        plans[index].operation = builders[index].operation(truth_fails, row_keys)?;
        builders[index].check_turns(&plans[index], staying)?;
    }
    Ok(plans)
}

/// Two workloads that write the rows of one collection in the same way would take the same ones;
/// those that a filter names are no such rows.
fn check_writers(builders: &[Builder<'_>], plans: &[WorkloadPlan]) -> Result<(), PlanError> {
    for (index, plan) in plans.iter().enumerate() {
        let RowUse::Writes(Writes { does, alone, .. }) = plan.entry.rows else {
            continue;
        };
        let by_filter = |plan: &WorkloadPlan| plan.operation.deletes() == Deletes::Unknown;
        let other = plans[..index].iter().find(|other| {
            other.collection == plan.collection
                && other.entry.name == plan.entry.name
                && !by_filter(plan)
                && !by_filter(other)
        });
        if let Some(other) = other {
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
    seed: u64,
}

impl Surroundings<'_> {
    /// Which rows of a collection stay, whatever the workloads do.
    fn row_keys(&self, collection: usize, plans: &[WorkloadPlan]) -> RowKeys {
        let plan = &self.collections[collection];
        let all = RowKeys::all_stay(plan.initial_rows, self.seed, &plan.key);
        let here = plans.iter().filter(|plan| plan.collection == collection);
        here.fold(all, |keys, plan| match plan.operation.deletes() {
            Deletes::Nothing => keys,
            Deletes::Keys(count) => keys.with_leaving(count),
            Deletes::Unknown => keys.with_unknown(format!(
                "workload `{}` deletes some that only Milvus knows",
                plan.name
            )),
        })
    }
}

/// What one workload is built from, or one component of a mix.
#[derive(Clone)]
struct Builder<'a> {
    table: &'a Section,
    mix: Option<MixPlan>,
    entry: &'static OperationEntry,
    keys: Table,
    collection_index: usize,
    collection: &'a CollectionPlan,
    around: Surroundings<'a>,
}

/// What a table is built from: one workload, or the components of a mix.
fn builders<'a>(
    table: &'a Section,
    around: Surroundings<'a>,
) -> Result<Vec<Builder<'a>>, PlanError> {
    let whole = Builder::new(table, around)?;
    let Build::Components(components) = whole.entry.build else {
        return Ok(vec![whole]);
    };
    let components = components(whole.keys.clone()).map_err(|error| whole.located(&error))?;
    let total: f64 = components.iter().map(|component| component.share).sum();
    let of_mix = |component: Component| Builder {
        mix: Some(MixPlan {
            name: table.name.clone(),
            share: component.share / total,
        }),
        entry: component.entry,
        keys: component.keys,
        ..whole.clone()
    };
    Ok(components.into_iter().map(of_mix).collect())
}

/// The operation of a table, which knows all of its keys.
fn entry(table: &Section) -> Result<&'static OperationEntry, PlanError> {
    let names = || OPERATIONS.iter().map(|row| row.name);
    let operation = table.text("operation").ok_or_else(|| {
        let names: Vec<&str> = names().collect();
        table.error(format!("has no `operation`; allowed: {}", names.join(", ")))
    })?;
    let entry = choose(&operation, "operation", OPERATIONS, |row| row.name)?;
    let known = entry.all_keys();
    let own = |name: &str| known.iter().any(|key| key.name == name);
    match table.others.iter().find(|(name, _)| !own(name)) {
        Some((name, at)) => {
            let of_component = key_of_table_below(name, &components(table, entry));
            let story = || unknown_key(&SCENARIO, table.rows_of(), name, known);
            Err(at.error(of_component.unwrap_or_else(story)).into())
        }
        None => Ok(entry),
    }
}

/// The tables of a mix's components, each with its keys; none where `table` is no mix.
fn components(table: &Section, entry: &OperationEntry) -> Vec<(String, &'static [Key])> {
    let Build::Components(components) = entry.build else {
        return Vec::new();
    };
    let known = entry.all_keys();
    let own = table
        .others
        .iter()
        .filter(|(name, _)| known.iter().any(|key| key.name == *name));
    let own = own.map(|(name, at)| (name.clone(), at.value.clone()));
    // What is wrong with its parts is told where it is built.
    let components = components(own.collect()).unwrap_or_default().into_iter();
    let heading = |of: Component| {
        let heading = format!("[{}.{}]", table.place.path(), of.entry.name);
        (heading, of.entry.keys)
    };
    components.map(heading).collect()
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
        let entry = entry(table)?;
        let keys = table.others.iter();
        let collection_index = collection(table, around.collections)?;
        Ok(Self {
            table,
            mix: None,
            entry,
            keys: keys
                .map(|(key, at)| (key.clone(), at.value.clone()))
                .collect(),
            collection_index,
            collection: &around.collections[collection_index],
            around,
        })
    }

    /// Name of the workload in reports.
    fn name(&self) -> String {
        let table = &self.table.name;
        match self.mix {
            Some(_) => format!("{table}{OF_MIX}{}", self.entry.name),
            None => table.clone(),
        }
    }

    fn plan(&self) -> Result<WorkloadPlan, PlanError> {
        let all_stay = self.around.row_keys(self.collection_index, &[]);
        let operation = self.operation(Some("it is not known yet".to_owned()), all_stay)?;
        // The requests of a mix have no number of rows in common.
        let rows = operation.rows_per_request().filter(|_| self.mix.is_none());
        let arrival = arrival::resolve(self.table, rows)?;
        if let RowUse::Writes(writes) = self.entry.rows {
            self.check_write(writes)?;
        }
        Ok(WorkloadPlan {
            name: self.name(),
            mix: self.mix.clone(),
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

    fn operation(
        &self,
        truth_fails: Option<String>,
        row_keys: RowKeys,
    ) -> Result<Arc<dyn Operation>, PlanError> {
        let context = OperationContext {
            workload: self.name(),
            collection: self.collection.shape.clone(),
            dataset: self.collection.dataset.clone(),
            initial_rows: self.collection.initial_rows,
            row_keys,
            truth_fails,
            reused: self.collection.prepare == PrepareMode::Reuse,
            keep_ids: self.around.tracing.keep_ids,
            keys: self.keys.clone(),
        };
        // Of a collection that is reused, the scenario need not name all fields.
        let checked = if self.collection.prepare == PrepareMode::Reuse {
            Ok(())
        } else {
            context.collection.check_fields(&context.keys)
        };
        // First what the operation has to say, which knows how its keys are written.
        let built = self.entry.operation(context);
        let operation = built.map_err(|error| self.located(&error))?;
        checked.map_err(|error| self.located(&error))?;
        Ok(operation)
    }

    fn check_write(&self, writes: Writes) -> Result<(), PlanError> {
        self.check_kept(writes)?;
        if self.around.milvus.access != AccessPlan::Read {
            return Ok(());
        }
        Err(self
            .table
            .place_or_child("operation")
            .error(format!(
                "{} \"{}\", which writes; with access = \"read\" only reading operations are \
                 allowed",
                if self.mix.is_some() { "holds" } else { "is" },
                self.entry.name
            ))
            .into())
    }

    /// A collection whose rows were changed looks like one that was not, where it has as many.
    fn check_kept(&self, writes: Writes) -> Result<(), PlanError> {
        if writes.change == RowChange::Adds || self.collection.prepare != PrepareMode::Ensure {
            return Ok(());
        }
        let (does, key) = (writes.does, &self.collection.key);
        let message = format!(
            "{does} collection `{key}`, which prepare = \"ensure\" would take for unchanged in \
             the next run; give the collection prepare = \"full\""
        );
        Err(self.table.error(message).into())
    }

    /// Callers whose requests are surely under way together must not hold the same keys.
    fn check_turns(&self, plan: &WorkloadPlan, staying: u64) -> Result<(), PlanError> {
        let replaces = |writes: Writes| writes.change == RowChange::Replaces;
        let (RowUse::Writes(writes), Some(callers), Some(batch)) = (
            plan.entry.rows,
            plan.arrival.callers(),
            plan.operation.rows_per_request(),
        ) else {
            return Ok(());
        };
        let at_once = batch.saturating_mul(u64::from(callers));
        if !replaces(writes) || at_once <= staying {
            return Ok(());
        }
        Err(self.located(&OperationError {
            key: "batch".to_owned(),
            message: format!(
                "is {batch}, with which {callers} callers write {at_once} rows at once, and only \
                 {staying} rows stay: some would be written by two requests at the same time; use \
                 a smaller batch, fewer callers or more rows"
            ),
        }))
    }

    /// An error of the operation, at the key that it names.
    fn located(&self, error: &OperationError) -> PlanError {
        if error.key == TRUTH_KEY {
            return self.truth_place().error(&error.message).into();
        }
        // The keys of a component stand in a table of its own.
        let key = match (&self.mix, error.key.as_str()) {
            (Some(_), "") => self.entry.name.to_owned(),
            (Some(_), key) => format!("{}.{key}", self.entry.name),
            (None, "") => return self.table.error(&error.message).into(),
            (None, key) => key.to_owned(),
        };
        let first = key.split('.').next().unwrap_or_default();
        let place = match self.table.others.iter().find(|(of, _)| of == first) {
            Some((_, at)) if key == first => at.place.clone(),
            Some((_, at)) => at.place.child(key[first.len()..].trim_start_matches('.')),
            None => self.table.place.child(&key),
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
