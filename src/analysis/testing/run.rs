//! Run folders for tests, written as a run writes them.

use std::{collections::BTreeMap, time::Duration};

use hdrhistogram::{
    Histogram,
    serialization::{
        V2DeflateSerializer,
        interval_log::{IntervalLogWriterBuilder, Tag},
    },
};

use super::TraceMaker;
use crate::{
    record::{
        ClockAnchor, FORMAT, FetchInfo, Figure, HistogramKey, Outcome, Part, PhaseInfo,
        RequestLine, RunFolder, RunInfo, RunReader, Sample, SocketFigure, Status, StreamInfo,
    },
    spans::Trace,
};

/// Start of the run, nanoseconds since the unix epoch: that of every made trace.
const UNIX_NS: u64 = 3_600_000_000_000;

/// A run of one phase `p` that is being written.
pub(crate) struct RunMaker {
    pub(crate) info: RunInfo,
    pub(crate) lines: Vec<RequestLine>,
    pub(crate) traces: Vec<Trace>,
    /// By the second in which the request ended.
    histograms: BTreeMap<(u64, HistogramKey), Histogram<u64>>,
    sockets: Vec<(u64, String, Histogram<u64>)>,
}

/// One request of a made run. Times in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Made {
    pub(crate) seq: u64,
    pub(crate) lag: u64,
    pub(crate) service: u64,
    pub(crate) outcome: Outcome,
    pub(crate) sampled: bool,
}

impl Made {
    /// A traced success.
    pub(crate) fn ok(seq: u64, lag: u64, service: u64) -> Self {
        Self {
            seq,
            lag,
            service,
            outcome: Outcome::Ok,
            sampled: true,
        }
    }
}

impl RunMaker {
    /// A run of ten seconds with the workload `w`, whose spans were fetched.
    pub(crate) fn new(open_loop: bool) -> Self {
        let anchor = |ns: u64| ClockAnchor {
            monotonic_ns: ns,
            unix_ns: UNIX_NS + ns,
        };
        let stream = StreamInfo {
            phase: "p".to_owned(),
            part: Some(Part::Measured),
            workload: "w".to_owned(),
            operation: "search".to_owned(),
            open_loop,
            sample_ratio: 1.0,
            end_ns: Some(10_000_000_000),
            ..StreamInfo::default()
        };
        let info = RunInfo {
            format: FORMAT,
            name: "made".to_owned(),
            status: Status::Complete,
            start: anchor(0),
            streams: vec![stream],
            phases: vec![PhaseInfo {
                name: "p".to_owned(),
                start: anchor(0),
                end: Some(anchor(10_000_000_000)),
                ..PhaseInfo::default()
            }],
            fetch: Some(FetchInfo {
                source: "jaeger".to_owned(),
                resolution_ns: 1,
                ui: Some("http://127.0.0.1:1/".to_owned()),
                ..FetchInfo::default()
            }),
            ..RunInfo::default()
        };
        Self {
            info,
            lines: Vec::new(),
            traces: Vec::new(),
            histograms: BTreeMap::new(),
            sockets: Vec::new(),
        }
    }

    /// The same, in the year in which traces were recorded.
    pub(crate) fn of_recorded(open_loop: bool) -> Self {
        let mut run = Self::new(open_loop);
        run.info.start.unix_ns = 1_795_000_000_000_000_000;
        run
    }

    /// This run with the streams, phases and requests of another one behind its own.
    pub(crate) fn with(mut self, other: Self) -> Self {
        self.info.streams.extend(other.info.streams);
        for phase in other.info.phases {
            if self
                .info
                .phases
                .iter()
                .all(|known| known.name != phase.name)
            {
                self.info.phases.push(phase);
            }
        }
        self.lines.extend(other.lines);
        self.traces.extend(other.traces);
        self.histograms.extend(other.histograms);
        self
    }

    /// Adds what a connection showed in a second, nanoseconds.
    pub(crate) fn socket(
        &mut self,
        second: u64,
        (connection, figure): (u16, SocketFigure),
        values: &[u64],
    ) {
        let mut histogram = Histogram::new_with_bounds(1, UNIX_NS, 3).unwrap();
        values
            .iter()
            .for_each(|value| histogram.record(*value).unwrap());
        self.sockets
            .push((second, format!("{connection}/{}", figure.name()), histogram));
    }

    /// The same, with another part than `measured`.
    pub(crate) fn with_part(mut self, part: Part) -> Self {
        self.info.streams[0].part = Some(part);
        self
    }

    /// Adds a request without a trace, and gives its line.
    pub(crate) fn request(&mut self, made: Made) -> &RequestLine {
        let sample = self.sample(&made);
        for figure in Figure::ALL {
            if let Some(value) = sample.figure_ns(figure) {
                let stream = &self.info.streams[0];
                let key = HistogramKey {
                    phase: stream.phase.clone(),
                    part: stream.part.clone().expect("every made stream has a part"),
                    workload: stream.workload.clone(),
                    figure,
                    outcome: made.outcome,
                };
                let histogram = self
                    .histograms
                    .entry((sample.done_ns / 1_000_000_000, key))
                    .or_insert_with(|| Histogram::new_with_bounds(1, UNIX_NS, 3).unwrap());
                histogram.record(value).unwrap();
            }
        }
        let stream = &self.info.streams[0];
        self.lines.push(RequestLine {
            phase: stream.phase.clone(),
            part: stream.part.clone().expect("every made stream has a part"),
            workload: stream.workload.clone(),
            operation: stream.operation.clone(),
            seq: made.seq,
            trace_id: format!("{:032x}", sample.trace_id),
            span_id: format!("{:016x}", sample.span_id),
            sampled: made.sampled,
            intended_ns: sample.intended_ns,
            sent_ns: sample.sent_ns,
            done_ns: sample.sent_ns.map(|_| sample.done_ns),
            outcome: made.outcome,
            ..RequestLine::default()
        });
        self.lines.last().expect("pushed above")
    }

    fn sample(&self, made: &Made) -> Sample {
        let intended = 1_000_000 + made.seq * 1_000_000;
        let sent = intended + made.lag;
        let not_sent = made.outcome == Outcome::NotSent;
        Sample {
            seq: made.seq,
            trace_id: (0xabcd << 64) | u128::from(made.seq + 1),
            span_id: 1_000_000 + made.seq,
            sampled: made.sampled,
            intended_ns: self.info.streams[0].open_loop.then_some(intended),
            sent_ns: (!not_sent).then_some(sent),
            done_ns: sent + made.service,
            outcome: made.outcome,
            ..Sample::default()
        }
    }

    /// Adds a request with its trace; times of `trace` are relative to `sent`.
    pub(crate) fn traced(&mut self, made: Made, trace: &TraceMaker) {
        let sample = self.sample(&made);
        self.request(made);
        self.traces.push(trace.placed(
            sample.trace_id,
            sample.span_id,
            sample.sent_ns.unwrap_or(0),
        ));
    }

    /// Writes the folder and opens it.
    pub(crate) fn write(&self) -> (tempfile::TempDir, RunReader) {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let write = |name: &str, bytes: Vec<u8>| {
            std::fs::write(folder.path().join(name), bytes).expect("a file in the scratch folder")
        };
        RunFolder::at(folder.path())
            .write_info(&self.info)
            .expect("run.json in the scratch folder");
        let lines: Vec<String> = self
            .lines
            .iter()
            .map(|line| serde_json::to_string(line).unwrap() + "\n")
            .collect();
        write("requests.jsonl", lines.concat().into_bytes());
        write(
            "latency.hlog",
            hlog(
                self.histograms
                    .iter()
                    .map(|((second, key), histogram)| (*second, key.tag(), histogram)),
            ),
        );
        write(
            "connections.hlog",
            hlog(
                self.sockets
                    .iter()
                    .map(|(second, tag, histogram)| (*second, tag.clone(), histogram)),
            ),
        );
        let reader = RunReader::open(folder.path()).expect("a run that was just written");
        (folder, reader)
    }
}

/// An interval log of (second, tag, histogram).
fn hlog<'h>(lines: impl Iterator<Item = (u64, String, &'h Histogram<u64>)>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    let mut log = IntervalLogWriterBuilder::new()
        .begin_log_with(&mut bytes, &mut serializer)
        .unwrap();
    for (second, tag, histogram) in lines {
        log.write_histogram(
            histogram,
            Duration::from_secs(second),
            Duration::from_secs(1),
            Tag::new(&tag),
        )
        .unwrap();
    }
    bytes
}
