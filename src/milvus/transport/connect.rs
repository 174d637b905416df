//! From options to open connections: what is wrong with an option is said before anything is sent.

use std::{error::Error, fmt, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use tonic::{
    metadata::{AsciiMetadataValue, MetadataMap},
    transport::{Channel, Endpoint},
};
use url::Url;

use super::{Access, Observer, Pick, Resolve};
use crate::{
    not_grpc::chain,
    open_files,
    tls::{Look, Needs, TlsCause, TlsError, TlsOptions, TlsPeer, TlsTrouble},
};

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

/// Who the client says it is.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Credentials {
    /// No user; enough for a Milvus without authorization.
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
    /// Who is told what is waited for; the load tells none.
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
    /// A file or name of `[milvus] tls` can't be used.
    #[error(transparent)]
    TlsOption(#[from] TlsError),
    /// No server answers there.
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
        /// Of the TLS library; may be empty where it is known what it means.
        cause: String,
        /// What it means; None where it means nothing that is known here.
        known: Option<TlsCause>,
    },
}

/// What is known of a failure of TLS, with what to do.
fn tls_words(known: Option<TlsCause>, cause: &str) -> String {
    match known {
        Some(known) => TlsTrouble {
            cause: known,
            detail: cause.to_owned(),
        }
        .sentence(TlsPeer::Milvus),
        None => {
            format!("{cause}; check tls.ca and tls.server_name of [milvus], and the server's log")
        }
    }
}

/// Why there is no connection by `options`, as far as TLS is why, by a second look; with the HTTP
/// status of the page that answered in the place of Milvus.
pub async fn tls_trouble(options: &ConnectOptions, status: Option<u16>) -> Option<TlsTrouble> {
    let none = TlsOptions::default();
    let look = Look {
        url: &options.uri,
        options: options.tls.as_ref().unwrap_or(&none),
        needs: Needs::Http2,
        patience: options.connect_timeout,
    };
    match status {
        None => look.trouble().await,
        Some(status) => look.trouble_after(status).await,
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
    if !https {
        return Ok(endpoint);
    }
    let none = TlsOptions::default();
    let tls = options.tls.as_ref().unwrap_or(&none);
    endpoint
        .tls_config(tls.for_grpc(options.connect_timeout)?)
        .map_err(|error| tls_error(&options.uri, &error))
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
    let opened =
        futures_util::future::try_join_all((0..options.connections.max(1)).map(|_| open_one()));
    match opened.await {
        Err(error) => Err(with_cause(error, options).await),
        opened => opened,
    }
}

/// `error` with its cause where a second look finds one that the error does not tell.
async fn with_cause(error: ConnectError, options: &ConnectOptions) -> ConnectError {
    let may_be_tls = options.uri.starts_with("https")
        && matches!(
            error,
            ConnectError::Tls { .. } | ConnectError::Unreachable { .. }
        );
    let found = if may_be_tls {
        tls_trouble(options, None).await
    } else {
        None
    };
    match found {
        Some(TlsTrouble { cause, detail }) => ConnectError::Tls {
            uri: options.uri.clone(),
            cause: detail,
            known: Some(cause),
        },
        None => error,
    }
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
        let problem = || {
            format!("{database:?} is not a valid database name; use letters, digits, _, $, - and .")
        };
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
            "contains a user; give user and password, or token, as separate keys",
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

fn refused(uri: &str, error: &tonic::transport::Error) -> ConnectError {
    let (uri, cause, whole) = (uri.to_owned(), root_cause(error), chain(Some(error)));
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
