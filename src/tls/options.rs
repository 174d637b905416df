//! What a user sets of TLS, and the files behind it.

use std::{
    fs::File,
    io::Read,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rustls::{
    ClientConfig, RootCertStore, SignatureScheme,
    client::ResolvesClientCert,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
    sign::CertifiedKey,
};
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

/// A PEM file is read whole; the largest bundles of root certificates have less than this.
const MAX_PEM_BYTES: u64 = 4 << 20;

/// Names of PEM blocks end so.
const CERTIFICATE: &str = "CERTIFICATE";
const PRIVATE_KEY: &str = "PRIVATE KEY";

/// A PEM file, and what named it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFile {
    /// The file.
    pub path: PathBuf,
    /// A key of the scenario (`tls.ca of [milvus]`) or an environment variable, for errors.
    pub named_by: String,
}

impl TlsFile {
    /// The file at `path`, which `named_by` names.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, named_by: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            named_by: named_by.into(),
        }
    }
}

/// `tls` of a table of the scenario.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsOptions {
    /// CA certificates that the server's certificate is checked against; None: those of the
    /// system.
    pub ca: Option<TlsFile>,
    /// The client certificate, for mutual TLS; needs `key`.
    pub cert: Option<TlsFile>,
    /// The client's private key; needs `cert`.
    pub key: Option<TlsFile>,
    /// Name that the server's certificate must have; None: the host of the address.
    pub server_name: Option<String>,
}

/// How an error about a file or a name begins.
const NOT_SET_UP: &str = "TLS can't be set up: ";

/// A file or a name that can't be used: one sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{NOT_SET_UP}{0}")]
pub struct TlsError(String);

impl TlsError {
    /// Whether `text` holds such an error.
    #[must_use]
    pub fn stands_in(text: &str) -> bool {
        text.contains(NOT_SET_UP)
    }
}

/// The client certificate, and whether a server asked for one.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked(Arc<AtomicBool>);

impl Asked {
    pub(super) fn by_server(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Notes that the server asked, and answers as `inner` does.
#[derive(Debug)]
struct Noting {
    inner: Arc<dyn ResolvesClientCert>,
    asked: Asked,
}

impl ResolvesClientCert for Noting {
    fn resolve(&self, hints: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked.0.store(true, Ordering::Relaxed);
        self.inner.resolve(hints, schemes)
    }

    fn has_certs(&self) -> bool {
        self.inner.has_certs()
    }
}

impl TlsOptions {
    /// For a client that offers these protocols by ALPN.
    ///
    /// # Errors
    /// A file can't be read, or what it holds can't be used.
    pub fn client_config(&self, offers: &[&[u8]]) -> Result<ClientConfig, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsError(error.to_string()))?
            .with_root_certificates(self.roots()?);
        let mut config = match self.identity()? {
            None => builder.with_no_client_auth(),
            Some((cert, key)) => builder
                .with_client_auth_cert(chain(cert)?, private_key(key)?)
                .map_err(|error| {
                    unusable(key, &format!("does not fit {}: {error}", cert.named_by))
                })?,
        };
        config.alpn_protocols = offers.iter().map(|name| name.to_vec()).collect();
        Ok(config)
    }

    /// The same, and what tells afterwards whether the server asked for a client certificate.
    pub(super) fn noting_config(
        &self,
        offers: &[&[u8]],
    ) -> Result<(ClientConfig, Asked), TlsError> {
        let mut config = self.client_config(offers)?;
        let asked = Asked::default();
        config.client_auth_cert_resolver = Arc::new(Noting {
            inner: config.client_auth_cert_resolver,
            asked: asked.clone(),
        });
        Ok((config, asked))
    }

    /// For tonic, whose handshakes end after `timeout`.
    ///
    /// # Errors
    /// As for [`TlsOptions::client_config`].
    pub fn for_grpc(&self, timeout: Duration) -> Result<ClientTlsConfig, TlsError> {
        // It says what is wrong with a file, which tonic does not.
        self.client_config(&[])?;
        let mut config = ClientTlsConfig::new().timeout(timeout);
        config = match &self.ca {
            Some(ca) => config.ca_certificate(Certificate::from_pem(read(ca, CERTIFICATE)?)),
            None => config.with_native_roots(),
        };
        if let Some(name) = &self.server_name {
            config = config.domain_name(name);
        }
        if let Some((cert, key)) = self.identity()? {
            config = config.identity(Identity::from_pem(
                read(cert, CERTIFICATE)?,
                read(key, PRIVATE_KEY)?,
            ));
        }
        Ok(config)
    }

    /// The name that a server at `host` must have; an IPv6 address may stand in brackets.
    ///
    /// # Errors
    /// It is no name.
    pub fn name_at(&self, host: &str) -> Result<ServerName<'static>, TlsError> {
        let name = self
            .server_name
            .as_deref()
            .unwrap_or_else(|| host.trim_start_matches('[').trim_end_matches(']'));
        ServerName::try_from(name.to_owned()).map_err(|_| {
            TlsError(format!(
                "tls.server_name {name:?} is not a name of a server"
            ))
        })
    }

    /// Whether a client certificate is sent to a server that asks.
    #[must_use]
    pub fn has_identity(&self) -> bool {
        self.cert.is_some() && self.key.is_some()
    }

    fn roots(&self) -> Result<RootCertStore, TlsError> {
        let mut roots = RootCertStore::empty();
        let Some(ca) = &self.ca else {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            return Ok(roots);
        };
        for certificate in chain(ca)? {
            roots.add(certificate).map_err(|error| {
                unusable(
                    ca,
                    &format!("holds a certificate that can't be used: {error}"),
                )
            })?;
        }
        Ok(roots)
    }

    fn identity(&self) -> Result<Option<(&TlsFile, &TlsFile)>, TlsError> {
        let alone = |file: &TlsFile, other: &str| {
            TlsError(format!(
                "{} is set without tls.{other}; give both or neither",
                file.named_by
            ))
        };
        match (&self.cert, &self.key) {
            (None, None) => Ok(None),
            (Some(cert), Some(key)) => Ok(Some((cert, key))),
            (Some(cert), None) => Err(alone(cert, "key")),
            (None, Some(key)) => Err(alone(key, "cert")),
        }
    }
}

fn unusable(file: &TlsFile, problem: &str) -> TlsError {
    TlsError(format!(
        "{} names {}, which {problem}",
        file.named_by,
        file.path.display()
    ))
}

fn chain(file: &TlsFile) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    CertificateDer::pem_slice_iter(&read(file, CERTIFICATE)?)
        .collect::<Result<_, _>>()
        .map_err(|error| unusable(file, &format!("can't be read: {error}")))
}

fn private_key(file: &TlsFile) -> Result<PrivateKeyDer<'static>, TlsError> {
    let pem = read(file, PRIVATE_KEY)?;
    PrivateKeyDer::from_pem_slice(&pem).map_err(|error| {
        let text = String::from_utf8_lossy(&pem);
        if text.contains("ENCRYPTED") {
            unusable(
                file,
                "is encrypted with a passphrase; write it without one: openssl pkey -in FILE -out \
                 NEW",
            )
        } else {
            unusable(file, &format!("can't be read: {error}"))
        }
    })
}

/// A PEM file that must hold a block whose name ends in `kind`.
fn read(file: &TlsFile, kind: &str) -> Result<Vec<u8>, TlsError> {
    let mut pem = Vec::new();
    File::open(&file.path)
        .and_then(|opened| opened.take(MAX_PEM_BYTES + 1).read_to_end(&mut pem))
        .map_err(|cause| unusable(file, &format!("can't be read: {cause}")))?;
    if pem.len() as u64 > MAX_PEM_BYTES {
        return Err(unusable(
            file,
            &format!("is longer than {MAX_PEM_BYTES} bytes, too long for a PEM file"),
        ));
    }
    let text = String::from_utf8_lossy(&pem);
    let end = format!("{kind}-----");
    let is_begin = |line: &str| line.starts_with("-----BEGIN ") && line.trim_end().ends_with(&end);
    if !text.lines().any(is_begin) {
        return Err(unusable(
            file,
            &format!("contains no PEM block \"-----BEGIN {kind}-----\""),
        ));
    }
    Ok(pem)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(options: &TlsOptions, words: &str) {
        let error = options.client_config(&[]).expect_err(words).to_string();
        assert!(error.contains(words), "{error}");
        let of_grpc = options.for_grpc(Duration::from_secs(1)).expect_err(words);
        assert_eq!(of_grpc.to_string(), error, "the same for gRPC");
    }

    #[test]
    fn a_file_that_cant_be_used_is_named_with_its_key() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str, text: &str, key: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("written");
            TlsFile::new(path, format!("tls.{key} of [milvus]"))
        };
        let other = file("other.pem", "-----BEGIN PUBLIC KEY-----\n", "ca");
        let missing = TlsFile::new("missing.pem", "THE_VARIABLE");
        let ca = |ca: TlsFile| TlsOptions {
            ca: Some(ca),
            ..TlsOptions::default()
        };
        check(
            &ca(missing),
            "THE_VARIABLE names missing.pem, which can't be read: No such file",
        );
        check(
            &ca(other),
            "other.pem, which contains no PEM block \"-----BEGIN CERTIFICATE-----\"",
        );
        let broken = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
        check(&ca(file("broken.pem", broken, "ca")), "tls.ca of [milvus]");
        let cert = file("cert.pem", broken, "cert");
        check(
            &TlsOptions {
                cert: Some(cert),
                ..TlsOptions::default()
            },
            "tls.cert of [milvus] is set without tls.key",
        );
    }

    #[test]
    fn a_key_with_a_passphrase_is_named_as_that() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key.pem");
        let text = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE \
                    KEY-----\n";
        std::fs::write(&path, text).expect("written");
        let error = private_key(&TlsFile::new(path, "tls.key of [tracing]")).expect_err("refused");
        assert!(error.to_string().contains("passphrase"), "{error}");
    }

    #[test]
    fn the_name_is_that_of_the_options_or_the_host() {
        let named = TlsOptions {
            server_name: Some("a.test".to_owned()),
            ..TlsOptions::default()
        };
        let name = |options: &TlsOptions, host: &str| {
            options.name_at(host).map(|name| name.to_str().into_owned())
        };
        assert_eq!(name(&named, "h"), Ok("a.test".to_owned()));
        assert_eq!(name(&TlsOptions::default(), "[::1]"), Ok("::1".to_owned()));
        assert!(name(&TlsOptions::default(), "a b").is_err());
    }
}
