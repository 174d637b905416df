//! Why TLS with a server failed: read from the error that is there, not guessed from what else
//! could be wrong.

use std::{error::Error, io};

use rustls::{AlertDescription, CertificateError, Error as TlsError};

/// The server that a connection leads to, with the scenario's words for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsPeer {
    /// Milvus.
    Milvus,
    /// Where server spans are read.
    SpanSource,
    /// Where the client's own spans go.
    OtlpEndpoint,
}

impl TlsPeer {
    /// The table of the scenario that has its `tls`.
    #[must_use]
    pub fn table(self) -> &'static str {
        match self {
            Self::Milvus => "[milvus]",
            Self::SpanSource => "[tracing.spans]",
            Self::OtlpEndpoint => "[tracing]",
        }
    }

    /// The key of its address.
    fn address(self) -> &'static str {
        match self {
            Self::Milvus => "[milvus] uri",
            Self::SpanSource => "[tracing.spans] endpoint",
            Self::OtlpEndpoint => "[tracing] export",
        }
    }

    /// `tls.KEY` of its table, e.g. for errors about a file.
    #[must_use]
    pub fn key(self, key: &str) -> String {
        format!("tls.{key} of {}", self.table())
    }
}

/// A cause that a user can act on, from the TLS library's error or the server's alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsCause {
    /// The server requires a client certificate and got none.
    NoClientCertificate,
    /// The server does not accept the client certificate that it got.
    ClientCertificateRefused,
    /// The server agrees on HTTP/1 only.
    NoHttp2,
    /// The server knows no ALPN at all.
    NoAlpn,
    /// What answered is no TLS.
    NotTls,
    /// It is TLS, and the address says that it is not.
    OnlyTls,
    /// Signed by a CA that is not among the trusted ones.
    UnknownIssuer,
    /// The server shows the certificate of a CA (`CA:TRUE`) as its own.
    CaAsServer,
    /// An X.509 certificate of version 1, which has no names that could be checked.
    OldCertificate,
    /// The certificate has no subjectAltName.
    NoNames,
    /// Its time is over.
    Expired,
    /// Its time has not begun; often a wrong clock.
    NotYetValid,
    /// Issued for another name.
    WrongName,
    /// The server knows no such host (SNI).
    UnknownHost,
    /// No common version or cipher of TLS.
    NoCommonVersion,
    /// The server met an error of its own.
    ServerError,
    /// The server closed the connection in the handshake without an alert.
    HungUp,
    /// The server closed the connection right after the handshake.
    ClosedAfterwards,
}

/// One row a cause: what is wrong, and what to change. `{table}` and `{address}` stand for the keys
/// of the link.
const TEXTS: &[(TlsCause, &str, &str)] = &[
    (
        TlsCause::NoClientCertificate,
        "the server requires a client certificate, and none was sent",
        "set tls = { cert = \"FILE.pem\", key = \"FILE.key\" } of {table}, signed by a CA that \
         the server trusts",
    ),
    (
        TlsCause::ClientCertificateRefused,
        "the server rejected the client certificate",
        "check tls.cert of {table}: it must be signed by a CA that the server trusts, not \
         expired, and meant for client authentication",
    ),
    (
        TlsCause::NoHttp2,
        "the server offers HTTP/1 only (ALPN without h2), and gRPC needs HTTP/2",
        "let the TLS front (ingress, load balancer) offer h2, or set {address} to the gRPC port \
         itself",
    ),
    (
        TlsCause::NoAlpn,
        "the server negotiates no protocol (no ALPN), and gRPC needs h2 by ALPN",
        "enable ALPN h2 at the TLS front (nginx: http2 on, or ssl_alpn h2 in a stream; HAProxy: \
         alpn h2), or set {address} to the gRPC port itself",
    ),
    (
        TlsCause::NotTls,
        "the server does not speak TLS",
        "write http:// in {address}, or the port that speaks TLS",
    ),
    (
        TlsCause::OnlyTls,
        "the server speaks TLS, and the address begins with http://",
        "write https:// in {address}; for a private CA also tls = { ca = \"FILE.pem\" } of {table}",
    ),
    (
        TlsCause::UnknownIssuer,
        "the server's certificate is signed by a CA that is not trusted here",
        "set tls = { ca = \"FILE.pem\" } of {table} to the certificate of that CA; without a \
         scenario (`init`, `doctor`), set SSL_CERT_FILE=FILE.pem in the environment",
    ),
    (
        TlsCause::CaAsServer,
        "the server uses a CA certificate (CA:TRUE) as its own",
        "give the server a certificate with CA:FALSE that the CA signed; tls.ca of {table} is for \
         the CA's",
    ),
    (
        TlsCause::OldCertificate,
        "the server's certificate is X.509 version 1, which has no subjectAltName to check",
        "give the server a version 3 certificate with subjectAltName",
    ),
    (
        TlsCause::NoNames,
        "the server's certificate has no subjectAltName, and its common name (CN) does not count",
        "give the server a certificate with subjectAltName",
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
        "the server's certificate is for another name",
        "set tls = { server_name = \"NAME IN THE CERTIFICATE\" } of {table}, or write that name \
         in {address}",
    ),
    (
        TlsCause::UnknownHost,
        "the server knows no host of the requested name (SNI)",
        "set tls = { server_name = \"NAME\" } of {table}, or write that name in {address}",
    ),
    (
        TlsCause::NoCommonVersion,
        "the server and this client have no version or cipher of TLS in common (1.2 and 1.3 here)",
        "allow TLS 1.2 or 1.3 at the server",
    ),
    (
        TlsCause::ServerError,
        "the server aborted the TLS handshake with an internal error",
        "check the server's log; it may have no certificate for the requested name \
         (tls.server_name of {table})",
    ),
    (
        TlsCause::HungUp,
        "the server closed the connection during the TLS handshake without an alert",
        "check the server's log; a proxy may expect another name (tls.server_name of {table})",
    ),
    (
        TlsCause::ClosedAfterwards,
        "the server closed the connection right after the TLS handshake",
        "check the log of the TLS front: the server behind it may be down, or have another address",
    ),
];

/// What tonic says where the server agreed on no protocol; its type is not public.
const NOT_NEGOTIATED: &str = "HTTP/2 was not negotiated";

/// A cause, and the error's own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsTrouble {
    /// The cause.
    pub cause: TlsCause,
    /// What the TLS library said; empty where the cause says it all.
    pub detail: String,
}

impl TlsTrouble {
    /// What is wrong and what to change, of the link to `peer`.
    #[must_use]
    pub fn sentence(&self, peer: TlsPeer) -> String {
        let (what, change) = (self.cause.what(), self.cause.change(peer));
        if self.detail.is_empty() {
            format!("{what}; {change}")
        } else {
            format!("{what} ({}); {change}", self.detail)
        }
    }
}

/// What is said not to be there: with an address without TLS, that is no matter of TLS yet.
#[must_use]
pub fn no_connection(url: &str) -> &'static str {
    if url.starts_with("https://") {
        "no TLS connection"
    } else {
        "no connection"
    }
}

/// What is known of the client certificate in a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClientCertificate {
    /// The server did not ask for one, or it is not known whether it did.
    NotAsked,
    /// It asked, and there is none to send.
    Missing,
    /// It asked and got one.
    Sent,
}

impl ClientCertificate {
    /// The cause where a server that asked ended the connection.
    pub(super) fn cause(self) -> Option<TlsCause> {
        match self {
            Self::NotAsked => None,
            Self::Missing => Some(TlsCause::NoClientCertificate),
            Self::Sent => Some(TlsCause::ClientCertificateRefused),
        }
    }
}

impl TlsCause {
    /// The cause within `error` and what it stems from; None where TLS has no part in it.
    #[must_use]
    pub fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        Self::with(error, ClientCertificate::NotAsked)
    }

    /// The same with what is known of the client certificate, which tells alerts apart that servers
    /// use for several things.
    pub(super) fn with(
        error: &(dyn Error + 'static),
        certificate: ClientCertificate,
    ) -> Option<Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(cause) = Self::of_one(error, certificate) {
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

    fn of_one(error: &(dyn Error + 'static), certificate: ClientCertificate) -> Option<Self> {
        if let Some(error) = error.downcast_ref::<TlsError>() {
            return Self::of_library(error, certificate);
        }
        if let Some(error) = error.downcast_ref::<io::Error>()
            && error.kind() == io::ErrorKind::UnexpectedEof
            && error.to_string().contains("tls handshake")
        {
            return certificate.cause().or(Some(TlsCause::HungUp));
        }
        error
            .to_string()
            .starts_with(NOT_NEGOTIATED)
            .then_some(TlsCause::NoAlpn)
    }

    fn of_library(error: &TlsError, certificate: ClientCertificate) -> Option<Self> {
        match error {
            TlsError::AlertReceived(alert) => Self::of_alert(*alert, certificate),
            TlsError::NoApplicationProtocol => Some(TlsCause::NoAlpn),
            TlsError::InvalidMessage(_) => Some(TlsCause::NotTls),
            TlsError::PeerIncompatible(_) => Some(TlsCause::NoCommonVersion),
            TlsError::InvalidCertificate(certificate) => Self::of_certificate(certificate),
            _ => None,
        }
    }

    fn of_alert(alert: AlertDescription, certificate: ClientCertificate) -> Option<Self> {
        match alert {
            AlertDescription::CertificateRequired => Some(TlsCause::NoClientCertificate),
            // The alert of TLS 1.2 for a missing certificate is one of these: bad_certificate of
            // Go, handshake_failure of OpenSSL and BoringSSL.
            AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::CertificateExpired
            | AlertDescription::AccessDenied
            | AlertDescription::DecryptError => certificate
                .cause()
                .or(Some(TlsCause::ClientCertificateRefused)),
            AlertDescription::NoApplicationProtocol => Some(TlsCause::NoHttp2),
            AlertDescription::HandshakeFailure => {
                certificate.cause().or(Some(TlsCause::NoCommonVersion))
            }
            AlertDescription::ProtocolVersion | AlertDescription::InsufficientSecurity => {
                Some(TlsCause::NoCommonVersion)
            }
            AlertDescription::UnrecognisedName => Some(TlsCause::UnknownHost),
            AlertDescription::InternalError => Some(TlsCause::ServerError),
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
            CertificateError::NotValidForNameContext { presented, .. } if presented.is_empty() => {
                Some(TlsCause::NoNames)
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Some(TlsCause::WrongName)
            }
            // The verifier's own errors have no variants here.
            other => match format!("{other:?}") {
                text if text.contains("CaUsedAsEndEntity") => Some(TlsCause::CaAsServer),
                text if text.contains("UnsupportedCertVersion") => Some(TlsCause::OldCertificate),
                _ => None,
            },
        }
    }

    /// Every cause, for a table of them.
    pub fn all() -> impl Iterator<Item = Self> {
        TEXTS.iter().map(|(cause, ..)| *cause)
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
    pub fn change(self, peer: TlsPeer) -> String {
        self.texts()
            .1
            .replace("{table}", peer.table())
            .replace("{address}", peer.address())
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
mod tests;
