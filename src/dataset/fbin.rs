//! `format = "fbin"`: files of the big-ann-benchmarks.
//!
//! Vectors: u32 n, u32 dim, then n * dim f32. Truth (`.ibin`): u32 queries, u32 k, then queries * k i32 row ids, then
//! queries * k f32 distances. Everything is little-endian. The rows stay in their file and are read by position; queries
//! and truth are kept in memory.

use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{Dataset, DatasetEntry, DatasetError, DatasetOptions, MAX_DIM, MAX_IN_MEMORY, Truth};

pub(super) const ENTRY: DatasetEntry =
    DatasetEntry { name: "fbin", summary: "files of the big-ann-benchmarks: base and queries as fbin, true neighbours as ibin", open };

/// Bytes before the first value: two u32.
const HEADER: u64 = 8;

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
        let base = self.base.as_ref().ok_or_else(|| DatasetError("the data set has queries only, no rows: give it a base file".into()))?;
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
    fn open(key: &str, path: &Path, options: &DatasetOptions) -> Result<Self, DatasetError> {
        let (file, label, [count, dim], size) = open_file(key, path, options)?;
        if count == 0 {
            return Err(DatasetError(format!("{label} has no vectors: its header says n = 0, which must be at least 1")));
        }
        if !(1..=MAX_DIM).contains(&dim) {
            return Err(DatasetError(format!("{label} has dimension {dim} in its header, allowed is 1 to {MAX_DIM}: is it an fbin file?")));
        }
        let expected = u128::from(HEADER) + u128::from(count) * u128::from(dim) * 4;
        check_size(&label, size, expected, &format!("{count} vectors of dimension {dim}"))?;
        Ok(Self { file, label, count: u64::from(count), dim })
    }

    fn read(&self, first: u64, count: u64, out: &mut Vec<u8>) -> Result<(), DatasetError> {
        if first.checked_add(count).is_none_or(|end| end > self.count) {
            return Err(DatasetError(format!("{} has {} rows, asked were {count} from row {first} on", self.label, self.count)));
        }
        let row = 4 * u64::from(self.dim);
        let start = out.len();
        out.resize(start + (count * row) as usize, 0);
        self.file.read_exact_at(&mut out[start..], HEADER + first * row).map_err(|error| {
            out.truncate(start);
            DatasetError(format!("{} can't be read at row {first} ({error}): it must not change while it is used", self.label))
        })?;
        match first_not_finite(&out[start..]) {
            None => Ok(()),
            Some(at) => {
                out.truncate(start);
                let vector = first + at as u64 / u64::from(self.dim);
                Err(DatasetError(format!("{} holds NaN or infinity in vector {vector}: every value must be a finite number", self.label)))
            }
        }
    }

    fn read_all(&self) -> Result<Vec<u8>, DatasetError> {
        check_memory(&self.label, self.count * 4 * u64::from(self.dim))?;
        let mut out = Vec::new();
        self.read(0, self.count, &mut out)?;
        Ok(out)
    }
}

/// Opens the file and reads its two header words and its size.
fn open_file(key: &str, path: &Path, options: &DatasetOptions) -> Result<(File, String, [u32; 2], u64), DatasetError> {
    let label = format!("{key} of [data.{}] ({})", options.name, path.display());
    let file = File::open(path)
        .map_err(|error| DatasetError(format!("{label} can't be opened: {error}; paths are relative to the scenario file")))?;
    let about = file.metadata().map_err(|error| DatasetError(format!("{label} can't be read: {error}")))?;
    if !about.is_file() {
        return Err(DatasetError(format!("{label} is not a regular file")));
    }
    let mut header = [0; HEADER as usize];
    file.read_exact_at(&mut header, 0)
        .map_err(|error| DatasetError(format!("{label} has {} bytes, a header alone has {HEADER}: {error}", about.len())))?;
    let [a, b, c, d, e, f, g, h] = header;
    Ok((file, label, [u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h])], about.len()))
}

fn check_size(label: &str, found: u64, expected: u128, what: &str) -> Result<(), DatasetError> {
    if u128::from(found) == expected {
        return Ok(());
    }
    let story = if u128::from(found) < expected { "it is cut off, or not in this format" } else { "it is not in this format" };
    Err(DatasetError(format!("{label} has {found} bytes, but its header ({what}) asks for {expected}: {story}")))
}

fn check_memory(label: &str, bytes: u64) -> Result<(), DatasetError> {
    if bytes <= MAX_IN_MEMORY {
        return Ok(());
    }
    Err(DatasetError(format!("{label} needs {bytes} bytes in memory, allowed are {MAX_IN_MEMORY} (1 GiB): use fewer queries")))
}

fn open(options: &DatasetOptions) -> Result<Arc<dyn Dataset>, DatasetError> {
    refuse_foreign_keys(options)?;
    let open = |key: &str, path: &Option<PathBuf>| path.as_ref().map(|path| VectorFile::open(key, path, options)).transpose();
    let (base, queries) = (open("base", &options.base)?, open("queries", &options.queries)?);
    let Some(dim) = base.as_ref().or(queries.as_ref()).map(|file| file.dim) else {
        return Err(DatasetError(format!("[data.{}] has format fbin and no file: give it base, queries or both", options.name)));
    };
    if let (Some(base), Some(queries)) = (&base, &queries)
        && base.dim != queries.dim
    {
        return Err(DatasetError(format!(
            "{} has dimension {}, {} has {}: they must be the same",
            queries.label, queries.dim, base.label, base.dim
        )));
    }
    let query_count = queries.as_ref().map_or(0, |queries| queries.count);
    let truth = match &options.truth {
        Some(path) => Some(read_truth(path, options, query_count, base.as_ref().map(|base| base.count))?),
        None => None,
    };
    let bytes = queries.as_ref().map(VectorFile::read_all).transpose()?.unwrap_or_default();
    Ok(Arc::new(Fbin { base, dim, queries: bytes, truth }))
}

/// Keys of other formats would be ignored without a word otherwise.
fn refuse_foreign_keys(options: &DatasetOptions) -> Result<(), DatasetError> {
    let given = [("rows", options.rows.is_some()), ("dim", options.dim.is_some()), ("distribution", options.distribution.is_some())];
    match given.iter().find(|(_, given)| *given) {
        Some((key, _)) => {
            Err(DatasetError(format!("{key} of [data.{}] is not a key of format fbin, which has base, queries and truth", options.name)))
        }
        None if options.query_count.is_some() => {
            Err(DatasetError(format!("queries of [data.{}] is a number, format fbin takes the path of a file", options.name)))
        }
        None => Ok(()),
    }
}

/// Index of the first f32 that is NaN or infinite.
fn first_not_finite(bytes: &[u8]) -> Option<usize> {
    let is_bad = |value: &[u8; 4]| !f32::from_le_bytes(*value).is_finite();
    let values = bytes.as_chunks().0;
    // All of them first: without a way out it is done many at a time, and rows are read for every insert.
    if values.iter().fold(false, |bad, value| bad | is_bad(value)) { values.iter().position(is_bad) } else { None }
}

fn read_truth(path: &Path, options: &DatasetOptions, queries: u64, rows: Option<u64>) -> Result<Truth, DatasetError> {
    let (file, label, [count, k], size) = open_file("truth", path, options)?;
    if u64::from(count) != queries {
        return Err(DatasetError(format!(
            "{label} has the neighbours of {count} queries, the data set has {queries} queries: they must be as many"
        )));
    }
    if k == 0 {
        return Err(DatasetError(format!("{label} has k = 0 in its header, which must be at least 1")));
    }
    let expected = u128::from(HEADER) + u128::from(count) * u128::from(k) * 8;
    check_size(&label, size, expected, &format!("{count} queries, k = {k}, an i32 id and an f32 distance each"))?;
    check_memory(&label, size)?;
    let mut bytes = vec![0; (size - HEADER) as usize];
    file.read_exact_at(&mut bytes, HEADER).map_err(|error| DatasetError(format!("{label} can't be read: {error}")))?;
    let (ids, distances) = bytes.split_at(bytes.len() / 2);
    let ids: Vec<i64> = ids.as_chunks().0.iter().map(|id| i64::from(i32::from_le_bytes(*id))).collect();
    let allowed = 0..rows.map_or(i64::MAX, |rows| rows as i64);
    if let Some(id) = ids.iter().find(|id| !allowed.contains(*id)) {
        let rows = rows.map_or("any number of".into(), |rows| rows.to_string());
        return Err(DatasetError(format!(
            "{label} names row {id}, the data set has {rows} rows numbered from 0: is it the truth of another base?"
        )));
    }
    if first_not_finite(distances).is_some() {
        return Err(DatasetError(format!("{label} holds NaN or infinity among its distances: every one must be a finite number")));
    }
    let distances = distances.as_chunks().0.iter().map(|value| f32::from_le_bytes(*value)).collect();
    Ok(Truth { k: k as usize, ids, distances })
}

#[cfg(test)]
mod tests;
