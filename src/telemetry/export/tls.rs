//! TLS of the OTLP endpoint: the system's roots, an authority of one's own beside them, the
//! client's own certificate.

use reqwest::{Certificate, Identity};

use super::options::{ExportTls, TlsFile};

impl TlsFile {
    fn read(&self) -> Result<Vec<u8>, String> {
        let Self { path, named_by } = self;
        std::fs::read(path).map_err(|error| {
            format!(
                "{named_by} names {}, which can't be read: {error}",
                path.display()
            )
        })
    }

    fn unusable(&self, error: &dyn std::fmt::Display) -> String {
        format!(
            "{} names {}, which can't be used: {error}",
            self.named_by,
            self.path.display()
        )
    }
}

/// For gRPC.
pub(super) fn for_grpc(tls: &ExportTls) -> Result<tonic::transport::ClientTlsConfig, String> {
    let mut config = tonic::transport::ClientTlsConfig::new().with_native_roots();
    if let Some(ca) = &tls.ca {
        config = config.ca_certificate(tonic::transport::Certificate::from_pem(ca.read()?));
    }
    if let Some((cert, key)) = &tls.identity {
        config = config.identity(tonic::transport::Identity::from_pem(
            cert.read()?,
            key.read()?,
        ));
    }
    Ok(config)
}

/// For HTTP.
pub(super) fn for_http(
    mut builder: reqwest::ClientBuilder,
    tls: &ExportTls,
) -> Result<reqwest::ClientBuilder, String> {
    if let Some(ca) = &tls.ca {
        let found =
            Certificate::from_pem_bundle(&ca.read()?).map_err(|error| ca.unusable(&error))?;
        builder = builder.tls_certs_merge(found);
    }
    if let Some((cert, key)) = &tls.identity {
        // Both in one text, which is how reqwest takes them.
        let pem = [key.read()?, b"\n".to_vec(), cert.read()?].concat();
        builder =
            builder.identity(Identity::from_pem(&pem).map_err(|error| cert.unusable(&error))?);
    }
    Ok(builder)
}
