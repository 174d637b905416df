//! The thread that writes a run's files while it is measured, so that a killed process loses at
//! most the last second.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::{self, BufWriter, Seek, SeekFrom, Write},
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::JoinHandle,
    time::Duration,
};

use hdrhistogram::{
    Histogram,
    serialization::{V2DeflateSerializer, interval_log},
};

use super::{
    CutInfo, FolderError, HistogramKey, Interval, Part, Recorder, RunFolder, StreamId, StreamInfo,
    line::Lines,
};

/// Intervals that may wait for the writer: some seconds of the disk. More would only hold more
/// histograms.
const QUEUE: usize = 32;

/// What to do about a file that can't be written.
fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::FileTooLarge => {
            "the file size limit of this process is reached: raise it before the run, `ulimit -f \
             unlimited`"
        }
        _ => "free some space, or name another place with --out or --results",
    }
}

/// What the writer counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriterCounters {
    /// Lines in requests.jsonl.
    pub lines: u64,
    /// Sampled requests without a line, per stream.
    pub not_recorded: BTreeMap<u16, u64>,
    /// Failed requests that were not kept as lines.
    pub failures_not_kept: u64,
    /// Figures above one hour.
    pub overflows: u64,
    /// Where `latency.hlog` ends, if it could not be written to its end.
    pub cut: Option<CutInfo>,
    /// The first error of the disk.
    pub error: Option<String>,
}

/// Writes `requests.jsonl`, `latency.hlog` and `connections.hlog` of one run on a thread of its
/// own.
#[derive(Debug)]
pub struct RunWriter {
    queue: SyncSender<Interval>,
    thread: JoinHandle<WriterCounters>,
    recorders: u32,
    streams: Arc<Vec<StreamInfo>>,
}

/// The numbers of the query vectors of a request, by its stream and its number; called on the
/// writer's thread.
pub type QueryNumbers = Box<dyn Fn(StreamId, u64) -> Vec<u64> + Send>;

/// Called on the writer's thread with each interval, after its samples were written.
pub type OnInterval = Box<dyn FnMut(&Interval) + Send>;

impl RunWriter {
    /// Creates the files in `folder` and starts the thread.
    ///
    /// # Errors
    /// A file can't be created.
    pub fn start(
        folder: &RunFolder,
        streams: Arc<Vec<StreamInfo>>,
        on_interval: OnInterval,
    ) -> Result<Self, FolderError> {
        Self::start_with_queries(folder, streams, Box::new(|_, _| Vec::new()), on_interval)
    }

    /// The same where requests have query vectors, whose numbers go into their lines.
    ///
    /// # Errors
    /// A file can't be created.
    pub fn start_with_queries(
        folder: &RunFolder,
        streams: Arc<Vec<StreamInfo>>,
        queries: QueryNumbers,
        on_interval: OnInterval,
    ) -> Result<Self, FolderError> {
        let create = |name: &str| {
            let path = folder.file(name);
            OpenOptions::new()
                .create_new(true)
                .write(true)
                .open(&path)
                .map_err(|error| {
                    FolderError(format!("{} can't be created: {error}", path.display()))
                })
        };
        let (requests, histograms, sockets) = (
            create("requests.jsonl")?,
            create("latency.hlog")?,
            create("connections.hlog")?,
        );
        let (queue, intervals) = sync_channel(QUEUE);
        let files = Files {
            requests: BufWriter::with_capacity(1 << 18, requests),
            histograms: Log::new(histograms),
            sockets: Log::new(sockets),
            lines: Lines::new(&streams),
            queries,
            streams: Arc::clone(&streams),
            serializer: V2DeflateSerializer::new(),
            on_interval,
        };
        let thread = std::thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || files.run(&intervals))
            .map_err(|error| FolderError(format!("can't start the writer thread: {error}")))?;
        Ok(Self {
            queue,
            thread,
            recorders: 0,
            streams,
        })
    }

    /// A recorder for one more thread.
    pub fn recorder(&mut self) -> Recorder {
        self.recorders += 1;
        Recorder::new(self.recorders - 1, self.queue.clone()).counting_rows(&self.streams)
    }

    /// Ends the writer when all recorders are finished.
    #[must_use]
    pub fn finish(self) -> WriterCounters {
        drop(self.queue);
        self.thread.join().unwrap_or_else(|_| WriterCounters {
            error: Some("the writer's thread panicked".to_owned()),
            ..WriterCounters::default()
        })
    }
}

struct Files {
    requests: BufWriter<File>,
    histograms: Log,
    sockets: Log,
    lines: Lines,
    queries: QueryNumbers,
    streams: Arc<Vec<StreamInfo>>,
    serializer: V2DeflateSerializer,
    on_interval: OnInterval,
}

impl Files {
    fn run(mut self, intervals: &Receiver<Interval>) -> WriterCounters {
        let mut counters = WriterCounters::default();
        self.check(&mut counters, |files| files.write_header());
        while let Ok(interval) = intervals.recv() {
            for (stream, count) in &interval.not_recorded {
                *counters.not_recorded.entry(stream.0).or_default() += count;
            }
            counters.failures_not_kept += interval.failures_not_kept;
            counters.overflows += interval.overflows;
            self.write_samples(&interval, &mut counters);
            (self.on_interval)(&interval);
            // At once, so that a killed process loses a second at most. Each thread has a line of
            // its own for a second; readers add up lines with one tag.
            if counters
                .cut
                .as_ref()
                .is_none_or(|cut| interval.second < cut.second)
                && let Err(error) = self.write_histograms(&interval)
            {
                note_cut(&mut counters.cut, interval.second, &error);
                self.check(&mut counters, |_| Err(error));
            }
            self.check(&mut counters, |files| files.write_sockets(&interval));
            self.check(&mut counters, |files| files.requests.flush());
            interval.recycle();
        }
        counters
    }

    fn check(
        &mut self,
        counters: &mut WriterCounters,
        write: impl FnOnce(&mut Self) -> io::Result<()>,
    ) {
        if let Err(error) = write(self) {
            counters.error.get_or_insert_with(|| {
                format!(
                    "the run folder can't be written: {error}; {}",
                    advice(&error)
                )
            });
        }
    }

    fn write_header(&mut self) -> io::Result<()> {
        // The version line is what the Java and Python readers look for first.
        const HEADER: &[u8] = b"#[Histogram log format version 1.3]\n\
            #[times: seconds since the run's start; values: nanoseconds]\n\
            \"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\
            \"Interval_Compressed_Histogram\"\n";
        self.histograms.write(HEADER)?;
        self.sockets.write(HEADER)
    }

    fn write_samples(&mut self, interval: &Interval, counters: &mut WriterCounters) {
        let mut replies = interval.replies.iter().peekable();
        for (place, sample) in interval.samples.iter().enumerate() {
            let reply = replies
                .next_if(|(of, _)| *of == place)
                .map(|(_, reply)| reply);
            let queries = (self.queries)(sample.stream, sample.seq);
            let written = match self.lines.line(sample, &queries, reply) {
                Some(line) => self.requests.write_all(line),
                None => Err(io::Error::other("a sample of an unknown stream")),
            };
            match written {
                Ok(()) => counters.lines += 1,
                Err(error) => {
                    counters.error.get_or_insert_with(|| {
                        format!(
                            "requests.jsonl can't be written: {error}; {}",
                            advice(&error)
                        )
                    });
                    if sample.sampled {
                        *counters.not_recorded.entry(sample.stream.0).or_default() += 1;
                    }
                }
            }
        }
    }

    fn write_histograms(&mut self, interval: &Interval) -> io::Result<()> {
        let streams = &self.streams;
        let stream = |stream: StreamId| streams.get(usize::from(stream.0));
        let tag = |stream: &StreamInfo, figure, outcome| {
            let key = HistogramKey {
                phase: stream.phase.clone(),
                part: stream.part.clone().unwrap_or(Part::Measured),
                workload: stream.workload.clone(),
                figure,
                outcome,
            };
            key.tag()
        };
        let all = interval
            .histograms()
            .filter_map(|(id, outcome, figure, histogram)| {
                Some((tag(stream(id)?, figure, outcome), histogram))
            });
        let classes = interval.class_histograms();
        let classes = classes.filter_map(|(id, class, outcome, figure, histogram)| {
            let stream = stream(id)?;
            let class = stream.split.as_ref()?.classes.get(usize::from(class))?;
            Some((tag(&stream.of_class(class), figure, outcome), histogram))
        });
        let tagged = all.chain(classes);
        self.histograms
            .write(&log_lines(&mut self.serializer, interval.second, tagged)?)
    }

    /// What happened at the sockets; the tag is `connection/figure`.
    fn write_sockets(&mut self, interval: &Interval) -> io::Result<()> {
        let tagged = interval.sockets().map(|(connection, figure, histogram)| {
            (format!("{connection}/{}", figure.name()), histogram)
        });
        self.sockets
            .write(&log_lines(&mut self.serializer, interval.second, tagged)?)
    }
}

/// Notes that the histograms of `second` are not whole. Load threads hand over a second within the
/// next one, so that an earlier one may miss a part as well; what comes from longer ago is the
/// preparation's last, and takes no second of the load with it.
fn note_cut(cut: &mut Option<CutInfo>, second: u64, error: &io::Error) {
    const HANDED_OVER: u64 = 2;
    match cut {
        Some(cut) if second + HANDED_OVER >= cut.second => cut.second = cut.second.min(second),
        Some(_) => {}
        None => {
            *cut = Some(CutInfo {
                second,
                error: error.to_string(),
            })
        }
    }
}

/// A file to which whole lines are appended: what would follow half a line could not be read.
struct Log {
    file: File,
    whole: u64,
}

impl Log {
    fn new(file: File) -> Self {
        Self { file, whole: 0 }
    }

    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        let written = self.file.write_all(lines);
        if written.is_ok() {
            self.whole += lines.len() as u64;
        } else {
            self.file.set_len(self.whole)?;
            self.file.seek(SeekFrom::Start(self.whole))?;
        }
        written
    }
}

/// Lines of an interval log for one second.
fn log_lines<'h>(
    serializer: &mut V2DeflateSerializer,
    second: u64,
    tagged: impl Iterator<Item = (String, &'h Histogram<u32>)>,
) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let mut log =
        interval_log::IntervalLogWriterBuilder::new().begin_log_with(&mut text, serializer)?;
    for (tag, histogram) in tagged {
        log.write_histogram(
            histogram,
            Duration::from_secs(second),
            Duration::from_secs(1),
            interval_log::Tag::new(&tag),
        )
        .map_err(|error| io::Error::other(format!("{error:?}")))?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The second from which histograms are missing after those of `seconds` could not be written,
    /// one after the other.
    #[track_caller]
    fn check(seconds: &[u64], expected: u64) {
        let mut cut = None;
        seconds
            .iter()
            .for_each(|second| note_cut(&mut cut, *second, &io::Error::other("full")));
        assert_eq!(cut.map(|cut| cut.second), Some(expected), "{seconds:?}");
    }

    #[test]
    fn histograms_end_before_the_first_second_that_misses_a_part() {
        check(&[9], 9);
        check(&[9, 8, 8], 8);
        check(&[9, 0], 9);
        check(&[9, 8, 0], 8);
    }
}
