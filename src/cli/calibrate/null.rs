//! The null Milvus of a calibration: a process of its own, so that its processor time is not the client's.

use std::{
    io::{BufRead, BufReader, Read},
    net::{Ipv4Addr, SocketAddr},
    process::{Child, Command, Stdio},
};

use super::super::{CliError, Done, print};
use crate::null_milvus::{NullMilvus, NullOptions};

/// The process, which ends when this is dropped: its stdin closes then, also when this process is killed.
pub(super) struct NullProcess {
    child: Child,
    pub(super) uri: String,
}

impl NullProcess {
    /// Starts it and waits until it listens.
    pub(super) fn start() -> Result<Self, CliError> {
        let program = std::env::current_exe().map_err(|error| CliError::new(format!("this program can't be found: {error}")))?;
        let mut child = Command::new(program)
            .arg("null-milvus")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| CliError::new(format!("the null Milvus can't be started: {error}")))?;
        let mut line = String::new();
        if let Some(out) = child.stdout.take() {
            BufReader::new(out).read_line(&mut line).map_err(|error| CliError::new(format!("the null Milvus is silent: {error}")))?;
        }
        match line.trim().strip_prefix("listening on ") {
            Some(address) => Ok(Self { child, uri: format!("http://{address}") }),
            None => Err(CliError::new("the null Milvus ended before it listened")),
        }
    }
}

impl Drop for NullProcess {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The process itself: `milvus-bench null-milvus`. Serves until its stdin closes.
pub(in crate::cli) fn serve() -> Result<Done, CliError> {
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let server = NullMilvus::start(NullOptions { listen, ..NullOptions::default() })
        .map_err(|error| CliError::new(format!("the null Milvus can't listen on {listen}: {error}")))?;
    print(format!("listening on {}\n", server.address()).as_bytes());
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    Ok(Done::Ok)
}
