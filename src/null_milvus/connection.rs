//! One connection: takes requests from h2, reads them to their end, and answers. No task is made for a request.

use std::{
    future::poll_fn,
    pin::pin,
    rc::Rc,
    task::{Context, Poll},
};

use bytes::Bytes;
use h2::{
    RecvStream,
    server::{self, SendResponse},
};
use http::{HeaderMap, HeaderValue, Request, Response};
use tokio::net::TcpStream;

use super::{
    io::Io,
    message::Body,
    replies::{Size, framed},
    serve::{Server, add},
};
use crate::milvus::{METHODS, proto};

/// The largest window that there is: the server never makes a client wait.
const WINDOW: u32 = (1 << 31) - 1;
/// Largest DATA frame that is taken, so that a large insert comes in few of them.
const FRAME_MAX: u32 = 1 << 20;
/// Largest request, as of Milvus' proxy; the prefix is not counted there.
const MESSAGE_MAX: usize = (64 << 20) + super::message::PREFIX;
/// Resets that h2 shall bear before it ends the connection: clients give up many requests at once under a stall.
const RESETS: usize = 1_000_000;

const SERVICE: &str = "/milvus.proto.milvus.MilvusService/";

/// A request and the way back.
#[derive(Debug)]
pub(super) struct Exchange {
    /// Position in [`METHODS`]; None for a method that nobody knows.
    method: Option<usize>,
    body: Body,
    respond: SendResponse<Bytes>,
}

/// What the client gets.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    /// A message with gRPC's prefix, and status 0.
    Message(Bytes),
    /// A gRPC status alone.
    Failed(i32, String),
}

pub(super) struct Connection {
    http: server::Connection<Io, Bytes>,
    io: Io,
    server: Rc<Server>,
    /// Requests whose end has not arrived yet.
    reading: Vec<(RecvStream, Exchange)>,
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
            // The settings shall leave even if the client waits for them; a failed write is seen by h2 too.
            let _ = io.poll_send(cx);
            shaken
        });
        // A client that speaks something else is left alone.
        let Ok(http) = shaken.await else { return };
        let mut connection = Self { http, io, server, reading: Vec::new(), open: 0, requests: 0 };
        poll_fn(|cx| connection.poll(cx)).await;
    }

    /// Takes, answers and sends all that can be now.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            loop {
                match self.http.poll_accept(cx) {
                    Poll::Ready(Some(Ok((request, respond)))) => self.begin(request, respond, cx),
                    Poll::Ready(_) => {
                        let _ = self.io.poll_send(cx);
                        return Poll::Ready(());
                    }
                    Poll::Pending => break,
                }
            }
            // Frames are made of replies by the next poll_accept only.
            if !self.read_on(cx) {
                break;
            }
        }
        match self.io.poll_send(cx) {
            Poll::Ready(Err(_)) => Poll::Ready(()),
            _ => Poll::Pending,
        }
    }

    fn begin(&mut self, request: Request<RecvStream>, respond: SendResponse<Bytes>, cx: &mut Context<'_>) {
        let counters = &self.server.counters;
        let (head, body) = request.into_parts();
        let name = head.uri.path().strip_prefix(SERVICE);
        let method = name.and_then(|name| METHODS.iter().position(|method| method.name == name));
        if let Some(method) = method {
            add(&counters.requests[method], 1);
        }
        if is_sampled(&head.headers) {
            add(&counters.traced, 1);
        }
        add(&counters.in_flight, 1);
        counters.max_in_flight.set(counters.max_in_flight.get().max(counters.in_flight.get()));
        self.open += 1;
        self.requests += 1;
        if self.server.options.goaway_after == Some(self.requests) {
            self.http.graceful_shutdown();
        }
        self.read(body, Exchange { method, body: Body::default(), respond }, cx);
    }

    /// Reads on in the requests that had not ended; whether one of them was answered.
    fn read_on(&mut self, cx: &mut Context<'_>) -> bool {
        let before = self.open;
        for (body, exchange) in std::mem::take(&mut self.reading) {
            self.read(body, exchange, cx);
        }
        self.open < before
    }

    fn read(&mut self, mut body: RecvStream, mut exchange: Exchange, cx: &mut Context<'_>) {
        loop {
            match body.poll_data(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    exchange.body.push(frame);
                    if exchange.body.len() > MESSAGE_MAX {
                        let text = format!("grpc: received message larger than max ({MESSAGE_MAX})");
                        return self.send(exchange, Reply::Failed(8, text));
                    }
                }
                Poll::Ready(None) => {
                    // Until the stream is forgotten its bytes would count against the connection's window.
                    let _ = body.flow_control().release_capacity(exchange.body.len());
                    return self.answer(exchange);
                }
                Poll::Ready(Some(Err(_))) => return self.close(),
                Poll::Pending => return self.reading.push((body, exchange)),
            }
        }
    }

    fn answer(&mut self, exchange: Exchange) {
        let reply = self.server.reply(exchange.method, &exchange.body);
        self.send(exchange, reply);
    }

    fn send(&mut self, mut exchange: Exchange, reply: Reply) {
        let counters = &self.server.counters;
        add(&counters.bytes_received, exchange.body.len() as u64);
        let mut response = Response::new(());
        *response.headers_mut() = self.server.headers.clone();
        // A client that reset its stream gets nothing, and all calls on it fail.
        match reply {
            Reply::Message(message) => {
                add(&counters.bytes_sent, message.len() as u64);
                if let Ok(mut stream) = exchange.respond.send_response(response, false) {
                    let _ = stream.send_data(message, false);
                    let _ = stream.send_trailers(self.server.trailers.clone());
                }
            }
            Reply::Failed(code, text) => {
                let headers = response.headers_mut();
                headers.insert("grpc-status", HeaderValue::from(code));
                headers.insert("grpc-message", HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("")));
                let _ = exchange.respond.send_response(response, true);
            }
        }
        self.close();
    }

    fn close(&mut self) {
        self.open -= 1;
        self.server.counters.in_flight.set(self.server.counters.in_flight.get() - 1);
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let in_flight = &self.server.counters.in_flight;
        in_flight.set(in_flight.get() - self.open);
    }
}

/// Whether the `traceparent` has flag 01.
fn is_sampled(headers: &HeaderMap) -> bool {
    headers
        .get("traceparent")
        .and_then(|value| value.as_bytes().get(54))
        .is_some_and(|flags| (*flags as char).to_digit(16).is_some_and(|flags| flags & 1 == 1))
}

impl Server {
    fn reply(&self, method: Option<usize>, body: &Body) -> Reply {
        let Some(method) = method.map(|method| METHODS[method]) else { return Reply::Failed(12, "unknown method".to_owned()) };
        let Some(message) = body.message() else { return Reply::Failed(13, "grpc: the message is compressed or not whole".to_owned()) };
        match method.name {
            "Search" => Reply::Message(self.replies.borrow_mut().get(Size::of_search(message))),
            "Insert" => Reply::Message(self.replies.borrow_mut().get(Size::Insert { rows: 1 })),
            "GetVersion" => Reply::Message(framed(&proto::GetVersionResponse {
                status: Some(proto::Status::default()),
                version: "v2.3.5-null".to_owned(),
            })),
            other => Reply::Failed(12, format!("not yet: {other}")),
        }
    }
}
