//! Whether to believe a run, and whether it does what its scenario requires.

pub mod thresholds;
pub(super) mod verdict;
