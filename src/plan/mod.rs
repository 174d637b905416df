//! The scenario as resolved: every check, default and cross-field rule; data sets opened,
//! operations built.
//!
//! What a user can get wrong in a scenario is found here, before any connection is opened.

mod arrival;
mod collections;
mod data;
mod expectation;
mod giver;
mod keys;
mod milvus;
mod needs;
mod otlp;
mod phases;
mod planned;
mod remark;
mod resolved;
mod schedule;
mod secret;
mod thresholds;
mod tls;
mod tracing;
mod undecidable;
mod uri;
mod values;
mod workloads;

use std::{path::PathBuf, sync::Arc, time::Duration};

pub use arrival::{Arrival, Arrivals, CallerLoad, OpenLoad, Stage, ThinkTime};
pub use data::Unfetched;
pub use expectation::{Expectation, ExpectedLoad, ExpectedStage};
pub use giver::AddressGiver;
pub use keys::{SCENARIO, key_table, scenario_schema, scenario_schema_text};
pub use otlp::{ExportPlan, OtlpProtocol};
pub use remark::Remark;
pub use schedule::{PartKind, PartLoad, PlannedPart, ScheduledPart};
pub use secret::Secret;
pub use thresholds::{AbortPlan, ThresholdPlan};

use crate::{
    operation::{CollectionShape, Operation, OperationEntry},
    scenario::{Environment, NAME_RULE, Scenario, ScenarioError, ScenarioSource, is_name, quoted},
    spans::{SourceEntry, SourceKind},
    tls::TlsOptions,
};

impl Scenario {
    /// Reads a scenario by the rows of [`SCENARIO`]: text, then `--set` by path, then `${NAME}` in
    /// `[milvus]`, `[tracing]` and paths, then types.
    ///
    /// What is wrong with keys, values, and `--set`, is told by [`Plan::from_scenario`].
    ///
    /// # Errors
    /// The file can't be read, or is no TOML.
    pub fn read(
        source: &ScenarioSource,
        sets: &[String],
        env: Environment<'_>,
    ) -> Result<Self, ScenarioError> {
        Self::read_with(&SCENARIO, source, sets, env)
    }
}

/// What stands above the scenario: flags, then the environment.
#[derive(Clone, Debug, Default)]
pub struct PlanFlags {
    /// `--seed`.
    pub seed: Option<u64>,
    /// `--uri`.
    pub uri: Option<String>,
    /// `--spans`: the endpoint of the span source.
    pub spans: Option<String>,
    /// `--otlp`: where client spans go.
    pub otlp: Option<String>,
    /// `--wait`: how long Milvus is waited for.
    pub wait: Option<Duration>,
    /// Folder of files that were fetched from their addresses; None where there is none.
    pub fetched: Option<PathBuf>,
}

/// A scenario in which nothing is wrong, as far as its files are here.
#[derive(Clone, Debug)]
pub enum Checked {
    /// It can be run.
    Complete(Box<Plan>),
    /// These files of data sets must be fetched before. Neither they nor what depends on them was
    /// checked.
    Unfetched(Vec<Unfetched>),
}

/// Most parts of all phases: samples name theirs by 16 bits, which preparation shares.
const MAX_PARTS: usize = 60_000;

/// A scenario that can be run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Name of the scenario.
    pub name: String,
    /// Its description, may be empty.
    pub description: String,
    /// Same seed: same requests, same ones sampled.
    pub seed: u64,
    /// Which of `--repeat` it is for, from 1: each has its own draw of queries, arrivals and traced
    /// requests.
    pub round: u32,
    /// How to reach Milvus.
    pub milvus: MilvusPlan,
    /// Trace context, client spans, server spans.
    pub tracing: TracingPlan,
    /// Collections in the order of the file.
    pub collections: Vec<CollectionPlan>,
    /// Workloads in the order of the file.
    pub workloads: Vec<WorkloadPlan>,
    /// Phases in their order.
    pub phases: Vec<PhasePlan>,
    /// What is required of the figures, in the order of the file.
    pub thresholds: Vec<ThresholdPlan>,
    /// Sentences for stderr and the report, e.g. an environment variable that overrides a key.
    pub remarks: Vec<Remark>,
    /// The whole plan as `check --resolved` prints it and run.json keeps it: no secrets.
    pub resolved: serde_json::Value,
    /// The scenario's text as given, `${...}` unexpanded.
    pub source: String,
}

/// `[milvus]` as resolved.
#[derive(Clone, Debug)]
pub struct MilvusPlan {
    /// `http://host:port` or `https://host:port`, without user and password.
    pub uri: String,
    /// Who gave it.
    pub uri_giver: AddressGiver,
    /// Default timeout of one request, from its sending.
    pub timeout: Duration,
    /// How long it is waited for at the start.
    pub wait: WaitPlan,
    /// Connections of the load.
    pub connections: ConnectionsPlan,
    /// What may leave the client.
    pub access: AccessPlan,
    /// Versions of the server that the scenario is for.
    pub needs: Option<semver::VersionReq>,
    /// Database; None for the default one.
    pub database: Option<String>,
    /// How to authenticate.
    pub credentials: CredentialsPlan,
    /// `tls`; None for no TLS, or for the system's CA certificates only.
    pub tls: Option<TlsOptions>,
}

/// `[milvus] wait`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitPlan {
    /// Longest wait, 0 to 1 h.
    pub limit: Duration,
    /// Whether the key or the flag was written: a server that takes no connections is then waited
    /// for too.
    pub written: bool,
}

/// `[milvus] connections`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionsPlan {
    /// Their number, 1 to 1,024.
    pub count: u32,
    /// Which addresses of the host's name they go to.
    pub resolve: ResolvePlan,
    /// Which of them a request takes.
    pub pick: PickPlan,
}

/// `[milvus] connections = { resolve }`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResolvePlan {
    /// The first one that answers.
    First,
    /// All of them, one after the other.
    EveryAddress,
}

/// `[milvus] connections = { pick }`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PickPlan {
    /// One after the other.
    RoundRobin,
    /// Always the same for one caller, or for one place in the order of an open loop's requests.
    Pinned,
    /// The one with the fewest requests in flight.
    LeastInFlight,
}

/// `[milvus] access`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum AccessPlan {
    Read,
    Write,
    All,
}

/// Credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum CredentialsPlan {
    None,
    Token(Secret),
    User { name: String, password: Secret },
}

/// `[tracing]` as resolved.
#[derive(Clone, Debug)]
pub struct TracingPlan {
    /// A fixed share, or None for `auto`.
    pub sample_ratio: Option<f64>,
    /// Most traces of a phase under `auto`.
    pub max_traces: u64,
    /// Length of the blocks of time in every other one of which nothing is traced; None: there are
    /// none.
    pub switch_every: Option<Duration>,
    /// Whether ids and scores of traced replies are written into requests.jsonl.
    pub keep_ids: bool,
    /// `service.name` of the client spans.
    pub service_name: String,
    /// Where client spans go; None for `off`.
    pub export: Option<ExportPlan>,
    /// Resource attributes of the client spans, beside their service.
    pub resource: Vec<(String, String)>,
    /// Whether attributes of RPC have their older names as well.
    pub older_names: bool,
    /// Where server spans come from.
    pub source: &'static SourceEntry,
    /// Base URL of the span source.
    pub endpoint: Option<String>,
    /// Who gave it.
    pub endpoint_giver: AddressGiver,
    /// Address of Jaeger's counters; None: the usual ports of the endpoint's host.
    pub admin: Option<String>,
    /// Headers of the span source; values are secrets.
    pub headers: Vec<(String, Secret)>,
    /// `tls` of the span source; None for no TLS, or for the system's CA certificates only.
    pub tls: Option<TlsOptions>,
    /// Wait after the last request before reading.
    pub settle: Duration,
    /// Longest time of reading.
    pub deadline: Duration,
    /// Listening address of the embedded receiver, `127.0.0.1:4317` by default.
    pub listen: String,
    /// Where the embedded receiver takes OTLP/HTTP, `127.0.0.1:4318` by default; None for `off`.
    pub listen_http: Option<String>,
    /// Where a reader opens a trace, with `{trace_id}` for its id; None where nothing is named.
    pub link: Option<String>,
}

impl TracingPlan {
    /// Whether server spans are read.
    #[must_use]
    pub fn reads_spans(&self) -> bool {
        self.source.kind != SourceKind::Nothing
    }
}

/// `prepare = "..."`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrepareMode {
    /// Drop ours, create, insert, flush, index, load, wait until really ready.
    Full,
    /// Keep ours if fingerprint and state fit, else full.
    Ensure,
    /// Create, index, load, empty.
    Schema,
    /// Must exist, is left alone.
    Reuse,
}

/// One collection.
#[derive(Clone, Debug)]
pub struct CollectionPlan {
    /// Name of the table in the scenario.
    pub key: String,
    /// Schema, index, consistency.
    pub shape: Arc<CollectionShape>,
    /// What preparation does.
    pub prepare: PrepareMode,
    /// Rows that preparation inserts.
    pub initial_rows: u64,
    /// Keep it at the end.
    pub keep: bool,
    /// Longest wait until it is ready.
    pub ready_timeout: Duration,
    /// Hash of schema, index and data: the mark of a collection that this program created.
    pub fingerprint: String,
}

/// One workload.
#[derive(Clone, Debug)]
pub struct WorkloadPlan {
    /// Name of the table in the scenario; of a component of a mix, `<table>:<operation>`.
    pub name: String,
    /// The mix that it is a component of.
    pub mix: Option<MixPlan>,
    /// Row of `operation::OPERATIONS`.
    pub entry: &'static OperationEntry,
    /// Builds and reads its requests.
    pub operation: Arc<dyn Operation>,
    /// Index in [`Plan::collections`].
    pub collection: usize,
    /// Open or closed loop.
    pub arrival: Arrival,
    /// It begins so long after the measured part of its phase.
    pub start: Duration,
    /// Timeout of one request.
    pub timeout: Duration,
}

/// What a component has of its mix: all components have the mix's arrival, which is that of the
/// requests of all of them together.
#[derive(Clone, Debug, PartialEq)]
pub struct MixPlan {
    /// Name of its table in the scenario.
    pub name: String,
    /// Share of its requests that are the component's, in (0, 1].
    pub share: f64,
}

impl WorkloadPlan {
    /// Name of its table in the scenario: its own, or that of its mix.
    #[must_use]
    pub fn table(&self) -> &str {
        self.mix.as_ref().map_or(&self.name, |mix| &mix.name)
    }

    /// Share of the requests of its arrival that are its own, in (0, 1].
    #[must_use]
    pub fn share(&self) -> f64 {
        self.mix.as_ref().map_or(1.0, |mix| mix.share)
    }
}

/// One phase.
#[derive(Clone, Debug)]
pub struct PhasePlan {
    /// Its name.
    pub name: String,
    /// Same load before measuring, recorded apart; may be zero.
    pub warmup: Duration,
    /// When it ends.
    pub length: PhaseLength,
    /// Indices in [`Plan::workloads`].
    pub workloads: Vec<usize>,
}

/// When a phase ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PhaseLength {
    /// After this time.
    Duration(Duration),
    /// After this many requests of each workload.
    Requests(u64),
    /// When the rows of its insert workloads are used up.
    Exhausted,
}

impl Plan {
    /// Checks a scenario and fills in what it leaves out. Data sets are opened, operations built,
    /// secrets looked up.
    ///
    /// # Errors
    /// All mistakes that are found, in the order of the file, but for what follows from another
    /// one. A file that is at an address and not fetched is one.
    pub fn from_scenario(
        scenario: &Scenario,
        flags: &PlanFlags,
        env: Environment<'_>,
    ) -> Result<Self, ScenarioError> {
        match Self::check(scenario, flags, env)? {
            Checked::Complete(plan) => Ok(*plan),
            Checked::Unfetched(files) => {
                let mut mistakes = ScenarioError::told();
                files.iter().for_each(|file| mistakes.add(file.mistake()));
                Err(mistakes)
            }
        }
    }

    /// The same where files that are not fetched yet are no mistake.
    ///
    /// # Errors
    /// As for [`Plan::from_scenario`].
    pub fn check(
        scenario: &Scenario,
        flags: &PlanFlags,
        env: Environment<'_>,
    ) -> Result<Checked, ScenarioError> {
        let mut mistakes = scenario.mistakes.clone();
        // Where something is refused, another value stands in, with which no rule is broken.
        let name = mistakes.or(name(scenario), String::new());
        let seed = mistakes.or(seed(scenario, flags), 0);
        let (root, mut remarks) = (&scenario.root, Vec::new());
        let section = root.section_or_empty("milvus");
        let milvus = milvus::resolve(&section, flags, env, &mut remarks, &mut mistakes);
        let section = root.section_or_empty("tracing");
        let tracing = tracing::resolve(&section, flags, env, &mut remarks, &mut mistakes);
        let mut opening = data::Opening {
            seed,
            fetched: flags.fetched.as_deref(),
            unfetched: Vec::new(),
        };
        let sources = data::open(scenario, &mut opening, &mut mistakes);
        let mut collections =
            collections::resolve(scenario, seed, &milvus, &sources, &mut mistakes);
        let section = root.section_or_empty("milvus");
        let checked = needs::check(&section, milvus.needs.as_ref(), &collections.right);
        mistakes.keep(checked);
        let around = workloads::Surroundings {
            scenario,
            milvus: &milvus,
            keep_ids: tracing.keep_ids,
            collections: &collections,
            seed,
        };
        let workloads = workloads::resolve(around, &mut mistakes);
        collections::mark_changed(&mut collections.right, &workloads.right);
        let phases = phases::resolve(scenario, &workloads, &mut remarks, &mut mistakes);
        let is_whole = sources.is_whole()
            && collections.is_whole()
            && workloads.is_whole()
            && phases.is_whole();
        let mut plan = Self {
            name,
            description: mistakes.or(root.text_or_default("description"), String::new()),
            seed,
            round: 1,
            milvus,
            thresholds: Vec::new(),
            tracing,
            collections: collections.right,
            workloads: workloads.right.clone(),
            phases: phases.right.clone(),
            remarks,
            resolved: serde_json::Value::Null,
            source: scenario.source.clone(),
        };
        mistakes.or(plan.check_parts(scenario), ());
        let large = workloads::large_limits(&plan.workloads, &plan.collections);
        plan.remarks.extend(large);
        plan.thresholds =
            thresholds::resolve(scenario, &plan, (&workloads, &phases), &mut mistakes);
        if mistakes.iter().len() > 0 {
            return Err(mistakes.in_order());
        }
        if !opening.unfetched.is_empty() {
            return Ok(Checked::Unfetched(opening.unfetched));
        }
        assert!(is_whole, "a table was rejected without a message");
        plan.resolved = resolved::resolved(scenario, &plan);
        Ok(Checked::Complete(Box::new(plan)))
    }

    fn check_parts(&self, scenario: &Scenario) -> Result<(), ScenarioError> {
        let parts = |phase: usize| {
            self.phases[phase]
                .workloads
                .iter()
                .map(|workload| self.parts(phase, *workload).len())
                .sum::<usize>()
        };
        let parts: usize = (0..self.phases.len()).map(parts).sum();
        if parts <= MAX_PARTS {
            return Ok(());
        }
        Err(scenario.root.error(format!(
            "its phases have {parts} parts (warm-up, ramps, levels), but at most {MAX_PARTS} can \
             be recorded; use fewer stages or phases"
        )))
    }
}

fn name(scenario: &Scenario) -> Result<String, ScenarioError> {
    match (&scenario.root.text("name")?, &scenario.file_stem) {
        (Some(name), _) if is_name(&name.value) => Ok(name.value.clone()),
        (Some(name), _) => {
            Err(name.error(format!("is {}, expected {NAME_RULE}", quoted(&name.value))))
        }
        (None, Some(stem)) if is_name(stem) => Ok(stem.clone()),
        (None, _) => Ok("scenario".to_owned()),
    }
}

fn seed(scenario: &Scenario, flags: &PlanFlags) -> Result<u64, ScenarioError> {
    match flags.seed {
        Some(seed) => Ok(seed),
        None => Ok(scenario.root.integer("seed")?.unsigned_abs()),
    }
}

#[cfg(test)]
mod tests;
