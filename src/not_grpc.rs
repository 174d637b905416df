//! A reply of HTTP where one of gRPC was expected: the page of a proxy, an ingress or a web server.
//! Whoever reads replies asks here what such a page means, so that it has the same status and the
//! same words everywhere.

use std::{
    error::Error,
    fmt,
    task::{Context, Poll},
    time::{Duration, SystemTime},
};

use futures_util::future::{MapOk, TryFutureExt};
use http::{
    HeaderMap, Request, Response, StatusCode,
    header::{CONTENT_TYPE, DATE, HeaderName, RETRY_AFTER},
};
use tonic::{
    Code, Status,
    body::Body,
    codegen::{Body as _, Service},
};

/// The HTTP status of a [`Status`] that was made here, as metadata.
const MARK: &str = "milvus-bench-http-status";

/// When a reply says to come again: seconds, or a date. A date is held against the reply's own
/// `Date`, where it has one: the clock of its server need not be this machine's.
#[must_use]
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: HeaderName| headers.get(name)?.to_str().ok().map(str::trim);
    let date = |text: &str| httpdate::parse_http_date(text).ok();
    let after = text(RETRY_AFTER)?;
    if let Ok(seconds) = after.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let now = text(DATE).and_then(date).unwrap_or_else(SystemTime::now);
    // One that has passed: at once.
    Some(date(after)?.duration_since(now).unwrap_or_default())
}

/// A reply that is not of gRPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotGrpc(StatusCode);

impl NotGrpc {
    /// Looks at the head of a reply; `ended`: nothing follows it, so no status of gRPC does. A
    /// status of gRPC counts whatever HTTP says beside it.
    #[must_use]
    pub fn of(status: StatusCode, headers: &HeaderMap, ended: bool) -> Option<Self> {
        let is_grpc = headers
            .get(CONTENT_TYPE)
            .is_some_and(|of| of.as_bytes().starts_with(b"application/grpc"));
        let may_follow = is_grpc && !(ended && status != StatusCode::OK);
        (!headers.contains_key("grpc-status") && !may_follow).then_some(Self(status))
    }

    /// A reply that ended without a status of gRPC.
    #[must_use]
    pub fn without_status(status: StatusCode) -> Self {
        Self(status)
    }

    /// The code that gRPC gives it (doc/http-grpc-status-mapping.md of grpc/grpc).
    #[must_use]
    pub fn code(self) -> Code {
        match self.0.as_u16() {
            400 => Code::Internal,
            401 => Code::Unauthenticated,
            403 => Code::PermissionDenied,
            404 => Code::Unimplemented,
            429 | 502..=504 => Code::Unavailable,
            _ => Code::Unknown,
        }
    }

    /// The HTTP status.
    #[must_use]
    pub fn http_status(self) -> u16 {
        self.0.as_u16()
    }

    /// As a reply of gRPC would say it.
    #[must_use]
    pub fn status(self) -> Status {
        let mut status = Status::new(self.code(), self.to_string());
        status
            .metadata_mut()
            .insert(MARK, self.http_status().into());
        status
    }

    /// From the `words` of a client of gRPC that no one could look over the shoulder of, and that
    /// has read the page as a message.
    #[must_use]
    pub fn in_words(words: &str) -> Option<Self> {
        const BEFORE: [&str; 2] = [
            "while receiving response with status: ",
            "mapped from HTTP status code ",
        ];
        let misread = words.contains("invalid compression flag")
            || words.contains("grpc-status header missing");
        let after = BEFORE
            .iter()
            .find_map(|before| words.split_once(before))
            .filter(|_| misread)?
            .1;
        let status = StatusCode::from_bytes(after.get(..3)?.as_bytes()).ok()?;
        Some(Self(status))
    }

    /// The HTTP status of a reply that [`Reading`] turned into `status`; None where that came from
    /// a server of gRPC.
    #[must_use]
    pub fn in_status(status: &Status) -> Option<u16> {
        status.metadata().get(MARK)?.to_str().ok()?.parse().ok()
    }
}

impl fmt::Display for NotGrpc {
    /// One sentence of at most 180 characters.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = match self.0.as_u16() {
            200..=299 => "another kind of server answers at this address",
            300..=399 => "a web server or proxy redirects, which gRPC does not follow",
            401 | 403 | 407 => "a proxy before the server requires a login",
            413 => {
                "a proxy before the server rejects requests of this size; raise its limit (nginx: \
                 client_max_body_size)"
            }
            429 => "a proxy before the server limits the rate",
            500 => "a proxy or web server answers in its place",
            502..=504 => "a proxy answers, but the server behind it does not",
            _ => "a web server answers, or a proxy that does not pass gRPC on",
        };
        write!(f, "HTTP status {} instead of a gRPC reply: {who}", self.0)
    }
}

/// A channel of gRPC whose replies are looked at before they are read as such.
#[derive(Clone, Debug)]
pub struct Reading<S>(pub S);

type Read = fn(Response<Body>) -> Response<Body>;

impl<Q, S> Service<Request<Q>> for Reading<S>
where
    S: Service<Request<Q>, Response = Response<Body>>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = MapOk<S::Future, Read>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        self.0.call(request).map_ok(read as Read)
    }
}

fn read(response: Response<Body>) -> Response<Body> {
    match NotGrpc::of(
        response.status(),
        response.headers(),
        response.body().is_end_stream(),
    ) {
        Some(page) => {
            let mut status = page.status();
            // When to come again is told to whoever wants to, in seconds.
            if let Some(after) = retry_after(response.headers()) {
                let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
                status
                    .metadata_mut()
                    .insert(RETRY_AFTER.as_str(), seconds.into());
            }
            status.into_http()
        }
        None => response,
    }
}

/// `error` and its causes in one line. Each stands once: libraries repeat the text of a cause in
/// that of the error around it.
#[must_use]
pub fn chain(error: Option<&(dyn Error + 'static)>) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut next = error;
    while let Some(error) = next {
        let text = error.to_string();
        next = error.source();
        if !text.is_empty() && !texts.iter().any(|before| before.contains(&text)) {
            texts.retain(|before| !text.contains(before.as_str()));
            texts.push(text);
        }
    }
    texts.join(": ")
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Layer {
        text: &'static str,
        source: Option<Box<Layer>>,
    }

    #[test]
    fn a_cause_stands_once() {
        let check = |texts: &[&'static str], expected: &str| {
            let error = texts
                .iter()
                .rev()
                .fold(None, |source, text| Some(Box::new(Layer { text, source })));
            let error = error
                .as_deref()
                .map(|error| error as &(dyn Error + 'static));
            assert_eq!(chain(error), expected);
        };
        check(&["connect", "refused"], "connect: refused");
        check(&["refused", "refused"], "refused");
        check(&["connect: refused", "refused"], "connect: refused");
        check(
            &["transport error", "broken", "transport error"],
            "transport error: broken",
        );
        check(&["error", "error: eof"], "error: eof");
        check(&[], "");
    }

    fn check(
        status: u16,
        headers: &[(&'static str, &'static str)],
        expected: Option<(Code, &str)>,
    ) {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| {
                (
                    http::HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect();
        let found = NotGrpc::of(
            StatusCode::from_u16(status).expect("a status"),
            &headers,
            false,
        );
        assert_eq!(
            found.map(NotGrpc::code),
            expected.map(|(code, _)| code),
            "{status}"
        );
        if let (Some(found), Some((_, words))) = (found, expected) {
            let text = found.to_string();
            assert!(
                text.starts_with(&format!("HTTP status {status}"))
                    && text.contains(words)
                    && text.len() <= 180,
                "{text}"
            );
            assert_eq!(NotGrpc::in_status(&found.status()), Some(status));
        }
    }

    fn check_after(headers: &[(&'static str, &'static str)], expected: Option<u64>) {
        let headers = headers
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect();
        assert_eq!(
            retry_after(&headers).map(|after| after.as_secs()),
            expected,
            "{headers:?}"
        );
    }

    #[test]
    fn when_to_come_again_is_seconds_or_a_date() {
        check_after(&[], None);
        check_after(&[("retry-after", " 3 ")], Some(3));
        let date = ("date", "Mon, 30 Nov 2026 11:00:00 GMT");
        check_after(
            &[("retry-after", "Mon, 30 Nov 2026 11:00:07 GMT"), date],
            Some(7),
        );
        // The two older forms that RFC 9110 still allows.
        check_after(
            &[("retry-after", "Monday, 30-Nov-26 11:00:09 GMT"), date],
            Some(9),
        );
        check_after(
            &[("retry-after", "Mon Nov 30 11:01:00 2026"), date],
            Some(60),
        );
        check_after(
            &[("retry-after", "Mon, 30 Nov 2026 10:59:00 GMT"), date],
            Some(0),
        );
        // Without its clock that of this machine counts.
        check_after(&[("retry-after", "Fri, 01 Jan 2016 00:00:00 GMT")], Some(0));
        check_after(&[("retry-after", "soon"), date], None);
        check_after(&[("retry-after", "-1"), date], None);
        let page = Response::builder()
            .status(503)
            .header("retry-after", "Mon, 30 Nov 2026 11:00:07 GMT")
            .header("date", date.1);
        let status =
            Status::from_header_map(read(page.body(Body::default()).expect("a page")).headers())
                .expect("a status");
        assert_eq!(
            status
                .metadata()
                .get("retry-after")
                .and_then(|value| value.to_str().ok()),
            Some("7")
        );
    }

    #[test]
    fn a_page_that_was_read_as_a_message_is_known_by_the_words() {
        let check = |words: &str, expected: Option<u16>| {
            assert_eq!(
                NotGrpc::in_words(words).map(NotGrpc::http_status),
                expected,
                "{words}"
            )
        };
        let misread = |status: &str| {
            format!(
                "Internal: protocol error: received message with invalid compression flag: 60 \
                 (valid flags are 0 and 1) while receiving response with status: {status}"
            )
        };
        check(&misread("401 Unauthorized"), Some(401));
        check(&misread("200 OK"), Some(200));
        check(
            "Unknown: grpc-status header missing, mapped from HTTP status code 418",
            Some(418),
        );
        check(
            "Internal: while receiving response with status: 401 Unauthorized",
            None,
        );
        check(&misread("4"), None);
        check("Unavailable: no healthy upstream", None);
    }

    #[test]
    fn pages_are_mapped_as_grpc_maps_them() {
        let html = [("content-type", "text/html")];
        check(200, &html, Some((Code::Unknown, "another kind of server")));
        check(200, &[], Some((Code::Unknown, "another kind of server")));
        check(301, &html, Some((Code::Unknown, "redirects")));
        check(400, &html, Some((Code::Internal, "does not pass gRPC on")));
        check(401, &html, Some((Code::Unauthenticated, "login")));
        check(403, &html, Some((Code::PermissionDenied, "login")));
        check(
            404,
            &html,
            Some((Code::Unimplemented, "a web server answers")),
        );
        check(413, &html, Some((Code::Unknown, "of this size")));
        check(429, &html, Some((Code::Unavailable, "limits the rate")));
        check(500, &html, Some((Code::Unknown, "in its place")));
        for status in [502, 503, 504] {
            check(
                status,
                &html,
                Some((Code::Unavailable, "the server behind it does not")),
            );
        }
    }

    #[test]
    fn a_status_of_grpc_counts_whatever_http_says() {
        check(
            503,
            &[("content-type", "text/html"), ("grpc-status", "8")],
            None,
        );
        check(200, &[("content-type", "application/grpc+proto")], None);
        // Its trailers may still say it.
        check(503, &[("content-type", "application/grpc")], None);
        let headers =
            HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/grpc"))]);
        assert_eq!(
            NotGrpc::of(StatusCode::BAD_GATEWAY, &headers, true).map(NotGrpc::code),
            Some(Code::Unavailable)
        );
        assert_eq!(NotGrpc::of(StatusCode::OK, &headers, true), None);
    }

    #[test]
    fn a_status_of_a_server_has_no_http_status() {
        assert_eq!(NotGrpc::in_status(&Status::unavailable("x")), None);
    }
}
