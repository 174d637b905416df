//! The serving thread: its life from bind to end, its runtime, and the loop that accepts
//! connections and fulfils wishes.

use std::{
    future::pending,
    io::{Error, ErrorKind, Result},
    net::TcpListener,
    panic::resume_unwind,
    rc::Rc,
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::JoinHandle,
    time::Duration,
};

use rustix::thread::{CpuSet, sched_setaffinity};
use tokio::{
    runtime::Runtime,
    sync::mpsc,
    task::{JoinSet, LocalSet},
};

use super::{
    connection::Connection,
    options::{NullCounters, NullOptions},
    server::{Server, add},
    shared::Shared,
};

/// Pause after a connection could not be accepted, e.g. because there are too many files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// What a handle wants of the serving thread, and where it is told.
#[derive(Debug)]
enum Wish {
    Counters(SyncSender<NullCounters>),
    StopListening(SyncSender<()>),
}

/// A serving thread; dropping it ends the thread and closes every connection.
#[derive(Debug)]
pub(super) struct Life {
    /// The thread ends when this is closed.
    wishes: Option<mpsc::Sender<Wish>>,
    thread: Option<JoinHandle<()>>,
}

impl Life {
    /// Serves on `listener` by a thread of its own.
    pub(super) fn begin(
        listener: TcpListener,
        options: NullOptions,
        shared: Arc<Shared>,
    ) -> Result<Self> {
        listener.set_nonblocking(true)?;
        let (wishes, wished) = mpsc::channel(1);
        let (ready, is_ready) = sync_channel(1);
        let thread = std::thread::Builder::new().name("null-milvus".to_owned());
        let thread = thread.spawn(move || run(listener, options, shared, wished, &ready))?;
        is_ready
            .recv()
            .map_err(|_| Error::other("the null Milvus' thread ended before it served"))??;
        Ok(Self {
            wishes: Some(wishes),
            thread: Some(thread),
        })
    }

    /// What was counted so far; None when the thread has ended. Waits for its current turn.
    pub(super) fn counters(&mut self) -> Option<NullCounters> {
        self.wish(Wish::Counters)
    }

    /// Closes the port and waits for it; open connections stay.
    pub(super) fn stop_listening(&mut self) {
        // A thread that has ended does not listen.
        let _ = self.wish(Wish::StopListening);
    }

    /// One wish at a time, so that the channel of one place always has it free.
    fn wish<T>(&mut self, wish: fn(SyncSender<T>) -> Wish) -> Option<T> {
        let (answer, answered): (_, Receiver<T>) = sync_channel(1);
        self.wishes.as_ref()?.try_send(wish(answer)).ok()?;
        answered.recv().ok()
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.wishes = None;
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(
                ended.is_ok() || std::thread::panicking(),
                "the thread of a null Milvus panicked"
            );
        }
    }
}

/// Serves until `wished` is closed; says through `ready` whether it began.
fn run(
    listener: TcpListener,
    options: NullOptions,
    shared: Arc<Shared>,
    wished: mpsc::Receiver<Wish>,
    ready: &SyncSender<Result<()>>,
) {
    let begun = begin(listener, options, shared);
    // Whoever waits for it is there: start() does nothing else.
    match begun {
        Err(error) => drop(ready.send(Err(error))),
        Ok((runtime, listener, server)) => {
            let _ = ready.send(Ok(()));
            LocalSet::new().block_on(&runtime, accept(listener, server, wished));
        }
    }
}

fn begin(
    listener: TcpListener,
    options: NullOptions,
    shared: Arc<Shared>,
) -> Result<(Runtime, tokio::net::TcpListener, Rc<Server>)> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let entered = runtime.enter();
    let listener = tokio::net::TcpListener::from_std(listener)?;
    drop(entered);
    let core = options.core;
    let server = Server::new(options, shared)?;
    // Last, since the exporter's thread would be on the same core else.
    pin(core)?;
    Ok((runtime, listener, Rc::new(server)))
}

fn pin(core: Option<usize>) -> Result<()> {
    let Some(core) = core else { return Ok(()) };
    if core >= CpuSet::MAX_CPU {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            format!("core is {core}, expected 0 to {}", CpuSet::MAX_CPU - 1),
        ));
    }
    let mut cores = CpuSet::new();
    cores.set(core);
    Ok(sched_setaffinity(None, &cores)?)
}

async fn accept(
    listener: tokio::net::TcpListener,
    server: Rc<Server>,
    mut wished: mpsc::Receiver<Wish>,
) {
    let (mut connections, mut listener) = (JoinSet::new(), Some(listener));
    loop {
        tokio::select! {
            wish = wished.recv() => match wish {
                // Whoever asked may be gone.
                Some(Wish::Counters(asked)) => drop(asked.send(server.counted())),
                Some(Wish::StopListening(asked)) => {
                    listener = None;
                    let _ = asked.send(());
                }
                None => return,
            },
            Some(ended) = connections.join_next() => if let Err(error) = ended {
                // A bug must be seen by whoever holds the handle, not only by one client.
                resume_unwind(error.into_panic());
            },
            accepted = accepted(listener.as_ref()) => match accepted {
                Ok(socket) => {
                    add(&server.counters.connections, 1);
                    // Only latency would suffer, and loopback always has it.
                    let _ = socket.set_nodelay(true);
                    connections.spawn_local(Connection::serve(socket, Rc::clone(&server)));
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
        }
    }
}

/// The next connection; none ever without a listener.
async fn accepted(listener: Option<&tokio::net::TcpListener>) -> Result<tokio::net::TcpStream> {
    match listener {
        Some(listener) => Ok(listener.accept().await?.0),
        None => pending().await,
    }
}
