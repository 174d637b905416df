//! The fake Milvus sends spans of the wanted form by OTLP, and loses the wanted
//! ones.

mod support;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use milvus_bench::milvus::{Method, methods};
use milvus_bench::null_milvus::{FakeMilvus, Shape, SpanSpec};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use support::raw_client::{call, connect};
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

const TRACE: u128 = 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef;
const CLIENT_SPAN: u64 = 0xfeed;

/// One received span with its service and NodeID.
#[derive(Clone)]
struct Got {
    service: String,
    node_id: i64,
    span: Span,
}

#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Got>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        for group in request.into_inner().resource_spans {
            let attributes = group.resource.expect("a resource").attributes;
            let value = |key: &str| {
                attributes
                    .iter()
                    .find(|pair| pair.key == key)
                    .and_then(|pair| pair.value.clone()?.value)
            };
            let Some(Value::StringValue(service)) = value("service.name") else {
                panic!("no service.name")
            };
            let Some(Value::IntValue(node_id)) = value("NodeID") else {
                panic!("no NodeID")
            };
            let spans = group.scope_spans.into_iter().flat_map(|scope| scope.spans);
            let got = spans.map(|span| Got {
                service: service.clone(),
                node_id,
                span,
            });
            self.0
                .lock()
                .expect("no test panics with the lock")
                .extend(got);
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

async fn collector() -> (SocketAddr, Collector) {
    let collector = Collector::default();
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("an address");
    let service = TraceServiceServer::new(collector.clone());
    tokio::spawn(
        tonic::transport::Server::builder()
            .add_service(service)
            .serve_with_incoming(TcpIncoming::from(listener)),
    );
    (address, collector)
}

/// The spans of `count` calls of `method`, traces TRACE, TRACE + 1, ..., after `script`.
async fn spans(
    method: &'static Method,
    flags: &str,
    count: u64,
    shape: Shape,
    script: impl FnOnce(&FakeMilvus),
) -> HashMap<u128, HashMap<String, Got>> {
    let (address, collector) = collector().await;
    let fake = FakeMilvus::start();
    fake.delay(method, Duration::from_millis(2));
    fake.spans_to(&format!("http://{address}"), shape);
    script(&fake);
    let channel = connect(&fake.uri()).await;
    for number in 0..u128::from(count) {
        let mut request = Request::new(());
        let traceparent = format!("00-{:032x}-{CLIENT_SPAN:016x}-{flags}", TRACE + number);
        request
            .metadata_mut()
            .insert("traceparent", traceparent.parse().expect("ASCII"));
        call::<(), ()>(&channel, method, request)
            .await
            .expect("an answer");
    }
    assert!(fake.spans_settled(Duration::from_secs(30)).await);
    let got = collector
        .0
        .lock()
        .expect("no test panics with the lock")
        .clone();
    assert_eq!(fake.spans_sent(), got.len() as u64);
    let mut traces: HashMap<u128, HashMap<String, Got>> = HashMap::new();
    for got in got {
        let trace_id = u128::from_be_bytes(got.span.trace_id.clone().try_into().expect("16 bytes"));
        traces
            .entry(trace_id)
            .or_default()
            .insert(got.span.name.clone(), got);
    }
    traces
}

fn parent<'a>(trace: &'a HashMap<String, Got>, child: &str) -> &'a str {
    let parent = &trace[child].span.parent_span_id;
    trace
        .values()
        .find(|got| got.span.span_id == *parent)
        .map_or("the client", |got| got.span.name.as_str())
}

#[tokio::test]
async fn a_search_of_2_3_5_has_its_nine_spans() {
    let traces = spans(&methods::SEARCH, "01", 1, Shape::v2_3_5(), |_| ()).await;
    let trace = &traces[&TRACE];
    assert_eq!(trace.len(), 9);
    let root = "milvus.proto.milvus.MilvusService/Search";
    assert_eq!(trace[root].span.parent_span_id, CLIENT_SPAN.to_be_bytes());
    assert_eq!(trace[root].span.kind, SpanKind::Server as i32);
    assert_eq!(parent(trace, "Proxy-Search"), root);
    assert_eq!(parent(trace, "SegCoreSearch"), "Proxy-Search-Execute");
    assert_eq!(
        (
            trace["SegCoreSearch"].service.as_str(),
            trace["SegCoreSearch"].node_id
        ),
        ("segcore", 2)
    );
    assert_eq!(
        (
            trace["SearchTask"].service.as_str(),
            trace["SearchTask"].node_id
        ),
        ("standalone", 2)
    );
    for Got { span, .. } in trace.values() {
        let inside = span.start_time_unix_nano >= trace[root].span.start_time_unix_nano;
        assert!(
            inside && span.end_time_unix_nano <= trace[root].span.end_time_unix_nano,
            "{}",
            span.name
        );
        assert!(
            span.end_time_unix_nano > span.start_time_unix_nano,
            "{}",
            span.name
        );
    }
    let took = trace[root].span.end_time_unix_nano - trace[root].span.start_time_unix_nano;
    assert!(
        took >= 2_000_000,
        "the spans fill the server's time, {took} ns"
    );
    assert!(
        trace["Proxy-Search"].span.events[0]
            .name
            .starts_with("search request enqueue, cost ")
    );
}

#[tokio::test]
async fn schedule_of_2_5_11_is_over_before_its_children_begin() {
    let traces = spans(&methods::SEARCH, "01", 1, Shape::v2_5_11(), |_| ()).await;
    let trace = &traces[&TRACE];
    for child in ["SegCoreSearch", "ReduceSearchResultsAndFillData"] {
        assert_eq!(parent(trace, child), "schedule");
        assert!(trace["schedule"].span.end_time_unix_nano < trace[child].span.start_time_unix_nano);
        assert_eq!(trace[child].node_id, 2);
    }
    assert_eq!(trace["schedule"].node_id, 0);
    assert_eq!(parent(trace, "reduceResults"), "Proxy-Search");
    assert_eq!(parent(trace, "decodeSearchResults"), "reduceResults");
    assert_eq!(
        parent(trace, "ReduceHelper::Marshal"),
        "ReduceSearchResultsAndFillData"
    );
    assert!(!trace.contains_key("milvus.proto.rootcoord.RootCoord/AllocTimestamp"));
}

#[tokio::test]
async fn other_methods_have_a_plain_tree() {
    let insert = spans(&methods::INSERT, "01", 1, Shape::v2_3_5(), |_| ()).await;
    assert_eq!(parent(&insert[&TRACE], "SendMsg"), "Proxy-Insert");
    let flush = spans(&methods::FLUSH, "01", 1, Shape::v2_3_5(), |_| ()).await;
    assert_eq!(parent(&flush[&TRACE], "FlushTask"), "Proxy-Flush");
    let query = spans(&methods::QUERY, "01", 1, Shape::v2_3_5(), |_| ()).await;
    assert_eq!(
        parent(&query[&TRACE], "RetrieveTask"),
        "milvus.proto.milvus.MilvusService/Query"
    );
    let query = spans(&methods::QUERY, "01", 1, Shape::v2_5_11(), |_| ()).await;
    assert_eq!(parent(&query[&TRACE], "SegCoreRetrieve"), "schedule");
}

#[tokio::test]
async fn an_unsampled_call_has_no_spans() {
    assert!(
        spans(&methods::SEARCH, "00", 3, Shape::v2_3_5(), |_| ())
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn every_nth_trace_is_lost() {
    let traces = spans(&methods::SEARCH, "01", 9, Shape::v2_3_5(), |fake| {
        fake.lose_every_trace(3)
    })
    .await;
    assert_eq!(traces.len(), 6);
    assert!(!traces.contains_key(&(TRACE + 2)) && traces.contains_key(&(TRACE + 3)));
}

#[tokio::test]
async fn a_merged_search_has_no_engine_span() {
    let traces = spans(&methods::SEARCH, "01", 4, Shape::v2_3_5(), |fake| {
        fake.lose_span("SegCoreSearch", 2)
    })
    .await;
    let engines = |number| traces[&(TRACE + number)].contains_key("SegCoreSearch");
    assert_eq!(
        [engines(0), engines(1), engines(2), engines(3)],
        [true, false, true, false]
    );
    assert_eq!(traces[&(TRACE + 1)].len(), 8);
}

#[tokio::test]
async fn a_test_may_bring_a_shape_of_its_own() {
    let shape = Shape::new(|served| {
        let late = SpanSpec {
            service: "datanode".to_owned(),
            node_id: 7,
            scope: "datanode".to_owned(),
            name: format!("Operate-{}", served.number),
            kind: SpanKind::Internal,
            parent: None,
            start_ns: served.duration_ns() + 1_000,
            end_ns: served.duration_ns() + 2_000,
            events: vec![("input_node".to_owned(), 1_500)],
        };
        vec![late]
    });
    let traces = spans(&methods::INSERT, "01", 1, shape, |_| ()).await;
    assert_eq!(traces[&TRACE]["Operate-1"].node_id, 7);
    assert_eq!(traces[&TRACE]["Operate-1"].span.events.len(), 1);
}

#[tokio::test]
async fn a_closed_endpoint_is_no_success() {
    let fake = FakeMilvus::start();
    let closed = std::net::TcpListener::bind(("127.0.0.1", 0))
        .expect("a free port")
        .local_addr()
        .expect("an address");
    fake.spans_to(&format!("http://{closed}"), Shape::v2_3_5());
    let mut request = Request::new(());
    request.metadata_mut().insert(
        "traceparent",
        format!("00-{TRACE:032x}-{CLIENT_SPAN:016x}-01")
            .parse()
            .expect("ASCII"),
    );
    call::<(), ()>(&connect(&fake.uri()).await, &methods::SEARCH, request)
        .await
        .expect("an answer");
    assert!(!fake.spans_settled(Duration::from_secs(30)).await);
    assert_eq!(fake.spans_sent(), 0);
}
