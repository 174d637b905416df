//! A file on its way: what was received, its sum so far, and what the server called its version.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io::{Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::fs::{FlockOperation, flock};
use sha2::{Digest, Sha256};

use super::error::FetchTrouble;

/// Time between two looks at a file that another process has locked.
const LOOK: Duration = Duration::from_millis(100);
/// Bytes that are read at once.
const CHUNK: usize = 1 << 20;
/// Longest version of a server that is kept.
const MAX_VERSION: usize = 1024;

/// The beginning of a file, locked until it is dropped or this process ends in any way.
#[derive(Debug)]
pub(super) struct Part {
    path: PathBuf,
    file: File,
    length: u64,
    sum: Sha256,
    /// ETag, or time of the last change, of the file that it is the beginning of; may be empty.
    version: String,
}

fn fault(path: &Path) -> impl Fn(std::io::Error) -> FetchTrouble {
    move |error| FetchTrouble::File {
        path: path.to_owned(),
        why: error.to_string(),
    }
}

/// The name of `path` with `ending` after it.
fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

impl Part {
    /// The part of the file that is to be at `whole`, once no other process works on it; None where
    /// that one has fetched it. `waiting` is called once if there is another one.
    pub(super) async fn open(
        whole: &Path,
        waiting: impl FnOnce(),
    ) -> Result<Option<Self>, FetchTrouble> {
        if let Some(folder) = whole.parent() {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
            made.map_err(fault(folder))?;
        }
        let path = with_ending(whole, ".part");
        let fault = fault(&path);
        let mut waiting = Some(waiting);
        let file = loop {
            let file = OpenOptions::new()
                .read(true)
                .append(true)
                .create(true)
                .mode(0o600)
                .open(&path)
                .map_err(&fault)?;
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) if is_at(&file, &path) => break file,
                // It was finished or removed between opening and locking.
                Ok(()) => {}
                Err(rustix::io::Errno::WOULDBLOCK) => {
                    waiting.take().into_iter().for_each(|waiting| waiting());
                    tokio::time::sleep(LOOK).await;
                }
                Err(error) => return Err(fault(error.into())),
            }
        };
        let mut part = Self {
            version: version(&path),
            path: path.clone(),
            file,
            length: 0,
            sum: Sha256::new(),
        };
        if whole.is_file() {
            part.remove();
            return Ok(None);
        }
        part.take_in()?;
        Ok(Some(part))
    }

    /// Bytes that are there.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// What the server called the file when it was begun; may be empty.
    pub(super) fn version(&self) -> &str {
        &self.version
    }

    /// SHA-256 of what is there, in hexadecimal digits.
    pub(super) fn sum(&self) -> String {
        let sum = self.sum.clone().finalize();
        sum.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Forgets what is there, for a file that the server calls `version`.
    pub(super) fn restart(&mut self, version: &str) -> Result<(), FetchTrouble> {
        self.file.set_len(0).map_err(fault(&self.path))?;
        self.length = 0;
        self.sum = Sha256::new();
        self.version = version.chars().take(MAX_VERSION).collect();
        let beside = beside(&self.path);
        std::fs::write(&beside, &self.version).map_err(fault(&beside))
    }

    /// Appends what was received.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), FetchTrouble> {
        let written = self.file.write_all(bytes);
        if let Err(error) = written {
            // Half of it may be there, which a later try takes in.
            return Err(fault(&self.path)(error));
        }
        self.sum.update(bytes);
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Whether so many more bytes fit on the disk.
    pub(super) fn check_room(&self, bytes: u64) -> Result<(), FetchTrouble> {
        let Ok(disk) = rustix::fs::fstatvfs(&self.file) else {
            return Ok(());
        };
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        match bytes.checked_sub(free) {
            None | Some(0) => Ok(()),
            Some(missing) => Err(FetchTrouble::NoRoom {
                path: self.path.parent().unwrap_or(&self.path).to_owned(),
                missing,
            }),
        }
    }

    /// Gives it its name. It is on the disk before that.
    pub(super) fn finish(self, whole: &Path) -> Result<(), FetchTrouble> {
        self.file.sync_all().map_err(fault(&self.path))?;
        std::fs::rename(&self.path, whole).map_err(fault(whole))?;
        let _ = std::fs::remove_file(beside(&self.path));
        Ok(())
    }

    /// Removes it, while it is locked: who waits for it begins a new one.
    pub(super) fn remove(self) {
        let _ = std::fs::remove_file(beside(&self.path));
        let _ = std::fs::remove_file(&self.path);
    }

    /// Adds up what an earlier try left.
    fn take_in(&mut self) -> Result<(), FetchTrouble> {
        let mut chunk = vec![0; CHUNK];
        loop {
            let read = self.file.read(&mut chunk).map_err(fault(&self.path))?;
            if read == 0 {
                return Ok(());
            }
            self.sum.update(&chunk[..read]);
            self.length += read as u64;
        }
    }
}

/// The file that keeps the version of `part`.
fn beside(part: &Path) -> PathBuf {
    with_ending(part, ".version")
}

fn version(part: &Path) -> String {
    let mut text = String::new();
    let read = File::open(beside(part))
        .and_then(|file| file.take(4 * MAX_VERSION as u64).read_to_string(&mut text));
    read.map_or_else(|_| String::new(), |_| text)
}

/// Whether `file` is what `path` leads to.
fn is_at(file: &File, path: &Path) -> bool {
    let (Ok(own), Ok(there)) = (file.metadata(), std::fs::metadata(path)) else {
        return false;
    };
    (own.dev(), own.ino()) == (there.dev(), there.ino())
}
