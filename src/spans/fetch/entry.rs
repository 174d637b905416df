//! What the fetch remembers of each id, and the choices that follow from it.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::ops::Range;
use std::time::Duration;

use tokio::time::Instant;

use super::{Due, FetchCounters, FetchRules, Wanted};
use crate::spans::error::SpanError;
use crate::spans::span::Trace;
use crate::spans::whole::is_whole_for;

/// Between the last attempt of an id that was not answered and its next look.
const UNANSWERED_AGAIN: Duration = Duration::from_secs(1);

/// What came of one reading.
#[derive(Debug)]
pub(super) enum Reading {
    Trace(Trace),
    Failed {
        error: SpanError,
        /// The source could answer nothing, this id included.
        unanswered: bool,
    },
    /// It would have been after the deadline.
    Skipped,
}

/// Part of an id after the first look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// Read again for its own sake.
    Suspect,
    /// Apparently whole, read again to see whether that can be trusted.
    Probe,
    /// Apparently whole, not read again.
    Rest,
}

/// What is kept of one trace id.
#[derive(Debug)]
struct Entry {
    trace_id: u128,
    /// Its requests in `Entries::clients`.
    clients: Range<usize>,
    group: u32,
    /// Of its youngest request: a shared trace has settled when that has.
    age: Duration,
    asked: bool,
    /// When it was last answered or failed.
    seen: Option<Instant>,
    read: bool,
    /// The source could answer nothing when it was last asked.
    unanswered: bool,
    spans: u32,
    fingerprint: u64,
    whole: bool,
    grew: bool,
    /// The last two readings differ, and it may still grow.
    changing: bool,
    /// It has grown once only, with its last reading.
    filled: bool,
    part: Part,
}

/// All ids of one fetch, in the order in which they settle.
#[derive(Debug)]
pub(super) struct Entries {
    entries: Vec<Entry>,
    clients: Vec<u64>,
    /// Ids beyond the budget.
    left_out: Vec<u128>,
    rules: FetchRules,
    spans: u64,
}

/// The finaliser of SplitMix64: what is chosen at random depends on the trace ids alone, so a fetch
/// can be repeated.
fn hash(trace_id: u128) -> u64 {
    let mut value = ((trace_id >> 64) as u64).rotate_left(32) ^ (trace_id as u64);
    value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// Changes with any span added, lost, or changed in length; blind to their order.
fn fingerprint(trace: &Trace) -> u64 {
    trace.spans.iter().fold(0, |sum: u64, span| {
        sum.wrapping_add(hash(
            (u128::from(span.span_id) << 64)
                | u128::from(span.start_ns ^ span.end_ns.rotate_left(21)),
        ))
    })
}

impl Entries {
    /// One entry for each trace id, within the budget.
    pub(super) fn new(mut wanted: Vec<Wanted>, rules: &FetchRules) -> Self {
        wanted.sort_by_key(|wanted| (wanted.trace_id, wanted.client_span_id));
        let clients = wanted.iter().map(|wanted| wanted.client_span_id).collect();
        let mut entries: Vec<Entry> = Vec::new();
        for (at, wanted) in wanted.iter().enumerate() {
            match entries.last_mut() {
                Some(last) if last.trace_id == wanted.trace_id => {
                    last.clients.end = at + 1;
                    last.age = last.age.min(wanted.age);
                }
                _ => entries.push(Entry::new(wanted, at)),
            }
        }
        let mut left_out = Vec::new();
        if let Some(budget) = rules.budget.filter(|budget| *budget < entries.len()) {
            entries.sort_by_key(|entry| hash(entry.trace_id));
            left_out = entries
                .drain(budget..)
                .map(|entry| entry.trace_id)
                .collect();
        }
        entries.sort_by_key(|entry| Reverse(entry.age));
        Self {
            entries,
            clients,
            left_out,
            rules: *rules,
            spans: 0,
        }
    }

    pub(super) fn trace_id(&self, index: usize) -> u128 {
        self.entries[index].trace_id
    }

    /// Whether all of several attempts to read it have failed before, while others were answered.
    pub(super) fn has_failed(&self, index: usize) -> bool {
        let entry = &self.entries[index];
        entry.asked && !entry.read && !entry.unanswered
    }

    /// Whether the source could not yet say what it has of it.
    pub(super) fn is_unanswered(&self, index: usize) -> bool {
        self.entries[index].unanswered
    }

    /// Whether the source knew nothing of it so far.
    pub(super) fn is_unknown(&self, index: usize) -> bool {
        let entry = &self.entries[index];
        entry.read && entry.spans == 0
    }

    /// Spans found so far.
    pub(super) fn spans(&self) -> u64 {
        self.spans
    }

    fn settled(&self, entry: &Entry) -> Instant {
        self.rules.ended + self.rules.settle.saturating_sub(entry.age)
    }

    /// Every id, the oldest first.
    pub(super) fn first_look(&self) -> Vec<Due> {
        self.entries
            .iter()
            .enumerate()
            .map(|(index, entry)| Due {
                index,
                at: self.settled(entry),
            })
            .collect()
    }

    /// Ids that are not whole or shorter than most of their group, and the probe.
    pub(super) fn second_look(&mut self) -> Vec<Due> {
        let modes = self.modes();
        let shorter = |entry: &Entry| {
            modes
                .get(&entry.group)
                .is_some_and(|mode| entry.spans < *mode)
        };
        let (mut due, mut rest): (Vec<usize>, Vec<usize>) = (0..self.entries.len())
            .filter(|index| self.entries[*index].asked)
            .partition(|index| !self.entries[*index].whole || shorter(&self.entries[*index]));
        let probe = ((rest.len() as f64 * self.rules.reread_share).ceil() as usize)
            .max(self.rules.reread_least)
            .min(rest.len());
        rest.sort_by_key(|index| hash(!self.entries[*index].trace_id));
        for (rank, index) in rest.into_iter().enumerate() {
            self.entries[index].part = if rank < probe {
                Part::Probe
            } else {
                Part::Rest
            };
            due.extend((rank < probe).then_some(index));
        }
        self.due(due)
    }

    /// After a look at `last`: what was not answered, changed or is not whole, and the rest if one
    /// of the probe grew. A suspect that one reading made whole and as long as most of its group
    /// lacked what was late, and has it now: it is trusted as those that were whole at once, and
    /// costs no look more.
    pub(super) fn next_look(&mut self, last: &[Due]) -> Vec<Due> {
        let modes = self.modes();
        for due in last {
            let entry = &mut self.entries[due.index];
            let long = modes
                .get(&entry.group)
                .is_none_or(|mode| entry.spans >= *mode);
            entry.changing &= !(entry.part == Part::Suspect && entry.filled && entry.whole && long);
        }
        let again =
            |entry: &Entry| entry.unanswered || (entry.read && (entry.changing || !entry.whole));
        let mut next: Vec<usize> = last
            .iter()
            .map(|due| due.index)
            .filter(|index| again(&self.entries[*index]))
            .collect();
        // A trace that seemed whole and grew all the same is no late arrival of a known gap: any
        // other may have grown.
        if last.iter().any(|due| {
            self.entries[due.index].part == Part::Probe && self.entries[due.index].changing
        }) {
            for (index, entry) in self
                .entries
                .iter_mut()
                .enumerate()
                .filter(|(_, entry)| entry.part == Part::Rest)
            {
                entry.part = Part::Probe;
                next.push(index);
            }
        }
        self.due(next)
    }

    /// The ids with the time of their next reading, the earliest first.
    fn due(&self, indexes: Vec<usize>) -> Vec<Due> {
        let at = |index: usize| {
            let entry = &self.entries[index];
            // What was not answered is no reading whose repetition could be wasted.
            let wait = if entry.unanswered {
                UNANSWERED_AGAIN
            } else {
                self.rules.second_look_after
            };
            entry.seen.unwrap_or(self.settled(entry)) + wait
        };
        let mut due: Vec<Due> = indexes
            .into_iter()
            .map(|index| Due {
                index,
                at: at(index),
            })
            .collect();
        due.sort_by_key(|due| due.at);
        due
    }

    /// The most frequent number of spans of each group; of several, the largest.
    fn modes(&self) -> HashMap<u32, u32> {
        let mut counts: HashMap<(u32, u32), u64> = HashMap::new();
        for entry in self.entries.iter().filter(|entry| entry.spans > 0) {
            *counts.entry((entry.group, entry.spans)).or_default() += 1;
        }
        let mut modes: HashMap<u32, (u64, u32)> = HashMap::new();
        for ((group, spans), count) in counts {
            let mode = modes.entry(group).or_default();
            *mode = (*mode).max((count, spans));
        }
        modes
            .into_iter()
            .map(|(group, (_, spans))| (group, spans))
            .collect()
    }

    /// Whether `trace` is a longer or otherwise newer version than the one that is known. A shorter
    /// one is not: a store that is full forgets spans.
    pub(super) fn differs(&self, index: usize, trace: &Trace) -> bool {
        let entry = &self.entries[index];
        !trace.spans.is_empty()
            && trace.spans.len() >= entry.spans as usize
            && fingerprint(trace) != entry.fingerprint
    }

    /// Remembers a reading. Says whether it differs from the one before.
    pub(super) fn note(&mut self, index: usize, reading: &Reading, now: Instant) -> bool {
        let changed = matches!(reading, Reading::Trace(trace) if self.differs(index, trace));
        let entry = &mut self.entries[index];
        match reading {
            Reading::Skipped => return false,
            Reading::Failed { unanswered, .. } => entry.unanswered = *unanswered,
            Reading::Trace(trace) => {
                entry.unanswered = false;
                entry.changing = entry.read && changed;
                entry.filled = entry.changing && !entry.grew;
                entry.grew |= entry.changing;
                entry.read = true;
                if changed {
                    self.spans += trace.spans.len() as u64 - u64::from(entry.spans);
                    entry.spans = u32::try_from(trace.spans.len()).unwrap_or(u32::MAX);
                    entry.fingerprint = fingerprint(trace);
                    entry.whole = is_whole_for(trace, &self.clients[entry.clients.clone()]);
                }
            }
        }
        entry.asked = true;
        entry.seen = Some(now);
        changed
    }

    /// The counters that follow from the entries.
    pub(super) fn counters(&self) -> FetchCounters {
        let count = |is: &dyn Fn(&Entry) -> bool| {
            self.entries.iter().filter(|entry| is(entry)).count() as u64
        };
        let mut not_fetched_ids = self.left_out.clone();
        not_fetched_ids.extend(
            self.entries
                .iter()
                .filter(|entry| !entry.asked)
                .map(|entry| entry.trace_id),
        );
        not_fetched_ids.sort_unstable();
        FetchCounters {
            asked: (self.entries.len() + self.left_out.len()) as u64,
            read: count(&|entry| entry.read),
            failed: count(&|entry| entry.asked && !entry.read),
            failed_ids: self
                .entries
                .iter()
                .filter(|entry| entry.asked && !entry.read)
                .map(|entry| entry.trace_id)
                .collect(),
            not_fetched: not_fetched_ids.len() as u64,
            not_fetched_ids,
            whole: count(&|entry| entry.whole),
            spans: self.spans,
            grew: count(&|entry| entry.grew),
            unsettled: count(&|entry| entry.changing),
            looks: 0,
            error: None,
        }
    }
}

impl Entry {
    fn new(wanted: &Wanted, at: usize) -> Self {
        Self {
            trace_id: wanted.trace_id,
            clients: at..at + 1,
            group: wanted.group,
            age: wanted.age,
            asked: false,
            seen: None,
            read: false,
            unanswered: false,
            spans: 0,
            fingerprint: 0,
            whole: false,
            grew: false,
            changing: false,
            filled: false,
            part: Part::Suspect,
        }
    }
}
