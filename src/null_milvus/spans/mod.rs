//! The server's part of a trace: which spans a call has, made of the time that it took here, and
//! their export by OTLP/gRPC.

mod export;
mod otlp;
mod shape;
mod shapes;

pub(super) use export::{AtEnd, SpanQueue, Tracing};
pub(super) use shape::Parent;
pub use shape::{Served, Shape, SpanSpec};
