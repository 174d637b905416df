//! `[collections.<name>]`: schema, index, rows, what preparation does.

use std::{sync::Arc, time::Duration};

use super::{AccessPlan, CollectionPlan, MilvusPlan, PlanError, PrepareMode, data::Source, limits};
use crate::{
    dataset::{Dataset, identity},
    operation::{
        CollectionShape, Consistency, IndexOptions, OperationError, ScalarField,
        ScalarFieldOptions, known_metric,
    },
    scenario::{
        At, CollectionTable, FieldTable, IndexTable, InitialRows, Scenario, choose, nearest, quoted,
    },
};

const MODES: &[(&str, PrepareMode)] = &[
    ("full", PrepareMode::Full),
    ("ensure", PrepareMode::Ensure),
    ("schema", PrepareMode::Schema),
    ("reuse", PrepareMode::Reuse),
];
const METRIC: &str = "COSINE";
const MAX_COLLECTIONS: usize = 100;

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

pub(super) fn resolve(
    scenario: &Scenario,
    seed: u64,
    milvus: &MilvusPlan,
    sources: &[Source],
) -> Result<Vec<CollectionPlan>, PlanError> {
    if scenario.collections.is_empty() {
        return Err(scenario
            .place
            .error("the scenario has no collection; add a table [collections.<name>]")
            .into());
    }
    if let Some(table) = scenario.collections.get(MAX_COLLECTIONS) {
        return Err(table
            .error(format!(
                "is one too many, a scenario may have {MAX_COLLECTIONS} collections"
            ))
            .into());
    }
    let mut plans: Vec<CollectionPlan> = Vec::new();
    for table in &scenario.collections {
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
    table: &'a At<CollectionTable>,
    seed: u64,
    milvus: &'a MilvusPlan,
    sources: &'a [Source],
}

impl Builder<'_> {
    fn build(&self) -> Result<CollectionPlan, PlanError> {
        let table = &self.table.value;
        let prepare = self.prepare()?;
        let dataset = self.dataset(prepare)?;
        let dim = self.dim(dataset.as_deref())?;
        let shape = self.shape(dim)?;
        let initial_rows = self.initial_rows(prepare, dataset.as_deref())?;
        let keeps = matches!(prepare, PrepareMode::Ensure | PrepareMode::Reuse);
        if let Some(at) = table.keep.as_ref().filter(|at| keeps && !at.value) {
            return Err(at
                .error(format!(
                    "is false, which prepare = \"{}\" excludes: it leaves the collection there",
                    prepare.name()
                ))
                .into());
        }
        Ok(CollectionPlan {
            key: table.key.clone(),
            fingerprint: self.fingerprint(&shape, dataset.as_deref(), prepare, initial_rows)?,
            shape: Arc::new(shape),
            dataset,
            prepare,
            initial_rows,
            keep: keeps || table.keep.as_ref().is_some_and(|at| at.value),
            ready_timeout: limits::duration(
                &table.ready_timeout,
                Duration::from_secs(1)..=Duration::from_secs(24 * 3600),
                Duration::from_secs(600),
            )?,
        })
    }

    fn prepare(&self) -> Result<PrepareMode, PlanError> {
        let written = self.table.value.prepare.as_ref();
        let mode = written
            .map(|text| choose(text, "mode of preparation", MODES, |row| row.0))
            .transpose()?
            .map_or(PrepareMode::Full, |row| row.1);
        if self.milvus.access != AccessPlan::All && mode != PrepareMode::Reuse {
            let place =
                written.map_or_else(|| self.table.place.child("prepare"), |at| at.place.clone());
            let access = self.milvus.access.name();
            let message = format!(
                "is \"{}\", which changes Milvus; with access = \"{access}\" allowed is prepare = \
                 \"reuse\"",
                mode.name()
            );
            return Err(place.error(message).into());
        }
        Ok(mode)
    }

    fn dataset(&self, prepare: PrepareMode) -> Result<Option<Arc<dyn Dataset>>, PlanError> {
        let names = || self.sources.iter().map(|source| source.name.as_str());
        let Some(name) = &self.table.value.data else {
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
        let dim = &self.table.value.dim;
        let written = dim
            .as_ref()
            .map(|_| limits::number(dim, 1..=32_768, 1))
            .transpose()?;
        match (dataset, written) {
            (Some(data), Some(written)) if i64::from(data.dim()) != written => {
                let name = self
                    .table
                    .value
                    .data
                    .as_ref()
                    .map_or("", |name| &name.value);
                let place = dim.as_ref().map_or(&self.table.place, |at| &at.place);
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
        let table = &self.table.value;
        let metric = known_metric(table.metric.as_ref().map_or(METRIC, |at| &at.value))
            .map_err(|error| self.located(&error))?;
        let consistency =
            Consistency::named(table.consistency.as_ref().map_or("Bounded", |at| &at.value))
                .map_err(|error| self.located(&error))?;
        let index = match &table.index {
            None => IndexOptions {
                index_type: "AUTOINDEX".to_owned(),
                params: toml::Table::new(),
            },
            Some(index) => index_options(index)?,
        };
        Ok(CollectionShape {
            database: self.milvus.database.clone().unwrap_or_default(),
            name: self.name()?,
            id_field: field_name(table.id_field.as_ref(), "id")?,
            vector_field: field_name(table.vector_field.as_ref(), "vector")?,
            dim,
            metric: metric.to_owned(),
            consistency,
            fields: self.fields()?,
            index: index
                .resolve_vector(metric, dim)
                .map_err(|error| self.located(&error))?,
            shards: limits::number(&table.shards, 1..=64, 0)? as u32,
            replicas: limits::number(&table.replicas, 1..=64, 1)? as u32,
        })
    }

    fn name(&self) -> Result<String, PlanError> {
        let (name, place) = match &self.table.value.name {
            Some(at) => (at.value.as_str(), &at.place),
            None => (self.table.value.key.as_str(), &self.table.place),
        };
        if is_identifier(name) {
            return Ok(name.to_owned());
        }
        let hint = if self.table.value.name.is_none() {
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
        let table = &self.table.value;
        let mut names = vec![
            table.id_field.as_ref().map_or("id", |at| &at.value),
            table.vector_field.as_ref().map_or("vector", |at| &at.value),
        ];
        if let (true, Some(at)) = (
            names[0] == names[1],
            table.vector_field.as_ref().or(table.id_field.as_ref()),
        ) {
            return Err(at
                .error(format!(
                    "is \"{}\", as the other of `id_field` and `vector_field` is; they must differ",
                    names[0]
                ))
                .into());
        }
        let mut fields = Vec::new();
        for at in &table.fields {
            let field = field(at, self.seed)?;
            if names.contains(&field.name.as_str()) {
                return Err(at
                    .error(format!(
                        "has the name \"{}\" of another field; names must differ",
                        field.name
                    ))
                    .into());
            }
            names.push(at.value.name.as_ref().map_or("", |name| &name.value));
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
        let Some(at) = &self.table.value.initial_rows else {
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
        let table = &self.table.value;
        let first = error.key.split('.').next().unwrap_or_default();
        let place = match first {
            "metric" => table.metric.as_ref().map(|at| &at.place),
            "consistency" => table.consistency.as_ref().map(|at| &at.place),
            "index" => table.index.as_ref().map(|at| &at.place),
            _ => None,
        };
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

fn index_options(index: &At<IndexTable>) -> Result<IndexOptions, PlanError> {
    let Some(index_type) = &index.value.index_type else {
        return Err(index
            .error(
                "has no `type`; write for example { type = \"HNSW\", params = { M = 16, \
                 efConstruction = 200 } }",
            )
            .into());
    };
    let params = index
        .value
        .params
        .as_ref()
        .map(|at| at.value.clone())
        .unwrap_or_default();
    Ok(IndexOptions {
        index_type: index_type.value.clone(),
        params,
    })
}

fn field(at: &At<FieldTable>, seed: u64) -> Result<ScalarField, PlanError> {
    let table = &at.value;
    let needed = |text: &Option<At<String>>, key: &str| {
        text.as_ref().map(|text| text.value.clone()).ok_or_else(|| {
            at.error(format!(
                "has no `{key}`; write for example {{ name = \"rank\", type = \"Int64\" }}"
            ))
        })
    };
    let options = ScalarFieldOptions {
        name: needed(&table.name, "name")?,
        type_name: needed(&table.scalar_type, "type")?,
        max_length: table.max_length.as_ref().map(|at| at.value),
        values: table.values.as_ref().map(|at| at.value.clone()),
        index: table.index.as_ref().map(index_options).transpose()?,
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
        .map_err(|error| at.place.child(&key(&error)).error(&error.message).into())
}

fn field_name(at: Option<&At<String>>, default: &str) -> Result<String, PlanError> {
    match at {
        None => Ok(default.to_owned()),
        Some(at) if is_identifier(&at.value) => Ok(at.value.clone()),
        Some(at) => Err(at
            .error(format!(
                "is {}, Milvus allows letters, digits and `_`, no digit first, at most 255",
                quoted(&at.value)
            ))
            .into()),
    }
}

/// Names that Milvus allows for collections and fields.
fn is_identifier(name: &str) -> bool {
    name.len() <= 255
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
