//! The lines of `requests.jsonl`: read once, each with what its trace gave.

pub(super) mod collect;
pub(super) mod pick;
pub(super) mod table;
