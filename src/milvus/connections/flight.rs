//! A request between `sent` and `done`.

use std::{rc::Rc, time::Duration};

use bytes::Bytes;
use h2::client::ResponseFuture;
use tokio::time::Instant;

use super::{link::Open, pool::Pool, reply};
use crate::milvus::{
    Call, CallError, CallFailure,
    transport::{forbidden_text, mask},
};

/// Why a request can't leave now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotSent {
    /// No connection with a free stream at the moment.
    Busy,
    /// It will not leave at all: forbidden, or the connections are closed.
    Never(CallFailure),
}

/// What became of a request.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// Read immediately before the request was handed to HTTP/2.
    pub sent: Instant,
    /// Read when the end of the reply was seen, or the failure.
    pub done: Instant,
    /// The reply's message, not looked at: its `status` may still be a failure.
    pub result: Result<Bytes, CallFailure>,
}

/// A request that was sent. Dropping it gives the request up: the server is told to stop.
pub struct InFlight {
    sent: Instant,
    response: Option<ResponseFuture>,
    number: usize,
    open: Rc<Open>,
    pool: Rc<Pool>,
}

impl InFlight {
    /// Sends `call` now on a connection that has a free stream.
    ///
    /// # Errors
    /// See [`NotSent`].
    pub(super) fn start(
        pool: &Rc<Pool>,
        pin: u64,
        call: &Call,
        traceparent: &[u8],
    ) -> Result<Self, NotSent> {
        if !pool.options.access.allows(call.method.effect) {
            return Err(NotSent::Never(CallFailure::new(
                CallError::Forbidden,
                &forbidden_text(call, pool.options.access),
            )));
        }
        if pool.closed.get() {
            return Err(NotSent::Never(pool.failure.borrow().clone()));
        }
        while let Some((number, open)) = pool.pick(pin) {
            let request = pool.request(call, traceparent);
            match open.send(request, call.body.clone()) {
                Ok((sent, response)) => {
                    return Ok(Self {
                        sent,
                        response: Some(response),
                        number,
                        open,
                        pool: Rc::clone(pool),
                    });
                }
                // The server is closing this connection, and takes nothing new on it.
                Err(_) => pool.links[number].lose(&open),
            }
        }
        Err(NotSent::Busy)
    }

    /// Read immediately before the request was handed to HTTP/2.
    #[must_use]
    pub fn sent(&self) -> Instant {
        self.sent
    }

    /// Awaits the end of the reply, until `timeout` after `sent`.
    pub async fn reply(mut self, timeout: Duration) -> Exchange {
        let sent = self.sent;
        let result = tokio::time::timeout_at(sent + timeout, self.exchange()).await;
        let done = Instant::now();
        if matches!(result, Ok(Ok(_))) {
            self.open.answered();
        }
        let result = match result {
            Ok(result) => result.map_err(
                |CallFailure {
                     error,
                     text,
                     http_status,
                     retriable,
                 }| CallFailure {
                    http_status,
                    retriable,
                    ..CallFailure::new(error, &mask(&self.pool.secrets, &text))
                },
            ),
            Err(_) => Err(CallFailure::new(
                CallError::Timeout,
                &format!("no reply within {timeout:?}"),
            )),
        };
        Exchange { sent, done, result }
    }

    async fn exchange(&mut self) -> Result<Bytes, CallFailure> {
        match self.response.take() {
            Some(response) => reply::read(response).await,
            None => Err(CallFailure::new(
                CallError::Unavailable,
                "its reply was already taken",
            )),
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.open.release();
        self.pool.wake(self.number);
    }
}
