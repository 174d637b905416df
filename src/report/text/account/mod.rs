//! The latency account: a bar for each band of each workload, its largest parts, and what sets the
//! tail apart.

use std::collections::BTreeMap;

use super::{measured, name_of, section};
use crate::{
    analysis::{AREAS, Analysis, Band, PartMean, WorkloadAnalysis, part_title},
    report::{
        answer::{answers, unknown},
        areas::{band_name, divide, index_of, paint_of, row_of},
        layout::{Cell, Line, Page, Paint, Table},
        units::{NONE, count, counted, ms, ratio, share},
    },
};

mod facts;

/// Columns of a bar.
const BAR: usize = 24;

/// Columns between the figures of a band and its bar.
const GAP: usize = 2;

/// Most rows of largest parts, the sum of the others among them.
const MOST_ROWS: usize = 5;

/// What stands before the rows of parts, which belong to the bars above.
const INDENT: &str = "  ";

/// Bars, parts, tail and join of every workload that has an account, one line for each that has
/// none.
pub(super) fn write(page: &mut Page, analysis: &Analysis) {
    if measured(analysis).all(|workload| workload.account.is_empty()) {
        if measured(analysis).next().is_some() {
            section(page, "where the time went", &unknown(analysis));
        }
        return;
    }
    legend(page, analysis);
    let answers = answers(analysis);
    let is_explained = |workload: &WorkloadAnalysis| {
        let mut explained = answers.iter().map(|answer| answer.explained);
        explained.any(|at| std::ptr::eq(&analysis.workloads[at], workload))
    };
    for (workload, block) in measured(analysis).zip(blocks(analysis, page.columns())) {
        page.extend(block);
        facts::write(page, workload, is_explained(workload));
    }
}

/// Bars and largest parts of every workload; empty where there is no account. Laid out together, so
/// that columns line up from workload to workload.
fn blocks(analysis: &Analysis, columns: usize) -> Vec<Vec<Line>> {
    let (mut bands, mut parts) = (Table::new(1), Table::new(2).flexible(1).droppable(&[3]));
    let mut heights = Vec::new();
    for workload in measured(analysis) {
        let account = &workload.account;
        let rows = (band_rows(workload), part_rows(account));
        heights.push((rows.0.len(), rows.1.len()));
        rows.0.into_iter().for_each(|row| bands.row(row));
        rows.1.into_iter().for_each(|row| parts.row(row));
    }
    let mut bands = bands.blocks(columns.saturating_sub(GAP + BAR)).into_iter();
    let indent = Line::new(INDENT, Paint::Plain);
    let mut parts = parts
        .blocks(columns.saturating_sub(INDENT.len()))
        .into_iter();
    let blocks = measured(analysis).zip(heights).map(|(workload, heights)| {
        let bars = [Line::new("ms = a full bar", Paint::Dim)]
            .into_iter()
            .chain(workload.account.iter().map(bar));
        let mut block = Vec::new();
        for (mut lines, bar) in bands.by_ref().take(heights.0).zip(bars) {
            let last = lines.pop().unwrap_or_default();
            block.extend(lines);
            block.push(last.push(&" ".repeat(GAP), Paint::Plain).join(bar));
        }
        let parts = parts.by_ref().take(heights.1).flatten();
        block.extend(parts.map(|line| indent.clone().join(line)));
        block
    });
    blocks.collect()
}

/// The heading, and what the signs mean: those that a bar or a row of the largest parts shows.
fn legend(page: &mut Page, analysis: &Analysis) {
    page.gap();
    let mut present = [false; AREAS.len()];
    for account in measured(analysis).map(|workload| &workload.account) {
        let cells = account
            .iter()
            .flat_map(|band| cells(band).into_iter().enumerate())
            .filter(|(_, cells)| *cells > 0);
        cells.for_each(|(area, _)| present[area] = true);
        largest_parts(account)
            .0
            .iter()
            .for_each(|((area, ..), _)| present[index_of(area)] = true);
    }
    let mut line = Line::new("where the time went", Paint::Bold).push(" ", Paint::Plain);
    for (row, _) in AREAS.iter().zip(present).filter(|(_, present)| *present) {
        let piece = Line::new(&format!(" {} ", row.sign), paint_of(row))
            .push(row.name, Paint::Plain)
            .push(" ", Paint::Plain);
        if line.width() + piece.width() > page.columns() {
            page.push(std::mem::replace(&mut line, Line::new(" ", Paint::Plain)));
        }
        line = line.join(piece);
    }
    page.push(line);
}

fn band_rows(workload: &WorkloadAnalysis) -> Vec<Vec<Cell>> {
    if workload.account.is_empty() {
        return Vec::new();
    }
    let head = [
        Cell::new(&name_of(workload), Paint::Bold),
        Cell::new("matched", Paint::Dim),
        Cell::new("mean", Paint::Dim),
    ];
    let row = |band: &Band| {
        [
            format!("  {}", band_name(&band.band)),
            count(band.matched),
            ms(band.mean_us),
        ]
        .map(|text| Cell::plain(&text))
        .to_vec()
    };
    [head.to_vec()]
        .into_iter()
        .chain(workload.account.iter().map(row))
        .collect()
}

fn bar(band: &Band) -> Line {
    let mut line = Line::default();
    for (row, cells) in AREAS.iter().zip(cells(band)) {
        line = line.push(&row.sign.to_string().repeat(cells), paint_of(row));
    }
    line.padded(BAR)
}

/// Columns of every area in a band's bar.
fn cells(band: &Band) -> Vec<usize> {
    let mut sizes = [0.0; AREAS.len()];
    for part in &band.parts {
        sizes[index_of(&part.area)] += part.mean_us;
    }
    divide(&sizes, BAR)
}

/// The parts that have a row of their own, and the others.
fn largest_parts(account: &[Band]) -> (Vec<PartRow<'_>>, Vec<PartRow<'_>>) {
    let (Some(all), Some(top)) = (account.first(), account.last()) else {
        return (Vec::new(), Vec::new());
    };
    let mut parts = largest_first(all, top);
    let shown = if parts.len() > MOST_ROWS {
        MOST_ROWS - 1
    } else {
        parts.len()
    };
    let others = parts.split_off(shown);
    (parts, others)
}

/// The largest parts with their means and shares of band `all` and of the highest band; the last
/// row sums up the others.
fn part_rows(account: &[Band]) -> Vec<Vec<Cell>> {
    let (Some(all), Some(top)) = (account.first(), account.last()) else {
        return Vec::new();
    };
    let (parts, others) = largest_parts(account);
    let figures = |means: [f64; 2]| {
        let share_of = |part: f64, band: &Band| {
            if band.mean_us > 0.0 {
                share(part / band.mean_us)
            } else {
                NONE.to_owned()
            }
        };
        [
            ms(means[0]),
            share_of(means[0], all),
            ms(means[1]),
            share_of(means[1], top),
        ]
        .map(|text| Cell::plain(&text))
    };
    let row = |name: [Cell; 2], means: [f64; 2]| {
        name.into_iter().chain(figures(means)).collect::<Vec<_>>()
    };

    let mut rows = vec![
        ["", "largest parts", "all", "", &band_name(&top.band), ""]
            .map(|text| Cell::new(text, Paint::Dim))
            .to_vec(),
    ];
    for ((area, service, part), means) in &parts {
        let look = row_of(area);
        let title = part_title(area, Some(service), part);
        rows.push(row(
            [
                Cell::new(&look.sign.to_string(), paint_of(look)),
                Cell::plain(&title),
            ],
            *means,
        ));
    }
    if !others.is_empty() {
        let rest = others.iter().fold([0.0; 2], |sum, (_, means)| {
            [sum[0] + means[0], sum[1] + means[1]]
        });
        let name = counted(others.len() as u64, "other");
        rows.push(row([Cell::default(), Cell::new(&name, Paint::Dim)], rest));
    }
    rows
}

/// Area, service, name.
type PartKey<'a> = (&'a str, &'a str, &'a str);

/// A part with its means in band `all` and in the highest band.
type PartRow<'a> = (PartKey<'a>, [f64; 2]);

/// The parts of two bands with their means in both, by the larger of their two shares.
fn largest_first<'a>(all: &'a Band, top: &'a Band) -> Vec<PartRow<'a>> {
    let mut means: BTreeMap<PartKey<'a>, [f64; 2]> = BTreeMap::new();
    for (column, band) in [all, top].into_iter().enumerate() {
        for part in &band.parts {
            means.entry(key(part)).or_default()[column] += part.mean_us;
        }
    }
    let size = |means: &[f64; 2]| ratio(means[0], all.mean_us).max(ratio(means[1], top.mean_us));
    let mut rows: Vec<_> = means.into_iter().collect();
    rows.sort_by(|a, b| size(&b.1).total_cmp(&size(&a.1)).then(a.0.cmp(&b.0)));
    rows
}

fn key(part: &PartMean) -> PartKey<'_> {
    (
        &part.area,
        part.service.as_deref().unwrap_or(""),
        &part.part,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn band(means: &[(&str, f64)]) -> Band {
        let parts = means.iter().map(|(part, mean_us)| PartMean {
            area: "engine".into(),
            service: None,
            part: (*part).into(),
            mean_us: *mean_us,
        });
        Band {
            mean_us: means.iter().map(|(_, mean)| mean).sum(),
            parts: parts.collect(),
            ..Band::default()
        }
    }

    #[test]
    fn parts_are_ordered_by_the_larger_share() {
        let (all, top) = (
            band(&[("a", 60.0), ("b", 30.0), ("c", 10.0)]),
            band(&[("a", 100.0), ("c", 800.0), ("d", 100.0)]),
        );
        let order: Vec<_> = largest_first(&all, &top)
            .into_iter()
            .map(|((_, _, part), means)| (part, means))
            .collect();
        assert_eq!(
            order,
            [
                ("c", [10.0, 800.0]),
                ("a", [60.0, 100.0]),
                ("b", [30.0, 0.0]),
                ("d", [0.0, 100.0])
            ]
        );
    }

    #[test]
    fn negative_parts_take_no_place_in_a_bar() {
        let mut both = band(&[("a", 30.0)]);
        both.parts.push(PartMean {
            area: "gap".into(),
            mean_us: -10.0,
            ..PartMean::default()
        });
        assert_eq!(bar(&both), bar(&band(&[("a", 30.0)])));
        assert_eq!(bar(&band(&[])).width(), BAR);
    }
}
