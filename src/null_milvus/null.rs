//! The handle of a server that does no work.

use std::{
    io::Result,
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex},
};

use super::{
    lock::lock,
    options::{NullCounters, NullOptions},
    serve::Life,
    shared::Shared,
    store::Keeps,
};

/// A running server that does no work; dropping it ends its thread and closes every connection.
#[derive(Debug)]
pub struct NullMilvus {
    address: SocketAddr,
    life: Mutex<Life>,
}

impl NullMilvus {
    /// Listens and serves on a thread of its own.
    ///
    /// # Errors
    /// The address is taken, the core does not exist, or an option is out of its range.
    pub fn start(options: NullOptions) -> Result<Self> {
        let listener = TcpListener::bind(options.listen)?;
        let address = listener.local_addr()?;
        let life = Life::begin(listener, options, Arc::new(Shared::new(Keeps::Counts)))?;
        Ok(Self {
            address,
            life: Mutex::new(life),
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
        let counters = lock(&self.life).counters();
        assert!(
            counters.is_some(),
            "the thread of the null Milvus at {} ended",
            self.address
        );
        counters.unwrap_or_default()
    }
}
