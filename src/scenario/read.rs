//! From the tree to the types: one function per table.

use std::path::{Path, PathBuf};

use super::{
    AbortTable, ArrivalsKey, At, BurstTable, CollectionTable, ConcurrencyKey, ConnectionsTable,
    DataTable, ExportTarget, FieldTable, IndexTable, Level, MilvusTable, PhaseTable, QueriesKey,
    RateKey, Scenario, ScenarioError, SineTable, SpansTable, StageTable, ThinkTimeKey,
    ThresholdTable, TlsTable, TracingTable, WorkloadTable, keys,
    reader::{Reader, key_path, list, number, ratio, secret, table, text},
    tree::{Node, Value},
    units,
};

type Result<T> = std::result::Result<T, ScenarioError>;

/// The whole file; `folder` is where relative paths start.
pub(super) fn scenario(
    root: &Node,
    file: String,
    file_stem: Option<String>,
    folder: PathBuf,
    source: String,
) -> Result<Scenario> {
    let reader = Reader::new(root, keys::TOP)?;
    Ok(Scenario {
        file,
        file_stem,
        source,
        place: root.place.clone(),
        name: reader.text("name")?,
        description: reader.text("description")?,
        seed: reader.number("seed")?,
        milvus: milvus(
            &Reader::optional(reader.get("milvus"), keys::MILVUS)?,
            &folder,
        )?,
        tracing: tracing(
            &Reader::optional(reader.get("tracing"), keys::TRACING)?,
            &folder,
        )?,
        data: named(reader.get("data"), |key, node| data(key, node, &folder))?,
        collections: named(reader.get("collections"), collection)?,
        workloads: named(reader.get("workloads"), workload)?,
        phases: reader
            .get("phases")
            .map(list)
            .transpose()?
            .unwrap_or_default()
            .iter()
            .map(|node| at(node, phase(node)?))
            .collect::<Result<_>>()?,
        thresholds: reader
            .get("thresholds")
            .map(list)
            .transpose()?
            .unwrap_or_default()
            .iter()
            .map(|node| at(node, threshold(node)?))
            .collect::<Result<_>>()?,
    })
}

fn at<T>(node: &Node, value: T) -> Result<At<T>> {
    Ok(At {
        value,
        place: node.place.clone(),
    })
}

/// Tables under names that the user gave.
fn named<T>(node: Option<&Node>, read: impl Fn(&str, &Node) -> Result<T>) -> Result<Vec<At<T>>> {
    let entries = node.map(table).transpose()?.unwrap_or_default();
    entries
        .iter()
        .map(|(key, node)| at(node, read(key, node)?))
        .collect()
}

fn milvus(reader: &Reader<'_>, folder: &Path) -> Result<MilvusTable> {
    Ok(MilvusTable {
        uri: reader.text("uri")?,
        timeout: reader.duration("timeout")?,
        wait: reader.duration("wait")?,
        connections: connections(reader)?,
        access: reader.text("access")?,
        database: reader.text("database")?,
        token: reader.secret("token", folder)?,
        user: reader.text("user")?,
        password: reader.secret("password", folder)?,
        tls: reader.with("tls", |node| tls(&Reader::new(node, keys::TLS)?, folder))?,
    })
}

fn connections(reader: &Reader<'_>) -> Result<ConnectionsTable> {
    match reader.get("connections") {
        Some(node) if matches!(node.value, Value::Table(_)) => {
            let reader = Reader::new(node, keys::CONNECTIONS)?;
            Ok(ConnectionsTable {
                count: reader.number("count")?,
                resolve: reader.text("resolve")?,
                pick: reader.text("pick")?,
            })
        }
        _ => Ok(ConnectionsTable {
            count: reader.with("connections", number)?,
            ..ConnectionsTable::default()
        }),
    }
}

fn tls(reader: &Reader<'_>, folder: &Path) -> Result<TlsTable> {
    Ok(TlsTable {
        ca: reader.path("ca", folder)?,
        cert: reader.path("cert", folder)?,
        key: reader.with("key", |node| key_path(node, folder))?,
        server_name: reader.text("server_name")?,
    })
}

fn tracing(reader: &Reader<'_>, folder: &Path) -> Result<TracingTable> {
    Ok(TracingTable {
        sample_ratio: reader.with("sample_ratio", ratio)?,
        max_traces: reader.number("max_traces")?,
        switch_every: reader.duration("switch_every")?,
        keep_ids: reader.flag("keep_ids")?,
        service_name: reader.text("service_name")?,
        export: reader.with("export", |node| {
            let target = text(node)?;
            Ok(if target.eq_ignore_ascii_case("off") {
                ExportTarget::Off
            } else {
                ExportTarget::Endpoint(target)
            })
        })?,
        spans: spans(&Reader::optional(reader.get("spans"), keys::SPANS)?, folder)?,
    })
}

fn spans(reader: &Reader<'_>, folder: &Path) -> Result<SpansTable> {
    // A value that is no table is not shown: it may be a secret.
    let no_table = |node: &Node| {
        node.place.error(
            "is no table of headers; write for example headers = { authorization = \"Bearer \
             ${NAME}\" }",
        )
    };
    let headers = reader
        .get("headers")
        .map(|node| table(node).map_err(|_| no_table(node)))
        .transpose()?
        .unwrap_or_default();
    Ok(SpansTable {
        source: reader.text("source")?,
        endpoint: reader.text("endpoint")?,
        admin: reader.text("admin")?,
        settle: reader.duration("settle")?,
        deadline: reader.duration("deadline")?,
        headers: headers
            .iter()
            .map(|(name, node)| Ok((name.clone(), at(node, secret(node, folder)?)?)))
            .collect::<Result<_>>()?,
        listen: reader.text("listen")?,
        listen_http: reader.text("listen_http")?,
        link: reader.text("link")?,
    })
}

fn data(key: &str, node: &Node, folder: &Path) -> Result<DataTable> {
    let reader = Reader::new(node, keys::DATA)?;
    Ok(DataTable {
        key: key.to_owned(),
        format: reader.text("format")?,
        base: reader.path("base", folder)?,
        queries: reader.with("queries", |node| match &node.value {
            Value::Integer(count) => Ok(QueriesKey::Count(*count)),
            _ => Ok(QueriesKey::File(folder.join(text(node)?))),
        })?,
        truth: reader.path("truth", folder)?,
        rows: reader.number("rows")?,
        dim: reader.number("dim")?,
        distribution: reader.text("distribution")?,
    })
}

fn collection(key: &str, node: &Node) -> Result<CollectionTable> {
    let reader = Reader::new(node, keys::COLLECTION)?;
    let fields = reader
        .get("fields")
        .map(list)
        .transpose()?
        .unwrap_or_default();
    Ok(CollectionTable {
        key: key.to_owned(),
        name: reader.text("name")?,
        data: reader.text("data")?,
        dim: reader.number("dim")?,
        metric: reader.text("metric")?,
        consistency: reader.text("consistency")?,
        prepare: reader.text("prepare")?,
        initial_rows: reader.with("initial_rows", units::initial_rows)?,
        keep: reader.flag("keep")?,
        index: reader.with("index", |node| index(node, keys::INDEX))?,
        fields: fields
            .iter()
            .map(|node| at(node, field(node)?))
            .collect::<Result<_>>()?,
        id_field: reader.text("id_field")?,
        vector_field: reader.text("vector_field")?,
        shards: reader.number("shards")?,
        replicas: reader.number("replicas")?,
        ready_timeout: reader.duration("ready_timeout")?,
    })
}

fn field(node: &Node) -> Result<FieldTable> {
    let reader = Reader::new(node, keys::FIELD)?;
    Ok(FieldTable {
        name: reader.text("name")?,
        scalar_type: reader.text("type")?,
        max_length: reader.number("max_length")?,
        values: reader.with("values", |node| Ok(node.to_toml()))?,
        index: reader.with("index", |node| index(node, keys::FIELD_INDEX))?,
    })
}

fn index(node: &Node, keys: &'static str) -> Result<IndexTable> {
    let reader = Reader::new(node, keys)?;
    let params = |node: &Node| {
        Ok(table(node)?
            .iter()
            .map(|(key, node)| (key.clone(), node.to_toml()))
            .collect())
    };
    Ok(IndexTable {
        index_type: reader.text("type")?,
        params: reader.with("params", params)?,
    })
}

fn workload(key: &str, node: &Node) -> Result<WorkloadTable> {
    let reader = Reader::open(node, keys::WORKLOAD)?;
    Ok(WorkloadTable {
        key: key.to_owned(),
        operation: reader.text("operation")?,
        collection: reader.text("collection")?,
        rate: reader.with("rate", |node| match &node.value {
            Value::Table(_) => Ok(RateKey::Sine(Box::new(sine(&Reader::new(
                node,
                keys::RATE,
            )?)?))),
            _ => Ok(RateKey::Constant(units::rate(node)?)),
        })?,
        stages: reader.with("stages", |node| stages(node, keys::STAGE, units::level))?,
        arrivals: reader.with("arrivals", |node| match &node.value {
            Value::Table(_) => {
                let reader = Reader::new(node, keys::ARRIVALS)?;
                Ok(ArrivalsKey::Burst(BurstTable {
                    burst: reader.number("burst")?,
                    every: reader.duration("every")?,
                }))
            }
            _ => Ok(ArrivalsKey::Named(text(node)?)),
        })?,
        max_in_flight: reader.number("max_in_flight")?,
        concurrency: reader.with("concurrency", concurrency)?,
        think_time: reader.with("think_time", |node| match &node.value {
            Value::Table(_) => Ok(ThinkTimeKey::Exponential(
                Reader::new(node, keys::THINK_TIME)?.duration("exponential")?,
            )),
            _ => Ok(ThinkTimeKey::Constant(units::duration(node)?)),
        })?,
        start: reader.duration("start")?,
        timeout: reader.duration("timeout")?,
        keys: reader
            .others()
            .map(|(key, node)| Ok((key.to_owned(), at(node, node.to_toml())?)))
            .collect::<Result<_>>()?,
    })
}

fn sine(reader: &Reader<'_>) -> Result<SineTable> {
    Ok(SineTable {
        mean: reader.with("mean", units::level)?,
        amplitude: reader.with("amplitude", units::level)?,
        period: reader.duration("period")?,
    })
}

fn concurrency(node: &Node) -> Result<ConcurrencyKey> {
    match &node.value {
        Value::Table(_) => {
            let stages = |node: &Node| stages(node, keys::CALLER_STAGE, units::callers);
            Ok(ConcurrencyKey::Stages(
                Reader::new(node, keys::CONCURRENCY)?.with("stages", stages)?,
            ))
        }
        _ => Ok(ConcurrencyKey::Callers(number(node)?)),
    }
}

fn stages(
    node: &Node,
    keys: &'static str,
    level: fn(&Node) -> Result<Level>,
) -> Result<Vec<At<StageTable>>> {
    let stage = |node: &Node| {
        let reader = Reader::new(node, keys)?;
        let table = StageTable {
            name: reader.text("name")?,
            from: reader.with("from", level)?,
            to: reader.with("to", level)?,
            over: reader.duration("over")?,
            at: reader.with("at", level)?,
            hold: reader.duration("for")?,
        };
        at(node, table)
    };
    list(node)?.iter().map(stage).collect()
}

fn threshold(node: &Node) -> Result<ThresholdTable> {
    let reader = Reader::new(node, keys::THRESHOLD)?;
    Ok(ThresholdTable {
        require: reader.text("require")?,
        workload: reader.text("workload")?,
        phase: reader.text("phase")?,
        strict: reader.flag("strict")?,
        abort: reader.with("abort", |node| {
            let reader = Reader::new(node, keys::ABORT)?;
            Ok(AbortTable {
                over: reader.duration("over")?,
                after: reader.duration("after")?,
            })
        })?,
    })
}

fn phase(node: &Node) -> Result<PhaseTable> {
    let reader = Reader::new(node, keys::PHASE)?;
    Ok(PhaseTable {
        name: reader.text("name")?,
        warmup: reader.duration("warmup")?,
        duration: reader.duration("duration")?,
        requests: reader.number("requests")?,
        until: reader.text("until")?,
        workloads: reader.texts("workloads")?,
    })
}
