//! One trace with its parent links resolved: made once, used for every request of the trace (set-up
//! shares one).

use std::cell::OnceCell;

use crate::{
    analysis::traces::{
        loose::Loose,
        times::{Fault, Possible},
    },
    spans::{ServerSpan, Trace},
};

/// What a span's parent link leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parent {
    /// It has none.
    None,
    /// A span that is not in the trace.
    Absent(u64),
    /// The span with this index.
    Span(u32),
}

/// A trace with its links. Of several spans with one id the first counts, the others are left out.
#[derive(Debug)]
pub(crate) struct TraceIndex<'a> {
    spans: &'a [ServerSpan],
    by_id: Vec<(u64, u32)>,
    parents: Vec<Parent>,
    children: Vec<Vec<u32>>,
    possible: Possible,
    /// Faults of the spans' times; empty where there are none.
    faults: Vec<Option<Fault>>,
    loose: OnceCell<Loose>,
}

impl<'a> TraceIndex<'a> {
    /// Resolves the links of `trace`, whose times must be `possible`.
    pub(crate) fn new(trace: &'a Trace, possible: Possible) -> Self {
        let spans = trace.spans.as_slice();
        let mut by_id: Vec<(u64, u32)> = spans
            .iter()
            .zip(0u32..)
            .map(|(span, at)| (span.span_id, at))
            .collect();
        by_id.sort_unstable();
        by_id.dedup_by_key(|(id, _)| *id);
        let (parents, children) = (
            vec![Parent::None; spans.len()],
            vec![Vec::new(); spans.len()],
        );
        let (faults, possible) = possible.faults(spans);
        let mut index = Self {
            spans,
            by_id,
            parents,
            children,
            possible,
            faults,
            loose: OnceCell::new(),
        };
        for (_, at) in index.by_id.clone() {
            let parent = match spans[at as usize].parent_id {
                None => Parent::None,
                Some(id) => index.find(id).map_or(Parent::Absent(id), Parent::Span),
            };
            index.parents[at as usize] = parent;
            if let Parent::Span(parent) = parent {
                index.children[parent as usize].push(at);
            }
        }
        index
    }

    /// The span with index `at`.
    pub(crate) fn span(&self, at: u32) -> &'a ServerSpan {
        &self.spans[at as usize]
    }

    /// Index of the span with `id`.
    pub(crate) fn find(&self, id: u64) -> Option<u32> {
        self.by_id
            .binary_search_by_key(&id, |(known, _)| *known)
            .ok()
            .map(|at| self.by_id[at].1)
    }

    /// Every span, in the order of ids, with what its parent link leads to.
    pub(crate) fn all(&self) -> impl Iterator<Item = (u32, Parent)> + '_ {
        self.by_id
            .iter()
            .map(|(_, at)| (*at, self.parents[*at as usize]))
    }

    /// What the parent link of `at` leads to.
    pub(crate) fn parent(&self, at: u32) -> Parent {
        self.parents[at as usize]
    }

    /// The recorded children of `at`, in the order of ids.
    pub(crate) fn children(&self, at: u32) -> &[u32] {
        &self.children[at as usize]
    }

    /// Number of spans in the trace.
    pub(crate) fn len(&self) -> usize {
        self.spans.len()
    }

    /// The times that a span of the trace can have.
    pub(crate) fn possible(&self) -> Possible {
        self.possible
    }

    /// Whether any span has a fault.
    pub(crate) fn has_faults(&self) -> bool {
        !self.faults.is_empty()
    }

    /// What is wrong with the times of `at`.
    pub(crate) fn fault(&self, at: u32) -> Option<Fault> {
        self.faults.get(at as usize).copied().flatten()
    }

    /// Whether the times of `at` itself mean something.
    pub(crate) fn is_possible(&self, at: u32) -> bool {
        self.fault(at).is_none_or(|fault| !fault.is_of_span())
    }

    /// What hangs on nothing within the trace: found once, asked for every request.
    pub(crate) fn loose(&self) -> &Loose {
        self.loose.get_or_init(|| Loose::of(self))
    }
}
