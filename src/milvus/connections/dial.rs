//! From options to one open HTTP/2 connection: name, TCP, TLS, handshake, and the proof that the
//! other side speaks HTTP/2.

use std::{
    cell::RefCell,
    future::poll_fn,
    io,
    net::SocketAddr,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use h2::{
    Ping,
    client::{Builder, Connection, SendRequest},
};
use http::uri::{Authority, Scheme};
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;
use url::Url;

use super::{
    choice::Resolve,
    frame::Frame,
    socket::{Coalesced, Stamped, Stream},
    watch::Watch,
};
use crate::{
    milvus::transport::{
        ConnectError, ConnectOptions,
        connect::{CONNECTION_WINDOW_BYTES, STREAM_WINDOW_BYTES, check_uri, tls_error},
    },
    open_files,
    tls::{TlsError, TlsOptions},
};

/// Bytes of one request that may wait inside HTTP/2 for the server's window: more than any message
/// has, so that the window alone decides.
const SEND_BUFFER_BYTES: usize = 256 << 20;

/// A peer that acknowledges nothing for so long is gone: the kernel then ends the connection, and
/// another one is opened.
const USER_TIMEOUT: Duration = Duration::from_secs(20);

/// HTTP/2 in ALPN.
const H2: &[u8] = b"h2";

/// How long the answer to a ping is waited for when a connection was opened.
const SETTINGS: Duration = Duration::from_millis(200);

/// How to open a connection; the files of the options are read, the name is not looked up yet.
pub(super) struct Dial {
    uri: String,
    host: String,
    port: u16,
    resolve: Resolve,
    timeout: Duration,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    pub(super) scheme: Scheme,
    pub(super) authority: Authority,
    /// Gives the ends of connections within this process, in the place of TCP.
    #[cfg(test)]
    pub(super) in_process: Option<InProcess>,
}

/// Makes a connection within this process; the other end is the server's.
#[cfg(test)]
pub(crate) type InProcess = Rc<dyn Fn() -> tokio::io::DuplexStream>;

/// An open connection.
pub(super) struct Opened {
    pub(super) sender: SendRequest<Frame>,
    pub(super) connection: Driven,
    /// Streams that the server allows at one time.
    pub(super) limit: usize,
}

/// The two halves that one task drives.
pub(super) struct Driven {
    http: Connection<SharedSocket, Frame>,
    socket: Rc<RefCell<Coalesced>>,
}

impl Driven {
    /// One turn: what came is read, what is to be sent is written in one go. Ready when the
    /// connection has ended.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        written: impl FnOnce(),
    ) -> Poll<Result<(), String>> {
        let turned = Pin::new(&mut self.http).poll(cx);
        match self.socket.borrow_mut().drain(cx) {
            Poll::Ready(Ok(())) => written(),
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error.to_string())),
            Poll::Pending => {}
        }
        turned.map_err(|error| error.to_string())
    }

    /// Streams that the server allows at one time.
    pub(super) fn limit(&self) -> usize {
        self.http.max_concurrent_send_streams()
    }
}

/// The socket as HTTP/2 sees it.
struct SharedSocket(Rc<RefCell<Coalesced>>);

impl AsyncRead for SharedSocket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_read(cx, buffer)
    }
}

impl AsyncWrite for SharedSocket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_shutdown(cx)
    }
}

impl Dial {
    /// Checks the options and reads their files.
    ///
    /// # Errors
    /// An option can't be used, or a file can't be read.
    pub(super) fn new(options: &ConnectOptions) -> Result<Self, ConnectError> {
        let https = check_uri(options)?;
        let invalid = |problem: &str| ConnectError::Uri {
            uri: options.uri.clone(),
            problem: problem.to_owned(),
        };
        // `check_uri` has parsed it once; what it accepts has a host.
        let url = Url::parse(&options.uri).map_err(|_| invalid("is not valid"))?;
        let host = url
            .host_str()
            .ok_or_else(|| invalid("has no host"))?
            .to_owned();
        let port = url
            .port_or_known_default()
            .unwrap_or(if https { 443 } else { 80 });
        let authority =
            Authority::try_from(format!("{host}:{port}")).map_err(|_| invalid("is not valid"))?;
        let tls = if https {
            Some(tls(
                options.tls.as_ref().unwrap_or(&TlsOptions::default()),
                &host,
            )?)
        } else {
            None
        };
        Ok(Self {
            uri: options.uri.clone(),
            // An IPv6 address stands in brackets in a URI and without them everywhere else.
            host: host
                .trim_start_matches('[')
                .trim_end_matches(']')
                .to_owned(),
            port,
            resolve: options.resolve,
            timeout: options.connect_timeout,
            tls,
            scheme: if https { Scheme::HTTPS } else { Scheme::HTTP },
            authority,
            #[cfg(test)]
            in_process: None,
        })
    }

    /// Opens connection `number`.
    ///
    /// # Errors
    /// No server answers, the other side's certificate is not accepted, or it does not speak
    /// HTTP/2.
    pub(super) async fn open(
        &self,
        number: usize,
        watch: &Rc<dyn Watch>,
    ) -> Result<Opened, ConnectError> {
        let unreachable = |cause: String| ConnectError::Unreachable {
            uri: self.uri.clone(),
            cause,
        };
        match tokio::time::timeout(self.timeout, self.open_unbounded(number, watch)).await {
            Ok(opened) => opened,
            Err(_) => Err(unreachable(format!("no answer within {:?}", self.timeout))),
        }
    }

    async fn open_unbounded(
        &self,
        number: usize,
        watch: &Rc<dyn Watch>,
    ) -> Result<Opened, ConnectError> {
        let unreachable = |cause: String| ConnectError::Unreachable {
            uri: self.uri.clone(),
            cause,
        };
        #[cfg(test)]
        if let Some(connect) = &self.in_process {
            return handshake(Box::new(connect())).await.map_err(unreachable);
        }
        let tcp = self.tcp(number).await.map_err(|error| {
            match open_files::advice(&error.to_string()) {
                Some(advice) => ConnectError::TooManyFiles {
                    uri: self.uri.clone(),
                    cause: error.to_string(),
                    advice,
                },
                None => unreachable(error.to_string()),
            }
        })?;
        let stamped = Stamped::new(tcp, Rc::clone(watch), number);
        let stream: Box<dyn Stream> = match &self.tls {
            None => Box::new(stamped),
            Some((connector, name)) => {
                let refused = |error: io::Error| tls_error(&self.uri, &error);
                let stream = connector
                    .connect(name.clone(), stamped)
                    .await
                    .map_err(refused)?;
                if stream.get_ref().1.alpn_protocol() != Some(H2) {
                    return Err(refused(io::Error::other(
                        rustls::Error::NoApplicationProtocol,
                    )));
                }
                Box::new(stream)
            }
        };
        handshake(stream).await.map_err(unreachable)
    }

    /// The first address that answers; with [`Resolve::EveryAddress`] connection n begins with the
    /// n-th.
    async fn tcp(&self, number: usize) -> io::Result<TcpStream> {
        let mut addresses: Vec<SocketAddr> =
            tokio::net::lookup_host((self.host.as_str(), self.port))
                .await?
                .collect();
        if self.resolve == Resolve::EveryAddress && !addresses.is_empty() {
            // The resolver's order changes from call to call.
            addresses.sort_unstable();
            let first = number % addresses.len();
            addresses.rotate_left(first);
        }
        let mut failure = io::Error::new(
            io::ErrorKind::NotFound,
            format!("{} has no address", self.host),
        );
        for address in addresses {
            match TcpStream::connect(address).await {
                Ok(tcp) => {
                    tcp.set_nodelay(true)?;
                    // Without it a dead peer is found later; nothing else depends on it.
                    let _ = rustix::net::sockopt::set_tcp_user_timeout(
                        &tcp,
                        u32::try_from(USER_TIMEOUT.as_millis()).unwrap_or(0),
                    );
                    return Ok(tcp);
                }
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }
}

/// Opens HTTP/2 and waits a moment for the answer to a ping: the server's settings, with its limit
/// of streams, come before it. Milvus, which tells gRPC from HTTP by the first request, is silent
/// until then; its settings come with the first reply.
async fn handshake(stream: Box<dyn Stream>) -> Result<Opened, String> {
    let socket = Rc::new(RefCell::new(Coalesced::new(stream)));
    let (sender, mut http) = Builder::new()
        .initial_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_send_buffer_size(SEND_BUFFER_BYTES)
        .enable_push(false)
        .handshake::<_, Frame>(SharedSocket(Rc::clone(&socket)))
        .await
        .map_err(|error| error.to_string())?;
    let ping = http.ping_pong();
    let mut connection = Driven { http, socket };
    if let Some(mut ping) = ping {
        ping.send_ping(Ping::opaque())
            .map_err(|error| error.to_string())?;
        let answered = poll_fn(|cx| match connection.poll(cx, || {}) {
            Poll::Ready(Ok(())) => Poll::Ready(Err("the connection was closed at once".to_owned())),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => ping
                .poll_pong(cx)
                .map_ok(|_| ())
                .map_err(|error| error.to_string()),
        });
        if let Ok(answer) = tokio::time::timeout(SETTINGS, answered).await {
            answer?;
        }
    }
    let limit = connection.limit();
    Ok(Opened {
        sender,
        connection,
        limit,
    })
}

fn tls(options: &TlsOptions, host: &str) -> Result<(TlsConnector, ServerName<'static>), TlsError> {
    let config = options.client_config(&[H2])?;
    Ok((TlsConnector::from(Arc::new(config)), options.name_at(host)?))
}
