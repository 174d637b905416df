//! The terminal below the progress bars. One that is gone takes nothing any more, and the bars must
//! not learn of it: they panic.

use std::io;

use console::Term;
use indicatif::{ProgressDrawTarget, TermLike};

/// Times a second that it is drawn at most.
const HZ: u8 = 20;

/// A terminal whose failures are lost like what it was to show.
#[derive(Debug)]
pub(super) struct Screen(Term);

impl Screen {
    /// Where stderr is drawn.
    pub(super) fn stderr() -> ProgressDrawTarget {
        ProgressDrawTarget::term_like_with_hz(Box::new(Self(Term::buffered_stderr())), HZ)
    }
}

/// Forgets an error.
fn lost(_: io::Result<()>) -> io::Result<()> {
    Ok(())
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        TermLike::width(&self.0)
    }

    fn height(&self) -> u16 {
        TermLike::height(&self.0)
    }

    fn move_cursor_up(&self, lines: usize) -> io::Result<()> {
        lost(self.0.move_cursor_up(lines))
    }

    fn move_cursor_down(&self, lines: usize) -> io::Result<()> {
        lost(self.0.move_cursor_down(lines))
    }

    fn move_cursor_right(&self, columns: usize) -> io::Result<()> {
        lost(self.0.move_cursor_right(columns))
    }

    fn move_cursor_left(&self, columns: usize) -> io::Result<()> {
        lost(self.0.move_cursor_left(columns))
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        lost(self.0.write_line(text))
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        lost(self.0.write_str(text))
    }

    fn clear_line(&self) -> io::Result<()> {
        lost(self.0.clear_line())
    }

    fn flush(&self) -> io::Result<()> {
        lost(self.0.flush())
    }
}
