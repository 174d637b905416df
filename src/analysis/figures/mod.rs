//! Numbers with a unit, from the histograms of all requests or from those that were matched, and
//! how far each can be trusted.
//!
//! What they mean together is left to [`super::explanation`], whether they are good enough to
//! [`super::judgement`].

pub(super) mod connections;
pub(super) mod course;
pub(super) mod histograms;
pub(super) mod intervals;
pub(super) mod machine;
pub(super) mod quantiles;
pub(super) mod reply_rows;
pub(super) mod tracing_cost;
