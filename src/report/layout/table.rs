//! Rows of cells in columns that line up.

use unicode_width::UnicodeWidthStr;

use super::{
    line::{Line, Paint},
    width::shorten,
};
use crate::report::clean;

/// One cell of a table.
#[derive(Clone, Debug, Default)]
pub(in crate::report) struct Cell {
    pub(super) text: String,
    pub(super) paint: Paint,
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
/// right.
#[derive(Clone, Debug, Default)]
pub(in crate::report) struct Table {
    /// Number of columns that are aligned to the left.
    pub(in crate::report) left: usize,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table whose first `left` columns are aligned to the left.
    pub(in crate::report) fn new(left: usize) -> Self {
        Self {
            left,
            rows: Vec::new(),
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

    /// The table's lines, at most `columns` wide as far as the left columns can be shortened.
    pub(in crate::report) fn lines(&self, columns: usize) -> Vec<Line> {
        let (widths, gap) = self.widths(columns);
        self.rows
            .iter()
            .map(|row| self.line(row, &widths, gap))
            .collect()
    }

    /// The table's lines in full, its columns `gap` apart.
    pub(super) fn lines_apart(&self, gap: usize) -> Vec<Line> {
        let widths = self.full_widths();
        self.rows
            .iter()
            .map(|row| self.line(row, &widths, gap))
            .collect()
    }

    fn line(&self, row: &[Cell], widths: &[usize], gap: usize) -> Line {
        if let ([cell], true) = (row, widths.len() > 1) {
            return Line::new(&cell.text, cell.paint);
        }
        let mut line = Line::default();
        for (i, (cell, width)) in row.iter().zip(widths).enumerate() {
            let text = shorten(&cell.text, *width);
            let pad = " ".repeat(width.saturating_sub(text.width()));
            let before = if i == 0 {
                String::new()
            } else {
                " ".repeat(gap)
            };
            line = if i < self.left {
                line.push(&before, Paint::Plain)
                    .push(&text, cell.paint)
                    .push(&pad, Paint::Plain)
            } else {
                line.push(&(before + &pad), Paint::Plain)
                    .push(&text, cell.paint)
            };
        }
        line
    }

    /// Widths of the columns and of the gap between them: two columns, or one where two don't fit.
    /// Then the widest of the left columns gives way, down to eight.
    fn widths(&self, columns: usize) -> (Vec<usize>, usize) {
        let mut widths = self.full_widths();
        let count = widths.len();
        let total = |widths: &[usize], gap: usize| {
            widths.iter().sum::<usize>() + gap * count.saturating_sub(1)
        };
        let gap = if total(&widths, 2) <= columns { 2 } else { 1 };
        while total(&widths, gap) > columns {
            match widths.iter_mut().take(self.left).max() {
                Some(widest) if *widest > 8 => *widest -= 1,
                _ => break,
            }
        }
        (widths, gap)
    }

    /// Widths of the columns in full; a row of one cell, among others of more, is no column's.
    fn full_widths(&self) -> Vec<usize> {
        let mut widths = vec![0; self.rows.iter().map(Vec::len).max().unwrap_or(0)];
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

    fn check_table(columns: usize, expected: &[&str]) {
        let mut table = Table::new(1);
        table.heading(&["phase and workload", "p50", "p99"]);
        table.row(vec![Cell::plain("alone")]);
        table.row(vec![
            Cell::plain("  search"),
            Cell::plain("2.10"),
            Cell::plain("9.80"),
        ]);
        let lines: Vec<String> = table.lines(columns).iter().map(text_of).collect();
        assert_eq!(lines, expected);
    }

    #[test]
    fn tables_line_up_and_give_way() {
        check_table(
            100,
            &[
                "phase and workload   p50   p99",
                "alone",
                "  search            2.10  9.80",
            ],
        );
        check_table(
            28,
            &[
                "phase and workload  p50  p99",
                "alone",
                "  search           2.10 9.80",
            ],
        );
        check_table(18, &["pha…load  p50  p99", "alone", "  search 2.10 9.80"]);
    }

    #[test]
    fn what_is_cleaned_away_takes_no_room() {
        let mut table = Table::new(1);
        table.row(vec![
            Cell::plain("\u{1b}[31mred\u{1b}[0m"),
            Cell::plain("1"),
        ]);
        table.row(vec![Cell::plain("green"), Cell::plain("2")]);
        assert_eq!(
            table.lines(100).iter().map(text_of).collect::<Vec<_>>(),
            ["red    1", "green  2"]
        );
    }
}
