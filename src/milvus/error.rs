//! How a call can fail.

use std::fmt;

use super::proto::Status;

/// Why a call failed: small and copyable, so that a failure costs the load nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CallError {
    /// The request's own timeout passed, or the server answered `DEADLINE_EXCEEDED`.
    Timeout,
    /// No connection, a broken one, or gRPC status `UNAVAILABLE`.
    Unavailable,
    /// Another gRPC status that is not OK, in 1..=16.
    Grpc(u8),
    /// gRPC was OK and the reply's `status` holds this code of Milvus, not 0. A server that sets
    /// only the legacy `error_code` (2.2) is given the negated enum value, so that the two spaces
    /// can't be confused.
    Milvus(i32),
    /// The reply is not a message of the expected type.
    BadReply,
    /// The call may not leave the client: `[milvus] access` forbids it.
    Forbidden,
}

impl CallError {
    /// gRPC status `PERMISSION_DENIED`: not for this user.
    pub const PERMISSION_DENIED: Self = Self::Grpc(7);
    /// gRPC status `UNIMPLEMENTED`: the server does not know the call.
    pub const UNIMPLEMENTED: Self = Self::Grpc(12);
    /// gRPC status `UNAUTHENTICATED`: the server wants to know who calls, or did not believe it.
    pub const UNAUTHENTICATED: Self = Self::Grpc(16);

    /// The class of a gRPC status that is not OK, in 1..=16.
    #[must_use]
    pub fn of_grpc(status: u8) -> Self {
        const DEADLINE_EXCEEDED: u8 = 4;
        const UNAVAILABLE: u8 = 14;
        match status {
            DEADLINE_EXCEEDED => Self::Timeout,
            UNAVAILABLE => Self::Unavailable,
            other => Self::Grpc(other),
        }
    }

    /// Whether the server does not know the call, or does not let this user make it: nothing
    /// follows for what was asked about.
    #[must_use]
    pub fn is_refusal_to_tell(self) -> bool {
        // Milvus' codes of a missing privilege, the negative one of 2.2.
        const NO_PRIVILEGE: [i32; 3] = [1400, 1401, -27];
        match self {
            Self::PERMISSION_DENIED | Self::UNIMPLEMENTED | Self::UNAUTHENTICATED => true,
            Self::Milvus(code) => NO_PRIVILEGE.contains(&code),
            error => error == Self::Forbidden,
        }
    }
}

impl fmt::Display for CallError {
    /// The stable outcome code of the run folder: `timeout`, `unavailable`, `grpc_8`, `milvus_100`,
    /// ...
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CallError::Timeout => f.write_str("timeout"),
            CallError::Unavailable => f.write_str("unavailable"),
            CallError::Grpc(code) => write!(f, "grpc_{code}"),
            CallError::Milvus(code) => write!(f, "milvus_{code}"),
            CallError::BadReply => f.write_str("bad_reply"),
            CallError::Forbidden => f.write_str("forbidden"),
        }
    }
}

/// A failed call with the server's own words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error}: {text}")]
pub struct CallFailure {
    /// The class of the failure.
    pub error: CallError,
    /// Text of the server or the transport, at most 500 characters, control characters replaced,
    /// secrets masked.
    pub text: String,
    /// Status of HTTP, where the reply was none of gRPC; see [`crate::not_grpc`].
    pub http_status: Option<u16>,
    /// Whether the server itself asks to come again later: a limit of the rate, a role that is
    /// starting. A call that found no server is not.
    pub retriable: bool,
}

/// Codes of Milvus that pass by themselves: not ready, unavailable, too many requests, rate limit,
/// resources, collection or partition not fully loaded yet, recovering, a cut read, a repeated
/// query that did not fit. 2.3.5 does not mark all of them as retriable. The negative ones are of
/// 2.2, which marks none: rate limit, and in four ways not ready.
const PASSING: &[i32] = &[
    1, 2, 4, 8, 12, 103, 106, 202, 1002, 2200, -49, -56, -57, -100, -101,
];

/// Longest text of a failure, in characters.
const TEXT_LIMIT: usize = 500;

impl CallFailure {
    /// A failure with `text` cut to 500 characters and its control characters replaced by spaces.
    #[must_use]
    pub fn new(error: CallError, text: &str) -> Self {
        let text = text
            .chars()
            .take(TEXT_LIMIT)
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        Self {
            error,
            text,
            http_status: None,
            retriable: false,
        }
    }

    /// The same with the server's word on whether it may be tried again.
    #[must_use]
    pub fn retriable_if(self, retriable: bool) -> Self {
        Self { retriable, ..self }
    }
}

/// Whether what `code` of Milvus says passes by itself: "not now".
#[must_use]
pub fn passes(code: i32) -> bool {
    PASSING.contains(&code)
}

/// Whether a reply's `status` says success.
///
/// Both codes are looked at: Milvus 2.2 sets only `error_code`, milvus-lite only `code`. A missing
/// status is success: proto3 can't tell a server that leaves an empty message out from one that
/// sends it, and no document promises it.
///
/// # Errors
/// The status is a failure: [`CallError::Milvus`] with `code`, or with the negated `error_code`
/// where `code` is 0.
pub fn check_status(status: Option<&Status>) -> Result<(), CallFailure> {
    let Some(status) = status else { return Ok(()) };
    let code = match (status.code, status.error_code) {
        (0, 0) => return Ok(()),
        (0, legacy) => legacy.saturating_neg(),
        (code, _) => code,
    };
    // Newer servers leave `reason` short and put the cause into `detail`; older ones have no
    // `detail`.
    let text = if status.reason.is_empty() {
        &status.detail
    } else {
        &status.reason
    };
    let retriable = status.retriable || passes(code);
    Err(CallFailure::new(CallError::Milvus(code), text).retriable_if(retriable))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: Option<Status>, expected: Result<(), &str>) {
        let found = check_status(status.as_ref()).map_err(|failure| failure.to_string());
        assert_eq!(found, expected.map_err(str::to_owned));
    }

    fn status(code: i32, error_code: i32) -> Option<Status> {
        Some(Status {
            code,
            error_code,
            reason: "why".into(),
            ..Status::default()
        })
    }

    #[test]
    fn no_status_is_success() {
        check(None, Ok(()));
    }

    #[test]
    fn both_codes_zero_is_success() {
        check(status(0, 0), Ok(()));
    }

    #[test]
    fn code_wins_over_the_legacy_code() {
        check(status(100, 4), Err("milvus_100: why"));
    }

    #[test]
    fn code_alone_is_a_failure() {
        check(status(1100, 0), Err("milvus_1100: why"));
    }

    #[test]
    fn the_legacy_code_alone_is_negated() {
        check(status(0, 4), Err("milvus_-4: why"));
        check(status(0, i32::MIN), Err("milvus_2147483647: why"));
    }

    #[test]
    fn detail_stands_in_for_a_missing_reason() {
        check(
            Some(Status {
                code: 5,
                detail: "more".into(),
                ..Status::default()
            }),
            Err("milvus_5: more"),
        );
    }

    #[test]
    fn what_passes_by_itself_is_retriable() {
        let retriable = |status: Option<Status>| {
            check_status(status.as_ref()).map_err(|failure| failure.retriable)
        };
        for code in [8, 1, 4, 106] {
            assert_eq!(retriable(status(code, 1)), Err(true), "{code}");
        }
        for legacy in [49, 56, 57, 100, 101] {
            assert_eq!(retriable(status(0, legacy)), Err(true), "{legacy} of 2.2");
        }
        for code in [100, 101, 9, 65535, 1100] {
            assert_eq!(retriable(status(code, 1)), Err(false), "{code}");
        }
        // A code of a later version, which says so itself.
        assert_eq!(
            retriable(status(4242, 1).map(|status| Status {
                retriable: true,
                ..status
            })),
            Err(true)
        );
    }

    #[test]
    fn a_status_of_grpc_has_one_class() {
        assert_eq!(
            [1, 4, 7, 12, 14, 16].map(CallError::of_grpc),
            [
                CallError::Grpc(1),
                CallError::Timeout,
                CallError::PERMISSION_DENIED,
                CallError::UNIMPLEMENTED,
                CallError::Unavailable,
                CallError::UNAUTHENTICATED,
            ]
        );
    }

    #[test]
    fn a_refusal_to_tell_is_no_other_failure() {
        let check = |errors: &[CallError], expected: bool| {
            for error in errors {
                assert_eq!(error.is_refusal_to_tell(), expected, "{error}");
            }
        };
        check(
            &[
                CallError::PERMISSION_DENIED,
                CallError::UNIMPLEMENTED,
                CallError::UNAUTHENTICATED,
                CallError::Milvus(1401),
                CallError::Milvus(-27),
                CallError::Forbidden,
            ],
            true,
        );
        check(
            &[
                CallError::Timeout,
                CallError::Unavailable,
                CallError::Grpc(8),
                CallError::Milvus(100),
                CallError::BadReply,
            ],
            false,
        );
    }

    #[test]
    fn texts_are_cut_and_cleaned() {
        let failure = CallFailure::new(
            CallError::Timeout,
            &format!("a\r\n\u{1b}b{}", "ü".repeat(600)),
        );
        assert_eq!(failure.text.chars().count(), 500);
        assert!(failure.text.starts_with("a   bü"), "{}", failure.text);
    }
}
