//! Who is told what a run does, as it happens. Nothing here draws: the command line does, and a
//! program that calls the library may stay silent.

use std::{
    any::Any,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::time::Instant;

use crate::{analysis::Analysis, load::LiveSnapshot, milvus::Observer, plan::Plan};

/// Lives as long as something is waited for; dropped at the wait's end.
pub type WaitGuard = Box<dyn Any + Send>;

/// Told what a run does, off the measured path. Methods are to return soon, since the run waits for
/// them; those that are not written do nothing.
pub trait Watcher: Send + Sync {
    /// A step has begun or ended.
    fn step(&self, _text: &str) {}

    /// How far the present step is; may come often.
    fn now(&self, _text: &str) {}

    /// A doubt, or a failure that does not end the run. Those about the measurement are in the
    /// report as well.
    fn warn(&self, _text: &str) {}

    /// Something is waited for as long as what is returned lives: `what` as a beginning of a
    /// sentence, `until` when it ends at the latest, e.g. "at most 60 s".
    fn waiting(&self, _what: &str, _until: &str) -> WaitGuard {
        Box::new(())
    }

    /// Phase `number` of the plan begins, its first scheduled request at `start`.
    fn phase<'a>(
        &'a self,
        _plan: &'a Plan,
        _number: usize,
        _start: Instant,
    ) -> Box<dyn PhaseWatcher + 'a> {
        Box::new(Silent)
    }

    /// The load is over, and what was measured is in `folder`, whatever fails from here on.
    fn measured(&self, _folder: &Path) {}

    /// The figures are known; the reports are written next.
    fn analysed(&self, _analysis: &Analysis) {}

    /// The report of this format is in `file`.
    fn written(&self, _format: &str, _file: &Path) {}
}

/// Told of one phase while it runs.
pub trait PhaseWatcher {
    /// The counters as they are now, once a second.
    fn counted(&mut self, counts: Counts);
}

/// The counters of a phase's workloads at one moment, in the order of the phase's workloads.
#[derive(Clone, Debug)]
pub struct Counts {
    /// When they were to be read: a whole number of seconds after the phase's start.
    pub due: Instant,
    /// When they were read.
    pub now: Instant,
    /// What each workload has sent and what came of it.
    pub live: Vec<LiveSnapshot>,
    /// How long after the phase's start each workload had nothing more to send; None: it has.
    pub over: Vec<Option<Duration>>,
}

/// Tells nothing.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Watcher for Silent {}

impl PhaseWatcher for Silent {
    fn counted(&mut self, _counts: Counts) {}
}

/// `at most 60 s`, exactly.
pub(crate) fn within(limit: Duration) -> String {
    if limit >= Duration::from_secs(1) {
        format!("at most {} s", limit.as_secs_f64())
    } else {
        format!("at most {} ms", limit.as_nanos() as f64 / 1e6)
    }
}

/// Says what comes next, and that it is waited for until the next one, or until the returned
/// closure is gone.
pub(crate) fn steps(watcher: &dyn Watcher, until: impl Into<String>) -> impl Fn(&str) {
    let (until, present) = (until.into(), Mutex::new(None));
    move |text: &str| {
        watcher.step(text);
        if let Ok(mut present) = present.lock() {
            *present = Some(watcher.waiting(text, &until));
        }
    }
}

/// Tells of calls of Milvus that last.
pub(crate) fn observer(watcher: &Arc<dyn Watcher>) -> Observer {
    let watcher = Arc::clone(watcher);
    Observer::new(move |what, limit| watcher.waiting(what, &within(limit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_told_exactly() {
        let check = |micros, words| assert_eq!(within(Duration::from_micros(micros)), words);
        check(60_000_000, "at most 60 s");
        check(1_500_000, "at most 1.5 s");
        check(1_234_000, "at most 1.234 s");
        check(500_000, "at most 500 ms");
        check(1_100, "at most 1.1 ms");
    }
}
