//! `[collections.<name>]`: schema, index, rows, what preparation does.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    AccessPlan, CollectionPlan, MilvusPlan, PrepareMode, WorkloadPlan, data::Source,
    planned::Planned, schedule::text_hash,
};
use crate::{
    dataset::{self, Dataset, identity},
    keys::{all, each, nearest, needs},
    operation::{
        CollectionShape, Consistency, FieldValues, IndexOptions, IndexShape, KEY_TYPES, KeyOptions,
        OperationError, OperationErrors, PrimaryKey, RowChange, RowUse, ScalarField,
        ScalarFieldOptions, VectorField, collection_properties, default_metric, dynamic_values,
        known_metric,
    },
    scenario::{InitialRows, Scenario, ScenarioError, Section, choose, quoted},
    vector_type::VectorType,
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
    sources: &Planned<Source>,
    mistakes: &mut ScenarioError,
) -> Planned<CollectionPlan> {
    let root = &scenario.root;
    let tables = root.sections_within("collections", "a scenario");
    let Some(tables) = mistakes.keep(tables) else {
        return Planned::lost();
    };
    if tables.is_empty() {
        let story = "the scenario has no collection; add a table [collections.<name>]";
        mistakes.add(root.lacks(&["collections"], story));
        return Planned::lost();
    }
    let mut plans = Planned::default();
    let mut names: Vec<(String, &str)> = Vec::new();
    for table in tables {
        let builder = Builder {
            table,
            seed,
            milvus,
            sources,
        };
        let name = builder.name();
        let unique = name
            .as_ref()
            .map_or(Ok(()), |name| unique(table, name, &names));
        names.extend(name.ok().map(|name| (name, table.name.as_str())));
        let built = all((unique, builder.build())).map(|(_, plan)| plan);
        plans.add(table, built, mistakes);
    }
    plans
}

/// Two tables must not be one collection in Milvus.
fn unique(table: &Section, name: &str, names: &[(String, &str)]) -> Result<(), ScenarioError> {
    match names.iter().find(|(other, _)| other == name) {
        None => Ok(()),
        Some((_, key)) => Err(table.error(format!(
            "is `{name}` in Milvus, like collection `{key}`; give it a different `name`"
        ))),
    }
}

struct Builder<'a> {
    table: &'a Section,
    seed: u64,
    milvus: &'a MilvusPlan,
    sources: &'a Planned<Source>,
}

type Data = Option<Arc<dyn Dataset>>;

impl Builder<'_> {
    fn build(&self) -> Result<CollectionPlan, ScenarioError> {
        let table = self.table;
        let prepare = self.prepare();
        let mode = prepare.as_ref().ok().copied();
        let vector_type = self.vector_type();
        let dataset = self.dataset(mode, &vector_type);
        let initial_rows = self.initial_rows(mode, &dataset);
        let shape = self.shape(mode, vector_type, dataset);
        let keep = self.keep(mode);
        let (prepare, shape, initial_rows, keep, ready_timeout) = all((
            prepare,
            shape,
            initial_rows,
            keep,
            table.duration("ready_timeout"),
        ))?;
        Ok(CollectionPlan {
            key: table.name.clone(),
            fingerprint: self.fingerprint(&shape, prepare, initial_rows)?,
            shape: Arc::new(shape),
            prepare,
            initial_rows,
            keep,
            ready_timeout,
        })
    }

    fn prepare(&self) -> Result<PrepareMode, ScenarioError> {
        let mode = self.table.choice("prepare", "mode of preparation", MODES)?;
        if self.milvus.access != AccessPlan::All && mode != PrepareMode::Reuse {
            let access = self.milvus.access.name();
            let message = format!(
                "is \"{}\", which changes Milvus; access = \"{access}\" requires prepare = \
                 \"reuse\"",
                mode.name()
            );
            return Err(self.table.place_or_child("prepare").error(message));
        }
        Ok(mode)
    }

    fn keep(&self, prepare: Option<PrepareMode>) -> Result<bool, ScenarioError> {
        let keeps = matches!(prepare, Some(PrepareMode::Ensure | PrepareMode::Reuse));
        match (self.table.written_flag("keep"), prepare) {
            (Some(at), Some(prepare)) if keeps && !at.value => Err(at.error(format!(
                "is false, which prepare = \"{}\" excludes: it keeps the collection",
                prepare.name()
            ))),
            (written, _) => Ok(keeps || written.is_some_and(|at| at.value)),
        }
    }

    /// The type of the vectors as written.
    fn vector_type(&self) -> Result<Option<VectorType>, ScenarioError> {
        let Some(text) = self.table.text("vector_type")? else {
            return Ok(None);
        };
        let types: Vec<VectorType> = VectorType::all().collect();
        choose(&text, "type of vectors", &types, |of| of.name()).map(|found| Some(*found))
    }

    /// The data set; `prepare` is None where it is refused.
    fn dataset(
        &self,
        prepare: Option<PrepareMode>,
        vector_type: &Result<Option<VectorType>, ScenarioError>,
    ) -> Result<Data, ScenarioError> {
        let reuses = prepare.is_none_or(|prepare| prepare == PrepareMode::Reuse);
        let mut known: Vec<&str> = self
            .sources
            .right
            .iter()
            .map(|of| of.name.as_str())
            .collect();
        known.extend(self.sources.wrong.iter().map(String::as_str));
        let Some(name) = self.table.text("data")? else {
            let Some(prepare) = prepare.filter(|_| !reuses) else {
                return Ok(None);
            };
            let hint = if known.is_empty() {
                "add a table [data.<name>]".to_owned()
            } else {
                format!("the scenario has: {}", known.join(", "))
            };
            let prepare = prepare.name();
            return Err(self.table.lacks(
                &["data"],
                format!("has no `data`, which prepare = \"{prepare}\" needs; {hint}"),
            ));
        };
        self.sources.unless_wrong(&name.value)?;
        let mut sources = self.sources.right.iter();
        let Some(source) = sources.find(|source| source.name == name.value) else {
            return Err(name.error(unknown(&name.value, "data set", known.into_iter())));
        };
        if source.data.rows() == 0 && !reuses {
            return Err(name.error(format!(
                "is \"{}\", which has queries and no rows; give it a `base` (random: `rows`), or \
                 use prepare = \"reuse\"",
                name.value
            )));
        }
        let natural = source.data.natural_type();
        let dataset = source.data.dataset(needs(vector_type)?.unwrap_or(natural));
        let typed = self.table.place_of("vector_type");
        dataset
            .map(Some)
            .map_err(|error| typed.unwrap_or(&name.place).error(error.message))
    }

    fn dim(&self, vector_type: VectorType, dataset: &Data) -> Result<u32, ScenarioError> {
        let written = self.table.written_integer("dim")?;
        let refuse = |story: &str| Err(self.table.place_or_child("dim").error(story));
        match (dataset, written) {
            (_, Some(_)) if vector_type == VectorType::Sparse => {
                refuse("is set, but vectors of type Sparse have no dimension; omit it")
            }
            (_, Some(written)) if vector_type == VectorType::Binary && written % 8 != 0 => {
                refuse(&format!(
                    "is {written}, but vectors of type Binary have a dimension that is a multiple \
                     of 8"
                ))
            }
            (None, None) if vector_type == VectorType::Sparse => Ok(0),
            (Some(data), Some(written)) if i64::from(data.dim()) != written => {
                let name = self.table.text("data")?;
                let name = name.map_or_else(String::new, |at| at.value);
                let place = self.table.place_or_child("dim");
                Err(place.error(format!(
                    "is {written}, but the vectors of data set `{name}` have dimension {}; they \
                     must be the same",
                    data.dim()
                )))
            }
            (Some(data), _) => Ok(data.dim()),
            (None, Some(written)) => Ok(written as u32),
            (None, None) => Err(self.table.lacks(
                &["data", "dim"],
                "has neither `data` nor `dim`; give it the dimension of its vectors",
            )),
        }
    }

    /// The vector field of this name.
    fn vector(
        &self,
        name: Result<String, ScenarioError>,
        vector_type: Result<Option<VectorType>, ScenarioError>,
        data: Result<Data, ScenarioError>,
    ) -> Result<VectorField, ScenarioError> {
        // What is wrong with metric and index is told also where the data is.
        let known = match (&vector_type, &data) {
            (_, Ok(Some(data))) => Some(data.vector_type()),
            (Ok(Some(written)), _) => Some(*written),
            (Ok(None), Ok(None)) => Some(VectorType::default()),
            _ => None,
        };
        let dim = needs(&data).and_then(|data| self.dim(known.unwrap_or_default(), data));
        let metric = self.metric(known);
        // No dimension is wrong for it.
        let index = self.index(known, *dim.as_ref().unwrap_or(&0));
        let (name, _, data, dim, metric, index) =
            all((name, vector_type, data, dim, metric, index))?;
        Ok(VectorField {
            name,
            vector_type: known.unwrap_or_default(),
            dim,
            metric: metric.to_owned(),
            index,
            data,
        })
    }

    /// The vector fields of `vectors`.
    fn more_vectors(&self, mode: Option<PrepareMode>) -> Result<Vec<VectorField>, ScenarioError> {
        let list = self.table.sections_within("vectors", "a collection")?;
        each(list.iter().map(|table| {
            let one = Builder { table, ..*self };
            let vector_type = one.vector_type();
            let data = one.dataset(mode, &vector_type);
            one.vector(one.name_of_vector(), vector_type, data)
        }))
    }

    fn name_of_vector(&self) -> Result<String, ScenarioError> {
        let table = self.table;
        let Some(name) = table.text("name")? else {
            let story = "has no `name`; write for example { name = \"image\", data = \"images\" }";
            return Err(table.lacks(&["name"], story));
        };
        if is_identifier(&name.value) {
            return Ok(name.value);
        }
        Err(name.error(format!(
            "is {}, Milvus allows at most 255 letters, digits and `_`, not beginning with a digit",
            quoted(&name.value)
        )))
    }

    fn shape(
        &self,
        mode: Option<PrepareMode>,
        vector_type: Result<Option<VectorType>, ScenarioError>,
        data: Result<Data, ScenarioError>,
    ) -> Result<CollectionShape, ScenarioError> {
        let table = self.table;
        let consistency = table.text_or_default("consistency").and_then(|name| {
            Consistency::named(&name).map_err(|error| self.located(&error.into()))
        });
        let vector = self.vector(field_name(table, "vector_field"), vector_type, data);
        let names = all((
            self.name(),
            self.key(),
            self.fields(),
            self.more_vectors(mode),
        ));
        let numbers = all((
            table.written_integer("shards"),
            table.integer("replicas"),
            self.partitions(),
        ));
        let more = all((self.dynamic(), self.properties()));
        let (vector, consistency, names, (shards, replicas, partitions), (dynamic, properties)) =
            all((vector, consistency, names, numbers, more))?;
        let (name, key, fields, more_vectors) = names;
        Ok(CollectionShape {
            database: self.milvus.database.clone().unwrap_or_default(),
            name,
            key,
            vector,
            more_vectors,
            consistency,
            fields,
            dynamic,
            partitions,
            properties,
            shards: shards.unwrap_or(0) as u32,
            replicas: replicas as u32,
        })
    }

    fn metric(&self, vector_type: Option<VectorType>) -> Result<&'static str, ScenarioError> {
        let Some(written) = self.table.text("metric")? else {
            return Ok(default_metric(vector_type.unwrap_or_default()));
        };
        let metric = of_some_type(vector_type, |of| known_metric(&written.value, of));
        metric.map_err(|error| self.located(&error.into()))
    }

    fn index(
        &self,
        vector_type: Option<VectorType>,
        dim: u32,
    ) -> Result<IndexShape, ScenarioError> {
        let options = match self.table.section("index") {
            // One that is refused has been told, and may be of any type.
            None => IndexOptions {
                index_type: "AUTOINDEX".to_owned(),
                params: toml::Table::new(),
            },
            Some(index) => index_options(index)?,
        };
        let index = of_some_type(vector_type, |of| options.resolve_vector(of, dim));
        index.map_err(|errors| self.located(&errors))
    }

    fn name(&self) -> Result<String, ScenarioError> {
        let written = self.table.text("name")?;
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
        Err(place.error(format!(
            "is {}, Milvus allows at most 255 letters, digits and `_`, not beginning with a \
             digit{hint}",
            quoted(name)
        )))
    }

    fn fields(&self) -> Result<Vec<ScalarField>, ScenarioError> {
        let table = self.table;
        let keys = [table.text("vector_field"), table.text("id_field")];
        let names = all((
            table.text_or_default("id_field"),
            table.text_or_default("vector_field"),
        ));
        let mut names = names.map_or_else(|_| Vec::new(), |(id, vector)| vec![id, vector]);
        let [vector, id] = keys.map(|at| at.ok().flatten());
        let differ = match vector.or(id) {
            Some(at) if names.first() == names.get(1) => Err(at.error(format!(
                "is \"{}\", as the other of `id_field` and `vector_field` is; they must differ",
                at.value
            ))),
            _ => Ok(()),
        };
        let mut is_new = |at: &Section| {
            let name = at.text("name").ok().flatten().map(|name| name.value);
            let is_new = match &name {
                Some(name) if names.contains(name) => Err(at.error(format!(
                    "has the name \"{name}\" of another field; names must differ"
                ))),
                _ => Ok(()),
            };
            names.extend(name);
            is_new
        };
        let vectors = table.sections_within("vectors", "a collection")?;
        let vectors = each(vectors.iter().map(&mut is_new));
        let list = table.sections_within("fields", "a collection")?;
        let fields = list.iter().map(|at| {
            let is_new = is_new(at);
            all((field(at, self.seed, self.source()), is_new)).map(|(field, ())| field)
        });
        let fields = each(fields);
        let (fields, _, ()) = all((fields, vectors, differ))?;
        one_at_most(list, &fields, "partition_key", |field| field.partition_key)?;
        one_at_most(list, &fields, "clustering_key", |field| {
            field.clustering_key
        })?;
        Ok(fields)
    }

    /// The primary key.
    fn key(&self) -> Result<PrimaryKey, ScenarioError> {
        let table = self.table;
        let (name, type_name, values, max_length) = all((
            field_name(table, "id_field"),
            table.text("id_type"),
            table.toml("id_values"),
            table.written_integer("id_max_length"),
        ))?;
        let type_name = type_name
            .map(|at| choose(&at, "type of primary keys", &KEY_TYPES, |name| name).copied())
            .transpose()?;
        let options = KeyOptions {
            name,
            type_name: type_name.map(str::to_owned),
            values: values.map(|at| at.value),
            max_length,
        };
        let key = options.resolve(self.source());
        key.map_err(|error| self.located(&error.into()))
    }

    /// The data set that `data` names, if there is such a one.
    fn source(&self) -> Option<&dataset::Source> {
        let name = self.table.text("data").ok().flatten()?;
        let mut sources = self.sources.right.iter();
        sources
            .find(|source| source.name == name.value)
            .map(|source| &source.data)
    }

    /// What rows hold in the dynamic field; None without one.
    fn dynamic(&self) -> Result<Option<FieldValues>, ScenarioError> {
        let is_dynamic = self
            .table
            .written_flag("dynamic")
            .is_some_and(|at| at.value);
        let values = self.table.toml("dynamic_values")?;
        match (&values, is_dynamic) {
            (Some(at), false) => {
                Err(at
                    .error("is given, but the collection has no dynamic field: set dynamic = true"))
            }
            (None, false) => Ok(None),
            (_, true) => {
                let written = values.as_ref().map(|at| &at.value);
                let found = dynamic_values(written, self.seed, self.source());
                found.map(Some).map_err(|error| {
                    let rest = error.key.trim_start_matches("values");
                    let place = self.table.place_or_child("dynamic_values");
                    let place = match rest.trim_start_matches('.') {
                        "" => place,
                        rest => place.child(rest),
                    };
                    place.error(&error.message)
                })
            }
        }
    }

    fn properties(&self) -> Result<BTreeMap<String, String>, ScenarioError> {
        let Some(at) = self.table.toml("properties")? else {
            return Ok(BTreeMap::new());
        };
        let toml::Value::Table(table) = &at.value else {
            return Ok(BTreeMap::new());
        };
        collection_properties(table).map_err(|error| {
            let rest = error.key.trim_start_matches("properties.");
            at.place.child(rest).error(&error.message)
        })
    }

    /// Partitions by the partition key, which there must be.
    fn partitions(&self) -> Result<u32, ScenarioError> {
        let Some(partitions) = self.table.written_integer("partitions")? else {
            return Ok(0);
        };
        let list = self.table.sections_within("fields", "a collection")?;
        let has_key = list.iter().any(|field| {
            field
                .written_flag("partition_key")
                .is_some_and(|at| at.value)
        });
        if has_key {
            return Ok(partitions as u32);
        }
        let place = self.table.place_or_child("partitions");
        Err(place.error(format!(
            "is {partitions}, but no field is the partition key: set partition_key = true on one \
             of fields"
        )))
    }

    /// Rows that preparation inserts; `prepare` is None where it is refused.
    fn initial_rows(
        &self,
        prepare: Option<PrepareMode>,
        dataset: &Result<Data, ScenarioError>,
    ) -> Result<u64, ScenarioError> {
        let written = self.table.rows("initial_rows")?;
        let rows = needs(dataset)?.as_ref().map_or(0, |data| data.rows());
        let is_empty = prepare == Some(PrepareMode::Schema);
        let Some(at) = written else {
            return Ok(if is_empty { 0 } else { rows });
        };
        let initial = match at.value {
            InitialRows::Share(share) => (rows as f64 * share).round() as u64,
            InitialRows::Count(count) => u64::try_from(count)
                .ok()
                .filter(|count| *count <= rows)
                .ok_or_else(|| {
                at.error(format!(
                    "is {count}, expected 0 to {rows}, the rows of the data set"
                ))
            })?,
        };
        if is_empty && initial > 0 {
            return Err(at.error(
                "is above 0, but prepare = \"schema\" leaves the collection empty; omit it, or \
                 use prepare = \"full\"",
            ));
        }
        Ok(initial)
    }

    /// The mark: hash of schema, index and rows. Empty for a collection that is left alone.
    fn fingerprint(
        &self,
        shape: &CollectionShape,
        prepare: PrepareMode,
        rows: u64,
    ) -> Result<String, ScenarioError> {
        let data = shape.vector.data.as_deref();
        let Some(dataset) = data.filter(|_| prepare != PrepareMode::Reuse) else {
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
                shape.key.name, shape.vector.name, shape.vector.dim, shape.shards
            ),
            format!(
                "{} {} {:?}",
                shape.vector.metric, shape.vector.index.index_type, shape.vector.index.params
            ),
            format!("{} {rows} {data}", shape.consistency.name()),
            fields.join("\n"),
            format!(
                "{:?} {} {:?} {:?} {:?}",
                shape.dynamic,
                shape.partitions,
                shape.properties,
                shape.key.max_length,
                shape.key.keys
            ),
            self.of_vectors(shape)?,
        ];
        Ok(format!(
            "{:016x}",
            super::schedule::text_hash(&parts.join("\n"))
        ))
    }

    /// What the vector fields besides the main one hold.
    fn of_vectors(&self, shape: &CollectionShape) -> Result<String, ScenarioError> {
        let one = |vector: &VectorField| {
            let data = vector.data.as_deref().map(identity).transpose();
            let data = data
                .map_err(|error| self.table.error(format!("can't be used: {error}")))?
                .unwrap_or_default();
            let VectorField {
                name,
                vector_type,
                dim,
                metric,
                index,
                ..
            } = vector;
            Ok(format!(
                "{name} {vector_type} {dim} {metric} {index:?} {data}"
            ))
        };
        let all: Result<Vec<String>, ScenarioError> = shape.more_vectors.iter().map(one).collect();
        Ok(all?.join("\n"))
    }

    /// Errors of the operations' checks, each at the key that it names.
    fn located(&self, errors: &OperationErrors) -> ScenarioError {
        let mut mistakes = ScenarioError::told();
        for error in errors.iter() {
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
            mistakes.add(place.error(&error.message));
        }
        mistakes
    }
}

/// What is found for a type of vectors; where it is not known, for any for which it is right.
fn of_some_type<T, E>(
    known: Option<VectorType>,
    find: impl Fn(VectorType) -> Result<T, E>,
) -> Result<T, E> {
    let found = find(known.unwrap_or_default());
    match known {
        Some(_) => found,
        None => found.or_else(|told| VectorType::all().find_map(|of| find(of).ok()).ok_or(told)),
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
        "is {}, which is not a {what} of the scenario{hint}; it has: {has}",
        quoted(name)
    )
}

fn index_options(index: &Section) -> Result<IndexOptions, ScenarioError> {
    let index_type = index.text("type")?.ok_or_else(|| {
        index.lacks(
            &["type"],
            "has no `type`; write for example { type = \"HNSW\", params = { M = 16, \
             efConstruction = 200 } }",
        )
    });
    let params = index
        .toml("params")
        .map(|params| match params.map(|at| at.value) {
            Some(toml::Value::Table(params)) => params,
            _ => toml::Table::new(),
        });
    let (index_type, params) = all((index_type, params))?;
    Ok(IndexOptions {
        index_type: index_type.value,
        params,
    })
}

/// Milvus takes one key of a kind.
fn one_at_most(
    list: &[Section],
    fields: &[ScalarField],
    key: &str,
    has: fn(&ScalarField) -> bool,
) -> Result<(), ScenarioError> {
    let mut having = list.iter().zip(fields).filter(|(_, field)| has(field));
    let first = having.next();
    match (first, having.next()) {
        (Some((_, first)), Some((at, _))) => Err(at.place_or_child(key).error(format!(
            "is true, as that of field {} is; Milvus allows one such field",
            first.name
        ))),
        _ => Ok(()),
    }
}

fn field(
    table: &Section,
    seed: u64,
    data: Option<&dataset::Source>,
) -> Result<ScalarField, ScenarioError> {
    let needed = |key: &str| {
        table.text(key)?.map(|text| text.value).ok_or_else(|| {
            let example = "write for example { name = \"rank\", type = \"Int64\" }";
            table.lacks(&[key], format!("has no `{key}`; {example}"))
        })
    };
    let text = |key: &str| Ok(table.text(key)?.map(|text| text.value));
    let number = |key: &str| Ok(table.number(key)?.map(|at| at.value));
    let toml = |key: &str| Ok(table.toml(key)?.map(|at| at.value));
    let values = toml("values");
    let is_column = matches!(&values, Ok(Some(toml::Value::Table(values)))
        if values.contains_key("column"));
    let type_name = if is_column {
        text("type")
    } else {
        needed("type").map(Some)
    };
    let types = all((
        needed("name"),
        type_name,
        text("element"),
        number("max_length"),
        number("max_capacity"),
    ));
    let index = table.section("index").map(index_options).transpose();
    let (types, values, default, properties, index) =
        all((types, values, toml("default"), toml("properties"), index))?;
    let (name, type_name, element, max_length, max_capacity) = types;
    let flag = |key: &str| table.written_flag(key).is_some_and(|at| at.value);
    let options = ScalarFieldOptions {
        name,
        type_name,
        element,
        max_length,
        max_capacity,
        nullable: flag("nullable"),
        default,
        partition_key: flag("partition_key"),
        clustering_key: flag("clustering_key"),
        properties: match properties {
            Some(toml::Value::Table(properties)) => properties,
            _ => toml::Table::new(),
        },
        values,
        index,
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
    options.resolve(seed, data).map_err(|errors| {
        let mut mistakes = ScenarioError::told();
        for error in errors.iter() {
            mistakes.add(table.place.child(&key(error)).error(&error.message));
        }
        mistakes
    })
}

fn field_name(table: &Section, key: &str) -> Result<String, ScenarioError> {
    let name = table.text_or_default(key)?;
    if is_identifier(&name) {
        return Ok(name);
    }
    let message = format!(
        "is {}, Milvus allows at most 255 letters, digits and `_`, not beginning with a digit",
        quoted(&name)
    );
    Err(table.place_or_child(key).error(message))
}

/// Names that Milvus allows for collections and fields.
fn is_identifier(name: &str) -> bool {
    name.len() <= 255
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
