//! Which core does what while send lag is measured: the bare timer and the load thread share one,
//! and the null Milvus has another.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Two of the cores that this process may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cores {
    pub(super) server: usize,
    pub(super) client: usize,
}

impl Cores {
    /// The first and the last one; None where there is one only, which then does everything.
    pub(super) fn choose() -> Option<Self> {
        let allowed = sched_getaffinity(None).ok()?;
        let mut numbers = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
        Some(Self {
            server: numbers.next()?,
            client: numbers.next_back()?,
        })
    }
}

/// This thread, and those that it starts, on one core as long as this lives.
pub(super) struct Pinned {
    before: Option<CpuSet>,
}

impl Pinned {
    /// Nothing happens for None, or where the kernel refuses: the figures are those of an unpinned
    /// thread then.
    pub(super) fn to(core: Option<usize>) -> Self {
        let pin = || {
            let before = sched_getaffinity(None).ok()?;
            let mut one = CpuSet::new();
            one.set(core?);
            sched_setaffinity(None, &one).ok()?;
            Some(before)
        };
        Self { before: pin() }
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            // It was allowed before.
            let _ = sched_setaffinity(None, before);
        }
    }
}
