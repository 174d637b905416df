//! From a run folder to an explanation. Pure: no network, no clock.
//!
//! `traces` explains one request, `requests` reads the lines of all, `figures` and [`statistics`]
//! make numbers of them, `explanation` says what they have in common, [`judgement`] whether to
//! believe it. What they share is in `model`, which imports none of them but the areas; `run`
//! brings them together, and none of them imports it.
//!
//! The rules are those of `docs/methodology.md`; this module computes,
//! [`crate::report`] shows.

mod model;

mod traces;

mod requests;

mod figures;
pub mod statistics;

mod explanation;
pub mod judgement;

mod run;

pub mod compare;

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
    areas::table::{AREAS, Area, AreaRow, Hatch},
    waterfall::{ASIDE, waterfall},
};
