//! Formats of files, one file each.

mod bin;
pub(super) mod bvecs;
pub(super) mod csr;
pub(super) mod f16bin;
pub(super) mod fbin;
pub(super) mod fvecs;
mod guard;
pub(super) mod hdf5;
pub(super) mod i8bin;
mod ibin;
pub(super) mod jsonl;
mod kept;
#[cfg(any(test, fuzzing))]
pub(super) mod mutated;
pub(super) mod npy;
pub(super) mod parquet;
#[cfg(test)]
mod small;
mod texmex;
pub(super) mod u8bin;

#[cfg(test)]
mod tests;
