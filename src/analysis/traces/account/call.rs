//! What a span says of the gRPC call that it is: with whom, and how it ended. OpenTelemetry renamed
//! these attributes twice, and which names a server writes depends on the libraries that it was
//! built with.

use crate::spans::{AttributeValue, ServerSpan};

/// Names of address and port of the other side, the newest first.
const PEER: [(&str, &str); 3] = [
    ("network.peer.address", "network.peer.port"),
    ("net.sock.peer.addr", "net.sock.peer.port"),
    ("net.peer.ip", "net.peer.port"),
];

/// Names of the status, the newest first: text (`OK`, `UNAVAILABLE`) from semantic conventions 1.39
/// on, before that a number.
const STATUS: [&str; 3] = [
    "rpc.response.status_code",
    "rpc.status_code",
    "rpc.grpc.status_code",
];

/// How a status says that all went well.
const FINE: [&str; 3] = ["", "0", "OK"];

/// Address and port of the other side, where both are known.
pub(super) fn peer(span: &ServerSpan) -> Option<(String, String)> {
    PEER.iter().find_map(|(address, port)| {
        Some((text(span.attribute(address)?), text(span.attribute(port)?)))
    })
}

/// Whether the call ended with an error, as far as its span says so.
pub(super) fn failed(span: &ServerSpan) -> bool {
    let status = STATUS
        .iter()
        .find_map(|name| span.attribute(name))
        .map(text);
    span.status == 2
        || status.is_some_and(|status| !FINE.iter().any(|fine| status.eq_ignore_ascii_case(fine)))
}

fn text(value: &AttributeValue) -> String {
    match value {
        AttributeValue::Text(text) => text.trim().to_owned(),
        AttributeValue::Int(number) => number.to_string(),
        AttributeValue::Float(number) => number.to_string(),
        AttributeValue::Bool(flag) => flag.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{analysis::testing::span, spans::SpanKind};

    fn with(attributes: &[(&str, AttributeValue)]) -> ServerSpan {
        let attributes = attributes
            .iter()
            .map(|(key, value)| ((*key).to_owned(), value.clone()))
            .collect();
        ServerSpan {
            attributes,
            ..span("call", SpanKind::Server)
        }
    }

    fn word(text: &str) -> AttributeValue {
        AttributeValue::Text(text.to_owned())
    }

    #[test]
    fn the_peer_is_read_in_all_generations() {
        for (address, port) in PEER {
            for number in [
                AttributeValue::Int(21123),
                word("21123"),
                AttributeValue::Float(21123.0),
            ] {
                let found = peer(&with(&[(address, word("10.0.0.7")), (port, number)]));
                assert_eq!(
                    found,
                    Some(("10.0.0.7".to_owned(), "21123".to_owned())),
                    "{address}"
                );
            }
            assert_eq!(peer(&with(&[(address, word("10.0.0.7"))])), None);
        }
    }

    #[test]
    fn a_failure_is_read_in_all_generations() {
        for name in STATUS {
            for code in [
                AttributeValue::Int(14),
                word("14"),
                word("UNAVAILABLE"),
                word("DeadlineExceeded"),
                AttributeValue::Float(4.0),
            ] {
                assert!(failed(&with(&[(name, code.clone())])), "{name} {code:?}");
            }
            for code in [
                AttributeValue::Int(0),
                word("0"),
                word("OK"),
                word("Ok"),
                word(""),
                AttributeValue::Float(0.0),
            ] {
                assert!(!failed(&with(&[(name, code.clone())])), "{name} {code:?}");
            }
        }
        assert!(
            !failed(&with(&[]))
                && failed(&ServerSpan {
                    status: 2,
                    ..with(&[])
                })
        );
    }
}
