//! Connections are kept open: driven, and opened again when they are lost. A lost one never holds
//! up the others.

use std::{future::poll_fn, rc::Rc, time::Duration};

use super::{
    dial::{Driven, Opened},
    link::Open,
    pool::Pool,
};
use crate::milvus::{CallError, CallFailure};

/// Pause after a failed attempt to open a connection again; doubled by each further one, up to the
/// last.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LAST_PAUSE: Duration = Duration::from_secs(1);

/// Makes `opened` the current connection `number` and drives it on a task of its own.
pub(super) fn run(pool: &Rc<Pool>, number: usize, opened: Opened) {
    let open = Rc::new(Open::new(opened.sender, opened.limit));
    let driving = drive(Rc::clone(pool), number, Rc::clone(&open), opened.connection);
    let driver = tokio::task::spawn_local(driving).abort_handle();
    pool.links[number].fill(open, driver);
}

async fn drive(pool: Rc<Pool>, number: usize, open: Rc<Open>, mut connection: Driven) {
    // How it ended is seen by the requests on it, and by the next attempt to open one.
    let _ = poll_fn(|cx| {
        let turned = connection.poll(cx, || open.written(&*pool.watch, number));
        if open.allow(connection.limit()) {
            pool.changed.notify_waiters();
        }
        // A stream of HTTP/2's own count is free when its reset was written, which is after ours
        // was given back.
        open.settle();
        pool.wake(number);
        turned
    })
    .await;
    pool.links[number].lose(&open);
    pool.changed.notify_waiters();
}

/// Opens connection `number` again whenever it is lost, until all are closed: at once if it had
/// served a request, else after a pause, since a server that accepts and closes would be called in
/// a tight loop.
pub(super) async fn keep(pool: Rc<Pool>, number: usize) {
    let mut pause = FIRST_PAUSE;
    loop {
        pool.links[number].lost().await;
        if pool.links[number].had_served() {
            pause = FIRST_PAUSE;
        } else if !pool.closed.get() {
            rest(&mut pause).await;
        }
        while !pool.closed.get() && !pool.links[number].is_up() {
            match pool.dial.open(number, &pool.watch).await {
                Ok(opened) if !pool.closed.get() => {
                    run(&pool, number, opened);
                }
                Ok(_) => {}
                Err(error) => {
                    pool.failure
                        .replace(CallFailure::new(CallError::Unavailable, &error.to_string()));
                    pool.failures.set(pool.failures.get() + 1);
                }
            }
            pool.changed.notify_waiters();
            if !pool.links[number].is_up() {
                rest(&mut pause).await;
            }
        }
        if pool.closed.get() {
            return;
        }
    }
}

/// Waits for `pause`, and doubles it for the next time.
async fn rest(pause: &mut Duration) {
    tokio::time::sleep(*pause).await;
    *pause = (*pause * 2).min(LAST_PAUSE);
}
