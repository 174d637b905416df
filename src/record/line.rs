//! Lines of `requests.jsonl`: what the requests of a stream have in common is written once, the
//! rest without formatting machinery, because at 100 % traced there is a line per request. The keys
//! are those of [`super::RequestLine`].

use serde::Serialize;

use super::{Part, Reply, Sample, StreamInfo, TRUTH_WRONG};

/// Numbers of queries that a line holds.
const QUERIES_KEPT: usize = 1_000;

/// Makes the lines of a run.
#[derive(Debug)]
pub(super) struct Lines {
    /// By stream: a line up to the value of `seq`.
    heads: Vec<Vec<u8>>,
    /// By stream: what is put for each class.
    classes: Vec<Vec<Vec<u8>>>,
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
        Self {
            heads: streams.iter().map(head).collect(),
            classes: streams.iter().map(classes).collect(),
            line: Vec::new(),
        }
    }

    /// The line of `sample` with its end, with the numbers of its queries and what its reply held;
    /// None when its stream is unknown.
    pub(super) fn line(
        &mut self,
        sample: &Sample,
        queries: &[u64],
        reply: Option<&Reply>,
    ) -> Option<&[u8]> {
        let head = self.heads.get(usize::from(sample.stream.0))?;
        let out = &mut self.line;
        out.clear();
        out.extend_from_slice(head);
        put_decimal(out, sample.seq);
        out.extend_from_slice(b",\"trace_id\":\"");
        put_hex(out, &sample.trace_id.to_be_bytes());
        out.extend_from_slice(b"\",\"span_id\":\"");
        put_hex(out, &sample.span_id.to_be_bytes());
        out.extend_from_slice(if sample.sampled {
            b"\",\"sampled\":true"
        } else {
            b"\",\"sampled\":false"
        });
        put_time(out, b",\"intended_ns\":", sample.intended_ns);
        put_time(out, b",\"sent_ns\":", sample.sent_ns);
        put_time(
            out,
            b",\"done_ns\":",
            sample.sent_ns.map(|_| sample.done_ns),
        );
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
        } else if sample.recall == TRUTH_WRONG {
            out.extend_from_slice(b",\"truth_wrong\":true");
        }
        let classes = &self.classes[usize::from(sample.stream.0)];
        let class = sample
            .class
            .and_then(|class| classes.get(usize::from(class)));
        out.extend_from_slice(class.map_or(&[][..], |class| class));
        put_queries(out, queries);
        if let Some(reply) = reply {
            put_reply(out, reply);
        }
        out.extend_from_slice(b"}\n");
        Some(out)
    }
}

fn head(stream: &StreamInfo) -> Vec<u8> {
    let part = stream.part.as_ref().unwrap_or(&Part::Measured);
    let head = Head {
        phase: &stream.phase,
        part,
        workload: &stream.workload,
        operation: &stream.operation,
    };
    // Texts alone can always be written.
    let mut head = serde_json::to_vec(&head).unwrap_or_default();
    head.pop();
    head.extend_from_slice(b",\"seq\":");
    head
}

fn classes(stream: &StreamInfo) -> Vec<Vec<u8>> {
    let classes = stream.split.iter().flat_map(|split| &split.classes);
    // A text can always be written.
    let text = |class| serde_json::to_string(class).unwrap_or_default();
    classes
        .map(|class| format!(",\"class\":{}", text(class)).into_bytes())
        .collect()
}

fn put_queries(out: &mut Vec<u8>, queries: &[u64]) {
    let Some(first) = queries.first() else { return };
    out.extend_from_slice(b",\"query\":");
    put_decimal(out, *first);
    if queries.len() > 1 {
        out.extend_from_slice(b",\"queries\":[");
        for (at, number) in queries.iter().take(QUERIES_KEPT).enumerate() {
            if at > 0 {
                out.push(b',');
            }
            put_decimal(out, *number);
        }
        out.push(b']');
    }
}

fn put_reply(out: &mut Vec<u8>, reply: &Reply) {
    // Numbers and texts can always be written; a score that is no number is null.
    out.extend_from_slice(b",\"ids\":");
    let _ = serde_json::to_writer(&mut *out, &reply.ids);
    if !reply.scores.is_empty() {
        out.extend_from_slice(b",\"scores\":");
        let _ = serde_json::to_writer(&mut *out, &reply.scores);
    }
    if !reply.per_query.is_empty() {
        out.extend_from_slice(b",\"per_query\":");
        let _ = serde_json::to_writer(&mut *out, &reply.per_query);
    }
    if reply.left_out > 0 {
        out.extend_from_slice(b",\"ids_left_out\":");
        put_decimal(out, u64::from(reply.left_out));
    }
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
    out.extend(bytes.iter().flat_map(|byte| {
        [
            DIGITS[usize::from(byte >> 4)],
            DIGITS[usize::from(byte & 15)],
        ]
    }));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record::{Outcome, ReplyIds, RequestLine, SplitInfo, StreamId};

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
    fn check(sample: &Sample, queries: &[u64], reply: Option<&Reply>) {
        let split = SplitInfo {
            by: "tenant".to_owned(),
            by_rank: true,
            classes: vec!["1".to_owned(), "2-10".to_owned()],
            labels: Vec::new(),
        };
        let staged = StreamInfo {
            split: Some(split),
            ..stream(Some(Part::Stage("full".to_owned())))
        };
        let streams = [stream(None), staged];
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
            truth_wrong: sample.recall == TRUTH_WRONG,
            class: sample
                .class
                .and_then(|at| of.split.as_ref()?.classes.get(usize::from(at)).cloned()),
            query: queries.first().copied(),
            queries: if queries.len() > 1 {
                queries.to_vec()
            } else {
                Vec::new()
            },
            ids: reply.map(|reply| reply.ids.clone()),
            scores: reply
                .iter()
                .flat_map(|reply| &reply.scores)
                .map(|score| Some(*score).filter(|score| score.is_finite()))
                .collect(),
            per_query: reply
                .map(|reply| reply.per_query.clone())
                .unwrap_or_default(),
            ids_left_out: reply.map_or(0, |reply| reply.left_out),
        };
        let mut lines = Lines::new(&streams);
        let line = String::from_utf8(
            lines
                .line(sample, queries, reply)
                .expect("a known stream")
                .to_vec(),
        )
        .expect("UTF-8");
        assert_eq!(
            line,
            serde_json::to_string(&expected).expect("serializable") + "\n"
        );
        assert_eq!(
            serde_json::from_str::<RequestLine>(&line).expect("it reads back"),
            expected
        );
    }

    fn outcome() -> impl Strategy<Value = Outcome> {
        prop_oneof![
            Just(Outcome::Ok),
            Just(Outcome::NotSent),
            (1_u8..17).prop_map(Outcome::Grpc),
            any::<i32>().prop_map(Outcome::Milvus)
        ]
    }

    fn reply() -> impl Strategy<Value = Reply> {
        let ids = prop_oneof![
            prop::collection::vec(any::<i64>(), 0..4).prop_map(ReplyIds::Numbers),
            prop::collection::vec(".{0,5}", 1..4).prop_map(ReplyIds::Texts)
        ];
        let scores = prop::collection::vec(prop_oneof![Just(f32::NAN), -1.0_f32..=1.0], 0..4);
        (
            ids,
            scores,
            prop::collection::vec(any::<u32>(), 0..3),
            any::<u32>(),
        )
            .prop_map(|(ids, scores, per_query, left_out)| Reply {
                ids,
                scores,
                per_query,
                left_out,
            })
    }

    proptest! {
        #[test]
        fn a_line_is_what_serde_writes(
            ids in (0_u16..2, any::<u64>(), any::<u128>(), any::<u64>(), any::<bool>()),
            times in (any::<Option<u64>>(), any::<Option<u64>>(), any::<u64>()),
            outcome in outcome(),
            sizes in (any::<u32>(), any::<u32>(), any::<u32>()),
            recall in prop_oneof![Just(f32::NAN), Just(TRUTH_WRONG), 0.0_f32..=1.0],
            queries in prop::collection::vec(any::<u64>(), 0..4),
            (class, reply) in (prop::option::of(0_u8..3), prop::option::of(reply())),
        ) {
            let (stream, seq, trace_id, span_id, sampled) = ids;
            let (intended_ns, sent_ns, done_ns) = times;
            let (request_bytes, response_bytes, rows) = sizes;
            let stream = StreamId(stream);
            check(
                &Sample {
                    stream,
                    seq,
                    trace_id,
                    span_id,
                    sampled,
                    intended_ns,
                    ready_ns: None,
                    sent_ns,
                    done_ns,
                    outcome,
                    request_bytes,
                    response_bytes,
                    rows,
                    recall,
                    class,
                },
                &queries,
                reply.as_ref(),
            );
        }
    }

    #[test]
    fn an_unknown_stream_has_no_line() {
        let mut lines = Lines::new(&[]);
        let sample = Sample {
            trace_id: 1,
            span_id: 1,
            sampled: true,
            ..Sample::default()
        };
        assert_eq!(lines.line(&sample, &[], None), None);
    }
}
