//! The load: threads that own a shard of every schedule, phases, shutdown. It does not print; it keeps counters.
//!
//! Each thread runs one event loop with its own connections and its own recorder; nothing is shared on the path of a
//! request. What a request contains is [`crate::operation`]'s, when it is due the [`crate::pacer`]'s.

mod callers;
mod client_span;
mod closed;
mod engine;
mod live;
mod open;
mod places;
pub mod prepare;
mod request;
mod schedule;
mod stop;
mod timer;

pub use client_span::{ClientSpans, SpanContext};
pub use engine::{
    Engine, EngineError, EngineOptions, Loop, PartLoad, PartPlan, PhaseResult, PhaseRun, RunningPhase, StreamResult, StreamRun,
};
pub use live::{LiveCounters, LiveSnapshot};
pub use schedule::{PREPARE, RunIds, nothing_earlier, phase_run, streams};
pub use stop::{Stop, StopHandle};

/// Why a part stopped whose operation has no more data.
pub const ROWS_USED_UP: &str = "its rows are used up";
