//! Where each span hangs and whether it takes part: skew between hosts, adoption, nesting by time,
//! what was not waited for.

use std::{collections::HashMap, sync::Arc};

use super::{
    frames::{Frame, Frames},
    instance::{Host, host},
    running::Running,
};
use crate::{
    analysis::traces::{
        areas::{self, Rule},
        index::TraceIndex,
    },
    spans::{SpanKind, SpanResource},
};

/// Name of the span of the query node's queue, which is over before what it queued for begins.
const SCHEDULE: &str = "schedule";
/// How far a child of whole microseconds may stand out of the span that contains it: start and
/// duration are each cut.
const MICROSECOND_SLACK_NS: i64 = 2_000;

/// How often a span is moved below a sibling at most: far more than anything that Milvus records,
/// and a bound on the work.
const MOST_MOVES: u8 = 64;

/// Whether a span takes part in the walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    TakesPart,
    /// Began when all of its ancestors were over.
    Asynchronous,
    /// More than half of it is after its parent's end.
    Detached,
    /// Consumer of a write.
    NotCounted,
    /// Its times can't be: it has no place in time, and its children hang on what is above it.
    Impossible,
}

/// One span of the request. Times are nanoseconds from the start of the outermost span, after any
/// shift.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) span: u32,
    pub(crate) start: i64,
    pub(crate) end: i64,
    pub(crate) shift_ns: i64,
    pub(crate) rule: Rule,
    pub(crate) kind: SpanKind,
    pub(crate) state: State,
    /// Part of a gateway or mesh: not below a server root.
    pub(crate) mesh: bool,
    pub(crate) adopted: bool,
    /// How often it was moved below a sibling.
    pub(crate) moves: u8,
    /// Takes no part although its parent does.
    pub(crate) outermost_aside: bool,
    /// Index of the parent as recorded; the first node's is itself.
    recorded_parent: u32,
    /// Index of the parent after adoption and nesting.
    pub(crate) parent: u32,
    pub(crate) children: Vec<u32>,
}

impl Node {
    fn duration(&self) -> i64 {
        self.end - self.start
    }
}

/// The spans of one request, parents before children as recorded; the first is the outermost.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    pub(crate) nodes: Vec<Node>,
    /// Start of the outermost span, nanoseconds since the unix epoch.
    zero: u64,
}

impl Tree {
    /// The spans below `top` as recorded.
    pub(super) fn new(index: &TraceIndex<'_>, top: u32) -> Self {
        let zero = index.span(top).start_ns;
        let mut tree = Self {
            nodes: Vec::new(),
            zero,
        };
        let mut open = vec![(top, 0u32)];
        // A bound, because `top` itself may be part of a ring.
        while let Some((at, parent)) = open.pop().filter(|_| tree.nodes.len() < index.len()) {
            let span = index.span(at);
            let number = tree.nodes.len() as u32;
            let parent = match tree.nodes.get(parent as usize) {
                Some(above) if above.state == State::Impossible => above.recorded_parent,
                _ => parent,
            };
            open.extend(
                index
                    .children(at)
                    .iter()
                    .rev()
                    .filter(|child| **child != top)
                    .map(|child| (*child, number)),
            );
            let possible = index.is_possible(at);
            let below_root = number > 0 && !tree.nodes[parent as usize].mesh;
            let start = if possible {
                since(span.start_ns, zero)
            } else {
                tree.nodes[parent as usize].start
            };
            tree.nodes.push(Node {
                span: at,
                start,
                end: if possible {
                    since(span.end_ns, zero).max(start)
                } else {
                    start
                },
                shift_ns: 0,
                rule: areas::rule(span),
                kind: span.kind,
                state: if possible {
                    State::TakesPart
                } else {
                    State::Impossible
                },
                mesh: !below_root && !areas::is_root_name(span),
                adopted: false,
                moves: 0,
                outermost_aside: false,
                recorded_parent: parent,
                parent,
                children: Vec::new(),
            });
        }
        tree
    }

    /// A moment within `node` on the clock of the latency breakdown.
    pub(super) fn moment(&self, node: &Node, unix_ns: u64) -> i64 {
        since(unix_ns, self.zero).saturating_add(node.shift_ns)
    }

    /// Puts subtrees of other hosts inside their parents: clocks of two hosts may not be compared.
    pub(super) fn shift_hosts(&mut self, index: &TraceIndex<'_>, resolution_ns: u32) {
        let first = &index.span(self.nodes[0].span).resource;
        if self
            .nodes
            .iter()
            .all(|node| Arc::ptr_eq(&index.span(node.span).resource, first))
        {
            return;
        }
        let slack = slack(resolution_ns);
        let mut hosts = Hosts::default();
        for at in 1..self.nodes.len() {
            let parent = self.nodes[at].recorded_parent as usize;
            let (from, to, inherited) = (
                self.nodes[parent].start,
                self.nodes[parent].end,
                self.nodes[parent].shift_ns,
            );
            let hosts = [parent, at].map(|at| hosts.of(&index.span(self.nodes[at].span).resource));
            let node = &mut self.nodes[at];
            (node.start, node.end) = (
                node.start.saturating_add(inherited),
                node.end.saturating_add(inherited),
            );
            node.shift_ns = inherited;
            let [Some(above), Some(own)] = hosts else {
                continue;
            };
            let outside = node.start < from - slack || node.end > to + slack;
            if above == own
                || !outside
                || node.rule == Rule::NotCounted
                || node.state == State::Impossible
            {
                continue;
            }
            let by = into_parent((node.start, node.end), (from, to));
            (node.start, node.end) = (node.start.saturating_add(by), node.end.saturating_add(by));
            node.shift_ns = inherited.saturating_add(by);
        }
    }

    /// Hangs what began after its parent's end on the nearest ancestor that was still running.
    pub(super) fn adopt(&mut self, index: &TraceIndex<'_>) {
        let mut running = Running::new(self.nodes.len());
        running.push(None, self.nodes[0].end);
        for at in 1..self.nodes.len() {
            let recorded = self.nodes[at].recorded_parent;
            running.push(Some(recorded), self.nodes[at].end);
            let parent = &self.nodes[recorded as usize];
            if self.nodes[at].state == State::Impossible {
                self.nodes[at].outermost_aside = true;
                continue;
            }
            if parent.state != State::TakesPart {
                self.nodes[at].state = parent.state;
                continue;
            }
            if self.nodes[at].rule == Rule::NotCounted {
                self.set_aside(at, State::NotCounted);
                continue;
            }
            // The queue's span never runs while what it queued for does, even where the cut of the
            // times says so.
            let queued = index.span(parent.span).name == SCHEDULE && recorded != 0;
            if !queued && self.nodes[at].start <= parent.end {
                continue;
            }
            let above = (recorded != 0).then(|| self.nodes[recorded as usize].recorded_parent);
            match above.and_then(|above| running.nearest(above, self.nodes[at].start)) {
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

    fn set_aside(&mut self, at: usize, state: State) {
        self.nodes[at].state = state;
        self.nodes[at].outermost_aside = true;
    }

    /// Moves siblings below a longer sibling that contains them: Milvus records some nested work
    /// side by side.
    pub(super) fn nest(&mut self, index: &TraceIndex<'_>, resolution_ns: u32) {
        let slack = slack(resolution_ns);
        let mut open = vec![0u32];
        while let Some(at) = open.pop() {
            let siblings = std::mem::take(&mut self.nodes[at as usize].children);
            let frames = self.frames(index, &siblings);
            let mut stay = Vec::with_capacity(siblings.len());
            for child in siblings {
                let may_move = self.nests(child) && self.nodes[child as usize].moves < MOST_MOVES;
                match may_move
                    .then(|| frames.shortest_around(&self.frame(index, child), slack))
                    .flatten()
                {
                    Some(frame) => {
                        self.nodes[child as usize].parent = frame;
                        self.nodes[child as usize].moves += 1;
                        self.nodes[frame as usize].children.push(child);
                    }
                    None => stay.push(child),
                }
            }
            // Those that were moved come with the sibling that they were moved to, once.
            open.extend(&stay);
            self.nodes[at as usize].children = stay;
        }
    }

    /// Whether nesting looks at a span: adopted ones were not recorded side by side, and run in
    /// parallel.
    fn nests(&self, at: u32) -> bool {
        let node = &self.nodes[at as usize];
        node.state == State::TakesPart && !node.adopted
    }

    /// The siblings that may contain others. The queue's span has no work in it, only waiting.
    fn frames<'a>(&self, index: &TraceIndex<'a>, siblings: &[u32]) -> Frames<'a> {
        let frames = siblings
            .iter()
            .filter(|at| self.is_frame(index, **at))
            .map(|at| self.frame(index, *at));
        Frames::new(frames.collect())
    }

    fn is_frame(&self, index: &TraceIndex<'_>, at: u32) -> bool {
        let node = &self.nodes[at as usize];
        let internal = !matches!(
            node.kind,
            SpanKind::Client | SpanKind::Server | SpanKind::Producer | SpanKind::Consumer
        );
        internal && node.duration() > 0 && self.nests(at) && index.span(node.span).name != SCHEDULE
    }

    fn frame<'a>(&self, index: &TraceIndex<'a>, at: u32) -> Frame<'a> {
        let node = &self.nodes[at as usize];
        let span = index.span(node.span);
        Frame {
            node: at,
            start: node.start,
            end: node.end,
            name: &span.name,
            service: span.service(),
            span_id: span.span_id,
        }
    }

    /// Sets aside what was not waited for: more than half of it is after its parent's end.
    pub(super) fn detach(&mut self) {
        let mut open = vec![0u32];
        while let Some(at) = open.pop() {
            let (state, end) = (self.nodes[at as usize].state, self.nodes[at as usize].end);
            for child in self.nodes[at as usize].children.clone() {
                open.push(child);
                let node = &mut self.nodes[child as usize];
                if node.state == State::Impossible {
                    continue;
                }
                if state != State::TakesPart {
                    node.state = state;
                } else if node.state == State::TakesPart
                    && (node.end - end).saturating_mul(2) > node.duration()
                    && node.end > end
                {
                    self.set_aside(child as usize, State::Detached);
                }
            }
        }
    }
}

/// The host of each process, looked up once: a process may have any number of attributes.
#[derive(Default)]
struct Hosts<'a>(HashMap<*const SpanResource, Option<Host<'a>>>);

impl<'a> Hosts<'a> {
    fn of(&mut self, resource: &'a Arc<SpanResource>) -> Option<Host<'a>> {
        *self
            .0
            .entry(Arc::as_ptr(resource))
            .or_insert_with(|| host(resource))
    }
}

/// Nanoseconds from `zero` to `at`, kept far from the ends of the range so that sums can't
/// overflow.
fn since(at: u64, zero: u64) -> i64 {
    let limit = i128::from(i64::MAX / 8);
    (i128::from(at) - i128::from(zero)).clamp(-limit, limit) as i64
}

fn slack(resolution_ns: u32) -> i64 {
    if resolution_ns >= 1_000 {
        MICROSECOND_SLACK_NS
    } else {
        0
    }
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
