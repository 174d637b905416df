//! Lines, tables and paragraphs of fixed width, in columns of a terminal. What they show, others
//! decide.
//!
//! Every text enters through [`Line::push`], [`Cell::new`] or a page's paragraph, which clean it.

mod line;
mod page;
mod sheet;
mod table;
mod width;

pub(super) use self::{
    line::{Line, Paint},
    page::Page,
    sheet::{Group, Sheet, beside},
    table::{Cell, Table},
    width::shorten,
};

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
        Self {
            color: false,
            width: 110,
        }
    }
}

impl TextStyle {
    /// Columns of a line.
    pub(super) fn columns(self) -> usize {
        usize::from(self.width.max(60))
    }
}

/// A line as plain text, without spaces at its end.
#[cfg(test)]
fn text_of(line: &Line) -> String {
    let mut out = String::new();
    line.write(
        &mut out,
        TextStyle {
            color: false,
            width: 60,
        },
    );
    out.trim_end().to_owned()
}
