//! `report.csv`: every figure in one long table, a figure a row, as spreadsheets, pandas and DuckDB
//! want it.

use super::{ReportEntry, ReportError, RunReport, clean};
use crate::{
    analysis::{Analysis, PhaseMachine, Quantiles, WorkloadAnalysis},
    record::MachineUse,
};

/// The row of the table.
pub(super) const ENTRY: ReportEntry = ReportEntry {
    name: "csv",
    file: "report.csv",
    text: true,
    joined: Some(joined),
    summary: "quantiles, counts, latency breakdown and course over time in one long table",
    render,
};

const HEADINGS: [&str; 12] = [
    "table", "phase", "stage", "workload", "figure", "area", "part", "key", "value", "low", "high",
    "at_least",
];

/// What a row is of: a name, or a number such as a second, which stays one.
#[derive(Default)]
enum Key<'a> {
    #[default]
    None,
    Text(&'a str),
    Number(f64),
}

/// One row, without the workload's three columns.
#[derive(Default)]
struct Row<'a> {
    table: &'a str,
    figure: &'a str,
    area: &'a str,
    part: String,
    key: Key<'a>,
    value: f64,
    low: Option<f64>,
    high: Option<f64>,
    /// Whether the value is a lower bound.
    at_least: bool,
}

fn render(analysis: &Analysis) -> Result<Vec<u8>, ReportError> {
    let failed = |error: &dyn std::fmt::Display| {
        ReportError(format!("the report can't be written as CSV: {error}"))
    };
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer
        .write_record(HEADINGS)
        .map_err(|error| failed(&error))?;
    let classes = |of: &WorkloadAnalysis| {
        let classes = of.classes.iter().map(|class| class.as_workload(of));
        classes.collect::<Vec<_>>()
    };
    let workloads = analysis.workloads.iter().map(|of| (of, classes(of)));
    let workloads: Vec<_> = workloads.collect();
    // Those of its classes stand below a workload.
    let rows_of = workloads
        .iter()
        .flat_map(|(of, classes)| std::iter::once(*of).chain(classes));
    for workload in rows_of {
        for row in rows(workload) {
            let number =
                |value: Option<f64>| value.map_or(String::new(), |value| value.to_string());
            let record = [
                row.table.to_owned(),
                cell(&workload.phase),
                cell(workload.stage.as_deref().unwrap_or_default()),
                cell(&workload.workload),
                cell(row.figure),
                cell(row.area),
                cell(&row.part),
                match row.key {
                    Key::None => String::new(),
                    Key::Text(text) => cell(text),
                    Key::Number(number) => number.to_string(),
                },
                row.value.to_string(),
                number(row.low),
                number(row.high),
                if row.at_least {
                    "true".to_owned()
                } else {
                    String::new()
                },
            ];
            writer
                .write_record(record)
                .map_err(|error| failed(&error))?;
        }
    }
    for machine in &analysis.machine {
        for (figure, second, cores) in machine_rows(machine) {
            let mut record = [const { String::new() }; HEADINGS.len()];
            record[0] = "machine".to_owned();
            record[1] = cell(&machine.phase);
            record[4] = figure.to_owned();
            (record[7], record[8]) = (second.to_string(), cores.to_string());
            writer
                .write_record(record)
                .map_err(|error| failed(&error))?;
        }
    }
    writer.into_inner().map_err(|error| failed(&error))
}

/// Cores that each used, by the second after the phase's start in which the interval ended.
fn machine_rows(machine: &PhaseMachine) -> impl Iterator<Item = (&'static str, f64, f64)> {
    let MachineUse {
        at_s,
        client,
        milvus,
        jaeger,
        others,
        steal,
        load_average,
        ..
    } = &machine.use_of;
    let lists = [
        ("client", client),
        ("milvus", milvus),
        ("jaeger", jaeger),
        ("others", others),
        ("steal", steal),
        ("load_average", load_average),
    ];
    lists.into_iter().flat_map(|(figure, list)| {
        at_s.iter()
            .zip(list)
            .map(move |(second, cores)| (figure, *second, *cores))
    })
}

/// A cell of text that a spreadsheet takes as text: one that begins like a formula has an
/// apostrophe before it. Numbers are written as they are: a negative one would become text by that.
fn cell(text: &str) -> String {
    let text = clean(text);
    if text.starts_with(['=', '+', '-', '@']) {
        format!("'{text}")
    } else {
        text
    }
}

/// One table whose first column is the run.
fn joined(reports: &[RunReport]) -> Result<Vec<u8>, ReportError> {
    let failed = |error: &dyn std::fmt::Display| {
        ReportError(format!("the reports can't be joined as CSV: {error}"))
    };
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer
        .write_record(["run"].into_iter().chain(HEADINGS))
        .map_err(|error| failed(&error))?;
    for report in reports {
        let run = cell(&report.run);
        for record in csv::Reader::from_reader(report.bytes.as_slice()).records() {
            let record = record.map_err(|error| failed(&error))?;
            writer
                .write_record([run.as_str()].into_iter().chain(&record))
                .map_err(|error| failed(&error))?;
        }
    }
    writer.into_inner().map_err(|error| failed(&error))
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
            key: Key::Text(key),
            value: estimate.value,
            low: estimate.low,
            high: estimate.high,
            at_least: estimate.at_least,
            ..Row::default()
        }));
    }
    for band in &workload.account {
        rows.extend(band.parts.iter().map(|part| {
            Row {
                table: "account",
                figure: "mean_us",
                area: &part.area,
                part: part
                    .service
                    .iter()
                    .chain([&part.part])
                    .map(String::as_str)
                    .collect::<Vec<_>>()
                    .join(" "),
                key: Key::Text(&band.band),
                value: part.mean_us,
                ..Row::default()
            }
        }));
    }
    rows.extend(course(workload));
    rows
}

fn counts(workload: &WorkloadAnalysis) -> Vec<Row<'_>> {
    let (counts, rate) = (&workload.requests, &workload.rate);
    let row = |table, figure, value: f64| Row {
        table,
        figure,
        value,
        ..Row::default()
    };
    let requests = [
        ("due", counts.due),
        ("ok", counts.ok),
        ("failed", counts.failed),
        ("not_sent", counts.not_sent),
    ];
    if workload.figures_lost {
        return rate
            .target
            .map(|target| row("rate", "target", target))
            .into_iter()
            .collect();
    }
    let mut rows: Vec<Row<'_>> = requests
        .map(|(figure, count)| row("requests", figure, count as f64))
        .into();
    rows.extend(rate.target.map(|target| row("rate", "target", target)));
    rows.extend([
        row("rate", "achieved", rate.achieved),
        row("rate", "throughput", rate.throughput),
    ]);
    rows.extend(workload.rows_per_s.map(|rate| row("rate", "rows", rate)));
    rows.extend(
        workload
            .vectors_per_s
            .map(|rate| row("rate", "vectors", rate)),
    );
    if let Some(of) = &workload.rows {
        rows.extend([
            row("rows", "replies", of.replies as f64),
            row("rows", "mean", of.mean),
            row("rows", "empty", of.empty),
        ]);
        rows.extend(of.short.map(|short| row("rows", "short", short)));
        rows.extend(of.full.map(|full| row("rows", "full", full as f64)));
    }
    if let Some(of) = &workload.recall {
        rows.extend([
            row("recall", "mean", of.mean),
            row("recall", "min", of.min),
            row("recall", "requests", of.requests as f64),
        ]);
    }
    rows
}

/// Seconds after the part's start are the key.
fn course(workload: &WorkloadAnalysis) -> Vec<Row<'_>> {
    let Some(course) = &workload.course else {
        return Vec::new();
    };
    let row = |figure, at: usize, value: f64| Row {
        table: "series",
        figure,
        key: Key::Number(course.start_s + (at as u64 * course.step_s) as f64),
        value,
        ..Row::default()
    };
    let mut rows = Vec::new();
    for (figure, counts) in [("ok", &course.ok), ("failed", &course.failed)] {
        rows.extend(
            counts
                .iter()
                .enumerate()
                .map(|(at, count)| row(figure, at, *count as f64)),
        );
    }
    // Rows of whole columns would say nothing.
    let partial = course
        .covered_s
        .iter()
        .enumerate()
        .filter(|(_, covered)| **covered < course.step_s as f64);
    rows.extend(partial.map(|(at, covered)| row("covered_s", at, *covered)));
    for (figure, values) in [
        ("p50_us", &course.p50_us),
        ("p99_us", &course.p99_us),
        ("max_us", &course.max_us),
    ] {
        rows.extend(
            values
                .iter()
                .enumerate()
                .filter_map(|(at, value)| Some(row(figure, at, (*value)?))),
        );
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
        assert_eq!(
            reader.headers().unwrap().iter().collect::<Vec<_>>(),
            HEADINGS
        );
        reader
            .records()
            .map(|record| record.unwrap().iter().map(str::to_owned).collect())
            .collect()
    }

    #[test]
    fn every_quantile_has_a_row_with_its_interval() {
        let analysis = sample::analysis();
        let records = records(&analysis);
        let p99 = records.iter().find(|row| {
            row[0] == "quantile"
                && row[1] == "alone"
                && row[4] == "response_time_us"
                && row[7] == "p99"
        });
        assert_eq!(p99.expect("a row")[8..], ["3950", "3780", "4220", ""]);
        let bound = records.iter().find(|row| row[11] == "true");
        assert!(
            bound.is_some_and(|row| row[0] == "quantile"),
            "a lower bound is marked"
        );
    }

    #[test]
    fn parts_of_a_band_add_up_to_its_mean() {
        let analysis = sample::analysis();
        let records = records(&analysis);
        let band = &analysis
            .workloads
            .iter()
            .find(|workload| !workload.account.is_empty())
            .unwrap()
            .account[0];
        let of = records
            .iter()
            .filter(|row| row[0] == "account" && row[1] == "alone" && row[7] == band.band);
        let sum: f64 = of.map(|row| row[8].parse::<f64>().unwrap()).sum();
        assert!(
            (sum - band.mean_us).abs() < 1e-6 * band.mean_us,
            "{sum} {}",
            band.mean_us
        );
    }

    #[test]
    fn negative_numbers_stay_numbers() {
        let mut analysis = sample::analysis();
        analysis
            .workloads
            .iter_mut()
            .for_each(|workload| workload.phase = "-1".to_owned());
        let gap = analysis
            .workloads
            .iter_mut()
            .find_map(|workload| workload.gap_us.as_mut())
            .expect("a gap");
        gap.get_mut("p50").expect("a median").value = -12.5;
        let records = records(&analysis);
        let first = records
            .iter()
            .find(|row| row[0] == "series")
            .expect("a course over time");
        assert_eq!((first[1].as_str(), first[7].as_str()), ("'-1", "-0.25"));
        let median = records
            .iter()
            .find(|row| row[4] == "gap_us" && row[7] == "p50")
            .expect("a row");
        assert_eq!(median[8], "-12.5");
        for row in &records {
            assert!(
                row[8].parse::<f64>().is_ok()
                    && row[9..11]
                        .iter()
                        .all(|cell| cell.is_empty() || cell.parse::<f64>().is_ok()),
                "{row:?}"
            );
            assert!(
                row[0] != "series" || row[7].parse::<f64>().is_ok(),
                "{row:?}"
            );
        }
    }

    #[test]
    fn partial_columns_of_a_course_have_a_row_that_says_so() {
        let records = records(&sample::analysis());
        let covered: Vec<&[String]> = records
            .iter()
            .filter(|row| row[4] == "covered_s")
            .map(|row| &row[7..9])
            .collect();
        assert!(
            covered.iter().any(|row| *row == ["-0.25", "0.75"])
                && covered.iter().any(|row| *row == ["6.75", "0.25"]),
            "{covered:?}"
        );
    }

    #[test]
    fn several_runs_are_one_table() {
        let report = |run: &str| RunReport {
            run: run.to_owned(),
            bytes: render(&sample::analysis()).unwrap(),
        };
        let bytes = joined(&[report("one"), report("=two")]).unwrap();
        let mut reader = csv::Reader::from_reader(bytes.as_slice());
        assert_eq!(
            reader.headers().unwrap().iter().collect::<Vec<_>>(),
            [&["run"][..], &HEADINGS].concat()
        );
        let runs: Vec<String> = reader
            .records()
            .map(|record| record.unwrap()[0].to_owned())
            .collect();
        let rows = records(&sample::analysis()).len();
        assert_eq!(
            (runs.len(), runs[0].as_str(), runs[rows].as_str()),
            (2 * rows, "one", "'=two")
        );
    }

    #[test]
    fn cells_from_outside_are_no_formulas() {
        let mut analysis = sample::analysis();
        analysis.workloads[5].workload = "=cmd|' /C calc'!A0, \"x\"\n".to_owned();
        assert!(
            records(&analysis)
                .iter()
                .any(|row| row[3] == "'=cmd|' /C calc'!A0, \"x\" ")
        );
        assert!(
            records(&analysis)
                .iter()
                .all(|row| !row[3].starts_with(['=', '+', '-', '@']))
        );
    }
}
