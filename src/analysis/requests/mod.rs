//! The lines of `requests.jsonl`: read once, later each with what its trace gave.

pub(super) mod lines;
pub(super) mod listing;
pub(super) mod request;
pub(super) mod selection;
