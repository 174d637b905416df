//! The socket of a connection: what is written within one turn of the event loop leaves in one call
//! of the kernel, and what was read says how long it had waited there.

use std::{
    io::{self, IoSliceMut},
    os::fd::AsRawFd,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
    time::Duration,
};

use nix::{
    cmsg_space,
    sys::{
        socket::{
            ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt,
            sockopt::ReceiveTimestampns,
        },
        time::TimeSpec,
    },
};
use rustix::time::{ClockId, clock_gettime};
use tokio::{
    io::{AsyncRead, AsyncWrite, Interest, ReadBuf},
    net::TcpStream,
};

use super::watch::Watch;

/// Bytes read by one call: the replies of a turn come in one.
const READ_BYTES: usize = 64 << 10;

/// Bytes that may wait for the socket; HTTP/2 is told to wait beyond it.
const WRITE_BYTES: usize = 256 << 10;

/// A delay in the kernel above this is a step of the wall clock, by which the kernel stamps, and is
/// left out.
const MAX_WAKE_UP: Duration = Duration::from_secs(60);

/// A TCP stream that tells the [`Watch`] how long the newest bytes of each read had waited in the
/// kernel.
pub(super) struct Stamped {
    tcp: TcpStream,
    watch: Rc<dyn Watch>,
    connection: usize,
    control: Vec<u8>,
}

impl Stamped {
    /// Asks the kernel for the times of arrival; without them the delay is not known and the rest
    /// works the same.
    pub(super) fn new(tcp: TcpStream, watch: Rc<dyn Watch>, connection: usize) -> Self {
        let _ = setsockopt(&tcp, ReceiveTimestampns, &true);
        Self {
            tcp,
            watch,
            connection,
            control: cmsg_space!(TimeSpec),
        }
    }
}

/// Bytes received, and when the newest of them arrived (wall time).
fn receive(
    tcp: &TcpStream,
    into: &mut [u8],
    control: &mut [u8],
) -> io::Result<(usize, Option<Duration>)> {
    let mut parts = [IoSliceMut::new(into)];
    let message = recvmsg::<SockaddrStorage>(
        tcp.as_raw_fd(),
        &mut parts,
        Some(control),
        MsgFlags::empty(),
    )?;
    // What was received is kept also when the kernel's words about it can't be read.
    let arrived = message.cmsgs().ok().and_then(|mut all| {
        all.find_map(|control| match control {
            ControlMessageOwned::ScmTimestampns(at) => Some(Duration::from(at)),
            _ => None,
        })
    });
    Ok((message.bytes, arrived))
}

/// How long ago `arrived` was.
fn waited(arrived: Duration) -> Option<Duration> {
    let now = clock_gettime(ClockId::Realtime);
    let now = Duration::new(
        u64::try_from(now.tv_sec).ok()?,
        u32::try_from(now.tv_nsec).ok()?,
    );
    now.checked_sub(arrived)
        .filter(|waited| *waited < MAX_WAKE_UP)
}

impl AsyncRead for Stamped {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            ready!(this.tcp.poll_read_ready(cx))?;
            let into = buffer.initialize_unfilled();
            let room = into.len();
            match this.tcp.try_io(Interest::READABLE, || {
                receive(&this.tcp, into, &mut this.control)
            }) {
                Ok((bytes, arrived)) => {
                    if let Some(waited) = arrived.and_then(waited) {
                        this.watch.read_delay(this.connection, waited);
                    }
                    if 0 < bytes && bytes < room {
                        // The socket is empty: saying so here saves the call that would find it
                        // out. Bytes that come meanwhile make a new event.
                        let _ = this.tcp.try_io(Interest::READABLE, || {
                            Err::<(), _>(io::ErrorKind::WouldBlock.into())
                        });
                    }
                    buffer.advance(bytes);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for Stamped {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}

/// Plain or TLS.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for S {}

/// A stream whose writes wait until [`Coalesced::drain`], which the connection's task calls at the
/// end of each turn.
pub(super) struct Coalesced {
    stream: Box<dyn Stream>,
    read: Vec<u8>,
    read_from: usize,
    read_to: usize,
    written: Vec<u8>,
    written_from: usize,
    unflushed: bool,
}

impl Coalesced {
    pub(super) fn new(stream: Box<dyn Stream>) -> Self {
        Self {
            stream,
            read: vec![0; READ_BYTES],
            read_from: 0,
            read_to: 0,
            written: Vec::new(),
            written_from: 0,
            unflushed: false,
        }
    }

    /// Writes everything that waits; ready when nothing does.
    pub(super) fn drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written_from < self.written.len() {
            let bytes = ready!(
                Pin::new(&mut self.stream).poll_write(cx, &self.written[self.written_from..])
            )?;
            if bytes == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written_from += bytes;
        }
        if self.written_from > 0 {
            self.written.clear();
            (self.written_from, self.unflushed) = (0, true);
        }
        if self.unflushed {
            // A TLS stream keeps its records until it is told.
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Coalesced {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.read_from == this.read_to {
            let mut fresh = ReadBuf::new(&mut this.read);
            ready!(Pin::new(&mut this.stream).poll_read(cx, &mut fresh))?;
            (this.read_from, this.read_to) = (0, fresh.filled().len());
        }
        let bytes = buffer.remaining().min(this.read_to - this.read_from);
        buffer.put_slice(&this.read[this.read_from..this.read_from + bytes]);
        this.read_from += bytes;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Coalesced {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.written.len() >= WRITE_BYTES {
            ready!(this.drain(cx))?;
        }
        this.written.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    /// Nothing: [`Coalesced::drain`] does it once for everything.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.drain(cx))?;
        Pin::new(&mut this.stream).poll_shutdown(cx)
    }
}
