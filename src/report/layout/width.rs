//! Texts in as many columns as there are.

use unicode_width::UnicodeWidthStr;

/// The longest beginning of `text` that takes at most `width` columns.
pub(super) fn prefix(text: &str, width: usize) -> &str {
    text.char_indices()
        .map(|(at, _)| &text[..at])
        .take_while(|start| start.width() <= width)
        .last()
        .unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_are_not_halved() {
        assert_eq!(prefix("検索検索", 5), "検索");
        assert_eq!(prefix("SegCoreSearch", 3), "Seg");
        assert_eq!(prefix("検", 1), "");
    }
}
