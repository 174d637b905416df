//! What is waited for. Whatever takes longer than ten seconds is said: what, for how long so far,
//! and until when.

use std::{
    fmt,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Time between two lines about one wait, and before the first.
const EVERY: Duration = Duration::from_secs(10);

/// Shows a line.
type Say = Box<dyn Fn(&str) + Send + Sync>;

/// The waits under way, and a thread that tells of those that last.
#[derive(Debug)]
pub(crate) struct Waits(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    /// None where nothing is to be said.
    say: Option<Say>,
}

#[derive(Debug, Default)]
struct State {
    waits: Vec<Wait>,
    begun: u64,
    /// Whether the thread was started.
    started: bool,
    /// Whether it waits for a first wait, without an end.
    idle: bool,
}

#[derive(Debug)]
struct Wait {
    number: u64,
    what: String,
    until: String,
    began: Instant,
    said: Instant,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl Shared {
    /// Nothing panics while it is held but what `say` does, which holds no state.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waits {
    /// Tells of waits through `say`; None tells nothing.
    pub(crate) fn new(say: Option<Say>) -> Self {
        Self(Arc::new(Shared {
            state: Mutex::default(),
            changed: Condvar::new(),
            say,
        }))
    }

    /// Begins a wait, which lasts as long as what is returned: `what` as a beginning of a sentence,
    /// `until` when it ends at the latest.
    pub(crate) fn begin(&self, what: impl Into<String>, until: impl Into<String>) -> Waiting {
        let shared = Arc::clone(&self.0);
        let mut state = shared.state();
        state.begun += 1;
        let number = state.begun;
        if shared.say.is_some() {
            let now = Instant::now();
            state.waits.push(Wait {
                number,
                what: what.into(),
                until: until.into(),
                began: now,
                said: now,
            });
            if !state.started {
                state.started = true;
                let of_thread = Arc::clone(&shared);
                // Without it, waits are silent, and nothing else is wrong.
                let _ = std::thread::Builder::new()
                    .name("waits".to_owned())
                    .spawn(move || tell(&of_thread));
            } else if state.idle {
                shared.changed.notify_one();
            }
        }
        drop(state);
        Waiting { shared, number }
    }
}

impl Clone for Waits {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// A wait under way.
#[derive(Debug)]
pub(crate) struct Waiting {
    shared: Arc<Shared>,
    number: u64,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.waits.retain(|wait| wait.number != self.number);
    }
}

/// The thread: sleeps until a wait has lasted, and without an end while there is none.
fn tell(shared: &Shared) {
    let mut state = shared.state();
    loop {
        let lines = state.lines(Instant::now());
        if !lines.is_empty() {
            drop(state);
            if let Some(say) = &shared.say {
                lines.iter().for_each(|line| say(line));
            }
            state = shared.state();
            continue;
        }
        state.idle = state.waits.is_empty();
        state = if state.idle {
            shared
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner)
        } else {
            // A wait that began later is due later.
            let due = state
                .waits
                .iter()
                .map(|wait| wait.said + EVERY)
                .min()
                .unwrap_or_else(Instant::now);
            let pause = due
                .saturating_duration_since(Instant::now())
                .max(Duration::from_millis(10));
            shared
                .changed
                .wait_timeout(state, pause)
                .unwrap_or_else(PoisonError::into_inner)
                .0
        };
    }
}

impl State {
    /// What is to be said now: of the waits within each other that are due, the innermost.
    fn lines(&mut self, now: Instant) -> Vec<String> {
        let is_due = |wait: &Wait| now.saturating_duration_since(wait.said) >= EVERY;
        let Some(line) = self
            .waits
            .iter()
            .rfind(|wait| is_due(wait))
            .map(|wait| wait.line(now))
        else {
            return Vec::new();
        };
        self.waits
            .iter_mut()
            .filter(|wait| is_due(wait))
            .for_each(|wait| wait.said = now);
        vec![line]
    }
}

impl Wait {
    fn line(&self, now: Instant) -> String {
        let lasted = now.saturating_duration_since(self.began).as_secs();
        format!("{}: {lasted} s so far, {}", self.what, self.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(number: u64, what: &str, began: Instant) -> Wait {
        Wait {
            number,
            what: what.to_owned(),
            until: "at most 60 s".to_owned(),
            began,
            said: began,
        }
    }

    #[test]
    fn a_wait_is_told_after_ten_seconds_and_every_ten() {
        let began = Instant::now();
        let mut state = State {
            waits: vec![wait(1, "waiting for x", began)],
            ..State::default()
        };
        let mut said = Vec::new();
        for second in 0..=25 {
            said.extend(state.lines(began + Duration::from_secs(second)));
        }
        assert_eq!(
            said,
            [
                "waiting for x: 10 s so far, at most 60 s",
                "waiting for x: 20 s so far, at most 60 s"
            ]
        );
    }

    #[test]
    fn of_waits_within_each_other_the_innermost_that_lasts_is_told() {
        let began = Instant::now();
        let second = |second| began + Duration::from_secs(second);
        let waits = vec![
            wait(1, "the whole", began),
            wait(2, "a part", second(1)),
            wait(3, "a moment", second(11)),
        ];
        let mut state = State {
            waits,
            ..State::default()
        };
        assert_eq!(
            state.lines(second(12)),
            ["a part: 11 s so far, at most 60 s"]
        );
        assert_eq!(
            state.lines(second(13)),
            Vec::<String>::new(),
            "the whole was told with its part"
        );
    }

    #[test]
    fn what_ended_is_told_no_more() {
        let waits = Waits::new(Some(Box::new(|_| ())));
        let waiting = waits.begin("x", "y");
        assert_eq!(waits.0.state().waits.len(), 1);
        drop(waiting);
        assert_eq!(waits.0.state().waits.len(), 0);
        let silent = Waits::new(None);
        drop(silent.begin("x", "y"));
        let state = silent.0.state();
        assert_eq!((state.waits.len(), state.started), (0, false));
    }
}
