//! The connections of one load thread: HTTP/2 driven directly, so that the moments `sent` and
//! `done` are what they are said to be, and what lies between them can be seen.
//!
//! `sent` is read immediately before HEADERS and DATA are handed to HTTP/2, when a connection and a
//! stream have been granted; waiting for those comes before it and is lateness of the client. What
//! is handed over within one turn of the event loop is written by one call of the kernel at the end
//! of the turn. Preparation and doctor, which measure nothing, use tonic ([`super::Transport`]).
//!
//! Everything here stays on the thread that made it.

mod dial;
mod flight;
mod frame;
mod link;
mod reply;
mod socket;

use std::{
    cell::{Cell, RefCell},
    fmt,
    rc::Rc,
    time::Duration,
};

use http::{
    HeaderMap, HeaderName, HeaderValue, Method as HttpMethod, Request, Uri, Version,
    header::{CONTENT_TYPE, TE, USER_AGENT},
    uri::PathAndQuery,
};
use tokio::sync::Notify;

use self::{
    dial::Dial,
    link::{Link, Open},
};
pub use self::{
    dial::tls_refusal,
    flight::{Exchange, InFlight},
};
use super::{
    Call, CallError, CallFailure, ConnectError, ConnectOptions,
    transport::{connect, forbidden_text, mask},
};

static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Which connection a request takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pick {
    /// One after the other; one that is down or has no stream left is passed over.
    #[default]
    RoundRobin,
    /// Always the same for one caller (closed loop) or slot number (open loop), and waited for when
    /// it is down.
    Pinned,
    /// The one with the fewest requests in flight.
    LeastInFlight,
}

/// Which address of a name is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Resolve {
    /// The first one that answers.
    #[default]
    First,
    /// All of them: connection n takes address n modulo their number.
    EveryAddress,
}

/// Who is told what happens between `sent` and `done` on this side of the socket. Called on the
/// load thread; must be cheap.
pub trait Watch {
    /// A request of connection `connection` waited so long from its hand-over until the socket had
    /// taken all of it, not held up by the window.
    fn hand_over(&self, connection: usize, waited: Duration);
    /// The newest bytes of a read had waited so long in the kernel.
    fn read_wake_up(&self, connection: usize, waited: Duration);
    /// A request that the server's flow-control window held up waited so long from its hand-over
    /// until the socket had taken all of it.
    fn no_window(&self, connection: usize, waited: Duration);
}

/// Why a request can't leave now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotSent {
    /// No connection with a free stream at the moment.
    Busy,
    /// It will not leave at all: forbidden, or the connections are closed.
    Never(CallFailure),
}

/// The connections of one thread; clones share them.
#[derive(Clone)]
pub struct Connections {
    inner: Rc<Inner>,
}

struct Inner {
    options: ConnectOptions,
    dial: Dial,
    head: HeaderMap,
    secrets: Vec<String>,
    watch: Rc<dyn Watch>,
    links: Vec<Link>,
    next: Cell<usize>,
    /// Who waits for a stream: one queue for all, or one for each connection where requests are
    /// pinned.
    queues: Vec<Queue>,
    /// The state of a link changed.
    changed: Notify,
    /// Attempts to open a connection that failed, and the last reason.
    failures: Cell<u64>,
    failure: RefCell<CallFailure>,
    closed: Cell<bool>,
}

/// Requests that wait for a stream; new ones do not overtake them.
#[derive(Default)]
struct Queue {
    waiting: Cell<usize>,
    freed: Notify,
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections")
            .field("uri", &self.inner.options.uri)
            .field("count", &self.inner.links.len())
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
        let count = options.connections.max(1) as usize;
        let opened =
            futures_util::future::try_join_all((0..count).map(|number| dial.open(number, &watch)))
                .await?;
        let inner = Rc::new(Inner {
            head: head(options)?,
            secrets: options.credentials.secrets(),
            dial,
            watch,
            links: (0..count).map(|_| Link::default()).collect(),
            next: Cell::new(0),
            queues: (0..if options.pick == Pick::Pinned {
                count
            } else {
                1
            })
                .map(|_| Queue::default())
                .collect(),
            changed: Notify::new(),
            failures: Cell::new(0),
            failure: RefCell::new(CallFailure::new(
                CallError::Unavailable,
                "the connections are closed",
            )),
            closed: Cell::new(false),
            options: options.clone(),
        });
        for (number, opened) in opened.into_iter().enumerate() {
            link::run(&inner, number, opened);
            tokio::task::spawn_local(link::keep(Rc::clone(&inner), number));
        }
        Ok(Self { inner })
    }

    /// Number of connections, at least 1.
    #[must_use]
    pub fn count(&self) -> usize {
        self.inner.links.len()
    }

    /// `text` with password and token replaced by `***`.
    #[must_use]
    pub fn masked(&self, text: &str) -> String {
        mask(&self.inner.secrets, text)
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
        if self.inner.queue(pin).waiting.get() > 0 {
            return Err(NotSent::Busy);
        }
        self.inner.start(pin, call, traceparent)
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
        let inner = &self.inner;
        let known = inner.failures.get();
        let queue = inner.queue(pin);
        let _waiting = Waiting::new(&queue.waiting);
        loop {
            match inner.start(pin, call, traceparent) {
                Ok(in_flight) => return Ok(in_flight),
                Err(NotSent::Never(failure)) => return Err(failure),
                Err(NotSent::Busy) => {}
            }
            if inner.failures.get() > known && inner.links.iter().all(|link| !link.is_up()) {
                return Err(inner.failure.borrow().clone());
            }
            tokio::select! {
                biased;
                () = inner.changed.notified() => {}
                () = queue.freed.notified() => {}
            }
        }
    }

    /// Closes every connection: what is in flight or waits ends now, as unavailable.
    pub fn close(&self) {
        self.inner.closed.set(true);
        self.inner.links.iter().for_each(Link::close);
        self.inner.changed.notify_waiters();
    }
}

/// Counts a request that waits, as long as it lives.
struct Waiting<'a>(&'a Cell<usize>);

impl<'a> Waiting<'a> {
    fn new(count: &'a Cell<usize>) -> Self {
        count.set(count.get() + 1);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl Inner {
    fn start(
        self: &Rc<Self>,
        pin: u64,
        call: &Call,
        traceparent: &[u8],
    ) -> Result<InFlight, NotSent> {
        if !self.options.access.allows(call.method.effect) {
            return Err(NotSent::Never(CallFailure::new(
                CallError::Forbidden,
                &forbidden_text(call, self.options.access),
            )));
        }
        if self.closed.get() {
            return Err(NotSent::Never(self.failure.borrow().clone()));
        }
        while let Some((number, open)) = self.pick(pin) {
            let request = self.request(call, traceparent);
            match open.send(request, call.body.clone()) {
                Ok((sent, response)) => {
                    return Ok(InFlight {
                        sent,
                        response: Some(response),
                        number,
                        open,
                        inner: Rc::clone(self),
                    });
                }
                // The server is closing this connection, and takes nothing new on it.
                Err(_) => self.links[number].lose(&open),
            }
        }
        Err(NotSent::Busy)
    }

    /// The queue of requests with this pin.
    fn queue(&self, pin: u64) -> &Queue {
        let queues = self.queues.len() as u64;
        &self.queues[usize::try_from(pin % queues).unwrap_or(0)]
    }

    /// A stream of connection `number` is free: whoever waits longest for it may try.
    fn wake(&self, number: usize) {
        let queue = self.queue(number as u64);
        if queue.waiting.get() > 0 {
            queue.freed.notify_one();
        }
    }

    /// A connection with a free stream.
    fn pick(&self, pin: u64) -> Option<(usize, Rc<Open>)> {
        let count = self.links.len();
        let free = |number: usize| self.links[number].free().map(|open| (number, open));
        match self.options.pick {
            Pick::Pinned => free(usize::try_from(pin % count as u64).unwrap_or(0)),
            Pick::RoundRobin => {
                let first = self.next.get();
                self.next.set((first + 1) % count);
                (first..first + count).find_map(|number| free(number % count))
            }
            Pick::LeastInFlight => (0..count)
                .filter_map(free)
                .min_by_key(|(_, open)| open.in_flight()),
        }
    }

    fn request(&self, call: &Call, traceparent: &[u8]) -> Request<()> {
        let mut uri = http::uri::Parts::default();
        uri.scheme = Some(self.dial.scheme.clone());
        uri.authority = Some(self.dial.authority.clone());
        uri.path_and_query = Some(PathAndQuery::from_static(call.method.path));
        let mut request = Request::new(());
        *request.method_mut() = HttpMethod::POST;
        *request.version_mut() = Version::HTTP_2;
        // All three parts are there, which is what a URI wants.
        *request.uri_mut() = Uri::from_parts(uri).unwrap_or_default();
        let mut headers = self.head.clone();
        if let Ok(mut value) = HeaderValue::from_bytes(traceparent)
            && !traceparent.is_empty()
        {
            // Not because it is a secret: a value that never comes again would only push the others
            // out of the table that compresses the headers.
            value.set_sensitive(true);
            headers.insert(&TRACEPARENT, value);
        }
        *request.headers_mut() = headers;
        request
    }
}

/// The headers that every request has.
fn head(options: &ConnectOptions) -> Result<HeaderMap, ConnectError> {
    let mut headers = connect::metadata(options)?.into_headers();
    headers.insert(TE, HeaderValue::from_static("trailers"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(USER_AGENT, HeaderValue::from_static(connect::USER_AGENT));
    // Room for the trace context, so that adding it moves nothing.
    headers.reserve(2);
    Ok(headers)
}
