//! Client against server: the quantiles of the same requests, measured at both ends.

use super::{is_closed, measured, name_of, quantile, section};
use crate::{
    analysis::{Analysis, Quantiles, WorkloadAnalysis},
    report::{
        layout::{Cell, Line, Page, Paint, Table, beside},
        units::{NONE, ms},
    },
};

const QUANTILES: [&str; 5] = ["p50", "p90", "p99", "p99.9", "max"];

/// Columns between two workloads.
const GAP: usize = 4;

/// A block for each workload that has spans, two beside each other.
pub(super) fn write(page: &mut Page, analysis: &Analysis) {
    let blocks: Vec<Vec<Vec<Cell>>> = measured(analysis).filter_map(rows).collect();
    if blocks.is_empty() {
        return;
    }
    section(page, "client against server", "in ms, of matched requests; quantiles do not add up, so the gap has its own");
    let heights: Vec<usize> = blocks.iter().map(Vec::len).collect();
    // One table for all blocks, so that their columns are alike.
    let mut table = Table::new(1);
    blocks.into_iter().flatten().for_each(|row| table.row(row));
    let half = (page.columns() - GAP) / 2;
    let mut lines = table.lines(half).into_iter();
    for pair in heights.chunks(2) {
        let mut block = |at: usize| -> Vec<Line> { lines.by_ref().take(pair.get(at).copied().unwrap_or(0)).collect() };
        let left = block(0).into_iter().map(|line| line.padded(half)).collect();
        let lines = beside(left, block(1), GAP, page.columns());
        page.extend(lines);
    }
}

/// Name and figures of a workload from the outside in; None without a server's part.
fn rows(workload: &WorkloadAnalysis) -> Option<Vec<Vec<Cell>>> {
    if workload.server_time_us.is_none() && workload.gap_us.is_none() {
        return None;
    }
    let response = if is_closed(workload) { None } else { workload.matched_response_time_us.as_ref() };
    let figures = [
        ("response time", response),
        ("service time", workload.matched_service_time_us.as_ref()),
        ("server", workload.server_time_us.as_ref()),
        ("gap", workload.gap_us.as_ref()),
    ];
    let head = [Cell::new(&name_of(workload), Paint::Bold)].into_iter().chain(QUANTILES.map(|key| Cell::new(key, Paint::Dim)));
    let figures = figures.into_iter().filter_map(|(figure, quantiles)| Some((figure, quantiles?)));
    let row = |(figure, quantiles)| [Cell::plain(&format!("  {figure}"))].into_iter().chain(values(quantiles)).collect();
    Some([head.collect()].into_iter().chain(figures.map(row)).collect())
}

fn values(quantiles: &Quantiles) -> impl Iterator<Item = Cell> {
    QUANTILES.iter().map(|key| Cell::plain(&quantile(Some(quantiles), key).map_or(NONE.to_owned(), |found| ms(found.value))))
}
