//! What hangs on nothing within a trace: roots, and spans whose parent is absent or goes round in a
//! ring.

use std::collections::HashMap;

use crate::analysis::traces::{
    areas,
    index::{Parent, TraceIndex},
};

/// Spans of one trace that hang on none of its spans. Set-up shares one trace, so it is found once
/// and asked for every request.
#[derive(Debug)]
pub(crate) struct Loose {
    /// Spans below one that is absent, by its id; in the order of ids.
    below: HashMap<u64, Vec<u32>>,
    /// Spans without a parent link.
    parentless: u64,
    /// Server roots below absent spans.
    absent_roots: u64,
    /// The other spans below absent ones, and those whose links lead round in a ring: broken data,
    /// as good as without a parent. By their start, with the id of the absent parent.
    orphans: Vec<(u32, Option<u64>)>,
}

impl Loose {
    /// Looks at every span once.
    pub(crate) fn of(index: &TraceIndex<'_>) -> Self {
        let mut found = Self {
            below: HashMap::new(),
            parentless: 0,
            absent_roots: 0,
            orphans: Vec::new(),
        };
        let mut hangs = vec![false; index.len()];
        let mut open = Vec::new();
        for (at, parent) in index.all() {
            match parent {
                Parent::Span(_) => continue,
                Parent::None => found.parentless += 1,
                Parent::Absent(id) => {
                    found.below.entry(id).or_default().push(at);
                    if areas::is_root_name(index.span(at)) {
                        found.absent_roots += 1;
                    } else {
                        found.orphans.push((at, Some(id)));
                    }
                }
            }
            open.push(at);
        }
        while let Some(at) = open.pop() {
            hangs[at as usize] = true;
            open.extend(index.children(at));
        }
        found.orphans.extend(
            index
                .all()
                .filter(|(at, _)| !hangs[*at as usize])
                .map(|(at, _)| (at, None)),
        );
        found
            .orphans
            .sort_by_key(|(at, _)| index.span(*at).start_ns);
        found
    }

    /// Spans below the absent span `id`.
    pub(super) fn below(&self, id: u64) -> &[u32] {
        self.below.get(&id).map_or(&[], Vec::as_slice)
    }

    /// Whether the trace holds calls of others than the one with this client span. Set-up shares
    /// one trace, and the client spans of its other requests need not have been exported.
    pub(super) fn other_callers(
        &self,
        index: &TraceIndex<'_>,
        client_id: u64,
        client: Option<u32>,
    ) -> bool {
        let of_client = client.map(|client| index.parent(client));
        if self.parentless > u64::from(of_client == Some(Parent::None)) {
            return true;
        }
        let is_root = |at: &u32| areas::is_root_name(index.span(*at));
        let client_as_root = matches!(of_client, Some(Parent::Absent(id)) if id != client_id)
            && client.as_ref().is_some_and(is_root);
        let own = self
            .below(client_id)
            .iter()
            .filter(|at| is_root(at))
            .count() as u64
            + u64::from(client_as_root);
        self.absent_roots > own
    }

    /// The orphans that are not below this client span.
    pub(super) fn orphans(&self, client_id: u64, client: Option<u32>) -> Orphans<'_> {
        Orphans {
            left: &self.orphans,
            client_id,
            client,
        }
    }
}

/// Iterator over orphans.
#[derive(Debug)]
pub(super) struct Orphans<'l> {
    left: &'l [(u32, Option<u64>)],
    client_id: u64,
    client: Option<u32>,
}

impl Orphans<'_> {
    /// Only those that start within these times.
    pub(super) fn between(self, index: &TraceIndex<'_>, from_ns: u64, to_ns: u64) -> Self {
        let start = |at: u32| index.span(at).start_ns;
        let to = self.left.partition_point(|(at, _)| start(*at) <= to_ns);
        let from = self
            .left
            .partition_point(|(at, _)| start(*at) < from_ns)
            .min(to);
        Self {
            left: &self.left[from..to],
            ..self
        }
    }
}

impl Iterator for Orphans<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        loop {
            let ((at, parent), rest) = self.left.split_first()?;
            self.left = rest;
            if *parent != Some(self.client_id) && Some(*at) != self.client {
                return Some(*at);
            }
        }
    }
}
