//! A real Milvus 2.3.5 and a real Jaeger as processes of this machine, without Docker: found or
//! installed, started, looked at, stopped.
//!
//! # What is left to others
//!
//! [`up`] waits for health pages and open ports. That spans make the whole way (a traced probe
//! search came back from Jaeger with a span of the engine) can only be seen with a client: the
//! caller checks it, because this module imports no sibling. With [`Stack::jaeger_grpc`] None the
//! caller itself is the receiver of spans at [`Stack::otlp`].
//!
//! # Order of writing
//!
//! The state file names a process before that process becomes a server (see `process::Gate`), so
//! whatever happens to this program, [`down`] finds all it started. Pid, boot and start time are
//! compared before any signal.

mod error;
mod health;
mod install;
mod jaeger;
mod milvus;
mod ports;
mod process;
mod state;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use health::Health;
use install::{Installer, ProgressRef};
use process::{Gate, Process, Program};
use state::{Lock, State};

pub use error::StackError;
pub use ports::{Ports, listeners};

/// Which stack to start, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackOptions {
    /// All ports.
    pub ports: Ports,
    /// State, data and logs of this stack; absolute. One folder is one stack.
    pub folder: PathBuf,
    /// What is installed once and shared by all stacks; absolute.
    pub cache: PathBuf,
    /// Which Jaeger.
    pub jaeger: JaegerChoice,
}

/// Which Jaeger belongs to the stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JaegerChoice {
    /// `jaeger-all-in-one` or `jaeger` on PATH, else one built by `go install`. Where neither can
    /// be had Milvus is started without and [`Stack::remarks`] says so; its spans go to
    /// [`Ports::otlp_grpc`] on 127.0.0.1.
    Auto,
    /// This binary: all-in-one 1.35 or newer, or 2.x.
    Binary(PathBuf),
    /// None: milvus-bench itself will listen for Milvus' spans.
    Embedded {
        /// Where, `host:port`.
        endpoint: String,
    },
}

impl StackOptions {
    /// The stack of this user on the usual ports. `MILVUS_BENCH_CACHE` names another cache folder,
    /// `MILVUS_BENCH_JAEGER` a Jaeger binary.
    ///
    /// # Errors
    /// The user has no cache folder (no home).
    pub fn default_ports() -> Result<Self, StackError> {
        let named = |name: &str| {
            std::env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        let cache = named("MILVUS_BENCH_CACHE")
            .or_else(|| dirs::cache_dir().map(|folder| folder.join("milvus-bench")));
        let cache = cache.ok_or_else(|| StackError::File {
            action: "find",
            path: "~/.cache".into(),
            reason: "no home folder is set; name a cache folder in MILVUS_BENCH_CACHE".to_owned(),
        })?;
        let cache = std::path::absolute(&cache).map_err(StackError::file("find", &cache))?;
        let jaeger = named("MILVUS_BENCH_JAEGER").map_or(JaegerChoice::Auto, JaegerChoice::Binary);
        Ok(Self {
            ports: Ports::default(),
            folder: cache.join("stack"),
            cache,
            jaeger,
        })
    }

    /// A stack of its own in `folder` on free ports, beside whatever runs; the cache is shared.
    ///
    /// # Errors
    /// As [`Self::default_ports`], or no port is free.
    pub fn free_ports(folder: &Path) -> Result<Self, StackError> {
        let folder = std::path::absolute(folder).map_err(StackError::file("find", folder))?;
        Ok(Self {
            ports: Ports::free()?,
            folder,
            ..Self::default_ports()?
        })
    }
}

/// A stack that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stack {
    /// `http://127.0.0.1:19530`.
    pub milvus_uri: String,
    /// Jaeger's query API by gRPC, `http://127.0.0.1:16685`; None: no Jaeger, milvus-bench receives
    /// the spans itself.
    pub jaeger_grpc: Option<String>,
    /// Jaeger's query API by HTTP.
    pub jaeger_http: Option<String>,
    /// Jaeger's health and counters.
    pub jaeger_admin: Option<String>,
    /// Where spans are sent by OTLP over gRPC, `http://127.0.0.1:4317`: Milvus does, the client
    /// should.
    pub otlp: String,
    /// Names and versions, e.g. `milvus`: `2.3.5`.
    pub versions: BTreeMap<String, String>,
    /// What the user should know, one sentence each; to be shown and stored with a run.
    pub remarks: Vec<String>,
    /// Where the processes are recorded.
    pub state_file: PathBuf,
    /// Whether this call started it; false: it ran already.
    pub started: bool,
}

/// What is known about the stack of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackStatus {
    /// Where the processes are recorded.
    pub state_file: PathBuf,
    /// The stack as recorded; None when none is.
    pub stack: Option<Stack>,
    /// Its processes in the order of starting.
    pub processes: Vec<ProcessStatus>,
    /// All processes run and all health pages say so.
    pub healthy: bool,
    /// Why nothing is known: the state file can't be read.
    pub problem: Option<StackError>,
}

/// One process of a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessStatus {
    /// `Jaeger` or `Milvus`.
    pub name: String,
    /// Its id, meaningful while it is alive.
    pub pid: u32,
    /// Whether that very process still runs; a stranger that got its pid does not count.
    pub alive: bool,
    /// When it was started.
    pub since: SystemTime,
    /// Where clients reach it, `host:port`.
    pub address: String,
    /// Its output.
    pub log: PathBuf,
}

/// What [`down`] found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DownReport {
    /// Processes that ran and were ended, `name (pid)`.
    pub ended: Vec<String>,
    /// Recorded processes that had ended before.
    pub gone: Vec<String>,
}

/// Ends the stack of a folder when dropped, whatever happens before; blocks for a few seconds at
/// most.
#[derive(Debug)]
pub struct StackGuard {
    folder: Option<PathBuf>,
}

impl StackGuard {
    /// For the stack in `folder`, started or not yet.
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: Some(folder.to_owned()),
        }
    }

    /// Lets the stack live on.
    pub fn keep(mut self) {
        self.folder = None;
    }
}

impl Drop for StackGuard {
    fn drop(&mut self) {
        let Some(folder) = &self.folder else { return };
        // No one is left to be told of an error; the state file stays where something could not be
        // ended.
        if let Ok(Some(state)) = state::read(folder) {
            let _ = clear(folder, &state);
        }
    }
}

/// Longest wait for another milvus-bench that works on the same stack: it may be installing.
const UP_LOCK: Duration = Duration::from_secs(40 * 60);
const DOWN_LOCK: Duration = Duration::from_secs(10);

/// Starts the stack, or returns the one of this folder that already runs, whatever `options` say
/// besides. What is left of a stack that does not answer is ended first. Each start has fresh data;
/// the logs of the one before are kept.
///
/// Dropping the future ends what it started.
///
/// # Errors
/// Something is missing, a port is taken, or a server did not get ready; then nothing is left
/// running.
pub async fn up(options: &StackOptions, progress: &dyn Fn(&str)) -> Result<Stack, StackError> {
    check_machine(std::env::consts::OS, std::env::consts::ARCH)?;
    state::create_folder(&options.folder)?;
    let lock = options.folder.join("lock");
    let _lock = Lock::take(&lock, UP_LOCK, || {
        progress("waiting for another milvus-bench that works on this stack (at most 40 min)")
    })
    .await?;
    if let Some(state) = state::read(&options.folder)? {
        if healthy(&state).await {
            return Ok(stack(&options.folder, &state, false));
        }
        progress("the previously started stack does not answer: stopping the rest of it");
        clear_blocking(&options.folder, state).await?;
    }
    // Before anything is installed, so that a mistake costs no minutes.
    check_ports(
        options,
        !matches!(options.jaeger, JaegerChoice::Embedded { .. }),
    )
    .await?;
    let search = std::env::var_os("PATH").unwrap_or_default();
    let servers = find_servers(
        options,
        Installer {
            cache: &options.cache,
            search,
            progress: ProgressRef(progress),
        },
    )
    .await?;
    check_ports(options, servers.jaeger.is_some()).await?;
    start(options, &servers, progress).await
}

/// Looks at the stack of `folder`; starts and ends nothing.
pub async fn status(folder: &Path) -> StackStatus {
    let mut status = StackStatus {
        state_file: state::path(folder),
        stack: None,
        processes: Vec::new(),
        healthy: false,
        problem: None,
    };
    match state::read(folder) {
        Ok(None) => {}
        Ok(Some(state)) => {
            status.healthy = healthy(&state).await;
            status.processes = state.processes.iter().map(process_status).collect();
            status.stack = Some(stack(folder, &state, false));
        }
        Err(error) => status.problem = Some(error),
    }
    status
}

/// Ends the stack of `folder` and deletes its data; logs stay. Without a stack it does nothing.
///
/// # Errors
/// The state file is damaged, another milvus-bench works on this stack, or a process can't be
/// ended.
pub async fn down(folder: &Path, progress: &dyn Fn(&str)) -> Result<DownReport, StackError> {
    if !state::path(folder).exists() {
        return Ok(DownReport::default());
    }
    let _lock = Lock::take(&folder.join("lock"), DOWN_LOCK, || {
        progress("waiting for another milvus-bench (at most 10 s)")
    })
    .await?;
    let Some(state) = state::read(folder)? else {
        return Ok(DownReport::default());
    };
    let mut report = DownReport::default();
    for process in &state.processes {
        let name = format!("{} ({})", process.name, process.pid);
        if process.alive() {
            progress(&format!("ending {name}"));
            report.ended.push(name);
        } else {
            report.gone.push(name);
        }
    }
    clear_blocking(folder, state).await?;
    Ok(report)
}

fn check_machine(os: &str, arch: &str) -> Result<(), StackError> {
    if os == "linux" && arch == "x86_64" {
        Ok(())
    } else {
        Err(StackError::Machine(format!("{os} on {arch}")))
    }
}

/// How often a taken port is looked at again, and after which pause: an outgoing connection or a
/// server that is just ending holds one for moments only.
const PORT_LOOKS: u32 = 20;
const PORT_PAUSE: Duration = Duration::from_millis(25);

async fn check_ports(options: &StackOptions, jaeger: bool) -> Result<(), StackError> {
    let mut needs = options.ports.of_milvus();
    if jaeger {
        needs.extend(options.ports.of_jaeger());
    }
    for _ in 0..PORT_LOOKS {
        if ports::all_free(&needs) {
            return Ok(());
        }
        tokio::time::sleep(PORT_PAUSE).await;
    }
    ports::check_free(&needs)
}

/// What will be started.
#[derive(Clone, Debug)]
struct Servers {
    milvus: milvus::Installed,
    jaeger: Option<jaeger::Installed>,
    remarks: Vec<String>,
}

async fn find_servers(
    options: &StackOptions,
    installer: Installer<'_>,
) -> Result<Servers, StackError> {
    let _lock = installer.lock().await?;
    let mut remarks = vec![milvus::EXPOSED.to_owned()];
    let jaeger = match &options.jaeger {
        JaegerChoice::Embedded { .. } => None,
        JaegerChoice::Binary(path) => Some(jaeger::Installed::probe(path).await?),
        JaegerChoice::Auto => match installer.jaeger().await {
            Ok(jaeger) => Some(jaeger),
            Err(why) => {
                remarks.push(format!(
                    "milvus-bench receives the spans itself (source `embedded`), without Jaeger: \
                     {why}"
                ));
                None
            }
        },
    };
    Ok(Servers {
        milvus: installer.milvus().await?,
        jaeger,
        remarks,
    })
}

/// Longest waits for a process to get ready: a hundred times what an idle machine needs.
const JAEGER_READY: Duration = Duration::from_secs(60);
const MILVUS_READY: Duration = Duration::from_secs(240);

async fn start(
    options: &StackOptions,
    servers: &Servers,
    progress: &dyn Fn(&str),
) -> Result<Stack, StackError> {
    let (folder, ports) = (&options.folder, &options.ports);
    fresh_folders(folder)?;
    let otlp = match &options.jaeger {
        JaegerChoice::Embedded { endpoint } => endpoint.clone(),
        JaegerChoice::Auto | JaegerChoice::Binary(_) => format!("127.0.0.1:{}", ports.otlp_grpc),
    };
    let mut state = State::new(ports.clone(), otlp);
    state.remarks.clone_from(&servers.remarks);
    state
        .versions
        .insert("milvus".to_owned(), milvus::VERSION.to_owned());
    let guard = StackGuard::new(folder);
    // Jaeger first: Milvus loses the spans that it can't send.
    if let Some(jaeger) = &servers.jaeger {
        jaeger.health_path().clone_into(&mut state.health_path);
        state.jaeger = true;
        state
            .versions
            .insert("jaeger".to_owned(), jaeger.version.clone());
        progress(&format!(
            "starting Jaeger {} (at most {} s)",
            jaeger.version,
            JAEGER_READY.as_secs()
        ));
        let health = jaeger::health(ports, &state.health_path);
        launch(
            folder,
            &jaeger.program(folder, ports)?,
            &mut state,
            &health,
            JAEGER_READY,
        )
        .await?;
    }
    progress(&format!(
        "starting Milvus {} (at most {} s)",
        milvus::VERSION,
        MILVUS_READY.as_secs()
    ));
    let program = milvus::program(&servers.milvus, folder, ports, &state.otlp)?;
    launch(
        folder,
        &program,
        &mut state,
        &milvus::health(ports),
        MILVUS_READY,
    )
    .await?;
    state.ready = true;
    state::write(folder, &state)?;
    guard.keep();
    Ok(stack(folder, &state, true))
}

/// Records, then starts, then waits.
async fn launch(
    folder: &Path,
    program: &Program,
    state: &mut State,
    health: &Health,
    longest: Duration,
) -> Result<(), StackError> {
    let gate = Gate::start(program, &mark(folder))?;
    let process = gate.process.clone();
    state.processes.push(process.clone());
    state::write(folder, state)?;
    gate.open()?;
    health.wait(&process, longest).await
}

/// Tells processes of this stack from all others, together with their group: one stack is one
/// folder.
fn mark(folder: &Path) -> String {
    folder.display().to_string()
}

/// This version of Milvus does not start on the data of a killed one, so there are no data at the
/// start.
fn fresh_folders(folder: &Path) -> Result<(), StackError> {
    let (logs, old) = (folder.join("logs"), folder.join("logs.old"));
    state::delete_folder(&folder.join("data"))?;
    if logs.exists() {
        state::delete_folder(&old)?;
        std::fs::rename(&logs, &old).map_err(StackError::file("rename", &logs))?;
    }
    state::create_folder(&logs)?;
    state::create_folder(&folder.join("data"))
}

async fn clear_blocking(folder: &Path, state: State) -> Result<(), StackError> {
    let owned = folder.to_owned();
    let cleared = tokio::task::spawn_blocking(move || clear(&owned, &state)).await;
    cleared.map_err(|error| StackError::File {
        action: "clear",
        path: folder.to_owned(),
        reason: error.to_string(),
    })?
}

/// Ends everything in `state`, then forgets it; the record goes last, so that a failure can be
/// repeated.
fn clear(folder: &Path, state: &State) -> Result<(), StackError> {
    process::end(&state.processes)?;
    state::delete_folder(&folder.join("data"))?;
    state::remove(folder)
}

async fn healthy(state: &State) -> bool {
    let alive = state.processes.iter().all(Process::alive);
    let jaeger = async {
        !state.jaeger
            || jaeger::health(&state.ports, &state.health_path)
                .answers()
                .await
    };
    state.ready && alive && jaeger.await && milvus::health(&state.ports).answers().await
}

fn stack(folder: &Path, state: &State, started: bool) -> Stack {
    let http = |port: u16| state.jaeger.then(|| format!("http://127.0.0.1:{port}"));
    Stack {
        milvus_uri: format!("http://127.0.0.1:{}", state.ports.milvus),
        jaeger_grpc: http(state.ports.jaeger_grpc),
        jaeger_http: http(state.ports.jaeger_http),
        jaeger_admin: http(state.ports.jaeger_admin),
        otlp: format!("http://{}", state.otlp),
        versions: state.versions.clone(),
        remarks: state.remarks.clone(),
        state_file: state::path(folder),
        started,
    }
}

fn process_status(process: &Process) -> ProcessStatus {
    ProcessStatus {
        name: process.name.clone(),
        pid: process.pid,
        alive: process.alive(),
        since: SystemTime::UNIX_EPOCH + Duration::from_secs(process.since_unix_s),
        address: process.address.clone(),
        log: process.log.clone(),
    }
}

#[cfg(test)]
mod tests;
