//! From stretches of own time to pieces of the account: the area of each, and the instance that it is charged to.

use super::{
    NodeCall, Piece, RequestAccount,
    instance::instance,
    marks::{NodeSearch, marks},
    tree::{Node, State, Tree},
    walk::{Position, Segment, walk},
};
use crate::{
    analysis::{
        areas::{
            self, Area, Rule,
            split::{Step, steps},
        },
        index::TraceIndex,
    },
    spans::{AttributeValue, ServerSpan, SpanKind},
};

/// Fills in the pieces and what is known of node calls.
pub(super) fn charge(index: &TraceIndex<'_>, tree: &Tree, succeeded: bool, account: &mut RequestAccount) {
    let mut merged = vec![false; tree.nodes.len()];
    for (node, merged) in tree.nodes.iter().zip(&mut merged) {
        if let Some(search) = NodeSearch::of(index, tree, node) {
            account.node_searches += 1;
            account.merged += u64::from(succeeded && search.merged());
            account.merged_in_part += u64::from(succeeded && search.merged_in_part());
            *merged = succeeded && search.merged();
        }
        account.node_calls.extend(node_call(index, tree, node));
    }
    let mut known: Vec<Option<Vec<Step>>> = vec![None; tree.nodes.len()];
    let segments = walk(index, tree);
    account.pieces.reserve(segments.len());
    for segment in segments {
        let at = segment.node as usize;
        let node = &tree.nodes[at];
        if let Some(whole) = one_area(index, tree, node, &segment) {
            account.pieces.push(piece(tree, node, &segment, whole));
            continue;
        }
        let steps = known[at].get_or_insert_with(|| steps(node.rule, &marks(index, tree, node, merged[at])));
        split(tree, &segment, steps, &mut account.pieces);
    }
}

/// The area of a segment that need not be split.
fn one_area(index: &TraceIndex<'_>, tree: &Tree, node: &Node, segment: &Segment) -> Option<Area> {
    if node.mesh {
        return Some(Area::Mesh);
    }
    if is_back_off(index, tree, node, segment) {
        return Some(Area::Retries);
    }
    match node.rule {
        Rule::Fixed(area) => Some(area),
        Rule::Unknown | Rule::NotCounted => Some(Area::Other),
        _ => None,
    }
}

fn piece(tree: &Tree, node: &Node, segment: &Segment, area: Area) -> Piece {
    let charged = match callee(tree, node) {
        _ if node.mesh => None,
        // A stopped or overloaded node answers late, and its own spans look short.
        Some(callee) if segment.start < callee.start => Some(callee.span),
        _ => Some(node.span),
    };
    Piece { span: node.span, start_ns: segment.start, end_ns: segment.end, area, merged: false, charged }
}

fn split(tree: &Tree, segment: &Segment, steps: &[Step], pieces: &mut Vec<Piece>) {
    let node = &tree.nodes[segment.node as usize];
    let mut from = segment.start;
    for step in steps {
        let until = step.until.min(segment.end);
        if from < until {
            let part = Segment { start: from, end: until, ..*segment };
            pieces.push(Piece { merged: step.merged, ..piece(tree, node, &part, step.area) });
            from = until;
        }
    }
}

/// The SERVER child of a call, the earliest if there are several.
fn callee<'t>(tree: &'t Tree, node: &Node) -> Option<&'t Node> {
    if node.kind != SpanKind::Client {
        return None;
    }
    let servers = node.children.iter().map(|child| &tree.nodes[*child as usize]).filter(|child| child.kind == SpanKind::Server);
    servers.min_by_key(|child| child.start)
}

/// Calls to query nodes are compared by instance as the caller saw them, on the critical path or not. What the called node
/// waited for other nodes is not its own: else a leader would be as slow as its slowest worker.
fn node_call(index: &TraceIndex<'_>, tree: &Tree, node: &Node) -> Option<NodeCall> {
    let is_call = |node: &Node| node.kind == SpanKind::Client && areas::is_node_call(index.span(node.span));
    if node.mesh || !is_call(node) {
        return None;
    }
    let callee = callee(tree, node)?;
    let mut onward: Vec<(i64, i64)> = callee
        .children
        .iter()
        .map(|child| &tree.nodes[*child as usize])
        .filter(|child| is_call(child))
        .map(|child| (child.start.max(node.start), child.end.min(node.end)))
        .collect();
    onward.sort_unstable();
    let (mut waited, mut until) = (0, i64::MIN);
    for (start, end) in onward {
        waited += (end - start.max(until)).max(0);
        until = until.max(end);
    }
    Some(NodeCall { callee: callee.span, own_ns: (node.end - node.start - waited).max(0) as u64 })
}

/// Whether own time is the pause between two calls of one method to one instance, or after a failed call.
fn is_back_off(index: &TraceIndex<'_>, tree: &Tree, node: &Node, segment: &Segment) -> bool {
    if node.kind == SpanKind::Client || matches!(segment.position, Position::Whole | Position::Before) {
        return false;
    }
    let children = || node.children.iter().map(|child| &tree.nodes[*child as usize]).filter(|child| child.state == State::TakesPart);
    if children().all(|child| child.kind != SpanKind::Client) {
        return false;
    }
    let calls = || children().filter(|child| child.kind == SpanKind::Client);
    let only_calls = |from: i64, to: i64| {
        children()
            .filter(|child| child.kind != SpanKind::Client && child.start < child.end)
            .all(|child| child.end <= from || child.start >= to)
    };
    for before in calls().filter(|call| call.end <= segment.start) {
        let span = index.span(before.span);
        let after_failure = failed(span)
            && only_calls(before.end, segment.start)
            && !calls().any(|call| {
                call.start >= before.end
                    && call.end <= segment.start
                    && index.span(call.span).name == span.name
                    && !failed(index.span(call.span))
            });
        let repeated =
            || calls().any(|call| call.start >= segment.end && only_calls(before.end, call.start) && same_call(index, tree, before, call));
        if after_failure || repeated() {
            return true;
        }
    }
    false
}

/// Whether two calls are of one method to one instance that is known.
fn same_call(index: &TraceIndex<'_>, tree: &Tree, one: &Node, other: &Node) -> bool {
    let called = |node: &Node| match callee(tree, node) {
        Some(callee) => Some(instance(&index.span(callee.span).resource)).filter(|name| !name.is_empty()),
        None => None,
    };
    let address = |node: &Node| {
        let span = index.span(node.span);
        span.attribute("net.sock.peer.addr").zip(span.attribute("net.sock.peer.port"))
    };
    if index.span(one.span).name != index.span(other.span).name {
        return false;
    }
    match (called(one), called(other)) {
        (Some(one), Some(other)) => one == other,
        _ => address(one).is_some() && address(one) == address(other),
    }
}

/// Whether a call ended with an error, as far as its span says so.
fn failed(span: &ServerSpan) -> bool {
    let code = match span.attribute("rpc.grpc.status_code") {
        Some(AttributeValue::Int(code)) => *code,
        Some(AttributeValue::Text(code)) => code.parse().unwrap_or(0),
        _ => 0,
    };
    span.status == 2 || code != 0
}
