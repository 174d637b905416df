//! The plan as JSON, with every default filled in: what `check --resolved` prints and run.json
//! keeps. Secrets are not in it, only that there are some.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{
    Arrival, CallerLoad, CollectionPlan, CredentialsPlan, OpenLoad, PhaseLength, PhasePlan, Plan,
    ScheduledPart, Stage, ThinkTime, WorkloadPlan,
};
use crate::{
    operation::{CollectionShape, IndexShape},
    pacer::Shape,
    scenario::{Scenario, Section},
};

pub(super) fn resolved(scenario: &Scenario, plan: &Plan) -> Value {
    let root = &scenario.root;
    json!({
        "name": plan.name,
        "description": plan.description,
        "seed": plan.seed,
        "milvus": milvus(plan),
        "tracing": tracing(plan),
        "data": root.sections("data").iter()
            .map(|table| (table.name.clone(), data(table, plan.seed)))
            .collect::<Map<_, _>>(),
        "collections": root.sections("collections").iter().zip(&plan.collections)
            .map(|(table, plan)| (plan.key.clone(), collection(table, plan)))
            .collect::<Map<_, _>>(),
        "workloads": plan.workloads.iter()
            .map(|workload| {
                let keys = own_keys(scenario, workload);
                (workload.name.clone(), workload_json(plan, workload, keys))
            })
            .collect::<Map<_, _>>(),
        "phases": (0..plan.phases.len()).map(|index| phase(plan, index)).collect::<Vec<_>>(),
        "thresholds": plan.thresholds.iter().map(|threshold| json!({
            "require": threshold.require,
            "workload": threshold.workload,
            "phase": threshold.phase,
            "strict": threshold.strict,
            "abort": threshold.abort.map(|abort| json!({
                "over": text(abort.over),
                "after": text(abort.after),
            })),
        })).collect::<Vec<_>>(),
    })
}

fn text(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}

fn milvus(plan: &Plan) -> Value {
    let milvus = &plan.milvus;
    let credentials = match &milvus.credentials {
        CredentialsPlan::None => "none",
        CredentialsPlan::Token(_) => "token",
        CredentialsPlan::User { .. } => "user and password",
    };
    let path =
        |path: &Option<std::path::PathBuf>| path.as_ref().map(|path| path.display().to_string());
    json!({
        "uri": milvus.uri,
        "timeout": text(milvus.timeout),
        "wait": text(milvus.wait.limit),
        "connections": {
            "count": milvus.connections.count,
            "resolve": milvus.connections.resolve.name(),
            "pick": milvus.connections.pick.name(),
        },
        "access": milvus.access.name(),
        "database": milvus.database,
        "credentials": credentials,
        "tls": milvus.tls.as_ref().map(|tls| json!({
            "ca": path(&tls.ca),
            "cert": path(&tls.cert),
            "server_name": tls.server_name,
        })),
    })
}

fn tracing(plan: &Plan) -> Value {
    let tracing = &plan.tracing;
    json!({
        "sample_ratio": tracing.sample_ratio.map_or(json!("auto"), |ratio| json!(ratio)),
        "max_traces": tracing.max_traces,
        "switch_every": tracing.switch_every.map(text),
        "keep_ids": tracing.keep_ids,
        "service_name": tracing.service_name,
        "export": tracing.export.as_ref().map_or("off", |export| export.endpoint.as_str()),
        "export_protocol": tracing.export.as_ref().map(|export| export.protocol.name()),
        "spans": {
            "source": tracing.source.name,
            "endpoint": tracing.endpoint,
            "admin": tracing.admin,
            "headers": tracing.headers.iter().map(|(name, _)| name).collect::<Vec<_>>(),
            "settle": text(tracing.settle),
            "deadline": text(tracing.deadline),
            "listen": tracing.listen,
            "listen_http": tracing.listen_http.as_deref().unwrap_or("off"),
            "link": tracing.link,
        },
    })
}

fn data(table: &Section, seed: u64) -> Value {
    let path = |key: &str| table.path(key).map(|at| at.value.display().to_string());
    let name = |key: &str| table.text(key).map(|at| at.value.to_lowercase());
    let number = |key: &str| table.number(key).map(|at| at.value);
    let format = name("format");
    let random = format.as_deref() == Some("random");
    let entries = [
        ("format", json!(format)),
        ("base", json!(path("base"))),
        (
            "queries",
            path("queries").map_or(json!(number("queries")), |path| json!(path)),
        ),
        ("truth", json!(path("truth"))),
        ("rows", json!(number("rows"))),
        ("dim", json!(number("dim"))),
        ("distribution", json!(name("distribution"))),
        ("seed", json!(random.then_some(seed))),
    ];
    // A key that the format does not have is no default.
    entries
        .into_iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(key, value)| (key.to_owned(), value))
        .collect::<Map<_, _>>()
        .into()
}

fn collection(table: &Section, plan: &CollectionPlan) -> Value {
    let values = |field: &Section| match field.toml("values") {
        Some(at) => serde_json::to_value(&at.value).unwrap_or_default(),
        None => json!(field.default_text("values")),
    };
    let shape: &CollectionShape = &plan.shape;
    json!({
        "name": shape.name,
        "rows": plan.dataset.as_ref().map(|data| data.rows()),
        "queries": plan.dataset.as_ref().map(|data| data.queries()),
        "dim": shape.dim,
        "metric": shape.metric,
        "consistency": shape.consistency.name(),
        "prepare": plan.prepare.name(),
        "initial_rows": plan.initial_rows,
        "keep": plan.keep,
        "index": index(&shape.index),
        "fields": shape.fields.iter().zip(table.sections("fields")).map(|(field, written)| json!({
            "name": field.name,
            "type": field.scalar_type.name(),
            "max_length": field.max_length,
            "values": values(written),
            "index": field.index.as_ref().map(index),
        })).collect::<Vec<_>>(),
        "id_field": shape.id_field,
        "vector_field": shape.vector_field,
        "shards": shape.shards,
        "replicas": shape.replicas,
        "ready_timeout": text(plan.ready_timeout),
        "fingerprint": plan.fingerprint,
    })
}

fn index(index: &IndexShape) -> Value {
    json!({ "type": index.index_type, "params": index.params })
}

/// What is written of the keys that the operation reads itself.
fn own_keys(scenario: &Scenario, workload: &WorkloadPlan) -> Map<String, Value> {
    let mut tables = scenario.root.sections("workloads").iter();
    let table = tables.find(|table| table.name == workload.table());
    let keys = table.into_iter().flat_map(|table| &table.others);
    let json = |value: &toml::Value| serde_json::to_value(value).unwrap_or_default();
    if workload.mix.is_none() {
        return keys
            .map(|(key, at)| (key.clone(), json(&at.value)))
            .collect();
    }
    let mut keys = keys;
    let own = keys.find(|(key, _)| key == workload.entry.name);
    let own = own.and_then(|(_, at)| at.value.as_table());
    let own = own.into_iter().flatten();
    own.map(|(key, value)| (key.clone(), json(value))).collect()
}

fn workload_json(plan: &Plan, workload: &WorkloadPlan, keys: Map<String, Value>) -> Value {
    let mut json = keys;
    for key in workload.entry.keys {
        json.entry(key.name).or_insert_with(|| key.default_json());
    }
    json.insert("operation".into(), json!(workload.entry.name));
    if let Some(mix) = &workload.mix {
        json.insert("mix".into(), json!(mix.name));
        json.insert("share".into(), json!(mix.share));
    }
    json.insert(
        "collection".into(),
        json!(plan.collections[workload.collection].key),
    );
    json.insert("timeout".into(), json!(text(workload.timeout)));
    json.insert("start".into(), json!(text(workload.start)));
    json.extend(
        arrival(&workload.arrival)
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value)),
    );
    Value::Object(json)
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
                    vec![
                        (
                            "rate",
                            json!({
                                "mean": mean,
                                "amplitude": amplitude,
                                "period": text(*period),
                            }),
                        ),
                        spread,
                    ]
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

fn phase(plan: &Plan, index: usize) -> Value {
    let phase: &PhasePlan = &plan.phases[index];
    let (key, end) = match phase.length {
        PhaseLength::Duration(duration) => ("duration", json!(text(duration))),
        PhaseLength::Requests(requests) => ("requests", json!(requests)),
        PhaseLength::Exhausted => ("until", json!("exhausted")),
    };
    json!({
        "name": phase.name,
        "warmup": text(phase.warmup),
        key: end,
        "workloads": phase.workloads.iter()
            .map(|index| plan.workloads[*index].name.as_str())
            .collect::<Vec<_>>(),
        "sample_ratio": plan.sample_ratio(index),
        "parts": phase.workloads.iter()
            .flat_map(|workload| parts(plan, index, *workload))
            .collect::<Vec<_>>(),
    })
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
