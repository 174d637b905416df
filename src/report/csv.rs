//! `report.csv`: every figure in one long table, a figure a row, as spreadsheets, pandas and DuckDB want it.

use super::{ReportEntry, ReportError, clean};
use crate::analysis::{Analysis, Quantiles, WorkloadAnalysis};

/// The row of the table.
pub(super) const ENTRY: ReportEntry = ReportEntry {
    name: "csv",
    file: "report.csv",
    text: true,
    summary: "quantiles, counts, account and course over time in one long table",
    render,
};

const HEADINGS: [&str; 12] = ["table", "phase", "stage", "workload", "figure", "area", "part", "key", "value", "low", "high", "at_least"];

/// One row, without the workload's three columns.
#[derive(Default)]
struct Row<'a> {
    table: &'a str,
    figure: &'a str,
    area: &'a str,
    part: String,
    key: String,
    value: f64,
    low: Option<f64>,
    high: Option<f64>,
    /// Whether the value is a lower bound.
    at_least: bool,
}

fn render(analysis: &Analysis) -> Result<Vec<u8>, ReportError> {
    let failed = |error: &dyn std::fmt::Display| ReportError(format!("the report can't be written as CSV: {error}"));
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(HEADINGS).map_err(|error| failed(&error))?;
    for workload in &analysis.workloads {
        for row in rows(workload) {
            let number = |value: Option<f64>| value.map_or(String::new(), |value| value.to_string());
            let record = [
                row.table.to_owned(),
                cell(&workload.phase),
                cell(workload.stage.as_deref().unwrap_or_default()),
                cell(&workload.workload),
                cell(row.figure),
                cell(row.area),
                cell(&row.part),
                cell(&row.key),
                row.value.to_string(),
                number(row.low),
                number(row.high),
                if row.at_least { "true".to_owned() } else { String::new() },
            ];
            writer.write_record(record).map_err(|error| failed(&error))?;
        }
    }
    writer.into_inner().map_err(|error| failed(&error))
}

/// A cell that a spreadsheet takes as text: one that begins like a formula has an apostrophe before it.
fn cell(text: &str) -> String {
    let text = clean(text);
    if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text }
}

fn rows(workload: &WorkloadAnalysis) -> Vec<Row<'_>> {
    let mut rows = counts(workload);
    let figures: [(&str, &Option<Quantiles>); 6] = [
        ("response_time_us", &workload.response_time_us),
        ("service_time_us", &workload.service_time_us),
        ("send_lag_us", &workload.send_lag_us),
        ("queue_time_us", &workload.queue_time_us),
        ("server_time_us", &workload.server_time_us),
        ("gap_us", &workload.gap_us),
    ];
    for (figure, quantiles) in figures {
        rows.extend(quantiles.iter().flatten().map(|(key, estimate)| Row {
            table: "quantile",
            figure,
            key: key.clone(),
            value: estimate.value,
            low: estimate.low,
            high: estimate.high,
            at_least: estimate.at_least,
            ..Row::default()
        }));
    }
    for band in &workload.account {
        rows.extend(band.parts.iter().map(|part| Row {
            table: "account",
            figure: "mean_us",
            area: &part.area,
            part: part.service.iter().chain([&part.part]).map(String::as_str).collect::<Vec<_>>().join(" "),
            key: band.band.clone(),
            value: part.mean_us,
            ..Row::default()
        }));
    }
    rows.extend(series(workload));
    rows
}

fn counts(workload: &WorkloadAnalysis) -> Vec<Row<'_>> {
    let (counts, rate) = (&workload.requests, &workload.rate);
    let row = |table, figure, value: f64| Row { table, figure, value, ..Row::default() };
    let requests = [("due", counts.due), ("ok", counts.ok), ("failed", counts.failed), ("not_sent", counts.not_sent)];
    let mut rows: Vec<Row<'_>> = requests.map(|(figure, count)| row("requests", figure, count as f64)).into();
    rows.extend(rate.target.map(|target| row("rate", "target", target)));
    rows.extend([row("rate", "achieved", rate.achieved), row("rate", "throughput", rate.throughput)]);
    rows.extend(workload.rows_per_s.map(|rate| row("rate", "rows", rate)));
    rows.extend(workload.vectors_per_s.map(|rate| row("rate", "vectors", rate)));
    if let Some(of) = &workload.rows {
        rows.extend([row("rows", "replies", of.replies as f64), row("rows", "mean", of.mean), row("rows", "empty", of.empty)]);
        rows.extend(of.short.map(|short| row("rows", "short", short)));
        rows.extend(of.full.map(|full| row("rows", "full", full as f64)));
    }
    if let Some(of) = &workload.recall {
        rows.extend([row("recall", "mean", of.mean), row("recall", "min", of.min), row("recall", "requests", of.requests as f64)]);
    }
    rows
}

/// Seconds after the part's start are the key.
fn series(workload: &WorkloadAnalysis) -> Vec<Row<'_>> {
    let Some(series) = &workload.series else { return Vec::new() };
    let row = |figure, at: usize, value: f64| Row {
        table: "series",
        figure,
        key: (series.start_s + (at as u64 * series.step_s) as f64).to_string(),
        value,
        ..Row::default()
    };
    let mut rows = Vec::new();
    for (figure, counts) in [("ok", &series.ok), ("failed", &series.failed)] {
        rows.extend(counts.iter().enumerate().map(|(at, count)| row(figure, at, *count as f64)));
    }
    for (figure, values) in [("p50_us", &series.p50_us), ("p99_us", &series.p99_us), ("max_us", &series.max_us)] {
        rows.extend(values.iter().enumerate().filter_map(|(at, value)| Some(row(figure, at, (*value)?))));
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn records(analysis: &Analysis) -> Vec<Vec<String>> {
        let bytes = render(analysis).unwrap();
        let mut reader = csv::Reader::from_reader(bytes.as_slice());
        assert_eq!(reader.headers().unwrap().iter().collect::<Vec<_>>(), HEADINGS);
        reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect()
    }

    #[test]
    fn every_quantile_has_a_row_with_its_interval() {
        let analysis = sample::analysis();
        let records = records(&analysis);
        let p99 = records.iter().find(|row| row[0] == "quantile" && row[1] == "alone" && row[4] == "response_time_us" && row[7] == "p99");
        assert_eq!(p99.expect("a row")[8..], ["3950", "3780", "4220", ""]);
        let bound = records.iter().find(|row| row[11] == "true");
        assert!(bound.is_some_and(|row| row[0] == "quantile"), "a lower bound is marked");
    }

    #[test]
    fn parts_of_a_band_add_up_to_its_mean() {
        let analysis = sample::analysis();
        let records = records(&analysis);
        let band = &analysis.workloads.iter().find(|workload| !workload.account.is_empty()).unwrap().account[0];
        let of = records.iter().filter(|row| row[0] == "account" && row[1] == "alone" && row[7] == band.band);
        let sum: f64 = of.map(|row| row[8].parse::<f64>().unwrap()).sum();
        assert!((sum - band.mean_us).abs() < 1e-6 * band.mean_us, "{sum} {}", band.mean_us);
    }

    #[test]
    fn cells_from_outside_are_no_formulas() {
        let mut analysis = sample::analysis();
        analysis.workloads[5].workload = "=cmd|' /C calc'!A0, \"x\"\n".to_owned();
        assert!(records(&analysis).iter().any(|row| row[3] == "'=cmd|' /C calc'!A0, \"x\" "));
        assert!(records(&analysis).iter().all(|row| !row[3].starts_with(['=', '+', '-', '@'])));
    }
}
