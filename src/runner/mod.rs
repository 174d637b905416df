//! A run: from the folder that is made for it to its reports. [`run()`] is the whole of it, in the
//! order in which it happens (`run.rs`).
//!
//! It knows no command line and draws nothing: a [`Watcher`] is told what happens, [`Signals`] say
//! whether it is to end. What the plan contains is [`crate::plan`]'s, how requests are sent
//! [`crate::load`]'s, what figures mean [`crate::analysis`]'.

pub(crate) mod alive;
pub(crate) mod capacity;
mod collections;
mod ended;
mod error;
mod explain;
pub(crate) mod from_plan;
mod live;
mod machine;
mod options;
mod phase_info;
mod phases;
mod prepare;
pub(crate) mod probe;
pub(crate) mod reach;
mod recording;
pub(crate) mod reports;
mod run;
mod signals;
pub(crate) mod spans;
pub(crate) mod stack;
mod state;
mod threads;
mod watcher;

pub use ended::RunEnded;
pub use error::{RunError, RunErrorKind};
pub use explain::analyse_folder;
pub use options::{RunOptions, RunPlace};
pub use run::run;
pub use signals::{Asked, Heard, Signals, Stage};
pub use watcher::{Counts, PhaseWatcher, Silent, WaitGuard, Watcher};

pub(crate) use explain::{UnreadLines, verdict_name};
pub(crate) use watcher::{observer, steps, within};
