//! The serving thread: its runtime, what all connections share, and the loop that accepts them.

use std::{
    cell::{Cell, RefCell},
    net::TcpListener,
    rc::Rc,
    sync::mpsc as std_mpsc,
    time::Duration,
};

use http::{HeaderMap, HeaderValue, header::CONTENT_TYPE};
use rustix::{
    thread::{CpuSet, sched_setaffinity},
    time::{ClockId, clock_gettime},
};
use tokio::sync::mpsc;

use super::{NullCounters, NullOptions, Wish, connection::Connection, replies::Replies};
use crate::milvus::METHODS;

/// Pause after a connection could not be accepted, e.g. because there are too many files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// What all connections share; everything is on one thread.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) options: NullOptions,
    pub(super) counters: Counters,
    pub(super) replies: RefCell<Replies>,
    /// Headers of every reply, to be cloned.
    pub(super) headers: HeaderMap,
    /// Trailers of every successful reply, to be cloned.
    pub(super) trailers: HeaderMap,
}

/// [`NullCounters`] while they are counted.
#[derive(Debug)]
pub(super) struct Counters {
    pub(super) connections: Cell<u64>,
    /// By position in [`METHODS`].
    pub(super) requests: Vec<Cell<u64>>,
    pub(super) in_flight: Cell<u64>,
    pub(super) max_in_flight: Cell<u64>,
    pub(super) bytes_received: Cell<u64>,
    pub(super) bytes_sent: Cell<u64>,
    pub(super) traced: Cell<u64>,
}

/// Adds to a counter.
pub(super) fn add(counter: &Cell<u64>, count: u64) {
    counter.set(counter.get() + count);
}

impl Server {
    fn new(options: NullOptions) -> Self {
        let zero = || Cell::new(0);
        let counters = Counters {
            connections: zero(),
            requests: METHODS.iter().map(|_| zero()).collect(),
            in_flight: zero(),
            max_in_flight: zero(),
            bytes_received: zero(),
            bytes_sent: zero(),
            traced: zero(),
        };
        Self {
            options,
            counters,
            replies: RefCell::default(),
            headers: HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/grpc"))]),
            trailers: HeaderMap::from_iter([(http::HeaderName::from_static("grpc-status"), HeaderValue::from_static("0"))]),
        }
    }

    fn counters(&self) -> NullCounters {
        let counters = &self.counters;
        let by_method = METHODS.iter().zip(&counters.requests).map(|(method, count)| (method.name, count.get()));
        let spent = clock_gettime(ClockId::ThreadCPUTime);
        NullCounters {
            connections: counters.connections.get(),
            requests: by_method.filter(|(_, count)| *count > 0).collect(),
            in_flight: counters.in_flight.get(),
            max_in_flight: counters.max_in_flight.get(),
            bytes_received: counters.bytes_received.get(),
            bytes_sent: counters.bytes_sent.get(),
            traced: counters.traced.get(),
            cpu_time: Duration::new(spent.tv_sec.unsigned_abs(), u32::try_from(spent.tv_nsec).unwrap_or(0)),
            ..NullCounters::default()
        }
    }
}

/// Serves until `wished` is closed; says through `ready` whether it began.
pub(super) fn run(
    listener: TcpListener,
    options: NullOptions,
    wished: mpsc::Receiver<Wish>,
    ready: &std_mpsc::SyncSender<std::io::Result<()>>,
) {
    let begun = pin(options.core).and_then(|()| tokio::runtime::Builder::new_current_thread().enable_all().build());
    let runtime = match begun {
        Ok(runtime) => runtime,
        // Whoever waits for it says what it was.
        Err(error) => return drop(ready.send(Err(error))),
    };
    let tasks = tokio::task::LocalSet::new();
    tasks.block_on(&runtime, async {
        match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => {
                let _ = ready.send(Ok(()));
                accept(listener, Rc::new(Server::new(options)), wished).await;
            }
            Err(error) => drop(ready.send(Err(error))),
        }
    });
}

fn pin(core: Option<usize>) -> std::io::Result<()> {
    let Some(core) = core else { return Ok(()) };
    if core >= CpuSet::MAX_CPU {
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, format!("core {core} is beyond {}", CpuSet::MAX_CPU)));
    }
    let mut cores = CpuSet::new();
    cores.set(core);
    sched_setaffinity(None, &cores)?;
    Ok(())
}

async fn accept(listener: tokio::net::TcpListener, server: Rc<Server>, mut wished: mpsc::Receiver<Wish>) {
    loop {
        tokio::select! {
            wish = wished.recv() => match wish {
                // Whoever asked may be gone.
                Some(wish) => drop(wish.send(server.counters())),
                None => return,
            },
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => {
                    add(&server.counters.connections, 1);
                    let _ = socket.set_nodelay(true);
                    tokio::task::spawn_local(Connection::serve(socket, Rc::clone(&server)));
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
        }
    }
}
