//! Rows of cells in columns that line up.

use unicode_width::UnicodeWidthStr;

use super::line::{Line, Paint};
use crate::report::clean;

/// Columns between columns.
const GAP: usize = 2;
/// Width down to which the flexible column gives way before others are left out, if nothing else is
/// said.
const LEAST: usize = 24;

/// One cell of a table.
#[derive(Clone, Debug, Default)]
pub(in crate::report) struct Cell {
    pub(in crate::report) text: String,
    pub(in crate::report) paint: Paint,
}

impl Cell {
    /// A cell that shows `text`.
    pub(in crate::report) fn new(text: &str, paint: Paint) -> Self {
        Self {
            text: clean(text),
            paint,
        }
    }

    /// A cell without colour.
    pub(in crate::report) fn plain(text: &str) -> Self {
        Self::new(text, Paint::Plain)
    }
}

/// Rows of cells in columns; the first `left` columns are aligned to the left, the others to the
/// right. Where they don't fit, long cells of the flexible column stand in a line above their row;
/// then columns are left out. No cell is cut.
#[derive(Clone, Debug, Default)]
pub(in crate::report) struct Table {
    left: usize,
    flexible: usize,
    least: usize,
    droppable: Vec<usize>,
    rows: Vec<Vec<Cell>>,
}

/// Which columns are shown, how wide each is, and what is between them.
struct Fit {
    /// Number and width of each column.
    columns: Vec<(usize, usize)>,
    gap: usize,
}

impl Table {
    /// A table whose first `left` columns are aligned to the left; the first of all is the flexible
    /// one.
    pub(in crate::report) fn new(left: usize) -> Self {
        Self {
            left,
            least: LEAST,
            ..Self::default()
        }
    }

    /// The table, whose flexible column has at least this width as long as others can be left out.
    pub(in crate::report) fn least(self, least: usize) -> Self {
        Self { least, ..self }
    }

    /// The table with another flexible column.
    pub(in crate::report) fn flexible(self, column: usize) -> Self {
        Self {
            flexible: column,
            ..self
        }
    }

    /// The table, of which these columns may be left out, the first one first.
    pub(in crate::report) fn droppable(self, columns: &[usize]) -> Self {
        Self {
            droppable: columns.to_vec(),
            ..self
        }
    }

    /// Adds a row. A row of one cell, in a table of several columns, is a heading across it.
    pub(in crate::report) fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    /// Adds a row in which every cell has the same colour.
    pub(in crate::report) fn heading(&mut self, cells: &[&str]) {
        self.row(
            cells
                .iter()
                .map(|text| Cell::new(text, Paint::Dim))
                .collect(),
        );
    }

    /// The table's lines, in `columns` columns as far as those that can't be left out allow it.
    pub(in crate::report) fn lines(&self, columns: usize) -> Vec<Line> {
        self.blocks(columns).concat()
    }

    /// The lines of each row; the last of them holds all but the flexible cell, where that is long.
    pub(in crate::report) fn blocks(&self, columns: usize) -> Vec<Vec<Line>> {
        let fit = self.fit(columns);
        self.rows.iter().map(|row| self.block(row, &fit)).collect()
    }

    /// Columns that are left out in `columns` columns.
    pub(in crate::report) fn left_out(&self, columns: usize) -> Vec<usize> {
        let shown = self.fit(columns).columns;
        let is_shown = |column: usize| shown.iter().any(|(shown, _)| *shown == column);
        let all = 0..self.full_widths().len();
        all.filter(|column| !is_shown(*column)).collect()
    }

    /// The table's lines in full, its columns `gap` apart.
    pub(super) fn lines_apart(&self, gap: usize) -> Vec<Line> {
        let columns = self.full_widths().into_iter().enumerate().collect();
        let fit = Fit { columns, gap };
        let blocks = self.rows.iter().flat_map(|row| self.block(row, &fit));
        blocks.collect()
    }

    /// Number of columns.
    pub(super) fn width(&self) -> usize {
        self.rows.iter().map(Vec::len).max().unwrap_or(0)
    }

    /// The columns before `at`, and the others.
    pub(super) fn split_at(&self, at: usize) -> (Self, Self) {
        let with = |rows: Vec<Vec<Cell>>| Self {
            rows,
            ..self.clone()
        };
        let halves = self.rows.iter().map(|row| row.split_at(at.min(row.len())));
        let (left, right) = halves
            .map(|(left, right)| (left.to_vec(), right.to_vec()))
            .unzip();
        (with(left), with(right))
    }

    fn block(&self, row: &[Cell], fit: &Fit) -> Vec<Line> {
        if let ([cell], true) = (row, fit.columns.len() > 1) {
            return vec![Line::new(&cell.text, cell.paint)];
        }
        let cells: Vec<(usize, &Cell, usize)> = fit
            .columns
            .iter()
            .filter_map(|(column, width)| Some((*column, row.get(*column)?, *width)))
            .collect();
        let long = cells.iter().position(|(column, cell, width)| {
            *column == self.flexible && cell.text.width() > *width
        });
        let Some(long) = long else {
            return vec![self.line(&cells, fit.gap)];
        };
        let above = self.line(&cells[..=long], fit.gap);
        let empty = Cell::default();
        let blank = |(at, (column, cell, width)): (usize, &(usize, _, usize))| {
            (*column, if at <= long { &empty } else { *cell }, *width)
        };
        let below: Vec<_> = cells.iter().enumerate().map(blank).collect();
        let has_more = below
            .iter()
            .any(|(_, cell, _)| !cell.text.trim().is_empty());
        let below = has_more.then(|| self.line(&below, fit.gap));
        [above].into_iter().chain(below).collect()
    }

    fn line(&self, cells: &[(usize, &Cell, usize)], gap: usize) -> Line {
        let mut line = Line::default();
        for (at, (column, cell, width)) in cells.iter().enumerate() {
            let pad = " ".repeat(width.saturating_sub(cell.text.width()));
            let before = " ".repeat(if at == 0 { 0 } else { gap });
            line = if *column < self.left {
                line.push(&before, Paint::Plain)
                    .push(&cell.text, cell.paint)
                    .push(&pad, Paint::Plain)
            } else {
                line.push(&(before + &pad), Paint::Plain)
                    .push(&cell.text, cell.paint)
            };
        }
        line
    }

    fn fit(&self, columns: usize) -> Fit {
        let full = self.full_widths();
        let mut shown: Vec<usize> = (0..full.len()).collect();
        let mut droppable = self.droppable.iter();
        loop {
            let room = self.room(&full, &shown, GAP, columns);
            let want = full.get(self.flexible).copied().unwrap_or(0);
            let next = match room {
                Some(room) if room >= want.min(self.least) => None,
                _ => droppable.next(),
            };
            if let Some(next) = next {
                shown.retain(|column| column != next);
                continue;
            }
            let (room, gap) = match room {
                Some(room) => (room, GAP),
                None => (self.room(&full, &shown, 1, columns).unwrap_or(1), 1),
            };
            let width = |column: usize| {
                let is_flexible = column == self.flexible;
                full[column].min(if is_flexible { room } else { usize::MAX })
            };
            let columns = shown.iter().map(|column| (*column, width(*column)));
            return Fit {
                columns: columns.collect(),
                gap,
            };
        }
    }

    /// What is left for the flexible column; None where nothing is.
    fn room(&self, full: &[usize], shown: &[usize], gap: usize, columns: usize) -> Option<usize> {
        let others = shown.iter().filter(|column| **column != self.flexible);
        let others: usize = others.map(|column| full[*column]).sum();
        let gaps = gap * shown.len().saturating_sub(1);
        columns
            .checked_sub(others.saturating_add(gaps))
            .filter(|room| *room > 0)
    }

    /// Widths of the columns in full; a row of one cell, among others of more, is no column's.
    fn full_widths(&self) -> Vec<usize> {
        let mut widths = vec![0; self.width()];
        let least = widths.len().min(2);
        for row in self.rows.iter().filter(|row| row.len() >= least) {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.text.width());
            }
        }
        widths
    }
}

#[cfg(test)]
mod tests {
    use super::{super::line::text_of, *};

    fn check(table: &Table, columns: usize, expected: &[&str]) {
        let lines: Vec<String> = table.lines(columns).iter().map(text_of).collect();
        assert_eq!(lines, expected);
    }

    #[test]
    fn tables_line_up_and_long_names_stand_above_their_rows() {
        let mut table = Table::new(1);
        table.heading(&["phase and workload", "p50", "p99"]);
        table.row(vec![Cell::plain("alone")]);
        let row = |name: &str| [name, "2.10", "9.80"].map(Cell::plain).to_vec();
        table.row(row("  search"));
        table.row(row("  search-of-what-was-inserted-before"));
        check(
            &table,
            60,
            &[
                "phase and workload                     p50   p99",
                "alone",
                "  search                              2.10  9.80",
                "  search-of-what-was-inserted-before  2.10  9.80",
            ],
        );
        check(
            &table,
            40,
            &[
                "phase and workload             p50   p99",
                "alone",
                "  search                      2.10  9.80",
                "  search-of-what-was-inserted-before",
                "                              2.10  9.80",
            ],
        );
    }

    #[test]
    fn columns_are_left_out_in_their_order_before_others_are_squeezed() {
        let mut table = Table::new(1).droppable(&[2, 1]);
        table.heading(&["figure", "could show", "interval", "ratio"]);
        table.row(
            ["p99", "12 %", "[1.0, 2.0]", "1.52"]
                .map(Cell::plain)
                .to_vec(),
        );
        check(
            &table,
            40,
            &[
                "figure  could show    interval  ratio",
                "p99           12 %  [1.0, 2.0]   1.52",
            ],
        );
        check(
            &table,
            30,
            &["figure  could show  ratio", "p99           12 %   1.52"],
        );
        check(&table, 15, &["figure  ratio", "p99      1.52"]);
        assert_eq!(
            [40, 30, 15].map(|columns| table.left_out(columns)),
            [vec![], vec![2], vec![1, 2]]
        );
    }

    #[test]
    fn what_is_cleaned_away_takes_no_room() {
        let mut table = Table::new(1);
        table.row(vec![
            Cell::plain("\u{1b}[31mred\u{1b}[0m"),
            Cell::plain("1"),
        ]);
        table.row(vec![Cell::plain("green"), Cell::plain("2")]);
        check(&table, 100, &["red    1", "green  2"]);
    }
}
