//! The runtime of a command.

use super::ended::CliError;

/// The runtime of everything but the load, which has its own threads.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, CliError> {
    let failed = |error| CliError::new(format!("can't start the runtime: {error}"));
    // Tokio panics where it gets no sockets for its signals.
    let spare: Result<Vec<_>, _> = (0..4)
        .map(|_| std::os::unix::net::UnixStream::pair())
        .collect();
    drop(spare.map_err(failed)?);
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(failed)
}
