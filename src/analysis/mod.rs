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

pub use figures::machine::share_of_others;
pub use judgement::verdict::NOTHING_MEASURED;
pub use model::*;
pub use requests::selection::select;
pub use run::analyse;
pub use traces::{
    account::{AccountOptions, NodeCall, Piece, RequestAccount, account},
    areas::Area,
    waterfall::waterfall,
};
