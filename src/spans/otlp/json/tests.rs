use std::io::Cursor;
use std::sync::Arc;

use opentelemetry_proto::tonic::trace::v1::TracesData;
use proptest::prelude::*;

use super::*;
use crate::spans::{AttributeValue, SpanEvent, SpanKind, SpanResource, otlp::protobuf};

fn span(trace_id: u128, span_id: u64) -> ServerSpan {
    ServerSpan {
        trace_id,
        span_id,
        parent_id: (span_id > 1).then_some(1),
        name: "milvus.proto.milvus.MilvusService/Search".to_owned(),
        kind: SpanKind::Server,
        scope: "proxy".to_owned(),
        start_ns: 1_795_356_807_817_562_379,
        end_ns: 1_795_356_807_823_395_317,
        attributes: vec![
            (
                "a \"quoted\"".to_owned(),
                AttributeValue::Text("ä\n".to_owned()),
            ),
            ("big".to_owned(), AttributeValue::Int(i64::MIN)),
        ],
        events: vec![SpanEvent {
            name: "done, cost 1µs".to_owned(),
            time_ns: 1_795_356_807_817_562_380,
        }],
        status: 2,
        status_message: "boom".to_owned(),
        resource: Arc::new(SpanResource {
            service: "standalone".to_owned(),
            attributes: vec![("NodeID".to_owned(), AttributeValue::Int(1))],
        }),
    }
}

fn trace(trace_id: u128, spans: u64) -> Trace {
    Trace {
        trace_id,
        spans: (1..=spans).map(|id| span(trace_id, id)).collect(),
    }
}

fn reader(text: impl Into<Vec<u8>>) -> SpanReader {
    SpanReader::new(Box::new(Cursor::new(text.into())), "spans.jsonl".to_owned())
}

fn text_of(traces: &[Trace]) -> Vec<u8> {
    let mut text = Vec::new();
    for trace in traces {
        write::write(&trace.spans, &mut text).expect("memory");
        text.push(b'\n');
    }
    text
}

fn written(traces: &[Trace]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("spans.jsonl");
    let mut writer = SpanWriter::create(&path, OPEN).expect("creates");
    for trace in traces {
        writer.write(trace).expect("writes");
    }
    writer.finish().expect("finishes");
    (folder, path)
}

/// Enough where nothing stands at the place.
const OPEN: OpenNew = |path| {
    File::options()
        .read(true)
        .write(true)
        .create_new(true)
        .open(path)
};

#[test]
fn what_was_written_reads_back() {
    let traces = [trace(7, 3), trace(u128::MAX, 1)];
    let (_folder, path) = written(&traces);
    let read: Vec<Trace> = SpanReader::open(&path)
        .expect("opens")
        .collect::<Result<_, _>>()
        .expect("reads");
    assert_eq!(read, traces);
}

#[test]
fn a_later_version_replaces_the_earlier_one() {
    let (folder, path) = written(&[trace(7, 1), trace(8, 2), trace(7, 3), trace(9, 0)]);
    let read: Vec<Trace> = SpanReader::open(&path)
        .expect("opens")
        .collect::<Result<_, _>>()
        .expect("reads");
    assert_eq!(read, [trace(8, 2), trace(7, 3)]);
    let files: Vec<_> = std::fs::read_dir(folder.path()).expect("lists").collect();
    assert_eq!(files.len(), 1, "nothing but the file is left: {files:?}");
}

#[test]
fn the_file_is_untouched_until_the_end() {
    let (folder, path) = written(&[trace(7, 1)]);
    let mut writer = SpanWriter::create(&path, OPEN).expect("creates");
    writer.write(&trace(8, 1)).expect("writes");
    drop(writer);
    assert!(read_all(&path).expect("reads").traces.contains_key(&7));
    let left: Vec<_> = std::fs::read_dir(folder.path()).expect("lists").collect();
    assert_eq!(
        left.len(),
        1,
        "a writer that gave up takes no room: {left:?}"
    );
}

#[test]
fn nothing_written_is_an_empty_file() {
    let (_folder, path) = written(&[]);
    assert_eq!(read_all(&path).expect("reads"), Traces::default());
}

#[test]
fn the_official_types_read_it_as_well() {
    let trace = trace(7, 3);
    let official: TracesData =
        serde_json::from_slice(&text_of(std::slice::from_ref(&trace))).expect("official OTLP JSON");
    let mut spans = Vec::new();
    protobuf::convert(official.resource_spans, &mut |span| spans.push(span));
    assert_eq!(spans, trace.spans);
}

#[test]
fn what_the_official_types_write_is_read() {
    let trace = trace(7, 3);
    let official: TracesData =
        serde_json::from_slice(&text_of(std::slice::from_ref(&trace))).expect("official OTLP JSON");
    let text = serde_json::to_vec(&official).expect("writes");
    assert_eq!(read::read(&text).expect("reads"), trace.spans);
}

fn check(line: &str, expected: &[u64]) {
    let ids: Vec<u64> = read::read(line.as_bytes())
        .expect(line)
        .iter()
        .map(|span| span.span_id)
        .collect();
    assert_eq!(ids, expected, "{line}");
}

fn with_span(span: &str) -> String {
    format!(
        "{{\"resourceSpans\":[{{\"scopeSpans\":[{{\"spans\":[{{\"traceId\":\"7\",\"spanId\":\"01\",{span}}}]}}]}}]}}"
    )
}

#[test]
fn unknown_fields_nulls_and_plain_numbers_are_accepted() {
    check("{\"resourceSpans\":[],\"new\":{\"x\":[1]}}", &[]);
    check("{\"resourceSpans\":null}", &[]);
    check(
        &with_span(
            "\"flags\":257,\"links\":[{}],\"attributes\":null,\"status\":null,\"startTimeUnixNano\":12,\"endTimeUnixNano\":\"13\"",
        ),
        &[1],
    );
    check(
        &with_span(
            "\"startTimeUnixNano\":null,\"attributes\":[{\"key\":\"k\"},{\"key\":\"l\",\"value\":{}}]",
        ),
        &[1],
    );
}

#[test]
fn values_of_all_kinds() {
    let line = with_span(
        "\"attributes\":[{\"key\":\"a\",\"value\":{\"intValue\":5}},{\"key\":\"b\",\"value\":{\"intValue\":\"-5\"}},{\"key\":\"c\",\"value\":{\"doubleValue\":1}},{\"key\":\"d\",\"value\":{\"doubleValue\":\"-Infinity\"}},{\"key\":\"e\",\"value\":{\"arrayValue\":{\"values\":[{\"intValue\":\"1\"}]}}},{\"key\":\"f\",\"value\":{\"kvlistValue\":{\"values\":[{\"key\":\"k\",\"value\":{\"boolValue\":true}}]}}},{\"key\":\"g\",\"value\":{\"bytesValue\":\"AQI=\"}}]",
    );
    let spans = read::read(line.as_bytes()).expect("reads");
    let values: Vec<AttributeValue> = spans[0]
        .attributes
        .iter()
        .map(|(_, value)| value.clone())
        .collect();
    let text = |text: &str| AttributeValue::Text(text.to_owned());
    let floats = [
        AttributeValue::Float(1.0),
        AttributeValue::Float(f64::NEG_INFINITY),
    ];
    assert_eq!(
        values[..4],
        [
            AttributeValue::Int(5),
            AttributeValue::Int(-5),
            floats[0].clone(),
            floats[1].clone()
        ]
    );
    assert_eq!(
        values[4..],
        [text("[1]"), text("{\"k\":true}"), text("AQI=")]
    );
}

#[test]
fn an_attribute_without_a_name_costs_itself_alone() {
    let value = "\"value\":{\"intValue\":5}";
    for odd in [
        "{\"key\":7,VALUE}",
        "{\"key\":null,VALUE}",
        "{\"key\":[\"a\"],VALUE}",
        "{VALUE}",
        "null",
    ] {
        let odd = odd.replace("VALUE", value);
        let list = format!("[{odd},{{\"key\":\"b\",{value}}}]");
        let nested =
            format!("{{\"key\":\"c\",\"value\":{{\"kvlistValue\":{{\"values\":{list}}}}}}}");
        let spans = with_span(&format!(
            "\"attributes\":[{odd},{nested},{{\"key\":\"b\",{value}}}],\"events\":[{{\"name\":\"e\",\"attributes\":{list}}}]"
        ));
        let spans = read::read(spans.as_bytes()).unwrap_or_else(|error| panic!("{odd}: {error}"));
        let expected = [
            ("c", AttributeValue::Text("{\"b\":5}".to_owned())),
            ("b", AttributeValue::Int(5)),
        ];
        assert_eq!(
            spans[0].attributes,
            expected.map(|(key, value)| (key.to_owned(), value)),
            "{odd}"
        );
    }
}

#[test]
fn other_json_is_an_error() {
    for wrong in [
        "{}",
        "[]",
        "3",
        "{\"resourceSpans\":3}",
        &with_span("\"startTimeUnixNano\":\"x\""),
        "{\"resourceSpans\":[]} {}",
    ] {
        assert!(read::read(wrong.as_bytes()).is_err(), "{wrong}");
    }
    assert!(
        read::read(b"{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"traceId\":\"+7\"}]}]}]}")
            .is_err(),
        "a sign is not a hex digit"
    );
}

#[test]
fn a_cut_last_line_is_left_out_and_said() {
    let text = text_of(&[trace(7, 1), trace(8, 1)]);
    let mut reader = reader(&text[..text.len() - 20]);
    assert_eq!(
        reader.by_ref().collect::<Result<Vec<_>, _>>(),
        Ok(vec![trace(7, 1)])
    );
    assert!(reader.truncated());
}

#[test]
fn a_last_line_without_line_end_counts() {
    let text = text_of(&[trace(7, 1)]);
    let mut reader = reader(&text[..text.len() - 1]);
    assert_eq!(reader.by_ref().count(), 1);
    assert!(!reader.truncated());
}

#[test]
fn a_broken_line_within_is_one_error_that_names_it() {
    let mut text = text_of(&[trace(7, 1)]);
    text.extend(b"\n{\"resourceSpans\":[\n");
    text.extend(text_of(&[trace(8, 1)]));
    let mut reader = reader(text);
    assert!(reader.next().is_some_and(|first| first.is_ok()));
    let error = reader.next().expect("an item").expect_err("an error").0;
    assert!(
        error.starts_with("line 3 of spans.jsonl is not OTLP JSON"),
        "{error}"
    );
    assert_eq!(
        reader.next(),
        Some(Ok(trace(8, 1))),
        "the rest of the file is not lost with it"
    );
    assert!(reader.next().is_none());
}

#[test]
fn lines_that_are_broken_in_any_way_cost_themselves() {
    let deep = format!(
        "{{\"resourceSpans\":[{}0{}]}}\n",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let nested = format!(
        "{{\"resourceSpans\":[{{\"scopeSpans\":[{{\"spans\":[{{\"traceId\":\"1\",\"spanId\":\"1\",\"attributes\":[{{\"key\":\"k\",\"value\":{}{}}}]}}]}}]}}]}}\n",
        "{\"arrayValue\":{\"values\":[".repeat(10_000),
        "]}}".repeat(10_000)
    );
    let lines: [&[u8]; 8] = [
        b"\xff\xfe\n",
        b"null\n",
        b"{}\n",
        b"<html>\n",
        b"\0\0\0\n",
        deep.as_bytes(),
        nested.as_bytes(),
        b"{\"resourceSpans\":7}\n",
    ];
    let mut text = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        text.extend_from_slice(line);
        text.extend(text_of(&[trace(number as u128 + 1, 1)]));
    }
    let (read, broken): (Vec<_>, Vec<_>) = reader(text).partition(Result::is_ok);
    assert_eq!((read.len(), broken.len()), (8, 8), "{broken:?}");
}

#[test]
fn a_line_that_is_too_long_costs_itself() {
    let mut text = text_of(&[trace(7, 1)]);
    let longest = text.len() as u64 + 10;
    text.extend(text_of(&[trace(8, 50)]));
    text.extend(text_of(&[trace(9, 1)]));
    let mut reader = reader(text.clone());
    reader.longest = longest;
    let read: Vec<_> = reader.collect();
    assert_eq!(
        (&read[0], &read[2], read.len()),
        (&Ok(trace(7, 1)), &Ok(trace(9, 1)), 3)
    );
    assert!(
        read[1]
            .as_ref()
            .is_err_and(|error| error.0.starts_with("line 2 of spans.jsonl is longer than")),
        "{read:?}"
    );
    // A last line that just fits is no longer than allowed.
    let mut whole = self::reader(text_of(&[trace(7, 1)]));
    whole.longest = longest - 10;
    assert_eq!(whole.collect::<Vec<_>>(), [Ok(trace(7, 1))]);
}

#[test]
fn a_trace_in_several_lines_is_grouped_and_no_span_twice() {
    let mut lines = text_of(&[trace(7, 2), trace(8, 1)]);
    lines.extend(text_of(&[trace(7, 3)]));
    let all = collect(reader(lines)).expect("reads");
    assert_eq!((all.traces[&7].clone(), all.traces.len()), (trace(7, 3), 2));
}

#[test]
fn several_traces_in_one_line_are_told_apart() {
    let spans = [span(7, 1), span(8, 1), span(7, 2)];
    let mut line = Vec::new();
    write::write(&spans, &mut line).expect("memory");
    let read: Vec<Trace> = reader(line).collect::<Result<_, _>>().expect("reads");
    assert_eq!(
        read.iter()
            .map(|trace| (trace.trace_id, trace.spans.len()))
            .collect::<Vec<_>>(),
        [(7, 2), (8, 1)]
    );
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = read_all(Path::new("/nowhere/spans.jsonl"))
        .expect_err("an error")
        .0;
    assert!(
        error.starts_with("/nowhere/spans.jsonl can't be opened"),
        "{error}"
    );
}

fn any_value() -> impl Strategy<Value = AttributeValue> {
    prop_oneof![
        any::<String>().prop_map(AttributeValue::Text),
        any::<i64>().prop_map(AttributeValue::Int),
        proptest::num::f64::NORMAL.prop_map(AttributeValue::Float),
        any::<bool>().prop_map(AttributeValue::Bool),
    ]
}

fn any_span() -> impl Strategy<Value = ServerSpan> {
    let attributes = || proptest::collection::vec(("[a-z.]{1,8}", any_value()), 0..4);
    let ids = (1_u128.., 1_u64.., proptest::option::of(1_u64..));
    let kind = prop_oneof![
        Just(SpanKind::Internal),
        Just(SpanKind::Server),
        Just(SpanKind::Client),
        Just(SpanKind::Producer),
        Just(SpanKind::Consumer)
    ];
    (
        ids,
        "[a-z][^/]{0,9}",
        kind,
        any::<String>(),
        any::<[u64; 2]>(),
        attributes(),
        attributes(),
        0_u8..3,
    )
        .prop_map(
            |(
                (trace_id, span_id, parent_id),
                name,
                kind,
                text,
                times,
                attributes,
                resource,
                status,
            )| ServerSpan {
                trace_id,
                span_id,
                parent_id,
                name,
                kind,
                scope: text.clone(),
                start_ns: times[0],
                end_ns: times[1],
                attributes,
                // An event's name may be empty in Jaeger 1.46 only, where it is looked for
                // elsewhere.
                events: vec![SpanEvent {
                    name: format!("e{text}"),
                    time_ns: times[0],
                }],
                status,
                status_message: text.clone(),
                resource: Arc::new(SpanResource {
                    service: text,
                    attributes: resource,
                }),
            },
        )
}

proptest! {
    #[test]
    fn any_span_reads_back(span in any_span()) {
        let mut line = Vec::new();
        write::write(std::slice::from_ref(&span), &mut line).expect("memory");
        prop_assert_eq!(read::read(&line).expect("reads"), vec![span]);
    }

    #[test]
    fn any_bytes_give_at_most_one_error_a_line(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let lines = bytes.split(|byte| *byte == b'\n').count();
        prop_assert!(reader(bytes).filter(Result::is_err).count() <= lines);
    }

    #[test]
    fn a_cut_or_changed_file_never_panics(cut in 0_usize..2_000, byte in any::<u8>()) {
        let mut text = text_of(&[trace(7, 2), trace(8, 1)]);
        let at = cut % text.len();
        prop_assert!(
            reader(&text[..at]).all(|trace| trace.is_ok()),
            "a cut alone is not an error"
        );
        text[at] = byte;
        // A line end in the middle makes two lines of one.
        prop_assert!(reader(text).filter(Result::is_err).count() <= 2);
    }
}

#[test]
fn an_attribute_of_an_unknown_kind_costs_that_attribute() {
    for odd in [
        "7",
        "[1,[2]]",
        "\"x\"",
        "null",
        "{\"unknownValue\":{\"a\":1}}",
        "{\"stringValue\":{\"a\":1}}",
        "{\"arrayValue\":3}",
        "{\"intValue\":\"x\"}",
    ] {
        let line = with_span(&format!(
            "\"attributes\":[{{\"key\":\"odd\",\"value\":{odd}}},{{\"key\":\"good\",\"value\":{{\"intValue\":\"1\"}}}}]"
        ));
        let spans = read::read(line.as_bytes()).expect(odd);
        assert_eq!(
            spans[0].attributes,
            [("good".to_owned(), AttributeValue::Int(1))],
            "{odd}"
        );
    }
}
