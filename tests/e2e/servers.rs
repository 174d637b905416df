//! The real servers of a group of cases: started on free ports in a scratch folder, and ended
//! whatever happens.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use milvus_bench::stack::{
    self, JaegerChoice, ProcessStatus, Stack, StackGuard, StackOptions, StackStatus,
};
use tempfile::TempDir;

use crate::bench::{Bench, Running, scenarios};
use crate::harness::say;
use crate::jaeger_newer;
use crate::run::Run;

/// Which servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// What `stack up` starts: Milvus 2.3.5 and the Jaeger that it finds or installs.
    Stack,
    /// Milvus 2.3.5 and Jaeger 1.65.0.
    NewerJaeger,
    /// Milvus 2.3.5 alone, which sends its spans to milvus-bench.
    Embedded,
}

impl Kind {
    pub(crate) fn start_name(self) -> &'static str {
        match self {
            Kind::Stack => "stack::starts",
            Kind::NewerJaeger => "newer_jaeger::starts",
            Kind::Embedded => "embedded::starts",
        }
    }

    pub(crate) fn end_name(self) -> &'static str {
        match self {
            Kind::Stack => "stack::ends_and_leaves_no_process",
            Kind::NewerJaeger => "newer_jaeger::ends_and_leaves_no_process",
            Kind::Embedded => "embedded::ends_and_leaves_no_process",
        }
    }
}

/// Servers that run.
pub(crate) struct Servers {
    pub(crate) stack: Stack,
    pub(crate) bench: Bench,
    options: StackOptions,
    listen: String,
    quickstart: OnceLock<Result<Run, String>>,
    guard: StackGuard,
    scratch: TempDir,
}

/// Scratch folders whose stack may run: what a signal handler must end.
static FOLDERS: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Ends all servers and deletes their folders on Ctrl-C and SIGTERM.
pub(crate) fn end_all_on_signal() {
    std::thread::spawn(|| {
        runtime().block_on(async {
            let mut terminate =
                tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
                    .expect("a handler of SIGTERM");
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        });
        say("interrupted: ending the servers");
        for folder in FOLDERS
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
        {
            drop(StackGuard::new(&folder.join("stack")));
            let _ = std::fs::remove_dir_all(folder);
        }
        std::process::exit(130);
    });
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

/// An address on loopback that nobody listens at.
pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .expect("a free port on loopback")
}

impl Servers {
    /// Starts them, installed first if they are not; an error says why they can't be had.
    pub(crate) fn start(kind: Kind) -> Result<Self, String> {
        let scratch = tempfile::Builder::new()
            .prefix("milvus-bench-e2e-")
            .tempdir()
            .map_err(|error| error.to_string())?;
        let folder = scratch.path().join("stack");
        let mut options = StackOptions::free_ports(&folder).map_err(|error| error.to_string())?;
        let listen = free_address().to_string();
        match kind {
            Kind::Stack => {}
            Kind::NewerJaeger => {
                options.jaeger = JaegerChoice::Binary(jaeger_newer::build(&options.cache)?)
            }
            Kind::Embedded => {
                options.jaeger = JaegerChoice::Embedded {
                    endpoint: listen.clone(),
                }
            }
        }
        FOLDERS
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(scratch.path().to_owned());
        let guard = StackGuard::new(&folder);
        let up = stack::up(&options, &|text| say(&format!("  {text}")));
        let stack = match runtime().block_on(up) {
            Ok(stack) => stack,
            // The message names a log in that folder.
            Err(error) => return Err(format!("{error}; kept: {}", scratch.keep().display())),
        };
        if stack.jaeger_grpc.is_none() && kind != Kind::Embedded {
            return Err(format!(
                "these tests need a Jaeger: {}",
                stack.remarks.join("; ")
            ));
        }
        let bench = Bench::new(&options.cache);
        Ok(Self {
            stack,
            bench,
            options,
            listen,
            quickstart: OnceLock::new(),
            guard,
            scratch,
        })
    }

    /// A new folder that is gone with the servers.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        tempfile::Builder::new()
            .prefix(name)
            .tempdir_in(self.scratch.path())
            .expect("a folder")
            .keep()
    }

    /// Jaeger's query API by gRPC.
    pub(crate) fn jaeger_grpc(&self) -> &str {
        self.stack
            .jaeger_grpc
            .as_deref()
            .expect("this group has a Jaeger")
    }

    /// Jaeger's query API by HTTP.
    pub(crate) fn jaeger_http(&self) -> &str {
        self.stack
            .jaeger_http
            .as_deref()
            .expect("this group has a Jaeger")
    }

    /// Where Jaeger takes spans by OTLP over HTTP.
    pub(crate) fn otlp_http(&self) -> String {
        format!(
            "http://127.0.0.1:{}/v1/traces",
            self.options.ports.otlp_http
        )
    }

    /// Runs the scenario `name` of scenarios/ on these servers with `sets` on top.
    pub(crate) fn run(&self, name: &str, sets: &[&str]) -> Result<Run, String> {
        self.run_with(name, sets, &[])
    }

    /// The same with further arguments.
    pub(crate) fn run_with(
        &self,
        name: &str,
        sets: &[&str],
        arguments: &[&str],
    ) -> Result<Run, String> {
        let (of_servers, out) = self.arguments(name, sets)?;
        let all: Vec<&str> = of_servers
            .iter()
            .map(String::as_str)
            .chain(arguments.iter().copied())
            .collect();
        self.bench.run_scenario(name, &all, &out)
    }

    /// Starts the same; the folder that it will have written, and the program.
    pub(crate) fn start_run(
        &self,
        name: &str,
        sets: &[&str],
    ) -> Result<(PathBuf, Running), String> {
        let (of_servers, out) = self.arguments(name, sets)?;
        let (scenario, folder) = (
            scenarios()
                .join(format!("{name}.toml"))
                .display()
                .to_string(),
            out.display().to_string(),
        );
        let mut all = vec!["run", &scenario, "--out", &folder, "--accept-invalid"];
        all.extend(of_servers.iter().map(String::as_str));
        Ok((out, self.bench.start(&all)))
    }

    /// What a run on these servers is told, and a new folder for it.
    fn arguments(&self, name: &str, sets: &[&str]) -> Result<(Vec<String>, PathBuf), String> {
        let settings = match &self.stack.jaeger_grpc {
            Some(jaeger) => vec![
                "tracing.spans.source=auto".to_owned(),
                format!("tracing.spans.endpoint={jaeger}"),
            ],
            None => vec![
                "tracing.spans.source=embedded".to_owned(),
                format!("tracing.spans.listen={}", self.listen),
            ],
        };
        let export = format!("tracing.export={}", self.stack.otlp);
        // Milvus sends its spans every five seconds.
        let settle = "tracing.spans.settle=6s";
        let admin = self
            .stack
            .jaeger_admin
            .as_ref()
            .map(|admin| format!("tracing.spans.admin={admin}"));
        let mut all: Vec<&str> = vec![&export, settle];
        all.extend(settings.iter().chain(&admin).map(String::as_str));
        all.extend(sets);
        let out = tempfile::Builder::new()
            .prefix(name)
            .tempdir_in(self.scratch.path())
            .map_err(|error| error.to_string())?;
        let settings = all.iter().flat_map(|set| ["--set", set]);
        let arguments = ["--uri", &self.stack.milvus_uri]
            .into_iter()
            .chain(settings)
            .map(str::to_owned)
            .collect();
        Ok((arguments, out.keep()))
    }

    /// The quickstart with the phases and times that it is shipped with, run once for all cases
    /// that look at a run.
    pub(crate) fn quickstart(&self) -> &Run {
        let run = self
            .quickstart
            .get_or_init(|| self.run("quickstart", &["tracing.spans.settle=5s"]));
        run.as_ref()
            .unwrap_or_else(|error| panic!("the quickstart run failed: {error}"))
    }

    /// Where what tests install is kept.
    pub(crate) fn cache(&self) -> &Path {
        &self.options.cache
    }

    pub(crate) fn status(&self) -> StackStatus {
        runtime().block_on(stack::status(&self.options.folder))
    }

    /// Ends them, and makes sure that nothing of them is left. `keep`: their logs and the run
    /// folders stay for whoever looks into a failure.
    pub(crate) fn end(mut self, keep: bool) {
        self.scratch.disable_cleanup(keep);
        if keep {
            say(&format!("  kept: {}", self.scratch.path().display()));
        }
        let processes = self.status().processes;
        assert!(!processes.is_empty(), "the state file names the processes");
        let report = runtime()
            .block_on(stack::down(&self.options.folder, &|_| ()))
            .expect("the stack ends");
        assert_eq!(
            report.ended.len(),
            processes.len(),
            "{report:?} for {processes:?}"
        );
        check_gone(&processes, &self.options.folder);
        let status = self.status();
        assert!(status.stack.is_none() && !status.healthy, "{status:?}");
        self.guard.keep();
    }
}

fn check_gone(processes: &[ProcessStatus], folder: &Path) {
    for process in processes {
        let proc = Path::new("/proc").join(process.pid.to_string());
        assert!(
            !proc.exists(),
            "{} ({}) is still there",
            process.name,
            process.pid
        );
        let address: SocketAddr = process.address.parse().expect("an address");
        let connected = std::net::TcpStream::connect_timeout(&address, Duration::from_secs(5));
        assert!(
            connected.is_err(),
            "{} still answers at {address}",
            process.name
        );
    }
    let of_folder = folder.display().to_string();
    let left: Vec<PathBuf> = running()
        .filter(|process| mentions(process, &of_folder))
        .collect();
    assert!(
        left.is_empty(),
        "processes of {of_folder} are left: {left:?}"
    );
}

/// Folders in /proc of the processes of this machine, without this one.
fn running() -> impl Iterator<Item = PathBuf> {
    let me = std::process::id().to_string();
    let entries = std::fs::read_dir("/proc").expect("/proc can be read");
    let is_process = |name: &str| name.parse::<u32>().is_ok();
    entries
        .flatten()
        .filter(move |entry| {
            entry
                .file_name()
                .to_str()
                .is_some_and(|name| is_process(name) && name != me)
        })
        .map(|entry| entry.path())
}

/// Whether arguments or environment of `process` name `folder`.
fn mentions(process: &Path, folder: &str) -> bool {
    let read = |name: &str| std::fs::read(process.join(name)).unwrap_or_default();
    [read("cmdline"), read("environ")]
        .iter()
        .any(|bytes| String::from_utf8_lossy(bytes).contains(folder))
}
