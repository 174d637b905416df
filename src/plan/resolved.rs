//! The plan as JSON, with every default filled in: what `check --resolved` prints and run.json
//! keeps. Secrets are not in it, only that there are some.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{
    Arrival, CallerLoad, CollectionPlan, CredentialsPlan, OpenLoad, PhaseLength, PhasePlan, Plan,
    ScheduledPart, Stage, ThinkTime, WorkloadPlan,
};
use crate::{
    operation::{CollectionShape, IndexShape, ScalarField},
    pacer::Shape,
    scenario::{Scenario, Section},
};

pub(super) fn resolved(scenario: &Scenario, plan: &Plan) -> Value {
    let root = &scenario.root;
    let mut json = root.resolved();
    set(&mut json, "name", &plan.name);
    set(&mut json, "seed", plan.seed);
    set(&mut json, "milvus", milvus(root, plan));
    set(&mut json, "tracing", tracing(root, plan));
    let names = |key| root.sections(key).iter().map(|table| table.name.clone());
    let data = root.sections("data").iter();
    let data = data.map(|table| self::data(table, plan.seed));
    set(&mut json, "data", named(names("data").zip(data)));
    let collections = root.sections("collections").iter().zip(&plan.collections);
    let collections = collections.map(|(table, plan)| collection(table, plan));
    let collections = named(names("collections").zip(collections));
    set(&mut json, "collections", collections);
    let workloads = plan.workloads.iter().filter_map(|of| {
        let mut tables = root.sections("workloads").iter();
        let table = tables.find(|table| table.name == of.table())?;
        Some((of.name.clone(), workload(table, plan, of)))
    });
    set(&mut json, "workloads", named(workloads));
    let phases = root.sections("phases").iter().enumerate();
    set(
        &mut json,
        "phases",
        phases
            .map(|(index, table)| phase(table, plan, index))
            .collect::<Vec<_>>(),
    );
    let thresholds = root.sections("thresholds").iter();
    set(
        &mut json,
        "thresholds",
        thresholds.map(Section::resolved).collect::<Vec<_>>(),
    );
    Value::Object(json)
}

fn named(tables: impl Iterator<Item = (String, Map<String, Value>)>) -> Map<String, Value> {
    tables
        .map(|(name, table)| (name, Value::Object(table)))
        .collect()
}

/// Puts what the plan made of a key in the place of what was written.
fn set(json: &mut Map<String, Value>, key: &str, value: impl serde::Serialize) {
    json.insert(
        key.to_owned(),
        serde_json::to_value(value).unwrap_or_default(),
    );
}

fn text(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}

fn milvus(root: &Section, plan: &Plan) -> Map<String, Value> {
    let (table, milvus) = (root.section_or_empty("milvus"), &plan.milvus);
    let mut connections = table.section_or_empty("connections").resolved();
    set(&mut connections, "count", milvus.connections.count);
    let mut json = table.resolved();
    json.remove("user");
    set(&mut json, "uri", &milvus.uri);
    set(&mut json, "wait", text(milvus.wait.limit));
    set(&mut json, "connections", connections);
    let credentials = match &milvus.credentials {
        CredentialsPlan::None => "none",
        CredentialsPlan::Token(_) => "token",
        CredentialsPlan::User { .. } => "user and password",
    };
    set(&mut json, "credentials", credentials);
    json
}

fn tracing(root: &Section, plan: &Plan) -> Map<String, Value> {
    let (table, tracing) = (root.section_or_empty("tracing"), &plan.tracing);
    let export = tracing.export.as_ref();
    let mut spans = table.section_or_empty("spans").resolved();
    set(&mut spans, "endpoint", &tracing.endpoint);
    set(&mut spans, "admin", &tracing.admin);
    let headers = tracing.headers.iter().map(|(name, _)| name);
    set(&mut spans, "headers", headers.collect::<Vec<_>>());
    set(&mut spans, "listen", &tracing.listen);
    let listen_http = tracing.listen_http.as_deref().unwrap_or("off");
    set(&mut spans, "listen_http", listen_http);
    let mut json = table.resolved();
    set(&mut json, "service_name", &tracing.service_name);
    let endpoint = export.map_or("off", |export| export.endpoint.as_str());
    set(&mut json, "export", endpoint);
    let protocol = export.map(|export| export.protocol.name());
    set(&mut json, "export_protocol", protocol);
    set(&mut json, "spans", spans);
    json
}

fn data(table: &Section, seed: u64) -> Map<String, Value> {
    // A key that the format does not have is no default.
    let mut json = table.resolved_values();
    if json.get("format").is_some_and(|format| format == "random") {
        set(&mut json, "seed", seed);
    }
    json
}

fn collection(table: &Section, plan: &CollectionPlan) -> Map<String, Value> {
    let shape: &CollectionShape = &plan.shape;
    let field = |(field, written): (&ScalarField, &Section)| {
        let mut json = written.resolved();
        set(&mut json, "index", field.index.as_ref().map(index));
        json
    };
    let fields = shape.fields.iter().zip(table.sections("fields"));
    let mut json = table.resolved();
    set(&mut json, "name", &shape.name);
    let data = shape.vector.data.as_ref();
    set(&mut json, "rows", data.map(|data| data.rows()));
    let queries = data.map(|data| data.queries());
    set(&mut json, "queries", queries);
    set(&mut json, "dim", shape.vector.dim);
    set(&mut json, "vector_type", shape.vector.vector_type.name());
    set(&mut json, "metric", &shape.vector.metric);
    set(&mut json, "initial_rows", plan.initial_rows);
    set(&mut json, "keep", plan.keep);
    set(&mut json, "index", index(&shape.vector.index));
    set(&mut json, "fields", fields.map(field).collect::<Vec<_>>());
    set(&mut json, "shards", shape.shards);
    set(&mut json, "fingerprint", &plan.fingerprint);
    json
}

fn index(index: &IndexShape) -> Value {
    json!({ "type": index.index_type, "params": index.params })
}

/// Keys of which a workload has those of its loop.
const LOOP: &[&str] = &[
    "rate",
    "stages",
    "arrivals",
    "max_in_flight",
    "concurrency",
    "think_time",
];

fn workload(table: &Section, plan: &Plan, workload: &WorkloadPlan) -> Map<String, Value> {
    let mut json = table.resolved_values();
    json.retain(|key, _| !LOOP.contains(&key.as_str()));
    json.extend(own_keys(table, workload));
    for key in workload.entry.keys {
        json.entry(key.name).or_insert_with(|| key.default_json());
    }
    set(&mut json, "operation", workload.entry.name);
    if let Some(mix) = &workload.mix {
        set(&mut json, "mix", &mix.name);
        set(&mut json, "share", mix.share);
    }
    let collection = &plan.collections[workload.collection].key;
    set(&mut json, "collection", collection);
    set(&mut json, "timeout", text(workload.timeout));
    for (key, value) in arrival(&workload.arrival) {
        set(&mut json, key, value);
    }
    json
}

/// What is written of the keys that the operation reads itself.
fn own_keys(table: &Section, workload: &WorkloadPlan) -> Map<String, Value> {
    let json = |value: &toml::Value| serde_json::to_value(value).unwrap_or_default();
    let mut keys = table.others.iter();
    if workload.mix.is_none() {
        return keys
            .map(|(key, at)| (key.clone(), json(&at.value)))
            .collect();
    }
    let own = keys.find(|(key, _)| key == workload.entry.name);
    let own = own.and_then(|(_, at)| at.value.as_table());
    let own = own.into_iter().flatten();
    own.map(|(key, value)| (key.clone(), json(value))).collect()
}

fn arrival(arrival: &Arrival) -> Vec<(&'static str, Value)> {
    match arrival {
        Arrival::Open {
            load,
            arrivals,
            max_in_flight,
        } => {
            let spread = ("arrivals", json!(arrivals.name()));
            let mut keys = match load {
                OpenLoad::Steady(Shape::Sine {
                    mean,
                    amplitude,
                    period,
                }) => {
                    let period = text(*period);
                    let sine = json!({ "mean": mean, "amplitude": amplitude, "period": period });
                    vec![("rate", sine), spread]
                }
                OpenLoad::Steady(Shape::Bursts { size, every }) => {
                    vec![("arrivals", json!({ "burst": size, "every": text(*every) }))]
                }
                OpenLoad::Steady(shape) => vec![("rate", json!(shape.mean_rate())), spread],
                OpenLoad::Stages(list) => vec![("stages", stages(list)), spread],
            };
            keys.push(("max_in_flight", json!(max_in_flight)));
            keys
        }
        Arrival::Closed { load, think_time } => {
            let callers = match load {
                CallerLoad::Steady(callers) => json!(callers),
                CallerLoad::Stages(list) => json!({ "stages": stages(list) }),
            };
            let think_time = match think_time {
                ThinkTime::Constant(time) => json!(text(*time)),
                ThinkTime::Exponential(mean) => json!({ "exponential": text(*mean) }),
            };
            vec![("concurrency", callers), ("think_time", think_time)]
        }
    }
}

fn stages(list: &[Stage]) -> Value {
    let stage = |stage: &Stage| match &stage.name {
        Some(name) => json!({ "name": name, "at": stage.from, "for": text(stage.duration) }),
        None => json!({ "from": stage.from, "to": stage.to, "over": text(stage.duration) }),
    };
    list.iter().map(stage).collect()
}

fn phase(table: &Section, plan: &Plan, index: usize) -> Map<String, Value> {
    let phase: &PhasePlan = &plan.phases[index];
    let mut json = table.resolved_values();
    if let PhaseLength::Duration(duration) = phase.length {
        set(&mut json, "duration", text(duration));
    }
    set(&mut json, "sample_ratio", plan.sample_ratio(index));
    let workloads = phase.workloads.iter();
    let names = workloads.clone().map(|index| &plan.workloads[*index].name);
    set(&mut json, "workloads", names.collect::<Vec<_>>());
    let parts = workloads.flat_map(|workload| parts(plan, index, *workload));
    set(&mut json, "parts", parts.collect::<Vec<_>>());
    json
}

/// What is recorded of a workload in a phase, each part with its time and the requests that are
/// planned.
fn parts(plan: &Plan, phase: usize, workload: usize) -> Vec<Value> {
    let part = |(part, requests): (ScheduledPart, Option<u64>)| {
        json!({
            "workload": plan.workloads[workload].name,
            "part": part.kind.to_string(),
            "start": text(part.start),
            "duration": part.duration.map(text),
            "requests": requests,
        })
    };
    plan.planned_parts(phase, workload)
        .into_iter()
        .map(part)
        .collect()
}
