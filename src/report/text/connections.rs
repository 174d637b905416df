//! What of the gap was the client's own: a row for each phase, below the table that has the gap.

use super::measured;
use crate::{
    analysis::{Analysis, ConnectionFigures, Quantiles},
    report::{
        layout::{Cell, Group, Page, Paint, Sheet, Table},
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
    page.gap();
    // Without spans there is no gap, but the client has its part of the service time all the same.
    let has_gap = measured(analysis).any(|workload| workload.gap_us.is_some());
    let of = if has_gap {
        "of the gap, ms"
    } else {
        "of service time, ms"
    };
    let phases = analysis.connections.iter();
    let phases = phases.map(|of| Cell::plain(&of.phase));
    let headings = [
        Cell::new("client's part", Paint::Bold),
        Cell::new(of, Paint::Dim),
    ];
    let delay = |label: &str, figure: fn(&ConnectionFigures) -> Option<&Quantiles>| {
        let row = |of| QUANTILES.map(|key| in_ms(figure(of), key)).to_vec();
        group(label, &QUANTILES, analysis.connections.iter().map(row))
    };
    let waits = analysis.connections.iter().map(|of| {
        let longest = in_ms(of.no_window_us.as_ref(), "max");
        vec![count(of.no_windows), longest]
    });
    let sheet = Sheet {
        names: headings.into_iter().chain(phases).collect(),
        groups: vec![
            delay("write delay", |of| of.hand_over_us.as_ref()),
            delay("read delay", |of| of.read_wake_up_us.as_ref()),
            group("flow-control wait", &["requests", "max"], waits),
        ],
    };
    page.extend(sheet.lines(page.columns()));
}

fn group(label: &str, headings: &[&str], rows: impl Iterator<Item = Vec<String>>) -> Group {
    let mut table = Table::new(0);
    table.heading(headings);
    for row in rows {
        table.row(row.iter().map(|text| Cell::plain(text)).collect());
    }
    Group {
        label: label.to_owned(),
        table,
    }
}

fn in_ms(quantiles: Option<&Quantiles>, key: &str) -> String {
    let found = quantiles.and_then(|quantiles| quantiles.get(key));
    found.map_or(NONE.to_owned(), |found| ms(found.value))
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
    QUANTILES.map(|key| in_ms(quantiles, key)).join("/")
}
