//! The reply to one request: bytes, or why there are none. Nothing of it is decoded.

use bytes::{Bytes, BytesMut};
use h2::{RecvStream, client::ResponseFuture};
use http::{HeaderMap, StatusCode};

use super::frame;
use crate::{
    milvus::{CallError, CallFailure, transport::MAX_REPLY_BYTES},
    not_grpc::NotGrpc,
};

const GRPC_STATUS: &str = "grpc-status";
const GRPC_MESSAGE: &str = "grpc-message";

/// Statuses of gRPC that are classes of their own here.
const CANCELLED: u8 = 1;
const UNKNOWN: u8 = 2;
const RESOURCE_EXHAUSTED: u8 = 8;
const INTERNAL: u8 = 13;

/// A failure with its text as it came: [`super::InFlight::reply`] masks it before it is cut.
fn failure(error: CallError, text: impl Into<String>) -> CallFailure {
    CallFailure {
        error,
        text: text.into(),
        http_status: None,
        retriable: false,
    }
}

/// Reads to the end of the stream.
pub(super) async fn read(response: ResponseFuture) -> Result<Bytes, CallFailure> {
    let (head, mut body) = response.await.map_err(|error| broken(&error))?.into_parts();
    if let Some(page) = NotGrpc::of(head.status, &head.headers, body.is_end_stream()) {
        return Err(of_page(page));
    }
    if let Some(status) = status(&head.headers) {
        // A reply of trailers only, as a failure is sent.
        status?;
    }
    let data = data(&mut body).await?;
    let trailers = body.trailers().await.map_err(|error| broken(&error))?;
    match trailers.as_ref().and_then(status) {
        Some(status) => status?,
        None if head.status == StatusCode::OK => {
            return Err(failure(
                CallError::Grpc(UNKNOWN),
                "the reply ended without a gRPC status",
            ));
        }
        None => return Err(of_page(NotGrpc::without_status(head.status))),
    }
    frame::message(data).map_err(|text| failure(CallError::BadReply, text))
}

/// All data of the stream; one piece, as small replies are, is not copied.
async fn data(body: &mut RecvStream) -> Result<Bytes, CallFailure> {
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(piece) = body.data().await {
        let piece = piece.map_err(|error| broken(&error))?;
        // The window is given back at once; a stream that is over has none, which is no failure.
        let _ = body.flow_control().release_capacity(piece.len());
        if rest.len() + first.len() + piece.len() > MAX_REPLY_BYTES {
            return Err(failure(
                CallError::Grpc(RESOURCE_EXHAUSTED),
                format!("the reply is longer than {MAX_REPLY_BYTES} bytes"),
            ));
        }
        if first.is_empty() && rest.is_empty() {
            first = piece;
        } else {
            if rest.is_empty() {
                rest.extend_from_slice(&std::mem::take(&mut first));
            }
            rest.extend_from_slice(&piece);
        }
    }
    Ok(if rest.is_empty() {
        first
    } else {
        rest.freeze()
    })
}

/// The status of gRPC in `headers`, None where there is none.
fn status(headers: &HeaderMap) -> Option<Result<(), CallFailure>> {
    let code = headers.get(GRPC_STATUS)?.as_bytes();
    if code == b"0" {
        return Some(Ok(()));
    }
    let code = std::str::from_utf8(code)
        .ok()
        .and_then(|text| text.parse::<u8>().ok())
        .filter(|code| *code <= 16)
        .unwrap_or(UNKNOWN);
    let text = headers
        .get(GRPC_MESSAGE)
        .map_or(&b""[..], |text| text.as_bytes());
    let text = percent_encoding::percent_decode(text).decode_utf8_lossy();
    Some(Err(failure(CallError::of_grpc(code), text)))
}

/// A reply that comes from something before Milvus, or from something else.
fn of_page(page: NotGrpc) -> CallFailure {
    // Codes of gRPC are in 0..=16.
    let code = u8::try_from(i32::from(page.code())).unwrap_or(UNKNOWN);
    CallFailure {
        http_status: Some(page.http_status()),
        ..failure(CallError::of_grpc(code), page.to_string())
    }
}

/// A stream that ended without its reply. A stream that the server reset has a code, which is
/// mapped as gRPC does (doc/PROTOCOL-HTTP2.md of grpc/grpc, "Errors"); everything else is a broken
/// connection.
pub(super) fn broken(error: &h2::Error) -> CallFailure {
    let by_server = error.is_reset() && error.is_remote();
    let class = match error.reason().filter(|_| by_server) {
        Some(h2::Reason::CANCEL) => CallError::Grpc(CANCELLED),
        Some(h2::Reason::ENHANCE_YOUR_CALM) => CallError::Grpc(RESOURCE_EXHAUSTED),
        Some(h2::Reason::INADEQUATE_SECURITY) => CallError::PERMISSION_DENIED,
        Some(h2::Reason::REFUSED_STREAM) | None => CallError::Unavailable,
        Some(_) => CallError::Grpc(INTERNAL),
    };
    failure(class, error.to_string())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn check_status(pairs: &[(&'static str, &'static str)], expected: Option<Result<(), &str>>) {
        let headers: HeaderMap = pairs
            .iter()
            .map(|(name, value)| {
                (
                    http::HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect();
        let found = status(&headers).map(|status| status.map_err(|failure| failure.to_string()));
        assert_eq!(found, expected.map(|status| status.map_err(str::to_owned)));
    }

    #[test]
    fn trailers_say_how_the_call_ended() {
        check_status(&[], None);
        check_status(&[("grpc-status", "0")], Some(Ok(())));
        check_status(
            &[("grpc-status", "14"), ("grpc-message", "over%20there")],
            Some(Err("unavailable: over there")),
        );
        check_status(
            &[("grpc-status", "4"), ("grpc-message", "late")],
            Some(Err("timeout: late")),
        );
        check_status(
            &[("grpc-status", "8"), ("grpc-message", "big")],
            Some(Err("grpc_8: big")),
        );
    }

    #[test]
    fn a_status_that_makes_no_sense_is_unknown() {
        check_status(&[("grpc-status", "banana")], Some(Err("grpc_2: ")));
        check_status(&[("grpc-status", "99")], Some(Err("grpc_2: ")));
    }

    #[test]
    fn pages_have_the_code_that_grpc_gives_them() {
        for (status, expected) in [
            (503, CallError::Unavailable),
            (401, CallError::Grpc(16)),
            (404, CallError::Grpc(12)),
            (413, CallError::Grpc(2)),
        ] {
            let found = of_page(NotGrpc::without_status(
                StatusCode::from_u16(status).expect("a status"),
            ));
            assert_eq!((found.error, found.http_status), (expected, Some(status)));
        }
    }
}
