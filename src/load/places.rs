//! Places in flight: how many requests of a workload may be on their way at one time on this
//! thread.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    future::poll_fn,
    rc::Rc,
    task::{Poll, Waker},
};

/// The places of one workload on one thread; clones share them. No atomics: nothing leaves the
/// thread.
#[derive(Clone, Debug)]
pub(super) struct Places {
    inner: Rc<Inner>,
}

#[derive(Debug)]
struct Inner {
    limit: u64,
    taken: Cell<u64>,
    waiting: RefCell<VecDeque<Waker>>,
    panicked: Cell<bool>,
}

/// A place that is taken, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    inner: Rc<Inner>,
}

impl Places {
    pub(super) fn new(limit: u64) -> Self {
        Self {
            inner: Rc::new(Inner {
                limit,
                taken: Cell::new(0),
                waiting: RefCell::default(),
                panicked: Cell::new(false),
            }),
        }
    }

    /// A place, if one is free.
    pub(super) fn try_take(&self) -> Option<Place> {
        if self.inner.taken.get() >= self.inner.limit {
            return None;
        }
        self.inner.taken.set(self.inner.taken.get() + 1);
        Some(Place {
            inner: Rc::clone(&self.inner),
        })
    }

    /// A place, as soon as one is free. May be dropped while it waits.
    pub(super) async fn take(&self) -> Place {
        poll_fn(|cx| match self.try_take() {
            Some(place) => Poll::Ready(place),
            None => self.wait(cx.waker()),
        })
        .await
    }

    /// Returns when no place is taken.
    ///
    /// # Panics
    /// When a task panicked that held one: a bug, which must not look like a request that never
    /// ended.
    pub(super) async fn all_free(&self) {
        poll_fn(|cx| {
            if self.inner.taken.get() == 0 {
                Poll::Ready(())
            } else {
                self.wait(cx.waker())
            }
        })
        .await;
        assert!(
            !self.inner.panicked.get(),
            "the task of a request panicked; see the message above"
        );
    }

    fn wait<T>(&self, waker: &Waker) -> Poll<T> {
        self.inner.waiting.borrow_mut().push_back(waker.clone());
        Poll::Pending
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.inner.taken.set(self.inner.taken.get() - 1);
        if std::thread::panicking() {
            self.inner.panicked.set(true);
        }
        // Everybody: a waker of a wait that was dropped would swallow the only wake-up. One task
        // waits per workload.
        self.inner
            .waiting
            .borrow_mut()
            .drain(..)
            .for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_more_places_are_taken_than_there_are() {
        let places = Places::new(2);
        let (first, second) = (places.try_take(), places.try_take());
        assert!(first.is_some() && second.is_some() && places.try_take().is_none());
        let waited = tokio::join!(places.take(), async { drop(first) }).0;
        assert!(places.try_take().is_none());
        drop((second, waited));
        places.all_free().await;
    }
}
