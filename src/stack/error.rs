//! What can go wrong with the local stack.

use std::path::PathBuf;

/// Why the local stack could not be started, looked at or stopped. Each text is one sentence that
/// says what to do next.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StackError {
    /// The machine is none that Milvus 2.3.5 from PyPI runs on.
    #[error(
        "the local stack needs Linux on x86_64 and this is {0}; run deploy/compose with Docker, \
         or point --uri at a Milvus elsewhere"
    )]
    Machine(String),
    /// A program that the stack needs is not installed.
    #[error("`{program}` was not found on PATH and is needed to {purpose}; {advice}")]
    Missing {
        /// Name of the program as looked for.
        program: &'static str,
        /// What it is needed for.
        purpose: &'static str,
        /// What to install.
        advice: &'static str,
    },
    /// An installation step failed or took too long.
    #[error("{step} failed: {reason}; the whole output is in {}", log.display())]
    Install {
        /// Which step.
        step: String,
        /// Last meaningful line of its output, or the deadline.
        reason: String,
        /// File with all output.
        log: PathBuf,
    },
    /// Ports are taken by processes that are not of this stack; one part of the text for each
    /// holder.
    #[error("{0}; stop the program that uses it, or run against that server with --uri")]
    Ports(String),
    /// A process ended or did not get ready.
    #[error("{name} {reason}; its log is {}", log.display())]
    Start {
        /// `Milvus` or `Jaeger`.
        name: String,
        /// What was seen, with the last meaningful line of its log.
        reason: String,
        /// Its log file.
        log: PathBuf,
    },
    /// The named Jaeger can't be run.
    #[error(
        "{0} is not a usable Jaeger binary: {1}; name an all-in-one 1.x or a jaeger 2.x binary, \
         or unset MILVUS_BENCH_JAEGER"
    )]
    Jaeger(PathBuf, String),
    /// The state file is not one that this program wrote.
    #[error("{} is damaged ({reason}), so the processes of the stack are unknown; stop milvus and \
             jaeger yourself and delete the file", path.display())]
    State {
        /// The state file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Another milvus-bench starts or stops the same stack or installs into the same cache.
    #[error("another milvus-bench works on {} and did not finish within {seconds} s; wait for it, \
             then try again", path.display())]
    Locked {
        /// The locked file.
        path: PathBuf,
        /// How long was waited.
        seconds: u64,
    },
    /// A process of the stack outlived SIGKILL.
    #[error(
        "{0} did not end within {1} s of SIGKILL; check it with ps, then run `milvus-bench stack \
         down` again"
    )]
    Unkillable(String, u64),
    /// A file or folder could not be read or written.
    #[error("cannot {action} {}: {reason}", path.display())]
    File {
        /// `create`, `read`, `write`, ...
        action: &'static str,
        /// Which file.
        path: PathBuf,
        /// The operating system's words.
        reason: String,
    },
}

impl StackError {
    /// `map_err` adapter of file operations.
    pub(super) fn file(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |error| StackError::File {
            action,
            path,
            reason: error.to_string(),
        }
    }
}
