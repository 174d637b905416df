//! A page: lines below each other, and paragraphs that are wrapped.

use unicode_width::UnicodeWidthStr;

use super::{
    line::{Line, Paint},
    style::TextStyle,
    width::prefix,
    words::words,
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

    /// Adds a line; one that is too wide is broken.
    pub(in crate::report) fn push(&mut self, line: Line) {
        self.lines.extend(line.broken(self.columns()));
    }

    /// Adds lines.
    pub(in crate::report) fn extend(&mut self, lines: Vec<Line>) {
        lines.into_iter().for_each(|line| self.push(line));
    }

    /// Adds lines that programs read: none is broken, however wide it is.
    pub(in crate::report) fn extend_unbroken(&mut self, lines: Vec<Line>) {
        self.lines.extend(lines);
    }

    /// Whether it is longer than the terminal that it is for.
    pub(in crate::report) fn scrolls(&self) -> bool {
        let rows = self.style.rows.map(usize::from);
        rows.is_some_and(|rows| self.lines.len() >= rows)
    }

    /// Whether what words mean is wanted.
    pub(in crate::report) fn explains(&self) -> bool {
        self.style.explain
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
        let columns = self.columns();
        let indent = (lead.indent() + 2).min(columns / 2);
        let mut first = Some(lead);
        for line in wrap(text, columns, first.as_ref().map_or(0, Line::width), indent) {
            let lead = first
                .take()
                .unwrap_or_else(|| Line::new(&" ".repeat(indent), Paint::Plain));
            self.push(lead.push(&line, paint));
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
/// `indent` less. A word that fits no line is broken.
fn wrap(text: &str, columns: usize, taken: usize, indent: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    let mut room = columns.saturating_sub(taken);
    for word in words(&clean(text)) {
        let mut word = word.as_str();
        loop {
            let space = if line.is_empty() { "" } else { " " };
            // The whole is measured: some sequences are wider or narrower than their parts.
            let joined = format!("{line}{space}{word}");
            if joined.width() <= room {
                line = joined;
                break;
            }
            if line.is_empty() && !lines.is_empty() {
                // A line of its own is not enough for it.
                let first = word.chars().next().map_or(0, char::len_utf8);
                let (head, tail) = word.split_at(prefix(word, room).len().max(first));
                line.push_str(head);
                word = tail;
            }
            lines.push(std::mem::take(&mut line));
            room = columns.saturating_sub(indent);
            if word.is_empty() {
                break;
            }
        }
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STYLE: TextStyle = TextStyle {
        color: false,
        width: 60,
        rows: None,
        explain: false,
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
        check_wrap("a number 5 %", &["a number", "5 %"]);
        check_wrap("abcdefghijklmnop x", &["", "abcdefghij", "klmnop x"]);
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
            ..STYLE
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
