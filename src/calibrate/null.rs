//! The null Milvus of a calibration: a process of its own, so that its processor time is not the
//! client's.

use std::{
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
};

use super::error::CalibrateError;

/// The process, which ends when this is dropped: its stdin closes then, also when this process is
/// killed.
pub(super) struct NullProcess {
    child: Child,
    pub(super) uri: String,
}

impl NullProcess {
    /// Starts it and waits until it listens.
    pub(super) fn start(core: Option<usize>) -> Result<Self, CalibrateError> {
        let program = std::env::current_exe().map_err(|error| {
            CalibrateError::new(format!("this program can't be found: {error}"))
        })?;
        let mut child = Command::new(program)
            .arg("null-milvus")
            .args(core.map(|core| format!("--core={core}")))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Ctrl-C is for this process, which ends the other when it has done with it.
            .process_group(0)
            .spawn()
            .map_err(|error| {
                CalibrateError::new(format!("the null Milvus can't be started: {error}"))
            })?;
        let out = child.stdout.take();
        let mut process = Self {
            child,
            uri: String::new(),
        };
        let mut line = String::new();
        if let Some(out) = out {
            BufReader::new(out).read_line(&mut line).map_err(|error| {
                CalibrateError::new(format!("the null Milvus does not answer: {error}"))
            })?;
        }
        let address = line
            .trim()
            .strip_prefix("listening on ")
            .ok_or_else(|| CalibrateError::new("the null Milvus ended before it listened"))?;
        process.uri = format!("http://{address}");
        Ok(process)
    }
}

impl Drop for NullProcess {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
