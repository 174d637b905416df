//! Where each span hangs and whether it takes part: skew between hosts, adoption, nesting by time, what nobody waited for.

use super::instance::host;
use crate::{
    analysis::{
        areas::{self, Rule},
        index::{Parent, TraceIndex},
        join,
    },
    spans::SpanKind,
};

/// Name of the span of the query node's queue, which is over before what it queued for begins.
const SCHEDULE: &str = "schedule";
/// How far a child of whole microseconds may stand out of the span that contains it: start and duration are each cut.
const MICROSECOND_SLACK_NS: i64 = 2_000;

/// Whether a span takes part in the walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::analysis) enum State {
    TakesPart,
    /// Began when all of its ancestors were over.
    Asynchronous,
    /// More than half of it is after its parent's end.
    Detached,
    /// Consumer of a write.
    NotCounted,
}

/// One span of the request. Times are nanoseconds from the start of the outermost span, after any shift.
#[derive(Clone, Debug)]
pub(in crate::analysis) struct Node {
    pub(in crate::analysis) span: u32,
    pub(in crate::analysis) start: i64,
    pub(in crate::analysis) end: i64,
    pub(in crate::analysis) shift_ns: i64,
    pub(in crate::analysis) rule: Rule,
    pub(in crate::analysis) kind: SpanKind,
    pub(in crate::analysis) state: State,
    /// Part of a gateway or mesh: not below a server root.
    pub(in crate::analysis) mesh: bool,
    pub(in crate::analysis) adopted: bool,
    pub(in crate::analysis) moved: bool,
    /// Takes no part although its parent does.
    pub(in crate::analysis) outermost_aside: bool,
    /// Index of the parent as recorded; the first node's is itself.
    recorded_parent: u32,
    /// Index of the parent after adoption and nesting.
    pub(in crate::analysis) parent: u32,
    pub(in crate::analysis) children: Vec<u32>,
}

impl Node {
    fn duration(&self) -> i64 {
        self.end - self.start
    }
}

/// The spans of one request, parents before children as recorded; the first is the outermost.
#[derive(Clone, Debug)]
pub(in crate::analysis) struct Tree {
    pub(in crate::analysis) nodes: Vec<Node>,
    /// Start of the outermost span, nanoseconds since the unix epoch.
    zero: u64,
}

impl Tree {
    /// The spans below `top` as recorded.
    pub(super) fn new(index: &TraceIndex<'_>, top: u32) -> Self {
        let zero = index.span(top).start_ns;
        let mut tree = Self { nodes: Vec::with_capacity(index.len()), zero };
        let mut at_node = vec![0u32; index.len()];
        for at in join::subtree(index, top) {
            let span = index.span(at);
            let number = tree.nodes.len() as u32;
            at_node[at as usize] = number;
            let parent = match index.parent(at) {
                Parent::Span(parent) if number > 0 => at_node[parent as usize],
                _ => 0,
            };
            let below_root = number > 0 && !tree.nodes[parent as usize].mesh;
            let start = since(span.start_ns, zero);
            tree.nodes.push(Node {
                span: at,
                start,
                end: since(span.end_ns, zero).max(start),
                shift_ns: 0,
                rule: areas::rule(span),
                kind: span.kind,
                state: State::TakesPart,
                mesh: !below_root && !areas::is_root_name(span),
                adopted: false,
                moved: false,
                outermost_aside: false,
                recorded_parent: parent,
                parent,
                children: Vec::new(),
            });
        }
        tree
    }

    /// A moment within `node` on the clock of the account.
    pub(super) fn moment(&self, node: &Node, unix_ns: u64) -> i64 {
        since(unix_ns, self.zero).saturating_add(node.shift_ns)
    }

    /// Puts subtrees of other hosts inside their parents: clocks of two hosts may not be compared.
    pub(super) fn shift_hosts(&mut self, index: &TraceIndex<'_>, resolution_ns: u32) {
        let first = &index.span(self.nodes[0].span).resource;
        if self.nodes.iter().all(|node| std::sync::Arc::ptr_eq(&index.span(node.span).resource, first)) {
            return;
        }
        let slack = slack(resolution_ns);
        for at in 1..self.nodes.len() {
            let parent = self.nodes[at].recorded_parent as usize;
            let (from, to, inherited) = (self.nodes[parent].start, self.nodes[parent].end, self.nodes[parent].shift_ns);
            let hosts = (host(&index.span(self.nodes[parent].span).resource), host(&index.span(self.nodes[at].span).resource));
            let node = &mut self.nodes[at];
            (node.start, node.end) = (node.start.saturating_add(inherited), node.end.saturating_add(inherited));
            node.shift_ns = inherited;
            let (Some(above), Some(own)) = hosts else { continue };
            let outside = node.start < from - slack || node.end > to + slack;
            if above == own || !outside || node.rule == Rule::NotCounted {
                continue;
            }
            let by = into_parent((node.start, node.end), (from, to));
            (node.start, node.end) = (node.start.saturating_add(by), node.end.saturating_add(by));
            node.shift_ns = inherited.saturating_add(by);
        }
    }

    /// Hangs what began after its parent's end on the nearest ancestor that was still running.
    pub(super) fn adopt(&mut self, index: &TraceIndex<'_>) {
        for at in 1..self.nodes.len() {
            let recorded = self.nodes[at].recorded_parent;
            let parent = &self.nodes[recorded as usize];
            if parent.state != State::TakesPart {
                self.nodes[at].state = parent.state;
                continue;
            }
            if self.nodes[at].rule == Rule::NotCounted {
                self.set_aside(at, State::NotCounted);
                continue;
            }
            // The queue's span never runs while what it queued for does, even where the cut of the times says so.
            let queued = index.span(parent.span).name == SCHEDULE && recorded != 0;
            if !queued && self.nodes[at].start <= parent.end {
                continue;
            }
            match self.running_ancestor(recorded, self.nodes[at].start) {
                Some(ancestor) => {
                    self.nodes[at].parent = ancestor;
                    self.nodes[at].adopted = true;
                }
                None => self.set_aside(at, State::Asynchronous),
            }
        }
        for at in 1..self.nodes.len() {
            let parent = self.nodes[at].parent as usize;
            self.nodes[parent].children.push(at as u32);
        }
    }

    /// The nearest ancestor above `from` that was running at `start`.
    fn running_ancestor(&self, from: u32, start: i64) -> Option<u32> {
        let mut at = from;
        while at != 0 {
            at = self.nodes[at as usize].recorded_parent;
            if self.nodes[at as usize].end >= start {
                return Some(at);
            }
        }
        None
    }

    fn set_aside(&mut self, at: usize, state: State) {
        self.nodes[at].state = state;
        self.nodes[at].outermost_aside = true;
    }

    /// Moves siblings below a longer sibling that contains them: Milvus records some nested work side by side.
    pub(super) fn nest(&mut self, index: &TraceIndex<'_>, resolution_ns: u32) {
        let slack = slack(resolution_ns);
        let mut open = vec![0u32];
        while let Some(at) = open.pop() {
            let siblings = std::mem::take(&mut self.nodes[at as usize].children);
            let frames = self.frames(index, &siblings);
            let mut stay = Vec::with_capacity(siblings.len());
            for child in siblings {
                open.push(child);
                match self.container(index, &frames, child, slack) {
                    Some(frame) => {
                        self.nodes[child as usize].parent = frame;
                        self.nodes[child as usize].moved = true;
                        self.nodes[frame as usize].children.push(child);
                    }
                    None => stay.push(child),
                }
            }
            self.nodes[at as usize].children = stay;
        }
    }

    /// Whether nesting looks at a span: adopted ones were not recorded side by side, and run in parallel.
    fn nests(&self, at: u32) -> bool {
        let node = &self.nodes[at as usize];
        node.state == State::TakesPart && !node.adopted
    }

    /// The siblings that may contain others, shortest first. The queue's span has no work in it, only waiting.
    fn frames(&self, index: &TraceIndex<'_>, siblings: &[u32]) -> Vec<u32> {
        let mut frames: Vec<u32> = siblings.iter().copied().filter(|at| self.is_frame(index, *at)).collect();
        frames.sort_unstable_by_key(|at| {
            let node = &self.nodes[*at as usize];
            (node.duration(), node.start, index.span(node.span).span_id)
        });
        frames
    }

    fn is_frame(&self, index: &TraceIndex<'_>, at: u32) -> bool {
        let node = &self.nodes[at as usize];
        let internal = !matches!(node.kind, SpanKind::Client | SpanKind::Server | SpanKind::Producer | SpanKind::Consumer);
        internal && node.duration() > 0 && self.nests(at) && index.span(node.span).name != SCHEDULE
    }

    /// The shortest of `frames` that contains `child`.
    fn container(&self, index: &TraceIndex<'_>, frames: &[u32], child: u32, slack: i64) -> Option<u32> {
        if !self.nests(child) {
            return None;
        }
        let node = &self.nodes[child as usize];
        let span = index.span(node.span);
        let longer = frames.partition_point(|at| self.nodes[*at as usize].duration() <= node.duration());
        frames[longer..].iter().copied().find(|at| {
            let frame = &self.nodes[*at as usize];
            let other = index.span(frame.span);
            let contains = frame.start - slack <= node.start && node.end <= frame.end + slack;
            contains && other.name != span.name && other.service() == span.service()
        })
    }

    /// Sets aside what nobody waited for: more than half of it is after its parent's end.
    pub(super) fn detach(&mut self) {
        let mut open = vec![0u32];
        while let Some(at) = open.pop() {
            let (state, end) = (self.nodes[at as usize].state, self.nodes[at as usize].end);
            for child in self.nodes[at as usize].children.clone() {
                open.push(child);
                let node = &mut self.nodes[child as usize];
                if state != State::TakesPart {
                    node.state = state;
                } else if node.state == State::TakesPart && (node.end - end).saturating_mul(2) > node.duration() && node.end > end {
                    self.set_aside(child as usize, State::Detached);
                }
            }
        }
    }
}

/// Nanoseconds from `zero` to `at`, kept far from the ends of the range so that sums can't overflow.
fn since(at: u64, zero: u64) -> i64 {
    let limit = i128::from(i64::MAX / 8);
    (i128::from(at) - i128::from(zero)).clamp(-limit, limit) as i64
}

fn slack(resolution_ns: u32) -> i64 {
    if resolution_ns >= 1_000 { MICROSECOND_SLACK_NS } else { 0 }
}

/// The smallest shift that puts `span` inside `parent`; centred where it is longer.
fn into_parent(span: (i64, i64), parent: (i64, i64)) -> i64 {
    if span.1 - span.0 > parent.1 - parent.0 {
        (parent.0 + (parent.1 - parent.0) / 2) - (span.0 + (span.1 - span.0) / 2)
    } else if span.0 < parent.0 {
        parent.0 - span.0
    } else {
        (parent.1 - span.1).min(0)
    }
}
