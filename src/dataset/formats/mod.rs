//! Formats of files, one file each.

mod bin;
pub(super) mod fbin;
mod guard;
mod ibin;
pub(super) mod parquet;
#[cfg(test)]
mod small;
