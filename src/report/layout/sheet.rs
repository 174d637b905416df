//! Tables beside each other.

use unicode_width::UnicodeWidthStr;

use super::{
    line::{Line, Paint},
    table::{Cell, Table},
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

    /// The group, in two where it is wider than `room`, and so on down to single columns.
    fn within(&self, room: usize) -> Vec<Group> {
        let (inner, outer) = Sheet::NARROWEST;
        let count = self.table.width();
        if count < 2 || outer + self.widths(inner).1 <= room {
            return vec![self.clone()];
        }
        let (left, right) = self.table.split_at(count.div_ceil(2));
        let half = |table| Self {
            table,
            label: self.label.clone(),
        };
        [half(left), half(right)]
            .iter()
            .flat_map(|half| half.within(room))
            .collect()
    }
}

/// Groups of columns beside each other; the names of the rows stand at the left of all. Groups that
/// don't fit stand below the others, with the names again; the first ones are to be those that
/// matter most. Nothing is cut.
#[derive(Clone, Debug)]
pub(in crate::report) struct Sheet {
    /// One for each line: of the labels, of the headings, of every row.
    pub(in crate::report) names: Vec<Cell>,
    /// Groups of as many rows.
    pub(in crate::report) groups: Vec<Group>,
}

impl Sheet {
    /// Columns between columns, and between groups, from roomy to narrow.
    const GAPS: [(usize, usize); 3] = [(2, 4), (2, 3), Self::NARROWEST];
    const NARROWEST: (usize, usize) = (1, 2);

    /// Lines that hold no row: labels and headings.
    const HEADINGS: usize = 2;

    /// Whether all of it fits into `columns`, no group below another.
    pub(in crate::report) fn fits(&self, columns: usize) -> bool {
        self.split(columns).len() < 2
    }

    /// The lines. Gaps give way first, then groups stand below each other.
    pub(in crate::report) fn lines(&self, columns: usize) -> Vec<Line> {
        let blocks = self.split(columns);
        let blocks = blocks.iter().enumerate();
        blocks
            .flat_map(|(number, groups)| self.block(number == 0, groups, columns))
            .collect()
    }

    /// Groups that stand beside each other.
    fn split(&self, columns: usize) -> Vec<Vec<Group>> {
        let room = columns.saturating_sub(self.names_width(columns));
        let mut blocks: Vec<Vec<Group>> = Vec::new();
        for group in self.groups.iter().flat_map(|group| group.within(room)) {
            let width = |groups: &[Group]| groups_width(groups, Self::NARROWEST);
            match blocks.last_mut() {
                Some(block) if width(block) + width(std::slice::from_ref(&group)) <= room => {
                    block.push(group);
                }
                _ => blocks.push(vec![group]),
            }
        }
        blocks
    }

    /// Names and groups; the headings of the names stand in the first block. A name that is wider
    /// than its column stands in a line of its own.
    fn block(&self, first: bool, groups: &[Group], columns: usize) -> Vec<Line> {
        let names = self.names_width(columns);
        let fits = |gaps: &&(usize, usize)| names + groups_width(groups, **gaps) <= columns;
        let gaps = Self::GAPS.iter().find(fits);
        let (inner, outer) = *gaps.unwrap_or(&Self::NARROWEST);
        let mut groups: Vec<_> = groups
            .iter()
            .map(|group| group.lines(outer, inner).into_iter())
            .collect();
        let mut lines = Vec::new();
        for (row, name) in self.names.iter().enumerate() {
            let is_shown = first || row >= Self::HEADINGS;
            let text = if is_shown { name.text.as_str() } else { "" };
            let mut line = Line::new(text, name.paint);
            if text.width() > names {
                lines.push(std::mem::take(&mut line));
            }
            line = line.padded(names);
            for group in &mut groups {
                line = line.join(group.next().unwrap_or_default());
            }
            lines.push(line);
        }
        lines
    }

    /// Columns of the names: what the longest takes, at most two fifths of all.
    fn names_width(&self, columns: usize) -> usize {
        let names = self.names.iter().map(|name| name.text.width());
        names.max().unwrap_or(0).min(columns * 2 / 5)
    }
}

fn groups_width(groups: &[Group], (inner, outer): (usize, usize)) -> usize {
    groups
        .iter()
        .map(|group| outer + group.widths(inner).1)
        .sum()
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

    fn check_sheet(columns: usize, expected: &[&str]) {
        let lines = sheet(&["", "ms", "alone/search"]).lines(columns);
        assert_eq!(lines.iter().map(text_of).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn groups_stand_below_their_labels_and_gaps_give_way_first() {
        check_sheet(
            60,
            &[
                "                latency       send lag",
                "ms               p50   p99         p99",
                "alone/search    2.10  9.80         0.1",
            ],
        );
        check_sheet(
            33,
            &[
                "              latency    send lag",
                "ms             p50  p99       p99",
                "alone/search  2.10 9.80       0.1",
            ],
        );
    }

    #[test]
    fn a_group_that_does_not_fit_stands_below_with_the_names_again() {
        check_sheet(
            32,
            &[
                "                latency",
                "ms               p50   p99",
                "alone/search    2.10  9.80",
                "                send lag",
                "                     p99",
                "alone/search         0.1",
            ],
        );
        let fits = |columns| sheet(&["", "ms", "alone/search"]).fits(columns);
        assert!(fits(33) && !fits(32));
    }

    #[test]
    fn a_long_name_stands_above_its_row() {
        let lines = sheet(&["", "ms", "under-ingest/search"]).lines(34);
        assert_eq!(
            lines.iter().map(text_of).collect::<Vec<_>>(),
            [
                "               latency    send lag",
                "ms              p50  p99       p99",
                "under-ingest/search",
                "               2.10 9.80       0.1",
            ]
        );
    }

    #[test]
    fn a_group_that_is_too_wide_by_itself_is_shown_in_halves() {
        let lines = sheet(&["", "ms", "a"]).lines(12);
        let text: Vec<String> = lines.iter().map(text_of).collect();
        assert!(text.iter().all(|line| line.width() <= 12), "{text:?}");
        assert!(
            text.concat().contains("2.10") && text.concat().contains("9.80"),
            "{text:?}"
        );
    }
}
