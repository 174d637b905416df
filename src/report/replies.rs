//! What the replies of searches and queries held, in words.

use super::units::{count, number, share};
use crate::analysis::ReplyRows;

/// `10.0 rows a reply, 0 % empty, 2.1 % with fewer than 10`.
pub(super) fn rows(rows: &ReplyRows) -> String {
    let short = rows
        .short
        .zip(rows.full)
        .map(|(short, full)| format!(", {} with fewer than {}", share(short), count(full)));
    format!(
        "{} rows a reply, {} empty{}",
        number(rows.mean),
        share(rows.empty),
        short.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_empty_and_short_replies_are_told() {
        let full = ReplyRows {
            replies: 100,
            mean: 9.5,
            empty: 0.04,
            short: Some(0.06),
            full: Some(10),
        };
        assert_eq!(
            rows(&full),
            "9.50 rows a reply, 4.0 % empty, 6.0 % with fewer than 10"
        );
        assert_eq!(
            rows(&ReplyRows {
                short: None,
                full: None,
                ..full
            }),
            "9.50 rows a reply, 4.0 % empty"
        );
    }
}
