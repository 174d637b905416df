//! What the connections of one thread share: their places, who waits for a stream, the headers.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use http::{
    HeaderMap, HeaderName, HeaderValue, Method as HttpMethod, Request, Uri, Version,
    header::{CONTENT_TYPE, TE, USER_AGENT},
    uri::PathAndQuery,
};
use tokio::sync::Notify;

use super::{
    choice::Pick,
    dial::Dial,
    link::{Link, Open},
    watch::Watch,
};
use crate::milvus::{
    Call, CallError, CallFailure, ConnectError, ConnectOptions, transport::connect,
};

static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// What every clone of [`super::Connections`] shares.
pub(super) struct Pool {
    pub(super) options: ConnectOptions,
    pub(super) dial: Dial,
    head: HeaderMap,
    pub(super) secrets: Vec<String>,
    pub(super) watch: Rc<dyn Watch>,
    pub(super) links: Vec<Link>,
    next: Cell<usize>,
    /// Who waits for a stream: one queue for all, or one for each connection where requests are
    /// pinned.
    queues: Vec<Queue>,
    /// The state of a link changed.
    pub(super) changed: Notify,
    /// Attempts to open a connection that failed, and the last reason.
    pub(super) failures: Cell<u64>,
    pub(super) failure: RefCell<CallFailure>,
    pub(super) closed: Cell<bool>,
}

/// Requests that wait for a stream; new ones do not overtake them.
#[derive(Default)]
pub(super) struct Queue {
    pub(super) waiting: Cell<usize>,
    pub(super) freed: Notify,
}

/// Counts a request that waits, as long as it lives.
pub(super) struct Waiting<'a>(&'a Queue);

impl<'a> Waiting<'a> {
    /// One more of `queue`.
    pub(super) fn new(queue: &'a Queue) -> Self {
        queue.waiting.set(queue.waiting.get() + 1);
        Self(queue)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.set(self.0.waiting.get() - 1);
    }
}

impl Pool {
    /// The places of the connections, none of them open yet.
    ///
    /// # Errors
    /// A credential fits no header.
    pub(super) fn new(
        dial: Dial,
        options: &ConnectOptions,
        watch: Rc<dyn Watch>,
    ) -> Result<Self, ConnectError> {
        let count = options.connections.max(1) as usize;
        let queues = if options.pick == Pick::Pinned {
            count
        } else {
            1
        };
        Ok(Self {
            head: head(options)?,
            secrets: options.credentials.secrets(),
            dial,
            watch,
            links: (0..count).map(|_| Link::default()).collect(),
            next: Cell::new(0),
            queues: (0..queues).map(|_| Queue::default()).collect(),
            changed: Notify::new(),
            failures: Cell::new(0),
            failure: RefCell::new(CallFailure::new(
                CallError::Unavailable,
                "the connections are closed",
            )),
            closed: Cell::new(false),
            options: options.clone(),
        })
    }

    /// The queue of requests with this pin.
    pub(super) fn queue(&self, pin: u64) -> &Queue {
        let queues = self.queues.len() as u64;
        &self.queues[usize::try_from(pin % queues).unwrap_or(0)]
    }

    /// A stream of connection `number` is free: whoever waits longest for it may try.
    pub(super) fn wake(&self, number: usize) {
        let queue = self.queue(number as u64);
        if queue.waiting.get() > 0 {
            queue.freed.notify_one();
        }
    }

    /// A connection with a free stream.
    pub(super) fn pick(&self, pin: u64) -> Option<(usize, Rc<Open>)> {
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

    /// `call` with every header that it goes with.
    pub(super) fn request(&self, call: &Call, traceparent: &[u8]) -> Request<()> {
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
