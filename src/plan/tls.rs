//! `tls` of the tables that name a server: the same keys with the same meaning.

use super::PlanError;
use crate::{
    scenario::{At, Section, quoted},
    tls::{TlsFile, TlsOptions, TlsPeer},
};

/// What `tls` says of the server at `address`, which `peer` is.
pub(super) fn options(
    tls: &Section,
    peer: TlsPeer,
    address: &str,
) -> Result<TlsOptions, PlanError> {
    if !address.starts_with("https://") {
        return Err(tls
            .error(format!(
                "needs an address with https://, the address is {address}"
            ))
            .into());
    }
    let [ca, cert, key] = ["ca", "cert", "key"].map(|key| tls.path(key));
    if let (Some(at), None) | (None, Some(at)) = (&cert, &key) {
        return Err(at
            .error("stands alone, the client certificate needs both `cert` and `key`")
            .into());
    }
    for file in [&ca, &cert, &key].into_iter().flatten() {
        if !file.value.is_file() {
            return Err(file
                .error(format!(
                    "names {}, which is no file; give the path of a PEM file",
                    file.value.display()
                ))
                .into());
        }
    }
    let named = |at: Option<At<std::path::PathBuf>>, key: &str| {
        at.map(|at| TlsFile::new(at.value, peer.key(key)))
    };
    Ok(TlsOptions {
        ca: named(ca, "ca"),
        cert: named(cert, "cert"),
        key: named(key, "key"),
        server_name: server_name(tls)?,
    })
}

fn server_name(tls: &Section) -> Result<Option<String>, PlanError> {
    let Some(at) = tls.text("server_name") else {
        return Ok(None);
    };
    let named = TlsOptions {
        server_name: Some(at.value.clone()),
        ..TlsOptions::default()
    };
    match named.name_at("") {
        Ok(_) => Ok(Some(at.value)),
        Err(_) => Err(at
            .error(format!(
                "is {}, allowed are a DNS name and an IP address, without a port",
                quoted(&at.value)
            ))
            .into()),
    }
}
