//! A temporary folder with a scenario in it, and the program started there.

use std::{
    fs,
    io::Write,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use milvus_bench::null_milvus::FakeMilvus;

use crate::{folder::Folder, support::said::Said};

/// The program.
const PROGRAM: &str = env!("CARGO_BIN_EXE_milvus-bench");

/// A scenario of one second: 50 searches, all traced, no server spans. `URI` stands for Milvus'
/// address.
const SCENARIO: &str = r#"
name = "cli"

[milvus]
uri = "URI"
timeout = "5s"
connections = 1

[tracing]
sample_ratio = 1.0
export = "off"

[tracing.spans]
source = "none"
settle = "0s"
deadline = "2s"

[data.noise]
format = "random"
rows = 200
dim = 8
queries = 20

[collections.words]
data = "noise"
metric = "L2"
prepare = "full"
initial_rows = 100
index = { type = "FLAT" }

[workloads.search]
operation = "search"
rate = 50
arrivals = "even"
limit = 5

[[phases]]
name = "alone"
duration = "1s"
workloads = ["search"]
"#;

/// The scenario for `uri`, with the given lines in the place of others.
///
/// # Panics
/// A line to be replaced is not there.
pub(crate) fn scenario(uri: &str, changes: &[(&str, &str)]) -> String {
    changes
        .iter()
        .fold(SCENARIO.replace("URI", uri), |text, (old, new)| {
            assert!(text.contains(old), "the scenario has no {old:?}");
            text.replacen(old, new, 1)
        })
}

/// How the program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Exit code; None after a signal.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn of(output: std::process::Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("output is UTF-8");
        Self {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// This, if the exit code is `code`.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "stdout:\n{}\nstderr:\n{}",
            self.stdout,
            self.stderr
        );
        self
    }

    /// stdout as one line: sentences of a report are broken where its width ends.
    pub(crate) fn stdout_words(&self) -> String {
        self.stdout.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The one line of stderr that begins with `error: `, which must hold all of `words`.
    #[track_caller]
    pub(crate) fn error(&self, words: &[&str]) -> &str {
        let errors: Vec<&str> = self
            .stderr
            .lines()
            .filter(|line| line.starts_with("error: "))
            .collect();
        let [error] = errors.as_slice() else {
            panic!("not one line of error on stderr:\n{}", self.stderr)
        };
        for word in words {
            assert!(error.contains(word), "{word:?} is not in: {error}");
        }
        error
    }
}

/// A folder with a scenario.
pub(crate) struct Bench {
    folder: TempDir,
}

/// Whether the report of a run folder says that its figures are not to be used.
pub(crate) fn is_invalid(run: &Path) -> bool {
    let report: serde_json::Value =
        serde_json::from_slice(&std::fs::read(run.join("report.json")).expect("a report"))
            .expect("JSON");
    report["verdict"]["state"] == "invalid"
}

impl Bench {
    /// With `scenario` as `scenario.toml`.
    pub(crate) fn new(scenario: &str) -> Self {
        let bench = Self {
            folder: tempfile::tempdir().expect("a folder"),
        };
        bench.write("scenario.toml", scenario.as_bytes());
        bench
    }

    /// For `fake`, with changes of the usual scenario.
    pub(crate) fn at(fake: &FakeMilvus, changes: &[(&str, &str)]) -> Self {
        Self::new(&scenario(&fake.uri(), changes))
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path().join(name), bytes).expect("a file in the folder");
    }

    /// The program with `arguments`, run in the folder, without what the environment may say of
    /// Milvus and tracing.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.prepared(Command::new(PROGRAM), arguments)
    }

    /// `command` with the arguments, and nothing of this process' surroundings.
    fn prepared(&self, mut command: Command, arguments: &[&str]) -> Command {
        command
            .args(arguments)
            .current_dir(self.path())
            .stdin(Stdio::null());
        let foreign = |name: &str| name.starts_with("MILVUS_") || name.starts_with("OTEL_");
        for (name, _) in std::env::vars().filter(|(name, _)| foreign(name)) {
            command.env_remove(name);
        }
        command.env("MILVUS_BENCH_CALIBRATE", "off");
        command
    }

    /// Runs the program to its end.
    pub(crate) fn call(&self, arguments: &[&str]) -> Ended {
        Ended::of(
            self.command(arguments)
                .output()
                .expect("the program starts"),
        )
    }

    /// As [`Bench::call`], with `text` on stdin.
    pub(crate) fn call_with_stdin(&self, arguments: &[&str], text: &str) -> Ended {
        let mut command = self.command(arguments);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        child
            .stdin
            .take()
            .expect("stdin is piped")
            .write_all(text.as_bytes())
            .expect("stdin is read");
        Ended::of(child.wait_with_output().expect("the program ends"))
    }

    /// `run scenario.toml` and more. An invalid verdict is accepted: a busy machine is late, and no
    /// figure is looked at here.
    pub(crate) fn run(&self, more: &[&str]) -> Ended {
        self.call(&[&["run", "scenario.toml", "--accept-invalid"], more].concat())
    }

    /// A run in the folder `out` whose verdict is not *invalid*: on a machine that others keep busy
    /// the client may be too late.
    pub(crate) fn valid_run(&self, out: &str) {
        for _ in 0..10 {
            self.run(&["--quiet", "--out", out]).exits(0);
            let run = self.path().join(out);
            if !is_invalid(&run) {
                return;
            }
            std::fs::remove_dir_all(run).expect("an invalid run is removed");
        }
        panic!("the client was too late in all of ten runs");
    }

    /// A call that SIGHUP ends: a suite that was started by `nohup` hands its ignored SIGHUP down.
    pub(crate) fn command_of_a_terminal(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("env");
        command.args(["--default-signal=HUP", PROGRAM]);
        self.prepared(command, arguments)
    }

    /// Starts `run scenario.toml`.
    pub(crate) fn start(&self, more: &[&str]) -> Running {
        let arguments = [&["run", "scenario.toml", "--accept-invalid"], more].concat();
        self.start_with(&arguments, &[])
    }

    /// Starts the program with these arguments and variables.
    pub(crate) fn start_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Running {
        let mut child = self
            .command_of_a_terminal(arguments)
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let said = Said::by(&mut child);
        Running {
            child: Some(child),
            said,
        }
    }

    /// The run folders below `results`, the oldest first.
    pub(crate) fn folders(&self) -> Vec<Folder> {
        let entries = fs::read_dir(self.path().join("results"))
            .into_iter()
            .flatten()
            .flatten();
        let mut paths: Vec<PathBuf> = entries
            .map(|entry| entry.path())
            .filter(|path| path.is_dir() && !path.is_symlink())
            .collect();
        paths.sort();
        paths.into_iter().map(Folder::at).collect()
    }

    /// The only run folder.
    #[track_caller]
    pub(crate) fn only_folder(&self) -> Folder {
        let mut folders = self.folders();
        assert_eq!(folders.len(), 1, "run folders");
        folders.remove(0)
    }
}

/// A program under way, which does not outlive its test.
pub(crate) struct Running {
    child: Option<Child>,
    said: Said,
}

impl Running {
    /// Waits until a line of stderr holds `words`.
    #[track_caller]
    pub(crate) fn says(&mut self, words: &str) {
        self.said.until(words);
    }

    /// Waits until a line of stderr holds `words`; false if it ends without it.
    pub(crate) fn says_or_ends(&mut self, words: &str) -> bool {
        self.said.until_or_end(words)
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid =
            rustix::process::Pid::from_child(self.child.as_ref().expect("it was not waited for"));
        rustix::process::kill_process(pid, signal).expect("it runs");
    }

    /// Waits for the end.
    pub(crate) fn ended(mut self) -> Ended {
        let stderr = self.said.until_the_end();
        let child = self.child.take().expect("it was not waited for");
        Ended {
            stderr,
            ..Ended::of(child.wait_with_output().expect("the program ends"))
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // A test that failed: the process may have ended by itself.
            let _ = child.kill().and_then(|()| child.wait());
        }
    }
}

/// Blocks until `future` is done.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(future)
}

/// A port of loopback that nobody listens on.
pub(crate) fn closed_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .expect("a free port")
        .port()
}

/// A listener that nobody may connect to.
pub(crate) struct Trap(TcpListener);

impl Trap {
    pub(crate) fn set() -> Self {
        Self(TcpListener::bind(("127.0.0.1", 0)).expect("a free port"))
    }

    pub(crate) fn address(&self) -> String {
        format!("http://{}", self.0.local_addr().expect("an address"))
    }

    /// Whether somebody connected: the system keeps connections that were not accepted.
    pub(crate) fn caught(&self) -> bool {
        self.0
            .set_nonblocking(true)
            .expect("a listener can be made non-blocking");
        self.0.accept().is_ok()
    }
}
