//! `tls.server_name` over HTTP: a client of HTTP takes the name for TLS from the address, so the
//! address gets that name, and the name leads to the host that the address had.

use std::{net::SocketAddr, sync::Arc};

use reqwest::{
    ClientBuilder,
    dns::{Addrs, Name, Resolve, Resolving},
};
use url::{Host, Url};

use super::options::TlsOptions;

/// A host that is called by another name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renamed {
    host: String,
    name: String,
}

impl Renamed {
    /// The host of `url`, where it has another name by `options`.
    ///
    /// # Errors
    /// The name is an IP address, which can't stand for another one: one sentence, from the name
    /// on.
    pub fn of(url: &Url, options: &TlsOptions) -> Result<Option<Self>, String> {
        let (Some(name), Some(host), "https") =
            (&options.server_name, url.host_str(), url.scheme())
        else {
            return Ok(None);
        };
        if name.eq_ignore_ascii_case(host) {
            return Ok(None);
        }
        match Host::parse(name) {
            Ok(Host::Domain(name)) => Ok(Some(Self {
                host: host.trim_matches(['[', ']']).to_owned(),
                name,
            })),
            _ => Err(format!(
                "tls.server_name {name:?} can't be asked for over HTTP; give a DNS name, or put \
                 the IP address into the address"
            )),
        }
    }

    /// A client that finds the host by its new name.
    pub fn known_to(&self, builder: ClientBuilder) -> ClientBuilder {
        builder.dns_resolver(Arc::new(self.clone()))
    }

    /// `url` with the new name, where it is encrypted and leads to that host.
    #[must_use]
    pub fn url(&self, url: &str) -> String {
        let renamed = Url::parse(url).ok().filter(|url| {
            url.scheme() == "https"
                && url
                    .host_str()
                    .is_some_and(|host| host.trim_matches(['[', ']']) == self.host)
        });
        let Some(mut renamed) = renamed else {
            return url.to_owned();
        };
        match renamed.set_host(Some(&self.name)) {
            Ok(()) => renamed.into(),
            Err(_) => url.to_owned(),
        }
    }
}

impl Resolve for Renamed {
    fn resolve(&self, name: Name) -> Resolving {
        let host = if name.as_str().eq_ignore_ascii_case(&self.name) {
            self.host.clone()
        } else {
            name.as_str().to_owned()
        };
        Box::pin(async move {
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn renamed(url: &str, name: &str) -> Result<Option<Renamed>, String> {
        let options = TlsOptions {
            server_name: Some(name.to_owned()),
            ..TlsOptions::default()
        };
        Renamed::of(&Url::parse(url).expect("a URL"), &options)
    }

    #[test]
    fn only_the_encrypted_host_has_the_other_name() {
        let renamed = renamed("https://[::1]:9/x", "a.test")
            .expect("a name")
            .expect("another one");
        assert_eq!(
            renamed.url("https://[::1]:9/x?y=1"),
            "https://a.test:9/x?y=1"
        );
        for other in ["http://[::1]:9/x", "https://b:9/x", "no url"] {
            assert_eq!(renamed.url(other), other);
        }
    }

    #[test]
    fn a_name_that_is_the_host_or_no_name_changes_nothing() {
        assert_eq!(renamed("https://A.test:1", "a.test"), Ok(None));
        assert_eq!(renamed("http://b:1", "a.test"), Ok(None));
        assert!(renamed("https://b:1", "10.0.0.1").is_err());
    }
}
