use super::*;
use crate::analysis::testing;

fn check(name: &str, kind: SpanKind, expected: Rule) {
    assert_eq!(rule(&testing::span(name, kind)), expected, "{name}");
}

#[test]
fn full_names_come_first() {
    check(
        "Proxy-Search-PreExecute",
        SpanKind::Internal,
        Fixed(Planning),
    );
    check("Operate", SpanKind::Internal, NotCounted);
    check(
        "Delegator-waitTSafe",
        SpanKind::Internal,
        Fixed(ConsistencyWait),
    );
}

#[test]
fn frames_and_tasks_of_any_method_are_known() {
    check("Proxy-HybridSearch", SpanKind::Internal, Rule::Proxy);
    check("CreateIndexTask", SpanKind::Internal, Fixed(Metadata));
    check("DropDatabaseTaskName", SpanKind::Internal, Fixed(Metadata));
    check("InsertTask", SpanKind::Internal, Fixed(Other));
}

#[test]
fn a_call_between_roles_depends_on_its_side() {
    check(
        "milvus.proto.query.QueryNode/Search",
        SpanKind::Client,
        Fixed(NodeToNode),
    );
    check(
        "milvus.proto.query.QueryNode/Search",
        SpanKind::Server,
        Rule::NodeSearch,
    );
    check(
        "milvus.proto.query.QueryNode/LoadPartitions",
        SpanKind::Server,
        Fixed(Metadata),
    );
    check(
        "milvus.proto.rootcoord.RootCoord/AllocID",
        SpanKind::Client,
        Fixed(Timestamp),
    );
    check(
        "milvus.proto.streaming.StreamingNodeHandlerService/Produce",
        SpanKind::Client,
        Fixed(LogAppend),
    );
}

#[test]
fn spans_of_the_engine_are_known_by_their_shape() {
    check(
        "PhyVectorSearchNode::Execute",
        SpanKind::Internal,
        Fixed(Engine),
    );
    check("BitmapIndex::In", SpanKind::Internal, Fixed(Engine));
    check("ReduceHelper::Marshal", SpanKind::Internal, Fixed(Reduce));
}

#[test]
fn what_the_table_lacks_is_unknown() {
    check("Frobnicate", SpanKind::Internal, Rule::Unknown);
    check("Proxy-Search-Frobnicate", SpanKind::Internal, Rule::Unknown);
    check(
        "milvus.proto.new.Service/Call",
        SpanKind::Server,
        Rule::Unknown,
    );
    check("", SpanKind::Internal, Rule::Unknown);
}

#[test]
fn no_name_stands_twice_in_the_table() {
    assert_eq!(BY_NAME.len(), EXACT.len());
}

fn check_name(name: &str, expected: &str) {
    assert_eq!(names::normalise(name), expected);
}

#[test]
fn numbers_in_names_become_one_mark() {
    check_name(
        "ChannelTask-Grow-by-dev-dml_0_4483v0",
        "ChannelTask-Grow-by-dev-dml_#",
    );
    check_name("LoadIndex-1-22", "LoadIndex-#");
    check_name("SegCoreSearch", "SegCoreSearch");
    check_name("a1 b2", "# #");
    check_name("a1--b2", "#--#");
    check_name("x:7/y", "x:#/y");
    check_name("", "");
    check_name("größe7-8", "#");
}

#[test]
fn names_of_methods_keep_their_digits() {
    check_name("milvus.proto.v2.Query2/Get3", "milvus.proto.v2.Query2/Get3");
    check_name("/v2/vectordb/search", "/#/vectordb/search");
}

#[test]
fn areas_have_the_names_and_order_of_reports() {
    let names: Vec<_> = Area::ALL.iter().map(ToString::to_string).collect();
    assert_eq!(names[0], "send lag");
    assert_eq!(names[15], "other");
    assert!(Area::ALL.is_sorted());
}
