//! Formats of files, one file each.

mod bin;
pub(super) mod bvecs;
pub(super) mod csr;
pub(super) mod f16bin;
pub(super) mod fbin;
pub(super) mod fvecs;
pub(super) mod i8bin;
mod ibin;
pub(super) mod npy;
mod texmex;
pub(super) mod u8bin;

#[cfg(test)]
mod tests;
