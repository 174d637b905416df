//! One request's spans: which belong to it, who had each instant of it, and what that time is for.
//!
//! What several requests have in common is left to [`super::explanation`].

pub(super) mod index;
pub(super) mod join;
pub(super) mod times;

pub(super) mod account;
pub(super) mod areas;
pub(super) mod tables;

pub(super) mod facts;
pub(super) mod waterfall;
