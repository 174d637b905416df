//! How far a quantile can be trusted: intervals from the seconds of one run, and whether it was the
//! same run all along.
//!
//! Pure: no input, no clock, and random numbers from a seed. What a request is, and which figures
//! there are, is left to the callers; here a figure is a [`series::Series`] of seconds.

pub mod block_length;
pub mod bootstrap;
pub mod contrast;
pub mod interval;
pub mod rng;
pub mod series;
mod stalls;
pub mod trend;
