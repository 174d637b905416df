//! Span trees of real servers as tables: times are thousandths of the call's time in the server.

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

use super::shape::{Served, Shape, SpanSpec};

/// Which part of Milvus writes a span.
#[derive(Clone, Copy, PartialEq)]
enum Writer {
    Server,
    Client,
    Proxy,
    Node,
    Engine,
    Queue,
}

impl Writer {
    fn scope(self) -> &'static str {
        match self {
            Writer::Server | Writer::Client => {
                "go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
            }
            Writer::Proxy => "proxy",
            Writer::Node => "querynode",
            Writer::Engine => "segcore",
            Writer::Queue => "SendMsg",
        }
    }

    fn kind(self) -> SpanKind {
        match self {
            Writer::Server => SpanKind::Server,
            Writer::Client => SpanKind::Client,
            _ => SpanKind::Internal,
        }
    }
}

use Writer::{Client, Engine, Node, Proxy, Queue};

/// Parent (0 is the gRPC server's span, row n of the table is n), writer, name (`*` is the method),
/// start, end, events.
type Row = (
    usize,
    Writer,
    &'static str,
    u64,
    u64,
    &'static [(&'static str, u64)],
);

const ALLOC: &str = "milvus.proto.rootcoord.RootCoord/AllocTimestamp";
const SCHEDULER: &[(&str, u64)] = &[
    ("scheduler process AddActiveTask", 281),
    ("scheduler process PreExecute", 283),
    ("scheduler process Execute", 335),
    ("scheduler process PostExecute", 885),
    ("scheduler process PopActiveTask", 929),
];
const ENGINE: &[(&str, u64)] = &[
    ("obtained_segment_lock_mutex", 481),
    ("start_knowhere_index_search", 490),
    ("finish_knowhere_index_search", 720),
    ("finish_searching_vector_index", 740),
];
const SEARCH_EXECUTE: &[(&str, u64)] = &[
    (
        "search segments done, channel = by-dev-rootcoord-dml_0_1v0, segmentIDs = [1], cost",
        800,
    ),
    (
        "start reduce query result, fromSharedLeader = false, vChannel = \
         by-dev-rootcoord-dml_0_1v0, segmentIDs = [], cost",
        815,
    ),
    (
        "do search with channel done , vChannel = by-dev-rootcoord-dml_0_1v0, segmentIDs = [], \
         cost",
        840,
    ),
    ("done, cost", 870),
];
const SEARCH_DONE: &[(&str, u64)] = &[
    ("search request enqueue, cost", 255),
    ("wait search result, cost", 935),
];
const SEARCH_POST: &[(&str, u64)] = &[
    ("decodeResultStart, cost", 892),
    ("reduceResultStart, cost", 905),
    ("done, cost", 918),
];
const RETRIEVE: &[(&str, u64)] = &[
    ("scheduler process AddActiveTask", 281),
    ("scheduler process PreExecute", 283),
    ("scheduler process Execute", 335),
    (
        "do query done, fromShardLeader = true, vChannel = by-dev-rootcoord-dml_0_1v0, segmentIDs \
         = [1], cost",
        800,
    ),
    (
        "start reduce query result, fromSharedLeader = false, vChannel = \
         by-dev-rootcoord-dml_0_1v0, segmentIDs = [], cost",
        815,
    ),
    (
        "do query with channel done , vChannel = by-dev-rootcoord-dml_0_1v0, segmentIDs = [], cost",
        840,
    ),
    ("scheduler process PostExecute", 885),
    ("scheduler process PopActiveTask", 929),
];

const SEARCH_2_3_5: &[Row] = &[
    (0, Proxy, "Proxy-Search", 30, 960, SEARCH_DONE),
    (1, Client, ALLOC, 60, 240, &[]),
    (1, Proxy, "SearchTask", 280, 930, SCHEDULER),
    (3, Proxy, "Proxy-Search-PreExecute", 285, 330, &[]),
    (3, Proxy, "Proxy-Search-Execute", 340, 880, SEARCH_EXECUTE),
    (5, Node, "Delegator-waitTSafe", 380, 381, &[]),
    (5, Engine, "SegCoreSearch", 480, 750, ENGINE),
    (3, Proxy, "Proxy-Search-PostExecute", 890, 920, SEARCH_POST),
];

/// Three siblings below the server's span: they need nesting by time.
const QUERY_2_3_5: &[Row] = &[
    (
        0,
        Proxy,
        "Proxy-Query",
        30,
        960,
        &[
            ("query request enqueue, cost", 255),
            ("wait query result, cost", 935),
        ],
    ),
    (0, Client, ALLOC, 60, 240, &[]),
    (0, Proxy, "RetrieveTask", 280, 930, RETRIEVE),
    (3, Node, "Delegator-waitTSafe", 380, 381, &[]),
    (3, Engine, "SegCoreRetrieve", 480, 750, &[]),
];

/// `SendMsg` hangs below Proxy-Insert, although it runs within Execute.
const INSERT_2_3_5: &[Row] = &[
    (0, Proxy, "Proxy-Insert", 30, 960, &[]),
    (1, Client, ALLOC, 60, 140, &[]),
    (1, Proxy, "InsertTask", 180, 930, SCHEDULER),
    (3, Proxy, "Proxy-Insert-PreExecute", 190, 250, &[]),
    (3, Proxy, "Proxy-Insert-Execute", 260, 920, &[]),
    (1, Queue, "SendMsg", 400, 900, &[]),
];

/// The second `SendMsg` writes the deletions.
const UPSERT_2_3_5: &[Row] = &[
    (0, Proxy, "Proxy-Upsert", 30, 960, &[]),
    (1, Client, ALLOC, 60, 140, &[]),
    (1, Proxy, "UpsertTask", 180, 930, SCHEDULER),
    (3, Proxy, "Proxy-Upsert-PreExecute", 190, 250, &[]),
    (3, Proxy, "Proxy-Upsert-Execute", 260, 920, &[]),
    (1, Queue, "SendMsg", 400, 880, &[]),
    (5, Queue, "SendMsg", 885, 915, &[]),
];

const DELETE_2_3_5: &[Row] = &[
    (0, Proxy, "Proxy-Delete", 30, 960, &[]),
    (1, Client, ALLOC, 60, 240, &[]),
    (1, Proxy, "DeleteTask", 280, 930, SCHEDULER),
    (3, Proxy, "Proxy-Delete-Execute", 340, 880, &[]),
    (4, Queue, "SendMsg", 360, 875, &[]),
];

const OTHER: &[Row] = &[
    (0, Proxy, "Proxy-*", 30, 960, &[]),
    (1, Client, ALLOC, 60, 240, &[]),
    (1, Proxy, "*Task", 280, 930, SCHEDULER),
];

/// `schedule` ends at 470, its children begin at 480; `reduceResults` hangs below Proxy-Search and
/// lies in PostExecute.
const SEARCH_2_5_11: &[Row] = &[
    (
        0,
        Proxy,
        "Proxy-Search",
        100,
        940,
        &[
            ("search request enqueue, cost", 150),
            ("wait search result, cost", 935),
        ],
    ),
    (1, Proxy, "SearchTask", 200, 930, SCHEDULER),
    (2, Proxy, "Proxy-Search-PreExecute", 285, 330, &[]),
    (3, Proxy, "init search request", 290, 325, &[]),
    (2, Proxy, "Proxy-Search-Execute", 340, 880, SEARCH_EXECUTE),
    (5, Node, "Delegator-waitTSafe", 380, 381, &[]),
    (5, Node, "segmentPrune", 382, 385, &[]),
    (5, Node, "schedule", 390, 470, &[]),
    (8, Engine, "SegCoreSearch", 480, 750, ENGINE),
    (8, Engine, "ReduceSearchResultsAndFillData", 755, 795, &[]),
    (10, Engine, "ReduceHelper::FillPrimaryKey", 756, 765, &[]),
    (10, Engine, "ReduceHelper::ReduceResultData", 766, 775, &[]),
    (
        10,
        Engine,
        "ReduceHelper::RefreshSearchResults",
        776,
        780,
        &[],
    ),
    (10, Engine, "ReduceHelper::FillEntryData", 781, 785, &[]),
    (10, Engine, "ReduceHelper::Marshal", 786, 794, &[]),
    (2, Proxy, "Proxy-Search-PostExecute", 885, 920, &[]),
    (1, Proxy, "reduceResults", 890, 915, &[]),
    (17, Proxy, "decodeSearchResults", 892, 900, &[]),
];

/// No AllocTimestamp without strong consistency; `schedule` is over before the engine begins.
const QUERY_2_5_11: &[Row] = &[
    (
        0,
        Proxy,
        "Proxy-Query",
        100,
        940,
        &[
            ("query request enqueue, cost", 150),
            ("wait query result, cost", 935),
        ],
    ),
    (0, Proxy, "RetrieveTask", 280, 930, RETRIEVE),
    (2, Node, "Delegator-waitTSafe", 380, 381, &[]),
    (2, Node, "segmentPrune", 382, 385, &[]),
    (2, Node, "schedule", 390, 470, &[]),
    (5, Engine, "SegCoreRetrieve", 480, 750, &[]),
    (6, Engine, "Retrieve", 490, 740, &[]),
    (7, Engine, "FillTargetEntry", 600, 730, &[]),
];

impl Shape {
    /// Standalone 2.3.5: real trees for Search, Query, Insert, Upsert and Delete, a plain one for
    /// the rest; NodeID 2 everywhere.
    #[must_use]
    pub fn v2_3_5() -> Self {
        Self::new(|served| {
            let rows = match served.method.name {
                "Search" => SEARCH_2_3_5,
                "Query" => QUERY_2_3_5,
                name => writes(name),
            };
            tree(served, rows, 2)
        })
    }

    /// Standalone 2.5.11: `schedule` is over before its children begin, NodeID is 0 in all spans
    /// but the engine's.
    #[must_use]
    pub fn v2_5_11() -> Self {
        Self::new(|served| {
            let rows = match served.method.name {
                "Search" => SEARCH_2_5_11,
                "Query" => QUERY_2_5_11,
                name => writes(name),
            };
            tree(served, rows, 0)
        })
    }
}

fn writes(name: &str) -> &'static [Row] {
    match name {
        "Insert" => INSERT_2_3_5,
        "Upsert" => UPSERT_2_3_5,
        "Delete" => DELETE_2_3_5,
        _ => OTHER,
    }
}

/// The gRPC server's span over the whole time, the rows below it; Go's spans carry `go_node`, the
/// engine's 2.
fn tree(served: &Served, rows: &[Row], go_node: i64) -> Vec<SpanSpec> {
    let duration = served.duration_ns();
    let at = |share: u64| {
        u64::try_from(u128::from(duration) * u128::from(share) / 1000).unwrap_or(u64::MAX)
    };
    let root = served.method.path.trim_start_matches('/').to_owned();
    let mut spans = vec![spec(Writer::Server, go_node, root, None, (0, duration))];
    for (parent, writer, name, start, end, events) in rows {
        let name = name.replace('*', served.method.name);
        let mut span = spec(
            *writer,
            go_node,
            name,
            Some(*parent),
            (at(*start), at(*end)),
        );
        span.events = events
            .iter()
            .map(|(name, share)| (event_name(name, at(*share) - at(*start)), at(*share)))
            .collect();
        spans.push(span);
    }
    spans
}

fn spec(
    writer: Writer,
    go_node: i64,
    name: String,
    parent: Option<usize>,
    (start_ns, end_ns): (u64, u64),
) -> SpanSpec {
    let engine = writer == Engine;
    SpanSpec {
        service: if engine { "segcore" } else { "standalone" }.to_owned(),
        node_id: if engine { 2 } else { go_node },
        scope: writer.scope().to_owned(),
        name,
        kind: writer.kind(),
        parent,
        start_ns,
        end_ns,
        events: Vec::new(),
    }
}

/// Milvus writes the time since the span's start into the name of some events.
fn event_name(name: &str, since_start_ns: u64) -> String {
    if name.ends_with(", cost") {
        format!("{name} {:.3}µs", since_start_ns as f64 / 1000.0)
    } else {
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::milvus::METHODS;

    #[test]
    fn every_parent_comes_first_and_encloses_its_children() {
        for method in METHODS {
            let served = Served {
                method,
                number: 1,
                trace_id: 1,
                client_span: 2,
                start_ns: 1_000_000,
                end_ns: 3_000_000,
            };
            for (version, shape) in [(2.3, Shape::v2_3_5()), (2.5, Shape::v2_5_11())] {
                let spans = shape.spans(&served);
                assert_eq!((spans[0].start_ns, spans[0].end_ns), (0, 2_000_000));
                for (place, span) in spans.iter().enumerate().skip(1) {
                    let parent = span.parent.filter(|parent| *parent < place);
                    let parent = &spans[parent.expect("a parent before it")];
                    // What waited for a worker has ended when its children begin.
                    assert!(
                        parent.name == "schedule"
                            || (parent.start_ns <= span.start_ns && span.end_ns <= parent.end_ns),
                        "{} of {} in {version}",
                        span.name,
                        method.name
                    );
                    let plain = &shape.clone().without_events().spans(&served)[place];
                    assert!(plain.events.is_empty() && plain.name == span.name);
                }
            }
        }
    }
}
