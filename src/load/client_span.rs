//! The client's own span of a finished request, built from its sample.

use std::sync::Arc;

use crate::{
    record::{ClockAnchor, Outcome, Sample, StreamInfo},
    telemetry::{AttributeValue, ClientSpan, OutcomeStatus, RequestIds, SpanAttribute, SpanTemplate},
};

/// gRPC service of every call.
const SERVICE: &str = "milvus.proto.milvus.MilvusService";

/// What the spans of a run have in common.
#[derive(Clone, Debug)]
pub struct SpanContext {
    /// Id of the run: the name of its folder.
    pub run: String,
    /// Both clocks at the run's start: wall time of a span is derived from it.
    pub anchor: ClockAnchor,
    /// Host of Milvus.
    pub host: String,
    /// Port of Milvus.
    pub port: u16,
    /// Roots of the traces that are stories of several steps, each a trace of its own: preparation, clean-up.
    pub roots: Vec<RequestIds>,
}

/// Builds the spans of a run. What the requests of a stream have in common is prepared once.
#[derive(Debug)]
pub struct ClientSpans {
    anchor: ClockAnchor,
    roots: Vec<RequestIds>,
    templates: Vec<Arc<SpanTemplate>>,
}

impl ClientSpans {
    /// The spans of `streams`, by their index.
    #[must_use]
    pub fn new(context: SpanContext, streams: &[StreamInfo]) -> Self {
        let templates = streams.iter().map(|stream| template(&context, stream)).collect();
        Self { anchor: context.anchor, roots: context.roots, templates }
    }

    /// The span that covers exactly `sent..done`. None for a request that was never sent.
    #[must_use]
    pub fn of(&self, sample: &Sample) -> Option<ClientSpan> {
        let sent = sample.sent_ns?;
        let template = Arc::clone(self.templates.get(usize::from(sample.stream.0))?);
        let status = grpc_status(sample.outcome).map(|code| ("rpc.grpc.status_code", u64::from(code)));
        Some(ClientSpan {
            trace_id: sample.trace_id,
            span_id: sample.span_id,
            parent_id: self.roots.iter().find(|root| root.trace_id == sample.trace_id).map(|root| root.span_id),
            start_ns: self.anchor.unix_of(sent),
            end_ns: self.anchor.unix_of(sample.done_ns),
            status: if sample.outcome == Outcome::Ok { OutcomeStatus::Ok } else { OutcomeStatus::Error(sample.outcome.to_string()) },
            template,
            numbers: [Some(("milvus_bench.seq", sample.seq)), status],
        })
    }
}

fn template(context: &SpanContext, stream: &StreamInfo) -> Arc<SpanTemplate> {
    let text = AttributeValue::from;
    let mut attributes: Vec<SpanAttribute<'_>> = vec![
        ("rpc.system", text("grpc")),
        ("rpc.service", text(SERVICE)),
        ("rpc.method", text(&stream.method)),
        ("server.address", text(&context.host)),
        ("server.port", u64::from(context.port).into()),
        ("db.system.name", text("milvus")),
        ("db.collection.name", text(&stream.collection)),
        ("db.operation.name", text(&stream.operation)),
        ("milvus_bench.run_id", text(&context.run)),
        ("milvus_bench.phase", text(&stream.phase)),
        ("milvus_bench.workload", text(&stream.workload)),
    ];
    attributes.extend(stream.stage().map(|stage| ("milvus_bench.stage", text(stage))));
    SpanTemplate::call(&format!("{SERVICE}/{}", stream.method), &attributes)
}

/// gRPC's own status of an outcome; an error in Milvus' status came with gRPC status OK.
fn grpc_status(outcome: Outcome) -> Option<u8> {
    match outcome {
        Outcome::Ok | Outcome::Milvus(_) | Outcome::BadReply => Some(0),
        Outcome::Timeout => Some(4),
        Outcome::Unavailable => Some(14),
        Outcome::Grpc(code) => Some(code),
        Outcome::Abandoned => Some(1),
        Outcome::Forbidden | Outcome::NotSent | Outcome::Other => None,
    }
}
