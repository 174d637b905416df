//! Typed calls for set-up, polling and doctor; the measured load goes through [`super::Transport`]
//! with bytes.

mod helpers;
#[cfg(test)]
mod tests;

use std::time::Duration;

use prost::Message;
use tokio::time::Instant;

use super::{Call, CallError, CallFailure, Method, Transport, check_status, proto};

/// A failed typed call: which method on what, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{method} failed: {failure}")]
pub struct SetupError {
    /// Name of the method.
    pub method: &'static str,
    /// Why.
    pub failure: CallFailure,
}

/// A typed call with its moments and sizes.
#[derive(Clone, Debug)]
pub struct Timed<T> {
    /// As in [`super::Reply`].
    pub sent: Instant,
    /// As in [`super::Reply`].
    pub done: Instant,
    /// Length of the request's message.
    pub request_bytes: usize,
    /// Length of the reply's message, 0 if there was none.
    pub reply_bytes: usize,
    /// The reply, its status checked.
    pub result: Result<T, SetupError>,
}

/// A reply that says whether it is a success.
pub trait HasStatus {
    /// The status; None if the server sent none.
    fn status(&self) -> Option<&proto::Status>;
}

impl HasStatus for proto::Status {
    fn status(&self) -> Option<&proto::Status> {
        Some(self)
    }
}

macro_rules! has_status {
    ($($reply:ident)*) => {$(
        impl HasStatus for proto::$reply {
            fn status(&self) -> Option<&proto::Status> {
                self.status.as_ref()
            }
        }
    )*};
}

has_status! {
    ConnectResponse GetVersionResponse CheckHealthResponse AllocTimestampResponse
    ListDatabasesResponse BoolResponse DescribeCollectionResponse ShowCollectionsResponse
    GetLoadingProgressResponse GetLoadStateResponse DescribeIndexResponse MutationResult
    FlushResponse GetFlushStateResponse SearchResults QueryResults GetCollectionStatisticsResponse
    ManualCompactionResponse GetCompactionStateResponse GetQuerySegmentInfoResponse
    GetPersistentSegmentInfoResponse
}

/// One typed call at a time over a [`Transport`].
#[derive(Clone, Debug)]
pub struct Client {
    transport: Transport,
    timeout: Duration,
}

impl Client {
    /// A client whose calls end after `timeout`.
    #[must_use]
    pub fn new(transport: Transport, timeout: Duration) -> Self {
        Self { transport, timeout }
    }

    /// Sends `request` and returns the reply, its status checked. `traceparent` may be empty.
    ///
    /// # Errors
    /// The call failed, its status is a failure, or the reply is no such message.
    pub async fn call<Req, Res>(
        &self,
        method: &'static Method,
        request: &Req,
        traceparent: &[u8],
    ) -> Result<Res, SetupError>
    where
        Req: Message,
        Res: Message + Default + HasStatus,
    {
        self.call_timed(method, request, traceparent).await.result
    }

    /// As [`Client::call`], with the call's moments and sizes, which a failed call has too.
    pub async fn call_timed<Req, Res>(
        &self,
        method: &'static Method,
        request: &Req,
        traceparent: &[u8],
    ) -> Timed<Res>
    where
        Req: Message,
        Res: Message + Default + HasStatus,
    {
        let call = Call {
            method,
            body: request.encode_to_vec().into(),
        };
        let reply = self
            .transport
            .call(0, &call, traceparent, self.timeout)
            .await;
        let reply_bytes = reply.result.as_ref().map_or(0, bytes::Bytes::len);
        let result = reply.result.and_then(|body| {
            let message = Res::decode(body)
                .map_err(|error| CallFailure::new(CallError::BadReply, &error.to_string()))?;
            // Masked here because a server may quote what it was sent.
            check_status(message.status()).map_err(|failure| CallFailure {
                text: self.transport.masked(&failure.text),
                ..failure
            })?;
            Ok(message)
        });
        let result = result.map_err(|failure| SetupError {
            method: method.name,
            failure,
        });
        Timed {
            sent: reply.sent,
            done: reply.done,
            request_bytes: call.body.len(),
            reply_bytes,
            result,
        }
    }
}

/// None where the server does not know the method: older than the call. A page that says "404" is
/// no such server.
///
/// # Errors
/// Every other failure, as it was.
pub fn optional<T>(result: Result<T, SetupError>) -> Result<Option<T>, SetupError> {
    none_if(result, |failure| {
        failure.error == CallError::UNIMPLEMENTED && failure.http_status.is_none()
    })
}

/// None where the server does not know the method, or does not let this user call it: for what is
/// good to know, and not needed.
///
/// # Errors
/// Every other failure, as it was.
pub fn if_allowed<T>(result: Result<T, SetupError>) -> Result<Option<T>, SetupError> {
    const NOT_FOR_US: [CallError; 3] = [
        CallError::UNIMPLEMENTED,
        CallError::PERMISSION_DENIED,
        CallError::Milvus(1401),
    ];
    none_if(result, |failure| {
        NOT_FOR_US.contains(&failure.error) && failure.http_status.is_none()
    })
}

/// None where `absent` says that the failure means absence.
fn none_if<T>(
    result: Result<T, SetupError>,
    absent: impl Fn(&CallFailure) -> bool,
) -> Result<Option<T>, SetupError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if absent(&error.failure) => Ok(None),
        Err(error) => Err(error),
    }
}
