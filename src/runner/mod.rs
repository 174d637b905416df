//! A run, from its folder to its last span.

pub(crate) mod alive;
mod collections;
mod live;
mod load_threads;
mod machine;
mod phases;
pub(crate) mod probe;
pub(crate) mod reach;
pub(crate) mod session;
pub(crate) mod signals;
pub(crate) mod spans;
