//! Memory for what others send: one budget for all replies that are read at the same time. Each has
//! a small share, which nearly all fit into; a longer one is read alone. So the sum is bounded
//! whatever number of them is under way.

use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard};

/// What one reply may have while others are read: a trace of some thousand spans.
pub(super) const SHARE: usize = 2 << 20;
/// What a reply may have that is read alone. No trace of a request is near it.
pub(super) const ALONE: usize = 256 << 20;

/// The budget of one source or receiver.
#[derive(Clone, Debug, Default)]
pub(super) struct Budget(Arc<Mutex<()>>);

/// The right to read one long reply; to be kept until it is converted, since its spans need memory
/// as well.
#[derive(Debug)]
pub(super) struct Turn(#[allow(dead_code, reason = "held, never read")] OwnedMutexGuard<()>);

impl Budget {
    /// Waits until no other long reply is read.
    pub(super) async fn alone(&self) -> Turn {
        Turn(Arc::clone(&self.0).lock_owned().await)
    }
}
