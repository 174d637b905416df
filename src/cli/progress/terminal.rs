//! What is drawn over itself on a terminal.

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// What is drawn over itself: a line with a spinner, and those of a board below it.
#[derive(Clone, Debug)]
pub(super) struct Terminal {
    pub(super) all: MultiProgress,
    pub(super) spinner: ProgressBar,
}

impl Terminal {
    pub(super) fn new(target: ProgressDrawTarget) -> Self {
        let all = MultiProgress::with_draw_target(target);
        let spinner = all.add(ProgressBar::new_spinner().with_style(style("{spinner} {wide_msg}")));
        spinner.enable_steady_tick(Duration::from_millis(120));
        Self { all, spinner }
    }

    /// A line below the others.
    pub(super) fn line(&self) -> ProgressBar {
        self.all
            .add(ProgressBar::new_spinner().with_style(style("  {wide_msg}")))
    }
}

/// `{wide_msg}` is cut to the width of the terminal.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}
