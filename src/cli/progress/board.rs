//! Lines that are renewed together.

use std::time::Duration;

use indicatif::ProgressBar;
use tokio::time::Instant;

use super::{super::output::say, terminal::Terminal};
use crate::report::clean;

/// Time between two plain lines about the same thing.
pub(super) const PLAIN_EVERY: Duration = Duration::from_secs(10);

/// On a terminal, figures are of so many last seconds.
const RECENT: Duration = Duration::from_secs(5);

/// Lines that are renewed together, below each other on a terminal, every ten seconds elsewhere;
/// gone when it is dropped.
#[derive(Debug)]
pub(super) struct Board {
    terminal: Option<Terminal>,
    quiet: bool,
    bars: Vec<ProgressBar>,
    drawn: Option<Instant>,
}

impl Board {
    /// A place for `lines` below `title` on a terminal; shows nothing elsewhere if `quiet`.
    pub(super) fn new(terminal: Option<&Terminal>, quiet: bool, title: &str, lines: usize) -> Self {
        if let Some(terminal) = terminal {
            terminal.spinner.set_message(clean(title));
        }
        let bars = terminal
            .iter()
            .flat_map(|terminal| (0..lines).map(|_| terminal.line()))
            .collect();
        Self {
            terminal: terminal.cloned(),
            quiet,
            bars,
            drawn: None,
        }
    }

    /// Whether lines are drawn over themselves, where there is little room and the title.
    pub(super) fn is_drawn(&self) -> bool {
        !self.bars.is_empty()
    }

    /// Of how many last seconds the figures are to be.
    pub(super) fn window(&self) -> Duration {
        if self.is_drawn() { RECENT } else { PLAIN_EVERY }
    }

    /// Whether lines would be shown now.
    pub(super) fn wants(&self, now: Instant) -> bool {
        let due = |drawn: Instant| now.saturating_duration_since(drawn) >= PLAIN_EVERY;
        self.is_drawn() || (!self.quiet && self.drawn.is_none_or(due))
    }

    /// Shows `lines`.
    pub(super) fn draw(&mut self, now: Instant, lines: &[String]) {
        self.drawn = Some(now);
        if !self.is_drawn() {
            lines.iter().for_each(|line| say(&clean(line)));
        }
        for (bar, line) in self.bars.iter().zip(lines) {
            bar.set_message(clean(line));
            bar.tick();
        }
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        for bar in &self.bars {
            bar.finish_and_clear();
            self.terminal
                .iter()
                .for_each(|terminal| terminal.all.remove(bar));
        }
        if let Some(terminal) = &self.terminal {
            terminal.spinner.set_message("");
        }
    }
}
