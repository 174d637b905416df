//! The links as text for a terminal.

use std::{fmt::Write, time::Duration};

use super::{Link, LinkState};

const NAME_WIDTH: usize = 14;

/// Column of a line of [`render`] at which its text begins, below which more of it may stand.
#[must_use]
pub fn text_column(line: &str) -> usize {
    let indent = line.len() - line.trim_start().len();
    match indent {
        0 => "skipped ".len() + NAME_WIDTH + "  ".len(),
        10 => indent + "1. ".len(),
        _ => indent,
    }
}

/// One line per link (state, name, what was seen, how long it took), below a broken one its causes
/// and what to change.
///
/// Text of servers never gets out as control characters.
#[must_use]
pub fn render(links: &[Link], color: bool) -> String {
    let mut out = String::new();
    for link in links {
        let seen = plain(&link.seen);
        // Writing into a String can't fail.
        // What was not done took no time.
        let took = if link.state == LinkState::Skipped {
            String::new()
        } else {
            format!(" ({})", duration(link.took))
        };
        let _ = writeln!(
            out,
            "{} {:<NAME_WIDTH$}  {seen}{took}",
            state(link.state, color),
            link.name
        );
        for (number, cause) in link.causes.iter().enumerate() {
            let _ = writeln!(out, "          {}. {}", number + 1, plain(&cause.what));
            for line in cause.change.lines() {
                let _ = writeln!(out, "             {}", plain(line));
            }
        }
    }
    out
}

fn state(state: LinkState, color: bool) -> String {
    let (word, code) = match state {
        LinkState::Ok => ("ok", "32"),
        LinkState::Warning => ("warn", "33"),
        LinkState::Failed => ("FAILED", "1;31"),
        LinkState::Skipped => ("skipped", "2"),
    };
    // Padded before it is coloured: a terminal does not count the colour.
    if color {
        format!("\u{1b}[{code}m{word:<7}\u{1b}[0m")
    } else {
        format!("{word:<7}")
    }
}

fn duration(took: Duration) -> String {
    match took.as_millis() {
        0 => "below 1 ms".to_owned(),
        ms @ 1..1_000 => format!("{ms} ms"),
        _ => format!("{:.1} s", took.as_secs_f64()),
    }
}

/// Whether `c` changes the direction of writing.
fn turns(c: char) -> bool {
    matches!(c, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `text` without line ends, terminal commands and characters that turn the direction of writing.
fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() || turns(c) { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Cause, MILVUS, OTLP_ENDPOINT, SERVER_SPANS, SPAN_SOURCE, is_broken};
    use super::*;

    fn link(
        name: &'static str,
        state: LinkState,
        seen: &str,
        took_ms: u64,
        causes: Vec<Cause>,
    ) -> Link {
        Link {
            name,
            state,
            seen: seen.to_owned(),
            took: Duration::from_millis(took_ms),
            causes,
        }
    }

    #[test]
    fn one_line_per_link_and_causes_below() {
        let links = [
            link(MILVUS, LinkState::Ok, "v2.5.11, healthy", 12, vec![]),
            link(
                OTLP_ENDPOINT,
                LinkState::Skipped,
                "export is off",
                0,
                vec![],
            ),
            link(
                SPAN_SOURCE,
                LinkState::Warning,
                "no list of services",
                999,
                vec![],
            ),
            link(
                SERVER_SPANS,
                LinkState::Failed,
                "none",
                30_040,
                vec![
                    Cause::new("no exporter", "in user.yaml:\n  trace:"),
                    Cause::new("x", "y"),
                ],
            ),
        ];
        let expected = "\
ok      Milvus          v2.5.11, healthy (12 ms)
skipped OTLP endpoint   export is off
warn    span source     no list of services (999 ms)
FAILED  server spans    none (30.0 s)
          1. no exporter
             in user.yaml:
               trace:
          2. x
             y
";
        assert_eq!(render(&links, false), expected);
        assert!(is_broken(&links) && !is_broken(&links[..3]));
    }

    #[test]
    fn the_text_of_a_line_begins_at_its_column() {
        let causes = vec![Cause::new("no exporter", "in user.yaml:\n  trace:")];
        let text = render(&[link(MILVUS, LinkState::Failed, "gone", 1, causes)], false);
        let texts = text.lines().map(|line| &line[text_column(line)..]);
        let texts: Vec<&str> = texts.collect();
        assert_eq!(
            texts,
            ["gone (1 ms)", "no exporter", "in user.yaml:", "trace:"]
        );
    }

    #[test]
    fn colour_is_around_the_state_alone() {
        let text = render(&[link(MILVUS, LinkState::Failed, "gone", 1, vec![])], true);
        assert_eq!(
            text,
            "\u{1b}[1;31mFAILED \u{1b}[0m Milvus          gone (1 ms)\n"
        );
    }

    proptest! {
        #[test]
        fn no_text_of_a_server_commands_the_terminal(seen: String, what: String, change: String) {
            let text = render(
                &[link(
                    MILVUS,
                    LinkState::Failed,
                    &seen,
                    1,
                    vec![Cause::new(what, change)],
                )],
                false,
            );
            prop_assert!(
                text.chars().all(|c| c == '\n' || !c.is_control()),
                "{text:?}"
            );
        }
    }
}
