//! A request between `sent` and `done`.

use std::{rc::Rc, time::Duration};

use bytes::Bytes;
use h2::client::ResponseFuture;
use tokio::time::Instant;

use super::{Inner, link::Open, reply};
use crate::milvus::{CallError, CallFailure};

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
    pub(super) sent: Instant,
    pub(super) response: Option<ResponseFuture>,
    pub(super) number: usize,
    pub(super) open: Rc<Open>,
    pub(super) inner: Rc<Inner>,
}

impl InFlight {
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
                    ..CallFailure::new(error, &super::mask(&self.inner.secrets, &text))
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
                "its reply was taken already",
            )),
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.open.release();
        self.inner.wake(self.number);
    }
}
