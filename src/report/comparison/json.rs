//! `comparison.json`: everything, for programs.

use super::ComparisonEntry;
use crate::analysis::compare::Comparison;

/// The row of the table.
pub(super) const ENTRY: ComparisonEntry = ComparisonEntry { name: "json", file: "comparison.json", render };

fn render(comparison: &Comparison) -> Vec<u8> {
    // Names and numbers can always be written.
    let mut text = serde_json::to_string_pretty(comparison).unwrap_or_default();
    text.push('\n');
    text.into_bytes()
}
