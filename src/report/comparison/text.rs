//! `comparison.txt` and the comparison on a terminal.

use unicode_width::UnicodeWidthStr;

use super::{
    ComparisonEntry, headline, interval, margin_of, name, ratio_alone, remarks, result, smallest,
    test_name, value, values,
};
use crate::{
    analysis::compare::{
        Comparison, ComparisonResult, FigureComparison, MARGIN, MARGIN_OF_RECALL,
        WorkloadComparison,
    },
    report::{
        layout::{Cell, Line, Page, Paint, Table, TextStyle},
        units::duration,
    },
};

/// The row of the table.
pub(super) const ENTRY: ComparisonEntry = ComparisonEntry {
    name: "text",
    file: "comparison.txt",
    render: |comparison| Ok(render_text(comparison, TextStyle::default()).into_bytes()),
};

/// Differences of the setting that are listed; the rest is in comparison.json.
const MOST_DIFFERENCES: usize = 12;
/// Areas that are listed for a workload.
const MOST_AREAS: usize = 4;
/// Widest value of the setting that is shown in a column, in columns.
const VALUE: usize = 32;

/// What a narrow terminal leaves out, the first one first: number of the column, and its heading.
const DROPPABLE: [(usize, &str); 2] = [(5, "could show"), (4, "95 % interval")];

/// The comparison as text, for a terminal or a file.
pub(crate) fn render_text(comparison: &Comparison, style: TextStyle) -> String {
    let mut page = Page::new(style);
    write_headline(&mut page, comparison);
    for remark in remarks(comparison) {
        page.paragraph(Line::new("! ", Paint::Doubtful), &remark, Paint::Plain);
    }
    page.paragraph(
        Line::new("baseline    ", Paint::Dim),
        &comparison.baseline.runs.join(" "),
        Paint::Dim,
    );
    page.paragraph(
        Line::new("run         ", Paint::Dim),
        &comparison.run.runs.join(" "),
        Paint::Dim,
    );
    write_differences(&mut page, comparison);
    let mut left_out = Vec::new();
    for workload in &comparison.workloads {
        left_out = write_workload(&mut page, workload);
    }
    page.gap();
    let left_out = match left_out.as_slice() {
        [] => String::new(),
        columns => format!("; omitted for lack of width: {}", columns.join(", ")),
    };
    let note = format!(
        "ratio: run / baseline with its 95 % interval, runs as the unit ({}); could show: the \
         smallest change that these runs could have shown; p50, p99, mean, throughput and recall \
         are tested, corrected for their number (Holm); equal: the whole interval is within {} \
         ({} of a recall){left_out}",
        test_name(comparison),
        margin_of(MARGIN),
        margin_of(MARGIN_OF_RECALL)
    );
    page.paragraph(Line::default(), &note, Paint::Dim);
    if page.scrolls() {
        page.gap();
        write_headline(&mut page, comparison);
    }
    page.finish()
}

fn write_headline(page: &mut Page, comparison: &Comparison) {
    page.paragraph(
        Line::new("comparison  ", Paint::Bold),
        &headline(comparison),
        Paint::Plain,
    );
    for workload in &comparison.workloads {
        if let Some(sentence) = &workload.sentence {
            let lead = Line::new("  ", Paint::Plain).push(&workload.at, Paint::Plain);
            page.paragraph(lead.push(": ", Paint::Plain), sentence, Paint::Plain);
        }
    }
}

fn write_differences(page: &mut Page, comparison: &Comparison) {
    page.gap();
    if comparison.differences.is_empty() {
        page.paragraph(
            Line::default(),
            "only the results differ: same versions, machine, scenario and plan",
            Paint::Dim,
        );
        return;
    }
    let mut table = Table::new(3);
    table.heading(&["what differs", "baseline", "run"]);
    let mut long = Vec::new();
    for found in comparison.differences.iter().take(MOST_DIFFERENCES) {
        let (baseline, run) = (values(&found.baseline), values(&found.run));
        if baseline.width().max(run.width()) > VALUE.min(page.columns() / 4) {
            long.push((&found.what, format!("{baseline} -> {run}")));
        } else {
            table.row(
                [&found.what, &baseline, &run]
                    .map(|text| Cell::plain(text))
                    .to_vec(),
            );
        }
    }
    page.extend(table.lines(page.columns()));
    for (what, change) in long {
        let lead = Line::new(what, Paint::Plain).push(": ", Paint::Plain);
        page.paragraph(lead, &change, Paint::Plain);
    }
    let more = comparison
        .differences
        .len()
        .saturating_sub(MOST_DIFFERENCES);
    if more > 0 {
        page.paragraph(
            Line::default(),
            &format!("{more} more in comparison.json"),
            Paint::Dim,
        );
    }
}

/// The workload's figures; gives the headings of the columns that did not fit.
fn write_workload(page: &mut Page, workload: &WorkloadComparison) -> Vec<&'static str> {
    page.gap();
    let whole = table(workload, false);
    let table = if whole.left_out(page.columns()).is_empty() {
        whole
    } else {
        table(workload, true)
    };
    page.extend(table.lines(page.columns()));
    let left_out = table.left_out(page.columns());
    for (figure, why) in workload
        .figures
        .iter()
        .filter_map(|figure| Some((figure, figure.why_not.as_ref()?)))
    {
        page.paragraph(
            Line::new("  not compared: ", Paint::Dim),
            &format!("{}, {why}", name(figure)),
            Paint::Dim,
        );
    }
    let areas: Vec<String> = workload
        .areas
        .iter()
        .take(MOST_AREAS)
        .map(|area| {
            format!(
                "{} {} -> {}",
                area.area,
                duration(area.baseline_us),
                duration(area.run_us)
            )
        })
        .collect();
    if !areas.is_empty() {
        page.paragraph(
            Line::new("  mean by area: ", Paint::Dim),
            &areas.join(", "),
            Paint::Dim,
        );
    }
    let left_out = DROPPABLE
        .iter()
        .filter(|(column, _)| left_out.contains(column));
    left_out.map(|(_, heading)| *heading).collect()
}

/// A row for each figure; where they are `grouped`, keys such as p99 stand below their figure,
/// which takes fewer columns and more lines.
fn table(workload: &WorkloadComparison, grouped: bool) -> Table {
    let mut table = Table::new(1).droppable(&DROPPABLE.map(|(column, _)| column));
    let [(_, could_show), (_, interval)] = DROPPABLE;
    let headings = ["baseline", "run", "ratio", interval, could_show, ""];
    let headings = headings.map(|heading| Cell::new(heading, Paint::Dim));
    let mut at = Cell::new(&workload.at, Paint::Bold);
    if grouped {
        table.row(vec![std::mem::take(&mut at)]);
    }
    table.row([at].into_iter().chain(headings).collect());
    let mut above = "";
    for figure in &workload.figures {
        let has_key = grouped && !figure.key.is_empty();
        if has_key && figure.figure != above {
            table.row(vec![Cell::plain(&figure.figure.replace('_', " "))]);
        }
        above = &figure.figure;
        let name = if has_key {
            format!("  {}", figure.key)
        } else {
            name(figure)
        };
        table.row(row(figure, &name));
    }
    table
}

fn row(figure: &FigureComparison, name: &str) -> Vec<Cell> {
    let paint = match figure.result {
        ComparisonResult::Slower | ComparisonResult::Lower => Paint::Bad,
        ComparisonResult::Faster | ComparisonResult::Higher => Paint::Good,
        ComparisonResult::DiffersWithinTheseRuns => Paint::Doubtful,
        _ => Paint::Plain,
    };
    if figure.why_not.is_some() {
        return [name, "-", "-", "-", "", "", &result(figure)]
            .map(Cell::plain)
            .to_vec();
    }
    let cells = [
        name.to_owned(),
        value(figure, figure.baseline),
        value(figure, figure.run),
        ratio_alone(figure),
        interval(figure),
        smallest(figure),
    ];
    let mut cells: Vec<Cell> = cells.map(|text| Cell::plain(&text)).to_vec();
    cells.push(Cell::new(&result(figure), paint));
    cells
}
