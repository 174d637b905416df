//! Who is told what this program waits for, so that no wait is silent. Preparation, doctor and
//! look-ups alone have one: the measured load does not.

use std::{any::Any, fmt, sync::Arc, time::Duration};

/// What is called when a wait begins: what for, and its longest time. What it returns is dropped at
/// the wait's end.
type Begin = dyn Fn(&str, Duration) -> Box<dyn Any + Send> + Send + Sync;

/// See the module.
#[derive(Clone)]
pub struct Observer(Arc<Begin>);

impl Observer {
    /// Tells `begin` of each wait.
    #[must_use]
    pub fn new(
        begin: impl Fn(&str, Duration) -> Box<dyn Any + Send> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(begin))
    }

    /// A wait for `what` begins.
    pub(super) fn begin(&self, what: &str, limit: Duration) -> Box<dyn Any + Send> {
        (self.0)(what, limit)
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer")
    }
}
