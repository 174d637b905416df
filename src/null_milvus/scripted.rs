//! The way of one call of a server that keeps rows: through the script, to the store and back. A
//! task of its own, since it may wait for many things.

use std::{
    future::poll_fn,
    hash::{DefaultHasher, Hasher},
    rc::Rc,
    time::Duration,
};

use bytes::Bytes;
use h2::server::SendResponse;
use http::HeaderMap;
use tokio::time::{Instant, sleep, sleep_until};

use super::{
    lock::lock,
    message::{Body, first_text},
    methods::{Entry, TABLE},
    script::{Fate, SeenCall},
    server::{Reply, Server, sampled},
    spans::Parent,
};

/// A whole request.
pub(super) struct Request {
    /// Position in [`TABLE`].
    pub(super) method: usize,
    pub(super) headers: HeaderMap,
    pub(super) body: Body,
}

/// Answers a request, unless the client gives it up first.
pub(super) async fn answer(server: Rc<Server>, request: Request, mut respond: SendResponse<Bytes>) {
    let reply = tokio::select! {
        reply = reply(&server, &request) => reply,
        _ = poll_fn(|cx| respond.poll_reset(cx)) => return,
    };
    server.respond(&mut respond, reply);
}

async fn reply(server: &Server, request: &Request) -> Reply {
    let (entry, arrival) = (&TABLE[request.method], Instant::now());
    let Some(message) = request.body.whole() else {
        return Reply::broken_message();
    };
    let call = seen(entry, arrival, request, &message);
    let (dbname, script) = (call.dbname.clone(), &server.shared.script);
    let fate = lock(script).arrive(call, message);
    let authorized = lock(script).authorize(entry_of(&request.headers, "authorization"));
    if let Err(text) = authorized {
        return Reply::Failed(tonic::Code::Unauthenticated.into(), text.to_owned());
    }
    hold(server, entry).await;
    let (number, failure) = (fate.number, fate.failure.clone());
    take_time(fate).await;
    let reply = match failure {
        Some(failure) => server.failed(entry, &failure),
        None => server.stored(entry, dbname.as_deref().unwrap_or_default(), &request.body),
    };
    if reply == Reply::Silence {
        std::future::pending::<()>().await;
    }
    hold(server, entry).await;
    if let (Reply::Message(_), Some(traceparent)) = (&reply, sampled(&request.headers))
        && let Some(parent) = Parent::parse(traceparent.as_bytes())
        && server.shared.tracing.is_wanted()
    {
        server.trace(request.method, number, parent, arrival);
    }
    reply
}

/// Waits while a stall is on.
async fn hold(server: &Server, entry: &Entry) {
    loop {
        let Some(end) = lock(&server.shared.script).held_until(entry.method) else {
            return;
        };
        sleep_until(end).await;
    }
}

/// Waits for a worker and its service time, then for the scripted delay.
async fn take_time(fate: Fate) {
    if let Some(capacity) = fate.capacity {
        let worker = capacity.workers.acquire_owned().await;
        sleep(capacity.service_time).await;
        drop(worker);
    }
    let delay = fate
        .delay
        .map_or(Duration::ZERO, |delay| delay(fate.number));
    if !delay.is_zero() {
        sleep(delay).await;
    }
}

fn entry_of<'a>(headers: &'a HeaderMap, key: &str) -> Option<&'a str> {
    headers.get(key).and_then(|value| value.to_str().ok())
}

fn seen(entry: &Entry, arrival: Instant, request: &Request, message: &Bytes) -> SeenCall {
    let text = |key: &str| entry_of(&request.headers, key).map(str::to_owned);
    let parts = request.body.message();
    SeenCall {
        method: entry.method,
        arrival,
        traceparent: text("traceparent"),
        dbname: text("dbname"),
        authorized: request.headers.contains_key("authorization"),
        body_len: message.len(),
        body_hash: hash(message),
        collection: parts.and_then(|parts| first_text(parts, entry.names)),
    }
}

fn hash(message: &Bytes) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(message);
    hasher.finish()
}
