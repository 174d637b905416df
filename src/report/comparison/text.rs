//! `comparison.txt` and the comparison on a terminal.

use super::{
    ComparisonEntry, headline, margin_of, name, ratio, remarks, result, smallest, test_name, value,
    values,
};
use crate::{
    analysis::compare::{
        Comparison, ComparisonResult, FigureComparison, MARGIN, MARGIN_OF_RECALL,
        WorkloadComparison,
    },
    report::{
        layout::{Cell, Line, Page, Paint, Table, TextStyle, shorten},
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
/// Widest value of the setting, in columns.
const VALUE: usize = 32;

/// The comparison as text, for a terminal or a file.
pub(crate) fn render_text(comparison: &Comparison, style: TextStyle) -> String {
    let mut page = Page::new(style);
    page.paragraph(
        Line::new("comparison  ", Paint::Bold),
        &headline(comparison),
        Paint::Plain,
    );
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
    for workload in &comparison.workloads {
        write_workload(&mut page, workload);
    }
    page.gap();
    let note = format!(
        "ratio: run / baseline with its 95 % interval, runs as the unit ({}); could show: the \
         smallest change that these runs could have shown; p50, p99, mean, throughput and recall \
         are tested, corrected for their number (Holm); equal: the whole interval is within {} \
         ({} of a recall)",
        test_name(comparison),
        margin_of(MARGIN),
        margin_of(MARGIN_OF_RECALL)
    );
    page.paragraph(Line::default(), &note, Paint::Dim);
    page.finish()
}

fn write_differences(page: &mut Page, comparison: &Comparison) {
    page.gap();
    if comparison.differences.is_empty() {
        page.paragraph(
            Line::default(),
            "besides the result nothing differs: same versions, machine, scenario and plan",
            Paint::Dim,
        );
        return;
    }
    let mut table = Table::new(3);
    table.heading(&["what differs", "baseline", "run"]);
    for found in comparison.differences.iter().take(MOST_DIFFERENCES) {
        let cells = [
            found.what.clone(),
            values(&found.baseline),
            values(&found.run),
        ];
        table.row(
            cells
                .map(|text| Cell::plain(&shorten(&text, VALUE)))
                .to_vec(),
        );
    }
    page.extend(table.lines(page.columns()));
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

fn write_workload(page: &mut Page, workload: &WorkloadComparison) {
    page.gap();
    let mut table = Table::new(1);
    table.row(vec![
        Cell::new(&shorten(&workload.at, 40), Paint::Bold),
        Cell::new("baseline", Paint::Dim),
        Cell::new("run", Paint::Dim),
        Cell::new("ratio", Paint::Dim),
        Cell::new("could show", Paint::Dim),
        Cell::new("", Paint::Dim),
    ]);
    for figure in &workload.figures {
        table.row(row(figure));
    }
    page.extend(table.lines(page.columns()));
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
    if let Some(sentence) = &workload.sentence {
        page.paragraph(Line::new("• ", Paint::Bold), sentence, Paint::Plain);
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
}

fn row(figure: &FigureComparison) -> Vec<Cell> {
    let paint = match figure.result {
        ComparisonResult::Slower | ComparisonResult::Lower => Paint::Bad,
        ComparisonResult::Faster | ComparisonResult::Higher => Paint::Good,
        ComparisonResult::DiffersWithinTheseRuns => Paint::Doubtful,
        _ => Paint::Plain,
    };
    if figure.why_not.is_some() {
        return [&name(figure), "-", "-", "-", "", &result(figure)]
            .map(Cell::plain)
            .to_vec();
    }
    let cells = [
        name(figure),
        value(figure, figure.baseline),
        value(figure, figure.run),
        ratio(figure),
        smallest(figure),
    ];
    let mut cells: Vec<Cell> = cells.map(|text| Cell::plain(&text)).to_vec();
    cells.push(Cell::new(&result(figure), paint));
    cells
}
