//! The scenario as written: one struct per table, one field per key. The keys' meaning is in
//! [`super::KEYS`].

use std::{path::PathBuf, time::Duration};

use super::{Place, ScenarioError};

/// A value and where it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Its key's place.
    pub place: Place,
}

impl<T> At<T> {
    /// An error about this value; `message` goes on after the key, e.g. `is 5, allowed is ...`.
    #[must_use]
    pub fn error(&self, message: impl std::fmt::Display) -> ScenarioError {
        self.place.error(message)
    }
}

/// A whole file, as written.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// How the file is called in messages.
    pub file: String,
    /// Name of the file without its extension; None for stdin.
    pub file_stem: Option<String>,
    /// Its text as given, `${...}` unexpanded.
    pub source: String,
    /// The place of the file as a whole.
    pub place: Place,
    /// `name`.
    pub name: Option<At<String>>,
    /// `description`.
    pub description: Option<At<String>>,
    /// `seed`.
    pub seed: Option<At<i64>>,
    /// `[milvus]`.
    pub milvus: MilvusTable,
    /// `[tracing]`.
    pub tracing: TracingTable,
    /// `[data.<name>]`, in the order of the file.
    pub data: Vec<At<DataTable>>,
    /// `[collections.<name>]`, in the order of the file.
    pub collections: Vec<At<CollectionTable>>,
    /// `[workloads.<name>]`, in the order of the file.
    pub workloads: Vec<At<WorkloadTable>>,
    /// `[[phases]]`.
    pub phases: Vec<At<PhaseTable>>,
    /// `[[thresholds]]`.
    pub thresholds: Vec<At<ThresholdTable>>,
}

/// Where a secret is to be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// In this environment variable; `prefix` (a scheme such as `Bearer `, may be empty) goes
    /// before it.
    #[allow(missing_docs)]
    Variable { prefix: String, name: String },
    /// In this file, without the line break at its end.
    File(PathBuf),
}

/// `[milvus]`.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct MilvusTable {
    pub uri: Option<At<String>>,
    pub timeout: Option<At<Duration>>,
    pub wait: Option<At<Duration>>,
    pub connections: ConnectionsTable,
    pub access: Option<At<String>>,
    pub database: Option<At<String>>,
    pub token: Option<At<SecretSource>>,
    pub user: Option<At<String>>,
    pub password: Option<At<SecretSource>>,
    pub tls: Option<At<TlsTable>>,
}

/// `[milvus] connections`; a number is its `count`.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct ConnectionsTable {
    pub count: Option<At<i64>>,
    pub resolve: Option<At<String>>,
    pub pick: Option<At<String>>,
}

/// `[milvus] tls`.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct TlsTable {
    pub ca: Option<At<PathBuf>>,
    pub cert: Option<At<PathBuf>>,
    pub key: Option<At<PathBuf>>,
    pub server_name: Option<At<String>>,
}

/// `[tracing] export`: the address as written, or `off`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExportTarget {
    /// No client spans leave the client.
    Off,
    /// An OTLP endpoint.
    Endpoint(String),
}

/// `[tracing]`.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct TracingTable {
    /// None inside: `auto`.
    pub sample_ratio: Option<At<Option<f64>>>,
    pub max_traces: Option<At<i64>>,
    pub switch_every: Option<At<Duration>>,
    pub keep_ids: Option<At<bool>>,
    pub service_name: Option<At<String>>,
    pub export: Option<At<ExportTarget>>,
    pub spans: SpansTable,
}

/// `[tracing.spans]`.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct SpansTable {
    pub source: Option<At<String>>,
    pub endpoint: Option<At<String>>,
    pub admin: Option<At<String>>,
    pub settle: Option<At<Duration>>,
    pub deadline: Option<At<Duration>>,
    pub headers: Vec<(String, At<SecretSource>)>,
    pub listen: Option<At<String>>,
    pub listen_http: Option<At<String>>,
    pub link: Option<At<String>>,
}

/// `queries`: a file, or the number of generated ones.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum QueriesKey {
    File(PathBuf),
    Count(i64),
}

/// `[data.<name>]`.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct DataTable {
    pub key: String,
    pub format: Option<At<String>>,
    pub base: Option<At<PathBuf>>,
    pub queries: Option<At<QueriesKey>>,
    pub truth: Option<At<PathBuf>>,
    pub rows: Option<At<i64>>,
    pub dim: Option<At<i64>>,
    pub distribution: Option<At<String>>,
}

/// `initial_rows`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum InitialRows {
    /// A number of rows.
    Count(i64),
    /// A share of all rows, `"80%"` is 0.8.
    Share(f64),
}

/// `index = { type, params }`.
#[derive(Clone, Debug)]
pub struct IndexTable {
    /// `type`.
    pub index_type: Option<At<String>>,
    /// Build parameters.
    pub params: Option<At<toml::Table>>,
}

/// One entry of `fields`.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct FieldTable {
    pub name: Option<At<String>>,
    pub scalar_type: Option<At<String>>,
    pub max_length: Option<At<i64>>,
    pub values: Option<At<toml::Value>>,
    pub index: Option<At<IndexTable>>,
}

/// `[collections.<name>]`.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct CollectionTable {
    pub key: String,
    pub name: Option<At<String>>,
    pub data: Option<At<String>>,
    pub dim: Option<At<i64>>,
    pub metric: Option<At<String>>,
    pub consistency: Option<At<String>>,
    pub prepare: Option<At<String>>,
    pub initial_rows: Option<At<InitialRows>>,
    pub keep: Option<At<bool>>,
    pub index: Option<At<IndexTable>>,
    pub fields: Vec<At<FieldTable>>,
    pub id_field: Option<At<String>>,
    pub vector_field: Option<At<String>>,
    pub shards: Option<At<i64>>,
    pub replicas: Option<At<i64>>,
    pub ready_timeout: Option<At<Duration>>,
}

/// A level of load: a number, in rows instead of requests where it was written as `"5000 rows/s"`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct Level {
    pub number: f64,
    pub rows: bool,
}

/// `rate`.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum RateKey {
    Constant(Level),
    Sine(Box<SineTable>),
}

/// `rate = { mean, amplitude, period }`.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct SineTable {
    pub mean: Option<At<Level>>,
    pub amplitude: Option<At<Level>>,
    pub period: Option<At<Duration>>,
}

/// `arrivals`.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum ArrivalsKey {
    Named(String),
    Burst(BurstTable),
}

/// `arrivals = { burst, every }`.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct BurstTable {
    pub burst: Option<At<i64>>,
    pub every: Option<At<Duration>>,
}

/// `concurrency`.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum ConcurrencyKey {
    Callers(i64),
    /// None where `stages` is left out.
    Stages(Option<At<Vec<At<StageTable>>>>),
}

/// `think_time`.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum ThinkTimeKey {
    Constant(Duration),
    /// With this mean; None where it is left out.
    Exponential(Option<At<Duration>>),
}

/// One entry of `stages`: a ramp (`to`, `over`) or a level (`at`, `for`).
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct StageTable {
    pub name: Option<At<String>>,
    pub from: Option<At<Level>>,
    pub to: Option<At<Level>>,
    pub over: Option<At<Duration>>,
    pub at: Option<At<Level>>,
    pub hold: Option<At<Duration>>,
}

/// `[workloads.<name>]`.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct WorkloadTable {
    pub key: String,
    pub operation: Option<At<String>>,
    pub collection: Option<At<String>>,
    pub rate: Option<At<RateKey>>,
    pub stages: Option<At<Vec<At<StageTable>>>>,
    pub arrivals: Option<At<ArrivalsKey>>,
    pub max_in_flight: Option<At<i64>>,
    pub concurrency: Option<At<ConcurrencyKey>>,
    pub think_time: Option<At<ThinkTimeKey>>,
    pub start: Option<At<Duration>>,
    pub timeout: Option<At<Duration>>,
    /// Every other key: the operation's own.
    pub keys: Vec<(String, At<toml::Value>)>,
}

/// One entry of `[[thresholds]]`.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct ThresholdTable {
    pub require: Option<At<String>>,
    pub workload: Option<At<String>>,
    pub phase: Option<At<String>>,
    pub strict: Option<At<bool>>,
    pub abort: Option<At<AbortTable>>,
}

/// `abort` of a threshold.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct AbortTable {
    pub over: Option<At<Duration>>,
    pub after: Option<At<Duration>>,
}

/// One entry of `[[phases]]`.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct PhaseTable {
    pub name: Option<At<String>>,
    pub warmup: Option<At<Duration>>,
    pub duration: Option<At<Duration>>,
    pub requests: Option<At<i64>>,
    pub until: Option<At<String>>,
    pub workloads: Option<At<Vec<At<String>>>>,
}
