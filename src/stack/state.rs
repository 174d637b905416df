//! What is kept about a stack on disk: the state file, its folder and the lock.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use super::process::Process;
use super::{Ports, StackError};

/// Version of the state file.
const FORMAT: u32 = 1;

/// `state.json`: written before a process begins and after each change, so it is never behind what
/// runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) format: u32,
    pub(super) ports: Ports,
    /// Whether Jaeger is part of the stack.
    pub(super) jaeger: bool,
    /// Path of Jaeger's health page on the admin port.
    pub(super) health_path: String,
    /// Where Milvus sends its spans, `host:port`.
    pub(super) otlp: String,
    pub(super) versions: BTreeMap<String, String>,
    pub(super) remarks: Vec<String>,
    pub(super) processes: Vec<Process>,
    /// Everything answered once.
    pub(super) ready: bool,
}

impl State {
    pub(super) fn new(ports: Ports, otlp: String) -> Self {
        Self {
            format: FORMAT,
            ports,
            jaeger: false,
            health_path: "/".to_owned(),
            otlp,
            versions: BTreeMap::new(),
            remarks: Vec::new(),
            processes: Vec::new(),
            ready: false,
        }
    }
}

/// The state file of the stack in `folder`.
pub(super) fn path(folder: &Path) -> PathBuf {
    folder.join("state.json")
}

/// Reads the state of the stack in `folder`; None when there is none.
pub(super) fn read(folder: &Path) -> Result<Option<State>, StackError> {
    let path = path(folder);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StackError::file("read", path)(error)),
    };
    match serde_json::from_slice::<State>(&bytes) {
        Ok(state) if state.format == FORMAT => Ok(Some(state)),
        Ok(state) => Err(StackError::State {
            path,
            reason: format!(
                "its format is {}, this program writes {FORMAT}",
                state.format
            ),
        }),
        Err(error) => Err(StackError::State {
            path,
            reason: error.to_string(),
        }),
    }
}

/// Replaces the state file as a whole: a reader sees the old one or the new one, never a part.
pub(super) fn write(folder: &Path, state: &State) -> Result<(), StackError> {
    let path = path(folder);
    let scratch = folder.join("state.json.new");
    let bytes = serde_json::to_vec_pretty(state).map_err(|error| StackError::File {
        action: "write",
        path: path.clone(),
        reason: error.to_string(),
    })?;
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&scratch)
        .map_err(StackError::file("create", &scratch))?;
    file.write_all(&bytes)
        .and_then(|()| file.sync_all())
        .map_err(StackError::file("write", &scratch))?;
    std::fs::rename(&scratch, &path).map_err(StackError::file("write", &path))
}

/// Forgets the stack in `folder`.
pub(super) fn remove(folder: &Path) -> Result<(), StackError> {
    let path = path(folder);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(StackError::file("delete", path)(error))
        }
        _ => Ok(()),
    }
}

/// Creates `folder` and its parents, new ones for this user alone.
pub(super) fn create_folder(folder: &Path) -> Result<(), StackError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(StackError::file("create", folder))
}

/// Deletes `folder` with all it holds; none is fine.
pub(super) fn delete_folder(folder: &Path) -> Result<(), StackError> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(StackError::file("delete", folder)(error))
        }
        _ => Ok(()),
    }
}

/// An exclusive lock, given back when dropped or when this program ends in any way. Programs
/// started meanwhile don't inherit it (the file is opened close-on-exec).
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits for the lock on `path` up to `longest`; `waiting` is called once if it is not free.
    pub(super) async fn take(
        path: &Path,
        longest: Duration,
        waiting: impl FnOnce(),
    ) -> Result<Self, StackError> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path);
        let file = file.map_err(StackError::file("create", path))?;
        let deadline = Instant::now() + longest;
        let mut waiting = Some(waiting);
        while let Err(error) = flock(&file, FlockOperation::NonBlockingLockExclusive) {
            if error != rustix::io::Errno::WOULDBLOCK {
                return Err(StackError::file("lock", path)(error.into()));
            }
            if Instant::now() >= deadline {
                return Err(StackError::Locked {
                    path: path.to_owned(),
                    seconds: longest.as_secs(),
                });
            }
            if let Some(waiting) = waiting.take() {
                waiting();
            }
            sleep(Duration::from_millis(50)).await;
        }
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> State {
        let mut state = State::new(Ports::default(), "127.0.0.1:4317".to_owned());
        state
            .versions
            .insert("milvus".to_owned(), "2.3.5".to_owned());
        state.processes.push(Process {
            name: "Milvus".to_owned(),
            pid: 4711,
            start_ticks: 99,
            boot: "b".to_owned(),
            mark: "m".to_owned(),
            since_unix_s: 1_795_000_000,
            address: "127.0.0.1:19530".to_owned(),
            log: PathBuf::from("/x/milvus.log"),
            ends_in_order: false,
        });
        state
    }

    #[test]
    fn a_written_state_reads_back_equal() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path()), Ok(None));
        write(folder.path(), &sample()).unwrap();
        assert_eq!(read(folder.path()), Ok(Some(sample())));
        remove(folder.path()).unwrap();
        remove(folder.path()).unwrap();
        assert_eq!(read(folder.path()), Ok(None));
    }

    fn check_damaged(content: &[u8], expected: &str) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(path(folder.path()), content).unwrap();
        let text = read(folder.path()).unwrap_err().to_string();
        assert!(
            text.contains("state.json is damaged") && text.contains(expected),
            "{text}"
        );
    }

    #[test]
    fn a_damaged_state_is_refused() {
        let whole = serde_json::to_vec(&sample()).unwrap();
        check_damaged(b"", "EOF");
        check_damaged(&whole[..whole.len() / 2], "EOF");
        check_damaged(b"{\"format\":1}", "missing field");
        check_damaged(b"\xff\xfe", "expected value");
        check_damaged(
            &serde_json::to_vec(&State {
                format: 2,
                ..sample()
            })
            .unwrap(),
            "its format is 2, this program writes 1",
        );
    }

    #[test]
    fn new_folders_are_private() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let made = folder.path().join("a/b");
        create_folder(&made).unwrap();
        create_folder(&made).unwrap();
        for path in [folder.path().join("a"), made] {
            assert_eq!(
                std::fs::metadata(path).unwrap().permissions().mode() & 0o777,
                0o700
            );
        }
    }

    #[tokio::test]
    async fn a_lock_is_held_by_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let first = Lock::take(&path, Duration::ZERO, || ()).await.unwrap();
        let mut waited = false;
        let error = Lock::take(&path, Duration::from_millis(1), || waited = true)
            .await
            .unwrap_err();
        assert!(
            error.to_string().contains("another milvus-bench works on"),
            "{error}"
        );
        assert!(waited);
        drop(first);
        // A child that another test forks at this moment holds the file until it becomes its
        // program.
        Lock::take(&path, Duration::from_secs(20), || ())
            .await
            .unwrap();
    }
}
