//! Which instance and which host a span comes from.

use crate::spans::{AttributeValue, SpanResource};

/// `k8s.pod.name`, else `host.name`, else NodeID; empty where none is known.
pub(crate) fn instance(resource: &SpanResource) -> String {
    text(resource, "k8s.pod.name")
        .or_else(|| text(resource, "host.name"))
        .map(str::to_owned)
        .or_else(|| node_id(resource).map(|id| id.to_string()))
        .unwrap_or_default()
}

/// A host, as far as clocks are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Host<'a> {
    Named(&'a str),
    /// The engine has the NodeID of the Go process that it is part of.
    Node(i64),
}

/// `host.name`, else `host.id`, else `k8s.pod.name`, else the NodeID.
pub(super) fn host(resource: &SpanResource) -> Option<Host<'_>> {
    ["host.name", "host.id", "k8s.pod.name"]
        .into_iter()
        .find_map(|key| text(resource, key))
        .map(Host::Named)
        .or_else(|| node_id(resource).map(Host::Node))
}

fn text<'a>(resource: &'a SpanResource, key: &str) -> Option<&'a str> {
    match resource.attribute(key)? {
        AttributeValue::Text(text) if !text.is_empty() => Some(text),
        _ => None,
    }
}

/// NodeID; 0 counts as absent, because Milvus 2.5.3 to 3.0 write it in all Go spans.
fn node_id(resource: &SpanResource) -> Option<i64> {
    let id = match resource.attribute("NodeID")? {
        AttributeValue::Int(id) => *id,
        AttributeValue::Text(text) => text.parse().ok()?,
        _ => return None,
    };
    (id != 0).then_some(id)
}
