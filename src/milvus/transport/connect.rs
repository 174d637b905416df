//! From options to open connections: what is wrong with an option is said before anything is sent.

use std::{error::Error, fmt, io::Read, path::Path, path::PathBuf, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use tonic::{
    metadata::{AsciiMetadataValue, MetadataMap},
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity},
};
use url::Url;

use super::{Access, Observer, Pick, Resolve};
use crate::{milvus::TlsCause, open_files};

/// Flow-control windows: as large as a reply may reasonably be, so that reading a reply never waits
/// for a window update.
pub(in crate::milvus) const STREAM_WINDOW_BYTES: u32 = 8 << 20;
pub(in crate::milvus) const CONNECTION_WINDOW_BYTES: u32 = 64 << 20;

/// `user-agent` of every call.
pub(in crate::milvus) const USER_AGENT: &str = concat!("milvus-bench/", env!("CARGO_PKG_VERSION"));

/// Pings of an idle or busy connection; the interval of the official SDKs, which every server's
/// policy bears.
const PING_INTERVAL: Duration = Duration::from_secs(55);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// A PEM file is read whole; the largest bundles of root certificates have less than this.
const MAX_PEM_BYTES: u64 = 4 << 20;

/// Who the client says it is.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Credentials {
    /// Nobody; enough for a Milvus without authorization.
    #[default]
    None,
    /// A token or API key.
    Token(String),
    /// A user of Milvus.
    User {
        /// Name.
        name: String,
        /// Password.
        password: String,
    },
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Credentials::None => f.write_str("None"),
            Credentials::Token(_) => f.write_str("Token(***)"),
            Credentials::User { name, .. } => write!(f, "User {{ name: {name:?}, password: *** }}"),
        }
    }
}

impl Credentials {
    /// Value of the `authorization` metadata: base64 without a scheme, as Milvus wants it.
    fn authorization(&self) -> Option<String> {
        match self {
            Credentials::None => None,
            Credentials::Token(token) => Some(BASE64_STANDARD.encode(token)),
            Credentials::User { name, password } => {
                Some(BASE64_STANDARD.encode(format!("{name}:{password}")))
            }
        }
    }

    /// Texts that must not be seen in any message, the longest first.
    pub(in crate::milvus) fn secrets(&self) -> Vec<String> {
        let mut secrets: Vec<String> = self.authorization().into_iter().collect();
        match self {
            Credentials::None => {}
            Credentials::Token(token) => {
                // A token of the form user:password holds a secret of its own.
                let password = token.split_once(':').map(|(_, password)| password);
                for secret in [Some(token.as_str()), password].into_iter().flatten() {
                    secrets.extend([secret.to_owned(), BASE64_STANDARD.encode(secret)]);
                }
            }
            Credentials::User { password, .. } => {
                secrets.extend([password.clone(), BASE64_STANDARD.encode(password)])
            }
        }
        secrets.retain(|secret| !secret.is_empty());
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets.dedup();
        secrets
    }
}

/// TLS as `[milvus] tls` says; all PEM files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsOptions {
    /// Certificates that the server's one is checked against; None: those of the system.
    pub ca: Option<PathBuf>,
    /// The client's certificate, for mutual TLS; needs `key`.
    pub cert: Option<PathBuf>,
    /// The client's private key; needs `cert`.
    pub key: Option<PathBuf>,
    /// Name that the server's certificate must have; None: the host of the URI.
    pub server_name: Option<String>,
}

/// How to reach Milvus.
#[derive(Clone, Debug)]
pub struct ConnectOptions {
    /// `http://host:port`, or `https://host:port` for TLS.
    pub uri: String,
    /// Connections, at least 1; 0 is taken as 1.
    pub connections: u32,
    /// For each connection, from name look-up to the end of the handshake.
    pub connect_timeout: Duration,
    /// What may be sent.
    pub access: Access,
    /// Database of all calls; None: Milvus' default one.
    pub database: Option<String>,
    /// Who the client is.
    pub credentials: Credentials,
    /// TLS beyond the defaults; needs an `https` URI.
    pub tls: Option<TlsOptions>,
    /// Which connection a request of the load takes.
    pub pick: Pick,
    /// Which address of the URI's name the connections of the load take.
    pub resolve: Resolve,
    /// Who is told what is waited for; the load tells nobody.
    pub observer: Option<Observer>,
}

impl ConnectOptions {
    /// One connection within 10 s, everything allowed, no database, no credentials, TLS as the
    /// URI's scheme says.
    #[must_use]
    pub fn new(uri: impl Into<String>) -> Self {
        Self {
            uri: uri.into(),
            connections: 1,
            connect_timeout: Duration::from_secs(10),
            access: Access::All,
            database: None,
            credentials: Credentials::None,
            tls: None,
            pick: Pick::default(),
            resolve: Resolve::default(),
            observer: None,
        }
    }
}

/// Why there is no connection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// The URI can't be one of Milvus; it is shown unless it holds a password.
    #[error("[milvus] uri {uri:?} {problem}; write http://host:port, or https://host:port for TLS")]
    Uri {
        /// As typed, or `***`.
        uri: String,
        /// What is wrong.
        problem: String,
    },
    /// Another option can't be used.
    #[error("[milvus] {key} {problem}")]
    Option {
        /// Key in the scenario.
        key: &'static str,
        /// What was found and what is allowed.
        problem: String,
    },
    /// A file of `[milvus] tls` can't be used.
    #[error("[milvus] {key} file {} {problem}", path.display())]
    File {
        /// Key in the scenario.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Nobody answers there.
    #[error(
        "no connection to Milvus at {uri}: {cause}; check that Milvus runs there and that this is \
         its gRPC port (19530 by default); `milvus-bench stack up` starts a local one"
    )]
    Unreachable {
        /// As typed.
        uri: String,
        /// Of the operating system or of HTTP/2.
        cause: String,
    },
    /// This process may open no more files.
    #[error("no connection to Milvus at {uri}: {cause}: {advice}")]
    TooManyFiles {
        /// As typed.
        uri: String,
        /// Of the operating system.
        cause: String,
        /// What to do.
        advice: String,
    },
    /// The server was reached, and TLS with it failed.
    #[error("no TLS connection to Milvus at {uri}: {}", tls_words(*known, cause))]
    Tls {
        /// As typed.
        uri: String,
        /// Of the TLS library.
        cause: String,
        /// What it means; None where it means nothing that is known here.
        known: Option<TlsCause>,
    },
}

/// What is known of a failure of TLS, with what to do.
fn tls_words(known: Option<TlsCause>, cause: &str) -> String {
    match known {
        Some(known) => format!("{} ({cause}); {}", known.what(), known.change()),
        None => {
            format!("{cause}; check tls.ca and tls.server_name of [milvus], and the server's log")
        }
    }
}

/// The connections' common settings.
pub(super) fn endpoint(options: &ConnectOptions) -> Result<Endpoint, ConnectError> {
    let https = check_uri(options)?;
    let bad_uri = |_| uri_error(&options.uri, "is not valid");
    let endpoint = Endpoint::from_shared(options.uri.clone())
        .map_err(bad_uri)?
        .user_agent(USER_AGENT)
        .map_err(bad_uri)?
        .connect_timeout(options.connect_timeout)
        .tcp_nodelay(true)
        .http2_adaptive_window(false)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .http2_keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT)
        .keep_alive_while_idle(true);
    match (https, &options.tls) {
        (false, _) => Ok(endpoint),
        (true, tls) => {
            let config = tls_config(
                tls.as_ref().unwrap_or(&TlsOptions::default()),
                options.connect_timeout,
            )?;
            endpoint
                .tls_config(config)
                .map_err(|error| tls_error(&options.uri, &error))
        }
    }
}

/// Opens the connections, all at once.
pub(super) async fn open(
    options: &ConnectOptions,
    endpoint: &Endpoint,
) -> Result<Vec<Channel>, ConnectError> {
    let open_one =
        async || match tokio::time::timeout(options.connect_timeout, endpoint.connect()).await {
            Ok(Ok(channel)) => Ok(channel),
            Ok(Err(error)) => Err(refused(&options.uri, &error)),
            Err(_) => Err(ConnectError::Unreachable {
                uri: options.uri.clone(),
                cause: format!("no answer within {:?}", options.connect_timeout),
            }),
        };
    futures_util::future::try_join_all((0..options.connections.max(1)).map(|_| open_one())).await
}

/// The metadata that every call has.
pub(in crate::milvus) fn metadata(options: &ConnectOptions) -> Result<MetadataMap, ConnectError> {
    let mut metadata = MetadataMap::new();
    if let Some(authorization) = options.credentials.authorization() {
        // Base64 is ASCII, but a type without a proof of it is cheaper to check than to trust.
        let mut value =
            AsciiMetadataValue::try_from(authorization).map_err(|_| ConnectError::Option {
                key: "token",
                problem: "can't be sent".into(),
            })?;
        value.set_sensitive(true);
        metadata.insert("authorization", value);
    }
    if let Some(database) = options.database.as_deref().filter(|name| !name.is_empty()) {
        // Milvus itself wants letters, digits and _; services before it may allow a little more.
        let allowed = database
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_$-.".contains(&byte));
        let value = AsciiMetadataValue::try_from(database)
            .ok()
            .filter(|_| allowed);
        let problem =
            || format!("{database:?} is no name of a database; letters, digits and _ are allowed");
        metadata.insert(
            "dbname",
            value.ok_or_else(|| ConnectError::Option {
                key: "database",
                problem: problem(),
            })?,
        );
    }
    Ok(metadata)
}

/// Whether `uri` asks for TLS.
pub(in crate::milvus) fn check_uri(options: &ConnectOptions) -> Result<bool, ConnectError> {
    let uri = options.uri.as_str();
    // `localhost:19530` is a valid URL with the scheme `localhost`.
    if !uri.contains("://") {
        return Err(uri_error(uri, "has no scheme"));
    }
    let url =
        Url::parse(uri).map_err(|error| uri_error(uri, &format!("is not valid ({error})")))?;
    let https = match url.scheme() {
        "http" => false,
        "https" => true,
        other => return Err(uri_error(uri, &format!("has the scheme {other:?}"))),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err(uri_error(
            uri,
            "holds a user; give user and password, or token, as keys of their own",
        ));
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return Err(uri_error(
            uri,
            "has a path; give a database as [milvus] database",
        ));
    }
    if !https && options.tls.is_some() {
        return Err(uri_error(uri, "is without TLS, but [milvus] tls is set"));
    }
    Ok(https)
}

fn uri_error(uri: &str, problem: &str) -> ConnectError {
    // What stands before an @ may be a password, even where the rest makes no sense.
    let uri = if uri.contains('@') { "***" } else { uri };
    ConnectError::Uri {
        uri: uri.to_owned(),
        problem: problem.to_owned(),
    }
}

fn tls_config(tls: &TlsOptions, timeout: Duration) -> Result<ClientTlsConfig, ConnectError> {
    let mut config = ClientTlsConfig::new().timeout(timeout);
    config = match &tls.ca {
        Some(path) => config.ca_certificate(Certificate::from_pem(read_pem(
            "tls.ca",
            path,
            "CERTIFICATE",
        )?)),
        None => config.with_native_roots(),
    };
    if let Some(name) = &tls.server_name {
        config = config.domain_name(name);
    }
    match (&tls.cert, &tls.key) {
        (None, None) => Ok(config),
        (Some(cert), Some(key)) => {
            let cert = read_pem("tls.cert", cert, "CERTIFICATE")?;
            Ok(config.identity(Identity::from_pem(
                cert,
                read_pem("tls.key", key, "PRIVATE KEY")?,
            )))
        }
        (Some(_), None) => Err(ConnectError::Option {
            key: "tls.cert",
            problem: "is set without tls.key; give both or neither".into(),
        }),
        (None, Some(_)) => Err(ConnectError::Option {
            key: "tls.key",
            problem: "is set without tls.cert; give both or neither".into(),
        }),
    }
}

/// Reads a PEM file that must hold a block named `kind`.
pub(in crate::milvus) fn read_pem(
    key: &'static str,
    path: &Path,
    kind: &str,
) -> Result<Vec<u8>, ConnectError> {
    let error = |problem: String| ConnectError::File {
        key,
        path: path.to_owned(),
        problem,
    };
    let mut pem = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_PEM_BYTES + 1).read_to_end(&mut pem))
        .map_err(|cause| error(format!("can't be read: {cause}")))?;
    if pem.len() as u64 > MAX_PEM_BYTES {
        return Err(error(format!(
            "is longer than {MAX_PEM_BYTES} bytes, which no PEM file is"
        )));
    }
    let text = String::from_utf8_lossy(&pem);
    if !text.lines().any(|line| {
        line.starts_with("-----BEGIN ") && line.trim_end().ends_with(&format!("{kind}-----"))
    }) {
        return Err(error(format!(
            "holds no PEM block \"-----BEGIN {kind}-----\""
        )));
    }
    Ok(pem)
}

fn refused(uri: &str, error: &tonic::transport::Error) -> ConnectError {
    let (uri, cause, whole) = (uri.to_owned(), root_cause(error), super::chain(error));
    if let Some(advice) = open_files::advice(&whole) {
        return ConnectError::TooManyFiles { uri, cause, advice };
    }
    // What failed before TLS began is told by tonic's words.
    let before_tls = whole.contains("tcp connect error") || whole.contains("dns error");
    if uri.starts_with("https") && !before_tls {
        tls_error(&uri, error)
    } else {
        ConnectError::Unreachable { uri, cause }
    }
}

/// A failure of TLS with `uri`.
pub(in crate::milvus) fn tls_error(uri: &str, error: &(dyn Error + 'static)) -> ConnectError {
    ConnectError::Tls {
        uri: uri.to_owned(),
        cause: root_cause(error),
        known: TlsCause::of(error),
    }
}

fn root_cause(error: &(dyn Error + 'static)) -> String {
    let mut root = error;
    while let Some(source) = root.source() {
        root = source;
    }
    root.to_string()
}
