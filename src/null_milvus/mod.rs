//! A Milvus in this process, for measuring this program and for tests: one server with two faces.
//!
//! [`NullMilvus`] does no work: it answers every call of this crate at once with a valid reply, so
//! that the load generator itself can be measured, and a test can have exact delays. It knows
//! collections, how many rows they were given, their indexes and load state, and keeps no row: a
//! search finds the rows 0, 1, ... in every collection. Spans that come by OTLP/gRPC to the same
//! address are taken and thrown away.
//!
//! [`FakeMilvus`] keeps every row and answers as Milvus 2.3.5 standalone would; its time, failures
//! and spans follow a script.
//!
//! Both are HTTP/2 by prior knowledge on loopback, by h2 without a gRPC stack above it, on one
//! thread, with one table of methods (`methods.rs`) and one store. The null one makes no task for a
//! request and encodes a reply once. What is measured with it is left to others.

mod behaviour;
mod connection;
mod fake;
mod io;
mod lock;
mod message;
mod methods;
mod null;
mod options;
mod replies;
mod scenario;
mod script;
mod scripted;
mod serve;
mod server;
mod shared;
mod spans;
mod store;
#[cfg(test)]
mod tests;
mod timer;

pub use fake::FakeMilvus;
pub use null::NullMilvus;
pub use options::{Delay, Errors, Failure, NullCounters, NullOptions, Stall};
pub use scenario::NullScenario;
pub use script::{SeenCall, Standstill};
pub use spans::{Served, Shape, SpanSpec};
