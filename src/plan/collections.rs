//! `[collections.<name>]`: schema, index, rows, what preparation does.

use std::sync::Arc;

use super::{
    AccessPlan, CollectionPlan, MilvusPlan, PlanError, PrepareMode, WorkloadPlan, data::Source,
    schedule::text_hash,
};
use crate::{
    dataset::{Dataset, identity},
    operation::{
        CollectionShape, Consistency, IndexOptions, OperationError, RowChange, RowUse, ScalarField,
        ScalarFieldOptions, known_metric,
    },
    scenario::{InitialRows, Scenario, Section, nearest, quoted},
};

pub(super) const MODES: &[(&str, PrepareMode)] = &[
    ("full", PrepareMode::Full),
    ("ensure", PrepareMode::Ensure),
    ("schema", PrepareMode::Schema),
    ("reuse", PrepareMode::Reuse),
];

impl PrepareMode {
    /// Its name, as in a scenario.
    #[must_use]
    pub fn name(self) -> &'static str {
        MODES
            .iter()
            .find(|(_, mode)| *mode == self)
            .map_or("", |(name, _)| name)
    }
}

/// Gives another mark to the collections whose rows are changed: a run that wants them as they were
/// must not take them for that.
pub(super) fn mark_changed(collections: &mut [CollectionPlan], workloads: &[WorkloadPlan]) {
    for (index, collection) in collections.iter_mut().enumerate() {
        let changes = |workload: &WorkloadPlan| {
            let RowUse::Writes(writes) = workload.entry.rows else {
                return false;
            };
            workload.collection == index && writes.change != RowChange::Adds
        };
        if workloads.iter().any(changes) {
            let text = format!("{} with changed rows", collection.fingerprint);
            collection.fingerprint = format!("{:016x}", text_hash(&text));
        }
    }
}

pub(super) fn resolve(
    scenario: &Scenario,
    seed: u64,
    milvus: &MilvusPlan,
    sources: &[Source],
) -> Result<Vec<CollectionPlan>, PlanError> {
    let tables = scenario.root.sections_within("collections", "a scenario")?;
    if tables.is_empty() {
        return Err(scenario
            .root
            .error("the scenario has no collection; add a table [collections.<name>]")
            .into());
    }
    let mut plans: Vec<CollectionPlan> = Vec::new();
    for table in tables {
        let plan = Builder {
            table,
            seed,
            milvus,
            sources,
        }
        .build()?;
        if let Some(other) = plans
            .iter()
            .find(|other| other.shape.name == plan.shape.name)
        {
            return Err(table
                .error(format!(
                    "is `{}` in Milvus, as collection `{}` is already; give it a `name` of its own",
                    plan.shape.name, other.key
                ))
                .into());
        }
        plans.push(plan);
    }
    Ok(plans)
}

struct Builder<'a> {
    table: &'a Section,
    seed: u64,
    milvus: &'a MilvusPlan,
    sources: &'a [Source],
}

impl Builder<'_> {
    fn build(&self) -> Result<CollectionPlan, PlanError> {
        let table = self.table;
        let prepare = self.prepare()?;
        let dataset = self.dataset(prepare)?;
        let dim = self.dim(dataset.as_deref())?;
        let shape = self.shape(dim)?;
        let initial_rows = self.initial_rows(prepare, dataset.as_deref())?;
        let keeps = matches!(prepare, PrepareMode::Ensure | PrepareMode::Reuse);
        if let Some(at) = table.written_flag("keep").filter(|at| keeps && !at.value) {
            return Err(at
                .error(format!(
                    "is false, which prepare = \"{}\" excludes: it leaves the collection there",
                    prepare.name()
                ))
                .into());
        }
        Ok(CollectionPlan {
            key: table.name.clone(),
            fingerprint: self.fingerprint(&shape, dataset.as_deref(), prepare, initial_rows)?,
            shape: Arc::new(shape),
            dataset,
            prepare,
            initial_rows,
            keep: keeps || table.written_flag("keep").is_some_and(|at| at.value),
            ready_timeout: table.duration("ready_timeout")?,
        })
    }

    fn prepare(&self) -> Result<PrepareMode, PlanError> {
        let mode = self.table.choice("prepare", "mode of preparation", MODES)?;
        if self.milvus.access != AccessPlan::All && mode != PrepareMode::Reuse {
            let access = self.milvus.access.name();
            let message = format!(
                "is \"{}\", which changes Milvus; with access = \"{access}\" allowed is prepare = \
                 \"reuse\"",
                mode.name()
            );
            return Err(self.table.place_or_child("prepare").error(message).into());
        }
        Ok(mode)
    }

    fn dataset(&self, prepare: PrepareMode) -> Result<Option<Arc<dyn Dataset>>, PlanError> {
        let names = || self.sources.iter().map(|source| source.name.as_str());
        let Some(name) = self.table.text("data") else {
            if prepare == PrepareMode::Reuse {
                return Ok(None);
            }
            let known: Vec<&str> = names().collect();
            let hint = if known.is_empty() {
                "add a table [data.<name>]".to_owned()
            } else {
                format!("the scenario has: {}", known.join(", "))
            };
            return Err(self
                .table
                .error(format!(
                    "has no `data`, which prepare = \"{}\" needs; {hint}",
                    prepare.name()
                ))
                .into());
        };
        let Some(source) = self.sources.iter().find(|source| source.name == name.value) else {
            return Err(name.error(unknown(&name.value, "data set", names())).into());
        };
        if source.dataset.rows() == 0 && prepare != PrepareMode::Reuse {
            return Err(name
                .error(format!(
                    "is \"{}\", which has queries and no rows; give it a `base` (random: `rows`), \
                     or use prepare = \"reuse\"",
                    name.value
                ))
                .into());
        }
        Ok(Some(source.dataset.clone()))
    }

    fn dim(&self, dataset: Option<&dyn Dataset>) -> Result<u32, PlanError> {
        let written = self.table.written_integer("dim")?;
        match (dataset, written) {
            (Some(data), Some(written)) if i64::from(data.dim()) != written => {
                let name = self
                    .table
                    .text("data")
                    .map_or_else(String::new, |at| at.value);
                let place = self.table.place_or_child("dim");
                Err(place
                    .error(format!(
                        "is {written}, but the vectors of data set `{name}` have dimension {}; \
                         they must be the same",
                        data.dim()
                    ))
                    .into())
            }
            (Some(data), _) => Ok(data.dim()),
            (None, Some(written)) => Ok(written as u32),
            (None, None) => Err(self
                .table
                .error("has neither `data` nor `dim`; give it the dimension of its vectors")
                .into()),
        }
    }

    fn shape(&self, dim: u32) -> Result<CollectionShape, PlanError> {
        let table = self.table;
        let metric =
            known_metric(&table.text_or_default("metric")).map_err(|error| self.located(&error))?;
        let consistency = Consistency::named(&table.text_or_default("consistency"))
            .map_err(|error| self.located(&error))?;
        let index = match table.section("index") {
            None => IndexOptions {
                index_type: "AUTOINDEX".to_owned(),
                params: toml::Table::new(),
            },
            Some(index) => index_options(index)?,
        };
        Ok(CollectionShape {
            database: self.milvus.database.clone().unwrap_or_default(),
            name: self.name()?,
            id_field: field_name(table, "id_field")?,
            vector_field: field_name(table, "vector_field")?,
            dim,
            metric: metric.to_owned(),
            consistency,
            fields: self.fields()?,
            index: index
                .resolve_vector(metric, dim)
                .map_err(|error| self.located(&error))?,
            shards: table.written_integer("shards")?.unwrap_or(0) as u32,
            replicas: table.integer("replicas")? as u32,
        })
    }

    fn name(&self) -> Result<String, PlanError> {
        let written = self.table.text("name");
        let (name, place) = match &written {
            Some(at) => (at.value.as_str(), &at.place),
            None => (self.table.name.as_str(), &self.table.place),
        };
        if is_identifier(name) {
            return Ok(name.to_owned());
        }
        let hint = if written.is_none() {
            "; give it another `name`"
        } else {
            ""
        };
        Err(place
            .error(format!(
                "is {}, Milvus allows letters, digits and `_`, no digit first, at most 255{hint}",
                quoted(name)
            ))
            .into())
    }

    fn fields(&self) -> Result<Vec<ScalarField>, PlanError> {
        let table = self.table;
        let mut names = ["id_field", "vector_field"]
            .map(|key| table.text_or_default(key))
            .to_vec();
        let written = table.text("vector_field").or(table.text("id_field"));
        if let (true, Some(at)) = (names[0] == names[1], written) {
            return Err(at
                .error(format!(
                    "is \"{}\", as the other of `id_field` and `vector_field` is; they must differ",
                    names[0]
                ))
                .into());
        }
        let mut fields = Vec::new();
        for at in table.sections("fields") {
            let field = field(at, self.seed)?;
            if names.contains(&field.name) {
                return Err(at
                    .error(format!(
                        "has the name \"{}\" of another field; names must differ",
                        field.name
                    ))
                    .into());
            }
            names.push(field.name.clone());
            fields.push(field);
        }
        Ok(fields)
    }

    fn initial_rows(
        &self,
        prepare: PrepareMode,
        dataset: Option<&dyn Dataset>,
    ) -> Result<u64, PlanError> {
        let rows = dataset.map_or(0, Dataset::rows);
        let Some(at) = self.table.rows("initial_rows") else {
            return Ok(if prepare == PrepareMode::Schema {
                0
            } else {
                rows
            });
        };
        let initial = match at.value {
            InitialRows::Share(share) => (rows as f64 * share).round() as u64,
            InitialRows::Count(count) => u64::try_from(count)
                .ok()
                .filter(|count| *count <= rows)
                .ok_or_else(|| {
                at.error(format!(
                    "is {count}, allowed are 0 to {rows}, the rows of the data set"
                ))
            })?,
        };
        if prepare == PrepareMode::Schema && initial > 0 {
            return Err(at
                .error(
                    "is above 0, but prepare = \"schema\" leaves the collection empty; leave it \
                     out, or use prepare = \"full\"",
                )
                .into());
        }
        Ok(initial)
    }

    /// The mark: hash of schema, index and rows. Empty for a collection that is left alone.
    fn fingerprint(
        &self,
        shape: &CollectionShape,
        dataset: Option<&dyn Dataset>,
        prepare: PrepareMode,
        rows: u64,
    ) -> Result<String, PlanError> {
        let Some(dataset) = dataset.filter(|_| prepare != PrepareMode::Reuse) else {
            return Ok(String::new());
        };
        let data = identity(dataset)
            .map_err(|error| self.table.error(format!("can't be used: {error}")))?;
        let fields: Vec<String> = shape
            .fields
            .iter()
            .map(|field| format!("{field:?}"))
            .collect();
        let parts = [
            format!(
                "{} {} {} {}",
                shape.id_field, shape.vector_field, shape.dim, shape.shards
            ),
            format!(
                "{} {} {:?}",
                shape.metric, shape.index.index_type, shape.index.params
            ),
            format!("{} {rows} {data}", shape.consistency.name()),
            fields.join("\n"),
        ];
        Ok(format!(
            "{:016x}",
            super::schedule::text_hash(&parts.join("\n"))
        ))
    }

    /// An error of the operations' checks, at the key that it names.
    fn located(&self, error: &OperationError) -> PlanError {
        let first = error.key.split('.').next().unwrap_or_default();
        let place = ["metric", "consistency", "index"]
            .into_iter()
            .find(|key| *key == first)
            .and_then(|key| self.table.place_of(key));
        let rest = error
            .key
            .strip_prefix(first)
            .unwrap_or_default()
            .trim_start_matches('.');
        let place = match place {
            Some(place) if rest.is_empty() => place.clone(),
            Some(place) => place.child(rest),
            None => self.table.place.child(&error.key),
        };
        place.error(&error.message).into()
    }
}

/// What to say of a name that no table has.
pub(super) fn unknown<'a>(name: &str, what: &str, known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.collect();
    let hint = nearest(name, known.iter().copied())
        .map(|near| format!(", did you mean \"{near}\""))
        .unwrap_or_default();
    let has = if known.is_empty() {
        "none".to_owned()
    } else {
        known.join(", ").escape_debug().to_string()
    };
    format!(
        "is {}, which is no {what} of the scenario{hint}; it has: {has}",
        quoted(name)
    )
}

fn index_options(index: &Section) -> Result<IndexOptions, PlanError> {
    let Some(index_type) = index.text("type") else {
        return Err(index
            .error(
                "has no `type`; write for example { type = \"HNSW\", params = { M = 16, \
                 efConstruction = 200 } }",
            )
            .into());
    };
    let params = match index.toml("params").map(|at| at.value) {
        Some(toml::Value::Table(params)) => params,
        _ => toml::Table::new(),
    };
    Ok(IndexOptions {
        index_type: index_type.value,
        params,
    })
}

fn field(table: &Section, seed: u64) -> Result<ScalarField, PlanError> {
    let needed = |key: &str| {
        table.text(key).map(|text| text.value).ok_or_else(|| {
            table.error(format!(
                "has no `{key}`; write for example {{ name = \"rank\", type = \"Int64\" }}"
            ))
        })
    };
    let options = ScalarFieldOptions {
        name: needed("name")?,
        type_name: needed("type")?,
        max_length: table.number("max_length").map(|at| at.value),
        values: table.toml("values").map(|at| at.value),
        index: table.section("index").map(index_options).transpose()?,
    };
    // The error's key begins with `fields.<name>.`, which the place has already.
    let key = |error: &OperationError| {
        error
            .key
            .splitn(3, '.')
            .nth(2)
            .unwrap_or_default()
            .to_owned()
    };
    options
        .resolve(seed)
        .map_err(|error| table.place.child(&key(&error)).error(&error.message).into())
}

fn field_name(table: &Section, key: &str) -> Result<String, PlanError> {
    let name = table.text_or_default(key);
    if is_identifier(&name) {
        return Ok(name);
    }
    let message = format!(
        "is {}, Milvus allows letters, digits and `_`, no digit first, at most 255",
        quoted(&name)
    );
    Err(table.place_or_child(key).error(message).into())
}

/// Names that Milvus allows for collections and fields.
fn is_identifier(name: &str) -> bool {
    name.len() <= 255
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
