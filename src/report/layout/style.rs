//! Columns and colours of a text report.

/// How a text report looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextStyle {
    /// Whether ANSI colours are used. The caller decides: terminal or pipe, `NO_COLOR`.
    pub color: bool,
    /// Columns of a line, taken as at least 60 and at most 120: longer lines are hard to read.
    pub width: u16,
    /// Lines of the terminal; a longer report ends in its verdict and answer again, since the first
    /// lines have scrolled away. None where nothing scrolls: a file, a pipe.
    pub rows: Option<u16>,
    /// Whether the report ends in what its words and areas mean.
    pub explain: bool,
}

impl Default for TextStyle {
    fn default() -> Self {
        Self {
            color: false,
            width: 110,
            rows: None,
            explain: false,
        }
    }
}

impl TextStyle {
    /// Columns of a line.
    pub(in crate::report) fn columns(self) -> usize {
        usize::from(self.width.clamp(60, 120))
    }
}
