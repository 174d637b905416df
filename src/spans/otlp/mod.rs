//! OpenTelemetry's spans in the two encodings of OTLP: [`protobuf`] converts messages, [`json`]
//! reads and writes text, that of `spans.jsonl` among it.

pub(super) mod json;
pub(super) mod protobuf;
