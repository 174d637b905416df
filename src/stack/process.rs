//! Processes that outlive this program: started so that no crash leaves one unrecorded, known by
//! more than their pid, and ended without ever touching a stranger's.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::time::{Duration, SystemTime};

use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, pidfd_open, pidfd_send_signal, waitpid,
};
use serde::{Deserialize, Serialize};

use super::StackError;

/// Environment variable that every process of a stack inherits; its value is [`Process::mark`].
pub(super) const MARK: &str = "MILVUS_BENCH_STACK_MARK";

/// Pause between two looks at something that is awaited.
pub(super) const POLL: Duration = Duration::from_millis(20);

/// A started process as the state file keeps it.
///
/// A pid alone names nothing: it is given again after the process has ended. Pid, boot and start
/// time (in clock ticks since the boot) together name one process for ever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Process {
    /// `Milvus` or `Jaeger`.
    pub(super) name: String,
    /// Also the id of its process group.
    pub(super) pid: u32,
    /// Field 22 of /proc/PID/stat.
    pub(super) start_ticks: u64,
    /// /proc/sys/kernel/random/boot_id of the boot it was started in.
    pub(super) boot: String,
    /// Value of [`MARK`] in the environment of the process and of whatever it starts.
    pub(super) mark: String,
    /// Start in whole seconds since 1970.
    pub(super) since_unix_s: u64,
    /// Where clients reach it, `host:port`.
    pub(super) address: String,
    /// File that both its output streams go to.
    pub(super) log: PathBuf,
    /// Whether it can end in order; one that can't is killed at once.
    pub(super) ends_in_order: bool,
}

/// What to start.
#[derive(Clone, Debug)]
pub(super) struct Program {
    pub(super) name: &'static str,
    pub(super) path: PathBuf,
    pub(super) arguments: Vec<String>,
    /// Added to the environment of this program.
    pub(super) environment: BTreeMap<String, String>,
    /// Working folder.
    pub(super) folder: PathBuf,
    pub(super) log: PathBuf,
    pub(super) address: String,
    /// Limit of the address space in KiB, as `ulimit -v` takes it.
    pub(super) memory_kib: Option<u64>,
    pub(super) ends_in_order: bool,
}

/// A process that exists but waits at the gate: it becomes the program only when [`Gate::open`] is
/// called, and ends by itself when the gate is dropped. So it can be recorded first; a crash in
/// between leaves nothing behind.
#[derive(Debug)]
pub(super) struct Gate {
    pub(super) process: Process,
    stdin: ChildStdin,
}

/// `exec` keeps pid and start time. SIGHUP is ignored so that closing the terminal of `stack up`
/// does not end the stack; limits are set here because setting them between fork and exec would
/// need unsafe code.
const GATE: &str = concat!(
    r#"trap "" HUP; read -r go || exit 125; "#,
    r#"[ -z "$0" ] || ulimit -v "$0" || exit 126; exec "$@" </dev/null"#,
);

impl Gate {
    /// Starts the waiting shell in a process group of its own: Ctrl-C in the terminal is for
    /// milvus-bench alone.
    pub(super) fn start(program: &Program, mark: &str) -> Result<Self, StackError> {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&program.log);
        let log = log.map_err(StackError::file("create", &program.log))?;
        let errors = log
            .try_clone()
            .map_err(StackError::file("open", &program.log))?;
        let mut command = Command::new("/bin/sh");
        command.args(["-c", GATE]).arg(
            program
                .memory_kib
                .map_or_else(String::new, |limit| limit.to_string()),
        );
        command.arg(&program.path).args(&program.arguments);
        for (name, _) in std::env::vars_os().filter(|(name, _)| is_private(name)) {
            command.env_remove(name);
        }
        command
            .envs(&program.environment)
            .env(MARK, mark)
            .current_dir(&program.folder);
        command
            .stdin(Stdio::piped())
            .stdout(log)
            .stderr(errors)
            .process_group(0);
        let mut child = command
            .spawn()
            .map_err(StackError::file("start", "/bin/sh"))?;
        let pid = child.id();
        let stdin = child.stdin.take();
        let (Some(stdin), Some(stat), Some(boot)) = (stdin, Stat::read(pid), boot_id()) else {
            return Err(failed(program, "was started but /proc does not show it"));
        };
        let since_unix_s = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        let process = Process {
            name: program.name.to_owned(),
            pid,
            start_ticks: stat.start_ticks,
            boot,
            mark: mark.to_owned(),
            since_unix_s,
            address: program.address.clone(),
            log: program.log.clone(),
            ends_in_order: program.ends_in_order,
        };
        Ok(Self { process, stdin })
    }

    /// Lets the program begin.
    pub(super) fn open(mut self) -> Result<(), StackError> {
        self.stdin
            .write_all(b"go\n")
            .map_err(|error| StackError::Start {
                name: self.process.name.clone(),
                reason: format!("could not be started ({error})"),
                log: self.process.log.clone(),
            })
    }
}

/// What speaks to milvus-bench or to its exporter does not reach the servers: Milvus takes MILVUS_*
/// for its own settings, both would send their own spans where OTEL_* says, and a token is none of
/// their business. OTEL_RESOURCE_ATTRIBUTES goes with them: it would name the servers as the client
/// is named.
fn is_private(name: &OsStr) -> bool {
    name.to_str()
        .is_some_and(|name| name.starts_with("MILVUS_") || name.starts_with("OTEL_"))
}

fn failed(program: &Program, reason: &str) -> StackError {
    StackError::Start {
        name: program.name.to_owned(),
        reason: reason.to_owned(),
        log: program.log.clone(),
    }
}

/// The fields of /proc/PID/stat that are used here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat {
    state: char,
    group: u32,
    threads: u32,
    start_ticks: u64,
}

impl Stat {
    fn read(pid: u32) -> Option<Self> {
        Self::parse(&std::fs::read(format!("/proc/{pid}/stat")).ok()?)
    }

    /// The name, in parentheses, is any bytes, parentheses and spaces among them: fields are
    /// counted from its last one.
    fn parse(stat: &[u8]) -> Option<Self> {
        let end = stat.iter().rposition(|byte| *byte == b')')?;
        let fields: Vec<&str> = std::str::from_utf8(stat.get(end + 1..)?)
            .ok()?
            .split_ascii_whitespace()
            .collect();
        let state = fields.first()?.chars().next()?;
        let (group, threads) = (fields.get(2)?.parse().ok()?, fields.get(17)?.parse().ok()?);
        Some(Self {
            state,
            group,
            threads,
            start_ticks: fields.get(19)?.parse().ok()?,
        })
    }

    /// A zombie has ended; only its parent has not asked yet. While other threads are on their way
    /// out they hold its ports, and it can't be collected.
    fn ended(self) -> bool {
        matches!(self.state, 'Z' | 'X' | 'x') && self.threads <= 1
    }
}

fn boot_id() -> Option<String> {
    Some(
        std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
            .ok()?
            .trim()
            .to_owned(),
    )
}

impl Process {
    /// Whether this very process still runs. Also collects it when it is an ended child of this
    /// program.
    pub(super) fn alive(&self) -> bool {
        let Some(stat) = Stat::read(self.pid).filter(|stat| self.is_me(*stat)) else {
            return false;
        };
        if stat.ended() {
            self.reap();
        }
        !stat.ended()
    }

    fn is_me(&self, stat: Stat) -> bool {
        stat.start_ticks == self.start_ticks && boot_id().is_some_and(|boot| boot == self.boot)
    }

    fn reap(&self) {
        // An error means that it is another program's child: then that one, or init, collects it.
        let _ = pid_of(self.pid).and_then(|pid| waitpid(Some(pid), WaitOptions::NOHANG).ok());
    }

    /// Pids that belong to this process: itself, and what it started as far as that stayed in its
    /// group. The latter are known by the mark in their environment, because the id of a group is
    /// given again as well.
    fn members(&self) -> Vec<u32> {
        if boot_id().is_none_or(|boot| boot != self.boot) {
            return Vec::new();
        }
        let pids = std::fs::read_dir("/proc")
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        pids.filter(|pid| self.owns(*pid)).collect()
    }

    fn owns(&self, pid: u32) -> bool {
        let Some(stat) = Stat::read(pid).filter(|stat| !stat.ended()) else {
            return false;
        };
        if pid == self.pid {
            return stat.start_ticks == self.start_ticks;
        }
        let marked = || {
            let wanted = format!("{MARK}={}", self.mark);
            let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment
                .split(|byte| *byte == 0)
                .any(|entry| entry == wanted.as_bytes())
        };
        stat.group == self.pid && stat.start_ticks >= self.start_ticks && marked()
    }

    /// Sends `signal` to all members. A pidfd is opened first and ownership looked up again
    /// after: a pid that changed hands in between is not hit.
    fn signal(&self, signal: Signal) {
        for member in self.members() {
            let Some(pidfd) =
                pid_of(member).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok())
            else {
                continue;
            };
            if self.owns(member) {
                // It may have ended just now, which is what was wanted.
                let _ = pidfd_send_signal(&pidfd, signal);
            }
        }
    }
}

fn pid_of(pid: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(pid).ok()?)
}

/// How long an orderly end may take before SIGKILL.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long a killed process may take to disappear; a full core of a large process takes seconds at
/// most.
const KILL_DEADLINE: Duration = Duration::from_secs(10);

/// Ends all of `processes` and waits until they are gone, a few seconds at most. Blocks; Drop uses
/// it.
pub(super) fn end(processes: &[Process]) -> Result<(), StackError> {
    end_within(processes, PATIENCE)
}

fn end_within(processes: &[Process], patience: Duration) -> Result<(), StackError> {
    for process in processes {
        process.signal(if process.ends_in_order {
            Signal::TERM
        } else {
            Signal::KILL
        });
    }
    if all_gone(processes, patience, |_| ()).is_none() {
        return Ok(());
    }
    // Again at every look: a process may start another one between two signals.
    match all_gone(processes, KILL_DEADLINE, |process| {
        process.signal(Signal::KILL)
    }) {
        None => Ok(()),
        Some(left) => Err(StackError::Unkillable(
            format!("{} (pid {})", left.name, left.pid),
            KILL_DEADLINE.as_secs(),
        )),
    }
}

/// None when all are gone, else one that is left. Counts looks instead of reading a clock.
fn all_gone(
    processes: &[Process],
    longest: Duration,
    nudge: impl Fn(&Process),
) -> Option<&Process> {
    let looks = longest.as_millis() / POLL.as_millis();
    let mut left = None;
    for _ in 0..=looks {
        left = processes
            .iter()
            .find(|process| process.alive() || !process.members().is_empty());
        let process = left?;
        nudge(process);
        std::thread::sleep(POLL);
    }
    left
}

/// Bytes of a log that are looked at for its last words.
const TAIL: u64 = 64 << 10;

/// The last line of `log` that says something, preferring one that names an error; cut to 300
/// characters, plain text.
pub(super) fn last_words(log: &Path) -> Option<String> {
    let mut file = File::open(log).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))
        .ok()?;
    let mut bytes = Vec::new();
    file.take(TAIL).read_to_end(&mut bytes).ok()?;
    meaningful_line(&String::from_utf8_lossy(&bytes))
}

fn meaningful_line(text: &str) -> Option<String> {
    const ALARMS: [&str; 5] = ["error", "panic", "fatal", "cannot", "failed"];
    let lines = || {
        text.lines()
            .rev()
            .map(str::trim)
            .filter(|line| line.chars().any(char::is_alphanumeric))
    };
    let alarm = |line: &&str| {
        ALARMS
            .iter()
            .any(|word| line.to_ascii_lowercase().contains(word))
    };
    let line = lines().take(200).find(alarm).or_else(|| lines().next())?;
    Some(
        line.chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(300)
            .collect(),
    )
}

#[cfg(test)]
mod tests;
