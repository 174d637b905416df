//! Which spans of a trace belong to a request, and whether all of them came back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    areas::{self, Rule},
    index::{Parent, TraceIndex},
};
use crate::spans::SpanKind;

/// How the join of one sampled request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JoinState {
    /// Root found and every span's parent present.
    Matched,
    /// Root found, something missing below it.
    Incomplete,
    /// Spans, but no server root.
    NoRoot,
    /// Nothing but the client's own span.
    Missing,
    /// No line in requests.jsonl.
    NotRecorded,
    /// Not asked for: budget or deadline.
    NotFetched,
}

impl JoinState {
    /// Name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            JoinState::Matched => "matched",
            JoinState::Incomplete => "incomplete",
            JoinState::NoRoot => "no_root",
            JoinState::Missing => "missing",
            JoinState::NotRecorded => "not_recorded",
            JoinState::NotFetched => "not_fetched",
        }
    }
}

/// The spans of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Joined {
    /// Matched, incomplete, no root or missing.
    pub(super) state: JoinState,
    /// The outermost span of the chosen root: the root itself, or a gateway's span above it.
    pub(super) top: Option<u32>,
    /// The server root.
    pub(super) root: Option<u32>,
    /// Server roots below the client span: more than one where the transport sent the request again.
    pub(super) roots: u64,
    /// Calls between roles without a SERVER span.
    pub(super) callees_lost: u64,
    /// Spans that were left running behind the request or belong to its aftermath, by name.
    pub(super) aside: BTreeMap<String, u64>,
}

/// Joins the trace to the request whose client span has `client_id`, which need not be in the trace.
pub(super) fn join(index: &TraceIndex<'_>, client_id: u64) -> Joined {
    let below = below_client(index, client_id);
    let mut joined = Joined {
        state: JoinState::NoRoot,
        top: None,
        root: None,
        roots: below.roots.len() as u64,
        callees_lost: 0,
        aside: BTreeMap::new(),
    };
    let chosen = below.roots.iter().max_by_key(|(root, _)| (index.span(*root).end_ns, std::cmp::Reverse(index.span(*root).span_id)));
    let Some((root, top)) = chosen.copied() else {
        let strays = loose(index, client_id);
        if below.spans == 0 && (strays.orphans.is_empty() || strays.other_callers) {
            joined.state = JoinState::Missing;
        }
        return joined;
    };
    (joined.root, joined.top) = (Some(root), Some(top));
    let orphans = judge_orphans(index, client_id, root, &mut joined.aside);
    joined.callees_lost = callees_lost(index, root);
    joined.state = if orphans + joined.callees_lost > 0 { JoinState::Incomplete } else { JoinState::Matched };
    joined
}

struct BelowClient {
    /// Outermost server roots, each with the outermost span above it.
    roots: Vec<(u32, u32)>,
    /// Spans below the client span, up to the roots.
    spans: u64,
}

fn below_client(index: &TraceIndex<'_>, client_id: u64) -> BelowClient {
    let mut found = BelowClient { roots: Vec::new(), spans: 0 };
    let client = index.find(client_id);
    let tops = index.all().filter(|(at, parent)| {
        Some(*at) != client && (*parent == Parent::Absent(client_id) || client.is_some_and(|client| *parent == Parent::Span(client)))
    });
    let mut open: Vec<(u32, u32)> = tops.map(|(at, _)| (at, at)).collect();
    while let Some((at, top)) = open.pop() {
        found.spans += 1;
        if areas::is_root_name(index.span(at)) {
            found.roots.push((at, top));
        } else {
            // The client span turns up below itself only where links are broken into a ring.
            open.extend(index.children(at).iter().filter(|child| Some(**child) != client).map(|child| (*child, top)));
        }
    }
    found
}

/// What hangs below neither this request nor another caller.
struct Loose {
    orphans: Vec<u32>,
    other_callers: bool,
}

fn loose(index: &TraceIndex<'_>, client_id: u64) -> Loose {
    let mut found = Loose { orphans: Vec::new(), other_callers: false };
    let client = index.find(client_id);
    let mut reached = 0;
    for (at, parent) in index.all() {
        match parent {
            Parent::Span(_) => continue,
            Parent::None => found.other_callers |= Some(at) != client,
            Parent::Absent(id) if id == client_id || Some(at) == client => {}
            // Set-up shares one trace: the client spans of its other requests need not have been exported.
            Parent::Absent(_) if areas::is_root_name(index.span(at)) => found.other_callers = true,
            Parent::Absent(_) => found.orphans.push(at),
        }
        reached += subtree(index, at).count();
    }
    if reached < index.all().count() {
        found.orphans.extend(ring_members(index));
    }
    found
}

/// `at` and everything below it, parents first.
pub(super) fn subtree<'i>(index: &'i TraceIndex<'_>, at: u32) -> impl Iterator<Item = u32> + 'i {
    let mut open = vec![at];
    // A bound, because `at` itself may be part of a ring.
    let mut left = index.len();
    std::iter::from_fn(move || {
        let next = open.pop()?;
        left = left.checked_sub(1)?;
        open.extend(index.children(next).iter().rev().filter(|child| **child != at));
        Some(next)
    })
}

/// Spans whose parents lead round in a ring: broken data, as good as without a parent.
fn ring_members(index: &TraceIndex<'_>) -> Vec<u32> {
    let mut hangs = vec![false; index.len()];
    for (at, parent) in index.all() {
        if !matches!(parent, Parent::Span(_)) {
            subtree(index, at).for_each(|below| hangs[below as usize] = true);
        }
    }
    index.all().map(|(at, _)| at).filter(|at| !hangs[*at as usize]).collect()
}

/// Counts the orphans that make the request incomplete; the others are told in `aside`.
fn judge_orphans(index: &TraceIndex<'_>, client_id: u64, root: u32, aside: &mut BTreeMap<String, u64>) -> u64 {
    let root = index.span(root);
    let loose = loose(index, client_id);
    let mut incomplete = 0;
    for at in loose.orphans {
        let span = index.span(at);
        let behind = span.start_ns > root.end_ns;
        // In a trace of several callers an orphan is this one's only if it began while this one ran.
        let ours = !loose.other_callers || (!behind && span.start_ns >= root.start_ns);
        if !ours {
            continue;
        }
        if behind || areas::rule(span) == Rule::NotCounted {
            *aside.entry(areas::names::normalise(&span.name).into_owned()).or_default() += 1;
        } else {
            incomplete += 1;
        }
    }
    incomplete
}

/// Calls between roles below the root that have no SERVER child: the called process died, or its spans were lost.
fn callees_lost(index: &TraceIndex<'_>, root: u32) -> u64 {
    let end = index.span(root).end_ns;
    let mut lost = 0;
    let mut open = vec![root];
    while let Some(at) = open.pop() {
        let span = index.span(at);
        if areas::rule(span) == Rule::NotCounted || span.start_ns > end {
            continue;
        }
        let children = index.children(at);
        if areas::needs_callee(span) && !children.iter().any(|child| index.span(*child).kind == SpanKind::Server) {
            lost += 1;
        }
        open.extend(children.iter().filter(|child| **child != root));
    }
    lost
}

#[cfg(test)]
mod tests;
