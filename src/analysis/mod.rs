//! From a run folder to an explanation: join, account, areas, statistics, verdict. Pure: no
//! network, no clock.
//!
//! The rules are those of the README's chapter "What the numbers mean"; this module computes,
//! [`crate::report`] shows.

mod explanation;
mod model;

mod index;
mod join;
mod times;

mod account;
mod areas;

mod collect;
pub mod compare;
mod connections;
mod facts;
mod tables;

mod advice;
mod bands;
mod contrasts;
mod exemplars;
mod instances;
mod intervals;
mod kept;
mod machine;
mod pick;
mod plan;
mod quantiles;
mod recorded;
mod requests;
mod rows;
mod run;
mod series;
mod stacks;
pub mod statistics;
mod tail;
pub mod thresholds;
mod tracing_cost;
mod verdict;
mod waterfall;

#[cfg(test)]
mod scale;
#[cfg(test)]
mod testing;

pub use account::{AccountOptions, NodeCall, Piece, RequestAccount, account};
pub use areas::Area;
pub use explanation::*;
pub use join::JoinState;
pub use machine::{PhaseMachine, share_of_others};
pub use model::*;
pub use pick::pick;
pub use requests::{RequestRow, RequestTable, StreamNames};
pub use rows::ReplyRows;
pub use run::{AnalysisError, analyse};
pub use series::Series;
pub use stacks::{StackFrame, Stacks};
pub use times::ImpossibleTimes;
pub use verdict::NOTHING_MEASURED;
pub use waterfall::waterfall;
