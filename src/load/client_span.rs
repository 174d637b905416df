//! The client's own span of a finished request, built from its sample.

use std::sync::Arc;

use crate::{
    record::{ClockAnchor, Outcome, Sample, StreamInfo},
    telemetry::{
        AttributeValue, ClientSpan, RequestIds, SpanAttribute, SpanFailure, SpanTemplate,
        conventions as names,
    },
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
    /// Database; None for Milvus' default one.
    pub database: Option<String>,
    /// Whether attributes of RPC have their older names as well.
    pub older_names: bool,
    /// Roots of the traces that are stories of several steps, each a trace of its own: preparation,
    /// clean-up.
    pub roots: Vec<RequestIds>,
}

/// Builds the spans of a run. What the requests of a stream have in common is prepared once.
#[derive(Debug)]
pub struct ClientSpans {
    anchor: ClockAnchor,
    roots: Vec<RequestIds>,
    older_names: bool,
    templates: Vec<Templates>,
}

/// What the spans of a stream have in common.
#[derive(Debug)]
struct Templates {
    /// Of successes, gRPC's status included.
    ok: Arc<SpanTemplate>,
    failed: Arc<SpanTemplate>,
}

impl ClientSpans {
    /// The spans of `streams`, by their index.
    #[must_use]
    pub fn new(context: SpanContext, streams: &[StreamInfo]) -> Self {
        let templates = streams
            .iter()
            .map(|stream| templates(&context, stream))
            .collect();
        Self {
            anchor: context.anchor,
            roots: context.roots,
            older_names: context.older_names,
            templates,
        }
    }

    /// The span that covers exactly `sent..done`. None for a request that was never sent.
    #[must_use]
    pub fn of(&self, sample: &Sample) -> Option<ClientSpan> {
        let sent = sample.sent_ns?;
        let Templates { ok, failed } = self.templates.get(usize::from(sample.stream.0))?;
        let failure = (sample.outcome != Outcome::Ok)
            .then(|| Box::new(failure(sample.outcome, self.older_names)));
        Some(ClientSpan {
            trace_id: sample.trace_id,
            span_id: sample.span_id,
            parent_id: self
                .roots
                .iter()
                .find(|root| root.trace_id == sample.trace_id)
                .map(|root| root.span_id),
            start_ns: self.anchor.unix_of(sent),
            end_ns: self.anchor.unix_of(sample.done_ns),
            template: Arc::clone(if failure.is_some() { failed } else { ok }),
            seq: Some(sample.seq),
            failure,
        })
    }
}

fn templates(context: &SpanContext, stream: &StreamInfo) -> Templates {
    let text = AttributeValue::from;
    let method = format!("{SERVICE}/{}", stream.method);
    let mut attributes: Vec<SpanAttribute> = vec![
        (names::RPC_SYSTEM_NAME, text("grpc")),
        (names::RPC_METHOD, text(&method)),
        (names::SERVER_ADDRESS, text(&context.host)),
        (names::SERVER_PORT, u64::from(context.port).into()),
        (names::DB_SYSTEM_NAME, text("milvus")),
        (
            names::DB_NAMESPACE,
            text(context.database.as_deref().unwrap_or("default")),
        ),
        (names::DB_OPERATION_NAME, text(&stream.operation)),
        ("milvus_bench.run_id", text(&context.run)),
        ("milvus_bench.phase", text(&stream.phase)),
        ("milvus_bench.workload", text(&stream.workload)),
    ];
    if !stream.collection.is_empty() {
        attributes.push((names::DB_COLLECTION_NAME, text(&stream.collection)));
    }
    attributes.extend(
        stream
            .stage()
            .map(|stage| ("milvus_bench.stage", text(stage))),
    );
    if context.older_names {
        attributes.extend([
            (names::old::RPC_SYSTEM, text("grpc")),
            (names::old::RPC_SERVICE, text(SERVICE)),
        ]);
    }
    let failed = SpanTemplate::call(&method, &attributes);
    attributes.extend(status(0, context.older_names));
    Templates {
        ok: SpanTemplate::call(&method, &attributes),
        failed,
    }
}

/// gRPC's status under the name of today, and under the older ones.
fn status(code: u8, older_names: bool) -> Vec<SpanAttribute> {
    let name = || AttributeValue::Text(names::grpc_status_name(code).into());
    let mut attributes = vec![(names::RPC_STATUS_CODE, name())];
    if older_names {
        attributes.extend([
            (names::old::RPC_GRPC_STATUS_CODE, u64::from(code).into()),
            (names::old::RPC_RESPONSE_STATUS_CODE, name()),
        ]);
    }
    attributes
}

fn failure(outcome: Outcome, older_names: bool) -> SpanFailure {
    let grpc = grpc_status(outcome);
    let mut attributes = grpc
        .map(|code| status(code, older_names))
        .unwrap_or_default();
    // The class of a failure is the status that tells it: Milvus' code, gRPC's status, else this
    // program's word.
    let class = match (outcome, grpc) {
        (Outcome::Milvus(code), _) => {
            attributes.push((
                names::DB_RESPONSE_STATUS_CODE,
                AttributeValue::Text(code.to_string().into()),
            ));
            code.to_string().into()
        }
        (_, Some(code)) if code != 0 => names::grpc_status_name(code).into(),
        _ => outcome.to_string().into(),
    };
    attributes.push((names::ERROR_TYPE, AttributeValue::Text(class)));
    SpanFailure {
        description: outcome.to_string(),
        attributes,
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What a failure adds, as `name=value`.
    fn check(outcome: Outcome, older_names: bool, expected: &[&str]) {
        let failure = failure(outcome, older_names);
        let shown = |(name, value): &SpanAttribute| match value {
            AttributeValue::Text(text) => format!("{name}={text}"),
            AttributeValue::Int(number) => format!("{name}={number}i"),
        };
        assert_eq!(
            failure.attributes.iter().map(shown).collect::<Vec<_>>(),
            expected,
            "{outcome}"
        );
        assert_eq!(failure.description, outcome.to_string());
    }

    #[test]
    fn a_failure_has_its_class_and_the_status_that_tells_it() {
        check(
            Outcome::Milvus(1100),
            false,
            &[
                "rpc.status_code=OK",
                "db.response.status_code=1100",
                "error.type=1100",
            ],
        );
        check(
            Outcome::Timeout,
            false,
            &[
                "rpc.status_code=DEADLINE_EXCEEDED",
                "error.type=DEADLINE_EXCEEDED",
            ],
        );
        check(
            Outcome::Unavailable,
            false,
            &["rpc.status_code=UNAVAILABLE", "error.type=UNAVAILABLE"],
        );
        check(
            Outcome::Grpc(8),
            false,
            &[
                "rpc.status_code=RESOURCE_EXHAUSTED",
                "error.type=RESOURCE_EXHAUSTED",
            ],
        );
        check(
            Outcome::Abandoned,
            false,
            &["rpc.status_code=CANCELLED", "error.type=CANCELLED"],
        );
        check(
            Outcome::BadReply,
            false,
            &["rpc.status_code=OK", "error.type=bad_reply"],
        );
        check(Outcome::Other, false, &["error.type=other"]);
    }

    #[test]
    fn older_names_stand_beside_those_of_today() {
        let expected = [
            "rpc.status_code=ABORTED",
            "rpc.grpc.status_code=10i",
            "rpc.response.status_code=ABORTED",
            "error.type=ABORTED",
        ];
        check(Outcome::Grpc(10), true, &expected);
    }
}
