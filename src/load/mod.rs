//! The load: threads that own a shard of every schedule, phases, shutdown. It does not print; it
//! keeps counters.
//!
//! Each thread runs one event loop with its own connections and its own recorder; nothing is shared
//! on the path of a request. What a request contains is [`crate::operation`]'s, when it is due the
//! [`crate::pacer`]'s.

mod callers;
mod client_span;
mod closed;
mod components;
mod connect;
mod engine;
mod latencies;
mod lead;
mod live;
mod open;
mod phase;
mod places;
pub mod prepare;
mod request;
mod result;
mod schedule;
#[cfg(test)]
mod stall_tests;
mod stop;
mod thread;
mod timer;
mod workload;

pub use client_span::{ClientSpans, SpanContext};
pub use components::Draws;
pub use connect::connect_options;
pub use engine::{Engine, EngineError, EngineOptions, RunningPhase};
pub use latencies::Latencies;
pub use live::{LiveCounters, LiveSnapshot};
pub use phase::{ComponentRun, Loop, PartLoad, PartPlan, PhaseRun, StreamPlan, WorkloadRun};
pub use result::{PhaseResult, StreamResult};
pub use schedule::{RunIds, first_requests, nothing_earlier, phase_run, query_numbers, streams};
pub use stop::{RowsEnd, Stop, StopHandle};

/// Why a part stopped whose operation has no more data.
pub const ROWS_USED_UP: &str = "its rows are used up";

/// Why the other components of its mix stopped then.
pub const ROWS_OF_MIX_USED_UP: &str = "the rows of another part of its mix are used up";
