//! What the events and children of a span say about its own time, and which searches were merged.

use super::tree::{Node, State, Tree};
use crate::{
    analysis::traces::{
        areas::{Area, Rule, split::Marks},
        index::TraceIndex,
    },
    spans::SpanKind,
};

/// A search on one node, seen from the span that called the worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct NodeSearch {
    /// Events "search segments done" that name segments.
    named: usize,
    /// Segments that they name.
    segments: usize,
    engines: usize,
    schedules: usize,
}

impl NodeSearch {
    /// The search of a node whose events name segments; None for any other span.
    pub(super) fn of(index: &TraceIndex<'_>, tree: &Tree, node: &Node) -> Option<Self> {
        let caller = matches!(node.rule, Rule::SearchExecute | Rule::NodeSearch) && !node.mesh;
        if !caller {
            return None;
        }
        let mut search = Self::default();
        for event in &index.span(node.span).events {
            let segments = if event.name.starts_with(SEGMENTS_DONE) {
                named_segments(&event.name)
            } else {
                0
            };
            search.segments += segments;
            search.named += usize::from(segments > 0);
        }
        for child in &node.children {
            let child = &tree.nodes[*child as usize];
            search.engines += usize::from(child.rule == Rule::Fixed(Area::Engine));
            search.schedules += usize::from(index.span(child.span).name == "schedule");
        }
        (search.named > 0).then_some(search)
    }

    /// Whether all of it ran as part of another request's search.
    pub(super) fn merged(&self) -> bool {
        self.engines == 0 && self.schedules == 0
    }

    /// Whether a part of it did: from 2.4 on each own part has a `schedule`, in 2.3 each own
    /// segment has an engine span.
    pub(super) fn merged_in_part(&self) -> bool {
        !self.merged()
            && if self.schedules > 0 {
                self.schedules < self.named
            } else {
                self.engines < self.segments
            }
    }
}

const SEGMENTS_DONE: &str = "search segments done";

/// Number of ids in `segmentIDs = [1 2 3]`.
fn named_segments(event: &str) -> usize {
    let list = event
        .split_once("segmentIDs = [")
        .and_then(|(_, rest)| rest.split_once(']'));
    list.map_or(0, |(ids, _)| ids.split_whitespace().count())
}

/// The marks of an ambiguous span.
pub(super) fn marks(index: &TraceIndex<'_>, tree: &Tree, node: &Node, merged: bool) -> Marks {
    let mut marks = Marks {
        merged,
        ..Marks::default()
    };
    for child in &node.children {
        child_mark(index, &tree.nodes[*child as usize], &mut marks);
    }
    for event in index
        .span(node.span)
        .events
        .iter()
        .filter(|event| index.possible().contains(event.time_ns))
    {
        event_mark(&event.name, tree.moment(node, event.time_ns), &mut marks);
    }
    let own_worker = marks
        .wait_end
        .or(marks.engine_end)
        .or(marks.schedule_end)
        .or(marks.segments_done);
    marks.calls_worker =
        matches!(node.rule, Rule::SearchExecute | Rule::RetrieveTask) && own_worker.is_some();
    marks
}

fn child_mark(index: &TraceIndex<'_>, child: &Node, marks: &mut Marks) {
    let latest = |mark: &mut Option<i64>, at: i64| *mark = (*mark).max(Some(at));
    if child.state != State::TakesPart {
        return;
    }
    if child.start < child.end {
        let (first, last) = marks.children.unwrap_or((child.start, child.end));
        marks.children = Some((first.min(child.start), last.max(child.end)));
    }
    match child.rule {
        Rule::Fixed(Area::ConsistencyWait) => latest(&mut marks.wait_end, child.end),
        Rule::Fixed(Area::NodeQueue) => latest(&mut marks.schedule_end, child.end),
        Rule::Fixed(Area::Engine) => latest(&mut marks.engine_end, child.end),
        Rule::Fixed(Area::LogAppend) => marks.sends = true,
        Rule::Fixed(Area::Reduce)
            if child.kind == SpanKind::Internal && in_engine(&index.span(child.span).name) =>
        {
            marks.reduce_start = Some(
                marks
                    .reduce_start
                    .map_or(child.start, |known| known.min(child.start)),
            );
        }
        _ => {}
    }
}

/// Whether a merge is that of one node's segments rather than of several nodes.
fn in_engine(name: &str) -> bool {
    name == "ReduceSearchResultsAndFillData" || name.starts_with("ReduceHelper::")
}

fn event_mark(name: &str, at: i64, marks: &mut Marks) {
    let mark = match name {
        "scheduler process PreExecute" => &mut marks.pre_execute,
        "scheduler process Execute" => &mut marks.execute,
        "scheduler process PostExecute" => &mut marks.post_execute,
        _ if name.starts_with(SEGMENTS_DONE) || name.starts_with("do query done") => {
            &mut marks.segments_done
        }
        _ if name.starts_with("start reduce query result") => &mut marks.start_reduce,
        _ if name.starts_with("do search with channel done")
            || name.starts_with("do query with channel done") =>
        {
            &mut marks.channel_done
        }
        _ if name.contains(" request enqueue") => &mut marks.enqueue,
        _ => return,
    };
    *mark = (*mark).max(Some(at));
}
