//! One pass over the traces: each is joined to its requests, accounted, and added to what its
//! stream showed.
//!
//! Memory grows with the traced requests and their parts, never with the spans.

use std::collections::{BTreeMap, HashMap};

use crate::{
    analysis::{
        explanation::{exemplar_traces::ExemplarTraces, stacks::StackTable},
        model::JoinState,
        requests::{
            lines::Lines,
            request::{CompactAccount, Request},
        },
        traces::{
            account::{AccountOptions, RequestAccount, Tree, account_joined},
            areas::Area,
            index::TraceIndex,
            join::{self, Call, Joined},
            parts::{InstanceTable, PartTable},
            tally::TraceTally,
            times::Possible,
        },
    },
    spans::Trace,
};

/// What the traces of one measured stream showed.
#[derive(Debug, Default)]
pub(super) struct StreamTraces {
    pub(super) tally: TraceTally,
    /// Number, sum and longest of the calls to each query node, by number of the instance in the
    /// area node to node.
    pub(super) node_calls: BTreeMap<u32, (u64, u64, u64)>,
    /// Traces to draw; None where none are wanted.
    pub(super) exemplars: Option<ExemplarTraces>,
}

/// What the traces of a run showed.
#[derive(Debug, Default)]
pub(super) struct RunTraces {
    /// One entry per stream of run.json, by its number.
    pub(super) streams: Vec<StreamTraces>,
    pub(super) parts: PartTable,
    pub(super) instances: InstanceTable,
    pub(super) stacks: StackTable,
    pub(super) spans: u64,
    pub(super) client_spans: u64,
}

impl RunTraces {
    /// Of a run with `streams`, before any trace was read.
    pub(super) fn of(streams: usize) -> Self {
        Self {
            streams: std::iter::repeat_with(StreamTraces::default)
                .take(streams)
                .collect(),
            ..Self::default()
        }
    }

    /// Joins every trace to its requests, which learn their state and their latency breakdown.
    pub(super) fn read(
        &mut self,
        traces: impl Iterator<Item = Trace>,
        lines: &mut Lines,
        resolution_ns: u32,
        possible: Possible,
    ) {
        let mut wanted: Vec<(u128, usize, usize)> = Vec::new();
        for (stream, lines) in lines.streams.iter().enumerate() {
            let requests = lines.requests.iter().enumerate();
            wanted.extend(requests.map(|(at, request)| (request.trace_id, stream, at)));
        }
        wanted.sort_unstable();
        for trace in traces {
            self.spans += trace.spans.len() as u64;
            let first = wanted.partition_point(|(id, _, _)| *id < trace.trace_id);
            let index = TraceIndex::new(&trace, possible);
            let of_trace = wanted[first..].partition_point(|(id, _, _)| *id == trace.trace_id);
            for (_, stream, at) in &wanted[first..first + of_trace] {
                let found = Found {
                    trace: &trace,
                    index: &index,
                    alone: of_trace == 1,
                    resolution_ns,
                };
                self.take(&found, *stream, &mut lines.streams[*stream].requests[*at]);
            }
        }
    }

    /// Takes from a trace what it shows of one request.
    fn take(&mut self, found: &Found<'_>, stream: usize, request: &mut Request) {
        if request.state.is_some() {
            return;
        }
        let index = found.index;
        let client_span_found = index.find(request.span_id).is_some();
        self.client_spans += u64::from(client_span_found);
        let joined = found.join(request, client_span_found);
        request.state = Some(joined.state);
        let tally = &mut self.streams[stream].tally;
        tally.add_joined(&joined, client_span_found);
        if joined.state != JoinState::Matched {
            return;
        }
        let options = AccountOptions {
            client_span_id: request.span_id,
            succeeded: request.ok,
            resolution_ns: found.resolution_ns,
        };
        let Some((account, tree)) = account_joined(index, &joined, &options) else {
            return;
        };
        tally.add_account(&account);
        if request.ok {
            self.add_node_calls(index, stream, &account);
            request.account = Some(self.compact(index, (&account, &tree), request));
            if let Some(exemplars) = &mut self.streams[stream].exemplars {
                exemplars.offer(request, found.trace);
            }
        }
    }

    fn add_node_calls(&mut self, index: &TraceIndex<'_>, stream: usize, account: &RequestAccount) {
        for call in &account.node_calls {
            let resource = &index.span(call.callee).resource;
            let number = self.instances.number(Area::NodeToNode, resource);
            let node_calls = &mut self.streams[stream].node_calls;
            let (calls, sum, longest) = node_calls.entry(number).or_default();
            (*calls, *sum, *longest) = (
                *calls + 1,
                sum.saturating_add(call.own_ns),
                (*longest).max(call.own_ns),
            );
        }
    }

    /// The latency breakdown of a request by numbers of the tables.
    fn compact(
        &mut self,
        index: &TraceIndex<'_>,
        (account, tree): (&RequestAccount, &Tree),
        request: &Request,
    ) -> CompactAccount {
        let mut by_part = Sums::default();
        let mut by_instance = Sums::default();
        if let Some(send_lag) = request.send_lag_ns() {
            by_part.add(PartTable::SEND_LAG, send_lag);
        }
        by_part.add(PartTable::GAP, request.gap_ns(account.server_ns));
        for piece in &account.pieces {
            let length = piece.end_ns - piece.start_ns;
            let part = self
                .parts
                .number(index.span(piece.span), piece.area, piece.merged);
            by_part.add(part, length);
            if let Some(charged) = piece.charged {
                let resource = &index.span(charged).resource;
                by_instance.add(self.instances.number(piece.area, resource), length);
            }
        }
        CompactAccount {
            server_ns: account.server_ns,
            parts: by_part.list.into(),
            instances: by_instance.list.into(),
            stacks: self.stacks.fold(index, account, tree, request),
        }
    }
}

/// A trace that some request was looked for in.
struct Found<'a> {
    trace: &'a Trace,
    index: &'a TraceIndex<'a>,
    /// Whether no other request has its id.
    alone: bool,
    resolution_ns: u32,
}

impl Found<'_> {
    fn join(&self, request: &Request, client_span_found: bool) -> Joined {
        let call = Call {
            client_span_id: request.span_id,
            answered_within_ns: request.ok.then(|| request.service_ns()),
        };
        let mut joined = join::join(self.index, call);
        if joined.state == JoinState::Missing
            && self.alone
            && self.trace.spans.len() > usize::from(client_span_found)
        {
            // No other request has its id: what is in the trace is of this one, below a parent that
            // was put in on the way.
            joined.state = JoinState::NoRoot;
        }
        joined
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
