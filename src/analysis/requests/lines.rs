//! One pass over `requests.jsonl`: what the analysis needs of each line, and no more.
//!
//! Memory grows with the traced requests.

use crate::{
    analysis::requests::request::{CompactAccount, Listed, Request},
    record::{FolderError, Outcome, RequestLine, RunReader, StreamInfo},
};

/// Texts about damage that are kept.
const MOST_DAMAGE: usize = 10;

/// Longest time since a run's start that is believed, thirty years: no sum of a million of them
/// overflows.
const MAX_NS: u64 = 1_000_000_000_000_000_000;

/// The lines of one measured stream.
#[derive(Debug, Default)]
pub(crate) struct StreamLines {
    /// Sampled requests that were sent, in the order of their lines.
    pub(crate) requests: Vec<Request>,
    /// Sum, least and number of the known recalls.
    pub(crate) recall: Option<(f64, f64, u64)>,
    /// Replies that prove the data set's truth wrong, and the query of the first of them.
    pub(crate) truth_wrong: (u64, Option<u64>),
    /// Rows of the sampled successes, and number of these.
    pub(crate) rows: (u64, u64),
    /// Last end of a request that has a line.
    pub(crate) last_done_ns: u64,
    /// Every line, where a report lists them.
    pub(crate) listed: Vec<Listed>,
}

impl StreamLines {
    /// The matched requests with their latency breakdowns.
    pub(crate) fn matched(&self) -> impl Iterator<Item = (&Request, &CompactAccount)> {
        self.requests
            .iter()
            .filter_map(|request| Some((request, request.matched()?)))
    }
}

/// The lines of a run.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    /// One entry per stream of run.json, by its number.
    pub(crate) streams: Vec<StreamLines>,
    /// Sentences about lines that can't be read.
    pub(crate) damage: Vec<String>,
}

/// Reads the requests of a run.
pub(crate) fn read(reader: &RunReader) -> Result<Lines, FolderError> {
    let streams = &reader.info().streams;
    let mut found = Lines {
        streams: streams.iter().map(|_| StreamLines::default()).collect(),
        ..Lines::default()
    };
    let mut unread = 0u64;
    for line in reader.requests()? {
        let line = match line {
            Ok(line) => line,
            Err(error) => {
                unread += 1;
                if found.damage.len() < MOST_DAMAGE {
                    found.damage.push(error.to_string());
                }
                // A file that can't be read any more would repeat itself for ever.
                if unread > 1_000 {
                    break;
                }
                continue;
            }
        };
        let stream = streams.iter().position(|stream| {
            stream.is_measured() && stream.is_of(&line.phase, &line.part, &line.workload)
        });
        if let Some(stream) = stream {
            let data = &mut found.streams[stream];
            let before = data.requests.len();
            let class = class(&streams[stream], &line);
            keep_line(data, &line, class);
            let request = (data.requests.len() > before).then_some(before);
            data.listed.push(Listed::new(&line, stream, class, request));
        }
    }
    Ok(found)
}

/// The number of the request's class.
fn class(stream: &StreamInfo, line: &RequestLine) -> Option<u8> {
    let class = line.class.as_ref()?;
    let mut classes = stream.split.as_ref()?.classes.iter();
    let at = classes.position(|known| known == class)?;
    u8::try_from(at).ok()
}

fn keep_line(stream: &mut StreamLines, line: &RequestLine, class: Option<u8>) {
    let (Some(sent_ns), Some(done_ns)) = (line.sent_ns, line.done_ns) else {
        return;
    };
    // Out of order only in a file that was changed by hand; the parts could not add up to the
    // latency.
    if done_ns < sent_ns
        || line.intended_ns.is_some_and(|intended| sent_ns < intended)
        || done_ns > MAX_NS
    {
        return;
    }
    let ok = line.outcome == Outcome::Ok;
    stream.last_done_ns = stream.last_done_ns.max(done_ns);
    if ok {
        stream.rows = (stream.rows.0 + u64::from(line.rows), stream.rows.1 + 1);
        if line.truth_wrong {
            stream.truth_wrong = (
                stream.truth_wrong.0 + 1,
                stream.truth_wrong.1.or(line.query),
            );
        }
        if let Some(recall) = line
            .recall
            .map(f64::from)
            .filter(|recall| recall.is_finite())
        {
            let (sum, least, count) = stream.recall.unwrap_or((0.0, recall, 0));
            stream.recall = Some((sum + recall, least.min(recall), count + 1));
        }
    }
    let ids = (
        u128::from_str_radix(&line.trace_id, 16),
        u64::from_str_radix(&line.span_id, 16),
    );
    if let (true, (Ok(trace_id), Ok(span_id))) = (line.sampled, ids) {
        let intended_ns = line.intended_ns;
        stream.requests.push(Request {
            seq: line.seq,
            trace_id,
            span_id,
            intended_ns,
            sent_ns,
            done_ns,
            ok,
            class,
            state: None,
            account: None,
        });
    }
}
