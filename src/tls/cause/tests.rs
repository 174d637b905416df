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
        Some(TlsCause::NoClientCertificate),
    );
    check(
        TlsError::AlertReceived(AlertDescription::NoApplicationProtocol),
        Some(TlsCause::NoHttp2),
    );
    check(TlsError::NoApplicationProtocol, Some(TlsCause::NoAlpn));
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
fn an_alert_means_the_client_certificate_where_one_was_asked_for() {
    let alert = |alert, certificate| TlsCause::with(&TlsError::AlertReceived(alert), certificate);
    for (description, plain) in [
        (
            AlertDescription::HandshakeFailure,
            TlsCause::NoCommonVersion,
        ),
        (
            AlertDescription::BadCertificate,
            TlsCause::ClientCertificateRefused,
        ),
    ] {
        assert_eq!(alert(description, ClientCertificate::NotAsked), Some(plain));
        assert_eq!(
            alert(description, ClientCertificate::Missing),
            Some(TlsCause::NoClientCertificate)
        );
        assert_eq!(
            alert(description, ClientCertificate::Sent),
            Some(TlsCause::ClientCertificateRefused)
        );
    }
    let eof = io::Error::new(io::ErrorKind::UnexpectedEof, "tls handshake eof");
    assert_eq!(
        TlsCause::with(&eof, ClientCertificate::Missing),
        Some(TlsCause::NoClientCertificate)
    );
}

#[test]
fn a_certificate_without_names_is_told_from_one_of_another_name() {
    let of = |presented: &[&str]| {
        TlsCause::of(&TlsError::InvalidCertificate(
            CertificateError::NotValidForNameContext {
                expected: "a.test".try_into().expect("a name"),
                presented: presented.iter().map(ToString::to_string).collect(),
            },
        ))
    };
    assert_eq!(of(&[]), Some(TlsCause::NoNames));
    assert_eq!(of(&["DnsName(b.test)"]), Some(TlsCause::WrongName));
}

#[test]
fn each_row_is_another_cause_with_its_words() {
    for (index, (cause, what, change)) in TEXTS.iter().enumerate() {
        assert!(
            TEXTS[..index].iter().all(|(earlier, ..)| earlier != cause),
            "{cause:?}"
        );
        assert_eq!(cause.what(), *what);
        for peer in [TlsPeer::Milvus, TlsPeer::SpanSource, TlsPeer::OtlpEndpoint] {
            let change = cause.change(peer);
            assert!(
                !change.is_empty() && !change.contains("{table}"),
                "{change}"
            );
            assert!(!change.contains("{address}"), "{change}");
        }
        assert!(!change.is_empty());
        assert_eq!(TlsCause::named_in(&format!("x {what} y")), Some(*cause));
    }
    assert_eq!(TlsCause::named_in("connection refused"), None);
}
