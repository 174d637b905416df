//! `spans.jsonl`: OTLP JSON lines, one trace a line, that a collector or Jaeger's UI can load.
//!
//! The encoding of one line is in `read` and `write`; here is the file: replaced versions,
//! truncation, grouping.

pub(in crate::spans) mod read;
#[cfg(test)]
mod tests;
mod write;

use std::collections::{HashMap, HashSet, VecDeque};
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::spans::span::{ServerSpan, Trace};

/// A line longer than this is left out: no trace is near it.
const MAX_LINE: u64 = 256 << 20;

/// Writes `spans.jsonl`.
///
/// Lines go to `spans.jsonl.part` as traces come; of each only the place of its newest version is
/// kept in memory. [`SpanWriter::finish`] gives the file its name, after leaving out replaced
/// versions, so the file never holds a span twice.
#[derive(Debug)]
pub struct SpanWriter {
    path: PathBuf,
    part: PathBuf,
    file: BufWriter<File>,
    end: u64,
    newest: HashMap<u128, Place>,
    replaced: bool,
    buffer: Vec<u8>,
    open: OpenNew,
    finished: bool,
}

/// How a file is made anew, for writing and reading: whatever stands at its place must not be
/// written through.
pub type OpenNew = fn(&Path) -> io::Result<File>;

#[derive(Clone, Copy, Debug)]
struct Place {
    offset: u64,
    length: u64,
}

impl SpanWriter {
    /// A writer of the file `path`, which is replaced by [`SpanWriter::finish`] and untouched until
    /// then. A writer that is dropped before leaves nothing behind.
    ///
    /// # Errors
    /// `path` with `.part` appended can't be created by `open`.
    pub fn create(path: &Path, open: OpenNew) -> io::Result<Self> {
        let part = with_suffix(path, ".part");
        let file = open(&part)?;
        Ok(Self {
            path: path.to_owned(),
            part,
            file: BufWriter::new(file),
            end: 0,
            newest: HashMap::new(),
            replaced: false,
            buffer: Vec::new(),
            open,
            finished: false,
        })
    }

    /// Appends `trace`, which replaces an earlier one with its id. A trace without spans is not
    /// written.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn write(&mut self, trace: &Trace) -> io::Result<()> {
        if trace.spans.is_empty() {
            return Ok(());
        }
        self.buffer.clear();
        write::write(&trace.spans, &mut self.buffer)?;
        self.buffer.push(b'\n');
        self.file.write_all(&self.buffer)?;
        let length = self.buffer.len() as u64;
        self.replaced |= self
            .newest
            .insert(
                trace.trace_id,
                Place {
                    offset: self.end,
                    length,
                },
            )
            .is_some();
        self.end += length;
        Ok(())
    }

    /// Leaves out replaced versions and gives the file its name.
    ///
    /// # Errors
    /// The file can't be written or renamed.
    pub fn finish(mut self) -> io::Result<()> {
        self.file.flush()?;
        if self.replaced {
            self.compact()?;
        }
        std::fs::rename(&self.part, &self.path)?;
        self.finished = true;
        Ok(())
    }

    fn compact(&mut self) -> io::Result<()> {
        let target = with_suffix(&self.path, ".tmp");
        let mut file = BufWriter::new((self.open)(&target)?);
        let mut places: Vec<Place> = self.newest.values().copied().collect();
        places.sort_by_key(|place| place.offset);
        for place in places {
            self.buffer
                .resize(usize::try_from(place.length).map_err(io::Error::other)?, 0);
            self.file
                .get_ref()
                .read_exact_at(&mut self.buffer, place.offset)?;
            file.write_all(&self.buffer)?;
        }
        file.flush()?;
        std::fs::rename(&target, &self.part)
    }
}

impl Drop for SpanWriter {
    fn drop(&mut self) {
        if !self.finished {
            // Where the disk is full, others need the room.
            let _ = std::fs::remove_file(&self.part);
            let _ = std::fs::remove_file(with_suffix(&self.path, ".tmp"));
        }
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Why `spans.jsonl` can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SpanFileError(pub String);

/// Reads `spans.jsonl`, trace by trace. A line of another writer may hold several traces, and a
/// trace may be spread over several lines ([`read_all`] groups them). A line that can't be read
/// costs itself: it is an error, and the next one follows.
pub struct SpanReader {
    input: Box<dyn BufRead + Send>,
    name: String,
    line: u64,
    longest: u64,
    buffer: Vec<u8>,
    ready: VecDeque<Trace>,
    truncated: bool,
    ended: bool,
}

impl SpanReader {
    /// A reader of the file `path`.
    ///
    /// # Errors
    /// The file can't be opened.
    pub fn open(path: &Path) -> Result<Self, SpanFileError> {
        let regular = match std::fs::metadata(path) {
            // A pipe would be waited for, and a device may have no end.
            Ok(found) if !found.is_file() => Err(std::io::Error::other("it is not a regular file")),
            found => found.map(|_| ()),
        };
        let file = regular.and_then(|()| File::open(path)).map_err(|error| {
            SpanFileError(format!(
                "{} can't be opened ({error}): fetch it again with `milvus-bench spans`",
                path.display()
            ))
        })?;
        // Without the path: what is said of a line stands in reports, which do not change with the
        // folder's place.
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        Ok(Self::new(
            Box::new(BufReader::with_capacity(1 << 18, file)),
            name,
        ))
    }

    fn new(input: Box<dyn BufRead + Send>, name: String) -> Self {
        Self {
            input,
            name,
            line: 0,
            longest: MAX_LINE,
            buffer: Vec::new(),
            ready: VecDeque::new(),
            truncated: false,
            ended: false,
        }
    }

    /// Whether the last line was cut off, as a killed writer leaves it; it was left out. Known at
    /// the end.
    #[must_use]
    pub fn truncated(&self) -> bool {
        self.truncated
    }

    /// Reads lines until one holds a trace. None at the end.
    fn next_trace(&mut self) -> Result<Option<Trace>, SpanFileError> {
        loop {
            if let Some(trace) = self.ready.pop_front() {
                return Ok(Some(trace));
            }
            self.buffer.clear();
            self.line += 1;
            let read = self
                .input
                .by_ref()
                .take(self.longest)
                .read_until(b'\n', &mut self.buffer);
            let read = read.map_err(|error| self.unreadable(&error))?;
            if read == 0 {
                return Ok(None);
            }
            let whole_line = self.buffer.last() == Some(&b'\n');
            if !whole_line
                && read as u64 == self.longest
                && self.skip_line().map_err(|error| self.unreadable(&error))?
            {
                return Err(self.wrong(&format!("is longer than {} MiB", self.longest >> 20)));
            }
            if self.buffer.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            match read::read(&self.buffer) {
                Ok(spans) => self.ready = by_trace(spans),
                Err(error) if !whole_line && error.is_eof() => self.truncated = true,
                Err(error) => return Err(self.wrong(&format!("is not OTLP JSON ({error})"))),
            }
        }
    }

    /// Leaves out the rest of a line. Says whether there was any.
    fn skip_line(&mut self) -> io::Result<bool> {
        let mut skipped = false;
        loop {
            let rest = self.input.fill_buf()?;
            if rest.is_empty() {
                break;
            }
            skipped = true;
            let end = rest.iter().position(|byte| *byte == b'\n');
            let length = end.map_or(rest.len(), |end| end + 1);
            self.input.consume(length);
            if end.is_some() {
                break;
            }
        }
        if skipped {
            // Nobody needs that much again.
            self.buffer = Vec::new();
        }
        Ok(skipped)
    }

    /// A file that can't be read any more would repeat itself for ever.
    fn unreadable(&mut self, error: &io::Error) -> SpanFileError {
        self.ended = true;
        self.wrong(&format!("can't be read ({error})"))
    }

    fn wrong(&self, what: &str) -> SpanFileError {
        SpanFileError(format!(
            "line {} of {} {what}: fetch it again with `milvus-bench spans`",
            self.line, self.name
        ))
    }
}

impl Iterator for SpanReader {
    type Item = Result<Trace, SpanFileError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.next_trace().transpose();
        self.ended |= next.is_none();
        next
    }
}

/// Groups `spans` by trace, in the order of their first spans.
fn by_trace(spans: Vec<ServerSpan>) -> VecDeque<Trace> {
    let mut traces: VecDeque<Trace> = VecDeque::new();
    let mut index: HashMap<u128, usize> = HashMap::new();
    for span in spans {
        let at = *index.entry(span.trace_id).or_insert_with(|| {
            traces.push_back(Trace {
                trace_id: span.trace_id,
                spans: Vec::new(),
            });
            traces.len() - 1
        });
        traces[at].spans.push(span);
    }
    traces
}

/// The traces of one `spans.jsonl`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Traces {
    /// By trace id; no span twice.
    pub traces: HashMap<u128, Trace>,
    /// See [`SpanReader::truncated`].
    pub truncated: bool,
}

/// Reads the file `path` whole, spans grouped by trace.
///
/// # Errors
/// The file can't be read or is no OTLP JSON.
pub fn read_all(path: &Path) -> Result<Traces, SpanFileError> {
    collect(SpanReader::open(path)?)
}

fn collect(mut reader: SpanReader) -> Result<Traces, SpanFileError> {
    let mut all = Traces::default();
    for trace in reader.by_ref() {
        let trace = trace?;
        match all.traces.get_mut(&trace.trace_id) {
            Some(known) => known.spans.extend(trace.spans),
            None => {
                all.traces.insert(trace.trace_id, trace);
            }
        }
    }
    for trace in all.traces.values_mut() {
        let mut seen = HashSet::with_capacity(trace.spans.len());
        trace.spans.retain(|span| seen.insert(span.span_id));
    }
    all.truncated = reader.truncated();
    Ok(all)
}
