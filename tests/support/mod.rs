//! What several test binaries share: `mod support;` in the binary, then
//! `support::trace_backend::TraceBackend::start()`.

// Every test binary compiles this module for itself and uses another part of it.
#![allow(dead_code, unreachable_pub, unused_imports)]

pub mod foreign;
pub mod harness;
pub mod mesh;
pub mod page;
pub mod raw_client;
pub mod said;
pub mod trace_backend;
pub mod written;
