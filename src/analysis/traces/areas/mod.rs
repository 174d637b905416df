//! What a span's own time means: the table from span to rule.
//!
//! A name that the table lacks is [`Area::Other`] and listed, so that new names of new versions are
//! seen. The areas are in [`table`]; own time whose meaning changes within a span is split in
//! [`split`]; how names become labels is in [`names`].

use std::{collections::HashMap, sync::LazyLock};

use self::{
    Area::{
        ConsistencyWait, Engine, LogAppend, Metadata, NodeQueue, NodeToNode, Other, Planning,
        ProxyQueue, Reduce, Timestamp,
    },
    Rule::{Fixed, NotCounted},
};
use crate::spans::{ServerSpan, SpanKind};

pub(crate) mod names;
pub(crate) mod split;
pub(crate) mod table;

pub(crate) use table::Area;

/// How the own time of a span becomes areas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// All of it is one area.
    Fixed(Area),
    /// Work behind the request: takes no part.
    NotCounted,
    /// `Proxy-<Method>`: the queue begins with the enqueue event, where there is one.
    Proxy,
    /// `Proxy-Search-Execute`: calls the worker itself in standalone.
    SearchExecute,
    /// `QueryNode/Search` and `/SearchSegments`, SERVER.
    NodeSearch,
    /// `RetrieveTask`: a query has no spans for its phases.
    RetrieveTask,
    /// `QueryNode/Query` and `/QuerySegments`, SERVER.
    NodeQuery,
    /// The other reading calls of a query node, SERVER.
    NodeCall,
    /// `FlushTask`: without a `SendMsg` its own time holds the append of the flush message.
    FlushTask,
    /// Not in the table: other, and listed.
    Unknown,
}

/// Span names that are matched whole.
static EXACT: &[(&str, Rule)] = &[
    ("Proxy-Search-Execute", Rule::SearchExecute),
    ("Proxy-Search-PreExecute", Fixed(Planning)),
    ("Proxy-Search-PostExecute", Fixed(Reduce)),
    ("init search request", Fixed(Planning)),
    ("init advanced search request", Fixed(Planning)),
    ("reduceResults", Fixed(Reduce)),
    ("decodeSearchResults", Fixed(Reduce)),
    ("reorganizeRequeryResults", Fixed(Reduce)),
    ("organizeOperator", Fixed(Reduce)),
    ("searchReduceOperator", Fixed(Reduce)),
    ("hybridSearchReduceOperator", Fixed(Reduce)),
    ("rerankOperator", Fixed(Reduce)),
    ("QueryPipeline.Execute", Fixed(Reduce)),
    ("ReduceByPKOperator", Fixed(Reduce)),
    ("ReduceByPKWithTimestampOperator", Fixed(Reduce)),
    ("DeduplicatePKOperator", Fixed(Reduce)),
    ("ConcatAndCheckPKOperator", Fixed(Reduce)),
    ("OrderByLimitOperator", Fixed(Reduce)),
    ("SliceOperator", Fixed(Reduce)),
    ("aggregateOperator", Fixed(Reduce)),
    ("orderByOperator", Fixed(Reduce)),
    ("Proxy-Insert-PreExecute", Fixed(Planning)),
    ("Proxy-Upsert-PreExecute", Fixed(Planning)),
    ("Proxy-Delete-PreExecute", Fixed(Planning)),
    ("Proxy-Upsert-insertPreExecute", Fixed(Planning)),
    ("Proxy-Upsert-deletePreExecute", Fixed(Planning)),
    ("Proxy-Upsert-retrieveByPKs", Fixed(Planning)),
    ("Proxy-Insert-Execute", Fixed(LogAppend)),
    ("Proxy-Upsert-Execute", Fixed(LogAppend)),
    ("Proxy-Delete-Execute", Fixed(LogAppend)),
    ("Proxy-GetStatistics-PreExecute", Fixed(Other)),
    ("Proxy-GetStatistics-Execute", Fixed(Other)),
    ("Proxy-GetStatistic-PostExecute", Fixed(Other)),
    ("Proxy-InvalidateCollectionMetaCache", Fixed(Metadata)),
    ("Proxy-InvalidateShardLeaderCache", Fixed(Metadata)),
    ("Proxy-RefreshPolicyInfoCache", Fixed(Metadata)),
    ("SearchTask", Fixed(Other)),
    ("InsertTask", Fixed(Other)),
    ("UpsertTask", Fixed(Other)),
    ("DeleteTask", Fixed(Other)),
    ("RetrieveTask", Rule::RetrieveTask),
    ("FlushTask", Rule::FlushTask),
    ("SendMsg", Fixed(LogAppend)),
    ("Operate", NotCounted),
    ("DDNode-Operate", NotCounted),
    ("WriteNode", NotCounted),
    ("DataCoord-Flush", Fixed(Metadata)),
    ("Seal-Segments", Fixed(Metadata)),
    ("Alloc-Segment", Fixed(Metadata)),
    ("open-Segment", Fixed(Metadata)),
    ("Get-Segments", Fixed(Metadata)),
    ("Drop-Segment", Fixed(Metadata)),
    ("Delegator-waitTSafe", Fixed(ConsistencyWait)),
    ("segmentPrune", Fixed(Planning)),
    ("schedule", Fixed(NodeQueue)),
    ("SegCoreSearch", Fixed(Engine)),
    ("SegCoreRetrieve", Fixed(Engine)),
    ("Retrieve", Fixed(Engine)),
    ("FillTargetEntry", Fixed(Engine)),
    ("RetrieveByOffsets", Fixed(Engine)),
    ("SegCoreRetrieveByOffsets", Fixed(Engine)),
    ("Find Limit Pk", Fixed(Engine)),
    ("ExecuteTask", Fixed(Engine)),
    ("ReduceSearchResultsAndFillData", Fixed(Reduce)),
    ("ReduceSearchResults", Fixed(Reduce)),
    ("ReduceSearchResultData", Fixed(Reduce)),
    ("ReduceAdvancedSearchResults", Fixed(Reduce)),
    ("DecodeSearchResults", Fixed(Reduce)),
    ("EncodeSearchResultData", Fixed(Reduce)),
    ("partial-segcore-results-deserialization", Fixed(Reduce)),
    ("reduced-segcore-results-deserialization", Fixed(Reduce)),
    ("MergeInternalRetrieveResult", Fixed(Reduce)),
    ("SegCoreLoadIndex", Fixed(Other)),
    ("SegCoreReadIndexFile", Fixed(Other)),
    ("SegCoreEngineLoadIndex", Fixed(Other)),
    ("SegCoreEngineLoadDiskIndex", Fixed(Other)),
    ("SegCoreLoadJsonStats", Fixed(Other)),
];

/// Names that vary, in the order of asking: beginning, end, rule.
static PATTERNS: &[(&str, &str, Rule)] = &[
    ("Proxy-", "-call-function-udf", Fixed(Other)),
    ("MergeSegcoreResults", "", Fixed(Reduce)),
    ("ReduceHelper::", "", Fixed(Reduce)),
    ("LoadFieldData-", "", Fixed(Other)),
    ("LoadIndex-", "", Fixed(Other)),
    ("LoadDeltalogs-", "", Fixed(Other)),
    ("/v", "", Fixed(Other)),
    ("Phy", "", Fixed(Engine)),
];

/// The reading calls of a query node: name without package, rule of the SERVER span. Its CLIENT
/// span is node to node.
static NODE_CALLS: &[(&str, Rule)] = &[
    ("QueryNode/Search", Rule::NodeSearch),
    ("QueryNode/SearchSegments", Rule::NodeSearch),
    ("QueryNode/Query", Rule::NodeQuery),
    ("QueryNode/QuerySegments", Rule::NodeQuery),
    ("QueryNode/QueryStream", Rule::NodeCall),
    ("QueryNode/QueryStreamSegments", Rule::NodeCall),
    ("QueryNode/GetStatistics", Rule::NodeCall),
];

/// Services of coordinators and their peers whose calls are metadata.
const COORDINATION: [&str; 8] = [
    "RootCoord/",
    "DataCoord/",
    "QueryCoord/",
    "IndexCoord/",
    "Proxy/",
    "DataNode/",
    "IndexNode/",
    "QueryNode/",
];

static BY_NAME: LazyLock<HashMap<&'static str, Rule>> =
    LazyLock::new(|| EXACT.iter().copied().collect());

/// The rule of a span: its full name, then the gRPC method, then patterns.
pub(crate) fn rule(span: &ServerSpan) -> Rule {
    let name = span.name.as_str();
    if let Some(method) = milvus_method(name) {
        return method_rule(method, span.kind);
    }
    if let Some(rule) = BY_NAME.get(name) {
        return *rule;
    }
    if let Some((_, _, rule)) = PATTERNS
        .iter()
        .find(|(begin, end, _)| name.starts_with(begin) && name.ends_with(end))
    {
        return *rule;
    }
    if name.contains("::") || span.service() == "segcore" {
        return Fixed(Engine);
    }
    // The proxy's frames and tasks exist for every method; `...TaskName` is a slip in Milvus that
    // several have.
    match name.strip_prefix("Proxy-") {
        Some(method) if !method.contains('-') => Rule::Proxy,
        None if name.ends_with("Task") || name.ends_with("TaskName") => Fixed(Metadata),
        _ => Rule::Unknown,
    }
}

/// `milvus.proto.query.QueryNode/Search` is `QueryNode/Search`; None for what is no method of
/// Milvus.
pub(crate) fn milvus_method(name: &str) -> Option<&str> {
    let rest = name.strip_prefix("milvus.proto.")?;
    if rest.starts_with("streaming.") {
        return Some(rest);
    }
    let (_, method) = rest.split_once('.')?;
    method.contains('/').then_some(method)
}

fn method_rule(method: &str, kind: SpanKind) -> Rule {
    if method.starts_with("streaming.") {
        return Fixed(LogAppend);
    }
    if method.starts_with("MilvusService/") {
        return Fixed(Other);
    }
    if let Some((_, rule)) = NODE_CALLS.iter().find(|(name, _)| *name == method) {
        return if kind == SpanKind::Server {
            *rule
        } else {
            Fixed(NodeToNode)
        };
    }
    match method {
        "RootCoord/AllocTimestamp" | "RootCoord/AllocID" => Fixed(Timestamp),
        _ if COORDINATION
            .iter()
            .any(|service| method.starts_with(service)) =>
        {
            Fixed(Metadata)
        }
        _ => Rule::Unknown,
    }
}

/// Whether `span` is the handler of a request from outside: a candidate for the server root.
pub(crate) fn is_root_name(span: &ServerSpan) -> bool {
    span.kind == SpanKind::Server && span.name.starts_with("milvus.proto.milvus.MilvusService/")
}

/// Whether `span` calls another role and must have a SERVER child in a whole trace.
pub(crate) fn needs_callee(span: &ServerSpan) -> bool {
    span.kind == SpanKind::Client
        && milvus_method(&span.name).is_some_and(|method| {
            method != "RootCoord/AllocTimestamp" && !method.starts_with("streaming.")
        })
}

/// Whether `span` is a reading call to a query node.
pub(crate) fn is_node_call(span: &ServerSpan) -> bool {
    milvus_method(&span.name)
        .is_some_and(|method| NODE_CALLS.iter().any(|(name, _)| *name == method))
}

/// The area of a span whose own time has only one; ambiguous ones are other.
pub(crate) fn fixed_area(span: &ServerSpan) -> Area {
    match rule(span) {
        Fixed(area) => area,
        Rule::Proxy => ProxyQueue,
        Rule::FlushTask => Metadata,
        _ => Other,
    }
}

#[cfg(test)]
mod tests;
