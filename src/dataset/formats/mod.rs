//! Formats of files, one file each.

mod bin;
pub(super) mod fbin;
mod ibin;
