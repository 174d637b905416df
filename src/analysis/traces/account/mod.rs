//! The exact latency breakdown of one request: who had each instant of the server root.
//!
//! [`tree`] decides where each span hangs and whether it takes part, [`walk`] who had which
//! instant, [`charge`] what that means and which instance it is charged to. Everything is integer
//! nanoseconds; the pieces tile the root's interval.

use std::collections::BTreeMap;

use crate::{
    analysis::{
        model::JoinState,
        traces::{
            areas::{self, Area, Rule},
            index::TraceIndex,
            join::{self, Call, Joined},
            times::Possible,
        },
    },
    spans::Trace,
};

mod back_off;
mod call;
mod charge;
mod frames;
pub(crate) mod instance;
mod marks;
mod running;
mod tree;
mod walk;

pub(crate) use tree::{Node, State, Tree};

/// The search of one segment.
const ENGINE_SEARCH: &str = "SegCoreSearch";
/// Part of an event of it that is there where the segment has no index.
const BRUTE_FORCE: &str = "BruteForce";

/// What the latency breakdown of one request needs to know beside its trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountOptions {
    /// Span id of the request's client span.
    pub client_span_id: u64,
    /// Whether the request succeeded: a search that failed is never taken for merged.
    pub succeeded: bool,
    /// Resolution of the span times, 1 or 1,000 ns.
    pub resolution_ns: u32,
}

/// A stretch of the root's interval and who had it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Index in [`Trace::spans`] of the span whose own time it is.
    pub span: u32,
    /// Nanoseconds from the root's start, after any shift between hosts.
    pub start_ns: i64,
    /// Nanoseconds from the root's start, after `start_ns`.
    pub end_ns: i64,
    /// What the time was spent on.
    pub area: Area,
    /// Queue and engine time of a merged search, which can't be told apart.
    pub merged: bool,
    /// Index of the span whose instance it is charged to; None for a gateway.
    pub charged: Option<u32>,
}

/// One call to a query node, on the critical path or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeCall {
    /// Index of the SERVER span.
    pub callee: u32,
    /// Duration of the call as the caller saw it, without the time in which the called node waited
    /// for other nodes.
    pub own_ns: u64,
}

/// The latency breakdown of one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestAccount {
    /// Index of the outermost server span: the server root, or the span of a gateway above it.
    pub top: u32,
    /// Index of the server root.
    pub root: u32,
    /// Duration of the outermost span: what service time and gap differ by.
    pub server_ns: u64,
    /// In the order of time, without gap or overlap.
    pub pieces: Vec<Piece>,
    /// Server spans below the client span, without those that are not counted.
    pub spans: u64,
    /// Server roots: more than one where the transport sent the request again.
    pub roots: u64,
    /// Searches of one segment each.
    pub engine_searches: u64,
    /// Their durations, which may overlap.
    pub engine_ns: u64,
    /// Of that, the searches without an index.
    pub brute_force_ns: u64,
    /// Calls to query nodes.
    pub node_calls: Vec<NodeCall>,
    /// Searches on one node whose events name segments.
    pub node_searches: u64,
    /// Of those, the ones that ran as part of another request's.
    pub merged: u64,
    /// Of those, the ones of which only a part was merged.
    pub merged_in_part: u64,
    /// Spans hung on another parent because theirs was over (by name).
    pub adopted: BTreeMap<String, u64>,
    /// Siblings moved below a longer sibling that contains them (by name).
    pub nested: BTreeMap<String, u64>,
    /// Asynchronous, detached and not counted spans, the outermost of each (by name).
    pub aside: BTreeMap<String, u64>,
    /// Names that the table of areas lacks.
    pub unknown_names: BTreeMap<String, u64>,
    /// Largest shift of a subtree between hosts; 0 where nothing was shifted.
    pub largest_shift_ns: u64,
}

/// The latency breakdown of the request with `options.client_span_id` in `trace`.
///
/// # Errors
/// The trace is not matched; the state says why.
pub fn account(trace: &Trace, options: &AccountOptions) -> Result<RequestAccount, JoinState> {
    let index = TraceIndex::new(trace, Possible::ANY);
    let joined = join::join(
        &index,
        Call {
            client_span_id: options.client_span_id,
            answered_within_ns: None,
        },
    );
    match (joined.state, account_joined(&index, &joined, options)) {
        (JoinState::Matched, Some((account, _))) => Ok(account),
        (state, _) => Err(state),
    }
}

/// The latency breakdown of a joined request, None where there is no root. An incomplete trace has
/// one too, which only a waterfall may show.
pub(crate) fn account_joined(
    index: &TraceIndex<'_>,
    joined: &Joined,
    options: &AccountOptions,
) -> Option<(RequestAccount, Tree)> {
    let (top, root) = (joined.top?, joined.root?);
    let mut account = RequestAccount {
        top,
        root,
        server_ns: index.span(top).duration_ns(),
        roots: joined.roots,
        aside: joined.aside.clone(),
        ..RequestAccount::default()
    };
    let mut tree = Tree::new(index, top);
    tree.shift_hosts(index, options.resolution_ns);
    tree.adopt(index);
    tree.nest(index, options.resolution_ns);
    tree.detach();
    collect_facts(index, &tree, &mut account);
    charge::charge(index, &tree, options.succeeded, &mut account);
    Some((account, tree))
}

fn collect_facts(index: &TraceIndex<'_>, tree: &Tree, account: &mut RequestAccount) {
    let count = |map: &mut BTreeMap<String, u64>, at: u32| {
        *map.entry(areas::names::normalise(&index.span(at).name).into_owned())
            .or_default() += 1;
    };
    for node in &tree.nodes {
        if matches!(node.state, State::NotCounted | State::Impossible) {
            if node.outermost_aside && node.state == State::NotCounted {
                count(&mut account.aside, node.span);
            }
            continue;
        }
        account.spans += 1;
        let span = index.span(node.span);
        if span.name == ENGINE_SEARCH {
            account.engine_searches += 1;
            account.engine_ns = account.engine_ns.saturating_add(span.duration_ns());
            if span
                .events
                .iter()
                .any(|event| event.name.contains(BRUTE_FORCE))
            {
                account.brute_force_ns = account.brute_force_ns.saturating_add(span.duration_ns());
            }
        }
        account.largest_shift_ns = account.largest_shift_ns.max(node.shift_ns.unsigned_abs());
        if node.adopted {
            count(&mut account.adopted, node.span);
        }
        if node.moves > 0 {
            count(&mut account.nested, node.span);
        }
        if node.outermost_aside {
            count(&mut account.aside, node.span);
        }
        if node.rule == Rule::Unknown && !node.mesh {
            count(&mut account.unknown_names, node.span);
        }
    }
}

#[cfg(test)]
mod tests;
