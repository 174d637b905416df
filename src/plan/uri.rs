//! Addresses: where one came from, and what it must look like. An address may hold a password by
//! mistake, so errors show it only when it can't.

use url::Url;

use super::Remark;
use crate::scenario::{At, Place, ScenarioError, quoted};

/// An address and who gave it.
#[derive(Clone, Debug)]
pub(super) struct Address<'a> {
    pub(super) text: String,
    pub(super) giver: Giver<'a>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Giver<'a> {
    Scenario(&'a Place),
    Flag(&'static str),
    Variable(&'static str),
}

impl<'a> Address<'a> {
    pub(super) fn written(at: &'a At<String>) -> Self {
        Self {
            text: at.value.clone(),
            giver: Giver::Scenario(&at.place),
        }
    }

    pub(super) fn error(&self, message: &str) -> ScenarioError {
        match self.giver {
            Giver::Scenario(place) => place.error(message),
            Giver::Flag(name) | Giver::Variable(name) => {
                ScenarioError::new(format!("`{name}` {message}"))
            }
        }
    }

    /// The address as a URL of scheme http or https with a host, without user and password.
    pub(super) fn url(&self, example: &str) -> Result<Url, ScenarioError> {
        // What follows a `?` or `#` may be a token.
        let shown = match self.text.split_once(['?', '#']) {
            _ if self.text.contains('@') => "an address".to_owned(),
            Some((before, _)) => quoted(&format!("{before}?...")),
            None => quoted(&self.text),
        };
        let refuse =
            |story: &str| self.error(&format!("is {shown}, {story}; write for example {example}"));
        const NO_SCHEME: &str = "which has no scheme http:// or https:// before its host";
        let url = Url::parse(self.text.trim()).map_err(|error| match error {
            _ if self.text.trim().is_empty() => refuse("which is empty"),
            url::ParseError::RelativeUrlWithoutBase => refuse(NO_SCHEME),
            error => refuse(&format!("which is not a URI ({error})")),
        })?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(self.error(&format!(
                "contains a user or password, which must not be part of an address; use {}",
                self.instead_of_user()
            )));
        }
        if !["http", "https"].contains(&url.scheme()) || url.host_str().is_none_or(str::is_empty) {
            return Err(refuse(NO_SCHEME));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refuse("which has a `?` or `#` part"));
        }
        if url.port() == Some(0) {
            return Err(refuse("whose port 0 can't be connected to"));
        }
        Ok(url)
    }

    /// Scheme, host and port alone, the port filled in.
    pub(super) fn origin(
        &self,
        example: &str,
        http_port: u16,
        remarks: &mut Vec<Remark>,
    ) -> Result<String, ScenarioError> {
        let url = self.url(example)?;
        let origin = self.with_port(&url, http_port, remarks);
        match url.path().trim_matches('/') {
            "" => Ok(origin),
            // As pymilvus takes it.
            database if !database.contains('/') => Err(self.error(&format!(
                "is {}, whose path is not part of the address: write the address {origin}, and \
                 the database as database = {} in [milvus]",
                quoted(&self.text),
                quoted(database)
            ))),
            _ => Err(self.error(&format!(
                "is {}, which has a path after its port; write for example {example}",
                quoted(&self.text)
            ))),
        }
    }

    /// Scheme, host, port and path without a slash at its end, the port filled in.
    pub(super) fn endpoint(
        &self,
        example: &str,
        http_port: u16,
        remarks: &mut Vec<Remark>,
    ) -> Result<String, ScenarioError> {
        let url = self.url(example)?;
        let origin = self.with_port(&url, http_port, remarks);
        Ok(format!("{origin}{}", url.path().trim_end_matches('/')))
    }

    /// Where no port is written, https has its own and http that of the server; which was taken is
    /// said.
    fn with_port(&self, url: &Url, http_port: u16, remarks: &mut Vec<Remark>) -> String {
        let port = written_port(self.text.trim()).unwrap_or_else(|| {
            let port = if url.scheme() == "https" {
                443
            } else {
                http_port
            };
            remarks.push(Remark::PortTaken {
                giver: self.name(),
                port,
            });
            port
        });
        format!(
            "{}://{}:{port}",
            url.scheme(),
            url.host_str().unwrap_or_default()
        )
    }

    /// Where a user and password belong.
    fn instead_of_user(&self) -> &'static str {
        let name = self.name();
        if name.contains("spans") {
            "`headers` of [tracing.spans], authorization = \"${NAME}\""
        } else if name.contains("export") || name.contains("otlp") || name.contains("OTLP") {
            "OTEL_EXPORTER_OTLP_HEADERS in the environment"
        } else {
            "`token`, or `user` and `password`, of [milvus]"
        }
    }

    fn name(&self) -> String {
        match self.giver {
            Giver::Scenario(place) => place.path().to_owned(),
            Giver::Flag(name) | Giver::Variable(name) => name.to_owned(),
        }
    }
}

/// The port as written: `Url` drops a scheme's own (80, 443), which a forwarded server may well
/// have.
fn written_port(address: &str) -> Option<u16> {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let authority = rest.split(['/', '\\', '?', '#']).next().unwrap_or_default();
    authority
        .rsplit_once(':')
        .and_then(|(_, port)| port.parse().ok())
}
