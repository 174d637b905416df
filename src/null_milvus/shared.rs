//! What the serving thread and the handle of a server share, and what outlives a restart.

use std::sync::{Arc, Mutex};

use super::{
    script::Script,
    spans::Tracing,
    store::{Keeps, Store},
};

pub(super) struct Shared {
    pub(super) store: Mutex<Store>,
    /// Of a server that keeps rows; the other one has its options.
    pub(super) script: Mutex<Script>,
    pub(super) tracing: Arc<Tracing>,
    /// Whether calls go by the script.
    pub(super) is_scripted: bool,
}

impl Shared {
    pub(super) fn new(keeps: Keeps) -> Self {
        Self {
            store: Mutex::new(Store::new(keeps)),
            script: Mutex::default(),
            tracing: Arc::default(),
            is_scripted: keeps == Keeps::Rows,
        }
    }
}
