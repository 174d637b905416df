//! Steps of preparation as measured requests: each has a stream of its own in the phase `prepare`,
//! all share one trace.

use prost::Message;
use tokio::time::Instant;

use super::{claims::Claims, patience::Patience};
use crate::{
    load::{StopHandle, request::outcome_of},
    milvus::{Client, HasStatus, Method, SetupError, Transport, proto},
    plan::CollectionPlan,
    record::{KeptError, Outcome, PREPARATION, Recorder, RunClock, Sample, StreamId, StreamInfo},
    telemetry::{IdStream, Nonce, RequestIds, TraceParent},
};

/// A step of preparation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Step {
    Drop,
    Create,
    Insert,
    Flush,
    WaitFlushed,
    CreateIndex,
    WaitIndexed,
    Load,
    WaitReady,
}

/// Every step in the order in which reports show them: (step, operation, gRPC method; none for a
/// wait).
pub const STEPS: [(Step, &str, &str); 9] = [
    (Step::Drop, "drop_collection", "DropCollection"),
    (Step::Create, "create_collection", "CreateCollection"),
    (Step::Insert, "insert", "Insert"),
    (Step::Flush, "flush", "Flush"),
    (Step::WaitFlushed, "wait_flushed", ""),
    (Step::CreateIndex, "create_index", "CreateIndex"),
    (Step::WaitIndexed, "wait_indexed", ""),
    (Step::Load, "load", "LoadCollection"),
    (Step::WaitReady, "wait_ready", ""),
];

impl Step {
    /// Name of the operation in reports.
    #[must_use]
    pub fn operation(self) -> &'static str {
        STEPS
            .iter()
            .find(|(step, _, _)| *step == self)
            .map_or("", |(_, operation, _)| operation)
    }
}

/// Name of the workload of a step: the operation alone where the scenario has one collection.
#[must_use]
pub fn step_stream_name(collection: &str, step: Step, single: bool) -> String {
    if single {
        step.operation().to_owned()
    } else {
        format!("{collection}.{}", step.operation())
    }
}

/// The first this many inserts are traced, and then every hundredth.
const INSERTS_TRACED: u64 = 20;

/// What preparation works with.
pub struct PrepareContext<'a> {
    /// Typed calls.
    pub client: Client,
    /// Calls with bytes.
    pub transport: Transport,
    /// Where the steps are recorded.
    pub recorder: Recorder,
    /// The run's clock.
    pub clock: RunClock,
    /// Streams of the run.
    pub streams: &'a [StreamInfo],
    /// Whether the scenario has one collection only.
    pub single: bool,
    /// Upper half of every trace id.
    pub nonce: Nonce,
    /// Seed of the scenario.
    pub seed: u64,
    /// Trace that the steps are in, and the span that they stand below.
    pub root: RequestIds,
    /// How preparation is told to end.
    pub stop: StopHandle,
    /// Called with a line of progress.
    pub progress: &'a (dyn Fn(String) + Sync),
    /// Called with a sentence that is to be read in any case.
    pub remarks: &'a (dyn Fn(String) + Sync),
    /// Steps begun so far, per stream.
    pub counts: Vec<u64>,
    /// Start of the first and end of the last step of each stream that has any, nanoseconds since
    /// the run's start.
    pub spans: Vec<Option<(u64, u64)>>,
    /// First texts of failures.
    pub errors: Vec<KeptError>,
    /// Whether the load is over: the rest is not waited for long.
    pub ending: bool,
    /// Collections that may be dropped although milvus-bench did not create them.
    pub replace: &'a [String],
    /// What this run works with.
    pub claims: Claims,
    /// Names of collections whose creation was begun.
    pub begun: Vec<String>,
    /// Collections that could not be marked, and why.
    pub unmarked: Vec<(String, String)>,
}

impl std::fmt::Debug for PrepareContext<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PrepareContext")
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}

/// Identity of one step.
#[derive(Clone, Copy, Debug)]
pub(super) struct StepRequest {
    pub(super) stream: StreamId,
    pub(super) seq: u64,
    pub(super) ids: RequestIds,
    pub(super) sampled: bool,
}

/// How a step went.
#[derive(Clone, Copy, Debug)]
pub(super) struct StepEnd {
    pub(super) sent: Instant,
    pub(super) done: Instant,
    pub(super) outcome: Outcome,
    pub(super) request_bytes: usize,
    pub(super) response_bytes: usize,
    pub(super) rows: u32,
}

impl PrepareContext<'_> {
    /// Sends one traced step and records it; again after a pause while Milvus asks for that. What
    /// is recorded is the last attempt.
    pub(super) async fn step<Request: Message>(
        &mut self,
        collection: &CollectionPlan,
        step: Step,
        method: &'static Method,
        request: &Request,
    ) -> Result<(), SetupError> {
        self.step_with_reply::<Request, proto::Status>(collection, step, method, request)
            .await
            .map(drop)
    }

    /// The same for a step whose reply holds more than a status.
    pub(super) async fn step_with_reply<Request: Message, Reply: Message + Default + HasStatus>(
        &mut self,
        collection: &CollectionPlan,
        step: Step,
        method: &'static Method,
        request: &Request,
    ) -> Result<Reply, SetupError> {
        let identity = self.begin(collection, step);
        let context = TraceParent::new(identity.ids, identity.sampled);
        let mut patience = Patience::new(collection);
        let timed = loop {
            let timed = self
                .client
                .call_timed::<Request, Reply>(method, request, context.as_bytes())
                .await;
            match &timed.result {
                Err(error) if patience.allows(self, error.method, &error.failure).await => {}
                _ => break timed,
            }
        };
        let outcome = timed
            .result
            .as_ref()
            .map_or_else(|error| outcome_of(error.failure.error), |_| Outcome::Ok);
        if let Err(error) = &timed.result {
            self.keep_error(identity.stream, outcome, &error.failure.text);
        }
        let end = StepEnd {
            sent: timed.sent,
            done: timed.done,
            outcome,
            request_bytes: timed.request_bytes,
            response_bytes: timed.reply_bytes,
            rows: 0,
        };
        self.record(identity, end);
        timed.result.map_err(|error| SetupError {
            failure: patience.last(error.failure),
            ..error
        })
    }

    /// Identity of the next request of `step`.
    pub(super) fn begin(&mut self, collection: &CollectionPlan, step: Step) -> StepRequest {
        let name = step_stream_name(&collection.key, step, self.single);
        let known = self
            .streams
            .iter()
            .position(|stream| stream.is_preparation() && stream.workload == name);
        let index = known.unwrap_or_default();
        self.counts.resize(self.streams.len(), 0);
        self.spans.resize(self.streams.len(), None);
        let seq = self.counts[index];
        self.counts[index] += 1;
        let ids = IdStream::new(self.nonce, self.seed, PREPARATION, &name, "measured").ids(seq, 0);
        let sampled = match step {
            Step::Insert => seq < INSERTS_TRACED || seq.is_multiple_of(100),
            Step::WaitFlushed | Step::WaitIndexed | Step::WaitReady => false,
            _ => true,
        };
        StepRequest {
            stream: StreamId(u16::try_from(index).unwrap_or(u16::MAX)),
            seq,
            ids: RequestIds {
                trace_id: self.root.trace_id,
                span_id: ids.span_id,
            },
            sampled,
        }
    }

    pub(super) fn record(&mut self, request: StepRequest, end: StepEnd) {
        let size = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
        let (sent, done) = (self.clock.ns_of(end.sent), self.clock.ns_of(end.done));
        if let Some(span) = self.spans.get_mut(usize::from(request.stream.0)) {
            let (first, last) = span.unwrap_or((sent, done));
            *span = Some((first.min(sent), last.max(done)));
        }
        self.recorder.record(&Sample {
            stream: request.stream,
            seq: request.seq,
            trace_id: request.ids.trace_id,
            span_id: request.ids.span_id,
            sampled: request.sampled,
            intended_ns: None,
            ready_ns: Some(sent),
            sent_ns: Some(sent),
            done_ns: done,
            outcome: end.outcome,
            request_bytes: size(end.request_bytes),
            response_bytes: size(end.response_bytes),
            rows: end.rows,
            recall: f32::NAN,
            class: None,
        });
    }

    /// Records a wait as one step from `began` to now.
    pub(super) fn record_wait(&mut self, collection: &CollectionPlan, step: Step, began: Instant) {
        let request = self.begin(collection, step);
        let end = StepEnd {
            sent: began,
            done: Instant::now(),
            outcome: Outcome::Ok,
            request_bytes: 0,
            response_bytes: 0,
            rows: 0,
        };
        self.record(request, end);
    }

    pub(super) fn keep_error(&mut self, stream: StreamId, outcome: Outcome, text: &str) {
        if self.errors.len() < 10 {
            let name = self
                .streams
                .get(usize::from(stream.0))
                .map_or("", |stream| stream.workload.as_str());
            self.errors.push(KeptError {
                stream: format!("prepare/measured/{name}"),
                outcome: outcome.to_string(),
                text: text.to_owned(),
            });
        }
    }

    pub(super) fn say(&self, text: String) {
        (self.progress)(text);
    }

    /// What is to be seen also where progress is not drawn.
    pub(super) fn tell(&self, text: String) {
        (self.remarks)(text);
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stop.asked() != crate::load::Stop::Go
    }
}
