//! Where a text may be broken.

/// Units that stay on the line of their number.
const UNITS: [&str; 10] = ["%", "ns", "us", "ms", "s", "min", "h", "KiB", "MiB", "GiB"];

/// Longest interval that stays whole, in bytes.
const INTERVAL: usize = 24;

/// Words of `text`: what stands between the spaces at which a line may end.
pub(super) fn words(text: &str) -> Vec<String> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut words = Vec::new();
    let mut begin = 0;
    for (at, _) in text.match_indices(' ') {
        if may_break(&text, at) {
            words.push(text[begin..at].to_owned());
            begin = at + 1;
        }
    }
    if begin < text.len() {
        words.push(text[begin..].to_owned());
    }
    words
}

/// Whether a line may end at the space at `at`, in bytes of `text`: not between a number and its
/// unit, nor in an interval such as `[3.78, 4.22]`.
pub(super) fn may_break(text: &str, at: usize) -> bool {
    let (before, after) = text.split_at(at);
    let word = before.rsplit(' ').next().unwrap_or_default();
    let next = after.split_whitespace().next().unwrap_or_default();
    let opened = before
        .rfind('[')
        .filter(|open| !before[*open..].contains(']'));
    let closed = after.find(']').map(|close| at + close);
    let is_interval = match (opened, closed) {
        (Some(open), Some(close)) => close - open < INTERVAL,
        _ => false,
    };
    let is_amount = is_number(word) && is_unit(next);
    !is_interval && !is_amount
}

fn is_number(word: &str) -> bool {
    word.ends_with(|last: char| last.is_ascii_digit())
}

/// Punctuation may follow it.
fn is_unit(word: &str) -> bool {
    UNITS.contains(&word.trim_end_matches([',', ';', ':', '.', ')', ']']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_with_its_unit_and_an_interval_are_one_word() {
        let found = words("35 % `node queue`, [1, 29 %], above  3.5 ms; p99 of s 4 seconds");
        let expected = [
            "35 %",
            "`node",
            "queue`,",
            "[1, 29 %],",
            "above",
            "3.5 ms;",
            "p99",
            "of",
            "s",
            "4",
            "seconds",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_no_interval_is_broken() {
        let long = "[this is a long text in square brackets]";
        assert_eq!(words(long).len(), 8);
        assert_eq!(words("[open and").len(), 2);
        assert_eq!(words("  "), [""; 0]);
    }

    #[test]
    fn a_line_may_end_at_the_spaces_between_words() {
        let text = "a 35 % b";
        let spaces: Vec<usize> = text.match_indices(' ').map(|(at, _)| at).collect();
        let may: Vec<bool> = spaces.iter().map(|at| may_break(text, *at)).collect();
        assert_eq!(may, [true, false, true]);
    }
}
