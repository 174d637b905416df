//! Texts in as many columns as there are.

use unicode_width::UnicodeWidthStr;

/// `text` in at most `width` columns: what is too long loses its middle, since names differ at both
/// ends.
pub(in crate::report) fn shorten(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    if width == 0 {
        return String::new();
    }
    let (head, tail) = ((width - 1) / 2, width / 2);
    // The whole is measured, not the sum of its characters: some sequences are wider or narrower
    // than their parts.
    let end = text
        .char_indices()
        .map(|(at, _)| &text[at..])
        .find(|end| end.width() <= tail)
        .unwrap_or("");
    format!("{}…{end}", prefix(text, head))
}

/// `text` in at most `width` columns: what is too long ends in an ellipsis.
pub(super) fn cut_end(text: &str, width: usize) -> String {
    match width {
        _ if text.width() <= width => text.to_owned(),
        0 => String::new(),
        _ => format!("{}…", prefix(text, width - 1)),
    }
}

fn prefix(text: &str, width: usize) -> &str {
    text.char_indices()
        .map(|(at, _)| &text[..at])
        .take_while(|start| start.width() <= width)
        .last()
        .unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_shorten(text: &str, width: usize, expected: &str) {
        assert_eq!(shorten(text, width), expected);
    }

    #[test]
    fn long_names_lose_their_middle() {
        check_shorten("SegCoreSearch", 13, "SegCoreSearch");
        check_shorten("SegCoreSearch", 12, "SegCo…Search");
        check_shorten("SegCoreSearch", 2, "…h");
        check_shorten("SegCoreSearch", 1, "…");
        check_shorten("SegCoreSearch", 0, "");
        check_shorten("検索検索検索", 7, "検…索");
    }
}
