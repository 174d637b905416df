//! Lines of `requests.jsonl`: what the requests of a stream have in common is written once, the rest without formatting
//! machinery, because at 100 % traced there is a line per request. The keys are those of [`super::RequestLine`].

use serde::Serialize;

use super::{Part, Sample, StreamInfo};

/// Makes the lines of a run.
#[derive(Debug)]
pub(super) struct Lines {
    /// By stream: a line up to the value of `seq`.
    heads: Vec<Vec<u8>>,
    line: Vec<u8>,
}

#[derive(Serialize)]
struct Head<'a> {
    phase: &'a str,
    part: &'a Part,
    workload: &'a str,
    operation: &'a str,
}

impl Lines {
    pub(super) fn new(streams: &[StreamInfo]) -> Self {
        Self { heads: streams.iter().map(head).collect(), line: Vec::new() }
    }

    /// The line of `sample` with its end; None when its stream is unknown.
    pub(super) fn line(&mut self, sample: &Sample) -> Option<&[u8]> {
        let head = self.heads.get(usize::from(sample.stream.0))?;
        let out = &mut self.line;
        out.clear();
        out.extend_from_slice(head);
        put_decimal(out, sample.seq);
        out.extend_from_slice(b",\"trace_id\":\"");
        put_hex(out, &sample.trace_id.to_be_bytes());
        out.extend_from_slice(b"\",\"span_id\":\"");
        put_hex(out, &sample.span_id.to_be_bytes());
        out.extend_from_slice(if sample.sampled { b"\",\"sampled\":true" } else { b"\",\"sampled\":false" });
        put_time(out, b",\"intended_ns\":", sample.intended_ns);
        put_time(out, b",\"sent_ns\":", sample.sent_ns);
        put_time(out, b",\"done_ns\":", sample.sent_ns.map(|_| sample.done_ns));
        out.extend_from_slice(b",\"outcome\":\"");
        // Writing to memory can't fail.
        let _ = std::io::Write::write_fmt(out, format_args!("{}", sample.outcome));
        out.extend_from_slice(b"\",\"request_bytes\":");
        put_decimal(out, u64::from(sample.request_bytes));
        out.extend_from_slice(b",\"response_bytes\":");
        put_decimal(out, u64::from(sample.response_bytes));
        if sample.rows > 0 {
            out.extend_from_slice(b",\"rows\":");
            put_decimal(out, u64::from(sample.rows));
        }
        if sample.recall.is_finite() {
            out.extend_from_slice(b",\"recall\":");
            let _ = serde_json::to_writer(&mut *out, &sample.recall);
        }
        out.extend_from_slice(b"}\n");
        Some(out)
    }
}

fn head(stream: &StreamInfo) -> Vec<u8> {
    let part = stream.part.as_ref().unwrap_or(&Part::Measured);
    let head = Head { phase: &stream.phase, part, workload: &stream.workload, operation: &stream.operation };
    // Texts alone can always be written.
    let mut head = serde_json::to_vec(&head).unwrap_or_default();
    head.pop();
    head.extend_from_slice(b",\"seq\":");
    head
}

fn put_time(out: &mut Vec<u8>, key: &[u8], value: Option<u64>) {
    out.extend_from_slice(key);
    match value {
        Some(value) => put_decimal(out, value),
        None => out.extend_from_slice(b"null"),
    }
}

fn put_decimal(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0; 20];
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[first..]);
}

fn put_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.extend(bytes.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record::{Outcome, RequestLine, StreamId};

    fn stream(part: Option<Part>) -> StreamInfo {
        StreamInfo {
            phase: "a \"phase\"".to_owned(),
            part,
            workload: "w".to_owned(),
            operation: "search".to_owned(),
            ..StreamInfo::default()
        }
    }

    /// The line is what serde writes for the documented struct, byte for byte.
    fn check(sample: &Sample) {
        let streams = [stream(None), stream(Some(Part::Stage("full".to_owned())))];
        let of = &streams[usize::from(sample.stream.0)];
        let expected = RequestLine {
            phase: of.phase.clone(),
            part: of.part.clone().unwrap_or(Part::Measured),
            workload: of.workload.clone(),
            operation: of.operation.clone(),
            seq: sample.seq,
            trace_id: format!("{:032x}", sample.trace_id),
            span_id: format!("{:016x}", sample.span_id),
            sampled: sample.sampled,
            intended_ns: sample.intended_ns,
            sent_ns: sample.sent_ns,
            done_ns: sample.sent_ns.map(|_| sample.done_ns),
            outcome: sample.outcome,
            request_bytes: sample.request_bytes,
            response_bytes: sample.response_bytes,
            rows: sample.rows,
            recall: Some(sample.recall).filter(|recall| recall.is_finite()),
        };
        let mut lines = Lines::new(&streams);
        let line = String::from_utf8(lines.line(sample).expect("a known stream").to_vec()).expect("UTF-8");
        assert_eq!(line, serde_json::to_string(&expected).expect("serializable") + "\n");
    }

    fn outcome() -> impl Strategy<Value = Outcome> {
        prop_oneof![Just(Outcome::Ok), Just(Outcome::NotSent), (1_u8..17).prop_map(Outcome::Grpc), any::<i32>().prop_map(Outcome::Milvus)]
    }

    proptest! {
        #[test]
        fn a_line_is_what_serde_writes(
            ids in (0_u16..2, any::<u64>(), any::<u128>(), any::<u64>(), any::<bool>()),
            times in (any::<Option<u64>>(), any::<Option<u64>>(), any::<u64>()),
            outcome in outcome(),
            sizes in (any::<u32>(), any::<u32>(), any::<u32>(), prop_oneof![Just(f32::NAN), 0.0_f32..=1.0]),
        ) {
            let (stream, seq, trace_id, span_id, sampled) = ids;
            let (intended_ns, sent_ns, done_ns) = times;
            let (request_bytes, response_bytes, rows, recall) = sizes;
            let stream = StreamId(stream);
            check(&Sample {
                stream, seq, trace_id, span_id, sampled, intended_ns, ready_ns: None, sent_ns, done_ns, outcome, request_bytes, response_bytes,
                rows, recall,
            });
        }
    }

    #[test]
    fn an_unknown_stream_has_no_line() {
        let mut lines = Lines::new(&[]);
        let sample = Sample {
            stream: StreamId(0),
            seq: 0,
            trace_id: 1,
            span_id: 1,
            sampled: true,
            intended_ns: None,
            ready_ns: None,
            sent_ns: None,
            done_ns: 0,
            outcome: Outcome::Ok,
            request_bytes: 0,
            response_bytes: 0,
            rows: 0,
            recall: f32::NAN,
        };
        assert_eq!(lines.line(&sample), None);
    }
}
