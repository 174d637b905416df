//! Pauses between calls: own time of a span after a call that failed, or between two calls of one
//! method to one instance.
//!
//! Worked out once for a span, for any number of calls and pauses: [`BackOff::covers`] is then a
//! search.

use std::collections::HashMap;

use super::{
    call::{failed, peer},
    instance::instance,
    tree::{Node, State, Tree},
};
use crate::{analysis::traces::index::TraceIndex, spans::SpanKind};

/// The pauses of one span.
#[derive(Clone, Debug, Default)]
pub(super) struct BackOff {
    /// Time between two calls of one method to one instance, with nothing but calls in between: its
    /// start, and the latest end of this and the earlier ones.
    between: Vec<(i64, i64)>,
    /// A call that failed: its end, and the latest moment until which a pause that begins there or
    /// later, and is begun by then, is due to this or an earlier failure.
    failed: Vec<(i64, i64)>,
}

/// One call.
struct Call<'a> {
    start: i64,
    end: i64,
    name: &'a str,
    failed: bool,
    /// The instance that was called, else its address; None where neither is known.
    called: Option<String>,
}

impl BackOff {
    /// The pauses of `node`; `callees` has the SERVER child of each call.
    pub(super) fn of(
        index: &TraceIndex<'_>,
        tree: &Tree,
        callees: &[Option<u32>],
        node: &Node,
    ) -> Self {
        let children = || {
            node.children
                .iter()
                .map(|child| (*child, &tree.nodes[*child as usize]))
        };
        // A child without length takes no part.
        let taking_part = || {
            children()
                .filter(|(_, child)| child.state == State::TakesPart && child.start < child.end)
        };
        let mut calls: Vec<Call<'_>> = taking_part()
            .filter(|(_, child)| child.kind == SpanKind::Client)
            .map(|(number, child)| call(index, tree, callees[number as usize], child))
            .collect();
        let others = taking_part()
            .filter(|(_, child)| child.kind != SpanKind::Client)
            .map(|(_, child)| (child.start, child.end));
        let others = Others::new(others.collect());
        calls.sort_by_key(|call| (call.start, call.end));
        Self {
            between: between(&calls, &others),
            failed: after_failures(&calls, &others),
        }
    }

    /// Whether own time of the span from `start` to `end` is a pause.
    pub(super) fn covers(&self, start: i64, end: i64) -> bool {
        latest_by(&self.between, start).is_some_and(|until| until >= end)
            || latest_by(&self.failed, start).is_some_and(|until| until >= start)
    }
}

fn call<'a>(index: &TraceIndex<'a>, tree: &Tree, callee: Option<u32>, node: &Node) -> Call<'a> {
    let span = index.span(node.span);
    let instance = callee
        .map(|callee| instance(&index.span(tree.nodes[callee as usize].span).resource))
        .filter(|name| !name.is_empty());
    let address = || peer(span).map(|(address, port)| format!("{address}\0{port}"));
    Call {
        start: node.start,
        end: node.end,
        name: span.name.as_str(),
        failed: failed(span),
        called: instance.or_else(address),
    }
}

/// The second of the last pair whose first is at most `start`.
fn latest_by(pairs: &[(i64, i64)], start: i64) -> Option<i64> {
    pairs[..pairs.partition_point(|(from, _)| *from <= start)]
        .last()
        .map(|(_, latest)| *latest)
}

/// Sorts by the first, and makes the second the largest of this and the earlier ones.
fn latest(mut pairs: Vec<(i64, i64)>) -> Vec<(i64, i64)> {
    pairs.sort_unstable();
    let mut largest = i64::MIN;
    for (_, second) in &mut pairs {
        largest = largest.max(*second);
        *second = largest;
    }
    pairs
}

/// From each call to the next of the same method to the same instance.
fn between(calls: &[Call<'_>], others: &Others) -> Vec<(i64, i64)> {
    let mut alike: HashMap<(&str, &str), Vec<&Call<'_>>> = HashMap::new();
    for call in calls {
        if let Some(called) = &call.called {
            alike.entry((call.name, called)).or_default().push(call);
        }
    }
    let mut found = Vec::new();
    for calls in alike.into_values() {
        for before in &calls {
            let next = calls.get(calls.partition_point(|call| call.start < before.end));
            found.extend(
                next.filter(|next| !others.run_between(before.end, next.start))
                    .map(|next| (before.end, next.start)),
            );
        }
    }
    latest(found)
}

/// From the end of each call that failed until something else runs, or a call of the method has
/// succeeded.
fn after_failures(calls: &[Call<'_>], others: &Others) -> Vec<(i64, i64)> {
    // Of the successes of a method by their start, the earliest end of each and the later ones.
    let mut successes: HashMap<&str, Vec<(i64, i64)>> = HashMap::new();
    for call in calls.iter().rev().filter(|call| !call.failed) {
        let of_method = successes.entry(call.name).or_default();
        let earliest = of_method
            .last()
            .map_or(call.end, |(_, earliest)| call.end.min(*earliest));
        of_method.push((call.start, earliest));
    }
    let found = calls.iter().filter(|call| call.failed).filter_map(|call| {
        // The latest start comes first.
        let of_method = successes.get(call.name).map_or(&[][..], Vec::as_slice);
        let later = of_method.partition_point(|(start, _)| *start >= call.end);
        let succeeded = of_method[..later]
            .last()
            .map_or(i64::MAX, |(_, earliest)| *earliest - 1);
        let until = succeeded.min(others.first_after(call.end));
        (until >= call.end).then_some((call.end, until))
    });
    latest(found.collect())
}

/// Children that are no calls.
struct Others {
    /// Start, and the latest end of this and the earlier ones.
    by_start: Vec<(i64, i64)>,
    /// End, and the earliest start of this and the later ones.
    by_end: Vec<(i64, i64)>,
}

impl Others {
    fn new(times: Vec<(i64, i64)>) -> Self {
        let mut by_end: Vec<(i64, i64)> = times.iter().map(|(start, end)| (*end, *start)).collect();
        by_end.sort_unstable();
        let mut earliest = i64::MAX;
        for (_, start) in by_end.iter_mut().rev() {
            earliest = earliest.min(*start);
            *start = earliest;
        }
        Self {
            by_start: latest(times),
            by_end,
        }
    }

    /// Whether one of them runs within the open interval.
    fn run_between(&self, from: i64, to: i64) -> bool {
        self.by_start[..self.by_start.partition_point(|(start, _)| *start < to)]
            .last()
            .is_some_and(|(_, end)| *end > from)
    }

    /// The earliest start among those that end after `moment`; may lie before it.
    fn first_after(&self, moment: i64) -> i64 {
        self.by_end
            .get(self.by_end.partition_point(|(end, _)| *end <= moment))
            .map_or(i64::MAX, |(_, start)| *start)
    }
}
