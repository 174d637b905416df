//! The run folder: its files, how it is created, how it is read again.

use std::{
    fs::File,
    io::{BufRead, BufReader, ErrorKind, Write},
    path::{Path, PathBuf},
    time::SystemTime,
};

use super::{
    FigureHistograms, FileInfo, RequestLine, RunInfo, SocketInterval,
    info::FORMAT,
    own_file::{open_regular, own_file, read_regular},
    read_histograms, read_sockets,
};

/// Why a run folder can't be made or read: one sentence with the path and the next step.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FolderError(pub String);

/// Paths within one run folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// The folder at `path`, which need not exist.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self {
            path: path.to_path_buf(),
        }
    }

    /// Makes `results/<name>-<UTC>-<4 hex>`.
    ///
    /// # Errors
    /// The folder can't be made.
    pub fn create_in(
        results: &Path,
        name: &str,
        now: SystemTime,
        tag: u16,
    ) -> Result<Self, FolderError> {
        let time = humantime::format_rfc3339_seconds(now)
            .to_string()
            .replace(['-', ':'], "");
        let folder = Self {
            path: results.join(format!("{name}-{time}-{tag:04x}")),
        };
        folder.make()?;
        Ok(folder)
    }

    /// Makes the folder at `path`, which must be absent or empty.
    ///
    /// # Errors
    /// It can't be made or holds something.
    pub fn create_at(path: &Path) -> Result<Self, FolderError> {
        let holds_something =
            std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some());
        if holds_something {
            return Err(FolderError(format!(
                "{} is not empty: give --out a new or empty folder",
                path.display()
            )));
        }
        let folder = Self::at(path);
        folder.make()?;
        Ok(folder)
    }

    fn make(&self) -> Result<(), FolderError> {
        std::fs::create_dir_all(&self.path).map_err(|error| {
            FolderError(format!(
                "the run folder {} can't be made: {error}; name another place with --out or \
                 --results",
                self.path.display()
            ))
        })?;
        // Found out now, not after the measurement.
        self.write("run.json", b"{}")
    }

    /// Lets `results/latest` point to it. A convenience: a file system without links does not end
    /// the run. Gives a sentence where something else has that name, which is left alone.
    #[must_use]
    pub fn point_latest(&self, results: &Path) -> Option<String> {
        let (link, name) = (
            results.join("latest"),
            self.path.file_name().unwrap_or_default(),
        );
        if let Ok(found) = std::fs::symlink_metadata(&link)
            && !found.is_symlink()
        {
            let what = if found.is_dir() { "a folder" } else { "a file" };
            return Some(format!(
                "{} is {what}, not the link to the newest run, so it was not replaced: use the \
                 name of this run's folder instead of the link",
                link.display()
            ));
        }
        let scratch = results.join(format!(".latest-{}", std::process::id()));
        if std::os::unix::fs::symlink(name, &scratch).is_ok()
            && std::fs::rename(&scratch, &link).is_err()
        {
            let _ = std::fs::remove_file(&scratch);
        }
        None
    }

    /// Writes the file `name`, replacing it as a whole. Where the disk is full, what is not needed
    /// any more gives way.
    ///
    /// # Errors
    /// The disk's error with the path.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), FolderError> {
        let path = self.file(name);
        let written = self.replace(name, bytes).or_else(|error| {
            if is_full(&error) && self.make_room() {
                self.replace(name, bytes)
            } else {
                Err(error)
            }
        });
        written.map_err(|error| match error.kind() {
            ErrorKind::PermissionDenied => FolderError(format!(
                "{} is not writable: {error}; name another place with --out or --results",
                path.display()
            )),
            _ => FolderError(format!("{} can't be written: {error}", path.display())),
        })
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> std::io::Result<()> {
        let (path, scratch) = (self.file(name), self.file(&format!(".{name}.new")));
        let write = || {
            let mut file = own_file(&scratch)?;
            file.write_all(bytes)?;
            file.sync_data()?;
            std::fs::rename(&scratch, &path)
        };
        // Half of a file is of no use, and in the way of others.
        write().inspect_err(|_| drop(std::fs::remove_file(&scratch)))
    }

    /// Sets a little of the disk aside for run.json and the reports: the files of a load may fill
    /// it. Left out where there is none.
    pub fn reserve(&self) {
        let reserved = || own_file(&self.file(RESERVE))?.write_all(&vec![b'\n'; RESERVED_BYTES]);
        if reserved().is_err() {
            self.release();
        }
    }

    /// Gives back what [`RunFolder::reserve`] set aside.
    pub fn release(&self) {
        // It may have been given back before.
        let _ = std::fs::remove_file(self.file(RESERVE));
    }

    /// Removes what a reading of spans that was broken off left, and the reserve. Says whether
    /// there was any.
    fn make_room(&self) -> bool {
        LEFTOVERS
            .into_iter()
            .filter(|name| std::fs::remove_file(self.file(name)).is_ok())
            .count()
            > 0
    }

    /// Writes `run.json`.
    ///
    /// # Errors
    /// The disk's error.
    pub fn write_info(&self, info: &RunInfo) -> Result<(), FolderError> {
        let text = serde_json::to_string_pretty(info)
            .map_err(|error| FolderError(format!("run.json can't be written: {error}")))?;
        self.write("run.json", &seal(&text))
    }

    /// Writes `run.json` while a phase runs, if that is possible: what was set aside for its last
    /// version is not touched. Says whether it was.
    #[must_use]
    pub fn refresh_info(&self, info: &RunInfo) -> bool {
        serde_json::to_string_pretty(info)
            .is_ok_and(|text| self.replace("run.json", &seal(&text)).is_ok())
    }

    /// Notes in `info` what the files are that reports are made of, now that they are complete.
    pub fn note_files(&self, info: &mut RunInfo) {
        CHECKED
            .into_iter()
            .for_each(|name| self.note_file(name, info));
    }

    /// The same for one of them, which was written anew.
    pub fn note_file(&self, name: &str, info: &mut RunInfo) {
        match self.look_at(name) {
            Ok(found) => info.files.insert(name.to_owned(), found),
            Err(_) => info.files.remove(name),
        };
    }

    fn look_at(&self, name: &str) -> std::io::Result<FileInfo> {
        let mut file = BufReader::with_capacity(1 << 18, open_regular(&self.file(name))?);
        let (mut bytes, mut crc) = (0, crc32fast::Hasher::new());
        loop {
            let read = file.fill_buf()?;
            if read.is_empty() {
                return Ok(FileInfo {
                    bytes,
                    crc32: format!("{:08x}", crc.finalize()),
                });
            }
            crc.update(read);
            let length = read.len();
            bytes += length as u64;
            file.consume(length);
        }
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Path of the file `name` within it.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

/// What is set aside of the disk while a load runs.
const RESERVE: &str = "reserve";
/// Its length: run.json and three reports.
const RESERVED_BYTES: usize = 1 << 20;
/// What gives way where the disk is full. Not what another process may be writing: a run has one.
const LEFTOVERS: [&str; 3] = ["spans.jsonl.part", "spans.jsonl.tmp", RESERVE];

/// Whether there is no room for more: on the disk, in somebody's share of it, or in a file.
fn is_full(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge
    )
}

/// What stands before the checksum that ends `run.json`.
const BEFORE_CHECKSUM: &str = ",\n  \"crc32\": \"";
/// What ends an object that was written on several lines.
const END: &str = "\n}";

/// The object `text` with the CRC-32 of all that stands before it as its last key.
fn seal(text: &str) -> Vec<u8> {
    let before = text.strip_suffix(END).expect("an object on several lines");
    format!(
        "{before}{BEFORE_CHECKSUM}{:08x}\"{END}\n",
        crc32fast::hash(before.as_bytes())
    )
    .into_bytes()
}

/// Whether `bytes`, which hold a run, are other than [`seal`] made them. Older versions wrote no
/// checksum.
fn is_changed(bytes: &[u8]) -> bool {
    let keys: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(bytes).unwrap_or_default();
    let text = str::from_utf8(bytes).unwrap_or_default();
    let sealed = text
        .rsplit_once(BEFORE_CHECKSUM)
        .is_some_and(|(before, _)| seal(&format!("{before}{END}")) == bytes);
    keys.contains_key("crc32") && !sealed
}

/// What a report says of a file that is not what it was.
fn changed_file(name: &str, found: &str) -> String {
    let again = if name == "spans.jsonl" {
        "fetch them again with `milvus-bench spans` while the trace back end has them"
    } else {
        "run again"
    };
    format!(
        "{name} {found}: results from it may be wrong; restore the original run folder, or {again}"
    )
}

/// Files that reports are made of, beside `run.json`.
const CHECKED: [&str; 4] = [
    "requests.jsonl",
    "latency.hlog",
    "connections.hlog",
    "spans.jsonl",
];

/// Bytes of a file up to which a list of runs looks at all of it.
const READ_FOR_LISTS: u64 = 4 << 20;

/// A run folder that is being read.
#[derive(Debug)]
pub struct RunReader {
    folder: RunFolder,
    info: RunInfo,
    /// Whether `run.json` is other than it was written.
    changed: bool,
}

impl RunReader {
    /// Reads `run.json` of the folder at `path`.
    ///
    /// # Errors
    /// There is no such folder, it holds no run, its format is of another version, or run.json is
    /// damaged.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        let folder = RunFolder::at(path);
        let file = folder.file("run.json");
        let text = read_regular(&file).map_err(|error| {
            FolderError(format!(
                "{} can't be read: {error}; give the folder of a run",
                file.display()
            ))
        })?;
        let info: RunInfo = serde_json::from_slice(&text).map_err(|error| {
            FolderError(format!(
                "{} is not a run of milvus-bench: {error}; restore the original run folder",
                file.display()
            ))
        })?;
        if info.format == 0 {
            let advice = "give the folder of a run";
            return Err(FolderError(format!(
                "{} is not a run of milvus-bench: it has no `format`; {advice}",
                file.display()
            )));
        }
        if info.format != FORMAT {
            let advice = "use the milvus-bench that wrote it";
            return Err(FolderError(format!(
                "{} has format {}, this version reads format {FORMAT}: {advice}",
                file.display(),
                info.format
            )));
        }
        Ok(Self {
            folder,
            info,
            changed: is_changed(&text),
        })
    }

    /// A reader of `folder` with `info`, for a run whose run.json could not be written.
    #[must_use]
    pub fn with_info(folder: &RunFolder, info: RunInfo) -> Self {
        Self {
            folder: folder.clone(),
            info,
            changed: false,
        }
    }

    /// `run.json`.
    #[must_use]
    pub fn info(&self) -> &RunInfo {
        &self.info
    }

    /// A sentence where `run.json` is not what it was when it was written.
    #[must_use]
    pub fn changed_info(&self) -> Option<String> {
        self.changed
            .then(|| changed_file("run.json", "was changed since it was written"))
    }

    /// A sentence where the file `name` is not what it was when the run was complete.
    #[must_use]
    pub fn changed_file(&self, name: &str) -> Option<String> {
        let written = self.info.files.get(name)?;
        let found = match self.folder.look_at(name) {
            Ok(found) if found == *written => return None,
            Ok(found) if found.bytes == written.bytes => {
                "was changed since the run was complete".to_owned()
            }
            Ok(found) => format!(
                "has {} bytes and had {} when the run was complete",
                found.bytes, written.bytes
            ),
            Err(_) => format!(
                "is missing or can't be read; it had {} bytes when the run was complete",
                written.bytes
            ),
        };
        Some(changed_file(name, &found))
    }

    /// Files that are not what they were: one sentence each.
    #[must_use]
    pub fn changed_files(&self) -> Vec<String> {
        self.changed_info()
            .into_iter()
            .chain(
                CHECKED
                    .into_iter()
                    .filter_map(|name| self.changed_file(name)),
            )
            .collect()
    }

    /// What is wrong with the folder's files, in a few words each, as far as it can be told without
    /// reading long ones.
    #[must_use]
    pub fn damage(&self) -> Vec<String> {
        // Without these there is no report, in runs of older versions neither.
        let needed = |name: &str| ["requests.jsonl", "latency.hlog"].contains(&name);
        let of = |name: &str| {
            let written = self.info.files.get(name);
            let length = open_regular(&self.folder.file(name))
                .and_then(|file| file.metadata())
                .map(|found| found.len());
            match (length, written) {
                (Err(_), None) => {
                    needed(name).then(|| format!("{name} is missing or can't be read"))
                }
                (Err(_), Some(_)) => Some(format!("{name} is missing or can't be read")),
                (Ok(length), Some(written)) if length != written.bytes => Some(format!(
                    "{name} has {length} bytes and had {}",
                    written.bytes
                )),
                (Ok(length), Some(written)) if length <= READ_FOR_LISTS => {
                    let is_other = self
                        .folder
                        .look_at(name)
                        .is_ok_and(|found| found != *written);
                    is_other.then(|| format!("{name} was changed"))
                }
                (Ok(_), _) => None,
            }
        };
        CHECKED.into_iter().filter_map(of).collect()
    }

    /// Paths of the folder's files.
    #[must_use]
    pub fn folder(&self) -> &RunFolder {
        &self.folder
    }

    /// The lines of `requests.jsonl`, in the order of their end.
    ///
    /// # Errors
    /// The file can't be opened.
    pub fn requests(&self) -> Result<RequestReader, FolderError> {
        let path = self.folder.file("requests.jsonl");
        let file = open_regular(&path).map_err(|error| {
            let advice = "no report can be made without it, so restore the original run folder";
            FolderError(format!(
                "{} can't be read: {error}; {advice}",
                path.display()
            ))
        })?;
        Ok(RequestReader {
            path,
            lines: BufReader::with_capacity(1 << 18, file),
            buffer: Vec::new(),
            number: 0,
        })
    }

    /// The merged histograms of `latency.hlog`.
    ///
    /// # Errors
    /// The file can't be opened, or is no interval log.
    pub fn histograms(&self) -> Result<FigureHistograms, FolderError> {
        read_histograms(
            &self.folder.file("latency.hlog"),
            self.info.cut.as_ref().map(|cut| cut.second),
        )
    }

    /// Hands every line of `connections.hlog` to `take`; gives what was wrong with the file, None
    /// where nothing was.
    ///
    /// # Errors
    /// The file can't be opened: runs of older versions have none.
    pub fn sockets(&self, take: impl FnMut(SocketInterval)) -> Result<Option<String>, FolderError> {
        read_sockets(&self.folder.file("connections.hlog"), take)
    }
}

/// Iterator over `requests.jsonl`. A line that can't be read is an error that names it; reading may
/// go on after it.
#[derive(Debug)]
pub struct RequestReader {
    path: PathBuf,
    lines: BufReader<File>,
    buffer: Vec<u8>,
    number: u64,
}

impl Iterator for RequestReader {
    type Item = Result<RequestLine, FolderError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.buffer.clear();
        self.number += 1;
        match self.lines.read_until(b'\n', &mut self.buffer) {
            Ok(0) => None,
            Ok(_) => Some(serde_json::from_slice(&self.buffer).map_err(|error| {
                FolderError(format!(
                    "line {} of {} is not a request: {error}",
                    self.number,
                    self.path.display()
                ))
            })),
            Err(error) => Some(Err(FolderError(format!(
                "{} can't be read: {error}",
                self.path.display()
            )))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_run_json_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.json");
        RunFolder::at(folder.path())
            .write_info(&RunInfo {
                format: FORMAT,
                ..RunInfo::default()
            })
            .unwrap();
        let changed = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            RunReader::open(folder.path()).unwrap().changed_files()
        };
        let written = std::fs::read(&path).unwrap();
        assert_eq!(changed(&written), Vec::<String>::new());
        let mut info: serde_json::Value = serde_json::from_slice(&written).unwrap();
        assert!(
            changed(&serde_json::to_vec(&info).unwrap())[0].starts_with("run.json was changed"),
            "written anew"
        );
        info["crc32"] = serde_json::Value::Null;
        assert_eq!(
            changed(&serde_json::to_vec_pretty(&info).unwrap()).len(),
            1,
            "no older version wrote this"
        );
        info.as_object_mut().unwrap().remove("crc32").unwrap();
        assert_eq!(
            changed(&serde_json::to_vec_pretty(&info).unwrap()),
            Vec::<String>::new(),
            "as older versions wrote it"
        );
    }

    #[test]
    fn lost_spans_can_be_fetched_again_and_nothing_else_can() {
        let folder = tempfile::tempdir().unwrap();
        let mut info = RunInfo {
            format: FORMAT,
            ..RunInfo::default()
        };
        for name in CHECKED {
            std::fs::write(folder.path().join(name), name).unwrap();
            RunFolder::at(folder.path()).note_file(name, &mut info);
        }
        RunFolder::at(folder.path()).write_info(&info).unwrap();
        let reader = RunReader::open(folder.path()).unwrap();
        assert_eq!(
            (reader.changed_files(), reader.damage()),
            (Vec::new(), Vec::new())
        );
        for name in CHECKED {
            std::fs::remove_file(folder.path().join(name)).unwrap();
        }
        let of_spans = reader
            .changed_files()
            .into_iter()
            .filter(|found| found.contains("`milvus-bench spans`"))
            .collect::<Vec<_>>();
        assert!(
            of_spans.len() == 1 && of_spans[0].starts_with("spans.jsonl is missing"),
            "{of_spans:?}"
        );
        assert_eq!(reader.damage().len(), CHECKED.len());
    }

    #[test]
    fn files_elsewhere_are_not_looked_at() {
        let folder = tempfile::tempdir().unwrap();
        let mut info = RunInfo {
            format: FORMAT,
            ..RunInfo::default()
        };
        info.files
            .insert("run.json".to_owned(), FileInfo::default());
        RunFolder::at(folder.path()).write_info(&info).unwrap();
        assert_eq!(
            RunReader::open(folder.path()).unwrap().changed_files(),
            Vec::<String>::new()
        );
    }
}
