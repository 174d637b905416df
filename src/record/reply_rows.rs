//! Rows per reply: of which streams they are counted, and how, so that a full reply is told from
//! one that lacks a row.

use super::{
    StreamId, StreamInfo,
    histogram::{MAX_ROWS, new_row_histogram},
};

/// What is counted of the replies of each stream, by its number.
#[derive(Debug, Default)]
pub(super) struct RowRules(Vec<Option<Rule>>);

#[derive(Clone, Copy, Debug)]
struct Rule {
    /// Rows of a full reply; 0 where nothing says how many these are.
    full: u64,
    /// Most rows that a histogram keeps apart from it.
    below: u64,
}

impl RowRules {
    /// The rules of `streams`.
    pub(super) fn new(streams: &[StreamInfo]) -> Self {
        let buckets = new_row_histogram();
        let rule = |stream: &StreamInfo| {
            let full = stream
                .replies?
                .full_rows
                .filter(|full| (1..=MAX_ROWS).contains(full))
                .unwrap_or(0);
            Some(Rule {
                full,
                below: buckets.lowest_equivalent(full).saturating_sub(1),
            })
        };
        Self(streams.iter().map(rule).collect())
    }

    /// What counts for a reply of `stream` that holds `rows`; None where its replies hold none of a
    /// read.
    pub(super) fn counted(&self, stream: StreamId, rows: u32) -> Option<u64> {
        let rule = self.0.get(usize::from(stream.0)).copied().flatten()?;
        let rows = u64::from(rows);
        // Three digits do not tell 5,000 of 5,001 rows from all of them.
        Some(if rows < rule.full {
            rows.min(rule.below)
        } else {
            rows.min(MAX_ROWS)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::ReplyShape;

    /// Whether a reply of `rows` is in the bucket of a full one, and what is counted for it.
    fn check(full: Option<u64>, rows: u32, expected: (bool, u64)) {
        let replies = Some(ReplyShape {
            vectors: 1,
            full_rows: full,
        });
        let rules = RowRules::new(&[
            StreamInfo {
                replies,
                ..StreamInfo::default()
            },
            StreamInfo::default(),
        ]);
        let counted = rules.counted(StreamId(0), rows).expect("it has replies");
        let buckets = new_row_histogram();
        assert_eq!(
            (
                full.is_some_and(|full| buckets.equivalent(full, counted)),
                counted
            ),
            expected,
            "{rows} of {full:?}"
        );
        assert_eq!(
            (
                rules.counted(StreamId(1), rows),
                rules.counted(StreamId(2), rows)
            ),
            (None, None)
        );
    }

    #[test]
    fn a_reply_that_lacks_one_row_is_never_a_full_one() {
        check(Some(10), 0, (false, 0));
        check(Some(10), 9, (false, 9));
        check(Some(10), 10, (true, 10));
        check(Some(10), 11, (false, 11));
        check(Some(16_384), 16_384, (true, 16_384));
        check(Some(16_384), 16_383, (false, 16_383));
        check(Some(5_001), 5_001, (true, 5_001));
        check(Some(5_001), 5_000, (false, 4_999));
        check(Some(5_001), 12, (false, 12));
    }

    #[test]
    fn replies_without_a_limit_have_all_their_rows() {
        check(None, 0, (false, 0));
        check(None, 7_000, (false, 7_000));
        check(None, u32::MAX, (false, MAX_ROWS));
        check(Some(1 << 28), 3, (false, 3));
    }
}
