//! How a phase is told to end before its time.

use std::sync::{Arc, OnceLock};

use tokio::{sync::watch, time::Instant};

/// What the load is asked to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stop {
    /// Go on.
    #[default]
    Go,
    /// Send nothing new; wait for what is in flight.
    EndPart,
    /// Give up what is in flight, too.
    Abort,
}

/// The side that asks; cheap to clone.
#[derive(Clone, Debug)]
pub struct StopHandle {
    sender: watch::Sender<Stop>,
    /// When anything was asked for first: nothing is sent from then on.
    since: Arc<OnceLock<Instant>>,
}

impl Default for StopHandle {
    fn default() -> Self {
        Self {
            sender: watch::Sender::new(Stop::Go),
            since: Arc::default(),
        }
    }
}

impl StopHandle {
    /// Asks for `stop`; a weaker wish does not undo a stronger one.
    pub fn ask(&self, stop: Stop) {
        if stop > Stop::Go {
            // Before anybody can see the wish.
            self.since.get_or_init(Instant::now);
        }
        self.sender.send_if_modified(|now| {
            let changed = stop > *now;
            *now = stop.max(*now);
            changed
        });
    }

    /// What is asked for now.
    #[must_use]
    pub fn asked(&self) -> Stop {
        *self.sender.borrow()
    }

    /// When the load was asked to end; None while it goes on.
    #[must_use]
    pub fn asked_since(&self) -> Option<Instant> {
        self.since.get().copied()
    }

    /// The side that listens.
    pub(super) fn listen(&self) -> StopListener {
        StopListener {
            receiver: self.sender.subscribe(),
        }
    }
}

/// Which component of a mix has no rows left for one of its requests: the end of the mix for all of
/// its callers, on every thread. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct RowsEnd {
    component: Arc<OnceLock<usize>>,
    stop: StopHandle,
}

impl RowsEnd {
    /// Ends the mix, since `component` has no rows left.
    pub(super) fn tell(&self, component: usize) {
        self.component.get_or_init(|| component);
        self.stop.ask(Stop::EndPart);
    }

    /// The component that was told first; None while the mix goes on.
    pub(super) fn told(&self) -> Option<usize> {
        self.component.get().copied()
    }

    /// Hears of it in the middle of a pause.
    pub(super) fn listen(&self) -> StopListener {
        self.stop.listen()
    }
}

/// The side that listens; one per task.
#[derive(Clone, Debug)]
pub(super) struct StopListener {
    receiver: watch::Receiver<Stop>,
}

impl StopListener {
    pub(super) fn asked(&self) -> Stop {
        *self.receiver.borrow()
    }

    /// Returns when at least `stop` is asked for; never when the asking side is gone.
    pub(super) async fn until(&mut self, stop: Stop) {
        if self
            .receiver
            .wait_for(|asked| *asked >= stop)
            .await
            .is_err()
        {
            std::future::pending::<()>().await;
        }
    }
}
