//! Locks that go on after a panic.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Goes on after a panic of a scripted closure, so that the test reports that panic and not a
/// poisoned lock.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
