//! The connections of one load thread: HTTP/2 driven directly, so that the moments `sent` and
//! `done` are what they are said to be, and what lies between them can be seen.
//!
//! `sent` is read immediately before HEADERS and DATA are handed to HTTP/2, when a connection and a
//! stream have been granted; waiting for those comes before it and is lateness of the client. What
//! is handed over within one turn of the event loop is written by one call of the kernel at the end
//! of the turn. Preparation and doctor, which measure nothing, use tonic ([`super::Transport`]).
//!
//! Everything here stays on the thread that made it.

mod choice;
mod dial;
mod flight;
mod frame;
mod keep;
mod link;
mod pool;
mod reply;
mod socket;
mod watch;

use std::{fmt, rc::Rc};

pub use self::{
    choice::{Pick, Resolve},
    flight::{Exchange, InFlight, NotSent},
    watch::Watch,
};
use self::{
    dial::Dial,
    link::Link,
    pool::{Pool, Waiting},
};
use super::{Call, CallFailure, ConnectError, ConnectOptions, transport::mask};

/// The connections of one thread; clones share them.
#[derive(Clone)]
pub struct Connections {
    pool: Rc<Pool>,
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections")
            .field("uri", &self.pool.options.uri)
            .field("count", &self.pool.links.len())
            .finish_non_exhaustive()
    }
}

impl Connections {
    /// Opens every connection now, on the local runtime that this is called in.
    ///
    /// # Errors
    /// An option can't be used, a certificate file can't be read, or Milvus can't be reached; see
    /// [`ConnectError`].
    pub async fn open(
        options: &ConnectOptions,
        watch: Rc<dyn Watch>,
    ) -> Result<Self, ConnectError> {
        Self::open_by(Dial::new(options)?, options, watch).await
    }

    /// The same over connections within this process.
    #[cfg(test)]
    pub(crate) async fn open_in_process(
        options: &ConnectOptions,
        watch: Rc<dyn Watch>,
        connect: dial::InProcess,
    ) -> Result<Self, ConnectError> {
        let mut dial = Dial::new(options)?;
        dial.in_process = Some(connect);
        Self::open_by(dial, options, watch).await
    }

    async fn open_by(
        dial: Dial,
        options: &ConnectOptions,
        watch: Rc<dyn Watch>,
    ) -> Result<Self, ConnectError> {
        let pool = Rc::new(Pool::new(dial, options, watch)?);
        let opened = (0..pool.links.len()).map(|number| pool.dial.open(number, &pool.watch));
        let opened = futures_util::future::try_join_all(opened).await?;
        for (number, opened) in opened.into_iter().enumerate() {
            keep::run(&pool, number, opened);
            tokio::task::spawn_local(keep::keep(Rc::clone(&pool), number));
        }
        Ok(Self { pool })
    }

    /// Number of connections, at least 1.
    #[must_use]
    pub fn count(&self) -> usize {
        self.pool.links.len()
    }

    /// `text` with password and token replaced by `***`.
    #[must_use]
    pub fn masked(&self, text: &str) -> String {
        mask(&self.pool.secrets, text)
    }

    /// Sends `call` now if a connection and a stream are free. `pin` chooses the connection where
    /// they are pinned; `traceparent` is the header's value, an empty one, or one that no header
    /// can hold, is left out.
    ///
    /// # Errors
    /// [`NotSent::Busy`] when it has to wait for a stream or a connection, see
    /// [`Connections::start`].
    pub fn try_start(
        &self,
        pin: u64,
        call: &Call,
        traceparent: &[u8],
    ) -> Result<InFlight, NotSent> {
        if self.pool.queue(pin).waiting.get() > 0 {
            return Err(NotSent::Busy);
        }
        InFlight::start(&self.pool, pin, call, traceparent)
    }

    /// Sends `call` as soon as a connection and a stream are free.
    ///
    /// # Errors
    /// It is forbidden, the connections are closed, or all are down and the next attempt to open
    /// one failed.
    pub async fn start(
        &self,
        pin: u64,
        call: &Call,
        traceparent: &[u8],
    ) -> Result<InFlight, CallFailure> {
        let pool = &self.pool;
        let known = pool.failures.get();
        let queue = pool.queue(pin);
        let _waiting = Waiting::new(queue);
        loop {
            match InFlight::start(pool, pin, call, traceparent) {
                Ok(in_flight) => return Ok(in_flight),
                Err(NotSent::Never(failure)) => return Err(failure),
                Err(NotSent::Busy) => {}
            }
            if pool.failures.get() > known && pool.links.iter().all(|link| !link.is_up()) {
                return Err(pool.failure.borrow().clone());
            }
            tokio::select! {
                biased;
                () = pool.changed.notified() => {}
                () = queue.freed.notified() => {}
            }
        }
    }

    /// Closes every connection: what is in flight or waits ends now, as unavailable.
    pub fn close(&self) {
        self.pool.closed.set(true);
        self.pool.links.iter().for_each(Link::close);
        self.pool.changed.notify_waiters();
    }
}
