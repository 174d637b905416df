//! Jaeger's gRPC api_v3: OTLP in protobuf, times in nanoseconds. The best one from Jaeger 1.65 on;
//! 1.46 loses the names of events and status texts here, so api_v2 is used there.

use opentelemetry_proto::tonic::trace::v1::TracesData;

use super::generated::jaeger_v3::{GetTraceRequest, Timestamp};
use crate::spans::assemble::only_trace;
use crate::spans::otlp::protobuf;
use crate::spans::span::Trace;

/// 2100-01-01: stores that filter by time must not lose a trace because clocks differ.
pub(super) const FAR_FUTURE_S: i64 = 4_102_444_800;

/// Asks for one trace as it was stored.
pub(super) fn request(trace_id: u128) -> GetTraceRequest {
    let time = |seconds| Some(Timestamp { seconds, nanos: 0 });
    // Second 1 and not 0: an all-zero time is "absent" to some versions.
    GetTraceRequest {
        trace_id: format!("{trace_id:032x}"),
        start_time: time(1),
        end_time: time(FAR_FUTURE_S),
        raw_traces: true,
    }
}

/// The spans of `trace_id` in the messages of one reply, which may not pass for an empty trace
/// where it `held_something`.
pub(super) fn trace_from_messages(
    trace_id: u128,
    messages: Vec<TracesData>,
    held_something: bool,
) -> Result<Trace, String> {
    let mut spans = Vec::new();
    for message in messages {
        protobuf::convert(message.resource_spans, &mut |span| spans.push(span));
    }
    only_trace(trace_id, spans, held_something)
}
