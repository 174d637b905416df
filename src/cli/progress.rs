//! What is going on, on stderr: drawn over itself on a terminal, plain lines elsewhere.

mod screen;

use std::{io::IsTerminal, sync::Mutex, time::Duration};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::Instant;

use self::screen::Screen;
use super::{
    output::say,
    waits::{Waiting, Waits, within},
};
use crate::{milvus::Observer, open_files, report::clean};

/// Time between two plain lines about the same thing.
const PLAIN_EVERY: Duration = Duration::from_secs(10);

/// On a terminal, figures of a [`Board`] are of so many last seconds.
const RECENT: Duration = Duration::from_secs(5);

/// Draws progress; silent with `--quiet`.
#[derive(Debug)]
pub(crate) struct Progress {
    terminal: Option<Terminal>,
    quiet: bool,
    last_plain: Mutex<Option<Instant>>,
    waits: Waits,
}

/// What is drawn over itself: a line with a spinner, and those of a [`Board`] below it.
#[derive(Debug)]
struct Terminal {
    all: MultiProgress,
    spinner: ProgressBar,
}

impl Terminal {
    fn new(target: ProgressDrawTarget) -> Self {
        let all = MultiProgress::with_draw_target(target);
        let spinner = all.add(ProgressBar::new_spinner().with_style(style("{spinner} {wide_msg}")));
        spinner.enable_steady_tick(Duration::from_millis(120));
        Self { all, spinner }
    }
}

/// `{wide_msg}` is cut to the width of the terminal.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

impl Progress {
    pub(crate) fn new(quiet: bool) -> Self {
        let draws =
            !quiet && std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self::on(draws.then(|| Terminal::new(Screen::stderr())), quiet)
    }

    /// Lines alone, also on a terminal: for commands whose output is all that there is to see.
    pub(crate) fn plain() -> Self {
        Self::on(None, false)
    }

    fn on(terminal: Option<Terminal>, quiet: bool) -> Self {
        let shown = terminal
            .as_ref()
            .map(|terminal| (terminal.all.clone(), terminal.spinner.clone()));
        let tell = move |line: &str| match &shown {
            Some((_, spinner)) if !spinner.is_finished() => spinner.set_message(clean(line)),
            Some((all, _)) => all.suspend(|| say(&clean(line))),
            None => say(&clean(line)),
        };
        let waits = Waits::new(if quiet { None } else { Some(Box::new(tell)) });
        Self {
            terminal,
            quiet,
            last_plain: Mutex::new(None),
            waits,
        }
    }

    /// Something is waited for as long as what is returned lives: `what` as a beginning of a
    /// sentence, `until` when it ends at the latest.
    pub(crate) fn waiting(&self, what: impl Into<String>, until: impl Into<String>) -> Waiting {
        self.waits.begin(what, until)
    }

    /// Says what comes next, and that it is waited for until the next one, or until the returned
    /// closure is gone.
    pub(crate) fn steps(&self, until: impl Into<String>) -> impl Fn(&str) {
        let (until, present) = (until.into(), Mutex::new(None));
        move |text: &str| {
            self.step(text);
            if let Ok(mut present) = present.lock() {
                *present = Some(self.waiting(text, until.clone()));
            }
        }
    }

    /// Tells of calls of Milvus that last.
    pub(crate) fn observer(&self) -> Observer {
        let waits = self.waits.clone();
        Observer::new(move |what, limit| Box::new(waits.begin(what, within(limit))))
    }

    /// A step has begun or ended: always shown as a line of its own.
    pub(crate) fn step(&self, text: &str) {
        if !self.quiet {
            self.print(&clean(text));
        }
    }

    /// How far the present step is: drawn over itself on a terminal, every ten seconds elsewhere.
    pub(crate) fn now(&self, text: &str) {
        let text = clean(text);
        match &self.terminal {
            Some(terminal) => terminal.spinner.set_message(text),
            None if self.quiet => {}
            None => {
                let Ok(mut last) = self.last_plain.lock() else {
                    return;
                };
                if last.is_none_or(|at| at.elapsed() >= PLAIN_EVERY) {
                    *last = Some(Instant::now());
                    say(&text);
                }
            }
        }
    }

    /// A warning: shown also with `--quiet`.
    pub(crate) fn warn(&self, text: &str) {
        self.print(&format!(
            "warning: {}",
            clean(&open_files::explained(text.to_owned()))
        ));
    }

    /// A place for lines that are renewed together, below `title` on a terminal.
    pub(crate) fn board(&self, title: &str, lines: usize) -> Board<'_> {
        if let Some(terminal) = &self.terminal {
            terminal.spinner.set_message(clean(title));
        }
        let add = |terminal: &Terminal| {
            terminal
                .all
                .add(ProgressBar::new_spinner().with_style(style("  {wide_msg}")))
        };
        let bars = self
            .terminal
            .iter()
            .flat_map(|terminal| (0..lines).map(move |_| add(terminal)))
            .collect();
        Board {
            progress: self,
            bars,
            drawn: None,
        }
    }

    /// Takes the spinner away before the report is printed.
    pub(crate) fn end(&self) {
        if let Some(terminal) = &self.terminal {
            terminal.spinner.finish_and_clear();
        }
    }

    fn print(&self, line: &str) {
        match &self.terminal {
            Some(terminal) => terminal.all.suspend(|| say(line)),
            None => say(line),
        }
    }
}

/// Lines that are renewed together, below each other on a terminal, every ten seconds elsewhere;
/// gone when it is dropped.
#[derive(Debug)]
pub(crate) struct Board<'a> {
    progress: &'a Progress,
    bars: Vec<ProgressBar>,
    drawn: Option<Instant>,
}

impl Board<'_> {
    /// Whether lines are drawn over themselves, where there is little room and the title.
    pub(crate) fn is_drawn(&self) -> bool {
        !self.bars.is_empty()
    }

    /// Of how many last seconds the figures are to be.
    pub(crate) fn window(&self) -> Duration {
        if self.is_drawn() { RECENT } else { PLAIN_EVERY }
    }

    /// Whether lines would be shown now.
    pub(crate) fn wants(&self, now: Instant) -> bool {
        let due = |drawn: Instant| now.saturating_duration_since(drawn) >= PLAIN_EVERY;
        self.is_drawn() || (!self.progress.quiet && self.drawn.is_none_or(due))
    }

    /// Shows `lines`.
    pub(crate) fn draw(&mut self, now: Instant, lines: &[String]) {
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

impl Drop for Board<'_> {
    fn drop(&mut self) {
        for bar in &self.bars {
            bar.finish_and_clear();
            self.progress
                .terminal
                .iter()
                .for_each(|terminal| terminal.all.remove(bar));
        }
        if let Some(terminal) = &self.progress.terminal {
            terminal.spinner.set_message("");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use indicatif::TermLike;

    use super::*;

    /// A terminal of 30 columns that keeps what is written.
    #[derive(Clone, Debug, Default)]
    struct Kept(Arc<Mutex<String>>);

    impl Kept {
        fn write(&self, text: &str) -> io::Result<()> {
            self.0.lock().unwrap().push_str(text);
            Ok(())
        }
    }

    impl TermLike for Kept {
        fn width(&self) -> u16 {
            30
        }

        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write(&format!("{text}\n"))
        }

        fn write_str(&self, text: &str) -> io::Result<()> {
            self.write(text)
        }

        fn clear_line(&self) -> io::Result<()> {
            self.write("\n")
        }

        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_are_cut_to_the_terminal_and_cleaned() {
        let screen = Kept::default();
        let terminal = Terminal::new(ProgressDrawTarget::term_like(Box::new(screen.clone())));
        let progress = Progress::on(Some(terminal), false);
        let mut board = progress.board("phase alone", 2);
        assert!(board.wants(Instant::now()));
        board.draw(
            Instant::now(),
            &["a".repeat(100), "red \u{1b}[31mtext".to_owned()],
        );
        drop(board);
        let written = screen.0.lock().unwrap().clone();
        assert!(
            written.contains(&"a".repeat(28)) && !written.contains(&"a".repeat(29)),
            "{written:?}"
        );
        assert!(
            written.contains("red text") && written.contains("phase alone"),
            "{written:?}"
        );
    }

    #[test]
    fn plain_lines_come_every_ten_seconds_and_not_at_all_when_quiet() {
        let progress = |quiet| Progress::on(None, quiet);
        let (plain, quiet) = (progress(false), progress(true));
        let (mut board, now) = (plain.board("", 1), Instant::now());
        assert!(!quiet.board("", 1).wants(now) && board.wants(now));
        board.draw(now, &[]);
        let after = |seconds| now + Duration::from_secs(seconds);
        assert_eq!(
            [1, 9, 10, 11].map(|seconds| board.wants(after(seconds))),
            [false, false, true, true]
        );
    }
}
