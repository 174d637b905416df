//! What of the gap was the client's own: a line for each phase, below the table that has the gap.

use super::measured;
use crate::{
    analysis::{Analysis, ConnectionFigures, Quantiles},
    report::{
        layout::{Cell, Page, Paint, Table},
        units::{NONE, count, ms},
    },
};

/// The quantiles of each figure, in milliseconds as in the table above.
const QUANTILES: [&str; 3] = ["p50", "p99", "max"];

/// The lines; nothing where no figure is known, which a warning says.
pub(super) fn write(page: &mut Page, analysis: &Analysis) {
    if analysis.connections.is_empty() || measured(analysis).next().is_none() {
        return;
    }
    // Without spans there is no gap, but the client has its part of the service time all the same.
    let has_gap = measured(analysis).any(|workload| workload.gap_us.is_some());
    if !has_gap {
        page.gap();
    }
    let of = if has_gap { "gap" } else { "client" };
    let mut table = Table::new(1);
    for (row, figures) in analysis.connections.iter().enumerate() {
        let legend = if row == 0 {
            QUANTILES.join("/")
        } else {
            String::new()
        };
        let cells =
            std::iter::once(format!("{of}: {}", figures.phase)).chain(self::figures(figures));
        let cells: Vec<String> = cells.collect();
        table.row(
            cells
                .iter()
                .map(|text| Cell::plain(text))
                .chain([Cell::new(&legend, Paint::Dim)])
                .collect(),
        );
    }
    let lines = table.lines(page.columns());
    page.extend(lines);
}

/// Each figure in words: quantiles in milliseconds, p50/p99/max.
pub(in crate::report) fn figures(figures: &ConnectionFigures) -> [String; 3] {
    [
        write_delay(figures),
        read_delay(figures),
        flow_control_wait(figures),
    ]
}

fn write_delay(figures: &ConnectionFigures) -> String {
    format!(
        "write delay {}",
        of_quantiles(figures.hand_over_us.as_ref())
    )
}

fn read_delay(figures: &ConnectionFigures) -> String {
    format!(
        "read delay {}",
        of_quantiles(figures.read_wake_up_us.as_ref())
    )
}

/// How many requests had to wait for the server's window, and the longest of the waits.
fn flow_control_wait(figures: &ConnectionFigures) -> String {
    let longest = figures
        .no_window_us
        .as_ref()
        .and_then(|quantiles| quantiles.get("max"));
    longest.map_or("flow-control wait 0".to_owned(), |max| {
        format!(
            "flow-control wait {} ({})",
            count(figures.no_windows),
            ms(max.value)
        )
    })
}

/// `0.031/0.120/0.900`.
fn of_quantiles(quantiles: Option<&Quantiles>) -> String {
    let value = |key: &str| {
        quantiles
            .and_then(|quantiles| quantiles.get(key))
            .map_or(NONE.to_owned(), |found| ms(found.value))
    };
    QUANTILES.map(value).join("/")
}
