//! One traced request: its times, how its join ended, and its latency breakdown by numbers.

use crate::{
    analysis::{
        model::{JoinState, RequestRow},
        traces::gap::gap_ns,
    },
    record::{Outcome, RequestLine},
};

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
    /// Number of its class among those of its stream; None where it has none.
    pub(crate) class: Option<u8>,
    /// None until its trace has been seen.
    pub(crate) state: Option<JoinState>,
    /// Of a matched success.
    pub(crate) account: Option<CompactAccount>,
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

    /// sent - intended; None in a closed loop.
    pub(crate) fn send_lag_ns(&self) -> Option<i64> {
        Some(self.sent_ns as i64 - self.intended_ns? as i64)
    }

    /// The gap, where the outermost server span took `server_ns`.
    pub(crate) fn gap_ns(&self, server_ns: u64) -> i64 {
        gap_ns(self.service_ns(), server_ns)
    }

    /// The latency breakdown, if the request is part of it.
    pub(crate) fn matched(&self) -> Option<&CompactAccount> {
        self.account.as_ref()
    }
}

/// The latency breakdown of one request, by numbers of the run's tables.
#[derive(Debug)]
pub(crate) struct CompactAccount {
    /// Duration of the outermost server span.
    pub(crate) server_ns: u64,
    /// Self time per part, send lag and gap among them; adds up to the latency.
    pub(crate) parts: Box<[(u32, i64)]>,
    /// Self time per area and instance.
    pub(crate) instances: Box<[(u32, i64)]>,
    /// Own time per chain of spans; adds up to the latency.
    pub(crate) stacks: Box<[(u32, i64)]>,
}

/// A row of the list that waits for its latency breakdown.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) row: RequestRow,
    /// Number of the request in its stream; None where it takes no part in the join.
    pub(crate) request: Option<u32>,
}

impl Listed {
    /// Of a line of the stream with number `stream`.
    pub(crate) fn new(
        line: &RequestLine,
        stream: usize,
        class: Option<u8>,
        request: Option<usize>,
    ) -> Self {
        let row = RequestRow {
            stream: stream as u32,
            seq: line.seq,
            class,
            trace_id: u128::from_str_radix(&line.trace_id, 16).unwrap_or_default(),
            outcome: line.outcome,
            rows: (line.outcome == Outcome::Ok).then_some(u64::from(line.rows)),
            sampled: line.sampled,
            state: None,
            intended_ns: line.intended_ns,
            sent_ns: line.sent_ns,
            done_ns: line.done_ns,
            server_ns: None,
            areas: Box::default(),
        };
        Self {
            row,
            request: request.map(|at| at as u32),
        }
    }
}
