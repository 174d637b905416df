//! One connection's place, and the connection in it while it takes requests.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use http::Request;
use tokio::{sync::Notify, task::AbortHandle, time::Instant};

use super::{
    frame::{Frame, Ledger},
    watch::Watch,
};

/// The place of one connection.
#[derive(Default)]
pub(super) struct Link {
    open: RefCell<Option<Rc<Open>>>,
    lost: Notify,
    /// Whether the connection that was lost last had served a request.
    served: Cell<bool>,
    /// The tasks that drive it: one, and those of connections that the server is closing while
    /// requests end on them.
    drivers: RefCell<Vec<AbortHandle>>,
}

/// A connection that takes requests, until it is lost.
pub(super) struct Open {
    /// None when it is lost: HTTP/2 closes a connection without senders once its last
    /// stream has ended.
    sender: RefCell<Option<SendRequest<Frame>>>,
    /// Whether the server has answered a request on it.
    served: Cell<bool>,
    in_flight: Cell<usize>,
    limit: Cell<usize>,
    ledger: Rc<Ledger>,
}

impl Link {
    pub(super) fn is_up(&self) -> bool {
        self.open.borrow().is_some()
    }

    /// Whether the connection that was lost last had served a request.
    pub(super) fn had_served(&self) -> bool {
        self.served.get()
    }

    /// `open` is its connection now, and `driver` the task that drives it.
    pub(super) fn fill(&self, open: Rc<Open>, driver: AbortHandle) {
        *self.open.borrow_mut() = Some(open);
        let mut drivers = self.drivers.borrow_mut();
        drivers.retain(|driver| !driver.is_finished());
        drivers.push(driver);
    }

    /// Waits until its connection is lost, or all are closed.
    pub(super) async fn lost(&self) {
        self.lost.notified().await;
    }

    /// The connection, if it has a free stream.
    pub(super) fn free(&self) -> Option<Rc<Open>> {
        let open = self
            .open
            .borrow()
            .as_ref()
            .filter(|open| open.in_flight.get() < open.limit.get())
            .cloned()?;
        match open.is_ready() {
            Ok(ready) => ready.then_some(open),
            Err(_) => {
                // The server is closing it, and takes nothing new on it.
                self.lose(&open);
                None
            }
        }
    }

    /// `open` takes nothing new; if it is still the current one, it is replaced.
    pub(super) fn lose(&self, open: &Rc<Open>) {
        open.sender.borrow_mut().take();
        let mut current = self.open.borrow_mut();
        if current
            .as_ref()
            .is_some_and(|current| Rc::ptr_eq(current, open))
        {
            *current = None;
            self.served.set(open.served.get());
            self.lost.notify_one();
        }
    }

    /// Ends it with everything that is in flight on it.
    pub(super) fn close(&self) {
        self.open.borrow_mut().take();
        self.drivers
            .borrow_mut()
            .drain(..)
            .for_each(|driver| driver.abort());
        self.lost.notify_one();
    }
}

impl Open {
    /// A connection on which the server allows `limit` streams at one time.
    pub(super) fn new(sender: SendRequest<Frame>, limit: usize) -> Self {
        Self {
            sender: RefCell::new(Some(sender)),
            served: Cell::new(false),
            in_flight: Cell::new(0),
            limit: Cell::new(limit),
            ledger: Rc::default(),
        }
    }

    /// The server allows `limit` streams now. Whether these are more than before.
    pub(super) fn allow(&self, limit: usize) -> bool {
        limit > self.limit.replace(limit)
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.get()
    }

    /// Hands a request over; gives the moment just before. HTTP/2 sends the body as far as the
    /// window allows, and the rest when it opens.
    pub(super) fn send(
        &self,
        request: Request<()>,
        body: Bytes,
    ) -> Result<(Instant, ResponseFuture), h2::Error> {
        let mut sender = self.sender.borrow_mut();
        let sender = sender.as_mut().ok_or_else(lost)?;
        let sent = Instant::now();
        let (response, mut stream) = sender.send_request(request, false)?;
        // A stream that was reset already says so to whoever waits for its reply.
        let _ = stream.send_data(Frame::new(body, sent, &self.ledger), true);
        self.in_flight.set(self.in_flight.get() + 1);
        Ok((sent, response))
    }

    /// Whether HTTP/2 takes another request now. At the limit of streams it keeps the last one
    /// until it is asked.
    ///
    /// # Errors
    /// The server is closing the connection.
    fn is_ready(&self) -> Result<bool, h2::Error> {
        let mut sender = self.sender.borrow_mut();
        let sender = sender.as_mut().ok_or_else(lost)?;
        match sender.poll_ready(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(())) => Ok(true),
            Poll::Ready(Err(error)) => Err(error),
            Poll::Pending => Ok(false),
        }
    }

    /// Lets go of a stream that HTTP/2 kept at its limit.
    pub(super) fn settle(&self) {
        // An error is seen by the next request.
        let _ = self.is_ready();
    }

    /// The server has answered a request.
    pub(super) fn answered(&self) {
        self.served.set(true);
    }

    /// A request has ended.
    pub(super) fn release(&self) {
        self.in_flight.set(self.in_flight.get() - 1);
    }

    /// The socket has taken everything that HTTP/2 had for it.
    pub(super) fn written(&self, watch: &dyn Watch, number: usize) {
        let mut now = None;
        self.ledger.turned(|taken| {
            let waited = now
                .get_or_insert_with(Instant::now)
                .saturating_duration_since(taken.sent);
            if taken.waited {
                watch.flow_control_wait(number, waited);
            } else {
                watch.write_delay(number, waited);
            }
        });
    }
}

/// What a connection says that takes nothing new.
fn lost() -> h2::Error {
    h2::Reason::REFUSED_STREAM.into()
}
