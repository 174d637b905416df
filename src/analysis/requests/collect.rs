//! One pass over the requests and one over the spans: what the statistics need of each sampled
//! request, and no more.
//!
//! Memory grows with the sampled requests and their parts, never with the spans.

use std::collections::{BTreeMap, HashMap};

use crate::{
    analysis::{
        explanation::{kept::KeptTraces, stacks::StackTable},
        requests::table::{self, Listed},
        traces::{
            account::{AccountOptions, RequestAccount, Tree, account_joined},
            areas::Area,
            facts::FactCounter,
            index::TraceIndex,
            join::{self, Call, JoinState},
            tables::{InstanceTable, PartTable},
            times::Possible,
        },
    },
    record::{FolderError, Outcome, RequestLine, RunReader},
    spans::Trace,
};

/// Texts about damage that are kept.
const KEPT_DAMAGE: usize = 10;

/// Longest time since a run's start that is believed, thirty years: no sum of a million of them
/// overflows.
const MAX_NS: u64 = 1_000_000_000_000_000_000;

/// What is kept of one sampled request that was sent.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) seq: u64,
    pub(crate) trace_id: u128,
    pub(crate) span_id: u64,
    pub(crate) intended_ns: Option<u64>,
    pub(crate) sent_ns: u64,
    pub(crate) done_ns: u64,
    pub(crate) ok: bool,
    /// None until its trace has been seen.
    pub(crate) state: Option<JoinState>,
    /// Of a matched success.
    pub(crate) account: Option<Light>,
}

impl Request {
    /// Response time in an open loop, service time in a closed one.
    pub(crate) fn latency_ns(&self) -> u64 {
        self.done_ns
            .saturating_sub(self.intended_ns.unwrap_or(self.sent_ns))
    }

    /// done - sent.
    pub(crate) fn service_ns(&self) -> u64 {
        self.done_ns.saturating_sub(self.sent_ns)
    }

    /// The account, if the request is part of it.
    pub(crate) fn matched(&self) -> Option<&Light> {
        self.account.as_ref()
    }
}

/// The account of one request, by numbers of the tables.
#[derive(Debug)]
pub(crate) struct Light {
    /// Duration of the outermost server span.
    pub(crate) server_ns: u64,
    /// Self time per part, send lag and gap among them; adds up to the latency.
    pub(crate) parts: Box<[(u32, i64)]>,
    /// Self time per area and instance.
    pub(crate) instances: Box<[(u32, i64)]>,
    /// Own time per chain of spans; adds up to the latency.
    pub(crate) stacks: Box<[(u32, i64)]>,
}

/// What was found for one measured stream.
#[derive(Debug, Default)]
pub(crate) struct StreamData {
    /// Sampled requests that were sent, in the order of their lines.
    pub(crate) requests: Vec<Request>,
    /// What the traces showed.
    pub(crate) facts: FactCounter,
    /// Sum, least and number of the known recalls.
    pub(crate) recall: Option<(f64, f64, u64)>,
    /// Replies that prove the data set's truth wrong, and the query of the first of them.
    pub(crate) truth_wrong: (u64, Option<u64>),
    /// Rows of the sampled successes, and number of these.
    pub(crate) rows: (u64, u64),
    /// Number, sum and longest of the calls to each query node, by number of the instance in the
    /// area node to node.
    pub(crate) node_calls: BTreeMap<u32, (u64, u64, u64)>,
    /// Last end of a request that has a line.
    pub(crate) last_done_ns: u64,
    /// Traces to draw; None where none are wanted.
    pub(crate) kept: Option<KeptTraces>,
    /// Every line, where a report lists them.
    pub(crate) listed: Vec<Listed>,
}

/// Everything that was found.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    /// One entry per stream of run.json, by its number.
    pub(crate) streams: Vec<StreamData>,
    pub(crate) parts: PartTable,
    pub(crate) instances: InstanceTable,
    pub(crate) stacks: StackTable,
    pub(crate) spans: u64,
    pub(crate) client_spans: u64,
    /// Sentences about lines that can't be read.
    pub(crate) damage: Vec<String>,
}

/// Reads the requests of a run.
pub(crate) fn read_requests(reader: &RunReader) -> Result<Collected, FolderError> {
    let streams = &reader.info().streams;
    let mut found = Collected {
        streams: streams.iter().map(|_| StreamData::default()).collect(),
        ..Collected::default()
    };
    let mut unread = 0u64;
    for line in reader.requests()? {
        let line = match line {
            Ok(line) => line,
            Err(error) => {
                unread += 1;
                if found.damage.len() < KEPT_DAMAGE {
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
            stream.is_measured()
                && stream.part.as_ref() == Some(&line.part)
                && stream.phase == line.phase
                && stream.workload == line.workload
        });
        if let Some(stream) = stream {
            let data = &mut found.streams[stream];
            let before = data.requests.len();
            keep_line(data, &line);
            if table::KEPT {
                let request = (data.requests.len() > before).then_some(before);
                data.listed.push(Listed::new(&line, stream, request));
            }
        }
    }
    Ok(found)
}

fn keep_line(stream: &mut StreamData, line: &RequestLine) {
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
            state: None,
            account: None,
        });
    }
}

/// Joins every trace to its requests.
pub(crate) fn read_spans(
    found: &mut Collected,
    traces: impl Iterator<Item = Trace>,
    resolution_ns: u32,
    possible: Possible,
) {
    let mut wanted: Vec<(u128, usize, usize)> = Vec::new();
    for (stream, data) in found.streams.iter().enumerate() {
        wanted.extend(
            data.requests
                .iter()
                .enumerate()
                .map(|(at, request)| (request.trace_id, stream, at)),
        );
    }
    wanted.sort_unstable();
    for trace in traces {
        found.spans += trace.spans.len() as u64;
        let first = wanted.partition_point(|(id, _, _)| *id < trace.trace_id);
        let index = TraceIndex::new(&trace, possible);
        let of_trace = &wanted
            [first..first + wanted[first..].partition_point(|(id, _, _)| *id == trace.trace_id)];
        for (_, stream, at) in of_trace {
            take_trace(
                found,
                (&trace, &index, of_trace.len() == 1),
                (*stream, *at),
                resolution_ns,
            );
        }
    }
}

/// `own`: whether the trace is of this request alone.
fn take_trace(
    found: &mut Collected,
    (trace, index, own): (&Trace, &TraceIndex<'_>, bool),
    (stream, at): (usize, usize),
    resolution_ns: u32,
) {
    let StreamData {
        requests,
        facts,
        node_calls,
        kept,
        ..
    } = &mut found.streams[stream];
    let request = &mut requests[at];
    if request.state.is_some() {
        return;
    }
    let client_span_found = index.find(request.span_id).is_some();
    found.client_spans += u64::from(client_span_found);
    let call = Call {
        client_span_id: request.span_id,
        answered_within_ns: request.ok.then(|| request.service_ns()),
    };
    let mut joined = join::join(index, call);
    if joined.state == JoinState::Missing
        && own
        && trace.spans.len() > usize::from(client_span_found)
    {
        // Nobody else knows its id: what is in the trace is of this request, below a parent that
        // somebody on the way put in.
        joined.state = JoinState::NoRoot;
    }
    request.state = Some(joined.state);
    facts.add_joined(&joined, client_span_found);
    let options = AccountOptions {
        client_span_id: request.span_id,
        succeeded: request.ok,
        resolution_ns,
    };
    if joined.state != JoinState::Matched {
        return;
    }
    if let Some((account, tree)) = account_joined(index, &joined, &options) {
        facts.add_account(&account);
        if request.ok {
            for call in &account.node_calls {
                let number = found
                    .instances
                    .number(Area::NodeToNode, &index.span(call.callee).resource);
                let (calls, sum, longest) = node_calls.entry(number).or_default();
                (*calls, *sum, *longest) = (
                    *calls + 1,
                    sum.saturating_add(call.own_ns),
                    (*longest).max(call.own_ns),
                );
            }
            let tables = (&mut found.parts, &mut found.instances, &mut found.stacks);
            request.account = Some(light(index, (&account, &tree), request, tables));
            if let Some(kept) = kept {
                kept.offer(request, trace);
            }
        }
    }
}

fn light(
    index: &TraceIndex<'_>,
    (account, tree): (&RequestAccount, &Tree),
    request: &Request,
    (parts, instances, stacks): (&mut PartTable, &mut InstanceTable, &mut StackTable),
) -> Light {
    let mut by_part = Sums::default();
    let mut by_instance = Sums::default();
    if let Some(intended) = request.intended_ns {
        by_part.add(
            PartTable::SEND_LAG,
            request.sent_ns as i64 - intended as i64,
        );
    }
    by_part.add(
        PartTable::GAP,
        request.service_ns() as i64 - account.server_ns as i64,
    );
    for piece in &account.pieces {
        let length = piece.end_ns - piece.start_ns;
        by_part.add(
            parts.number(index.span(piece.span), piece.area, piece.merged),
            length,
        );
        if let Some(charged) = piece.charged {
            by_instance.add(
                instances.number(piece.area, &index.span(charged).resource),
                length,
            );
        }
    }
    let stacks = stacks.fold(index, account, tree, request);
    Light {
        server_ns: account.server_ns,
        parts: by_part.list.into(),
        instances: by_instance.list.into(),
        stacks,
    }
}

/// Sums by number. A request mostly has few parts, so that a search from the front is the fastest;
/// with more there is an index.
#[derive(Default)]
struct Sums {
    list: Vec<(u32, i64)>,
    places: HashMap<u32, usize>,
}

impl Sums {
    /// Length of the list up to which it is searched.
    const FEW: usize = 32;

    fn add(&mut self, number: u32, value: i64) {
        let few = self.list.len() <= Self::FEW;
        let known = if few {
            self.list.iter().position(|(known, _)| *known == number)
        } else {
            self.places.get(&number).copied()
        };
        if let Some(at) = known {
            self.list[at].1 += value;
            return;
        }
        self.list.push((number, value));
        if self.list.len() == Self::FEW + 1 {
            self.places = self
                .list
                .iter()
                .enumerate()
                .map(|(at, (number, _))| (*number, at))
                .collect();
        } else if !few {
            self.places.insert(number, self.list.len() - 1);
        }
    }
}
