//! Reading the traces of a run: when, how often, and when to stop. A source has no "trace complete"
//! signal, so what may still grow is read again.
//!
//! 1. Every id is read once when it has settled, the oldest first.
//! 2. At least `second_look_after` later these are read again: ids that are not whole, ids with
//!    fewer spans than most of their operation, and a random share of the rest (the probe). If one
//!    of the probe grew, the rest is read as well.
//! 3. What changed or is not whole is read again, until nothing changed in `quiet_looks` looks or
//!    the deadline is there; not so an id that the second look made whole.
//! 4. An id that a source does not know is asked for until the deadline where its row says that it
//!    may be late: some have a trace minutes after it was sent.
//! 5. A source that can't answer now (an ingress without a back end, a rate limit, a restart) is
//!    asked until the deadline. Only one that refuses as a whole ends the fetch.
//!
//! Only counts and a fingerprint are kept of each trace; its spans go to `write` at once, a longer
//! version again.

mod entry;
mod pace;
#[cfg(test)]
mod tests;

use std::io;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::{Instant, timeout};

use crate::spans::error::Again;
use crate::spans::sources::source::{SourceKind, SpanSource};
use crate::spans::span::Trace;
use entry::{Entries, Reading};
use pace::{Pace, Task, read};

/// While nothing is answered, this often is said why.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// One request whose spans are wanted. Several may share a trace id, as the requests of the set-up
/// do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// W3C trace id.
    pub trace_id: u128,
    /// Span id of the client's span.
    pub client_span_id: u64,
    /// Requests of one group (an operation) have mostly the same number of spans.
    pub group: u32,
    /// How long before [`FetchRules::ended`] the request ended.
    pub age: Duration,
}

/// When to read and when to stop.
#[derive(Clone, Copy, Debug)]
pub struct FetchRules {
    /// When the last request ended; for a run of the past, `settle` before now.
    pub ended: Instant,
    /// Age at which a request's spans have mostly arrived: its id is not read before.
    pub settle: Duration,
    /// Time after `ended` at which nothing is read any more.
    pub deadline: Duration,
    /// Ids that are read at the same time, at least 1.
    pub in_flight: usize,
    /// Least time between two readings of one id: longer than Milvus' export interval of 5 s would
    /// be wasted, shorter blind.
    pub second_look_after: Duration,
    /// Share of the apparently whole traces that is read again, in [0, 1].
    pub reread_share: f64,
    /// Least number of them.
    pub reread_least: usize,
    /// Looks in a row without any change after which what is missing counts as lost, at least 1.
    pub quiet_looks: u32,
    /// Most trace ids to read; of more, a uniform choice is.
    pub budget: Option<usize>,
}

impl FetchRules {
    /// The usual rules for a load whose last request ended at `ended`.
    #[must_use]
    pub fn new(ended: Instant, settle: Duration, deadline: Duration) -> Self {
        Self {
            ended,
            settle,
            deadline,
            in_flight: 16,
            second_look_after: Duration::from_secs(5),
            reread_share: 0.01,
            reread_least: 50,
            quiet_looks: 3,
            budget: None,
        }
    }
}

/// Where the fetch is; given before each look, after each reading, and once a second while nothing
/// is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchProgress {
    /// 1 for the first look at all ids, then 2, 3, ...
    pub look: u32,
    /// Ids of this look that were read.
    pub done: usize,
    /// Ids of this look.
    pub of: usize,
    /// Spans found so far.
    pub spans: u64,
    /// Why nothing is answered at the moment; it is asked again until the deadline.
    pub trouble: Option<String>,
}

/// What the fetch gave. `asked` = `read` + `failed` + `not_fetched`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FetchCounters {
    /// Different trace ids that were wanted.
    pub asked: u64,
    /// Of those, ids that the source answered for, be it with nothing.
    pub read: u64,
    /// Ids that the source answered with errors only.
    pub failed: u64,
    /// Which those are.
    pub failed_ids: Vec<u128>,
    /// Ids that were not asked for: budget, deadline, or the source was gone.
    pub not_fetched: u64,
    /// Which those are, in rising order.
    pub not_fetched_ids: Vec<u128>,
    /// Ids whose trace is whole (see `is_whole`).
    pub whole: u64,
    /// Spans that were found, each counted once.
    pub spans: u64,
    /// Traces that grew after their first reading.
    pub grew: u64,
    /// Traces that were still changing when they were last read.
    pub unsettled: u64,
    /// Looks that were taken.
    pub looks: u32,
    /// Why the fetch ended early, or the last error of a single id.
    pub error: Option<String>,
}

/// Reads the traces of `wanted` from `source` by `rules`, and gives each one that has spans to
/// `write`: as soon as it is read, and again when a later reading found more, which then replaces
/// the earlier version (`SpanWriter` does).
///
/// A source that fails for single ids is asked again, then they are counted; one that is busy or
/// away is asked until the deadline; one that refuses as a whole ends the fetch early with the
/// error in the counters; the source `none` is not asked at all. Never are two readings of one id
/// under way.
///
/// # Errors
/// The first error of `write`.
pub async fn fetch(
    source: &dyn SpanSource,
    wanted: Vec<Wanted>,
    rules: FetchRules,
    progress: &dyn Fn(FetchProgress),
    write: &mut dyn FnMut(&Trace) -> io::Result<()>,
) -> io::Result<FetchCounters> {
    let entries = Entries::new(wanted, &rules);
    if source.info().entry.kind == SourceKind::Nothing {
        // Waiting for spans that are nowhere would only cost the user time.
        return Ok(entries.counters());
    }
    let deadline = rules.ended + rules.deadline;
    let mut session = Session {
        source,
        rules,
        deadline,
        entries,
        failures_in_a_row: 0,
        error: None,
        gone: false,
    };
    let first = session.entries.first_look();
    let mut looks = 1;
    session.look(looks, first, progress, write).await?;
    let mut due = session.entries.second_look();
    let mut quiet = 0;
    while !due.is_empty() && !session.gone && !session.too_late(&due) {
        looks += 1;
        let changed = session.look(looks, due.clone(), progress, write).await?;
        quiet = if changed { 0 } else { quiet + 1 };
        due = session.entries.next_look(&due);
        if quiet >= rules.quiet_looks {
            // What is missing counts as lost, but for what the source could not say yet, and for
            // whole traces where it may not know of them yet.
            let may_be_late = source.info().entry.may_be_late;
            let late = |index| may_be_late && session.entries.is_unknown(index);
            due.retain(|due| session.entries.is_unanswered(due.index) || late(due.index));
        }
    }
    Ok(session.counters(looks))
}

/// An id that is due at a time.
#[derive(Clone, Copy, Debug)]
struct Due {
    index: usize,
    at: Instant,
}

struct Session<'a> {
    source: &'a dyn SpanSource,
    rules: FetchRules,
    deadline: Instant,
    entries: Entries,
    failures_in_a_row: usize,
    error: Option<String>,
    gone: bool,
}

impl Session<'_> {
    /// Reads all of `due`, in their order. Says whether anything changed.
    async fn look(
        &mut self,
        look: u32,
        due: Vec<Due>,
        progress: &dyn Fn(FetchProgress),
        write: &mut dyn FnMut(&Trace) -> io::Result<()>,
    ) -> io::Result<bool> {
        let (source, deadline, of) = (self.source, self.deadline, due.len());
        let task = |due: Due| Task {
            trace_id: self.entries.trace_id(due.index),
            at: due.at,
            has_failed: self.entries.has_failed(due.index),
        };
        let work: Vec<(usize, Task)> = due.into_iter().map(|due| (due.index, task(due))).collect();
        if of == 0 {
            return Ok(false);
        }
        progress(FetchProgress {
            look,
            done: 0,
            of,
            spans: self.entries.spans(),
            trouble: None,
        });
        let pace = Pace::new(self.rules.in_flight.max(1));
        let mut readings = futures_util::stream::iter(work)
            .map(|(index, task)| {
                let pace = &pace;
                async move { (index, read(source, task, pace, deadline).await) }
            })
            .buffer_unordered(self.rules.in_flight.max(1));
        let (mut changed, mut done) = (false, 0);
        loop {
            let Ok(next) = timeout(TELL_EVERY, readings.next()).await else {
                if let Some(trouble) = pace.trouble() {
                    progress(FetchProgress {
                        look,
                        done,
                        of,
                        spans: self.entries.spans(),
                        trouble: Some(trouble),
                    });
                }
                continue;
            };
            let Some((index, reading)) = next else { break };
            self.note_failure(index, &reading);
            if let Reading::Trace(trace) = &reading
                && self.entries.differs(index, trace)
            {
                write(trace)?;
            }
            changed |= self.entries.note(index, &reading, Instant::now());
            done += 1;
            progress(FetchProgress {
                look,
                done,
                of,
                spans: self.entries.spans(),
                trouble: None,
            });
            if self.gone {
                break;
            }
        }
        Ok(changed)
    }

    /// A source that refused as many ids in a row as are read at a time, and would refuse them
    /// again, is gone. Ids that have failed before prove nothing: the source may be unable to
    /// deliver just them.
    fn note_failure(&mut self, index: usize, reading: &Reading) {
        match reading {
            Reading::Trace(_) => self.failures_in_a_row = 0,
            Reading::Failed { error, .. } => {
                self.failures_in_a_row +=
                    usize::from(error.again == Again::Never && !self.entries.has_failed(index));
                self.error = Some(error.text.clone());
                self.gone = self.failures_in_a_row >= self.rules.in_flight.max(1);
            }
            Reading::Skipped => {}
        }
    }

    /// Whether none of `due` may be read before the deadline.
    fn too_late(&self, due: &[Due]) -> bool {
        due.iter().all(|due| due.at >= self.deadline) || Instant::now() >= self.deadline
    }

    fn counters(self, looks: u32) -> FetchCounters {
        let mut counters = self.entries.counters();
        counters.looks = looks;
        counters.error = self.error.filter(|_| self.gone || counters.failed > 0);
        counters
    }
}
