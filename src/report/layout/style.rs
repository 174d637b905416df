//! Columns and colours of a text report.

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
    pub(in crate::report) fn columns(self) -> usize {
        usize::from(self.width.max(60))
    }
}
