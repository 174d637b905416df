//! One request from grant to record, and what the requests of one thread share.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use rustix::time::{ClockId, clock_gettime};
use tokio::time::Instant;

use super::{
    live::{LiveCounters, LiveEnd},
    result::StreamResult,
    stop::{Stop, StopListener},
    timer::Timers,
};
use crate::{
    dataset::DatasetError,
    milvus::{Call, CallError, CallFailure, Connections, Exchange, InFlight, NotSent},
    operation::{self, Finished, Operation, QueryOrder, RequestKey, Returned, ReturnedIds},
    record::{self, Outcome, Recorder, Reply, ReplyIds, RunClock, Sample, StreamId, TracingSwitch},
    telemetry::{IdStream, RequestIds, Sampler, TraceParent},
};

/// Texts of failures that are kept per stream and thread.
const TEXTS_KEPT: usize = 10;

/// What all requests of one thread share; nothing else touches it.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) connections: Connections,
    pub(super) timers: Timers,
    pub(super) recorder: Rc<RefCell<Recorder>>,
    pub(super) clock: RunClock,
    pub(super) texts: RefCell<Vec<(StreamId, Outcome, String)>>,
    aborted: Cell<bool>,
    /// When a workload of the phase had nothing more to send, the last of them.
    sending: Cell<Option<CpuMark>>,
}

/// A moment, and the CPU time of the thread until then.
#[derive(Clone, Copy, Debug)]
pub(super) struct CpuMark {
    pub(super) at: Instant,
    cpu: Duration,
}

impl CpuMark {
    /// Now, on this thread.
    pub(super) fn now() -> Self {
        let now = clock_gettime(ClockId::ThreadCPUTime);
        let cpu = Duration::new(
            u64::try_from(now.tv_sec).unwrap_or(0),
            u32::try_from(now.tv_nsec).unwrap_or(0),
        );
        Self {
            at: Instant::now(),
            cpu,
        }
    }

    /// Share of one core that the thread used since `earlier`, in [0, 1]; 0 where no time has
    /// passed.
    pub(super) fn share_since(self, earlier: Self) -> f64 {
        let elapsed = self.at.saturating_duration_since(earlier.at).as_secs_f64();
        if elapsed > 0.0 {
            (self.cpu.saturating_sub(earlier.cpu).as_secs_f64() / elapsed).min(1.0)
        } else {
            0.0
        }
    }
}

impl Shared {
    pub(super) fn new(
        connections: Connections,
        timers: Timers,
        recorder: Rc<RefCell<Recorder>>,
        clock: RunClock,
    ) -> Self {
        Self {
            connections,
            timers,
            recorder,
            clock,
            texts: RefCell::default(),
            aborted: Cell::new(false),
            sending: Cell::new(None),
        }
    }

    /// One of the workloads has nothing more to send; the last one of a phase counts.
    pub(super) fn sending_ends(&self) {
        self.sending.set(Some(CpuMark::now()));
    }

    /// When the last workload of the phase had nothing more to send; asked once a phase.
    pub(super) fn sending_ended(&self) -> Option<CpuMark> {
        self.sending.take()
    }

    /// Gives up everything that is in flight or waits.
    pub(super) fn abort(&self) {
        self.aborted.set(true);
        self.connections.close();
    }

    /// Keeps the first texts of a stream's failures; later ones are not even looked at.
    fn keep_text(&self, stream: StreamId, outcome: Outcome, text: &str) {
        let mut texts = self.texts.borrow_mut();
        if texts.iter().filter(|(of, _, _)| *of == stream).count() >= TEXTS_KEPT {
            return;
        }
        let text = self.connections.masked(text);
        if !texts
            .iter()
            .any(|(of, how, kept)| (*of, *how, kept.as_str()) == (stream, outcome, text.as_str()))
        {
            texts.push((stream, outcome, text));
        }
    }
}

/// One stream on one thread: what its requests have in common.
#[derive(Debug)]
pub(super) struct ThreadStream {
    pub(super) shared: Rc<Shared>,
    pub(super) operation: Arc<dyn Operation>,
    pub(super) stream: StreamId,
    pub(super) ids: IdStream,
    pub(super) queries: QueryOrder,
    pub(super) sampler: Sampler,
    pub(super) switch: Option<TracingSwitch>,
    pub(super) phase_start: Instant,
    pub(super) timeout: Duration,
    /// End of the part: nothing leaves after it.
    pub(super) end: Option<Instant>,
    /// Threads that share the schedule, among which the numbers of the requests are divided.
    pub(super) shards: u64,
    pub(super) live: Arc<LiveCounters>,
    pub(super) sent: Cell<u64>,
    pub(super) in_flight: Cell<u64>,
    pub(super) in_flight_max: Cell<u64>,
    pub(super) last_sent_ns: Cell<u64>,
}

/// A request that is ready to be sent.
#[derive(Debug)]
pub(super) struct Prepared {
    key: RequestKey,
    class: Option<u8>,
    call: Call,
    ids: RequestIds,
    sampled: bool,
    context: TraceParent,
}

/// A request on its way, with what belongs to it until its end.
pub(super) struct Launch {
    pub(super) request: Prepared,
    pub(super) before: Before,
    pub(super) pin: u64,
    pub(super) started: Result<InFlight, NotSent>,
    pub(super) stop: StopListener,
}

/// The moments before `sent`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Before {
    /// When the schedule wanted it; open loop.
    pub(super) intended_ns: Option<u64>,
    /// When the caller was ready; closed loop.
    pub(super) ready_ns: Option<u64>,
}

impl ThreadStream {
    /// Builds request `seq`, which is to leave at `due`: content, ids, sampling decision, header.
    pub(super) fn prepare(
        &self,
        seq: u64,
        earlier: u64,
        due: Instant,
    ) -> Result<Prepared, DatasetError> {
        let key = self.key(seq, earlier);
        let ids = self.ids.ids(seq, 0);
        let switched_on = self
            .switch
            .is_none_or(|switch| switch.traces(due.saturating_duration_since(self.phase_start)));
        let sampled = switched_on && self.sampler.samples(ids.trace_id);
        Ok(Prepared {
            key,
            class: self.class(key),
            call: self.operation.prepare(key)?,
            ids,
            sampled,
            context: TraceParent::new(ids, sampled),
        })
    }

    fn key(&self, seq: u64, earlier: u64) -> RequestKey {
        RequestKey {
            hash: self.ids.key_hash(seq),
            seq,
            earlier,
            queries: self.queries,
        }
    }

    fn class(&self, key: RequestKey) -> Option<u8> {
        self.operation
            .drawing()
            .and_then(|drawing| drawing.class(key))
    }

    /// Sends the request if it can leave at once.
    pub(super) fn start(&self, request: &Prepared, pin: u64) -> Result<InFlight, NotSent> {
        let started =
            self.shared
                .connections
                .try_start(pin, &request.call, request.context.as_bytes());
        if started.is_ok() {
            self.count_sent();
        }
        started
    }

    /// What it gave before its first request.
    pub(super) fn no_result(&self) -> StreamResult {
        StreamResult {
            stream: self.stream.0,
            ..StreamResult::default()
        }
    }

    fn count_sent(&self) {
        self.live.count_sent();
        self.sent.set(self.sent.get() + 1);
        self.in_flight.set(self.in_flight.get() + 1);
        self.in_flight_max
            .set(self.in_flight_max.get().max(self.in_flight.get()));
    }

    /// Waits for the end of the request, and before that for its turn if it could not be sent at
    /// once; records it.
    pub(super) async fn finish(&self, launch: Launch) {
        let Launch {
            request,
            before,
            pin,
            started,
            stop,
        } = launch;
        let started = match started {
            Err(NotSent::Busy) => self.start_later(&request, pin, stop).await,
            Err(NotSent::Never(failure)) => Err(self.unsent(failure)),
            Ok(in_flight) => Ok(in_flight),
        };
        match started {
            Ok(in_flight) => {
                let Exchange { sent, done, result } = in_flight.reply(self.timeout).await;
                self.in_flight.set(self.in_flight.get() - 1);
                let ended = self.read(&request, result);
                self.record(&request, before, Some(sent), done, ended);
            }
            Err(ended) => self.record(&request, before, None, Instant::now(), ended),
        }
    }

    /// Waits for a connection and a stream, no longer than the part lasts and than the request's
    /// timeout.
    async fn start_later(
        &self,
        request: &Prepared,
        pin: u64,
        mut stop: StopListener,
    ) -> Result<InFlight, Ended> {
        let patience = Instant::now() + self.timeout;
        let until = self.end.map_or(patience, |end| end.min(patience));
        let context = request.context.as_bytes();
        let start = self.shared.connections.start(pin, &request.call, context);
        let started = tokio::select! {
            biased;
            started = start => started,
            () = stop.until(Stop::EndPart) => return Err(Ended::gave_up(Outcome::NotSent)),
            () = self.shared.timers.until(until) => {
                if self.end.is_some_and(|end| end <= patience) {
                    return Err(Ended::gave_up(Outcome::NotSent));
                }
                let text = format!("no connection was free within {:?}", self.timeout);
                Err(CallFailure::new(CallError::Unavailable, &text))
            }
        };
        match started {
            Ok(in_flight) => {
                self.count_sent();
                Ok(in_flight)
            }
            Err(failure) => Err(self.unsent(failure)),
        }
    }

    /// A request that will not be sent.
    fn unsent(&self, failure: CallFailure) -> Ended {
        if self.shared.aborted.get() {
            return Ended::gave_up(Outcome::NotSent);
        }
        self.failed(failure, 0)
    }

    /// Records a scheduled request that found no place before the part's end.
    pub(super) fn record_not_sent(&self, seq: u64, earlier: u64, intended_ns: u64, now: Instant) {
        let ids = self.ids.ids(seq, 0);
        let sample = Sample {
            stream: self.stream,
            seq,
            trace_id: ids.trace_id,
            span_id: ids.span_id,
            // A request that was not sent has no trace, whatever was decided for it.
            sampled: false,
            intended_ns: Some(intended_ns),
            ready_ns: None,
            sent_ns: None,
            done_ns: self.shared.clock.ns_of(now),
            outcome: Outcome::NotSent,
            request_bytes: 0,
            response_bytes: 0,
            rows: 0,
            recall: f32::NAN,
            class: self.class(self.key(seq, earlier)),
        };
        self.keep(&sample, None);
    }

    fn count_end(&self, sample: &Sample) {
        let end = match (sample.outcome, sample.sent_ns) {
            (Outcome::Ok, Some(sent)) => LiveEnd::Ok(
                sample
                    .done_ns
                    .saturating_sub(sample.intended_ns.unwrap_or(sent)),
            ),
            (_, Some(_)) => LiveEnd::Failed,
            (Outcome::NotSent, None) => return,
            (_, None) => LiveEnd::Unsent,
        };
        self.live.count_end(end);
    }

    fn keep(&self, sample: &Sample, reply: Option<Reply>) {
        self.last_sent_ns
            .set(self.last_sent_ns.get().max(sample.sent_ns.unwrap_or(0)));
        self.shared.recorder.borrow_mut().record_with(sample, reply);
    }

    fn read(&self, request: &Prepared, result: Result<Bytes, CallFailure>) -> Ended {
        let kept = result.as_ref().ok().filter(|_| request.sampled).cloned();
        let bytes = result.as_ref().map_or(0, Bytes::len);
        match result.and_then(|body| self.operation.finish(request.key, body)) {
            Ok(Finished { rows, recall }) => {
                let reply = kept
                    .and_then(|body| self.operation.returned(body))
                    .map(reply_of);
                Ended {
                    outcome: Outcome::Ok,
                    response_bytes: saturate(bytes),
                    rows,
                    recall: recall_of(recall),
                    reply,
                }
            }
            Err(_) if self.shared.aborted.get() => Ended::gave_up(Outcome::Abandoned),
            Err(failure) => self.failed(failure, bytes),
        }
    }

    fn failed(&self, failure: CallFailure, bytes: usize) -> Ended {
        let outcome = outcome_of(failure.error);
        self.shared.keep_text(self.stream, outcome, &failure.text);
        Ended {
            response_bytes: saturate(bytes),
            ..Ended::gave_up(outcome)
        }
    }

    fn record(
        &self,
        request: &Prepared,
        before: Before,
        sent: Option<Instant>,
        done: Instant,
        ended: Ended,
    ) {
        let sample = Sample {
            stream: self.stream,
            seq: request.key.seq,
            trace_id: request.ids.trace_id,
            span_id: request.ids.span_id,
            // A request that was not sent has no trace, whatever was decided for it.
            sampled: request.sampled && sent.is_some(),
            intended_ns: before.intended_ns,
            ready_ns: before.ready_ns,
            sent_ns: sent.map(|at| self.shared.clock.ns_of(at)),
            done_ns: self.shared.clock.ns_of(done),
            outcome: ended.outcome,
            request_bytes: saturate(request.call.body.len()),
            response_bytes: ended.response_bytes,
            rows: ended.rows,
            recall: ended.recall,
            class: request.class,
        };
        self.count_end(&sample);
        self.keep(&sample, ended.reply);
    }
}

/// How a request ended.
struct Ended {
    outcome: Outcome,
    response_bytes: u32,
    rows: u32,
    recall: f32,
    reply: Option<Reply>,
}

impl Ended {
    fn gave_up(outcome: Outcome) -> Self {
        Self {
            outcome,
            response_bytes: 0,
            rows: 0,
            recall: f32::NAN,
            reply: None,
        }
    }
}

/// The same number for the record, which knows nothing of operations.
fn recall_of(recall: f32) -> f32 {
    if recall == operation::TRUTH_WRONG {
        record::TRUTH_WRONG
    } else {
        recall
    }
}

fn reply_of(returned: Returned) -> Reply {
    let Returned {
        ids,
        scores,
        per_query,
    } = returned;
    let ids = match ids {
        ReturnedIds::Numbers(ids) => ReplyIds::Numbers(ids),
        ReturnedIds::Texts(ids) => ReplyIds::Texts(ids),
    };
    Reply::new(ids, scores, per_query)
}

fn saturate(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// The outcome code of a failed call.
pub(super) fn outcome_of(error: CallError) -> Outcome {
    match error {
        CallError::Timeout => Outcome::Timeout,
        CallError::Unavailable => Outcome::Unavailable,
        CallError::Grpc(code) => Outcome::Grpc(code),
        CallError::Milvus(code) => Outcome::Milvus(code),
        CallError::BadReply => Outcome::BadReply,
        CallError::Forbidden => Outcome::Forbidden,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_is_called_as_the_failure_that_it_is_of() {
        for error in [
            CallError::Timeout,
            CallError::Unavailable,
            CallError::Grpc(8),
            CallError::Milvus(-27),
            CallError::BadReply,
            CallError::Forbidden,
        ] {
            assert_eq!(outcome_of(error).to_string(), error.to_string());
        }
    }
}
