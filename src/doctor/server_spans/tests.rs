use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::{spans::SpanResource, telemetry::RequestIds};

const OURS: u64 = 7;

fn span(id: u64, parent: Option<u64>, service: &str, name: &str) -> ServerSpan {
    let kind = if name.starts_with(PUBLIC_METHOD) {
        SpanKind::Server
    } else {
        SpanKind::Internal
    };
    ServerSpan {
        trace_id: 1,
        span_id: id,
        parent_id: parent,
        name: name.to_owned(),
        kind,
        scope: String::new(),
        start_ns: 1,
        end_ns: 2,
        attributes: Vec::new(),
        events: Vec::new(),
        status: 0,
        status_message: String::new(),
        resource: Arc::new(SpanResource {
            service: service.to_owned(),
            attributes: Vec::new(),
        }),
    }
}

fn root(parent: Option<u64>) -> ServerSpan {
    span(
        1,
        parent,
        "standalone",
        "milvus.proto.milvus.MilvusService/Search",
    )
}

fn check_descent(spans: Vec<ServerSpan>, expected: Descent) {
    assert_eq!(look(&Trace { trace_id: 1, spans }, OURS).descent, expected);
}

#[test]
fn our_span_is_the_parent_and_counts_for_nothing() {
    let ours = span(
        OURS,
        None,
        "milvus-bench",
        "milvus.proto.milvus.MilvusService/Search",
    );
    let seen = look(
        &Trace {
            trace_id: 1,
            spans: vec![ours, root(Some(OURS))],
        },
        OURS,
    );
    let services = BTreeSet::from(["standalone".to_owned()]);
    assert_eq!(
        seen,
        Seen {
            spans: 1,
            services,
            descent: Descent::Direct,
            engine: false,
            ours: true
        }
    );
}

#[test]
fn our_span_alone_is_no_server_span() {
    let ours = span(
        OURS,
        None,
        "milvus-bench",
        "milvus.proto.milvus.MilvusService/Search",
    );
    assert_eq!(
        look(
            &Trace {
                trace_id: 1,
                spans: vec![ours]
            },
            OURS
        )
        .spans,
        0
    );
}

#[test]
fn a_mesh_that_exports_its_spans_is_named() {
    let envoy = span(2, Some(OURS), "istio-proxy", "egress");
    check_descent(
        vec![root(Some(2)), envoy],
        Descent::Through(BTreeSet::from(["istio-proxy".to_owned()])),
    );
}

#[test]
fn a_mesh_that_does_not_is_foreign() {
    check_descent(vec![root(Some(99))], Descent::Foreign);
    check_descent(vec![root(None)], Descent::Foreign);
}

#[test]
fn a_ring_ends() {
    check_descent(
        vec![root(Some(2)), span(2, Some(1), "x", "y")],
        Descent::Foreign,
    );
}

#[test]
fn engine_spans_without_the_servers_one_are_a_part() {
    check_descent(
        vec![span(3, Some(1), "segcore", "SegCoreSearch")],
        Descent::NoServerSpan,
    );
}

#[test]
fn a_search_that_found_rows_is_whole_with_the_engine_only() {
    let sent = |engine_worked| Sent {
        what: "Search".into(),
        engine_worked,
        ids: RequestIds {
            trace_id: 1,
            span_id: OURS,
        },
        answered: Instant::now(),
    };
    let mut spans = vec![root(Some(OURS))];
    let without = look(
        &Trace {
            trace_id: 1,
            spans: spans.clone(),
        },
        OURS,
    );
    spans.push(span(3, Some(1), "segcore", "SegCoreSearch"));
    let with = look(&Trace { trace_id: 1, spans }, OURS);
    assert!(
        with.is_whole(&sent(true))
            && without.is_whole(&sent(false))
            && !without.is_whole(&sent(true))
    );
}

#[test]
fn managed_services_are_known_by_their_domain() {
    assert!(is_managed(
        "https://in03-abc.api.gcp-us-west1.zillizcloud.com"
    ));
    assert!(is_managed(
        "https://in01-abc.aws-us-west-2.vectordb.zillizcloud.com:19530"
    ));
    assert!(!is_managed("http://127.0.0.1:19530") && !is_managed("http://zillizcloud.com.example"));
}

proptest! {
    #[test]
    fn any_tree_is_read(
        parents in proptest::collection::vec(proptest::option::of(0_u64..12), 0..12),
    ) {
        let spans = parents
            .iter()
            .zip(0..)
            .map(|(parent, id)| span(id, *parent, "standalone", PUBLIC_METHOD))
            .collect();
        let _ = look(&Trace { trace_id: 1, spans }, OURS);
    }
}
