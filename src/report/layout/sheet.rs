//! Tables beside each other.

use unicode_width::UnicodeWidthStr;

use super::{
    line::{Line, Paint},
    table::{Cell, Table},
    width::shorten,
};

/// Columns of figures below a label of their own.
#[derive(Clone, Debug)]
pub(in crate::report) struct Group {
    /// Stands above the columns.
    pub(in crate::report) label: String,
    /// Headings and rows.
    pub(in crate::report) table: Table,
}

impl Group {
    /// Width of the columns, and of the group with its label.
    fn widths(&self, gap: usize) -> (usize, usize) {
        let columns = self
            .table
            .lines_apart(gap)
            .iter()
            .map(Line::width)
            .max()
            .unwrap_or(0);
        (columns, columns.max(self.label.width()))
    }

    /// The label, then the table's lines, `before` columns from the left; a label that is wider
    /// moves the table to its end.
    fn lines(&self, before: usize, gap: usize) -> Vec<Line> {
        let (columns, width) = self.widths(gap);
        let indented = |by: usize| Line::new(&" ".repeat(by), Paint::Plain);
        let label = indented(before).push(&self.label, Paint::Plain);
        let rows = self
            .table
            .lines_apart(gap)
            .into_iter()
            .map(|line| indented(before + width - columns).join(line));
        [label]
            .into_iter()
            .chain(rows)
            .map(|line| line.padded(before + width))
            .collect()
    }
}

/// Groups of columns beside each other; the names of the rows stand at the left of all.
#[derive(Clone, Debug)]
pub(in crate::report) struct Sheet {
    /// One for each line: of the labels, of the headings, of every row.
    pub(in crate::report) names: Vec<Cell>,
    /// Groups of as many rows.
    pub(in crate::report) groups: Vec<Group>,
}

impl Sheet {
    /// Columns between columns, and between groups, from roomy to narrow.
    const GAPS: [(usize, usize); 3] = [(2, 4), (2, 3), (1, 2)];

    /// Least width of the names.
    const NAMES: usize = 12;

    /// Whether all of it fits into `columns`.
    pub(in crate::report) fn fits(&self, columns: usize) -> bool {
        self.gaps(columns).is_some()
    }

    /// The lines. Gaps give way first, then the names.
    pub(in crate::report) fn lines(&self, columns: usize) -> Vec<Line> {
        let (inner, outer) = self
            .gaps(columns)
            .unwrap_or(Self::GAPS[Self::GAPS.len() - 1]);
        let room = columns
            .saturating_sub(self.groups_width(inner, outer))
            .max(Self::NAMES);
        let names = room.min(self.names_width());
        let mut lines: Vec<Line> = self
            .names
            .iter()
            .map(|name| Line::new(&shorten(&name.text, names), name.paint).padded(names))
            .collect();
        for group in &self.groups {
            lines = lines
                .into_iter()
                .zip(group.lines(outer, inner))
                .map(|(line, more)| line.join(more))
                .collect();
        }
        lines
    }

    fn gaps(&self, columns: usize) -> Option<(usize, usize)> {
        let fits = |(inner, outer): &(usize, usize)| {
            self.names_width() + self.groups_width(*inner, *outer) <= columns
        };
        Self::GAPS.into_iter().find(fits)
    }

    fn names_width(&self) -> usize {
        self.names
            .iter()
            .map(|name| name.text.width())
            .max()
            .unwrap_or(0)
    }

    fn groups_width(&self, inner: usize, outer: usize) -> usize {
        self.groups
            .iter()
            .map(|group| outer + group.widths(inner).1)
            .sum()
    }
}

/// `left` and `right` next to each other, `gap` columns apart, if both fit; else below each other,
/// an empty line between.
pub(in crate::report) fn beside(
    left: Vec<Line>,
    right: Vec<Line>,
    gap: usize,
    columns: usize,
) -> Vec<Line> {
    let widest = |lines: &[Line]| lines.iter().map(Line::width).max().unwrap_or(0);
    let at = widest(&left) + gap;
    if at + widest(&right) > columns {
        return left
            .into_iter()
            .chain([Line::default()])
            .chain(right)
            .collect();
    }
    let rows = left.len().max(right.len());
    let (mut left, mut right) = (left.into_iter(), right.into_iter());
    (0..rows)
        .map(|_| {
            left.next()
                .unwrap_or_default()
                .padded(at)
                .join(right.next().unwrap_or_default())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{super::line::text_of, *};

    fn sheet(names: &[&str]) -> Sheet {
        let group = |label: &str, rows: &[&[&str]]| {
            let mut table = Table::new(0);
            rows.iter().for_each(|row| table.heading(row));
            Group {
                label: label.to_owned(),
                table,
            }
        };
        Sheet {
            names: names.iter().map(|name| Cell::plain(name)).collect(),
            groups: vec![
                group("latency", &[&["p50", "p99"], &["2.10", "9.80"]]),
                group("send lag", &[&["p99"], &["0.1"]]),
            ],
        }
    }

    fn check_sheet(columns: usize, expected: [&str; 3]) {
        let lines = sheet(&["", "ms", "alone/search"]).lines(columns);
        assert_eq!(lines.iter().map(text_of).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn groups_stand_below_their_labels_and_gaps_give_way_before_names() {
        check_sheet(
            60,
            [
                "                latency       send lag",
                "ms               p50   p99         p99",
                "alone/search    2.10  9.80         0.1",
            ],
        );
        check_sheet(
            33,
            [
                "              latency    send lag",
                "ms             p50  p99       p99",
                "alone/search  2.10 9.80       0.1",
            ],
        );
        assert!(
            sheet(&["", "", "alone/search"]).fits(33) && !sheet(&["", "", "alone/search"]).fits(32)
        );
        let shortened = sheet(&["", "ms", "under-ingest/search"]).lines(33);
        assert_eq!(text_of(&shortened[2]), "under…search  2.10 9.80       0.1");
    }

    fn check_beside(columns: usize, expected: &[&str]) {
        let lines = |texts: &[&str]| {
            texts
                .iter()
                .map(|text| Line::new(text, Paint::Plain))
                .collect::<Vec<_>>()
        };
        let joined: Vec<String> = beside(lines(&["a", "bbb"]), lines(&["1", "2", "3"]), 2, columns)
            .iter()
            .map(text_of)
            .collect();
        assert_eq!(joined, expected);
    }

    #[test]
    fn blocks_stand_beside_each_other_if_they_fit() {
        check_beside(6, &["a    1", "bbb  2", "     3"]);
        check_beside(5, &["a", "bbb", "", "1", "2", "3"]);
    }
}
