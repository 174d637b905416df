//! Why spans could not be read, and whether asking again may help. One place for HTTP and gRPC
//! alike, so that both are understood the same way.

use std::time::Duration;

use tonic::{Code, Status, codegen::http::header::RETRY_AFTER};

use crate::not_grpc::NotGrpc;

/// What asking again may bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// The server is busy, starts or is away: it is asked until the deadline, not before this time
    /// where it named one.
    Later(Option<Duration>),
    /// It may be about this one trace, or pass.
    Perhaps,
    /// The same answer: it wants other credentials, or speaks another language.
    Never,
}

/// Why spans could not be read. Text from the server is cut and cleaned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct SpanError {
    /// One sentence: what, where, and what to do.
    pub text: String,
    /// What asking again may bring.
    pub again: Again,
}

impl SpanError {
    /// A failure that asking again does not change.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            again: Again::Never,
        }
    }

    /// The same words, with what asking again may bring.
    #[must_use]
    pub fn with(self, again: Again) -> Self {
        Self { again, ..self }
    }
}

/// What a gRPC status means. A status that tonic made of an HTTP status (an ingress without a back
/// end, a login) is told by its words, so that HTTP decides there.
pub(super) struct GrpcFailure {
    /// What the server said, in words for an error.
    pub(super) words: String,
    /// What asking again may bring.
    pub(super) again: Again,
    /// The server says that it has no such trace, under whatever code.
    pub(super) no_such_trace: bool,
    /// It wants to know who asks.
    pub(super) refused: bool,
}

/// The one reader of gRPC statuses of span sources.
pub(super) fn grpc_failure(status: &Status) -> GrpcFailure {
    if let Some(http) = NotGrpc::in_status(status) {
        let after = status
            .metadata()
            .get(RETRY_AFTER.as_str())
            .and_then(|value| value.to_str().ok()?.parse().ok());
        let (words, again) = (
            cleaned(status.message()),
            of_http(http, "", after.map(Duration::from_secs)),
        );
        return GrpcFailure {
            words,
            again,
            no_such_trace: false,
            refused: matches!(http, 401 | 403 | 407),
        };
    }
    let code = status.code();
    GrpcFailure {
        words: format!("{code:?}: {}", cleaned(status.message())),
        again: of_grpc(code, status),
        no_such_trace: code == Code::NotFound || names_missing_trace(status.message()),
        refused: matches!(code, Code::Unauthenticated | Code::PermissionDenied),
    }
}

fn of_grpc(code: Code, status: &Status) -> Again {
    // How a gRPC server says when to come back.
    let pushback = status
        .metadata()
        .get("grpc-retry-pushback-ms")
        .and_then(|value| value.to_str().ok());
    let after = pushback
        .and_then(|text| text.parse().ok())
        .map(Duration::from_millis);
    match code {
        // A reply that is too large for this trace, not a server that is busy.
        Code::ResourceExhausted if status.message().contains("larger than max") => Again::Perhaps,
        Code::Unavailable
        | Code::ResourceExhausted
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::Cancelled => Again::Later(after),
        Code::Unauthenticated
        | Code::PermissionDenied
        | Code::Unimplemented
        | Code::InvalidArgument => Again::Never,
        _ if sounds_busy(status.message()) => Again::Later(after),
        _ => Again::Perhaps,
    }
}

/// What an HTTP status means for the next question.
pub(super) fn of_http(status: u16, words: &str, retry_after: Option<Duration>) -> Again {
    match status {
        408 | 425 | 429 | 502 | 503 | 504 => Again::Later(retry_after),
        500.. if retry_after.is_some() || sounds_busy(words) => Again::Later(retry_after),
        300..=399 | 401 | 403 | 407 => Again::Never,
        _ => Again::Perhaps,
    }
}

/// Stores say under 500 or UNKNOWN what their own store says: a 429 of Elasticsearch, a time-out of
/// Cassandra.
fn sounds_busy(words: &str) -> bool {
    let words = words.to_ascii_lowercase();
    [
        "too many",
        "(429)",
        "status 429",
        "(503)",
        "unavailable",
        "exhausted",
        "overload",
        "try again",
        "timeout",
        "timed out",
        "deadline exceeded",
        "connection refused",
        "connection reset",
        "no hosts available",
        "not ready",
        "starting up",
    ]
    .iter()
    .any(|sign| words.contains(sign))
}

/// Whether a server's words say that it has no such trace: Jaeger says so under 404, 500, UNKNOWN
/// and NOT_FOUND. A route that is not found is something else.
pub(super) fn names_missing_trace(words: &str) -> bool {
    // Ids stand between the words in some: "trace 4bf9...36 not found".
    let is_id = |word: &str| word.len() >= 16 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let lower = words.to_ascii_lowercase();
    let words: Vec<&str> = lower
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty() && !is_id(word))
        .collect();
    let said = format!(" {} ", words.join(" "));
    [
        " trace not found ",
        " traces not found ",
        " no trace found ",
        " no traces found ",
        " trace id not found ",
        " traceid not found ",
        " trace was not found ",
        " trace does not exist ",
        " no such trace ",
        " unknown trace ",
    ]
    .iter()
    .any(|sign| said.contains(sign))
}

/// Words of a server as they may stand in an error: control characters gone, at most 200
/// characters.
pub(super) fn cleaned(text: &str) -> String {
    let line = text
        .split(|c: char| c.is_control() || c.is_whitespace())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    match line.char_indices().nth(200) {
        Some((cut, _)) => format!("{}...", &line[..cut]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_words_are_cut_and_cleaned() {
        assert_eq!(cleaned("a\u{1b}[31m\n b"), "a [31m b");
        assert_eq!(cleaned(&"ä".repeat(300)).chars().count(), 203);
    }

    fn check_missing(words: &str, expected: bool) {
        assert_eq!(names_missing_trace(words), expected, "{words}");
    }

    #[test]
    fn a_missing_trace_is_told_from_a_missing_route() {
        check_missing("trace not found", true);
        check_missing(
            "{\"error\":{\"httpCode\":404,\"message\":\"No traces found\"}}",
            true,
        );
        check_missing(
            "rpc error: code = NotFound desc = trace 4bf92f3577b34da6a3ce929d0e0e4736 not found",
            true,
        );
        check_missing("404 page not found", false);
        check_missing(
            "{\"message\":\"no Route matched with those values\"}",
            false,
        );
        check_missing("tracer not found", false);
    }

    /// A reply of HTTP as the readers of gRPC hand it on.
    fn of_status(status: u16) -> Status {
        NotGrpc::without_status(http::StatusCode::from_u16(status).expect("a status")).status()
    }

    #[test]
    fn busy_servers_are_asked_again_whatever_the_code() {
        let later = Again::Later(None);
        assert_eq!(
            of_http(503, "", Some(Duration::from_secs(3))),
            Again::Later(Some(Duration::from_secs(3)))
        );
        assert_eq!(
            of_http(
                500,
                "rpc error: code = Code(429) desc = too many outstanding requests",
                None
            ),
            later
        );
        assert_eq!(
            (
                of_http(500, "unsupported value: NaN", None),
                of_http(302, "", None)
            ),
            (Again::Perhaps, Again::Never)
        );
        for (status, expected) in [
            (Status::unavailable("x"), later),
            (Status::resource_exhausted("quota"), later),
            (
                Status::resource_exhausted("trying to send message larger than max (9 vs. 4)"),
                Again::Perhaps,
            ),
            (Status::unknown("i/o timeout"), later),
            (Status::unknown("x"), Again::Perhaps),
            (Status::permission_denied("x"), Again::Never),
            (of_status(429), later),
            (of_status(413), Again::Perhaps),
            (of_status(404), Again::Perhaps),
        ] {
            assert_eq!(grpc_failure(&status).again, expected, "{status}");
        }
    }

    #[test]
    fn a_status_of_http_is_named_as_such() {
        let failure = grpc_failure(&of_status(404));
        assert!(
            failure.words.contains("HTTP status 404") && !failure.no_such_trace,
            "{}",
            failure.words
        );
    }

    #[test]
    fn grpc_servers_may_say_when_to_come_back() {
        let mut status = Status::unavailable("busy");
        status
            .metadata_mut()
            .insert("grpc-retry-pushback-ms", "1500".parse().expect("a number"));
        assert_eq!(
            grpc_failure(&status).again,
            Again::Later(Some(Duration::from_millis(1500)))
        );
    }
}
