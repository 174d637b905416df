//! What a terminal can show: colours, escapes, columns and lines, from the environment and from
//! what an output leads to.

use std::io::IsTerminal;

use console::Term;

use crate::report::TextStyle;

/// Columns beside which a line of prose stays, however wide the terminal is.
const WIDEST: u16 = 120;

/// An output, and the environment that it is seen in.
struct Output<'a> {
    is_terminal: bool,
    /// Rows and columns; None where it is no terminal, or does not tell.
    size: Option<(u16, u16)>,
    /// Value of a variable of the environment, None where it is absent or empty.
    variable: &'a dyn Fn(&str) -> Option<String>,
}

/// A variable of the environment; an empty one counts as absent.
fn variable(name: &str) -> Option<String> {
    let value = std::env::var_os(name)?.to_string_lossy().into_owned();
    (!value.is_empty()).then_some(value)
}

fn stdout() -> Output<'static> {
    let is_terminal = std::io::stdout().is_terminal();
    Output {
        is_terminal,
        size: is_terminal.then(|| Term::stdout().size_checked()).flatten(),
        variable: &variable,
    }
}

/// How a report on stdout looks.
pub(crate) fn report_style() -> TextStyle {
    stdout().style()
}

/// Whether stdout is to have colours.
pub(crate) fn has_colors() -> bool {
    stdout().has_colors()
}

/// Whether stderr can be drawn over: a terminal that obeys escapes, and a user who has nothing
/// against them.
pub(crate) fn draws_progress() -> bool {
    let stderr = Output {
        is_terminal: std::io::stderr().is_terminal(),
        size: None,
        variable: &variable,
    };
    stderr.is_drawn_over()
}

/// `text` for stdout: on a terminal lines are broken at spaces, and what follows stands below the
/// text of the line, not below its label. `start` is the column of a line at which that begins;
/// None for a line that is left alone, as what is to be copied is. A pipe gets the lines as they
/// are.
pub(crate) fn broken(text: &str, start: impl Fn(&str) -> Option<usize>) -> String {
    let stdout = stdout();
    if !stdout.is_terminal {
        return text.to_owned();
    }
    broken_at(text, stdout.columns().min(WIDEST), start)
}

impl Output<'_> {
    fn has(&self, name: &str) -> bool {
        (self.variable)(name).is_some()
    }

    /// `NO_COLOR`, `CLICOLOR_FORCE` and `CLICOLOR` as other programs read them, in this order; else
    /// a terminal that obeys escapes.
    fn has_colors(&self) -> bool {
        let forced = (self.variable)("CLICOLOR_FORCE").is_some_and(|value| value != "0");
        let refused = (self.variable)("CLICOLOR").is_some_and(|value| value == "0");
        match () {
            () if self.has("NO_COLOR") => false,
            () if forced => true,
            () => !refused && self.obeys(),
        }
    }

    fn is_drawn_over(&self) -> bool {
        self.obeys() && !self.has("NO_COLOR")
    }

    /// Whether escapes do something there.
    fn obeys(&self) -> bool {
        let is_dumb = (self.variable)("TERM").is_some_and(|term| term == "dumb");
        self.is_terminal && !is_dumb
    }

    /// A number that the environment sets for what a terminal tells.
    fn number(&self, name: &str) -> Option<u16> {
        let number = (self.variable)(name)?.trim().parse().ok();
        number.filter(|number| *number > 0)
    }

    /// `COLUMNS`, else those of the terminal, else those of a file.
    fn columns(&self) -> u16 {
        let told = self.size.map(|(_, columns)| columns);
        let told = told.filter(|columns| *columns > 0);
        let number = self.number("COLUMNS").or(told);
        number.unwrap_or(TextStyle::default().width)
    }

    fn style(&self) -> TextStyle {
        let rows = self.size.map(|(rows, _)| rows).filter(|rows| *rows > 0);
        TextStyle {
            color: self.has_colors(),
            width: self.columns(),
            // In a pipe nothing scrolls away, whatever `LINES` says.
            rows: rows.map(|rows| self.number("LINES").unwrap_or(rows)),
            ..TextStyle::default()
        }
    }
}

/// Lines of at most `columns` columns, as far as words allow it.
fn broken_at(text: &str, columns: u16, start: impl Fn(&str) -> Option<usize>) -> String {
    let columns = usize::from(columns);
    let mut out = String::new();
    for line in text.lines() {
        let Some(start) = start(line).filter(|_| console::measure_text_width(line) > columns)
        else {
            out.push_str(line);
            out.push('\n');
            continue;
        };
        // A label that takes half of the line leaves too little beside it.
        let indent = " ".repeat(start.min(columns / 2));
        let mut used = 0;
        for word in line.split_inclusive(' ') {
            let width = console::measure_text_width(word.trim_end_matches(' '));
            if used > indent.len() && used + width > columns {
                out.truncate(out.trim_end_matches(' ').len());
                out.push('\n');
                out.push_str(&indent);
                used = indent.len();
            }
            out.push_str(word);
            used += console::measure_text_width(word);
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Option<(u16, u16)> = Some((24, 80));

    fn style(variables: &[(&str, &str)], size: Option<(u16, u16)>) -> TextStyle {
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let output = Output {
            is_terminal: size.is_some(),
            size,
            variable: &variable,
        };
        output.style()
    }

    #[test]
    fn a_terminal_has_its_own_columns_and_a_pipe_those_of_a_file() {
        let columns = |variables: &[(&str, &str)], size| style(variables, size).width;
        assert_eq!(columns(&[], WINDOW), 80);
        assert_eq!(columns(&[], None), 110);
        assert_eq!(columns(&[("COLUMNS", "100")], WINDOW), 100);
        assert_eq!(columns(&[("COLUMNS", "100")], None), 100);
        for wrong in ["0", "wide", "-1", "99999999"] {
            assert_eq!(columns(&[("COLUMNS", wrong)], WINDOW), 80, "{wrong}");
        }
        // A pseudo-terminal that was given no size.
        assert_eq!(columns(&[], Some((0, 0))), 110);
        assert_eq!(style(&[], Some((0, 0))).rows, None);
    }

    #[test]
    fn only_on_a_terminal_lines_scroll_away() {
        let rows = |variables: &[(&str, &str)], size| style(variables, size).rows;
        assert_eq!(rows(&[], WINDOW), Some(24));
        assert_eq!(rows(&[("LINES", "40")], WINDOW), Some(40));
        assert_eq!(rows(&[("LINES", "40")], None), None);
    }

    #[test]
    fn colours_are_those_that_the_environment_asks_for() {
        let colors = |variables: &[(&str, &str)], size| style(variables, size).color;
        assert!(colors(&[], WINDOW) && !colors(&[], None));
        assert!(!colors(&[("NO_COLOR", "1")], WINDOW));
        assert!(!colors(&[("TERM", "dumb")], WINDOW));
        assert!(colors(&[("TERM", "xterm")], WINDOW));
        assert!(!colors(&[("CLICOLOR", "0")], WINDOW));
        assert!(colors(&[("CLICOLOR_FORCE", "1")], None));
        assert!(!colors(&[("CLICOLOR_FORCE", "0")], None));
        assert!(!colors(
            &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")],
            WINDOW
        ));
    }

    #[test]
    fn progress_is_drawn_only_where_escapes_are_obeyed_and_wanted() {
        let drawn = |is_terminal: bool, name: &str, value: &str| {
            let variable = |asked: &str| (asked == name).then(|| value.to_owned());
            let output = Output {
                is_terminal,
                size: None,
                variable: &variable,
            };
            output.is_drawn_over()
        };
        assert!(drawn(true, "TERM", "xterm") && !drawn(false, "TERM", "xterm"));
        assert!(!drawn(true, "TERM", "dumb") && !drawn(true, "NO_COLOR", "1"));
        assert!(!drawn(false, "CLICOLOR_FORCE", "1"));
    }

    #[test]
    fn lines_are_broken_below_their_text_and_what_is_copied_is_not() {
        let start = |line: &str| (!line.starts_with("uri")).then_some(7);
        let text = "phase  alone for ten seconds and more\nuri = \"http://127.0.0.1:19530\"\n";
        assert_eq!(
            broken_at(text, 20, start),
            "phase  alone for ten\n       seconds and\n       more\nuri = \
             \"http://127.0.0.1:19530\"\n"
        );
        let coloured = "\u{1b}[32mok\u{1b}[0m     one two three\n";
        assert_eq!(
            broken_at(coloured, 14, start),
            "\u{1b}[32mok\u{1b}[0m     one two\n       three\n"
        );
        assert_eq!(broken_at(coloured, 20, start), coloured);
    }
}
