//! `report.txt` and the report on a terminal, in the order in which a reader asks: the verdict, the
//! answer, then what both rest on. On a terminal that it does not fit, verdict and answer stand at
//! its end again.

mod account;
mod answer;
mod classes;
pub(super) mod closing;
pub(super) mod connections;
pub(super) mod head;
mod overview;
mod servers;
mod words;

use super::{
    ReportEntry, clean,
    layout::{Line, Page, Paint, TextStyle},
};
use crate::analysis::{Analysis, Estimate, Quantiles, WorkloadAnalysis};

/// The row of the table.
pub(super) const ENTRY: ReportEntry = ReportEntry {
    name: "text",
    file: "report.txt",
    text: true,
    joined: None,
    summary: "for people: verdict, answer, latency, and where the time went",
    render: |analysis| Ok(render_text(analysis, TextStyle::default()).into_bytes()),
};

/// The report as text, for a terminal or a file.
#[must_use]
pub fn render_text(analysis: &Analysis, style: TextStyle) -> String {
    let mut page = Page::new(style);
    head::write(&mut page, analysis);
    // A run that failed before its load has said all with the reason.
    if analysis.failure.is_none() || measured(analysis).next().is_some() {
        overview::write(&mut page, analysis);
    }
    classes::write(&mut page, analysis);
    servers::write(&mut page, analysis);
    connections::write(&mut page, analysis);
    account::write(&mut page, analysis);
    closing::write(&mut page, analysis);
    if page.explains() {
        words::write(&mut page, analysis);
    }
    if page.scrolls() {
        page.gap();
        head::write_verdict(&mut page, analysis);
        answer::write(&mut page, analysis);
    }
    page.finish()
}

/// Everything that was measured, without the steps of preparation.
fn measured(analysis: &Analysis) -> impl Iterator<Item = &WorkloadAnalysis> {
    analysis
        .workloads
        .iter()
        .filter(|workload| !workload.is_preparation())
}

/// `phase/workload` or `phase/stage/workload`.
fn name_of(workload: &WorkloadAnalysis) -> String {
    clean(&workload.place())
}

fn is_closed(workload: &WorkloadAnalysis) -> bool {
    workload.loop_kind == "closed"
}

/// What a caller waits: response time, in a closed loop service time.
fn latency(workload: &WorkloadAnalysis) -> Option<&Quantiles> {
    if is_closed(workload) {
        workload.service_time_us.as_ref()
    } else {
        workload.response_time_us.as_ref()
    }
}

fn quantile<'a>(quantiles: Option<&'a Quantiles>, key: &str) -> Option<&'a Estimate> {
    quantiles.and_then(|quantiles| quantiles.get(key))
}

/// Heading of a section, with what a reader has to know about it.
fn section(page: &mut Page, title: &str, note: &str) {
    page.gap();
    page.paragraph(
        Line::new(title, Paint::Bold).push("  ", Paint::Plain),
        note,
        Paint::Dim,
    );
}
