//! `init`: a commented scenario for a collection that is there, as Milvus describes it. Reads only.

use std::{fmt, fs::OpenOptions, io::Write as _, path::PathBuf, sync::Arc, time::Duration};

use askama::Template;
use clap::Args;

use super::{
    ended::{CliError, Done},
    output::{print, say},
    progress::Progress,
    runtime::runtime,
    scenario::{NO_SCENARIO, plan_of},
};
use crate::{
    milvus::{
        Client, methods,
        proto::{
            ConsistencyLevel, DataType, FieldSchema, IndexDescription, KeyValuePair, LoadState,
            ShowCollectionsRequest, ShowCollectionsResponse,
        },
    },
    operation::default_metric,
    plan::PlanFlags,
    report::clean,
    runner::{
        Watcher,
        reach::{Reached, reach},
    },
    scenario::{ScenarioSource, is_name},
    vector_type::VectorType,
};

/// Arguments of `init`.
#[derive(Debug, Args)]
pub(crate) struct InitArguments {
    /// Collection to search; default: the only one
    #[arg(value_name = "COLLECTION")]
    collection: Option<String>,
    /// Milvus, e.g. http://127.0.0.1:19530; overrides MILVUS_URI
    #[arg(long, value_name = "URI")]
    uri: Option<String>,
    /// Database of the collection; default: that of Milvus, `default`
    #[arg(long, value_name = "NAME")]
    database: Option<String>,
    /// Write a new file instead of stdout
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Longest wait for one answer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Most names of collections in a message.
const MOST_NAMES: usize = 20;

/// The scenario's text. Values are TOML, comments are free of breaks; nothing is escaped for HTML.
#[derive(Debug, Template)]
#[template(path = "scenario.toml", escape = "none")]
struct Starter {
    name: String,
    question: String,
    collection: String,
    /// `the Milvus at http://...`
    place: String,
    version: String,
    facts: String,
    quoted_uri: String,
    quoted_database: Option<String>,
    quoted_collection: String,
    dim: u32,
    sparse: bool,
    keys: Vec<String>,
    search: Vec<String>,
}

/// What Milvus said of the collection.
#[derive(Debug)]
struct Found {
    /// As it was asked for: an alias stays one, as applications use it.
    name: String,
    /// The collection that has this alias.
    alias_of: Option<String>,
    fields: Vec<FieldSchema>,
    consistency: ConsistencyLevel,
    indexes: Vec<IndexDescription>,
    /// None where it is not loaded, and can't be counted.
    rows: Option<u64>,
    loaded: bool,
}

/// Asks Milvus and writes the scenario.
pub(crate) fn init(arguments: &InitArguments) -> Result<Done, CliError> {
    let flags = PlanFlags {
        uri: arguments.uri.clone(),
        ..PlanFlags::default()
    };
    // As the scenario will have it, so that a name which none may have is refused here.
    let database = arguments
        .database
        .iter()
        .map(|name| format!("milvus.database={}", toml::Value::String(name.clone())));
    let plan = plan_of(
        &ScenarioSource::Stdin(NO_SCENARIO.to_owned()),
        &database.collect::<Vec<_>>(),
        &flags,
    )?;
    let (uri, database) = (plan.milvus.uri.clone(), plan.milvus.database.clone());
    let watcher: Arc<dyn Watcher> = Arc::new(Progress::plain());
    let text = runtime()?.block_on(async {
        let Reached { transport, version } = reach(&plan, &watcher).await?;
        let client = Client::new(transport, TIMEOUT);
        if let Some(name) = &database
            && let Some(words) = client.missing_database().await
        {
            return Err(CliError::new(format!(
                "the Milvus at {uri} has no database {name}: {words}; create it, or name another \
                 with --database"
            )));
        }
        let place = Place {
            uri: &uri,
            database: database.as_deref(),
        };
        let found = ask(&client, arguments.collection.as_deref(), place).await?;
        // The template leaves the last line without an end.
        starter(&found, place, version.as_deref())?
            .render()
            .map(|text| text + "\n")
            .map_err(CliError::new)
    })?;
    let Some(path) = &arguments.out else {
        print(text.as_bytes())?;
        return Ok(Done::Ok);
    };
    // Never over a file that is there: it may be an hour of somebody's work.
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .map_err(|error| {
            CliError::new(format!(
                "{} can't be written: {error}; name a new file with --out",
                path.display()
            ))
        })?;
    file.write_all(text.as_bytes())
        .map_err(|error| CliError::new(format!("{} can't be written: {error}", path.display())))?;
    say(&format!("scenario: {}", path.display()));
    Ok(Done::Ok)
}

/// Where collections are looked for.
#[derive(Clone, Copy)]
struct Place<'a> {
    uri: &'a str,
    database: Option<&'a str>,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.database {
            Some(database) => write!(f, "database {database} of the Milvus at {}", self.uri),
            None => write!(f, "the Milvus at {}", self.uri),
        }
    }
}

async fn ask(client: &Client, wanted: Option<&str>, place: Place<'_>) -> Result<Found, CliError> {
    let fail = |error: crate::milvus::SetupError| {
        CliError::new(format!(
            "the collections of {place} can't be listed: {error}"
        ))
    };
    let reply: ShowCollectionsResponse = client
        .call(
            &methods::SHOW_COLLECTIONS,
            &ShowCollectionsRequest::default(),
            b"",
        )
        .await
        .map_err(fail)?;
    let by_alias =
        match wanted.filter(|wanted| !reply.collection_names.iter().any(|name| name == wanted)) {
            // Only a look tells whether a name that is not listed is an alias.
            Some(alias) => client
                .describe_collection(alias)
                .await
                .ok()
                .flatten()
                .map(|found| (alias.to_owned(), found)),
            None => None,
        };
    let (name, described) = match by_alias {
        Some(found) => found,
        None => {
            let name = choose(wanted, &reply.collection_names, place)?;
            let described = client.describe_collection(&name).await.map_err(fail)?;
            let described = described.ok_or_else(|| {
                CliError::new(format!("collection {name} no longer exists in {place}"))
            })?;
            (name, described)
        }
    };
    let real = described.schema.as_ref().map(|schema| schema.name.clone());
    let loaded = client.load_state(&name).await.map_err(fail)? == LoadState::Loaded;
    Ok(Found {
        consistency: described.consistency_level(),
        fields: described
            .schema
            .map(|schema| schema.fields)
            .unwrap_or_default(),
        indexes: client.describe_index(&name).await.map_err(fail)?,
        rows: if loaded {
            client.count_visible_rows(&name).await.ok()
        } else {
            None
        },
        loaded,
        alias_of: real.filter(|real| !real.is_empty() && *real != name),
        name,
    })
}

/// The collection that is meant, of those that there are.
fn choose(wanted: Option<&str>, names: &[String], place: Place<'_>) -> Result<String, CliError> {
    let listed = || {
        let shown: Vec<&str> = names.iter().take(MOST_NAMES).map(String::as_str).collect();
        let more = if names.len() > MOST_NAMES {
            format!(" and {} more", names.len() - MOST_NAMES)
        } else {
            String::new()
        };
        format!("{}{more}", shown.join(", "))
    };
    match (wanted, names) {
        (_, []) => Err(CliError::new(format!(
            "{place} has no collection to search: start with a scenario that creates one, such as \
             scenarios/quickstart.toml"
        ))),
        (Some(name), _) if names.iter().any(|known| known == name) => Ok(name.to_owned()),
        (Some(name), _) => Err(CliError::new(format!(
            "{place} has no collection {name}; it has: {}",
            listed()
        ))),
        (None, [only]) => Ok(only.clone()),
        (None, _) => Err(CliError::new(format!(
            "which collection? {place} has: {}; write `milvus-bench init NAME`",
            listed()
        ))),
    }
}

fn starter(found: &Found, place: Place<'_>, version: Option<&str>) -> Result<Starter, CliError> {
    let vectors: Vec<&FieldSchema> = found
        .fields
        .iter()
        .filter(|field| type_of(field).is_some())
        .collect();
    let name = &found.name;
    let vector = vectors.first().ok_or_else(|| {
        CliError::new(format!(
            "collection {name} has no field of vectors of a known type; name another collection"
        ))
    })?;
    let vector_type = type_of(vector).unwrap_or_default();
    let dim = match vector_type {
        VectorType::Sparse => SPARSE_INDICES,
        _ => pair(&vector.type_params, "dim")
            .and_then(|dim| dim.parse().ok())
            .ok_or_else(|| {
                CliError::new(format!(
                    "Milvus gave no dimension of the field {} of collection {name}",
                    vector.name
                ))
            })?,
    };
    let index = found
        .indexes
        .iter()
        .find(|index| index.field_name == vector.name);
    let index_type = index
        .and_then(|index| pair(&index.params, "index_type"))
        .unwrap_or("none");
    Ok(Starter {
        name: toml_text(if is_name(name) { name } else { "init" }),
        question: toml_text(&format!(
            "What does a search of {name} cost, and where does the time go?"
        )),
        collection: clean(name),
        place: clean(&place.to_string()),
        version: version
            .map(|version| format!(", version {}", clean(version)))
            .unwrap_or_default(),
        facts: facts(found, vector, dim, index_type),
        quoted_uri: toml_text(place.uri),
        quoted_database: place.database.map(toml_text),
        quoted_collection: toml_text(name),
        dim,
        sparse: vector_type == VectorType::Sparse,
        keys: keys(found, vector, &vectors, index),
        search: search(found, index_type),
    })
}

/// `1,000 rows of 128 dimensions, index HNSW on v.`
fn facts(found: &Found, vector: &FieldSchema, dim: u32, index_type: &str) -> String {
    let rows = found.rows.map_or("Rows".to_owned(), |rows| {
        format!("{} rows", crate::report::units::count(rows))
    });
    let loaded = if found.loaded {
        ""
    } else {
        " It is not loaded: load it before a run."
    };
    let alias = found
        .alias_of
        .as_ref()
        .map(|real| format!("An alias of {real}. "))
        .unwrap_or_default();
    let vectors = match type_of(vector).unwrap_or_default() {
        VectorType::Float => format!("{dim} dimensions"),
        VectorType::Sparse => "sparse vectors".to_owned(),
        other => format!("{dim} dimensions ({other})"),
    };
    clean(&format!(
        "{alias}{rows} of {vectors} in the field {}, index {index_type}.{loaded}",
        vector.name
    ))
}

/// Keys of `[collections.target]` that are not what is assumed without them.
fn keys(
    found: &Found,
    vector: &FieldSchema,
    vectors: &[&FieldSchema],
    index: Option<&IndexDescription>,
) -> Vec<String> {
    let mut lines = Vec::new();
    let metric = index.and_then(|index| pair(&index.params, "metric_type"));
    let vector_type = type_of(vector).unwrap_or_default();
    match metric {
        Some(metric) => lines.push(format!("metric = {}", toml_text(metric))),
        None => {
            let likely = match default_metric(vector_type) {
                "COSINE" => "L2",
                only => only,
            };
            let key = format!("metric = \"{likely}\"");
            lines.push(format!(
                "{key:41} # <-- the field has no index yet, so its metric is unknown"
            ));
        }
    }
    if vector_type != VectorType::Float {
        lines.push(format!("vector_type = \"{vector_type}\""));
    }
    if let Some(key) = found.fields.iter().find(|field| field.is_primary_key) {
        lines.push(format!("id_field = {}", toml_text(&key.name)));
    }
    let others: Vec<String> = vectors
        .iter()
        .filter(|field| field.name != vector.name)
        .map(|field| clean(&field.name))
        .collect();
    let others = if others.is_empty() {
        String::new()
    } else {
        format!("   # <-- or {}", others.join(", "))
    };
    lines.push(format!(
        "vector_field = {}{others}",
        toml_text(&vector.name)
    ));
    let consistency = match found.consistency {
        ConsistencyLevel::Strong => "Strong",
        ConsistencyLevel::Session => "Session",
        ConsistencyLevel::Eventually => "Eventually",
        ConsistencyLevel::Bounded | ConsistencyLevel::Customized => "Bounded",
    };
    lines.push(format!("consistency = \"{consistency}\""));
    lines
}

/// Keys of the search: what trades time for recall, and what could be asked for.
fn search(found: &Found, index_type: &str) -> Vec<String> {
    let params = match index_type.to_ascii_uppercase().as_str() {
        "HNSW" => {
            Some("params = { ef = 64 }                      # <-- higher: better recall, slower")
        }
        "DISKANN" => {
            Some("params = { search_list = 100 }            # <-- higher: better recall, slower")
        }
        name if name.starts_with("SPARSE") => {
            Some("params = { drop_ratio_search = 0.0 }      # <-- higher: faster, worse recall")
        }
        name if name.contains("IVF") || name == "SCANN" => {
            Some("params = { nprobe = 16 }                  # <-- higher: better recall, slower")
        }
        _ => None,
    };
    let mut lines: Vec<String> = params.into_iter().map(str::to_owned).collect();
    let scalars = found
        .fields
        .iter()
        .filter(|field| !field.is_primary_key && !is_vector(field.data_type()));
    let scalars: Vec<String> = scalars.map(|field| toml_text(&field.name)).collect();
    if !scalars.is_empty() {
        lines.push(format!("# output_fields = [{}]", scalars.join(", ")));
        lines.push(
            "# filter = \"...\"                          # <-- as your application sends it; it \
             changes the cost of a search"
                .to_owned(),
        );
    }
    lines
}

/// Indices of the sparse queries that are generated: Milvus keeps no number of them.
const SPARSE_INDICES: u32 = 30_000;

fn type_of(field: &FieldSchema) -> Option<VectorType> {
    VectorType::all().find(|of| of.number() == field.data_type)
}

fn is_vector(data_type: DataType) -> bool {
    data_type.as_str_name().ends_with("_VECTOR")
}

fn pair<'a>(pairs: &'a [KeyValuePair], key: &str) -> Option<&'a str> {
    pairs
        .iter()
        .find(|pair| pair.key == key)
        .map(|pair| pair.value.as_str())
}

/// A text as TOML writes it.
fn toml_text(text: &str) -> String {
    toml::Value::String(clean(text)).to_string()
}

#[cfg(test)]
mod tests;
