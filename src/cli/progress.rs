//! What is going on, on stderr: drawn over itself on a terminal, plain lines elsewhere.

mod board;
mod phase;
mod screen;
mod terminal;

use std::{path::Path, sync::Mutex};

use tokio::time::Instant;

use self::{
    board::{Board, PLAIN_EVERY},
    phase::PhaseLines,
    screen::Screen,
    terminal::Terminal,
};
use super::{
    output::say,
    terminal::draws_progress,
    waits::{Waiting, Waits},
};
use crate::{
    analysis::{Analysis, NOTHING_MEASURED},
    open_files,
    plan::Plan,
    report::clean,
    runner::{PhaseWatcher, WaitGuard, Watcher},
};

/// Draws progress; silent with `--quiet`.
#[derive(Debug)]
pub(crate) struct Progress {
    terminal: Option<Terminal>,
    quiet: bool,
    last_plain: Mutex<Option<Instant>>,
    waits: Waits,
}

impl Progress {
    pub(crate) fn new(quiet: bool) -> Self {
        let draws = !quiet && draws_progress();
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

    fn board(&self, title: &str, lines: usize) -> Board {
        Board::new(self.terminal.as_ref(), self.quiet, title, lines)
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

/// What a run does, drawn or written.
impl Watcher for Progress {
    fn step(&self, text: &str) {
        Progress::step(self, text);
    }

    fn now(&self, text: &str) {
        Progress::now(self, text);
    }

    fn warn(&self, text: &str) {
        Progress::warn(self, text);
    }

    fn waiting(&self, what: &str, until: &str) -> WaitGuard {
        Box::new(Progress::waiting(self, what, until))
    }

    fn phase<'a>(
        &'a self,
        plan: &'a Plan,
        number: usize,
        start: Instant,
    ) -> Box<dyn PhaseWatcher + 'a> {
        let phase = &plan.phases[number];
        let title = format!(
            "phase {}: response times, in a closed loop service times",
            phase.name
        );
        let board = self.board(&title, phase.workloads.len());
        Box::new(PhaseLines::new(plan, number, start, board))
    }

    fn measured(&self, folder: &Path) {
        self.end();
        say(&format!("run folder: {}", folder.display()));
    }

    fn analysed(&self, analysis: &Analysis) {
        if analysis.nothing_measured() {
            // Whenever it was ended: a report without figures is no use, and the folder has one for
            // those who look there.
            say(NOTHING_MEASURED);
        }
    }

    fn written(&self, format: &str, file: &Path) {
        // The others say on stdout what they hold; this one has to be opened.
        if format == "html" {
            say(&format!("report: {}", file.display()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
        time::Duration,
    };

    use indicatif::{ProgressDrawTarget, TermLike};

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
