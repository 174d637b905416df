//! The second look at an address that gave no good answer: is anybody there, and what does it
//! speak?

use std::{io::ErrorKind, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use url::Url;

use crate::tls::{TlsCause, TlsPeer, no_connection};

/// For each step: what is right answers on a network of today within milliseconds.
const PATIENCE: Duration = Duration::from_secs(3);

/// The shortest record that looks like a TLS handshake, with an end of line behind it: a TLS server
/// answers with an alert, an HTTP/1 server with status 400, and a gRPC server hangs up.
const HELLO: &[u8] = b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00\r\n\r\n";

/// What was found at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    /// The address makes no sense.
    NoAddress,
    /// No such host name.
    UnknownName,
    /// The machine answers, nothing listens on the port.
    Refused,
    /// Nothing answers at all.
    Silent,
    /// TLS.
    Tls,
    /// HTTP/1 without TLS.
    Http,
    /// Something that is neither: gRPC without TLS is one of these.
    Other,
}

/// Looks at host and port of `url`; a URL without a port has that of its scheme.
pub(super) async fn look_at(url: &str) -> Peer {
    let Some((host, port)) = host_and_port(url) else {
        return Peer::NoAddress;
    };
    let lookup = tokio::time::timeout(PATIENCE, tokio::net::lookup_host((host.as_str(), port)));
    let Ok(Ok(addresses)) = lookup.await else {
        return Peer::UnknownName;
    };
    let addresses: Vec<_> = addresses.collect();
    match tokio::time::timeout(PATIENCE, TcpStream::connect(addresses.as_slice())).await {
        Ok(Ok(stream)) => speaks(stream).await,
        Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused => Peer::Refused,
        Ok(Err(_)) | Err(_) => Peer::Silent,
    }
}

/// Whether a web server without TLS is at `url`: its HTTP/1 is not what gRPC speaks.
pub async fn is_web_server(url: &str) -> bool {
    look_at(url).await == Peer::Http
}

async fn speaks(mut stream: TcpStream) -> Peer {
    let mut answer = [0; 5];
    let talk = async {
        stream.write_all(HELLO).await?;
        stream.read_exact(&mut answer).await
    };
    // A peer that hangs up or waits for more is told by what it did not say.
    match tokio::time::timeout(PATIENCE, talk).await {
        Ok(Ok(_)) => what_said(answer),
        _ => Peer::Other,
    }
}

fn what_said(answer: [u8; 5]) -> Peer {
    match answer {
        [0x15 | 0x16, 3, ..] => Peer::Tls,
        [b'H', b'T', b'T', b'P', b'/'] => Peer::Http,
        _ => Peer::Other,
    }
}

/// `host:port` of `url` for people: no user name, no password, no path.
pub(super) fn place(url: &str) -> String {
    match parsed(url) {
        Some(url) => match (url.host_str(), url.port_or_known_default()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            _ => "an address without a host".to_owned(),
        },
        None => "an address that can't be read".to_owned(),
    }
}

/// The port of `url`, which has that of its scheme where it names none.
pub(super) fn port(url: &str) -> u16 {
    host_and_port(url).map_or(0, |(_, port)| port)
}

/// That TLS with `who` at `url` failed, with the error's own words where there are any.
pub(super) fn no_tls(who: &str, url: &str, detail: &str) -> String {
    let place = place(url);
    let no = no_connection(url);
    match detail {
        "" => format!("{no} to {who} at {place}"),
        detail => format!("{no} to {who} at {place}: {detail}"),
    }
}

/// `text` of a link to `peer` without the cause of TLS and its advice, which stand below it.
pub(super) fn without_cause(text: &str, peer: TlsPeer) -> String {
    match TlsCause::named_in(text) {
        Some(cause) => text
            .replace(&format!("; {}", cause.change(peer)), "")
            .replace(&format!(": {}", cause.what()), ""),
        None => text.to_owned(),
    }
}

/// Whether `url` leads to this machine, so that the same address means something else within a
/// container.
pub(super) fn is_loopback(url: &str) -> bool {
    host_and_port(url).is_some_and(|(host, _)| {
        host == "localhost"
            || host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    })
}

/// `host:port` is taken as http.
fn parsed(url: &str) -> Option<Url> {
    let text = if url.contains("://") {
        url.to_owned()
    } else {
        format!("http://{url}")
    };
    Url::parse(&text).ok()
}

fn host_and_port(url: &str) -> Option<(String, u16)> {
    let url = parsed(url)?;
    let host = url.host_str()?.trim_matches(['[', ']']).to_owned();
    Some((host, url.port_or_known_default()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::net::TcpListener;

    use super::*;

    /// What a server that answers everything with `reply`, then hangs up, is taken for.
    async fn check(reply: &'static [u8], expected: Peer) {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("a free port");
        let address = listener.local_addr().expect("an address");
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a caller");
            let mut hello = [0; HELLO.len()];
            stream.read_exact(&mut hello).await.expect("its hello");
            stream.write_all(reply).await.expect("it listens");
        });
        assert_eq!(look_at(&format!("http://{address}")).await, expected);
        server.await.expect("no panic");
    }

    #[tokio::test]
    async fn an_alert_is_tls() {
        check(&[0x15, 3, 3, 0, 2, 2, 50], Peer::Tls).await;
    }

    #[tokio::test]
    async fn a_status_line_is_http() {
        check(b"HTTP/1.1 400 Bad Request\r\n\r\n", Peer::Http).await;
    }

    #[tokio::test]
    async fn settings_or_nothing_is_something_else() {
        check(&[0, 0, 0, 4, 0, 0, 0, 0, 0], Peer::Other).await;
        check(b"", Peer::Other).await;
    }

    #[tokio::test]
    async fn a_closed_port_refuses() {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("a free port");
        let address = listener.local_addr().expect("an address");
        drop(listener);
        assert_eq!(look_at(&address.to_string()).await, Peer::Refused);
    }

    #[tokio::test]
    async fn nonsense_is_no_address() {
        assert_eq!(look_at("http://").await, Peer::NoAddress);
    }

    #[test]
    fn a_cause_stands_below_what_was_seen_and_not_in_it() {
        let (cause, peer) = (TlsCause::UnknownIssuer, TlsPeer::SpanSource);
        let text = format!(
            "no TLS connection to Tempo at h:1: {} (said so); {}",
            cause.what(),
            cause.change(peer)
        );
        assert_eq!(
            without_cause(&text, peer),
            "no TLS connection to Tempo at h:1 (said so)"
        );
        assert_eq!(without_cause("no answer", peer), "no answer");
    }

    #[test]
    fn places_hold_no_secrets() {
        for (url, expected) in [
            ("http://user:s3cret@host:4317/v1", "host:4317"),
            ("host:4317", "host:4317"),
            ("https://host", "host:443"),
            ("http://[::1]:1", "[::1]:1"),
            ("user:s3cret@:", "an address that can't be read"),
        ] {
            assert_eq!(place(url), expected, "{url}");
        }
    }

    #[test]
    fn loopback_is_known_by_all_its_names() {
        for (url, expected) in [
            ("http://localhost:1", true),
            ("127.0.0.9:1", true),
            ("http://[::1]:1", true),
            ("http://jaeger:1", false),
        ] {
            assert_eq!(is_loopback(url), expected, "{url}");
        }
    }

    proptest! {
        #[test]
        fn any_text_has_a_place(text in ".{0,60}") {
            let _ = (place(&text), is_loopback(&text));
        }

        #[test]
        fn any_answer_is_something(answer: [u8; 5]) {
            let _ = what_said(answer);
        }
    }
}
