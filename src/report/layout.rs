//! Lines, tables and paragraphs of fixed width, in columns of a terminal. What they show, others decide.
//!
//! Every text enters through [`Line::push`], [`Cell::new`] or [`wrap`], which clean it.

use unicode_width::UnicodeWidthStr;

use super::clean;

/// How a text report looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextStyle {
    /// Whether ANSI colours are used. The caller decides: terminal or pipe, `NO_COLOR`.
    pub color: bool,
    /// Columns of a line, taken as at least 60.
    pub width: u16,
}

impl Default for TextStyle {
    fn default() -> Self {
        Self { color: false, width: 110 }
    }
}

impl TextStyle {
    /// Columns of a line.
    pub(super) fn columns(self) -> usize {
        usize::from(self.width.max(60))
    }
}

/// Colour of a piece of text; nothing depends on seeing it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Paint {
    #[default]
    Plain,
    Bold,
    Dim,
    Good,
    Doubtful,
    Bad,
    /// A colour of the 256-colour palette.
    Palette(u8),
}

impl Paint {
    fn start(self) -> String {
        match self {
            Paint::Plain => String::new(),
            Paint::Bold => "\u{1b}[1m".to_owned(),
            Paint::Dim => "\u{1b}[2m".to_owned(),
            Paint::Good => "\u{1b}[1;32m".to_owned(),
            Paint::Doubtful => "\u{1b}[1;33m".to_owned(),
            Paint::Bad => "\u{1b}[1;31m".to_owned(),
            Paint::Palette(color) => format!("\u{1b}[38;5;{color}m"),
        }
    }
}

/// One line: pieces of text, each with its colour.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    pieces: Vec<(String, Paint)>,
}

impl Line {
    /// A line of one piece.
    pub(super) fn new(text: &str, paint: Paint) -> Self {
        Self::default().push(text, paint)
    }

    /// This line with one more piece at its end.
    pub(super) fn push(mut self, text: &str, paint: Paint) -> Self {
        self.pieces.push((clean(text), paint));
        self
    }

    /// This line with `other` at its end.
    pub(super) fn join(mut self, other: Line) -> Self {
        self.pieces.extend(other.pieces);
        self
    }

    /// Width in columns.
    pub(super) fn width(&self) -> usize {
        self.pieces.iter().map(|(text, _)| text.width()).sum()
    }

    /// This line with spaces up to `width` columns.
    pub(super) fn padded(self, width: usize) -> Self {
        let missing = width.saturating_sub(self.width());
        self.push(&" ".repeat(missing), Paint::Plain)
    }

    fn is_blank(&self) -> bool {
        self.pieces.iter().all(|(text, _)| text.trim().is_empty())
    }

    /// Writes the line, cut at `columns`, without spaces at its end.
    fn write(&self, out: &mut String, style: TextStyle) {
        let mut left = style.columns();
        let last = self.pieces.iter().rposition(|(text, _)| !text.trim_end().is_empty()).map_or(0, |last| last + 1);
        for (i, (text, paint)) in self.pieces[..last].iter().enumerate() {
            let text = if i + 1 == last { text.trim_end() } else { text };
            let text = cut_end(text, left);
            left -= text.width().min(left);
            if style.color && *paint != Paint::Plain && !text.is_empty() {
                out.push_str(&paint.start());
                out.push_str(&text);
                out.push_str("\u{1b}[0m");
            } else {
                out.push_str(&text);
            }
        }
        out.push('\n');
    }
}

/// A text that grows line by line.
#[derive(Clone, Debug)]
pub(super) struct Page {
    style: TextStyle,
    lines: Vec<Line>,
}

impl Page {
    /// An empty page.
    pub(super) fn new(style: TextStyle) -> Self {
        Self { style, lines: Vec::new() }
    }

    /// Columns of a line.
    pub(super) fn columns(&self) -> usize {
        self.style.columns()
    }

    /// Adds a line.
    pub(super) fn push(&mut self, line: Line) {
        self.lines.push(line);
    }

    /// Adds lines.
    pub(super) fn extend(&mut self, lines: Vec<Line>) {
        self.lines.extend(lines);
    }

    /// Adds an empty line, unless the page is empty or already ends in one.
    pub(super) fn gap(&mut self) {
        if self.lines.last().is_some_and(|line| !line.is_blank()) {
            self.lines.push(Line::default());
        }
    }

    /// Adds `text` after `lead`, wrapped; further lines are indented by two columns more than the lead's own indent.
    pub(super) fn paragraph(&mut self, lead: Line, text: &str, paint: Paint) {
        let indent = lead.pieces.first().map_or(0, |(text, _)| text.len() - text.trim_start().len()) + 2;
        let columns = self.columns();
        let mut first = Some(lead);
        for line in wrap(text, columns, first.as_ref().map_or(0, Line::width), indent) {
            let lead = first.take().unwrap_or_else(|| Line::new(&" ".repeat(indent), Paint::Plain));
            self.lines.push(lead.push(&line, paint));
        }
    }

    /// The page as text; every line ends in a newline.
    pub(super) fn finish(mut self) -> String {
        while self.lines.last().is_some_and(Line::is_blank) {
            self.lines.pop();
        }
        let mut out = String::new();
        for line in &self.lines {
            line.write(&mut out, self.style);
        }
        out
    }
}

/// Breaks `text` at spaces. The first line has `taken` columns less than `columns`, the others `indent` less. A word
/// that fits no line is cut.
fn wrap(text: &str, columns: usize, taken: usize, indent: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut room = columns.saturating_sub(taken);
    let mut used = 0;
    for word in clean(text).split_whitespace() {
        let width = word.width();
        let start = used == 0;
        if used + usize::from(!start) + width > room && !(start && lines.len() > 1) {
            lines.push(String::new());
            (room, used) = (columns.saturating_sub(indent), 0);
        }
        let Some(line) = lines.last_mut() else { break };
        if used > 0 {
            line.push(' ');
            used += 1;
        }
        let word = shorten(word, room.saturating_sub(used).max(1));
        used += word.width();
        line.push_str(&word);
    }
    lines
}

/// One cell of a table.
#[derive(Clone, Debug, Default)]
pub(super) struct Cell {
    text: String,
    paint: Paint,
}

impl Cell {
    /// A cell that shows `text`.
    pub(super) fn new(text: &str, paint: Paint) -> Self {
        Self { text: clean(text), paint }
    }

    /// A cell without colour.
    pub(super) fn plain(text: &str) -> Self {
        Self::new(text, Paint::Plain)
    }
}

/// Rows of cells in columns; the first `left` columns are aligned to the left, the others to the right.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    /// Number of columns that are aligned to the left.
    pub(super) left: usize,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table whose first `left` columns are aligned to the left.
    pub(super) fn new(left: usize) -> Self {
        Self { left, rows: Vec::new() }
    }

    /// Adds a row. A row of one cell, in a table of several columns, is a heading across it.
    pub(super) fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    /// Adds a row in which every cell has the same colour.
    pub(super) fn heading(&mut self, cells: &[&str]) {
        self.row(cells.iter().map(|text| Cell::new(text, Paint::Dim)).collect());
    }

    /// The table's lines, at most `columns` wide as far as the left columns can be shortened.
    pub(super) fn lines(&self, columns: usize) -> Vec<Line> {
        let (widths, gap) = self.widths(columns);
        self.rows.iter().map(|row| self.line(row, &widths, gap)).collect()
    }

    /// The table's lines in full, its columns `gap` apart.
    fn lines_apart(&self, gap: usize) -> Vec<Line> {
        let widths = self.full_widths();
        self.rows.iter().map(|row| self.line(row, &widths, gap)).collect()
    }

    fn line(&self, row: &[Cell], widths: &[usize], gap: usize) -> Line {
        if let ([cell], true) = (row, widths.len() > 1) {
            return Line::new(&cell.text, cell.paint);
        }
        let mut line = Line::default();
        for (i, (cell, width)) in row.iter().zip(widths).enumerate() {
            let text = shorten(&cell.text, *width);
            let pad = " ".repeat(width.saturating_sub(text.width()));
            let before = if i == 0 { String::new() } else { " ".repeat(gap) };
            line = if i < self.left {
                line.push(&before, Paint::Plain).push(&text, cell.paint).push(&pad, Paint::Plain)
            } else {
                line.push(&(before + &pad), Paint::Plain).push(&text, cell.paint)
            };
        }
        line
    }

    /// Widths of the columns and of the gap between them: two columns, or one where two don't fit. Then the widest of the
    /// left columns gives way, down to eight.
    fn widths(&self, columns: usize) -> (Vec<usize>, usize) {
        let mut widths = self.full_widths();
        let count = widths.len();
        let total = |widths: &[usize], gap: usize| widths.iter().sum::<usize>() + gap * count.saturating_sub(1);
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

/// Columns of figures below a label of their own.
#[derive(Clone, Debug)]
pub(super) struct Group {
    /// Stands above the columns.
    pub(super) label: String,
    /// Headings and rows.
    pub(super) table: Table,
}

impl Group {
    /// Width of the columns, and of the group with its label.
    fn widths(&self, gap: usize) -> (usize, usize) {
        let columns = self.table.lines_apart(gap).iter().map(Line::width).max().unwrap_or(0);
        (columns, columns.max(self.label.width()))
    }

    /// The label, then the table's lines, `before` columns from the left; a label that is wider moves the table to its end.
    fn lines(&self, before: usize, gap: usize) -> Vec<Line> {
        let (columns, width) = self.widths(gap);
        let indented = |by: usize| Line::new(&" ".repeat(by), Paint::Plain);
        let label = indented(before).push(&self.label, Paint::Plain);
        let rows = self.table.lines_apart(gap).into_iter().map(|line| indented(before + width - columns).join(line));
        [label].into_iter().chain(rows).map(|line| line.padded(before + width)).collect()
    }
}

/// Groups of columns beside each other; the names of the rows stand at the left of all.
#[derive(Clone, Debug)]
pub(super) struct Sheet {
    /// One for each line: of the labels, of the headings, of every row.
    pub(super) names: Vec<Cell>,
    /// Groups of as many rows.
    pub(super) groups: Vec<Group>,
}

impl Sheet {
    /// Columns between columns, and between groups, from roomy to narrow.
    const GAPS: [(usize, usize); 3] = [(2, 4), (2, 3), (1, 2)];

    /// Least width of the names.
    const NAMES: usize = 12;

    /// Whether all of it fits into `columns`.
    pub(super) fn fits(&self, columns: usize) -> bool {
        self.gaps(columns).is_some()
    }

    /// The lines. Gaps give way first, then the names.
    pub(super) fn lines(&self, columns: usize) -> Vec<Line> {
        let (inner, outer) = self.gaps(columns).unwrap_or(Self::GAPS[Self::GAPS.len() - 1]);
        let room = columns.saturating_sub(self.groups_width(inner, outer)).max(Self::NAMES);
        let names = room.min(self.names_width());
        let mut lines: Vec<Line> = self.names.iter().map(|name| Line::new(&shorten(&name.text, names), name.paint).padded(names)).collect();
        for group in &self.groups {
            lines = lines.into_iter().zip(group.lines(outer, inner)).map(|(line, more)| line.join(more)).collect();
        }
        lines
    }

    fn gaps(&self, columns: usize) -> Option<(usize, usize)> {
        let fits = |(inner, outer): &(usize, usize)| self.names_width() + self.groups_width(*inner, *outer) <= columns;
        Self::GAPS.into_iter().find(fits)
    }

    fn names_width(&self) -> usize {
        self.names.iter().map(|name| name.text.width()).max().unwrap_or(0)
    }

    fn groups_width(&self, inner: usize, outer: usize) -> usize {
        self.groups.iter().map(|group| outer + group.widths(inner).1).sum()
    }
}

/// `left` and `right` next to each other, `gap` columns apart, if both fit; else below each other, an empty line between.
pub(super) fn beside(left: Vec<Line>, right: Vec<Line>, gap: usize, columns: usize) -> Vec<Line> {
    let widest = |lines: &[Line]| lines.iter().map(Line::width).max().unwrap_or(0);
    let at = widest(&left) + gap;
    if at + widest(&right) > columns {
        return left.into_iter().chain([Line::default()]).chain(right).collect();
    }
    let rows = left.len().max(right.len());
    let (mut left, mut right) = (left.into_iter(), right.into_iter());
    (0..rows).map(|_| left.next().unwrap_or_default().padded(at).join(right.next().unwrap_or_default())).collect()
}

/// `text` in at most `width` columns: what is too long loses its middle, since names differ at both ends.
pub(super) fn shorten(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    if width == 0 {
        return String::new();
    }
    let (head, tail) = ((width - 1) / 2, width / 2);
    // The whole is measured, not the sum of its characters: some sequences are wider or narrower than their parts.
    let end = text.char_indices().map(|(at, _)| &text[at..]).find(|end| end.width() <= tail).unwrap_or("");
    format!("{}…{end}", prefix(text, head))
}

/// `text` in at most `width` columns: what is too long ends in an ellipsis.
fn cut_end(text: &str, width: usize) -> String {
    match width {
        _ if text.width() <= width => text.to_owned(),
        0 => String::new(),
        _ => format!("{}…", prefix(text, width - 1)),
    }
}

fn prefix(text: &str, width: usize) -> &str {
    text.char_indices().map(|(at, _)| &text[..at]).take_while(|start| start.width() <= width).last().unwrap_or("")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STYLE: TextStyle = TextStyle { color: false, width: 60 };

    fn check_shorten(text: &str, width: usize, expected: &str) {
        assert_eq!(shorten(text, width), expected);
    }

    #[test]
    fn long_names_lose_their_middle() {
        check_shorten("SegCoreSearch", 13, "SegCoreSearch");
        check_shorten("SegCoreSearch", 12, "SegCo…Search");
        check_shorten("SegCoreSearch", 2, "…h");
        check_shorten("SegCoreSearch", 1, "…");
        check_shorten("SegCoreSearch", 0, "");
        check_shorten("検索検索検索", 7, "検…索");
    }

    fn check_wrap(text: &str, expected: &[&str]) {
        assert_eq!(wrap(text, 12, 4, 2), expected);
    }

    #[test]
    fn paragraphs_break_at_spaces() {
        check_wrap("", &[""]);
        check_wrap("one two", &["one two"]);
        check_wrap("one two three four", &["one two", "three four"]);
        check_wrap("one\ntwo", &["one two"]);
        check_wrap("abcdefghij x", &["", "abcdefghij", "x"]);
        check_wrap("abcdefghijklmnop x", &["", "abcd…lmnop", "x"]);
    }

    fn check_table(columns: usize, expected: &[&str]) {
        let mut table = Table::new(1);
        table.heading(&["phase and workload", "p50", "p99"]);
        table.row(vec![Cell::plain("alone")]);
        table.row(vec![Cell::plain("  search"), Cell::plain("2.10"), Cell::plain("9.80")]);
        let lines: Vec<String> = table.lines(columns).iter().map(text_of).collect();
        assert_eq!(lines, expected);
    }

    fn text_of(line: &Line) -> String {
        let mut out = String::new();
        line.write(&mut out, STYLE);
        out.trim_end().to_owned()
    }

    #[test]
    fn tables_line_up_and_give_way() {
        check_table(100, &["phase and workload   p50   p99", "alone", "  search            2.10  9.80"]);
        check_table(28, &["phase and workload  p50  p99", "alone", "  search           2.10 9.80"]);
        check_table(18, &["pha…load  p50  p99", "alone", "  search 2.10 9.80"]);
    }

    #[test]
    fn what_is_cleaned_away_takes_no_room() {
        let mut table = Table::new(1);
        table.row(vec![Cell::plain("\u{1b}[31mred\u{1b}[0m"), Cell::plain("1")]);
        table.row(vec![Cell::plain("green"), Cell::plain("2")]);
        assert_eq!(table.lines(100).iter().map(text_of).collect::<Vec<_>>(), ["red    1", "green  2"]);
    }

    fn sheet(names: &[&str]) -> Sheet {
        let group = |label: &str, rows: &[&[&str]]| {
            let mut table = Table::new(0);
            rows.iter().for_each(|row| table.heading(row));
            Group { label: label.to_owned(), table }
        };
        Sheet {
            names: names.iter().map(|name| Cell::plain(name)).collect(),
            groups: vec![group("latency", &[&["p50", "p99"], &["2.10", "9.80"]]), group("send lag", &[&["p99"], &["0.1"]])],
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
            ["                latency       send lag", "ms               p50   p99         p99", "alone/search    2.10  9.80         0.1"],
        );
        check_sheet(33, ["              latency    send lag", "ms             p50  p99       p99", "alone/search  2.10 9.80       0.1"]);
        assert!(sheet(&["", "", "alone/search"]).fits(33) && !sheet(&["", "", "alone/search"]).fits(32));
        let shortened = sheet(&["", "ms", "under-ingest/search"]).lines(33);
        assert_eq!(text_of(&shortened[2]), "under…search  2.10 9.80       0.1");
    }

    fn check_beside(columns: usize, expected: &[&str]) {
        let lines = |texts: &[&str]| texts.iter().map(|text| Line::new(text, Paint::Plain)).collect::<Vec<_>>();
        let joined: Vec<String> = beside(lines(&["a", "bbb"]), lines(&["1", "2", "3"]), 2, columns).iter().map(text_of).collect();
        assert_eq!(joined, expected);
    }

    #[test]
    fn blocks_stand_beside_each_other_if_they_fit() {
        check_beside(6, &["a    1", "bbb  2", "     3"]);
        check_beside(5, &["a", "bbb", "", "1", "2", "3"]);
    }

    #[test]
    fn a_page_has_no_double_gaps_and_no_spaces_at_the_end() {
        let mut page = Page::new(STYLE);
        page.gap();
        page.push(Line::new("a  ", Paint::Plain).push("  ", Paint::Bold));
        page.gap();
        page.gap();
        page.push(Line::new("b", Paint::Bold));
        page.gap();
        assert_eq!(page.finish(), "a\n\nb\n");
    }

    #[test]
    fn colour_is_added_only_where_wanted() {
        let mut page = Page::new(TextStyle { color: true, width: 60 });
        page.push(Line::new("a", Paint::Bad).push("b", Paint::Plain).push("c", Paint::Palette(70)));
        assert_eq!(page.finish(), "\u{1b}[1;31ma\u{1b}[0mb\u{1b}[38;5;70mc\u{1b}[0m\n");
    }

    proptest! {
        #[test]
        fn no_line_is_too_wide(text in any::<String>(), lead in "[ a-z]{0,80}") {
            let mut page = Page::new(STYLE);
            page.paragraph(Line::new(&lead, Paint::Plain), &text, Paint::Plain);
            page.push(Line::new(&lead, Paint::Plain).push(&text, Paint::Plain));
            for line in page.finish().lines() {
                prop_assert!(line.width() <= 60, "{line:?}");
            }
        }
    }
}
