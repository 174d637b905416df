//! Which spans of a trace belong to a request, and whether all of them came back.

use std::collections::BTreeMap;

use crate::{
    analysis::{
        model::{ImpossibleTimes, JoinState},
        traces::{
            areas::{self, Rule},
            index::TraceIndex,
            times::{Fault, outlasts},
        },
    },
    spans::SpanKind,
};

/// The call that a trace is joined to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    /// Span id of the client span, which need not be in the trace.
    pub(crate) client_span_id: u64,
    /// Nanoseconds within which it was answered; None where it was not, or that is not known.
    pub(crate) answered_within_ns: Option<u64>,
}

/// The spans of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Joined {
    /// Matched, incomplete, no root or missing.
    pub(crate) state: JoinState,
    /// The outermost span of the chosen root: the root itself, or a gateway's span above it.
    pub(crate) top: Option<u32>,
    /// The server root; None also where its times can't be.
    pub(crate) root: Option<u32>,
    /// Server roots below the client span: more than one where the transport sent the request
    /// again.
    pub(crate) roots: u64,
    /// Whether no span of the trace is that of a handler, whatever it hangs below.
    pub(crate) handler_lost: bool,
    /// Calls between roles without a SERVER span.
    pub(crate) callees_lost: u64,
    /// Spans that were left running behind the request or belong to its aftermath, by name.
    pub(crate) aside: BTreeMap<String, u64>,
    /// Spans whose times can't be.
    pub(crate) impossible: ImpossibleTimes,
    /// Whether such times alone keep the request out of the latency breakdown.
    pub(crate) spoilt_by_times: bool,
}

/// Joins the trace to `call`.
pub(crate) fn join(index: &TraceIndex<'_>, call: Call) -> Joined {
    let client_id = call.client_span_id;
    let below = below_client(index, client_id);
    let mut joined = Joined {
        state: JoinState::NoRoot,
        top: None,
        root: None,
        roots: below.roots.len() as u64,
        handler_lost: false,
        callees_lost: 0,
        aside: BTreeMap::new(),
        impossible: ImpossibleTimes::default(),
        spoilt_by_times: false,
    };
    if below.roots.is_empty() {
        joined.handler_lost = !index
            .all()
            .any(|(at, _)| areas::is_root_name(index.span(at)));
        let loose = index.loose();
        let client = index.find(client_id);
        let others = loose.other_callers(index, client_id, client);
        if below.spans == 0 && (loose.orphans(client_id, client).next().is_none() || others) {
            joined.state = JoinState::Missing;
        } else if !others {
            count_faults(index, index.all().map(|(at, _)| at), &mut joined.impossible);
        }
        return joined;
    }
    let Some((root, top)) = choose(index, &below, call, &mut joined) else {
        (joined.state, joined.spoilt_by_times) = (JoinState::Incomplete, true);
        return joined;
    };
    (joined.root, joined.top) = (Some(root), Some(top));
    joined.spoilt_by_times |= count_faults(index, subtree(index, top), &mut joined.impossible);
    let incomplete = has_orphans(index, client_id, root, &mut joined);
    joined.callees_lost = callees_lost(index, root);
    let lost = incomplete || joined.callees_lost > 0;
    joined.state = if lost || joined.spoilt_by_times {
        JoinState::Incomplete
    } else {
        JoinState::Matched
    };
    joined.spoilt_by_times &= !lost;
    joined
}

/// The root that ends last, with the outermost span above it; None where the times of none can be.
fn choose(
    index: &TraceIndex<'_>,
    below: &BelowClient,
    call: Call,
    joined: &mut Joined,
) -> Option<(u32, u32)> {
    let mut chosen: Option<(u32, u32)> = None;
    let last = |(root, _): &(u32, u32)| {
        (
            index.span(*root).end_ns,
            std::cmp::Reverse(index.span(*root).span_id),
        )
    };
    for (root, top) in below.roots.iter().copied() {
        let outlasting = call
            .answered_within_ns
            .is_some_and(|within| outlasts(index.span(top).duration_ns(), within));
        match [top, root].iter().all(|at| index.is_possible(*at)) {
            // Which of several was the answer can't be told without their times.
            false => {
                count_faults(index, subtree(index, top), &mut joined.impossible);
                joined.spoilt_by_times = true;
            }
            true if outlasting => {
                joined
                    .impossible
                    .add(index.span(top), Fault::OutlastsItsCall);
                joined.spoilt_by_times = true;
            }
            true if chosen.is_none_or(|chosen| last(&(root, top)) > last(&chosen)) => {
                chosen = Some((root, top))
            }
            true => {}
        }
    }
    chosen
}

/// Counts the `spans` whose times can't be. Says whether one of them would have been part of the
/// latency breakdown.
fn count_faults(
    index: &TraceIndex<'_>,
    spans: impl Iterator<Item = u32>,
    impossible: &mut ImpossibleTimes,
) -> bool {
    let mut spoilt = false;
    if index.has_faults() {
        for (at, fault) in spans.filter_map(|at| Some((at, index.fault(at)?))) {
            impossible.add(index.span(at), fault);
            spoilt |= fault.is_of_span() && areas::rule(index.span(at)) != Rule::NotCounted;
        }
    }
    spoilt
}

struct BelowClient {
    /// Outermost server roots, each with the outermost span above it.
    roots: Vec<(u32, u32)>,
    /// Spans below the client span, up to the roots.
    spans: u64,
}

fn below_client(index: &TraceIndex<'_>, client_id: u64) -> BelowClient {
    let mut found = BelowClient {
        roots: Vec::new(),
        spans: 0,
    };
    let client = index.find(client_id);
    let tops = client.map_or_else(
        || index.loose().below(client_id),
        |client| index.children(client),
    );
    let mut open: Vec<(u32, u32)> = tops
        .iter()
        .filter(|at| Some(**at) != client)
        .map(|at| (*at, *at))
        .collect();
    while let Some((at, top)) = open.pop() {
        found.spans += 1;
        if areas::is_root_name(index.span(at)) {
            found.roots.push((at, top));
        } else {
            // The client span turns up below itself only where links are broken into a ring.
            open.extend(
                index
                    .children(at)
                    .iter()
                    .filter(|child| Some(**child) != client)
                    .map(|child| (*child, top)),
            );
        }
    }
    found
}

/// `at` and everything below it, parents first.
pub(crate) fn subtree<'i>(index: &'i TraceIndex<'_>, at: u32) -> impl Iterator<Item = u32> + 'i {
    let mut open = vec![at];
    // A bound, because `at` itself may be part of a ring.
    let mut left = index.len();
    std::iter::from_fn(move || {
        let next = open.pop()?;
        left = left.checked_sub(1)?;
        open.extend(
            index
                .children(next)
                .iter()
                .rev()
                .filter(|child| **child != at),
        );
        Some(next)
    })
}

/// Whether a span is missing between an orphan and the request. Orphans that do not matter are told
/// in `joined.aside`.
fn has_orphans(index: &TraceIndex<'_>, client_id: u64, root: u32, joined: &mut Joined) -> bool {
    let (loose, client, root) = (index.loose(), index.find(client_id), index.span(root));
    let orphans = loose.orphans(client_id, client);
    // In a trace of several callers an orphan is this one's only if it began while this one ran.
    let orphans = if loose.other_callers(index, client_id, client) {
        orphans.between(index, root.start_ns, root.end_ns)
    } else {
        orphans
    };
    let mut incomplete = false;
    for at in orphans {
        let span = index.span(at);
        let counted = areas::rule(span) != Rule::NotCounted;
        if let Some(fault) = index.fault(at) {
            joined.impossible.add(span, fault);
        }
        if counted && (!index.is_possible(at) || span.start_ns <= root.end_ns) {
            incomplete = true;
        } else {
            *joined
                .aside
                .entry(areas::names::normalise(&span.name).into_owned())
                .or_default() += 1;
        }
    }
    incomplete
}

/// Calls between roles below the root that have no SERVER child: the called process died, or its
/// spans were lost.
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
        if areas::needs_callee(span)
            && !children
                .iter()
                .any(|child| index.span(*child).kind == SpanKind::Server)
        {
            lost += 1;
        }
        open.extend(children.iter().filter(|child| **child != root));
    }
    lost
}

#[cfg(test)]
mod tests;
