//! From a run folder to an explanation: join, account, areas, statistics, verdict. Pure: no
//! network, no clock.
//!
//! The rules are those of the README's chapter "What the numbers mean"; this module computes,
//! [`crate::report`] shows.

mod model;

mod traces;

mod requests;

mod figures;
pub mod statistics;

mod explanation;
pub mod judgement;

pub mod compare;

mod run;

#[cfg(test)]
mod scale;
#[cfg(test)]
mod testing;

pub use explanation::stacks::{StackFrame, Stacks};
pub use figures::{
    machine::{PhaseMachine, share_of_others},
    rows::ReplyRows,
    series::Series,
};
pub use judgement::verdict::NOTHING_MEASURED;
pub use model::*;
pub use requests::{
    pick::pick,
    table::{RequestRow, RequestTable, StreamNames},
};
pub use run::{AnalysisError, analyse};
pub use traces::{
    account::{AccountOptions, NodeCall, Piece, RequestAccount, account},
    areas::table::{AREAS, Area, AreaRow, Hatch},
    join::JoinState,
    times::ImpossibleTimes,
    waterfall::{ASIDE, waterfall},
};
