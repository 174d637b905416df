//! A request between `sent` and `done`.

use std::{future::poll_fn, pin::pin, rc::Rc, time::Duration};

use bytes::{Buf, Bytes};
use h2::{SendStream, client::ResponseFuture};
use tokio::time::Instant;

use super::{
    Inner,
    frame::Frame,
    link::{Open, Unsent},
    reply,
};
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
    pub(super) unsent: Unsent,
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
            Ok(result) => result.map_err(|failure| CallFailure::new(failure.error, &super::mask(&self.inner.secrets, &failure.text))),
            Err(_) => Err(CallFailure::new(CallError::Timeout, &format!("no reply within {timeout:?}"))),
        };
        Exchange { sent, done, result }
    }

    async fn exchange(&mut self) -> Result<Bytes, CallFailure> {
        let Some(response) = self.response.take() else {
            return Err(CallFailure::new(CallError::Unavailable, "its reply was taken already"));
        };
        let Some(unsent) = self.unsent.take() else { return reply::read(response).await };
        // A server may refuse what it has not read to the end, and open the window no more.
        let mut reply = pin!(reply::read(response));
        tokio::select! {
            biased;
            result = &mut reply => return result,
            () = self.send_rest(unsent) => {}
        }
        reply.await
    }

    /// Sends what the window did not take at once. A stream that ends meanwhile says why in its reply.
    async fn send_rest(&self, (mut stream, mut frame): (SendStream<Frame>, Frame)) {
        while frame.has_remaining() {
            let room = match poll_fn(|cx| stream.poll_capacity(cx)).await {
                Some(Ok(room)) => room.min(frame.remaining()),
                _ => return,
            };
            let piece = frame.split_to(room);
            if stream.send_data(piece, !frame.has_remaining()).is_err() {
                return;
            }
        }
        self.inner.watch.no_window(self.number, Instant::now().saturating_duration_since(self.sent));
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.open.release();
        self.inner.wake(self.number);
    }
}
