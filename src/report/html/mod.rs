//! `report.html`: one file that needs nothing else, made for looking. The page's words come from
//! the template, which escapes them; its charts are drawn by `templates/report/` from the
//! analysis as JSON in the page.

mod answer;
mod data;
pub(super) mod icon;
mod page;
mod side_by_side;
mod verdict;
mod workload;

use askama::Template as _;
use base64::Engine as _;
use sha2::{Digest as _, Sha256};

use self::{page::Page, side_by_side::sweeps};
use super::{ReportEntry, ReportError, RunReport, escaped};
use crate::analysis::Analysis;

/// The row of the table.
pub(super) const ENTRY: ReportEntry = ReportEntry {
    name: "html",
    file: "report.html",
    text: true,
    joined: Some(joined),
    summary: "one page: curves, latency breakdowns, heat maps, waterfalls; needs no network",
    render,
};

/// uPlot's rules and the page's own: one block, so that one hash allows both.
const STYLE: &str = concat!(
    include_str!("../../../templates/vendor/uplot/uPlot.min.css"),
    include_str!("../../../templates/report.css"),
    include_str!("../../../templates/print.css")
);
const UPLOT: &str = include_str!("../../../templates/vendor/uplot/uPlot.iife.min.js");
/// One script of many files, each of one matter: what a file defines is known to all of them, what
/// it does at once needs those before it.
const SCRIPT: &str = concat!(
    include_str!("../../../templates/report/base.js"),
    include_str!("../../../templates/report/numbers.js"),
    include_str!("../../../templates/report/colours.js"),
    include_str!("../../../templates/report/labels.js"),
    include_str!("../../../templates/report/model.js"),
    include_str!("../../../templates/report/plots.js"),
    include_str!("../../../templates/report/curves.js"),
    include_str!("../../../templates/report/bars.js"),
    include_str!("../../../templates/report/phases.js"),
    include_str!("../../../templates/report/sweep.js"),
    include_str!("../../../templates/report/time.js"),
    include_str!("../../../templates/report/flame.js"),
    include_str!("../../../templates/report/requests.js"),
    include_str!("../../../templates/report/traces.js"),
    include_str!("../../../templates/report/page.js"),
);

fn render(analysis: &Analysis) -> Result<Vec<u8>, ReportError> {
    let fail = |error: &dyn std::fmt::Display| {
        ReportError(format!("the report can't be written as HTML: {error}"))
    };
    let sweeps = sweeps(analysis);
    let data = data::json(analysis, &sweeps).map_err(|error| fail(&error))?;
    let page = Page::new(analysis, sweeps, data, policy())
        .render()
        .map_err(|error| fail(&error))?;
    Ok(page.into_bytes())
}

/// A page of pages: each keeps its own rules and scripts, which several in one page could not.
fn joined(reports: &[RunReport]) -> Result<Vec<u8>, ReportError> {
    let frame = |report: &RunReport| {
        let (run, page) = (
            escaped(&report.run),
            escaped(&String::from_utf8_lossy(&report.bytes)),
        );
        format!("<h1>{run}</h1>\n<iframe title=\"{run}\" srcdoc=\"{page}\"></iframe>\n")
    };
    let frames: String = reports.iter().map(frame).collect();
    let head = "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta \
                name=\"viewport\" content=\"width=device-width\">\n<meta name=\"color-scheme\" \
                content=\"light dark\">\n<title>milvus-bench: several runs</title>\n<style>body { \
                margin: 0 } h1 { font: bold 16px sans-serif; margin: 8px 16px } iframe { border: \
                0; width: 100%; height: 100vh }</style>\n";
    Ok(format!("{head}{frames}</html>\n").into_bytes())
}

/// What the page may do.
fn policy() -> String {
    content_policy(&[UPLOT, SCRIPT], STYLE)
}

/// The Content-Security-Policy of a page that runs these scripts, uses these rules, has an icon
/// within itself, and loads nothing.
pub(super) fn content_policy(scripts: &[&str], style: &str) -> String {
    let hash = |text: &str| {
        format!(
            "'sha256-{}'",
            base64::engine::general_purpose::STANDARD.encode(Sha256::digest(text))
        )
    };
    let scripts: String = scripts
        .iter()
        .map(|script| format!(" {}", hash(script)))
        .collect();
    let scripts = if scripts.is_empty() {
        scripts
    } else {
        format!(" script-src{scripts};")
    };
    format!(
        "default-src 'none';{scripts} style-src {}; img-src data:; base-uri 'none'; form-action \
         'none'",
        hash(style)
    )
}

/// A page without the files of this crate and their hashes: what a golden file is to hold.
#[cfg(test)]
pub(super) fn without_files(page: &str) -> String {
    without(page, &[STYLE, UPLOT, SCRIPT])
}

/// The same for the `files` of another page.
#[cfg(test)]
pub(super) fn without(page: &str, files: &[&str]) -> String {
    let files = files
        .iter()
        .fold(page.to_owned(), |page, file| page.replace(file, "..."));
    files
        .lines()
        .map(|line| {
            if line.contains("Content-Security-Policy") {
                "...\n".to_owned()
            } else {
                format!("{line}\n")
            }
        })
        .collect()
}

#[cfg(test)]
mod tests;
