//! A page: lines below each other, and paragraphs that are wrapped.

use unicode_width::UnicodeWidthStr;

use super::{
    line::{Line, Paint},
    style::TextStyle,
    width::shorten,
};
use crate::report::clean;

/// A text that grows line by line.
#[derive(Clone, Debug)]
pub(in crate::report) struct Page {
    style: TextStyle,
    lines: Vec<Line>,
}

impl Page {
    /// An empty page.
    pub(in crate::report) fn new(style: TextStyle) -> Self {
        Self {
            style,
            lines: Vec::new(),
        }
    }

    /// Columns of a line.
    pub(in crate::report) fn columns(&self) -> usize {
        self.style.columns()
    }

    /// Adds a line.
    pub(in crate::report) fn push(&mut self, line: Line) {
        self.lines.push(line);
    }

    /// Adds lines.
    pub(in crate::report) fn extend(&mut self, lines: Vec<Line>) {
        self.lines.extend(lines);
    }

    /// Adds an empty line, unless the page is empty or already ends in one.
    pub(in crate::report) fn gap(&mut self) {
        if self.lines.last().is_some_and(|line| !line.is_blank()) {
            self.lines.push(Line::default());
        }
    }

    /// Adds `text` after `lead`, wrapped; further lines are indented by two columns more than the
    /// lead's own indent.
    pub(in crate::report) fn paragraph(&mut self, lead: Line, text: &str, paint: Paint) {
        let indent = lead.indent() + 2;
        let columns = self.columns();
        let mut first = Some(lead);
        for line in wrap(text, columns, first.as_ref().map_or(0, Line::width), indent) {
            let lead = first
                .take()
                .unwrap_or_else(|| Line::new(&" ".repeat(indent), Paint::Plain));
            self.lines.push(lead.push(&line, paint));
        }
    }

    /// The page as text; every line ends in a newline.
    pub(in crate::report) fn finish(mut self) -> String {
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

/// Breaks `text` at spaces. The first line has `taken` columns less than `columns`, the others
/// `indent` less. A word that fits no line is cut.
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STYLE: TextStyle = TextStyle {
        color: false,
        width: 60,
    };

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
        let mut page = Page::new(TextStyle {
            color: true,
            width: 60,
        });
        page.push(
            Line::new("a", Paint::Bad)
                .push("b", Paint::Plain)
                .push("c", Paint::Palette(70)),
        );
        assert_eq!(
            page.finish(),
            "\u{1b}[1;31ma\u{1b}[0mb\u{1b}[38;5;70mc\u{1b}[0m\n"
        );
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
