//! One reading of one id, and how fast a source that is in trouble is asked.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout_at};

use super::entry::Reading;
use crate::spans::error::{Again, SpanError};
use crate::spans::sources::source::SpanSource;

/// Waits before the second, third, ... attempt to read one id; the last one goes on.
const WAITS: [Duration; 5] = [
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(3),
    Duration::from_secs(5),
];
/// Attempts after which an id makes room for others.
const ATTEMPTS: usize = 3;
/// A server that asks for more patience is asked once in so long all the same: it may be back
/// earlier.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// The last attempt begins so long before the deadline.
const LAST_CALL: Duration = Duration::from_millis(500);

/// What the readings that are under way know of the source.
#[derive(Debug)]
pub(super) struct Pace {
    in_flight: usize,
    answered: Cell<u64>,
    /// Attempts in a row that failed, of all readings together.
    failures: Cell<usize>,
    /// A source that answers nothing is asked less and less; one that names a time wants it from
    /// all of its callers.
    not_before: Cell<Option<Instant>>,
    trouble: RefCell<Option<String>>,
}

impl Pace {
    /// For a source that so many ids are asked of at the same time.
    pub(super) fn new(in_flight: usize) -> Self {
        Self {
            in_flight,
            answered: Cell::new(0),
            failures: Cell::new(0),
            not_before: Cell::new(None),
            trouble: RefCell::new(None),
        }
    }

    /// Why nothing is answered at the moment.
    pub(super) fn trouble(&self) -> Option<String> {
        self.trouble.borrow().clone()
    }

    fn note_answer(&self) {
        self.answered.set(self.answered.get() + 1);
        self.failures.set(0);
        self.not_before.set(None);
        self.trouble.replace(None);
    }

    fn note_failure(&self, error: &SpanError) {
        self.failures.set(self.failures.get() + 1);
        self.trouble.replace(Some(error.text.clone()));
        let asked_for = match error.again {
            Again::Later(Some(after)) => after.min(LONGEST_WAIT),
            _ => Duration::ZERO,
        };
        // All that are under way failed once, twice, ...
        let rounds = self.failures.get() / self.in_flight;
        let wait = asked_for.max(if rounds == 0 {
            Duration::ZERO
        } else {
            wait_after(rounds)
        });
        if !wait.is_zero() && error.again != Again::Never {
            self.not_before
                .set(self.not_before.get().max(Some(Instant::now() + wait)));
        }
    }

    /// Whether the source is not to be asked yet.
    fn is_spared(&self) -> bool {
        self.not_before
            .get()
            .is_some_and(|not_before| not_before > Instant::now())
    }

    /// Waits for the time of the next question, or for the last moment before `last`.
    async fn turn(&self, at: Instant, last: Instant) {
        sleep_until(
            self.not_before
                .get()
                .map_or(at, |not_before| not_before.max(at))
                .min(last),
        )
        .await;
    }
}

fn wait_after(attempts: usize) -> Duration {
    WAITS[attempts.saturating_sub(1).min(WAITS.len() - 1)]
}

/// One id to be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Task {
    pub(super) trace_id: u128,
    /// Not before.
    pub(super) at: Instant,
    /// It has failed in an earlier look, while others were answered.
    pub(super) has_failed: bool,
}

/// Reads one id at its time, never past the deadline. After some attempts it makes room for others;
/// what the source could not answer yet comes again in the next look.
pub(super) async fn read(
    source: &dyn SpanSource,
    task: Task,
    pace: &Pace,
    deadline: Instant,
) -> Reading {
    if task.at >= deadline || Instant::now() >= deadline {
        return Reading::Skipped;
    }
    // Whoever waits asks once more just before the end.
    let last = deadline
        .checked_sub(LAST_CALL)
        .unwrap_or(deadline)
        .max(task.at);
    if Instant::now() >= last && pace.is_spared() {
        return Reading::Skipped;
    }
    let mut at = task.at;
    // Known from the first failure on: what was answered before it proves nothing.
    let mut answered_before = None;
    for attempt in 1.. {
        pace.turn(at, last).await;
        let error = match timeout_at(deadline, source.trace(task.trace_id)).await {
            Ok(Ok(trace)) => {
                pace.note_answer();
                return Reading::Trace(trace);
            }
            Ok(Err(error)) => error,
            Err(_) => {
                return Reading::Failed {
                    error: at_deadline(task.trace_id),
                    unanswered: true,
                };
            }
        };
        pace.note_failure(&error);
        let others_are_answered =
            pace.answered.get() > *answered_before.get_or_insert(pace.answered.get());
        if error.again == Again::Never || attempt >= ATTEMPTS || Instant::now() >= last {
            let unanswered = match error.again {
                Again::Never => false,
                // Where others are answered it is about this id.
                Again::Perhaps => !others_are_answered && !task.has_failed,
                Again::Later(_) => true,
            };
            return Reading::Failed { error, unanswered };
        }
        at = Instant::now() + wait_after(attempt);
    }
    Reading::Skipped
}

fn at_deadline(trace_id: u128) -> SpanError {
    SpanError::new(format!(
        "trace {trace_id:032x} was still being read at the deadline: raise tracing.spans deadline"
    ))
    .with(Again::Later(None))
}
