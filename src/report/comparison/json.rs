//! `comparison.json`: everything, for programs.

use super::ComparisonEntry;
use crate::report::json::to_json;

/// The row of the table.
pub(super) const ENTRY: ComparisonEntry = ComparisonEntry {
    name: "json",
    file: "comparison.json",
    render: |comparison| to_json(comparison),
};
