//! `[workloads.<name>]`: operations built, loops chosen.

use std::sync::Arc;

use toml::Table;

use super::{
    AccessPlan, CollectionPlan, MilvusPlan, MixPlan, PrepareMode, WorkloadPlan, arrival,
    collections::unknown,
    keys::SCENARIO,
    phases,
    planned::Planned,
    values::{self, WrittenValues},
};
use crate::{
    keys::{Key, all, each, needs},
    operation::{
        Build, Component, Deletes, OPERATIONS, Operation, OperationContext, OperationEntry,
        OperationError, OperationErrors, PlannedRows, RowChange, RowKeys, RowUse, TRUTH_KEY,
        Values, Writes, check_keys, written_batch,
    },
    scenario::{
        At, NAME_RULE, Place, Scenario, ScenarioError, Section, choose, is_name,
        key_of_table_below, quoted, unknown_key,
    },
};

/// Between the name of a mix and that of an operation, in the name of a component: no name that a
/// user writes has it.
const OF_MIX: char = ':';

pub(super) fn resolve(
    around: Surroundings<'_>,
    mistakes: &mut ScenarioError,
) -> Planned<WorkloadPlan> {
    let root = &around.scenario.root;
    let tables = root.sections_within("workloads", "a scenario");
    let Some(tables) = mistakes.keep(tables) else {
        return Planned::lost();
    };
    if tables.is_empty() {
        let story = "the scenario has no workload; add a table [workloads.<name>]";
        mistakes.add(root.lacks(&["workloads"], story));
        return Planned::lost();
    }
    let tables: Vec<Section> = tables.iter().map(noted).collect();
    let mut found = Planned::default();
    for table in &tables {
        found.add(table, workload(table, around), mistakes);
    }
    let mut wrong = found.wrong;
    // Collections of those that are wrong; None of one that names none.
    let of_wrong = tables.iter().filter(|table| wrong.contains(&table.name));
    let of_wrong = of_wrong.map(|table| collection(table, around.collections).ok());
    let of_wrong: Vec<Option<usize>> = of_wrong.collect();
    let is_known = |index: usize| of_wrong.iter().all(|of| of.is_some_and(|of| of != index));
    let (builders, plans): (Vec<_>, Vec<_>) = found.right.concat().into_iter().unzip();
    mistakes.or(check_writers(&builders, &plans), ());
    // Which rows are there for one workload depends on what the others do, so operations are built
    // a second time, where all of the others are known.
    let mut right = Vec::new();
    for (builder, mut plan) in builders.iter().zip(plans.clone()) {
        let built = if is_known(plan.collection) {
            builder.complete(&mut plan, &plans)
        } else {
            Ok(())
        };
        match mistakes.keep(built) {
            Some(()) => right.push(plan),
            None => wrong.push(builder.table.name.clone()),
        }
    }
    Planned {
        right,
        wrong,
        is_lost: false,
    }
}

/// A workload, or the components of a mix, with all that does not depend on other workloads.
fn workload<'a>(
    table: &'a Section,
    around: Surroundings<'a>,
) -> Result<Vec<(Builder<'a>, WorkloadPlan)>, ScenarioError> {
    let name = if is_name(&table.name) {
        Ok(())
    } else {
        Err(table.error(format!(
            "is a workload named {}, expected {NAME_RULE}",
            quoted(&table.name)
        )))
    };
    let entry = entry(table);
    let keys = needs(&entry).and_then(|entry| check_keys_of(table, entry));
    let collection = collection(table, around.collections);
    let access = needs(&entry).and_then(|entry| check_access(table, entry, around));
    let built = match (&entry, &keys, &collection) {
        (Ok(entry), Ok(()), Ok(collection)) => built(table, entry, *collection, around),
        _ => Err(ScenarioError::told()),
    };
    // The requests of a mix have no number of rows in common.
    let batch = needs(&built).map(|built| match &built[..] {
        [(_, operation)] => operation.rows_per_request(),
        _ => None,
    });
    let arrival = arrival::resolve(table, &batch);
    let times = all((table.duration("start"), table.written_duration("timeout")));
    let ((_, _, (), (), _), built, arrival, (start, timeout)) = all((
        all((entry, name, keys, access, collection)),
        built,
        arrival,
        times,
    ))?;
    let plan = |(builder, operation): (Builder<'a>, Arc<dyn Operation>)| {
        let plan = WorkloadPlan {
            name: builder.name(),
            mix: builder.mix.clone(),
            entry: builder.entry,
            operation,
            collection: builder.collection_index,
            arrival: arrival.clone(),
            start,
            timeout: timeout.unwrap_or(around.milvus.timeout),
        };
        (builder, plan)
    };
    Ok(built.into_iter().map(plan).collect())
}

type Built<'a> = (Builder<'a>, Arc<dyn Operation>);

/// The operation of a table, or those of its components.
fn built<'a>(
    table: &'a Section,
    entry: &'static OperationEntry,
    collection: usize,
    around: Surroundings<'a>,
) -> Result<Vec<Built<'a>>, ScenarioError> {
    let builders = builders(Builder::new(table, entry, collection, around));
    let (mut builders, written) = all((builders, WrittenValues::of(table)))?;
    if let Some(written) = written {
        let initial = around.collections.right[collection].initial_rows;
        let rows = inserted_per_request(&builders).into_iter();
        let read = rows.map(|per_request| {
            let rows = PlannedRows {
                initial,
                per_request,
            };
            written.read(table, around.seed, rows)
        });
        let read = each(read)?;
        let builders = builders.iter_mut().zip(read);
        builders.for_each(|(builder, values)| builder.values = Some(values));
    }
    let built = each(builders.into_iter().map(|builder| {
        let all_stay = around.row_keys(collection, &[]);
        let operation = builder.operation(Some("it is not known yet".to_owned()), all_stay);
        let ((), operation) = all((builder.check_kept(), operation))?;
        Ok((builder, operation))
    }))?;
    check_used(table, &built)?;
    Ok(built)
}

/// Rows that are inserted per request of each of these, which are one workload or the components of
/// a mix.
fn inserted_per_request(builders: &[Builder<'_>]) -> Vec<f64> {
    let share = |builder: &Builder<'_>| builder.mix.as_ref().map_or(1.0, |mix| mix.share);
    let inserts = builders.iter().filter(|builder| {
        let adds = |writes: Writes| writes.change == RowChange::Adds;
        matches!(builder.entry.rows, RowUse::Writes(writes) if adds(writes))
    });
    let rows: f64 = inserts
        .map(|builder| share(builder) * written_batch(&builder.keys) as f64)
        .sum();
    builders
        .iter()
        .map(|builder| rows / share(builder))
        .collect()
}

/// Every value is in requests: one that is not is a name that was misspelt, or forgotten.
fn check_used(table: &Section, built: &[Built<'_>]) -> Result<(), ScenarioError> {
    let drawn = |name: &str| {
        let mut drawings = built
            .iter()
            .filter_map(|(_, operation)| operation.drawing());
        drawings.any(|drawing| drawing.names().contains(name))
    };
    let values = built
        .first()
        .and_then(|(builder, _)| builder.values.as_deref());
    let unused = values
        .into_iter()
        .flat_map(Values::names)
        .filter(|name| !drawn(name));
    each::<(), _>(unused.map(|name| {
        let place = values::place(table, &format!("values.{name}"));
        Err(place.error(format!(
            "is drawn and in no request: write {{{name}}} in `filter` or `partitions`, or call it \
             like a field of the rows that are written, or like the primary key of `ids`"
        )))
    }))
    .map(drop)
}

/// Writing operations need the access.
fn check_access(
    table: &Section,
    entry: &OperationEntry,
    around: Surroundings<'_>,
) -> Result<(), ScenarioError> {
    if around.milvus.access != AccessPlan::Read {
        return Ok(());
    }
    let components = components(table, entry);
    let writing = components.iter().map(|component| component.entry);
    let writing = writing.chain([entry]).find(|entry| entry.writes());
    match writing {
        None => Ok(()),
        Some(writing) => Err(table.place_or_child("operation").error(format!(
            "{} \"{}\", which writes; access = \"read\" allows only reading operations",
            if components.is_empty() { "is" } else { "holds" },
            writing.name
        ))),
    }
}

/// Two workloads that write the rows of one collection in the same way would take the same ones;
/// those that a filter names are no such rows.
fn check_writers(builders: &[Builder<'_>], plans: &[WorkloadPlan]) -> Result<(), ScenarioError> {
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
            return Err(builders[index].table.error(message));
        }
    }
    Ok(())
}

/// What a workload is resolved with.
#[derive(Clone, Copy)]
pub(super) struct Surroundings<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) milvus: &'a MilvusPlan,
    pub(super) keep_ids: bool,
    pub(super) collections: &'a Planned<CollectionPlan>,
    pub(super) seed: u64,
}

impl Surroundings<'_> {
    /// Which rows of a collection stay, whatever the workloads do.
    fn row_keys(&self, collection: usize, plans: &[WorkloadPlan]) -> RowKeys {
        let plan = &self.collections.right[collection];
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
    /// None where the table has none.
    values: Option<Arc<Values>>,
    around: Surroundings<'a>,
}

/// What a table is built from: one workload, or the components of a mix.
fn builders(whole: Builder<'_>) -> Result<Vec<Builder<'_>>, ScenarioError> {
    let Build::Components(components) = whole.entry.build else {
        return Ok(vec![whole]);
    };
    let components = components(whole.keys.clone()).map_err(|errors| whole.located(&errors))?;
    let total: f64 = components.iter().map(|component| component.share).sum();
    let of_mix = |component: Component| Builder {
        mix: Some(MixPlan {
            name: whole.table.name.clone(),
            share: component.share / total,
        }),
        entry: component.entry,
        keys: component.keys,
        ..whole.clone()
    };
    Ok(components.into_iter().map(of_mix).collect())
}

/// The operation of a table.
fn entry(table: &Section) -> Result<&'static OperationEntry, ScenarioError> {
    if let Some(operation) = table.text("operation")? {
        return choose(&operation, "operation", OPERATIONS, |row| row.name);
    }
    let names: Vec<&str> = OPERATIONS.iter().map(|row| row.name).collect();
    // A key without a row that no operation has may be it.
    let is_own = |name: &str| {
        let mut keys = OPERATIONS.iter().flat_map(OperationEntry::all_keys);
        keys.any(|key| key.name == name)
    };
    let meant = table.others.iter().find_map(|(name, at)| {
        let message = unknown_key(&SCENARIO, table.rows_of(), name, &[]);
        let is_meant = !is_own(name) && message.contains("`operation`");
        is_meant.then(|| at.error(message))
    });
    Err(meant.unwrap_or_else(|| {
        let story = format!("has no `operation`, expected one of {}", names.join(", "));
        table.lacks(&["operation"], story)
    }))
}

/// Keys that the operation has not, each with what to say of it.
fn unknown_keys<'a>(
    table: &'a Section,
    entry: &OperationEntry,
) -> Vec<(&'a At<toml::Value>, String)> {
    let known = entry.all_keys();
    let own = |name: &str| known.iter().any(|key| key.name == name);
    let unknown = table.others.iter().filter(|(name, _)| !own(name));
    let told = unknown.map(|(name, at)| {
        let of_component = key_of_table_below(name, &tables_of_components(table, entry));
        let story = || unknown_key(&SCENARIO, table.rows_of(), name, known);
        (at, of_component.unwrap_or_else(story))
    });
    told.collect()
}

/// The table with a note of the keys that its operation has not.
fn noted(table: &Section) -> Section {
    let mut noted = table.clone();
    if let Ok(entry) = entry(table) {
        for (_, message) in unknown_keys(table, entry) {
            noted.note_unknown(message);
        }
    }
    noted
}

/// Keys that the operation has not, and those whose value is not of its form.
fn check_keys_of(table: &Section, entry: &OperationEntry) -> Result<(), ScenarioError> {
    let known = entry.all_keys();
    let own = |name: &str| known.iter().any(|key| key.name == name);
    let unknown = unknown_keys(table, entry);
    let unknown = unknown
        .into_iter()
        .map(|(at, message)| Err(at.error(message)));
    let written = table.others.iter().filter(|(name, _)| own(name));
    let written = written.map(|(name, at)| (name.clone(), at.value.clone()));
    let wrong = check_keys(&written.collect(), known).map_err(|errors| {
        let mut mistakes = ScenarioError::told();
        errors
            .iter()
            .for_each(|error| mistakes.add(place_of(table, &error.key).error(&error.message)));
        mistakes
    });
    let refused = if table.is_refused() {
        Err(ScenarioError::told())
    } else {
        Ok(())
    };
    all((each::<(), _>(unknown), wrong, refused)).map(drop)
}

/// The components of a mix; none where `table` is none. What is wrong with its parts is told where
/// it is built.
fn components(table: &Section, entry: &OperationEntry) -> Vec<Component> {
    let Build::Components(components) = entry.build else {
        return Vec::new();
    };
    let known = entry.all_keys();
    let own = table
        .others
        .iter()
        .filter(|(name, _)| known.iter().any(|key| key.name == *name));
    let own = own.map(|(name, at)| (name.clone(), at.value.clone()));
    components(own.collect()).unwrap_or_default()
}

/// The tables of a mix's components, each with its keys; none where `table` is no mix.
fn tables_of_components(table: &Section, entry: &OperationEntry) -> Vec<(String, &'static [Key])> {
    let heading = |of: Component| {
        let heading = format!("[{}.{}]", table.place.path(), of.entry.name);
        (heading, of.entry.keys)
    };
    components(table, entry).into_iter().map(heading).collect()
}

/// Where the key of an operation stands, or what is below it.
fn place_of(table: &Section, key: &str) -> Place {
    let first = key.split('.').next().unwrap_or_default();
    match table.others.iter().find(|(of, _)| of == first) {
        Some((_, at)) if key == first => at.place.clone(),
        Some((_, at)) => at.place.child(key[first.len()..].trim_start_matches('.')),
        None => table.place.child(key),
    }
}

impl<'a> Builder<'a> {
    fn new(
        table: &'a Section,
        entry: &'static OperationEntry,
        collection_index: usize,
        around: Surroundings<'a>,
    ) -> Self {
        let keys = table.others.iter();
        Self {
            table,
            mix: None,
            entry,
            keys: keys
                .map(|(key, at)| (key.clone(), at.value.clone()))
                .collect(),
            collection_index,
            collection: &around.collections.right[collection_index],
            values: None,
            around,
        }
    }

    /// What depends on the other workloads.
    fn complete(
        &self,
        plan: &mut WorkloadPlan,
        plans: &[WorkloadPlan],
    ) -> Result<(), ScenarioError> {
        let Surroundings { scenario, .. } = self.around;
        let truth_fails = phases::truth_fails(scenario, self.collection, plans, plan);
        let row_keys = self.around.row_keys(self.collection_index, plans);
        let staying = row_keys.staying();
        plan.operation = self.operation(truth_fails, row_keys)?;
        self.check_turns(plan, staying)
    }

    /// Name of the workload in reports.
    fn name(&self) -> String {
        let table = &self.table.name;
        match self.mix {
            Some(_) => format!("{table}{OF_MIX}{}", self.entry.name),
            None => table.clone(),
        }
    }

    fn operation(
        &self,
        truth_fails: Option<String>,
        row_keys: RowKeys,
    ) -> Result<Arc<dyn Operation>, ScenarioError> {
        let context = OperationContext {
            workload: self.name(),
            collection: self.collection.shape.clone(),
            initial_rows: self.collection.initial_rows,
            row_keys,
            truth_fails,
            reused: self.collection.prepare == PrepareMode::Reuse,
            keep_ids: self.around.keep_ids,
            values: self.values.clone(),
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
        let built = built.map_err(|errors| self.located(&errors));
        let checked = checked.map_err(|errors| self.located(&errors));
        all((built, checked)).map(|(operation, ())| operation)
    }

    /// A collection whose rows were changed looks like one that was not, where it has as many.
    fn check_kept(&self) -> Result<(), ScenarioError> {
        let RowUse::Writes(writes) = self.entry.rows else {
            return Ok(());
        };
        if writes.change == RowChange::Adds || self.collection.prepare != PrepareMode::Ensure {
            return Ok(());
        }
        let (does, key) = (writes.does, &self.collection.key);
        let message = format!(
            "{does} collection `{key}`, which prepare = \"ensure\" would assume unchanged in the \
             next run; give the collection prepare = \"full\""
        );
        Err(self.table.error(message))
    }

    /// Callers whose requests are surely under way together must not hold the same keys.
    fn check_turns(&self, plan: &WorkloadPlan, staying: u64) -> Result<(), ScenarioError> {
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
        let error = OperationError {
            key: "batch".to_owned(),
            message: format!(
                "is {batch}, with which {callers} callers write {at_once} rows at once, but only \
                 {staying} rows remain: two requests would write the same row at the same time; \
                 use a smaller batch, fewer callers or more rows"
            ),
        };
        Err(self.located(&error.into()))
    }

    /// Errors of the operation, each at the key that it names.
    fn located(&self, errors: &OperationErrors) -> ScenarioError {
        let mut mistakes = ScenarioError::told();
        errors
            .iter()
            .for_each(|error| mistakes.add(self.mistake(error)));
        mistakes
    }

    fn mistake(&self, error: &OperationError) -> ScenarioError {
        if error.key == TRUTH_KEY {
            return self.truth_place().error(&error.message);
        }
        // Values are those of a whole mix.
        if error.key.starts_with("values.") {
            return values::place(self.table, &error.key).error(&error.message);
        }
        // The keys of a component stand in a table of its own.
        let key = match (&self.mix, error.key.as_str()) {
            (Some(_), "") => self.entry.name.to_owned(),
            (Some(_), key) => format!("{}.{key}", self.entry.name),
            (None, "") => return self.table.error(&error.message),
            (None, key) => key.to_owned(),
        };
        place_of(self.table, &key).error(&error.message)
    }
}

impl Builder<'_> {
    /// Where the truth of the workload's data set stands.
    fn truth_place(&self) -> Place {
        let Surroundings { scenario, .. } = self.around;
        let mut collections = scenario.root.sections("collections").iter();
        let collection = collections.find(|table| table.name == self.collection.key);
        let data = collection.and_then(|table| table.text("data").ok().flatten());
        let table = data.and_then(|name| {
            let mut tables = scenario.root.sections("data").iter();
            tables.find(|table| table.name == name.value)
        });
        let truth = table.and_then(|table| table.place_of("truth"));
        truth.unwrap_or(&self.table.place).clone()
    }
}

/// Index of the collection among those that are right.
fn collection(
    table: &Section,
    collections: &Planned<CollectionPlan>,
) -> Result<usize, ScenarioError> {
    let (right, wrong) = (&collections.right, &collections.wrong);
    let right_names = right.iter().map(|collection| collection.key.as_str());
    let names: Vec<&str> = right_names
        .chain(wrong.iter().map(String::as_str))
        .collect();
    match table.text("collection")? {
        Some(name) => {
            collections.unless_wrong(&name.value)?;
            let index = names.iter().position(|known| *known == name.value);
            index.ok_or_else(|| name.error(unknown(&name.value, "collection", names.into_iter())))
        }
        None if collections.is_lost => Err(ScenarioError::told()),
        None if names.len() == 1 => {
            collections.unless_wrong(names[0])?;
            Ok(0)
        }
        None => Err(table.lacks(
            &["collection"],
            format!(
                "has no `collection`; the scenario has: {}",
                names.join(", ")
            ),
        )),
    }
}
