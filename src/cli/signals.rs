//! Ctrl-C and SIGTERM: end the measurement, keep what was measured; a second Ctrl-C leaves at once.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

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
}

impl Signals {
    /// Starts listening, within a runtime.
    pub(crate) fn listen() -> Result<Self, CliError> {
        let failed = |error| CliError::new(format!("signals can't be listened to: {error}"));
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        let (sender, asked) = watch::channel(Asked::Nothing);
        let interrupts = Arc::new(AtomicU8::new(0));
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {
                        if interrupts.fetch_add(1, Ordering::Relaxed) > 0 {
                            // The second one leaves at once; everything measured is on disk but the last second.
                            std::process::exit(130);
                        }
                        eprintln!("interrupted: ending the measurement and keeping what was measured; press Ctrl-C again to leave at once");
                        sender.send_modify(|asked| *asked = (*asked).max(Asked::Interrupt));
                    }
                    _ = terminate.recv() => sender.send_modify(|asked| *asked = Asked::Terminate),
                }
            }
        });
        Ok(Self { asked })
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
}
