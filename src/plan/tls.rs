//! `tls` of the tables that name a server: the same keys with the same meaning.

use super::ScenarioError;
use crate::{
    keys::all,
    scenario::{Section, quoted},
    tls::{TlsFile, TlsOptions, TlsPeer},
};

/// What `tls` says of the server at `address`, which `peer` is; None where the address is refused.
pub(super) fn options(
    tls: &Section,
    peer: TlsPeer,
    address: Option<&str>,
) -> Result<TlsOptions, ScenarioError> {
    let scheme = match address {
        Some(address) if !address.starts_with("https://") => Err(tls.error(format!(
            "needs an address with https://, the address is {address}"
        ))),
        _ => Ok(()),
    };
    let file = |key| file(tls, peer, key);
    let is_pair = match (tls.place_of("cert"), tls.place_of("key")) {
        (Some(alone), None) | (None, Some(alone)) => {
            Err(alone.error("is incomplete, a client certificate needs both `cert` and `key`"))
        }
        _ => Ok(()),
    };
    let ((), (), ca, cert, key, server_name) = all((
        scheme,
        is_pair,
        file("ca"),
        file("cert"),
        file("key"),
        server_name(tls),
    ))?;
    Ok(TlsOptions {
        ca,
        cert,
        key,
        server_name,
    })
}

/// A file that is there.
fn file(tls: &Section, peer: TlsPeer, key: &'static str) -> Result<Option<TlsFile>, ScenarioError> {
    match tls.path(key)? {
        Some(at) if !at.value.is_file() => Err(at.error(format!(
            "names {}, which is not a file; give the path of a PEM file",
            at.value.display()
        ))),
        found => Ok(found.map(|at| TlsFile::new(at.value, peer.key(key)))),
    }
}

fn server_name(tls: &Section) -> Result<Option<String>, ScenarioError> {
    let Some(at) = tls.text("server_name")? else {
        return Ok(None);
    };
    let named = TlsOptions {
        server_name: Some(at.value.clone()),
        ..TlsOptions::default()
    };
    match named.name_at("") {
        Ok(_) => Ok(Some(at.value)),
        Err(_) => Err(at.error(format!(
            "is {}, expected a DNS name or an IP address, without a port",
            quoted(&at.value)
        ))),
    }
}
