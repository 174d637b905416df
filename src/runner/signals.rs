//! Ctrl-C, SIGTERM and SIGHUP: what they ask for depends on what would be lost.
//!
//! While nothing would be, the first one leaves at once. A measurement is ended, and what was
//! measured is kept and reported. A report that is being made gets a moment. A second Ctrl-C leaves
//! at once in any case; a second SIGTERM or SIGHUP does not, since a terminal that is closed and a
//! supervisor may send several.

use std::time::Duration;

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

use crate::cli::{CliError, Done, output::say};

/// What the user asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Asked {
    #[default]
    Nothing,
    Interrupt,
    /// By SIGTERM or SIGHUP.
    Terminate,
}

impl Asked {
    /// How the program ends by it.
    pub(crate) fn done(self) -> Option<Done> {
        match self {
            Asked::Nothing => None,
            Asked::Interrupt => Some(Done::Interrupted),
            Asked::Terminate => Some(Done::Terminated),
        }
    }
}

/// What a signal would lose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Nothing.
    Free,
    /// What was measured; whoever measures looks at [`Signals::asked`].
    Measuring,
    /// Reports, which can be made again from the folder.
    Finishing,
}

/// How long a report may take after a signal that came while it was made.
const LAST_REPORT: Duration = Duration::from_secs(5);

/// Listens for signals from its making on.
#[derive(Clone, Debug)]
pub(crate) struct Signals {
    asked: watch::Receiver<Asked>,
    /// Whether it is to be left at once.
    leave: watch::Receiver<bool>,
    stage: watch::Sender<Stage>,
}

impl Signals {
    /// Starts listening, within a runtime.
    pub(crate) fn listen() -> Result<Self, CliError> {
        let failed = |error| CliError::new(format!("signals can't be listened to: {error}"));
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        // `nohup` is a wish that listening would undo.
        let mut hang_up = if is_ignored(HANG_UP) {
            None
        } else {
            Some(signal(SignalKind::hangup()).map_err(failed)?)
        };
        let (sender, asked) = watch::channel(Asked::Nothing);
        let (leaver, leave) = watch::channel(false);
        let (stage, present) = watch::channel(Stage::Free);
        tokio::spawn(async move {
            let (mut interrupts, mut terminated) = (0_u32, false);
            loop {
                let hung_up = async {
                    match &mut hang_up {
                        Some(signal) => signal.recv().await,
                        None => std::future::pending().await,
                    }
                };
                let (wish, name) = tokio::select! {
                    _ = interrupt.recv() => (Asked::Interrupt, "SIGINT"),
                    _ = terminate.recv() => (Asked::Terminate, "SIGTERM"),
                    _ = hung_up => (Asked::Terminate, "SIGHUP"),
                };
                interrupts += u32::from(wish == Asked::Interrupt && interrupts < 2);
                let again = wish == Asked::Interrupt && interrupts > 1;
                let at = *present.borrow();
                sender.send_modify(|asked| *asked = (*asked).max(wish));
                if at == Stage::Free || again {
                    leaver.send_replace(true);
                    continue;
                }
                if at == Stage::Finishing {
                    let leaver = leaver.clone();
                    tokio::spawn(async move {
                        tokio::time::sleep(LAST_REPORT).await;
                        leaver.send_replace(true);
                    });
                }
                if wish == Asked::Interrupt {
                    say(match at {
                        Stage::Finishing => {
                            "interrupted: finishing the report; press Ctrl-C again to leave at \
                             once, and `milvus-bench report` makes it later"
                        }
                        _ => {
                            "interrupted: ending the measurement and keeping what was measured; \
                             press Ctrl-C again to leave at once"
                        }
                    });
                } else if !std::mem::replace(&mut terminated, true) {
                    say(&match at {
                        Stage::Finishing => format!(
                            "ended by {name}: finishing the report; `milvus-bench report` makes \
                             it later"
                        ),
                        _ => {
                            format!(
                                "ended by {name}: the measurement ends, what was measured is \
                                 kept, and server spans are not waited for"
                            )
                        }
                    });
                }
            }
        });
        Ok(Self {
            asked,
            leave,
            stage,
        })
    }

    /// From now on a signal loses something else.
    pub(crate) fn enter(&self, stage: Stage) {
        self.stage.send_replace(stage);
    }

    /// What a signal would lose now.
    pub(crate) fn stage(&self) -> Stage {
        *self.stage.borrow()
    }

    /// What was asked for so far.
    pub(crate) fn asked(&self) -> Asked {
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
