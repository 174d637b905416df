//! A line of text with colours.

use unicode_width::UnicodeWidthStr;

use super::{style::TextStyle, width::prefix, words::may_break};
use crate::report::clean;

/// Colour of a piece of text; nothing depends on seeing it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::report) enum Paint {
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
pub(in crate::report) struct Line {
    pieces: Vec<(String, Paint)>,
}

impl Line {
    /// A line of one piece.
    pub(in crate::report) fn new(text: &str, paint: Paint) -> Self {
        Self::default().push(text, paint)
    }

    /// This line with one more piece at its end.
    pub(in crate::report) fn push(mut self, text: &str, paint: Paint) -> Self {
        self.pieces.push((clean(text), paint));
        self
    }

    /// This line with `other` at its end.
    pub(in crate::report) fn join(mut self, other: Line) -> Self {
        self.pieces.extend(other.pieces);
        self
    }

    /// Width in columns.
    pub(in crate::report) fn width(&self) -> usize {
        self.pieces.iter().map(|(text, _)| text.width()).sum()
    }

    /// This line with spaces up to `width` columns.
    pub(in crate::report) fn padded(self, width: usize) -> Self {
        let missing = width.saturating_sub(self.width());
        self.push(&" ".repeat(missing), Paint::Plain)
    }

    pub(super) fn is_blank(&self) -> bool {
        self.pieces.iter().all(|(text, _)| text.trim().is_empty())
    }

    /// Columns of spaces at its beginning.
    pub(super) fn indent(&self) -> usize {
        self.pieces
            .first()
            .map_or(0, |(text, _)| text.len() - text.trim_start().len())
    }

    /// The line, in several where it is wider than `columns`: broken at a space, within a word only
    /// where that is wider than a line. Further lines are indented by two columns more.
    pub(super) fn broken(self, columns: usize) -> Vec<Line> {
        let indent = " ".repeat((self.indent() + 2).min(columns / 2));
        let mut lines = Vec::new();
        let mut rest = self;
        loop {
            let whole: String = rest.pieces.iter().map(|(text, _)| text.as_str()).collect();
            let text = whole.trim_end();
            if text.width() <= columns {
                lines.push(rest);
                return lines;
            }
            let first = text.chars().next().map_or(0, char::len_utf8);
            let fitting = prefix(text, columns).len().max(first);
            let ends_word = text[fitting..].starts_with(' ') && may_break(text, fitting);
            let space = text[..fitting]
                .rmatch_indices(' ')
                .map(|(at, _)| at)
                .find(|at| may_break(text, *at))
                .filter(|at| !ends_word && !text[..*at].trim().is_empty());
            let (head, tail) = rest.split_at(space.unwrap_or(fitting));
            lines.push(head);
            rest = Line::new(&indent, Paint::Plain).join(tail.without_indent());
        }
    }

    /// What stands before `at`, in bytes of the text, and the rest.
    fn split_at(self, at: usize) -> (Line, Line) {
        let (mut head, mut tail) = (Line::default(), Line::default());
        let mut left = at;
        for (text, paint) in self.pieces {
            let (before, after) = text.split_at(left.min(text.len()));
            left -= before.len();
            head.pieces.push((before.to_owned(), paint));
            tail.pieces.push((after.to_owned(), paint));
        }
        (head, tail)
    }

    fn without_indent(mut self) -> Line {
        for (text, _) in &mut self.pieces {
            *text = text.trim_start().to_owned();
            if !text.is_empty() {
                break;
            }
        }
        self
    }

    /// Writes the line without spaces at its end.
    pub(super) fn write(&self, out: &mut String, style: TextStyle) {
        let last = self
            .pieces
            .iter()
            .rposition(|(text, _)| !text.trim_end().is_empty())
            .map_or(0, |last| last + 1);
        for (i, (text, paint)) in self.pieces[..last].iter().enumerate() {
            let text = if i + 1 == last { text.trim_end() } else { text };
            if style.color && *paint != Paint::Plain && !text.is_empty() {
                out.push_str(&paint.start());
                out.push_str(text);
                out.push_str("\u{1b}[0m");
            } else {
                out.push_str(text);
            }
        }
        out.push('\n');
    }
}

/// A line as plain text, without spaces at its end.
#[cfg(test)]
pub(super) fn text_of(line: &Line) -> String {
    let mut out = String::new();
    line.write(
        &mut out,
        TextStyle {
            color: false,
            ..TextStyle::default()
        },
    );
    out.trim_end().to_owned()
}
