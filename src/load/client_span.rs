//! The client's own span of a finished request, built from its sample.

use crate::{
    record::{ClockAnchor, Outcome, Sample, StreamInfo},
    telemetry::{AttributeValue, ClientSpan, OutcomeStatus, RequestIds},
};

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

/// The span that covers exactly `sent..done`. None for a request that was never sent.
#[must_use]
pub fn client_span(context: &SpanContext, stream: &StreamInfo, sample: &Sample) -> Option<ClientSpan> {
    let sent = sample.sent_ns?;
    let text = |value: &str| AttributeValue::from(value.to_owned());
    let number = |value: u64| AttributeValue::from(i64::try_from(value).unwrap_or(i64::MAX));
    let mut attributes = vec![
        ("rpc.system", AttributeValue::from("grpc")),
        ("rpc.service", AttributeValue::from("milvus.proto.milvus.MilvusService")),
        ("rpc.method", text(&stream.method)),
        ("server.address", text(&context.host)),
        ("server.port", number(u64::from(context.port))),
        ("db.system.name", AttributeValue::from("milvus")),
        ("db.collection.name", text(&stream.collection)),
        ("db.operation.name", text(&stream.operation)),
        ("milvus_bench.run_id", text(&context.run)),
        ("milvus_bench.phase", text(&stream.phase)),
        ("milvus_bench.workload", text(&stream.workload)),
        ("milvus_bench.seq", number(sample.seq)),
    ];
    attributes.extend(stream.stage().map(|stage| ("milvus_bench.stage", text(stage))));
    if let Some(code) = grpc_status(sample.outcome) {
        attributes.push(("rpc.grpc.status_code", number(u64::from(code))));
    }
    Some(ClientSpan {
        trace_id: sample.trace_id,
        span_id: sample.span_id,
        parent_id: context.roots.iter().find(|root| root.trace_id == sample.trace_id).map(|root| root.span_id),
        is_call: true,
        name: format!("milvus.proto.milvus.MilvusService/{}", stream.method).into(),
        start_ns: context.anchor.unix_of(sent),
        end_ns: context.anchor.unix_of(sample.done_ns),
        status: if sample.outcome == Outcome::Ok { OutcomeStatus::Ok } else { OutcomeStatus::Error(sample.outcome.to_string()) },
        attributes,
    })
}

/// gRPC's own status of an outcome; an error in Milvus' status came with gRPC status OK.
fn grpc_status(outcome: Outcome) -> Option<u8> {
    match outcome {
        Outcome::Ok | Outcome::Milvus(_) | Outcome::BadReply => Some(0),
        Outcome::Timeout => Some(4),
        Outcome::Unavailable => Some(14),
        Outcome::Grpc(code) => Some(code),
        Outcome::Abandoned => Some(1),
        Outcome::Forbidden | Outcome::NotSent => None,
    }
}
