//! Addresses of one Jaeger: which ports belong to the endpoint that the scenario names.

use url::Url;

use super::source::SourceOptions;
use crate::spans::error::SpanError;

const GRPC_PORT: u16 = 16685;
const HTTP_PORT: u16 = 16686;
/// Jaeger 1.x, then Jaeger 2.x.
const ADMIN_PORTS: [u16; 2] = [14269, 8888];

/// `address` as a URL without a trailing slash; `host:port` means http.
pub(super) fn parse(address: &str) -> Result<Url, SpanError> {
    let text = if address.contains("://") {
        address.to_owned()
    } else {
        format!("http://{address}")
    };
    let wrong = |found: &str| {
        SpanError::new(format!(
            "the address of the spans \"{address}\" {found}: write http://HOST:PORT or \
             https://HOST:PORT, with a base path if there is one"
        ))
    };
    let mut url = Url::parse(&text).map_err(|error| wrong(&format!("can't be read ({error})")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong(&format!("has the scheme {}", url.scheme())));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(SpanError::new(
            "the address of the spans holds a user name or password: send an authorization header \
             instead"
                .to_owned(),
        ));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(wrong("names no host"));
    }
    url.set_query(None);
    url.set_fragment(None);
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

/// `url` as text without a trailing slash, for joining paths.
pub(super) fn base(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}

/// `host:port` of `url`, for messages.
pub(super) fn shown(url: &Url) -> String {
    let port = url.port_or_known_default().unwrap_or_default();
    format!(
        "{}:{port}{}",
        url.host_str().unwrap_or_default(),
        url.path().trim_end_matches('/')
    )
}

fn with_port(url: &Url, port: u16) -> Url {
    let mut url = url.clone();
    // Only a URL without a host refuses a port, and `parse` lets none through.
    let _ = url.set_port(Some(port));
    url
}

/// The addresses of one Jaeger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Addresses {
    /// gRPC query API, without a path.
    pub(super) grpc: Url,
    /// JSON and UI, base path kept.
    pub(super) http: Url,
    /// Where its counters may be.
    pub(super) admin: Vec<Url>,
}

/// Derives what `options` leave open. An endpoint on one of Jaeger's two default ports (or with
/// http:// and without a port) stands for both, and for its counters; any other port, 443 of
/// https:// among them, is that of a moved or forwarded Jaeger, whose default ports may belong to
/// somebody else: it is used for both, and counters are read where `admin` says.
pub(super) fn addresses(options: &SourceOptions) -> Result<Addresses, SpanError> {
    let endpoint = parse(
        options
            .endpoint
            .as_deref()
            .unwrap_or("http://127.0.0.1:16686"),
    )?;
    let explicit = explicit_port(options.endpoint.as_deref().unwrap_or_default());
    let usual = explicit.map_or(endpoint.scheme() == "http", |port| {
        port == GRPC_PORT || port == HTTP_PORT
    });
    let companion = |given: &Option<String>, port: u16| match given {
        Some(address) => parse(address),
        None if usual => Ok(with_port(&endpoint, port)),
        None => Ok(endpoint.clone()),
    };
    let mut grpc = companion(&options.grpc, GRPC_PORT)?;
    grpc.set_path("");
    let admin = match &options.admin {
        Some(address) => vec![parse(address)?],
        None if !usual => Vec::new(),
        None => ADMIN_PORTS
            .iter()
            .map(|port| admin_at(&endpoint, *port))
            .collect(),
    };
    Ok(Addresses {
        grpc,
        http: companion(&options.http, HTTP_PORT)?,
        admin,
    })
}

/// The port as written: `Url` drops a scheme's own (80, 443), which a forwarded Jaeger may well
/// have.
fn explicit_port(endpoint: &str) -> Option<u16> {
    let rest = endpoint
        .split_once("://")
        .map_or(endpoint, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority
        .rsplit_once(':')
        .and_then(|(_, port)| port.parse().ok())
}

fn admin_at(endpoint: &Url, port: u16) -> Url {
    let mut url = with_port(endpoint, port);
    url.set_path("");
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(endpoint: Option<&str>, grpc: &str, http: &str) {
        let options = SourceOptions {
            endpoint: endpoint.map(str::to_owned),
            ..SourceOptions::default()
        };
        let found = addresses(&options).expect("addresses");
        assert_eq!(
            (base(&found.grpc).as_str(), base(&found.http).as_str()),
            (grpc, http),
            "{endpoint:?}"
        );
    }

    #[test]
    fn no_endpoint_is_loopback() {
        check(None, "http://127.0.0.1:16685", "http://127.0.0.1:16686");
    }

    #[test]
    fn http_port_stands_for_both_and_keeps_its_path() {
        check(
            Some("http://jaeger:16686/ui/"),
            "http://jaeger:16685",
            "http://jaeger:16686/ui",
        );
    }

    #[test]
    fn grpc_port_stands_for_both() {
        check(
            Some("jaeger:16685"),
            "http://jaeger:16685",
            "http://jaeger:16686",
        );
    }

    #[test]
    fn no_port_is_the_default_ports() {
        check(
            Some("http://jaeger"),
            "http://jaeger:16685",
            "http://jaeger:16686",
        );
    }

    #[test]
    fn a_moved_port_never_leads_to_the_default_ports() {
        check(
            Some("http://jaeger:9999"),
            "http://jaeger:9999",
            "http://jaeger:9999",
        );
    }

    #[test]
    fn a_schemes_own_port_counts_when_written() {
        check(
            Some("https://jaeger:443/x"),
            "https://jaeger",
            "https://jaeger/x",
        );
        check(
            Some("http://jaeger:80/jaeger"),
            "http://jaeger",
            "http://jaeger/jaeger",
        );
    }

    #[test]
    fn https_without_a_port_is_443() {
        check(
            Some("https://jaeger/x"),
            "https://jaeger",
            "https://jaeger/x",
        );
        assert_eq!(
            shown(&parse("https://jaeger/x").expect("an address")),
            "jaeger:443/x"
        );
    }

    #[test]
    fn counters_are_read_of_the_jaeger_that_was_named() {
        let admin = |endpoint: &str| {
            let options = SourceOptions {
                endpoint: Some(endpoint.to_owned()),
                ..SourceOptions::default()
            };
            addresses(&options)
                .expect("addresses")
                .admin
                .iter()
                .map(base)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            admin("http://jaeger:16686/ui"),
            ["http://jaeger:14269", "http://jaeger:8888"]
        );
        for elsewhere in ["http://jaeger:80/jaeger", "https://jaeger", "jaeger:9999"] {
            assert_eq!(admin(elsewhere), [""; 0], "{elsewhere}");
        }
    }

    #[test]
    fn ipv6() {
        check(
            Some("http://[::1]:16686"),
            "http://[::1]:16685",
            "http://[::1]:16686",
        );
        check(
            Some("http://[::1]"),
            "http://[::1]:16685",
            "http://[::1]:16686",
        );
    }

    #[test]
    fn wrong_addresses_are_answered_with_the_right_form() {
        for (wrong, word) in [
            ("ftp://x:1", "scheme ftp"),
            ("http://", "can't be read"),
            ("a b", "can't be read"),
            ("http://u:p@h:1", "password"),
        ] {
            let error = parse(wrong).expect_err(wrong).text;
            assert!(error.contains(word) && !error.contains("u:p"), "{error}");
        }
    }
}
