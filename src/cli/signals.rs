//! Ctrl-C and SIGTERM: end the measurement, keep what was measured; a second Ctrl-C leaves at once.

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

use super::CliError;

/// What the user asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Asked {
    #[default]
    Nothing,
    Interrupt,
    Terminate,
}

/// Listens for signals from its making on.
#[derive(Clone, Debug)]
pub(crate) struct Signals {
    asked: watch::Receiver<Asked>,
    /// Whether it is to be left at once.
    leave: watch::Receiver<bool>,
}

impl Signals {
    /// Starts listening, within a runtime.
    pub(crate) fn listen() -> Result<Self, CliError> {
        let failed = |error| CliError::new(format!("signals can't be listened to: {error}"));
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        let (sender, asked) = watch::channel(Asked::Nothing);
        let (leaver, leave) = watch::channel(false);
        tokio::spawn(async move {
            let mut interrupts = 0_u32;
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {
                        interrupts = interrupts.saturating_add(1);
                        if interrupts > 1 {
                            leaver.send_replace(true);
                            continue;
                        }
                        eprintln!("interrupted: ending the measurement and keeping what was measured; press Ctrl-C again to leave at once");
                        sender.send_modify(|asked| *asked = (*asked).max(Asked::Interrupt));
                    }
                    _ = terminate.recv() => sender.send_modify(|asked| *asked = Asked::Terminate),
                }
            }
        });
        Ok(Self { asked, leave })
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

    /// Returns at the second Ctrl-C: what is under way is not waited for, and everything measured is on disk but the last second.
    pub(crate) async fn leave(&mut self) {
        if self.leave.wait_for(|leave| *leave).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// What `work` gives; None, and `work` is dropped, when more is asked for than `before`, or was already.
    pub(crate) async fn unless_asked<T>(&self, before: Asked, work: impl Future<Output = T>) -> Option<T> {
        let mut signals = self.clone();
        tokio::select! {
            done = work => Some(done),
            () = signals.wait_for_more_than(before) => None,
        }
    }
}
