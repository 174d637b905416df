//! `format = "fbin"`: files of the big-ann-benchmarks.
//!
//! Vectors: u32 n, u32 dim, then n * dim f32. Everything is little-endian. The rows stay in their
//! file and are read by position; queries and truth are kept in memory. Files that are something
//! else are named as what they are ([`super::kind`]).

use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    Dataset, DatasetEntry, DatasetError, DatasetOptions, MAX_DIM, MAX_IN_MEMORY, OpenError, Truth,
    ibin, kind,
};

pub(super) const ENTRY: DatasetEntry = DatasetEntry {
    name: "fbin",
    summary: "files of the big-ann-benchmarks: base and queries as fbin, true neighbours as ibin",
    open,
};

/// Bytes before the first value: two u32.
pub(super) const HEADER: u64 = 8;
/// Bytes of rows up to which all of them are looked at before the run: more would take seconds.
const LOOKED_AT: u64 = 256 << 20;
/// Rows that are looked at in one go.
const ROWS_LOOKED_AT: u64 = 1024;

#[derive(Debug)]
struct Fbin {
    base: Option<VectorFile>,
    dim: u32,
    queries: Vec<u8>,
    truth: Option<Truth>,
}

/// A file whose header fits its size.
#[derive(Debug)]
struct VectorFile {
    file: File,
    /// For messages: `base of [data.glove] (path)`.
    label: String,
    count: u64,
    dim: u32,
}

impl Dataset for Fbin {
    fn rows(&self) -> u64 {
        self.base.as_ref().map_or(0, |base| base.count)
    }

    fn dim(&self) -> u32 {
        self.dim
    }

    fn queries(&self) -> u64 {
        self.queries.len() as u64 / (4 * u64::from(self.dim))
    }

    fn read_rows(&self, first: u64, count: u64, out: &mut Vec<u8>) -> Result<(), DatasetError> {
        let base = self.base.as_ref().ok_or_else(|| {
            DatasetError("the data set has queries only, no rows: give it a base file".into())
        })?;
        base.read(first, count, out)
    }

    fn query(&self, index: u64) -> &[u8] {
        let row = 4 * self.dim as usize;
        let start = index as usize * row;
        &self.queries[start..start + row]
    }

    fn truth(&self) -> Option<&Truth> {
        self.truth.as_ref()
    }
}

impl VectorFile {
    fn open(key: &'static str, path: &Path, options: &DatasetOptions) -> Result<Self, OpenError> {
        let Opened {
            file, size, head, ..
        } = open_file(key, path)?;
        let refuse = |story: String| Err(OpenError::of_file(key, path, &story));
        let label = format!("{key} of [data.{}] ({})", options.name, path.display());
        let Some(header @ [count, dim]) = header(&head) else {
            return refuse(kind::by_first_bytes(&head).unwrap_or_else(|| too_short(size)));
        };
        let expected = u128::from(HEADER) + u128::from(count) * u128::from(dim) * 4;
        if u128::from(size) != expected || !(1..=MAX_DIM).contains(&dim) {
            let known = kind::by_first_bytes(&head).or_else(|| {
                kind::Layout {
                    file: &file,
                    size,
                    header,
                }
                .of_vectors()
            });
            return refuse(known.unwrap_or_else(|| misfit(size, header, expected)));
        }
        if count == 0 {
            return refuse(format!(
                "has no vectors: its header says n = 0 (dimension {dim}), which must be at least 1"
            ));
        }
        let values = &head[HEADER as usize..];
        if kind::are_integers(&values[..values.len().min(4 * dim as usize)]) {
            return refuse(
                "holds whole numbers (i32) and no 32-bit floats: row ids are the `truth` of a \
                 data set"
                    .to_owned(),
            );
        }
        Ok(Self {
            file,
            label,
            count: u64::from(count),
            dim,
        })
    }

    /// Reads all rows once, where they are not too many.
    fn look_at_all(&self, key: &'static str) -> Result<(), OpenError> {
        if self.count * 4 * u64::from(self.dim) > LOOKED_AT {
            return Ok(());
        }
        let mut rows = Vec::new();
        for first in (0..self.count).step_by(ROWS_LOOKED_AT as usize) {
            rows.clear();
            self.read(first, ROWS_LOOKED_AT.min(self.count - first), &mut rows)
                .map_err(|error| OpenError::named(key, &error.0))?;
        }
        Ok(())
    }

    fn read(&self, first: u64, count: u64, out: &mut Vec<u8>) -> Result<(), DatasetError> {
        if first.checked_add(count).is_none_or(|end| end > self.count) {
            return Err(DatasetError(format!(
                "{} has {} rows, but {count} from row {first} on were requested",
                self.label, self.count
            )));
        }
        let row = 4 * u64::from(self.dim);
        let start = out.len();
        out.resize(start + (count * row) as usize, 0);
        self.file
            .read_exact_at(&mut out[start..], HEADER + first * row)
            .map_err(|error| {
                out.truncate(start);
                DatasetError(format!(
                    "{} can't be read at row {first} ({error}): it must not change during the run",
                    self.label
                ))
            })?;
        match first_not_finite(&out[start..]) {
            None => Ok(()),
            Some(at) => {
                out.truncate(start);
                let vector = first + at as u64 / u64::from(self.dim);
                Err(DatasetError(format!(
                    "{} holds NaN or infinity in vector {vector}: every value must be a finite \
                     number",
                    self.label
                )))
            }
        }
    }

    fn read_all(&self, key: &'static str) -> Result<Vec<u8>, OpenError> {
        let fault = |message: String| OpenError::named(key, &message);
        check_memory(&self.label, self.count * 4 * u64::from(self.dim)).map_err(fault)?;
        let mut out = Vec::new();
        self.read(0, self.count, &mut out)
            .map_err(|DatasetError(message)| fault(message))?;
        Ok(out)
    }
}

/// A file with its beginning.
pub(super) struct Opened {
    pub(super) file: File,
    pub(super) size: u64,
    /// Its first bytes, at most [`kind::HEAD`].
    pub(super) head: Vec<u8>,
}

pub(super) fn open_file(key: &'static str, path: &Path) -> Result<Opened, OpenError> {
    let refuse = |story: String| OpenError::of_file(key, path, &story);
    let missing = |error: std::io::Error| {
        refuse(format!(
            "can't be opened: {error}; paths are relative to the scenario file"
        ))
    };
    // Looked at before it is opened, which waits for ever with a pipe.
    let kind = std::fs::metadata(path).map_err(missing)?;
    if !kind.is_file() {
        return Err(refuse(format!(
            "is {} and not a regular file",
            if kind.is_dir() {
                "a folder"
            } else {
                "a pipe or a device"
            }
        )));
    }
    let file = File::open(path).map_err(missing)?;
    let about = file
        .metadata()
        .map_err(|error| refuse(format!("can't be read: {error}")))?;
    let mut head = vec![0; about.len().min(kind::HEAD as u64) as usize];
    file.read_exact_at(&mut head, 0)
        .map_err(|error| refuse(format!("can't be read: {error}")))?;
    Ok(Opened {
        file,
        size: about.len(),
        head,
    })
}

/// The two words of a header.
pub(super) fn header(head: &[u8]) -> Option<[u32; 2]> {
    let (words, _) = head.as_chunks();
    Some([
        u32::from_le_bytes(*words.first()?),
        u32::from_le_bytes(*words.get(1)?),
    ])
}

pub(super) fn too_short(size: u64) -> String {
    if size == 0 {
        "is empty (0 bytes)".to_owned()
    } else {
        format!("has {size} bytes, a header alone has {HEADER}")
    }
}

/// A file that fits nothing that is known.
fn misfit(size: u64, [count, dim]: [u32; 2], expected: u128) -> String {
    if !(1..=MAX_DIM).contains(&dim) {
        return format!(
            "has dimension {dim} in its header, expected 1 to {MAX_DIM}: is it an fbin file?"
        );
    }
    let there = (size - HEADER) / (4 * u64::from(dim));
    let story = match there {
        0 => "it ends after its header, without any vector".to_owned(),
        there if there < u64::from(count) => {
            format!("it is truncated ({there} of them are present), or its header is wrong")
        }
        there => {
            format!(
                "it continues after them ({there} are present), so the header or the file is wrong"
            )
        }
    };
    format!(
        "has {size} bytes, but its header ({count} vectors of dimension {dim}) asks for \
         {expected}: {story}"
    )
}

pub(super) fn check_memory(label: &str, bytes: u64) -> Result<(), String> {
    if bytes <= MAX_IN_MEMORY {
        return Ok(());
    }
    Err(format!(
        "{label} needs {bytes} bytes in memory, the limit is {MAX_IN_MEMORY} (1 GiB): use fewer \
         queries"
    ))
}

fn open(options: &DatasetOptions) -> Result<Arc<dyn Dataset>, OpenError> {
    refuse_foreign_keys(options)?;
    let open = |key, path: &Option<PathBuf>| {
        path.as_ref()
            .map(|path| VectorFile::open(key, path, options))
            .transpose()
    };
    let (base, queries) = (
        open("base", &options.base)?,
        open("queries", &options.queries)?,
    );
    let Some(dim) = base.as_ref().or(queries.as_ref()).map(|file| file.dim) else {
        return Err(OpenError {
            key: "",
            message: "has format fbin and no file: give it base, queries or both".to_owned(),
        });
    };
    if let (Some(base), Some(queries)) = (&base, &queries)
        && base.dim != queries.dim
    {
        let message = format!(
            "{} has dimension {}, {} has {}: they must be the same",
            queries.label, queries.dim, base.label, base.dim
        );
        return Err(OpenError::named("queries", &message));
    }
    let query_count = queries.as_ref().map_or(0, |queries| queries.count);
    let truth = match &options.truth {
        Some(path) => Some(ibin::read_truth(
            path,
            query_count,
            base.as_ref().map(|base| base.count),
        )?),
        None => None,
    };
    let bytes = queries
        .as_ref()
        .map(|queries| queries.read_all("queries"))
        .transpose()?
        .unwrap_or_default();
    base.as_ref()
        .map(|base| base.look_at_all("base"))
        .transpose()?;
    Ok(Arc::new(Fbin {
        base,
        dim,
        queries: bytes,
        truth,
    }))
}

/// Keys of other formats would be ignored without a word otherwise.
fn refuse_foreign_keys(options: &DatasetOptions) -> Result<(), OpenError> {
    let given = [
        ("rows", options.rows.is_some()),
        ("dim", options.dim.is_some()),
        ("distribution", options.distribution.is_some()),
    ];
    match given.into_iter().find(|(_, given)| *given) {
        Some((key, _)) => Err(OpenError {
            key,
            message: "is not a key of format fbin, which has base, queries and truth".to_owned(),
        }),
        None if options.query_count.is_some() => Err(OpenError {
            key: "queries",
            message: "is a number, format fbin takes the path of a file".to_owned(),
        }),
        None => Ok(()),
    }
}

/// Index of the first f32 that is NaN or infinite.
pub(super) fn first_not_finite(bytes: &[u8]) -> Option<usize> {
    let is_bad = |value: &[u8; 4]| !f32::from_le_bytes(*value).is_finite();
    let values = bytes.as_chunks().0;
    // All of them first: without a way out it is done many at a time, and rows are read for every
    // insert.
    if values.iter().fold(false, |bad, value| bad | is_bad(value)) {
        values.iter().position(is_bad)
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
