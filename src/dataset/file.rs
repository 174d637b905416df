//! A file of a data set before its format is known.
//!
//! Files are read by position, not memory-mapped: a file that is cut while it is read is an error,
//! not a crash.

use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use super::options::MAX_IN_MEMORY;

/// Bytes of a file that are looked at to find its format.
pub(super) const HEAD: usize = 4096;

/// What a format gets to see of a file or folder.
#[derive(Debug)]
pub(super) struct Beginning {
    pub(super) path: PathBuf,
    /// None of a folder.
    pub(super) file: Option<File>,
    /// Bytes; 0 of a folder.
    pub(super) size: u64,
    /// Its first bytes, at most [`HEAD`].
    pub(super) head: Vec<u8>,
    /// `format` of the data set, where it is given.
    pub(super) format: Option<&'static str>,
}

impl Beginning {
    /// Opens a regular file, or looks at a folder.
    ///
    /// # Errors
    /// In words that go on after its name.
    pub(super) fn of(path: &Path) -> Result<Self, String> {
        let missing = |error: std::io::Error| {
            format!("can't be opened: {error}; paths are relative to the scenario file")
        };
        // Looked at before it is opened, which waits for ever with a pipe.
        let kind = std::fs::metadata(path).map_err(missing)?;
        let mut found = Self {
            path: path.to_owned(),
            file: None,
            size: 0,
            head: Vec::new(),
            format: None,
        };
        if kind.is_dir() {
            return Ok(found);
        }
        if !kind.is_file() {
            return Err("is a pipe or a device and not a regular file".to_owned());
        }
        let file = File::open(path).map_err(missing)?;
        let about = file
            .metadata()
            .map_err(|error| format!("can't be read: {error}"))?;
        found.size = about.len();
        found.head = vec![0; about.len().min(HEAD as u64) as usize];
        file.read_exact_at(&mut found.head, 0)
            .map_err(|error| format!("can't be read: {error}"))?;
        found.file = Some(file);
        Ok(found)
    }

    /// The file.
    ///
    /// # Errors
    /// It is a folder.
    pub(super) fn file(&self) -> Result<&File, String> {
        self.file
            .as_ref()
            .ok_or_else(|| "is a folder and not a regular file".to_owned())
    }

    /// A file of its own to keep.
    ///
    /// # Errors
    /// It is a folder, or no more files can be opened.
    pub(super) fn keep(&self) -> Result<File, String> {
        self.file()?
            .try_clone()
            .map_err(|error| format!("can't be opened: {error}"))
    }

    /// Its first two words, as a header of most formats.
    pub(super) fn words(&self) -> Option<[u32; 2]> {
        let (words, _) = self.head.as_chunks();
        Some([
            u32::from_le_bytes(*words.first()?),
            u32::from_le_bytes(*words.get(1)?),
        ])
    }

    /// Extension of its name in lower case, empty if it has none; of the first rows of a larger
    /// file, which the big-ann-benchmarks name `base.1B.u8bin.crop_nb_10000000`, that of the file.
    pub(super) fn extension(&self) -> String {
        let of = |path: &Path| {
            let extension = path.extension().unwrap_or_default();
            extension.to_string_lossy().to_ascii_lowercase()
        };
        let last = of(&self.path);
        if last.starts_with("crop_nb_") {
            return of(&self.path.with_extension(""));
        }
        last
    }
}

/// Appends `length` bytes of `file` from `offset` on.
///
/// # Errors
/// It ends before, or can't be read.
pub(super) fn read_at(
    file: &File,
    offset: u64,
    length: u64,
    out: &mut Vec<u8>,
) -> std::io::Result<()> {
    let start = out.len();
    out.resize(start + length as usize, 0);
    file.read_exact_at(&mut out[start..], offset)
        .inspect_err(|_| out.truncate(start))
}

/// A failed read of rows, in words that go on after the name of the file.
pub(super) fn unreadable(row: u64, error: &std::io::Error) -> String {
    format!("can't be read at row {row} ({error}): it must not change during the run")
}

/// Reads a part of a header that says how long it is.
///
/// # Errors
/// In words that go on after the name of the file.
pub(super) fn header_at(file: &File, offset: u64, length: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    read_at(file, offset, length, &mut bytes)
        .map_err(|error| format!("can't be read at byte {offset}: {error}"))?;
    Ok(bytes)
}

/// Whether so much may be kept in memory.
///
/// # Errors
/// It is too much, in words that go on after the name of the file.
pub(super) fn check_memory(bytes: u128) -> Result<(), String> {
    if bytes <= u128::from(MAX_IN_MEMORY) {
        return Ok(());
    }
    Err(format!(
        "needs {bytes} bytes in memory, the limit is {MAX_IN_MEMORY} (1 GiB): use fewer queries"
    ))
}
