//! The walk along the critical path: for each instant of the outermost span, whose own time it is.

use super::tree::{Node, State, Tree};
use crate::analysis::traces::index::TraceIndex;

/// Where own time lies among the children of its span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Position {
    /// No child took part.
    Whole,
    /// Before the first child.
    Before,
    /// Between children.
    Between,
    /// After the last child.
    After,
}

/// A stretch of own time of one span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// Index of the node.
    pub(super) node: u32,
    pub(super) position: Position,
    pub(super) start: i64,
    pub(super) end: i64,
}

/// The segments in the order of time; they tile the interval of the outermost span.
pub(super) fn walk(index: &TraceIndex<'_>, tree: &Tree) -> Vec<Segment> {
    let Some(top) = tree.nodes.first() else {
        return Vec::new();
    };
    let mut segments = Vec::with_capacity(tree.nodes.len() * 2);
    let mut open = vec![(0u32, top.start, top.end)];
    while let Some((at, from, to)) = open.pop() {
        if from < to {
            walk_level(index, tree, (at, from, to), &mut segments, &mut open);
        }
    }
    segments.sort_unstable_by_key(|segment| segment.start);
    segments
}

/// One span's interval, from its end backwards; children that are entered are pushed to `open`.
fn walk_level(
    index: &TraceIndex<'_>,
    tree: &Tree,
    (at, from, to): (u32, i64, i64),
    segments: &mut Vec<Segment>,
    open: &mut Vec<(u32, i64, i64)>,
) {
    let children = cut_children(index, tree, &tree.nodes[at as usize], (from, to));
    let mut position = if children.is_empty() {
        Position::Whole
    } else {
        Position::After
    };
    let mut now = to;
    let mut rest = children.as_slice();
    loop {
        // Of the children that run at `now` the one that started first had the instant; those that
        // start later are over with, because they start at or after the point where the walk goes
        // on.
        let running = rest.iter().take_while(|child| child.end >= now).count();
        let first = rest[..running]
            .iter()
            .filter(|child| child.start < now)
            .min_by_key(|child| (child.start, child.id));
        rest = &rest[running..];
        if let Some(child) = first {
            open.push((child.node, child.start, now));
            now = child.start;
            position = Position::Between;
        } else if let Some(next) = rest.first() {
            segments.push(Segment {
                node: at,
                position,
                start: next.end,
                end: now,
            });
            now = next.end;
        } else {
            break;
        }
    }
    if from < now {
        let position = if position == Position::Whole {
            Position::Whole
        } else {
            Position::Before
        };
        segments.push(Segment {
            node: at,
            position,
            start: from,
            end: now,
        });
    }
}

struct CutChild {
    node: u32,
    id: u64,
    start: i64,
    end: i64,
}

/// The children that take part, cut to their parent's interval; the last end first.
fn cut_children(
    index: &TraceIndex<'_>,
    tree: &Tree,
    parent: &Node,
    (from, to): (i64, i64),
) -> Vec<CutChild> {
    let mut cut: Vec<CutChild> = parent
        .children
        .iter()
        .filter_map(|at| {
            let node = &tree.nodes[*at as usize];
            let (start, end) = (node.start.max(from), node.end.min(to));
            let takes_part = node.state == State::TakesPart && start < end;
            takes_part.then(|| CutChild {
                node: *at,
                id: index.span(node.span).span_id,
                start,
                end,
            })
        })
        .collect();
    cut.sort_unstable_by_key(|child| (std::cmp::Reverse(child.end), child.start, child.id));
    cut
}
