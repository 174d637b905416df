//! Renderings of an analysis: the trait, and the table of formats. No network, no clock: the same
//! bytes every time.

mod answer;
mod areas;
mod classes;
mod clean;
pub mod comparison;
mod csv;
mod flamegraph;
mod hgrm;
mod html;
mod json;
mod junit;
mod layout;
mod list;
mod markdown;
mod parquet;
mod replies;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;
mod text;
mod thresholds;
pub(crate) mod units;
mod waterfall;

pub use clean::clean;
pub use layout::TextStyle;
pub use list::{ListedRun, reasons_in_short, render_list};
pub use text::render_text;
pub use waterfall::render_waterfall;

use crate::analysis::Analysis;

/// One report format.
pub struct ReportEntry {
    /// Name in `--report`.
    pub name: &'static str,
    /// File in the run folder.
    pub file: &'static str,
    /// Whether it is text; what is not has a file only and is not printed.
    pub text: bool,
    /// How the reports of several runs become one document; None: one after the other is one.
    pub joined: Option<Join>,
    /// One sentence for `list` and the documents.
    pub summary: &'static str,
    /// Renders it. Formats return bytes; writing them is the caller's.
    pub render: fn(&Analysis) -> Result<Vec<u8>, ReportError>,
}

/// Makes one document of the reports of several runs, in their order.
pub type Join = fn(&[RunReport]) -> Result<Vec<u8>, ReportError>;

/// The report of one of several runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunReport {
    /// Name of the run.
    pub run: String,
    /// What its format's `render` gave.
    pub bytes: Vec<u8>,
}

/// `text` as the content of an element or attribute of XML and HTML.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' | '<' | '>' | '"' | '\'' => out.push_str(&format!("&#{};", u32::from(c))),
            _ => out.push(c),
        }
    }
    out
}

/// Why a report can't be rendered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ReportError(pub String);

/// Every format, one row and one file each.
pub static REPORTS: &[ReportEntry] = &[
    text::ENTRY,
    html::ENTRY,
    json::ENTRY,
    markdown::ENTRY,
    csv::ENTRY,
    junit::ENTRY,
    hgrm::ENTRY,
    flamegraph::ENTRY,
    parquet::ENTRY,
];
