//! Text from outside (server messages, names, descriptions) made harmless for a terminal or a line
//! of text.

/// `text` on one line, without anything that a terminal obeys: control characters become spaces,
/// colour and cursor sequences vanish, and so do characters that are invisible or reorder what is
/// around them. Nothing is cut: texts of servers are bounded where they are read.
#[must_use]
pub fn clean(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\u{9b}' || (c == '\u{1b}' && chars.next_if_eq(&'[').is_some()) {
            // A control sequence: parameters, then one final letter.
            while chars.next_if(|c| matches!(c, ' '..='?')).is_some() {}
            chars.next_if(|c| matches!(c, '@'..='~'));
        } else if !is_invisible(c) {
            out.push(if is_break(c) { ' ' } else { c });
        }
    }
    out
}

/// Control characters and the two Unicode separators that some terminals and all browsers take as a
/// new line.
pub(super) fn is_break(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Direction marks and overrides, characters of no width, variation selectors, tags.
pub(super) fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(clean(text), expected, "{text:?}");
    }

    #[test]
    fn ordinary_text_of_any_script_is_left_alone() {
        check("", "");
        check("  two  spaces ", "  two  spaces ");
        check("größe 検索 🦀", "größe 検索 🦀");
        check("<b>&amp;", "<b>&amp;");
    }

    #[test]
    fn breaks_become_spaces() {
        check("a\nb\r\nc\td", "a b  c d");
        check("a\u{2028}b\u{85}c\u{0}d\u{7f}e", "a b c d e");
    }

    #[test]
    fn control_sequences_vanish() {
        check("\u{1b}[31mred\u{1b}[0m", "red");
        check("\u{9b}1;2Hhome", "home");
        check("\u{1b}[2J\u{1b}[1 qcleared", "cleared");
        check("\u{1b}]0;title\u{7}", " ]0;title ");
        check("cut \u{1b}[12", "cut ");
    }

    #[test]
    fn invisible_and_reordering_characters_vanish() {
        check("user\u{202e}txt.exe\u{202c}", "usertxt.exe");
        check("a\u{200b}b\u{feff}c\u{2067}d\u{e0041}e", "abcde");
    }

    #[test]
    fn long_text_is_whole() {
        let text = "one word ".repeat(1_000);
        assert_eq!(clean(&text), text);
    }

    proptest! {
        #[test]
        fn nothing_that_a_terminal_obeys_is_left(text in any::<String>()) {
            let cleaned = clean(&text);
            prop_assert!(cleaned.chars().all(|c| !is_break(c) && !is_invisible(c)));
            prop_assert_eq!(clean(&cleaned), cleaned);
        }
    }
}
