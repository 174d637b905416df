//! Where the time of a workload went: by band of latency and by instance, what sets the tail apart,
//! which requests to look at, and what to do about it.

pub(super) mod bands;
pub(super) mod contrasts;
pub(super) mod instances;
pub(super) mod stacks;
pub(super) mod tail;

pub(super) mod exemplar_traces;
pub(super) mod exemplars;

pub(super) mod advice;
