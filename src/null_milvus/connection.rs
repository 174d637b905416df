//! One connection: takes requests from h2, reads them to their end, and answers when it is time. No
//! task is made for a request.

use std::{
    cmp::Ordering,
    collections::BinaryHeap,
    future::{Future, poll_fn},
    io,
    pin::pin,
    rc::Rc,
    task::{Context, Poll},
};

use bytes::Bytes;
use h2::{
    RecvStream,
    server::{self, SendResponse},
};
use http::{HeaderMap, HeaderValue, Request};
use tokio::{net::TcpStream, task::JoinSet, time::Instant};

use super::{
    io::Io,
    message::{Body, PREFIX},
    methods::{TABLE, position},
    scripted,
    server::{Reply, Server, add, sampled},
    spans::Parent,
    timer::Timer,
};

/// The largest window that there is: the server never makes a client wait.
const WINDOW: u32 = (1 << 31) - 1;
/// Largest DATA frame that is taken, so that a large insert comes in few of them.
const FRAME_MAX: u32 = 1 << 20;
/// Largest request, as of Milvus' proxy.
const MESSAGE_MAX: usize = 64 << 20;
/// Resets that h2 shall bear before it ends the connection: clients give up many requests at once
/// under a stall.
const RESETS: usize = 1_000_000;

/// Spans are taken and thrown away, so that a client's exporter has an endpoint that costs nearly
/// nothing.
const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
/// An empty message with gRPC's prefix.
const EMPTY: Bytes = Bytes::from_static(&[0; PREFIX]);

/// What a request calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    /// Position in [`TABLE`].
    Method(usize),
    /// Brings spans.
    Export,
    Unknown,
}

/// A request and the way back.
#[derive(Debug)]
struct Exchange {
    target: Target,
    /// Where the time is of interest; else None.
    arrived: Option<Instant>,
    /// Of a sampled request, where spans are wanted.
    parent: Option<Parent>,
    dbname: Option<HeaderValue>,
    /// Kept where a script wants to see them.
    headers: Option<Box<HeaderMap>>,
    /// Number of the call among those of its method, from 1.
    number: u64,
    respond: SendResponse<Bytes>,
}

/// A reply that is not due yet.
#[derive(Debug)]
struct Waiting {
    due: Instant,
    /// Arrival's order, which decides between equal times.
    number: u64,
    exchange: Exchange,
    reply: Reply,
}

/// The greatest is the one that is due first, for [`BinaryHeap`].
impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.due, other.number).cmp(&(self.due, self.number))
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Waiting {}

pub(super) struct Connection {
    http: server::Connection<Io, Bytes>,
    io: Io,
    server: Rc<Server>,
    /// Requests whose end has not arrived yet.
    reading: Vec<(RecvStream, Exchange, Body)>,
    waiting: BinaryHeap<Waiting>,
    timer: Option<Timer>,
    /// Requests that are never answered.
    silent: Vec<SendResponse<Bytes>>,
    /// Length of `silent` at which those that the client gave up are looked for.
    silent_limit: usize,
    /// Calls that go by the script.
    scripted: JoinSet<()>,
    /// Requests that are not answered yet.
    open: u64,
    requests: u64,
}

impl Connection {
    /// Serves until the client closes, or the connection fails.
    pub(super) async fn serve(socket: TcpStream, server: Rc<Server>) {
        let io = Io::new(socket);
        let mut builder = server::Builder::new();
        builder
            .initial_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .max_frame_size(FRAME_MAX)
            .max_concurrent_reset_streams(RESETS)
            .max_pending_accept_reset_streams(RESETS);
        if let Some(max) = server.options.max_concurrent_streams {
            builder.max_concurrent_streams(max);
        }
        let mut handshake = pin!(builder.handshake(io.clone()));
        let shaken = poll_fn(|cx| {
            let shaken = handshake.as_mut().poll(cx);
            // The settings leave at once, as a client may wait for them. h2 sees a broken
            // connection by itself.
            let _ = io.poll_send(cx);
            shaken
        });
        // A client that speaks something else is left alone.
        let Ok(http) = shaken.await else { return };
        let (reading, waiting, silent) = Default::default();
        let mut connection = Self {
            http,
            io,
            server,
            reading,
            waiting,
            timer: None,
            silent,
            silent_limit: 1024,
            scripted: JoinSet::new(),
            open: 0,
            requests: 0,
        };
        poll_fn(|cx| connection.poll(cx)).await;
    }

    /// Takes, answers and sends all that can be now.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            loop {
                match self.http.poll_accept(cx) {
                    Poll::Ready(Some(Ok((request, respond)))) => self.begin(request, respond, cx),
                    Poll::Ready(_) => {
                        // The last frames, GOAWAY among them, leave if the socket takes them.
                        let _ = self.io.poll_send(cx);
                        return Poll::Ready(());
                    }
                    Poll::Pending => break,
                }
            }
            let before = self.open;
            self.read_on(cx);
            // Without a timer nothing that waits would ever be answered.
            if self.answer_due(cx).is_err() {
                return Poll::Ready(());
            }
            // Frames are made of replies by the next poll_accept only.
            if self.open == before {
                break;
            }
        }
        match self.io.poll_send(cx) {
            Poll::Ready(Err(_)) => Poll::Ready(()),
            _ => Poll::Pending,
        }
    }

    fn begin(
        &mut self,
        request: Request<RecvStream>,
        respond: SendResponse<Bytes>,
        cx: &mut Context<'_>,
    ) {
        let (server, counters) = (&self.server, &self.server.counters);
        let (head, body) = request.into_parts();
        let target = target(head.uri.path(), server.shared.is_scripted);
        let number = match target {
            Target::Method(method) => {
                add(&counters.requests[method], 1);
                counters.requests[method].get()
            }
            Target::Export => {
                add(&counters.exports, 1);
                0
            }
            Target::Unknown => 0,
        };
        let traceparent = sampled(&head.headers);
        add(&counters.traced, u64::from(traceparent.is_some()));
        add(&counters.in_flight, 1);
        counters
            .max_in_flight
            .set(counters.max_in_flight.get().max(counters.in_flight.get()));
        self.open += 1;
        self.requests += 1;
        if server.options.goaway_after == Some(self.requests) {
            self.http.graceful_shutdown();
        }
        let exchange = Exchange {
            target,
            arrived: server.needs_time().then(Instant::now),
            parent: traceparent
                .filter(|_| server.has_spans())
                .and_then(|value| Parent::parse(value.as_bytes())),
            dbname: head.headers.get("dbname").cloned(),
            headers: server.shared.is_scripted.then(|| Box::new(head.headers)),
            number,
            respond,
        };
        self.read(body, exchange, Body::default(), cx);
    }

    /// Reads on in the requests that had not ended.
    fn read_on(&mut self, cx: &mut Context<'_>) {
        for (stream, exchange, body) in std::mem::take(&mut self.reading) {
            self.read(stream, exchange, body, cx);
        }
    }

    fn read(
        &mut self,
        mut stream: RecvStream,
        exchange: Exchange,
        mut body: Body,
        cx: &mut Context<'_>,
    ) {
        loop {
            match stream.poll_data(cx) {
                Poll::Ready(Some(Ok(frame))) => body.push(frame),
                Poll::Ready(None) => {
                    // A reply that waits keeps the stream, whose bytes would count against the
                    // connection's window.
                    let _ = stream.flow_control().release_capacity(body.len());
                    return self.answer(exchange, body);
                }
                Poll::Ready(Some(Err(_))) => return self.close(),
                Poll::Pending => return self.reading.push((stream, exchange, body)),
            }
            if body.len() > MESSAGE_MAX + PREFIX {
                let text = format!(
                    "grpc: received message larger than max ({} vs. {MESSAGE_MAX})",
                    body.len()
                );
                return self.send(exchange, Reply::Failed(8, text));
            }
        }
    }

    fn answer(&mut self, mut exchange: Exchange, body: Body) {
        let server = &self.server;
        add(&server.counters.bytes_received, body.len() as u64);
        let reply = match exchange.target {
            Target::Method(method) => {
                if let Some(headers) = exchange.headers.take() {
                    let request = scripted::Request {
                        method,
                        headers: *headers,
                        body,
                    };
                    return self.hand_over(request, exchange.respond);
                }
                let dbname = exchange.dbname.as_ref();
                let dbname = dbname.and_then(|name| name.to_str().ok());
                server.reply(method, dbname.unwrap_or_default(), &body)
            }
            Target::Export => Reply::Message(EMPTY),
            Target::Unknown => Reply::Failed(12, "unknown method of MilvusService".to_owned()),
        };
        match exchange.due(server) {
            Some(due) => self.waiting.push(Waiting {
                due,
                number: self.requests,
                exchange,
                reply,
            }),
            None => self.send(exchange, reply),
        }
    }

    /// Leaves a request to a task of its own, which the connection's end ends.
    fn hand_over(&mut self, request: scripted::Request, respond: SendResponse<Bytes>) {
        while let Some(ended) = self.scripted.try_join_next() {
            if let Err(error) = ended {
                // A bug, or a panic of a scripted closure, must be seen by the test.
                std::panic::resume_unwind(error.into_panic());
            }
        }
        let server = Rc::clone(&self.server);
        self.scripted
            .spawn_local(scripted::answer(server, request, respond));
        self.close();
    }

    /// Sends what is due, and has the timer wake the task for what is due next.
    fn answer_due(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        while let Some(due) = self.waiting.peek().map(|first| first.due) {
            let now = Instant::now();
            if due > now {
                let timer = match &mut self.timer {
                    Some(timer) => timer,
                    None => self.timer.insert(Timer::new()?),
                };
                return timer.wake_at(due, now, cx);
            }
            if let Some(first) = self.waiting.pop() {
                self.send(first.exchange, first.reply);
            }
        }
        Ok(())
    }

    fn send(&mut self, mut exchange: Exchange, reply: Reply) {
        if reply == Reply::Silence {
            return self.keep_silent(exchange.respond);
        }
        self.server.respond(&mut exchange.respond, reply);
        if let (Target::Method(method), Some(parent), Some(arrived)) =
            (exchange.target, exchange.parent, exchange.arrived)
        {
            self.server.trace(method, exchange.number, parent, arrived);
        }
        self.close();
    }

    fn keep_silent(&mut self, respond: SendResponse<Bytes>) {
        self.silent.push(respond);
        if self.silent.len() < self.silent_limit {
            return;
        }
        // No task shall be woken by a reset: they are only looked for.
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let before = self.silent.len();
        self.silent
            .retain_mut(|respond| respond.poll_reset(&mut cx).is_pending());
        self.silent_limit = 1024.max(2 * self.silent.len());
        for _ in self.silent.len()..before {
            self.close();
        }
    }

    fn close(&mut self) {
        self.open -= 1;
        let in_flight = &self.server.counters.in_flight;
        in_flight.set(in_flight.get() - 1);
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let in_flight = &self.server.counters.in_flight;
        in_flight.set(in_flight.get() - self.open);
    }
}

impl Exchange {
    /// When the options want it answered; None for at once.
    fn due(&self, server: &Server) -> Option<Instant> {
        let arrived = self.arrived.filter(|_| server.behaviour.needs_time())?;
        let is_data = matches!(self.target, Target::Method(method) if TABLE[method].is_data());
        server.behaviour.due(is_data, arrived)
    }
}

/// A fake Milvus takes no spans, as a real one.
fn target(path: &str, is_scripted: bool) -> Target {
    match position(path) {
        Some(method) => Target::Method(method),
        None if path == EXPORT && !is_scripted => Target::Export,
        None => Target::Unknown,
    }
}
