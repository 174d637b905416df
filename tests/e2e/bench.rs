//! The built program as a user calls it.

use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::run::Run;
use crate::support::said::Said;

/// No command takes longer, even on a machine with other work.
const LONGEST: Duration = Duration::from_secs(240);

/// The program with the environment of a user who has set nothing.
pub(crate) struct Bench {
    cache: PathBuf,
}

/// How a command ended.
pub(crate) struct Ended {
    /// None: it was ended by a signal, or took too long.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) took: Duration,
}

impl Ended {
    /// What it wrote, for the message of a failed check.
    pub(crate) fn told(&self) -> String {
        format!(
            "exit code {:?} after {:?}\n--- stdout\n{}\n--- stderr\n{}",
            self.code, self.took, self.stdout, self.stderr
        )
    }

    /// Checks the exit code.
    pub(crate) fn with_code(self, expected: i32) -> Self {
        assert_eq!(self.code, Some(expected), "{}", self.told());
        self
    }
}

/// A program under way, which does not outlive its case.
pub(crate) struct Running {
    child: Child,
    said: Said,
}

impl Running {
    /// Waits until a line of stderr holds `words`; false if it ends without it.
    pub(crate) fn says_or_ends(&mut self, words: &str) -> bool {
        self.said.until_or_end(words)
    }

    /// Waits until a line of stderr holds `words`.
    pub(crate) fn says(&mut self, words: &str) {
        self.said.until(words);
    }

    /// Its resident memory each second until it ends: seconds since 1970, and MiB.
    pub(crate) fn memory(&mut self) -> Vec<(f64, f64)> {
        let path = format!("/proc/{}/status", self.child.id());
        let mut samples = Vec::new();
        while let Ok(None) = self.child.try_wait() {
            let status = std::fs::read_to_string(&path).unwrap_or_default();
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
            let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<f64>().ok());
            let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            let now = since_1970.expect("after 1970").as_secs_f64();
            samples.extend(kib.map(|kib| (now, kib / 1024.0)));
            std::thread::sleep(Duration::from_secs(1));
        }
        samples
    }

    /// As Ctrl-C.
    pub(crate) fn interrupt(&self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it runs");
    }

    /// Waits for the end; the exit code, and what it wrote to stderr.
    pub(crate) fn ended(mut self) -> (Option<i32>, String) {
        let said = self.said.until_the_end();
        (self.child.wait().expect("the program ends").code(), said)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Only a case that failed leaves it running.
        let _ = self.child.kill().and_then(|()| self.child.wait());
    }
}

/// The scenarios that are shipped.
pub(crate) fn scenarios() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}

impl Bench {
    pub(crate) fn new(cache: &Path) -> Self {
        Self {
            cache: cache.to_owned(),
        }
    }

    fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_milvus-bench"));
        for (name, _) in std::env::vars_os() {
            let ours = name
                .to_str()
                .is_some_and(|name| name.starts_with("MILVUS_") || name.starts_with("OTEL_"));
            if ours {
                command.env_remove(name);
            }
        }
        // Addresses are on loopback; a proxy of this machine has no business there.
        for name in [
            "http_proxy",
            "HTTP_PROXY",
            "https_proxy",
            "HTTPS_PROXY",
            "all_proxy",
            "ALL_PROXY",
        ] {
            command.env_remove(name);
        }
        command
            .env("MILVUS_BENCH_CACHE", &self.cache)
            .env("MILVUS_BENCH_CALIBRATE", "off")
            .args(arguments);
        command
    }

    /// Starts the program.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        let mut command = self.command(arguments);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let said = Said::by(&mut child);
        Running { child, said }
    }

    /// Runs the program to its end.
    pub(crate) fn call(&self, arguments: &[&str]) -> Ended {
        let mut command = assert_cmd::Command::from_std(self.command(arguments));
        command.timeout(LONGEST);
        let began = Instant::now();
        let Output {
            status,
            stdout,
            stderr,
        } = command.output().expect("the program starts");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        Ended {
            code: status.code(),
            stdout: text(stdout),
            stderr: text(stderr),
            took: began.elapsed(),
        }
    }

    /// Runs a scenario of scenarios/ into `out`; an error is what it wrote when it did not end with
    /// 0.
    pub(crate) fn run_scenario(
        &self,
        name: &str,
        arguments: &[&str],
        out: &Path,
    ) -> Result<Run, String> {
        let scenario = scenarios().join(format!("{name}.toml"));
        let (scenario, folder) = (scenario.display().to_string(), out.display().to_string());
        // A machine that others keep busy, or a debug build, may be too slow for the client: that
        // is no fault of the run.
        let mut all = vec!["run", &scenario, "--out", &folder, "--accept-invalid"];
        all.extend(arguments);
        let began = std::time::SystemTime::now();
        let ended = self.call(&all);
        if ended.code == Some(0) {
            Ok(Run::read(out, ended, began))
        } else {
            Err(ended.told())
        }
    }
}
