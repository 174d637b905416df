//! A socket whose writes are gathered: one read and one write for everything that is on its way.
//!
//! h2 flushes after each large DATA frame. The replies of a whole batch of requests shall leave by
//! one system call, so flushing does nothing here and [`Io::poll_send`] is called once per turn of
//! the connection.

use std::{
    cell::RefCell,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// Bytes of one read at most; small requests of many streams arrive together.
const INPUT: usize = 256 << 10;
/// Bytes that are gathered before they are sent without being asked for.
const SEND_FROM: usize = 1 << 20;
/// Bytes that wait for a slow client at most; beyond it h2 is told to wait.
const OUTPUT_MAX: usize = 8 << 20;

/// The handle that h2 owns, and its copy with which the connection sends.
#[derive(Clone, Debug)]
pub(super) struct Io(Rc<RefCell<Buffers>>);

#[derive(Debug)]
struct Buffers {
    socket: TcpStream,
    input: Vec<u8>,
    /// The part of `input` that was received and not yet read.
    unread: std::ops::Range<usize>,
    output: Vec<u8>,
    sent: usize,
}

impl Io {
    pub(super) fn new(socket: TcpStream) -> Self {
        Self(Rc::new(RefCell::new(Buffers {
            socket,
            input: vec![0; INPUT],
            unread: 0..0,
            output: Vec::new(),
            sent: 0,
        })))
    }

    /// Sends what was gathered. Pending when the client does not read; the task is woken when it
    /// does.
    pub(super) fn poll_send(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.borrow_mut().poll_send(cx)
    }
}

impl Buffers {
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.output.len() {
            let count =
                ready!(Pin::new(&mut self.socket).poll_write(cx, &self.output[self.sent..]))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent += count;
        }
        self.output.clear();
        self.sent = 0;
        Poll::Ready(Ok(()))
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.unread.is_empty() {
            // A reader with much space, that of a large insert, is served without a copy.
            if out.remaining() >= self.input.len() {
                return Pin::new(&mut self.socket).poll_read(cx, out);
            }
            let mut buffer = ReadBuf::new(&mut self.input);
            ready!(Pin::new(&mut self.socket).poll_read(cx, &mut buffer))?;
            self.unread = 0..buffer.filled().len();
        }
        let count = self.unread.len().min(out.remaining());
        out.put_slice(&self.input[self.unread.start..self.unread.start + count]);
        self.unread.start += count;
        Poll::Ready(Ok(()))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.output.len() - self.sent >= SEND_FROM
            && let Poll::Ready(Err(error)) = self.poll_send(cx)
        {
            return Poll::Ready(Err(error));
        }
        if self.output.len() - self.sent >= OUTPUT_MAX {
            return Poll::Pending;
        }
        self.output.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }
}

impl AsyncRead for Io {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.0.borrow_mut().poll_read(cx, out)
    }
}

impl AsyncWrite for Io {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.borrow_mut().poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut buffers = self.0.borrow_mut();
        ready!(buffers.poll_send(cx))?;
        Pin::new(&mut buffers.socket).poll_shutdown(cx)
    }
}
