//! The serving thread: its runtime, and the loop that accepts connections and answers wishes for
//! counters.

use std::{
    io::{Error, ErrorKind, Result},
    net::TcpListener,
    panic::resume_unwind,
    rc::Rc,
    sync::mpsc::SyncSender,
    time::Duration,
};

use rustix::thread::{CpuSet, sched_setaffinity};
use tokio::{
    runtime::Runtime,
    sync::mpsc,
    task::{JoinSet, LocalSet},
};

use super::{
    NullOptions, Wish,
    connection::Connection,
    server::{Server, add},
};

/// Pause after a connection could not be accepted, e.g. because there are too many files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// Serves until `wished` is closed; says through `ready` whether it began.
pub(super) fn run(
    listener: TcpListener,
    options: NullOptions,
    wished: mpsc::Receiver<Wish>,
    ready: &SyncSender<Result<()>>,
) {
    let begun = begin(listener, options);
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
) -> Result<(Runtime, tokio::net::TcpListener, Rc<Server>)> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let entered = runtime.enter();
    let listener = tokio::net::TcpListener::from_std(listener)?;
    drop(entered);
    let core = options.core;
    let server = Server::new(options)?;
    // Last, since the exporter's thread would be on the same core else.
    pin(core)?;
    Ok((runtime, listener, Rc::new(server)))
}

fn pin(core: Option<usize>) -> Result<()> {
    let Some(core) = core else { return Ok(()) };
    if core >= CpuSet::MAX_CPU {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            format!("core is {core}, allowed is 0 to {}", CpuSet::MAX_CPU - 1),
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
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            wish = wished.recv() => match wish {
                // Whoever asked may be gone.
                Some(wish) => drop(wish.send(server.counted())),
                None => return,
            },
            Some(ended) = connections.join_next() => if let Err(error) = ended {
                // A bug must be seen by whoever holds the handle, not only by one client.
                resume_unwind(error.into_panic());
            },
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => {
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
