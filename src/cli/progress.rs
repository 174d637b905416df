//! What is going on, on stderr: a spinner on a terminal, plain lines elsewhere.

use std::{io::IsTerminal, sync::Mutex, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::Instant;

/// Time between two plain lines about the same thing.
const PLAIN_EVERY: Duration = Duration::from_secs(10);

/// Draws progress; silent with `--quiet`.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    quiet: bool,
    last_plain: Mutex<Option<Instant>>,
}

impl Progress {
    pub(crate) fn new(quiet: bool) -> Self {
        let draws = !quiet && std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        let bar = draws.then(|| {
            let bar = ProgressBar::new_spinner();
            bar.set_style(ProgressStyle::default_spinner());
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Self { bar, quiet, last_plain: Mutex::new(None) }
    }

    /// A step has begun or ended: always shown as a line of its own.
    pub(crate) fn step(&self, text: &str) {
        let text = crate::report::clean(text);
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("{text}")),
            None if self.quiet => {}
            None => eprintln!("{text}"),
        }
    }

    /// How far the present step is: drawn over itself on a terminal, every ten seconds elsewhere.
    pub(crate) fn now(&self, text: &str) {
        let text = crate::report::clean(text);
        match &self.bar {
            Some(bar) => bar.set_message(text),
            None if self.quiet => {}
            None => {
                let Ok(mut last) = self.last_plain.lock() else { return };
                if last.is_none_or(|at| at.elapsed() >= PLAIN_EVERY) {
                    *last = Some(Instant::now());
                    eprintln!("{text}");
                }
            }
        }
    }

    /// A warning: shown also with `--quiet`.
    pub(crate) fn warn(&self, text: &str) {
        let line = format!("warning: {}", crate::report::clean(text));
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("{line}")),
            None => eprintln!("{line}"),
        }
    }

    /// Takes the spinner away before the report is printed.
    pub(crate) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
