//! Why TLS with a server failed: read from the error that is there, not guessed from what else
//! could be wrong.

use std::{error::Error, io};

use rustls::{AlertDescription, CertificateError, Error as TlsError};

/// A cause that a user can act on, from the TLS library's error or the server's alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsCause {
    /// The server asked for a certificate of the client and got none, or one that it does not
    /// accept.
    ClientCertificate,
    /// No common protocol: the server offers HTTP/1 only, or knows no ALPN.
    NoHttp2,
    /// What answered is no TLS.
    NotTls,
    /// Signed by an authority that is not among the trusted ones.
    UnknownIssuer,
    /// The server shows the certificate of an authority (`CA:TRUE`) as its own.
    AuthorityAsServer,
    /// An X.509 certificate of version 1, which has no names that could be checked.
    OldCertificate,
    /// Its time is over.
    Expired,
    /// Its time has not begun; often a wrong clock.
    NotYetValid,
    /// Made out to another name.
    WrongName,
    /// No common version or cipher of TLS.
    NoCommonVersion,
    /// The server closed the connection in the handshake without an alert.
    HungUp,
}

/// One row a cause: what is wrong, and what to change.
const TEXTS: &[(TlsCause, &str, &str)] = &[
    (
        TlsCause::ClientCertificate,
        "the server wants a certificate of the client, and does not accept what it got",
        "set tls = { cert = \"FILE.pem\", key = \"FILE.key\" } of [milvus], signed by an \
         authority that the server trusts",
    ),
    (
        TlsCause::NoHttp2,
        "the server does not agree on HTTP/2 (ALPN h2), which gRPC needs",
        "let the TLS front (ingress, load balancer) offer h2, or name Milvus' own port",
    ),
    (
        TlsCause::NotTls,
        "the server does not speak TLS",
        "write http:// in [milvus] uri, or name the port that speaks TLS",
    ),
    (
        TlsCause::UnknownIssuer,
        "the server's certificate is signed by an authority that is not trusted here",
        "set tls = { ca = \"FILE.pem\" } of [milvus] to the authority's certificate",
    ),
    (
        TlsCause::AuthorityAsServer,
        "the server shows the certificate of an authority (CA:TRUE) as its own",
        "give the server a certificate with CA:FALSE that the authority signed; tls.ca is for the \
         authority's",
    ),
    (
        TlsCause::OldCertificate,
        "the server's certificate is X.509 version 1, which holds no name to check",
        "give the server a version 3 certificate with subjectAltName",
    ),
    (
        TlsCause::Expired,
        "the server's certificate has expired",
        "renew the server's certificate, or set this machine's clock",
    ),
    (
        TlsCause::NotYetValid,
        "the server's certificate is not valid yet",
        "set the clock of this machine or of the one that signed it",
    ),
    (
        TlsCause::WrongName,
        "the server's certificate is made out to another name",
        "set tls = { server_name = \"NAME IN THE CERTIFICATE\" } of [milvus], or name the server \
         by it",
    ),
    (
        TlsCause::NoCommonVersion,
        "the server speaks no version or cipher of TLS that this client knows (1.2 and 1.3)",
        "allow TLS 1.2 or 1.3 at the server",
    ),
    (
        TlsCause::HungUp,
        "the server closed the connection in the TLS handshake without saying why",
        "look at the server's log: a proxy that wants another name (tls.server_name), or no TLS \
         on this port",
    ),
];

/// What tonic says where the server agreed on no protocol; its type is not public.
const NOT_NEGOTIATED: &str = "HTTP/2 was not negotiated";

impl TlsCause {
    /// The cause within `error` and what it stems from; None where TLS has no part in it.
    #[must_use]
    pub fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(cause) = Self::of_one(error) {
                return Some(cause);
            }
            // The source of an `io::Error` is that of the error within it, which itself is skipped.
            let within = error
                .downcast_ref::<io::Error>()
                .and_then(io::Error::get_ref);
            next = within
                .map(|within| within as &(dyn Error + 'static))
                .or_else(|| error.source());
        }
        None
    }

    fn of_one(error: &(dyn Error + 'static)) -> Option<Self> {
        if let Some(error) = error.downcast_ref::<TlsError>() {
            return Self::of_library(error);
        }
        if let Some(error) = error.downcast_ref::<io::Error>()
            && error.kind() == io::ErrorKind::UnexpectedEof
            && error.to_string().contains("tls handshake")
        {
            return Some(TlsCause::HungUp);
        }
        error
            .to_string()
            .starts_with(NOT_NEGOTIATED)
            .then_some(TlsCause::NoHttp2)
    }

    fn of_library(error: &TlsError) -> Option<Self> {
        match error {
            TlsError::AlertReceived(alert) => Self::of_alert(*alert),
            TlsError::NoApplicationProtocol => Some(TlsCause::NoHttp2),
            TlsError::InvalidMessage(_) => Some(TlsCause::NotTls),
            TlsError::PeerIncompatible(_) => Some(TlsCause::NoCommonVersion),
            TlsError::InvalidCertificate(certificate) => Self::of_certificate(certificate),
            _ => None,
        }
    }

    fn of_alert(alert: AlertDescription) -> Option<Self> {
        match alert {
            // With TLS 1.2 a server that misses the client's certificate says one of these.
            AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::CertificateExpired
            | AlertDescription::AccessDenied => Some(TlsCause::ClientCertificate),
            AlertDescription::NoApplicationProtocol => Some(TlsCause::NoHttp2),
            AlertDescription::ProtocolVersion
            | AlertDescription::HandshakeFailure
            | AlertDescription::InsufficientSecurity => Some(TlsCause::NoCommonVersion),
            AlertDescription::UnrecognisedName => Some(TlsCause::WrongName),
            _ => None,
        }
    }

    fn of_certificate(error: &CertificateError) -> Option<Self> {
        match error {
            CertificateError::UnknownIssuer => Some(TlsCause::UnknownIssuer),
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                Some(TlsCause::Expired)
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                Some(TlsCause::NotYetValid)
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Some(TlsCause::WrongName)
            }
            // The verifier's own errors have no variants here.
            other => match format!("{other:?}") {
                text if text.contains("CaUsedAsEndEntity") => Some(TlsCause::AuthorityAsServer),
                text if text.contains("UnsupportedCertVersion") => Some(TlsCause::OldCertificate),
                _ => None,
            },
        }
    }

    /// The cause whose sentence `text` holds: a failed call carries nothing but its text.
    #[must_use]
    pub fn named_in(text: &str) -> Option<Self> {
        TEXTS
            .iter()
            .find(|(_, what, _)| text.contains(what))
            .map(|(cause, _, _)| *cause)
    }

    /// What is wrong, a clause.
    #[must_use]
    pub fn what(self) -> &'static str {
        self.texts().0
    }

    /// What to change, a clause.
    #[must_use]
    pub fn change(self) -> &'static str {
        self.texts().1
    }

    fn texts(self) -> (&'static str, &'static str) {
        // Every cause has a row: a test walks them.
        TEXTS
            .iter()
            .find(|(cause, _, _)| *cause == self)
            .map_or(("", ""), |(_, what, change)| (what, change))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::{InvalidMessage, OtherError, PeerIncompatible};

    use super::*;

    fn check(error: TlsError, expected: Option<TlsCause>) {
        // As tokio-rustls gives it.
        let error = io::Error::new(io::ErrorKind::InvalidData, error);
        assert_eq!(TlsCause::of(&error), expected, "{error}");
    }

    #[derive(Debug, thiserror::Error)]
    #[error("as the verifier has it")]
    struct UnsupportedCertVersion;

    #[test]
    fn every_error_has_its_cause() {
        let certificate = TlsError::InvalidCertificate;
        check(
            TlsError::AlertReceived(AlertDescription::CertificateRequired),
            Some(TlsCause::ClientCertificate),
        );
        check(
            TlsError::AlertReceived(AlertDescription::NoApplicationProtocol),
            Some(TlsCause::NoHttp2),
        );
        check(TlsError::NoApplicationProtocol, Some(TlsCause::NoHttp2));
        check(
            TlsError::InvalidMessage(InvalidMessage::InvalidContentType),
            Some(TlsCause::NotTls),
        );
        check(
            certificate(CertificateError::UnknownIssuer),
            Some(TlsCause::UnknownIssuer),
        );
        check(
            certificate(CertificateError::Expired),
            Some(TlsCause::Expired),
        );
        check(
            certificate(CertificateError::NotValidYet),
            Some(TlsCause::NotYetValid),
        );
        check(
            certificate(CertificateError::NotValidForName),
            Some(TlsCause::WrongName),
        );
        check(
            certificate(CertificateError::Other(OtherError(Arc::new(
                UnsupportedCertVersion,
            )))),
            Some(TlsCause::OldCertificate),
        );
        check(
            TlsError::PeerIncompatible(PeerIncompatible::Tls12NotOffered),
            Some(TlsCause::NoCommonVersion),
        );
        check(TlsError::DecryptError, None);
    }

    #[test]
    fn a_broken_pipe_is_no_matter_of_tls() {
        assert_eq!(
            TlsCause::of(&io::Error::new(io::ErrorKind::BrokenPipe, "gone")),
            None
        );
        assert_eq!(
            TlsCause::of(&io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "tls handshake eof"
            )),
            Some(TlsCause::HungUp)
        );
    }

    #[test]
    fn each_row_is_another_cause_with_its_words() {
        for (index, (cause, what, change)) in TEXTS.iter().enumerate() {
            assert!(
                TEXTS[..index].iter().all(|(earlier, ..)| earlier != cause),
                "{cause:?}"
            );
            assert_eq!((cause.what(), cause.change()), (*what, *change));
            assert_eq!(TlsCause::named_in(&format!("x {what} y")), Some(*cause));
        }
        assert_eq!(TlsCause::named_in("connection refused"), None);
    }
}
