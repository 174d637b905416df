//! A Milvus that does no work: it answers every call of this crate at once with a valid reply, so
//! that the load generator itself can be measured, and a test can have exact delays.
//!
//! It is HTTP/2 by prior knowledge on loopback, by h2 without a gRPC stack above it: one thread, no
//! task per request, replies that are encoded once. It knows collections, how many rows they were
//! given, their indexes and load state, and keeps no row: a search finds the rows 0, 1, ... in
//! every collection. Spans that come by OTLP/gRPC to the same address are taken and thrown away.
//! What is measured with it is left to others.

mod behaviour;
mod connection;
mod io;
mod message;
mod options;
mod replies;
mod serve;
mod server;
mod spans;
mod store;
#[cfg(test)]
mod tests;
mod timer;

use std::{
    io::{Error, Result},
    net::{SocketAddr, TcpListener},
    sync::{Mutex, PoisonError, mpsc as std_mpsc},
    thread::JoinHandle,
};

use tokio::sync::mpsc;

pub use options::{Delay, ErrorKind, Errors, NullCounters, NullOptions, Stall};

/// A running server; dropping it ends its thread and closes every connection.
#[derive(Debug)]
pub struct NullMilvus {
    address: SocketAddr,
    /// The serving thread answers each wish with its counters, and ends when this is closed.
    wishes: Mutex<Option<mpsc::Sender<Wish>>>,
    thread: Option<JoinHandle<()>>,
}

/// Where the counters are wanted.
type Wish = std_mpsc::SyncSender<NullCounters>;

impl NullMilvus {
    /// Listens and serves on a thread of its own.
    ///
    /// # Errors
    /// The address is taken, the core does not exist, or an option is out of its range.
    pub fn start(options: NullOptions) -> Result<Self> {
        let listener = TcpListener::bind(options.listen)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (wishes, wished) = mpsc::channel(1);
        let (ready, is_ready) = std_mpsc::sync_channel(1);
        let thread = std::thread::Builder::new().name("null-milvus".to_owned());
        let thread = thread.spawn(move || serve::run(listener, options, wished, &ready))?;
        is_ready
            .recv()
            .map_err(|_| Error::other("the null Milvus' thread ended before it served"))??;
        Ok(Self {
            address,
            wishes: Mutex::new(Some(wishes)),
            thread: Some(thread),
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:<port>`.
    #[must_use]
    pub fn uri(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What was counted so far. Waits for the serving thread's current turn.
    ///
    /// # Panics
    /// The serving thread panicked.
    pub fn counters(&self) -> NullCounters {
        // One wish at a time, so that the channel of one place always has it free.
        let wishes = self.wishes.lock().unwrap_or_else(PoisonError::into_inner);
        let (wish, counters) = std_mpsc::sync_channel(1);
        let is_asked = wishes
            .as_ref()
            .is_some_and(|wishes| wishes.try_send(wish).is_ok());
        let counters = if is_asked { counters.recv().ok() } else { None };
        assert!(
            counters.is_some(),
            "the thread of the null Milvus at {} ended",
            self.address
        );
        counters.unwrap_or_default()
    }
}

impl Drop for NullMilvus {
    fn drop(&mut self) {
        drop(
            self.wishes
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(
                ended.is_ok() || std::thread::panicking(),
                "the null Milvus panicked"
            );
        }
    }
}
