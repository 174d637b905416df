//! Client against server: the quantiles of the same requests, measured at both ends.

use super::{is_closed, measured, name_of, quantile};
use crate::{
    analysis::{Analysis, Quantiles, WorkloadAnalysis},
    report::{
        layout::{Cell, Group, Page, Paint, Sheet, Table},
        units::{NONE, ms},
    },
};

/// Quantiles of every figure: as many as fit beside each other.
const QUANTILES: [&[&str]; 4] = [
    &["p50", "p90", "p99", "p99.9", "max"],
    &["p50", "p90", "p99", "max"],
    &["p50", "p99", "max"],
    &["p50", "p99"],
];

/// A figure's name and where it is.
type NamedTimes = (&'static str, fn(&WorkloadAnalysis) -> Option<&Quantiles>);

/// From the outside in.
const FIGURES: [NamedTimes; 4] = [
    ("response time", |workload| {
        if is_closed(workload) {
            None
        } else {
            workload.matched_response_time_us.as_ref()
        }
    }),
    ("service time", |workload| {
        workload.matched_service_time_us.as_ref()
    }),
    ("server", |workload| workload.server_time_us.as_ref()),
    ("gap", |workload| workload.gap_us.as_ref()),
];

/// A row for each workload that has spans.
pub(super) fn write(page: &mut Page, analysis: &Analysis) {
    let has_server = |workload: &&WorkloadAnalysis| {
        workload.server_time_us.is_some() || workload.gap_us.is_some()
    };
    let rows: Vec<&WorkloadAnalysis> = measured(analysis).filter(has_server).collect();
    if rows.is_empty() {
        return;
    }
    page.gap();
    // Where not even the fewest fit beside each other, there is room for more below.
    let [_, most, ..] = QUANTILES;
    let fitting = QUANTILES
        .into_iter()
        .map(|keys| sheet(&rows, keys))
        .find(|sheet| sheet.fits(page.columns()));
    let lines = fitting
        .unwrap_or_else(|| sheet(&rows, most))
        .lines(page.columns());
    page.extend(lines);
}

fn sheet(rows: &[&WorkloadAnalysis], keys: &[&str]) -> Sheet {
    let headings = [
        Cell::new("client against server", Paint::Bold),
        Cell::new("ms, of the matched", Paint::Dim),
    ];
    let figures = FIGURES
        .iter()
        .filter(|(_, figure)| rows.iter().any(|workload| figure(workload).is_some()));
    Sheet {
        names: headings
            .into_iter()
            .chain(rows.iter().map(|workload| Cell::plain(&name_of(workload))))
            .collect(),
        groups: figures.map(|figure| group(*figure, rows, keys)).collect(),
    }
}

fn group((label, figure): NamedTimes, rows: &[&WorkloadAnalysis], keys: &[&str]) -> Group {
    let mut table = Table::new(0);
    table.heading(keys);
    for workload in rows {
        let value = |key: &&str| {
            quantile(figure(workload), key).map_or(NONE.to_owned(), |found| ms(found.value))
        };
        table.row(keys.iter().map(|key| Cell::plain(&value(key))).collect());
    }
    Group {
        label: label.to_owned(),
        table,
    }
}
