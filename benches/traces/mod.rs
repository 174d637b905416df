//! Runs of searches with twenty spans each, made by arithmetic: shared by the benches that analyse
//! them.

use std::sync::Arc;

use milvus_bench::{
    record::{
        Part, PhaseInfo, RunFolder, RunInfo, RunReader, RunWriter, Sample, Status, StreamInfo,
    },
    spans::{AttributeValue, ServerSpan, SpanEvent, SpanKind, SpanResource, Trace},
};

/// Span id of the client's span in every trace.
pub(crate) const CLIENT: u64 = 1;

/// Id, parent, service and its NodeID, name, kind, start and end in microseconds.
type Row = (
    u64,
    u64,
    (&'static str, i64),
    &'static str,
    SpanKind,
    (u64, u64),
);

/// A search in a cluster of two query nodes.
const ROWS: [Row; 20] = {
    use SpanKind::{Client, Internal, Server};
    let (proxy, leader, worker) = (("proxy", 8), ("querynode", 6), ("querynode", 7));
    [
        (
            1,
            0,
            ("milvus-bench", 0),
            "milvus.proto.milvus.MilvusService/Search",
            Client,
            (0, 4_000),
        ),
        (
            2,
            1,
            proxy,
            "milvus.proto.milvus.MilvusService/Search",
            Server,
            (400, 3_600),
        ),
        (3, 2, proxy, "Proxy-Search", Internal, (450, 3_550)),
        (
            4,
            3,
            proxy,
            "milvus.proto.rootcoord.RootCoord/AllocTimestamp",
            Client,
            (500, 1_000),
        ),
        (5, 3, proxy, "SearchTask", Internal, (1_050, 3_500)),
        (
            6,
            5,
            proxy,
            "Proxy-Search-PreExecute",
            Internal,
            (1_060, 1_150),
        ),
        (
            7,
            5,
            proxy,
            "Proxy-Search-Execute",
            Internal,
            (1_160, 3_400),
        ),
        (
            8,
            7,
            proxy,
            "milvus.proto.query.QueryCoord/GetShardLeaders",
            Client,
            (1_180, 1_300),
        ),
        (
            9,
            8,
            ("querycoord", 4),
            "milvus.proto.query.QueryCoord/GetShardLeaders",
            Server,
            (1_200, 1_280),
        ),
        (
            10,
            7,
            proxy,
            "milvus.proto.query.QueryNode/Search",
            Client,
            (1_320, 3_380),
        ),
        (
            11,
            10,
            leader,
            "milvus.proto.query.QueryNode/Search",
            Server,
            (1_400, 3_300),
        ),
        (
            12,
            11,
            leader,
            "Delegator-waitTSafe",
            Internal,
            (1_420, 1_430),
        ),
        (
            13,
            11,
            leader,
            "milvus.proto.query.QueryNode/SearchSegments",
            Client,
            (1_450, 3_200),
        ),
        (
            14,
            13,
            worker,
            "milvus.proto.query.QueryNode/SearchSegments",
            Server,
            (1_600, 3_100),
        ),
        (
            15,
            14,
            ("segcore", 7),
            "SegCoreSearch",
            Internal,
            (1_900, 2_800),
        ),
        (
            16,
            14,
            ("segcore", 7),
            "SegCoreSearch",
            Internal,
            (2_000, 2_900),
        ),
        (
            17,
            11,
            ("segcore", 6),
            "SegCoreSearch",
            Internal,
            (1_800, 2_400),
        ),
        (
            18,
            11,
            ("segcore", 6),
            "SegCoreSearch",
            Internal,
            (1_850, 2_500),
        ),
        (
            19,
            5,
            proxy,
            "Proxy-Search-PostExecute",
            Internal,
            (3_410, 3_480),
        ),
        (20, 3, proxy, "SendMsg", Internal, (3_415, 3_420)),
    ]
};

const EVENTS: [(u64, &str, u64); 6] = [
    (3, "search request enqueue, cost 600us", 1_040),
    (
        11,
        "search segments done, channel = by-dev-dml_0_1v0, segmentIDs = [11 12], cost 1.1ms",
        2_550,
    ),
    (
        11,
        "start reduce query result, traceID = 0, vChannel = by-dev-dml_0_1v0",
        3_210,
    ),
    (
        11,
        "do search with channel done , vChannel = by-dev-dml_0_1v0, segmentIDs = [], cost 1.8ms",
        3_260,
    ),
    (
        14,
        "search segments done, channel = by-dev-dml_0_1v0, segmentIDs = [13 14], cost 1.4ms",
        3_000,
    ),
    (15, "finish_knowhere_index_search", 2_780),
];

/// The trace, its times stretched a little by `number`.
pub(crate) fn trace(number: u64) -> Trace {
    let at = |us: u64| 1_800_000_000_000_000_000 + us * (1_000 + number % 97);
    let mut resources: Vec<Arc<SpanResource>> = Vec::new();
    let mut resource = |(service, node): (&str, i64)| {
        let attributes = vec![("NodeID".to_owned(), AttributeValue::Int(node))];
        let wanted = SpanResource {
            service: service.to_owned(),
            attributes,
        };
        if let Some(known) = resources.iter().find(|known| ***known == wanted) {
            return Arc::clone(known);
        }
        resources.push(Arc::new(wanted));
        Arc::clone(&resources[resources.len() - 1])
    };
    let spans = ROWS.iter().map(
        |(id, parent, process, name, kind, (start, end))| ServerSpan {
            trace_id: u128::from(number + 1),
            span_id: *id,
            parent_id: (*parent != 0).then_some(*parent),
            name: (*name).to_owned(),
            kind: *kind,
            scope: String::new(),
            start_ns: at(*start),
            end_ns: at(*end),
            attributes: Vec::new(),
            events: EVENTS
                .iter()
                .filter(|(span, _, _)| span == id)
                .map(|(_, name, time)| SpanEvent {
                    name: (*name).to_owned(),
                    time_ns: at(*time),
                })
                .collect(),
            status: 0,
            status_message: String::new(),
            resource: resource(*process),
        },
    );
    Trace {
        trace_id: u128::from(number + 1),
        spans: spans.collect(),
    }
}

/// When request `number` of the run was due, sent and done, in nanoseconds: a thousand a second.
fn times(number: u64) -> (u64, u64, u64) {
    let due = number * 1_000_000;
    (
        due,
        due + 50_000,
        due + 50_000 + 4_000 * (1_000 + number % 97),
    )
}

/// A run folder with `requests` sampled searches, without spans.
pub(crate) fn run_folder(folder: &RunFolder, requests: u64) -> RunReader {
    let name = |text: &str| text.to_owned();
    let stream = StreamInfo {
        phase: name("steady"),
        part: Some(Part::Measured),
        workload: name("search"),
        operation: name("search"),
        method: name("Search"),
        open_loop: true,
        end_ns: Some(requests * 1_000_000),
        due: requests,
        sent: requests,
        ..StreamInfo::default()
    };
    let streams = vec![stream];
    let mut writer = RunWriter::start(folder, Arc::new(streams.clone()), Box::new(|_| ()))
        .expect("the folder is empty");
    let mut recorder = writer.recorder();
    for number in 0..requests {
        let (due, sent, done_ns) = times(number);
        recorder.record(&Sample {
            seq: number,
            trace_id: u128::from(number + 1),
            span_id: CLIENT,
            sampled: true,
            intended_ns: Some(due),
            sent_ns: Some(sent),
            done_ns,
            request_bytes: 1_000,
            response_bytes: 1_000,
            rows: 10,
            ..Sample::default()
        });
    }
    recorder.finish();
    let counters = writer.finish();
    assert_eq!(
        (counters.lines, counters.error),
        (requests, None),
        "every request has its line"
    );
    let phases = vec![PhaseInfo {
        name: name("steady"),
        ..PhaseInfo::default()
    }];
    let info = RunInfo {
        format: milvus_bench::record::FORMAT,
        name: name("bench"),
        status: Status::Complete,
        streams,
        phases,
        ..RunInfo::default()
    };
    folder.write_info(&info).expect("the folder can be written");
    RunReader::open(folder.path()).expect("a run folder")
}
