//! The second look at a server with which a connection failed: a handshake of its own, whose end is
//! waited for and in which nothing is sent. With TLS 1.3 a server's refusal comes when the client
//! believes to be connected, and is lost where something is sent meanwhile; clients of gRPC and
//! HTTP hide the error besides.

use std::{io, sync::Arc, time::Duration};

use rustls::Error as TlsError;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use url::Url;

use super::{
    cause::{ClientCertificate, TlsCause, TlsTrouble},
    options::TlsOptions,
};

/// Longest time of each step, whatever the options allow: a server that is right answers within
/// milliseconds.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long a server is listened to that may refuse after the handshake.
const REFUSAL: Duration = Duration::from_secs(2);

/// What a client of HTTP/2 sends first, with empty settings: HTTP/2 answers with its settings, and
/// HTTP/1 with a status line.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

const H2: &[u8] = b"h2";
const HTTP_1: &[u8] = b"http/1.1";

/// What is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    /// Address, with http:// where it has no scheme.
    pub url: &'a str,
    /// What the connection that failed was opened with.
    pub options: &'a TlsOptions,
    /// What was to be spoken.
    pub needs: Needs,
    /// Longest time of each step, at most 3 s.
    pub patience: Duration,
}

/// What the client speaks above TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// gRPC: HTTP/2, agreed on by ALPN.
    Http2,
    /// HTTP of any version.
    Http,
}

impl Needs {
    fn offers(self) -> &'static [&'static [u8]] {
        match self {
            Self::Http2 => &[H2],
            Self::Http => &[H2, HTTP_1],
        }
    }
}

impl Look<'_> {
    /// Why no connection with the server came about, as far as TLS is why; None: it is not, or
    /// nothing answers there.
    pub async fn trouble(self) -> Option<TlsTrouble> {
        let place = Place::of(self)?;
        if place.is_encrypted {
            place.look_at_tls(self.options, self.needs).await
        } else {
            let shaken = place.shake_hands(&TlsOptions::default(), &[]).await?;
            shaken.is_tls().then(|| plain(TlsCause::OnlyTls))
        }
    }

    /// The same after an answer with this HTTP status: None at once where that has nothing to do
    /// with TLS. Servers say by it that they miss a client certificate (nginx), or that they speak
    /// TLS.
    pub async fn trouble_after(self, status: u16) -> Option<TlsTrouble> {
        let place = Place::of(self)?;
        if !place.is_encrypted {
            return if status == 400 {
                self.trouble().await
            } else {
                None
            };
        }
        if ![400, 403, 495, 496].contains(&status) {
            return None;
        }
        let shaken = place.shake_hands(self.options, self.needs.offers()).await?;
        shaken.certificate.cause().map(plain)
    }
}

fn plain(cause: TlsCause) -> TlsTrouble {
    TlsTrouble {
        cause,
        detail: String::new(),
    }
}

/// Where a server is.
struct Place {
    host: String,
    port: u16,
    is_encrypted: bool,
    patience: Duration,
}

/// How a handshake ended.
struct Shaken {
    /// None: nothing came in time.
    ended: Option<io::Result<TlsStream<TcpStream>>>,
    certificate: ClientCertificate,
}

impl Shaken {
    /// Whether the answer was one of TLS.
    fn is_tls(&self) -> bool {
        match &self.ended {
            Some(Ok(_)) => true,
            Some(Err(error)) => error
                .get_ref()
                .and_then(|error| error.downcast_ref::<TlsError>())
                .is_some_and(|error| !matches!(error, TlsError::InvalidMessage(_))),
            None => false,
        }
    }
}

impl Place {
    fn of(Look { url, patience, .. }: Look<'_>) -> Option<Self> {
        let url = if url.contains("://") {
            Url::parse(url)
        } else {
            Url::parse(&format!("http://{url}"))
        };
        let url = url.ok()?;
        Some(Self {
            host: url.host_str()?.trim_matches(['[', ']']).to_owned(),
            port: url.port_or_known_default()?,
            is_encrypted: url.scheme() == "https",
            patience: patience.min(PATIENCE),
        })
    }

    async fn connect(&self) -> Option<TcpStream> {
        let connected = TcpStream::connect((self.host.as_str(), self.port));
        timeout(self.patience, connected).await.ok()?.ok()
    }

    /// None: there is no connection, or the options can't be used, which is said elsewhere.
    async fn shake_hands(&self, options: &TlsOptions, offers: &[&[u8]]) -> Option<Shaken> {
        let (config, asked) = options.noting_config(offers).ok()?;
        let name = options.name_at(&self.host).ok()?;
        let stream = self.connect().await?;
        let connector = TlsConnector::from(Arc::new(config));
        let ended = timeout(self.patience, connector.connect(name, stream)).await;
        Some(Shaken {
            ended: ended.ok(),
            certificate: match (asked.by_server(), options.has_identity()) {
                (false, _) => ClientCertificate::NotAsked,
                (true, false) => ClientCertificate::Missing,
                (true, true) => ClientCertificate::Sent,
            },
        })
    }

    async fn look_at_tls(&self, options: &TlsOptions, needs: Needs) -> Option<TlsTrouble> {
        let Shaken { ended, certificate } = self.shake_hands(options, needs.offers()).await?;
        let mut stream = match ended {
            Some(Ok(stream)) => stream,
            Some(Err(error)) => return self.of_handshake(&error, certificate).await,
            // Waits for more: of a server without TLS the hello may be the beginning of a line.
            None => return self.speaks_plainly().await.then(|| plain(TlsCause::NotTls)),
        };
        let is_without_h2 = needs == Needs::Http2 && stream.get_ref().1.alpn_protocol() != Some(H2);
        // A certificate that is missing comes before all that the server would say to a client
        // that it lets in.
        if !is_without_h2 || certificate != ClientCertificate::NotAsked {
            let refused = match timeout(REFUSAL.min(self.patience), stream.read_u8()).await {
                Ok(Err(error)) => Some(after_handshake(&error, certificate)),
                Ok(Ok(_)) | Err(_) => None,
            };
            if refused.is_some() || !is_without_h2 {
                return refused;
            }
        }
        // Some servers serve one connection at a time.
        drop(stream);
        Some(plain(self.without_h2(options).await))
    }

    /// Why the handshake itself failed.
    async fn of_handshake(
        &self,
        error: &io::Error,
        certificate: ClientCertificate,
    ) -> Option<TlsTrouble> {
        let hung_up = || {
            let kinds = [
                io::ErrorKind::UnexpectedEof,
                io::ErrorKind::ConnectionReset,
                io::ErrorKind::BrokenPipe,
                io::ErrorKind::ConnectionAborted,
            ];
            kinds
                .contains(&error.kind())
                .then(|| certificate.cause().unwrap_or(TlsCause::HungUp))
        };
        let cause = TlsCause::with(error, certificate).or_else(hung_up)?;
        // A server without TLS hangs up as well, where the hello is no beginning of what it
        // speaks.
        if cause == TlsCause::HungUp && self.speaks_plainly().await {
            return Some(plain(TlsCause::NotTls));
        }
        Some(TlsTrouble {
            cause,
            detail: words(error),
        })
    }

    /// Whether a server that takes no h2 takes HTTP/1 by ALPN: some answer an offer that they do
    /// not like as if they knew no ALPN.
    async fn without_h2(&self, options: &TlsOptions) -> TlsCause {
        let shaken = self.shake_hands(options, &[H2, HTTP_1]).await;
        match shaken.and_then(|shaken| shaken.ended) {
            Some(Ok(stream)) if stream.get_ref().1.alpn_protocol().is_some() => TlsCause::NoHttp2,
            _ => TlsCause::NoAlpn,
        }
    }

    /// Whether HTTP without TLS is there, of either version.
    async fn speaks_plainly(&self) -> bool {
        let talk = async {
            let mut stream = self.connect().await?;
            stream.write_all(PREFACE).await.ok()?;
            let mut answer = [0; 9];
            stream.read_exact(&mut answer).await.ok()?;
            Some(answer)
        };
        match timeout(self.patience, talk).await {
            Ok(Some([_, _, _, 4, 0 | 1, 0, 0, 0, 0])) => true,
            Ok(Some(answer)) => answer.starts_with(b"HTTP/"),
            _ => false,
        }
    }
}

/// What ended a connection whose handshake the client had finished.
fn after_handshake(error: &io::Error, certificate: ClientCertificate) -> TlsTrouble {
    let cause = TlsCause::with(error, certificate)
        .or(certificate.cause())
        .unwrap_or(TlsCause::ClosedAfterwards);
    TlsTrouble {
        cause,
        detail: words(error),
    }
}

/// The library's words, without the address of a page of its documentation.
fn words(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(": https://")
        .next()
        .unwrap_or_default()
        .to_owned()
}
