//! From stretches of own time to pieces of the latency breakdown: the area of each, and the
//! instance that it is charged to.

use std::collections::HashMap;

use super::{
    NodeCall, Piece, RequestAccount,
    back_off::BackOff,
    marks::{NodeSearch, marks},
    tree::{Node, State, Tree},
    walk::{Position, Segment, walk},
};
use crate::{
    analysis::traces::{
        areas::{
            self, Area, Rule,
            split::{Step, steps},
        },
        index::TraceIndex,
    },
    spans::SpanKind,
};

/// Fills in the pieces and what is known of node calls.
pub(super) fn charge(
    index: &TraceIndex<'_>,
    tree: &Tree,
    succeeded: bool,
    account: &mut RequestAccount,
) {
    let calls = Calls::of(tree);
    let mut merged = vec![false; tree.nodes.len()];
    for ((node, merged), callee) in tree.nodes.iter().zip(&mut merged).zip(&calls.callee) {
        if let Some(search) = NodeSearch::of(index, tree, node) {
            account.node_searches += 1;
            account.merged += u64::from(succeeded && search.merged());
            account.merged_in_part += u64::from(succeeded && search.merged_in_part());
            *merged = succeeded && search.merged();
        }
        account
            .node_calls
            .extend(callee.and_then(|callee| node_call(index, tree, node, callee)));
    }
    let mut known: Vec<Option<Vec<Step>>> = vec![None; tree.nodes.len()];
    let mut pauses: HashMap<u32, BackOff> = HashMap::new();
    let segments = walk(index, tree);
    account.pieces.reserve(segments.len());
    for segment in segments {
        let at = segment.node as usize;
        let node = &tree.nodes[at];
        let paused = may_pause(&calls, node, &segment)
            && pauses
                .entry(segment.node)
                .or_insert_with(|| BackOff::of(index, tree, &calls.callee, node))
                .covers(segment.start, segment.end);
        if let Some(whole) = one_area(node, paused) {
            account.pieces.push(piece(tree, &calls, &segment, whole));
            continue;
        }
        let steps = known[at]
            .get_or_insert_with(|| steps(node.rule, &marks(index, tree, node, merged[at])));
        split(tree, &calls, &segment, steps, &mut account.pieces);
    }
}

/// Which calls there are, found once for all segments.
struct Calls {
    /// The SERVER child of each call, the earliest if there are several.
    callee: Vec<Option<u32>>,
    /// Whether a child of the span is a call that takes part.
    made: Vec<bool>,
}

impl Calls {
    fn of(tree: &Tree) -> Self {
        let mut calls = Self {
            callee: vec![None; tree.nodes.len()],
            made: vec![false; tree.nodes.len()],
        };
        for (at, node) in tree.nodes.iter().enumerate() {
            let children = || node.children.iter().copied();
            let of_kind = |child: &u32, kind| tree.nodes[*child as usize].kind == kind;
            if node.kind == SpanKind::Client {
                calls.callee[at] = children()
                    .filter(|child| of_kind(child, SpanKind::Server))
                    .min_by_key(|child| tree.nodes[*child as usize].start);
            } else {
                let takes_part =
                    |child: &u32| tree.nodes[*child as usize].state == State::TakesPart;
                calls.made[at] =
                    children().any(|child| takes_part(&child) && of_kind(&child, SpanKind::Client));
            }
        }
        calls
    }
}

/// Whether own time may be a pause between calls.
fn may_pause(calls: &Calls, node: &Node, segment: &Segment) -> bool {
    calls.made[segment.node as usize]
        && !node.mesh
        && !matches!(segment.position, Position::Whole | Position::Before)
}

/// The area of a segment that need not be split.
fn one_area(node: &Node, paused: bool) -> Option<Area> {
    if node.mesh {
        return Some(Area::Mesh);
    }
    if paused {
        return Some(Area::Retries);
    }
    match node.rule {
        Rule::Fixed(area) => Some(area),
        Rule::Unknown | Rule::NotCounted => Some(Area::Other),
        _ => None,
    }
}

fn piece(tree: &Tree, calls: &Calls, segment: &Segment, area: Area) -> Piece {
    let node = &tree.nodes[segment.node as usize];
    let charged =
        match calls.callee[segment.node as usize].map(|callee| &tree.nodes[callee as usize]) {
            _ if node.mesh => None,
            // A stopped or overloaded node answers late, and its own spans look short.
            Some(callee) if segment.start < callee.start => Some(callee.span),
            _ => Some(node.span),
        };
    Piece {
        span: node.span,
        start_ns: segment.start,
        end_ns: segment.end,
        area,
        merged: false,
        charged,
    }
}

fn split(tree: &Tree, calls: &Calls, segment: &Segment, steps: &[Step], pieces: &mut Vec<Piece>) {
    let mut from = segment.start;
    for step in steps {
        let until = step.until.min(segment.end);
        if from < until {
            let part = Segment {
                start: from,
                end: until,
                ..*segment
            };
            pieces.push(Piece {
                merged: step.merged,
                ..piece(tree, calls, &part, step.area)
            });
            from = until;
        }
    }
}

/// Calls to query nodes are compared by instance as the caller saw them, on the critical path or
/// not. What the called node waited for other nodes is not its own: else a leader would be as slow
/// as its slowest worker.
fn node_call(index: &TraceIndex<'_>, tree: &Tree, node: &Node, callee: u32) -> Option<NodeCall> {
    let is_call =
        |node: &Node| node.kind == SpanKind::Client && areas::is_node_call(index.span(node.span));
    if node.mesh || !is_call(node) {
        return None;
    }
    let callee = &tree.nodes[callee as usize];
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
    Some(NodeCall {
        callee: callee.span,
        own_ns: (node.end - node.start - waited).max(0) as u64,
    })
}
