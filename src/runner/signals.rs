//! Ctrl-C, SIGTERM and SIGHUP: what they ask for depends on what would be lost.
//!
//! While nothing would be, the first one leaves at once. A measurement is ended, and what was
//! measured is kept and reported. A report that is being made gets a moment. A second Ctrl-C leaves
//! at once in any case; a second SIGTERM or SIGHUP does not, since a terminal that is closed and a
//! supervisor may send several.

use std::{io, time::Duration};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};

/// What the user asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Asked {
    /// Go on.
    #[default]
    Nothing,
    /// End by Ctrl-C (SIGINT).
    Interrupt,
    /// End by SIGTERM or SIGHUP.
    Terminate,
}

/// What a signal would lose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Nothing.
    Free,
    /// What was measured; whoever measures looks at [`Signals::asked`].
    Measuring,
    /// Reports, which can be made again from the folder.
    Finishing,
}

/// How long a report may take after a signal that came while it was made.
const LAST_REPORT: Duration = Duration::from_secs(5);

/// A signal came, and the program goes on until what would be lost is kept.
#[derive(Clone, Copy, Debug)]
pub struct Heard {
    /// What it asks for.
    pub asked: Asked,
    /// Its name, e.g. SIGTERM.
    pub name: &'static str,
    /// What it would lose.
    pub stage: Stage,
}

/// What signals ask for; whoever has one listens from its making on.
#[derive(Clone, Debug)]
pub struct Signals {
    asked: watch::Receiver<Asked>,
    /// Whether it is to be left at once.
    leave: watch::Receiver<bool>,
    stage: watch::Sender<Stage>,
}

impl Signals {
    /// Listens to none: only the end of its work ends a run.
    #[must_use]
    pub fn none() -> Self {
        let (_, asked) = watch::channel(Asked::Nothing);
        let (_, leave) = watch::channel(false);
        let (stage, _) = watch::channel(Stage::Free);
        Self {
            asked,
            leave,
            stage,
        }
    }

    /// Starts listening to SIGINT, SIGTERM and SIGHUP, within a runtime; `tell` is called with each
    /// that does not end the program at once.
    ///
    /// # Errors
    /// The system gives no handler of a signal.
    pub fn listen(tell: impl Fn(Heard) + Send + 'static) -> io::Result<Self> {
        let interrupt = signal(SignalKind::interrupt())?;
        let terminate = signal(SignalKind::terminate())?;
        // `nohup` is a wish that listening would undo.
        let hang_up = if is_ignored(HANG_UP) {
            None
        } else {
            Some(signal(SignalKind::hangup())?)
        };
        let (sender, asked) = watch::channel(Asked::Nothing);
        let (leaver, leave) = watch::channel(false);
        let (stage, present) = watch::channel(Stage::Free);
        let handlers = Handlers {
            interrupt,
            terminate,
            hang_up,
        };
        let ears = Ears {
            sender,
            leaver,
            present,
            interrupts: 0,
            terminated: false,
        };
        tokio::spawn(ears.listen(handlers, tell));
        Ok(Self {
            asked,
            leave,
            stage,
        })
    }

    /// From now on a signal loses something else. A run does so itself.
    pub fn enter(&self, stage: Stage) {
        self.stage.send_replace(stage);
    }

    /// What a signal would lose now.
    pub(crate) fn stage(&self) -> Stage {
        *self.stage.borrow()
    }

    /// What was asked for so far.
    #[must_use]
    pub fn asked(&self) -> Asked {
        *self.asked.borrow()
    }

    /// Returns when more was asked for than `before`.
    pub(crate) async fn wait_for_more_than(&mut self, before: Asked) {
        if self.asked.wait_for(|asked| *asked > before).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Returns when anything was asked for.
    pub(crate) async fn wait(&mut self) {
        self.wait_for_more_than(Asked::Nothing).await;
    }

    /// Returns when what is under way is not to be waited for; everything measured is on disk but
    /// the last second.
    pub(crate) async fn leave(&mut self) {
        if self.leave.wait_for(|leave| *leave).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// What `work` gives; None, and `work` is dropped, when more is asked for than `before`, or was
    /// already.
    pub(crate) async fn unless_asked<T>(
        &self,
        before: Asked,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        let mut signals = self.clone();
        tokio::select! {
            done = work => Some(done),
            () = signals.wait_for_more_than(before) => None,
        }
    }
}

struct Handlers {
    interrupt: Signal,
    terminate: Signal,
    /// None where it is ignored.
    hang_up: Option<Signal>,
}

impl Handlers {
    async fn next(&mut self) -> (Asked, &'static str) {
        let Self {
            interrupt,
            terminate,
            hang_up,
        } = self;
        let hung_up = async {
            match hang_up {
                Some(signal) => signal.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = interrupt.recv() => (Asked::Interrupt, "SIGINT"),
            _ = terminate.recv() => (Asked::Terminate, "SIGTERM"),
            _ = hung_up => (Asked::Terminate, "SIGHUP"),
        }
    }
}

/// The side of [`Signals`] that hears them.
struct Ears {
    sender: watch::Sender<Asked>,
    leaver: watch::Sender<bool>,
    present: watch::Receiver<Stage>,
    interrupts: u32,
    terminated: bool,
}

impl Ears {
    async fn listen(mut self, mut handlers: Handlers, tell: impl Fn(Heard)) {
        loop {
            let (asked, name) = handlers.next().await;
            let interrupts = asked == Asked::Interrupt;
            self.interrupts += u32::from(interrupts && self.interrupts < 2);
            let again = interrupts && self.interrupts > 1;
            let stage = *self.present.borrow();
            self.sender
                .send_modify(|before| *before = (*before).max(asked));
            if stage == Stage::Free || again {
                self.leaver.send_replace(true);
                continue;
            }
            if stage == Stage::Finishing {
                let leaver = self.leaver.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(LAST_REPORT).await;
                    leaver.send_replace(true);
                });
            }
            // A terminal that is closed and a supervisor may send several.
            if interrupts || !std::mem::replace(&mut self.terminated, true) {
                tell(Heard { asked, name, stage });
            }
        }
    }
}

/// Number of SIGHUP.
const HANG_UP: u32 = 1;

/// Whether this process was started with signal `number` ignored.
fn is_ignored(number: u32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    ignored(&status).is_some_and(|mask| mask >> (number - 1) & 1 == 1)
}

/// The signals that a process ignores, a bit for each, from its `status`.
fn ignored(status: &str) -> Option<u64> {
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))?;
    u64::from_str_radix(mask.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_read_from_the_mask() {
        assert_eq!(
            ignored("Name:\tx\nSigBlk:\tff\nSigIgn:\t0000000000001001\nSigCgt:\t0\n"),
            Some(0x1001)
        );
        assert_eq!((ignored(""), ignored("SigIgn:\tx")), (None, None));
    }
}
