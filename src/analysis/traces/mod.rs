//! One request's spans: which belong to it, who had each instant of it, and what that time is for.
//!
//! What many requests have in common is left to [`super::explanation`].

mod loose;

pub(super) mod index;
pub(super) mod join;
pub(super) mod times;

pub(super) mod account;
pub(super) mod areas;
pub(super) mod gap;
pub(super) mod parts;

pub(super) mod link;
pub(super) mod tally;
pub(super) mod waterfall;
